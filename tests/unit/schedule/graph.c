/* SPDX-License-Identifier: Apache-2.0 */
#include "graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"

struct graph *graph_new(uint32_t count)
{
    struct graph *graph = HEAP_NEW(struct graph);
    graph->count = count;
    graph->now_ms = 1000;
    for (uint32_t i = 0; i < count; i++) {
        graph->tasks[i].awaits = graph->awaits[i];
        graph->tasks[i].limits.memory = 1;
    }
    return graph;
}

void graph_free(struct graph *graph)
{
    schedule_free(graph->schedule);
    free(graph);
}

void graph_await(struct graph *graph, uint32_t task, uint32_t awaited,
                 Branch branch)
{
    const uint32_t index = graph->tasks[task].await_count++;
    assert_true(index < GRAPH_AWAITS);
    graph->awaits[task][index].task = awaited;
    graph->awaits[task][index].branch = branch;
}

static void give_task(void *context, uint32_t index, struct schedule_task *out)
{
    struct graph *graph = context;
    graph->tasks_looked_at++;
    *out = graph->tasks[index];
}

static ScheduleOut outside(void *context, const struct await *await)
{
    (void)await;
    const struct graph *graph = context;
    return graph->outside;
}

void graph_start(struct graph *graph, const uint32_t *outputs, uint32_t count)
{
    graph->options.outside = outside;
    graph->schedule = schedule_new(graph->count, give_task, graph, outputs,
                                   count, &graph->options);
}

struct schedule_action graph_next(struct graph *graph)
{
    struct schedule_action action;
    while (true) {
        schedule_next(graph->schedule, graph->now_ms, &action);
        const uint32_t task = action.task;
        Hash concrete = {{0}};
        switch (action.verb) {
        case DO_LOOKUP:
            graph->lookups++;
            schedule_looked_up(graph->schedule, task, false, OUT_OK);
            break;
        case DO_RESOLVE:
            graph->resolves++;
            concrete.bytes[0] = graph->concrete[task];
            concrete.bytes[1] =
                graph->concrete[task] ? 0 : (uint8_t)(task + 1);
            schedule_resolved(graph->schedule, task, &concrete, false, OUT_OK,
                              END_NONE);
            break;
        case DO_AUTHORISE:
            schedule_authorised(graph->schedule, task, !graph->denied[task]);
            break;
        case DO_FINISHED:
            break;
        case DO_RUN:
        case DO_STOP:
        case DO_NOTHING:
        case DO_DONE:
            return action;
        }
    }
}

struct schedule_action graph_runs(struct graph *graph, uint32_t task)
{
    const struct schedule_action action = graph_next(graph);
    assert_int_equal(action.verb, DO_RUN);
    assert_int_equal(action.task, task);
    return action;
}

void graph_ran(struct graph *graph, uint32_t task, ScheduleOut out, End end)
{
    schedule_ran(graph->schedule, task, out, end, graph->now_ms);
}

void graph_ok(struct graph *graph, uint32_t task)
{
    graph_ran(graph, task, OUT_OK, END_NONE);
}

void graph_is(struct graph *graph, uint32_t task, ScheduleOut out, End end,
              TaskBy by)
{
    struct schedule_task_state state;
    schedule_state(graph->schedule, task, &state);
    assert_int_equal(state.state, TASK_DONE);
    assert_int_equal(state.out, out);
    assert_int_equal(state.end, end);
    assert_int_equal(state.by, by);
}

uint32_t graph_cause(struct graph *graph, uint32_t task)
{
    struct schedule_task_state state;
    schedule_state(graph->schedule, task, &state);
    return state.cause;
}

TaskState graph_state(struct graph *graph, uint32_t task)
{
    struct schedule_task_state state;
    schedule_state(graph->schedule, task, &state);
    return state.state;
}
