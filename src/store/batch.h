/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - what a batch holds: operations in the order they were added, in
 * one arena. Inside src/store only. Thread: one at a time; once submitted,
 * nobody changes it but the queue. */
#ifndef IPVM_STORE_BATCH_H
#define IPVM_STORE_BATCH_H

#include "store/store.h"
#include "store/tables.h"

enum operation_kind {
    OPERATION_BLOCK,       /* key multihash */
    OPERATION_MEMO,        /* key concrete; value the entry's bytes */
    OPERATION_SYMBOLIC,    /* key symbolic; value as in the table; through */
    OPERATION_WITHDRAW,    /* key concrete */
    OPERATION_KEEP,        /* key, value; the first writer wins */
    OPERATION_PUT,         /* key, value; the last writer wins */
    OPERATION_REMOVE,      /* key */
    OPERATION_NAME,        /* key; value one version: seconds (8), CID */
    OPERATION_PENDING,     /* value; the row's number is found when written */
    OPERATION_JOB,         /* key; value a row of jobs_private.h */
    OPERATION_JOB_REMOVE,  /* key; value when it was submitted (8) */
    OPERATION_JOURNAL_CUT, /* key of jobs_time; value the first to stay (8) */
};

struct operation {
    enum operation_kind kind;
    enum table table;
    struct operation *next; /* in the batch */
    /* In a bucket of the queue's overlay, newest first. */
    struct operation *older, *newer;
    uint64_t hash; /* of table and key, for the overlay */
    Bytes key;
    Bytes value;
    struct block *block; /* OPERATION_BLOCK: owned reference, holds value */
    bool has_new_roots;  /* OPERATION_JOB: found when it is written */
    const Hash *through;
    size_t through_count;
};

struct store_batch {
    struct store *store;
    struct arena arena;
    struct operation *first, *last;
    size_t bytes; /* about what it takes in memory and on disk */
    size_t withdrawals;
    size_t count;  /* operations */
    size_t known;  /* of those, blocks that were there when they were added */
    Status status; /* sticky: a bound was passed while filling it */
    struct error error;
    /* The queue's. */
    struct store_batch *next;
    StoreDone *done; /* may be NULL */
    void *context;
    bool is_waited_for; /* in store_commit(), and not ours to free */
    bool finished;
};

enum { SYMBOLIC_BYTES = 1 + SHA256_LEN };

/* Copies key and value. */
struct operation *batch_add(struct store_batch *batch,
                            enum operation_kind kind, enum table table,
                            Bytes key, Bytes value);
/* Keeps the first trouble for the commit. */
void batch_refuse(struct store_batch *batch, const struct error *error);

/* Empties it and keeps the memory. */
void batch_clear(struct store_batch *batch);

#endif
