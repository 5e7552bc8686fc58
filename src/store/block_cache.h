/* SPDX-License-Identifier: Apache-2.0 */
/* block_cache.h - blocks read lately, verified, in this process's own memory;
 * bounded. Inside src/store only. Thread: any. */
#ifndef IPVM_STORE_BLOCK_CACHE_H
#define IPVM_STORE_BLOCK_CACHE_H

#include "store/block.h"

struct block_cache;

struct block_cache *block_cache_new(void);
void block_cache_free(struct block_cache *cache);

/* A reference to a block with this multihash under whatever codec, or NULL. */
struct block *block_cache_get(struct block_cache *cache, Bytes multihash);
/* Takes a reference of its own, or does not. */
void block_cache_add(struct block_cache *cache, Bytes multihash,
                     struct block *block);
void block_cache_remove(struct block_cache *cache, Bytes multihash);

#endif
