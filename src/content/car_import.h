/* SPDX-License-Identifier: Apache-2.0 */
/* car_import.h - CAR files into a store, all of a file or nothing of it
 * (docs/decisions/0010-car.md).
 *
 * Every block is hashed before any is put: what is larger than 32 MiB is read
 * twice, a pipe through an unlinked file in the store's directory. Memory:
 * some tens of MiB, whatever the size. Thread: any; the store's. */
#ifndef IPVM_CONTENT_CAR_IMPORT_H
#define IPVM_CONTENT_CAR_IMPORT_H

#include "content/content.h"
#include "ipld/car.h"

/* A zeroed struct means the defaults. */
struct car_import_options {
    bool no_pin; /* the roots are not pinned */
    /* Told the bytes read; `total` is both readings, or 0 for a pipe. */
    ContentProgress *progress;
    void *context;
};

/* What was in the file, and what the store has of it now. */
struct car_imported {
    unsigned version; /* of the file */
    Cid *roots;       /* owned; as in the file */
    bool *is_in_file; /* owned; one a root. An identity CID always is */
    bool *is_pinned;  /* owned; one a root. Only what is here can be */
    size_t root_count;
    uint64_t blocks; /* sections: duplicates and identity CIDs too */
    uint64_t bytes;  /* of those blocks */
};
void car_imported_deinit(struct car_imported *imported);

/* Imports what `file`, open for reading, still has to give. Durable when it
 * returns; the pins come with the last of it. `name` is for the words and the
 * pins, whose name is what stands behind its last slash.
 *
 * STATUS_INVALID, STATUS_LIMIT: not a CAR, or one that is cut off or lies, or
 * has a block that does not hash to its CID; STATUS_UNSUPPORTED: a version or
 * a hash that is not known here: nothing was kept. STATUS_FULL, STATUS_IO,
 * STATUS_CANCELLED: good blocks may have been kept, without pins, for the next
 * collection to take. `options` may be NULL. */
Status car_import(struct store *store, int file, const char *name,
                  const struct car_import_options *options,
                  struct car_imported *out, struct error *err);

/* Of the DAGs below some roots, what the store has not. */
struct car_missing {
    uint64_t count;
    Cid first;
    /* Words, where looking stopped early: a block that its codec cannot read.
     * Empty else. */
    char trouble[ERROR_MESSAGE_MAX];
};

/* Looks for it. That something is missing is no failure: it may be coming with
 * another file. */
Status car_look_below(struct store *store, const struct car_imported *imported,
                      struct car_missing *out, struct error *err);

#endif
