/* SPDX-License-Identifier: Apache-2.0 */
/* block_cache.c - shards with a lock each; a shard is rows of four places. The
 * hash of a multihash names shard and row. A full row loses the place that its
 * shard's hand points at, a shard above its bytes loses places in turn.
 */
#include "store/block_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"

enum {
    SHARDS = 64,
    ROWS = 64,
    WAYS = 4,
    PLACES = ROWS * WAYS,
    SHARD_BYTES_MAX = 512 << 10, /* 32 MiB together */
    BLOCK_BYTES_MAX = 64 << 10,  /* larger ones are not worth a place */
};

struct place {
    uint64_t hash;
    struct block *block; /* owned reference, or NULL */
};

struct shard {
    _Alignas(64) pthread_mutex_t lock; /* guards all below */
    size_t bytes;
    size_t hand;
    struct place *places; /* PLACES, in the cache's */
};

struct block_cache {
    struct place *places; /* owned; memory is touched only where used */
    struct shard shards[SHARDS];
};

struct block_cache *block_cache_new(void)
{
    struct block_cache *cache =
        aligned_alloc(_Alignof(struct block_cache), sizeof *cache);
    ASSERT(cache);
    memset(cache, 0, sizeof *cache);
    cache->places = heap_array((size_t)SHARDS * PLACES, sizeof *cache->places);
    for (size_t shard = 0; shard < SHARDS; shard++) {
        cache->shards[shard].places = &cache->places[shard * PLACES];
        pthread_mutex_init(&cache->shards[shard].lock, NULL);
    }
    return cache;
}

/* Never 0, so that a shard without bytes holds nothing. */
static size_t weight_of(const struct block *block)
{
    return block_bytes(block).len + sizeof(Cid);
}

static void empty(struct shard *shard, struct place *place)
{
    if (!place->block)
        return;
    shard->bytes -= weight_of(place->block);
    block_unref(place->block);
    place->block = NULL;
}

void block_cache_free(struct block_cache *cache)
{
    for (size_t index = 0; index < SHARDS; index++) {
        struct shard *shard = &cache->shards[index];
        for (size_t place = 0; shard->bytes > 0 && place < PLACES; place++)
            empty(shard, &shard->places[place]);
        pthread_mutex_destroy(&shard->lock);
    }
    free(cache->places);
    free(cache);
}

static struct shard *shard_of(struct block_cache *cache, uint64_t hash)
{
    return &cache->shards[hash >> 58];
}

static struct place *row_of(struct shard *shard, uint64_t hash)
{
    return &shard->places[(size_t)(hash % ROWS) * WAYS];
}

/* The whole multihash stands at the end of the block's CID. */
static bool is_named(const struct block *block, Bytes multihash)
{
    const Bytes cid = cid_bytes(block_cid(block));
    return cid.len >= multihash.len &&
           bytes_equal(bytes_from(cid, cid.len - multihash.len), multihash);
}

static struct place *find(struct shard *shard, uint64_t hash, Bytes multihash)
{
    struct place *row = row_of(shard, hash);
    for (size_t way = 0; way < WAYS; way++)
        if (row[way].block && row[way].hash == hash &&
            is_named(row[way].block, multihash))
            return &row[way];
    return NULL;
}

struct block *block_cache_get(struct block_cache *cache, Bytes multihash)
{
    const uint64_t hash = map_hash(multihash);
    struct shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->lock);
    const struct place *place = find(shard, hash, multihash);
    struct block *block = place ? block_ref(place->block) : NULL;
    pthread_mutex_unlock(&shard->lock);
    return block;
}

static struct place *choose(struct shard *shard, uint64_t hash)
{
    struct place *row = row_of(shard, hash);
    for (size_t way = 0; way < WAYS; way++)
        if (!row[way].block)
            return &row[way];
    return &row[shard->hand++ % WAYS];
}

void block_cache_add(struct block_cache *cache, Bytes multihash,
                     struct block *block)
{
    const size_t len = weight_of(block);
    if (len > BLOCK_BYTES_MAX)
        return;
    const uint64_t hash = map_hash(multihash);
    struct shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->lock);
    if (!find(shard, hash, multihash)) {
        struct place *place = choose(shard, hash);
        empty(shard, place);
        while (shard->bytes + len > SHARD_BYTES_MAX)
            empty(shard, &shard->places[shard->hand++ % PLACES]);
        *place = (struct place){hash, block_ref(block)};
        shard->bytes += len;
    }
    pthread_mutex_unlock(&shard->lock);
}

void block_cache_remove(struct block_cache *cache, Bytes multihash)
{
    const uint64_t hash = map_hash(multihash);
    struct shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->lock);
    struct place *place = find(shard, hash, multihash);
    if (place)
        empty(shard, place);
    pthread_mutex_unlock(&shard->lock);
}
