/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rows.h"

struct copying {
    enum table table;
    struct rows *rows;
};

static bool copy_row(void *context, Bytes key, Bytes value)
{
    const struct copying *copying = context;
    struct rows *rows = copying->rows;
    if (!table_value_of_row(copying->table, key, &value))
        return true;
    struct row *row = ARENA_NEW(&rows->arena, struct row);
    row->key = arena_copy_bytes(&rows->arena, key);
    row->value = arena_copy_bytes(&rows->arena, value);
    *rows->last = row;
    rows->last = &row->next;
    return true;
}

Status rows_read_durable(struct store *store, enum table table, Bytes prefix,
                         struct rows *out, struct error *err)
{
    struct copying copying = {table, out};
    struct transaction transaction;
    *out = (struct rows){0};
    out->last = &out->first;
    TRY(tables_read(store->tables, &transaction, err));
    Status status =
        transaction_walk(&transaction, table, prefix, copy_row, &copying, err);
    transaction_end(&transaction);
    return status;
}

Status rows_read(struct store *store, enum table table, Bytes prefix,
                 struct rows *out, struct error *err)
{
    queue_settle(store->queue);
    return rows_read_durable(store, table, prefix, out, err);
}
