/* SPDX-License-Identifier: Apache-2.0 */
/* workflow_encode.c - the canonical form of a workflow: pages of tasks and a
 * head that links them (FORMATS section 4). */
#include "task/workflow_parts.h"

#include "ipld/dag_cbor.h"

static Value limits_value(const struct limits *limits, struct arena *arena)
{
    struct value_entry entries[3];
    size_t count = 0;

    if (limits->fuel > 0)
        entries[count++] =
            (struct value_entry){TEXT("fuel"), value_uint(limits->fuel)};
    if (limits->time_ms > 0)
        entries[count++] =
            (struct value_entry){TEXT("time"), value_uint(limits->time_ms)};
    if (limits->memory > 0)
        entries[count++] =
            (struct value_entry){TEXT("memory"), value_uint(limits->memory)};
    return value_map(arena, entries, count);
}

static Value retry_value(const struct retry *retry, struct arena *arena)
{
    const struct value_entry entries[] = {
        {TEXT("count"), value_uint(retry->count)},
        {TEXT("max_ms"), value_uint(retry->max_ms)},
        {TEXT("first_ms"), value_uint(retry->first_ms)},
    };

    return value_map(arena, entries, 3);
}

Value task_value(const struct task *task, struct arena *arena)
{
    struct value_entry entries[6] = {
        {TEXT("cmd"), value_text(task->cmd)},
        {TEXT("args"), task->args},
    };
    size_t count = 2;
    Value limits = limits_value(&task->limits, arena);

    if (task->nonce.len > 0)
        entries[count++] =
            (struct value_entry){TEXT("nonce"), value_bytes(task->nonce)};
    if (task->sub.len > 0)
        entries[count++] =
            (struct value_entry){TEXT("sub"), value_text(task->sub)};
    if (limits.map.count > 0)
        entries[count++] = (struct value_entry){TEXT("limits"), limits};
    if (task->retry.count > 0)
        entries[count++] = (struct value_entry){
            TEXT("retry"), retry_value(&task->retry, arena)};
    return value_map(arena, entries, count);
}

size_t page_length(size_t count, size_t len)
{
    return len + (count < 24 ? 1 : count <= UINT8_MAX ? 2 : 3);
}

struct writer {
    struct workflow *workflow;
    WorkflowPut *put; /* NULL: only the CID is wanted */
    void *context;
    struct arena scratch; /* of one page */
    struct arena links;
    Value *pages;
    size_t page_count;
    struct value_entry *entries; /* of the page being filled */
    size_t count;
    size_t len; /* bytes of those entries */
};

static Status put_value(struct writer *writer, const Value *value, Cid *cid,
                        struct error *err)
{
    Bytes block = dag_cbor_block(value, &writer->scratch, cid);

    return writer->put ? writer->put(writer->context, cid, block, err)
                       : STATUS_OK;
}

static Status end_page(struct writer *writer, struct error *err)
{
    if (writer->count == 0)
        return STATUS_OK;
    Value page = value_map(&writer->scratch, writer->entries, writer->count);
    Cid *cid = ARENA_NEW(&writer->links, Cid);
    TRY(put_value(writer, &page, cid, err));
    writer->pages[writer->page_count++] = value_link(cid);
    writer->count = writer->len = 0;
    return STATUS_OK;
}

static Status add_task(struct writer *writer, const struct task *task,
                       struct error *err)
{
    struct value_entry entry = {task->label,
                                task_value(task, &writer->scratch)};
    Value label = value_text(task->label);
    size_t len = dag_cbor_length(&label) + dag_cbor_length(&entry.value);

    if (page_length(1, len) > WORKFLOW_PAGE_BYTES)
        return fail(err, STATUS_LIMIT,
                    "task '%.*s' takes %zu bytes, at most %d fit: pass large "
                    "arguments as files or links",
                    LABEL_ARG(task->label), len, WORKFLOW_PAGE_BYTES);
    if (writer->count == WORKFLOW_PAGE_TASKS ||
        page_length(writer->count + 1, writer->len + len) >
            WORKFLOW_PAGE_BYTES) {
        TRY(end_page(writer, err));
        arena_reset(&writer->scratch);
        entry.value = task_value(task, &writer->scratch);
    }
    writer->entries[writer->count++] = entry;
    writer->len += len;
    return STATUS_OK;
}

static Value meta_value(const struct workflow *workflow, struct arena *arena)
{
    struct value_entry entries[2];
    size_t count = 0;

    if (workflow->name.len > 0)
        entries[count++] =
            (struct value_entry){TEXT("name"), value_text(workflow->name)};
    if (workflow->description.len > 0)
        entries[count++] = (struct value_entry){
            TEXT("description"), value_text(workflow->description)};
    return value_map(arena, entries, count);
}

static Status put_head(struct writer *writer, struct error *err)
{
    struct workflow *workflow = writer->workflow;
    struct arena *arena = &writer->links;
    size_t count = workflow->output_count;
    Value *outputs = arena_array(arena, count, sizeof *outputs);
    Value meta = meta_value(workflow, arena);

    for (size_t index = 0; index < count; index++)
        outputs[index] =
            value_text(workflow->tasks[workflow->outputs[index]].label);
    const struct value_entry entries[] = {
        {TEXT("tasks"), value_list(writer->pages, writer->page_count)},
        {TEXT("outputs"), value_list(outputs, count)},
        {TEXT("meta"), meta},
    };
    Value body = value_map(arena, entries, meta.map.count > 0 ? 3 : 2);
    Value head = value_map1(arena, WORKFLOW_KEY, body);
    size_t len = dag_cbor_length(&head);
    if (len > BLOCK_MADE_MAX)
        return fail(err, STATUS_LIMIT,
                    "the workflow's head takes %zu bytes, a block holds at "
                    "most %d: name fewer outputs",
                    len, BLOCK_MADE_MAX);
    return put_value(writer, &head, &workflow->cid, err);
}

Status workflow_encode(struct workflow *workflow, WorkflowPut *put,
                       void *context, struct error *err)
{
    struct writer writer = {
        .workflow = workflow, .put = put, .context = context};
    Status status = STATUS_OK;

    // A page holds a task at least.
    writer.pages =
        arena_array(&writer.links, workflow->count, sizeof *writer.pages);
    writer.entries = arena_array(&writer.links, WORKFLOW_PAGE_TASKS,
                                 sizeof *writer.entries);
    for (uint32_t i = 0; i < workflow->count && status == STATUS_OK; i++)
        status = add_task(&writer, &workflow->tasks[i], err);
    if (status == STATUS_OK)
        status = end_page(&writer, err);
    if (status == STATUS_OK)
        status = put_head(&writer, err);
    arena_deinit(&writer.scratch);
    arena_deinit(&writer.links);
    return status;
}
