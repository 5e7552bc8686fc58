/* SPDX-License-Identifier: Apache-2.0 */
/* crew.c - the workers of a pool: hired, watched, lost, reaped. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/arena.h"
#include "worker/pool_state.h"

/* Workers that may die with the same job before it is given up. */
enum { LOSSES_MAX = 3 };

Status crew_watch(struct pool *pool, int file, uint32_t events, uint32_t about,
                  struct error *err)
{
    struct epoll_event event = {.events = events, .data = {.u32 = about}};
    if (epoll_ctl(pool->epoll, EPOLL_CTL_ADD, file, &event) != 0)
        return fail_errno(err, errno, "cannot watch a worker");
    return STATUS_OK;
}

/* The worker holds the eventfd too: closing ours does not end the watch. */
static void unwatch(struct pool *pool, int file)
{
    if (file >= 0)
        epoll_ctl(pool->epoll, EPOLL_CTL_DEL, file, NULL);
}

static void finish(void *context, struct job *job, struct run_outcome *outcome)
{
    pool_report(context, job, outcome);
}

static void add_dying(struct pool *pool, const struct process *process)
{
    if (process->pidfd < 0)
        return;
    if (pool->dying_count == pool->dying_capacity) {
        pool->dying_capacity = pool->dying_capacity * 2 + 8;
        pool->dying = heap_resize(pool->dying, pool->dying_capacity,
                                  sizeof *pool->dying);
    }
    pool->dying[pool->dying_count++] = *process;
}

/* Out of the crew; its jobs have gone elsewhere. */
static void remove_worker(struct pool *pool, struct worker *worker)
{
    for (unsigned i = 0; i < pool->worker_count; i++)
        if (pool->workers[i] == worker) {
            pool->workers[i] = pool->workers[--pool->worker_count];
            break;
        }
    unwatch(pool, worker->channel.event);
    struct process process;
    worker_free(worker, &process);
    add_dying(pool, &process);
}

Status crew_hire(struct pool *pool, Role role, struct worker **out,
                 struct error *err)
{
    const struct worker_owner owner = {pool, &pool->runner.host, finish};
    struct worker *worker;
    TRY(worker_start(&worker, &owner, role, pool->arguments[role],
                     pool->idle_ns[role], err));
    worker->number = (uint32_t)++pool->started;
    if (pool->worker_count == pool->worker_capacity) {
        pool->worker_capacity = pool->worker_capacity * 2 + 8;
        pool->workers = heap_resize(pool->workers, pool->worker_capacity,
                                    sizeof *pool->workers);
    }
    pool->workers[pool->worker_count++] = worker;
    atomic_store(&worker->channel.shared->spin_ns, pool->spin_ns);
    atomic_store(&worker->channel.shared->runner_sleeps, pool->is_armed);
    Status status = crew_watch(pool, worker->channel.event, EPOLLIN | EPOLLET,
                               EVENT_WORKER, err);
    if (status == STATUS_OK)
        status =
            crew_watch(pool, worker->process.pidfd, EPOLLIN, EVENT_DEATH, err);
    if (status != STATUS_OK)
        remove_worker(pool, worker);
    else
        *out = worker;
    return status;
}

/* The first job is what a worker was lost with; but if it has come to the
 * second, what it said of the first was not to be understood: then nobody
 * knows, and each that was begun has another try, alone. */
static bool is_to_blame(const struct worker *worker, const struct job *job)
{
    return worker_had_begun(worker, job) &&
           !(job->next && worker_had_begun(worker, job->next));
}

void crew_lose(struct pool *pool, struct worker *worker, End end,
               const char *why)
{
    pool->killed += worker->jobs.count > 0;
    struct job *first = worker->jobs.first;
    // Who dies may have been killed by others; who speaks wrongly was not.
    bool ends = first && (end != END_HOST || ++first->losses >= LOSSES_MAX ||
                          (worker->broken && is_to_blame(worker, first)));
    const uint64_t spent_ns = first ? worker_spent_ns(worker) : 0;
    const uint64_t host_ns = worker->host_ns;
    // From the last, so that they stand in their old order again.
    while (worker->jobs.last) {
        struct job *job = worker->jobs.last;
        job->goes_alone |= worker_had_begun(worker, job);
        job_row_remove(&worker->jobs, job);
        job->worker = NULL;
        if (job == first && ends) {
            job_end(job, end, "%s", why);
            job->outcome->cost.wall_ns = spent_ns;
            job->outcome->worker_ns = spent_ns;
            job->outcome->host_ns = host_ns;
            job->outcome->worker = worker->number;
            job_row_append(&pool->over, job);
        } else {
            job_row_prepend(&pool->waiting, job);
        }
    }
    remove_worker(pool, worker);
}

static void bury(struct pool *pool, struct worker *worker, const char *words,
                 uint64_t now_ns)
{
    char why[LAST_WORDS_MAX + 40];
    // What it said before it died counts.
    while (worker_listen(worker, now_ns)) {
    }
    snprintf(why, sizeof why, "the worker process %s", words);
    crew_lose(pool, worker, END_HOST, why);
}

bool crew_reap(struct pool *pool, uint64_t now_ns)
{
    char words[LAST_WORDS_MAX];
    bool died = false;
    for (unsigned i = 0; i < pool->dying_count;) {
        if (process_reap(&pool->dying[i], NULL))
            pool->dying[i] = pool->dying[--pool->dying_count];
        else
            i++;
    }
    for (unsigned i = 0; i < pool->worker_count;) {
        struct worker *worker = pool->workers[i];
        if (process_reap(&worker->process, words)) {
            bury(pool, worker, words, now_ns);
            died = true;
        } else {
            i++;
        }
    }
    return died;
}

static void stop_for_time(struct pool *pool, struct worker *worker)
{
    char why[100];
    const struct job *job = worker->jobs.first;
    if (!worker->is_live) {
        crew_lose(pool, worker, END_HOST, "the worker process does not start");
        return;
    }
    if (job)
        snprintf(why, sizeof why, "stopped at its time limit of %llu ms",
                 (unsigned long long)job->request.limits.time_ms);
    crew_lose(pool, worker, END_LIMIT_TIME, job ? why : "");
}

bool crew_check(struct pool *pool, uint64_t now_ns)
{
    bool acted = false;
    for (unsigned i = 0; i < pool->worker_count;) {
        struct worker *worker = pool->workers[i];
        if (worker->broken) {
            char why[120];
            snprintf(why, sizeof why, "the worker process was killed: %s",
                     worker->broken);
            crew_lose(pool, worker, END_HOST, why);
        } else if (now_ns >= worker->deadline_ns) {
            stop_for_time(pool, worker);
        } else {
            i++;
            continue;
        }
        acted = true;
    }
    return acted;
}

uint64_t crew_deadline(const struct pool *pool)
{
    uint64_t first = UINT64_MAX;
    for (unsigned i = 0; i < pool->worker_count; i++) {
        const struct worker *worker = pool->workers[i];
        uint64_t deadline = worker->broken ? 0 : worker->deadline_ns;
        if (deadline < first)
            first = deadline;
    }
    return first;
}

unsigned crew_busy(const struct pool *pool)
{
    unsigned busy = 0;
    for (unsigned i = 0; i < pool->worker_count; i++)
        busy += worker_is_busy(pool->workers[i]);
    return busy;
}

unsigned crew_paused(const struct pool *pool)
{
    unsigned paused = 0;
    for (unsigned i = 0; i < pool->worker_count; i++)
        paused += pool->workers[i]->is_paused;
    return paused;
}

unsigned crew_idle(const struct pool *pool)
{
    unsigned idle = 0;
    for (unsigned i = 0; i < pool->worker_count; i++)
        idle += pool->workers[i]->jobs.count == 0;
    return idle;
}

void crew_dismiss_all(struct pool *pool)
{
    while (pool->worker_count > 0)
        crew_lose(pool, pool->workers[0], END_CANCELLED, "");
    for (unsigned i = 0; i < pool->dying_count; i++)
        process_await(&pool->dying[i]);
    pool->dying_count = 0;
}
