/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tables.h"

void tables_close(struct tables *tables)
{
    if (tables)
        tables->methods->close(tables);
}

Status tables_read(struct tables *tables, struct transaction *out,
                   struct error *err)
{
    *out = (struct transaction){.tables = tables, .writes = false};
    return tables->methods->begin(tables, out, err);
}

Status tables_write(struct tables *tables, struct transaction *out,
                    struct error *err)
{
    *out = (struct transaction){.tables = tables, .writes = true};
    return tables->methods->begin(tables, out, err);
}

Status transaction_commit(struct transaction *transaction, struct error *err)
{
    ASSERT(transaction->writes);
    return transaction->tables->methods->commit(transaction, err);
}

void transaction_end(struct transaction *transaction)
{
    transaction->tables->methods->end(transaction);
}

Status transaction_get(struct transaction *transaction, enum table table,
                       Bytes key, Bytes *out, struct error *err)
{
    return transaction->tables->methods->get(transaction, table, key, out,
                                             err);
}

Status transaction_put(struct transaction *transaction, enum table table,
                       Bytes key, Bytes value, struct error *err)
{
    ASSERT(transaction->writes && key.len > 0 && key.len <= TABLE_KEY_MAX);
    return transaction->tables->methods->put(transaction, table, key, value,
                                             err);
}

Status transaction_add(struct transaction *transaction, enum table table,
                       Bytes key, Bytes value, Bytes *old, struct error *err)
{
    ASSERT(transaction->writes && key.len > 0 && key.len <= TABLE_KEY_MAX);
    return transaction->tables->methods->add(transaction, table, key, value,
                                             old, err);
}

Status transaction_remove(struct transaction *transaction, enum table table,
                          Bytes key, struct error *err)
{
    ASSERT(transaction->writes);
    return transaction->tables->methods->remove(transaction, table, key, err);
}

Status transaction_walk(struct transaction *transaction, enum table table,
                        Bytes prefix, TableEach *each, void *context,
                        struct error *err)
{
    return transaction->tables->methods->walk(transaction, table, prefix, each,
                                              context, err);
}

Status transaction_stat(struct transaction *transaction, enum table table,
                        struct table_stat *out, struct error *err)
{
    return transaction->tables->methods->stat(transaction, table, out, err);
}

Status tables_grow(struct tables *tables, struct error *err)
{
    return tables->methods->grow(tables, err);
}
