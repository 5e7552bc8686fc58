/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs.h - reads files and directories that are trees of blocks.
 *
 *     file       [ data | child | child … ], in order
 *     directory  names to CIDs, in one node or as a trie by hash (HAMT)
 *
 * The one exact reader: what is malformed (unixfs_node.h) is malformed for
 * everybody. A child whose size is not the one its parent names, that is no
 * file, or that lies deeper than UNIXFS_DEPTH_MAX is malformed as well. Only
 * what a call visits is checked.
 *
 * Thread: any; the source is called on the caller's thread. */
#ifndef IPVM_IPLD_UNIXFS_H
#define IPVM_IPLD_UNIXFS_H

#include "base/arena.h"
#include "ipld/cid.h"

enum { UNIXFS_DEPTH_MAX = 32 };

/* A block on loan from the source. */
struct unixfs_block {
    Bytes bytes;
    void *handle; /* the source's own */
};

/* Where blocks come from. get() answers with bytes that hash to `cid`, a
 * well-formed binary CID, or with the status that the reader then returns;
 * release() gets each block back once. CIDs with an identity hash are read
 * without it. expect() may be NULL: told of CIDs that get() will be asked for
 * soon, about in that order, with their lengths as their parent claims. */
struct unixfs_source {
    Status (*get)(void *context, Bytes cid, struct unixfs_block *out,
                  struct error *err);
    void (*release)(void *context, struct unixfs_block *block);
    void *context;
    void (*expect)(void *context, Bytes cid, uint64_t len);
};

typedef enum { UNIXFS_FILE, UNIXFS_DIRECTORY, UNIXFS_SYMLINK } UnixfsKind;

/* What stat() says of a file, where it was kept. */
struct unixfs_metadata {
    bool has_mode;
    bool has_mtime;
    uint32_t mode; /* permission bits, 0 to 07777 */
    int64_t mtime_s;
    uint32_t mtime_ns; /* below 1,000,000,000 */
};

struct unixfs_info {
    UnixfsKind kind;
    uint64_t size; /* of a file, in bytes; else 0 */
    struct unixfs_metadata metadata;
};

/* What `cid` is. STATUS_INVALID: malformed, or a codec that is neither raw nor
 * dag-pb. */
Status unixfs_open(const struct unixfs_source *source, Bytes cid,
                   struct unixfs_info *out, struct error *err);

/* --- Files -------------------------------------------------------------- */

/* Copies `len` bytes from `offset` of a file to `out`. STATUS_INVALID also
 * when the file is shorter, or no file. What `out` holds after a failure is
 * undefined. */
Status unixfs_read(const struct unixfs_source *source, Bytes cid,
                   uint64_t offset, uint8_t *out, size_t len,
                   struct error *err);

/* Takes the pieces of a file in order; a status other than OK ends it. */
struct unixfs_sink {
    Status (*add)(void *context, Bytes piece, struct error *err);
    void *context;
};

/* Gives a whole file to `sink`, holding a block for each level at a time. */
Status unixfs_stream(const struct unixfs_source *source, Bytes cid,
                     const struct unixfs_sink *sink, struct error *err);

/* The same for `len` bytes from `offset`; fails as unixfs_read(). */
Status unixfs_stream_range(const struct unixfs_source *source, Bytes cid,
                           uint64_t offset, uint64_t len,
                           const struct unixfs_sink *sink, struct error *err);

/* --- Directories -------------------------------------------------------- */

struct unixfs_entry {
    Text name;
    Bytes cid;
    uint64_t tsize; /* bytes of all blocks below, as the directory claims */
};

struct unixfs_entries {
    const struct unixfs_entry *items; /* sorted bytewise by name */
    size_t count;
};

/* Takes one entry, on loan; a status other than OK ends the listing. */
typedef Status UnixfsEach(void *context, const struct unixfs_entry *entry,
                          struct error *err);

/* Gives each entry of a directory, HAMT or not, to `each`: in the order they
 * are stored in, a HAMT's by the hashes of their names. Holds one block for
 * each level of a HAMT, whatever the number of entries. Malformed are also
 * names that are empty, ".", "..", contain '/' or a zero byte, come twice, or
 * stand in a HAMT where their hash does not lead; entries that came before
 * that was found were given. */
Status unixfs_each(const struct unixfs_source *source, Bytes cid,
                   UnixfsEach *each, void *context, struct error *err);

/* The same, all of them in `arena`. */
Status unixfs_list(const struct unixfs_source *source, Bytes cid,
                   struct arena *arena, struct unixfs_entries *out,
                   struct error *err);

/* Finds the CID at `path`, names joined by '/', below a directory; empty
 * names do not count. STATUS_NOT_FOUND: no such name; STATUS_INVALID
 * also when a name is looked for in what is no directory. */
Status unixfs_resolve(const struct unixfs_source *source, Bytes cid, Text path,
                      struct arena *arena, Bytes *out, struct error *err);

/* The target of a symlink, in `arena`. */
Status unixfs_symlink(const struct unixfs_source *source, Bytes cid,
                      struct arena *arena, Text *out, struct error *err);

#endif
