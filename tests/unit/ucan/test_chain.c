/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: the public cases of invocations, and ours as data
 * (tests/vectors/ucan/chain.json), then what data cannot say. */
#include "unit/ucan/actors.h"

#include "ucan/revocation.h"
#include "unit/ucan/vectors.h"

static const char own[] = "tests/vectors/ucan/chain.json";

enum { TIME = 1767225600, CACHE_BYTES = 1 << 20 };

/* --- Cases as data ------------------------------------------------------- */

struct given {
    const Value *proofs; /* a list of bytes */
};

static Status find_given(void *context, const Cid *cid, struct arena *arena,
                         Bytes *out, struct error *err)
{
    const struct given *given = context;
    (void)err;
    for (size_t index = 0; index < given->proofs->list.count; index++) {
        const Bytes bytes = given->proofs->list.items[index].bytes;
        if (cid_verify(cid, bytes, NULL) == STATUS_OK) {
            *out = arena_copy_bytes(arena, bytes);
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

/* Promises, as the vectors write them. */
static bool is_promise(void *context, const Value *value)
{
    (void)context;
    return value->kind == VALUE_MAP && value->map.count == 1 &&
           text_starts_with(value->map.entries[0].key, TEXT("await/"));
}

/* The rule that the invocation breaks; what may be revoked is. */
static const char *outcome(Bytes bytes, const struct chain_options *options)
{
    struct error err = {0};
    struct chain_refusal refusal = {0};
    struct authorised *authorised;
    struct token *invocation;
    const Bytes exact = exact_copy(bytes);
    Status status = token_read(exact, NULL, &invocation, &err);
    exact_free(exact);
    if (status == STATUS_DENIED)
        return chain_rule_name(CHAIN_INVALID_SIGNATURE);
    if (status != STATUS_OK)
        fail_msg("%s", err.message);
    status = chain_authorise(invocation, options, &authorised, &refusal, &err);
    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_DENIED);
        assert_non_null(strstr(err.message, chain_rule_name(refusal.rule)));
        token_free(invocation);
        return chain_rule_name(refusal.rule);
    }
    if (text_equal(invocation->cmd, TEXT("/ucan/revoke")))
        assert_int_equal(revocation_add(options->store, authorised, &err),
                         STATUS_OK);
    authorised_free(authorised);
    return chain_rule_name(CHAIN_OK);
}

static void check_public(const Value *rows, struct chain_cache *cache)
{
    for (size_t index = 0; index < rows->list.count; index++) {
        const Value *row = &rows->list.items[index];
        const Value *error = value_get(row, TEXT("error"));
        struct given given = {vectors_at(row, "proofs")};
        const struct chain_options options = {
            .now_s = (int64_t)vectors_at(row, "time")->magnitude,
            .proof = find_given,
            .proof_context = &given,
            .cache = cache,
        };
        const char *found =
            outcome(vectors_at(row, "invocation")->bytes, &options);
        const Text expected =
            error ? vectors_at(error, "name")->text : TEXT("OK");
        if (!text_equal(text_of(found), expected))
            fail_msg("%.*s: %s, not %.*s",
                     TEXT_ARG(vectors_at(row, "name")->text), found,
                     TEXT_ARG(expected));
    }
}

static void public_invocations_come_out_as_they_should(void **state)
{
    (void)state;
    struct arena arena = {0};
    Value file;
    vectors_read_public("invocation.json", &arena, &file);
    struct chain_cache *cache = chain_cache_new(CACHE_BYTES);
    // The second time from the cache.
    for (int round = 0; round < 2; round++) {
        check_public(vectors_at(&file, "invalid"), cache);
        check_public(vectors_at(&file, "valid"), cache);
    }
    assert_int_equal(vectors_at(&file, "invalid")->list.count +
                         vectors_at(&file, "valid")->list.count,
                     20);
    chain_cache_free(cache);
    arena_deinit(&arena);
}

static void check_row(const Value *row, struct chain_cache *cache)
{
    struct given given = {vectors_at(row, "proofs")};
    const Value *skew = value_get(row, TEXT("skew"));
    const Value *name = value_get(row, TEXT("audience"));
    const Value *steps = vectors_at(row, "steps");
    Did audience;
    const struct chain_options options = {
        .now_s = (int64_t)vectors_at(row, "time")->magnitude,
        .skew_s = skew ? (int64_t)skew->magnitude : 0,
        .audience = name ? &audience : NULL,
        .proof = find_given,
        .proof_context = &given,
        .unknown = is_promise,
        .store = store_open_memory(),
        .cache = cache,
    };
    if (name)
        assert_int_equal(did_read(name->text, &audience, NULL, NULL),
                         STATUS_OK);
    for (size_t index = 0; index < steps->list.count; index++) {
        const Value *step = &steps->list.items[index];
        const Text expected = vectors_at(step, "result")->text;
        const char *found =
            outcome(vectors_at(step, "invocation")->bytes, &options);
        if (!text_equal(text_of(found), expected))
            fail_msg("%.*s, step %zu: %s, not %.*s",
                     TEXT_ARG(vectors_at(row, "title")->text), index, found,
                     TEXT_ARG(expected));
    }
    store_close(options.store);
}

static void own_chains_come_out_as_they_should(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct chain_cache *cache = chain_cache_new(CACHE_BYTES);
    Value file;
    assert_true(vectors_read(own, &arena, &file));
    const Value *rows = vectors_at(&file, "chains");
    for (size_t index = 0; index < rows->list.count; index++) {
        check_row(&rows->list.items[index], NULL);
        check_row(&rows->list.items[index], cache);
        check_row(&rows->list.items[index], cache);
    }
    chain_cache_free(cache);
    arena_deinit(&arena);
}

/* --- A chain of our own -------------------------------------------------- */

struct scene {
    struct actor alice, bob, carol, mallory, pat;
    struct bag bag;
    struct token *root, *next; /* alice → bob → carol, in the bag */
    struct chain_options options;
    struct chain_refusal refusal;
    struct error err;
};

static struct token *delegate(const struct actor *from, const struct actor *to,
                              const Did *sub, const Value *pol)
{
    return mint(from, (struct token_claims){.kind = TOKEN_DELEGATION,
                                            .aud = &to->did,
                                            .sub = sub,
                                            .cmd = TEXT("/wasm"),
                                            .pol = pol});
}

static struct token *invoke(const struct scene *scene, const Value *args)
{
    const Cid proofs[] = {scene->root->cid, scene->next->cid};
    return mint(&scene->carol, (struct token_claims){.kind = TOKEN_INVOCATION,
                                                     .sub = &scene->alice.did,
                                                     .cmd = TEXT("/wasm/run"),
                                                     .args = args,
                                                     .proofs = proofs,
                                                     .proof_count = 2});
}

static void scene_begin(struct scene *scene, const Value *pol)
{
    *scene = (struct scene){
        .alice = actor_new(KEY_ED25519, 1),
        .bob = actor_new(KEY_SECP256K1, 2),
        .carol = actor_new(KEY_P256, 3),
        .mallory = actor_new(KEY_ED25519, 5),
        .pat = actor_new(KEY_P256, 6),
    };
    scene->options = (struct chain_options){
        .now_s = TIME, .proof = bag_find, .proof_context = &scene->bag};
    scene->root = bag_add(&scene->bag, delegate(&scene->alice, &scene->bob,
                                                &scene->alice.did, pol));
    scene->next = bag_add(&scene->bag, delegate(&scene->bob, &scene->carol,
                                                &scene->alice.did, NULL));
}

static void scene_end(struct scene *scene)
{
    bag_empty(&scene->bag);
    store_close(scene->options.store);
    chain_cache_free(scene->options.cache);
    secret_key_free(scene->alice.key);
    secret_key_free(scene->bob.key);
    secret_key_free(scene->carol.key);
    secret_key_free(scene->mallory.key);
    secret_key_free(scene->pat.key);
}

static Status authorise(struct scene *scene, struct token *invocation,
                        struct authorised **out)
{
    return chain_authorise(invocation, &scene->options, out, &scene->refusal,
                           &scene->err);
}

static void what_is_cached_is_not_read_again(void **state)
{
    (void)state;
    struct scene scene;
    struct authorised *first, *second;
    scene_begin(&scene, NULL);
    scene.options.cache = chain_cache_new(CACHE_BYTES);
    assert_int_equal(authorise(&scene, invoke(&scene, NULL), &first),
                     STATUS_OK);
    assert_int_equal(authorise(&scene, invoke(&scene, NULL), &second),
                     STATUS_OK);
    assert_ptr_equal(authorised_link(first, 0), authorised_link(second, 0));
    // What is authorised outlives the cache.
    chain_cache_free(scene.options.cache);
    scene.options.cache = NULL;
    assert_int_equal(authorised_link_count(second), 2);
    assert_true(cid_equal(&authorised_link(second, 1)->cid, &scene.next->cid));
    authorised_free(first);
    authorised_free(second);
    scene_end(&scene);
}

static void a_full_cache_forgets_the_least_recently_used(void **state)
{
    (void)state;
    struct scene scene;
    struct authorised *first, *second;
    scene_begin(&scene, NULL);
    // Enough for one of the two links.
    scene.options.cache = chain_cache_new(scene.root->arena.total +
                                          sizeof(struct token) * 3 / 2);
    assert_int_equal(authorise(&scene, invoke(&scene, NULL), &first),
                     STATUS_OK);
    assert_int_equal(authorise(&scene, invoke(&scene, NULL), &second),
                     STATUS_OK);
    assert_ptr_not_equal(authorised_link(first, 0),
                         authorised_link(second, 0));
    authorised_free(first);
    authorised_free(second);
    scene_end(&scene);
}

static void a_forged_link_is_never_cached(void **state)
{
    (void)state;
    struct scene scene;
    struct authorised *authorised;
    struct token *forged;
    scene_begin(&scene, NULL);
    scene.options.cache = chain_cache_new(CACHE_BYTES);
    uint8_t bytes[2048];
    memcpy(bytes, scene.root->bytes.data, scene.root->bytes.len);
    bytes[10] ^= 1; // In the signature.
    assert_int_equal(token_read(bytes_of(bytes, scene.root->bytes.len), NULL,
                                &forged, NULL),
                     STATUS_OK);
    scene.root = bag_add(&scene.bag, forged);
    for (int round = 0; round < 2; round++) {
        struct token *invocation = invoke(&scene, NULL);
        assert_int_equal(authorise(&scene, invocation, &authorised),
                         STATUS_DENIED);
        assert_int_equal(scene.refusal.rule, CHAIN_INVALID_SIGNATURE);
        assert_true(cid_equal(&scene.refusal.token, &forged->cid));
        token_free(invocation);
    }
    scene_end(&scene);
}

static Status lie(void *context, const Cid *cid, struct arena *arena,
                  Bytes *out, struct error *err)
{
    const struct scene *scene = context;
    (void)cid;
    (void)arena;
    (void)err;
    *out = scene->next->bytes;
    return STATUS_OK;
}

static void bytes_that_are_not_the_proof_are_no_proof(void **state)
{
    (void)state;
    struct scene scene;
    struct authorised *authorised;
    scene_begin(&scene, NULL);
    scene.options.cache = chain_cache_new(CACHE_BYTES);
    for (int round = 0; round < 2; round++) {
        scene.options.proof = lie;
        scene.options.proof_context = &scene;
        struct token *invocation = invoke(&scene, NULL);
        assert_int_equal(authorise(&scene, invocation, &authorised),
                         STATUS_DENIED);
        assert_int_equal(scene.refusal.rule, CHAIN_UNAVAILABLE_PROOF);
        assert_string_equal(scene.refusal.field, ".prf[0]");
        // Once more when the right ones are cached.
        scene.options.proof = bag_find;
        scene.options.proof_context = &scene.bag;
        assert_int_equal(authorise(&scene, invocation, &authorised),
                         STATUS_OK);
        authorised_free(authorised);
    }
    scene_end(&scene);
}

static Status fail_to_look(void *context, const Cid *cid, struct arena *arena,
                           Bytes *out, struct error *err)
{
    (void)context;
    (void)cid;
    (void)arena;
    (void)out;
    (void)err;
    return STATUS_IO;
}

static void trouble_of_the_source_is_no_refusal(void **state)
{
    (void)state;
    struct scene scene;
    struct authorised *authorised;
    scene_begin(&scene, NULL);
    scene.options.proof = fail_to_look;
    struct token *invocation = invoke(&scene, NULL);
    assert_int_equal(authorise(&scene, invocation, &authorised), STATUS_IO);
    assert_int_equal(scene.refusal.rule, CHAIN_OK);
    token_free(invocation);
    scene_end(&scene);
}

static Value args_of(struct arena *arena, const char *text)
{
    Value value;
    assert_int_equal(
        dag_json_decode(text_bytes(text_of(text)), arena, &value, NULL),
        STATUS_OK);
    return value;
}

static void promises_pass_until_they_are_known(void **state)
{
    (void)state;
    struct scene scene;
    struct arena arena = {0};
    struct authorised *authorised;
    const Value pol = args_of(&arena, "[[\"<\",\".n\",10]]");
    const Value promised = args_of(&arena, "{\"n\":{\"await/ok\":1}}");
    const Value small = args_of(&arena, "{\"n\":9}");
    const Value big = args_of(&arena, "{\"n\":10}");
    scene_begin(&scene, &pol);
    struct token *invocation = invoke(&scene, &promised);
    // Whoever does not know of promises sees a map, which is not less.
    assert_int_equal(authorise(&scene, invocation, &authorised),
                     STATUS_DENIED);
    assert_string_equal(scene.refusal.field, ".pol[0]");
    scene.options.unknown = is_promise;
    assert_int_equal(authorise(&scene, invocation, &authorised), STATUS_OK);

    const Text run = TEXT("/wasm/run");
    assert_int_equal(chain_recheck(authorised, run, &small, &scene.options,
                                   &scene.refusal, &scene.err),
                     STATUS_OK);
    assert_int_equal(chain_recheck(authorised, run, &big, &scene.options,
                                   &scene.refusal, &scene.err),
                     STATUS_DENIED);
    assert_int_equal(scene.refusal.rule, CHAIN_MATCH_ERROR);
    assert_int_equal(chain_recheck(authorised, TEXT("/wasmer"), &small,
                                   &scene.options, &scene.refusal, &scene.err),
                     STATUS_DENIED);
    assert_int_equal(scene.refusal.rule, CHAIN_INVALID_COMMAND);
    // Time does not count again.
    scene.options.now_s = INT64_MAX / 2;
    assert_int_equal(chain_recheck(authorised, run, &small, &scene.options,
                                   &scene.refusal, &scene.err),
                     STATUS_OK);
    authorised_free(authorised);
    arena_deinit(&arena);
    scene_end(&scene);
}

static void revoke(struct scene *scene, const struct actor *by,
                   const struct token *token)
{
    struct arena arena = {0};
    struct authorised *authorised;
    const Value args =
        value_map1(&arena, TEXT("rev"), value_link(&token->cid));
    struct token *revocation =
        mint(by, (struct token_claims){.kind = TOKEN_INVOCATION,
                                       .sub = &by->did,
                                       .cmd = TEXT("/ucan/revoke"),
                                       .args = &args});
    assert_int_equal(authorise(scene, revocation, &authorised), STATUS_OK);
    assert_int_equal(
        revocation_add(scene->options.store, authorised, &scene->err),
        STATUS_OK);
    authorised_free(authorised);
    arena_deinit(&arena);
}

static void what_is_revoked_meanwhile_is_refused_when_checked_again(
    void **state)
{
    (void)state;
    struct scene scene;
    struct arena arena = {0};
    struct authorised *authorised;
    const Value args = args_of(&arena, "{}");
    scene_begin(&scene, NULL);
    scene.options.store = store_open_memory();
    scene.options.cache = chain_cache_new(CACHE_BYTES);
    assert_int_equal(authorise(&scene, invoke(&scene, NULL), &authorised),
                     STATUS_OK);
    revoke(&scene, &scene.mallory, scene.next);
    assert_int_equal(chain_recheck(authorised, TEXT("/wasm/run"), &args,
                                   &scene.options, &scene.refusal, &scene.err),
                     STATUS_OK);
    revoke(&scene, &scene.alice, scene.next);
    assert_int_equal(chain_recheck(authorised, TEXT("/wasm/run"), &args,
                                   &scene.options, &scene.refusal, &scene.err),
                     STATUS_DENIED);
    assert_int_equal(scene.refusal.rule, CHAIN_REVOKED);
    assert_true(cid_equal(&scene.refusal.token, &scene.next->cid));
    authorised_free(authorised);
    arena_deinit(&arena);
    scene_end(&scene);
}

/* The issuer signs the same payload twice: P-256 here has another signature
 * each time, and that is no twin by arithmetic. */
static struct token *sign_again(const struct actor *actor,
                                const struct token *token)
{
    const Bytes nonce = token->nonce;
    return mint(actor, (struct token_claims){.kind = token->kind,
                                             .aud = &token->aud,
                                             .sub = &token->sub,
                                             .cmd = token->cmd,
                                             .nonce = nonce});
}

static void a_payload_is_revoked_once_its_token_was_met(void **state)
{
    (void)state;
    struct scene scene;
    struct authorised *authorised;
    scene_begin(&scene, NULL);
    scene.options.store = store_open_memory();
    struct token *revoked = bag_add(
        &scene.bag, delegate(&scene.pat, &scene.carol, &scene.pat.did, NULL));
    struct token *again = bag_add(&scene.bag, sign_again(&scene.pat, revoked));
    assert_false(cid_equal(&revoked->cid, &again->cid));
    assert_true(cid_equal(&revoked->payload, &again->payload));
    revoke(&scene, &scene.pat, revoked);

    // Unknown here, so only that CID; then met in a chain, so both.
    const struct token *order[] = {again, revoked, again};
    const Status expected[] = {STATUS_OK, STATUS_DENIED, STATUS_DENIED};
    for (size_t index = 0; index < 3; index++) {
        struct token *invocation = mint(
            &scene.carol, (struct token_claims){.kind = TOKEN_INVOCATION,
                                                .sub = &scene.pat.did,
                                                .cmd = TEXT("/wasm"),
                                                .proofs = &order[index]->cid,
                                                .proof_count = 1});
        const Status status = authorise(&scene, invocation, &authorised);
        assert_int_equal(status, expected[index]);
        if (status == STATUS_OK) {
            authorised_free(authorised);
        } else {
            assert_int_equal(scene.refusal.rule, CHAIN_REVOKED);
            token_free(invocation);
        }
    }
    scene_end(&scene);
}

static void a_payload_is_revoked_at_once_if_the_store_has_its_token(
    void **state)
{
    (void)state;
    struct scene scene;
    struct authorised *authorised;
    scene_begin(&scene, NULL);
    scene.options.store = store_open_memory();
    struct token *revoked =
        delegate(&scene.pat, &scene.carol, &scene.pat.did, NULL);
    struct token *again = bag_add(&scene.bag, sign_again(&scene.pat, revoked));
    struct store_batch *batch = store_batch_new(scene.options.store);
    store_batch_block(batch, &revoked->cid, revoked->bytes);
    assert_int_equal(store_commit(batch, NULL), STATUS_OK);
    store_batch_free(batch);
    revoke(&scene, &scene.pat, revoked);
    struct token *invocation =
        mint(&scene.carol, (struct token_claims){.kind = TOKEN_INVOCATION,
                                                 .sub = &scene.pat.did,
                                                 .cmd = TEXT("/wasm"),
                                                 .proofs = &again->cid,
                                                 .proof_count = 1});
    assert_int_equal(authorise(&scene, invocation, &authorised),
                     STATUS_DENIED);
    assert_int_equal(scene.refusal.rule, CHAIN_REVOKED);
    token_free(invocation);
    token_free(revoked);
    scene_end(&scene);
}

static void revocations_must_say_what_is_revoked(void **state)
{
    (void)state;
    static const struct {
        const char *cmd, *args;
    } rows[] = {
        {"/ucan/revoke", "{}"},
        {"/ucan/revoke", "{\"rev\":\"bafy\"}"},
        // Raw, and identity.
        {"/ucan/revoke",
         "{\"rev\":{\"/\":\"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevt"
         "enxquvyku\"}}"},
        {"/ucan/revoke", "{\"rev\":{\"/\":\"bafyqaaa\"}}"},
        {"/ucan/revoke",
         "{\"a\":1,\"rev\":{\"/\":\"bafyreidykglsfhoixmivffc5uwhcgshx4j465xwqn"
         "tbmu43nb2dzqwfvae\"}}"},
        {"/ucan/revoke/it",
         "{\"rev\":{\"/\":\"bafyreidykglsfhoixmivffc5uwhcgshx4j465xwqntbmu43nb"
         "2dzqwfvae\"}}"},
    };
    struct scene scene;
    struct arena arena = {0};
    scene_begin(&scene, NULL);
    scene.options.store = store_open_memory();
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct authorised *authorised;
        const Value args = args_of(&arena, rows[index].args);
        struct token *token =
            mint(&scene.alice,
                 (struct token_claims){.kind = TOKEN_INVOCATION,
                                       .sub = &scene.alice.did,
                                       .cmd = text_of(rows[index].cmd),
                                       .args = &args});
        assert_int_equal(authorise(&scene, token, &authorised), STATUS_OK);
        assert_int_equal(
            revocation_add(scene.options.store, authorised, &scene.err),
            STATUS_INVALID);
        authorised_free(authorised);
    }
    arena_deinit(&arena);
    scene_end(&scene);
}

static bool count_revocation(void *context, const Cid *revoked, const Did *by,
                             int64_t at_s, Bytes token)
{
    struct token *read;
    (void)revoked;
    assert_int_equal(token_read(token, NULL, &read, NULL), STATUS_OK);
    assert_true(did_equal(&read->sub, by));
    assert_true(at_s > TIME - 366 * 86400);
    token_free(read);
    ++*(size_t *)context;
    return true;
}

static void revocations_are_kept_with_who_made_them(void **state)
{
    (void)state;
    struct scene scene;
    size_t count = 0;
    scene_begin(&scene, NULL);
    scene.options.store = store_open_memory();
    revoke(&scene, &scene.alice, scene.root);
    revoke(&scene, &scene.mallory, scene.root);
    revoke(&scene, &scene.alice, scene.root); // Once more changes nothing.
    assert_int_equal(
        revocation_each(scene.options.store, count_revocation, &count, NULL),
        STATUS_OK);
    assert_int_equal(count, 2);
    scene_end(&scene);
}

static bool take(struct store *store, const struct actor *actor, uint8_t nonce,
                 int64_t exp, int64_t now_s)
{
    bool is_new;
    struct token *token =
        mint(actor, (struct token_claims){.kind = TOKEN_INVOCATION,
                                          .sub = &actor->did,
                                          .cmd = TEXT("/a"),
                                          .nonce = bytes_of(&nonce, 1),
                                          .has_exp = exp != 0,
                                          .exp = exp});
    assert_int_equal(replay_take(store, token, now_s, &is_new, NULL),
                     STATUS_OK);
    token_free(token);
    return is_new;
}

static void invocations_are_forgotten_well_after_they_expire(void **state)
{
    (void)state;
    struct actor alice = actor_new(KEY_ED25519, 1);
    struct store *store = store_open_memory();
    const int64_t late = TIME + REPLAY_KEEP_S;
    assert_true(take(store, &alice, 1, TIME, TIME));
    assert_true(take(store, &alice, 2, 0, TIME));
    assert_true(take(store, &alice, 3, TIME + 1, TIME));
    assert_true(take(store, &alice, 4, -5, TIME));
    // At the last second that could matter it is still known.
    assert_true(take(store, &alice, 5, late + 9, late));
    assert_false(take(store, &alice, 1, TIME, late));
    // A second later it is gone, and what never expires never is.
    assert_true(take(store, &alice, 6, late + 9, late + 1));
    assert_true(take(store, &alice, 1, TIME, late + 1));
    assert_false(take(store, &alice, 2, 0, late + 1));
    assert_false(take(store, &alice, 3, TIME + 1, late + 1));
    store_close(store);
    secret_key_free(alice.key);
}

static void proofs_are_bounded_together(void **state)
{
    (void)state;
    struct scene scene;
    struct arena arena = {0};
    struct authorised *authorised;
    Cid proofs[4];
    static char big[300 << 10];
    memset(big, 'x', sizeof big);
    scene_begin(&scene, NULL);
    const Value meta =
        value_map1(&arena, TEXT("x"), value_text((Text){big, sizeof big}));
    for (size_t index = 0; index < 4; index++) {
        struct token *token =
            mint(&scene.alice, (struct token_claims){.kind = TOKEN_DELEGATION,
                                                     .aud = &scene.alice.did,
                                                     .sub = &scene.alice.did,
                                                     .cmd = TEXT("/"),
                                                     .meta = &meta});
        proofs[index] = bag_add(&scene.bag, token)->cid;
    }
    for (size_t count = 3; count <= 4; count++) {
        struct token *invocation =
            mint(&scene.alice, (struct token_claims){.kind = TOKEN_INVOCATION,
                                                     .sub = &scene.alice.did,
                                                     .cmd = TEXT("/a"),
                                                     .proofs = proofs,
                                                     .proof_count = count});
        const Status status = authorise(&scene, invocation, &authorised);
        assert_int_equal(status, count == 3 ? STATUS_OK : STATUS_DENIED);
        if (status == STATUS_OK) {
            authorised_free(authorised);
        } else {
            assert_int_equal(scene.refusal.rule, CHAIN_INVALID_CLAIM);
            assert_string_equal(scene.refusal.field, ".prf[3]");
            token_free(invocation);
        }
    }
    arena_deinit(&arena);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_invocations_come_out_as_they_should),
        cmocka_unit_test(own_chains_come_out_as_they_should),
        cmocka_unit_test(what_is_cached_is_not_read_again),
        cmocka_unit_test(a_full_cache_forgets_the_least_recently_used),
        cmocka_unit_test(a_forged_link_is_never_cached),
        cmocka_unit_test(bytes_that_are_not_the_proof_are_no_proof),
        cmocka_unit_test(trouble_of_the_source_is_no_refusal),
        cmocka_unit_test(promises_pass_until_they_are_known),
        cmocka_unit_test(
            what_is_revoked_meanwhile_is_refused_when_checked_again),
        cmocka_unit_test(a_payload_is_revoked_once_its_token_was_met),
        cmocka_unit_test(
            a_payload_is_revoked_at_once_if_the_store_has_its_token),
        cmocka_unit_test(revocations_must_say_what_is_revoked),
        cmocka_unit_test(revocations_are_kept_with_who_made_them),
        cmocka_unit_test(invocations_are_forgotten_well_after_they_expire),
        cmocka_unit_test(proofs_are_bounded_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
