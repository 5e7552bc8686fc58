/* SPDX-License-Identifier: Apache-2.0 */
/* timer.c - a binary heap of moments. What became void is not searched for:
 * it is recognised when its moment comes, or swept once it is half of all. */
#include "schedule/state.h"

#include "base/arena.h"

static bool is_void(const struct schedule *s, const struct timer *timer)
{
    if (!timer->is_flight)
        return s->nodes[timer->id].phase != PHASE_FLYING ||
               s->nodes[timer->id].deadline_ms != timer->at_ms;
    const struct flight *flight = &s->flights[timer->id];
    return (flight->state != FLIGHT_RETRY && flight->state != FLIGHT_BUSY) ||
           flight->again_ms != timer->at_ms;
}

static void sift_down(struct schedule *s, uint32_t index)
{
    const struct timer timer = s->timers[index];
    while (true) {
        uint32_t child = 2 * index + 1;
        if (child >= s->timer_count)
            break;
        if (child + 1 < s->timer_count &&
            s->timers[child + 1].at_ms < s->timers[child].at_ms)
            child++;
        if (timer.at_ms <= s->timers[child].at_ms)
            break;
        s->timers[index] = s->timers[child];
        index = child;
    }
    s->timers[index] = timer;
}

static void sweep(struct schedule *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->timer_count; i++)
        if (!is_void(s, &s->timers[i]))
            s->timers[kept++] = s->timers[i];
    s->timer_count = kept;
    s->timer_stale = 0;
    for (uint32_t i = kept / 2; i > 0; i--)
        sift_down(s, i - 1);
}

void timer_add(struct schedule *s, uint64_t at_ms, uint32_t id, bool is_flight)
{
    if (s->timer_count >= 64 && s->timer_stale > s->timer_count / 2)
        sweep(s);
    s->timers = grown(s->timers, s->timer_count, &s->timer_capacity,
                      sizeof *s->timers);
    uint32_t index = s->timer_count++;
    while (index && at_ms < s->timers[(index - 1) / 2].at_ms) {
        s->timers[index] = s->timers[(index - 1) / 2];
        index = (index - 1) / 2;
    }
    s->timers[index] = (struct timer){at_ms, id, is_flight};
}

static void remove_first(struct schedule *s)
{
    s->timers[0] = s->timers[--s->timer_count];
    if (s->timer_count)
        sift_down(s, 0);
}

// A member's own time is over; others may wait on.
static void expire(struct schedule *s, uint32_t task)
{
    const uint32_t index = s->nodes[task].flight;
    const uint32_t runner = s->flights[index].runner;
    flight_leave(s, task);
    task_finish(s, task, OUT_END, END_LIMIT_TIME,
                task == runner ? BY_RUNNING : BY_MERGING, runner);
    if (s->flights[index].member_count == 0)
        flight_stop(s, index, END_LIMIT_TIME);
}

void timers_fire(struct schedule *s)
{
    while (s->timer_count && s->timers[0].at_ms <= s->now_ms) {
        const struct timer timer = s->timers[0];
        const bool due = !is_void(s, &timer);
        remove_first(s);
        if (!due) {
            s->timer_stale -= s->timer_stale > 0;
            continue;
        }
        if (timer.is_flight)
            flight_release(s, timer.id);
        else
            expire(s, timer.id);
    }
}

uint64_t timers_next(struct schedule *s)
{
    while (s->timer_count && is_void(s, &s->timers[0])) {
        s->timer_stale -= s->timer_stale > 0;
        remove_first(s);
    }
    return s->timer_count ? s->timers[0].at_ms : 0;
}
