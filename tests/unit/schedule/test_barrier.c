/* SPDX-License-Identifier: Apache-2.0 */
/* Commands are released together when nothing can fail any more, or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* base/status.h has a function of this name */

#include "graph.h"

static void commands_wait_for_what_awaits_none(void **state)
{
    (void)state;
    // Command 0 awaits nothing; 1 is a pure output; 2 awaits 0; command 3
    // awaits 2.
    struct graph *graph = graph_new(4);
    graph->tasks[0].class = graph->tasks[3].class = CLASS_COMMAND;
    graph_await(graph, 2, 0, BRANCH_OK);
    graph_await(graph, 3, 2, BRANCH_OK);
    graph_start(graph, (const uint32_t[]){1}, 1);
    graph_runs(graph, 1);
    assert_int_equal(graph_next(graph).verb, DO_NOTHING);
    for (uint32_t task = 1, i = 0; i < 3; i++) {
        static const uint32_t then[] = {0, 2, 3};
        graph_ok(graph, task);
        task = then[i];
        graph_runs(graph, task);
    }
    graph_ok(graph, 3);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    assert_true(schedule_succeeded(graph->schedule));
    graph_free(graph);
}

static void after_a_failure_no_command_is_released(void **state)
{
    (void)state;
    // 3, a query, is independent of the failure and finishes.
    struct graph *graph = graph_new(4);
    graph->tasks[0].class = CLASS_COMMAND;
    graph->tasks[3].class = CLASS_QUERY;
    graph_await(graph, 2, 0, BRANCH_OK);
    graph->options.running_max = 1;
    graph->tasks[1].weight = 9;
    graph_start(graph, (const uint32_t[]){1, 2}, 2);
    graph_runs(graph, 1);
    graph_ran(graph, 1, OUT_ERROR, END_NONE);
    graph_runs(graph, 3);
    assert_int_equal(graph_next(graph).verb, DO_NOTHING);
    assert_int_equal(graph_state(graph, 0), TASK_READY);
    graph_ok(graph, 3);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 0, OUT_END, END_CANCELLED, BY_BARRIER);
    graph_is(graph, 2, OUT_END, END_BLOCKED, BY_BLOCKING);
    assert_int_equal(graph_cause(graph, 0), 1);
    assert_int_equal(graph_cause(graph, 2), 1);
    assert_false(schedule_succeeded(graph->schedule));
    graph_free(graph);
}

static void a_command_nobody_may_run_keeps_the_others_back(void **state)
{
    (void)state;
    struct graph *graph = graph_new(2);
    graph->tasks[0].class = graph->tasks[1].class = CLASS_COMMAND;
    graph->denied[1] = true;
    graph_start(graph, (const uint32_t[]){0}, 1);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 0, OUT_END, END_CANCELLED, BY_BARRIER);
    graph_is(graph, 1, OUT_END, END_UNAUTHORIZED, BY_NOTHING);
    graph_free(graph);
}

static void what_will_be_blocked_keeps_commands_back(void **state)
{
    (void)state;
    // 2 awaits the command 0 and 1, which ends without a result.
    struct graph *graph = graph_new(3);
    graph->tasks[0].class = CLASS_COMMAND;
    graph_await(graph, 2, 0, BRANCH_OK);
    graph_await(graph, 2, 1, BRANCH_OK);
    graph_start(graph, (const uint32_t[]){2}, 1);
    graph_runs(graph, 1);
    graph_ran(graph, 1, OUT_END, END_LIMIT_STACK);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 0, OUT_END, END_CANCELLED, BY_BARRIER);
    assert_int_equal(graph_cause(graph, 0), 1);
    graph_free(graph);
}

static void an_error_somebody_awaits_is_no_failure(void **state)
{
    (void)state;
    struct graph *graph = graph_new(3);
    graph->tasks[0].class = CLASS_COMMAND;
    graph_await(graph, 2, 1, BRANCH_ERROR);
    graph_start(graph, (const uint32_t[]){2}, 1);
    graph_runs(graph, 1);
    graph_ran(graph, 1, OUT_ERROR, END_NONE);
    graph_runs(graph, 2);
    graph_ok(graph, 2);
    graph_runs(graph, 0);
    graph_free(graph);
}

static void a_failed_command_is_the_last_one_released(void **state)
{
    (void)state;
    struct graph *graph = graph_new(3);
    graph->options.running_max = 1;
    for (uint32_t i = 0; i < 3; i++)
        graph->tasks[i].class = CLASS_COMMAND;
    graph->tasks[1].weight = 9;
    graph_start(graph, (const uint32_t[]){1}, 1);
    graph_runs(graph, 1);
    graph_ran(graph, 1, OUT_ERROR, END_NONE);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 0, OUT_END, END_CANCELLED, BY_BARRIER);
    graph_is(graph, 2, OUT_END, END_CANCELLED, BY_BARRIER);
    assert_int_equal(graph_cause(graph, 2), 1);
    graph_free(graph);
}

static void a_command_is_not_tried_again_after_a_failure(void **state)
{
    (void)state;
    struct graph *graph = graph_new(2);
    graph->tasks[0].class = graph->tasks[1].class = CLASS_COMMAND;
    graph->tasks[0].retry = (struct retry){5, 10, 10};
    graph_start(graph, (const uint32_t[]){0}, 1);
    graph_runs(graph, 0);
    graph_runs(graph, 1);
    graph_ran(graph, 0, OUT_END, END_UNAVAILABLE);
    assert_int_equal(graph_next(graph).until_ms, graph->now_ms + 10);
    graph_ran(graph, 1, OUT_ERROR, END_NONE);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 0, OUT_END, END_UNAVAILABLE, BY_RUNNING);
    graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_wait_for_what_awaits_none),
        cmocka_unit_test(after_a_failure_no_command_is_released),
        cmocka_unit_test(a_command_nobody_may_run_keeps_the_others_back),
        cmocka_unit_test(what_will_be_blocked_keeps_commands_back),
        cmocka_unit_test(an_error_somebody_awaits_is_no_failure),
        cmocka_unit_test(a_failed_command_is_the_last_one_released),
        cmocka_unit_test(a_command_is_not_tried_again_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
