/* SPDX-License-Identifier: Apache-2.0 */
#include "run/promised.h"

#include <stdlib.h>

#include "content/complete.h"
#include "task/computation.h"
#include "task/document.h"

enum { BATCH_BYTES = 8 << 20 };

static void put_symbolic(struct store_batch *batch, const struct task *task,
                         struct buffer *block)
{
    Hash hash;
    Cid cid;
    // Leaves the very bytes that its name is made from.
    computation_hash(task->cmd, task->args, task->nonce, block, &hash);
    ASSERT(hash_equal(&hash, &task->symbolic));
    cid_from_hash(CODEC_DAG_CBOR, &hash, &cid);
    store_batch_block(batch, &cid, buffer_bytes(block));
}

Status promised_put(struct store *store, const struct workflow *workflow,
                    struct error *err)
{
    struct store_batch *batch = store_batch_new(store);
    bool *is_done = heap_array((size_t)workflow->count + 1, sizeof *is_done);
    struct buffer block;
    Status status = STATUS_OK;
    size_t bytes = 0;
    buffer_init(&block, BLOCK_TAKEN_MAX);
    for (uint32_t index = 0; index < workflow->count; index++) {
        const struct task *task = &workflow->tasks[index];
        for (uint32_t at = 0; at < task->await_count; at++) {
            const uint32_t awaited = task->awaits[at].task;
            if (awaited == TASK_OUTSIDE || is_done[awaited])
                continue;
            is_done[awaited] = true;
            put_symbolic(batch, &workflow->tasks[awaited], &block);
            bytes += block.len;
        }
        if (bytes > BATCH_BYTES && status == STATUS_OK) {
            status = store_commit(batch, err);
            bytes = 0;
        }
    }
    if (status == STATUS_OK)
        status = store_commit(batch, err);
    buffer_deinit(&block);
    free(is_done);
    store_batch_free(batch);
    return status;
}

Status promised_put_profile(struct store *store, struct error *err)
{
    if (store_has(store, profile_cid()))
        return STATUS_OK;
    struct store_batch *batch = store_batch_new(store);
    store_batch_block(batch, profile_cid(), profile_block());
    Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

static Status complete_workflow(struct store *store, const Cid *cid,
                                struct error *err)
{
    struct workflow *workflow;
    TRY(workflow_load(store, cid, &workflow, err));
    Status status = promised_put(store, workflow, err);
    workflow_free(workflow);
    return status == STATUS_OK ? promised_put_profile(store, err) : status;
}

Status promised_complete(struct store *store, const Cid *cid,
                         struct error *err)
{
    struct arena arena = {0};
    struct computation computation;
    struct block *block;
    Hash hash;
    if (!cid_sha256(cid, CODEC_DAG_CBOR, &hash) ||
        store_get(store, cid, &block, NULL) != STATUS_OK)
        return STATUS_OK; // Whoever walks it says what is wrong.
    Status status = STATUS_OK;
    if (document_kind_of(block_bytes(block)) == DOCUMENT_WORKFLOW)
        status = complete_workflow(store, cid, err);
    else if (computation_decode(block_bytes(block), &arena, &computation,
                                NULL) == STATUS_OK)
        status = promised_put_profile(store, err);
    arena_deinit(&arena);
    block_unref(block);
    return status;
}

/* --- Roots --------------------------------------------------------------- */

static void note_first(void *context, const struct lack *lack)
{
    struct lack *first = context;
    if (first->cid.len == 0)
        *first = *lack;
}

static Status fail_lack(const struct lack *lack, struct error *err)
{
    char name[CID_TEXT_MAX];
    cid_to_text(&lack->cid, name);
    switch (lack->kind) {
    case LACK_MISSING:
        return fail(err, STATUS_NOT_FOUND,
                    "not all below is here: block %.120s is not in the store",
                    name);
    case LACK_DAMAGED:
        return fail(err, STATUS_CORRUPT,
                    "block %.120s is damaged: see `ipvm fsck --repair`", name);
    case LACK_MALFORMED:
        break;
    }
    return fail(err, STATUS_INVALID, "block %.120s is malformed", name);
}

Status promised_keep(struct store *store, const Cid *cid, struct error *err)
{
    const struct complete_options options = {.skip_leaves = true};
    struct lack first = {.cid = {.len = 0}};
    bool is_complete = false;
    // Held first, so that what is found here stays until it is a root.
    TRY(store_hold(store, cid, err));
    TRY(promised_complete(store, cid, err));
    struct complete *complete = complete_new(store, &options);
    Status status =
        complete_check(complete, cid, note_first, &first, &is_complete, err);
    complete_free(complete);
    TRY(status);
    return is_complete ? STATUS_OK : fail_lack(&first, err);
}
