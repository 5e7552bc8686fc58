/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - a runner (task/runner.h) over worker processes.
 *
 * Starts none before the first job, then as many as there is work for. A
 * worker serves one isolation key in its life; it is kept for a while when
 * others have their turn. No more are busy at once than `workers`, but more may
 * be held in the middle of a job (runner.h: pause);
 * RUN_DESCRIBE and RUN_COMPILE go to workers that never run guest code. What
 * a worker does, or becomes, ends the job it had begun at most, as END_HOST;
 * jobs handed over ahead go to the others.
 *
 * Thread: the one that opened it, and it must live as long as the pool: the
 * system kills workers when the thread that started them ends.
 */
#ifndef IPVM_WORKER_POOL_H
#define IPVM_WORKER_POOL_H

#include "task/runner.h"

/* Zero means the default, but for `helper`. */
struct pool_options {
    const char *helper;      /* path of ipvm-worker */
    const char *const *args; /* its arguments, NULL at the end; behind them
                                it gets "guest" or "compiler" */
    unsigned workers;        /* busy at once, at most; default: processors */
    unsigned idle;    /* kept for when their key comes again, at most; default
                         four for each of `workers` */
    unsigned ahead;   /* jobs handed to a busy worker, at most; default 32 */
    uint64_t idle_ms; /* a guest worker without work is ended after this;
                         default one minute */
    uint64_t idle_compiler_ms; /* the same of a compiler; default 5 s */
};

/* Ends jobs by `done`, called within poll() only. poll() returns early when a
 * signal was handled. Strings of `options` are
 * copied. The runner's `capacity` is the number of jobs its workers can hold,
 * those handed over ahead included. */
Status pool_open(const struct pool_options *options, struct run_host host,
                 RunDone *done, void *context, struct runner **out,
                 struct error *err);

/* What is there now, for tests and reports. */
struct pool_census {
    unsigned workers;
    unsigned busy;
    unsigned paused;
    uint64_t started; /* processes, ever */
    uint64_t killed;  /* for time, cancel, or what they did */
    size_t waiting;   /* jobs in nobody's hands */
};
void pool_count(const struct runner *runner, struct pool_census *out);

#endif
