/* SPDX-License-Identifier: Apache-2.0 */
/* receipts_export.c - receipts as a CAR for somebody else (the form of the
 * proofs is in docs/formats/receipts.md).
 *
 *     rows ─▶ views ─▶ those of one token, by index ─▶ pages ─▶ head ─▶ CAR */
#include <stdlib.h>

#include "content/walk.h"
#include "run/receipts.h"
#include "store/seen.h"
#include "task/receipt_proofs.h"

enum { PAGE_PATHS_MAX = 512 << 10 }; /* then another page begins */

/* One receipt as it is to be proven. */
struct item {
    Hash id, token;
    uint64_t index;
    Bytes path; /* in the arena */
};

struct exporter {
    struct store *store;
    const struct receipts_export *what;
    struct receipts_exported *out;
    struct arena arena;
    struct store_batch *batch;
    struct item *items; /* owned */
    size_t count;
    struct seen skipped; /* links that are not followed */
    struct seen below;   /* what results lead to, all the same */
    Hash *pages;         /* owned */
    size_t page_count;
    bool has_head; /* a head of our own log is among the tokens */
    Hash issuer, head;
};

static void skip_hash(struct exporter *exporter, const Hash *hash)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    seen_add(&exporter->skipped, cid_multihash(&cid));
}

static void put(struct exporter *exporter, const Hash *hash, Bytes block)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    store_batch_block(exporter->batch, &cid, block);
}

/* --- What belongs to a receipt ------------------------------------------- */

static Status note_below(void *context, const struct walk_visit *visit,
                         struct error *err)
{
    struct exporter *exporter = context;
    if (!visit->block && !store_has(exporter->store, visit->cid))
        return fail(err, STATUS_NOT_FOUND, "a part of a result is not here");
    seen_add(&exporter->below, cid_multihash(visit->cid));
    return STATUS_OK;
}

/* All below the result is here, and is noted. */
static bool has_result(struct exporter *exporter,
                       const struct receipt_view *view)
{
    const struct walk_options options = {.skip_leaves = true,
                                         .context = exporter};
    if (!view->assertion.has_result)
        return true;
    const struct result *result = &view->assertion.result;
    // Its block is in the assertion, if it is nowhere else.
    store_batch_block(exporter->batch, &result->cid, result->block);
    if (store_commit(exporter->batch, NULL) != STATUS_OK)
        return false;
    return content_walk(exporter->store, &result->cid, 1, &options, note_below,
                        NULL) == STATUS_OK;
}

static Status skip_link(void *context, Bytes link, struct error *err)
{
    struct exporter *exporter = context;
    struct error inner;
    Cid cid;
    (void)err;
    if (cid_from_bytes(link, &cid, &inner) == STATUS_OK)
        seen_add(&exporter->skipped, cid_multihash(&cid));
    return STATUS_OK;
}

/* The computation goes along, what it links does not. */
static void add_computation(struct exporter *exporter, const Hash *comp)
{
    struct block *block;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, comp, &cid);
    if (store_get(exporter->store, &cid, &block, NULL) != STATUS_OK) {
        skip_hash(exporter, comp);
        return;
    }
    IGNORE(dag_cbor_links(block_bytes(block), skip_link, exporter, NULL));
    block_unref(block);
}

static void add_view(struct exporter *exporter,
                     const struct receipt_view *view)
{
    const struct assertion *assertion = &view->assertion;
    const bool own =
        view->row.how == RECEIPT_IN_LOG && exporter->what->batch_key;
    struct item *item = &exporter->items[exporter->count++];
    *item = (struct item){.id = view->row.id, .index = view->index};
    bool known = cid_sha256(&view->token, CODEC_DAG_CBOR, &item->token);
    ASSERT(known);
    item->path = arena_copy_bytes(&exporter->arena, view->path);
    put(exporter, &view->row.id, view->row.assertion);
    skip_hash(exporter, &assertion->ran);
    if (assertion->has_comp)
        add_computation(exporter, &assertion->comp);
    for (size_t index = 0; index < assertion->input_count; index++)
        skip_hash(exporter, &assertion->inputs[index]);
    if (own) { // Until the batch is signed.
        item->token = (Hash){0};
        return;
    }
    put(exporter, &item->token, view->token_bytes);
    if (view->statement.has_previous)
        skip_hash(exporter, &view->statement.previous);
    if (view->row.how == RECEIPT_IN_LOG) {
        exporter->has_head = true;
        exporter->head = item->token;
        receipt_issuer(view->row.issuer, &exporter->issuer);
    }
}

/* Receipts that do not hold, or that lack a part, help nobody. */
static Status add_row(struct exporter *exporter, const struct receipt_row *key,
                      struct error *err)
{
    struct arena arena = {0};
    struct receipt_row row;
    struct receipt_view view;
    Hash issuer;
    receipt_issuer(key->issuer, &issuer);
    Status status =
        receipt_get(exporter->store, &key->id, &issuer, &arena, &row, err);
    if (status == STATUS_OK)
        status = receipt_view_open(exporter->store, &row, &view, err);
    if (status == STATUS_OK) {
        if (view.verdict.holds && has_result(exporter, &view))
            add_view(exporter, &view);
        else
            exporter->out->left_out++;
        receipt_view_close(&view);
    }
    arena_deinit(&arena);
    if (status != STATUS_NOT_FOUND)
        return status;
    exporter->out->left_out++;
    return STATUS_OK;
}

/* --- A batch of just these ----------------------------------------------- */

static Status leaf_node(void *context, unsigned level, uint64_t index,
                        Hash *out, struct error *err)
{
    const struct log_growth *growth = context;
    (void)err;
    ASSERT(index < growth->levels[level].count);
    *out = growth->levels[level].hashes[index];
    return STATUS_OK;
}

static Status sign_batch(struct exporter *exporter, struct error *err)
{
    struct log_growth growth;
    struct tree_proof proof;
    struct token *token;
    Hash root, *leaves, name;
    size_t count = 0;
    leaves = arena_array(&exporter->arena, exporter->count, sizeof *leaves);
    for (size_t index = 0; index < exporter->count; index++)
        if (hash_equal(&exporter->items[index].token, &(Hash){0}))
            receipt_leaf(&exporter->items[index].id, &leaves[count++]);
    if (count == 0)
        return STATUS_OK;
    log_grow(&(struct tree_edge){0}, leaves, count, &exporter->arena, &growth);
    tree_root(&growth.edge, &root);
    TRY(receipt_mint_batch(&root, count, exporter->what->batch_key, &token,
                           err));
    bool known = cid_sha256(&token->cid, CODEC_DAG_CBOR, &name);
    ASSERT(known);
    put(exporter, &name, token->bytes);
    token_free(token);
    uint64_t at = 0;
    for (size_t index = 0; index < exporter->count; index++) {
        struct item *item = &exporter->items[index];
        if (!hash_equal(&item->token, &(Hash){0}))
            continue;
        TRY(tree_inclusion(leaf_node, &growth, at, count, &proof, err));
        item->token = name;
        item->index = at++;
        item->path = arena_copy_bytes(
            &exporter->arena,
            bytes_of(proof.hashes, proof.count * sizeof(Hash)));
    }
    return STATUS_OK;
}

/* --- Pages --------------------------------------------------------------- */

static int compare_items(const void *a, const void *b)
{
    const struct item *first = a, *second = b;
    const int by_token =
        memcmp(&first->token, &second->token, sizeof first->token);
    if (by_token != 0)
        return by_token;
    return first->index < second->index ? -1 : first->index > second->index;
}

static void put_page(struct exporter *exporter, const struct item *items,
                     size_t count)
{
    struct receipt_proof *proofs =
        arena_array(&exporter->arena, count, sizeof *proofs);
    struct buffer block;
    for (size_t index = 0; index < count; index++)
        proofs[index] = (struct receipt_proof){
            items[index].id, items[index].index, items[index].path};
    const struct proof_page page = {items[0].token, proofs, count};
    buffer_init(&block, BLOCK_TAKEN_MAX);
    proof_page_encode(&page, &block, &exporter->pages[exporter->page_count]);
    ASSERT(block.status == STATUS_OK);
    put(exporter, &exporter->pages[exporter->page_count++],
        buffer_bytes(&block));
    buffer_deinit(&block);
}

/* The same receipt twice, or asked for twice, is there once. */
static void drop_doubles(struct exporter *exporter)
{
    size_t kept = 0;
    for (size_t index = 0; index < exporter->count; index++)
        if (kept == 0 || compare_items(&exporter->items[kept - 1],
                                       &exporter->items[index]) != 0)
            exporter->items[kept++] = exporter->items[index];
    exporter->count = kept;
}

static void put_pages(struct exporter *exporter)
{
    size_t start = 0, bytes = exporter->items[0].path.len;
    exporter->pages = heap_array(exporter->count, sizeof(Hash));
    for (size_t index = 1; index <= exporter->count; index++) {
        if (index == exporter->count || index - start == PROOFS_PAGE ||
            bytes > PAGE_PATHS_MAX ||
            !hash_equal(&exporter->items[index].token,
                        &exporter->items[start].token)) {
            put_page(exporter, &exporter->items[start], index - start);
            start = index;
            bytes = 0;
        }
        if (index < exporter->count)
            bytes += exporter->items[index].path.len;
    }
}

/* --- The head ------------------------------------------------------------ */

struct finding {
    const Hash *token;
    struct log_head head;
    bool is_found;
};

static bool find_head(void *context, const struct log_head *head)
{
    struct finding *finding = context;
    if (!hash_equal(&head->token, finding->token))
        return true;
    finding->head = *head;
    finding->is_found = true;
    return false;
}

static Status add_growth(struct exporter *exporter,
                         struct proof_growth *growth, struct error *err)
{
    struct finding from = {.token = exporter->what->since};
    struct finding to = {.token = &exporter->head};
    struct tree_proof proof;
    Bytes token;
    TRY(log_heads(exporter->store, &exporter->issuer, find_head, &from, err));
    TRY(log_heads(exporter->store, &exporter->issuer, find_head, &to, err));
    if (!from.is_found || !to.is_found)
        return fail(err, STATUS_NOT_FOUND,
                    "the log has no head of that CID: see `ipvm receipts "
                    "log`");
    TRY(log_consistency(exporter->store, &exporter->issuer, from.head.size,
                        to.head.size, &proof, err));
    TRY(receipt_token(exporter->store, exporter->what->since, &exporter->arena,
                      &token, err));
    put(exporter, exporter->what->since, token);
    struct statement statement;
    statement_open(token, &statement);
    if (statement.has_previous)
        skip_hash(exporter, &statement.previous);
    statement_close(&statement);
    // It is wanted, though a newer head links it as the one before.
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, exporter->what->since, &cid);
    seen_add(&exporter->below, cid_multihash(&cid));
    *growth = (struct proof_growth){
        *exporter->what->since, exporter->head,
        arena_copy_bytes(&exporter->arena,
                         bytes_of(proof.hashes, proof.count * sizeof(Hash)))};
    return STATUS_OK;
}

static Status put_head(struct exporter *exporter, struct error *err)
{
    struct proof_head head = {.pages = exporter->pages,
                              .page_count = exporter->page_count};
    struct proof_growth growth;
    struct buffer block;
    Hash hash;
    if (exporter->what->since && exporter->has_head) {
        TRY(add_growth(exporter, &growth, err));
        head.growths = &growth;
        head.growth_count = 1;
    }
    if (head.page_count > PROOFS_PAGES_MAX)
        return fail(err, STATUS_LIMIT,
                    "these receipts take %zu pages, at most %d: export fewer",
                    head.page_count, PROOFS_PAGES_MAX);
    buffer_init(&block, BLOCK_TAKEN_MAX);
    proof_head_encode(&head, &block, &hash);
    ASSERT(block.status == STATUS_OK);
    put(exporter, &hash, buffer_bytes(&block));
    cid_from_hash(CODEC_DAG_CBOR, &hash, &exporter->out->head);
    buffer_deinit(&block);
    return STATUS_OK;
}

/* --- Together ------------------------------------------------------------ */

static bool is_skipped(void *context, const Cid *cid)
{
    const struct exporter *exporter = context;
    const Bytes name = cid_multihash(cid);
    return seen_has(&exporter->skipped, name) &&
           !seen_has(&exporter->below, name);
}

/* Assertions that are there by themselves are no mere inputs. */
static void want_items(struct exporter *exporter)
{
    for (size_t index = 0; index < exporter->count; index++) {
        Cid cid;
        cid_from_hash(CODEC_DAG_CBOR, &exporter->items[index].id, &cid);
        seen_add(&exporter->below, cid_multihash(&cid));
    }
}

static Status export_all(struct exporter *exporter, struct error *err)
{
    const struct receipts_export *what = exporter->what;
    const struct car_export car = {.roots = &exporter->out->head,
                                   .root_count = 1,
                                   .skip = is_skipped,
                                   .skip_context = exporter};
    for (size_t index = 0; index < what->count; index++)
        TRY(add_row(exporter, &what->rows[index], err));
    if (what->batch_key)
        TRY(sign_batch(exporter, err));
    qsort(exporter->items, exporter->count, sizeof *exporter->items,
          compare_items);
    drop_doubles(exporter);
    if (exporter->count == 0)
        return fail(err, STATUS_NOT_FOUND, "there are no receipts to export");
    want_items(exporter);
    put_pages(exporter);
    TRY(put_head(exporter, err));
    exporter->out->receipts = exporter->count;
    TRY(store_commit(exporter->batch, err));
    return what->path ? car_export_path(exporter->store, what->path, &car,
                                        &exporter->out->car, err)
                      : car_export_file(exporter->store, what->file, &car,
                                        &exporter->out->car, err);
}

Status receipts_export_car(struct store *store,
                           const struct receipts_export *what,
                           struct receipts_exported *out, struct error *err)
{
    struct exporter exporter = {.store = store, .what = what, .out = out};
    *out = (struct receipts_exported){0};
    exporter.batch = store_batch_new(store);
    exporter.items = heap_array(what->count + 1, sizeof *exporter.items);
    Status status = export_all(&exporter, err);
    store_batch_free(exporter.batch);
    seen_deinit(&exporter.skipped);
    seen_deinit(&exporter.below);
    free(exporter.items);
    free(exporter.pages);
    arena_deinit(&exporter.arena);
    return status;
}
