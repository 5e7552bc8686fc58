/* SPDX-License-Identifier: Apache-2.0 */
/* receipts_import.c - first the file is a source of blocks beside an empty
 * store, where everything is looked at as it would be here; only then it is
 * imported, and at last the receipts are kept, in one transaction.
 *
 *     roots[0] ─▶ head ─▶ pages ─▶ token, and per receipt: assertion, its
 *     checks, the block of `comp`, all below `res` */
#include "run/receipts_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "content/car_import.h"
#include "content/car_source.h"
#include "content/walk.h"
#include "run/admit.h"
#include "task/receipt_proofs.h"
#include "task/reserved.h"

enum { RESULTS_LIST = 8192 }; /* links in a block that is pinned */

struct import {
    struct store *store;
    const struct receipts_import *what;
    struct receipts_imported *out;
    struct store *file;       /* the blocks of the file, and nothing else */
    struct arena arena;       /* what is kept */
    struct arena scratch;     /* of one receipt */
    struct receipt_row *rows; /* owned, as the next three */
    struct receipt_signature *tokens;
    struct log_head *heads;
    size_t row_count, row_room, token_count, token_room, head_count, head_room;
};

/* Room for one more. */
static void *more(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    *room = *room ? 2 * *room : 64;
    return heap_resize(items, *room, size);
}

static Status get(struct import *import, const Hash *hash, const char *what,
                  struct arena *arena, Bytes *out, struct error *err)
{
    char name[CID_TEXT_MAX];
    struct block *block;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    Status status = store_get(import->file, &cid, &block, err);
    cid_to_text(&cid, name);
    if (status == STATUS_NOT_FOUND)
        return fail(err, STATUS_INVALID, "%s %.64s is not in the file", what,
                    name);
    TRY(status);
    *out = arena_copy_bytes(arena, block_bytes(block));
    block_unref(block);
    return STATUS_OK;
}

static void refuse(struct import *import, const Hash *id, const char *check,
                   const char *why)
{
    struct receipts_imported *out = import->out;
    if (out->refused < RECEIPTS_TOLD_MAX) {
        struct receipt_refused *told = &out->told_refused[out->refused];
        told->id = *id;
        told->check = check;
        snprintf(told->why, sizeof told->why, "%s", why);
    }
    out->refused++;
}

/* --- One receipt --------------------------------------------------------- */

/* It need not be in the file: then it is known only by its name. What is not
 * pure, or of a profile of others, is evidence that nothing here will use. */
static Status check_computation(struct import *import,
                                const struct assertion *assertion,
                                struct error *err)
{
    struct computation computation;
    struct admitted admitted;
    Bytes block;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, &assertion->comp, &cid);
    if (!assertion->has_comp || !store_has(import->file, &cid))
        return STATUS_OK;
    TRY(get(import, &assertion->comp, "the computation", &import->scratch,
            &block, err));
    TRY(computation_decode(block, &import->scratch, &computation, err));
    if (command_class(computation.cmd) != CLASS_PURE)
        return STATUS_OK;
    Status status = admit_block(block, &import->scratch, &admitted, err);
    return status == STATUS_UNSUPPORTED ? STATUS_OK : status;
}

static Status find_gap(void *context, const struct walk_visit *visit,
                       struct error *err)
{
    char name[CID_TEXT_MAX];
    struct import *import = context;
    if (visit->block || store_has(import->file, visit->cid))
        return STATUS_OK;
    cid_to_text(visit->cid, name);
    return fail(err, STATUS_NOT_FOUND, "block %.64s is not in the file", name);
}

static Status check_blocks(struct import *import,
                           const struct assertion *assertion,
                           struct error *err)
{
    const struct walk_options options = {
        .missing_too = true, .skip_leaves = true, .context = import};
    bool is_ok;
    Cid cid;
    if (!assertion->has_result)
        return STATUS_OK;
    // A task that never became concrete can come to what no computation can.
    if (assertion->has_comp)
        return admit_result(import->file, &assertion->res, &import->scratch,
                            &is_ok, err);
    cid_from_hash(CODEC_DAG_CBOR, &assertion->res, &cid);
    return content_walk(import->file, &cid, 1, &options, find_gap, err);
}

static Value *copy_meta(struct import *import, const struct token *token)
{
    Value *meta = ARENA_NEW(&import->scratch, Value);
    *meta = *token->meta;
    return meta;
}

static void keep_row(struct import *import, const struct receipt_proof *proof,
                     Bytes block, const struct assertion *assertion,
                     const struct statement *statement)
{
    const struct token *token = statement->token;
    struct arena *arena = &import->arena;
    Cid ignored;
    import->rows = more(import->rows, import->row_count, &import->row_room,
                        sizeof *import->rows);
    struct receipt_row *row = &import->rows[import->row_count++];
    *row = (struct receipt_row){
        .id = proof->id,
        .assertion = arena_copy_bytes(arena, block),
        .issuer = arena_copy_text(arena, text_of(token->iss.text)),
        .how = statement->kind == STATEMENT_RECEIPT ? RECEIPT_ALONE
                                                    : RECEIPT_PROVEN,
        .index = proof->index,
        .path = arena_copy_bytes(arena, proof->path),
        .at_s = token->has_iat ? token->iat : clock_wall_s(),
        .ran = assertion->ran,
        .comp = assertion->comp,
        .res = assertion->res,
        .has_comp = assertion->has_comp,
        .has_res = assertion->has_result,
    };
    bool known = cid_sha256(&token->cid, CODEC_DAG_CBOR, &row->token);
    ASSERT(known);
    if (statement->kind != STATEMENT_RECEIPT || !token->meta ||
        dag_cbor_length(token->meta) > RECEIPT_META_MAX)
        return;
    row->meta = dag_cbor_block(copy_meta(import, token), arena, &ignored);
}

static Status take_receipt(struct import *import,
                           const struct receipt_proof *proof,
                           const struct statement *statement)
{
    struct receipt_verdict verdict;
    struct assertion assertion;
    struct error err = {0};
    Bytes block;
    arena_reset(&import->scratch);
    import->out->receipts++;
    if (get(import, &proof->id, "the assertion", &import->scratch, &block,
            &err) != STATUS_OK) {
        refuse(import, &proof->id, receipt_check_name(CHECK_ASSERTION),
               err.message);
        return STATUS_OK;
    }
    const struct receipt_shown shown = {.id = proof->id,
                                        .assertion = block,
                                        .index = proof->index,
                                        .path = proof->path,
                                        .now_s = clock_wall_s()};
    receipt_check(&shown, statement, &verdict);
    if (!verdict.holds && verdict.first_failed == CHECK_TIME) {
        import->out->expired++; // That they grow old is no lie.
        return STATUS_OK;
    }
    if (!verdict.holds) {
        refuse(import, &proof->id, receipt_check_name(verdict.first_failed),
               verdict.words[verdict.first_failed]);
        return STATUS_OK;
    }
    TRY(assertion_decode(block, &import->scratch, &assertion, &err));
    if (check_computation(import, &assertion, &err) != STATUS_OK)
        refuse(import, &proof->id, "computation", err.message);
    else if (check_blocks(import, &assertion, &err) != STATUS_OK)
        refuse(import, &proof->id, "blocks", err.message);
    else
        keep_row(import, proof, block, &assertion, statement);
    return STATUS_OK;
}

/* --- Pages --------------------------------------------------------------- */

static void keep_token(struct import *import, const Hash *name,
                       const struct statement *statement)
{
    const struct token *token = statement->token;
    for (size_t index = import->token_count; index-- > 0;)
        if (hash_equal(&import->tokens[index].token, name))
            return; // Pages of one token stand beside each other.
        else if (import->token_count - index > 4)
            break;
    import->tokens = more(import->tokens, import->token_count,
                          &import->token_room, sizeof *import->tokens);
    import->tokens[import->token_count++] = (struct receipt_signature){
        *name, arena_copy_bytes(&import->arena, token->bytes)};
    if (statement->kind != STATEMENT_LOG)
        return;
    import->heads = more(import->heads, import->head_count, &import->head_room,
                         sizeof *import->heads);
    struct log_head *head = &import->heads[import->head_count++];
    *head = (struct log_head){
        .size = statement->count, .root = statement->root, .token = *name};
    receipt_issuer(text_of(token->iss.text), &head->issuer);
}

static Status take_page(struct import *import, const Hash *hash,
                        struct error *err)
{
    struct arena arena = {0};
    struct statement statement = {0};
    struct proof_page page;
    Bytes block = {NULL, 0}, token = {NULL, 0};
    Status status = get(import, hash, "page", &arena, &block, err);
    if (status == STATUS_OK)
        status = proof_page_decode(block, &arena, &page, err);
    if (status == STATUS_OK)
        status = get(import, &page.token, "token", &arena, &token, err);
    if (status == STATUS_OK) {
        statement_open(token, &statement);
        const uint64_t refused = import->out->refused;
        for (size_t index = 0; index < page.count && status == STATUS_OK;
             index++)
            status = take_receipt(import, &page.proofs[index], &statement);
        if (import->out->refused == refused && statement.token)
            keep_token(import, &page.token, &statement);
        statement_close(&statement);
    }
    arena_deinit(&arena);
    return status;
}

/* --- Logs that grew ------------------------------------------------------ */

struct finding {
    const Hash *token;
    bool is_found;
    struct log_head head;
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

/* In the file, or here from before. */
static Status find_token(struct import *import, const Hash *token,
                         struct finding *out, struct error *err)
{
    *out = (struct finding){.token = token};
    for (size_t index = 0; index < import->head_count; index++)
        if (!find_head(out, &import->heads[index]))
            return STATUS_OK;
    return log_heads(import->store, NULL, find_head, out, err);
}

static Status check_growth(struct import *import,
                           const struct proof_growth *growth,
                           struct error *err)
{
    struct finding from, to;
    struct tree_proof proof = {.count = growth->path.len / sizeof(Hash)};
    TRY(find_token(import, &growth->from, &from, err));
    TRY(find_token(import, &growth->to, &to, err));
    if (!from.is_found || !to.is_found)
        return STATUS_OK; // Of a head that was never seen here.
    if (proof.count > TREE_PROOF_MAX)
        return fail(err, STATUS_INVALID, "it has too many hashes");
    if (!hash_equal(&from.head.issuer, &to.head.issuer))
        return fail(err, STATUS_INVALID, "it is of two issuers");
    if (proof.count > 0)
        memcpy(proof.hashes, growth->path.data, growth->path.len);
    return tree_verify_consistency(from.head.size, &from.head.root,
                                   to.head.size, &to.head.root, &proof, err);
}

/* --- The file ------------------------------------------------------------ */

static Status read_file(void *context, void *into, size_t len, size_t *got,
                        struct error *err)
{
    const int *file = context;
    ssize_t count;
    do
        count = read(*file, into, len);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail_errno(err, errno, "cannot be read");
    *got = (size_t)count;
    return STATUS_OK;
}

static Status read_root(int file, Cid *out, struct error *err)
{
    struct car_header header;
    struct car_reader *reader = car_reader_new(read_file, &file);
    Status status = car_read_header(reader, &header, err);
    if (status == STATUS_OK &&
        (header.root_count == 0 ||
         !cid_sha256(&header.roots[0], CODEC_DAG_CBOR, &(Hash){0})))
        status = fail(err, STATUS_INVALID,
                      "its first root is no proof of receipts; for other "
                      "content there is `ipvm import`");
    if (status == STATUS_OK)
        *out = header.roots[0];
    car_reader_free(reader);
    return status;
}

static Status check_file(struct import *import, struct error *err)
{
    struct proof_head head;
    struct error why = {0};
    Bytes block;
    Hash root;
    bool known = cid_sha256(&import->out->head, CODEC_DAG_CBOR, &root);
    ASSERT(known);
    TRY(get(import, &root, "its root", &import->arena, &block, err));
    if (!proofs_is_block(block))
        return fail(err, STATUS_INVALID,
                    "there are no receipts in it; for other content there is "
                    "`ipvm import`");
    TRY(proof_head_decode(block, &import->arena, &head, err));
    for (size_t index = 0; index < head.page_count; index++)
        TRY(take_page(import, &head.pages[index], err));
    for (size_t index = 0;
         index < head.growth_count && import->out->refused == 0; index++)
        if (check_growth(import, &head.growths[index], &why) != STATUS_OK)
            return fail(err, STATUS_INVALID,
                        "check growth: the log of its issuer does not go on "
                        "from a head known here: %.100s",
                        why.message);
    return STATUS_OK;
}

/* --- Keeping ------------------------------------------------------------- */

struct contradiction {
    const Hash *result;
    bool is_there;
};

static bool contradicts(void *context, const struct receipt_row *row)
{
    struct contradiction *found = context;
    found->is_there = row->has_res && !hash_equal(&row->res, found->result);
    return !found->is_there;
}

static Status tell_alarms(struct import *import, struct error *err)
{
    struct receipts_imported *out = import->out;
    for (size_t index = 0; index < import->row_count &&
                           out->told_alarm_count < RECEIPTS_TOLD_MAX;
         index++) {
        const struct receipt_row *row = &import->rows[index];
        struct contradiction found = {.result = &row->res};
        struct memo_entry entry;
        Hash mine;
        if (!row->has_comp || !row->has_res)
            continue;
        TRY(receipts_each(import->store, RECEIPTS_BY_COMPUTATION, &row->comp,
                          contradicts, &found, err));
        if (memo_peek(import->store, &row->comp, &entry, NULL) == STATUS_OK &&
            cid_sha256(&entry.result, CODEC_DAG_CBOR, &mine))
            found.is_there |= !hash_equal(&mine, &row->res);
        if (found.is_there)
            out->told_alarms[out->told_alarm_count++] = row->comp;
    }
    return STATUS_OK;
}

static Bytes token_of(const struct import *import, const Hash *name)
{
    for (size_t index = 0; index < import->token_count; index++)
        if (hash_equal(&import->tokens[index].token, name))
            return import->tokens[index].bytes;
    return (Bytes){NULL, 0};
}

static Status keep_heads(struct import *import, struct error *err)
{
    for (size_t index = 0; index < import->head_count; index++) {
        const struct log_head *head = &import->heads[index];
        struct log_head other;
        bool fork = false;
        TRY(log_keep_head(import->store, head, token_of(import, &head->token),
                          &fork, &other, err));
        import->out->heads++;
        if (fork && import->out->forks++ == 0)
            snprintf(import->out->fork, sizeof import->out->fork,
                     "two heads of one log have %llu receipts each and "
                     "differ: its owner told two stories",
                     (unsigned long long)head->size);
    }
    return STATUS_OK;
}

static int compare_results(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(Hash));
}

/* A list of links to results, and nothing else: the proofs link what need not
 * be here, and what is pinned should be whole. */
static void pin_list(struct import *import, struct store_batch *batch,
                     const Hash *results, size_t count)
{
    struct arena *arena = &import->scratch;
    arena_reset(arena);
    Value *links = arena_array(arena, count, sizeof *links);
    Cid *cids = arena_array(arena, count, sizeof *cids), list;
    for (size_t index = 0; index < count; index++) {
        cid_from_hash(CODEC_DAG_CBOR, &results[index], &cids[index]);
        links[index] = value_link(&cids[index]);
    }
    const Value value = value_list(links, count);
    const Bytes block = dag_cbor_block(&value, arena, &list);
    store_batch_block(batch, &list, block);
    store_batch_pin(batch, &list, TEXT("receipts"));
}

static Status pin_results(struct import *import, struct error *err)
{
    size_t count = 0, kept = 0;
    if (import->what->no_pin)
        return STATUS_OK;
    Hash *results =
        arena_array(&import->arena, import->row_count, sizeof *results);
    for (size_t index = 0; index < import->row_count; index++)
        if (import->rows[index].has_res)
            results[count++] = import->rows[index].res;
    qsort(results, count, sizeof *results, compare_results);
    for (size_t index = 0; index < count; index++)
        if (kept == 0 || !hash_equal(&results[kept - 1], &results[index]))
            results[kept++] = results[index];
    struct store_batch *batch = store_batch_new(import->store);
    for (size_t from = 0; from < kept; from += RESULTS_LIST)
        pin_list(import, batch, results + from,
                 kept - from < RESULTS_LIST ? kept - from : RESULTS_LIST);
    Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

static Status keep_all(struct import *import, int file, struct error *err)
{
    const struct car_import_options options = {
        .no_pin = true,
        .progress = import->what->progress,
        .context = import->what->context,
    };
    struct car_imported imported = {0};
    struct receipts_kept kept = {0};
    // No collection takes what is not pinned yet.
    TRY(store_hold(import->store, &import->out->head, err));
    if (lseek(file, 0, SEEK_SET) != 0)
        return fail_errno(err, errno, "cannot be read again");
    TRY(car_import(import->store, file, import->what->path, &options,
                   &imported, err));
    car_imported_deinit(&imported);
    TRY(receipts_keep(import->store, import->rows, import->row_count,
                      import->tokens, import->token_count, &kept, err));
    import->out->added = kept.added;
    import->out->known = kept.known;
    import->out->alarms = kept.alarms;
    TRY(keep_heads(import, err));
    TRY(pin_results(import, err));
    return kept.alarms > 0 ? tell_alarms(import, err) : STATUS_OK;
}

static Status import_file(struct import *import, int file, struct error *err)
{
    char *path = realpath(import->what->path, NULL);
    if (!path)
        return fail_errno(err, errno, "cannot be found");
    import->file = store_open_memory();
    store_add_source(import->file,
                     car_source_new(path, &(struct car_source_options){0}));
    free(path);
    TRY(read_root(file, &import->out->head, err));
    TRY(check_file(import, err));
    if (import->out->refused > 0 || import->row_count == 0)
        return STATUS_OK; // What has expired is not kept either.
    return keep_all(import, file, err);
}

Status receipts_import_car(struct store *store,
                           const struct receipts_import *what,
                           struct receipts_imported *out, struct error *err)
{
    struct import import = {.store = store, .what = what, .out = out};
    *out = (struct receipts_imported){0};
    const int file = open(what->path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail_errno(err, errno, "cannot be opened");
    Status status = import_file(&import, file, err);
    close(file);
    store_close(import.file);
    free(import.rows);
    free(import.tokens);
    free(import.heads);
    arena_deinit(&import.arena);
    arena_deinit(&import.scratch);
    return status;
}
