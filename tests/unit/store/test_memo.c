/* SPDX-License-Identifier: Apache-2.0 */
/* The memo, leases, pins and notes, whatever is below them. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "store/memo_entry.h"

static void gives_back_the_whole_entry(void **state)
{
    struct fixture *fixture = *state;
    const Hash key = hash_of_text("add 1 2");
    struct memo_entry found;
    assert_status(memo_get(fixture->store, &key, &found, NULL),
                  STATUS_NOT_FOUND);
    put_memo(fixture->store, "add 1 2", "3");
    reopen(fixture);
    assert_ok(memo_get(fixture->store, &key, &found, NULL));
    const struct memo_entry wanted = entry_of("3");
    assert_true(cid_equal(&found.result, &wanted.result));
    assert_true(found.is_ok);
    assert_int_equal(found.run_ns, 1);
    assert_int_equal(found.cpu_ns, 2);
    assert_int_equal(found.memory_peak, 3);
    assert_true(found.fuel == UINT64_MAX);
    assert_int_equal(found.stored_bytes, 5);
    assert_int_equal(found.made_s, -6);
    assert_string_equal(found.engine, "wasmtime 48.0.8");
}

/* docs/formats/store.md: these bytes are on people's disks. */
static void writes_entries_as_documented([[maybe_unused]] void **state)
{
    static const uint8_t wanted[] = {
        1,    1,    0,    36, /* version, is_ok, provenance, length of the CID */
        1,    0x55, 0x12, 0x20, 0x2c, 0xf2, 0x4d, 0xba, 0x5f, 0xb0, 0xa3, 0x0e,
        0x26, 0xe8, 0x3b, 0x2a, 0xc5, 0xb9, 0xe2, 0x9e, 0x1b, 0x16, 0x1e, 0x5c,
        0x1f, 0xa7, 0x42, 0x5e, 0x73, 0x04, 0x33, 0x62, 0x93, 0x8b, 0x98, 0x24,
        1,    0,    0,    0,    0,    0,    0,    0,   /* run_ns */
        2,    0,    0,    0,    0,    0,    0,    0,   /* cpu_ns */
        3,    0,    0,    0,    0,    0,    0,    0,   /* memory_peak */
        255,  255,  255,  255,  255,  255,  255,  255, /* fuel */
        5,    0,    0,    0,    0,    0,    0,    0,   /* stored_bytes */
        250,  255,  255,  255,  255,  255,  255,  255, /* made_s: -6 */
        0,    0,    0,    0,    0,    0,    0,    0,   /* hit_s */
        9,    0,    0,    0,    0,    0,    0,    0,   /* hits */
        15,   'w',  'a',  's',  'm',  't',  'i',  'm',  'e',  ' ',  '4',  '8',
        '.',  '0',  '.',  '8',
    };
    uint8_t bytes[MEMO_ENTRY_BYTES_MAX];
    struct memo_entry entry = entry_of("hello");
    entry.hits = 9;
    assert_int_equal(memo_entry_write(&entry, bytes), sizeof wanted);
    assert_memory_equal(bytes, wanted, sizeof wanted);
}

static void reads_no_entry_that_was_cut_or_made_by_a_newer_version(
    [[maybe_unused]] void **state)
{
    uint8_t bytes[MEMO_ENTRY_BYTES_MAX];
    struct memo_entry entry = entry_of("x"), found;
    const size_t len = memo_entry_write(&entry, bytes);
    assert_true(memo_entry_read(bytes_of(bytes, len), &found));
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = heap_alloc(cut);
        memcpy(exact, bytes, cut);
        assert_false(memo_entry_read(bytes_of(exact, cut), &found));
        free(exact);
    }
    bytes[len] = 0;
    assert_false(memo_entry_read(bytes_of(bytes, len + 1), &found));
    bytes[0] = 2;
    assert_false(memo_entry_read(bytes_of(bytes, len), &found));
}

static void misses_when_the_result_block_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    const Hash key = hash_of_text("lonely");
    const struct memo_entry entry = entry_of("never stored");
    struct memo_entry found;
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_memo(batch, &key, &entry);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    assert_status(memo_get(fixture->store, &key, &found, NULL),
                  STATUS_NOT_FOUND);
    put_text(fixture->store, "never stored");
    assert_ok(memo_get(fixture->store, &key, &found, NULL));
}

static bool keep_alarm(void *context, const Hash *concrete, const Cid *first,
                       const Cid *other)
{
    int *count = context;
    const Hash wanted = hash_of_text("which");
    const Cid one = cid_of_text("first"), two = cid_of_text("second");
    assert_true(hash_equal(concrete, &wanted));
    assert_true(cid_equal(first, &one));
    assert_true(cid_equal(other, &two));
    (*count)++;
    return true;
}

static void keeps_the_first_result_and_an_alarm_for_the_other(void **state)
{
    struct fixture *fixture = *state;
    struct memo_entry found;
    const Hash key = hash_of_text("which");
    int alarms = 0;
    put_memo(fixture->store, "which", "first");
    put_memo(fixture->store, "which", "first");
    assert_ok(memo_alarms(fixture->store, keep_alarm, &alarms, NULL));
    assert_int_equal(alarms, 0);
    put_memo(fixture->store, "which", "second");
    put_memo(fixture->store, "which", "second");
    reopen(fixture);
    assert_ok(memo_get(fixture->store, &key, &found, NULL));
    const Cid first = cid_of_text("first");
    assert_true(cid_equal(&found.result, &first));
    assert_ok(memo_alarms(fixture->store, keep_alarm, &alarms, NULL));
    assert_int_equal(alarms, 1);
    assert_gets(fixture->store, "second"); // Both are kept.
}

static void replaces_an_entry_that_nobody_could_hit(void **state)
{
    struct fixture *fixture = *state;
    const Hash key = hash_of_text("which");
    const struct memo_entry lost = entry_of("first");
    struct memo_entry found;
    int alarms = 0;
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_memo(batch, &key, &lost);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    put_memo(fixture->store, "which", "second");
    assert_ok(memo_get(fixture->store, &key, &found, NULL));
    assert_ok(memo_alarms(fixture->store, keep_alarm, &alarms, NULL));
    assert_int_equal(alarms, 1);
}

static void shows_the_first_of_two_entries_under_way(void **state)
{
    struct fixture *fixture = *state;
    const Hash key = hash_of_text("race");
    const char *const results[] = {"one", "two"};
    struct memo_entry found;
    for (int index = 0; index < 2; index++) {
        struct store_batch *batch = store_batch_new(fixture->store);
        const struct memo_entry entry = entry_of(results[index]);
        store_batch_block(batch, &entry.result, text_block(results[index]));
        store_batch_memo(batch, &key, &entry);
        store_commit_async(batch, NULL, NULL);
        assert_ok(memo_get(fixture->store, &key, &found, NULL));
        const Cid one = cid_of_text("one");
        assert_true(cid_equal(&found.result, &one));
    }
    assert_ok(store_flush(fixture->store, NULL));
}

/* --- Symbolic ----------------------------------------------------------- */

static void put_symbolic(struct store *store, const char *symbolic,
                         const char *concrete, const char *through)
{
    struct store_batch *batch = store_batch_new(store);
    const Hash from = hash_of_text(symbolic), to = hash_of_text(concrete),
               awaited = hash_of_text(through);
    store_batch_symbolic(batch, &from, &to, false, &awaited, 1);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

static Status resolve(struct store *store, const char *symbolic,
                      const char *expected)
{
    const Hash from = hash_of_text(symbolic), to = hash_of_text(expected);
    Hash found;
    bool upstream = true;
    TRY(memo_get_symbolic(store, &from, &found, &upstream, NULL));
    assert_false(upstream);
    assert_true(hash_equal(&found, &to));
    return STATUS_OK;
}

static void remembers_what_a_symbolic_computation_became(void **state)
{
    struct fixture *fixture = *state;
    assert_status(resolve(fixture->store, "S", "C"), STATUS_NOT_FOUND);
    put_symbolic(fixture->store, "S", "C", "A");
    assert_ok(resolve(fixture->store, "S", "C"));
    put_symbolic(fixture->store, "S", "D", "A"); // First writer wins.
    reopen(fixture);
    assert_ok(resolve(fixture->store, "S", "C"));
}

static void remembers_that_it_became_upstream(void **state)
{
    struct fixture *fixture = *state;
    const Hash symbolic = hash_of_text("S");
    Hash found;
    bool upstream = false;
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_symbolic(batch, &symbolic, NULL, true, NULL, 0);
    store_commit_async(batch, NULL, NULL);
    assert_ok(
        memo_get_symbolic(fixture->store, &symbolic, &found, &upstream, NULL));
    assert_true(upstream);
    upstream = false;
    reopen(fixture);
    assert_ok(store_flush(fixture->store, NULL));
    assert_ok(
        memo_get_symbolic(fixture->store, &symbolic, &found, &upstream, NULL));
    assert_true(upstream);
}

/*   A ──> S = C ──> T = D ──> U = E      V = F resolved through B alone */
static void withdraws_what_was_resolved_through_an_entry(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    struct memo_entry found;
    put_memo(store, "A", "a");
    put_memo(store, "C", "c");
    put_symbolic(store, "S", "C", "A");
    put_symbolic(store, "T", "D", "C");
    put_symbolic(store, "U", "E", "D");
    put_symbolic(store, "V", "F", "B");
    struct store_batch *batch = store_batch_new(store);
    const Hash a = hash_of_text("A"), c = hash_of_text("C");
    store_batch_withdraw(batch, &a);
    store_commit_async(batch, NULL, NULL);
    // At once, durable or not.
    assert_status(memo_get(store, &a, &found, NULL), STATUS_NOT_FOUND);
    assert_status(resolve(store, "U", "E"), STATUS_NOT_FOUND);
    assert_ok(store_flush(store, NULL));
    reopen(fixture);
    store = fixture->store;
    assert_status(memo_get(store, &a, &found, NULL), STATUS_NOT_FOUND);
    assert_status(resolve(store, "S", "C"), STATUS_NOT_FOUND);
    assert_status(resolve(store, "T", "D"), STATUS_NOT_FOUND);
    assert_status(resolve(store, "U", "E"), STATUS_NOT_FOUND);
    assert_ok(resolve(store, "V", "F"));
    // C's own answer does not depend on A's.
    assert_ok(memo_get(store, &c, &found, NULL));
    put_memo(store, "A", "another");
    assert_ok(memo_get(store, &a, &found, NULL));
}

static void withdraws_in_a_circle_and_comes_to_an_end(void **state)
{
    struct fixture *fixture = *state;
    put_symbolic(fixture->store, "S", "C", "D");
    put_symbolic(fixture->store, "T", "D", "C");
    struct store_batch *batch = store_batch_new(fixture->store);
    const Hash c = hash_of_text("C");
    store_batch_withdraw(batch, &c);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    assert_status(resolve(fixture->store, "S", "C"), STATUS_NOT_FOUND);
    assert_status(resolve(fixture->store, "T", "D"), STATUS_NOT_FOUND);
}

/* --- Reverse indexes ---------------------------------------------------- */

struct found {
    Hash hashes[8];
    size_t count, max;
};

static bool keep_hash(void *context, const Hash *concrete)
{
    struct found *found = context;
    found->hashes[found->count++] = *concrete;
    return found->count < found->max;
}

static void finds_all_computations_with_a_result(void **state)
{
    struct fixture *fixture = *state;
    struct found found = {.max = 8};
    const Cid same = cid_of_text("same");
    put_memo(fixture->store, "p", "same");
    put_memo(fixture->store, "q", "same");
    put_memo(fixture->store, "r", "other");
    assert_ok(memo_by_result(fixture->store, &same, keep_hash, &found, NULL));
    assert_int_equal(found.count, 2);
    found = (struct found){.max = 1};
    assert_ok(memo_by_result(fixture->store, &same, keep_hash, &found, NULL));
    assert_int_equal(found.count, 1); // It may stop early.
    struct store_batch *batch = store_batch_new(fixture->store);
    const Hash p = hash_of_text("p");
    store_batch_withdraw(batch, &p);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    found = (struct found){.max = 8};
    assert_ok(memo_by_result(fixture->store, &same, keep_hash, &found, NULL));
    assert_int_equal(found.count, 1);
    const Hash q = hash_of_text("q");
    assert_true(hash_equal(&found.hashes[0], &q));
}

static void remembers_who_first_made_a_block(void **state)
{
    struct fixture *fixture = *state;
    const Cid block = cid_of_text("made");
    const Hash first = hash_of_text("first"), second = hash_of_text("second");
    Hash found;
    assert_status(memo_producer(fixture->store, &block, &found, NULL),
                  STATUS_NOT_FOUND);
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_producer(batch, &block, &first);
    store_commit_async(batch, NULL, NULL);
    assert_ok(memo_producer(fixture->store, &block, &found, NULL));
    batch = store_batch_new(fixture->store);
    store_batch_producer(batch, &block, &second);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    reopen(fixture);
    assert_ok(memo_producer(fixture->store, &block, &found, NULL));
    assert_true(hash_equal(&found, &first));
}

static void counts_hits_and_writes_them_with_later_batches(void **state)
{
    struct fixture *fixture = *state;
    struct memo_entry found;
    const Hash key = hash_of_text("hot");
    put_memo(fixture->store, "hot", "result");
    for (int hit = 0; hit < 7; hit++)
        assert_ok(memo_get(fixture->store, &key, &found, NULL));
    assert_int_equal(found.hits, 0);
    if (fixture->in_memory)
        return; // Written at the close, which memory does not outlive.
    reopen(fixture);
    assert_ok(memo_get(fixture->store, &key, &found, NULL));
    assert_int_equal(found.hits, 7);
    assert_true(found.hit_s > 0);
}

/* --- Leases ------------------------------------------------------------- */

static void wait_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void gives_a_lease_to_one_owner_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    const Hash key = hash_of_text("work"), other = hash_of_text("other");
    struct error err = {0};
    uint64_t left;
    assert_ok(lease_take(store, &key, 1, 60000, &left, &err));
    assert_ok(lease_take(store, &key, 1, 60000, &left, &err)); // Renewed.
    assert_status(lease_take(store, &key, 2, 60000, &left, &err), STATUS_BUSY);
    assert_in_range(left, 50000, 60000);
    assert_ok(lease_take(store, &other, 2, 60000, &left, &err));
    assert_status(lease_peek(store, &key, 2, &left, &err), STATUS_BUSY);
    assert_in_range(left, 50000, 60000);
    assert_ok(lease_peek(store, &key, 1, &left, &err));
    assert_ok(lease_drop(store, &key, 2, &err)); // Not yours: nothing.
    assert_status(lease_take(store, &key, 2, 60000, &left, &err), STATUS_BUSY);
    assert_ok(lease_drop(store, &key, 1, &err));
    assert_ok(lease_drop(store, &key, 1, &err));
    assert_ok(lease_take(store, &key, 2, 60000, &left, &err));
    reopen(fixture); // As another process would see it.
    if (!fixture->in_memory)
        assert_status(lease_take(fixture->store, &key, 1, 60000, &left, &err),
                      STATUS_BUSY);
}

static void frees_a_lease_when_its_time_is_over(void **state)
{
    struct fixture *fixture = *state;
    const Hash key = hash_of_text("short");
    uint64_t left;
    assert_ok(lease_take(fixture->store, &key, 1, 80, &left, NULL));
    assert_status(lease_take(fixture->store, &key, 2, 80, &left, NULL),
                  STATUS_BUSY);
    wait_ms((long)left + 5);
    assert_ok(lease_take(fixture->store, &key, 2, 10000, &left, NULL));
    assert_status(lease_take(fixture->store, &key, 1, 80, &left, NULL),
                  STATUS_BUSY);
}

/* --- Pins and notes ----------------------------------------------------- */

static bool count_pins(void *context, const Cid *cid, Text name)
{
    const Cid wanted = cid_of_text("pinned");
    assert_true(cid_equal(cid, &wanted));
    assert_true(text_equal(name, TEXT("second name")));
    ++*(int *)context;
    return true;
}

static void keeps_pins_by_cid(void **state)
{
    struct fixture *fixture = *state;
    const Cid cid = cid_of_text("pinned"), gone = cid_of_text("gone");
    int count = 0;
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_pin(batch, &cid, TEXT("first name"));
    store_batch_pin(batch, &gone, TEXT(""));
    store_batch_pin(batch, &cid, TEXT("second name"));
    store_batch_unpin(batch, &gone);
    store_commit_async(batch, NULL, NULL);
    assert_ok(pin_each(fixture->store, count_pins, &count, NULL));
    reopen(fixture);
    assert_ok(pin_each(fixture->store, count_pins, &count, NULL));
    assert_int_equal(count, 2);
}

static void assert_note(struct store *store, enum note_table table,
                        const char *key, const char *value)
{
    struct arena arena = {0};
    Bytes found;
    assert_ok(note_get(store, table, text_block(key), &arena, &found, NULL));
    assert_true(bytes_equal(found, text_block(value)));
    arena_deinit(&arena);
}

static void keeps_the_newest_note_of_each_table(void **state)
{
    struct fixture *fixture = *state;
    struct arena arena = {0};
    Bytes found;
    assert_status(note_get(fixture->store, NOTE_MODULE, text_block("k"),
                           &arena, &found, NULL),
                  STATUS_NOT_FOUND);
    arena_deinit(&arena);
    for (int round = 0; round < 2; round++) {
        struct store_batch *batch = store_batch_new(fixture->store);
        store_batch_note(batch, NOTE_MODULE, text_block("k"),
                         text_block(round ? "new" : "old"));
        store_batch_note(batch, NOTE_LAST_RUN, text_block("k"),
                         text_block(""));
        store_commit_async(batch, NULL, NULL);
        assert_note(fixture->store, NOTE_MODULE, "k", round ? "new" : "old");
    }
    assert_ok(store_flush(fixture->store, NULL));
    reopen(fixture);
    assert_note(fixture->store, NOTE_MODULE, "k", "new");
    assert_note(fixture->store, NOTE_LAST_RUN, "k", "");
}

static void keeps_a_note_of_the_largest_size(void **state)
{
    struct fixture *fixture = *state;
    struct arena arena = {0};
    uint8_t key[400] = {7};
    uint8_t *value = heap_array(1, 1 << 20);
    Bytes found;
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_note(batch, NOTE_WORKFLOW, bytes_of(key, sizeof key),
                     bytes_of(value, 1 << 20));
    assert_ok(store_commit(batch, NULL));
    assert_ok(note_get(fixture->store, NOTE_WORKFLOW,
                       bytes_of(key, sizeof key), &arena, &found, NULL));
    assert_int_equal(found.len, 1 << 20);
    store_batch_note(batch, NOTE_WORKFLOW, bytes_of(key, sizeof key),
                     bytes_of(value, (1 << 20) + 1U));
    assert_status(store_commit(batch, NULL), STATUS_LIMIT);
    store_batch_free(batch);
    arena_deinit(&arena);
    free(value);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, SETUP, teardown)
#define TESTS                                                                 \
    TEST(gives_back_the_whole_entry),                                         \
        TEST(reads_no_entry_that_was_cut_or_made_by_a_newer_version),         \
        TEST(writes_entries_as_documented),                                   \
        TEST(misses_when_the_result_block_is_not_there),                      \
        TEST(keeps_the_first_result_and_an_alarm_for_the_other),              \
        TEST(replaces_an_entry_that_nobody_could_hit),                        \
        TEST(shows_the_first_of_two_entries_under_way),                       \
        TEST(remembers_what_a_symbolic_computation_became),                   \
        TEST(remembers_that_it_became_upstream),                              \
        TEST(withdraws_what_was_resolved_through_an_entry),                   \
        TEST(withdraws_in_a_circle_and_comes_to_an_end),                      \
        TEST(finds_all_computations_with_a_result),                           \
        TEST(remembers_who_first_made_a_block),                               \
        TEST(counts_hits_and_writes_them_with_later_batches),                 \
        TEST(gives_a_lease_to_one_owner_at_a_time),                           \
        TEST(frees_a_lease_when_its_time_is_over), TEST(keeps_pins_by_cid),   \
        TEST(keeps_the_newest_note_of_each_table),                            \
        TEST(keeps_a_note_of_the_largest_size)

int main(void)
{
#define SETUP setup_lmdb
    const struct CMUnitTest lmdb[] = {TESTS};
#undef SETUP
#define SETUP setup_memory
    const struct CMUnitTest memory[] = {TESTS};
#undef SETUP
    int failed = cmocka_run_group_tests_name("memo in LMDB", lmdb, NULL, NULL);
    failed +=
        cmocka_run_group_tests_name("memo in memory", memory, NULL, NULL);
    return failed != 0;
}
