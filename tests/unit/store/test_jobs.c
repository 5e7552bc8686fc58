/* SPDX-License-Identifier: Apache-2.0 */
/* Rows about jobs: what replaces what, in which order they are told, what they
 * keep, and what is forgotten. Each on LMDB and in memory. */
#include "dag.h"
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/fsck.h"
#include "store/gc.h"
#include "store/jobs_private.h"
#include "store/store_private.h"

enum { TOLD_MAX = 64 };

static const struct gc_options at_once = {.no_grace = true, .keep_none = true};

static Hash id_of(unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    return hash_of_text(text);
}

static struct job_row row_of(unsigned number, bool is_open, int64_t time_ms)
{
    return (struct job_row){.id = id_of(number),
                            .is_open = is_open,
                            .submitted_ms = time_ms,
                            .value = text_block("value")};
}

static void put_row(struct store *store, const struct job_row *row)
{
    struct store_batch *batch = store_batch_new(store);
    store_batch_job(batch, row);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

static void put_job(struct store *store, unsigned number, bool is_open,
                    int64_t time_ms)
{
    const struct job_row row = row_of(number, is_open, time_ms);
    put_row(store, &row);
}

static void put_events(struct store *store, unsigned number, uint64_t first,
                       Bytes events)
{
    struct store_batch *batch = store_batch_new(store);
    const Hash id = id_of(number);
    store_batch_journal(batch, &id, first, events);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

static void commit_and_free(struct store_batch *batch)
{
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

/* --- What is told -------------------------------------------------------- */

struct told {
    struct store *store;
    Hash ids[TOLD_MAX];
    int64_t times[TOLD_MAX];
    uint64_t count, stop_after;
};

static bool tell(void *context, const struct job_row *row)
{
    struct told *told = context;
    if (told->count < TOLD_MAX) {
        told->ids[told->count] = row->id;
        told->times[told->count] = row->submitted_ms;
    }
    told->count++;
    return told->count != told->stop_after;
}

static struct told tell_all(struct store *store, const struct job_place *after)
{
    struct told told = {0};
    assert_ok(job_each(store, after, tell, &told, NULL));
    return told;
}

static struct told tell_open(struct store *store)
{
    struct told told = {0};
    assert_ok(job_each_open(store, tell, &told, NULL));
    return told;
}

static void assert_told(const struct told *told, size_t index, unsigned number)
{
    const Hash id = id_of(number);
    assert_true(index < told->count);
    assert_true(hash_equal(&told->ids[index], &id));
}

static void assert_counts(struct store *store, uint64_t open, uint64_t all)
{
    uint64_t open_now, all_now;
    assert_ok(job_count(store, &open_now, &all_now, NULL));
    assert_int_equal(open_now, open);
    assert_int_equal(all_now, all);
}

static void count_wrong(void *context, const struct fsck_row *row)
{
    unsigned *count = context;
    print_message("%s: %s\n", row->table_name, row->what);
    (*count)++;
}

static void assert_sound(struct store *store)
{
    unsigned wrong = 0;
    struct fsck_counts counts = {0};
    const struct fsck_options options = {.context = &wrong};
    assert_ok(fsck_rows(store, &options, count_wrong, &counts, NULL));
    assert_int_equal(wrong, 0);
}

static void put_raw(struct store *store, enum table table, Bytes key,
                    const char *value)
{
    struct transaction transaction;
    assert_ok(tables_write(store->tables, &transaction, NULL));
    assert_ok(store->tables->methods->put(&transaction, table, key,
                                          text_block(value), NULL));
    assert_ok(transaction_commit(&transaction, NULL));
}

static void remove_raw(struct store *store, enum table table, Bytes key)
{
    struct transaction transaction;
    assert_ok(tables_write(store->tables, &transaction, NULL));
    assert_ok(transaction_remove(&transaction, table, key, NULL));
    assert_ok(transaction_commit(&transaction, NULL));
}

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
    store_batch_journal(batch, &row.id, 1,
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
    const Bytes key = bytes_of(row.id.bytes, SHA256_LEN);
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
    assert_sound(store);
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
    assert_sound(fixture->store);
}

static void group_commits_keep_the_indices_right(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 2; round++)
        for (unsigned number = 0; number < 50; number++) {
            struct store_batch *batch = store_batch_new(fixture->store);
            const struct job_row row = row_of(number, round == 0, number);
            store_batch_job(batch, &row);
            store_batch_journal(batch, &row.id, 1 + round, text_block("e"));
            store_commit_async(batch, NULL, NULL);
        }
    assert_ok(store_flush(fixture->store, NULL));
    reopen(fixture);
    assert_counts(fixture->store, 0, 50);
    assert_sound(fixture->store);
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
    assert_sound(fixture->store);
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

struct heard {
    uint64_t firsts[TOLD_MAX];
    uint64_t count, stop_after;
};

static bool hear(void *context, uint64_t first, Bytes events)
{
    struct heard *heard = context;
    assert_true(events.len > 0);
    if (heard->count < TOLD_MAX)
        heard->firsts[heard->count] = first;
    heard->count++;
    return heard->count != heard->stop_after;
}

static struct heard hear_from(struct store *store, const Hash *id,
                              uint64_t from)
{
    struct heard heard = {0};
    assert_ok(journal_each(store, id, from, hear, &heard, NULL));
    return heard;
}

static void a_journal_is_told_from_the_row_that_holds_an_event(void **state)
{
    struct fixture *fixture = *state;
    const Hash id = id_of(1);
    static const uint64_t firsts[] = {1, 5, 256, 0x100000000, UINT64_MAX};
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
        store_batch_journal(batch, &ids[index], 2, text_block("e"));
        store_batch_journal(batch, &ids[index], UINT64_MAX, text_block("e"));
    }
    commit_and_free(batch);
    for (unsigned index = 0; index < 3; index++) {
        assert_int_equal(hear_from(fixture->store, &ids[index], 0).count, 2);
        assert_int_equal(hear_from(fixture->store, &ids[index], 1).count, 2);
        assert_int_equal(hear_from(fixture->store, &ids[index], 9).count, 2);
    }
    batch = store_batch_new(fixture->store);
    store_batch_journal_remove(batch, &ids[1], UINT64_MAX);
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
    struct store_batch *batch = store_batch_new(fixture->store);
    for (uint64_t first = 1; first <= 2000; first++)
        store_batch_journal(batch, &id, first, text_block("e"));
    commit_and_free(batch);
    assert_int_equal(hear_from(fixture->store, &id, 1).count, 2000);
    batch = store_batch_new(fixture->store);
    store_batch_journal_remove(batch, &id, 1501);
    store_batch_journal(batch, &id, 2001, text_block("e"));
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

/* --- What jobs keep ------------------------------------------------------ */

static bool has(struct store *store, const char *text)
{
    const Cid cid = cid_of_text(text);
    return store_has(store, &cid);
}

static struct gc_report collect(struct store *store)
{
    struct gc_report report;
    struct error err = {0};
    const Status status = store_gc(store, &at_once, &report, &err);
    assert_string_equal(err.message, "");
    assert_ok(status);
    return report;
}

static void roots_of_jobs_keep_all_below_them(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    put_text(store, "open");
    put_text(store, "over");
    put_text(store, "nobody's");
    const Cid leaves[] = {cid_of_text("open"), cid_of_text("over")};
    for (unsigned number = 0; number < 2; number++) {
        struct job_row row = row_of(number, number == 0, number);
        row.roots[0] = dag_put(store, number, &leaves[number], 1);
        row.root_count = 1;
        put_row(store, &row);
    }
    const struct gc_report report = collect(store);
    assert_int_equal(report.blocks_kept, 4);
    assert_int_equal(report.missing, 0);
    assert_true(has(store, "open"));
    assert_true(has(store, "over"));
    assert_false(has(store, "nobody's"));
    struct store_batch *batch = store_batch_new(store);
    const Hash id = id_of(1);
    store_batch_job_remove(batch, &id, 1);
    commit_and_free(batch);
    assert_int_equal(collect(store).blocks_removed, 2);
    assert_true(has(store, "open"));
}

/* A result that only the journal of a suspended job still knows. */
static void results_in_a_journal_stay_hits(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    struct memo_entry entry;
    put_memo(store, "finished", "result");
    put_memo(store, "forgotten", "other");
    const Hash finished = hash_of_text("finished");
    const Hash forgotten = hash_of_text("forgotten");
    const Cid result = cid_of_text("result");
    struct dag_block event, first;
    dag_make(1, NULL, 0, &first);
    dag_make(2, &result, 1, &event);
    uint8_t both[2 * DAG_BYTES_MAX];
    memcpy(both, first.bytes, first.len);
    memcpy(both + first.len, event.bytes, event.len);
    put_job(store, 1, true, 1);
    put_events(store, 1, 1, bytes_of(both, first.len + event.len));
    for (unsigned round = 0; round < 3; round++)
        collect(store);
    assert_ok(memo_get(store, &finished, &entry, NULL));
    assert_status(memo_get(store, &forgotten, &entry, NULL), STATUS_NOT_FOUND);
    struct store_batch *batch = store_batch_new(store);
    const Hash id = id_of(1);
    store_batch_job_remove(batch, &id, 1);
    commit_and_free(batch);
    reopen(fixture); // Or what was asked for is held.
    if (!fixture->in_memory) {
        collect(fixture->store);
        assert_status(memo_get(fixture->store, &finished, &entry, NULL),
                      STATUS_NOT_FOUND);
    }
}

static void a_damaged_job_stops_a_collection(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct gc_report report;
    struct error err = {0};
    const Hash id = id_of(1);
    put_text(store, "one");
    put_job(store, 1, true, 1);
    put_events(store, 1, 1, text_block("e"));
    put_raw(store, TABLE_JOBS, hash_view(&id), "damage");
    assert_status(store_gc(store, &at_once, &report, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.message, "a row of jobs is damaged"));
    assert_true(has(store, "one"));
}

static void mend_one(void *context, const struct fsck_row *row)
{
    struct told *told = context;
    bool done;
    assert_ok(fsck_mend_row(told->store, row, &done, NULL));
    told->count += done;
}

static uint64_t mend(struct store *store)
{
    struct told told = {.store = store};
    struct fsck_counts counts = {0};
    const struct fsck_options options = {.context = &told};
    assert_ok(fsck_rows(store, &options, mend_one, &counts, NULL));
    assert_sound(store);
    return told.count;
}

static void a_damaged_job_is_forgotten_by_a_repair(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const Hash id = id_of(1);
    put_job(store, 1, true, 1);
    put_job(store, 2, true, 2);
    put_events(store, 1, 1, text_block("e"));
    put_raw(store, TABLE_JOBS, hash_view(&id), "damage");
    assert_int_equal(tell_open(store).count, 1);
    // The job with its journal, then its rows of the indices.
    assert_int_equal(mend(store), 3);
    assert_int_equal(hear_from(store, &id, 0).count, 0);
    assert_counts(store, 1, 1);
    // Submitted again it is there again.
    put_job(store, 1, true, 3);
    assert_int_equal(tell_open(store).count, 2);
}

static void missing_rows_of_indices_are_added_by_a_repair(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const struct job_row open = row_of(1, true, 1), over = row_of(2, false, 2);
    const struct job_place place = {1, open.id};
    uint8_t key[JOB_PLACE_LEN];
    put_row(store, &open);
    put_row(store, &over);
    remove_raw(store, TABLE_JOBS_TIME, job_time_key(&place, key));
    assert_int_equal(mend(store), 1);
    remove_raw(store, TABLE_JOBS_OPEN, job_open_key(&open, key));
    assert_int_equal(mend(store), 1);
    put_raw(store, TABLE_JOBS_OPEN, job_open_key(&over, key), "");
    assert_int_equal(tell_open(store).count, 1);
    assert_int_equal(mend(store), 1);
    assert_counts(store, 1, 2);
}

static void damaged_events_are_left_out(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const Hash id = id_of(1);
    uint8_t key[JOURNAL_KEY_LEN];
    put_job(store, 1, true, 1);
    for (uint64_t first = 1; first <= 3; first++)
        put_events(store, 1, first, text_block("e"));
    put_raw(store, TABLE_JOURNAL, journal_key(&id, 2, key), "damage");
    const struct heard heard = hear_from(store, &id, 0);
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.firsts[1], 3);
    assert_int_equal(mend(store), 1);
}

/* --- What is forgotten --------------------------------------------------- */

static uint64_t forget(struct store *store,
                       const struct job_retention *retention)
{
    uint64_t removed;
    assert_ok(job_forget(store, retention, &removed, NULL));
    assert_sound(store);
    return removed;
}

static void the_oldest_that_are_over_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    const int64_t now_ms = clock_wall_s() * 1000;
    for (unsigned number = 0; number < 20; number++)
        put_job(store, number, number % 4 == 0,
                now_ms - (int64_t)number * 60000);
    const struct job_retention none = {0};
    assert_int_equal(forget(store, &none), 0);
    // Of 15 that are over, 5 are older than 13 1/2 minutes.
    const struct job_retention by_age = {.keep_s = 13 * 60 + 30};
    assert_int_equal(forget(store, &by_age), 5);
    assert_counts(store, 5, 15);
    const struct job_retention by_count = {.count_max = 3};
    assert_int_equal(forget(store, &by_count), 7);
    assert_int_equal(forget(store, &by_count), 0);
    struct told told = tell_all(store, NULL);
    assert_int_equal(told.count, 8);
    assert_told(&told, 1, 1);
    assert_told(&told, 2, 2);
    assert_told(&told, 3, 3);
    assert_told(&told, 5, 8);
    assert_int_equal(tell_open(store).count, 5);
}

static void bytes_of_rows_journals_and_segments_count(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    put_text(store, "a segment of thirty-two bytes ..");
    for (unsigned number = 1; number <= 4; number++) {
        struct job_row row = row_of(number, false, number);
        row.roots[0] = cid_of_text("a segment of thirty-two bytes ..");
        row.root_count = 1;
        put_row(store, &row);
        put_events(store, number, 1, text_block("five."));
    }
    // 5 + 32 + 5 and the checksum of a row each.
    struct job_retention by_bytes = {.bytes_max = 4 * 50};
    assert_int_equal(forget(store, &by_bytes), 0);
    by_bytes.bytes_max--;
    assert_int_equal(forget(store, &by_bytes), 1);
    by_bytes.bytes_max = 1;
    assert_int_equal(forget(store, &by_bytes), 3);
    assert_counts(store, 0, 0);
}

static void pinned_jobs_stay(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    const struct job_retention by_count = {.count_max = 1};
    for (unsigned number = 1; number <= 4; number++) {
        struct job_row row = row_of(number, false, number);
        char root[8];
        snprintf(root, sizeof root, "root%u", number);
        row.roots[0] = cid_of_text("other");
        row.roots[1] = cid_of_text(root);
        row.root_count = 2;
        put_row(store, &row);
    }
    Cid job;
    const Hash id = id_of(1);
    const Cid root = cid_of_text("root2");
    cid_from_hash(CODEC_DAG_CBOR, &id, &job);
    pin(store, &job);
    pin(store, &root);
    assert_int_equal(forget(store, &by_count), 1);
    assert_counts(store, 0, 3);
    unpin(store, &job);
    unpin(store, &root);
    assert_int_equal(forget(store, &by_count), 2);
}

/* --- Many ---------------------------------------------------------------- */

static void few_open_ones_among_many_are_found(void **state)
{
    struct fixture *fixture = *state;
    // A walk in memory sorts all there is.
    const unsigned count = fixture->in_memory ? 3000 : 100000;
    struct store_batch *batch = store_batch_new(fixture->store);
    for (unsigned number = 0; number < count; number++) {
        const struct job_row row =
            row_of(number, number % 100 == 0, 1000000 + number / 3);
        store_batch_job(batch, &row);
        if (number % 20000 == 19999)
            assert_ok(store_commit(batch, NULL));
    }
    commit_and_free(batch);
    assert_counts(fixture->store, count / 100, count);
    assert_int_equal(tell_open(fixture->store).count, count / 100);
    assert_int_equal(tell_all(fixture->store, NULL).count, count);
    const struct job_retention half = {.count_max = count / 2};
    assert_int_equal(forget(fixture->store, &half),
                     count - count / 100 - count / 2);
    assert_counts(fixture->store, count / 100, count / 2 + count / 100);
    assert_int_equal(tell_open(fixture->store).count, count / 100);
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
        ON_BOTH(roots_of_jobs_keep_all_below_them),
        ON_BOTH(results_in_a_journal_stay_hits),
        ON_BOTH(a_damaged_job_stops_a_collection),
        ON_BOTH(a_damaged_job_is_forgotten_by_a_repair),
        ON_BOTH(missing_rows_of_indices_are_added_by_a_repair),
        ON_BOTH(damaged_events_are_left_out),
        ON_BOTH(the_oldest_that_are_over_are_forgotten),
        ON_BOTH(bytes_of_rows_journals_and_segments_count),
        ON_BOTH(pinned_jobs_stay),
        ON_BOTH(few_open_ones_among_many_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
