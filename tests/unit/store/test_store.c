/* SPDX-License-Identifier: Apache-2.0 */
/* What a store promises about blocks and batches, whatever is below it. */
#include "fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static void gives_back_what_was_committed(void **state)
{
    struct fixture *fixture = *state;
    const Cid cid = cid_of_text("hello");
    struct block *block;
    uint64_t len;
    assert_status(store_get(fixture->store, &cid, &block, NULL),
                  STATUS_NOT_FOUND);
    assert_status(store_length(fixture->store, &cid, &len, NULL),
                  STATUS_NOT_FOUND);
    assert_status(store_prepare(fixture->store, &cid, &block, NULL),
                  STATUS_NOT_FOUND);
    assert_false(store_has(fixture->store, &cid));
    put_text(fixture->store, "hello");
    assert_ok(store_length(fixture->store, &cid, &len, NULL));
    assert_int_equal(len, 5);
    assert_ok(store_prepare(fixture->store, &cid, &block, NULL));
    assert_null(block);
    assert_gets(fixture->store, "hello");
    reopen(fixture);
    assert_true(store_has(fixture->store, &cid));
    assert_gets(fixture->store, "hello");
}

static void keeps_the_empty_block(void **state)
{
    struct fixture *fixture = *state;
    put_text(fixture->store, "");
    assert_gets(fixture->store, "");
    put_text(fixture->store, "");
    reopen(fixture);
    assert_gets(fixture->store, "");
}

static void check_part(struct store *store, const Cid *cid, uint64_t offset,
                       size_t len, const char *expected)
{
    uint8_t *out = malloc(len + 1);
    size_t got = SIZE_MAX;
    assert_ok(store_read(store, cid, offset, out, len, &got, NULL));
    assert_int_equal(got, strlen(expected));
    assert_memory_equal(out, expected, got);
    free(out);
}

static void gives_a_part_of_a_block(void **state)
{
    struct fixture *fixture = *state;
    const Cid cid = cid_of_text("0123456789"), absent = cid_of_text("absent");
    const Cid own = {.len = 7, .bytes = {1, CODEC_RAW, 0, 3, 'a', 'b', 'c'}};
    uint8_t byte;
    size_t got;
    put_text(fixture->store, "0123456789");
    check_part(fixture->store, &cid, 0, 10, "0123456789");
    check_part(fixture->store, &cid, 3, 4, "3456");
    check_part(fixture->store, &cid, 8, 4, "89");
    check_part(fixture->store, &cid, 10, 4, "");
    check_part(fixture->store, &cid, UINT64_MAX, 4, "");
    check_part(fixture->store, &own, 1, 5, "bc");
    assert_status(store_read(fixture->store, &absent, 0, &byte, 1, &got, NULL),
                  STATUS_NOT_FOUND);
    /* Given, but not written yet. */
    const Cid next = cid_of_text("the next one");
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_block(batch, &next, text_block("the next one"));
    store_commit_async(batch, NULL, NULL);
    check_part(fixture->store, &next, 4, 4, "next");
}

static void keeps_bytes_once_under_all_their_codecs(void **state)
{
    struct fixture *fixture = *state;
    put_text(fixture->store, "a");
    Cid cid;
    struct block *block;
    struct store_stat stat;
    cid_of(CODEC_DAG_CBOR, text_block("a"), &cid);
    assert_ok(store_get(fixture->store, &cid, &block, NULL));
    assert_true(cid_equal(block_cid(block), &cid));
    block_unref(block);
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_block(batch, &cid, text_block("a"));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    assert_ok(store_stat(fixture->store, &stat, NULL));
    assert_int_equal(stat.blocks, 1);
}

static void reads_version_0_and_1_of_a_cid_alike(void **state)
{
    struct fixture *fixture = *state;
    const Hash hash = hash_of_text("file");
    Cid old = {.len = 34, .bytes = {0x12, 0x20}}, new;
    memcpy(old.bytes + 2, hash.bytes, sizeof hash.bytes);
    cid_from_hash(CODEC_DAG_PB, &hash, &new);
    struct store_batch *batch = store_batch_new(fixture->store);
    assert_ok(
        store_batch_foreign_block(batch, &old, text_block("file"), NULL));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    struct block *block;
    assert_ok(store_get(fixture->store, &new, &block, NULL));
    block_unref(block);
    assert_ok(store_get(fixture->store, &old, &block, NULL));
    block_unref(block);
}

static void answers_identity_cids_from_themselves(void **state)
{
    struct fixture *fixture = *state;
    const Cid cid = {.len = 7, .bytes = {1, CODEC_RAW, 0, 3, 'a', 'b', 'c'}};
    struct block *block;
    uint64_t len;
    assert_true(store_has(fixture->store, &cid));
    assert_ok(store_length(fixture->store, &cid, &len, NULL));
    assert_int_equal(len, 3);
    assert_ok(store_get(fixture->store, &cid, &block, NULL));
    assert_true(bytes_equal(block_bytes(block), text_block("abc")));
    block_unref(block);
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_block(batch, &cid, text_block("abc"));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    struct store_stat stat;
    assert_ok(store_stat(fixture->store, &stat, NULL));
    assert_int_equal(stat.blocks, 0);
}

static void refuses_a_foreign_block_under_a_wrong_name(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    const Cid cid = cid_of_text("right");
    struct store_batch *batch = store_batch_new(fixture->store);
    assert_status(
        store_batch_foreign_block(batch, &cid, text_block("wrong"), &err),
        STATUS_CORRUPT);
    assert_true(strlen(err.message) > 0);
    assert_ok(store_commit(batch, NULL));
    assert_false(store_has(fixture->store, &cid));
    store_batch_free(batch);
}

static void refuses_a_foreign_block_above_the_bound(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    const size_t len = BLOCK_TAKEN_MAX + 1;
    uint8_t *bytes = calloc(1, len);
    Cid cid;
    cid_of(CODEC_RAW, bytes_of(bytes, len), &cid);
    struct store_batch *batch = store_batch_new(fixture->store);
    assert_status(
        store_batch_foreign_block(batch, &cid, bytes_of(bytes, len), &err),
        STATUS_LIMIT);
    assert_non_null(strstr(err.message, "2097152"));
    cid_of(CODEC_RAW, bytes_of(bytes, len - 1), &cid);
    assert_ok(store_batch_foreign_block(batch, &cid, bytes_of(bytes, len - 1),
                                        &err));
    assert_ok(store_commit(batch, NULL));
    assert_true(store_has(fixture->store, &cid));
    store_batch_free(batch);
    free(bytes);
}

static void refuses_a_foreign_block_whose_hash_it_cannot_check(void **state)
{
    struct fixture *fixture = *state;
    const Cid cid = {.len = 6, .bytes = {1, CODEC_RAW, 0x7f, 2, 9, 9}};
    struct store_batch *batch = store_batch_new(fixture->store);
    assert_status(
        store_batch_foreign_block(batch, &cid, text_block("?"), NULL),
        STATUS_UNSUPPORTED);
    store_batch_free(batch);
}

static void forgets_a_batch_that_was_not_committed(void **state)
{
    struct fixture *fixture = *state;
    const Cid cid = cid_of_text("gone");
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_block(batch, &cid, text_block("gone"));
    store_batch_free(batch);
    assert_false(store_has(fixture->store, &cid));
    store_batch_free(NULL);
}

static void uses_a_batch_again_after_its_commit(void **state)
{
    struct fixture *fixture = *state;
    struct store_batch *batch = store_batch_new(fixture->store);
    for (int round = 0; round < 5; round++) {
        char text[32];
        snprintf(text, sizeof text, "round %d", round);
        const Cid cid = cid_of_text(text);
        store_batch_block(batch, &cid, text_block(text));
        assert_ok(store_commit(batch, NULL));
        assert_gets(fixture->store, text);
    }
    assert_ok(store_commit(batch, NULL)); // Empty is fine.
    store_batch_free(batch);
}

static void keeps_nothing_of_a_batch_with_a_bad_note(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    const uint8_t key[401] = {1};
    const Cid cid = cid_of_text("beside");
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_block(batch, &cid, text_block("beside"));
    store_batch_note(batch, NOTE_FILE, bytes_of(key, sizeof key),
                     text_block("x"));
    assert_status(store_commit(batch, &err), STATUS_LIMIT);
    assert_non_null(strstr(err.message, "401"));
    assert_false(store_has(fixture->store, &cid));
    // The batch is empty and sound again.
    store_batch_block(batch, &cid, text_block("beside"));
    assert_ok(store_commit(batch, &err));
    assert_gets(fixture->store, "beside");
    store_batch_free(batch);
}

/* --- Commits without waiting -------------------------------------------- */

struct order {
    atomic_int next; /* the number expected next */
    atomic_bool is_wrong;
    atomic_int failed;
};

struct ticket {
    struct order *order;
    int number;
};

static void take_ticket(void *context, Status status,
                        [[maybe_unused]] const struct error *err)
{
    struct ticket *ticket = context;
    if (atomic_fetch_add(&ticket->order->next, 1) != ticket->number)
        atomic_store(&ticket->order->is_wrong, true);
    if (status != STATUS_OK)
        atomic_fetch_add(&ticket->order->failed, 1);
    free(ticket);
}

static void submit_numbered(struct store *store, struct order *order,
                            int number)
{
    char text[32];
    snprintf(text, sizeof text, "batch %d", number);
    const Cid cid = cid_of_text(text);
    struct store_batch *batch = store_batch_new(store);
    struct ticket *ticket = malloc(sizeof *ticket);
    assert_non_null(ticket);
    *ticket = (struct ticket){order, number};
    store_batch_block(batch, &cid, text_block(text));
    store_commit_async(batch, take_ticket, ticket);
}

static void shows_at_once_what_is_not_yet_durable(void **state)
{
    struct fixture *fixture = *state;
    struct order order = {0};
    for (int number = 0; number < 300; number++) {
        char text[32];
        submit_numbered(fixture->store, &order, number);
        snprintf(text, sizeof text, "batch %d", number);
        const Cid cid = cid_of_text(text);
        assert_true(store_has(fixture->store, &cid));
        assert_gets(fixture->store, text);
    }
    assert_ok(store_flush(fixture->store, NULL));
    assert_gets(fixture->store, "batch 0");
    assert_gets(fixture->store, "batch 299");
}

static void calls_back_in_the_order_of_submission(void **state)
{
    struct fixture *fixture = *state;
    struct order order = {0};
    for (int number = 0; number < 2000; number++)
        submit_numbered(fixture->store, &order, number);
    assert_ok(store_flush(fixture->store, NULL));
    assert_int_equal(atomic_load(&order.next), 2000);
    assert_false(atomic_load(&order.is_wrong));
    assert_int_equal(atomic_load(&order.failed), 0);
    reopen(fixture);
    assert_gets(fixture->store, "batch 1999");
}

static void writes_what_is_pending_when_it_closes(void **state)
{
    struct fixture *fixture = *state;
    struct order order = {0};
    for (int number = 0; number < 100; number++)
        submit_numbered(fixture->store, &order, number);
    reopen(fixture);
    if (fixture->in_memory)
        assert_ok(store_flush(fixture->store, NULL));
    assert_int_equal(atomic_load(&order.next), 100);
    assert_gets(fixture->store, "batch 99");
}

static void note_status(void *context, Status status, const struct error *err)
{
    struct error *out = context;
    *out = *err;
    out->status = status;
}

static void tells_of_an_async_batch_that_was_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error seen = {0}, err = {0};
    const Cid cid = cid_of_text("with it");
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_block(batch, &cid, text_block("with it"));
    store_batch_note(batch, NOTE_FILE, text_block(""), text_block("x"));
    store_commit_async(batch, note_status, &seen);
    assert_status(store_flush(fixture->store, &err), STATUS_LIMIT);
    assert_status(seen.status, STATUS_LIMIT);
    assert_true(strlen(err.message) > 0);
    assert_false(store_has(fixture->store, &cid));
    assert_ok(store_flush(fixture->store, &err)); // Told once.
}

/* A callback may go on submitting. */
struct chain {
    struct store *store;
    int left;
};

static void submit_next(void *context, Status status,
                        [[maybe_unused]] const struct error *err)
{
    struct chain *chain = context;
    if (status != STATUS_OK || chain->left-- == 0)
        return;
    struct store_batch *batch = store_batch_new(chain->store);
    const Cid cid = cid_of_text("link of a chain");
    store_batch_block(batch, &cid, text_block("link of a chain"));
    store_commit_async(batch, submit_next, chain);
}

static void lets_a_callback_submit(void **state)
{
    struct fixture *fixture = *state;
    struct chain chain = {fixture->store, 20};
    submit_next(&chain, STATUS_OK, NULL);
    assert_ok(store_flush(fixture->store, NULL));
    assert_int_equal(chain.left, -1);
}

static size_t count_threads(void)
{
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (readdir(tasks))
        count++;
    closedir(tasks);
    return count;
}

static void starts_no_thread_for_a_lone_commit(void **state)
{
    struct fixture *fixture = *state;
    // One of an earlier test may still be vanishing: never more.
    const size_t before = count_threads();
    put_memo(fixture->store, "lone", "answer");
    assert_gets(fixture->store, "answer");
    assert_true(count_threads() <= before);
}

/* --- Threads ------------------------------------------------------------ */

enum { THREADS = 4, ROUNDS = 40 };

struct crowd {
    struct store *store;
    int number;
    int failures;
};

/* No cmocka in here: it is for the main thread. */
static void *commit_and_read(void *context)
{
    struct crowd *crowd = context;
    struct store_batch *batch = store_batch_new(crowd->store);
    for (int round = 0; round < ROUNDS; round++) {
        char text[32];
        snprintf(text, sizeof text, "thread %d %d", crowd->number, round);
        const Cid cid = cid_of_text(text), shared = cid_of_text("shared");
        const Hash key = hash_of_text(text);
        const struct memo_entry entry = entry_of(text);
        struct memo_entry found;
        struct block *block = NULL;
        uint64_t left;
        store_batch_block(batch, &cid, text_block(text));
        store_batch_block(batch, &shared, text_block("shared"));
        store_batch_memo(batch, &key, &entry);
        if (round % 3 == 0) {
            store_commit_async(batch, NULL, NULL);
            batch = store_batch_new(crowd->store);
        } else {
            crowd->failures += store_commit(batch, NULL) != STATUS_OK;
        }
        crowd->failures +=
            store_get(crowd->store, &cid, &block, NULL) != STATUS_OK;
        crowd->failures +=
            memo_get(crowd->store, &key, &found, NULL) != STATUS_OK;
        const Hash lease = hash_of_text("lease of all");
        IGNORE(lease_take(crowd->store, &lease, (uint64_t)crowd->number, 1,
                          &left, NULL));
        block_unref(block);
    }
    store_batch_free(batch);
    return NULL;
}

static void serves_many_threads(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    struct crowd crowds[THREADS];
    for (int index = 0; index < THREADS; index++) {
        crowds[index] = (struct crowd){fixture->store, index, 0};
        assert_int_equal(pthread_create(&threads[index], NULL, commit_and_read,
                                        &crowds[index]),
                         0);
    }
    for (int index = 0; index < THREADS; index++) {
        pthread_join(threads[index], NULL);
        assert_int_equal(crowds[index].failures, 0);
    }
    assert_ok(store_flush(fixture->store, NULL));
    struct store_stat stat;
    assert_ok(store_stat(fixture->store, &stat, NULL));
    assert_int_equal(stat.memo, THREADS * ROUNDS);
    assert_int_equal(stat.blocks, THREADS * ROUNDS + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, SETUP, teardown)
#define TESTS                                                                 \
    TEST(gives_back_what_was_committed), TEST(keeps_the_empty_block),         \
        TEST(gives_a_part_of_a_block),                                        \
        TEST(keeps_bytes_once_under_all_their_codecs),                        \
        TEST(reads_version_0_and_1_of_a_cid_alike),                           \
        TEST(answers_identity_cids_from_themselves),                          \
        TEST(refuses_a_foreign_block_under_a_wrong_name),                     \
        TEST(refuses_a_foreign_block_above_the_bound),                        \
        TEST(refuses_a_foreign_block_whose_hash_it_cannot_check),             \
        TEST(forgets_a_batch_that_was_not_committed),                         \
        TEST(uses_a_batch_again_after_its_commit),                            \
        TEST(keeps_nothing_of_a_batch_with_a_bad_note),                       \
        TEST(shows_at_once_what_is_not_yet_durable),                          \
        TEST(calls_back_in_the_order_of_submission),                          \
        TEST(writes_what_is_pending_when_it_closes),                          \
        TEST(tells_of_an_async_batch_that_was_refused),                       \
        TEST(lets_a_callback_submit),                                         \
        TEST(starts_no_thread_for_a_lone_commit), TEST(serves_many_threads)

int main(void)
{
#define SETUP setup_lmdb
    const struct CMUnitTest lmdb[] = {TESTS};
#undef SETUP
#define SETUP setup_memory
    const struct CMUnitTest memory[] = {TESTS};
#undef SETUP
    int failed =
        cmocka_run_group_tests_name("store in LMDB", lmdb, NULL, NULL);
    failed +=
        cmocka_run_group_tests_name("store in memory", memory, NULL, NULL);
    return failed != 0;
}
