/* SPDX-License-Identifier: Apache-2.0 */
#include "run/admit.h"

#include "content/walk.h"
#include "task/normalise.h"

static Status load_block(struct store *store, const Hash *hash,
                         struct arena *arena, Bytes *out, struct error *err)
{
    char name[CID_TEXT_MAX];
    struct block *block;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    Status status = store_get(store, &cid, &block, err);
    cid_to_text(&cid, name);
    if (status == STATUS_NOT_FOUND)
        return fail(err, status, "block %.64s is not in the store", name);
    TRY(status);
    *out = arena_copy_bytes(arena, block_bytes(block));
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
static Status check_normal(const Value *value, const char *what,
                           struct arena *arena, struct error *err)
{
    const struct block_sink nowhere = {NULL, put_nowhere};
    Value normal;
    TRY(value_check(value, FROM_BLOCK, CODEC_DEPTH_MAX, err));
    TRY(members_normalise(value, &nowhere, arena, &normal, err));
    if (!value_equal(value, &normal))
        return fail(err, STATUS_INVALID, "%s is not in normal form", what);
    return STATUS_OK;
}

Status admit_block(Bytes block, struct arena *arena, struct admitted *out,
                   struct error *err)
{
    struct computation computation;
    struct wasm_call call;
    TRY(computation_decode(block, arena, &computation, err));
    if (command_class(computation.cmd) != CLASS_PURE)
        return fail(err, STATUS_INVALID, "the command %.*s is not pure",
                    computation.cmd.len > 40 ? 40 : (int)computation.cmd.len,
                    computation.cmd.data);
    TRY(wasm_call_read(&computation.args, &call, err));
    *out = (struct admitted){computation.cmd, call.module, call.function};
    return check_normal(call.args, "the computation", arena, err);
}

Status admit_computation(struct store *store, const Hash *hash,
                         struct arena *arena, struct admitted *out,
                         struct error *err)
{
    Bytes block;
    TRY(load_block(store, hash, arena, &block, err));
    return admit_block(block, arena, out, err);
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

Status admit_result(struct store *store, const Hash *hash, struct arena *arena,
                    bool *is_ok, struct error *err)
{
    const struct walk_options options = {
        .missing_too = true, .skip_leaves = true, .context = store};
    struct result result;
    Bytes block;
    Cid cid;
    TRY(load_block(store, hash, arena, &block, err));
    TRY(result_decode(block, arena, &result, err));
    *is_ok = result.is_ok;
    if (!result.is_ok)
        TRY(check_error(&result.value.map.entries[0].value, err));
    TRY(check_normal(&result.value, "the result", arena, err));
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    return content_walk(store, &cid, 1, &options, find_gap, err);
}
