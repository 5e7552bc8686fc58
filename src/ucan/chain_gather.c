/* SPDX-License-Identifier: Apache-2.0 */
/* chain_gather.c - the proofs of an invocation, from where the caller keeps
 * them; those in the cache are not read again. Nothing is verified here, so all
 * of it is bounded: TOKEN_PROOFS_MAX look-ups, CHAIN_BYTES_MAX bytes decoded.
 */
#include <stdio.h>

#include "ucan/chain_parts.h"

struct gathering {
    struct check *check;
    struct arena arena;
    size_t bytes_left;
    /* Of the proof that is looked for now. */
    const Cid *cid;
    char field[32]; /* ".prf[2]" */
};

Status chain_proof_of_store(void *context, const Cid *cid, struct arena *arena,
                            Bytes *out, struct error *err)
{
    struct block *block;
    TRY(store_get(context, cid, &block, err));
    Status status = STATUS_OK;
    if (block_bytes(block).len > TOKEN_BYTES_MAX)
        status = fail(err, STATUS_LIMIT, "a block of %zu bytes is no token",
                      block_bytes(block).len);
    else
        *out = arena_copy_bytes(arena, block_bytes(block));
    block_unref(block);
    return status;
}

static Status refuse(const struct gathering *gathering, ChainRule rule,
                     const char *message)
{
    return chain_refuse(gathering->check, rule, gathering->cid,
                        gathering->field, "%s", message);
}

/* A token's CID, and not one that was before. */
static Status check_name(const struct gathering *gathering, size_t index)
{
    const Cid *proofs = gathering->check->invocation->proofs;
    Hash hash;
    if (!cid_sha256(gathering->cid, CODEC_DAG_CBOR, &hash))
        return refuse(gathering, CHAIN_INVALID_CLAIM,
                      "a proof is named by a dag-cbor CID with sha2-256");
    for (size_t before = 0; before < index; before++)
        if (cid_equal(&proofs[before], gathering->cid))
            return refuse(gathering, CHAIN_INVALID_CLAIM,
                          "this proof is in the chain twice");
    return STATUS_OK;
}

static Status read_proof(struct gathering *gathering, Bytes bytes,
                         struct proof **out)
{
    const struct token_options options = {
        .rc1_too = gathering->check->options->rc1_too};
    struct error inner = {0};
    struct token *token;
    Cid found;
    cid_of(CODEC_DAG_CBOR, bytes, &found);
    if (!cid_equal(&found, gathering->cid))
        return refuse(gathering, CHAIN_UNAVAILABLE_PROOF,
                      "the bytes given for this proof are not it");
    Status status = token_read(bytes, &options, &token, &inner);
    if (status == STATUS_DENIED)
        return refuse(gathering, CHAIN_INVALID_SIGNATURE, inner.message);
    if (status != STATUS_OK)
        return refuse(gathering, CHAIN_INVALID_CLAIM, inner.message);
    *out = proof_new(token);
    return STATUS_OK;
}

/* A verified one, if it may be used here. */
static struct proof *cached_proof(const struct gathering *gathering,
                                  Bytes bytes)
{
    const struct chain_options *options = gathering->check->options;
    if (!options->cache)
        return NULL;
    struct proof *proof = chain_cache_get(options->cache, gathering->cid);
    if (proof && bytes_equal(proof_token(proof)->bytes, bytes) &&
        (options->rc1_too || !proof_token(proof)->is_rc1))
        return proof;
    proof_unref(proof);
    return NULL;
}

/* What is cached has to be there all the same: whether a chain is complete does
 * not depend on what this process has seen before. */
static Status fetch_proof(struct gathering *gathering, struct proof **out,
                          bool *is_verified)
{
    const struct chain_options *options = gathering->check->options;
    Status status = STATUS_NOT_FOUND;
    Bytes bytes = {NULL, 0};
    if (options->proof)
        status =
            options->proof(options->proof_context, gathering->cid,
                           &gathering->arena, &bytes, gathering->check->err);
    if (status == STATUS_NOT_FOUND)
        return refuse(gathering, CHAIN_UNAVAILABLE_PROOF,
                      "this proof was not given and is not here");
    if (status == STATUS_LIMIT)
        return refuse(gathering, CHAIN_INVALID_CLAIM,
                      "this proof is longer than a token may be");
    TRY(status);
    if (bytes.len > gathering->bytes_left)
        return refuse(gathering, CHAIN_INVALID_CLAIM,
                      "the proofs have more than 1 MiB together");
    *out = cached_proof(gathering, bytes);
    *is_verified = *out != NULL;
    return *is_verified ? STATUS_OK : read_proof(gathering, bytes, out);
}

static Status gather_one(struct gathering *gathering, size_t index)
{
    struct check *check = gathering->check;
    gathering->cid = &check->invocation->proofs[index];
    snprintf(gathering->field, sizeof gathering->field, ".prf[%zu]", index);
    struct proof *proof = NULL;
    TRY(check_name(gathering, index));
    TRY(fetch_proof(gathering, &proof, &check->verified[index]));
    check->proofs[index] = proof;
    check->tokens[index] = proof_token(proof);
    check->count = index + 1;
    if (proof_token(proof)->kind != TOKEN_DELEGATION)
        return refuse(gathering, CHAIN_INVALID_CLAIM,
                      "this proof is an invocation, not a delegation");
    gathering->bytes_left -= proof_token(proof)->bytes.len;
    arena_reset(&gathering->arena);
    return STATUS_OK;
}

Status chain_gather(struct check *check)
{
    const struct token *invocation = check->invocation;
    struct gathering gathering = {.check = check,
                                  .bytes_left = CHAIN_BYTES_MAX};
    if (invocation->proof_count == 0 &&
        !did_equal(&invocation->iss, &invocation->sub))
        return chain_refuse(check, CHAIN_INVALID_CLAIM, &invocation->cid,
                            ".prf",
                            "there is no proof that its issuer may act for "
                            "its subject");
    Status status = STATUS_OK;
    for (size_t index = 0;
         index < invocation->proof_count && status == STATUS_OK; index++)
        status = gather_one(&gathering, index);
    check->tokens[check->count] = invocation;
    check->revoked = check->count + 1;
    arena_deinit(&gathering.arena);
    return status;
}
