/* SPDX-License-Identifier: Apache-2.0 */
/* gate_visits.c - a list of bearers that were let in, most recently used first,
 * and a map to it by their hash. Who uses one holds a reference, so that it may
 * be forgotten meanwhile. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"
#include "node/gate_parts.h"

/* A visit as it is kept; `visit` comes first. */
struct entry {
    struct visit visit;
    atomic_uint references;
    Hash bearer;
    struct entry *newer, *older; /* guarded by the lock */
};

struct visits {
    size_t count_max;
    pthread_mutex_t lock; /* guards all below */
    struct map by_bearer; /* to struct entry *; keys are in the entries */
    struct entry *newest, *oldest;
};

struct visits *visits_new(size_t count_max)
{
    struct visits *visits = HEAP_NEW(struct visits);
    visits->count_max = count_max;
    pthread_mutex_init(&visits->lock, NULL);
    return visits;
}

static void put_newest(struct visits *visits, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = visits->newest;
    if (visits->newest)
        visits->newest->newer = entry;
    else
        visits->oldest = entry;
    visits->newest = entry;
}

static void take_out(struct visits *visits, struct entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        visits->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        visits->oldest = entry->newer;
}

static Bytes key_of(const Hash *bearer)
{
    return bytes_of(bearer->bytes, sizeof bearer->bytes);
}

static void forget(struct visits *visits, struct entry *entry)
{
    take_out(visits, entry);
    map_remove(&visits->by_bearer, key_of(&entry->bearer));
    visit_unref(&entry->visit);
}

void visits_free(struct visits *visits)
{
    if (!visits)
        return;
    while (visits->oldest)
        forget(visits, visits->oldest);
    map_deinit(&visits->by_bearer);
    pthread_mutex_destroy(&visits->lock);
    free(visits);
}

static struct entry *lookup(struct visits *visits, const Hash *bearer)
{
    const uint64_t *place = map_get(&visits->by_bearer, key_of(bearer));
    return place ? (struct entry *)(uintptr_t)*place : NULL;
}

struct visit *visits_get(struct visits *visits, const Hash *bearer)
{
    pthread_mutex_lock(&visits->lock);
    struct entry *entry = lookup(visits, bearer);
    if (entry) {
        take_out(visits, entry);
        put_newest(visits, entry);
        atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&visits->lock);
    return entry ? &entry->visit : NULL;
}

struct visit *visits_add(struct visits *visits, const Hash *bearer,
                         struct visit visit)
{
    struct entry *entry = HEAP_NEW(struct entry);
    entry->visit = visit;
    entry->bearer = *bearer;
    atomic_init(&entry->references, 2); // The list's and the caller's.
    pthread_mutex_lock(&visits->lock);
    struct entry *old = lookup(visits, bearer);
    if (old)
        forget(visits, old);
    else if (visits->by_bearer.count >= visits->count_max)
        forget(visits, visits->oldest);
    *map_set(&visits->by_bearer, key_of(&entry->bearer), NULL) =
        (uint64_t)(uintptr_t)entry;
    put_newest(visits, entry);
    pthread_mutex_unlock(&visits->lock);
    return &entry->visit;
}

void visit_unref(struct visit *visit)
{
    struct entry *entry = (struct entry *)visit;
    if (!entry || atomic_fetch_sub_explicit(&entry->references, 1,
                                            memory_order_acq_rel) != 1)
        return;
    authorised_free(entry->visit.authorised);
    token_free(entry->visit.own);
    free(entry);
}

size_t visits_count(struct visits *visits)
{
    pthread_mutex_lock(&visits->lock);
    const size_t count = visits->by_bearer.count;
    pthread_mutex_unlock(&visits->lock);
    return count;
}
