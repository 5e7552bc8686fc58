/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tables.h"

#include <stdlib.h>

#include "base/arena.h"
#include "crypto/hash.h"

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

/* --- Rows that say what nobody can check later ---------------------------
 * A block proves itself by its hash; a memo entry or a note does not, and a bit
 * that flipped in it would be a wrong answer. Such rows end in a checksum over
 * table, key and value; a row whose checksum is wrong is not there. */

enum { CHECKSUM_LEN = 8, ROW_SMALL = 1024 };

static bool is_checked(enum table table)
{
    return table == TABLE_MEMO || table == TABLE_SYMBOLIC ||
           table == TABLE_PRODUCER || table == TABLE_PINS ||
           table == TABLE_NAMES || table == TABLE_TOUCHED ||
           table == TABLE_REVOCATIONS || table == TABLE_REPLAYS ||
           table == TABLE_PENDING || table == TABLE_RECEIPTS ||
           table == TABLE_JOBS || table == TABLE_JOBS_TIME ||
           table == TABLE_JOURNAL || table == TABLE_QUOTAS ||
           (table >= TABLE_NOTE_FILE && table <= TABLE_NOTE_LAST_RUN);
}

/* The first bytes of sha2-256(table | key's length, 2 bytes | key | value). */
static void checksum(enum table table, Bytes key, Bytes value,
                     uint8_t out[CHECKSUM_LEN])
{
    enum { HEAD = 3 };
    uint8_t small[ROW_SMALL];
    size_t len = HEAD + key.len + value.len;
    uint8_t *row = len <= sizeof small ? small : heap_alloc(len);
    Hash hash;
    row[0] = (uint8_t)table;
    row[1] = (uint8_t)(key.len >> 8);
    row[2] = (uint8_t)key.len;
    memcpy(row + HEAD, key.data, key.len);
    if (value.len > 0)
        memcpy(row + HEAD + key.len, value.data, value.len);
    hash_sha256(bytes_of(row, len), &hash);
    memcpy(out, hash.bytes, CHECKSUM_LEN);
    if (row != small)
        free(row);
}

/* Takes the checksum off; false if it is wrong. */
static bool uncheck(enum table table, Bytes key, Bytes *row)
{
    uint8_t expected[CHECKSUM_LEN];
    if (row->len < CHECKSUM_LEN)
        return false;
    const Bytes value = bytes_of(row->data, row->len - CHECKSUM_LEN);
    checksum(table, key, value, expected);
    if (memcmp(expected, row->data + value.len, CHECKSUM_LEN) != 0)
        return false;
    *row = value;
    return true;
}

bool table_value_of_row(enum table table, Bytes key, Bytes *row)
{
    return !is_checked(table) || uncheck(table, key, row);
}

Status transaction_get(struct transaction *transaction, enum table table,
                       Bytes key, Bytes *out, struct error *err)
{
    TRY(transaction->tables->methods->get(transaction, table, key, out, err));
    if (is_checked(table) && !uncheck(table, key, out))
        return STATUS_NOT_FOUND;
    return STATUS_OK;
}

static Status put_row(struct transaction *transaction, enum table table,
                      Bytes key, Bytes row, struct error *err)
{
    return transaction->tables->methods->put(transaction, table, key, row,
                                             err);
}

/* The value with its checksum; to be given back with free(). */
static Bytes checked_row(enum table table, Bytes key, Bytes value)
{
    uint8_t *row = heap_alloc(value.len + CHECKSUM_LEN);
    if (value.len > 0)
        memcpy(row, value.data, value.len);
    checksum(table, key, value, row + value.len);
    return bytes_of(row, value.len + CHECKSUM_LEN);
}

static void free_row(Bytes row)
{
    free((void *)(uintptr_t)row.data);
}

Status transaction_put(struct transaction *transaction, enum table table,
                       Bytes key, Bytes value, struct error *err)
{
    ASSERT(transaction->writes && key.len > 0 && key.len <= TABLE_KEY_MAX);
    if (!is_checked(table))
        return put_row(transaction, table, key, value, err);
    Bytes row = checked_row(table, key, value);
    Status status = put_row(transaction, table, key, row, err);
    free_row(row);
    return status;
}

Status transaction_add(struct transaction *transaction, enum table table,
                       Bytes key, Bytes value, Bytes *old, struct error *err)
{
    const struct tables_methods *methods = transaction->tables->methods;
    ASSERT(transaction->writes && key.len > 0 && key.len <= TABLE_KEY_MAX);
    if (!is_checked(table))
        return methods->add(transaction, table, key, value, old, err);
    Bytes row = checked_row(table, key, value);
    Status status = methods->add(transaction, table, key, row, old, err);
    if (status == STATUS_OK && old->data && !uncheck(table, key, old)) {
        // What cannot be believed is not there: the newcomer takes its place.
        *old = (Bytes){NULL, 0};
        status = put_row(transaction, table, key, row, err);
    }
    free_row(row);
    return status;
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

Status transaction_walk_from(struct transaction *transaction, enum table table,
                             Bytes first, TableEach *each, void *context,
                             struct error *err)
{
    return transaction->tables->methods->walk_from(transaction, table, first,
                                                   each, context, err);
}

Status transaction_last(struct transaction *transaction, enum table table,
                        Bytes *key, struct error *err)
{
    return transaction->tables->methods->last(transaction, table, key, err);
}

Status transaction_floor(struct transaction *transaction, enum table table,
                         Bytes bound, Bytes *key, struct error *err)
{
    return transaction->tables->methods->floor(transaction, table, bound, key,
                                               err);
}

Status tables_copy(struct tables *tables, int file, struct error *err)
{
    return tables->methods->copy(tables, file, err);
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
