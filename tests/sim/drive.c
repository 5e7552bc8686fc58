/* SPDX-License-Identifier: Apache-2.0 */
/* drive.c - does what the scheduler says, as slowly and unreliably as the
 * world has it. */
#include "sim/drive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

void rule(struct drive *d, bool holds, uint32_t task, const char *text)
{
    if (holds || d->broken)
        return;
    d->broken = true;
    printf("seed %" PRIu64 ", step %" PRIu64 ", %" PRIu64 " ms, task %" PRIu32
           " of %" PRIu32 " (%s world): %s\n",
           d->world->seed, d->steps, d->now_ms, task, d->world->count,
           d->world->calm ? "calm" : "wild", text);
}

struct record *record_of(struct drive *d, uint32_t task)
{
    return &d->records[d->seen[task].record];
}

bool known_out(struct drive *d, uint32_t task, struct out *out)
{
    struct schedule_task_state state;
    schedule_state(d->schedule, task, &state);
    if (state.state != TASK_DONE)
        return false;
    *out = (struct out){state.out, state.end, 0};
    if (state.out == OUT_UPSTREAM)
        out->value = 1;
    else if (state.out != OUT_END && state.by == BY_SYMBOLIC)
        out->value = d->world->tasks[task].ideal.value;
    else if (state.out != OUT_END)
        out->value = record_of(d, task)->concrete.out.value;
    return true;
}

static void find_record(struct drive *d, uint32_t task)
{
    const struct schedule_task *t = &d->world->tasks[task].task;
    for (uint32_t i = 0; i < t->await_count; i++)
        if (t->awaits[i].task != TASK_OUTSIDE)
            known_out(d, t->awaits[i].task, &d->outs[t->awaits[i].task]);
    const uint64_t id = world_resolve(d->world, task, d->outs);
    uint64_t *place = map_get(&d->record_by_id, bytes_of(&id, sizeof id));
    uint32_t index = d->record_count;
    if (place) {
        index = (uint32_t)*place;
    } else {
        struct record *record = &d->records[d->record_count++];
        world_concrete(d->world, id, &record->concrete);
        record->known = record->concrete.known && t->class == CLASS_PURE;
        const Bytes key = bytes_of(&record->concrete.id, sizeof id);
        *map_set(&d->record_by_id, key, NULL) = index;
    }
    struct seen *seen = &d->seen[task];
    rule(d, !seen->has_record || seen->record == index, task,
         "its concrete computation changed");
    seen->has_record = true;
    seen->record = index;
}

// --- Answers ----------------------------------------------------------------

static void answer_lookup(struct drive *d, uint32_t task)
{
    const struct sim_task *t = &d->world->tasks[task];
    const bool hit =
        t->known_symbolic ||
        map_get(&d->known_symbolic,
                bytes_of(&t->symbolic, sizeof t->symbolic)) != NULL;
    d->seen[task].asked = false;
    d->seen[task].was_symbolic |= hit;
    schedule_looked_up(d->schedule, task, hit, hit ? t->ideal.out : OUT_OK);
}

static void answer_resolve(struct drive *d, uint32_t task)
{
    find_record(d, task);
    d->seen[task].resolving = false;
    const struct record *record = record_of(d, task);
    Hash key = {{0}};
    memcpy(key.bytes, &record->concrete.id, sizeof record->concrete.id);
    if (record->concrete.refused)
        schedule_resolved(d->schedule, task, &key, false, OUT_END,
                          END_REFUSED_ARGUMENT);
    else
        schedule_resolved(d->schedule, task, &key, record->known,
                          record->concrete.out.out, END_NONE);
}

static void answer_authorise(struct drive *d, uint32_t task)
{
    const bool yes =
        !d->world->tasks[task].denied && !record_of(d, task)->concrete.denied;
    d->seen[task].authorising = false;
    d->seen[task].allowed = yes;
    d->seen[task].allowed_ms = d->now_ms;
    schedule_authorised(d->schedule, task, yes);
}

static bool is_short(uint64_t limit, uint64_t need)
{
    return limit != 0 && limit < need;
}

static struct out come_out(struct drive *d, const struct event *event,
                           struct record *record)
{
    const struct concrete *c = &record->concrete;
    const bool failed = d->world->calm
                            ? record->tries < c->faults
                            : chance(d->world, d->world->fault_percent);
    End end = END_NONE;
    if (event->stop && chance(d->world, 80))
        end = chance(d->world, 50) ? END_CANCELLED : event->stop;
    else if (event->late)
        end = END_LIMIT_TIME;
    else if (failed)
        end =
            c->id % 2 || c->faults == UINT32_MAX ? END_UNAVAILABLE : END_HOST;
    else if (c->fate)
        end = c->fate;
    else if (is_short(event->limits.memory, c->memory))
        end = END_LIMIT_MEMORY;
    else if (is_short(event->limits.fuel, c->fuel))
        end = END_LIMIT_FUEL;
    record->tries += end_is_retried(end);
    return end ? (struct out){OUT_END, end, 0} : c->out;
}

static void answer_run(struct drive *d, const struct event *event)
{
    struct record *record = record_of(d, event->task);
    const bool pure = d->world->tasks[event->task].task.class == CLASS_PURE;
    d->running--;
    d->memory -= event->limits.memory;
    record->out--;
    if (chance(d->world, 4)) {
        // Somebody else has it; perhaps they are done soon.
        if (!d->world->calm && pure && chance(d->world, 50))
            record->known = !record->concrete.refused;
        schedule_busy(d->schedule, event->task,
                      d->now_ms + draw(d->world, 30));
        return;
    }
    const struct out out = come_out(d, event, record);
    record->ran |= out.out != OUT_END;
    record->last_end = out.end;
    record->known |= pure && out.out != OUT_END;
    schedule_ran(d->schedule, event->task, out.out, out.end, d->now_ms);
}

static void answer(struct drive *d, uint32_t index)
{
    const struct event event = d->events[index];
    d->events[index] = d->events[--d->event_count];
    if (d->world->trace)
        printf("%8" PRIu64 " ms answer %d of task %" PRIu32 "\n", d->now_ms,
               event.verb, event.task);
    if (event.verb == DO_LOOKUP)
        answer_lookup(d, event.task);
    else if (event.verb == DO_RESOLVE)
        answer_resolve(d, event.task);
    else if (event.verb == DO_AUTHORISE)
        answer_authorise(d, event.task);
    else
        answer_run(d, &event);
}

// Answers one of what is due, if anything is.
static bool answer_due(struct drive *d)
{
    const uint32_t start =
        d->event_count ? (uint32_t)draw(d->world, d->event_count) : 0;
    for (uint32_t i = 0; i < d->event_count; i++) {
        const uint32_t index = (start + i) % d->event_count;
        if (d->events[index].due_ms <= d->now_ms) {
            answer(d, index);
            return true;
        }
    }
    return false;
}

// --- Actions ----------------------------------------------------------------

static void question(struct drive *d, ScheduleVerb verb, uint32_t task)
{
    const uint64_t wait_ms = d->world->prompt ? 0 : draw(d->world, 4);
    d->events[d->event_count++] = (struct event){
        .verb = verb, .task = task, .due_ms = d->now_ms + wait_ms};
    if (d->world->prompt)
        answer(d, d->event_count - 1);
}

static void start_run(struct drive *d, const struct schedule_action *action)
{
    struct record *record = record_of(d, action->task);
    struct event event = {
        .verb = DO_RUN, .task = action->task, .limits = action->limits};
    uint64_t duration_ms = record->concrete.duration_ms;
    const uint64_t limit_ms = action->limits.time_ms;
    event.late = limit_ms && duration_ms > limit_ms;
    event.due_ms = d->now_ms + (event.late ? limit_ms : duration_ms);
    d->events[d->event_count++] = event;
    record->out++;
    record->limits = action->limits;
    record->start_ms = d->now_ms;
    d->running++;
    d->memory += action->limits.memory;
    check_run(d, action);
}

static void stop_run(struct drive *d, const struct schedule_action *action)
{
    check_stop(d, action);
    for (uint32_t i = 0; i < d->event_count; i++) {
        struct event *event = &d->events[i];
        if (event->verb != DO_RUN || event->task != action->task)
            continue;
        rule(d, event->stop == END_NONE, action->task, "stopped twice");
        event->stop = action->end;
        const uint64_t due_ms = d->now_ms + draw(d->world, 10);
        if (event->due_ms > due_ms)
            event->due_ms = due_ms;
        return;
    }
    rule(d, false, action->task, "stopped, but it does not run");
}

static void wait_for(struct drive *d, const struct schedule_action *action)
{
    uint64_t next_ms = action->until_ms ? action->until_ms : UINT64_MAX;
    if (d->world->count < 40)
        check_needed(d);
    for (uint32_t i = 0; i < d->event_count; i++)
        if (d->events[i].due_ms < next_ms)
            next_ms = d->events[i].due_ms;
    rule(d, next_ms != UINT64_MAX, 0, "waits for nothing: a lost wake-up");
    rule(d, !action->until_ms || action->until_ms > d->now_ms, 0,
         "a timer in the past");
    if (d->broken)
        return;
    if (next_ms > d->now_ms)
        d->now_ms = next_ms;
    answer_due(d);
}

static void act(struct drive *d, const struct schedule_action *action)
{
    const uint32_t task = action->task;
    switch (action->verb) {
    case DO_LOOKUP:
        check_lookup(d, task);
        d->seen[task].asked = true;
        question(d, DO_LOOKUP, task);
        break;
    case DO_RESOLVE:
        check_resolve(d, task);
        d->seen[task].resolving = true;
        question(d, DO_RESOLVE, task);
        break;
    case DO_AUTHORISE:
        rule(d, d->seen[task].has_record && !d->seen[task].authorising, task,
             "authorised before it is concrete, or twice at once");
        d->seen[task].authorising = true;
        question(d, DO_AUTHORISE, task);
        break;
    case DO_RUN:
        start_run(d, action);
        break;
    case DO_STOP:
        stop_run(d, action);
        break;
    case DO_FINISHED:
        check_finished(d, task);
        break;
    case DO_NOTHING:
        wait_for(d, action);
        break;
    case DO_DONE:
        break;
    }
}

static void trace(const struct drive *d, const struct schedule_action *action)
{
    static const char *const verbs[] = {"nothing",   "lookup", "resolve",
                                        "authorise", "run",    "stop",
                                        "finished",  "done"};
    struct schedule_task_state state = {0};
    if (action->task < d->world->count)
        schedule_state(d->schedule, action->task, &state);
    printf("%8" PRIu64 " ms %s %" PRIu32, d->now_ms, verbs[action->verb],
           action->task);
    if (action->verb == DO_FINISHED)
        printf(": out %d end %.*s by %d cause %" PRIu32, state.out,
               TEXT_ARG(end_name(state.end)), state.by, state.cause);
    printf("\n");
}

static void drive_on(struct drive *d)
{
    const uint64_t steps_max = 100000 + (uint64_t)d->world->count * 2000;
    struct schedule_action action;
    do {
        schedule_next(d->schedule, d->now_ms, &action);
        d->steps++;
        if (d->world->trace)
            trace(d, &action);
        act(d, &action);
        if (d->world->count < 40 || draw(d->world, 256) == 0)
            check_counts(d);
        if (chance(d->world, 25))
            answer_due(d);
        if (d->steps == d->world->cancel_step) {
            d->cancelled = true;
            schedule_cancel(d->schedule);
        }
        rule(d, d->steps < steps_max, 0, "goes on for ever");
    } while (action.verb != DO_DONE && !d->broken);
    if (!d->broken)
        check_end(d);
}

bool sim_drive(struct world *world)
{
    const uint32_t count = world->count;
    struct drive d = {
        .world = world,
        .schedule = schedule_new(count, world_task, world, world->outputs,
                                 world->output_count, &world->options),
        .events = heap_array((size_t)count * 4, sizeof(struct event)),
        .seen = heap_array(count, sizeof(struct seen)),
        .records = heap_array(count, sizeof(struct record)),
        .outs = heap_array(count, sizeof(struct out)),
    };
    drive_on(&d);
    schedule_free(d.schedule);
    map_deinit(&d.record_by_id);
    map_deinit(&d.known_symbolic);
    free(d.events);
    free(d.seen);
    free(d.records);
    free(d.outs);
    return !d.broken;
}
