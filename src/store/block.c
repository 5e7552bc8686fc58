/* SPDX-License-Identifier: Apache-2.0 */
#include "store/block.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"

struct block {
    atomic_uint references;
    Cid cid;
    size_t len;
    uint8_t data[];
};

struct block *block_new_room(const Cid *cid, size_t len, uint8_t **room)
{
    struct block *block = heap_alloc(sizeof *block + len);
    atomic_init(&block->references, 1);
    block->cid.len = cid->len;
    memcpy(block->cid.bytes, cid->bytes, cid->len);
    block->len = len;
    *room = block->data;
    return block;
}

struct block *block_new(const Cid *cid, Bytes bytes)
{
    uint8_t *room;
    struct block *block = block_new_room(cid, bytes.len, &room);
    if (bytes.len > 0)
        memcpy(room, bytes.data, bytes.len);
    return block;
}

struct block *block_ref(struct block *block)
{
    atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
    return block;
}

void block_unref(struct block *block)
{
    // The last one out must see all that others did with the block.
    if (block && atomic_fetch_sub_explicit(&block->references, 1,
                                           memory_order_acq_rel) == 1)
        free(block);
}

Bytes block_bytes(const struct block *block)
{
    return bytes_of(block->data, block->len);
}

const Cid *block_cid(const struct block *block)
{
    return &block->cid;
}
