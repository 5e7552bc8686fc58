/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch.c - which job goes where.
 *
 * Jobs leave in their order, to the first of
 *  1. if one more may be busy: a worker that has nothing to do and may serve
 *     it, or a new one. Of those that have nothing to do as many are kept as
 *     may be; the one idle for longest goes;
 *  2. if more jobs wait than may be busy: the ring of a busy worker, behind
 *     what it does.
 * Who has nothing to do while nobody waits takes back half of what lies ahead
 * of the worker that has most, so 2 keeps nobody idle.
 */
#include "worker/pool_state.h"

/* Longer spinning than this costs others more than it saves (bench_worker). */
/* Alone: longer than it takes to wake the other side and be woken by it, or two
 * that once slept would wake each other for ever, job after job. */
enum { SPIN_ALONE_NS = 150000, SPIN_CROWDED_NS = 5000 };

static struct worker *find_idle(const struct pool *pool,
                                const struct run_request *request)
{
    struct worker *found = NULL;
    for (unsigned i = 0; i < pool->worker_count; i++) {
        struct worker *worker = pool->workers[i];
        if (worker->jobs.count == 0 && !worker->broken &&
            worker_may_serve(worker, request) &&
            (!found || (worker->is_live && !found->is_live)))
            found = worker;
    }
    return found;
}

/* A worker without work: a compiler before a guest, the one idle for longest
 * first. */
static struct worker *find_spare(const struct pool *pool)
{
    struct worker *found = NULL;
    for (unsigned i = 0; i < pool->worker_count; i++) {
        struct worker *worker = pool->workers[i];
        if (worker->jobs.count > 0)
            continue;
        if (!found || worker->role > found->role ||
            (worker->role == found->role &&
             worker->begun_ns < found->begun_ns))
            found = worker;
    }
    return found;
}

static struct worker *find_shortest(const struct pool *pool,
                                    const struct run_request *request)
{
    struct worker *found = NULL;
    for (unsigned i = 0; i < pool->worker_count; i++) {
        struct worker *worker = pool->workers[i];
        if (worker->jobs.count <= pool->ahead_max && !worker->broken &&
            worker->jobs.last && !worker->jobs.last->goes_alone &&
            !worker->is_paused && worker_may_serve(worker, request) &&
            (!found || worker->jobs.count < found->jobs.count))
            found = worker;
    }
    return found;
}

static struct worker *hire_for(struct pool *pool, struct job *job)
{
    struct worker *worker = NULL;
    struct error err = {0};
    Role role = job->request.verb == RUN_CALL ? ROLE_GUEST : ROLE_COMPILER;
    if (crew_idle(pool) >= pool->idle_max)
        crew_lose(pool, find_spare(pool), END_CANCELLED, "");
    if (crew_hire(pool, role, &worker, &err) != STATUS_OK)
        job_end(job, END_HOST, "%s", err.message);
    return worker;
}

static bool may_go_ahead(const struct pool *pool, const struct job *job)
{
    return pool->waiting.count > pool->worker_max && !job->goes_alone &&
           job->request.input.len + job->request.description.len <=
               JOB_INLINE_MAX;
}

/* True if the job stands in another row now. */
static bool place(struct pool *pool, struct job *job, uint64_t now_ns)
{
    struct worker *worker = NULL;
    bool may_begin = crew_busy(pool) < pool->worker_max;
    if (may_begin)
        worker = find_idle(pool, &job->request);
    if (!worker && may_begin)
        worker = hire_for(pool, job);
    if (!worker && !job->outcome && may_go_ahead(pool, job))
        worker = find_shortest(pool, &job->request);
    if (!worker && !job->outcome)
        return false;
    job_row_remove(&pool->waiting, job);
    if (worker && worker_hand_over(worker, job, now_ns))
        return true;
    if (job->outcome) {
        job_row_append(&pool->over, job);
        return true;
    }
    job_row_prepend(&pool->waiting, job);
    return false;
}

/* Jobs of `worker` that it has not come to. */
static size_t surplus(const struct worker *worker)
{
    return worker->jobs.count - (worker->is_live && worker->jobs.count > 0);
}

static struct worker *find_victim(const struct pool *pool,
                                  const struct worker *thief)
{
    struct worker *found = NULL;
    for (unsigned i = 0; i < pool->worker_count; i++) {
        struct worker *worker = pool->workers[i];
        if (worker != thief && surplus(worker) > 0 &&
            worker_may_serve(thief, &worker->jobs.last->request) &&
            (!found || surplus(worker) > surplus(found)))
            found = worker;
    }
    return found;
}

static void steal(struct pool *pool, struct worker *thief, uint64_t now_ns)
{
    struct worker *victim = find_victim(pool, thief);
    if (!victim)
        return;
    // From the end, each before the last: in their order again.
    struct job_row taken = {0};
    for (size_t count = (surplus(victim) + 1) / 2; count > 0; count--) {
        struct job *job = victim->jobs.last;
        if (!worker_may_serve(thief, &job->request) ||
            (job->goes_alone && taken.first) || !worker_take_back(victim, job))
            break;
        job_row_prepend(&taken, job);
    }
    while (taken.first) {
        struct job *job = taken.first;
        job_row_remove(&taken, job);
        if (!worker_hand_over(thief, job, now_ns))
            job_row_append(job->outcome ? &pool->over : &pool->waiting, job);
    }
}

static void tell_spin(struct pool *pool)
{
    uint32_t spin_ns =
        crew_busy(pool) < pool->processors ? SPIN_ALONE_NS : SPIN_CROWDED_NS;
    if (spin_ns == pool->spin_ns)
        return;
    pool->spin_ns = spin_ns;
    for (unsigned i = 0; i < pool->worker_count; i++)
        atomic_store_explicit(&pool->workers[i]->channel.shared->spin_ns,
                              spin_ns, memory_order_relaxed);
}

void pool_dispatch(struct pool *pool, uint64_t now_ns)
{
    while (pool->waiting.first && place(pool, pool->waiting.first, now_ns)) {
    }
    for (unsigned i = 0; i < pool->worker_count && !pool->waiting.first; i++)
        if (pool->workers[i]->jobs.count == 0 && pool->workers[i]->is_live &&
            crew_busy(pool) < pool->worker_max)
            steal(pool, pool->workers[i], now_ns);
    tell_spin(pool);
}
