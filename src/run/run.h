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
    RUN_TICK           /* nothing new for a while: redraw clocks */
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

struct run_options {
    RunEvent *event; /* may be NULL */
    void *context;
    bool no_memo;     /* run everything; results are memoised all the same */
    bool metered;     /* count fuel */
    bool no_heal;     /* what lacks a block is not helped: see heal.h */
    bool cross_check; /* run each on the other engine too and compare */
    bool no_receipts; /* nothing is kept that receipts are made from */
    uint32_t tick_ms; /* how often RUN_TICK; 0: never */
    Text remember_as; /* under which name the run is kept for `explain`;
                          empty: the workflow's name, or not at all */
};

/* What came of a run. Owned by the caller until run_free(). */
Status run_workflow(struct executor *executor, struct modules *modules,
                    const struct workflow *workflow,
                    const struct run_options *options, struct run **out,
                    struct error *err);
void run_free(struct run *run);

const struct workflow *run_of_workflow(const struct run *run);
bool run_succeeded(const struct run *run);
void run_counts(const struct run *run, struct schedule_counts *out);
/* Any task, during the run and after it. */
void run_report(const struct run *run, uint32_t task,
                struct run_task_report *out);
uint64_t run_elapsed_ns(const struct run *run);
/* Nanoseconds since a running task was started, else 0. */
uint64_t run_task_elapsed_ns(const struct run *run, uint32_t task);

/* The result block's map of a task that has one, decoded into `arena`. */
Status run_result(const struct run *run, uint32_t task, struct arena *arena,
                  struct result *out, struct error *err);

#endif
