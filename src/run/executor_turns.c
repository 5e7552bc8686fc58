/* SPDX-License-Identifier: Apache-2.0 */
/* executor_turns.c - who is handed to the runner when.
 *
 *     lane ──▶ handed over ──▶ over          enough to keep workers busy: each
 *      ▲            │                        one's job, and while a lane's jobs
 *      │            ▼                        are short, more behind it
 *      └── held, or taken back: others had less
 *
 * A long job is held when its lane is a quantum ahead of one that waits: the
 * worker is stopped as it is, and goes on when its lane has its turn again. So
 * nobody waits for another's loop, and no work is lost. */
#include "base/arena.h"
#include "base/clock.h"
#include "run/executor_internal.h"

enum {
    /* A worker gets jobs ahead of the one it runs if they are so short that a
     * round trip for each would cost more: as many as take AHEAD_NS. */
    AHEAD_MAX = 31,
    AHEAD_NS = 2 * 1000 * 1000,
    SLICE_MS = 10, /* nobody is held sooner */
    LOOK_NS = 5 * 1000 * 1000,
    /* Held at once, for each worker: their processes keep their memory. */
    PAUSED_MAX = 32,
};

void job_list_add(struct job_list *list, struct executor_job *job)
{
    job->previous = list->last;
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
}

void job_list_remove(struct job_list *list, struct executor_job *job)
{
    if (job->previous)
        job->previous->next = job->next;
    else
        list->first = job->next;
    if (job->next)
        job->next->previous = job->previous;
    else
        list->last = job->previous;
    job->next = job->previous = NULL;
    list->count--;
}

static struct executor_job *job_of(struct lane_entry *entry)
{
    return (struct executor_job *)(void *)entry;
}

/* --- Memory -------------------------------------------------------------- */

static bool is_large(const struct executor *executor, uint64_t memory)
{
    return memory > executor->options.memory_total / executor->options.workers;
}

/* `sign`: 1 or -1. */
static void count_memory(struct executor *executor, uint64_t memory, int sign)
{
    struct memory_use *use = &executor->memory;
    if (memory == 0)
        return;
    if (is_large(executor, memory)) {
        use->large += sign > 0 ? memory : -memory;
        use->large_count += (size_t)sign;
        return;
    }
    use->small_count += (size_t)sign;
    if (use->small_count == 0)
        use->small_max = 0;
    else if (sign > 0 && memory > use->small_max)
        use->small_max = memory;
}

/* No more run at once than there are workers: of the small ones, each at most
 * as large as the largest of them, no more count. Jobs that lie in rings behind
 * others are counted by this as those that run. */
static uint64_t small_ones(const struct executor *executor, size_t count)
{
    const size_t large = executor->memory.large_count;
    const size_t workers = executor->options.workers;
    const size_t most = workers > large ? workers - large : 1;
    return count < most ? count : most;
}

uint64_t executor_memory(const struct executor *executor)
{
    const struct memory_use *use = &executor->memory;
    return use->large + use->paused +
           small_ones(executor, use->small_count) * use->small_max;
}

/* What the next one may take. Alone it may take all, and more. */
static uint64_t memory_left(const struct executor *executor)
{
    const struct memory_use *use = &executor->memory;
    const uint64_t total = executor->options.memory_total;
    const uint64_t fixed = use->large + use->paused;
    const uint64_t small = total / executor->options.workers;
    if (use->small_count == 0 && fixed == 0)
        return UINT64_MAX;
    if (fixed >= total)
        return 0;
    const uint64_t left = total - fixed;
    const uint64_t small_count = small_ones(executor, use->small_count + 1);
    const uint64_t as_small = small_count > 0 ? left / small_count : left;
    if (as_small < use->small_max)
        return 0;
    if (as_small < small)
        return as_small;
    // A large one takes the worker of a small one.
    uint64_t others = small_ones(executor, use->small_count);
    if (others + use->large_count >= executor->options.workers && others > 0)
        others--;
    const uint64_t as_large =
        left > others * use->small_max ? left - others * use->small_max : 0;
    return as_large > small ? as_large : small;
}

/* --- Handing over -------------------------------------------------------- */

/* Workers that no job keeps busy, as far as it is known here; or short jobs
 * behind its lane's own. */
static bool has_room(const struct executor *executor,
                     const struct lane_entry *entry)
{
    const size_t workers = executor->options.workers;
    const size_t handed = executor->handed.count;
    if (handed < workers)
        return true;
    const uint64_t typical_ns = lane_typical_ns(entry->lane);
    if (entry->goes_first || typical_ns == 0 || lane_taken(entry->lane) == 0)
        return false;
    uint64_t ahead = AHEAD_NS / (typical_ns + 1);
    if (ahead > AHEAD_MAX)
        ahead = AHEAD_MAX;
    return handed < workers * (1 + ahead);
}

static void hand_over(struct executor *executor, struct executor_job *job)
{
    struct runner *runner = executor->runner;
    const bool was_paused = job->place == JOB_PAUSED;
    const bool is_wanted =
        !job->client.begun ||
        job->client.begun(job->client.context, job->request.ticket);
    if (!is_wanted && !was_paused) {
        lane_finish(&job->entry);
        executor_forget(executor, job);
        return;
    }
    job_list_add(&executor->handed, job);
    job->place = JOB_HANDED;
    job->resumed_ns = job->elapsed_ns;
    if (was_paused) {
        executor->paused--;
        executor->memory.paused -= job->request.memory_need;
    }
    count_memory(executor, job->request.memory_need, 1);
    if (was_paused)
        runner->verbs->resume(runner, job->request.ticket);
    else
        runner->verbs->submit(runner, &job->request);
}

void executor_hand_over(struct executor *executor)
{
    while (lanes_waiting(executor->lanes) > 0) {
        const uint64_t left = memory_left(executor);
        const struct lane_entry *next = lanes_first(executor->lanes, left);
        if (!next || !has_room(executor, next))
            return;
        hand_over(executor, job_of(lanes_take(executor->lanes, left)));
    }
}

/* --- Charging ------------------------------------------------------------ */

static void charge_up_to(struct executor_job *job, uint64_t elapsed_ns)
{
    if (elapsed_ns <= job->elapsed_ns)
        return;
    lane_charge(&job->entry, elapsed_ns - job->elapsed_ns);
    job->elapsed_ns = elapsed_ns;
}

/* For what runs now. */
static void charge_all(struct executor *executor)
{
    struct runner *runner = executor->runner;
    if (!runner || !runner->verbs->elapsed_ns)
        return;
    for (struct executor_job *job = executor->handed.first; job;
         job = job->next)
        charge_up_to(job,
                     runner->verbs->elapsed_ns(runner, job->request.ticket));
}

void executor_queue(struct executor *executor, struct executor_job *job)
{
    struct lane *lane = job->client.lane;
    // Who comes now starts where those are that have been running.
    if (executor->handed.count > 0 && lane_taken(lane) == 0 &&
        lane_waiting(lane) == 0)
        charge_all(executor);
    job->place = JOB_QUEUED;
    lane_enqueue(lane, &job->entry);
    executor_hand_over(executor);
}

void executor_let_go(struct executor *executor, struct executor_job *job,
                     const struct run_outcome *outcome)
{
    if (job->place == JOB_PAUSED) {
        executor->paused--;
        executor->memory.paused -= job->request.memory_need;
        lane_remove(&job->entry);
        return;
    }
    job_list_remove(&executor->handed, job);
    count_memory(executor, job->request.memory_need, -1);
    charge_up_to(job, outcome->worker_ns ? outcome->worker_ns
                                         : outcome->cost.wall_ns);
    // Not the wall's time: what else the machine does is not the task's.
    if (job->request.verb == RUN_CALL)
        lane_learn(job->entry.lane, outcome->cost.cpu_ns);
    lane_finish(&job->entry);
}

/* --- Holding ------------------------------------------------------------- */

static void put_back(struct executor *executor, struct executor_job *job,
                     JobPlace place)
{
    job_list_remove(&executor->handed, job);
    count_memory(executor, job->request.memory_need, -1);
    job->place = place;
    job->entry.goes_first = place == JOB_PAUSED;
    if (place == JOB_PAUSED) {
        executor->paused++;
        executor->memory.paused += job->request.memory_need;
        job->entry.memory = 0; // It has it.
    }
    lane_enqueue(job->entry.lane, &job->entry);
    if (job->client.paused)
        job->client.paused(job->client.context, job->request.ticket);
}

/* What was handed over behind a job that is held. */
static void take_back_of(struct executor *executor, const struct lane *lane)
{
    struct runner *runner = executor->runner;
    for (struct executor_job *job = executor->handed.first, *next; job;
         job = next) {
        next = job->next;
        if (job->entry.lane == lane &&
            runner->verbs->take_back(runner, job->request.ticket))
            put_back(executor, job, JOB_QUEUED);
    }
}

/* The one of the lane that is most ahead of `waits`. */
static struct executor_job *find_glutton(const struct executor *executor,
                                         const struct lane *waits)
{
    struct executor_job *found = NULL;
    for (struct executor_job *job = executor->handed.first; job;
         job = job->next)
        if (job->elapsed_ns - job->resumed_ns >= SLICE_MS * 1000000ULL &&
            lane_is_ahead(job->entry.lane, waits) &&
            (!found || lane_is_ahead(job->entry.lane, found->entry.lane)))
            found = job;
    return found;
}

int executor_take_turns(struct executor *executor)
{
    struct runner *runner = executor->runner;
    executor_hand_over(executor);
    if (lanes_waiting(executor->lanes) == 0 || !runner->verbs->pause)
        return -1;
    uint64_t now = clock_monotonic_ns();
    if (now - executor->look_ns < LOOK_NS)
        return SLICE_MS;
    executor->look_ns = now;
    charge_all(executor);
    const struct lane_entry *next;
    while (executor->paused < (size_t)PAUSED_MAX * executor->options.workers &&
           (next = lanes_first(executor->lanes, memory_left(executor))) &&
           !has_room(executor, next)) {
        struct executor_job *job = find_glutton(executor, next->lane);
        if (!job || !runner->verbs->pause(runner, job->request.ticket))
            break;
        put_back(executor, job, JOB_PAUSED);
        take_back_of(executor, job->entry.lane);
        executor_hand_over(executor);
    }
    return SLICE_MS;
}
