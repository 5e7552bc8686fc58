/* SPDX-License-Identifier: Apache-2.0 */
/* executor.h - what runs of one process share: the store, the runner (workers,
 * or threads of this process), and what is known of modules.
 *
 * Nothing is started before the first job: a run that the memo answers has no
 * worker, no engine and no thread.
 * Thread: the one that opened it, but executor_interrupt().
 */
#ifndef IPVM_RUN_EXECUTOR_H
#define IPVM_RUN_EXECUTOR_H

#include "run/landing.h"
#include "run/lane.h"
#include "store/store.h"
#include "task/runner.h"

struct executor;

struct executor_options {
    const char *worker; /* path of ipvm-worker; NULL: beside this program,
                              or as installed */
    unsigned workers;   /* 0: one per core */
    uint64_t
        memory_total; /* bytes of running tasks; 0: 3/4 of the machine's */
    RunEngine engine;
    bool in_process; /* guests run on threads of this process */
};

/* `store` is borrowed. `options` may be NULL. */
Status executor_open(struct store *store,
                     const struct executor_options *options,
                     struct executor **out, struct error *err);
/* NULL is allowed. Kills what still runs. */
void executor_close(struct executor *executor);

struct store *executor_store(const struct executor *executor);
const struct executor_options *executor_options(
    const struct executor *executor);
/* How many jobs the runner can make progress on at once. */
unsigned executor_capacity(struct executor *executor);

/* Who wants a job done; called from inside executor_poll() only. */
typedef void ExecutorDone(void *context, const struct run_outcome *outcome);
typedef bool ExecutorBegun(void *context, uint64_t ticket);
typedef void ExecutorPaused(void *context, uint64_t ticket);
typedef void ExecutorLog(void *context, uint64_t ticket, LogLevel level,
                         Text line);
struct executor_client {
    ExecutorDone *done;
    ExecutorBegun *begun;   /* its turn has come. False: it is not wanted any
                               more, and `done` is not called; but not if it
                               was paused. May be NULL. Also called by
                               executor_submit() itself */
    ExecutorPaused *paused; /* it is held, or waits again, so that others have
                               their turn: `begun` is called once more. May be
                               NULL */
    ExecutorLog *log;       /* lines of its guest; may be NULL */
    void *context;
    struct lane *lane; /* NULL: the owner's. Its isolation key and turn */
    int32_t priority;  /* within the lane */
};
/* Takes a job, in its lane's turn; `request->ticket`, and of a RUN_CALL
 * `isolation`, are chosen here. A `memory_need` of 0 is not counted. What
 * `request` points to stays alive until `done`. */
Status executor_submit(struct executor *executor,
                       const struct run_request *request,
                       const struct executor_client *client, uint64_t *ticket,
                       struct error *err);
void executor_cancel(struct executor *executor, uint64_t ticket, End end);
/* Does a job that is not over call an artifact of this name? */
bool executor_uses(const struct executor *executor, const Hash *artifact);
/* Which computations are in the runner's hands, for those who want the same. */
struct landings *executor_landings(struct executor *executor);
/* The executor's thread was kept busy for a lane, so that nobody was served:
 * counts as if all workers had been. NULL: the owner's. */
void executor_charge(struct executor *executor, struct lane *lane,
                     uint64_t ns);
/* The lanes of this executor. One is given back before the executor is
 * closed. */
struct lanes *executor_lanes(struct executor *executor);

/* Calls `done` for what is over; waits at most `timeout_ms` (-1: for ever). */
void executor_poll(struct executor *executor, int timeout_ms);
/* Makes executor_poll() return soon, now or when it is called next. Thread:
 * any. */
void executor_wake(struct executor *executor);

struct executor_census {
    uint64_t workers, workers_busy, workers_started, workers_killed;
    uint64_t waiting; /* jobs in lanes */
    uint64_t running; /* in the runner's hands */
    uint64_t memory;  /* bytes that those asked for */
};
void executor_count(const struct executor *executor,
                    struct executor_census *out);

/* Asks whatever runs here to stop: Ctrl-C. Thread: any, also in a signal
 * handler. executor_interrupted() stays true until it is cleared. */
void executor_interrupt(struct executor *executor);
bool executor_interrupted(const struct executor *executor);
void executor_clear_interrupt(struct executor *executor);

#endif
