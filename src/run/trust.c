/* SPDX-License-Identifier: Apache-2.0 */
#include "run/trust.h"

#include <stdio.h>

#include "base/clock.h"
#include "content/walk.h"
#include "run/answers.h"
#include "task/computation.h"
#include "task/normalise.h"
#include "task/reserved.h"

enum { BATCH_ENTRIES = 4096 };

struct trusting {
    struct store *store;
    struct store_batch *batch;
    size_t in_batch;
    struct arena arena; /* of one answer */
    struct trust_report *out;
};

/* --- Is it one? ---------------------------------------------------------- */

static Status load_block(struct trusting *trusting, const Hash *hash,
                         Bytes *out, struct error *err)
{
    char name[CID_TEXT_MAX];
    struct block *block;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    Status status = store_get(trusting->store, &cid, &block, err);
    cid_to_text(&cid, name);
    if (status == STATUS_NOT_FOUND)
        return fail(err, status, "block %.64s is not in the store", name);
    TRY(status);
    *out = arena_copy_bytes(&trusting->arena, block_bytes(block));
    block_unref(block);
    return STATUS_OK;
}

static Status put_nowhere(void *context, const Cid *cid, Bytes block,
                          struct error *err)
{
    (void)context, (void)cid, (void)block, (void)err;
    return STATUS_OK;
}

/* Nothing in it is longer than a value in normal form may be. */
static Status check_normal(struct trusting *trusting, const Value *value,
                           const char *what, struct error *err)
{
    const struct block_sink nowhere = {NULL, put_nowhere};
    Value normal;
    TRY(value_check(value, FROM_BLOCK, CODEC_DEPTH_MAX, err));
    TRY(members_normalise(value, &nowhere, &trusting->arena, &normal, err));
    if (!value_equal(value, &normal))
        return fail(err, STATUS_INVALID, "%s is not in normal form", what);
    return STATUS_OK;
}

static Status check_computation(struct trusting *trusting, const Hash *hash,
                                struct error *err)
{
    struct computation computation;
    struct wasm_call call;
    Bytes block;
    TRY(load_block(trusting, hash, &block, err));
    TRY(computation_decode(block, &trusting->arena, &computation, err));
    if (command_class(computation.cmd) != CLASS_PURE)
        return fail(err, STATUS_INVALID, "the command %.*s is not pure",
                    computation.cmd.len > 40 ? 40 : (int)computation.cmd.len,
                    computation.cmd.data);
    TRY(wasm_call_read(&computation.args, &call, err));
    return check_normal(trusting, call.args, "the computation", err);
}

/* The errors that a result may state in a guest's stead are two; that of a
 * branch that did not come is no result of a concrete computation. */
static Status check_error(const Value *error, struct error *err)
{
    const Value *name = value_get(error, TEXT("ipvm/error"));
    if (!name)
        return STATUS_OK;
    if (error->map.count == 1 && name->kind == VALUE_TEXT &&
        (text_equal(name->text, TEXT("trap")) ||
         text_equal(name->text, TEXT("unrepresentable"))))
        return STATUS_OK;
    return fail(err, STATUS_INVALID,
                "no computation results in such an error");
}

static Status find_gap(void *context, const struct walk_visit *visit,
                       struct error *err)
{
    char name[CID_TEXT_MAX];
    struct store *store = context;
    if (visit->block || store_has(store, visit->cid))
        return STATUS_OK;
    cid_to_text(visit->cid, name);
    return fail(err, STATUS_NOT_FOUND, "block %.64s is not in the store",
                name);
}

static Status check_result(struct trusting *trusting, const Hash *hash,
                           bool *is_ok, struct error *err)
{
    const struct walk_options options = {
        .missing_too = true, .skip_leaves = true, .context = trusting->store};
    struct result result;
    Bytes block;
    Cid cid;
    TRY(load_block(trusting, hash, &block, err));
    TRY(result_decode(block, &trusting->arena, &result, err));
    *is_ok = result.is_ok;
    if (!result.is_ok)
        TRY(check_error(&result.value.map.entries[0].value, err));
    TRY(check_normal(trusting, &result.value, "the result", err));
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    return content_walk(trusting->store, &cid, 1, &options, find_gap, err);
}

/* --- Entering ------------------------------------------------------------ */

static Status send_batch(struct trusting *trusting, struct error *err)
{
    trusting->in_batch = 0;
    return store_commit(trusting->batch, err);
}

/* The store keeps the first result and raises the alarm over another. */
static Status enter(struct trusting *trusting, const struct answer *answer,
                    bool is_ok, struct error *err)
{
    struct memo_entry old, entry = {
                               .is_ok = is_ok,
                               .provenance = MEMO_RECEIPT,
                               .made_s = clock_wall_s(),
                           };
    cid_from_hash(CODEC_DAG_CBOR, &answer->result, &entry.result);
    Status status =
        memo_get(trusting->store, &answer->computation, &old, NULL);
    if (status == STATUS_OK && cid_equal(&old.result, &entry.result)) {
        trusting->out->known++;
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        trusting->out->alarms++;
    else
        trusting->out->entered++;
    store_batch_memo(trusting->batch, &answer->computation, &entry);
    if (status != STATUS_OK)
        store_batch_producer(trusting->batch, &entry.result,
                             &answer->computation);
    if (++trusting->in_batch < BATCH_ENTRIES)
        return STATUS_OK;
    return send_batch(trusting, err);
}

static Status take_answer(void *context, const struct answer *answer,
                          struct error *err)
{
    struct trusting *trusting = context;
    struct error why = {0};
    bool is_ok = false;
    arena_reset(&trusting->arena);
    Status status = check_computation(trusting, &answer->computation, &why);
    if (status == STATUS_OK)
        status = check_result(trusting, &answer->result, &is_ok, &why);
    if (status == STATUS_OK)
        return enter(trusting, answer, is_ok, err);
    if (trusting->out->refused++ == 0)
        snprintf(trusting->out->why, sizeof trusting->out->why, "%s",
                 why.message);
    return STATUS_OK;
}

Status trust_answers(struct store *store, const Cid *head,
                     struct trust_report *out, struct error *err)
{
    struct trusting trusting = {
        .store = store, .batch = store_batch_new(store), .out = out};
    *out = (struct trust_report){0};
    Status status = answers_load(store, head, take_answer, &trusting, err);
    if (status == STATUS_OK)
        status = send_batch(&trusting, err);
    store_batch_free(trusting.batch);
    arena_deinit(&trusting.arena);
    return status;
}
