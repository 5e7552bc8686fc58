/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that meet limits, are interrupted, wait for what is missing or are
 * checked: what ends without a result is never taken for one. */
#include "unit/run/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

/* --- Limits -------------------------------------------------------------- */

struct limited {
    const char *call, *small, *large, *json;
    End end;
};

static void a_limit_is_no_result_and_a_larger_one_is_tried(void **state)
{
    static const struct limited rows[] = {
        {"count, args: [400000000]", "time: 20ms", "time: 1h",
         "{\"ok\":400000000}", END_LIMIT_TIME},
        {"grow, args: [100]", "memory: 1MiB", "memory: 64MiB", "{\"ok\":1}",
         END_LIMIT_MEMORY},
        {"count, args: [100000]", "fuel: 1000", "fuel: 100000000",
         "{\"ok\":100000}", END_LIMIT_FUEL},
    };
    struct world *world = *state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        const struct limited *row = &rows[index];
        char text[300];
        const uint64_t before = world_count(world);
        snprintf(text, sizeof text,
                 "tasks:\n  a: {run: numbers.wasm#%s, limits: {%s}}\n",
                 row->call, row->small);
        world_run(world, text);
        world_is(world, "a", OUT_END, row->end, BY_RUNNING);
        assert_false(run_succeeded(world->run));
        assert_int_equal(world_count(world), before);
        snprintf(text, sizeof text,
                 "tasks:\n  a: {run: numbers.wasm#%s, limits: {%s}}\n",
                 row->call, row->large);
        world_run(world, text);
        world_is(world, "a", OUT_OK, END_NONE, BY_RUNNING);
        world_gave(world, "a", row->json);
        // Limits are no part of it: the small one is answered too.
        snprintf(text, sizeof text,
                 "tasks:\n  a: {run: numbers.wasm#%s, limits: {%s}}\n",
                 row->call, row->small);
        world_run(world, text);
        world_is(world, "a", OUT_OK, END_NONE, BY_SYMBOLIC);
    }
}

static void fuel_is_counted_where_it_is_asked_for(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    world->options.metered = true;
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#count, args: [1000]}\n");
    world_report(world, "a", &report);
    assert_true(report.cost.fuel > 1000);
}

/* --- Interrupting -------------------------------------------------------- */

static void interrupt_after_first(struct world *world,
                                  const struct run_event *event)
{
    if (event->kind == RUN_TASK_FINISHED && event->report->state.out == OUT_OK)
        executor_interrupt(world->executor);
}

static const char long_chain[] =
    "tasks:\n"
    "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
    "  b: {run: numbers.wasm#count, args: [!ok a]}\n"
    "  c: {run: numbers.wasm#add, args: [!ok b, 1]}\n"
    "  d: {run: numbers.wasm#add, args: [!ok c, 1]}\n";

static void an_interrupted_run_is_gone_on_with(void **state)
{
    struct world *world = *state;
    world->on_event = interrupt_after_first;
    world_run(world, long_chain);
    world_is(world, "a", OUT_OK, END_NONE, BY_RUNNING);
    world_is(world, "d", OUT_END, END_CANCELLED, BY_NOTHING);
    assert_false(run_succeeded(world->run));

    world->on_event = NULL;
    executor_clear_interrupt(world->executor);
    world_run_again(world);
    world_is(world, "a", OUT_OK, END_NONE, BY_SYMBOLIC);
    world_gave(world, "d", "{\"ok\":5}");
    assert_true(run_succeeded(world->run));
}

static void interrupt_when_started(struct world *world,
                                   const struct run_event *event)
{
    if (event->kind == RUN_TASK_STARTED)
        executor_interrupt(world->executor);
}

static void a_guest_that_never_ends_is_stopped(void **state)
{
    struct world *world = *state;
    const uint64_t start = clock_monotonic_ns();
    world->on_event = interrupt_when_started;
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#spin, args: []}\n"
                     "  b: {run: numbers.wasm#add, args: [!ok a, 1]}\n");
    world_is(world, "a", OUT_END, END_CANCELLED, BY_RUNNING);
    assert_true(clock_monotonic_ns() - start < 5000000000U);
}

static void an_interrupt_does_not_wait_for_a_compile(void **state)
{
    struct world *world = *state;
    world->workflow = world_load(world, long_chain);
    executor_interrupt(world->executor);
    world_run_again(world);
    assert_int_equal(world->started, 0);
    executor_clear_interrupt(world->executor);
    world_run_again(world);
    world_gave(world, "d", "{\"ok\":5}");
}

/* --- Missing inputs ------------------------------------------------------ */

/* "hello", as `ipvm add` names it. */
static const char missing[] =
    "tasks:\n"
    "  a:\n"
    "    run: bytes.wasm#length\n"
    "    args: [!cid "
    "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq]\n"
    "    retry: {count: %u, first_ms: 20, max_ms: 20}\n";

static void add_it_now(struct world *world, const struct run_event *event)
{
    struct run_task_report report;
    Cid cid;
    if (event->kind != RUN_TICK)
        return;
    world_report(world, "a", &report);
    if (report.state.attempts > 0)
        assert_ok(
            content_add_bytes(world->store, bytes_of("hello", 5), &cid, NULL));
}

static void what_is_missing_is_tried_again(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    char text[400];
    snprintf(text, sizeof text, missing, 0);
    world_run(world, text);
    world_is(world, "a", OUT_END, END_UNAVAILABLE, BY_RUNNING);
    world_report(world, "a", &report);
    assert_non_null(strstr(report.message, "bafkreibm6jg3ux5"));

    world->options.tick_ms = 10;
    world->on_event = add_it_now;
    snprintf(text, sizeof text, missing, 1000);
    world_run(world, text);
    world_is(world, "a", OUT_OK, END_NONE, BY_RUNNING);
    world_gave(world, "a", "{\"ok\":65543}"); // [h'hello']
    world_report(world, "a", &report);
    assert_true(report.state.attempts > 0);
    assert_string_equal(report.message, ""); // What the earlier try said.
}

/* --- Outside the workflow ------------------------------------------------ */

static void a_promise_may_lead_outside(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    char text[1000], name[CID_TEXT_MAX];
    Cid cid;
    Hash concrete;
    bool upstream;
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [1, 2]}\n");
    world_report(world, "a", &report);
    cid_from_hash(CODEC_DAG_CBOR, &world->workflow->tasks[0].symbolic, &cid);
    cid_to_text(&cid, name);
    snprintf(text, sizeof text,
             "tasks:\n"
             "  b:\n    run: numbers.wasm#add\n"
             "    args: [{\"await/ok\": {\"/\": \"%s\"}}, 5]\n"
             "  n:\n    run: bytes.wasm#length\n"
             "    args: [{\"await/error\": {\"/\": \"%s\"}}]\n"
             "outputs: [b, n]\n",
             name, name);
    world_run(world, text);
    world_gave(world, "b", "{\"ok\":8}");
    world_is(world, "n", OUT_UPSTREAM, END_NONE, BY_UPSTREAM);

    // Both stand on it, and fall with it.
    struct store_batch *batch = store_batch_new(world->store);
    store_batch_withdraw(batch, &report.concrete);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    for (uint32_t task = 0; task < 2; task++)
        assert_status(memo_get_symbolic(world->store,
                                        &world->workflow->tasks[task].symbolic,
                                        &concrete, &upstream, NULL),
                      STATUS_NOT_FOUND);
    world_run_again(world);
    world_is(world, "b", OUT_END, END_BLOCKED, BY_BLOCKING);
    world_report(world, "b", &report);
    assert_int_equal(report.state.cause, TASK_OUTSIDE);
}

/* --- Again, and by another engine ---------------------------------------- */

static const char two_tasks[] = "tasks:\n"
                                "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
                                "  t: {run: numbers.wasm#trap, args: []}\n"
                                "  b: {run: bytes.wasm#big, args: []}\n";

static void without_the_memo_everything_runs_again(void **state)
{
    struct world *world = *state;
    world_run(world, two_tasks);
    world->options.no_memo = true;
    world_run_again(world);
    assert_int_equal(world->started, 3);
    assert_int_equal(world->alarms, 0);
    world_gave(world, "a", "{\"ok\":3}");
    world->options.no_memo = false;
    world_run_again(world);
    assert_int_equal(world->started, 0);
}

static bool count_alarm(void *context, [[maybe_unused]] const Hash *concrete,
                        [[maybe_unused]] const Cid *first,
                        [[maybe_unused]] const Cid *other)
{
    (*(int *)context)++;
    return true;
}

static void a_result_that_differs_is_an_alarm(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    world_run(world, two_tasks);
    world_report(world, "a", &report);
    // Somebody said that 1 + 2 is 4.
    static const uint8_t four[] = {0xa1, 0x62, 'o', 'k', 4};
    struct memo_entry entry = {.is_ok = true};
    cid_of(CODEC_DAG_CBOR, bytes_of(four, sizeof four), &entry.result);
    struct store_batch *batch = store_batch_new(world->store);
    store_batch_withdraw(batch, &report.concrete);
    assert_ok(store_commit(batch, NULL));
    store_batch_block(batch, &entry.result, bytes_of(four, sizeof four));
    store_batch_memo(batch, &report.concrete, &entry);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);

    world->options.no_memo = true;
    world_run_again(world);
    world_gave(world, "a", "{\"ok\":3}");
    assert_int_equal(world->alarms, 1);
    int kept = 0;
    assert_ok(memo_alarms(world->store, count_alarm, &kept, NULL));
    assert_int_equal(kept, 1);
}

static void both_engines_agree(void **state)
{
    struct world *world = *state;
    world->options.cross_check = true;
    world_run(world, two_tasks);
    world_gave(world, "a", "{\"ok\":3}");
    world_gave(world, "t", "{\"error\":{\"ipvm/error\":\"trap\"}}");
    assert_int_equal(world->alarms, 0);
    assert_int_equal(world_count(world), 3);
    world_run(world, "tasks:\n"
                     "  a: {run: bytes.wasm#says, args: []}\n");
    assert_string_equal(world->log, "hello");
}

static void the_interpreter_gives_the_same_results(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    struct memo_entry entry;
    world_run(world, two_tasks);
    world_report(world, "b", &report);
    const Hash compiled = report.result;
    world->how.engine = RUN_ENGINE_WASMI;
    world->options.no_memo = true;
    world_reopen(world);
    world_run(world, two_tasks);
    world_report(world, "b", &report);
    assert_memory_equal(&report.result, &compiled, sizeof compiled);
    assert_int_equal(world->alarms, 0);
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [5, 2]}\n");
    world_gave(world, "a", "{\"ok\":7}");
    world_report(world, "a", &report);
    assert_ok(memo_get(world->store, &report.concrete, &entry, NULL));
    assert_memory_equal(entry.engine, "wasmi", 5);
}

int main(void)
{
#define IN_PROCESS(name)                                                      \
    cmocka_unit_test_setup_teardown(name, world_in_process, world_close)
#define WITH_WORKERS(name)                                                    \
    cmocka_unit_test_setup_teardown(name, world_with_workers, world_close)
    const struct CMUnitTest tests[] = {
        IN_PROCESS(a_limit_is_no_result_and_a_larger_one_is_tried),
        WITH_WORKERS(a_limit_is_no_result_and_a_larger_one_is_tried),
        IN_PROCESS(fuel_is_counted_where_it_is_asked_for),
        IN_PROCESS(an_interrupted_run_is_gone_on_with),
        WITH_WORKERS(an_interrupted_run_is_gone_on_with),
        IN_PROCESS(a_guest_that_never_ends_is_stopped),
        WITH_WORKERS(a_guest_that_never_ends_is_stopped),
        IN_PROCESS(an_interrupt_does_not_wait_for_a_compile),
        IN_PROCESS(what_is_missing_is_tried_again),
        WITH_WORKERS(what_is_missing_is_tried_again),
        IN_PROCESS(a_promise_may_lead_outside),
        IN_PROCESS(without_the_memo_everything_runs_again),
        IN_PROCESS(a_result_that_differs_is_an_alarm),
        IN_PROCESS(both_engines_agree),
        WITH_WORKERS(both_engines_agree),
        IN_PROCESS(the_interpreter_gives_the_same_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
