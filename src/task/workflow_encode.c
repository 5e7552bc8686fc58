/* SPDX-License-Identifier: Apache-2.0 */
/* workflow_encode.c - the canonical form of a workflow: pages of tasks and a
 * head that links them (FORMATS section 4). */
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "task/workflow_parts.h"

enum { PAGE_HEAD_MAX = 3 };

/* A task's entry in the page being filled. */
struct page_entry {
    Text label;
    size_t start; /* in writer.page */
    size_t len;
};

struct writer {
    struct workflow *workflow;
    WorkflowPut *put; /* NULL: only the CID is wanted */
    void *context;
    struct arena links;
    Value *pages;
    size_t page_count;
    struct buffer page;         /* room for a head, then entries by label */
    struct buffer sorted;       /* the page, where keys have another order */
    struct page_entry *entries; /* of the page, by label */
    size_t count;
    size_t len; /* bytes of those entries */
};

/* --- A task -------------------------------------------------------------- */

static void write_field(struct buffer *out, Text key, uint64_t number)
{
    cbor_add_text(out, key);
    cbor_add_uint(out, number);
}

static size_t limits_count(const struct limits *limits)
{
    return (limits->fuel > 0) + (size_t)(limits->time_ms > 0) +
           (limits->memory > 0);
}

static void write_limits(struct buffer *out, const struct limits *limits)
{
    cbor_add_map(out, limits_count(limits));
    if (limits->fuel > 0)
        write_field(out, TEXT("fuel"), limits->fuel);
    if (limits->time_ms > 0)
        write_field(out, TEXT("time"), limits->time_ms);
    if (limits->memory > 0)
        write_field(out, TEXT("memory"), limits->memory);
}

static void write_retry(struct buffer *out, const struct retry *retry)
{
    cbor_add_map(out, 3);
    write_field(out, TEXT("count"), retry->count);
    write_field(out, TEXT("max_ms"), retry->max_ms);
    write_field(out, TEXT("first_ms"), retry->first_ms);
}

/* The entry of one task in a page; keys in the order of DAG-CBOR. */
static void write_task(struct buffer *out, const struct task *task)
{
    const bool limited = limits_count(&task->limits) > 0;

    cbor_add_text(out, task->label);
    cbor_add_map(out, 2 + (size_t)(task->sub.len > 0) +
                          (size_t)(task->nonce.len > 0) +
                          (size_t)(task->retry.count > 0) + (size_t)limited);
    cbor_add_text(out, TEXT("cmd"));
    cbor_add_text(out, task->cmd);
    if (task->sub.len > 0) {
        cbor_add_text(out, TEXT("sub"));
        cbor_add_text(out, task->sub);
    }
    cbor_add_text(out, TEXT("args"));
    buffer_add_bytes(out, task->args);
    if (task->nonce.len > 0) {
        cbor_add_text(out, TEXT("nonce"));
        cbor_add_bytes(out, task->nonce);
    }
    if (task->retry.count > 0) {
        cbor_add_text(out, TEXT("retry"));
        write_retry(out, &task->retry);
    }
    if (limited) {
        cbor_add_text(out, TEXT("limits"));
        write_limits(out, &task->limits);
    }
}

/* --- A page -------------------------------------------------------------- */

size_t page_length(size_t count, size_t len)
{
    return len + (count < 24 ? 1 : count <= UINT8_MAX ? 2 : 3);
}

static int compare_keys(const void *a, const void *b)
{
    const struct page_entry *left = a, *right = b;

    return value_key_compare(left->label, right->label);
}

/* Tasks are by label, bytewise; keys of a map by length first. */
static void sort_entries(struct writer *writer)
{
    struct page_entry *entries = writer->entries;
    struct buffer unsorted = writer->page;
    bool in_order = true;

    for (size_t i = 1; i < writer->count; i++)
        in_order &= compare_keys(&entries[i - 1], &entries[i]) < 0;
    if (in_order)
        return;
    qsort(entries, writer->count, sizeof *entries, compare_keys);
    buffer_clear(&writer->sorted);
    buffer_add(&writer->sorted, unsorted.data, PAGE_HEAD_MAX);
    for (size_t i = 0; i < writer->count; i++)
        buffer_add(&writer->sorted, unsorted.data + entries[i].start,
                   entries[i].len);
    writer->page = writer->sorted;
    writer->sorted = unsorted;
}

/* Puts the head in front of the entries, where room was left for it. */
static Bytes page_block(struct writer *writer)
{
    size_t head_len = page_length(writer->count, 0);
    struct buffer head;

    sort_entries(writer);
    ASSERT(writer->page.status == STATUS_OK);
    buffer_init(&head, PAGE_HEAD_MAX);
    cbor_add_map(&head, writer->count);
    ASSERT(head.len == head_len);
    uint8_t *start = writer->page.data + PAGE_HEAD_MAX - head_len;
    memcpy(start, head.data, head_len);
    buffer_deinit(&head);
    return bytes_of(start, head_len + writer->len);
}

static void begin_page(struct writer *writer)
{
    static const uint8_t room[PAGE_HEAD_MAX];

    writer->count = writer->len = 0;
    buffer_clear(&writer->page);
    buffer_add(&writer->page, room, sizeof room);
}

static Status end_page(struct writer *writer, struct error *err)
{
    if (writer->count == 0)
        return STATUS_OK;
    Bytes block = page_block(writer);
    Cid *cid = ARENA_NEW(&writer->links, Cid);
    cid_of(CODEC_DAG_CBOR, block, cid);
    if (writer->put)
        TRY(writer->put(writer->context, cid, block, err));
    writer->pages[writer->page_count++] = value_link(cid);
    begin_page(writer);
    return STATUS_OK;
}

static Status add_task(struct writer *writer, const struct task *task,
                       struct error *err)
{
    size_t start = writer->page.len;

    write_task(&writer->page, task);
    size_t len = writer->page.len - start;
    if (page_length(1, len) > WORKFLOW_PAGE_BYTES)
        return fail(err, STATUS_LIMIT,
                    "task '%.*s' takes %zu bytes, at most %d fit: pass large "
                    "arguments as files or links",
                    LABEL_ARG(task->label), len, WORKFLOW_PAGE_BYTES);
    if (writer->count == WORKFLOW_PAGE_TASKS ||
        page_length(writer->count + 1, writer->len + len) >
            WORKFLOW_PAGE_BYTES) {
        TRY(end_page(writer, err));
        start = writer->page.len;
        write_task(&writer->page, task);
    }
    writer->entries[writer->count++] =
        (struct page_entry){task->label, start, len};
    writer->len += len;
    return STATUS_OK;
}

/* --- The head ------------------------------------------------------------ */

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
                    "the list of %zu outputs makes a head of %zu bytes, a "
                    "block holds at most %d: name fewer 'outputs' (without "
                    "any, each task that nobody awaits is one)",
                    count, len, BLOCK_MADE_MAX);
    Bytes block = dag_cbor_block(&head, arena, &workflow->cid);
    return writer->put
               ? writer->put(writer->context, &workflow->cid, block, err)
               : STATUS_OK;
}

static Status write_pages(struct writer *writer, struct error *err)
{
    const struct workflow *workflow = writer->workflow;

    begin_page(writer);
    for (uint32_t i = 0; i < workflow->count; i++)
        TRY(add_task(writer, &workflow->tasks[i], err));
    return end_page(writer, err);
}

Status workflow_encode(struct workflow *workflow, WorkflowPut *put,
                       void *context, struct error *err)
{
    struct writer writer = {
        .workflow = workflow, .put = put, .context = context};

    buffer_init(&writer.page, SIZE_MAX / 2);
    buffer_init(&writer.sorted, SIZE_MAX / 2);
    // A page holds a task at least.
    writer.pages =
        arena_array(&writer.links, workflow->count, sizeof *writer.pages);
    writer.entries = arena_array(&writer.links, WORKFLOW_PAGE_TASKS,
                                 sizeof *writer.entries);
    Status status = write_pages(&writer, err);
    if (status == STATUS_OK)
        status = put_head(&writer, err);
    buffer_deinit(&writer.page);
    buffer_deinit(&writer.sorted);
    arena_deinit(&writer.links);
    return status;
}
