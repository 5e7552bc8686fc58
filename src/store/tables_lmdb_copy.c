/* SPDX-License-Identifier: Apache-2.0 */
/* tables_lmdb_copy.c - a picture of all tables as an LMDB file of its own.
 *
 * LMDB walks the pages that one read transaction sees and writes them without
 * the free ones. That transaction is not one of ours: nobody may change the
 * size of our map meanwhile, which is what holding a slot's lock says. */
#include "store/tables_lmdb.h"

enum { COPY_SLOT = READ_SLOTS - 1, TRIES = 16 };

static int copy_once(struct lmdb_tables *lmdb, int file, unsigned flags)
{
    struct read_slot *slot = &lmdb->slots[COPY_SLOT];
    pthread_mutex_lock(&slot->lock);
    int result = mdb_env_copyfd2(lmdb->env, file, flags);
    pthread_mutex_unlock(&slot->lock);
    return result;
}

Status lmdb_copy(struct tables *tables, int file, struct error *err)
{
    void *whole = tables; // Its first member.
    struct lmdb_tables *lmdb = whole;
    int result = MDB_MAP_RESIZED;
    // Another process made it larger; nothing was written then.
    for (int tries = 0; tries < TRIES && result == MDB_MAP_RESIZED; tries++) {
        result = copy_once(lmdb, file, MDB_CP_COMPACT);
        if (result == MDB_MAP_RESIZED)
            TRY(lmdb_resize(lmdb, 0, err));
    }
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot copy", err);
    return STATUS_OK;
}
