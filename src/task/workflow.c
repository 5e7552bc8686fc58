/* SPDX-License-Identifier: Apache-2.0 */
/* workflow.c - what is true of every workflow, however it was read. */
#include "task/workflow.h"

#include <stdlib.h>

#include "task/computation.h"
#include "task/normalise.h"
#include "task/reserved.h"
#include "task/task_index.h"
#include "task/workflow_parts.h"

struct workflow *workflow_new(void)
{
    struct workflow *workflow = HEAP_NEW(struct workflow);

    arena_init(&workflow->arena);
    return workflow;
}

void workflow_free(struct workflow *workflow)
{
    if (!workflow)
        return;
    arena_deinit(&workflow->arena);
    for (size_t index = 0; index < workflow->block_count; index++)
        block_unref(workflow->blocks[index]);
    free(workflow->blocks);
    free(workflow->tasks);
    free(workflow);
}

uint32_t workflow_find(const struct workflow *workflow, Text label)
{
    uint32_t low = 0, high = workflow->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = bytes_compare(text_bytes(workflow->tasks[middle].label),
                                  text_bytes(label));
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return TASK_OUTSIDE;
}

TaskClass command_class(Text cmd)
{
    static const Text queries[] = {TEXT_INIT("/http/get"),
                                   TEXT_INIT("/http/head")};

    if (text_equal(cmd, TEXT("/wasm/run")))
        return CLASS_PURE;
    for (size_t index = 0; index < sizeof queries / sizeof *queries; index++)
        if (text_equal(cmd, queries[index]))
            return CLASS_QUERY;
    return CLASS_COMMAND;
}

/* --- What one task says ------------------------------------------------- */

bool label_is_legal(Text label)
{
    for (size_t index = 0; index < label.len; index++) {
        char at = label.data[index];
        if (!((at >= 'a' && at <= 'z') || (at >= 'A' && at <= 'Z') ||
              (at >= '0' && at <= '9') || at == '_' || at == '.' || at == '-'))
            return false;
    }
    return label.len >= 1 && label.len <= LABEL_MAX;
}

/* "/a/b": lower case, no empty segment (UCAN, section Command). */
static bool command_is_legal(Text cmd)
{
    if (cmd.len < 2 || cmd.data[cmd.len - 1] == '/' || cmd.data[0] != '/')
        return false;
    for (size_t index = 1; index < cmd.len; index++) {
        char at = cmd.data[index];
        if ((at >= 'A' && at <= 'Z') || at <= ' ' || at == 0x7f ||
            (at == '/' && cmd.data[index - 1] == '/'))
            return (unsigned char)at >= 0x80;
    }
    return true;
}

static Status limits_check(const struct task *task, struct error *err)
{
    if (task->limits.fuel > INT64_MAX || task->limits.memory > INT64_MAX ||
        task->limits.time_ms > INT64_MAX || task->retry.first_ms > INT64_MAX ||
        task->retry.max_ms > INT64_MAX)
        return fail(err, STATUS_INVALID, "a limit or retry is above 2^63-1");
    return STATUS_OK;
}

Status task_check(const struct task *task, const Value *args,
                  struct error *err)
{
    if (!label_is_legal(task->label))
        return fail(err, STATUS_INVALID,
                    "'%.*s' is no label: use 1 to 64 of A-Z a-z 0-9 _ . -",
                    LABEL_ARG(task->label));
    if (!command_is_legal(task->cmd))
        return fail(err, STATUS_INVALID,
                    "'%.*s' is no command: it looks like /wasm/run, in lower "
                    "case",
                    LABEL_ARG(task->cmd));
    if (args->kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "the arguments must be a map, got %s",
                    value_kind_name(args->kind));
    if (task->sub.len > 0 && !text_starts_with(task->sub, TEXT("did:")))
        return fail(err, STATUS_INVALID, "'%.*s' is no DID: it begins 'did:'",
                    LABEL_ARG(task->sub));
    TRY(limits_check(task, err));
    TRY(args_check(task->cmd, args, FROM_AUTHOR, err));
    if (value_reserved(args) != RESERVED_NO)
        return fail(err, STATUS_INVALID,
                    "the arguments as a whole cannot be a promise: put it "
                    "under a name");
    if (text_equal(task->cmd, TEXT("/wasm/run")))
        return wasm_call_check_symbolic(args, err);
    return STATUS_OK;
}

Value task_args(const struct task *task, struct arena *arena)
{
    Value args;

    // Whoever made the task has checked or written these bytes.
    ASSERT(dag_cbor_decode(task->args, arena, &args, NULL) == STATUS_OK);
    return args;
}

Text task_function(const struct task *task)
{
    struct arena arena = {0};
    Text name = {0};

    if (text_equal(task->cmd, TEXT("/wasm/run"))) {
        Value args = task_args(task, &arena);
        const Value *function = value_get(&args, TEXT("fun"));
        if (function && function->kind == VALUE_TEXT)
            name = function->text;
    }
    arena_deinit(&arena);
    return name;
}

/* --- Promises ----------------------------------------------------------- */

Status promise_each(const Value *value, PromiseEach *each, void *context,
                    struct error *err)
{
    if (value->kind == VALUE_LIST) {
        for (size_t i = 0; i < value->list.count; i++)
            TRY(promise_each(&value->list.items[i], each, context, err));
    } else if (value->kind == VALUE_MAP) {
        if (value_reserved(value) == RESERVED_PROMISE)
            return each(context, value, err);
        for (size_t i = 0; i < value->map.count; i++)
            TRY(promise_each(&value->map.entries[i].value, each, context,
                             err));
    }
    return STATUS_OK;
}

Status await_read(const Value *promise, struct await *out, struct error *err)
{
    static const uint8_t ours[] = {1, CODEC_DAG_CBOR, HASH_SHA2_256,
                                   SHA256_LEN};
    const Value *target = promise_target(promise);

    if (target->kind != VALUE_LINK)
        return fail(err, STATUS_INVALID,
                    "a promise is by text, expected the link of a "
                    "computation");
    // The link is well-formed, so these four bytes leave a digest only.
    if (target->link.len != CID_OURS_LEN ||
        memcmp(target->link.data, ours, sizeof ours) != 0)
        return fail(err, STATUS_INVALID,
                    "a promise links something that is no computation: "
                    "expected a dag-cbor CID with sha2-256");
    *out = (struct await){.task = TASK_OUTSIDE,
                          .branch = promise_branch(promise),
                          .symbolic =
                              (const Hash *)(target->link.data + sizeof ours)};
    return STATUS_OK;
}

void await_list_add(struct await_list *list, struct await await)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 16;
        list->items =
            heap_resize(list->items, list->capacity, sizeof *list->items);
    }
    list->items[list->count++] = await;
}

void await_list_give(struct await_list *list, struct arena *arena,
                     struct task *task)
{
    size_t len = list->count * sizeof *list->items;

    task->await_count = list->count;
    task->awaits = NULL;
    if (len > 0)
        task->awaits = memcpy(arena_alloc(arena, len), list->items, len);
    list->count = 0;
}

/* --- Joining tasks by their symbolic CIDs -------------------------------- */

/* Tasks ahead whose places in the index are fetched meanwhile: the index of a
 * large workflow is far larger than the caches. */
enum { TASKS_AHEAD = 8 };

static Status index_tasks(struct workflow *workflow, struct task_index *index,
                          uint32_t *wrong, struct error *err)
{
    const struct task *tasks = workflow->tasks;

    for (uint32_t i = 0; i < workflow->count; i++) {
        if (i + TASKS_AHEAD < workflow->count)
            task_index_expect(index, &tasks[i + TASKS_AHEAD].symbolic);
        uint32_t first = task_index_add_symbolic(index, i);
        if (first == i || tasks[i].class == CLASS_PURE)
            continue;
        *wrong = i;
        return fail(err, STATUS_INVALID,
                    "the same effect as task '%.*s': give one of them a "
                    "nonce",
                    TEXT_ARG(tasks[first].label));
    }
    return STATUS_OK;
}

static Status find_outside(const struct await *await, struct store *memo,
                           struct error *err)
{
    struct memo_entry entry;
    Hash concrete;
    bool upstream;
    Cid cid;
    char text[CID_TEXT_MAX];

    Status status = STATUS_NOT_FOUND;
    if (memo)
        status = memo_get_symbolic(memo, await->symbolic, &concrete, &upstream,
                                   err);
    if (memo && status == STATUS_NOT_FOUND)
        status = memo_get(memo, await->symbolic, &entry, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    cid_from_hash(CODEC_DAG_CBOR, await->symbolic, &cid);
    cid_to_text(&cid, text);
    return fail(err, STATUS_INVALID,
                "awaits %.70s, which is neither in this workflow nor in the "
                "memo",
                text);
}

static void expect_awaits(const struct task_index *index,
                          const struct task *task)
{
    for (uint32_t i = 0; i < task->await_count; i++)
        task_index_expect(index, task->awaits[i].symbolic);
}

static Status join_tasks(struct workflow *workflow,
                         const struct task_index *index, struct store *memo,
                         uint32_t *wrong, struct error *err)
{
    for (uint32_t i = 0; i < workflow->count; i++) {
        struct task *task = &workflow->tasks[i];
        *wrong = i;
        if (i + TASKS_AHEAD < workflow->count)
            expect_awaits(index, task + TASKS_AHEAD);
        for (uint32_t k = 0; k < task->await_count; k++) {
            struct await *await = &task->awaits[k];
            await->task = task_index_symbolic(index, await->symbolic);
            if (await->task == TASK_OUTSIDE)
                TRY(find_outside(await, memo, err));
        }
    }
    return STATUS_OK;
}

Status workflow_join(struct workflow *workflow, struct store *memo,
                     uint32_t *wrong, struct error *err)
{
    struct task_index index;

    task_index_init(&index, workflow);
    Status status = index_tasks(workflow, &index, wrong, err);
    if (status == STATUS_OK)
        status = join_tasks(workflow, &index, memo, wrong, err);
    task_index_deinit(&index);
    return status;
}

Status workflow_set_outputs(struct workflow *workflow, const Text *labels,
                            size_t count, struct error *err)
{
    uint32_t *outputs = arena_array(&workflow->arena, count, sizeof *outputs);
    bool *seen = heap_array(workflow->count, sizeof *seen);
    Status status = STATUS_OK;

    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        outputs[i] = workflow_find(workflow, labels[i]);
        if (outputs[i] == TASK_OUTSIDE)
            status = fail(err, STATUS_INVALID,
                          "the output '%.*s' is no task of the workflow",
                          LABEL_ARG(labels[i]));
        else if (seen[outputs[i]])
            status =
                fail(err, STATUS_INVALID, "the output '%.*s' is there twice",
                     LABEL_ARG(labels[i]));
        else
            seen[outputs[i]] = true;
    }
    free(seen);
    workflow->outputs = outputs;
    workflow->output_count = (uint32_t)count;
    return status;
}
