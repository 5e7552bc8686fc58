/* SPDX-License-Identifier: Apache-2.0 */
/* tables_lmdb.h - what the files of the LMDB backend share. Only they include
 * lmdb.h. Thread: see the fields. */
#ifndef IPVM_STORE_TABLES_LMDB_H
#define IPVM_STORE_TABLES_LMDB_H

#include <lmdb.h>
#include <pthread.h>
#include <sys/types.h>

#include "store/tables.h"

enum {
    READ_SLOTS = 32,
    CACHE_LINE = 64,
};

/* An idle read transaction, kept since renewing is far cheaper than making
 * one. A thread keeps the lock while it reads; threads are spread over the
 * slots, so that it is hardly ever waited for. */
struct read_slot {
    _Alignas(CACHE_LINE) pthread_mutex_t lock;
    MDB_txn *idle; /* NULL, or reset */
};

/* LMDB's own list of free pages, which is none of ours. */
enum { DATABASE_MISSING = 0 };

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): one in a store
struct lmdb_tables {
    struct tables tables;
    char *path;   /* owned; for messages */
    MDB_env *env; /* owned */
    bool read_only;
    bool has_place; /* the three below are set */
    dev_t device;
    ino_t inode;
    struct lmdb_tables *next_claim; /* tables_lmdb_place.c */
    MDB_dbi databases[TABLE_COUNT]; /* DATABASE_MISSING: reads as empty */
    /* Held by the one write transaction of the process, and while the map
     * changes its size; taken before any slot's lock. */
    pthread_mutex_t writing;
    struct read_slot slots[READ_SLOTS];
};

extern const struct tables_methods lmdb_methods;

/* Fills `err` from an LMDB result. STATUS_LIMIT means MDB_MAP_FULL. */
Status lmdb_fail(const struct lmdb_tables *lmdb, int result, const char *what,
                 struct error *err);

/* Makes the directory if need be, checks it, and takes it for this process.
 * STATUS_BUSY: it is taken. */
Status lmdb_take_place(struct lmdb_tables *lmdb, struct error *err);
/* The reverse; allowed when it was not taken. */
void lmdb_leave_place(struct lmdb_tables *lmdb);

/* Gives the map `map_bytes`, or if 0 the size another process gave it. Needs
 * that this thread has no transaction and holds no lock. */
Status lmdb_resize(struct lmdb_tables *lmdb, size_t map_bytes,
                   struct error *err);

/* tables_copy(). */
Status lmdb_copy(struct tables *tables, int file, struct error *err);

/* Pages of the file that are free to be used again. */
int lmdb_count_free(MDB_txn *txn, uint64_t *out);

/* Refuses a file that is shorter than its own page count says: touching what
 * is missing would kill the process (SIGBUS). */
Status lmdb_check_length(struct lmdb_tables *lmdb, struct error *err);

#endif
