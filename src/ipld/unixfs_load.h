/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_load.h - a node together with its block and its memory, inside the
 * UnixFS reader. Thread: one at a time. */
#ifndef IPVM_IPLD_UNIXFS_LOAD_H
#define IPVM_IPLD_UNIXFS_LOAD_H

#include "ipld/unixfs.h"
#include "ipld/unixfs_node.h"

struct unixfs_loaded {
    struct unixfs_node node;
    struct unixfs_block block;
    bool is_borrowed; /* the block is the source's */
    struct arena arena;
};

/* Gets and reads a node. After any status but OK there is nothing to unload. */
Status unixfs_load(const struct unixfs_source *source, Bytes cid,
                   struct unixfs_loaded *out, struct error *err);
void unixfs_unload(const struct unixfs_source *source,
                   struct unixfs_loaded *loaded);

#endif
