/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_writer.h - makes the blocks of a file as its bytes arrive: UnixFS in
 * the profile unixfs-v1-2025 (raw leaves, balanced tree, CIDv1 sha2-256).
 *
 * Memory does not grow with the file but for one list of links per level of
 * the tree. Thread: one at a time. */
#ifndef IPVM_IPLD_UNIXFS_WRITER_H
#define IPVM_IPLD_UNIXFS_WRITER_H

#include "base/buffer.h"
#include "ipld/unixfs.h"

enum {
    UNIXFS_CHUNK_SIZE = 1 << 20,
    UNIXFS_LINKS_MAX = 1024,
    /* What Kubo did before that profile (--cid-version=1). */
    UNIXFS_LEGACY_CHUNK_SIZE = 256 << 10,
    UNIXFS_LEGACY_LINKS_MAX = 174,
    UNIXFS_CHUNK_SIZE_MAX = 2 << 20, /* the biggest block anybody takes */
};

struct unixfs_writer_options {
    size_t chunk_size; /* bytes in a leaf; 0 is UNIXFS_CHUNK_SIZE */
    size_t links_max;  /* in a node, at least 2; 0 is UNIXFS_LINKS_MAX */
    /* Kept in the root. A root without anything to keep is as without this;
     * else it is a dag-pb node, in which a file of one chunk lies inline. */
    struct unixfs_metadata metadata;
    /* Leaves are dag-pb File nodes, not raw blocks: so Kubo writes what it
     * keeps metadata of (--preserve-mode switches raw leaves off). */
    bool wrap_leaves;
};

/* Takes each finished block, children before parents. The same block may come
 * more than once. A status other than OK ends the writing. */
struct unixfs_block_sink {
    Status (*put)(void *context, const Cid *cid, Bytes block,
                  struct error *err);
    void *context;
};

struct unixfs_writer;

/* `options` may be NULL. Values out of range stop the program: check what a
 * person typed against the constants above. */
struct unixfs_writer *unixfs_writer_new(
    const struct unixfs_writer_options *options,
    const struct unixfs_block_sink *sink);
void unixfs_writer_free(struct unixfs_writer *writer);

/* Adds bytes to the end of the file. Pieces as long as a chunk are hashed
 * where they are. After a failure every call fails the same way. */
Status unixfs_writer_add(struct unixfs_writer *writer, Bytes bytes,
                         struct error *err);

/* Adds a leaf that the caller hashed and put: a chunk of `len` bytes, whole or
 * the last, raw or (with wrap_leaves) from unixfs_wrap_leaf(). Not after
 * unixfs_writer_add(). A file with metadata that ends after one such leaf is
 * STATUS_INVALID: that chunk must come by unixfs_writer_add(). */
Status unixfs_writer_leaf(struct unixfs_writer *writer, const Cid *cid,
                          size_t len, struct error *err);

/* Names and makes the block of a leaf that is wrapped; `out` is cleared first
 * and says when it is too small. Any thread. */
void unixfs_wrap_leaf(Bytes chunk, struct buffer *out, Cid *cid);

/* Ends the file and names it: `*root` and its `*size` in bytes (may be NULL).
 * A file that fits in one chunk, the empty one too, is one raw block unless
 * the options say otherwise. Then only unixfs_writer_tsize() and
 * unixfs_writer_free() are left to do. STATUS_LIMIT: an inline chunk or a
 * wrapped leaf is longer than a block may be. */
Status unixfs_writer_finish(struct unixfs_writer *writer, Cid *root,
                            uint64_t *size, struct error *err);

/* Of a finished file, the bytes of all its blocks: what struct unixfs_child
 * wants. A block that comes twice counts twice. */
uint64_t unixfs_writer_tsize(const struct unixfs_writer *writer);

/* All at once, in the profile, for bytes in memory. */
Status unixfs_write(Bytes bytes, const struct unixfs_block_sink *sink,
                    Cid *root, struct error *err);

#endif
