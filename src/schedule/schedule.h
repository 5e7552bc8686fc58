/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h - decides what happens next to each task of one workflow.
 *
 * Pure: no clock, no I/O, no locks. The caller tells what happened and asks
 * what to do; the same code runs in the CLI, the node and the simulator.
 *
 *   UNASKED ─ wanted ─▶ ASKED ─ memo hit ──────────────────────────▶ DONE
 *                         │ miss: its awaits become wanted
 *                         ▼
 *                      WAITING ─ results known ─▶ READY (concrete, asked again,
 *                         │                       authorised, merged, admitted)
 *                         │                          ▼
 *                         │                       RUNNING ──────────▶ DONE
 *                         └─ blocked / upstream ────────────────────▶ DONE
 *
 * Thread: one at a time.
 */
#ifndef IPVM_SCHEDULE_SCHEDULE_H
#define IPVM_SCHEDULE_SCHEDULE_H

#include "crypto/hash.h"
#include "task/end.h"
#include "task/limits.h"
#include "task/workflow.h"

struct schedule;

/* How a task came out. OUT_UPSTREAM is a result, an error like others. */
typedef enum schedule_out {
    OUT_OK,
    OUT_ERROR,
    OUT_UPSTREAM,
    OUT_END
} ScheduleOut;

/* One task as the scheduler sees it. */
struct schedule_task {
    const struct await *awaits; /* borrowed while the schedule lives */
    uint32_t await_count;
    TaskClass class;
    struct limits limits; /* host's defaults filled in; memory for admission */
    struct retry retry;
    uint64_t weight; /* expected cost for the critical path; 0 is 1 */
};

struct schedule_options {
    uint64_t memory_total; /* bytes that running tasks may add up to; 0: no
                               bound. A task larger than it runs alone */
    uint32_t running_max;  /* tasks handed to runners at once; 0: no bound */
    bool ask_nothing;      /* no memo: never LOOKUP (but still merge) */
    uint64_t jitter_seed;  /* back-off jitter; 0: none */
    bool all_pure;         /* the caller knows that no task is an effect: no
                             task is looked at before it is needed */
    /* How an await outside the workflow (TASK_OUTSIDE) came out; OUT_END: its
     * result is not to be had. NULL: all match; answer DO_RESOLVE with a hit
     * of OUT_UPSTREAM where one does not. Gets schedule_new()'s context. */
    ScheduleOut (*outside)(void *context, const struct await *await);
};

/* Tasks are given through a callback, so nothing is copied that need not be.
 * `outputs` are indices. The graph is acyclic (workflow_finish saw to it). */
struct schedule *schedule_new(uint32_t count,
                              void (*task)(void *context, uint32_t index,
                                           struct schedule_task *out),
                              void *context, const uint32_t *outputs,
                              uint32_t output_count,
                              const struct schedule_options *options);
void schedule_free(struct schedule *schedule);

/* Changes options.running_max from here on; what runs goes on. */
void schedule_set_running_max(struct schedule *schedule, uint32_t running_max);

/* What the caller must do now. Each is given once and answered once. */
typedef enum {
    DO_NOTHING,   /* wait for an answer, or until `until_ms` (0: no timer) */
    DO_LOOKUP,    /* ask the memo by symbolic CID → schedule_looked_up() */
    DO_RESOLVE,   /* make it concrete, ask the memo by the concrete CID
                     → schedule_resolved() */
    DO_AUTHORISE, /* ask the authority → schedule_authorised() */
    DO_RUN,       /* hand it to a runner with `limits` → schedule_ran() */
    DO_STOP,      /* cancel its run with `end`; the answer to its DO_RUN is
                     still awaited (END_CANCELLED, or what it came to) */
    DO_FINISHED,  /* only news: the task is over; see schedule_state() */
    DO_DONE       /* everything wanted is over; only this from now on */
} ScheduleVerb;

struct schedule_action {
    ScheduleVerb verb;
    uint32_t task;
    struct limits limits; /* DO_RUN: each the largest of those who wait */
    End end;              /* DO_STOP: END_CANCELLED or END_LIMIT_TIME */
    uint64_t until_ms;    /* DO_NOTHING */
    uint32_t attempt;     /* DO_RUN: 0, 1, … */
};

/* The next action. `now_ms` never goes back.
 *
 * The task of a DO_RUN names the run until it is answered, even if the task
 * itself is over or no longer needed meanwhile: others may wait for the run.
 * Time limits are kept twice: by the runner for the run, and here for each
 * task that waits for it, from when it began to wait. */
void schedule_next(struct schedule *schedule, uint64_t now_ms,
                   struct schedule_action *out);

/* Answer to DO_LOOKUP: `hit` with how it came out (never OUT_END). */
void schedule_looked_up(struct schedule *schedule, uint32_t task, bool hit,
                        ScheduleOut out);
/* Answer to DO_RESOLVE: the concrete key; a hit with how it came out; or
 * OUT_END with `end` when it cannot be made concrete (refused/argument). An
 * OUT_UPSTREAM is found by the scheduler itself, without asking. */
void schedule_resolved(struct schedule *schedule, uint32_t task,
                       const Hash *concrete, bool hit, ScheduleOut out,
                       End end);
void schedule_authorised(struct schedule *schedule, uint32_t task, bool yes);
/* Answer to DO_RUN. OUT_END with END_UNAVAILABLE or END_HOST is retried as
 * the task's retry says. */
void schedule_ran(struct schedule *schedule, uint32_t task, ScheduleOut out,
                  End end, uint64_t now_ms);

/* The run handed out as `task` has not begun: its module is being compiled.
 * The time of those who wait for it stands still until schedule_begun(), and
 * then starts anew. */
void schedule_not_begun(struct schedule *schedule, uint32_t task);
void schedule_begun(struct schedule *schedule, uint32_t task, uint64_t now_ms);

/* Another process works on it: ask again (DO_RESOLVE) at `again_ms`. Answer
 * to DO_RUN in place of schedule_ran(). */
void schedule_busy(struct schedule *schedule, uint32_t task,
                   uint64_t again_ms);

/* Stop everything: running tasks get DO_STOP, the rest ends as cancelled.
 * Answers to what was asked already are still awaited. */
void schedule_cancel(struct schedule *schedule);

typedef enum {
    TASK_UNASKED, /* nothing wanted it (so far) */
    TASK_WAITING,
    TASK_READY,
    TASK_RUNNING,
    TASK_DONE
} TaskState;

typedef enum {
    BY_NOTHING,
    BY_SYMBOLIC, /* memo hit by symbolic CID */
    BY_CONCRETE, /* memo hit by concrete CID: early cut-off */
    BY_RUNNING,
    BY_MERGING,  /* an equal computation ran for it: `cause` */
    BY_UPSTREAM, /* a branch mismatched: `cause` is where that began */
    BY_BLOCKING, /* what it awaits ended without a result: `cause` is where
                    that began, or TASK_OUTSIDE */
    BY_BARRIER   /* a command that was not released, because `cause` failed:
                    END_CANCELLED */
} TaskBy;

struct schedule_task_state {
    TaskState state;
    ScheduleOut out; /* TASK_DONE */
    End end;
    TaskBy by;
    uint32_t cause;    /* as `by` says */
    uint32_t attempts; /* tries that ended as unavailable or host */
    bool wanted;       /* an output or an effect */
};
void schedule_state(const struct schedule *schedule, uint32_t task,
                    struct schedule_task_state *out);

/* Counts for progress, kept up to date. `wanted`: needed so far, whether
 * over or not; `waiting`, `ready`, `running`, `done` add up to it. */
struct schedule_counts {
    uint32_t total, wanted, waiting, ready, running, done, hits, failed;
};
void schedule_counts(const struct schedule *schedule,
                     struct schedule_counts *out);

/* True if the task is an effect or awaits one, at any depth: then it has no
 * place in the symbolic part of the memo (FORMATS section 2). */
bool schedule_depends_on_effect(const struct schedule *schedule,
                                uint32_t task);

/* After DO_DONE: every wanted task has `ok`. */
bool schedule_succeeded(const struct schedule *schedule);

#endif
