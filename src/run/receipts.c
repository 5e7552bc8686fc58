/* SPDX-License-Identifier: Apache-2.0 */
#include "run/receipts.h"

#include "base/clock.h"

/* --- A view -------------------------------------------------------------- */

static void copy_row(const struct receipt_row *row, struct receipt_view *out)
{
    struct arena *arena = &out->arena;
    out->row = *row;
    out->row.assertion = arena_copy_bytes(arena, row->assertion);
    out->row.issuer = arena_copy_text(arena, row->issuer);
    out->row.path = arena_copy_bytes(arena, row->path);
    out->row.meta = arena_copy_bytes(arena, row->meta);
}

/* Which token it leads to: of a receipt in our log, its newest head. */
static Status find_proof(struct store *store, struct receipt_view *out,
                         Hash *token, struct error *err)
{
    const struct receipt_row *row = &out->row;
    struct log_state state;
    struct tree_proof proof;
    Hash issuer;
    *token = row->token;
    out->index = row->how == RECEIPT_ALONE ? 0 : row->index;
    out->path = row->path;
    if (row->how != RECEIPT_IN_LOG)
        return STATUS_OK;
    receipt_issuer(row->issuer, &issuer);
    TRY(log_state(store, &issuer, &state, err));
    if (!state.has_head)
        return fail(err, STATUS_CORRUPT,
                    "a receipt is in a log that is not here");
    TRY(log_inclusion(store, &issuer, row->index, state.edge.size, &proof,
                      err));
    *token = state.head;
    out->path = arena_copy_bytes(
        &out->arena, bytes_of(proof.hashes, proof.count * sizeof(Hash)));
    return STATUS_OK;
}

static Status open_view(struct store *store, struct receipt_view *out,
                        struct error *err)
{
    Hash token;
    TRY(find_proof(store, out, &token, err));
    cid_from_hash(CODEC_DAG_CBOR, &token, &out->token);
    Status status =
        receipt_token(store, &token, &out->arena, &out->token_bytes, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, STATUS_NOT_FOUND,
                    "the token that signs the receipt is not here");
    TRY(status);
    statement_open(out->token_bytes, &out->statement);
    // What it says is shown as far as it can be read.
    IGNORE(assertion_decode(out->row.assertion, &out->arena, &out->assertion,
                            NULL));
    const struct receipt_shown shown = {
        .id = out->row.id,
        .assertion = out->row.assertion,
        .issuer = out->row.issuer,
        .index = out->index,
        .path = out->path,
        .now_s = clock_wall_s(),
    };
    receipt_check(&shown, &out->statement, &out->verdict);
    return STATUS_OK;
}

Status receipt_view_open(struct store *store, const struct receipt_row *row,
                         struct receipt_view *out, struct error *err)
{
    *out = (struct receipt_view){0};
    copy_row(row, out);
    Status status = open_view(store, out, err);
    if (status != STATUS_OK)
        receipt_view_close(out);
    return status;
}

void receipt_view_close(struct receipt_view *view)
{
    statement_close(&view->statement);
    arena_deinit(&view->arena);
}

/* --- Looking up ---------------------------------------------------------- */

/* Counts what it passes on. */
struct counted {
    ReceiptEach *each;
    void *context;
    uint64_t count;
};

static bool count_each(void *context, const struct receipt_row *row)
{
    struct counted *counted = context;
    counted->count++;
    return counted->each(counted->context, row);
}

Status receipts_of_task(struct store *store, const struct workflow *workflow,
                        uint32_t task, Text executor, ReceiptEach *each,
                        void *context, struct error *err)
{
    struct counted counted = {each, context, 0};
    struct task_hashes *hashes =
        task_hashes_new(workflow, executor, NULL, NULL);
    const Hash ran = *task_hashes_get(hashes, task);
    bool upstream = false;
    Hash concrete;
    task_hashes_free(hashes);
    TRY(receipts_each(store, RECEIPTS_BY_TASK, &ran, count_each, &counted,
                      err));
    if (counted.count > 0 ||
        memo_get_symbolic(store, &workflow->tasks[task].symbolic, &concrete,
                          &upstream, NULL) != STATUS_OK ||
        upstream)
        return STATUS_OK;
    return receipts_each(store, RECEIPTS_BY_COMPUTATION, &concrete, each,
                         context, err);
}

Status receipts_of_cid(struct store *store, const Cid *cid, ReceiptEach *each,
                       void *context, struct error *err)
{
    static const ReceiptsBy order[] = {
        RECEIPTS_BY_ID,
        RECEIPTS_BY_TASK,
        RECEIPTS_BY_COMPUTATION,
        RECEIPTS_BY_RESULT,
    };
    struct counted counted = {each, context, 0};
    bool upstream = false;
    Hash hash, concrete;
    if (!cid_sha256(cid, CODEC_DAG_CBOR, &hash))
        return STATUS_OK; // Nothing of ours is named so.
    for (size_t index = 0;
         index < sizeof order / sizeof *order && counted.count == 0; index++)
        TRY(receipts_each(store, order[index], &hash, count_each, &counted,
                          err));
    if (counted.count == 0 &&
        memo_get_symbolic(store, &hash, &concrete, &upstream, NULL) ==
            STATUS_OK &&
        !upstream)
        return receipts_each(store, RECEIPTS_BY_COMPUTATION, &concrete, each,
                             context, err);
    return STATUS_OK;
}
