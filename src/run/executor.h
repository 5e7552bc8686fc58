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

/* Hands a job to the runner; `request->ticket` is chosen here and returned.
 * What `request` points to stays alive until `done`. */
typedef void ExecutorDone(void *context, const struct run_outcome *outcome);
Status executor_submit(struct executor *executor,
                       const struct run_request *request, ExecutorDone *done,
                       void *context, uint64_t *ticket, struct error *err);
void executor_cancel(struct executor *executor, uint64_t ticket, End end);

/* Calls `done` for what is over; waits at most `timeout_ms` (-1: for ever). */
void executor_poll(struct executor *executor, int timeout_ms);

/* Lines that guests log, by ticket. */
typedef void ExecutorLog(void *context, uint64_t ticket, LogLevel level,
                         Text line);
void executor_on_log(struct executor *executor, ExecutorLog *log,
                     void *context);

/* Asks whatever runs here to stop: Ctrl-C. Thread: any, also in a signal
 * handler. executor_interrupted() stays true until it is cleared. */
void executor_interrupt(struct executor *executor);
bool executor_interrupted(const struct executor *executor);
void executor_clear_interrupt(struct executor *executor);

#endif
