/* SPDX-License-Identifier: Apache-2.0 */
/* test_tree.c - against the definition of RFC 9162, section 2.1.1, written
 * down as it stands there: slow and plain. */
#include "crypto/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { LEAVES = 70 };

static Hash leaves[LEAVES];

/* MTH(D[first:first + count]). */
static Hash plain_root(uint64_t first, uint64_t count)
{
    Hash left, right, out;
    if (count == 0) {
        hash_sha256((Bytes){NULL, 0}, &out);
        return out;
    }
    if (count == 1)
        return leaves[first];
    uint64_t split = 1;
    while (split * 2 < count)
        split *= 2;
    left = plain_root(first, split);
    right = plain_root(first + split, count - split);
    tree_node(&left, &right, &out);
    return out;
}

static Status node_of(void *context, unsigned level, uint64_t index, Hash *out,
                      struct error *err)
{
    (void)context, (void)err;
    *out = plain_root(index << level, UINT64_C(1) << level);
    return STATUS_OK;
}

static int make_leaves(void **state)
{
    (void)state;
    for (uint32_t index = 0; index < LEAVES; index++)
        tree_leaf(bytes_of(&index, sizeof index), &leaves[index]);
    return 0;
}

static void assert_hash(const Hash *hash, const char *hex)
{
    char text[2 * SHA256_LEN + 1];
    for (size_t index = 0; index < SHA256_LEN; index++)
        snprintf(text + 2 * index, 3, "%02x", hash->bytes[index]);
    assert_string_equal(text, hex);
}

/* RFC 6962's reference vectors: the same tree. */
static void hashes_are_those_of_the_specification(void **state)
{
    struct tree_edge edge = {0};
    Hash hash;
    (void)state;
    tree_root(&edge, &hash);
    assert_hash(&hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca49599"
                       "1b7852b855");
    tree_leaf((Bytes){NULL, 0}, &hash);
    assert_hash(&hash, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a3"
                       "0617afa01d");
    tree_append(&edge, &hash);
    tree_leaf(bytes_of("\0", 1), &hash);
    tree_append(&edge, &hash);
    tree_leaf(bytes_of("\x10", 1), &hash);
    tree_append(&edge, &hash);
    tree_root(&edge, &hash);
    assert_hash(&hash, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158"
                       "f329e06e77");
}

static void a_leaf_is_hashed_alike_however_long(void **state)
{
    uint8_t bytes[1 + 600] = {0};
    (void)state;
    for (size_t len = 0; len <= 600; len += 5) {
        Hash leaf, expected;
        memset(bytes + 1, (int)len & 0x7f, len);
        tree_leaf(bytes_of(bytes + 1, len), &leaf);
        hash_sha256(bytes_of(bytes, 1 + len), &expected);
        assert_true(hash_equal(&leaf, &expected));
    }
}

static void an_edge_has_the_root_of_all_its_leaves(void **state)
{
    struct tree_edge edge = {0};
    (void)state;
    for (uint64_t size = 0; size < LEAVES; size++) {
        Hash root, expected = plain_root(0, size);
        tree_root(&edge, &root);
        assert_true(hash_equal(&root, &expected));
        tree_append(&edge, &leaves[size]);
    }
}

static void every_leaf_is_proved_in_every_tree(void **state)
{
    (void)state;
    for (uint64_t size = 1; size < LEAVES; size++) {
        Hash root = plain_root(0, size);
        for (uint64_t index = 0; index < size; index++) {
            struct tree_proof proof;
            assert_int_equal(
                tree_inclusion(node_of, NULL, index, size, &proof, NULL),
                STATUS_OK);
            assert_int_equal(tree_verify_inclusion(&leaves[index], index, size,
                                                   &proof, &root, NULL),
                             STATUS_OK);
            // Another leaf, another place, a hash less, a hash changed.
            const Hash *other = &leaves[(index + 1) % LEAVES];
            assert_int_equal(
                tree_verify_inclusion(other, index, size, &proof, &root, NULL),
                STATUS_DENIED);
            if (size > 1)
                assert_int_equal(
                    tree_verify_inclusion(&leaves[index], (index + 1) % size,
                                          size, &proof, &root, NULL),
                    STATUS_DENIED);
            for (size_t step = 0; step < proof.count; step++) {
                struct tree_proof bad = proof;
                bad.hashes[step].bytes[7] ^= 1;
                assert_int_equal(tree_verify_inclusion(&leaves[index], index,
                                                       size, &bad, &root,
                                                       NULL),
                                 STATUS_DENIED);
            }
            if (proof.count > 0) {
                proof.count--;
                assert_int_equal(tree_verify_inclusion(&leaves[index], index,
                                                       size, &proof, &root,
                                                       NULL),
                                 STATUS_DENIED);
            }
        }
    }
}

static void every_tree_is_proved_to_grow_from_each_before(void **state)
{
    (void)state;
    for (uint64_t size = 1; size < LEAVES; size++) {
        Hash root = plain_root(0, size);
        for (uint64_t old = 1; old <= size; old++) {
            struct tree_proof proof;
            Hash old_root = plain_root(0, old), wrong = old_root;
            assert_int_equal(
                tree_consistency(node_of, NULL, old, size, &proof, NULL),
                STATUS_OK);
            assert_int_equal(tree_verify_consistency(old, &old_root, size,
                                                     &root, &proof, NULL),
                             STATUS_OK);
            wrong.bytes[0] ^= 1;
            assert_int_equal(tree_verify_consistency(old, &wrong, size, &root,
                                                     &proof, NULL),
                             STATUS_DENIED);
            assert_int_equal(tree_verify_consistency(old, &old_root, size,
                                                     &wrong, &proof, NULL),
                             STATUS_DENIED);
            for (size_t step = 0; step < proof.count; step++) {
                struct tree_proof bad = proof;
                bad.hashes[step].bytes[7] ^= 1;
                assert_int_equal(tree_verify_consistency(old, &old_root, size,
                                                         &root, &bad, NULL),
                                 STATUS_DENIED);
            }
        }
    }
}

static void what_is_out_of_range_is_refused(void **state)
{
    struct tree_proof proof;
    (void)state;
    assert_int_equal(tree_inclusion(node_of, NULL, 5, 5, &proof, NULL),
                     STATUS_INVALID);
    assert_int_equal(tree_consistency(node_of, NULL, 0, 5, &proof, NULL),
                     STATUS_INVALID);
    assert_int_equal(tree_consistency(node_of, NULL, 6, 5, &proof, NULL),
                     STATUS_INVALID);
    Hash root = plain_root(0, 5);
    proof.count = 0;
    assert_int_equal(
        tree_verify_inclusion(&leaves[0], 5, 5, &proof, &root, NULL),
        STATUS_DENIED);
    assert_int_equal(tree_verify_consistency(0, &root, 5, &root, &proof, NULL),
                     STATUS_DENIED);
    assert_int_equal(tree_verify_consistency(6, &root, 5, &root, &proof, NULL),
                     STATUS_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_specification),
        cmocka_unit_test(a_leaf_is_hashed_alike_however_long),
        cmocka_unit_test(an_edge_has_the_root_of_all_its_leaves),
        cmocka_unit_test(every_leaf_is_proved_in_every_tree),
        cmocka_unit_test(every_tree_is_proved_to_grow_from_each_before),
        cmocka_unit_test(what_is_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, make_leaves, NULL);
}
