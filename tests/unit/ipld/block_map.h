/* SPDX-License-Identifier: Apache-2.0 */
/* block_map.h - for tests: blocks in memory, as a source and a sink. */
#ifndef IPVM_TESTS_UNIT_IPLD_BLOCK_MAP_H
#define IPVM_TESTS_UNIT_IPLD_BLOCK_MAP_H

#include <stdio.h>

#include "base/map.h"
#include "ipld/unixfs.h"
#include "ipld/unixfs_writer.h"
#include "unit/ipld/hex.h"

struct block_map {
    struct arena arena;
    struct map map; /* CID to a Bytes in the arena */
    size_t on_loan;
    size_t put_count;
    size_t gets;
};

static inline void block_map_deinit(struct block_map *blocks)
{
    assert_int_equal(blocks->on_loan, 0);
    map_deinit(&blocks->map);
    arena_deinit(&blocks->arena);
}

static inline Status block_map_put(void *context, const Cid *cid, Bytes block,
                                   struct error *err)
{
    struct block_map *blocks = context;
    bool is_new;
    (void)err;
    assert_int_equal(cid_verify(cid, block, NULL), STATUS_OK);
    blocks->put_count++;
    Bytes key = arena_copy_bytes(&blocks->arena, cid_bytes(cid));
    uint64_t *place = map_set(&blocks->map, key, &is_new);
    if (is_new) {
        Bytes *copy = ARENA_NEW(&blocks->arena, Bytes);
        *copy = arena_copy_bytes(&blocks->arena, block);
        *place = (uint64_t)(uintptr_t)copy;
    }
    return STATUS_OK;
}

static inline Status block_map_get(void *context, Bytes cid,
                                   struct unixfs_block *out, struct error *err)
{
    struct block_map *blocks = context;
    (void)err;
    blocks->gets++;
    const uint64_t *place = map_get(&blocks->map, cid);
    if (!place)
        return STATUS_NOT_FOUND;
    blocks->on_loan++;
    // A copy of its own length: a read past the block is found.
    out->bytes = exact_copy(*(const Bytes *)(uintptr_t)*place);
    return STATUS_OK;
}

static inline void block_map_release(void *context, struct unixfs_block *block)
{
    struct block_map *blocks = context;
    blocks->on_loan--;
    exact_free(block->bytes);
}

static inline struct unixfs_source block_map_source(struct block_map *blocks)
{
    return (struct unixfs_source){
        .get = block_map_get, .release = block_map_release, .context = blocks};
}

static inline struct unixfs_block_sink block_map_sink(struct block_map *blocks)
{
    return (struct unixfs_block_sink){block_map_put, blocks};
}

/* Bytes that repeat late: piece by piece alike, as a whole not. */
static inline uint8_t pattern_byte(size_t index)
{
    return (uint8_t)(index * 7 + (index >> 8) * 13 + (index >> 16));
}

static inline Bytes pattern(size_t len)
{
    uint8_t *data = malloc(len + 1);
    assert_non_null(data);
    for (size_t index = 0; index < len; index++)
        data[index] = pattern_byte(index);
    return bytes_of(data, len);
}

#endif
