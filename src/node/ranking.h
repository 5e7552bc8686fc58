/* SPDX-License-Identifier: Apache-2.0 */
/* ranking.h - heaps of what comes first: timers by their time, queued jobs by
 * their urgency, subjects by the turns they took. Thread: one at a time. */
#ifndef IPVM_NODE_RANKING_H
#define IPVM_NODE_RANKING_H

#include <stdint.h>

#include "base/heap.h"

/* Embedded in its owner. Lowest key first, then lowest order. */
struct ranked {
    struct heap_item item; /* first */
    int64_t key;
    uint64_t order;
    void *owner;
};

void ranking_init(struct heap *ranking);
/* Adds it, or moves it after its key has changed. */
void ranking_put(struct heap *ranking, struct ranked *what);
/* Nothing if it is in none. */
void ranking_remove(struct heap *ranking, struct ranked *what);
/* NULL: there is none. */
struct ranked *ranking_first(const struct heap *ranking);
static inline bool ranked_is_in(const struct ranked *what)
{
    return what->item.place != 0;
}

#endif
