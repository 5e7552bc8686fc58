/* SPDX-License-Identifier: Apache-2.0 */
/* workflow.c - what is true of every workflow, however it was read. */
#include "task/workflow.h"

#include <stdlib.h>

#include "task/computation.h"
#include "task/normalise.h"
#include "task/reserved.h"
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

Status task_check(const struct task *task, struct error *err)
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
    if (task->args.kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "the arguments must be a map, got %s",
                    value_kind_name(task->args.kind));
    if (task->sub.len > 0 && !text_starts_with(task->sub, TEXT("did:")))
        return fail(err, STATUS_INVALID, "'%.*s' is no DID: it begins 'did:'",
                    LABEL_ARG(task->sub));
    TRY(limits_check(task, err));
    TRY(args_check(task->cmd, &task->args, FROM_AUTHOR, err));
    if (value_reserved(&task->args) != RESERVED_NO)
        return fail(err, STATUS_INVALID,
                    "the arguments as a whole cannot be a promise: put it "
                    "under a name");
    if (text_equal(task->cmd, TEXT("/wasm/run")))
        return wasm_call_check_symbolic(&task->args, err);
    return STATUS_OK;
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
    const Value *target = promise_target(promise);
    Cid cid;

    if (target->kind != VALUE_LINK)
        return fail(err, STATUS_INVALID,
                    "a promise is by text, expected the link of a "
                    "computation");
    TRY(cid_from_bytes(target->link, &cid, err));
    if (!cid_sha256(&cid, CODEC_DAG_CBOR, &out->symbolic))
        return fail(err, STATUS_INVALID,
                    "a promise links something that is no computation: "
                    "expected a dag-cbor CID with sha2-256");
    out->task = TASK_OUTSIDE;
    out->branch = promise_branch(promise);
    return STATUS_OK;
}

/* --- Joining tasks by their symbolic CIDs -------------------------------- */

static Bytes hash_bytes(const Hash *hash)
{
    return bytes_of(hash->bytes, sizeof hash->bytes);
}

static Status index_tasks(struct workflow *workflow, struct map *index,
                          uint32_t *wrong, struct error *err)
{
    for (uint32_t i = 0; i < workflow->count; i++) {
        struct task *task = &workflow->tasks[i];
        bool is_new;
        uint64_t *first = map_set(index, hash_bytes(&task->symbolic), &is_new);
        if (is_new) {
            *first = i;
        } else if (task->class != CLASS_PURE) {
            *wrong = i;
            return fail(err, STATUS_INVALID,
                        "the same effect as task '%.*s': give one of them a "
                        "nonce",
                        TEXT_ARG(workflow->tasks[*first].label));
        }
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
        status = memo_get_symbolic(memo, &await->symbolic, &concrete,
                                   &upstream, err);
    if (memo && status == STATUS_NOT_FOUND)
        status = memo_get(memo, &await->symbolic, &entry, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    cid_from_hash(CODEC_DAG_CBOR, &await->symbolic, &cid);
    cid_to_text(&cid, text);
    return fail(err, STATUS_INVALID,
                "awaits %.70s, which is neither in this workflow nor in the "
                "memo",
                text);
}

static Status join_tasks(struct workflow *workflow, const struct map *index,
                         struct store *memo, uint32_t *wrong,
                         struct error *err)
{
    for (uint32_t i = 0; i < workflow->count; i++) {
        struct task *task = &workflow->tasks[i];
        struct await *awaits = task->awaits;
        for (uint32_t k = 0; k < task->await_count; k++) {
            const uint64_t *found =
                map_get(index, hash_bytes(&awaits[k].symbolic));
            *wrong = i;
            if (found)
                awaits[k].task = (uint32_t)*found;
            else
                TRY(find_outside(&awaits[k], memo, err));
        }
    }
    return STATUS_OK;
}

Status workflow_join(struct workflow *workflow, struct store *memo,
                     uint32_t *wrong, struct error *err)
{
    struct map index = {0};

    Status status = index_tasks(workflow, &index, wrong, err);
    if (status == STATUS_OK)
        status = join_tasks(workflow, &index, memo, wrong, err);
    map_deinit(&index);
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
