/* SPDX-License-Identifier: Apache-2.0 */
/* receipt_statement.c - the tokens that cover receipts, and the checks of one
 * that is shown. */
#include <stdio.h>

#include "task/receipt.h"

static const Text commands[] = {
    [STATEMENT_RECEIPT] = TEXT_INIT("/ucan/assert/receipt"),
    [STATEMENT_BATCH] = TEXT_INIT("/ucan/assert/receipts"),
    [STATEMENT_LOG] = TEXT_INIT("/ucan/assert/log"),
};
enum { COMMANDS = sizeof commands / sizeof *commands };

void receipt_leaf(const Hash *id, Hash *out)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, id, &cid);
    tree_leaf(cid_bytes(&cid), out);
}

/* --- Minting ------------------------------------------------------------- */

static Status mint(Statement kind, const Value *args,
                   const struct receipt_claims *claims, const Value *meta,
                   const struct secret_key *key, struct token **out,
                   struct error *err)
{
    Did sub;
    did_of(secret_key_public(key), &sub);
    const struct token_claims token = {
        .kind = TOKEN_INVOCATION,
        .sub = &sub,
        .cmd = commands[kind],
        .args = args,
        .meta = meta,
        .has_exp = claims->exp_s != 0,
        .exp = claims->exp_s,
        .has_iat = claims->at_s != 0,
        .iat = claims->at_s,
    };
    return token_mint(&token, key, NULL, out, err);
}

Status receipt_mint(const struct receipt_claims *claims,
                    const struct secret_key *key, struct token **out,
                    struct error *err)
{
    struct arena arena = {0};
    Value args;
    Status status = dag_cbor_decode(claims->assertion, &arena, &args, err);
    if (status == STATUS_OK)
        status = mint(STATEMENT_RECEIPT, &args, claims, claims->meta, key, out,
                      err);
    arena_deinit(&arena);
    return status;
}

static Status mint_root(Statement kind, const Hash *root, uint64_t count,
                        const Cid *previous, const struct secret_key *key,
                        struct token **out, struct error *err)
{
    struct arena arena = {0};
    const struct value_entry entries[] = {
        {TEXT("root"), value_bytes(bytes_of(root->bytes, SHA256_LEN))},
        {kind == STATEMENT_LOG ? TEXT("size") : TEXT("count"),
         value_uint(count)},
    };
    const Value args = value_map(&arena, entries, 2);
    Value meta = value_null();
    if (previous)
        meta = value_map1(&arena, TEXT("prev"), value_link(previous));
    Status status = mint(kind, &args, &(struct receipt_claims){0},
                         previous ? &meta : NULL, key, out, err);
    arena_deinit(&arena);
    return status;
}

Status receipt_mint_batch(const Hash *root, uint64_t count,
                          const struct secret_key *key, struct token **out,
                          struct error *err)
{
    return mint_root(STATEMENT_BATCH, root, count, NULL, key, out, err);
}

Status receipt_mint_head(const Hash *root, uint64_t size, const Cid *previous,
                         const struct secret_key *key, struct token **out,
                         struct error *err)
{
    return mint_root(STATEMENT_LOG, root, size, previous, key, out, err);
}

/* --- Reading ------------------------------------------------------------- */

static Status read_root(struct statement *out, struct error *err)
{
    const Value *args = out->token->args;
    const char *name = out->kind == STATEMENT_LOG ? "size" : "count";
    const Value *root = value_get(args, TEXT("root"));
    const Value *count = value_get(args, text_of(name));
    if (args->map.count != 2 || !root || root->kind != VALUE_BYTES ||
        root->bytes.len != SHA256_LEN || !count ||
        !value_to_uint64(count, &out->count) || out->count == 0 ||
        out->count > INT64_MAX)
        return fail(err, STATUS_INVALID,
                    "token: .args is not a root of 32 bytes and a %s", name);
    memcpy(out->root.bytes, root->bytes.data, SHA256_LEN);
    return STATUS_OK;
}

static void read_previous(struct statement *out)
{
    const Value *previous = value_get(out->token->meta, TEXT("prev"));
    Cid cid;
    out->has_previous =
        previous && previous->kind == VALUE_LINK &&
        cid_from_bytes(previous->link, &cid, NULL) == STATUS_OK &&
        cid_sha256(&cid, CODEC_DAG_CBOR, &out->previous);
}

static Status read_args(struct statement *out, struct error *err)
{
    struct arena arena = {0};
    Cid cid;
    if (out->kind != STATEMENT_RECEIPT)
        return read_root(out, err);
    dag_cbor_block(out->token->args, &arena, &cid);
    arena_deinit(&arena);
    out->count = 1;
    return cid_sha256(&cid, CODEC_DAG_CBOR, &out->assertion) ? STATUS_OK
                                                             : STATUS_INVALID;
}

static Status read_form(Bytes bytes, struct statement *out, struct error *err)
{
    size_t kind = 0;
    TRY(token_read(bytes, NULL, &out->token, err));
    const struct token *token = out->token;
    while (kind < COMMANDS && (token->kind != TOKEN_INVOCATION ||
                               !text_equal(token->cmd, commands[kind])))
        kind++;
    if (kind == COMMANDS)
        return fail(err, STATUS_INVALID,
                    "token: it is not an invocation of /ucan/assert/receipt, "
                    "/ucan/assert/receipts or /ucan/assert/log");
    out->kind = (Statement)kind;
    if (!did_equal(&token->iss, &token->sub) || token->has_aud ||
        token->proof_count > 0)
        return fail(err, STATUS_INVALID,
                    "token: a statement has .iss equal to .sub, no .aud and "
                    "no proofs");
    TRY(read_args(out, err));
    if (out->kind == STATEMENT_LOG && token->meta)
        read_previous(out);
    return STATUS_OK;
}

void statement_open(Bytes token, struct statement *out)
{
    *out = (struct statement){0};
    out->form = read_form(token, out, &out->form_error);
    if (out->form != STATUS_OK) {
        token_free(out->token);
        out->token = NULL;
        out->signature = STATUS_CANCELLED;
        return;
    }
    out->signature = token_verify(out->token, &out->signature_error);
}

void statement_close(struct statement *statement)
{
    token_free(statement->token);
    statement->token = NULL;
}

/* --- Checking ------------------------------------------------------------ */

const char *receipt_check_name(ReceiptCheck check)
{
    static const char *const names[] = {
        [CHECK_ASSERTION] = "assertion", [CHECK_RESULT] = "result",
        [CHECK_TOKEN] = "token",         [CHECK_ISSUER] = "issuer",
        [CHECK_SIGNATURE] = "signature", [CHECK_TIME] = "time",
        [CHECK_PROOF] = "proof",
    };
    return names[check];
}

static void set(struct receipt_verdict *out, ReceiptCheck check, Status status,
                const char *words)
{
    out->checks[check] = status;
    snprintf(out->words[check], sizeof out->words[check], "%s", words);
}

static void set_error(struct receipt_verdict *out, ReceiptCheck check,
                      Status status, const struct error *error)
{
    set(out, check, status, status == STATUS_OK ? "" : error->message);
}

static Status check_assertion(const struct receipt_shown *shown,
                              struct arena *arena, struct assertion *out,
                              struct error *err)
{
    Hash hash;
    hash_sha256(shown->assertion, &hash);
    if (!hash_equal(&hash, &shown->id))
        return fail(err, STATUS_CORRUPT,
                    "receipt: the assertion does not hash to its CID");
    return assertion_decode(shown->assertion, arena, out, err);
}

static Status check_path(const struct receipt_shown *shown,
                         const struct statement *statement, struct error *err)
{
    struct tree_proof proof = {.count = shown->path.len / SHA256_LEN};
    Hash leaf;
    if (shown->path.len % SHA256_LEN != 0 || proof.count > TREE_PROOF_MAX)
        return fail(err, STATUS_INVALID,
                    "the proof is not a list of at most %d hashes",
                    TREE_PROOF_MAX);
    if (shown->path.len > 0)
        memcpy(proof.hashes, shown->path.data, shown->path.len);
    receipt_leaf(&shown->id, &leaf);
    return tree_verify_inclusion(&leaf, shown->index, statement->count, &proof,
                                 &statement->root, err);
}

static Status check_proof(const struct receipt_shown *shown,
                          const struct statement *statement, struct error *err)
{
    if (statement->kind != STATEMENT_RECEIPT)
        return check_path(shown, statement, err);
    if (!hash_equal(&statement->assertion, &shown->id))
        return fail(err, STATUS_DENIED,
                    "the token is about another assertion");
    if (shown->index != 0 || shown->path.len != 0)
        return fail(err, STATUS_INVALID,
                    "a full receipt has no path, and its index is 0");
    return STATUS_OK;
}

static void check_statement(const struct receipt_shown *shown,
                            const struct statement *statement,
                            struct receipt_verdict *out)
{
    const struct token *token = statement->token;
    const bool is_issuer = shown->issuer.len == 0 ||
                           text_equal(shown->issuer, text_of(token->iss.text));
    const bool is_late = token->has_exp && shown->now_s > token->exp;
    struct error error = {0};
    set(out, CHECK_ISSUER, is_issuer ? STATUS_OK : STATUS_DENIED,
        is_issuer ? "" : "it is signed by somebody else");
    set_error(out, CHECK_SIGNATURE, statement->signature,
              &statement->signature_error);
    set(out, CHECK_TIME, is_late ? STATUS_DENIED : STATUS_OK,
        is_late ? "it has expired" : "");
    if (out->checks[CHECK_ASSERTION] != STATUS_OK)
        return;
    const Status status = check_proof(shown, statement, &error);
    set_error(out, CHECK_PROOF, status, &error);
}

void receipt_check(const struct receipt_shown *shown,
                   const struct statement *statement,
                   struct receipt_verdict *out)
{
    struct arena arena = {0};
    struct assertion assertion;
    struct error error = {0};
    for (int check = 0; check < RECEIPT_CHECKS; check++)
        set(out, (ReceiptCheck)check, STATUS_CANCELLED, "not checked");
    Status status = check_assertion(shown, &arena, &assertion, &error);
    set_error(out, CHECK_ASSERTION, status, &error);
    if (status == STATUS_OK) {
        status = assertion_check_result(&assertion, &error);
        set_error(out, CHECK_RESULT, status, &error);
    }
    set_error(out, CHECK_TOKEN, statement->form, &statement->form_error);
    if (statement->form == STATUS_OK)
        check_statement(shown, statement, out);
    out->holds = true;
    for (int check = RECEIPT_CHECKS; check-- > 0;)
        if (out->checks[check] != STATUS_OK) {
            out->holds = false;
            out->first_failed = (ReceiptCheck)check;
        }
    arena_deinit(&arena);
}
