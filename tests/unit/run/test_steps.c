/* SPDX-License-Identifier: Apache-2.0 */
/* Runs in steps: several on one executor, suspended, cancelled, asked for. */
#include <stdatomic.h>
#include <stdio.h>

#include "unit/run/world.h"

enum { RUNS_MAX = 4 };

struct one {
    struct workflow *workflow;
    struct run *run;
    unsigned started, woken, sent;
    RunMay may; /* what authorise() answers */
    unsigned asked;
    uint32_t asked_task;
    atomic_bool is_durable;
};

static void on_event(void *context, const struct run *run,
                     const struct run_event *event)
{
    struct one *one = context;
    (void)run;
    one->started += event->kind == RUN_TASK_STARTED;
}

static void on_woken(void *context)
{
    ((struct one *)context)->woken++;
}

static void on_sends(void *context, struct store_batch *batch)
{
    struct one *one = context;
    one->sent++;
    store_batch_note(batch, NOTE_LAST_RUN, text_bytes(TEXT("beside")),
                     text_bytes(TEXT("x")));
}

static RunMay on_authorise(void *context, const struct run *run, uint32_t task,
                           char why[RUN_MESSAGE_MAX])
{
    struct one *one = context;
    (void)run;
    one->asked++;
    one->asked_task = task;
    snprintf(why, RUN_MESSAGE_MAX, "not today");
    return one->may;
}

static void on_durable(void *context, Status status, const struct error *err)
{
    (void)err;
    assert_ok(status);
    atomic_store(&((struct one *)context)->is_durable, true);
}

static void begin(struct world *world, struct one *one, const char *manifest,
                  struct run_options options)
{
    struct error err = {0};
    options.event = on_event;
    options.context = one;
    options.woken = on_woken;
    options.sends = on_sends;
    if (!one->workflow)
        one->workflow = world_load(world, manifest);
    if (run_begin(world->executor, world->modules, one->workflow, &options,
                  &one->run, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

/* All of them at once, until all are over or `until` says so. */
static void go_on(struct world *world, struct one *runs, unsigned count,
                  bool (*until)(struct one *one))
{
    uint64_t until_ns;
    for (bool goes_on = true; goes_on;) {
        unsigned over = 0;
        for (unsigned index = 0; index < count; index++)
            over += run_step(runs[index].run, 8, &until_ns) == RUN_OVER;
        goes_on = over < count && !(until && until(&runs[0]));
        if (goes_on)
            executor_poll(world->executor, 10);
    }
}

static void end(struct world *world, struct one *one)
{
    run_end(one->run, on_durable, one);
    store_settle(world->store);
    assert_true(atomic_load(&one->is_durable));
    run_free(one->run);
    one->run = NULL;
}

static void gave(const struct one *one, const char *label, ScheduleOut out,
                 End expected, TaskBy by)
{
    struct run_task_report report;
    run_report(one->run, workflow_find(one->workflow, text_of(label)),
               &report);
    assert_int_equal(report.state.state, TASK_DONE);
    assert_int_equal(report.state.out, out);
    assert_int_equal(report.state.end, expected);
    assert_int_equal(report.state.by, by);
}

static const char chain[] = "tasks:\n"
                            "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
                            "  b: {run: numbers.wasm#add, args: [!ok a, 1]}\n"
                            "  c: {run: numbers.wasm#add, args: [!ok b, 1]}\n";
static const char spinning[] =
    "tasks:\n"
    "  a: {run: numbers.wasm#spin, args: []}\n"
    "  b: {run: numbers.wasm#add, args: [!ok a, 1]}\n";
static const char looping[] =
    "tasks:\n"
    "  a: {run: numbers.wasm#count, args: [300000000]}\n"
    "  b: {run: numbers.wasm#add, args: [!ok a, 1]}\n";

static void several_runs_share_an_executor(void **state)
{
    struct world *world = *state;
    struct one runs[3] = {0};
    struct memo_entry entry;
    struct run_task_report report;
    begin(world, &runs[0], chain, (struct run_options){0});
    begin(world, &runs[1],
          "tasks:\n"
          "  x: {run: numbers.wasm#add, args: [40, 2]}\n",
          (struct run_options){0});
    begin(world, &runs[2], chain, (struct run_options){0});
    go_on(world, runs, 3, NULL);
    gave(&runs[1], "x", OUT_OK, END_NONE, BY_RUNNING);
    for (unsigned index = 0; index < 3; index++) {
        assert_true(run_succeeded(runs[index].run));
        run_report(runs[index].run, 0, &report);
        end(world, &runs[index]);
        assert_ok(memo_get(world->store, &report.concrete, &entry, NULL));
        assert_true(runs[index].sent > 0);
        workflow_free(runs[index].workflow);
    }
    assert_true(runs[0].woken > 0);
}

static bool has_started(struct one *one)
{
    return one->started > 0;
}

static void equal_tasks_of_two_runs_run_once(void **state)
{
    struct world *world = *state;
    struct one runs[2] = {0};
    struct run_task_report report;
    begin(world, &runs[0], looping, (struct run_options){0});
    begin(world, &runs[1], looping, (struct run_options){0});
    go_on(world, runs, 2, NULL);
    // Whoever was first ran them; the other looked into the memo.
    assert_int_equal(runs[0].started + runs[1].started, 2);
    for (unsigned index = 0; index < 2; index++) {
        run_report(runs[index].run, 0, &report);
        assert_true(report.state.by == BY_RUNNING ||
                    report.state.by == BY_CONCRETE);
        assert_true(run_succeeded(runs[index].run));
        end(world, &runs[index]);
        workflow_free(runs[index].workflow);
    }
}

static void who_waits_runs_it_when_the_first_is_cancelled(void **state)
{
    struct world *world = *state;
    struct one runs[2] = {0};
    begin(world, &runs[0], looping, (struct run_options){0});
    go_on(world, runs, 1, has_started);
    begin(world, &runs[1], looping, (struct run_options){0});
    uint64_t until_ns;
    for (unsigned count = 0; count < 10; count++) {
        run_step(runs[1].run, 64, &until_ns);
        executor_poll(world->executor, 1);
    }
    assert_int_equal(runs[1].started, 0);
    run_cancel(runs[0].run);
    go_on(world, runs, 2, NULL);
    gave(&runs[0], "a", OUT_END, END_CANCELLED, BY_RUNNING);
    gave(&runs[1], "b", OUT_OK, END_NONE, BY_RUNNING);
    for (unsigned index = 0; index < 2; index++) {
        end(world, &runs[index]);
        workflow_free(runs[index].workflow);
    }
}

static void a_suspended_run_lets_its_tasks_finish(void **state)
{
    struct world *world = *state;
    struct one one = {0};
    begin(world, &one, looping, (struct run_options){0});
    go_on(world, &one, 1, has_started);
    run_suspend(one.run, false);
    go_on(world, &one, 1, NULL);
    assert_true(run_is_suspended(one.run));
    gave(&one, "a", OUT_OK, END_NONE, BY_RUNNING);
    assert_int_equal(one.started, 1);
    end(world, &one);

    begin(world, &one, NULL, (struct run_options){0});
    go_on(world, &one, 1, NULL);
    gave(&one, "a", OUT_OK, END_NONE, BY_SYMBOLIC);
    gave(&one, "b", OUT_OK, END_NONE, BY_RUNNING);
    end(world, &one);
    workflow_free(one.workflow);
}

static void a_suspended_run_can_cut_its_tasks(void **state)
{
    struct world *world = *state;
    struct one one = {0};
    begin(world, &one, spinning, (struct run_options){0});
    go_on(world, &one, 1, has_started);
    run_suspend(one.run, true);
    go_on(world, &one, 1, NULL);
    assert_int_equal(one.started, 1);
    end(world, &one);
    workflow_free(one.workflow);
}

static void one_is_cancelled_and_the_other_goes_on(void **state)
{
    struct world *world = *state;
    struct one runs[2] = {0};
    begin(world, &runs[0], spinning, (struct run_options){0});
    begin(world, &runs[1], chain, (struct run_options){0});
    go_on(world, runs, 2, has_started);
    run_cancel(runs[0].run);
    go_on(world, runs, 2, NULL);
    gave(&runs[0], "a", OUT_END, END_CANCELLED, BY_RUNNING);
    gave(&runs[1], "c", OUT_OK, END_NONE, BY_RUNNING);
    for (unsigned index = 0; index < 2; index++) {
        end(world, &runs[index]);
        workflow_free(runs[index].workflow);
    }
}

static void what_is_fresh_runs_though_the_memo_has_it(void **state)
{
    struct world *world = *state;
    struct one one = {0};
    const bool fresh[] = {false, true, true}; // b, and c which awaits it
    begin(world, &one, chain, (struct run_options){0});
    go_on(world, &one, 1, NULL);
    end(world, &one);
    begin(world, &one, NULL, (struct run_options){.fresh = fresh});
    go_on(world, &one, 1, NULL);
    gave(&one, "a", OUT_OK, END_NONE, BY_SYMBOLIC);
    gave(&one, "b", OUT_OK, END_NONE, BY_RUNNING);
    gave(&one, "c", OUT_OK, END_NONE, BY_RUNNING);
    end(world, &one);
    workflow_free(one.workflow);
}

static void a_task_runs_only_if_it_may(void **state)
{
    struct world *world = *state;
    struct one one = {.may = RUN_MAY_NOT};
    struct run_task_report report;
    begin(world, &one, chain, (struct run_options){.authorise = on_authorise});
    go_on(world, &one, 1, NULL);
    gave(&one, "a", OUT_END, END_UNAUTHORIZED, BY_NOTHING);
    run_report(one.run, 0, &report);
    assert_string_equal(report.message, "not today");
    assert_int_equal(one.asked, 1);
    assert_int_equal(one.started, 0);
    end(world, &one);
    workflow_free(one.workflow);
}

static bool is_asked(struct one *one)
{
    return one->asked > 0;
}

static void the_answer_may_come_later(void **state)
{
    struct world *world = *state;
    struct one one = {.may = RUN_MAY_LATER};
    begin(world, &one, chain, (struct run_options){.authorise = on_authorise});
    go_on(world, &one, 1, is_asked);
    assert_int_equal(one.started, 0);
    one.may = RUN_MAY;
    run_answer(one.run, one.asked_task, true, "");
    go_on(world, &one, 1, NULL);
    gave(&one, "c", OUT_OK, END_NONE, BY_RUNNING);
    assert_int_equal(one.asked, 3);
    end(world, &one);
    workflow_free(one.workflow);
}

static void the_hosts_limit_wins(void **state)
{
    struct world *world = *state;
    struct one one = {0};
    begin(world, &one,
          "tasks:\n"
          "  a: {run: numbers.wasm#spin, args: [], limits: {time: 1h}}\n",
          (struct run_options){.time_ms_max = 50});
    go_on(world, &one, 1, NULL);
    gave(&one, "a", OUT_END, END_LIMIT_TIME, BY_RUNNING);
    end(world, &one);
    workflow_free(one.workflow);
}

int main(void)
{
#define WITH_WORKERS(name)                                                    \
    cmocka_unit_test_setup_teardown(name, world_with_workers, world_close)
    const struct CMUnitTest tests[] = {
        WITH_WORKERS(several_runs_share_an_executor),
        WITH_WORKERS(equal_tasks_of_two_runs_run_once),
        WITH_WORKERS(who_waits_runs_it_when_the_first_is_cancelled),
        WITH_WORKERS(a_suspended_run_lets_its_tasks_finish),
        WITH_WORKERS(a_suspended_run_can_cut_its_tasks),
        WITH_WORKERS(one_is_cancelled_and_the_other_goes_on),
        WITH_WORKERS(what_is_fresh_runs_though_the_memo_has_it),
        WITH_WORKERS(a_task_runs_only_if_it_may),
        WITH_WORKERS(the_answer_may_come_later),
        WITH_WORKERS(the_hosts_limit_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
