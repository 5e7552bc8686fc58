/* SPDX-License-Identifier: Apache-2.0 */
/* A known workflow is answered by its outputs alone, or not at all. */
#include "unit/run/world.h"

#include "run/root.h"

#include <stdlib.h>

static const char manifest[] =
    "name: both\n"
    "tasks:\n"
    "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
    "  b: {run: numbers.wasm#add, args: [!ok a, 4]}\n"
    "  c: {run: bytes.wasm#fails, args: []}\n"
    "  d: {run: numbers.wasm#add, args: [!ok c, 4]}\n"
    "outputs: [b, d]\n";

static struct root *noted(struct world *world)
{
    struct root *root;
    if (root_get(world->store, &world->workflow->cid, &root) != STATUS_OK)
        fail_msg("the workflow is not noted");
    return root;
}

static void a_workflow_is_noted_with_its_outputs(void **state)
{
    struct world *world = *state;
    struct root *root;
    world->workflow = world_load(world, manifest);
    assert_status(root_get(world->store, &world->workflow->cid, &root),
                  STATUS_NOT_FOUND);
    root_put(world->store, world->workflow);
    root_put(world->store, world->workflow);
    root = noted(world);
    assert_int_equal(root->task_count, 4);
    assert_true(text_equal(root->name, TEXT("both")));
    assert_int_equal(root->output_count, 2);
    assert_string_equal(root->outputs[0].label.data, "b");
    assert_string_equal(root->outputs[1].label.data, "d");
    root_free(root);
}

static void it_answers_when_every_output_is_known(void **state)
{
    struct world *world = *state;
    struct root_answer answers[2];
    struct run_task_report report;
    world->workflow = world_load(world, manifest);
    root_put(world->store, world->workflow);
    struct root *root = noted(world);
    assert_false(root_answered(world->store, root, answers));
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
                     "  b: {run: numbers.wasm#add, args: [!ok a, 4]}\n");
    assert_false(root_answered(world->store, root, answers)); // d is missing.
    world_run(world, manifest);
    assert_true(root_answered(world->store, root, answers));
    assert_false(answers[0].is_upstream);
    assert_true(answers[0].entry.is_ok);
    assert_true(answers[1].is_upstream);

    // Withdrawing what `b` came to, or what `a` did, makes it fall back.
    world_report(world, "b", &report);
    assert_memory_equal(&report.concrete, &answers[0].concrete, sizeof(Hash));
    struct store_batch *batch = store_batch_new(world->store);
    store_batch_withdraw(batch, &report.concrete);
    assert_ok(store_commit(batch, NULL));
    assert_false(root_answered(world->store, root, answers));
    world_run_again(world);
    assert_true(root_answered(world->store, root, answers));
    world_report(world, "c", &report);
    assert_false(report.has_result); // Upstream was known by its recipe.
    store_batch_free(batch);
    root_free(root);
}

static void an_empty_store_knows_no_workflow(void **state)
{
    struct world *world = *state;
    struct store *other = store_open_memory();
    struct root *root;
    world->workflow = world_load(world, manifest);
    // The note without the workflow's block.
    root_put(other, world->workflow);
    assert_status(root_get(other, &world->workflow->cid, &root),
                  STATUS_NOT_FOUND);
    store_close(other);
}

static void workflows_with_effects_are_not_noted(void **state)
{
    struct world *world = *state;
    struct root *root;
    world->workflow =
        world_load(world, "tasks:\n"
                          "  a: {cmd: /http/get, args: {url: \"u\"}}\n");
    root_put(world->store, world->workflow);
    assert_status(root_get(world->store, &world->workflow->cid, &root),
                  STATUS_NOT_FOUND);
}

static void a_note_that_is_none_is_not_believed(void **state)
{
    static const char *const notes[] = {
        "",
        "\x80",
        "\x83\x01\x60",
        "\x83\x01\x60\x81\x01",
        "\x83\x60\x60\x80",
        "\x83\x01\x60\x81\x82\x61\x61\x41\x61",
        "\x83\x01\x60\x81\x81\x61\x61",
    };
    struct world *world = *state;
    struct root *root;
    world->workflow = world_load(world, manifest);
    for (size_t index = 0; index < sizeof notes / sizeof *notes; index++) {
        struct store_batch *batch = store_batch_new(world->store);
        store_batch_note(batch, NOTE_WORKFLOW,
                         cid_bytes(&world->workflow->cid),
                         text_bytes(text_of(notes[index])));
        assert_ok(store_commit(batch, NULL));
        store_batch_free(batch);
        assert_status(root_get(world->store, &world->workflow->cid, &root),
                      STATUS_NOT_FOUND);
    }
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, world_in_process, world_close)
    const struct CMUnitTest tests[] = {
        TEST(a_workflow_is_noted_with_its_outputs),
        TEST(it_answers_when_every_output_is_known),
        TEST(an_empty_store_knows_no_workflow),
        TEST(workflows_with_effects_are_not_noted),
        TEST(a_note_that_is_none_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
