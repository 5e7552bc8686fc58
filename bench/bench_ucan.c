/* SPDX-License-Identifier: Apache-2.0 */
/* bench_ucan.c - what authority costs: signatures alone, an invocation with a
 * chain of three delegations (cold, and with its proofs known), a policy, a
 * container, a proof in a log of a million receipts. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench.h"
#include "crypto/tree.h"
#include "ipld/dag_json.h"
#include "ucan/chain.h"
#include "ucan/container.h"

enum {
    LINKS = 3,
    TRIES = 2000,
    LOG_LEAVES = 1 << 20,
    LOG_LEVELS = 21,
    CACHE_BYTES = 1 << 20,
};

static const int64_t now_s = 1800000000;

/* --- Signatures ---------------------------------------------------------- */

static void bench_signatures(KeyType type)
{
    struct secret_key *key = secret_key_new(type);
    struct samples sign = {0}, verify = {0};
    uint8_t message[300] = {0};
    Signature signature;
    struct error err = {0};
    char name[64];
    for (size_t index = 0; index < TRIES; index++) {
        message[0] = (uint8_t)index;
        uint64_t start_ns = clock_monotonic_ns();
        secret_key_sign(key, bytes_of(message, sizeof message), &signature);
        samples_add(&sign, clock_monotonic_ns() - start_ns);
        start_ns = clock_monotonic_ns();
        bench_check(public_key_verify(secret_key_public(key),
                                      bytes_of(message, sizeof message),
                                      &signature, &err),
                    &err);
        samples_add(&verify, clock_monotonic_ns() - start_ns);
    }
    snprintf(name, sizeof name, "sign_%s", key_type_name(type));
    bar_print_samples((struct bar){.name = name, .unit = "us"}, &sign);
    snprintf(name, sizeof name, "verify_%s", key_type_name(type));
    bar_print_samples((struct bar){.name = name, .unit = "us"}, &verify);
    secret_key_free(key);
}

/* --- A chain of three ---------------------------------------------------- */

struct chain {
    struct secret_key *keys[LINKS + 1];
    struct token *links[LINKS];
    struct token *invocation;
};

static Value json(const char *text, struct arena *arena)
{
    struct error err = {0};
    Value value;
    bench_check(
        dag_json_decode(text_bytes(text_of(text)), arena, &value, &err), &err);
    return value;
}

static struct token *mint(const struct token_claims *claims,
                          const struct secret_key *key)
{
    struct error err = {0};
    struct token *token;
    bench_check(token_mint(claims, key, NULL, &token, &err), &err);
    return token;
}

static void chain_make(struct chain *chain, struct arena *arena)
{
    const Value pol =
        json("[[\"==\",\".n\",1],[\"like\",\".name\",\"a*\"]]", arena);
    const Value args = json("{\"n\":1,\"name\":\"alice\"}", arena);
    Cid proofs[LINKS];
    Did dids[LINKS + 1];
    for (size_t index = 0; index <= LINKS; index++) {
        chain->keys[index] = secret_key_new(KEY_ED25519);
        did_of(secret_key_public(chain->keys[index]), &dids[index]);
    }
    for (size_t index = 0; index < LINKS; index++) {
        const struct token_claims claims = {
            .kind = TOKEN_DELEGATION,
            .aud = &dids[index + 1],
            .sub = &dids[0],
            .cmd = TEXT("/wasm"),
            .has_exp = true,
            .exp = now_s + 1000,
            .pol = &pol,
        };
        chain->links[index] = mint(&claims, chain->keys[index]);
        proofs[index] = chain->links[index]->cid;
    }
    const struct token_claims claims = {
        .kind = TOKEN_INVOCATION,
        .sub = &dids[0],
        .cmd = TEXT("/wasm/run"),
        .has_exp = true,
        .exp = now_s + 1000,
        .args = &args,
        .proofs = proofs,
        .proof_count = LINKS,
    };
    chain->invocation = mint(&claims, chain->keys[LINKS]);
}

static void chain_deinit(struct chain *chain)
{
    for (size_t index = 0; index <= LINKS; index++)
        secret_key_free(chain->keys[index]);
    for (size_t index = 0; index < LINKS; index++)
        token_free(chain->links[index]);
    token_free(chain->invocation);
}

static Status find_link(void *context, const Cid *cid, struct arena *arena,
                        Bytes *out, struct error *err)
{
    const struct chain *chain = context;
    (void)arena;
    for (size_t index = 0; index < LINKS; index++) {
        if (!cid_equal(&chain->links[index]->cid, cid))
            continue;
        *out = chain->links[index]->bytes;
        return STATUS_OK;
    }
    return fail(err, STATUS_NOT_FOUND, "no such proof");
}

/* From the invocation's bytes to the verdict. */
static void bench_chain(struct chain *chain, struct chain_cache *cache,
                        const struct bar *bar)
{
    struct samples samples = {0};
    struct chain_options options = {
        .now_s = now_s,
        .proof = find_link,
        .proof_context = chain,
        .cache = cache,
    };
    for (size_t index = 0; index < TRIES; index++) {
        struct chain_refusal refusal;
        struct authorised *authorised;
        struct token *invocation;
        struct error err = {0};
        const uint64_t start_ns = clock_monotonic_ns();
        bench_check(
            token_read(chain->invocation->bytes, NULL, &invocation, &err),
            &err);
        bench_check(
            chain_authorise(invocation, &options, &authorised, &refusal, &err),
            &err);
        samples_add(&samples, clock_monotonic_ns() - start_ns);
        authorised_free(authorised);
    }
    bar_print_samples(*bar, &samples);
}

/* --- Policies, containers ------------------------------------------------ */

static void bench_policy(const struct chain *chain)
{
    struct samples samples = {0};
    for (size_t index = 0; index < TRIES; index++) {
        const uint64_t start_ns = clock_monotonic_ns();
        for (size_t round = 0; round < 100; round++)
            if (policy_check(chain->links[0]->pol, chain->invocation->args,
                             NULL, NULL, NULL) != POLICY_TRUE)
                exit(1);
        samples_add(&samples, (clock_monotonic_ns() - start_ns) / 100);
    }
    bar_print_samples(
        (struct bar){.name = "policy_two_statements", .unit = "us"}, &samples);
}

static void bench_container(const struct chain *chain, ContainerForm form)
{
    struct samples samples = {0};
    struct buffer text;
    struct error err = {0};
    Bytes tokens[LINKS + 1];
    char name[64];
    for (size_t index = 0; index < LINKS; index++)
        tokens[index] = chain->links[index]->bytes;
    tokens[LINKS] = chain->invocation->bytes;
    buffer_init(&text, CONTAINER_BYTES_MAX);
    bench_check(container_write(form, tokens, LINKS + 1, &text, &err), &err);
    for (size_t index = 0; index < TRIES; index++) {
        struct arena arena = {0};
        Bytes *read;
        size_t count;
        const uint64_t start_ns = clock_monotonic_ns();
        bench_check(
            container_read(buffer_bytes(&text), &arena, &read, &count, &err),
            &err);
        samples_add(&samples, clock_monotonic_ns() - start_ns);
        arena_deinit(&arena);
    }
    buffer_deinit(&text);
    snprintf(name, sizeof name, "container_read_%c", (char)form);
    bar_print_samples((struct bar){.name = name, .unit = "us"}, &samples);
}

/* --- Trees --------------------------------------------------------------- */

static Hash *levels[LOG_LEVELS];

static Status node_of(void *context, unsigned level, uint64_t index, Hash *out,
                      struct error *err)
{
    (void)context, (void)err;
    *out = levels[level][index];
    return STATUS_OK;
}

static void bench_tree(void)
{
    struct samples samples = {0};
    struct tree_edge edge = {0};
    struct tree_proof proof;
    Hash root;
    levels[0] = heap_array(LOG_LEAVES, sizeof(Hash));
    const uint64_t start_ns = clock_monotonic_ns();
    for (uint32_t index = 0; index < LOG_LEAVES; index++) {
        tree_leaf(bytes_of(&index, sizeof index), &levels[0][index]);
        tree_append(&edge, &levels[0][index]);
    }
    const double append_us =
        (double)(clock_monotonic_ns() - start_ns) / 1e3 / LOG_LEAVES;
    bar_print(&(struct bar){
        .name = "tree_append", .unit = "us", .value = append_us, .target = 5});
    for (unsigned level = 1; level < LOG_LEVELS; level++) {
        levels[level] = heap_array((size_t)LOG_LEAVES >> level, sizeof(Hash));
        for (size_t index = 0; index < (size_t)LOG_LEAVES >> level; index++)
            tree_node(&levels[level - 1][2 * index],
                      &levels[level - 1][2 * index + 1],
                      &levels[level][index]);
    }
    tree_root(&edge, &root);
    for (uint64_t index = 0; index < TRIES; index++) {
        const uint64_t leaf = index * 7919 % LOG_LEAVES;
        struct error err = {0};
        const uint64_t from_ns = clock_monotonic_ns();
        bench_check(
            tree_inclusion(node_of, NULL, leaf, LOG_LEAVES, &proof, &err),
            &err);
        bench_check(tree_verify_inclusion(&levels[0][leaf], leaf, LOG_LEAVES,
                                          &proof, &root, &err),
                    &err);
        samples_add(&samples, clock_monotonic_ns() - from_ns);
    }
    bar_print_samples((struct bar){.name = "tree_prove_and_verify_1M",
                                   .unit = "us",
                                   .target = 50},
                      &samples);
    for (unsigned level = 0; level < LOG_LEVELS; level++)
        free(levels[level]);
}

int main(void)
{
    struct chain_cache *cache = chain_cache_new(CACHE_BYTES);
    struct arena arena = {0};
    struct chain chain;
    bench_signatures(KEY_ED25519);
    bench_signatures(KEY_P256);
    bench_signatures(KEY_SECP256K1);
    chain_make(&chain, &arena);
    // Targets are beside the arithmetic of signatures: see verify_Ed25519.
    bench_chain(&chain, NULL,
                &(struct bar){.name = "authorise_chain_of_3", .unit = "us"});
    bench_chain(
        &chain, cache,
        &(struct bar){.name = "authorise_chain_of_3_known", .unit = "us"});
    bench_policy(&chain);
    bench_container(&chain, CONTAINER_BASE64URL);
    bench_container(&chain, CONTAINER_GZIP_BASE64URL);
    bench_tree();
    chain_deinit(&chain);
    chain_cache_free(cache);
    arena_deinit(&arena);
    return 0;
}
