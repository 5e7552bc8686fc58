/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - who wants to know when something happens. Watches are called with
 * their lock held, so that one that was taken back is called no more. */
#include <stdlib.h>

#include "node/state.h"

struct node_watch {
    struct node *node;
    Hash id;
    bool is_all;
    NodeWoken *woken;
    void *context;
    struct node_watch *next, *prev; /* of one job's, or of all */
};

static struct node_watch **list_of(struct node *node, const Hash *id)
{
    _Static_assert(sizeof(uintptr_t) == sizeof(uint64_t), "64 bits");
    uint64_t *place = map_get(&node->watches, bytes_of(id, sizeof *id));
    return (struct node_watch **)(void *)place;
}

struct node_watch *node_watch(struct node *node, const Hash *job,
                              NodeWoken *woken, void *context)
{
    struct node_watch *watch = HEAP_NEW(struct node_watch);
    watch->node = node;
    watch->is_all = !job;
    watch->woken = woken;
    watch->context = context;
    if (job)
        watch->id = *job;
    pthread_mutex_lock(&node->watch_lock);
    struct node_watch **list = &node->watch_all;
    if (job) {
        list = list_of(node, job);
        if (!list) { // Its key is borrowed from the first of the list.
            map_set(&node->watches, bytes_of(&watch->id, sizeof(Hash)), NULL);
            list = list_of(node, job);
        }
        // Behind the first, whose key it is.
        if (*list) {
            watch->prev = *list;
            list = &(*list)->next;
        }
    }
    watch->next = *list;
    if (watch->next)
        watch->next->prev = watch;
    *list = watch;
    pthread_mutex_unlock(&node->watch_lock);
    return watch;
}

/* The first of a job's: its key goes with it, to the next. */
static void hand_on(struct node *node, const struct node_watch *first)
{
    struct node_watch *next = first->next;
    map_remove(&node->watches, bytes_of(&first->id, sizeof(Hash)));
    if (next)
        *map_set(&node->watches, bytes_of(&next->id, sizeof(Hash)), NULL) =
            (uint64_t)(uintptr_t)next;
}

void node_unwatch(struct node_watch *watch)
{
    if (!watch)
        return;
    struct node *node = watch->node;
    pthread_mutex_lock(&node->watch_lock);
    if (watch->prev)
        watch->prev->next = watch->next;
    else if (watch->is_all)
        node->watch_all = watch->next;
    else
        hand_on(node, watch);
    if (watch->next)
        watch->next->prev = watch->prev;
    pthread_mutex_unlock(&node->watch_lock);
    free(watch);
}

void watch_tell(struct node *node, const Hash *id, bool is_state)
{
    pthread_mutex_lock(&node->watch_lock);
    struct node_watch **list = list_of(node, id);
    for (struct node_watch *watch = list ? *list : NULL; watch;
         watch = watch->next)
        watch->woken(watch->context);
    for (struct node_watch *watch = is_state ? node->watch_all : NULL; watch;
         watch = watch->next)
        watch->woken(watch->context);
    pthread_mutex_unlock(&node->watch_lock);
}

/* --- Once for many events ------------------------------------------------ */

void watch_dirty(struct node *node, struct job *job)
{
    if (job->is_dirty)
        return;
    job->is_dirty = true;
    job->next_dirty = node->dirty;
    node->dirty = job;
}

void watch_tell_dirty(struct node *node)
{
    while (node->dirty) {
        struct job *job = node->dirty;
        node->dirty = job->next_dirty;
        job->is_dirty = false;
        watch_tell(node, &job->facts.id, true);
        job_let_go(node, job);
    }
}
