/* SPDX-License-Identifier: Apache-2.0 */
/* barrier.c - commands are released together, or not at all.
 *
 * The gate opens when all that is needed is over or hangs on commands at the
 * gate, which are resolved and authorised, and nothing wanted has failed or
 * can fail on what is over. Else it shuts: commands that come to it end as
 * cancelled, and everything else goes on.
 *
 * It shuts later, too, when something wanted fails behind it: a workflow is a
 * transaction, and half of one is not made more whole by its other half.
 */
#include "schedule/state.h"

#include <stdlib.h>

#include "base/arena.h"

void root_add(struct schedule *s, uint32_t task)
{
    if (s->nodes[task].flags & NODE_ROOT)
        return;
    s->nodes[task].flags |= NODE_ROOT;
    s->roots =
        grown(s->roots, s->root_count, &s->root_capacity, sizeof *s->roots);
    s->roots[s->root_count++] = task;
}

void barrier_find_effects(struct schedule *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const TaskClass class = task_of(s, i).class;
        if (class == CLASS_PURE)
            continue;
        s->nodes[i].flags |= NODE_EFFECT;
        s->has_effects = true;
        if (class == CLASS_COMMAND) {
            s->nodes[i].flags |= NODE_COMMAND;
            s->has_commands = true;
        }
        root_add(s, i);
    }
}

/* A path through the graph, from the outputs down. */
struct step {
    uint32_t task;
    uint32_t await;
};

struct path {
    struct step *steps;
    uint32_t count, capacity;
    uint8_t *seen; /* per task */
};

static void path_push(struct path *path, uint32_t task)
{
    if (path->seen[task])
        return;
    path->seen[task] = 1;
    path->steps =
        grown(path->steps, path->count, &path->capacity, sizeof *path->steps);
    path->steps[path->count++] = (struct step){task, 0};
}

// One await further, or one task up when there is none left.
static void path_step(struct schedule *s, struct path *path)
{
    struct step *step = &path->steps[path->count - 1];
    const uint32_t index = step->task;
    const struct schedule_task task = task_of(s, index);
    if (step->await < task.await_count) {
        const uint32_t awaited = task.awaits[step->await++].task;
        if (awaited != TASK_OUTSIDE)
            path_push(path, awaited);
        return;
    }
    path->count--;
    uint8_t flags = s->nodes[index].flags;
    if (flags & NODE_EFFECT)
        flags |= NODE_IMPURE;
    for (uint32_t i = 0; i < task.await_count; i++) {
        if (task.awaits[i].task == TASK_OUTSIDE)
            continue;
        const uint8_t other = s->nodes[task.awaits[i].task].flags;
        flags |= other & NODE_IMPURE;
    }
    s->nodes[index].flags = flags;
}

void barrier_mark(struct schedule *s)
{
    struct path path = {.seen = heap_array(s->count, 1)};
    for (uint32_t i = 0; i < s->root_count; i++) {
        path_push(&path, s->roots[i]);
        while (path.count)
            path_step(s, &path);
    }
    free(path.steps);
    free(path.seen);
}

// --- The gate ---------------------------------------------------------------

static bool has_failed(const struct schedule *s)
{
    return s->roots_failed > 0 || s->doomed > 0;
}

// Whether all that is needed and not over hangs on commands at the gate.
static bool is_quiet(const struct schedule *s)
{
    return open_count(s) ==
           s->in_phase[PHASE_WAITING] + s->in_phase[PHASE_GATE];
}

// The task that keeps the commands from being released.
static uint32_t find_culprit(const struct schedule *s)
{
    if (s->roots_failed)
        return s->culprit;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct node *node = &s->nodes[i];
        if (node->phase != PHASE_WAITING || !(node->flags & NODE_ENDED))
            continue;
        const struct schedule_task task = task_of(s, i);
        for (uint32_t k = 0; k < task.await_count; k++) {
            const uint32_t awaited = task.awaits[k].task;
            if (awaited == TASK_OUTSIDE)
                continue;
            const struct node *other = &s->nodes[awaited];
            if (other->phase == PHASE_DONE && other->out == OUT_END)
                return other->by == BY_BLOCKING || other->by == BY_BARRIER
                           ? other->cause
                           : awaited;
        }
        return i;
    }
    return NO_TASK;
}

// A command at the gate, or behind it and not running.
static void refuse(struct schedule *s, uint32_t task)
{
    struct node *node = &s->nodes[task];
    End last = END_NONE;
    if (node->phase == PHASE_GATE) {
        flight_give_up(s, task);
    } else {
        const uint32_t flight = node->flight;
        if (node->phase != PHASE_FLYING ||
            s->flights[flight].state == FLIGHT_RUNNING)
            return;
        last = (End)s->flights[flight].last_end;
        flight_leave(s, task);
        flight_rest(s, flight);
    }
    if (last != END_NONE) // It was tried already: that is how it came out.
        task_finish(s, task, OUT_END, last, BY_RUNNING, task);
    else
        task_finish(s, task, OUT_END, END_CANCELLED, BY_BARRIER, s->culprit);
}

static void shut(struct schedule *s)
{
    s->culprit = find_culprit(s);
    s->gate_shut = true;
    for (uint32_t i = 0; i < s->root_count; i++)
        if (s->nodes[s->roots[i]].flags & NODE_COMMAND)
            refuse(s, s->roots[i]);
}

bool barrier_check(struct schedule *s)
{
    if (!s->has_commands || s->gate_shut || s->cancelled)
        return false;
    if (!s->gate_open && !is_quiet(s))
        return false;
    if (has_failed(s)) {
        shut(s);
        return true;
    }
    if (s->gate_open)
        return false;
    s->gate_open = true;
    for (uint32_t i = 0; i < s->root_count; i++)
        if (s->nodes[s->roots[i]].phase == PHASE_GATE)
            queue_add(s, &s->urgent, s->roots[i]);
    return true;
}

void barrier_pass(struct schedule *s, uint32_t task)
{
    if (s->gate_shut)
        refuse(s, task);
    else if (s->gate_open)
        flight_join(s, task);
}
