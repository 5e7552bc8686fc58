/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_forget.c - which jobs that are over go.
 *
 *     newest ── kept ──┬── beyond a bound: forgotten, but what is pinned
 *                      └ the first one that keep_s, count_max or bytes_max is
 *                        too small for
 *
 * Reads some in one transaction, then removes those of them that are to go in
 * another, where each is looked at again: it may have been retried or pinned.
 * Open ones count for nothing. */
#include <stdlib.h>

#include "base/clock.h"
#include "store/jobs_private.h"
#include "store/reserve.h"
#include "store/store_private.h"

enum { LOOKED_AT_ONCE = 512, REMOVED_AT_ONCE = 128 };

struct forgetting {
    struct store *store;
    const struct job_retention *retention;
    int64_t since_ms;      /* those submitted before that go */
    uint64_t count, bytes; /* of those that are over, so far */
    struct transaction *transaction;
    size_t looked_at;
    struct job_place doomed[LOOKED_AT_ONCE];
    size_t doomed_count;
    uint8_t next[JOB_PLACE_LEN + 1];
    size_t next_len;
    bool is_last;
    Status status;
    struct error *err;
};

/* --- What is looked at --------------------------------------------------- */

static bool add_length(void *context, [[maybe_unused]] Bytes key, Bytes value)
{
    uint64_t *bytes = context;
    *bytes += value.len;
    return true;
}

/* Of its row, its journal, and its roots that are here. */
static Status measure(struct transaction *transaction,
                      const struct job_row *row, uint64_t *out,
                      struct error *err)
{
    const struct job_place place = job_place_of(row);
    uint8_t key[JOB_PLACE_LEN];
    *out = row->value.len;
    TRY(transaction_walk(transaction, TABLE_JOURNAL, job_time_key(&place, key),
                         add_length, out, err));
    for (unsigned index = 0; index < row->root_count; index++) {
        Bytes block = {NULL, 0};
        Status status =
            transaction_get(transaction, TABLE_BLOCKS,
                            cid_multihash(&row->roots[index]), &block, err);
        if (status == STATUS_OK)
            *out += block.len;
        else if (status != STATUS_NOT_FOUND)
            return status;
    }
    return STATUS_OK;
}

static Status judge(struct forgetting *forgetting, const struct job_row *row,
                    struct error *err)
{
    const struct job_retention *retention = forgetting->retention;
    forgetting->count++;
    if (retention->bytes_max > 0) {
        uint64_t bytes;
        TRY(measure(forgetting->transaction, row, &bytes, err));
        forgetting->bytes += bytes;
    }
    if ((retention->keep_s > 0 && row->submitted_ms < forgetting->since_ms) ||
        (retention->count_max > 0 &&
         forgetting->count > retention->count_max) ||
        (retention->bytes_max > 0 && forgetting->bytes > retention->bytes_max))
        forgetting->doomed[forgetting->doomed_count++] = job_place_of(row);
    return STATUS_OK;
}

static bool look_at(void *context, Bytes key, Bytes value)
{
    struct forgetting *forgetting = context;
    struct job_row row;
    if (forgetting->looked_at++ == LOOKED_AT_ONCE) {
        forgetting->is_last = false;
        return false;
    }
    if (key.len != JOB_PLACE_LEN)
        return true;
    memcpy(forgetting->next, key.data, key.len);
    forgetting->next[key.len] = 0; // The least key behind it.
    forgetting->next_len = key.len + 1;
    if (table_value_of_row(TABLE_JOBS_TIME, key, &value) &&
        job_row_read(key, value, &row) && !row.is_open)
        forgetting->status = judge(forgetting, &row, forgetting->err);
    return forgetting->status == STATUS_OK;
}

static Status judge_some(struct forgetting *forgetting, struct error *err)
{
    struct transaction transaction;
    uint8_t first[sizeof forgetting->next];
    memcpy(first, forgetting->next, sizeof first);
    forgetting->looked_at = forgetting->doomed_count = 0;
    forgetting->is_last = true;
    forgetting->transaction = &transaction;
    forgetting->err = err;
    TRY(tables_read(forgetting->store->tables, &transaction, err));
    Status status = transaction_walk_from(
        &transaction, TABLE_JOBS_TIME, bytes_of(first, forgetting->next_len),
        look_at, forgetting, err);
    transaction_end(&transaction);
    return status == STATUS_OK ? forgetting->status : status;
}

/* --- What goes ----------------------------------------------------------- */

static Status is_pinned(struct transaction *transaction,
                        const struct job_row *row, bool *out,
                        struct error *err)
{
    Bytes name;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, &row->id, &cid);
    Status status =
        transaction_get(transaction, TABLE_PINS, cid_bytes(&cid), &name, err);
    for (unsigned index = 0;
         index < row->root_count && status == STATUS_NOT_FOUND; index++)
        status = transaction_get(transaction, TABLE_PINS,
                                 cid_bytes(&row->roots[index]), &name, err);
    *out = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static Status remove_one(struct transaction *transaction,
                         const struct job_place *place, uint64_t *removed,
                         struct error *err)
{
    static const uint8_t no_time[JOB_TIME_LEN];
    struct job_row row;
    bool stays;
    Status status = job_read(transaction, place, &row, err);
    if (status != STATUS_OK || row.is_open)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    TRY(is_pinned(transaction, &row, &stays, err));
    if (stays)
        return STATUS_OK;
    (*removed)++;
    return job_apply_remove(transaction, hash_view(&place->id),
                            bytes_of(no_time, sizeof no_time), err);
}

static Status remove_once(struct forgetting *forgetting, size_t first,
                          uint64_t *removed, struct error *err)
{
    struct transaction transaction;
    Status status = STATUS_OK;
    *removed = 0;
    TRY(tables_write(forgetting->store->tables, &transaction, err));
    for (size_t index = first;
         index < forgetting->doomed_count && index < first + REMOVED_AT_ONCE &&
         status == STATUS_OK;
         index++)
        status =
            remove_one(&transaction, &forgetting->doomed[index], removed, err);
    if (status == STATUS_OK && *removed > 0)
        return transaction_commit(&transaction, err);
    transaction_end(&transaction);
    return status;
}

static Status remove_doomed(struct forgetting *forgetting, uint64_t *removed,
                            struct error *err)
{
    struct store *store = forgetting->store;
    for (size_t first = 0; first < forgetting->doomed_count;
         first += REMOVED_AT_ONCE) {
        uint64_t some;
        Status status = remove_once(forgetting, first, &some, err);
        while (status == STATUS_LIMIT ||
               (status == STATUS_FULL &&
                reserve_give(store->directory, RESERVE_FOR_REMOVING))) {
            if (status == STATUS_LIMIT)
                TRY(tables_grow(store->tables, err));
            status = remove_once(forgetting, first, &some, err);
        }
        TRY(status);
        *removed += some;
    }
    return STATUS_OK;
}

Status job_forget(struct store *store, const struct job_retention *retention,
                  uint64_t *removed, struct error *err)
{
    const uint64_t now_s = (uint64_t)clock_wall_s();
    struct forgetting *forgetting = HEAP_NEW(struct forgetting);
    Status status = STATUS_OK;
    *removed = 0;
    forgetting->store = store;
    forgetting->retention = retention;
    if (retention->keep_s < now_s)
        forgetting->since_ms = (int64_t)(now_s - retention->keep_s) * 1000;
    while (!forgetting->is_last && status == STATUS_OK) {
        status = judge_some(forgetting, err);
        if (status == STATUS_OK)
            status = remove_doomed(forgetting, removed, err);
    }
    free(forgetting);
    return status;
}
