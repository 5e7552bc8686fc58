/* SPDX-License-Identifier: Apache-2.0 */
/* gate_given.c - a container taken apart: one invocation, and what may be its
 * proofs. Nothing is believed here. */
#include "node/gate_parts.h"
#include "ucan/container.h"

/* Reads what stands at `index`; an invocation stays. */
static Status read_one(struct given *given, size_t index,
                       struct token **invocation,
                       struct chain_refusal *refusal, struct error *err)
{
    struct error inner = {0};
    struct token *token = NULL;
    const Status status =
        token_read(given->tokens[index], NULL, &token, &inner);
    if (status == STATUS_DENIED)
        return gate_refuse(refusal, err, CHAIN_INVALID_SIGNATURE, NULL, "[0]",
                           "token %zu: %.150s", index, inner.message);
    if (status != STATUS_OK)
        return fail(err, status, "token %zu: %.150s", index, inner.message);
    cid_of(CODEC_DAG_CBOR, given->tokens[index], &given->names[index]);
    if (token->kind == TOKEN_DELEGATION) {
        token_free(token); // The chain reads it when it is asked for.
        return STATUS_OK;
    }
    if (*invocation) {
        token_free(token);
        return fail(err, STATUS_INVALID,
                    "there are two invocations in the container");
    }
    *invocation = token;
    return STATUS_OK;
}

Status given_read(struct given *given, const struct gate *gate, Bytes bytes,
                  struct token **invocation, struct chain_refusal *refusal,
                  struct error *err)
{
    size_t count = 0;
    *given = (struct given){.store = gate->store};
    *invocation = NULL;
    TRY(container_read(bytes, &given->arena, &given->tokens, &count, err));
    if (count > TOKEN_PROOFS_MAX + 1)
        return fail(err, STATUS_LIMIT,
                    "%zu tokens in the container are more than %d", count,
                    TOKEN_PROOFS_MAX + 1);
    given->names = arena_array(&given->arena, count, sizeof *given->names);
    Status status = STATUS_OK;
    while (given->count < count && status == STATUS_OK) {
        status = read_one(given, given->count, invocation, refusal, err);
        given->count += status == STATUS_OK;
    }
    if (status == STATUS_OK && !*invocation)
        status = fail(err, STATUS_INVALID,
                      "there is no invocation in the container");
    if (status != STATUS_OK) {
        token_free(*invocation);
        *invocation = NULL;
    }
    return status;
}

void given_free(struct given *given)
{
    arena_deinit(&given->arena);
}

Status given_proof(void *context, const Cid *cid, struct arena *arena,
                   Bytes *out, struct error *err)
{
    const struct given *given = context;
    for (size_t index = 0; index < given->count; index++)
        if (cid_equal(&given->names[index], cid)) {
            *out = arena_copy_bytes(arena, given->tokens[index]);
            return STATUS_OK;
        }
    return chain_proof_of_store(given->store, cid, arena, out, err);
}
