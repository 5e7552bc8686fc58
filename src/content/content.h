/* SPDX-License-Identifier: Apache-2.0 */
/* content.h - files into a store and out of it, as UnixFS, in constant memory.
 * Thread: any. */
#ifndef IPVM_CONTENT_CONTENT_H
#define IPVM_CONTENT_CONTENT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "ipld/unixfs.h"
#include "store/store.h"

/* Told now and then how many bytes are done; false stops with
 * STATUS_CANCELLED. `total` is 0 where it is not known. */
typedef bool ContentProgress(void *context, uint64_t done, uint64_t total);

/* A zeroed struct means the defaults. */
struct content_add_options {
    uint64_t chunk_bytes; /* 0: 1 MiB */
    bool only_hash;       /* name it, store nothing */
    bool rehash;          /* do not trust the index of known files */
    bool keep_mode;       /* permissions go into the root of each file */
    bool keep_mtime;
    ContentProgress *progress; /* on the caller's thread */
    void *context;
};

/* Imports a file by its path, with all cores. A file that is known by (path,
 * inode, size, mtime, ctime), unchanged for 2 s or more and still in the store
 * is not read again. Durable when it returns. STATUS_NOT_FOUND, STATUS_DENIED,
 * STATUS_IO: the file; a directory is STATUS_INVALID. STATUS_BUSY: it changed
 * while it was read. */
Status content_add_path(struct store *store, const char *path,
                        const struct content_add_options *options, Cid *out,
                        struct error *err);
/* Imports what `file` (open for reading, also a pipe) still has to give;
 * keep_mode and keep_mtime do not count. */
Status content_add_file(struct store *store, int file, const char *name,
                        const struct content_add_options *options, Cid *out,
                        struct error *err);
Status content_add_bytes(struct store *store, Bytes bytes, Cid *out,
                         struct error *err);

/* Takes pieces in order; anything but STATUS_OK stops and is returned. */
typedef Status ContentSink(void *context, Bytes piece, struct error *err);
/* Reads a raw block or UnixFS file. STATUS_NOT_FOUND: a block is missing, says
 * which. STATUS_INVALID: it is a directory, or malformed. */
Status content_read(struct store *store, const Cid *cid, ContentSink *sink,
                    void *context, struct error *err);
/* Up to `len` bytes of it from `offset`, fewer where it ends. */
Status content_read_range(struct store *store, const Cid *cid, uint64_t offset,
                          uint64_t len, ContentSink *sink, void *context,
                          struct error *err);
/* The same into memory; STATUS_LIMIT beyond the buffer's maximum. */
Status content_load(struct store *store, const Cid *cid, struct buffer *out,
                    struct error *err);
/* Into a file that appears by rename, whole or not at all; a directory as
 * tree_save() does it. */
Status content_save(struct store *store, const Cid *cid, const char *path,
                    struct error *err);
/* The store as the UnixFS reader wants its blocks. */
struct unixfs_source content_source(struct store *store);

/* Bytes of a raw block or UnixFS file. */
Status content_size(struct store *store, const Cid *cid, uint64_t *out,
                    struct error *err);

#endif
