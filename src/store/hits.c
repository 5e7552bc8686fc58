/* SPDX-License-Identifier: Apache-2.0 */
#include "store/hits.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/map.h"

enum { PLACES = HITS_MAX * 2, PROBES = 8 };

struct hits {
    pthread_mutex_t lock; /* guards all below */
    size_t used;
    struct hit places[PLACES];
};

struct hits *hits_new(void)
{
    struct hits *hits = HEAP_NEW(struct hits);
    pthread_mutex_init(&hits->lock, NULL);
    return hits;
}

void hits_free(struct hits *hits)
{
    pthread_mutex_destroy(&hits->lock);
    free(hits);
}

/* Good to a few milliseconds, and cheap. */
static int64_t coarse_wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

void hits_count(struct hits *hits, const Hash *concrete)
{
    uint64_t hash = map_hash(bytes_of(concrete->bytes, SHA256_LEN));
    const int64_t now_s = coarse_wall_s();
    pthread_mutex_lock(&hits->lock);
    for (unsigned probe = 0; probe < PROBES; probe++) {
        struct hit *place = &hits->places[(hash + probe) % PLACES];
        if (place->count > 0 && !hash_equal(&place->concrete, concrete))
            continue;
        if (place->count == 0) {
            if (hits->used == HITS_MAX)
                break;
            place->concrete = *concrete;
            hits->used++;
        }
        place->count++;
        place->last_s = now_s;
        break;
    }
    pthread_mutex_unlock(&hits->lock);
}

size_t hits_take(struct hits *hits, struct hit out[HITS_MAX])
{
    size_t count = 0;
    pthread_mutex_lock(&hits->lock);
    for (size_t place = 0; place < PLACES && count < hits->used; place++) {
        if (hits->places[place].count == 0)
            continue;
        out[count++] = hits->places[place];
        hits->places[place].count = 0;
    }
    hits->used = 0;
    pthread_mutex_unlock(&hits->lock);
    return count;
}
