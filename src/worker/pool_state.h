/* SPDX-License-Identifier: Apache-2.0 */
/* pool_state.h - the inside of a pool. Internal to worker/.
 *
 *               submit            hand over             DONE
 *     (caller) -------> waiting ------------> a worker ------> reported
 *                          ^  \                  |  \
 *                          |   +--- stopped -----+   +-- stopped, lost
 *                          +------- taken back --+            |
 *                                                  over ------+--> reported
 *
 * Thread: the pool's.
 */
#ifndef IPVM_WORKER_POOL_STATE_H
#define IPVM_WORKER_POOL_STATE_H

#include "base/map.h"
#include "worker/pause.h"
#include "worker/pool.h"
#include "worker/worker.h"

struct pool {
    struct runner runner;
    char **arguments[2]; /* of the helper, by role; owned */
    unsigned worker_max; /* busy at once */
    unsigned idle_max;
    unsigned ahead_max;
    unsigned processors;
    uint64_t idle_ns[2]; /* by role */

    struct worker **workers;
    unsigned worker_count, worker_capacity;
    struct process *dying; /* killed, not yet reaped */
    unsigned dying_count;
    unsigned dying_capacity;

    struct job_row waiting;
    struct job_row over;
    struct map jobs; /* open ones, by ticket */
    uint64_t *stops; /* tickets of jobs to be stopped; owned */
    size_t stop_count;
    size_t stop_capacity;
    bool is_polling;
    atomic_bool is_woken; /* by another thread, perhaps */
    bool is_armed;        /* workers wake us by their eventfd */
    bool someone_died;    /* a pidfd said so */
    bool file_is_used;    /* somebody waits on file(), not in poll() */
    uint64_t timer_ns;    /* what the timer is set to */
    uint32_t spin_ns;     /* what workers were told */
    struct patience patience;
    uint64_t started;
    uint64_t killed;
    int epoll;
    int timer; /* fires at the first deadline; for who waits on file() */
    int nudge; /* eventfd: poll() has something to do */
};

static inline struct pool *pool_of(struct runner *runner)
{
    return (struct pool *)(void *)runner;
}

/* --- crew.c: the workers of a pool --- */

/* What an event of the epoll file is about. */
enum { EVENT_WORKER, EVENT_DEATH, EVENT_TIMER, EVENT_NUDGE };

Status crew_watch(struct pool *pool, int file, uint32_t events, uint32_t about,
                  struct error *err);
Status crew_hire(struct pool *pool, Role role, struct worker **out,
                 struct error *err);
/* Kills the worker. Its first job ends as `end`, or, if it was not begun and
 * `end` is END_HOST, waits again like the others. */
void crew_lose(struct pool *pool, struct worker *worker, End end,
               const char *why);
/* Reaps who has died; true if a worker did that nobody killed. */
bool crew_reap(struct pool *pool, uint64_t now_ns);
/* Kills who is past its deadline, or broken. */
bool crew_check(struct pool *pool, uint64_t now_ns);
uint64_t crew_deadline(const struct pool *pool);
unsigned crew_busy(const struct pool *pool);
unsigned crew_paused(const struct pool *pool);
unsigned crew_idle(const struct pool *pool);
void crew_dismiss_all(struct pool *pool);

/* --- dispatch.c: which job goes where --- */

void pool_dispatch(struct pool *pool, uint64_t now_ns);

/* --- pool.c --- */

/* Reports a job and forgets it. */
void pool_report(struct pool *pool, struct job *job,
                 const struct run_outcome *outcome);

#endif
