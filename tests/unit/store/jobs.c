/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs.h"

#include <stdio.h>

#include "base/arena.h"
#include "store/fsck.h"
#include "store/store_private.h"

Hash id_of(unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    return hash_of_text(text);
}

struct job_row row_of(unsigned number, bool is_open, int64_t time_ms)
{
    return (struct job_row){.id = id_of(number),
                            .is_open = is_open,
                            .submitted_ms = time_ms,
                            .value = text_block("value")};
}

void put_row(struct store *store, const struct job_row *row)
{
    struct store_batch *batch = store_batch_new(store);
    store_batch_job(batch, row);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

void put_job(struct store *store, unsigned number, bool is_open,
             int64_t time_ms)
{
    const struct job_row row = row_of(number, is_open, time_ms);
    put_row(store, &row);
}

static int64_t time_of(struct store *store, const Hash *id)
{
    struct arena arena = {0};
    struct job_row row;
    assert_ok(job_get(store, id, &arena, &row, NULL));
    arena_deinit(&arena);
    return row.submitted_ms;
}

void put_events(struct store *store, unsigned number, uint64_t first,
                Bytes events)
{
    struct store_batch *batch = store_batch_new(store);
    const Hash id = id_of(number);
    store_batch_journal(batch, &id, time_of(store, &id), first, events);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

void commit_and_free(struct store_batch *batch)
{
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

/* --- What is told -------------------------------------------------------- */

bool tell(void *context, const struct job_row *row)
{
    struct told *told = context;
    if (told->count < TOLD_MAX) {
        told->ids[told->count] = row->id;
        told->times[told->count] = row->submitted_ms;
    }
    told->count++;
    return told->count != told->stop_after;
}

struct told tell_all(struct store *store, const struct job_place *after)
{
    struct told told = {0};
    assert_ok(job_each(store, after, tell, &told, NULL));
    return told;
}

struct told tell_open(struct store *store)
{
    struct told told = {0};
    assert_ok(job_each_open(store, tell, &told, NULL));
    return told;
}

void assert_told(const struct told *told, size_t index, unsigned number)
{
    const Hash id = id_of(number);
    assert_true(index < told->count);
    assert_true(hash_equal(&told->ids[index], &id));
}

void assert_counts(struct store *store, uint64_t open, uint64_t all)
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

void assert_rows_sound(struct store *store)
{
    unsigned wrong = 0;
    struct fsck_counts counts = {0};
    const struct fsck_options options = {.context = &wrong};
    assert_ok(fsck_rows(store, &options, count_wrong, &counts, NULL));
    assert_int_equal(wrong, 0);
}

void put_raw(struct store *store, enum table table, Bytes key,
             const char *value)
{
    struct transaction transaction;
    assert_ok(tables_write(store->tables, &transaction, NULL));
    assert_ok(store->tables->methods->put(&transaction, table, key,
                                          text_block(value), NULL));
    assert_ok(transaction_commit(&transaction, NULL));
}

void remove_raw(struct store *store, enum table table, Bytes key)
{
    struct transaction transaction;
    assert_ok(tables_write(store->tables, &transaction, NULL));
    assert_ok(transaction_remove(&transaction, table, key, NULL));
    assert_ok(transaction_commit(&transaction, NULL));
}

bool hear(void *context, uint64_t first, Bytes events)
{
    struct heard *heard = context;
    assert_true(events.len > 0);
    if (heard->count < TOLD_MAX)
        heard->firsts[heard->count] = first;
    heard->count++;
    return heard->count != heard->stop_after;
}

struct heard hear_from(struct store *store, const Hash *id, uint64_t from)
{
    struct heard heard = {0};
    assert_ok(journal_each(store, id, from, hear, &heard, NULL));
    return heard;
}
