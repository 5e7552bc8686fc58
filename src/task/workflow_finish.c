/* SPDX-License-Identifier: Apache-2.0 */
/* workflow_finish.c - from drafts, whose promises are by label, to a workflow,
 * whose promises are by symbolic CID.
 *
 * A symbolic CID covers the CIDs of what is awaited, so tasks are named in
 * dependency order: depth first, without recursion; a task met again while it
 * is on the way down closes a cycle. */
#include <stdio.h>
#include <stdlib.h>

#include "task/computation.h"
#include "task/reserved.h"
#include "task/task_index.h"
#include "task/workflow_parts.h"

enum mark { MARK_NEW, MARK_OPEN, MARK_NAMED };

/* A draft's place in the order of labels: eight bytes of its label, behind
 * what all labels begin with, decide nearly always. */
struct place {
    uint64_t prefix; /* big endian */
    const struct task_draft *draft;
};

struct maker {
    struct workflow *workflow;
    struct place *places;    /* of the tasks, in their order */
    struct task_index index; /* by label */
    uint8_t *marks;          /* enum mark */
    uint32_t *stack;         /* tasks on the way down */
    uint32_t *progress;      /* their awaits looked at */
    struct await_list awaits;
    struct buffer args;        /* of one task, encoded */
    struct buffer computation; /* of one task */
};

/* Puts "LINE:COLUMN: task 'label': " before the message. */
static Status fail_task(const struct maker *maker, uint32_t index,
                        Status status, struct error *err)
{
    const struct task_draft *draft = maker->places[index].draft;
    char place[32] = "";

    if (draft->line > 0)
        snprintf(place, sizeof place, "%u:%u: ", draft->line, draft->column);
    return fail_in(err, status, "%stask '%.*s'", place,
                   LABEL_ARG(draft->label));
}

/* --- Order --------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;

    if (left->prefix != right->prefix)
        return left->prefix < right->prefix ? -1 : 1;
    int order = bytes_compare(text_bytes(left->draft->label),
                              text_bytes(right->draft->label));
    if (order != 0)
        return order;
    return (left->draft->line > right->draft->line) -
           (left->draft->line < right->draft->line);
}

/* Bytes that all labels begin with. They have not been checked yet. */
static size_t common_length(const struct task_draft *drafts, size_t count)
{
    size_t len =
        drafts[0].label.len < LABEL_MAX ? drafts[0].label.len : LABEL_MAX;

    for (size_t i = 1; i < count; i++) {
        Text label = drafts[i].label;
        if (len > label.len)
            len = label.len;
        while (len > 0 && memcmp(label.data, drafts[0].label.data, len) != 0)
            len--;
    }
    return len;
}

static uint64_t label_prefix(Text label, size_t from)
{
    uint64_t prefix = 0;

    for (size_t at = from; at < from + 8; at++)
        prefix = prefix << 8 | (at < label.len ? (uint8_t)label.data[at] : 0);
    return prefix;
}

static struct place *sort_drafts(const struct task_draft *drafts, size_t count)
{
    struct place *places = heap_array(count, sizeof *places);
    size_t common = common_length(drafts, count);
    bool in_order = true;

    for (size_t i = 0; i < count; i++) {
        places[i] =
            (struct place){label_prefix(drafts[i].label, common), &drafts[i]};
        in_order &= i == 0 || compare_places(&places[i - 1], &places[i]) <= 0;
    }
    if (!in_order)
        qsort(places, count, sizeof *places, compare_places);
    return places;
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
    struct await await = {.branch = promise_branch(promise)};

    if (target->kind == VALUE_TEXT) {
        await.task = task_index_label(&maker->index, target->text);
        if (await.task == TASK_OUTSIDE)
            return unknown_label(maker, target->text, err);
        await.symbolic = &maker->workflow->tasks[await.task].symbolic;
    } else {
        TRY(await_read(promise, &await, err));
    }
    await_list_add(&maker->awaits, await);
    return STATUS_OK;
}

static Status read_awaits(struct maker *maker, uint32_t index,
                          struct error *err)
{
    TRY(promise_each(&maker->places[index].draft->args, add_await, maker,
                     err));
    await_list_give(&maker->awaits, &maker->workflow->arena,
                    &maker->workflow->tasks[index]);
    return STATUS_OK;
}

/* --- Naming -------------------------------------------------------------- */

static void write_promise(struct buffer *out, const struct await *await)
{
    Cid cid;

    cid_from_hash(CODEC_DAG_CBOR, await->symbolic, &cid);
    cbor_add_map(out, 1);
    cbor_add_text(out, branch_key(await->branch));
    cbor_add_link(out, cid_bytes(&cid));
}

/* Encodes `value`, its promises by symbolic CID; `*next` counts them. */
static void write_args(struct buffer *out, const Value *value,
                       const struct task *task, uint32_t *next)
{
    if (value->kind == VALUE_LIST) {
        cbor_add_list(out, value->list.count);
        for (size_t i = 0; i < value->list.count; i++)
            write_args(out, &value->list.items[i], task, next);
    } else if (value_reserved(value) == RESERVED_PROMISE) {
        ASSERT(*next < task->await_count);
        write_promise(out, &task->awaits[(*next)++]);
    } else if (value->kind == VALUE_MAP) {
        const struct value_entry *entries = value->map.entries;
        cbor_add_map(out, value->map.count);
        for (size_t i = 0; i < value->map.count; i++) {
            ASSERT(i == 0 ||
                   value_key_compare(entries[i - 1].key, entries[i].key) < 0);
            cbor_add_text(out, entries[i].key);
            write_args(out, &entries[i].value, task, next);
        }
    } else {
        dag_cbor_encode(value, out);
    }
}

static void name_task(struct maker *maker, uint32_t index)
{
    struct task *task = &maker->workflow->tasks[index];
    uint32_t next = 0;

    buffer_clear(&maker->args);
    write_args(&maker->args, &maker->places[index].draft->args, task, &next);
    ASSERT(maker->args.status == STATUS_OK && next == task->await_count);
    task->args =
        arena_copy_bytes(&maker->workflow->arena, buffer_bytes(&maker->args));
    computation_hash(task->cmd, task->args, task->nonce, &maker->computation,
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
        const struct task_draft *draft = maker->places[i].draft;
        take_draft(draft, &workflow->tasks[i]);
        Status status = task_check(&workflow->tasks[i], &draft->args, err);
        if (status == STATUS_OK && i > 0 &&
            text_equal(workflow->tasks[i - 1].label, draft->label))
            status = fail(err, STATUS_INVALID,
                          "two tasks have this label; the other is in line "
                          "%u",
                          workflow->tasks[i - 1].line);
        if (status != STATUS_OK)
            return fail_task(maker, i, status, err);
        task_index_add_label(&maker->index, i);
    }
    for (uint32_t i = 0; i < workflow->count; i++) {
        Status status = read_awaits(maker, i, err);
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

static void maker_init(struct maker *maker, struct workflow *workflow,
                       const struct task_draft *drafts)
{
    const uint32_t count = workflow->count;

    *maker = (struct maker){.workflow = workflow};
    maker->places = sort_drafts(drafts, count);
    maker->marks = heap_array(count, sizeof *maker->marks);
    maker->stack = heap_array(count, sizeof *maker->stack);
    maker->progress = heap_array(count, sizeof *maker->progress);
    task_index_init(&maker->index, workflow);
    buffer_init(&maker->args, SIZE_MAX / 2);
    buffer_init(&maker->computation, SIZE_MAX / 2);
}

static void maker_deinit(struct maker *maker)
{
    free(maker->places);
    free(maker->marks);
    free(maker->stack);
    free(maker->progress);
    free(maker->awaits.items);
    task_index_deinit(&maker->index);
    buffer_deinit(&maker->args);
    buffer_deinit(&maker->computation);
}

Status workflow_finish(struct workflow *workflow,
                       const struct task_draft *drafts, size_t count,
                       const Text *outputs, size_t output_count,
                       struct store *memo, struct error *err)
{
    struct maker maker;

    if (count == 0)
        return fail(err, STATUS_INVALID, "a workflow needs a task");
    if (count > WORKFLOW_TASKS_MAX)
        return fail(err, STATUS_LIMIT, "%zu tasks, at most %d are allowed",
                    count, WORKFLOW_TASKS_MAX);
    workflow->count = (uint32_t)count;
    workflow->tasks = heap_array(count, sizeof *workflow->tasks);
    maker_init(&maker, workflow, drafts);
    Status status = make(&maker, memo, err);
    if (status == STATUS_OK)
        status = set_outputs(workflow, outputs, output_count, err);
    if (status == STATUS_OK)
        status = workflow_encode(workflow, NULL, NULL, err);
    maker_deinit(&maker);
    return status;
}
