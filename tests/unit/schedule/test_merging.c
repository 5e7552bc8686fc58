/* SPDX-License-Identifier: Apache-2.0 */
/* Equal computations run once: whose limits hold, and for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* base/status.h has a function of this name */

#include "graph.h"

/* Tasks 0 and 1 are equal work; 1 comes later, when 2 has run. */
static struct graph *equal_tasks(void)
{
    struct graph *graph = graph_new(3);
    graph->concrete[0] = graph->concrete[1] = 200;
    graph_await(graph, 1, 2, BRANCH_OK);
    graph->tasks[0].weight = 9;
    graph_start(graph, (const uint32_t[]){0, 1}, 2);
    return graph;
}

static void start_both(struct graph *graph)
{
    graph_next(graph);
    graph_next(graph);
    graph_ok(graph, 2);
    assert_int_equal(graph_next(graph).verb, DO_NOTHING);
    assert_int_equal(graph_state(graph, 1), TASK_RUNNING);
}

static void equal_work_runs_once_with_the_largest_limits(void **state)
{
    (void)state;
    struct graph *graph = graph_new(3);
    graph->options.running_max = 1;
    graph->tasks[2].weight = 9; // Runs while the others get ready.
    graph->concrete[0] = graph->concrete[1] = 200;
    graph->tasks[0].limits = (struct limits){.memory = 5, .fuel = 7};
    graph->tasks[1].limits = (struct limits){.memory = 8, .time_ms = 3};
    graph_start(graph, (const uint32_t[]){2, 0, 1}, 3);
    uint32_t first = graph_next(graph).task;
    if (first == 2) {
        graph_next(graph);
        graph_ok(graph, 2);
        const struct schedule_action run = graph_runs(graph, 0);
        assert_int_equal(run.limits.memory, 8);
        assert_int_equal(run.limits.fuel, 0); // None is the largest.
        assert_int_equal(run.limits.time_ms, 0);
        first = 0;
    }
    graph_ok(graph, first);
    while (graph_state(graph, 2) != TASK_DONE)
        graph_ok(graph, graph_next(graph).task);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 0, OUT_OK, END_NONE, BY_RUNNING);
    graph_is(graph, 1, OUT_OK, END_NONE, BY_MERGING);
    assert_int_equal(graph_cause(graph, 1), 0);
    graph_free(graph);
}

static void effects_are_never_merged(void **state)
{
    (void)state;
    struct graph *graph = graph_new(2);
    graph->concrete[0] = graph->concrete[1] = 200;
    graph->tasks[0].class = graph->tasks[1].class = CLASS_QUERY;
    graph_start(graph, (const uint32_t[]){0}, 1);
    graph_runs(graph, 0);
    graph_runs(graph, 1);
    graph_free(graph);
}

static void a_waiter_with_a_larger_limit_runs_again(void **state)
{
    (void)state;
    struct graph *graph = equal_tasks();
    graph->tasks[1].limits.memory = 4;
    start_both(graph);
    graph_ran(graph, 0, OUT_END, END_LIMIT_MEMORY);
    const struct schedule_action run = graph_runs(graph, 1);
    assert_int_equal(run.limits.memory, 4);
    graph_is(graph, 0, OUT_END, END_LIMIT_MEMORY, BY_RUNNING);
    graph_ran(graph, 1, OUT_END, END_LIMIT_MEMORY);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 1, OUT_END, END_LIMIT_MEMORY, BY_RUNNING);
    graph_free(graph);
}

static void a_waiter_s_time_ends_its_waiting_only(void **state)
{
    (void)state;
    struct graph *graph = equal_tasks();
    graph->tasks[0].limits.time_ms = 50;
    graph->tasks[1].limits.time_ms = 100;
    start_both(graph);
    assert_int_equal(graph_next(graph).until_ms, 1050);
    graph->now_ms = 1050;
    assert_int_equal(graph_next(graph).verb, DO_NOTHING);
    graph_is(graph, 0, OUT_END, END_LIMIT_TIME, BY_RUNNING);
    graph->now_ms = 1099;
    graph_ok(graph, 0); // The run kept its name.
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 1, OUT_OK, END_NONE, BY_MERGING);
    graph_free(graph);
}

static void a_run_nobody_waits_for_is_stopped(void **state)
{
    (void)state;
    struct graph *graph = equal_tasks();
    graph->tasks[0].limits.time_ms = 50;
    graph->tasks[1].limits.time_ms = 30;
    start_both(graph);
    graph->now_ms = 1050;
    const struct schedule_action stop = graph_next(graph);
    assert_int_equal(stop.verb, DO_STOP);
    assert_int_equal(stop.end, END_LIMIT_TIME);
    assert_int_equal(graph_next(graph).verb, DO_NOTHING);
    graph_ran(graph, 0, OUT_END, END_LIMIT_TIME);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 1, OUT_END, END_LIMIT_TIME, BY_MERGING);
    graph_free(graph);
}

static void back_off_doubles_up_to_its_maximum(void **state)
{
    (void)state;
    static const uint64_t waits[] = {10, 20, 25, 25};
    struct graph *graph = graph_new(1);
    graph->tasks[0].retry = (struct retry){4, 10, 25};
    graph_start(graph, (const uint32_t[]){0}, 1);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(graph_runs(graph, 0).attempt, i);
        graph_ran(graph, 0, OUT_END, i % 2 ? END_HOST : END_UNAVAILABLE);
        const struct schedule_action wait = graph_next(graph);
        assert_int_equal(wait.verb, DO_NOTHING);
        assert_int_equal(wait.until_ms, graph->now_ms + waits[i]);
        graph->now_ms = wait.until_ms;
    }
    graph_runs(graph, 0);
    graph_ran(graph, 0, OUT_END, END_HOST);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    graph_is(graph, 0, OUT_END, END_HOST, BY_RUNNING);
    graph_free(graph);
}

static void only_unavailable_and_host_are_retried(void **state)
{
    (void)state;
    for (int end = END_NONE + 1; end < END_COUNT; end++) {
        struct graph *graph = graph_new(1);
        graph->tasks[0].retry = (struct retry){1, 10, 10};
        graph_start(graph, (const uint32_t[]){0}, 1);
        graph_runs(graph, 0);
        graph_ran(graph, 0, OUT_END, (End)end);
        const bool again = end == END_UNAVAILABLE || end == END_HOST;
        assert_int_equal(graph_next(graph).verb, again ? DO_NOTHING : DO_DONE);
        graph_free(graph);
    }
}

static uint64_t jittered(uint64_t seed)
{
    struct graph *graph = graph_new(1);
    graph->tasks[0].retry = (struct retry){1, 1000000, 0};
    graph->options.jitter_seed = seed;
    graph_start(graph, (const uint32_t[]){0}, 1);
    graph_runs(graph, 0);
    graph_ran(graph, 0, OUT_END, END_HOST);
    const uint64_t wait_ms = graph_next(graph).until_ms - graph->now_ms;
    graph_free(graph);
    return wait_ms;
}

static void jitter_follows_from_its_seed(void **state)
{
    (void)state;
    assert_int_equal(jittered(0), 1000000);
    assert_int_equal(jittered(1), jittered(1));
    assert_int_not_equal(jittered(1), jittered(2));
    for (uint64_t seed = 1; seed < 50; seed++)
        assert_in_range(jittered(seed), 500000, 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_work_runs_once_with_the_largest_limits),
        cmocka_unit_test(effects_are_never_merged),
        cmocka_unit_test(a_waiter_with_a_larger_limit_runs_again),
        cmocka_unit_test(a_waiter_s_time_ends_its_waiting_only),
        cmocka_unit_test(a_run_nobody_waits_for_is_stopped),
        cmocka_unit_test(back_off_doubles_up_to_its_maximum),
        cmocka_unit_test(only_unavailable_and_host_are_retried),
        cmocka_unit_test(jitter_follows_from_its_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
