/* SPDX-License-Identifier: Apache-2.0 */
/* block.h - immutable bytes under the CID that names them, counted by
 * reference. Thread: any. */
#ifndef IPVM_STORE_BLOCK_H
#define IPVM_STORE_BLOCK_H

#include "base/bytes.h"
#include "ipld/cid.h"

enum {
    BLOCK_MADE_MAX = 1 << 20,  /* bytes of a block we make */
    BLOCK_TAKEN_MAX = 2 << 20, /* bytes of a block we take */
};

struct block;

/* A block with one reference; `bytes` are copied and not checked against
 * `cid`: that is the maker's duty. */
struct block *block_new(const Cid *cid, Bytes bytes);
/* The same with room for `len` bytes, which the maker fills in at `*room`
 * before anybody else sees the block. */
struct block *block_new_room(const Cid *cid, size_t len, uint8_t **room);
struct block *block_ref(struct block *block);
/* NULL is allowed. */
void block_unref(struct block *block);

Bytes block_bytes(const struct block *block);
const Cid *block_cid(const struct block *block);

#endif
