/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_node.h - one block of a UnixFS file or directory, taken apart.
 *
 *     data { type (1), data (2), filesize (3), blocksizes (4) …,
 *            hash type (5), fanout (6), mode (7), mtime (8) }
 *
 * stands in the data of a dag-pb node whose links are the children
 * (specs.ipfs.tech, UnixFS). Thread: any. */
#ifndef IPVM_IPLD_UNIXFS_NODE_H
#define IPVM_IPLD_UNIXFS_NODE_H

#include "ipld/dag_pb.h"
#include "ipld/unixfs.h"

typedef enum {
    UNIXFS_NODE_RAW = 0,
    UNIXFS_NODE_DIRECTORY = 1,
    UNIXFS_NODE_FILE = 2,
    UNIXFS_NODE_METADATA = 3,
    UNIXFS_NODE_SYMLINK = 4,
    UNIXFS_NODE_HAMT = 5
} UnixfsNodeType;

/* Fields of the data. */
enum {
    UNIXFS_FIELD_TYPE = 1,
    UNIXFS_FIELD_DATA = 2,
    UNIXFS_FIELD_FILESIZE = 3,
    UNIXFS_FIELD_BLOCKSIZES = 4,
    UNIXFS_FIELD_HASH_TYPE = 5,
    UNIXFS_FIELD_FANOUT = 6,
    UNIXFS_FIELD_MODE = 7,
    UNIXFS_FIELD_MTIME = 8,
    /* Inside mtime. */
    UNIXFS_MTIME_SECONDS = 1,
    UNIXFS_MTIME_NANOSECONDS = 2,
};

enum {
    UNIXFS_FANOUT_MAX = 1024,
    UNIXFS_HASH_MURMUR3 = 0x22,
};

struct unixfs_node {
    UnixfsNodeType type;
    Bytes data;            /* of a file, a symlink's target, a HAMT's bits */
    uint64_t size;         /* of a file: data and all children */
    const uint64_t *sizes; /* of a file: of each child, none of them 0 */
    uint64_t fanout;       /* of a HAMT: a power of two */
    struct unixfs_metadata metadata;
    struct dag_pb_node dag; /* the children are dag.links */
};

/* Reads the block of a CID with `codec`: raw is a file of these bytes, dag-pb
 * a UnixFS node. The node is in `arena` and borrows from `block`.
 * STATUS_INVALID: malformed, by these rules:
 *  - dag-pb and the inner protobuf are strict; a singular field comes once;
 *  - the type is there and is a file, raw, directory, HAMT or symlink;
 *  - the size of a file is that of its data and its children's together, and
 *    there is a size, not 0, for each child;
 *  - raw nodes and symlinks have no children, directories have no data;
 *  - a HAMT's fanout is a power of two from 8 to 1024, its hash murmur3, and
 *    as many bits are set as there are children;
 *  - a mode fits in 32 bits, of which those above 07777 mean nothing; mtime
 *    has seconds and, if it has nanoseconds, 1 to 999,999,999 of them;
 *  - the target of a symlink has no zero byte.
 * Unknown inner fields are skipped, in mtime too. */
Status unixfs_node_read(uint64_t codec, Bytes block, struct arena *arena,
                        struct unixfs_node *out, struct error *err);

#endif
