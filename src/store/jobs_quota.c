/* SPDX-License-Identifier: Apache-2.0 */
#include "store/jobs.h"

#include "base/arena.h"
#include "store/batch.h"
#include "store/rows.h"

static bool is_id(struct store_batch *batch, Text id)
{
    struct error error = {0};
    if (id.len > 0 && id.len <= QUOTA_ID_MAX)
        return true;
    IGNORE(fail(&error, STATUS_LIMIT,
                "the name of a quota has %zu bytes, 1 to %d are allowed",
                id.len, QUOTA_ID_MAX));
    batch_refuse(batch, &error);
    return false;
}

void store_batch_quota(struct store_batch *batch, Text id, Bytes value)
{
    struct error error = {0};
    if (!is_id(batch, id))
        return;
    if (value.len > JOB_ROW_MAX) {
        IGNORE(fail(&error, STATUS_LIMIT, "a quota has %zu bytes, at most %d",
                    value.len, JOB_ROW_MAX));
        batch_refuse(batch, &error);
        return;
    }
    batch_add(batch, OPERATION_PUT, TABLE_QUOTAS, text_bytes(id), value);
}

void store_batch_quota_remove(struct store_batch *batch, Text id)
{
    if (is_id(batch, id))
        batch_add(batch, OPERATION_REMOVE, TABLE_QUOTAS, text_bytes(id),
                  (Bytes){NULL, 0});
}

Status quota_get(struct store *store, Text id, struct arena *arena, Bytes *out,
                 struct error *err)
{
    struct transaction transaction;
    Bytes value = {NULL, 0};
    if (id.len == 0 || id.len > QUOTA_ID_MAX)
        return STATUS_NOT_FOUND;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_get(&transaction, TABLE_QUOTAS, text_bytes(id),
                                    &value, err);
    if (status == STATUS_OK)
        *out = arena_copy_bytes(arena, value);
    transaction_end(&transaction);
    return status;
}

Status quota_each(struct store *store, QuotaEach *each, void *context,
                  struct error *err)
{
    struct rows rows;
    Status status =
        rows_read_durable(store, TABLE_QUOTAS, (Bytes){NULL, 0}, &rows, err);
    for (const struct row *row = rows.first; row && status == STATUS_OK;
         row = row->next)
        if (!each(context, bytes_text(row->key), row->value))
            break;
    arena_deinit(&rows.arena);
    return status;
}
