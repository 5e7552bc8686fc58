/* SPDX-License-Identifier: Apache-2.0 */
/* tables_lmdb.c - transactions and cursors on LMDB; opening is next door.
 *
 * LMDB's own rules that shape this file: its map may only be resized while
 * this process has no transaction; a reader that stays open keeps old pages
 * alive; a write transaction belongs to its thread.
 */
#include "store/tables_lmdb.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct lmdb_tables *lmdb_of(struct tables *tables)
{
    void *whole = tables; // Its first member.
    return whole;
}

static struct lmdb_tables *lmdb_of_transaction(struct transaction *transaction)
{
    return lmdb_of(transaction->tables);
}

/* Which slot this thread reads through. */
static unsigned slot_of_thread(void)
{
    static atomic_uint threads;
    static _Thread_local unsigned number; // 0: not given yet.
    if (number == 0)
        number = 1 + atomic_fetch_add(&threads, 1) % READ_SLOTS;
    return number - 1;
}

static MDB_val value_of(Bytes bytes)
{
    // LMDB takes keys and values through a pointer it does not write to.
    return (MDB_val){bytes.len, (void *)(uintptr_t)bytes.data};
}

static Bytes bytes_of_value(MDB_val value)
{
    return bytes_of(value.mv_data, value.mv_size);
}

Status lmdb_resize(struct lmdb_tables *lmdb, size_t map_bytes,
                   struct error *err)
{
    pthread_mutex_lock(&lmdb->writing);
    for (size_t slot = 0; slot < READ_SLOTS; slot++)
        pthread_mutex_lock(&lmdb->slots[slot].lock);
    int result = mdb_env_set_mapsize(lmdb->env, map_bytes);
    for (size_t slot = READ_SLOTS; slot-- > 0;)
        pthread_mutex_unlock(&lmdb->slots[slot].lock);
    pthread_mutex_unlock(&lmdb->writing);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot grow the map of", err);
    return STATUS_OK;
}

static Status lmdb_grow(struct tables *tables, struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of(tables);
    MDB_envinfo info;
    mdb_env_info(lmdb->env, &info);
    if (info.me_mapsize > SIZE_MAX / 4)
        return fail(err, STATUS_FULL, "store %s: its map cannot grow further",
                    lmdb->path);
    return lmdb_resize(lmdb, info.me_mapsize * 2, err);
}

/* One attempt; MDB_MAP_RESIZED is for the caller. */
static int begin_read(struct lmdb_tables *lmdb, struct transaction *out)
{
    out->slot = slot_of_thread();
    struct read_slot *slot = &lmdb->slots[out->slot];
    pthread_mutex_lock(&slot->lock);
    int result = slot->idle
                     ? mdb_txn_renew(slot->idle)
                     : mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &slot->idle);
    if (result == 0) {
        out->handle = slot->idle;
        return 0;
    }
    if (slot->idle)
        mdb_txn_abort(slot->idle);
    slot->idle = NULL;
    pthread_mutex_unlock(&slot->lock);
    return result;
}

static int begin_write(struct lmdb_tables *lmdb, struct transaction *out)
{
    MDB_txn *handle;
    pthread_mutex_lock(&lmdb->writing);
    int result = mdb_txn_begin(lmdb->env, NULL, 0, &handle);
    if (result != 0)
        pthread_mutex_unlock(&lmdb->writing);
    else
        out->handle = handle;
    return result;
}

static Status lmdb_begin(struct tables *tables, struct transaction *out,
                         struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of(tables);
    if (out->writes && lmdb->read_only)
        return fail(err, STATUS_DENIED, "store %s is open read-only",
                    lmdb->path);
    int result = 0;
    // Twice suffices but for a race with others who grow it again.
    for (unsigned attempt = 0; attempt < 16; attempt++) {
        result = out->writes ? begin_write(lmdb, out) : begin_read(lmdb, out);
        if (result == 0)
            return STATUS_OK;
        int dead;
        if (result == MDB_MAP_RESIZED)
            TRY(lmdb_resize(lmdb, 0, err));
        else if (result != MDB_READERS_FULL ||
                 mdb_reader_check(lmdb->env, &dead) != 0 || dead == 0)
            break;
    }
    return lmdb_fail(lmdb, result, "cannot begin a transaction in", err);
}

static void lmdb_end(struct transaction *transaction)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    if (transaction->writes) {
        mdb_txn_abort(transaction->handle);
        pthread_mutex_unlock(&lmdb->writing);
        return;
    }
    mdb_txn_reset(transaction->handle);
    pthread_mutex_unlock(&lmdb->slots[transaction->slot].lock);
}

static Status lmdb_commit(struct transaction *transaction, struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    int result = mdb_txn_commit(transaction->handle);
    pthread_mutex_unlock(&lmdb->writing);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot write to", err);
    return STATUS_OK;
}

static Status lmdb_get(struct transaction *transaction, enum table table,
                       Bytes key, Bytes *out, struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    MDB_val name = value_of(key), value;
    if (key.len == 0 || key.len > TABLE_KEY_MAX ||
        lmdb->databases[table] == DATABASE_MISSING)
        return STATUS_NOT_FOUND;
    int result =
        mdb_get(transaction->handle, lmdb->databases[table], &name, &value);
    if (result == MDB_NOTFOUND)
        return STATUS_NOT_FOUND;
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot read", err);
    *out = bytes_of_value(value);
    return STATUS_OK;
}

static Status lmdb_put(struct transaction *transaction, enum table table,
                       Bytes key, Bytes value, struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    MDB_val name = value_of(key), data = value_of(value);
    int result =
        mdb_put(transaction->handle, lmdb->databases[table], &name, &data, 0);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot write to", err);
    return STATUS_OK;
}

static Status lmdb_add(struct transaction *transaction, enum table table,
                       Bytes key, Bytes value, Bytes *old, struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    MDB_val name = value_of(key), data = value_of(value);
    int result = mdb_put(transaction->handle, lmdb->databases[table], &name,
                         &data, MDB_NOOVERWRITE);
    *old = (Bytes){NULL, 0};
    if (result == MDB_KEYEXIST)
        *old = bytes_of_value(data);
    else if (result != 0)
        return lmdb_fail(lmdb, result, "cannot write to", err);
    return STATUS_OK;
}

static Status lmdb_remove(struct transaction *transaction, enum table table,
                          Bytes key, struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    MDB_val name = value_of(key);
    int result =
        mdb_del(transaction->handle, lmdb->databases[table], &name, NULL);
    if (result != 0 && result != MDB_NOTFOUND)
        return lmdb_fail(lmdb, result, "cannot write to", err);
    return STATUS_OK;
}

/* From `first` on, as long as keys begin with `prefix`. */
static Status walk(struct transaction *transaction, enum table table,
                   Bytes first, Bytes prefix, TableEach *each, void *context,
                   struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    MDB_cursor *cursor;
    if (lmdb->databases[table] == DATABASE_MISSING)
        return STATUS_OK;
    int result =
        mdb_cursor_open(transaction->handle, lmdb->databases[table], &cursor);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot read", err);
    MDB_val key = value_of(first), value;
    result = mdb_cursor_get(cursor, &key, &value,
                            first.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (result == 0) {
        Bytes found = bytes_of_value(key);
        // Nobody put such a one.
        if (found.len > TABLE_KEY_MAX) {
            result = MDB_CORRUPTED;
            break;
        }
        if (found.len < prefix.len ||
            !bytes_equal(bytes_of(found.data, prefix.len), prefix) ||
            !each(context, found, bytes_of_value(value)))
            break;
        result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (result != 0 && result != MDB_NOTFOUND)
        return lmdb_fail(lmdb, result, "cannot read", err);
    return STATUS_OK;
}

static Status lmdb_walk(struct transaction *transaction, enum table table,
                        Bytes prefix, TableEach *each, void *context,
                        struct error *err)
{
    return walk(transaction, table, prefix, prefix, each, context, err);
}

static Status lmdb_walk_from(struct transaction *transaction, enum table table,
                             Bytes first, TableEach *each, void *context,
                             struct error *err)
{
    return walk(transaction, table, first, (Bytes){NULL, 0}, each, context,
                err);
}

static Status lmdb_last(struct transaction *transaction, enum table table,
                        Bytes *out, struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    MDB_cursor *cursor;
    MDB_val key, value;
    if (lmdb->databases[table] == DATABASE_MISSING)
        return STATUS_NOT_FOUND;
    int result =
        mdb_cursor_open(transaction->handle, lmdb->databases[table], &cursor);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot read", err);
    result = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    mdb_cursor_close(cursor);
    if (result == MDB_NOTFOUND)
        return STATUS_NOT_FOUND;
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot read", err);
    *out = bytes_of_value(key);
    return STATUS_OK;
}

static Status lmdb_floor(struct transaction *transaction, enum table table,
                         Bytes bound, Bytes *out, struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    MDB_cursor *cursor;
    MDB_val key = value_of(bound), value;
    if (lmdb->databases[table] == DATABASE_MISSING)
        return STATUS_NOT_FOUND;
    int result =
        mdb_cursor_open(transaction->handle, lmdb->databases[table], &cursor);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot read", err);
    // The first one that is not below, and if it is above the one before it.
    result = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (result == MDB_NOTFOUND)
        result = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    else if (result == 0 && !bytes_equal(bytes_of_value(key), bound))
        result = mdb_cursor_get(cursor, &key, &value, MDB_PREV);
    mdb_cursor_close(cursor);
    if (result == MDB_NOTFOUND)
        return STATUS_NOT_FOUND;
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot read", err);
    *out = bytes_of_value(key);
    return STATUS_OK;
}

static Status lmdb_stat(struct transaction *transaction, enum table table,
                        struct table_stat *out, struct error *err)
{
    struct lmdb_tables *lmdb = lmdb_of_transaction(transaction);
    MDB_stat stat;
    MDB_envinfo info;
    const bool is_missing = lmdb->databases[table] == DATABASE_MISSING;
    int result = mdb_stat(transaction->handle, lmdb->databases[table], &stat);
    if (result == 0)
        result = mdb_env_info(lmdb->env, &info);
    uint64_t free_pages = 0;
    if (result == 0)
        result = lmdb_count_free(transaction->handle, &free_pages);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot read", err);
    *out = (struct table_stat){
        .free_bytes = free_pages * stat.ms_psize,
        .count = is_missing ? 0 : stat.ms_entries,
        .table_bytes = is_missing ? 0
                                  : stat.ms_psize * (stat.ms_branch_pages +
                                                     stat.ms_leaf_pages +
                                                     stat.ms_overflow_pages),
        .used_bytes = (info.me_last_pgno + 1) * stat.ms_psize,
        .map_bytes = info.me_mapsize,
    };
    return STATUS_OK;
}

static void lmdb_close(struct tables *tables)
{
    struct lmdb_tables *lmdb = lmdb_of(tables);
    for (size_t slot = 0; slot < READ_SLOTS; slot++) {
        if (lmdb->slots[slot].idle)
            mdb_txn_abort(lmdb->slots[slot].idle);
        pthread_mutex_destroy(&lmdb->slots[slot].lock);
    }
    if (lmdb->env)
        mdb_env_close(lmdb->env);
    lmdb_leave_place(lmdb);
    pthread_mutex_destroy(&lmdb->writing);
    free(lmdb->path);
    free(lmdb);
}

const struct tables_methods lmdb_methods = {
    .close = lmdb_close,
    .begin = lmdb_begin,
    .end = lmdb_end,
    .commit = lmdb_commit,
    .get = lmdb_get,
    .put = lmdb_put,
    .add = lmdb_add,
    .remove = lmdb_remove,
    .walk = lmdb_walk,
    .walk_from = lmdb_walk_from,
    .last = lmdb_last,
    .floor = lmdb_floor,
    .copy = lmdb_copy,
    .grow = lmdb_grow,
    .stat = lmdb_stat,
};
