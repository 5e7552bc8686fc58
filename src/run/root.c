/* SPDX-License-Identifier: Apache-2.0 */
#include "run/root.h"

#include <stdlib.h>

#include "ipld/dag_cbor.h"

enum { NOTE_MAX = 1 << 20, OUTPUTS_MAX = 4096 };

/* [task count, name, [[label, symbolic], …]] */
static Status read_note(struct root *root, Bytes note)
{
    Value value;
    uint64_t count;
    TRY(dag_cbor_decode(note, &root->arena, &value, NULL));
    if (value.kind != VALUE_LIST || value.list.count != 3 ||
        !value_to_uint64(&value.list.items[0], &count) ||
        value.list.items[1].kind != VALUE_TEXT ||
        value.list.items[2].kind != VALUE_LIST)
        return STATUS_CORRUPT;
    const Value *outputs = &value.list.items[2];
    root->task_count = (uint32_t)count;
    root->name = value.list.items[1].text;
    root->output_count = (uint32_t)outputs->list.count;
    root->outputs =
        arena_array(&root->arena, root->output_count, sizeof *root->outputs);
    for (uint32_t index = 0; index < root->output_count; index++) {
        const Value *pair = &outputs->list.items[index];
        if (pair->kind != VALUE_LIST || pair->list.count != 2 ||
            pair->list.items[0].kind != VALUE_TEXT ||
            pair->list.items[1].kind != VALUE_BYTES ||
            pair->list.items[1].bytes.len != sizeof(Hash))
            return STATUS_CORRUPT;
        root->outputs[index].label =
            arena_copy_text(&root->arena, pair->list.items[0].text);
        memcpy(&root->outputs[index].symbolic, pair->list.items[1].bytes.data,
               sizeof(Hash));
    }
    return STATUS_OK;
}

Status root_get(struct store *store, const Cid *workflow, struct root **out)
{
    struct root *root = HEAP_NEW(struct root);
    Bytes note;
    Status status = note_get(store, NOTE_WORKFLOW, cid_bytes(workflow),
                             &root->arena, &note, NULL);
    if (status == STATUS_OK)
        status = read_note(root, note);
    // The head block must still be here: without it there is no workflow.
    if (status == STATUS_OK && !store_has(store, workflow))
        status = STATUS_NOT_FOUND;
    if (status != STATUS_OK) {
        root_free(root);
        return STATUS_NOT_FOUND;
    }
    *out = root;
    return STATUS_OK;
}

void root_free(struct root *root)
{
    if (!root)
        return;
    arena_deinit(&root->arena);
    free(root);
}

static bool is_pure(const struct workflow *workflow)
{
    for (uint32_t index = 0; index < workflow->count; index++)
        if (workflow->tasks[index].class != CLASS_PURE)
            return false;
    return true;
}

void root_put(struct store *store, const struct workflow *workflow)
{
    struct buffer note;
    struct arena arena = {0};
    Bytes known;
    bool noted = note_get(store, NOTE_WORKFLOW, cid_bytes(&workflow->cid),
                          &arena, &known, NULL) == STATUS_OK;
    arena_deinit(&arena);
    if (noted || workflow->output_count > OUTPUTS_MAX || !is_pure(workflow))
        return;
    buffer_init(&note, NOTE_MAX);
    cbor_add_list(&note, 3);
    cbor_add_uint(&note, workflow->count);
    cbor_add_text(&note, workflow->name);
    cbor_add_list(&note, workflow->output_count);
    for (uint32_t index = 0; index < workflow->output_count; index++) {
        const struct task *task = &workflow->tasks[workflow->outputs[index]];
        cbor_add_list(&note, 2);
        cbor_add_text(&note, task->label);
        cbor_add_bytes(&note, bytes_of(&task->symbolic, sizeof(Hash)));
    }
    if (note.status == STATUS_OK) {
        struct store_batch *batch = store_batch_new(store);
        store_batch_note(batch, NOTE_WORKFLOW, cid_bytes(&workflow->cid),
                         buffer_bytes(&note));
        // Lost, the workflow is validated again.
        store_commit_async(batch, NULL, NULL);
    }
    buffer_deinit(&note);
}

bool root_answered(struct store *store, const struct root *root,
                   struct root_answer *answers)
{
    for (uint32_t index = 0; index < root->output_count; index++) {
        struct root_answer *answer = &answers[index];
        if (memo_get_symbolic(store, &root->outputs[index].symbolic,
                              &answer->concrete, &answer->is_upstream,
                              NULL) != STATUS_OK)
            return false;
        if (!answer->is_upstream &&
            memo_get(store, &answer->concrete, &answer->entry, NULL) !=
                STATUS_OK)
            return false;
    }
    return root->output_count > 0;
}
