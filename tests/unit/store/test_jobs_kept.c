/* SPDX-License-Identifier: Apache-2.0 */
/* What jobs keep from collection, what a repair makes of damaged rows, and
 * which jobs are forgotten. Each on LMDB and in memory. */
#include "dag.h"
#include "fixture.h"
#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "store/fsck.h"
#include "store/gc.h"
#include "store/store_private.h"

static const struct gc_options at_once = {.no_grace = true, .keep_none = true};

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

static void add_event(struct buffer *events, uint8_t number,
                      const struct dag_block *item)
{
    const uint8_t head[12] = {(uint8_t)item->len, [4] = number};
    buffer_add(events, head, sizeof head);
    buffer_add(events, item->bytes, item->len);
}

static void count_link(void *context, Bytes cid)
{
    (void)cid;
    (*(unsigned *)context)++;
}

static void events_cut_off_anywhere_are_read_as_far_as_they_go(void **state)
{
    (void)state;
    struct buffer events;
    struct dag_block item;
    const Cid links[] = {cid_of_text("a"), cid_of_text("b")};
    dag_make(1, links, 2, &item);
    buffer_init(&events, 4096);
    add_event(&events, 1, &item);
    add_event(&events, 2, &item);
    for (size_t len = 0; len <= events.len; len++) {
        uint8_t *cut = heap_alloc(len > 0 ? len : 1);
        unsigned count = 0;
        memcpy(cut, events.data, len);
        journal_links(bytes_of(cut, len), count_link, &count);
        assert_int_equal(count, 2 * (len / (12 + item.len)));
        free(cut);
    }
    buffer_deinit(&events);
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
    struct buffer events;
    dag_make(1, NULL, 0, &first);
    dag_make(2, &result, 1, &event);
    buffer_init(&events, 4096);
    add_event(&events, 1, &first);
    add_event(&events, 2, &event);
    put_job(store, 1, true, 1);
    put_events(store, 1, 1, buffer_bytes(&events));
    buffer_deinit(&events);
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

static void roots_of_thousands_of_jobs_are_read(void **state)
{
    enum { COUNT = 2500 };
    struct store *store = ((struct fixture *)*state)->store;
    struct store_batch *batch = store_batch_new(store);
    char text[16];
    for (unsigned number = 0; number < COUNT; number++) {
        struct job_row row = row_of(number, false, number);
        snprintf(text, sizeof text, "root %u", number);
        row.roots[0] = cid_of_text(text);
        row.root_count = 1;
        store_batch_block(batch, &row.roots[0], text_block(text));
        store_batch_job(batch, &row);
    }
    commit_and_free(batch);
    put_text(store, "nobody's");
    const struct gc_report report = collect(store);
    assert_int_equal(report.blocks_kept, COUNT);
    assert_int_equal(report.blocks_removed, 1);
}

struct meddling {
    struct store *store;
    struct job_row row;
    bool is_done;
};

/* When everything is marked, before the first block goes. */
static bool meddle(void *context, const char *phase, uint64_t done,
                   uint64_t total)
{
    struct meddling *meddling = context;
    (void)done, (void)total;
    if (!meddling->is_done && strcmp(phase, "removing") == 0) {
        put_row(meddling->store, &meddling->row);
        meddling->is_done = true;
    }
    return true;
}

static void a_job_that_comes_during_a_collection_keeps_its_roots(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct gc_report report;
    struct meddling meddling = {store, row_of(1, true, 1), false};
    put_text(store, "its root");
    put_text(store, "nobody's");
    meddling.row.roots[meddling.row.root_count++] = cid_of_text("its root");
    const struct gc_options options = {.no_grace = true,
                                       .keep_none = true,
                                       .progress = meddle,
                                       .context = &meddling};
    assert_ok(store_gc(store, &options, &report, NULL));
    assert_true(meddling.is_done);
    assert_true(has(store, "its root"));
    assert_false(has(store, "nobody's"));
}

static uint64_t count_touched(struct store *store)
{
    struct transaction transaction;
    struct table_stat stat = {0};
    assert_ok(tables_read(store->tables, &transaction, NULL));
    assert_ok(transaction_stat(&transaction, TABLE_TOUCHED, &stat, NULL));
    transaction_end(&transaction);
    return stat.count;
}

/* A job at work changes its row often, its roots hardly ever. */
static void only_new_roots_are_touched(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct job_row row = row_of(1, true, 1);
    row.roots[row.root_count++] = cid_of_text("workflow");
    row.roots[row.root_count++] = cid_of_text("container");
    put_row(store, &row);
    assert_int_equal(count_touched(store), 1);
    row.value = text_block("progress");
    put_row(store, &row);
    row.is_open = false;
    put_row(store, &row);
    assert_int_equal(count_touched(store), 1);
    row.roots[row.root_count++] = cid_of_text("outcome");
    put_row(store, &row);
    assert_int_equal(count_touched(store), 2);
    row.root_count--;
    put_row(store, &row);
    assert_int_equal(count_touched(store), 2);
}

static void a_damaged_job_stops_a_collection(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct gc_report report;
    struct error err = {0};
    const struct job_place place = {1, id_of(1)};
    uint8_t key[JOB_PLACE_LEN];
    put_text(store, "one");
    put_job(store, 1, true, 1);
    put_events(store, 1, 1, text_block("e"));
    put_raw(store, TABLE_JOBS_TIME, job_time_key(&place, key), "damage");
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
    assert_rows_sound(store);
    return told.count;
}

static void a_damaged_job_is_forgotten_by_a_repair(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const Hash id = id_of(1);
    const struct job_place place = {1, id};
    uint8_t key[JOB_PLACE_LEN];
    put_job(store, 1, true, 1);
    put_job(store, 2, true, 2);
    put_events(store, 1, 1, text_block("e"));
    put_raw(store, TABLE_JOBS_TIME, job_time_key(&place, key), "damage");
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
    const struct job_place place = job_place_of(&open);
    const struct job_place other = job_place_of(&over);
    uint8_t key[JOB_PLACE_LEN];
    put_row(store, &open);
    put_row(store, &over);
    remove_raw(store, TABLE_JOBS, hash_view(&place.id));
    assert_int_equal(mend(store), 1);
    put_raw(store, TABLE_JOBS, hash_view(&place.id), "damage");
    assert_int_equal(mend(store), 1);
    remove_raw(store, TABLE_JOBS_OPEN, job_open_key(&place, key));
    assert_int_equal(mend(store), 1);
    put_raw(store, TABLE_JOBS_OPEN, job_open_key(&other, key), "");
    assert_int_equal(tell_open(store).count, 1);
    assert_int_equal(mend(store), 1);
    assert_counts(store, 1, 2);
    assert_int_equal(tell_open(store).count, 1);
}

/* A row of a time that its id does not lead to. */
static void a_second_row_of_a_job_goes(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct job_row row = row_of(1, false, 1);
    put_row(store, &row);
    struct buffer bytes;
    struct transaction transaction;
    uint8_t key[JOB_PLACE_LEN];
    row.submitted_ms = 2;
    const struct job_place place = job_place_of(&row);
    buffer_init(&bytes, 4096);
    job_row_write(&row, &bytes);
    assert_ok(tables_write(store->tables, &transaction, NULL));
    assert_ok(transaction_put(&transaction, TABLE_JOBS_TIME,
                              job_time_key(&place, key), buffer_bytes(&bytes),
                              NULL));
    assert_ok(transaction_commit(&transaction, NULL));
    buffer_deinit(&bytes);
    assert_counts(store, 0, 2);
    assert_int_equal(mend(store), 1);
    assert_counts(store, 0, 1);
    assert_int_equal(tell_all(store, NULL).times[0], 1);
}

static void damaged_events_are_left_out(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const Hash id = id_of(1);
    const struct job_place place = {1, id};
    uint8_t key[JOURNAL_KEY_LEN];
    put_job(store, 1, true, 1);
    for (uint64_t first = 1; first <= 3; first++)
        put_events(store, 1, first, text_block("e"));
    put_raw(store, TABLE_JOURNAL, journal_key(&place, 2, key), "damage");
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
    assert_rows_sound(store);
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
        ON_BOTH(roots_of_jobs_keep_all_below_them),
        cmocka_unit_test(events_cut_off_anywhere_are_read_as_far_as_they_go),
        ON_BOTH(results_in_a_journal_stay_hits),
        ON_BOTH(roots_of_thousands_of_jobs_are_read),
        ON_BOTH(a_job_that_comes_during_a_collection_keeps_its_roots),
        ON_BOTH(only_new_roots_are_touched),
        ON_BOTH(a_damaged_job_stops_a_collection),
        ON_BOTH(a_damaged_job_is_forgotten_by_a_repair),
        ON_BOTH(missing_rows_of_indices_are_added_by_a_repair),
        ON_BOTH(a_second_row_of_a_job_goes),
        ON_BOTH(damaged_events_are_left_out),
        ON_BOTH(the_oldest_that_are_over_are_forgotten),
        ON_BOTH(bytes_of_rows_journals_and_segments_count),
        ON_BOTH(pinned_jobs_stay),
        ON_BOTH(few_open_ones_among_many_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
