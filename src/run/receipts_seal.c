/* SPDX-License-Identifier: Apache-2.0 */
/* receipts_seal.c - pending rows into receipts.
 *
 *     rows ─▶ assertions ─▶ leaves ─▶ growth of the log ─▶ head, signed
 *              └ the log's state before       └──── one transaction ────┘
 *
 * Whatever is made before the transaction is made of the state before; if that
 * is another by then, the transaction says so and all begins again. */
#include <stdlib.h>

#include "base/map.h"
#include "run/receipts.h"

enum {
    ROWS_BYTES = 4 << 20, /* sealed in one transaction, about */
    TRIES = 100,
    OUTSIDE_DEPTH = 64, /* computations outside of the workflow */
    META_ENTRIES = 8,
};

struct sealer {
    struct store *store;
    const struct secret_key *key;
    Did executor;
    Hash issuer;
    struct arena arena; /* of one transaction */
    struct seal_report *report;
    struct buffer block;
    /* The workflow of the rows at hand, or NULL. */
    Hash workflow_hash;
    struct workflow *workflow;
    struct task_hashes *hashes;
    unsigned depth;
    /* Pending rows, copied. */
    Bytes *rows;
    size_t row_count;
    uint64_t first, last;
    size_t bytes;
    /* What is to be written. */
    struct receipt_row *receipts; /* owned */
    size_t count, capacity;
    struct receipt_signature *tokens; /* owned */
    size_t token_count, token_capacity;
    Hash *leaves; /* owned */
    size_t leaf_count, leaf_capacity;
    struct map by_task; /* Task → index of its receipt, of those above */
    struct map by_id;
    struct log_state before;
    struct seal_report now; /* of this transaction */
};

static void *grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 256;
    return heap_resize(items, *capacity, size);
}

/* --- Rows ---------------------------------------------------------------- */

static bool take_row(void *context, uint64_t number, Bytes row)
{
    struct sealer *sealer = context;
    if (sealer->row_count > 0 && number != sealer->last + 1)
        return false; // Next time: a transaction removes a range.
    Bytes *rows = sealer->rows;
    if ((sealer->row_count & (sealer->row_count + 1)) == 0 ||
        sealer->row_count == 0) {
        rows = arena_array(&sealer->arena, 2 * (sealer->row_count + 1),
                           sizeof *rows);
        if (sealer->row_count > 0)
            memcpy(rows, sealer->rows, sealer->row_count * sizeof *rows);
        sealer->rows = rows;
    }
    if (sealer->row_count == 0)
        sealer->first = number;
    sealer->last = number;
    rows[sealer->row_count++] = arena_copy_bytes(&sealer->arena, row);
    sealer->bytes += row.len;
    return sealer->bytes < ROWS_BYTES;
}

/* --- Tasks --------------------------------------------------------------- */

static bool outside_task(void *context, const Hash *symbolic, Hash *out);

/* The Task CID of a computation whose block is at hand. */
static Status hash_of_computation(struct sealer *sealer, Bytes block,
                                  struct arena *arena, Hash *out)
{
    struct computation computation;
    struct buffer scratch;
    Cid ignored;
    Bytes args;
    TRY(computation_decode(block, arena, &computation, NULL));
    args = dag_cbor_block(&computation.args, arena, &ignored);
    TRY(task_args_translated(args, outside_task, sealer, arena, &args, NULL));
    buffer_init(&scratch, 2 * (size_t)BLOCK_TAKEN_MAX);
    task_hash(computation.cmd, text_of(sealer->executor.text), args,
              computation.nonce, &scratch, out);
    buffer_deinit(&scratch);
    return STATUS_OK;
}

static Status hash_of_stored(struct sealer *sealer, const Hash *computation,
                             Hash *out)
{
    struct arena arena = {0};
    struct block *block;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, computation, &cid);
    TRY(store_get(sealer->store, &cid, &block, NULL));
    Status status =
        hash_of_computation(sealer, block_bytes(block), &arena, out);
    block_unref(block);
    arena_deinit(&arena);
    return status;
}

static bool outside_task(void *context, const Hash *symbolic, Hash *out)
{
    struct sealer *sealer = context;
    if (sealer->depth == OUTSIDE_DEPTH)
        return false;
    sealer->depth++;
    const bool known = hash_of_stored(sealer, symbolic, out) == STATUS_OK;
    sealer->depth--;
    return known;
}

static void forget_workflow(struct sealer *sealer)
{
    task_hashes_free(sealer->hashes);
    workflow_free(sealer->workflow);
    sealer->hashes = NULL;
    sealer->workflow = NULL;
}

/* NULL if it is not here: its tasks are known by their computations. */
static void want_workflow(struct sealer *sealer, const Hash *hash)
{
    Cid cid;
    if (sealer->workflow && hash_equal(hash, &sealer->workflow_hash))
        return;
    forget_workflow(sealer);
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    if (workflow_load(sealer->store, &cid, &sealer->workflow, NULL) !=
        STATUS_OK) {
        sealer->workflow = NULL;
        return;
    }
    sealer->workflow_hash = *hash;
    sealer->hashes =
        task_hashes_new(sealer->workflow, text_of(sealer->executor.text),
                        outside_task, sealer);
}

static bool hash_of_task(struct sealer *sealer,
                         const struct pending_task *pending, Hash *out)
{
    if (sealer->workflow && pending->task < sealer->workflow->count) {
        *out = *task_hashes_get(sealer->hashes, pending->task);
        return true;
    }
    return pending->has_comp &&
           hash_of_stored(sealer, &pending->comp, out) == STATUS_OK;
}

/* --- Inputs -------------------------------------------------------------- */

static bool first_with_result(void *context, const struct receipt_row *row)
{
    struct receipt_row *out = context;
    if (!row->has_res)
        return true;
    out->id = row->id;
    out->has_res = true;
    return false;
}

/* The receipt of what a task awaited: of this sealing, of an earlier one, or
 * that of somebody else who is believed. */
static bool input_of(struct sealer *sealer, const struct await *await,
                     Hash *out)
{
    struct receipt_row found = {0};
    bool upstream = false;
    Hash task, concrete;
    const bool known =
        await->task != TASK_OUTSIDE
            ? (task = *task_hashes_get(sealer->hashes, await->task), true)
            : outside_task(sealer, await->symbolic, &task);
    const uint64_t *at =
        known ? map_get(&sealer->by_task, bytes_of(task.bytes, SHA256_LEN))
              : NULL;
    if (at) {
        *out = sealer->receipts[*at].id;
        return true;
    }
    if (known)
        IGNORE(receipts_each(sealer->store, RECEIPTS_BY_TASK, &task,
                             first_with_result, &found, NULL));
    if (!found.has_res &&
        memo_get_symbolic(sealer->store, await->symbolic, &concrete, &upstream,
                          NULL) == STATUS_OK &&
        !upstream)
        IGNORE(receipts_each(sealer->store, RECEIPTS_BY_COMPUTATION, &concrete,
                             first_with_result, &found, NULL));
    *out = found.id;
    return found.has_res; // None: it was known before there were receipts.
}

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(Hash));
}

static void inputs_of(struct sealer *sealer, uint32_t task,
                      struct assertion_claims *claims)
{
    if (!sealer->workflow || task >= sealer->workflow->count)
        return;
    const struct task *what = &sealer->workflow->tasks[task];
    size_t count = 0, kept = 0;
    if (what->await_count == 0)
        return;
    Hash *inputs =
        arena_array(&sealer->arena, what->await_count, sizeof *inputs);
    for (uint32_t index = 0; index < what->await_count; index++)
        count += input_of(sealer, &what->awaits[index], &inputs[count]);
    qsort(inputs, count, sizeof *inputs, compare_hashes);
    for (size_t index = 0; index < count; index++)
        if (kept == 0 || !hash_equal(&inputs[kept - 1], &inputs[index]))
            inputs[kept++] = inputs[index];
    claims->inputs = inputs;
    claims->input_count =
        kept < ASSERTION_INPUTS_MAX ? kept : ASSERTION_INPUTS_MAX;
}

/* --- One receipt --------------------------------------------------------- */

static Value meta_of(const struct pending_row *head,
                     const struct pending_task *task, struct arena *arena)
{
    struct value_entry entries[META_ENTRIES];
    size_t count = 0;
    const struct {
        Text key;
        uint64_t number;
    } numbers[] = {
        {TEXT("cpu_ns"), task->cost.cpu_ns},
        {TEXT("wall_ns"), task->cost.wall_ns},
        {TEXT("memory"), task->cost.memory_peak},
        {TEXT("read"), task->cost.bytes_in},
        {TEXT("written"), task->cost.bytes_out},
        {TEXT("fuel"), task->cost.fuel},
    };
    for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++)
        if (numbers[index].number > 0)
            entries[count++] = (struct value_entry){
                numbers[index].key, value_uint(numbers[index].number)};
    entries[count++] =
        (struct value_entry){TEXT("engine"), value_text(head->engine)};
    if (task->words.len > 0 && utf8_is_valid(task->words, NULL))
        entries[count++] =
            (struct value_entry){TEXT("said"), value_text(task->words)};
    return value_map(arena, entries, count);
}

/* The result's block; STATUS_NOT_FOUND: it is gone. */
static Status result_of(struct sealer *sealer, const Hash *hash, Bytes *out)
{
    struct result upstream;
    struct block *block;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    if (store_get(sealer->store, &cid, &block, NULL) == STATUS_OK) {
        *out = arena_copy_bytes(&sealer->arena, block_bytes(block));
        block_unref(block);
        return STATUS_OK;
    }
    result_error(TEXT("upstream"), &sealer->arena, &upstream);
    *out = upstream.block; // A constant that nobody stores.
    return cid_equal(&upstream.cid, &cid) ? STATUS_OK : STATUS_NOT_FOUND;
}

static struct receipt_row *add_receipt(struct sealer *sealer)
{
    sealer->receipts = grown(sealer->receipts, sealer->count,
                             &sealer->capacity, sizeof *sealer->receipts);
    struct receipt_row *row = &sealer->receipts[sealer->count++];
    *row = (struct receipt_row){0};
    return row;
}

static Status sign_end(struct sealer *sealer, const Value *meta, int64_t at_s,
                       struct receipt_row *row, struct error *err)
{
    const struct receipt_claims claims = {
        .assertion = row->assertion,
        .meta = meta,
        .at_s = at_s,
        .exp_s = at_s + END_RECEIPT_TTL_S,
    };
    struct token *token;
    TRY(receipt_mint(&claims, sealer->key, &token, err));
    bool known = cid_sha256(&token->cid, CODEC_DAG_CBOR, &row->token);
    ASSERT(known);
    row->how = RECEIPT_ALONE;
    sealer->tokens = grown(sealer->tokens, sealer->token_count,
                           &sealer->token_capacity, sizeof *sealer->tokens);
    sealer->tokens[sealer->token_count++] = (struct receipt_signature){
        row->token, arena_copy_bytes(&sealer->arena, token->bytes)};
    sealer->now.ends++;
    token_free(token);
    return STATUS_OK;
}

static void add_leaf(struct sealer *sealer, struct receipt_row *row)
{
    row->how = RECEIPT_IN_LOG;
    row->index = sealer->before.edge.size + sealer->leaf_count;
    sealer->leaves = grown(sealer->leaves, sealer->leaf_count,
                           &sealer->leaf_capacity, sizeof *sealer->leaves);
    receipt_leaf(&row->id, &sealer->leaves[sealer->leaf_count++]);
    sealer->now.results++;
}

/* Results that were stated before are not stated again; ends are, for they
 * expire. */
static bool is_stated(struct sealer *sealer, const Hash *id)
{
    struct arena arena = {0};
    struct receipt_row row;
    const bool is = map_get(&sealer->by_id, bytes_of(id->bytes, SHA256_LEN)) ||
                    receipt_get(sealer->store, id, &sealer->issuer, &arena,
                                &row, NULL) == STATUS_OK;
    arena_deinit(&arena);
    return is;
}

static void note_receipt(struct sealer *sealer)
{
    struct receipt_row *row = &sealer->receipts[sealer->count - 1];
    // Keys are borrowed, and the array moves as it grows.
    Hash *keys = arena_array(&sealer->arena, 2, sizeof *keys);
    keys[0] = row->ran;
    keys[1] = row->id;
    *map_set(&sealer->by_id, bytes_of(keys[1].bytes, SHA256_LEN), NULL) =
        sealer->count - 1;
    if (row->has_res)
        *map_set(&sealer->by_task, bytes_of(keys[0].bytes, SHA256_LEN), NULL) =
            sealer->count - 1;
}

static Status seal_task(struct sealer *sealer, const struct pending_row *head,
                        const struct pending_task *task, struct error *err)
{
    struct assertion_claims claims = {0};
    struct receipt_row row = {.at_s = head->at_s,
                              .issuer = text_of(sealer->executor.text),
                              .has_comp = task->has_comp,
                              .comp = task->comp,
                              .has_res = task->has_res,
                              .res = task->res};
    if (!hash_of_task(sealer, task, &row.ran) ||
        (task->has_res &&
         result_of(sealer, &task->res, &claims.result) != STATUS_OK) ||
        (!task->has_res &&
         (task->end == END_NONE || task->end >= END_COUNT))) {
        sealer->now.lost++;
        return STATUS_OK;
    }
    claims.ran = row.ran;
    claims.comp = task->has_comp ? &row.comp : NULL;
    if (!task->has_res)
        claims.end = end_name((End)task->end);
    inputs_of(sealer, task->task, &claims);
    buffer_clear(&sealer->block);
    assertion_encode(&claims, &sealer->block, &row.id);
    TRY(buffer_status(&sealer->block, "a receipt", err));
    if (task->has_res && is_stated(sealer, &row.id)) {
        sealer->now.known++;
        return STATUS_OK;
    }
    row.assertion =
        arena_copy_bytes(&sealer->arena, buffer_bytes(&sealer->block));
    const Value meta = meta_of(head, task, &sealer->arena);
    Cid ignored;
    row.meta = dag_cbor_block(&meta, &sealer->arena, &ignored);
    if (task->has_res)
        add_leaf(sealer, &row);
    else
        TRY(sign_end(sealer, &meta, head->at_s, &row, err));
    *add_receipt(sealer) = row;
    note_receipt(sealer);
    return STATUS_OK;
}

static Status seal_row(struct sealer *sealer, Bytes rest, struct error *err)
{
    struct pending_row head;
    struct pending_task task;
    if (!pending_read(&rest, &head)) {
        sealer->now.lost++; // Damaged: nobody knows how many.
        return STATUS_OK;
    }
    want_workflow(sealer, &head.workflow);
    while (pending_next(&rest, &task))
        TRY(seal_task(sealer, &head, &task, err));
    return STATUS_OK;
}

/* --- Together ------------------------------------------------------------ */

static void begin(struct sealer *sealer)
{
    arena_reset(&sealer->arena);
    map_deinit(&sealer->by_task);
    map_deinit(&sealer->by_id);
    sealer->by_task = sealer->by_id = (struct map){0};
    sealer->row_count = sealer->count = 0;
    sealer->token_count = sealer->leaf_count = 0;
    sealer->bytes = 0;
    sealer->now = (struct seal_report){0};
}

static Status mint_head(struct sealer *sealer, const struct log_growth *growth,
                        struct log_head *head, struct token **out,
                        struct error *err)
{
    Cid previous;
    head->issuer = sealer->issuer;
    head->size = growth->edge.size;
    tree_root(&growth->edge, &head->root);
    cid_from_hash(CODEC_DAG_CBOR, &sealer->before.head, &previous);
    TRY(receipt_mint_head(&head->root, head->size,
                          sealer->before.has_head ? &previous : NULL,
                          sealer->key, out, err));
    bool known = cid_sha256(&(*out)->cid, CODEC_DAG_CBOR, &head->token);
    ASSERT(known);
    return STATUS_OK;
}

static Status write_all(struct sealer *sealer, struct error *err)
{
    struct log_growth growth;
    struct log_head head = {0};
    struct receipts_kept kept = {0};
    struct token *token = NULL;
    struct receipts_sealing sealing = {
        .first = sealer->first,
        .last = sealer->last,
        .rows = sealer->receipts,
        .count = sealer->count,
        .tokens = sealer->tokens,
        .token_count = sealer->token_count,
        .before = &sealer->before,
    };
    if (sealer->leaf_count > 0) {
        log_grow(&sealer->before.edge, sealer->leaves, sealer->leaf_count,
                 &sealer->arena, &growth);
        TRY(mint_head(sealer, &growth, &head, &token, err));
        sealing.growth = &growth;
        sealing.head = &head;
        sealing.head_token = token->bytes;
    }
    Status status = receipts_seal(sealer->store, &sealing, &kept, err);
    token_free(token);
    sealer->now.alarms = kept.alarms;
    return status;
}

/* STATUS_NOT_FOUND: there is nothing to seal. */
static Status seal_some(struct sealer *sealer, struct error *err)
{
    begin(sealer);
    TRY(log_state(sealer->store, &sealer->issuer, &sealer->before, err));
    TRY(pending_each(sealer->store, take_row, sealer, err));
    if (sealer->row_count == 0)
        return STATUS_NOT_FOUND;
    for (size_t index = 0; index < sealer->row_count; index++)
        TRY(seal_row(sealer, sealer->rows[index], err));
    return write_all(sealer, err);
}

static void count_up(struct seal_report *report, const struct seal_report *now)
{
    report->results += now->results;
    report->ends += now->ends;
    report->known += now->known;
    report->lost += now->lost;
    report->alarms += now->alarms;
}

Status receipts_seal_pending(struct store *store, const struct secret_key *key,
                             struct seal_report *out, struct error *err)
{
    struct sealer *sealer = HEAP_NEW(struct sealer);
    Status status = STATUS_OK;
    unsigned tries = 0;
    *out = (struct seal_report){0};
    sealer->store = store;
    sealer->key = key;
    did_of(secret_key_public(key), &sealer->executor);
    receipt_issuer(text_of(sealer->executor.text), &sealer->issuer);
    buffer_init(&sealer->block, BLOCK_MADE_MAX);
    while (status == STATUS_OK || (status == STATUS_BUSY && tries < TRIES)) {
        status = seal_some(sealer, err);
        tries = status == STATUS_BUSY ? tries + 1 : 0;
        if (status == STATUS_OK)
            count_up(out, &sealer->now);
    }
    forget_workflow(sealer);
    buffer_deinit(&sealer->block);
    map_deinit(&sealer->by_task);
    map_deinit(&sealer->by_id);
    arena_deinit(&sealer->arena);
    free(sealer->receipts);
    free(sealer->tokens);
    free(sealer->leaves);
    free(sealer);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static bool note_any(void *context, [[maybe_unused]] uint64_t number,
                     [[maybe_unused]] Bytes row)
{
    *(bool *)context = true;
    return false;
}

bool receipts_are_pending(struct store *store)
{
    bool any = false;
    IGNORE(pending_each(store, note_any, &any, NULL));
    return any;
}
