/* SPDX-License-Identifier: Apache-2.0 */
/* The log: what is appended in any pieces is the tree of RFC 9162, every proof
 * verifies and no changed one does; forks are found; sealing happens once. */
#include "unit/store/fixture.h"

#include <stdlib.h>

#include "store/receipts.h"

enum { LEAVES = 700 };

static uint64_t seed = 7;

static uint64_t draw(uint64_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33) % below;
}

static Hash leaf_of(uint64_t number)
{
    Hash leaf;
    tree_leaf(bytes_of(&number, sizeof number), &leaf);
    return leaf;
}

static struct receipt_row row_of(uint64_t number, uint64_t index)
{
    struct receipt_row row = {
        .assertion = bytes_of("assertion", 9),
        .issuer = TEXT("did:key:zLog"),
        .how = RECEIPT_IN_LOG,
        .index = index,
        .has_res = true,
        .res = hash_of_text("res"),
        .ran = hash_of_text("ran"),
    };
    hash_sha256(bytes_of(&number, sizeof number), &row.id);
    return row;
}

static Hash issuer_of_test(void)
{
    Hash issuer;
    receipt_issuer(TEXT("did:key:zLog"), &issuer);
    return issuer;
}

/* Appends leaves [from, to) in one transaction. */
static Status append(struct store *store, const struct log_state *before,
                     uint64_t from, uint64_t to)
{
    struct arena arena = {0};
    const size_t count = (size_t)(to - from);
    Hash *leaves = arena_array(&arena, count, sizeof *leaves);
    struct receipt_row *rows = arena_array(&arena, count, sizeof *rows);
    struct log_growth growth;
    struct receipts_kept kept;
    struct log_head head = {.issuer = issuer_of_test(), .size = to};
    for (uint64_t number = from; number < to; number++) {
        leaves[number - from] = leaf_of(number);
        rows[number - from] = row_of(number, number);
    }
    log_grow(&before->edge, leaves, count, &arena, &growth);
    tree_root(&growth.edge, &head.root);
    hash_sha256(bytes_of(&to, sizeof to), &head.token);
    const struct receipts_sealing sealing = {
        .rows = rows,
        .count = count,
        .before = before,
        .growth = &growth,
        .head = &head,
        .head_token = bytes_of("token", 5),
    };
    Status status = receipts_seal(store, &sealing, &kept, NULL);
    arena_deinit(&arena);
    return status;
}

static void append_now(struct store *store, uint64_t from, uint64_t to)
{
    const Hash issuer = issuer_of_test();
    struct log_state before;
    assert_ok(log_state(store, &issuer, &before, NULL));
    assert_int_equal(before.edge.size, from);
    assert_ok(append(store, &before, from, to));
}

static void fill(struct store *store, uint64_t size)
{
    for (uint64_t at = 0; at < size;) {
        const uint64_t to = at + 1 + draw(at % 3 ? 90 : 3);
        append_now(store, at, to < size ? to : size);
        at = to < size ? to : size;
    }
}

static Hash root_of(uint64_t size)
{
    struct tree_edge edge = {0};
    Hash root;
    for (uint64_t number = 0; number < size; number++) {
        const Hash leaf = leaf_of(number);
        tree_append(&edge, &leaf);
    }
    tree_root(&edge, &root);
    return root;
}

static void any_pieces_make_the_same_tree(void **state)
{
    struct fixture *fixture = *state;
    const Hash issuer = issuer_of_test();
    fill(fixture->store, LEAVES);
    reopen(fixture);
    for (uint64_t size = 0; size <= LEAVES; size += 1 + draw(9)) {
        const Hash expected = root_of(size);
        Hash root;
        assert_ok(log_root(fixture->store, &issuer, size, &root, NULL));
        assert_true(hash_equal(&root, &expected));
    }
    Hash root;
    assert_int_equal(
        log_root(fixture->store, &issuer, LEAVES + 1, &root, NULL),
        STATUS_INVALID);
}

static void change(struct tree_proof *proof)
{
    proof->hashes[draw(proof->count)].bytes[draw(SHA256_LEN)] ^=
        (uint8_t)(1 << draw(8));
}

static void every_proof_verifies_and_no_changed_one(void **state)
{
    struct fixture *fixture = *state;
    const Hash issuer = issuer_of_test();
    fill(fixture->store, LEAVES);
    for (unsigned time = 0; time < 400; time++) {
        const uint64_t size = 1 + draw(LEAVES), index = draw(size);
        const Hash root = root_of(size), leaf = leaf_of(index);
        struct tree_proof proof;
        assert_ok(
            log_inclusion(fixture->store, &issuer, index, size, &proof, NULL));
        assert_ok(
            tree_verify_inclusion(&leaf, index, size, &proof, &root, NULL));
        if (proof.count > 0) {
            change(&proof);
            assert_int_equal(
                tree_verify_inclusion(&leaf, index, size, &proof, &root, NULL),
                STATUS_DENIED);
        }
        const uint64_t old = 1 + draw(size);
        const Hash old_root = root_of(old);
        assert_ok(
            log_consistency(fixture->store, &issuer, old, size, &proof, NULL));
        assert_ok(tree_verify_consistency(old, &old_root, size, &root, &proof,
                                          NULL));
        if (proof.count > 0) {
            change(&proof);
            assert_int_equal(tree_verify_consistency(old, &old_root, size,
                                                     &root, &proof, NULL),
                             STATUS_DENIED);
        }
    }
}

static void who_comes_second_is_told(void **state)
{
    struct fixture *fixture = *state;
    const Hash issuer = issuer_of_test();
    struct log_state before;
    append_now(fixture->store, 0, 5);
    assert_ok(log_state(fixture->store, &issuer, &before, NULL));
    assert_ok(append(fixture->store, &before, 5, 9));
    assert_int_equal(append(fixture->store, &before, 5, 9), STATUS_BUSY);
    assert_ok(log_state(fixture->store, &issuer, &before, NULL));
    assert_int_equal(before.edge.size, 9);
}

struct told {
    uint64_t next;
};

static bool in_order(void *context, const struct receipt_row *row)
{
    struct told *told = context;
    assert_int_equal(row->index, told->next);
    told->next++;
    return true;
}

static void the_log_is_told_in_its_order(void **state)
{
    struct fixture *fixture = *state;
    const Hash issuer = issuer_of_test();
    struct told told = {300};
    fill(fixture->store, LEAVES);
    assert_ok(
        receipts_in_log(fixture->store, &issuer, 300, in_order, &told, NULL));
    assert_int_equal(told.next, LEAVES);
}

static void forks_are_found_when_heads_meet(void **state)
{
    struct fixture *fixture = *state;
    struct log_head other, mine = {.issuer = issuer_of_test(), .size = 4};
    bool fork = true;
    fill(fixture->store, 6);
    mine.root = root_of(4);
    mine.token = hash_of_text("honest");
    assert_ok(log_keep_head(fixture->store, &mine, bytes_of("t", 1), &fork,
                            &other, NULL));
    assert_false(fork);
    mine.root = hash_of_text("another history");
    mine.token = hash_of_text("forked");
    assert_ok(log_keep_head(fixture->store, &mine, bytes_of("t", 1), &fork,
                            &other, NULL));
    assert_true(fork);
    mine.size = 7; // Somebody goes on with our key.
    mine.token = hash_of_text("ahead");
    assert_ok(log_keep_head(fixture->store, &mine, bytes_of("t", 1), &fork,
                            &other, NULL));
    assert_true(fork);
    // Of a stranger's log nothing is known but its heads.
    mine.issuer = hash_of_text("stranger");
    mine.token = hash_of_text("first");
    assert_ok(log_keep_head(fixture->store, &mine, bytes_of("t", 1), &fork,
                            &other, NULL));
    assert_false(fork);
    mine.root = hash_of_text("yet another");
    mine.token = hash_of_text("second");
    assert_ok(log_keep_head(fixture->store, &mine, bytes_of("t", 1), &fork,
                            &other, NULL));
    assert_true(fork);
    assert_int_equal(other.size, 7);
}

/* --- Pending rows -------------------------------------------------------- */

struct numbers {
    uint64_t first, last, count;
};

static bool count_number(void *context, uint64_t number, Bytes row)
{
    struct numbers *numbers = context;
    assert_true(row.len > 0);
    if (numbers->count++ == 0)
        numbers->first = number;
    numbers->last = number;
    return true;
}

static struct numbers numbers_of(struct store *store)
{
    struct numbers numbers = {0};
    assert_ok(pending_each(store, count_number, &numbers, NULL));
    return numbers;
}

static void add_pending(struct store *store, const char *row)
{
    struct store_batch *batch = store_batch_new(store);
    store_batch_pending(batch, text_bytes(text_of(row)));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

static void pending_numbers_are_never_used_again(void **state)
{
    struct fixture *fixture = *state;
    struct receipts_kept kept;
    add_pending(fixture->store, "one");
    add_pending(fixture->store, "two");
    struct numbers numbers = numbers_of(fixture->store);
    assert_int_equal(numbers.count, 2);
    const struct receipts_sealing sealing = {.first = numbers.first,
                                             .last = numbers.last};
    assert_ok(receipts_seal(fixture->store, &sealing, &kept, NULL));
    assert_int_equal(numbers_of(fixture->store).count, 0);
    assert_int_equal(receipts_seal(fixture->store, &sealing, &kept, NULL),
                     STATUS_BUSY);
    reopen(fixture);
    add_pending(fixture->store, "three");
    struct numbers later = numbers_of(fixture->store);
    if (!fixture->in_memory)
        assert_int_equal(later.first, numbers.last + 1);
    assert_int_equal(later.count, 1);
}

static void a_pending_row_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct buffer row;
    struct pending_row head = {.workflow = hash_of_text("workflow"),
                               .at_s = -5,
                               .engine = TEXT("wasmi")};
    const struct pending_task written = {
        .task = 70000,
        .has_comp = true,
        .has_res = true,
        .comp = hash_of_text("comp"),
        .res = hash_of_text("res"),
        .cost = {1, 300, UINT64_MAX, 0, 127, 128},
        .words = TEXT("trap: out of bounds"),
    };
    struct pending_task read;
    buffer_init(&row, 1 << 20);
    pending_begin(&row, &head);
    pending_add(&row, &written);
    pending_add(&row, &(struct pending_task){.end = 9});
    for (size_t len = 0; len <= row.len; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        memcpy(copy, row.data, len);
        Bytes rest = bytes_of(copy, len);
        unsigned count = 0;
        if (pending_read(&rest, &head))
            while (pending_next(&rest, &read))
                count++;
        assert_true(len == row.len ? count == 2 && rest.len == 0 : count < 2);
        free(copy);
    }
    Bytes rest = buffer_bytes(&row);
    assert_true(pending_read(&rest, &head) && pending_next(&rest, &read));
    assert_int_equal(head.at_s, -5);
    assert_int_equal(read.task, 70000);
    assert_true(hash_equal(&read.comp, &written.comp));
    assert_memory_equal(&read.cost, &written.cost, sizeof read.cost);
    assert_true(text_equal(read.words, written.words));
    assert_true(pending_next(&rest, &read) && read.end == 9 && !read.has_res);
    buffer_deinit(&row);
}

/* --- Contradictions ------------------------------------------------------ */

static bool count_alarm(void *context, const Hash *concrete, const Cid *first,
                        const Cid *other)
{
    (void)concrete;
    assert_false(cid_equal(first, other));
    ++*(unsigned *)context;
    return true;
}

static void what_contradicts_is_kept_and_raises_the_alarm(void **state)
{
    struct fixture *fixture = *state;
    struct receipts_kept kept;
    unsigned alarms = 0;
    struct receipt_row rows[] = {row_of(1, 0), row_of(2, 0), row_of(3, 0)};
    for (unsigned index = 0; index < 3; index++) {
        rows[index].has_comp = true;
        rows[index].comp = hash_of_text("comp");
        rows[index].how = RECEIPT_PROVEN;
        rows[index].index = 0;
    }
    rows[2].res = hash_of_text("a lie");
    rows[2].issuer = TEXT("did:key:zLiar");
    assert_ok(receipts_keep(fixture->store, rows, 3, NULL, 0, &kept, NULL));
    assert_int_equal(kept.added, 3);
    assert_int_equal(kept.alarms, 1);
    assert_ok(memo_alarms(fixture->store, count_alarm, &alarms, NULL));
    assert_int_equal(alarms, 1);
    assert_ok(receipts_keep(fixture->store, rows, 3, NULL, 0, &kept, NULL));
    assert_int_equal(kept.known, 3);
    assert_int_equal(kept.alarms, 0);
}

#define ON_BOTH(test)                                                         \
    cmocka_unit_test_setup_teardown(test, setup_lmdb, teardown),              \
        cmocka_unit_test_setup_teardown(test, setup_memory, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_pieces_make_the_same_tree,
                                        setup_lmdb, teardown),
        ON_BOTH(every_proof_verifies_and_no_changed_one),
        ON_BOTH(who_comes_second_is_told),
        ON_BOTH(the_log_is_told_in_its_order),
        ON_BOTH(forks_are_found_when_heads_meet),
        cmocka_unit_test_setup_teardown(pending_numbers_are_never_used_again,
                                        setup_lmdb, teardown),
        cmocka_unit_test(a_pending_row_is_read_as_it_was_written),
        ON_BOTH(what_contradicts_is_kept_and_raises_the_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
