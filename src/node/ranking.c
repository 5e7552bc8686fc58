/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ranking.h"

static bool is_before(const struct heap_item *one,
                      const struct heap_item *other)
{
    const struct ranked *a = (const void *)one, *b = (const void *)other;
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

void ranking_init(struct heap *ranking)
{
    heap_init(ranking, is_before);
}

void ranking_put(struct heap *ranking, struct ranked *what)
{
    if (ranked_is_in(what))
        heap_move(ranking, &what->item);
    else
        heap_add(ranking, &what->item);
}

void ranking_remove(struct heap *ranking, struct ranked *what)
{
    if (ranked_is_in(what))
        heap_remove(ranking, &what->item);
}

struct ranked *ranking_first(const struct heap *ranking)
{
    return (void *)heap_first(ranking);
}
