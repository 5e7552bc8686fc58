/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - one run of a workflow: carries out what the scheduler decides, with
 * the executor's runner, modules and store.
 *
 * Thread: the executor's. Events are called on it, from inside run_workflow().
 */
#ifndef IPVM_RUN_RUN_H
#define IPVM_RUN_RUN_H

#include "run/executor.h"
#include "run/module.h"
#include "schedule/schedule.h"
#include "task/computation.h"
#include "task/workflow.h"

typedef enum {
    RUN_TASK_STARTED,  /* handed to a runner */
    RUN_TASK_FINISHED, /* is over: `report` says how */
    RUN_TASK_LOG,      /* its guest logged `text` at `level` */
    RUN_ALARM,         /* `text`: two results of one pure computation */
    RUN_TICK,          /* nothing new for a while: redraw clocks */
    RUN_TASK_COMPILING /* it waits for its module */
} RunEventKind;

/* How a task came out; what the memo or the runner said of its cost. */
struct run_task_report {
    struct schedule_task_state state;
    bool has_concrete;
    Hash concrete;
    bool has_result;      /* OUT_OK, OUT_ERROR, OUT_UPSTREAM */
    Hash result;          /* of the result block */
    struct run_cost cost; /* of the run, this one's or the memo's */
    uint64_t stored_bytes;
    uint32_t worker;     /* the number of the one that ran it; 0: none */
    const char *message; /* for people: trap, refusal, …; "" if none */
};

struct run_event {
    RunEventKind kind;
    uint32_t task;
    const struct run_task_report *report; /* RUN_TASK_FINISHED */
    LogLevel level;
    Text text;
    uint32_t dropped_logs; /* lines lost so far */
};

struct run;
typedef void RunEvent(void *context, const struct run *run,
                      const struct run_event *event);

/* LATER: run_answer() will be called for it. */
typedef enum { RUN_MAY, RUN_MAY_NOT, RUN_MAY_LATER } RunMay;
typedef RunMay RunAuthorise(void *context, const struct run *run,
                            uint32_t task, char why[RUN_MESSAGE_MAX]);
typedef void RunSends(void *context, struct store_batch *batch);
typedef void RunWoken(void *context);

struct run_options {
    RunEvent *event; /* may be NULL */
    void *context;
    bool no_memo;      /* run everything; results are memoised all the same */
    bool metered;      /* count fuel */
    bool no_heal;      /* what lacks a block is not helped: see heal.h */
    bool cross_check;  /* run each on the other engine too and compare */
    bool no_receipts;  /* nothing is kept that receipts are made from */
    bool is_rooted;    /* a root keeps the workflow, so that no hold need */
    uint32_t tick_ms;  /* how often RUN_TICK; 0: never */
    struct lane *lane; /* whose turn its tasks take; NULL: the owner's */
    int32_t priority;  /* within the lane */
    /* What a task gets that asks for no memory, and the most that any gets; 0:
     * the host's own. */
    uint64_t memory_default, memory_max, time_ms_max;
    uint64_t fuel_max;     /* the most that any gets; 0: no bound */
    uint64_t memory_total; /* bytes of its running tasks; 0: the executor's */
    /* For each task true if it is to run though the memo has it; with all that
     * await one. Borrowed; NULL: none. */
    const bool *fresh;
    /* Whether a task may run now, its arguments known; RUN_MAY_NOT: words are
     * in `why`. NULL: the owner, always. Each RUN_MAY is followed by one
     * RUN_TASK_FINISHED, unless it is suspended. */
    RunAuthorise *authorise;
    /* A batch with its results is about to be given to the store: what becomes
     * durable with them is added. May be NULL. */
    RunSends *sends;
    /* As of store_commit_async(), of each batch but that of run_end(); with
     * `context`, which may outlive the run by these. May be NULL. */
    StoreDone *kept;
    /* It has something to do: run_step() may be called. From inside
     * executor_poll(), of this run or another's. May be NULL. */
    RunWoken *woken;
    Text remember_as; /* under which name the run is kept for `explain`;
                          empty: the workflow's name, or not at all */
};

/* What came of a run. Owned by the caller until run_free(). */
Status run_workflow(struct executor *executor, struct modules *modules,
                    const struct workflow *workflow,
                    const struct run_options *options, struct run **out,
                    struct error *err);
void run_free(struct run *run);

/* --- Many at once: the same in steps ------------------------------------- */

/* Begins it; nothing is done before run_step(). */
Status run_begin(struct executor *executor, struct modules *modules,
                 const struct workflow *workflow,
                 const struct run_options *options, struct run **out,
                 struct error *err);
typedef enum {
    RUN_GOES_ON, /* there is more to do now */
    RUN_WAITS,   /* until `woken`, or until its timer */
    RUN_OVER     /* everything wanted is over, or it is suspended */
} RunStep;
/* Carries out at most `actions_max` of what the scheduler wants. Not from
 * inside executor_poll(). `*until_ns`: of RUN_WAITS, by clock_monotonic_ns();
 * 0: no timer. */
RunStep run_step(struct run *run, unsigned actions_max, uint64_t *until_ns);
/* What came of RUN_MAY_LATER. Not from inside executor_poll(). */
void run_answer(struct run *run, uint32_t task, bool may, const char *why);
/* Stops everything: RUN_OVER soon. */
void run_cancel(struct run *run);
/* Starts no more tasks; RUN_OVER when those that run are over, or have been
 * `cut`. To go on is to run it anew: what was finished is in the memo. */
void run_suspend(struct run *run, bool cut);
bool run_is_suspended(const struct run *run);
/* After RUN_OVER: gives what it has left to the store, with an empty batch if
 * there is nothing, so that `sends` is called. `done`: as of
 * store_commit_async(). */
void run_end(struct run *run, StoreDone *done, void *context);
/* What has been recorded so far goes on its way, and with it what `sends` adds;
 * so that a journal is never far behind. */
void run_send(struct run *run);

const struct workflow *run_of_workflow(const struct run *run);
bool run_succeeded(const struct run *run);
void run_counts(const struct run *run, struct schedule_counts *out);
/* Any task, during the run and after it. */
void run_report(const struct run *run, uint32_t task,
                struct run_task_report *out);
/* False if nobody wants it, or not any more: it is told of to nobody. */
bool run_is_asked(const struct run *run, uint32_t task);
uint64_t run_elapsed_ns(const struct run *run);
/* Nanoseconds since a running task was started, else 0. */
uint64_t run_task_elapsed_ns(const struct run *run, uint32_t task);

/* The arguments of a task that RunAuthorise is asked about, its promises
 * resolved, decoded into `arena`. */
Status run_args(struct run *run, uint32_t task, struct arena *arena,
                Value *out, struct error *err);
/* The result block's map of a task that has one, decoded into `arena`. */
Status run_result(const struct run *run, uint32_t task, struct arena *arena,
                  struct result *out, struct error *err);

#endif
