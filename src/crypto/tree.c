/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c - RFC 9162, section 2.1. A range of leaves is [first, first + count);
 * full subtrees lie at multiples of their own size, which is what lets them be
 * kept by level and index. */
#include "crypto/tree.h"

enum { LEVELS_MAX = 64 };

enum { SHORT_LEAF_MAX = 255 };

void tree_leaf(Bytes bytes, Hash *out)
{
    static const uint8_t mark = 0;
    uint8_t marked[1 + SHORT_LEAF_MAX] = {0};
    if (bytes.len > 0 && bytes.len <= SHORT_LEAF_MAX)
        memcpy(marked + 1, bytes.data, bytes.len);
    if (bytes.len <= SHORT_LEAF_MAX) {
        hash_sha256(bytes_of(marked, 1 + bytes.len), out);
        return;
    }
    struct hasher *hasher = hasher_new();
    hasher_add(hasher, bytes_of(&mark, 1));
    hasher_add(hasher, bytes);
    hasher_finish(hasher, out);
    hasher_free(hasher);
}

void tree_node(const Hash *left, const Hash *right, Hash *out)
{
    uint8_t bytes[1 + 2 * SHA256_LEN];
    bytes[0] = 1;
    memcpy(bytes + 1, left->bytes, SHA256_LEN);
    memcpy(bytes + 1 + SHA256_LEN, right->bytes, SHA256_LEN);
    hash_sha256(bytes_of(bytes, sizeof bytes), out);
}

/* --- Growing ------------------------------------------------------------- */

static unsigned bits_of(uint64_t number)
{
    return (unsigned)__builtin_popcountll(number);
}

void tree_append(struct tree_edge *edge, const Hash *leaf)
{
    unsigned count = bits_of(edge->size);
    Hash hash = *leaf;
    // Each trailing one of the size is a subtree as large as what we have.
    for (uint64_t size = edge->size; size & 1; size >>= 1)
        tree_node(&edge->roots[--count], &hash, &hash);
    edge->roots[count] = hash;
    edge->size++;
}

void tree_root(const struct tree_edge *edge, Hash *out)
{
    unsigned count = bits_of(edge->size);
    if (count == 0) {
        hash_sha256((Bytes){NULL, 0}, out);
        return;
    }
    *out = edge->roots[--count];
    while (count > 0)
        tree_node(&edge->roots[--count], out, out);
}

/* --- Proving ------------------------------------------------------------- */

struct prover {
    TreeNode *node;
    void *context;
    struct tree_proof *proof;
};

/* The largest power of two below `count`, which is at least 2. */
static uint64_t split_of(uint64_t count)
{
    return UINT64_C(1) << (63 - __builtin_clzll(count - 1));
}

/* The root of any range that begins at a multiple of its left part's size:
 * full subtrees from left to right, folded from the right. */
static Status range_root(const struct prover *prover, uint64_t first,
                         uint64_t count, Hash *out, struct error *err)
{
    Hash roots[LEVELS_MAX];
    unsigned found = 0;
    while (count > 0) {
        unsigned level = 63U - (unsigned)__builtin_clzll(count);
        TRY(prover->node(prover->context, level, first >> level,
                         &roots[found++], err));
        first += UINT64_C(1) << level;
        count -= UINT64_C(1) << level;
    }
    *out = roots[--found];
    while (found > 0)
        tree_node(&roots[--found], out, out);
    return STATUS_OK;
}

/* Puts the root of a range on the proof. */
static Status add_range(const struct prover *prover, uint64_t first,
                        uint64_t count, struct error *err)
{
    ASSERT(prover->proof->count < TREE_PROOF_MAX);
    Hash *out = &prover->proof->hashes[prover->proof->count++];
    return range_root(prover, first, count, out, err);
}

/* Proofs are made from the root down and told from the leaf up. */
static void reverse(struct tree_proof *proof)
{
    for (size_t low = 0, high = proof->count; low + 1 < high; low++) {
        Hash swap = proof->hashes[low];
        proof->hashes[low] = proof->hashes[--high];
        proof->hashes[high] = swap;
    }
}

Status tree_inclusion(TreeNode *node, void *context, uint64_t index,
                      uint64_t size, struct tree_proof *out, struct error *err)
{
    const struct prover prover = {node, context, out};
    uint64_t first = 0, count = size;
    out->count = 0;
    if (index >= size)
        return fail(err, STATUS_INVALID,
                    "leaf %llu is not in a tree of %llu leaves",
                    (unsigned long long)index, (unsigned long long)size);
    while (count > 1) {
        const uint64_t split = split_of(count);
        if (index - first < split) {
            TRY(add_range(&prover, first + split, count - split, err));
            count = split;
        } else {
            TRY(add_range(&prover, first, split, err));
            first += split;
            count -= split;
        }
    }
    reverse(out);
    return STATUS_OK;
}

Status tree_consistency(TreeNode *node, void *context, uint64_t old_size,
                        uint64_t size, struct tree_proof *out,
                        struct error *err)
{
    const struct prover prover = {node, context, out};
    uint64_t first = 0, count = size, want = old_size;
    bool is_whole = true; // The old tree is the whole of this range's left.
    out->count = 0;
    if (old_size == 0 || old_size > size)
        return fail(err, STATUS_INVALID,
                    "a tree of %llu leaves did not grow from one of %llu",
                    (unsigned long long)size, (unsigned long long)old_size);
    while (want < count) {
        const uint64_t split = split_of(count);
        if (want <= split) {
            TRY(add_range(&prover, first + split, count - split, err));
            count = split;
        } else {
            TRY(add_range(&prover, first, split, err));
            first += split;
            count -= split;
            want -= split;
            is_whole = false;
        }
    }
    if (!is_whole)
        TRY(add_range(&prover, first, count, err));
    reverse(out);
    return STATUS_OK;
}

/* --- Checking ------------------------------------------------------------ */

static Status deny(const char *what, struct error *err)
{
    return fail(err, STATUS_DENIED, "the proof does not lead to %s", what);
}

/* From a node to where it meets its next sibling; `last` is the last node of
 * its level. True: that sibling is on the left. */
static bool climb(uint64_t *at, uint64_t *last)
{
    const bool is_right = (*at & 1) || *at == *last;
    // The last of a level without a sibling goes up as it is.
    while (is_right && !(*at & 1) && *at != 0) {
        *at >>= 1;
        *last >>= 1;
    }
    *at >>= 1;
    *last >>= 1;
    return is_right;
}

/* RFC 9162 2.1.3.2. */
Status tree_verify_inclusion(const Hash *leaf, uint64_t index, uint64_t size,
                             const struct tree_proof *proof, const Hash *root,
                             struct error *err)
{
    if (index >= size)
        return deny("the root: the leaf is outside of the tree", err);
    uint64_t at = index, last = size - 1;
    Hash hash = *leaf;
    for (size_t step = 0; step < proof->count; step++) {
        const Hash *next = &proof->hashes[step];
        if (last == 0)
            return deny("the root: it is too long", err);
        if (climb(&at, &last))
            tree_node(next, &hash, &hash);
        else
            tree_node(&hash, next, &hash);
    }
    if (last != 0)
        return deny("the root: it is too short", err);
    return hash_equal(&hash, root) ? STATUS_OK : deny("the root", err);
}

/* RFC 9162 2.1.4.2. */
Status tree_verify_consistency(uint64_t old_size, const Hash *old_root,
                               uint64_t size, const Hash *root,
                               const struct tree_proof *proof,
                               struct error *err)
{
    size_t step = 0;
    if (old_size == 0 || old_size > size)
        return deny("the new root: the sizes are out of order", err);
    if (old_size == size)
        return proof->count == 0 && hash_equal(old_root, root)
                   ? STATUS_OK
                   : deny("the new root", err);
    const bool is_power = (old_size & (old_size - 1)) == 0;
    if (!is_power && proof->count == 0)
        return deny("the new root: it is empty", err);
    uint64_t at = old_size - 1, last = size - 1;
    while (at & 1) {
        at >>= 1;
        last >>= 1;
    }
    Hash old_hash = is_power ? *old_root : proof->hashes[step++];
    Hash hash = old_hash;
    for (; step < proof->count; step++) {
        const Hash *next = &proof->hashes[step];
        if (last == 0)
            return deny("the new root: it is too long", err);
        if (climb(&at, &last)) {
            tree_node(next, &old_hash, &old_hash);
            tree_node(next, &hash, &hash);
        } else {
            tree_node(&hash, next, &hash);
        }
    }
    if (last != 0)
        return deny("the new root: it is too short", err);
    if (!hash_equal(&old_hash, old_root))
        return deny("the old root", err);
    return hash_equal(&hash, root) ? STATUS_OK : deny("the new root", err);
}
