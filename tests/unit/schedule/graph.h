/* SPDX-License-Identifier: Apache-2.0 */
/* graph.h - a small graph written down in a test, and somebody who answers the
 * scheduler's questions, so that a test sees only what it is about. */
#ifndef IPVM_TESTS_UNIT_SCHEDULE_GRAPH_H
#define IPVM_TESTS_UNIT_SCHEDULE_GRAPH_H

#include "schedule/schedule.h"

enum { GRAPH_TASKS = 128, GRAPH_AWAITS = 8 };

struct graph {
    uint32_t count;
    struct schedule_task tasks[GRAPH_TASKS];
    struct await awaits[GRAPH_TASKS][GRAPH_AWAITS];
    uint8_t concrete[GRAPH_TASKS]; /* equal ones are equal work; 0: its own */
    bool denied[GRAPH_TASKS];
    ScheduleOut outside;
    struct schedule_options options;
    struct schedule *schedule;
    uint64_t now_ms;
    uint32_t lookups, resolves, tasks_looked_at;
};

struct graph *graph_new(uint32_t count);
void graph_free(struct graph *graph);
void graph_await(struct graph *graph, uint32_t task, uint32_t awaited,
                 Branch branch);
void graph_start(struct graph *graph, const uint32_t *outputs, uint32_t count);
/* Answers questions (nothing is in the memo) until there is a run, a stop,
 * nothing to do, or an end. */
struct schedule_action graph_next(struct graph *graph);
/* graph_next() must be DO_RUN of `task`. */
struct schedule_action graph_runs(struct graph *graph, uint32_t task);
void graph_ran(struct graph *graph, uint32_t task, ScheduleOut out, End end);
void graph_ok(struct graph *graph, uint32_t task);
/* The task must be over like this. */
void graph_is(struct graph *graph, uint32_t task, ScheduleOut out, End end,
              TaskBy by);
uint32_t graph_cause(struct graph *graph, uint32_t task);
TaskState graph_state(struct graph *graph, uint32_t task);

#endif
