/* SPDX-License-Identifier: Apache-2.0 */
/* chain_cache.c - a list of proofs, most recently used first, and a map to it
 * by CID. A signature does not become wrong, so nothing here ever expires. */
#include "ucan/chain_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"

struct proof {
    atomic_uint references;
    struct token *token;         /* owned */
    struct proof *newer, *older; /* guarded by the cache's lock */
};

struct chain_cache {
    size_t bytes_max;
    pthread_mutex_t lock; /* guards all below */
    struct map by_cid;    /* to struct proof *; keys are in the tokens */
    struct proof *newest, *oldest;
    size_t bytes;
};

/* --- Proofs -------------------------------------------------------------- */

struct proof *proof_new(struct token *token)
{
    struct proof *proof = HEAP_NEW(struct proof);
    atomic_init(&proof->references, 1);
    proof->token = token;
    return proof;
}

void proof_unref(struct proof *proof)
{
    if (!proof || atomic_fetch_sub_explicit(&proof->references, 1,
                                            memory_order_acq_rel) != 1)
        return;
    token_free(proof->token);
    free(proof);
}

const struct token *proof_token(const struct proof *proof)
{
    return proof->token;
}

static size_t proof_bytes(const struct proof *proof)
{
    return sizeof *proof + sizeof *proof->token + sizeof(struct map_entry) +
           proof->token->arena.total;
}

/* --- The cache ----------------------------------------------------------- */

struct chain_cache *chain_cache_new(size_t bytes_max)
{
    struct chain_cache *cache = HEAP_NEW(struct chain_cache);
    cache->bytes_max = bytes_max;
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

static void link_newest(struct chain_cache *cache, struct proof *proof)
{
    proof->newer = NULL;
    proof->older = cache->newest;
    if (cache->newest)
        cache->newest->newer = proof;
    else
        cache->oldest = proof;
    cache->newest = proof;
}

static void unlink_proof(struct chain_cache *cache, struct proof *proof)
{
    if (proof->newer)
        proof->newer->older = proof->older;
    else
        cache->newest = proof->older;
    if (proof->older)
        proof->older->newer = proof->newer;
    else
        cache->oldest = proof->newer;
}

static void forget_oldest(struct chain_cache *cache)
{
    struct proof *proof = cache->oldest;
    unlink_proof(cache, proof);
    map_remove(&cache->by_cid, cid_bytes(&proof->token->cid));
    cache->bytes -= proof_bytes(proof);
    proof_unref(proof);
}

void chain_cache_free(struct chain_cache *cache)
{
    if (!cache)
        return;
    while (cache->oldest)
        forget_oldest(cache);
    map_deinit(&cache->by_cid);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

struct proof *chain_cache_get(struct chain_cache *cache, const Cid *cid)
{
    struct proof *proof = NULL;
    pthread_mutex_lock(&cache->lock);
    const uint64_t *place = map_get(&cache->by_cid, cid_bytes(cid));
    if (place) {
        proof = (struct proof *)(uintptr_t)*place;
        unlink_proof(cache, proof);
        link_newest(cache, proof);
        atomic_fetch_add_explicit(&proof->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&cache->lock);
    return proof;
}

void chain_cache_add(struct chain_cache *cache, struct proof *proof)
{
    bool is_new;
    pthread_mutex_lock(&cache->lock);
    uint64_t *place =
        map_set(&cache->by_cid, cid_bytes(&proof->token->cid), &is_new);
    if (is_new) {
        *place = (uint64_t)(uintptr_t)proof;
        atomic_fetch_add_explicit(&proof->references, 1, memory_order_relaxed);
        link_newest(cache, proof);
        cache->bytes += proof_bytes(proof);
        while (cache->bytes > cache->bytes_max && cache->oldest)
            forget_oldest(cache);
    }
    pthread_mutex_unlock(&cache->lock);
}
