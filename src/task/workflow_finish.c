/* SPDX-License-Identifier: Apache-2.0 */
/* workflow_finish.c - from drafts, whose promises are by label, to a workflow,
 * whose promises are by symbolic CID.
 *
 * A symbolic CID covers the CIDs of what is awaited, so tasks are named in
 * dependency order: depth first, without recursion; a task met again while it
 * is on the way down closes a cycle. */
#include <stdlib.h>

#include "task/computation.h"
#include "task/reserved.h"
#include "task/workflow_parts.h"

enum mark { MARK_NEW, MARK_OPEN, MARK_NAMED };

struct maker {
    struct workflow *workflow;
    const struct task_draft *drafts; /* in the order of the tasks */
    uint8_t *marks;                  /* enum mark */
    uint32_t *stack;                 /* tasks on the way down */
    uint32_t *progress;              /* their awaits looked at */
    struct arena scratch;            /* for one encoding */
    /* While one task's promises are read: */
    struct task *task;
    uint32_t capacity;
    struct await *awaits;
};

/* Puts "LINE:COLUMN: task 'label': " before the message. */
static Status fail_task(const struct maker *maker, uint32_t index,
                        Status status, struct error *err)
{
    const struct task_draft *draft = &maker->drafts[index];
    char place[32] = "";

    if (draft->line > 0)
        snprintf(place, sizeof place, "%u:%u: ", draft->line, draft->column);
    return fail_in(err, status, "%stask '%.*s'", place,
                   LABEL_ARG(draft->label));
}

static int compare_drafts(const void *a, const void *b)
{
    const struct task_draft *left = a, *right = b;
    int order =
        bytes_compare(text_bytes(left->label), text_bytes(right->label));

    if (order != 0)
        return order;
    return (left->line > right->line) - (left->line < right->line);
}

/* --- Reading promises ---------------------------------------------------- */

static Status unknown_label(const struct maker *maker, Text label,
                            struct error *err)
{
    const struct workflow *workflow = maker->workflow;
    Text *labels = heap_array(workflow->count, sizeof *labels);

    for (uint32_t i = 0; i < workflow->count; i++)
        labels[i] = workflow->tasks[i].label;
    Text near = text_nearest(label, labels, workflow->count);
    free(labels);
    if (near.data)
        return fail(err, STATUS_INVALID,
                    "awaits '%.*s', but there is no such task; did you mean "
                    "'%.*s'?",
                    LABEL_ARG(label), LABEL_ARG(near));
    return fail(err, STATUS_INVALID,
                "awaits '%.*s', but there is no such task", LABEL_ARG(label));
}

static Status add_await(void *context, const Value *promise, struct error *err)
{
    struct maker *maker = context;
    const Value *target = promise_target(promise);
    struct await await = {TASK_OUTSIDE, promise_branch(promise), {{0}}};

    if (target->kind == VALUE_TEXT) {
        await.task = workflow_find(maker->workflow, target->text);
        if (await.task == TASK_OUTSIDE)
            return unknown_label(maker, target->text, err);
    } else {
        TRY(await_read(promise, &await, err));
    }
    if (maker->task->await_count == maker->capacity) {
        maker->capacity = maker->capacity ? 2 * maker->capacity : 16;
        maker->awaits =
            heap_resize(maker->awaits, maker->capacity, sizeof *maker->awaits);
    }
    maker->awaits[maker->task->await_count++] = await;
    return STATUS_OK;
}

static Status read_awaits(struct maker *maker, struct task *task,
                          struct error *err)
{
    maker->task = task;
    task->await_count = 0;
    TRY(promise_each(&task->args, add_await, maker, err));
    size_t len = task->await_count * sizeof *task->awaits;
    if (len > 0) {
        task->awaits = arena_alloc(&maker->workflow->arena, len);
        memcpy(task->awaits, maker->awaits, len);
    }
    return STATUS_OK;
}

/* --- Naming -------------------------------------------------------------- */

/* The promise with the awaited task's symbolic CID as its target. */
static Value name_promise(struct maker *maker, const Value *promise,
                          uint32_t *next)
{
    struct await *await = &maker->task->awaits[(*next)++];
    struct arena *arena = &maker->workflow->arena;

    if (await->task == TASK_OUTSIDE)
        return *promise; // by CID already
    await->symbolic = maker->workflow->tasks[await->task].symbolic;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, &await->symbolic, &cid);
    Value link = {.kind = VALUE_LINK,
                  .link = arena_copy_bytes(arena, cid_bytes(&cid))};
    return promise_make(arena, await->branch, link);
}

static Value name_promises(struct maker *maker, const Value *value,
                           uint32_t *next)
{
    struct arena *arena = &maker->workflow->arena;
    Value out = *value;

    if (value->kind == VALUE_LIST) {
        size_t count = value->list.count;
        Value *items = arena_array(arena, count, sizeof *items);
        for (size_t i = 0; i < count; i++)
            items[i] = name_promises(maker, &value->list.items[i], next);
        out.list.items = items;
    } else if (value->kind == VALUE_MAP) {
        if (value_reserved(value) == RESERVED_PROMISE)
            return name_promise(maker, value, next);
        size_t count = value->map.count;
        struct value_entry *entries =
            arena_array(arena, count, sizeof *entries);
        for (size_t i = 0; i < count; i++) {
            const struct value_entry *old = &value->map.entries[i];
            entries[i].key = old->key;
            entries[i].value = name_promises(maker, &old->value, next);
        }
        out.map.entries = entries;
    }
    return out;
}

static void name_task(struct maker *maker, uint32_t index)
{
    struct task *task = &maker->workflow->tasks[index];
    uint32_t next = 0;

    maker->task = task;
    if (task->await_count > 0)
        task->args = name_promises(maker, &task->args, &next);
    arena_reset(&maker->scratch);
    computation_encode(task->cmd, &task->args, task->nonce, &maker->scratch,
                       &task->symbolic);
    maker->marks[index] = MARK_NAMED;
}

/* "a awaits b awaits a", from the stack whose top awaits `again`. */
static Status fail_cycle(const struct maker *maker, uint32_t depth,
                         uint32_t again, struct error *err)
{
    const struct task *tasks = maker->workflow->tasks;
    char path[120];
    size_t len = 0, start = depth;

    while (maker->stack[start - 1] != again)
        start--;
    for (size_t at = start - 1; at < depth && len < sizeof path; at++) {
        int wrote = snprintf(path + len, sizeof path - len, "%.*s awaits ",
                             LABEL_ARG(tasks[maker->stack[at]].label));
        len += (size_t)wrote;
    }
    bool cut = len >= sizeof path;
    Status status =
        fail(err, STATUS_INVALID, "a cycle: %s%s%.*s", path,
             cut ? "… awaits " : "", LABEL_ARG(tasks[again].label));
    return fail_task(maker, again, status, err);
}

/* Names `root` and everything it awaits, deepest first. */
static Status name_from(struct maker *maker, uint32_t root, struct error *err)
{
    const struct task *tasks = maker->workflow->tasks;
    uint32_t depth = 0;

    maker->stack[depth++] = root;
    maker->marks[root] = MARK_OPEN;
    while (depth > 0) {
        uint32_t top = maker->stack[depth - 1];
        if (maker->progress[top] == tasks[top].await_count) {
            name_task(maker, top);
            depth--;
            continue;
        }
        uint32_t next = tasks[top].awaits[maker->progress[top]++].task;
        if (next == TASK_OUTSIDE || maker->marks[next] == MARK_NAMED)
            continue;
        if (maker->marks[next] == MARK_OPEN)
            return fail_cycle(maker, depth, next, err);
        maker->marks[next] = MARK_OPEN;
        maker->stack[depth++] = next;
    }
    return STATUS_OK;
}

/* --- Outputs ------------------------------------------------------------- */

static void default_outputs(struct workflow *workflow)
{
    bool *awaited =
        arena_array(&workflow->arena, workflow->count, sizeof *awaited);
    uint32_t *outputs =
        arena_array(&workflow->arena, workflow->count, sizeof *outputs);

    for (uint32_t i = 0; i < workflow->count; i++)
        for (uint32_t k = 0; k < workflow->tasks[i].await_count; k++) {
            uint32_t task = workflow->tasks[i].awaits[k].task;
            if (task != TASK_OUTSIDE)
                awaited[task] = true;
        }
    for (uint32_t i = 0; i < workflow->count; i++)
        if (!awaited[i])
            outputs[workflow->output_count++] = i;
    workflow->outputs = outputs;
}

static Status set_outputs(struct workflow *workflow, const Text *labels,
                          size_t count, struct error *err)
{
    if (count == 0) {
        default_outputs(workflow);
        return STATUS_OK;
    }
    return workflow_set_outputs(workflow, labels, count, err);
}

/* --- All of it ----------------------------------------------------------- */

static void take_draft(const struct task_draft *draft, struct task *task)
{
    *task = (struct task){.label = draft->label,
                          .cmd = draft->cmd,
                          .args = draft->args,
                          .nonce = draft->nonce,
                          .sub = draft->sub,
                          .limits = draft->limits,
                          .retry = draft->retry,
                          .class = command_class(draft->cmd),
                          .line = draft->line};
    if (task->retry.count == 0)
        task->retry = (struct retry){0};
}

static Status take_drafts(struct maker *maker, struct error *err)
{
    struct workflow *workflow = maker->workflow;

    for (uint32_t i = 0; i < workflow->count; i++) {
        take_draft(&maker->drafts[i], &workflow->tasks[i]);
        Status status = task_check(&workflow->tasks[i], err);
        if (status == STATUS_OK && i > 0 &&
            text_equal(maker->drafts[i - 1].label, maker->drafts[i].label))
            status = fail(err, STATUS_INVALID,
                          "two tasks have this label; the other is in line "
                          "%u",
                          maker->drafts[i - 1].line);
        if (status != STATUS_OK)
            return fail_task(maker, i, status, err);
    }
    for (uint32_t i = 0; i < workflow->count; i++) {
        Status status = read_awaits(maker, &workflow->tasks[i], err);
        if (status != STATUS_OK)
            return fail_task(maker, i, status, err);
    }
    return STATUS_OK;
}

static Status make(struct maker *maker, struct store *memo, struct error *err)
{
    struct workflow *workflow = maker->workflow;
    uint32_t wrong = 0;

    TRY(take_drafts(maker, err));
    for (uint32_t i = 0; i < workflow->count; i++)
        if (maker->marks[i] == MARK_NEW)
            TRY(name_from(maker, i, err));
    Status status = workflow_join(workflow, memo, &wrong, err);
    if (status != STATUS_OK)
        return fail_task(maker, wrong, status, err);
    return STATUS_OK;
}

Status workflow_finish(struct workflow *workflow, struct task_draft *drafts,
                       size_t count, const Text *outputs, size_t output_count,
                       struct store *memo, struct error *err)
{
    if (count == 0)
        return fail(err, STATUS_INVALID, "a workflow needs a task");
    if (count > WORKFLOW_TASKS_MAX)
        return fail(err, STATUS_LIMIT, "%zu tasks, at most %d are allowed",
                    count, WORKFLOW_TASKS_MAX);
    qsort(drafts, count, sizeof *drafts, compare_drafts);
    workflow->count = (uint32_t)count;
    workflow->tasks = heap_array(count, sizeof *workflow->tasks);

    struct maker maker = {.workflow = workflow, .drafts = drafts};
    maker.marks = heap_array(count, sizeof *maker.marks);
    maker.stack = heap_array(count, sizeof *maker.stack);
    maker.progress = heap_array(count, sizeof *maker.progress);
    Status status = make(&maker, memo, err);
    if (status == STATUS_OK)
        status = set_outputs(workflow, outputs, output_count, err);
    if (status == STATUS_OK)
        status = workflow_encode(workflow, NULL, NULL, err);
    arena_deinit(&maker.scratch);
    free(maker.awaits);
    free(maker.marks);
    free(maker.stack);
    free(maker.progress);
    return status;
}
