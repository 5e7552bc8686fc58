/* SPDX-License-Identifier: Apache-2.0 */
#include "run/landing.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"

_Static_assert(sizeof(struct landing_key) == sizeof(Hash) + sizeof(void *),
               "keys are compared as bytes");

struct landing {
    struct landing_key key;
    struct landing_wait *first;
};

struct landings {
    struct map by_key; /* keys are in the landings */
};

struct landings *landings_new(void)
{
    return HEAP_NEW(struct landings);
}

void landings_free(struct landings *landings)
{
    if (!landings)
        return;
    const struct map_entry *entry;
    for (size_t cursor = 0; (entry = map_next(&landings->by_key, &cursor));)
        free((struct landing *)(uintptr_t)entry->value);
    map_deinit(&landings->by_key);
    free(landings);
}

static Bytes bytes_of_key(const struct landing_key *key)
{
    return bytes_of(key, sizeof *key);
}

static struct landing *find(const struct landings *landings,
                            const struct landing_key *key)
{
    const uint64_t *place = map_get(&landings->by_key, bytes_of_key(key));
    return place ? (struct landing *)(uintptr_t)*place : NULL;
}

bool landing_begin(struct landings *landings, const struct landing_key *key)
{
    if (find(landings, key))
        return false;
    struct landing *landing = HEAP_NEW(struct landing);
    landing->key = *key;
    *map_set(&landings->by_key, bytes_of_key(&landing->key), NULL) =
        (uint64_t)(uintptr_t)landing;
    return true;
}

bool landing_is_awaited(const struct landings *landings,
                        const struct landing_key *key)
{
    const struct landing *landing = find(landings, key);
    return landing && landing->first;
}

void landing_over(struct landings *landings, const struct landing_key *key)
{
    struct landing *landing = find(landings, key);
    ASSERT(landing);
    map_remove(&landings->by_key, bytes_of_key(&landing->key));
    while (landing->first) {
        struct landing_wait *wait = landing->first;
        landing_forget(wait);
        wait->landed(wait->context);
    }
    free(landing);
}

bool landing_await(struct landings *landings, const struct landing_key *key,
                   struct landing_wait *wait)
{
    struct landing *landing = find(landings, key);
    if (!landing)
        return false;
    ASSERT(!wait->landing);
    wait->landing = landing;
    wait->prev = NULL;
    wait->next = landing->first;
    if (landing->first)
        landing->first->prev = wait;
    landing->first = wait;
    return true;
}

void landing_forget(struct landing_wait *wait)
{
    if (!wait->landing)
        return;
    if (wait->prev)
        wait->prev->next = wait->next;
    else
        wait->landing->first = wait->next;
    if (wait->next)
        wait->next->prev = wait->prev;
    wait->landing = NULL;
}
