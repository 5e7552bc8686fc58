/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_hamt.h - writes a directory as a trie by the hashes of its names,
 * inside the directory writer. Thread: one at a time. */
#ifndef IPVM_IPLD_UNIXFS_HAMT_H
#define IPVM_IPLD_UNIXFS_HAMT_H

#include "ipld/unixfs_directory.h"
#include "ipld/unixfs_encode.h"

/* Puts the trie of `children`, whose names are checked and unique. Memory: a
 * hash for each child and a node for each level. STATUS_INVALID: two names
 * with the same 64 bits of hash; says which. */
Status unixfs_put_hamt(struct unixfs_encoder *encoder,
                       const struct unixfs_child *children, size_t count,
                       const struct unixfs_metadata *metadata, Cid *root,
                       uint64_t *tsize, struct error *err);

#endif
