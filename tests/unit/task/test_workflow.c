/* SPDX-License-Identifier: Apache-2.0 */
/* test_workflow.c - the graph of tasks and its canonical form. */
#include "unit/task/task_test.h"

/* A draft /wasm/run that awaits other labels. */
static struct task_draft draft_on(struct arena *arena, Text label,
                                  const Text *awaits, size_t count, int tag)
{
    static Cid module;
    cid_of(CODEC_RAW, bytes_of("wasm", 4), &module);
    Value link = value_link(&module);
    Value *items = arena_array(arena, count + 1, sizeof *items);
    items[count] = value_int(tag);
    for (size_t i = 0; i < count; i++)
        items[i] = value_map1(arena, TEXT("await/ok"), value_text(awaits[i]));
    Value list = value_list(items, count + 1);
    return (struct task_draft){
        .label = label,
        .cmd = TEXT("/wasm/run"),
        .args = wasm_call_args(arena, &link, TEXT("f"), &list, false)};
}

/* A chain of `count` tasks, each awaiting the one before. */
static struct workflow *make_chain(size_t count, struct error *err)
{
    struct workflow *workflow = workflow_new();
    struct task_draft *drafts = heap_array(count, sizeof *drafts);
    Text before = {0};
    for (size_t i = 0; i < count; i++) {
        Text label = arena_format(&workflow->arena, "t%07zu", i);
        drafts[i] = draft_on(&workflow->arena, label, &before, i > 0, 0);
        before = label;
    }
    ASSERT_OK(workflow_finish(workflow, drafts, count, NULL, 0, NULL, err),
              err);
    free(drafts);
    return workflow;
}

static void assert_same(const struct workflow *a, const struct workflow *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->output_count, b->output_count);
    for (uint32_t i = 0; i < a->output_count; i++)
        assert_int_equal(a->outputs[i], b->outputs[i]);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct task *left = &a->tasks[i], *right = &b->tasks[i];
        assert_true(text_equal(left->label, right->label));
        assert_true(hash_equal(&left->symbolic, &right->symbolic));
        assert_true(bytes_equal(left->args, right->args));
        assert_memory_equal(&left->limits, &right->limits,
                            sizeof left->limits);
        assert_int_equal(left->await_count, right->await_count);
        for (uint32_t k = 0; k < left->await_count; k++)
            assert_int_equal(left->awaits[k].task, right->awaits[k].task);
    }
}

static void loads_what_it_wrote(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 1023, 1024, 1025, 5000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct error err = {0};
        struct store *store = store_open_memory();
        struct store_batch *batch = store_batch_new(store);
        struct workflow *made = make_chain(counts[i], &err), *loaded = NULL;
        made->tasks[0].limits = (struct limits){1, 2, 3};
        made->tasks[0].retry = (struct retry){1, 0, 5};
        made->tasks[0].sub = TEXT("did:key:z");
        made->name = TEXT("chain");
        ASSERT_OK(workflow_encode(made, put_in_batch, batch, &err), &err);
        ASSERT_OK(store_commit(batch, &err), &err);
        ASSERT_OK(workflow_load(store, &made->cid, &loaded, &err), &err);
        assert_same(made, loaded);
        assert_true(cid_equal(&made->cid, &loaded->cid));
        Cid cid = loaded->cid;
        ASSERT_OK(workflow_encode(loaded, NULL, NULL, &err), &err);
        assert_true(cid_equal(&cid, &loaded->cid));
        workflow_free(loaded);
        workflow_free(made);
        store_batch_free(batch);
        store_close(store);
    }
}

static void order_of_drafts_does_not_matter(void **state)
{
    (void)state;
    Cid cids[2];
    for (int way = 0; way < 2; way++) {
        struct workflow *workflow = workflow_new();
        struct error err = {0};
        Text a = TEXT("a"), b = TEXT("b");
        struct task_draft drafts[2];
        drafts[way] = draft_on(&workflow->arena, a, NULL, 0, 1);
        drafts[1 - way] = draft_on(&workflow->arena, b, &a, 1, 2);
        ASSERT_OK(workflow_finish(workflow, drafts, 2, NULL, 0, NULL, &err),
                  &err);
        assert_int_equal(workflow->output_count, 1);
        assert_int_equal(workflow->outputs[0], 1);
        cids[way] = workflow->cid;
        workflow_free(workflow);
    }
    assert_true(cid_equal(&cids[0], &cids[1]));
}

/* Two labels of one computation: awaits point at the first. */
static void equal_pure_tasks_are_one(void **state)
{
    (void)state;
    struct workflow *workflow = workflow_new();
    struct error err = {0};
    Text b = TEXT("b");
    struct task_draft drafts[] = {
        draft_on(&workflow->arena, TEXT("a"), NULL, 0, 1),
        draft_on(&workflow->arena, b, NULL, 0, 1),
        draft_on(&workflow->arena, TEXT("c"), &b, 1, 1)};
    ASSERT_OK(workflow_finish(workflow, drafts, 3, NULL, 0, NULL, &err), &err);
    assert_true(hash_equal(&workflow->tasks[0].symbolic,
                           &workflow->tasks[1].symbolic));
    assert_int_equal(workflow->tasks[2].awaits[0].task, 0);
    workflow_free(workflow);
}

static void awaits_outside_only_what_the_memo_has(void **state)
{
    (void)state;
    struct error err = {0};
    struct store *store = store_open_memory();
    struct workflow *other = make_chain(1, &err);
    Cid awaited;
    cid_from_hash(CODEC_DAG_CBOR, &other->tasks[0].symbolic, &awaited);
    for (int known = 0; known < 2; known++) {
        struct workflow *workflow = workflow_new();
        struct task_draft draft =
            draft_on(&workflow->arena, TEXT("a"), NULL, 0, 1);
        Value promise = value_map1(&workflow->arena, TEXT("await/ok"),
                                   value_link(&awaited));
        Value list = value_list(&promise, 1), link = value_link(&awaited);
        draft.args =
            wasm_call_args(&workflow->arena, &link, TEXT("f"), &list, false);
        if (known) {
            struct store_batch *batch = store_batch_new(store);
            store_batch_symbolic(batch, &other->tasks[0].symbolic,
                                 &other->tasks[0].symbolic, true, NULL, 0);
            ASSERT_OK(store_commit(batch, &err), &err);
            store_batch_free(batch);
        }
        Status status =
            workflow_finish(workflow, &draft, 1, NULL, 0, store, &err);
        assert_int_equal(status == STATUS_OK, known);
        if (known)
            assert_int_equal(workflow->tasks[0].awaits[0].task, TASK_OUTSIDE);
        else
            assert_has(err.message, "nor in the memo");
        workflow_free(workflow);
    }
    workflow_free(other);
    store_close(store);
}

/* --- Forms that are not canonical ---------------------------------------- */

struct forge {
    struct arena arena;
    struct store *store;
    struct store_batch *batch;
};

static Cid forge_put(struct forge *forge, const Value *value)
{
    Cid cid;
    Bytes block = dag_cbor_block(value, &forge->arena, &cid);
    store_batch_block(forge->batch, &cid, block);
    return cid;
}

static Value forge_task(struct forge *forge, int tag)
{
    struct task_draft draft = draft_on(&forge->arena, TEXT("a"), NULL, 0, tag);
    const struct value_entry entries[] = {{TEXT("cmd"), value_text(draft.cmd)},
                                          {TEXT("args"), draft.args}};
    return value_map(&forge->arena, entries, 2);
}

static Value with_field(struct forge *forge, Value task, Text key, Value value)
{
    struct value_entry entries[8];
    memcpy(entries, task.map.entries, task.map.count * sizeof *entries);
    entries[task.map.count] = (struct value_entry){key, value};
    return value_map(&forge->arena, entries, task.map.count + 1);
}

/* Loads a workflow of these pages and gives the message. */
static Status forge_load(struct forge *forge, const Value *pages, size_t count,
                         const Value *outputs, const Value *meta,
                         struct error *err)
{
    Value links[4];
    Cid cids[4];
    for (size_t i = 0; i < count; i++) {
        cids[i] = forge_put(forge, &pages[i]);
        links[i] = value_link(&cids[i]);
    }
    struct value_entry entries[] = {{TEXT("tasks"), value_list(links, count)},
                                    {TEXT("outputs"), *outputs},
                                    {TEXT("meta"), value_null()}};
    if (meta)
        entries[2].value = *meta;
    Value body = value_map(&forge->arena, entries, meta ? 3 : 2);
    Value head = value_map1(&forge->arena, TEXT("ipvm/workflow@1.0.0"), body);
    Cid cid = forge_put(forge, &head);
    struct workflow *workflow = NULL;
    ASSERT_OK(store_commit(forge->batch, err), err);
    Status status = workflow_load(forge->store, &cid, &workflow, err);
    workflow_free(workflow);
    return status;
}

static void refuses_other_forms(void **state)
{
    (void)state;
    struct forge forge = {.store = store_open_memory()};
    forge.batch = store_batch_new(forge.store);
    struct arena *arena = &forge.arena;
    Value task = forge_task(&forge, 1), empty = {.kind = VALUE_MAP};
    Value label = value_text(TEXT("a")), outputs = value_list(&label, 1);
    Value none = value_list(NULL, 0);
    Value limits = value_map1(arena, TEXT("time"), value_int(0));
    Value retry = value_map1(arena, TEXT("count"), value_int(1));
    const struct {
        Value tasks[2]; /* of pages with the labels "a" and "b" */
        size_t count;
        const Value *outputs, *meta;
        const char *words; /* NULL: it is taken */
    } rows[] = {
        {{task}, 1, &outputs, NULL, NULL},
        {{task}, 1, &none, NULL, NULL},
        {{task}, 0, &none, NULL, "the list 'tasks', not empty"},
        {{task, task}, 2, &outputs, NULL, "task 'b': there was room"},
        {{task}, 1, &outputs, &empty, "'meta' holds"},
        {{task}, 1, &label, NULL, "the list 'outputs'"},
        {{with_field(&forge, task, TEXT("x"), empty)},
         1,
         &outputs,
         NULL,
         "task 'a': the field 'x' is unknown"},
        {{with_field(&forge, task, TEXT("nonce"), value_bytes((Bytes){0}))},
         1,
         &outputs,
         NULL,
         "'nonce' is unknown, empty"},
        {{with_field(&forge, task, TEXT("sub"), value_text(TEXT("")))},
         1,
         &outputs,
         NULL,
         "'sub' is unknown, empty"},
        {{with_field(&forge, task, TEXT("limits"), empty)},
         1,
         &outputs,
         NULL,
         "'limits' must be a map, not empty"},
        {{with_field(&forge, task, TEXT("limits"), limits)},
         1,
         &outputs,
         NULL,
         "'time' must be an integer above zero"},
        {{with_field(&forge, task, TEXT("retry"), retry)},
         1,
         &outputs,
         NULL,
         "'retry' must hold"},
        {{empty}, 1, &outputs, NULL, "task 'a': '' is no command"},
        {{value_int(1)}, 1, &outputs, NULL, "a task must be a map"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err = {0};
        Value pages[2] = {value_map1(arena, TEXT("a"), rows[i].tasks[0]),
                          value_map1(arena, TEXT("b"), rows[i].tasks[1])};
        Status status = forge_load(&forge, pages, rows[i].count,
                                   rows[i].outputs, rows[i].meta, &err);
        assert_int_equal(status == STATUS_OK, rows[i].words == NULL);
        if (rows[i].words)
            assert_has(err.message, rows[i].words);
    }
    store_batch_free(forge.batch);
    store_close(forge.store);
    arena_deinit(&forge.arena);
}

static void says_which_block_is_missing(void **state)
{
    (void)state;
    struct store *store = store_open_memory();
    struct workflow *workflow = NULL;
    struct error err = {0};
    Cid cid;
    cid_of(CODEC_DAG_CBOR, bytes_of("x", 1), &cid);
    assert_int_equal(workflow_load(store, &cid, &workflow, &err),
                     STATUS_NOT_FOUND);
    assert_has(err.message, "is not here");
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_what_it_wrote),
        cmocka_unit_test(order_of_drafts_does_not_matter),
        cmocka_unit_test(equal_pure_tasks_are_one),
        cmocka_unit_test(awaits_outside_only_what_the_memo_has),
        cmocka_unit_test(refuses_other_forms),
        cmocka_unit_test(says_which_block_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
