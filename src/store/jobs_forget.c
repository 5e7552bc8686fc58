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
    struct job_place places[LOOKED_AT_ONCE];
    size_t count_looked_at;
    struct job_place doomed[LOOKED_AT_ONCE];
    size_t doomed_count;
    uint8_t next[JOB_PLACE_LEN + 1];
    size_t next_len;
    bool is_last;
};

/* --- What is looked at --------------------------------------------------- */

static bool take_place(void *context, Bytes key, [[maybe_unused]] Bytes value)
{
    struct forgetting *forgetting = context;
    if (key.len != JOB_PLACE_LEN)
        return true;
    if (forgetting->count_looked_at == LOOKED_AT_ONCE) {
        forgetting->is_last = false;
        return false;
    }
    forgetting->places[forgetting->count_looked_at++].id = job_key_id(key);
    memcpy(forgetting->next, key.data, key.len);
    forgetting->next[key.len] = 0; // The least key behind it.
    forgetting->next_len = key.len + 1;
    return true;
}

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
    *out = row->value.len;
    TRY(transaction_walk(transaction, TABLE_JOURNAL, hash_view(&row->id),
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

/* STATUS_NOT_FOUND: it is not over, or not there. */
static Status read_over(struct transaction *transaction, const Hash *id,
                        struct job_row *out, struct error *err)
{
    Bytes value;
    TRY(transaction_get(transaction, TABLE_JOBS, hash_view(id), &value, err));
    return job_row_read(hash_view(id), value, out) && !out->is_open
               ? STATUS_OK
               : STATUS_NOT_FOUND;
}

static Status judge(struct forgetting *forgetting,
                    const struct job_place *place, struct error *err)
{
    const struct job_retention *retention = forgetting->retention;
    struct job_row row;
    Status status = read_over(forgetting->transaction, &place->id, &row, err);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    forgetting->count++;
    if (retention->bytes_max > 0) {
        uint64_t bytes;
        TRY(measure(forgetting->transaction, &row, &bytes, err));
        forgetting->bytes += bytes;
    }
    if ((retention->keep_s > 0 && row.submitted_ms < forgetting->since_ms) ||
        (retention->count_max > 0 &&
         forgetting->count > retention->count_max) ||
        (retention->bytes_max > 0 && forgetting->bytes > retention->bytes_max))
        forgetting->doomed[forgetting->doomed_count++] =
            (struct job_place){row.submitted_ms, row.id};
    return STATUS_OK;
}

static Status judge_some(struct forgetting *forgetting, struct error *err)
{
    struct transaction transaction;
    uint8_t first[sizeof forgetting->next];
    memcpy(first, forgetting->next, sizeof first);
    forgetting->count_looked_at = forgetting->doomed_count = 0;
    forgetting->is_last = true;
    forgetting->transaction = &transaction;
    TRY(tables_read(forgetting->store->tables, &transaction, err));
    Status status = transaction_walk_from(
        &transaction, TABLE_JOBS_TIME, bytes_of(first, forgetting->next_len),
        take_place, forgetting, err);
    for (size_t index = 0;
         index < forgetting->count_looked_at && status == STATUS_OK; index++)
        status = judge(forgetting, &forgetting->places[index], err);
    transaction_end(&transaction);
    return status;
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

static Status remove_one(struct transaction *transaction, const Hash *id,
                         uint64_t *removed, struct error *err)
{
    static const uint8_t no_time[JOB_TIME_LEN];
    struct job_row row;
    bool stays;
    Status status = read_over(transaction, id, &row, err);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    TRY(is_pinned(transaction, &row, &stays, err));
    if (stays)
        return STATUS_OK;
    (*removed)++;
    return job_apply_remove(transaction, hash_view(id),
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
        status = remove_one(&transaction, &forgetting->doomed[index].id,
                            removed, err);
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
