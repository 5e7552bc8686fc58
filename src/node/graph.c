/* SPDX-License-Identifier: Apache-2.0 */
/* graph.c - the tasks of a job: how they hang together, and what its events say
 * of each; and why one ran or did not. */
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "node/state.h"
#include "run/explain.h"
#include "task/computation.h"

enum {
    GRAPH_TASKS_MAX = 20000,
    FIELDS_MAX = 32,
};

struct graph {
    const struct workflow *workflow;
    struct arena *arena;
    Value *told;    /* of each task: its newest event, or VALUE_NULL */
    Value *started; /* when, or VALUE_NULL */
    bool *is_output;
    bool is_over;
};

/* --- What the events say ------------------------------------------------- */

static bool hear_event(void *context, uint64_t seq, Bytes bytes)
{
    struct graph *graph = context;
    Value event;
    uint64_t index;
    (void)seq;
    const Bytes copy = arena_copy_bytes(graph->arena, bytes);
    if (dag_cbor_decode(copy, graph->arena, &event, NULL) != STATUS_OK)
        return true;
    const Value *number = value_get(&event, TEXT("index"));
    const Value *kind = value_get(&event, TEXT("kind"));
    const Value *at = value_get(&event, TEXT("at"));
    if (!number || !kind || kind->kind != VALUE_TEXT || !at ||
        !value_to_uint64(number, &index) || index >= graph->workflow->count)
        return true;
    if (text_equal(kind->text, TEXT("task/started"))) {
        graph->started[index] = *at;
        graph->told[index] = event;
    } else if (text_equal(kind->text, TEXT("task/finished"))) {
        graph->told[index] = event;
    }
    return true;
}

/* --- A task -------------------------------------------------------------- */

struct fields {
    struct value_entry entries[FIELDS_MAX];
    size_t count;
};

static void put(struct fields *fields, Text key, Value value)
{
    fields->entries[fields->count++] = (struct value_entry){key, value};
}

static Text class_name(TaskClass class)
{
    return class == CLASS_PURE    ? TEXT("pure")
           : class == CLASS_QUERY ? TEXT("query")
                                  : TEXT("command");
}

static void put_call(struct fields *fields, const struct task *task,
                     struct arena *arena)
{
    const Text function = task_function(task);
    const Value args = task_args(task, arena);
    const Value *module = value_get(&args, TEXT("mod"));
    if (function.len > 0)
        put(fields, TEXT("function"), value_text(function));
    if (module && module->kind == VALUE_LINK)
        put(fields, TEXT("module"), *module);
}

static Value awaits_value(const struct task *task, struct arena *arena)
{
    Value *items = arena_array(arena, task->await_count, sizeof *items);
    size_t count = 0;
    for (uint32_t at = 0; at < task->await_count; at++)
        if (task->awaits[at].task != TASK_OUTSIDE)
            items[count++] = value_uint(task->awaits[at].task);
    return value_list(items, count);
}

/* The fields of the event that are about the task, and what they amount to. */
static void put_told(struct fields *fields, const struct graph *graph,
                     uint32_t index)
{
    static const Text copied[] = {
        TEXT_INIT("by"),        TEXT_INIT("ok"),     TEXT_INIT("end"),
        TEXT_INIT("result"),    TEXT_INIT("comp"),   TEXT_INIT("message"),
        TEXT_INIT("queued_ns"), TEXT_INIT("run_ns"), TEXT_INIT("cpu_ns"),
        TEXT_INIT("memory"),    TEXT_INIT("fuel"),   TEXT_INIT("stored"),
        TEXT_INIT("worker"),
    };
    const Value *event = &graph->told[index];
    const Value *by = value_get(event, TEXT("by"));
    Text state = graph->is_over ? TEXT("unasked") : TEXT("waiting");
    if (event->kind == VALUE_MAP)
        state = by ? TEXT("done") : TEXT("running");
    put(fields, TEXT("state"), value_text(state));
    if (graph->started[index].kind == VALUE_INT)
        put(fields, TEXT("started"), graph->started[index]);
    if (by)
        put(fields, TEXT("ended"), *value_get(event, TEXT("at")));
    for (size_t at = 0; at < sizeof copied / sizeof *copied; at++) {
        const Value *value = value_get(event, copied[at]);
        if (value)
            put(fields, copied[at], *value);
    }
}

static Value task_value(const struct graph *graph, uint32_t index)
{
    const struct task *task = &graph->workflow->tasks[index];
    struct fields fields = {.count = 0};
    put(&fields, TEXT("label"),
        value_text(arena_copy_text(graph->arena, task->label)));
    put(&fields, TEXT("class"), value_text(class_name(task->class)));
    put(&fields, TEXT("cmd"),
        value_text(arena_copy_text(graph->arena, task->cmd)));
    if (task->sub.len > 0)
        put(&fields, TEXT("sub"),
            value_text(arena_copy_text(graph->arena, task->sub)));
    put(&fields, TEXT("output"), value_bool(graph->is_output[index]));
    put(&fields, TEXT("awaits"), awaits_value(task, graph->arena));
    put_call(&fields, task, graph->arena);
    put_told(&fields, graph, index);
    const Value map = value_map(graph->arena, fields.entries, fields.count);
    return value_copy(graph->arena, &map); // The workflow is freed.
}

/* --- All of them --------------------------------------------------------- */

static Status load(struct node *node, const Hash *job, struct job_facts *facts,
                   struct arena *arena, struct workflow **out,
                   struct error *err)
{
    Cid cid;
    TRY(view_facts(node, job, arena, facts, err));
    cid_from_hash(CODEC_DAG_CBOR, &facts->workflow, &cid);
    const Status status = workflow_load(node->store, &cid, out, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, STATUS_CORRUPT,
                    "the workflow of the job is not in the store any more");
    return status;
}

static Value graph_value(const struct graph *graph)
{
    const uint32_t count = graph->workflow->count;
    Value *tasks = arena_array(graph->arena, count, sizeof *tasks);
    for (uint32_t index = 0; index < count; index++)
        tasks[index] = task_value(graph, index);
    return value_map1(graph->arena, TEXT("tasks"), value_list(tasks, count));
}

Status node_graph(struct node *node, const Hash *job, struct arena *arena,
                  Value *out, struct error *err)
{
    struct workflow *workflow;
    struct job_facts facts;
    uint64_t last;
    struct graph graph = {.arena = arena};
    TRY(load(node, job, &facts, arena, &workflow, err));
    const uint32_t count = workflow->count;
    if (count > GRAPH_TASKS_MAX) {
        workflow_free(workflow);
        return fail(err, STATUS_LIMIT,
                    "the workflow has %u tasks, and graphs of at most %d are "
                    "shown: ask for its events",
                    count, GRAPH_TASKS_MAX);
    }
    graph.workflow = workflow;
    graph.told = arena_array(arena, count, sizeof *graph.told);
    graph.started = arena_array(arena, count, sizeof *graph.started);
    graph.is_output = arena_array(arena, count, sizeof *graph.is_output);
    for (uint32_t at = 0; at < workflow->output_count; at++)
        graph.is_output[workflow->outputs[at]] = true;
    const Status status = node_events(node, job, 0, hear_event, &graph, &last,
                                      &graph.is_over, err);
    if (status == STATUS_OK)
        *out = graph_value(&graph);
    workflow_free(workflow);
    return status;
}

/* --- Why ----------------------------------------------------------------- */

static Text verdict_name(ExplainVerdict verdict)
{
    static const Text names[] = {
        [EXPLAIN_HIT_SYMBOLIC] = TEXT_INIT("hit"),
        [EXPLAIN_HIT_CONCRETE] = TEXT_INIT("hit by equal inputs"),
        [EXPLAIN_UPSTREAM] = TEXT_INIT("upstream"),
        [EXPLAIN_WOULD_RUN] = TEXT_INIT("would run"),
        [EXPLAIN_WAITS] = TEXT_INIT("waits"),
        [EXPLAIN_REFUSED] = TEXT_INIT("refused"),
    };
    return names[verdict];
}

static void put_hash(struct fields *fields, Text key, const Hash *hash,
                     struct arena *arena)
{
    Cid *cid = ARENA_NEW(arena, Cid);
    cid_from_hash(CODEC_DAG_CBOR, hash, cid);
    put(fields, key, value_link(cid));
}

static Value explained_value(const struct explained *task, Text label,
                             struct arena *arena)
{
    struct fields fields = {.count = 0};
    const bool is_hit = task->verdict == EXPLAIN_HIT_SYMBOLIC ||
                        task->verdict == EXPLAIN_HIT_CONCRETE;
    put(&fields, TEXT("task"), value_text(arena_copy_text(arena, label)));
    put(&fields, TEXT("verdict"), value_text(verdict_name(task->verdict)));
    put(&fields, TEXT("needed"), value_bool(task->is_needed));
    put(&fields, TEXT("why"),
        value_text(arena_copy_text(arena, text_of(task->why))));
    if (task->has_concrete)
        put_hash(&fields, TEXT("comp"), &task->concrete, arena);
    if (is_hit) {
        put(&fields, TEXT("ok"), value_bool(task->is_ok));
        put_hash(&fields, TEXT("result"), &task->result, arena);
        put(&fields, TEXT("saved_ns"), value_uint(task->cost.run_ns));
        put(&fields, TEXT("made"), value_int(task->cost.made_s));
    }
    if (task->is_believed)
        put(&fields, TEXT("believed"), value_bool(true));
    if (task->trust[0])
        put(&fields, TEXT("trust"),
            value_text(arena_copy_text(arena, text_of(task->trust))));
    return value_map(arena, fields.entries, fields.count);
}

Status node_explain(struct node *node, const Hash *job, Text task,
                    struct arena *arena, Value *out, struct error *err)
{
    struct workflow *workflow;
    struct explanation *explanation;
    struct job_facts facts;
    TRY(load(node, job, &facts, arena, &workflow, err));
    const uint32_t index = workflow_find(workflow, task);
    Status status = STATUS_OK;
    if (index == TASK_OUTSIDE)
        status =
            fail(err, STATUS_INVALID, "the workflow has no task '%.*s'",
                 task.len > LABEL_MAX ? LABEL_MAX : (int)task.len, task.data);
    if (status == STATUS_OK)
        status = explain_workflow(node->store, workflow, workflow->name,
                                  &explanation, err);
    if (status == STATUS_OK) {
        *out = explained_value(&explanation->tasks[index], task, arena);
        explanation_free(explanation);
    }
    workflow_free(workflow);
    return status;
}
