/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h - a priority queue of things that hold their own place in it.
 *
 *     struct sleeper { struct heap_item item; uint64_t when; };
 *
 * Adding, removing from anywhere and moving cost O(log count). Which comes
 * first among equals is not said. Thread: one at a time. */
#ifndef IPVM_BASE_HEAP_H
#define IPVM_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* Embedded, first in its struct. A zeroed one is in no heap. */
struct heap_item {
    size_t place; /* index and one; 0: in no heap */
};

typedef bool HeapBefore(const struct heap_item *one,
                        const struct heap_item *other);

struct heap {
    HeapBefore *before;
    struct heap_item **items; /* owned; the things are not */
    size_t count, capacity;
};

void heap_init(struct heap *heap, HeapBefore *before);
void heap_deinit(struct heap *heap);

void heap_add(struct heap *heap, struct heap_item *item);
void heap_remove(struct heap *heap, struct heap_item *item);
/* What it is ordered by has changed. */
void heap_move(struct heap *heap, struct heap_item *item);

/* NULL: empty. */
static inline struct heap_item *heap_first(const struct heap *heap)
{
    return heap->items && heap->count > 0 ? heap->items[0] : NULL;
}

/* The first in order that fits, of the first HEAP_LOOKS_MAX; NULL: none. */
enum { HEAP_LOOKS_MAX = 16 };
typedef bool HeapFits(void *context, struct heap_item *item);
struct heap_item *heap_find(const struct heap *heap, HeapFits *fits,
                            void *context);

#endif
