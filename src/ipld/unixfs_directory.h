/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_directory.h - makes the blocks of directories and symlinks (UnixFS,
 * profile unixfs-v1-2025: one node while it is small, above that a HAMT of
 * fanout 256 over murmur3), so that CIDs agree with Kubo's
 * (docs/formats/unixfs.md).
 *
 * Memory beside the children: 16 bytes for each, and one node for each level.
 * Thread: any. */
#ifndef IPVM_IPLD_UNIXFS_DIRECTORY_H
#define IPVM_IPLD_UNIXFS_DIRECTORY_H

#include "ipld/unixfs_writer.h"

enum {
    UNIXFS_SHARD_BYTES = 256 << 10, /* a longer node becomes a HAMT */
    UNIXFS_FANOUT = 256,
    UNIXFS_NAME_MAX = 255, /* bytes of a name we write */
};

struct unixfs_child {
    Text name;
    Cid cid;
    uint64_t tsize; /* bytes of all blocks below, its own included */
};

/* Writes a directory of `children`, in any order; `children` is sorted by
 * name. `metadata` may be NULL. `*tsize` as in struct unixfs_child (may be
 * NULL). STATUS_INVALID: a name that is empty, ".", "..", longer than
 * UNIXFS_NAME_MAX, not UTF-8, holds '/' or a zero byte, or comes twice; in a
 * HAMT, two names with the same hash; says which. Also metadata out of range.
 * STATUS_LIMIT: the sizes pass 64 bits. What `sink` returns, if not OK. */
Status unixfs_write_directory(struct unixfs_child *children, size_t count,
                              const struct unixfs_metadata *metadata,
                              const struct unixfs_block_sink *sink, Cid *root,
                              uint64_t *tsize, struct error *err);

/* Writes a symlink. `target` is any text without a zero byte, else
 * STATUS_INVALID. Of `metadata`, which may be NULL, only mtime is kept: nobody
 * else writes the mode of a symlink. */
Status unixfs_write_symlink(Text target,
                            const struct unixfs_metadata *metadata,
                            const struct unixfs_block_sink *sink, Cid *root,
                            uint64_t *tsize, struct error *err);

#endif
