/* SPDX-License-Identifier: Apache-2.0 */
/* verify_tokens.c - tokens, alone or in a container. Each invocation is taken
 * through its chain; a delegation that is nobody's proof here is looked at
 * alone: what it proves depends on an invocation. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/show_token.h"
#include "cli/verify.h"
#include "ucan/revocation.h"

struct tokens {
    struct verify *verify;
    const Bytes *given; /* all, also those that could not be read */
    Cid *names;         /* theirs: hashed once, not at each look-up */
    size_t given_count;
    struct token **tokens; /* owned, as they are */
    bool *is_proof;        /* of an invocation here */
    size_t count;
    const struct token *invocation; /* the one that is checked now */
};

static const char *words_of(ChainRule rule)
{
    static const char *const words[] = {
        [CHAIN_INVALID_CLAIM] = "shape",
        [CHAIN_UNAVAILABLE_PROOF] = "proofs",
        [CHAIN_EXPIRED] = "not expired",
        [CHAIN_TOO_EARLY] = "not too early",
        [CHAIN_INVALID_AUDIENCE] = "audience",
        [CHAIN_INVALID_SUBJECT] = "subject",
        [CHAIN_INVALID_SIGNATURE] = "signature",
        [CHAIN_INVALID_COMMAND] = "command",
        [CHAIN_MATCH_ERROR] = "policy",
        [CHAIN_REVOKED] = "not revoked",
        [CHAIN_REPLAYED] = "not seen before",
    };
    return words[rule];
}

/* "proof 2 of 3" or "invocation". */
static void name_of(const struct tokens *tokens, const Cid *cid, char out[40])
{
    const struct token *invocation = tokens->invocation;
    snprintf(out, 40, "invocation");
    for (size_t index = 0; index < invocation->proof_count; index++)
        if (cid_equal(&invocation->proofs[index], cid))
            snprintf(out, 40, "proof %zu of %zu", index + 1,
                     invocation->proof_count);
}

static void note_held(void *context, size_t index, const struct token *token,
                      ChainRule rule)
{
    const struct tokens *tokens = context;
    char name[40];
    (void)index;
    name_of(tokens, &token->cid, name);
    verify_note(tokens->verify, name, &token->cid, words_of(rule), true, "%s",
                "");
}

/* Among the tokens here, then in the store. */
static Status find_proof(void *context, const Cid *cid, struct arena *arena,
                         Bytes *out, struct error *err)
{
    const struct tokens *tokens = context;
    for (size_t index = 0; index < tokens->given_count; index++)
        if (cid_equal(cid, &tokens->names[index])) {
            *out = tokens->given[index];
            return STATUS_OK;
        }
    if (!tokens->verify->store)
        return STATUS_NOT_FOUND;
    return chain_proof_of_store(tokens->verify->store, cid, arena, out, err);
}

/* Takes the token over if it is authorised. */
static Status check_invocation(struct tokens *tokens, size_t index,
                               struct error *err)
{
    struct verify *verify = tokens->verify;
    struct chain_refusal refusal = {0};
    struct authorised *authorised;
    char name[40];
    const struct chain_options options = {
        .now_s = verify->now_s,
        .audience = verify->audience,
        .proof = find_proof,
        .proof_context = tokens,
        .store = verify->store,
        .replay_is_ok = true,
        .rc1_too = verify->rc1_too,
        .held = note_held,
        .held_context = tokens,
    };
    struct error inner = {0};
    tokens->invocation = tokens->tokens[index];
    Status status = chain_authorise(tokens->tokens[index], &options,
                                    &authorised, &refusal, &inner);
    if (status == STATUS_OK) {
        tokens->tokens[index] = NULL;
        authorised_free(authorised);
        return STATUS_OK;
    }
    if (refusal.rule == CHAIN_OK) {
        if (err)
            *err = inner;
        return status;
    }
    name_of(tokens, &refusal.token, name);
    verify_note(verify, name, &refusal.token, words_of(refusal.rule), false,
                "%s: %s%s%s", chain_rule_name(refusal.rule), refusal.message,
                refusal.field[0] ? ", at " : "", refusal.field);
    return STATUS_OK;
}

static Status check_delegation(struct verify *verify,
                               const struct token *token, struct error *err)
{
    const char what[] = "delegation";
    size_t which;
    const bool is_signed = token_verify(token, NULL) == STATUS_OK;
    verify_note(verify, what, &token->cid, "signature", is_signed, "%s",
                is_signed ? "" : "InvalidSignature: not that of .iss");
    if (token->has_nbf) {
        const bool is_on = verify->now_s >= token->nbf;
        verify_note(verify, what, &token->cid, "not too early", is_on, "%s",
                    is_on ? "" : "TooEarly: .nbf is later than now");
    }
    const bool is_live = !token->has_exp || verify->now_s <= token->exp;
    verify_note(verify, what, &token->cid, "not expired", is_live, "%s",
                is_live ? "" : "Expired: .exp is earlier than now");
    if (!verify->store)
        return STATUS_OK;
    Status status = revocation_check(verify->store, &token, 1, &which, err);
    if (status != STATUS_OK && status != STATUS_DENIED)
        return status;
    verify_note(verify, what, &token->cid, "not revoked", status == STATUS_OK,
                "%s", status == STATUS_OK ? "" : "Revoked: by its own issuer");
    return STATUS_OK;
}

static void mark_proofs(struct tokens *tokens, const struct token *invocation)
{
    for (size_t proof = 0; proof < invocation->proof_count; proof++)
        for (size_t index = 0; index < tokens->count; index++)
            if (cid_equal(&tokens->tokens[index]->cid,
                          &invocation->proofs[proof]))
                tokens->is_proof[index] = true;
}

static Status check_tokens(struct tokens *tokens, struct error *err)
{
    Status status = STATUS_OK;
    for (size_t index = 0; index < tokens->count; index++)
        if (tokens->tokens[index]->kind == TOKEN_INVOCATION)
            mark_proofs(tokens, tokens->tokens[index]);
    for (size_t index = 0; index < tokens->count && status == STATUS_OK;
         index++)
        if (tokens->tokens[index]->kind == TOKEN_DELEGATION &&
            !tokens->is_proof[index])
            status =
                check_delegation(tokens->verify, tokens->tokens[index], err);
    for (size_t index = 0; index < tokens->count && status == STATUS_OK;
         index++)
        if (tokens->tokens[index] &&
            tokens->tokens[index]->kind == TOKEN_INVOCATION)
            status = check_invocation(tokens, index, err);
    return status;
}

/* Reads them all; those that cannot be read have a line that says so. */
static Status verify_all(struct verify *verify, const Bytes *bytes,
                         size_t count, struct error *err)
{
    const struct token_options options = {.rc1_too = verify->rc1_too};
    struct tokens tokens = {
        .verify = verify,
        .given = bytes,
        .names = heap_array(count, sizeof(Cid)),
        .given_count = count,
        .tokens = heap_array(count, sizeof(struct token *)),
        .is_proof = heap_array(count, sizeof(bool)),
    };
    for (size_t index = 0; index < count; index++) {
        struct error inner = {0};
        struct token *token;
        cid_of(CODEC_DAG_CBOR, bytes[index], &tokens.names[index]);
        if (token_read(bytes[index], &options, &token, &inner) == STATUS_OK) {
            tokens.tokens[tokens.count++] = token;
            continue;
        }
        verify_note(verify, "token", &tokens.names[index], "well-formed",
                    false, "%s", inner.message);
    }
    Status status = check_tokens(&tokens, err);
    for (size_t index = 0; index < tokens.count; index++)
        token_free(tokens.tokens[index]);
    free(tokens.names);
    free(tokens.tokens);
    free(tokens.is_proof);
    return status;
}

Status verify_tokens(struct verify *verify, Bytes bytes, struct error *err)
{
    struct arena arena = {0};
    Bytes *tokens;
    size_t count;
    Status status = tokens_in(bytes, &arena, &tokens, &count, err);
    if (status == STATUS_OK && count == 0)
        status = fail(err, STATUS_INVALID,
                      "the container is empty: there is nothing to verify");
    if (status == STATUS_OK)
        status = verify_all(verify, tokens, count, err);
    arena_deinit(&arena);
    return status;
}
