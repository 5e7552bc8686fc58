/* SPDX-License-Identifier: Apache-2.0 */
/* flight.c - one concrete computation between its memo miss and its end.
 *
 *   NEW ─▶ READY ─▶ RUNNING ─▶ LANDED
 *            ▲         ├─ retried ─▶ RETRY ─▶ READY
 *            └─────────┤  a member's limit is larger than the run's was, or it
 *                      │  came after the stop
 *                      └─ held by another process ─▶ BUSY ─▶ AGAIN: members
 *                                                    are resolved again
 *
 * Members are the tasks that wait for it, in a ring, oldest first. A member
 * leaves when its own time is over or nobody needs it; the run goes on while
 * there is one left. Candidates missed the memo and are not authorised yet:
 * they keep the flight, so that they meet its result should it land first.
 */
#include "schedule/state.h"

#include "base/arena.h"

static uint32_t make(struct schedule *s)
{
    const uint32_t free_one = s->flight_free;
    if (free_one) {
        s->flight_free = s->flights[free_one].members;
        return free_one;
    }
    if (s->flight_count == 0)
        s->flight_count = 1; // 0 is none.
    s->flights = grown(s->flights, s->flight_count, &s->flight_capacity,
                       sizeof *s->flights);
    return s->flight_count++;
}

uint32_t flight_enter(struct schedule *s, const Hash *concrete, bool pure)
{
    const uint32_t hash = pure ? table_hash(concrete) : 0;
    uint32_t flight = pure ? table_find(s, concrete, hash) : 0;
    if (!flight) {
        flight = make(s);
        s->flights[flight] =
            (struct flight){.state = FLIGHT_NEW, .hash = hash, .listed = pure};
        if (pure) {
            s->flights[flight].concrete = *concrete;
            table_add(s, flight);
        }
    }
    s->flights[flight].candidates++;
    return flight;
}

static void unlist(struct schedule *s, uint32_t flight)
{
    if (s->flights[flight].listed)
        table_remove(s, flight);
    s->flights[flight].listed = false;
}

// The last member left: nothing is to be done unless a candidate comes.
void flight_rest(struct schedule *s, uint32_t flight)
{
    struct flight *f = &s->flights[flight];
    ASSERT(f->state != FLIGHT_RUNNING && f->state != FLIGHT_FREE);
    ASSERT(f->member_count == 0);
    if (f->candidates) {
        // Somebody else works on it: the memo may know by now.
        if (f->state == FLIGHT_BUSY || f->state == FLIGHT_AGAIN) {
            f->state = FLIGHT_AGAIN;
            unlist(s, flight);
        } else if (f->state != FLIGHT_LANDED) {
            f->state = FLIGHT_NEW;
        }
        return;
    }
    unlist(s, flight);
    f->state = FLIGHT_FREE;
    f->members = s->flight_free;
    s->flight_free = flight;
}

static void drop_candidate(struct schedule *s, uint32_t flight)
{
    struct flight *f = &s->flights[flight];
    ASSERT(f->candidates > 0);
    f->candidates--;
    if (f->member_count == 0 && f->state != FLIGHT_RUNNING)
        flight_rest(s, flight);
}

void flight_give_up(struct schedule *s, uint32_t task)
{
    drop_candidate(s, s->nodes[task].member_next);
}

// --- Members ----------------------------------------------------------------

// The member's own time begins.
static void start_time(struct schedule *s, uint32_t task)
{
    const uint64_t time_ms = task_of(s, task).limits.time_ms;
    if (time_ms == 0)
        return;
    const uint64_t deadline_ms = path_add(s->now_ms, time_ms);
    s->nodes[task].deadline_ms = deadline_ms;
    timer_add(s, deadline_ms, task, false);
}

static void stop_time(struct schedule *s, struct node *node)
{
    if (node->deadline_ms)
        s->timer_stale++;
    node->deadline_ms = 0;
}

void flight_stop_time(struct schedule *s, uint32_t flight)
{
    struct flight *f = &s->flights[flight];
    uint32_t task = f->members;
    f->not_begun = true;
    for (uint32_t i = 0; i < f->member_count; i++) {
        stop_time(s, &s->nodes[task]);
        task = s->nodes[task].member_next;
    }
}

void flight_start_time(struct schedule *s, uint32_t flight)
{
    struct flight *f = &s->flights[flight];
    uint32_t task = f->members;
    if (!f->not_begun)
        return;
    f->not_begun = false;
    for (uint32_t i = 0; i < f->member_count; i++) {
        start_time(s, task);
        task = s->nodes[task].member_next;
    }
}

static void attach(struct schedule *s, uint32_t flight, uint32_t task)
{
    struct flight *f = &s->flights[flight];
    struct node *node = &s->nodes[task];
    if (f->member_count++ == 0) {
        f->members = node->member_next = node->member_prev = task;
    } else {
        struct node *first = &s->nodes[f->members];
        node->member_next = f->members;
        node->member_prev = first->member_prev;
        s->nodes[first->member_prev].member_next = task;
        first->member_prev = task;
    }
    node->flight = flight;
    node_enter(s, task, PHASE_FLYING);
    if (f->state == FLIGHT_RUNNING) {
        s->members_running++;
        if (!f->not_begun)
            start_time(s, task);
    }
}

void flight_leave(struct schedule *s, uint32_t task)
{
    struct node *node = &s->nodes[task];
    struct flight *f = &s->flights[node->flight];
    ASSERT(node->phase == PHASE_FLYING && f->member_count > 0);
    if (f->members == task)
        f->members = node->member_next;
    s->nodes[node->member_prev].member_next = node->member_next;
    s->nodes[node->member_next].member_prev = node->member_prev;
    f->member_count--;
    stop_time(s, node);
    if (f->state == FLIGHT_RUNNING)
        s->members_running--;
    // The run still goes by its name.
    if (f->state != FLIGHT_RUNNING || f->runner != task)
        node->flight = 0;
}

void flight_join(struct schedule *s, uint32_t task)
{
    const uint32_t flight = s->nodes[task].member_next;
    struct flight *f = &s->flights[flight];
    const FlightState state = (FlightState)f->state;
    if (state == FLIGHT_LANDED) {
        task_finish(s, task, (ScheduleOut)f->last_out, END_NONE, BY_MERGING,
                    f->runner);
        drop_candidate(s, flight);
        return;
    }
    if (state == FLIGHT_AGAIN) {
        drop_candidate(s, flight);
        node_enter(s, task, PHASE_RESOLVE);
        queue_add(s, &s->later, task);
        return;
    }
    f->candidates--;
    attach(s, flight, task);
    // In time to take back a stop that nobody was told about.
    if (f->stop_end && !f->stop_told)
        f->stop_end = END_NONE;
    if (state == FLIGHT_NEW) {
        f->state = FLIGHT_READY;
        f->last_end = END_NONE;
        ready_add(s, flight);
    }
}

// --- The run ----------------------------------------------------------------

static void limit_raise(uint64_t *limit, uint64_t other)
{
    if (limit_is_larger(other, *limit))
        *limit = other;
}

void flight_start(struct schedule *s, uint32_t flight,
                  struct schedule_action *out)
{
    struct flight *f = &s->flights[flight];
    ASSERT(f->state == FLIGHT_READY && f->member_count > 0);
    f->state = FLIGHT_RUNNING;
    f->runner = f->members;
    f->limits = task_of(s, f->runner).limits;
    uint32_t task = f->members;
    for (uint32_t i = 0; i < f->member_count; i++) {
        const struct limits limits = task_of(s, task).limits;
        limit_raise(&f->limits.fuel, limits.fuel);
        limit_raise(&f->limits.memory, limits.memory);
        limit_raise(&f->limits.time_ms, limits.time_ms);
        start_time(s, task);
        task = s->nodes[task].member_next;
    }
    s->running++;
    s->members_running += f->member_count;
    s->memory_used += f->limits.memory;
    *out = (struct schedule_action){.verb = DO_RUN,
                                    .task = f->runner,
                                    .limits = f->limits,
                                    .attempt = s->nodes[f->runner].attempts};
}

void flight_stop(struct schedule *s, uint32_t flight, End end)
{
    struct flight *f = &s->flights[flight];
    if (f->state != FLIGHT_RUNNING) {
        if (f->member_count == 0)
            flight_rest(s, flight);
        return;
    }
    if (f->stop_end)
        return;
    f->stop_end = (uint8_t)end;
    s->stops =
        grown(s->stops, s->stop_count, &s->stop_capacity, sizeof *s->stops);
    s->stops[s->stop_count++] = flight;
}

bool flight_next_stop(struct schedule *s, struct schedule_action *out)
{
    while (s->stop_count) {
        struct flight *f = &s->flights[s->stops[--s->stop_count]];
        // Answered meanwhile, or wanted again.
        if (f->state != FLIGHT_RUNNING || !f->stop_end || f->stop_told)
            continue;
        f->stop_told = true;
        *out = (struct schedule_action){
            .verb = DO_STOP, .task = f->runner, .end = (End)f->stop_end};
        return true;
    }
    return false;
}

// The run is over: nothing of it is left but its members.
static void end_run(struct schedule *s, struct flight *f)
{
    ASSERT(f->state == FLIGHT_RUNNING);
    s->running--;
    s->members_running -= f->member_count;
    s->memory_used -= f->limits.memory;
    f->state = FLIGHT_READY;
    f->not_begun = false;
    f->stop_end = END_NONE;
    f->stop_told = false;
    if (s->nodes[f->runner].phase != PHASE_FLYING)
        s->nodes[f->runner].flight = 0;
    uint32_t task = f->members;
    for (uint32_t i = 0; i < f->member_count; i++) {
        stop_time(s, &s->nodes[task]);
        task = s->nodes[task].member_next;
    }
}

// Whether a member flies again after a run that had no result.
static bool flies_again(struct schedule *s, const struct flight *f,
                        uint32_t index, bool stopped, End end)
{
    const struct schedule_task task = task_of(s, index);
    struct node *node = &s->nodes[index];
    if (end_is_retried(end))
        node->attempts++;
    if (stopped && (end == END_CANCELLED || end == END_LIMIT_TIME))
        return true; // It came after the stop.
    if (end == END_LIMIT_MEMORY)
        return limit_is_larger(task.limits.memory, f->limits.memory);
    if (end == END_LIMIT_FUEL)
        return limit_is_larger(task.limits.fuel, f->limits.fuel);
    if (end == END_LIMIT_TIME)
        return limit_is_larger(task.limits.time_ms, f->limits.time_ms);
    if (!end_is_retried(end) || node->attempts > task.retry.count)
        return false;
    return !(node->flags & NODE_COMMAND) || !s->gate_shut;
}

// Doubles from `first_ms` up to `max_ms`, less up to half of it.
static uint64_t back_off_ms(const struct schedule *s, uint32_t index)
{
    const struct retry retry = task_of(s, index).retry;
    const uint32_t doublings = s->nodes[index].attempts - 1;
    uint64_t ms = retry.first_ms;
    for (uint32_t i = 0; i < doublings && ms && ms < UINT64_MAX / 2; i++) {
        if (retry.max_ms && ms >= retry.max_ms)
            break;
        ms *= 2;
    }
    if (retry.max_ms && ms > retry.max_ms)
        ms = retry.max_ms;
    if (s->options.jitter_seed == 0)
        return ms;
    // splitmix64 over seed, task and try.
    uint64_t mix = s->options.jitter_seed +
                   ((uint64_t)index << 32 | doublings) * 0x9e3779b97f4a7c15u;
    mix = (mix ^ mix >> 30) * 0xbf58476d1ce4e5b9u;
    mix = (mix ^ mix >> 27) * 0x94d049bb133111ebu;
    return ms - (mix ^ mix >> 31) % (ms / 2 + 1);
}

static void hold_until(struct schedule *s, uint32_t flight, FlightState state,
                       uint64_t again_ms)
{
    s->flights[flight].state = (uint8_t)state;
    s->flights[flight].again_ms = again_ms;
    timer_add(s, again_ms, flight, true);
}

void flight_land(struct schedule *s, uint32_t flight, ScheduleOut out, End end)
{
    struct flight *f = &s->flights[flight];
    const bool stopped = f->stop_end != END_NONE;
    const uint32_t runner = f->runner;
    end_run(s, f);
    f->last_end = (uint8_t)end;
    uint64_t wait_ms = UINT64_MAX;
    uint32_t task = f->members;
    for (uint32_t left = f->member_count; left > 0; left--) {
        const uint32_t next = s->nodes[task].member_next;
        const bool again =
            out == OUT_END && flies_again(s, f, task, stopped, end);
        if (again && !s->cancelled) {
            if (end_is_retried(end)) {
                const uint64_t ms = back_off_ms(s, task);
                wait_ms = ms < wait_ms ? ms : wait_ms;
            }
        } else {
            flight_leave(s, task);
            task_finish(s, task, out, again ? END_CANCELLED : end,
                        task == runner ? BY_RUNNING : BY_MERGING, runner);
        }
        task = next;
    }
    if (out != OUT_END) {
        f->state = FLIGHT_LANDED;
        f->last_out = (uint8_t)out;
        unlist(s, flight);
    }
    if (f->member_count == 0)
        flight_rest(s, flight);
    else if (end_is_retried(end))
        hold_until(s, flight, FLIGHT_RETRY, path_add(s->now_ms, wait_ms));
    else
        ready_add(s, flight);
}

static void resolve_again(struct schedule *s, uint32_t flight)
{
    struct flight *f = &s->flights[flight];
    while (f->member_count) {
        const uint32_t task = f->members;
        flight_leave(s, task);
        node_enter(s, task, PHASE_RESOLVE);
        queue_add(s, &s->later, task);
    }
    f->state = FLIGHT_BUSY;
    flight_rest(s, flight);
}

void flight_hold(struct schedule *s, uint32_t flight, uint64_t again_ms)
{
    struct flight *f = &s->flights[flight];
    end_run(s, f);
    while (s->cancelled && f->member_count) {
        const uint32_t task = f->members;
        flight_leave(s, task);
        task_finish(s, task, OUT_END, END_CANCELLED, BY_NOTHING, NO_TASK);
    }
    if (f->member_count == 0)
        resolve_again(s, flight);
    else
        hold_until(s, flight, FLIGHT_BUSY, again_ms);
}

void flight_release(struct schedule *s, uint32_t flight)
{
    struct flight *f = &s->flights[flight];
    if (f->state == FLIGHT_RETRY) {
        f->state = FLIGHT_READY;
        ready_add(s, flight);
        return;
    }
    resolve_again(s, flight);
}
