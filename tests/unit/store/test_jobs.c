/* SPDX-License-Identifier: Apache-2.0 */
/* Rows about jobs: what replaces what, in which order they are told. Each on
 * LMDB and in memory. */
#include "fixture.h"
#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/fsck.h"
#include "store/gc.h"
#include "store/jobs_private.h"
#include "store/store_private.h"

/* --- Rows ---------------------------------------------------------------- */

static void a_row_comes_back_as_it_was_put(void **state)
{
    struct fixture *fixture = *state;
    struct arena arena = {0};
    struct job_row row = row_of(1, true, 1234567890123), back;
    for (unsigned index = 0; index < JOB_ROOTS_MAX; index++)
        row.roots[row.root_count++] = cid_of_text(index % 2 ? "a" : "b");
    uint8_t *value = heap_array(JOB_ROW_MAX, 1);
    memset(value, 7, JOB_ROW_MAX);
    row.value = bytes_of(value, JOB_ROW_MAX);
    put_row(fixture->store, &row);
    reopen(fixture);
    assert_ok(job_get(fixture->store, &row.id, &arena, &back, NULL));
    assert_true(hash_equal(&back.id, &row.id));
    assert_true(back.is_open);
    assert_int_equal(back.submitted_ms, row.submitted_ms);
    assert_int_equal(back.root_count, JOB_ROOTS_MAX);
    for (unsigned index = 0; index < JOB_ROOTS_MAX; index++)
        assert_true(cid_equal(&back.roots[index], &row.roots[index]));
    assert_true(bytes_equal(back.value, row.value));
    const Hash other = id_of(2);
    assert_status(job_get(fixture->store, &other, &arena, &back, NULL),
                  STATUS_NOT_FOUND);
    arena_deinit(&arena);
    free(value);
}

static void what_is_too_long_is_refused_whole(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct store_batch *batch = store_batch_new(store);
    struct error err = {0};
    uint8_t *value = heap_array(JOURNAL_ROW_MAX + 1, 1);
    struct job_row row = row_of(1, true, 1);
    put_job(store, 2, true, 1);
    store_batch_job(batch, &row);
    row.value = bytes_of(value, JOB_ROW_MAX + 1);
    store_batch_job(batch, &row);
    assert_status(store_commit(batch, &err), STATUS_LIMIT);
    assert_string_equal(err.message,
                        "the row of a job has 65537 bytes, at most 65536");
    store_batch_journal(batch, &row.id, row.submitted_ms, 1,
                        bytes_of(value, JOURNAL_ROW_MAX + 1));
    assert_status(store_commit(batch, &err), STATUS_LIMIT);
    store_batch_quota(batch, TEXT(""), text_block("x"));
    assert_status(store_commit(batch, &err), STATUS_LIMIT);
    store_batch_free(batch);
    free(value);
    assert_counts(store, 1, 1);
}

static void every_truncation_of_a_row_is_refused(void **state)
{
    (void)state;
    struct job_row row = row_of(1, true, 5), back;
    struct buffer bytes;
    const struct job_place place = job_place_of(&row);
    uint8_t key_bytes[JOB_PLACE_LEN];
    const Bytes key = job_time_key(&place, key_bytes);
    row.root_count = 2;
    row.roots[0] = row.roots[1] = cid_of_text("a");
    row.value = (Bytes){NULL, 0};
    buffer_init(&bytes, 4096);
    job_row_write(&row, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *cut = heap_alloc(len > 0 ? len : 1);
        memcpy(cut, bytes.data, len);
        assert_false(job_row_read(key, bytes_of(cut, len), &back));
        free(cut);
    }
    assert_true(job_row_read(key, buffer_bytes(&bytes), &back));
    /* One byte of the head, or of the first CID's, is wrong. */
    static const struct {
        size_t at;
        uint8_t byte;
    } wrong[] = {{0, 2}, {0, 0}, {1, 2}, {2, 0x80}, {10, 9}, {11, 0}, {12, 9}};
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) {
        const uint8_t before = bytes.data[wrong[index].at];
        bytes.data[wrong[index].at] = wrong[index].byte;
        assert_false(job_row_read(key, buffer_bytes(&bytes), &back));
        bytes.data[wrong[index].at] = before;
    }
    assert_false(
        job_row_read(bytes_from(key, 1), buffer_bytes(&bytes), &back));
    key_bytes[JOB_TIME_LEN - 1]++; // The key says another time.
    assert_false(job_row_read(key, buffer_bytes(&bytes), &back));
    buffer_deinit(&bytes);
}

static void the_newest_are_told_first(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned number = 1; number <= 5; number++)
        put_job(fixture->store, number, number % 2, number * 0x1234567);
    reopen(fixture);
    struct told told = tell_all(fixture->store, NULL);
    assert_int_equal(told.count, 5);
    for (unsigned number = 1; number <= 5; number++)
        assert_told(&told, 5 - number, number);
    const struct job_place after = {told.times[1], told.ids[1]};
    told = tell_all(fixture->store, &after);
    assert_int_equal(told.count, 3);
    assert_told(&told, 0, 3);
    // One that is not there any more is a place, too.
    const struct job_place between = {3 * 0x1234567 + 1, id_of(9)};
    told = tell_all(fixture->store, &between);
    assert_int_equal(told.count, 3);
    told = (struct told){.stop_after = 2};
    assert_ok(job_each(fixture->store, NULL, tell, &told, NULL));
    assert_int_equal(told.count, 2);
}

static void open_ones_are_told_in_the_order_they_came(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned number = 8; number > 0; number--)
        put_job(fixture->store, number, number % 2, number);
    assert_counts(fixture->store, 4, 8);
    struct told told = tell_open(fixture->store);
    assert_int_equal(told.count, 4);
    for (unsigned index = 0; index < 4; index++)
        assert_told(&told, index, 1 + 2 * index);
}

static void a_replaced_row_is_in_the_right_indices(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    put_job(store, 1, true, 10);
    put_job(store, 1, true, 10);
    assert_counts(store, 1, 1);
    put_job(store, 1, false, 10);
    assert_counts(store, 0, 1);
    assert_int_equal(tell_open(store).count, 0);
    assert_int_equal(tell_all(store, NULL).count, 1);
    put_job(store, 1, true, 10); // Retried.
    assert_int_equal(tell_open(store).count, 1);
    put_job(store, 1, true, 11); // Which nobody should, but it holds.
    assert_int_equal(tell_all(store, NULL).count, 1);
    assert_int_equal(tell_open(store).count, 1);
    assert_rows_sound(store);
}

static void one_batch_may_change_a_job_twice(void **state)
{
    struct fixture *fixture = *state;
    struct store_batch *batch = store_batch_new(fixture->store);
    struct job_row row = row_of(1, true, 10);
    store_batch_job(batch, &row);
    row.is_open = false;
    store_batch_job(batch, &row);
    row = row_of(2, true, 11);
    store_batch_job(batch, &row);
    store_batch_job_remove(batch, &row.id, 11);
    row = row_of(3, true, 12);
    store_batch_job_remove(batch, &row.id, 12);
    store_batch_job(batch, &row);
    commit_and_free(batch);
    assert_counts(fixture->store, 1, 2);
    assert_rows_sound(fixture->store);
}

static void group_commits_keep_the_indices_right(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 2; round++)
        for (unsigned number = 0; number < 50; number++) {
            struct store_batch *batch = store_batch_new(fixture->store);
            const struct job_row row = row_of(number, round == 0, number);
            store_batch_job(batch, &row);
            store_batch_journal(batch, &row.id, number, 1 + round,
                                text_block("e"));
            store_commit_async(batch, NULL, NULL);
        }
    assert_ok(store_flush(fixture->store, NULL));
    reopen(fixture);
    assert_counts(fixture->store, 0, 50);
    assert_rows_sound(fixture->store);
}

static void a_removed_job_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    const Hash id = id_of(1);
    put_job(fixture->store, 1, true, 10);
    put_job(fixture->store, 2, true, 10);
    for (uint64_t first = 1; first <= 1200; first++)
        put_events(fixture->store, 1, first, text_block("e"));
    put_events(fixture->store, 1, UINT64_MAX - 1, text_block("e"));
    put_events(fixture->store, 2, 1, text_block("e"));
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_job_remove(batch, &id, 10);
    commit_and_free(batch);
    assert_counts(fixture->store, 1, 1);
    struct transaction transaction;
    struct table_stat stat = {0};
    assert_ok(tables_read(fixture->store->tables, &transaction, NULL));
    assert_ok(transaction_stat(&transaction, TABLE_JOURNAL, &stat, NULL));
    transaction_end(&transaction);
    assert_int_equal(stat.count, 1);
    assert_rows_sound(fixture->store);
}

static bool use_store(void *context, const struct job_row *row)
{
    struct told *told = context;
    struct job_row changed = *row;
    changed.is_open = false;
    put_row(told->store, &changed);
    told->count++;
    return true;
}

static void whoever_is_told_may_change_jobs(void **state)
{
    enum { COUNT = 600 };
    struct fixture *fixture = *state;
    struct told told = {.store = fixture->store};
    struct store_batch *batch = store_batch_new(fixture->store);
    for (unsigned number = 0; number < COUNT; number++) {
        const struct job_row row = row_of(number, true, number % 7);
        store_batch_job(batch, &row);
    }
    commit_and_free(batch);
    assert_ok(job_each_open(fixture->store, use_store, &told, NULL));
    assert_int_equal(told.count, COUNT);
    assert_counts(fixture->store, 0, COUNT);
}

/* --- Journals ------------------------------------------------------------ */

static void a_journal_is_told_from_the_row_that_holds_an_event(void **state)
{
    struct fixture *fixture = *state;
    const Hash id = id_of(1);
    static const uint64_t firsts[] = {1, 5, 256, 0x100000000, UINT64_MAX};
    put_job(fixture->store, 1, true, 10);
    for (size_t index = 0; index < 5; index++)
        put_events(fixture->store, 1, firsts[index], text_block("e"));
    reopen(fixture);
    static const struct {
        uint64_t from, first, count;
    } asked[] = {
        {0, 1, 5},
        {1, 1, 5},
        {4, 1, 5},
        {5, 5, 4},
        {255, 5, 4},
        {256, 256, 3},
        {257, 256, 3},
        {0xffffffff, 256, 3},
        {0x100000000, 0x100000000, 2},
        {UINT64_MAX - 1, 0x100000000, 2},
        {UINT64_MAX, UINT64_MAX, 1},
    };
    for (size_t index = 0; index < sizeof asked / sizeof *asked; index++) {
        const struct heard heard =
            hear_from(fixture->store, &id, asked[index].from);
        assert_int_equal(heard.count, asked[index].count);
        assert_int_equal(heard.firsts[0], asked[index].first);
        for (uint64_t at = 1; at < heard.count; at++)
            assert_true(heard.firsts[at - 1] < heard.firsts[at]);
    }
}

/* Ids that differ by one in their last byte, and all-ones. */
static void journals_of_neighbours_do_not_meet(void **state)
{
    struct fixture *fixture = *state;
    Hash ids[3];
    memset(ids, 0xff, sizeof ids);
    ids[0].bytes[SHA256_LEN - 1] = 0xfd;
    ids[1].bytes[SHA256_LEN - 1] = 0xfe;
    struct store_batch *batch = store_batch_new(fixture->store);
    for (unsigned index = 0; index < 3; index++) {
        struct job_row row = row_of(0, true, 10);
        row.id = ids[index];
        store_batch_journal(batch, &row.id, 10, 2, text_block("e"));
        store_batch_journal(batch, &row.id, 10, UINT64_MAX, text_block("e"));
        store_batch_job(batch, &row);
    }
    commit_and_free(batch);
    for (unsigned index = 0; index < 3; index++) {
        assert_int_equal(hear_from(fixture->store, &ids[index], 0).count, 2);
        assert_int_equal(hear_from(fixture->store, &ids[index], 1).count, 2);
        assert_int_equal(hear_from(fixture->store, &ids[index], 9).count, 2);
    }
    batch = store_batch_new(fixture->store);
    store_batch_journal_remove(batch, &ids[1], 10, UINT64_MAX);
    commit_and_free(batch);
    assert_int_equal(hear_from(fixture->store, &ids[0], 0).count, 2);
    assert_int_equal(hear_from(fixture->store, &ids[1], 0).count, 1);
    assert_int_equal(hear_from(fixture->store, &ids[2], 0).count, 2);
    const Hash none = id_of(7);
    assert_int_equal(hear_from(fixture->store, &none, 0).count, 0);
    assert_int_equal(hear_from(fixture->store, &none, UINT64_MAX).count, 0);
}

static void rows_below_a_segment_go(void **state)
{
    struct fixture *fixture = *state;
    const Hash id = id_of(1);
    put_job(fixture->store, 1, true, 10);
    struct store_batch *batch = store_batch_new(fixture->store);
    for (uint64_t first = 1; first <= 2000; first++)
        store_batch_journal(batch, &id, 10, first, text_block("e"));
    commit_and_free(batch);
    assert_int_equal(hear_from(fixture->store, &id, 1).count, 2000);
    batch = store_batch_new(fixture->store);
    store_batch_journal_remove(batch, &id, 10, 1501);
    store_batch_journal(batch, &id, 10, 2001, text_block("e"));
    commit_and_free(batch);
    struct heard heard = hear_from(fixture->store, &id, 1);
    assert_int_equal(heard.count, 501);
    assert_int_equal(heard.firsts[0], 1501);
    heard = (struct heard){.stop_after = 3};
    assert_ok(journal_each(fixture->store, &id, 0, hear, &heard, NULL));
    assert_int_equal(heard.count, 3);
}

/* --- Quotas -------------------------------------------------------------- */

struct quotas_told {
    char names[64];
    unsigned count;
};

static bool tell_quota(void *context, Text id, Bytes value)
{
    struct quotas_told *told = context;
    assert_true(value.len > 0);
    strncat(told->names, id.data, id.len);
    return ++told->count != 2;
}

static void quotas_are_kept_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct arena arena = {0};
    struct quotas_told told = {0};
    char longest[QUOTA_ID_MAX + 1];
    Bytes value;
    memset(longest, 'z', sizeof longest);
    struct store_batch *batch = store_batch_new(fixture->store);
    store_batch_quota(batch, TEXT("b"), text_block("1"));
    store_batch_quota(batch, TEXT("a"), text_block("2"));
    store_batch_quota(batch, TEXT("b"), text_block("3"));
    store_batch_quota(batch, (Text){longest, QUOTA_ID_MAX}, text_block("4"));
    commit_and_free(batch);
    reopen(fixture);
    assert_ok(quota_get(fixture->store, TEXT("b"), &arena, &value, NULL));
    assert_true(bytes_equal(value, text_block("3")));
    assert_status(quota_get(fixture->store, TEXT("c"), &arena, &value, NULL),
                  STATUS_NOT_FOUND);
    assert_status(quota_get(fixture->store, (Text){longest, sizeof longest},
                            &arena, &value, NULL),
                  STATUS_NOT_FOUND);
    assert_ok(quota_each(fixture->store, tell_quota, &told, NULL));
    assert_string_equal(told.names, "ab");
    batch = store_batch_new(fixture->store);
    store_batch_quota_remove(batch, TEXT("b"));
    commit_and_free(batch);
    assert_status(quota_get(fixture->store, TEXT("b"), &arena, &value, NULL),
                  STATUS_NOT_FOUND);
    arena_deinit(&arena);
}

#define ON_BOTH(test)                                                         \
    cmocka_unit_test_setup_teardown(test, setup_lmdb, teardown),              \
    {                                                                         \
#test "_in_memory", test, setup_memory, teardown, NULL                \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_row_comes_back_as_it_was_put),
        ON_BOTH(what_is_too_long_is_refused_whole),
        cmocka_unit_test(every_truncation_of_a_row_is_refused),
        ON_BOTH(the_newest_are_told_first),
        ON_BOTH(open_ones_are_told_in_the_order_they_came),
        ON_BOTH(a_replaced_row_is_in_the_right_indices),
        ON_BOTH(one_batch_may_change_a_job_twice),
        ON_BOTH(group_commits_keep_the_indices_right),
        ON_BOTH(a_removed_job_leaves_nothing),
        ON_BOTH(whoever_is_told_may_change_jobs),
        ON_BOTH(a_journal_is_told_from_the_row_that_holds_an_event),
        ON_BOTH(journals_of_neighbours_do_not_meet),
        ON_BOTH(rows_below_a_segment_go),
        ON_BOTH(quotas_are_kept_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
