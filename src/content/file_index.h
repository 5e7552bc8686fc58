/* SPDX-License-Identifier: Apache-2.0 */
/* file_index.h - spares re-hashing input files that did not change: a note
 * per path of (device, inode, size, mtime, ctime, layout) → CID.
 *
 * A file changed less than 2 s before it was read is not noted: a second
 * change within the clock's grain would go unseen. Thread: any. */
#ifndef IPVM_CONTENT_FILE_INDEX_H
#define IPVM_CONTENT_FILE_INDEX_H

#include <stdbool.h>
#include <sys/stat.h>

#include "store/store.h"

/* `layout` stands for what the CID depends on beside the bytes.
 * STATUS_OK: `*out` is what the file holds, and the store has all of it.
 * STATUS_NOT_FOUND: read it. */
Status file_index_get(struct store *store, const char *path,
                      const struct stat *stat, uint64_t layout, Cid *out);

/* Whether a file with this `stat` may be noted once it is read; asked before
 * it is read. */
bool file_index_is_settled(const struct stat *stat);
/* `stat` from before the file was read, settled, and it is the same after. */
void file_index_put(struct store_batch *batch, const char *path,
                    const struct stat *stat, uint64_t layout, const Cid *cid);

/* A note as it is in the store, for those who look for where content came
 * from. `path` borrows from it. False: it cannot be read. */
struct indexed_file {
    Cid cid;
    uint64_t layout;
    Text path;
};
bool file_index_read(Bytes note, struct indexed_file *out);
/* Reads the file again, as it was imported before. STATUS_NOT_FOUND: it is
 * gone or has other content now. */
Status file_index_import(struct store *store, const struct indexed_file *file,
                         struct error *err);

#endif
