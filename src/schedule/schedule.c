/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.c - the scheduler's door: takes answers, gives actions.
 *
 * schedule_next() looks, in this order, for: stops, news and lookups, whether
 * commands may be released, something to run, something to resolve or to
 * authorise. So runners never wait for a long row of questions, and the first
 * run sees the whole needed graph. While there are few to choose from, those
 * questions come before the run.
 */
#include "schedule/schedule.h"

#include <stdlib.h>

#include "base/arena.h"
#include "schedule/state.h"

enum { CHOICE = 64 };

struct schedule *schedule_new(uint32_t count,
                              void (*task)(void *context, uint32_t index,
                                           struct schedule_task *out),
                              void *context, const uint32_t *outputs,
                              uint32_t output_count,
                              const struct schedule_options *options)
{
    ASSERT(count < TASKS_MAX);
    struct schedule *s = HEAP_NEW(struct schedule);
    s->count = count;
    s->task = task;
    s->context = context;
    if (options)
        s->options = *options;
    s->culprit = NO_TASK;
    s->nodes = heap_array(count, sizeof *s->nodes);
    for (uint32_t i = 0; i < output_count; i++) {
        ASSERT(outputs[i] < count);
        root_add(s, outputs[i]);
    }
    if (!s->options.all_pure) {
        barrier_find_effects(s);
        if (s->has_effects)
            barrier_mark(s);
    }
    for (uint32_t i = 0; i < s->root_count; i++)
        task_want(s, s->roots[i]);
    return s;
}

void schedule_free(struct schedule *schedule)
{
    if (!schedule)
        return;
    free(schedule->nodes);
    free(schedule->edges);
    free(schedule->flights);
    free(schedule->slots);
    free(schedule->ready);
    free(schedule->timers);
    free(schedule->stops);
    free(schedule->roots);
    free(schedule);
}

void schedule_set_running_max(struct schedule *s, uint32_t running_max)
{
    s->options.running_max = running_max;
}

// --- What to do next --------------------------------------------------------

static bool ask(struct schedule *s, uint32_t task, Phase phase,
                ScheduleVerb verb, struct schedule_action *out)
{
    node_enter(s, task, phase);
    *out = (struct schedule_action){.verb = verb, .task = task};
    return true;
}

// Moves a task on. True if that takes something of the caller.
static bool move_on(struct schedule *s, uint32_t task,
                    struct schedule_action *out)
{
    struct node *node = &s->nodes[task];
    if (!node_is_wanted(node) && node->phase != PHASE_DONE && !s->cancelled) {
        task_prune(s, task);
        return false;
    }
    switch ((Phase)node->phase) {
    case PHASE_ASK:
        if (!s->options.ask_nothing && !(node->flags & NODE_IMPURE))
            return ask(s, task, PHASE_ASKED, DO_LOOKUP, out);
        task_expand(s, task);
        return false;
    case PHASE_RESOLVE:
        return ask(s, task, PHASE_RESOLVING, DO_RESOLVE, out);
    case PHASE_AUTHORISE:
        return ask(s, task, PHASE_AUTHORISING, DO_AUTHORISE, out);
    case PHASE_JOIN:
        flight_join(s, task);
        return false;
    case PHASE_GATE:
        barrier_pass(s, task);
        return false;
    case PHASE_DONE:
        if (node->flags & NODE_TOLD)
            return false;
        node->flags |= NODE_TOLD;
        task_settle(s, task);
        *out = (struct schedule_action){.verb = DO_FINISHED, .task = task};
        return true;
    case PHASE_UNASKED:
    case PHASE_ASKED:
    case PHASE_WAITING:
    case PHASE_RESOLVING:
    case PHASE_AUTHORISING:
    case PHASE_FLYING:
        break;
    }
    return false;
}

static bool next_in(struct schedule *s, struct queue *queue,
                    struct schedule_action *out)
{
    for (uint32_t task; (task = queue_take(s, queue)) != NO_TASK;)
        if (move_on(s, task, out))
            return true;
    return false;
}

void schedule_next(struct schedule *s, uint64_t now_ms,
                   struct schedule_action *out)
{
    if (now_ms > s->now_ms)
        s->now_ms = now_ms;
    timers_fire(s);
    while (true) {
        if (flight_next_stop(s, out) || next_in(s, &s->urgent, out))
            return;
        if (barrier_check(s))
            continue;
        if (s->ready_count < CHOICE && next_in(s, &s->later, out))
            return;
        if (s->urgent.first)
            continue;
        const uint32_t flight = s->cancelled ? 0 : ready_take(s);
        if (flight) {
            flight_start(s, flight, out);
            return;
        }
        if (next_in(s, &s->later, out))
            return;
        // What was pruned on the way may have been what all waited for.
        if (!s->urgent.first && !barrier_check(s))
            break;
    }
    const bool done = open_count(s) == 0 && s->running == 0;
    *out = (struct schedule_action){.verb = done ? DO_DONE : DO_NOTHING};
    if (!done)
        out->until_ms = timers_next(s);
}

// --- Answers ----------------------------------------------------------------

// True if what was asked for `task` leads no further.
static bool ends_here(struct schedule *s, uint32_t task)
{
    if (s->cancelled)
        task_finish(s, task, OUT_END, END_CANCELLED, BY_NOTHING, NO_TASK);
    else if (!node_is_wanted(&s->nodes[task]))
        node_enter(s, task, PHASE_UNASKED);
    else
        return false;
    return true;
}

void schedule_looked_up(struct schedule *s, uint32_t task, bool hit,
                        ScheduleOut out)
{
    ASSERT(task < s->count && s->nodes[task].phase == PHASE_ASKED);
    ASSERT(!hit || out != OUT_END);
    if (hit)
        task_finish(s, task, out, END_NONE, BY_SYMBOLIC, NO_TASK);
    else if (!ends_here(s, task))
        task_expand(s, task);
}

void schedule_resolved(struct schedule *s, uint32_t task, const Hash *concrete,
                       bool hit, ScheduleOut out, End end)
{
    ASSERT(task < s->count && s->nodes[task].phase == PHASE_RESOLVING);
    struct node *node = &s->nodes[task];
    if (hit) {
        ASSERT(out != OUT_END);
        task_finish(s, task, out, END_NONE,
                    out == OUT_UPSTREAM ? BY_UPSTREAM : BY_CONCRETE, task);
        return;
    }
    if (end != END_NONE) {
        task_finish(s, task, OUT_END, end, BY_NOTHING, NO_TASK);
        return;
    }
    if (ends_here(s, task))
        return;
    const bool pure = !(node->flags & NODE_EFFECT);
    ASSERT(concrete || !pure);
    node->member_next = flight_enter(s, concrete, pure);
    node_enter(s, task, PHASE_AUTHORISE);
    queue_add(s, &s->later, task);
}

void schedule_authorised(struct schedule *s, uint32_t task, bool yes)
{
    ASSERT(task < s->count && s->nodes[task].phase == PHASE_AUTHORISING);
    struct node *node = &s->nodes[task];
    if (s->cancelled || !yes || !node_is_wanted(node))
        flight_give_up(s, task);
    if (ends_here(s, task))
        return;
    if (!yes) {
        task_finish(s, task, OUT_END, END_UNAUTHORIZED, BY_NOTHING, NO_TASK);
    } else {
        node_enter(s, task,
                   node->flags & NODE_COMMAND ? PHASE_GATE : PHASE_JOIN);
        queue_add(s, &s->urgent, task);
    }
}

static uint32_t flight_named(const struct schedule *s, uint32_t task)
{
    ASSERT(task < s->count);
    const uint32_t flight = s->nodes[task].flight;
    ASSERT(flight && s->flights[flight].state == FLIGHT_RUNNING &&
           s->flights[flight].runner == task);
    return flight;
}

void schedule_ran(struct schedule *s, uint32_t task, ScheduleOut out, End end,
                  uint64_t now_ms)
{
    if (now_ms > s->now_ms)
        s->now_ms = now_ms;
    ASSERT((out == OUT_END) == (end != END_NONE));
    flight_land(s, flight_named(s, task), out, end);
}

void schedule_not_begun(struct schedule *s, uint32_t task)
{
    flight_stop_time(s, flight_named(s, task));
}

void schedule_begun(struct schedule *s, uint32_t task, uint64_t now_ms)
{
    if (now_ms > s->now_ms)
        s->now_ms = now_ms;
    flight_start_time(s, flight_named(s, task));
}

void schedule_busy(struct schedule *s, uint32_t task, uint64_t again_ms)
{
    flight_hold(s, flight_named(s, task), again_ms);
}

// --- Cancel -----------------------------------------------------------------

static void cancel_task(struct schedule *s, uint32_t task)
{
    struct node *node = &s->nodes[task];
    switch ((Phase)node->phase) {
    case PHASE_UNASKED:
    case PHASE_ASKED: // The answer ends it.
    case PHASE_RESOLVING:
    case PHASE_AUTHORISING:
    case PHASE_DONE:
        return;
    case PHASE_AUTHORISE:
    case PHASE_JOIN:
    case PHASE_GATE:
        flight_give_up(s, task);
        break;
    case PHASE_FLYING: {
        const uint32_t flight = node->flight;
        if (s->flights[flight].state == FLIGHT_RUNNING) {
            flight_stop(s, flight, END_CANCELLED);
            return;
        }
        flight_leave(s, task);
        if (s->flights[flight].member_count == 0)
            flight_rest(s, flight);
        break;
    }
    case PHASE_ASK:
    case PHASE_WAITING:
    case PHASE_RESOLVE:
        break;
    }
    task_finish(s, task, OUT_END, END_CANCELLED, BY_NOTHING, NO_TASK);
}

void schedule_cancel(struct schedule *s)
{
    if (s->cancelled)
        return;
    s->cancelled = true;
    for (uint32_t i = 0; i < s->count; i++)
        cancel_task(s, i);
}

// --- Looking ----------------------------------------------------------------

static TaskState state_of(const struct schedule *s, const struct node *node)
{
    if (node->phase == PHASE_UNASKED)
        return TASK_UNASKED;
    if (node->phase == PHASE_DONE)
        return TASK_DONE;
    if (node->phase < PHASE_RESOLVE)
        return TASK_WAITING;
    if (node->phase == PHASE_FLYING &&
        s->flights[node->flight].state == FLIGHT_RUNNING)
        return TASK_RUNNING;
    return TASK_READY;
}

void schedule_state(const struct schedule *s, uint32_t task,
                    struct schedule_task_state *out)
{
    ASSERT(task < s->count);
    const struct node *node = &s->nodes[task];
    *out = (struct schedule_task_state){
        .state = state_of(s, node),
        .attempts = node->attempts,
        .wanted = (node->flags & NODE_ROOT) != 0,
        .cause = NO_TASK,
    };
    if (node->phase != PHASE_DONE)
        return;
    out->out = (ScheduleOut)node->out;
    out->end = (End)node->end;
    out->by = (TaskBy)node->by;
    out->cause = node->cause;
}

void schedule_counts(const struct schedule *s, struct schedule_counts *out)
{
    const uint32_t done = s->in_phase[PHASE_DONE];
    *out = (struct schedule_counts){
        .total = s->count,
        .wanted = open_count(s) + done,
        .waiting = s->in_phase[PHASE_ASK] + s->in_phase[PHASE_ASKED] +
                   s->in_phase[PHASE_WAITING],
        .running = s->members_running,
        .done = done,
        .hits = s->hits,
        .failed = s->failed,
    };
    out->ready = out->wanted - out->waiting - out->running - done;
}

bool schedule_depends_on_effect(const struct schedule *s, uint32_t task)
{
    ASSERT(task < s->count);
    return (s->nodes[task].flags & NODE_IMPURE) != 0;
}

bool schedule_succeeded(const struct schedule *s)
{
    return s->roots_failed == 0 && open_count(s) == 0;
}
