/* SPDX-License-Identifier: Apache-2.0 */
/* backup.h - a store in one file, and back.
 *
 * A backup is what all tables were at one moment: an LMDB file without free
 * pages, with a trailer behind it that tells length and digest
 * (docs/formats/store.md). Thread: any. */
#ifndef IPVM_STORE_BACKUP_H
#define IPVM_STORE_BACKUP_H

#include "store/fsck.h"
#include "store/store.h"

/* Told now and then how many bytes are done; false stops with
 * STATUS_CANCELLED. `total` is 0 where it is not known. */
typedef bool BackupProgress(void *context, uint64_t done, uint64_t total);

struct backup_options {
    BackupProgress *progress; /* may be NULL */
    void *context;
};

/* Writes a backup to `file`, which is open for writing and may be a pipe;
 * `name` is for messages. Others go on writing to the store; what they free
 * meanwhile is not used again before the end, so it grows by about what is
 * written. STATUS_FULL, STATUS_IO. */
Status backup_write(struct store *store, int file, const char *name,
                    const struct backup_options *options, uint64_t *bytes,
                    struct error *err);
/* The same into a file that appears by rename, whole and synced, or not at
 * all. */
Status backup_save(struct store *store, const char *path,
                   const struct backup_options *options, uint64_t *bytes,
                   struct error *err);

struct restore_options {
    struct backup_options progress;
    bool force;  /* a store that is there is moved aside */
    bool verify; /* hash every block before it becomes the store */
};

struct restore_report {
    uint64_t bytes;            /* of the backup */
    struct fsck_counts counts; /* if verified */
    char aside[4096];          /* where the old store is now, or "" */
};

/* Makes the store `directory` from a backup that `file` (also a pipe) has to
 * give. It appears by rename, whole and checked, or not at all; meanwhile it
 * is in `directory`.restoring. STATUS_INVALID: not a backup, cut short or
 * changed, or with blocks that are damaged. STATUS_UNSUPPORTED: of a newer
 * version. STATUS_DENIED: a store is there already. STATUS_BUSY:
 * another restores there. */
Status backup_restore(int file, const char *name, const char *directory,
                      const struct restore_options *options,
                      struct restore_report *out, struct error *err);

#endif
