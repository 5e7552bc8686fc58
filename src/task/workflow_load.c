/* SPDX-License-Identifier: Apache-2.0 */
/* workflow_load.c - reads the canonical form, and nothing but it: the same
 * workflow never has two CIDs.
 *
 * Everything a task says borrows from its page, which the workflow holds on to;
 * the tree that a page decodes to is for checking it, and goes. */
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "task/computation.h"
#include "task/workflow_parts.h"

struct loader {
    struct workflow *workflow;
    struct store *store;
    struct arena scratch;      /* the tree of one page */
    struct buffer computation; /* of one task */
    struct await_list awaits;  /* of one task */
    size_t capacity;           /* of workflow->tasks */
    size_t page;               /* its number, from 0 */
    size_t page_count;         /* tasks in the page before */
    size_t page_len;           /* bytes of their entries */
};

/* --- Small readers ------------------------------------------------------- */

static Status read_positive(const Value *value, const char *name,
                            uint64_t *out, struct error *err)
{
    int64_t number;

    if (!value_to_int64(value, &number) || number < 1)
        return fail(err, STATUS_INVALID, "'%s' must be an integer above zero",
                    name);
    *out = (uint64_t)number;
    return STATUS_OK;
}

static Status read_limits(const Value *value, struct limits *out,
                          struct error *err)
{
    if (value->kind != VALUE_MAP || value->map.count == 0)
        return fail(err, STATUS_INVALID, "'limits' must be a map, not empty");
    for (size_t i = 0; i < value->map.count; i++) {
        const struct value_entry *entry = &value->map.entries[i];
        if (text_equal(entry->key, TEXT("fuel")))
            TRY(read_positive(&entry->value, "fuel", &out->fuel, err));
        else if (text_equal(entry->key, TEXT("time")))
            TRY(read_positive(&entry->value, "time", &out->time_ms, err));
        else if (text_equal(entry->key, TEXT("memory")))
            TRY(read_positive(&entry->value, "memory", &out->memory, err));
        else
            return fail(err, STATUS_INVALID,
                        "'limits' has the unknown field '%.*s'",
                        LABEL_ARG(entry->key));
    }
    return STATUS_OK;
}

static Status read_retry(const Value *value, struct retry *out,
                         struct error *err)
{
    const Value *count = value_get(value, TEXT("count"));
    const Value *first = value_get(value, TEXT("first_ms"));
    const Value *max = value_get(value, TEXT("max_ms"));
    int64_t numbers[3];

    if (!count || !first || !max || value->map.count != 3 ||
        !value_to_int64(count, &numbers[0]) || numbers[0] < 1 ||
        numbers[0] > UINT32_MAX || !value_to_int64(first, &numbers[1]) ||
        numbers[1] < 0 || !value_to_int64(max, &numbers[2]) || numbers[2] < 0)
        return fail(err, STATUS_INVALID,
                    "'retry' must hold the integers 'count', above zero, "
                    "'first_ms' and 'max_ms', and nothing else");
    *out = (struct retry){(uint32_t)numbers[0], (uint64_t)numbers[1],
                          (uint64_t)numbers[2]};
    return STATUS_OK;
}

/* --- A task -------------------------------------------------------------- */

/* The encoding of a field's value: in the page it stands behind its key. */
static Bytes raw_value(const struct value_entry *field)
{
    return bytes_of(field->key.data + field->key.len,
                    dag_cbor_length(&field->value));
}

static Status read_field(const struct value_entry *field, struct task *task,
                         struct error *err)
{
    const Value *value = &field->value;

    if (text_equal(field->key, TEXT("cmd")) && value->kind == VALUE_TEXT)
        task->cmd = value->text;
    else if (text_equal(field->key, TEXT("args")))
        task->args = raw_value(field);
    else if (text_equal(field->key, TEXT("nonce")) &&
             value->kind == VALUE_BYTES && value->bytes.len > 0)
        task->nonce = value->bytes;
    else if (text_equal(field->key, TEXT("sub")) &&
             value->kind == VALUE_TEXT && value->text.len > 0)
        task->sub = value->text;
    else if (text_equal(field->key, TEXT("limits")))
        return read_limits(value, &task->limits, err);
    else if (text_equal(field->key, TEXT("retry")))
        return read_retry(value, &task->retry, err);
    else
        return fail(err, STATUS_INVALID,
                    "the field '%.*s' is unknown, empty or of the wrong kind",
                    LABEL_ARG(field->key));
    return STATUS_OK;
}

static Status list_await(void *context, const Value *promise,
                         struct error *err)
{
    struct await_list *list = context;
    struct await await;

    TRY(await_read(promise, &await, err));
    await_list_add(list, await);
    return STATUS_OK;
}

static Status read_task(struct loader *loader, const struct value_entry *entry,
                        struct task *task, struct error *err)
{
    const Value *args = value_get(&entry->value, TEXT("args"));
    const Value none = value_null();

    *task = (struct task){.label = entry->key};
    if (entry->value.kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "a task must be a map");
    for (size_t i = 0; i < entry->value.map.count; i++)
        TRY(read_field(&entry->value.map.entries[i], task, err));
    TRY(task_check(task, args ? args : &none, err));
    TRY(promise_each(args, list_await, &loader->awaits, err));
    await_list_give(&loader->awaits, &loader->workflow->arena, task);
    computation_hash(task->cmd, task->args, task->nonce, &loader->computation,
                     &task->symbolic);
    task->class = command_class(task->cmd);
    return STATUS_OK;
}

/* --- A page -------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    const struct value_entry *const *left = a, *const *right = b;

    return bytes_compare(text_bytes((*left)->key), text_bytes((*right)->key));
}

/* The writer would have put this task into the page before, had it fitted. */
static Status check_filled(struct loader *loader, size_t entry_len,
                           struct error *err)
{
    if (loader->page > 0 && loader->page_count < WORKFLOW_PAGE_TASKS &&
        page_length(loader->page_count + 1, loader->page_len + entry_len) <=
            WORKFLOW_PAGE_BYTES)
        return fail(err, STATUS_INVALID,
                    "there was room for it in the page before");
    return STATUS_OK;
}

static struct task *next_task(struct loader *loader)
{
    struct workflow *workflow = loader->workflow;

    if (workflow->count == loader->capacity) {
        loader->capacity = loader->capacity ? 2 * loader->capacity : 64;
        workflow->tasks = heap_resize(workflow->tasks, loader->capacity,
                                      sizeof *workflow->tasks);
    }
    return &workflow->tasks[workflow->count];
}

static Status add_entry(struct loader *loader, const struct value_entry *entry,
                        struct error *err)
{
    struct workflow *workflow = loader->workflow;

    if (workflow->count == WORKFLOW_TASKS_MAX)
        return fail(err, STATUS_LIMIT, "more than %d tasks",
                    WORKFLOW_TASKS_MAX);
    struct task *task = next_task(loader);
    TRY(read_task(loader, entry, task, err));
    if (workflow->count > 0 && bytes_compare(text_bytes(task[-1].label),
                                             text_bytes(task->label)) >= 0)
        return fail(err, STATUS_INVALID,
                    "its label is not above the one before, '%.*s'",
                    LABEL_ARG(task[-1].label));
    workflow->count++;
    return STATUS_OK;
}

/* The page's entries by label: mostly the order that they have. */
static const struct value_entry **sort_entries(struct loader *loader,
                                               const Value *page)
{
    const size_t count = page->map.count;
    const struct value_entry **sorted =
        arena_array(&loader->scratch, count, sizeof *sorted);
    bool in_order = true;

    for (size_t i = 0; i < count; i++) {
        sorted[i] = &page->map.entries[i];
        in_order &= i == 0 || compare_entries(&sorted[i - 1], &sorted[i]) < 0;
    }
    if (!in_order)
        qsort(sorted, count, sizeof *sorted, compare_entries);
    return sorted;
}

static size_t entry_length(const struct value_entry *entry)
{
    Value label = value_text(entry->key);

    return dag_cbor_length(&label) + dag_cbor_length(&entry->value);
}

static Status read_page(struct loader *loader, Bytes bytes, struct error *err)
{
    Value page;

    arena_reset(&loader->scratch);
    TRY(dag_cbor_decode(bytes, &loader->scratch, &page, err));
    if (page.kind != VALUE_MAP || page.map.count == 0 ||
        page.map.count > WORKFLOW_PAGE_TASKS ||
        bytes.len > WORKFLOW_PAGE_BYTES)
        return fail(err, STATUS_INVALID,
                    "a page is a map of 1 to %d tasks in at most %d bytes",
                    WORKFLOW_PAGE_TASKS, WORKFLOW_PAGE_BYTES);
    const struct value_entry **sorted = sort_entries(loader, &page);
    Status status = check_filled(loader, entry_length(sorted[0]), err);
    if (status != STATUS_OK)
        return fail_in(err, status, "task '%.*s'", LABEL_ARG(sorted[0]->key));
    for (size_t i = 0; i < page.map.count; i++) {
        status = add_entry(loader, sorted[i], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "task '%.*s'",
                           LABEL_ARG(sorted[i]->key));
    }
    loader->page_count = page.map.count;
    loader->page_len = bytes.len - page_length(page.map.count, 0);
    return STATUS_OK;
}

/* Makes room to keep `count` more. */
static void expect_blocks(struct loader *loader, size_t count)
{
    struct workflow *workflow = loader->workflow;

    workflow->blocks =
        heap_resize(workflow->blocks, workflow->block_count + count,
                    sizeof *workflow->blocks);
}

/* The block's bytes; the workflow keeps the block. */
static Status take_block(struct loader *loader, const Cid *cid, Bytes *out,
                         struct error *err)
{
    struct workflow *workflow = loader->workflow;
    struct block *block = NULL;
    char text[CID_TEXT_MAX];

    Status status = store_get(loader->store, cid, &block, err);
    if (status == STATUS_NOT_FOUND) {
        cid_to_text(cid, text);
        return fail(err, status, "the block %.70s is not here", text);
    }
    if (status != STATUS_OK)
        return status;
    workflow->blocks[workflow->block_count++] = block;
    *out = block_bytes(block);
    return STATUS_OK;
}

static Status load_page(struct loader *loader, const Value *link,
                        struct error *err)
{
    Cid cid;
    Hash hash;
    Bytes bytes = {0};

    if (link->kind != VALUE_LINK)
        return fail(err, STATUS_INVALID, "a page must be a link");
    TRY(cid_from_bytes(link->link, &cid, err));
    if (!cid_sha256(&cid, CODEC_DAG_CBOR, &hash))
        return fail(err, STATUS_INVALID,
                    "a page must be dag-cbor with sha2-256");
    TRY(take_block(loader, &cid, &bytes, err));
    return read_page(loader, bytes, err);
}

/* --- The head ------------------------------------------------------------ */

static Status read_outputs(struct loader *loader, const Value *outputs,
                           struct error *err)
{
    size_t count = outputs->list.count;
    Text *labels = arena_array(&loader->scratch, count, sizeof *labels);

    for (size_t i = 0; i < count; i++) {
        if (outputs->list.items[i].kind != VALUE_TEXT)
            return fail(err, STATUS_INVALID, "an output must be a label");
        labels[i] = outputs->list.items[i].text;
    }
    return workflow_set_outputs(loader->workflow, labels, count, err);
}

static Status read_meta(struct workflow *workflow, const Value *meta,
                        struct error *err)
{
    const Value *name = value_get(meta, TEXT("name"));
    const Value *description = value_get(meta, TEXT("description"));
    size_t known = (name != NULL) + (size_t)(description != NULL);

    if (known == 0 || meta->map.count != known ||
        (name && (name->kind != VALUE_TEXT || name->text.len == 0)) ||
        (description &&
         (description->kind != VALUE_TEXT || description->text.len == 0)))
        return fail(err, STATUS_INVALID,
                    "'meta' holds the texts 'name' and 'description', "
                    "neither empty, or is left out");
    if (name)
        workflow->name = name->text;
    if (description)
        workflow->description = description->text;
    return STATUS_OK;
}

static Status read_head(struct loader *loader, const Value *head,
                        struct error *err)
{
    const Value *body = value_get(head, WORKFLOW_KEY);
    const Value *pages = body ? value_get(body, TEXT("tasks")) : NULL;
    const Value *outputs = body ? value_get(body, TEXT("outputs")) : NULL;
    const Value *meta = body ? value_get(body, TEXT("meta")) : NULL;

    if (!body || head->map.count != 1)
        return fail(err, STATUS_INVALID,
                    "not a workflow: its only key is no "
                    "'ipvm/workflow@1.0.0'");
    if (!pages || pages->kind != VALUE_LIST || pages->list.count == 0 ||
        !outputs || outputs->kind != VALUE_LIST ||
        body->map.count != 2 + (size_t)(meta != NULL))
        return fail(err, STATUS_INVALID,
                    "a workflow holds the list 'tasks', not empty, the list "
                    "'outputs', perhaps 'meta', and nothing else");
    if (meta)
        TRY(read_meta(loader->workflow, meta, err));
    expect_blocks(loader, pages->list.count);
    for (; loader->page < pages->list.count; loader->page++) {
        Status status =
            load_page(loader, &pages->list.items[loader->page], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "page %zu", loader->page);
    }
    return read_outputs(loader, outputs, err);
}

static Status load(struct loader *loader, const Cid *cid, struct error *err)
{
    struct workflow *workflow = loader->workflow;
    Hash hash;
    Bytes bytes = {0};
    Value head;
    uint32_t wrong = 0;

    if (!cid_sha256(cid, CODEC_DAG_CBOR, &hash))
        return fail(err, STATUS_INVALID,
                    "a workflow's CID is dag-cbor with sha2-256");
    expect_blocks(loader, 1);
    TRY(take_block(loader, cid, &bytes, err));
    // The head's tree stays until the outputs are read: not in scratch.
    TRY(dag_cbor_decode(bytes, &workflow->arena, &head, err));
    TRY(read_head(loader, &head, err));
    workflow->tasks =
        heap_resize(workflow->tasks, workflow->count, sizeof *workflow->tasks);
    workflow->cid = *cid;
    Status status = workflow_join(workflow, loader->store, &wrong, err);
    if (status != STATUS_OK)
        return fail_in(err, status, "task '%.*s'",
                       LABEL_ARG(workflow->tasks[wrong].label));
    return STATUS_OK;
}

Status workflow_load(struct store *store, const Cid *cid,
                     struct workflow **out, struct error *err)
{
    struct loader loader = {.store = store, .workflow = workflow_new()};
    char text[CID_TEXT_MAX];

    buffer_init(&loader.computation, SIZE_MAX / 2);
    Status status = load(&loader, cid, err);
    arena_deinit(&loader.scratch);
    buffer_deinit(&loader.computation);
    free(loader.awaits.items);
    if (status != STATUS_OK) {
        workflow_free(loader.workflow);
        cid_to_text(cid, text);
        return fail_in(err, status, "workflow %.62s", text);
    }
    *out = loader.workflow;
    return STATUS_OK;
}
