/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/status.h"

void heap_init(struct heap *heap, HeapBefore *before)
{
    *heap = (struct heap){.before = before};
}

void heap_deinit(struct heap *heap)
{
    free(heap->items);
    *heap = (struct heap){.before = heap->before};
}

static void put(struct heap *heap, size_t index, struct heap_item *item)
{
    heap->items[index] = item;
    item->place = index + 1;
}

static size_t sift_up(struct heap *heap, size_t index)
{
    struct heap_item *item = heap->items[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!heap->before(item, heap->items[parent]))
            break;
        put(heap, index, heap->items[parent]);
        index = parent;
    }
    put(heap, index, item);
    return index;
}

static void sift_down(struct heap *heap, size_t index)
{
    struct heap_item *item = heap->items[index];
    for (size_t child; (child = 2 * index + 1) < heap->count; index = child) {
        if (child + 1 < heap->count &&
            heap->before(heap->items[child + 1], heap->items[child]))
            child++;
        if (!heap->before(heap->items[child], item))
            break;
        put(heap, index, heap->items[child]);
    }
    put(heap, index, item);
}

void heap_add(struct heap *heap, struct heap_item *item)
{
    ASSERT(item->place == 0);
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity ? heap->capacity * 2 : 16;
        heap->items = heap_resize(heap->items, heap->capacity, sizeof(void *));
    }
    put(heap, heap->count++, item);
    sift_up(heap, heap->count - 1);
}

void heap_move(struct heap *heap, struct heap_item *item)
{
    ASSERT(item->place > 0 && heap->items[item->place - 1] == item);
    sift_down(heap, sift_up(heap, item->place - 1));
}

void heap_remove(struct heap *heap, struct heap_item *item)
{
    ASSERT(item->place > 0 && heap->items[item->place - 1] == item);
    size_t index = item->place - 1;
    struct heap_item *last = heap->items[--heap->count];
    item->place = 0;
    if (last == item)
        return;
    put(heap, index, last);
    heap_move(heap, last);
}

/* Best first: below one that was looked at, its children come next. */
struct heap_item *heap_find(const struct heap *heap, HeapFits *fits,
                            void *context)
{
    size_t edge[HEAP_LOOKS_MAX + 1] = {0};
    size_t count = heap->count > 0;
    for (int looks = 0; looks < HEAP_LOOKS_MAX && count > 0; looks++) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++)
            if (heap->before(heap->items[edge[i]], heap->items[edge[best]]))
                best = i;
        size_t index = edge[best];
        if (fits(context, heap->items[index]))
            return heap->items[index];
        edge[best] = edge[--count];
        for (size_t child = 2 * index + 1;
             child <= 2 * index + 2 && child < heap->count; child++)
            edge[count++] = child;
    }
    return NULL;
}
