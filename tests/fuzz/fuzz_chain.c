/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_chain.c - a stranger's invocation and its proof. The input is these two
 * tokens, behind the length of the first in two bytes; for a proof that is
 * neither, one is given all the same now and then. */
#include "ucan/chain.h"

#include "ucan/revocation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct given {
    Bytes tokens[2];
};

static Status find(void *context, const Cid *cid, struct arena *arena,
                   Bytes *out, struct error *err)
{
    const struct given *given = context;
    (void)arena;
    (void)err;
    for (size_t index = 0; index < 2; index++)
        if (cid_verify(cid, given->tokens[index], NULL) == STATUS_OK) {
            *out = given->tokens[index];
            return STATUS_OK;
        }
    // Not it, but something.
    *out = given->tokens[1];
    return cid->bytes[cid->len - 1] & 1 ? STATUS_OK : STATUS_NOT_FOUND;
}

static void check(struct token *invocation, struct given *given,
                  struct chain_cache *cache, struct store *store)
{
    struct chain_refusal refusal = {0};
    struct error err = {0};
    struct authorised *authorised;
    const struct chain_options options = {
        .now_s = 1767225600,
        .skew_s = 60,
        .proof = find,
        .proof_context = given,
        .cache = cache,
        .store = store,
    };
    const Status status =
        chain_authorise(invocation, &options, &authorised, &refusal, &err);
    ASSERT(status == STATUS_OK || status == STATUS_DENIED);
    if (status == STATUS_DENIED) {
        ASSERT(refusal.rule != CHAIN_OK && refusal.message[0] != '\0');
        token_free(invocation);
        return;
    }
    ASSERT(token_verify(invocation, NULL) == STATUS_OK);
    // Who is nobody's delegate acts for himself.
    if (authorised_link_count(authorised) == 0)
        ASSERT(did_equal(&invocation->iss, &invocation->sub));
    else
        ASSERT(
            did_equal(&authorised_link(authorised, 0)->iss, &invocation->sub));
    IGNORE(revocation_add(store, authorised, NULL)); // If it is one.
    authorised_free(authorised);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    const size_t rest = len - 2;
    size_t first = (size_t)data[0] << 8 | data[1];
    first = first < rest ? first : rest;
    struct given given = {
        {bytes_of(data + 2, first), bytes_of(data + 2 + first, rest - first)}};
    struct chain_cache *cache = chain_cache_new(1 << 16);
    struct store *store = store_open_memory();
    struct token *invocation;
    // Twice: what was cached and what was seen makes no second one right.
    for (int round = 0; round < 2; round++)
        if (token_read(given.tokens[0], NULL, &invocation, NULL) ==
            STATUS_OK) {
            if (invocation->kind == TOKEN_INVOCATION)
                check(invocation, &given, cache, store);
            else
                token_free(invocation);
        }
    chain_cache_free(cache);
    store_close(store);
    return 0;
}
