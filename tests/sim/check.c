/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - the rules a schedule has to keep, each written without a look at
 * how the scheduler keeps it. */
#include "sim/drive.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

static TaskState state_of(struct drive *d, uint32_t task)
{
    struct schedule_task_state state;
    schedule_state(d->schedule, task, &state);
    return state.state;
}

static bool is_open(struct drive *d, uint32_t task)
{
    const TaskState state = state_of(d, task);
    return state != TASK_UNASKED && state != TASK_DONE;
}

/* How the awaits of a task stand. */
struct awaits {
    uint32_t unknown, ended, mismatched;
};

static struct awaits look_at_awaits(struct drive *d, uint32_t task)
{
    const struct schedule_task *t = &d->world->tasks[task].task;
    struct awaits awaits = {0};
    for (uint32_t i = 0; i < t->await_count; i++) {
        struct out out = {0};
        if (t->awaits[i].task == TASK_OUTSIDE) {
            out.out = outside_out(d->world, &t->awaits[i]);
        } else if (!known_out(d, t->awaits[i].task, &out)) {
            awaits.unknown++;
            continue;
        }
        awaits.ended += out.out == OUT_END;
        awaits.mismatched += mismatches(t->awaits[i].branch, out.out);
    }
    return awaits;
}

static bool is_needed(struct drive *d, uint32_t task)
{
    if (d->world->tasks[task].root)
        return true;
    for (uint32_t i = 0; i < d->world->count; i++) {
        const struct schedule_task *t = &d->world->tasks[i].task;
        if (state_of(d, i) != TASK_WAITING || d->seen[i].asked)
            continue;
        for (uint32_t k = 0; k < t->await_count; k++)
            if (t->awaits[k].task == task)
                return true;
    }
    return false;
}

void check_lookup(struct drive *d, uint32_t task)
{
    rule(d, !d->world->tasks[task].impure, task,
         "asked by symbolic CID, but it depends on an effect");
    rule(d, !d->seen[task].asked, task, "asked twice at once");
    rule(d, !d->seen[task].told, task, "asked after its end");
    rule(d, !d->cancelled, task, "asked after a cancel");
    if (d->world->count < 40)
        rule(d, is_needed(d, task), task, "asked, but nobody needs it");
}

void check_resolve(struct drive *d, uint32_t task)
{
    const struct awaits awaits = look_at_awaits(d, task);
    rule(d, awaits.unknown + awaits.ended + awaits.mismatched == 0, task,
         "resolved without all results it awaits");
    rule(d, !d->seen[task].resolving, task, "resolved twice at once");
    rule(d, !d->cancelled, task, "resolved after a cancel");
}

void check_needed(struct drive *d)
{
    for (uint32_t i = 0; i < d->world->count && !d->cancelled; i++) {
        const struct seen *seen = &d->seen[i];
        if (is_open(d, i) && !seen->asked && !seen->resolving &&
            !seen->authorising)
            rule(d, is_needed(d, i), i, "goes on, but nobody needs it");
    }
}

// --- Runs -------------------------------------------------------------------

static void check_barrier(struct drive *d, uint32_t task)
{
    for (uint32_t i = 0; i < d->world->count; i++) {
        const struct sim_task *t = &d->world->tasks[i];
        struct out out;
        if (is_open(d, i)) {
            if (t->task.class == CLASS_COMMAND)
                rule(d, t->after || state_of(d, i) >= TASK_READY, task,
                     "a command ran before another one was authorised");
            else
                rule(d, t->after, task,
                     "a command ran before what awaits no command was over");
            rule(d, look_at_awaits(d, i).ended == 0, task,
                 "a command ran though something will be blocked");
        } else if (t->root && known_out(d, i, &out)) {
            rule(d, out.out == OUT_OK, task,
                 "a command ran after something wanted had failed");
        }
    }
}

static bool limit_covers(uint64_t run, uint64_t own)
{
    return run == 0 || (own != 0 && own <= run);
}

void check_run(struct drive *d, const struct schedule_action *action)
{
    const uint32_t task = action->task;
    const struct sim_task *t = &d->world->tasks[task];
    const struct schedule_options *options = &d->world->options;
    const struct record *record = record_of(d, task);
    check_resolve(d, task);
    rule(d, d->seen[task].allowed, task, "ran without authority");
    rule(d, !record->known, task, "ran though its result is known");
    rule(d, record->out == 1, task, "two equal computations run at once");
    rule(d,
         limit_covers(action->limits.memory, t->task.limits.memory) &&
             limit_covers(action->limits.fuel, t->task.limits.fuel) &&
             limit_covers(action->limits.time_ms, t->task.limits.time_ms),
         task, "ran with less than its own limits");
    rule(d, options->running_max == 0 || d->running <= options->running_max,
         task, "too many run at once");
    rule(d,
         options->memory_total == 0 || d->running == 1 ||
             d->memory <= options->memory_total,
         task, "too much memory at once");
    if (t->task.class == CLASS_COMMAND)
        check_barrier(d, task);
    for (uint32_t i = 0; i < d->world->count; i++) {
        const struct seen *seen = &d->seen[i];
        if (state_of(d, i) != TASK_RUNNING || !seen->has_record ||
            seen->record != d->seen[task].record)
            continue;
        const struct limits *own = &d->world->tasks[i].task.limits;
        rule(d,
             limit_covers(action->limits.memory, own->memory) &&
                 limit_covers(action->limits.fuel, own->fuel) &&
                 limit_covers(action->limits.time_ms, own->time_ms),
             i, "its equal ran with less than its limits");
    }
}

void check_stop(struct drive *d, const struct schedule_action *action)
{
    rule(d, action->end == END_CANCELLED || action->end == END_LIMIT_TIME,
         action->task, "stopped with a strange end");
    for (uint32_t i = 0; i < d->world->count && !d->cancelled; i++)
        rule(d,
             !d->seen[i].has_record ||
                 d->seen[i].record != d->seen[action->task].record ||
                 state_of(d, i) != TASK_RUNNING,
             i, "its run was stopped though it waits for it");
}

// --- Ends -------------------------------------------------------------------

static bool time_is_over(struct drive *d, uint32_t task)
{
    const struct seen *seen = &d->seen[task];
    const struct record *record = record_of(d, task);
    const uint64_t own_ms = d->world->tasks[task].task.limits.time_ms;
    const uint64_t start_ms = seen->allowed_ms > record->start_ms
                                  ? seen->allowed_ms
                                  : record->start_ms;
    if (own_ms == 0)
        return false;
    return d->now_ms >= start_ms + own_ms ||
           (record->last_end == END_LIMIT_TIME &&
            limit_covers(record->limits.time_ms, own_ms));
}

static void check_ran(struct drive *d, uint32_t task,
                      const struct schedule_task_state *state)
{
    const struct record *record = record_of(d, task);
    const struct limits *own = &d->world->tasks[task].task.limits;
    rule(d, d->seen[task].allowed, task, "has an outcome without authority");
    if (state->out != OUT_END) {
        rule(d, record->ran && state->out == record->concrete.out.out, task,
             "has a result that no run had");
        return;
    }
    if (state->end == END_LIMIT_TIME) {
        rule(d, time_is_over(d, task), task, "its time was not over");
        return;
    }
    rule(d, record->last_end == state->end || state->end == END_CANCELLED,
         task, "has an end that no run had");
    if (state->end == END_CANCELLED)
        rule(d, d->cancelled, task, "cancelled by nobody");
    if (state->end == END_LIMIT_MEMORY)
        rule(d, limit_covers(record->limits.memory, own->memory), task,
             "its memory limit was larger than the run's");
    if (state->end == END_LIMIT_FUEL)
        rule(d, limit_covers(record->limits.fuel, own->fuel), task,
             "its fuel limit was larger than the run's");
}

static bool something_failed(struct drive *d)
{
    for (uint32_t i = 0; i < d->world->count; i++) {
        struct out out;
        if (d->world->tasks[i].root && known_out(d, i, &out) &&
            out.out != OUT_OK)
            return true;
        if (look_at_awaits(d, i).ended)
            return true;
    }
    return false;
}

static void check_reason(struct drive *d, uint32_t task,
                         const struct schedule_task_state *state)
{
    const struct seen *seen = &d->seen[task];
    const struct awaits awaits = look_at_awaits(d, task);
    struct out cause;
    switch (state->by) {
    case BY_SYMBOLIC:
        rule(d, seen->was_symbolic, task, "no memo hit by symbolic CID");
        break;
    case BY_CONCRETE:
        rule(d,
             seen->has_record && record_of(d, task)->known &&
                 state->out == record_of(d, task)->concrete.out.out,
             task, "no memo hit by concrete CID");
        break;
    case BY_RUNNING:
    case BY_MERGING:
        check_ran(d, task, state);
        break;
    case BY_UPSTREAM:
        rule(d, awaits.mismatched > 0, task, "upstream without a mismatch");
        break;
    case BY_BLOCKING:
        rule(d, awaits.mismatched == 0 && awaits.unknown == 0, task,
             "blocked while it might mismatch");
        rule(d, awaits.ended > 0, task, "blocked by nothing");
        rule(d,
             state->cause == TASK_OUTSIDE ||
                 !known_out(d, state->cause, &cause) || cause.out != OUT_OK,
             task, "blocked by what had a result");
        break;
    case BY_BARRIER:
        rule(d,
             d->world->tasks[task].task.class == CLASS_COMMAND &&
                 state->end == END_CANCELLED,
             task, "only commands are held at the barrier");
        rule(d, something_failed(d), task, "not released for no reason");
        break;
    case BY_NOTHING:
        rule(d,
             state->end == END_REFUSED_ARGUMENT ||
                 state->end == END_UNAUTHORIZED ||
                 (state->end == END_CANCELLED && d->cancelled),
             task, "ended by nothing");
        break;
    }
}

void check_finished(struct drive *d, uint32_t task)
{
    struct seen *seen = &d->seen[task];
    struct sim_task *t = &d->world->tasks[task];
    schedule_state(d->schedule, task, &seen->state);
    rule(d, !seen->told, task, "told twice");
    rule(d, seen->state.state == TASK_DONE, task, "told before its end");
    rule(d, seen->state.wanted == t->root, task, "wanted, or not");
    seen->told = true;
    if (d->broken)
        return;
    check_reason(d, task, &seen->state);
    known_out(d, task, &seen->out);
    if (!t->impure && seen->out.out != OUT_END)
        map_set(&d->known_symbolic, bytes_of(&t->symbolic, sizeof t->symbolic),
                NULL);
}

void check_counts(struct drive *d)
{
    uint32_t counted[TASK_DONE + 1] = {0}, failed = 0;
    for (uint32_t i = 0; i < d->world->count; i++) {
        struct schedule_task_state state;
        schedule_state(d->schedule, i, &state);
        counted[state.state]++;
        failed += state.state == TASK_DONE && state.out != OUT_OK;
        const struct schedule_task_state *was = &d->seen[i].state;
        rule(d,
             !d->seen[i].told ||
                 (state.state == TASK_DONE && state.out == was->out &&
                  state.end == was->end && state.by == was->by),
             i, "its outcome changed");
    }
    struct schedule_counts counts;
    schedule_counts(d->schedule, &counts);
    rule(d,
         counts.waiting == counted[TASK_WAITING] &&
             counts.ready == counted[TASK_READY] &&
             counts.running == counted[TASK_RUNNING] &&
             counts.done == counted[TASK_DONE] && counts.failed == failed &&
             counts.wanted == d->world->count - counted[TASK_UNASKED],
         0, "the counts are wrong");
}

// --- The end ----------------------------------------------------------------

static void compare_with_naive(struct drive *d)
{
    const uint32_t count = d->world->count;
    struct out *outs = heap_array(count, sizeof *outs);
    bool *sure = heap_array(count, sizeof *sure);
    naive_evaluate(d->world, outs, sure);
    for (uint32_t i = 0; i < count; i++) {
        const struct seen *seen = &d->seen[i];
        if (!sure[i] || !seen->told)
            continue;
        rule(d,
             seen->out.out == outs[i].out && seen->out.end == outs[i].end &&
                 seen->out.value == outs[i].value,
             i, "differs from the naive evaluation");
        if (d->broken && d->world->trace)
            printf("task %d has out %d end %d, naive out %d end %d\n", (int)i,
                   seen->out.out, seen->out.end, outs[i].out, outs[i].end);
    }
    free(outs);
    free(sure);
}

// What only a command awaits that was not released is finished all the same.
static void check_independent(struct drive *d, uint32_t task)
{
    const struct schedule_task *t = &d->world->tasks[task].task;
    for (uint32_t i = 0; i < t->await_count; i++)
        if (t->awaits[i].task != TASK_OUTSIDE)
            rule(d, d->seen[t->awaits[i].task].told, task,
                 "what it awaits was not finished");
}

void check_end(struct drive *d)
{
    bool succeeded = true;
    rule(d, d->event_count == 0, 0, "done with answers outstanding");
    for (uint32_t i = 0; i < d->world->count; i++) {
        const struct seen *seen = &d->seen[i];
        const bool done = state_of(d, i) == TASK_DONE;
        rule(d, done == seen->told, i, "over, but nobody was told");
        rule(d, done || state_of(d, i) == TASK_UNASKED, i, "left open");
        rule(d, done || !d->world->tasks[i].root, i, "wanted, but not done");
        if (d->world->tasks[i].root)
            succeeded &= done && seen->state.out == OUT_OK;
        if (done && seen->state.by == BY_BARRIER && !d->cancelled)
            check_independent(d, i);
    }
    rule(d, schedule_succeeded(d->schedule) == succeeded, 0,
         "success is not what it should be");
    check_counts(d);
    if (d->world->calm && !d->broken)
        compare_with_naive(d);
}
