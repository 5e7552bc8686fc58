/* SPDX-License-Identifier: Apache-2.0 */
/* Which tasks run, in what order, and what becomes of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* base/status.h has a function of this name */

#include "graph.h"

#define START(graph, ...)                                                     \
    graph_start(graph, (const uint32_t[]){__VA_ARGS__},                       \
                sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void expect_done(struct graph *graph, bool succeeded)
{
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    assert_int_equal(graph_next(graph).verb, DO_DONE);
    assert_int_equal(schedule_succeeded(graph->schedule), succeeded);
}

static void a_hit_at_the_root_makes_all_below_it_unneeded(void **state)
{
    (void)state;
    struct graph *graph = graph_new(100);
    for (uint32_t i = 1; i < 100; i++)
        graph_await(graph, i, i - 1, BRANCH_OK);
    graph->options.all_pure = true;
    START(graph, 99);
    struct schedule_action action;
    schedule_next(graph->schedule, 0, &action);
    assert_int_equal(action.verb, DO_LOOKUP);
    assert_int_equal(action.task, 99);
    schedule_looked_up(graph->schedule, 99, true, OUT_OK);
    expect_done(graph, true);
    graph_is(graph, 99, OUT_OK, END_NONE, BY_SYMBOLIC);
    assert_int_equal(graph_state(graph, 98), TASK_UNASKED);
    assert_int_equal(graph->tasks_looked_at, 0);
    graph_free(graph);
}

static void what_depends_on_an_effect_is_not_asked_by_symbolic_cid(
    void **state)
{
    (void)state;
    struct graph *graph = graph_new(4);
    graph->tasks[0].class = CLASS_QUERY;
    graph_await(graph, 1, 0, BRANCH_OK);
    graph_await(graph, 2, 1, BRANCH_OK);
    graph_await(graph, 2, 3, BRANCH_OK);
    START(graph, 2);
    graph_runs(graph, 0);
    assert_int_equal(graph->lookups, 1); // Task 3 alone is pure all through.
    assert_true(schedule_depends_on_effect(graph->schedule, 2));
    assert_false(schedule_depends_on_effect(graph->schedule, 3));
    graph_free(graph);
}

static void one_mismatch_is_upstream_at_once_and_stops_the_rest(void **state)
{
    (void)state;
    // 3 awaits 0 and 1, which run both.
    struct graph *graph = graph_new(4);
    graph_await(graph, 3, 0, BRANCH_OK);
    graph_await(graph, 3, 1, BRANCH_OK);
    START(graph, 3);
    const uint32_t first = graph_next(graph).task;
    const uint32_t second = graph_next(graph).task;
    graph_ran(graph, first, OUT_ERROR, END_NONE);
    const struct schedule_action stop = graph_next(graph);
    assert_int_equal(stop.verb, DO_STOP);
    assert_int_equal(stop.task, second);
    assert_int_equal(stop.end, END_CANCELLED);
    graph_is(graph, 3, OUT_UPSTREAM, END_NONE, BY_UPSTREAM);
    assert_int_equal(graph_cause(graph, 3), first);
    assert_int_equal(graph_next(graph).verb, DO_NOTHING);
    graph_ran(graph, second, OUT_END, END_CANCELLED);
    expect_done(graph, false);
    assert_int_equal(graph_state(graph, second), TASK_UNASKED);
    graph_free(graph);
}

static void a_mismatch_wins_over_what_ended_before(void **state)
{
    (void)state;
    struct graph *graph = graph_new(3);
    graph_await(graph, 2, 0, BRANCH_OK);
    graph_await(graph, 2, 1, BRANCH_ERROR);
    START(graph, 2);
    graph_next(graph);
    graph_next(graph);
    graph_ran(graph, 0, OUT_END, END_LIMIT_STACK);
    assert_int_equal(graph_next(graph).verb, DO_NOTHING);
    assert_int_equal(graph_state(graph, 2), TASK_WAITING);
    graph_ok(graph, 1);
    expect_done(graph, false);
    graph_is(graph, 2, OUT_UPSTREAM, END_NONE, BY_UPSTREAM);
    graph_free(graph);
}

static void a_blocked_task_names_where_it_began(void **state)
{
    (void)state;
    static const Branch branches[] = {BRANCH_OK, BRANCH_ERROR, BRANCH_ANY};
    for (size_t i = 0; i < 3; i++) {
        struct graph *graph = graph_new(3);
        graph_await(graph, 1, 0, branches[i]);
        graph_await(graph, 2, 1, branches[i]);
        START(graph, 2);
        graph_runs(graph, 0);
        graph_ran(graph, 0, OUT_END, END_LIMIT_FUEL);
        expect_done(graph, false);
        graph_is(graph, 2, OUT_END, END_BLOCKED, BY_BLOCKING);
        assert_int_equal(graph_cause(graph, 2), 0);
        graph_free(graph);
    }
}

static void an_upstream_result_is_an_error_to_who_awaits_it(void **state)
{
    (void)state;
    struct graph *graph = graph_new(4);
    graph_await(graph, 1, 0, BRANCH_ERROR);
    graph_await(graph, 2, 1, BRANCH_ERROR);
    graph_await(graph, 3, 1, BRANCH_ANY);
    START(graph, 2, 3);
    graph_runs(graph, 0);
    graph_ok(graph, 0);
    graph_next(graph);
    graph_next(graph);
    graph_ok(graph, 2);
    graph_ok(graph, 3);
    expect_done(graph, true);
    graph_free(graph);
}

static void awaits_outside_the_workflow_are_asked_for(void **state)
{
    (void)state;
    static const struct {
        ScheduleOut outside;
        ScheduleOut out;
        End end;
    } rows[] = {{OUT_ERROR, OUT_UPSTREAM, END_NONE},
                {OUT_END, OUT_END, END_BLOCKED}};
    for (size_t i = 0; i < 2; i++) {
        struct graph *graph = graph_new(1);
        graph->outside = rows[i].outside;
        graph_await(graph, 0, TASK_OUTSIDE, BRANCH_OK);
        START(graph, 0);
        expect_done(graph, false);
        graph_is(graph, 0, rows[i].out, rows[i].end,
                 rows[i].end ? BY_BLOCKING : BY_UPSTREAM);
        graph_free(graph);
    }
}

static void the_longest_path_runs_first(void **state)
{
    (void)state;
    // 5 awaits 0, 1 and 4; 4 awaits 3, which awaits 2. To the end of 5 it is
    // 3 from 0, 11 from 1, 6 from 2, 5 from 3, 4 from 4.
    static const uint32_t order[] = {1, 2, 3, 4, 0, 5};
    struct graph *graph = graph_new(6);
    graph->options.running_max = 1;
    graph_await(graph, 3, 2, BRANCH_OK);
    graph_await(graph, 4, 3, BRANCH_OK);
    graph_await(graph, 5, 0, BRANCH_OK);
    graph_await(graph, 5, 1, BRANCH_OK);
    graph_await(graph, 5, 4, BRANCH_OK);
    graph->tasks[0].weight = 2;
    graph->tasks[1].weight = 10;
    graph->tasks[4].weight = 3;
    START(graph, 5);
    for (uint32_t i = 0; i < 6; i++) {
        graph_runs(graph, order[i]);
        graph_ok(graph, order[i]);
    }
    expect_done(graph, true);
    graph_free(graph);
}

static void unauthorised_tasks_do_not_run(void **state)
{
    (void)state;
    struct graph *graph = graph_new(1);
    graph->denied[0] = true;
    START(graph, 0);
    expect_done(graph, false);
    graph_is(graph, 0, OUT_END, END_UNAUTHORIZED, BY_NOTHING);
    graph_free(graph);
}

static void a_large_task_is_not_overtaken_for_ever(void **state)
{
    (void)state;
    struct graph *graph = graph_new(GRAPH_TASKS);
    graph->options.memory_total = 4;
    uint32_t outputs[GRAPH_TASKS], started = 0;
    for (uint32_t i = 0; i < GRAPH_TASKS; i++) {
        outputs[i] = i;
        graph->tasks[i].weight = i == 7 ? 50 : i < 5 ? 100 : 1;
    }
    graph->tasks[7].limits.memory = 9; // More than there is: it runs alone.
    graph_start(graph, outputs, GRAPH_TASKS);
    uint32_t running[4], count = 0;
    while (true) {
        const struct schedule_action action = graph_next(graph);
        if (action.verb == DO_RUN && action.task == 7)
            break;
        if (action.verb == DO_RUN) {
            assert_true(count < 4);
            running[count++] = action.task;
            started++;
            continue;
        }
        assert_true(count > 0);
        graph_ok(graph, running[--count]);
    }
    assert_int_equal(count, 0);
    assert_in_range(started, 5, 100);
    assert_int_equal(graph_next(graph).verb, DO_NOTHING);
    graph_free(graph);
}

static void another_process_s_work_is_asked_for_again(void **state)
{
    (void)state;
    struct graph *graph = graph_new(1);
    START(graph, 0);
    graph_runs(graph, 0);
    schedule_busy(graph->schedule, 0, 1500);
    const struct schedule_action wait = graph_next(graph);
    assert_int_equal(wait.verb, DO_NOTHING);
    assert_int_equal(wait.until_ms, 1500);
    graph->now_ms = 1500;
    struct schedule_action action;
    schedule_next(graph->schedule, 1500, &action);
    assert_int_equal(action.verb, DO_RESOLVE);
    const Hash concrete = {{1}};
    schedule_resolved(graph->schedule, 0, &concrete, true, OUT_OK, END_NONE);
    expect_done(graph, true);
    graph_is(graph, 0, OUT_OK, END_NONE, BY_CONCRETE);
    graph_free(graph);
}

static void time_counts_from_when_the_run_has_begun(void **state)
{
    (void)state;
    struct graph *graph = graph_new(1);
    graph->tasks[0].limits.time_ms = 100;
    START(graph, 0);
    graph_runs(graph, 0);
    schedule_not_begun(graph->schedule, 0);
    graph->now_ms += 1000;
    const struct schedule_action wait = graph_next(graph);
    assert_int_equal(wait.verb, DO_NOTHING);
    assert_int_equal(wait.until_ms, 0);
    schedule_begun(graph->schedule, 0, graph->now_ms);
    assert_int_equal(graph_next(graph).until_ms, graph->now_ms + 100);
    graph->now_ms += 100;
    assert_int_equal(graph_next(graph).verb, DO_STOP);
    graph_free(graph);
}

static void a_cancel_stops_what_runs_and_ends_the_rest(void **state)
{
    (void)state;
    struct graph *graph = graph_new(3);
    graph_await(graph, 2, 1, BRANCH_OK);
    START(graph, 0, 2);
    graph_next(graph);
    graph_next(graph);
    schedule_cancel(graph->schedule);
    graph_is(graph, 2, OUT_END, END_CANCELLED, BY_NOTHING);
    assert_int_equal(graph_next(graph).verb, DO_STOP);
    assert_int_equal(graph_next(graph).verb, DO_STOP);
    assert_int_equal(graph_next(graph).verb, DO_NOTHING);
    graph_ok(graph, 0); // What it came to just before.
    graph_ran(graph, 1, OUT_END, END_CANCELLED);
    expect_done(graph, false);
    graph_is(graph, 0, OUT_OK, END_NONE, BY_RUNNING);
    graph_is(graph, 1, OUT_END, END_CANCELLED, BY_RUNNING);
    graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hit_at_the_root_makes_all_below_it_unneeded),
        cmocka_unit_test(
            what_depends_on_an_effect_is_not_asked_by_symbolic_cid),
        cmocka_unit_test(one_mismatch_is_upstream_at_once_and_stops_the_rest),
        cmocka_unit_test(a_mismatch_wins_over_what_ended_before),
        cmocka_unit_test(a_blocked_task_names_where_it_began),
        cmocka_unit_test(an_upstream_result_is_an_error_to_who_awaits_it),
        cmocka_unit_test(awaits_outside_the_workflow_are_asked_for),
        cmocka_unit_test(the_longest_path_runs_first),
        cmocka_unit_test(unauthorised_tasks_do_not_run),
        cmocka_unit_test(a_large_task_is_not_overtaken_for_ever),
        cmocka_unit_test(another_process_s_work_is_asked_for_again),
        cmocka_unit_test(time_counts_from_when_the_run_has_begun),
        cmocka_unit_test(a_cancel_stops_what_runs_and_ends_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
