/* SPDX-License-Identifier: Apache-2.0 */
/* test_graph.c - how the tasks of a workflow hang together: cycles, labels of
 * all lengths, equal computations, outputs. */
#include "unit/task/task_test.h"

enum { SMALL_GRAPH = 9 };

/* A draft that awaits each label in `awaits`; `tag` tells computations
 * apart. */
static struct task_draft draft_on(struct arena *arena, Text label,
                                  const Text *awaits, size_t count,
                                  uint64_t tag)
{
    static Cid module;
    cid_of(CODEC_RAW, bytes_of("wasm", 4), &module);
    Value link = value_link(&module);
    Value *items = arena_array(arena, count + 1, sizeof *items);
    items[count] = value_uint(tag);
    for (size_t i = 0; i < count; i++)
        items[i] = value_map1(arena, TEXT("await/ok"), value_text(awaits[i]));
    Value list = value_list(items, count + 1);
    return (struct task_draft){
        .label = label,
        .cmd = TEXT("/wasm/run"),
        .args = wasm_call_args(arena, &link, TEXT("f"), &list, false)};
}

/* A small generator: the same graphs in each run. */
static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*random >> 33) % below;
}

/* --- Cycles -------------------------------------------------------------- */

struct small_graph {
    uint32_t count;
    bool awaits[SMALL_GRAPH][SMALL_GRAPH];
};

/* Takes away, again and again, a task that awaits none of those left. */
static bool has_cycle(const struct small_graph *graph)
{
    bool gone[SMALL_GRAPH] = {false};
    uint32_t left = graph->count;

    for (uint32_t round = 0; round < graph->count; round++)
        for (uint32_t i = 0; i < graph->count; i++) {
            bool waits = gone[i];
            for (uint32_t k = 0; k < graph->count; k++)
                waits |= graph->awaits[i][k] && !gone[k];
            if (waits)
                continue;
            gone[i] = true;
            left--;
        }
    return left > 0;
}

static Status finish_graph(const struct small_graph *graph, struct error *err)
{
    static const Text labels[SMALL_GRAPH] = {
        TEXT_INIT("a"), TEXT_INIT("b"), TEXT_INIT("c"),
        TEXT_INIT("d"), TEXT_INIT("e"), TEXT_INIT("f"),
        TEXT_INIT("g"), TEXT_INIT("h"), TEXT_INIT("i")};
    struct workflow *workflow = workflow_new();
    struct task_draft drafts[SMALL_GRAPH];
    for (uint32_t i = 0; i < graph->count; i++) {
        Text awaits[SMALL_GRAPH];
        size_t count = 0;
        for (uint32_t k = 0; k < graph->count; k++)
            if (graph->awaits[i][k])
                awaits[count++] = labels[k];
        drafts[i] = draft_on(&workflow->arena, labels[i], awaits, count, i);
    }
    Status status =
        workflow_finish(workflow, drafts, graph->count, NULL, 0, NULL, err);
    workflow_free(workflow);
    return status;
}

static void refuses_graphs_with_a_cycle_and_no_others(void **state)
{
    (void)state;
    uint64_t random = 1;
    unsigned cycles = 0;
    for (unsigned round = 0; round < 3000; round++) {
        struct small_graph graph = {.count = 1 + draw(&random, SMALL_GRAPH)};
        struct error err = {0};
        uint32_t edges = draw(&random, graph.count + 4);
        for (uint32_t i = 0; i < edges; i++)
            graph.awaits[draw(&random, graph.count)]
                        [draw(&random, graph.count)] = true;
        bool cycle = has_cycle(&graph);
        cycles += cycle;
        assert_int_equal(finish_graph(&graph, &err),
                         cycle ? STATUS_INVALID : STATUS_OK);
        if (cycle)
            assert_has(err.message, ": a cycle: ");
    }
    assert_in_range(cycles, 500, 2500); // Both kinds are tried.
}

static void names_the_way_round(void **state)
{
    (void)state;
    struct small_graph graph = {.count = 4};
    struct error err = {0};
    graph.awaits[2][2] = true;
    assert_int_equal(finish_graph(&graph, &err), STATUS_INVALID);
    assert_string_equal(err.message, "task 'c': a cycle: c awaits c");
    // What leads to the cycle is no part of it.
    graph = (struct small_graph){.count = 4};
    graph.awaits[0][1] = graph.awaits[1][2] = true;
    graph.awaits[2][3] = graph.awaits[3][1] = true;
    assert_int_equal(finish_graph(&graph, &err), STATUS_INVALID);
    assert_string_equal(err.message, "task 'b': a cycle: b awaits c awaits d "
                                     "awaits b");
}

static void finds_a_cycle_of_many_thousands(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    struct workflow *workflow = workflow_new();
    struct task_draft *drafts = heap_array(COUNT, sizeof *drafts);
    struct error err = {0};
    for (size_t i = 0; i < COUNT; i++) {
        Text next = arena_format(&workflow->arena, "t%05zu", (i + 1) % COUNT);
        Text label = arena_format(&workflow->arena, "t%05zu", i);
        drafts[i] = draft_on(&workflow->arena, label, &next, 1, 0);
    }
    assert_int_equal(
        workflow_finish(workflow, drafts, COUNT, NULL, 0, NULL, &err),
        STATUS_INVALID);
    assert_has(err.message, "task 't00000': a cycle: t00000 awaits t00001");
    assert_has(err.message, "… awaits t00000");
    free(drafts);
    workflow_free(workflow);
}

/* --- Labels -------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return bytes_compare(text_bytes(*(const Text *)a),
                         text_bytes(*(const Text *)b));
}

/* Labels of many lengths: tasks are in bytewise order, the keys of a page by
 * length. Drafts come in no order; each awaits those made before it. */
static void keeps_labels_of_all_lengths_in_order(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct workflow *made = workflow_new(), *loaded = NULL;
    struct store *store = store_open_memory();
    struct store_batch *batch = store_batch_new(store);
    struct task_draft *drafts = heap_array(COUNT, sizeof *drafts);
    Text *labels = heap_array(COUNT, sizeof *labels);
    struct error err = {0};
    uint64_t random = 7;
    for (uint32_t i = 0; i < COUNT; i++) {
        static const char filler[] = "zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQ";
        labels[i] = arena_format(&made->arena, "%.*s%u",
                                 (int)draw(&random, sizeof filler), filler, i);
        Text awaits[2] = {labels[draw(&random, i + 1)],
                          labels[draw(&random, i + 1)]};
        bool alone = i == 0 || text_equal(awaits[0], labels[i]) ||
                     text_equal(awaits[1], labels[i]);
        drafts[i] =
            draft_on(&made->arena, labels[i], awaits, alone ? 0 : 2, i);
    }
    ASSERT_OK(workflow_finish(made, drafts, COUNT, labels, 1, NULL, &err),
              &err);
    ASSERT_OK(workflow_encode(made, put_in_batch, batch, &err), &err);
    ASSERT_OK(store_commit(batch, &err), &err);
    ASSERT_OK(workflow_load(store, &made->cid, &loaded, &err), &err);
    qsort(labels, COUNT, sizeof *labels, compare_texts);
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct task *task = &loaded->tasks[i];
        assert_true(text_equal(task->label, labels[i]));
        assert_int_equal(workflow_find(loaded, labels[i]), i);
        assert_true(hash_equal(&task->symbolic, &made->tasks[i].symbolic));
        for (uint32_t k = 0; k < task->await_count; k++) {
            const struct await *await = &task->awaits[k];
            assert_int_equal(await->task, made->tasks[i].awaits[k].task);
            assert_true(hash_equal(await->symbolic,
                                   &loaded->tasks[await->task].symbolic));
        }
    }
    free(labels);
    free(drafts);
    workflow_free(loaded);
    workflow_free(made);
    store_batch_free(batch);
    store_close(store);
}

static void refuses_a_label_twice_wherever_it_stands(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    for (uint32_t twin = 1; twin < COUNT; twin += 37) {
        struct workflow *workflow = workflow_new();
        struct task_draft drafts[COUNT];
        struct error err = {0};
        for (uint32_t i = 0; i < COUNT; i++) {
            Text label = arena_format(&workflow->arena, "%u",
                                      i == twin ? 0 : i * 7919 % COUNT);
            drafts[i] = draft_on(&workflow->arena, label, NULL, 0, i);
            drafts[i].line = i + 1;
        }
        assert_int_equal(
            workflow_finish(workflow, drafts, COUNT, NULL, 0, NULL, &err),
            STATUS_INVALID);
        assert_has(err.message, "two tasks have this label; the other is in "
                                "line 1");
        workflow_free(workflow);
    }
}

/* --- Equal computations and outputs -------------------------------------- */

/* Many labels of few computations: each await is for the first of its kind,
 * made or loaded. */
static void points_awaits_at_the_first_of_equals(void **state)
{
    (void)state;
    enum { COUNT = 2000, KINDS = 10 };
    struct workflow *made = workflow_new(), *loaded = NULL;
    struct store *store = store_open_memory();
    struct store_batch *batch = store_batch_new(store);
    struct task_draft *drafts = heap_array(COUNT, sizeof *drafts);
    struct error err = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        Text label = arena_format(&made->arena, "%04u", i);
        Text awaited = arena_format(&made->arena, "%04u", i - COUNT / 2);
        drafts[i] =
            draft_on(&made->arena, label, &awaited, i >= COUNT / 2, i % KINDS);
    }
    ASSERT_OK(workflow_finish(made, drafts, COUNT, NULL, 0, NULL, &err), &err);
    ASSERT_OK(workflow_encode(made, put_in_batch, batch, &err), &err);
    ASSERT_OK(store_commit(batch, &err), &err);
    ASSERT_OK(workflow_load(store, &made->cid, &loaded, &err), &err);
    for (uint32_t i = COUNT / 2; i < COUNT; i++) {
        assert_int_equal(made->tasks[i].awaits[0].task, i % KINDS);
        assert_int_equal(loaded->tasks[i].awaits[0].task, i % KINDS);
    }
    free(drafts);
    workflow_free(loaded);
    workflow_free(made);
    store_batch_free(batch);
    store_close(store);
}

/* The labels of all outputs stand in the head, which is one block. */
static void says_what_to_do_about_too_many_outputs(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct workflow *workflow = workflow_new();
    struct task_draft *drafts = heap_array(COUNT, sizeof *drafts);
    struct error err = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        Text label = arena_format(&workflow->arena, "task-%07u", i);
        drafts[i] = draft_on(&workflow->arena, label, NULL, 0, i);
    }
    assert_int_equal(
        workflow_finish(workflow, drafts, COUNT, NULL, 0, NULL, &err),
        STATUS_LIMIT);
    assert_has(err.message, "100000 outputs");
    assert_has(err.message, "at most 1048576");
    assert_has(err.message, "name fewer");
    free(drafts);
    workflow_free(workflow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_graphs_with_a_cycle_and_no_others),
        cmocka_unit_test(names_the_way_round),
        cmocka_unit_test(finds_a_cycle_of_many_thousands),
        cmocka_unit_test(keeps_labels_of_all_lengths_in_order),
        cmocka_unit_test(refuses_a_label_twice_wherever_it_stands),
        cmocka_unit_test(points_awaits_at_the_first_of_equals),
        cmocka_unit_test(says_what_to_do_about_too_many_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
