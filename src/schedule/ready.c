/* SPDX-License-Identifier: Apache-2.0 */
/* ready.c - which computation is handed out next: the one with the longest
 * weighted path to an output, if its memory fits.
 *
 * One that does not fit is parked and smaller ones overtake it, for a while:
 * once OVERTAKEN_MAX have, nothing starts until it fits. One larger than all
 * memory there is fits when nothing else runs.
 *
 * Entries of flights that are no longer ready are skipped when met.
 */
#include "schedule/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { ARITY = 4 };

static bool is_first(const struct ready *a, const struct ready *b)
{
    return a->path != b->path ? a->path > b->path : a->flight < b->flight;
}

static void sift_down(struct schedule *s, uint32_t index)
{
    struct ready *heap = s->ready;
    const struct ready entry = heap[index];
    while (true) {
        const uint64_t start = (uint64_t)index * ARITY + 1;
        if (start >= s->ready_count)
            break;
        uint32_t best = (uint32_t)start;
        for (uint64_t i = start + 1; i < start + ARITY && i < s->ready_count;
             i++)
            if (is_first(&heap[i], &heap[best]))
                best = (uint32_t)i;
        if (!is_first(&heap[best], &entry))
            break;
        heap[index] = heap[best];
        index = best;
    }
    heap[index] = entry;
}

static uint64_t path_of(const struct schedule *s, uint32_t flight)
{
    const uint32_t task = s->flights[flight].members;
    const struct schedule_task first = task_of(s, task);
    return path_add(s->nodes[task].path, task_weight(&first));
}

void ready_add(struct schedule *s, uint32_t flight)
{
    const struct ready entry = {path_of(s, flight), flight};
    s->ready =
        grown(s->ready, s->ready_count, &s->ready_capacity, sizeof *s->ready);
    uint32_t index = s->ready_count++;
    while (index && is_first(&entry, &s->ready[(index - 1) / ARITY])) {
        s->ready[index] = s->ready[(index - 1) / ARITY];
        index = (index - 1) / ARITY;
    }
    s->ready[index] = entry;
}

static uint32_t take_first(struct schedule *s)
{
    while (s->ready_count) {
        const uint32_t flight = s->ready[0].flight;
        s->ready[0] = s->ready[--s->ready_count];
        if (s->ready_count)
            sift_down(s, 0);
        if (s->flights[flight].state == FLIGHT_READY)
            return flight;
    }
    return 0;
}

// --- Admission --------------------------------------------------------------

static uint64_t memory_of(const struct schedule *s, uint32_t flight)
{
    uint64_t memory = 0;
    bool unbounded = false;
    uint32_t task = s->flights[flight].members;
    for (uint32_t i = s->flights[flight].member_count; i > 0; i--) {
        const uint64_t one = task_of(s, task).limits.memory;
        unbounded |= one == 0;
        memory = one > memory ? one : memory;
        task = s->nodes[task].member_next;
    }
    return unbounded ? 0 : memory;
}

static bool fits(const struct schedule *s, uint32_t flight)
{
    const uint64_t total = s->options.memory_total;
    if (total == 0 || s->running == 0)
        return true;
    return s->memory_used <= total &&
           memory_of(s, flight) <= total - s->memory_used;
}

static void unpark(struct schedule *s, uint32_t index)
{
    s->parked_count--;
    memmove(&s->parked[index], &s->parked[index + 1],
            (s->parked_count - index) * sizeof *s->parked);
}

// The `count` oldest of the parked see another one start.
static void overtake(struct schedule *s, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        s->parked[i].overtaken++;
}

// The first of the parked that fits; 0 and `*must_wait` if none may start.
static uint32_t take_parked(struct schedule *s, bool *must_wait)
{
    *must_wait = false;
    for (uint32_t i = 0; i < s->parked_count;) {
        const uint32_t flight = s->parked[i].flight;
        if (s->flights[flight].state != FLIGHT_READY) {
            unpark(s, i);
            continue;
        }
        if (fits(s, flight)) {
            unpark(s, i);
            overtake(s, i);
            return flight;
        }
        if (s->parked[i].overtaken >= OVERTAKEN_MAX) {
            *must_wait = true;
            return 0;
        }
        i++;
    }
    return 0;
}

uint32_t ready_take(struct schedule *s)
{
    const uint32_t running_max = s->options.running_max;
    if (running_max && s->running >= running_max)
        return 0;
    bool must_wait;
    const uint32_t parked = take_parked(s, &must_wait);
    if (parked || must_wait)
        return parked;
    if (!s->ranked && s->ready_count > 1 && s->in_phase[PHASE_ASKED] == 0)
        ready_rank(s);
    while (s->parked_count < PARKED_MAX) {
        const uint32_t flight = take_first(s);
        if (!flight)
            return 0;
        if (fits(s, flight)) {
            overtake(s, s->parked_count);
            return flight;
        }
        s->parked[s->parked_count++] = (struct parked){flight, 0};
    }
    return 0;
}

// --- The critical path ------------------------------------------------------

/* Walks the needed part of the graph from the outputs down, a task after all
 * that await it. */
struct walk {
    uint32_t *left; /* per task: awaiters not walked yet */
    uint32_t *list;
    uint32_t count, capacity;
};

static void walk_add(struct walk *walk, uint32_t task)
{
    walk->list =
        grown(walk->list, walk->count, &walk->capacity, sizeof *walk->list);
    walk->list[walk->count++] = task;
}

static void walk_task(struct schedule *s, struct walk *walk, uint32_t index)
{
    const struct node *node = &s->nodes[index];
    if (node->phase != PHASE_WAITING)
        return;
    const struct schedule_task task = task_of(s, index);
    const uint64_t path = path_add(node->path, task_weight(&task));
    for (uint32_t i = 0; i < task.await_count; i++) {
        if (!s->edges[node->edges + i].linked)
            continue;
        const uint32_t awaited = task.awaits[i].task;
        struct node *other = &s->nodes[awaited];
        if (other->path < path)
            other->path = path;
        if (walk->left[awaited] == 0)
            walk->left[awaited] = other->demand;
        if (--walk->left[awaited] == 0)
            walk_add(walk, awaited);
    }
}

void ready_rank(struct schedule *s)
{
    s->ranked = true;
    struct walk walk = {.left = heap_array(s->count, sizeof(uint32_t))};
    for (uint32_t i = 0; i < s->root_count; i++)
        if (s->nodes[s->roots[i]].demand == 0)
            walk_add(&walk, s->roots[i]);
    // Order does not matter among those whose awaiters are all walked.
    while (walk.count)
        walk_task(s, &walk, walk.list[--walk.count]);
    free(walk.left);
    free(walk.list);
    for (uint32_t i = 0; i < s->ready_count; i++) {
        const uint32_t flight = s->ready[i].flight;
        if (s->flights[flight].state == FLIGHT_READY)
            s->ready[i].path = path_of(s, flight);
    }
    for (uint32_t i = s->ready_count / ARITY + 1; i > 0; i--)
        if (i - 1 < s->ready_count)
            sift_down(s, i - 1);
}
