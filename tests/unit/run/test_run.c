/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of small workflows: what runs, what the memo answers, how tasks that
 * fail drag others along. */
#include "unit/run/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char diamond[] =
    "tasks:\n"
    "  top: {run: numbers.wasm#add, args: [1, 2]}\n"
    "  left: {run: numbers.wasm#add, args: [!ok top, 10]}\n"
    "  right: {run: numbers.wasm#add, args: [!ok top, 20]}\n"
    "  end: {run: numbers.wasm#add, args: [!ok left, !ok right]}\n";

static void a_diamond_runs_once_and_then_is_known(void **state)
{
    struct world *world = *state;
    world_run(world, diamond);
    assert_true(run_succeeded(world->run));
    world_gave(world, "end", "{\"ok\":36}");
    world_is(world, "top", OUT_OK, END_NONE, BY_RUNNING);
    world_is(world, "end", OUT_OK, END_NONE, BY_RUNNING);
    assert_int_equal(world->started, 4);
    assert_int_equal(world->finished, 4);

    world_run_again(world);
    world_is(world, "end", OUT_OK, END_NONE, BY_SYMBOLIC);
    world_gave(world, "end", "{\"ok\":36}");
    assert_int_equal(world->started, 0);
    // The memo answered at the root: nobody asked about the rest.
    assert_int_equal(world->finished, 1);
}

static void what_was_found_out_is_there_after_a_restart(void **state)
{
    struct world *world = *state;
    world_run(world, diamond);
    world_reopen(world);
    world_run(world, diamond);
    assert_int_equal(world->started, 0);
    world_gave(world, "end", "{\"ok\":36}");
}

static void another_recipe_with_equal_inputs_is_cut_off(void **state)
{
    struct world *world = *state;
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
                     "  b: {run: numbers.wasm#add, args: [!ok a, 4]}\n");
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [2, 1]}\n"
                     "  b: {run: numbers.wasm#add, args: [!ok a, 4]}\n");
    world_is(world, "a", OUT_OK, END_NONE, BY_RUNNING);
    world_is(world, "b", OUT_OK, END_NONE, BY_CONCRETE);
    world_gave(world, "b", "{\"ok\":7}");
    // And now it is known by this recipe too.
    world_run_again(world);
    world_is(world, "b", OUT_OK, END_NONE, BY_SYMBOLIC);
}

/* In both orders: the first of equal tasks would run for the other. */
static void what_is_asked_of_others_refuses_only_itself(void **state)
{
    struct world *world = *state;
    world_run(
        world,
        "tasks:\n"
        "  a: {run: numbers.wasm#add, args: [1, 2], sub: 'did:key:zA'}\n"
        "  b: {run: numbers.wasm#add, args: [1, 2]}\n"
        "  c: {run: numbers.wasm#add, args: [3, 4]}\n"
        "  d: {run: numbers.wasm#add, args: [3, 4], sub: 'did:key:zA'}\n");
    assert_int_equal(world->started, 2);
    world_gave(world, "b", "{\"ok\":3}");
    world_gave(world, "c", "{\"ok\":7}");
    world_is(world, "a", OUT_END, END_REFUSED_COMMAND, BY_NOTHING);
    world_is(world, "d", OUT_END, END_REFUSED_COMMAND, BY_NOTHING);
    // What is known is known, whoever is asked.
    world_run_again(world);
    world_is(world, "a", OUT_OK, END_NONE, BY_SYMBOLIC);
}

static void equal_computations_in_flight_run_once(void **state)
{
    struct world *world = *state;
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
                     "  b: {run: numbers.wasm#add, args: [2, 1]}\n"
                     "  c: {run: numbers.wasm#count, args: [!ok a]}\n"
                     "  d: {run: numbers.wasm#count, args: [!ok b]}\n"
                     "  e: {run: numbers.wasm#add, args: [!ok c, !ok d]}\n");
    assert_int_equal(world->started, 4);
    world_gave(world, "c", "{\"ok\":3}");
    world_gave(world, "d", "{\"ok\":3}");
    world_gave(world, "e", "{\"ok\":6}");
    // One that came while the other ran, or just after it.
    struct run_task_report report;
    world_report(world, "d", &report);
    assert_true(report.state.by == BY_MERGING ||
                report.state.by == BY_RUNNING ||
                report.state.by == BY_CONCRETE);
}

static void branches_choose_what_is_put_in(void **state)
{
    struct world *world = *state;
    world_run(world, "tasks:\n"
                     "  bad: {run: bytes.wasm#fails, args: []}\n"
                     "  good: {run: numbers.wasm#add, args: [1, 1]}\n"
                     "  e: {run: bytes.wasm#length, args: [!error bad]}\n"
                     "  r: {run: bytes.wasm#length, args: [!result bad]}\n"
                     "  s: {run: bytes.wasm#length, args: [!result good]}\n");
    world_gave(world, "bad", "{\"error\":\"no\"}");
    // ["no"], [{"error": "no"}], [{"ok": 2}]
    world_gave(world, "e", "{\"ok\":65540}");
    world_gave(world, "r", "{\"ok\":65547}");
    world_gave(world, "s", "{\"ok\":65542}");
    assert_true(run_succeeded(world->run)); // `bad` is no output.
}

#define UPSTREAM "{\"error\":{\"ipvm/error\":\"upstream\"}}"

static const char chain_of_errors[] =
    "tasks:\n"
    "  bad: {run: bytes.wasm#fails, args: []}\n"
    "  next: {run: numbers.wasm#add, args: [!ok bad, 1]}\n"
    "  last: {run: bytes.wasm#length, args: [!error next]}\n"
    "outputs: [next, last]\n";

static void a_branch_that_does_not_match_is_upstream(void **state)
{
    struct world *world = *state;
    world_run(world, chain_of_errors);
    assert_false(run_succeeded(world->run));
    world_is(world, "next", OUT_UPSTREAM, END_NONE, BY_UPSTREAM);
    world_gave(world, "next", UPSTREAM);
    // [{"ipvm/error": "upstream"}]: an error like others.
    world_gave(world, "last", "{\"ok\":65558}");
    world_run_again(world);
    world_is(world, "next", OUT_UPSTREAM, END_NONE, BY_SYMBOLIC);
    world_is(world, "last", OUT_OK, END_NONE, BY_SYMBOLIC);
    assert_int_equal(world->started, 0);
}

static void a_withdrawn_result_takes_upstream_along(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    world_run(world, chain_of_errors);
    world_report(world, "bad", &report);
    struct store_batch *batch = store_batch_new(world->store);
    store_batch_withdraw(batch, &report.concrete);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    // Nothing that stood on it is known by its recipe any more.
    for (uint32_t task = 0; task < world->workflow->count; task++) {
        Hash concrete;
        bool upstream;
        const struct task *what = &world->workflow->tasks[task];
        if (!text_equal(what->label, TEXT("bad")))
            assert_status(memo_get_symbolic(world->store, &what->symbolic,
                                            &concrete, &upstream, NULL),
                          STATUS_NOT_FOUND);
    }
    world_run_again(world);
    world_is(world, "bad", OUT_ERROR, END_NONE, BY_RUNNING);
    world_is(world, "next", OUT_UPSTREAM, END_NONE, BY_UPSTREAM);
    world_is(world, "last", OUT_OK, END_NONE, BY_CONCRETE);
}

static void a_trap_is_a_result_and_says_where(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#trap, args: []}\n");
    world_is(world, "a", OUT_ERROR, END_NONE, BY_RUNNING);
    world_gave(world, "a", "{\"error\":{\"ipvm/error\":\"trap\"}}");
    world_report(world, "a", &report);
    assert_true(strlen(report.message) > 0);
    world_run_again(world);
    world_is(world, "a", OUT_ERROR, END_NONE, BY_SYMBOLIC);
}

static void what_awaits_an_end_is_blocked_and_names_it(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    world_run(world, "tasks:\n"
                     "  no: {run: numbers.wasm#add, args: [\"x\", 1]}\n"
                     "  b: {run: numbers.wasm#add, args: [!ok no, 1]}\n"
                     "  c: {run: numbers.wasm#add, args: [!ok b, 1]}\n"
                     "  d: {run: numbers.wasm#add, args: [3, 4]}\n"
                     "outputs: [c, d]\n");
    world_is(world, "no", OUT_END, END_REFUSED_ARGUMENT, BY_RUNNING);
    world_is(world, "b", OUT_END, END_BLOCKED, BY_BLOCKING);
    world_is(world, "c", OUT_END, END_BLOCKED, BY_BLOCKING);
    world_report(world, "c", &report);
    assert_int_equal(report.state.cause,
                     workflow_find(world->workflow, TEXT("no")));
    assert_false(report.has_result);
    world_gave(world, "d", "{\"ok\":7}"); // It had nothing to do with it.
    assert_false(run_succeeded(world->run));
    // No end is remembered as a result.
    assert_int_equal(world_count(world), 1);
}

static void effects_are_refused_and_nothing_else(void **state)
{
    struct world *world = *state;
    world_run(world, "tasks:\n"
                     "  page: {cmd: /http/get, args: {url: \"https://a/\"}}\n"
                     "  use: {run: bytes.wasm#length, args: [!ok page]}\n"
                     "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
                     "outputs: [use, a]\n");
    world_is(world, "page", OUT_END, END_REFUSED_COMMAND, BY_RUNNING);
    world_is(world, "use", OUT_END, END_BLOCKED, BY_BLOCKING);
    world_is(world, "a", OUT_OK, END_NONE, BY_RUNNING);
}

static void long_results_are_read_back_as_they_were(void **state)
{
    struct world *world = *state;
    struct arena arena = {0};
    struct result result;
    struct buffer bytes;
    Cid cid;
    world_run(world, "tasks:\n"
                     "  big: {run: bytes.wasm#big, args: []}\n"
                     "  n: {run: bytes.wasm#length, args: [!ok big, 1]}\n"
                     "outputs: [big, n]\n");
    // [h'40000 bytes', 1]: the guest saw the bytes, not the stand-in.
    world_gave(world, "n", "{\"ok\":105541}");
    assert_ok(run_result(world->run,
                         workflow_find(world->workflow, TEXT("big")), &arena,
                         &result, NULL));
    const Value *ok = value_get(&result.value, TEXT("ok"));
    const Value *link = value_get(ok, TEXT("ipvm/bytes"));
    assert_non_null(link);
    assert_ok(cid_from_bytes(link->link, &cid, NULL));
    buffer_init(&bytes, 1 << 20);
    assert_ok(content_load(world->store, &cid, &bytes, NULL));
    assert_int_equal(bytes.len, 40000);
    for (size_t index = 0; index < bytes.len; index++)
        assert_int_equal(bytes.data[index], 0);
    buffer_deinit(&bytes);
    arena_deinit(&arena);
}

static void logs_are_told_by_task(void **state)
{
    struct world *world = *state;
    world_run(world, "tasks:\n"
                     "  a: {run: bytes.wasm#says, args: []}\n");
    assert_string_equal(world->log, "hello");
}

static void what_is_gone_from_the_store_is_no_upstream(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
                     "  b: {run: numbers.wasm#add, args: [!ok a, 1]}\n");
    // A symbolic row whose entry is gone: a miss, and it is run again.
    world_report(world, "b", &report);
    struct store_batch *batch = store_batch_new(world->store);
    store_batch_withdraw(batch, &report.concrete);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    world_run_again(world);
    world_is(world, "b", OUT_OK, END_NONE, BY_RUNNING);
    world_gave(world, "b", "{\"ok\":4}");
}

static void a_workflow_whose_pages_are_gone_is_kept_again(void **state)
{
    struct world *world = *state;
    struct workflow *loaded;
    struct block *head;
    world->workflow = world_load(world, diamond);
    assert_ok(store_get(world->store, &world->workflow->cid, &head, NULL));
    // Another store has but the head.
    world->how.workers = 1;
    struct store *store = store_open_memory();
    struct executor *executor;
    assert_ok(executor_open(store, &world->how, &executor, NULL));
    struct modules *modules = modules_new(executor);
    const struct loader loader = {.executor = executor, .modules = modules};
    struct error err = {0};
    assert_status(
        load_document(&loader, block_bytes(head), "head", ".", &loaded, &err),
        STATUS_NOT_FOUND);
    char manifest[1000];
    snprintf(manifest, sizeof manifest, "ipvm: \"1.0\"\n%s", diamond);
    assert_ok(load_document(&loader, text_bytes(text_of(manifest)), "m",
                            world->directory, &loaded, &err));
    assert_true(cid_equal(&loaded->cid, &world->workflow->cid));
    workflow_free(loaded);
    assert_ok(workflow_load(store, &world->workflow->cid, &loaded, &err));
    workflow_free(loaded);
    block_unref(head);
    executor_close(executor);
    modules_free(modules);
    store_close(store);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, world_in_process, world_close)
    const struct CMUnitTest tests[] = {
        TEST(a_diamond_runs_once_and_then_is_known),
        cmocka_unit_test_setup_teardown(a_diamond_runs_once_and_then_is_known,
                                        world_with_workers, world_close),
        TEST(what_was_found_out_is_there_after_a_restart),
        TEST(another_recipe_with_equal_inputs_is_cut_off),
        TEST(what_is_asked_of_others_refuses_only_itself),
        TEST(equal_computations_in_flight_run_once),
        TEST(branches_choose_what_is_put_in),
        TEST(a_branch_that_does_not_match_is_upstream),
        TEST(a_withdrawn_result_takes_upstream_along),
        TEST(a_trap_is_a_result_and_says_where),
        TEST(what_awaits_an_end_is_blocked_and_names_it),
        TEST(effects_are_refused_and_nothing_else),
        TEST(long_results_are_read_back_as_they_were),
        cmocka_unit_test_setup_teardown(
            long_results_are_read_back_as_they_were, world_with_workers,
            world_close),
        TEST(logs_are_told_by_task),
        TEST(what_is_gone_from_the_store_is_no_upstream),
        TEST(a_workflow_whose_pages_are_gone_is_kept_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
