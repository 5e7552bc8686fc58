/* SPDX-License-Identifier: Apache-2.0 */
/* tables.h - what a store stands on: ordered tables of bytes with
 * transactions. The only thing a backend has to provide; all that a store
 * means (first writer wins, withdrawal, leases …) is written once above it.
 *
 * Inside src/store only. Thread: any. A thread has at most one transaction at
 * a time, keeps it short, and calls nobody else's code during it.
 */
#ifndef IPVM_STORE_TABLES_H
#define IPVM_STORE_TABLES_H

#include "base/bytes.h"
#include "base/status.h"

/* docs/formats/store.md says what is in them. The numbers are for ever: they
 * are in the checksums of rows. */
enum table {
    TABLE_META,
    TABLE_BLOCKS,
    TABLE_MEMO,
    TABLE_SYMBOLIC,
    TABLE_THROUGH,
    TABLE_BY_RESULT,
    TABLE_PRODUCER,
    TABLE_ALARMS,
    TABLE_PINS,
    TABLE_NOTE_FILE, /* the note tables stand in the order of note_table */
    TABLE_NOTE_MODULE,
    TABLE_NOTE_WORKFLOW,
    TABLE_NOTE_LAST_RUN,
    TABLE_LEASES, /* in an environment of its own, never synced */
    TABLE_NAMES,
    TABLE_TOUCHED,
    TABLE_HOLDS, /* beside the leases */
    TABLE_REVOCATIONS,
    TABLE_REPLAYS,
    TABLE_PENDING, /* the next six: receipts.h, log.h */
    TABLE_RECEIPTS,
    TABLE_RECEIPTS_OF,
    TABLE_LOG,
    TABLE_HEADS,
    TABLE_TOKENS,
    TABLE_JOBS, /* the next five: jobs.h, in the order of jobs_private.h */
    TABLE_JOBS_OPEN,
    TABLE_JOBS_TIME,
    TABLE_JOURNAL,
    TABLE_QUOTAS,
    TABLE_COUNT
};

/* Is it in the environment of the leases? */
static inline bool table_is_of_leases(enum table table)
{
    return table == TABLE_LEASES || table == TABLE_HOLDS;
}

enum { TABLE_KEY_MAX = 511 };

struct tables {
    const struct tables_methods *methods;
};

struct transaction {
    struct tables *tables;
    void *handle;  /* the backend's */
    unsigned slot; /* the backend's */
    bool writes;
};

/* False ends the walk. */
typedef bool TableEach(void *context, Bytes key, Bytes value);

struct table_stat {
    uint64_t count;
    uint64_t table_bytes; /* of this one: keys, values and what they cost */
    uint64_t used_bytes;  /* of all tables together, with what is free */
    uint64_t free_bytes;  /* to be used again */
    uint64_t map_bytes;
};

/* A backend. Each does what the function of the same name below says. */
struct tables_methods {
    void (*close)(struct tables *tables);
    Status (*begin)(struct tables *tables, struct transaction *out,
                    struct error *err);
    void (*end)(struct transaction *transaction);
    Status (*commit)(struct transaction *transaction, struct error *err);
    Status (*get)(struct transaction *transaction, enum table table, Bytes key,
                  Bytes *out, struct error *err);
    Status (*put)(struct transaction *transaction, enum table table, Bytes key,
                  Bytes value, struct error *err);
    Status (*add)(struct transaction *transaction, enum table table, Bytes key,
                  Bytes value, Bytes *old, struct error *err);
    Status (*remove)(struct transaction *transaction, enum table table,
                     Bytes key, struct error *err);
    Status (*walk)(struct transaction *transaction, enum table table,
                   Bytes prefix, TableEach *each, void *context,
                   struct error *err);
    Status (*walk_from)(struct transaction *transaction, enum table table,
                        Bytes first, TableEach *each, void *context,
                        struct error *err);
    Status (*last)(struct transaction *transaction, enum table table,
                   Bytes *key, struct error *err);
    Status (*floor)(struct transaction *transaction, enum table table,
                    Bytes bound, Bytes *key, struct error *err);
    Status (*copy)(struct tables *tables, int file, struct error *err);
    Status (*grow)(struct tables *tables, struct error *err);
    Status (*stat)(struct transaction *transaction, enum table table,
                   struct table_stat *out, struct error *err);
};

struct tables *tables_open_memory(void);

struct tables_options {
    bool read_only;
    bool no_sync;
    bool leases; /* the environment of the leases, not of the others */
    uint64_t map_bytes;
};

/* Opens or makes the LMDB environment at `path`: a directory, or for leases a
 * file. */
Status tables_open_lmdb(const char *path, const struct tables_options *options,
                        struct tables **out, struct error *err);
void tables_close(struct tables *tables);

/* A consistent picture of all tables; end it with transaction_end(). */
Status tables_read(struct tables *tables, struct transaction *out,
                   struct error *err);
/* Waits for other writers, of other processes too. End it with
 * transaction_commit(), or with transaction_end() to undo it. */
Status tables_write(struct tables *tables, struct transaction *out,
                    struct error *err);
/* Ends the transaction in any case. STATUS_LIMIT: see tables_grow(). */
Status transaction_commit(struct transaction *transaction, struct error *err);
void transaction_end(struct transaction *transaction);

/* `*out` is borrowed until the transaction ends or writes. */
Status transaction_get(struct transaction *transaction, enum table table,
                       Bytes key, Bytes *out, struct error *err);
/* Adds or replaces. STATUS_LIMIT: there is no room in the map; end the
 * transaction, call tables_grow(), begin again. */
Status transaction_put(struct transaction *transaction, enum table table,
                       Bytes key, Bytes value, struct error *err);
/* Adds if the key is new: `old->data` is NULL then. Else writes nothing, and
 * `*old` is what is there, borrowed as from transaction_get(). */
Status transaction_add(struct transaction *transaction, enum table table,
                       Bytes key, Bytes value, Bytes *old, struct error *err);
/* STATUS_OK also when it was not there. */
Status transaction_remove(struct transaction *transaction, enum table table,
                          Bytes key, struct error *err);
/* Keys that begin with `prefix`, ascending. `each` must not write. */
Status transaction_walk(struct transaction *transaction, enum table table,
                        Bytes prefix, TableEach *each, void *context,
                        struct error *err);
/* Keys from `first` on (it need not be there; empty: all), ascending: to go on
 * in another transaction where one was left, so that none is long. */
Status transaction_walk_from(struct transaction *transaction, enum table table,
                             Bytes first, TableEach *each, void *context,
                             struct error *err);
/* The greatest key, borrowed as from transaction_get(). STATUS_NOT_FOUND: the
 * table is empty. */
Status transaction_last(struct transaction *transaction, enum table table,
                        Bytes *key, struct error *err);
/* The greatest key that is not above `bound`, which is not empty; the same. */
Status transaction_floor(struct transaction *transaction, enum table table,
                         Bytes bound, Bytes *key, struct error *err);
/* What a walk gives of a table with checksums still ends in one. Takes it off;
 * false if it is wrong. Nothing to do for the other tables. */
bool table_value_of_row(enum table table, Bytes key, Bytes *row);
Status transaction_stat(struct transaction *transaction, enum table table,
                        struct table_stat *out, struct error *err);
/* Writes one consistent picture of all tables to `file` (also a pipe), without
 * what is free, as the backend keeps it. Others go on writing; pages that they
 * free meanwhile are not used again before it ends. No transaction of this
 * thread may be open. STATUS_UNSUPPORTED: the backend keeps no file. */
Status tables_copy(struct tables *tables, int file, struct error *err);
/* Doubles the map. No transaction of this thread may be open. */
Status tables_grow(struct tables *tables, struct error *err);

#endif
