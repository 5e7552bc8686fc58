/* SPDX-License-Identifier: Apache-2.0 */
/* fsck.h - looks at every row of a store and says what is wrong with it.
 *
 *     fsck_blocks()  hashes every block again, on all cores
 *     fsck_rows()    the other tables: checksums, forms, and that rows which
 *                    belong together are together (docs/formats/store.md)
 *     fsck_memo()    gives every memo entry, for those who know what results
 *                    mean
 *
 * All read in short transactions, each beginning where the last one ended, so
 * that runs may go on: memory is constant, and what comes behind the place
 * that was looked at is not seen. Nothing is changed but by the functions that
 * say so; those look again, in the transaction that changes. Thread: any. */
#ifndef IPVM_STORE_FSCK_H
#define IPVM_STORE_FSCK_H

#include "store/store.h"

/* Told now and then; false stops with STATUS_CANCELLED. */
typedef bool FsckProgress(void *context, uint64_t done, uint64_t total);

/* A block that does not hash to its name. Called on the thread of the caller,
 * at the end. */
typedef void FsckBlock(void *context, Bytes multihash);

struct fsck_options {
    unsigned threads;       /* 0: one per core */
    FsckProgress *progress; /* may be NULL; bytes of blocks */
    void *context;          /* of progress and what is called */
};

struct fsck_counts {
    uint64_t blocks, block_bytes; /* hashed */
    uint64_t unknown;             /* of hashes that we do not have: not */
    uint64_t rows;
};

/* Adds to `counts`. STATUS_IO, STATUS_CORRUPT: the tables themselves. */
Status fsck_blocks(struct store *store, const struct fsck_options *options,
                   FsckBlock *damaged, struct fsck_counts *counts,
                   struct error *err);

/* A row that is wrong. All of them can be removed, for each only says what
 * somebody can find out again; but for the state of a log of receipts, which
 * only a backup has. A job whose row is damaged is forgotten with its journal:
 * submitted again it is the same job, and finds what it had finished. */
struct fsck_row {
    int table;              /* for fsck_mend_row() */
    const char *table_name; /* "memo" */
    Bytes key;
    const char *what; /* "its checksum is wrong" */
};
typedef void FsckRow(void *context, const struct fsck_row *row);

Status fsck_rows(struct store *store, const struct fsck_options *options,
                 FsckRow *wrong, struct fsck_counts *counts,
                 struct error *err);

typedef Status FsckMemo(void *context, const Hash *concrete,
                        const struct memo_entry *entry, struct error *err);
/* A status other than OK ends it. `each` may use the store. */
Status fsck_memo(struct store *store, FsckMemo *each, void *context,
                 struct error *err);

/* Every note of a table whose checksum is right. `each` may use the store. */
typedef Status FsckNote(void *context, Bytes key, Bytes note,
                        struct error *err);
Status fsck_notes(struct store *store, enum note_table table, FsckNote *each,
                  void *context, struct error *err);

/* --- Repair: durable when they return ------------------------------------ */

/* Removes the row if it is still wrong; adds what it lacked, where that is
 * what is wrong. `*done` says if anything was changed. */
Status fsck_mend_row(struct store *store, const struct fsck_row *row,
                     bool *done, struct error *err);
/* Removes a block if its bytes do not hash to its name. */
Status fsck_remove_block(struct store *store, Bytes multihash, bool *done,
                         struct error *err);

#endif
