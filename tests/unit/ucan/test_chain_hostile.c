/* SPDX-License-Identifier: Apache-2.0 */
/* What a chain costs and says when it comes from somebody who means harm. */
#include "unit/ucan/actors.h"

#include "ipld/dag_json.h"
#include "ucan/revocation.h"

enum { TIME = 1767225600 };

/* alice → mallory → mallory …, `count` links, and what mallory invokes. */
struct attack {
    struct actor alice, mallory;
    struct bag bag;
    Cid proofs[TOKEN_PROOFS_MAX];
    struct chain_options options;
    struct chain_refusal refusal;
    struct error err;
};

static void attack_begin(struct attack *attack)
{
    *attack = (struct attack){.alice = actor_new(KEY_ED25519, 1),
                              .mallory = actor_new(KEY_ED25519, 5)};
    attack->options = (struct chain_options){
        .now_s = TIME, .proof = bag_find, .proof_context = &attack->bag};
}

static void attack_end(struct attack *attack)
{
    bag_empty(&attack->bag);
    store_close(attack->options.store);
    secret_key_free(attack->alice.key);
    secret_key_free(attack->mallory.key);
}

static void add_link(struct attack *attack, const struct actor *from,
                     const struct actor *sub, const Value *pol)
{
    const struct token *link =
        bag_add(&attack->bag,
                mint(from, (struct token_claims){.kind = TOKEN_DELEGATION,
                                                 .aud = &attack->mallory.did,
                                                 .sub = &sub->did,
                                                 .cmd = TEXT("/wasm"),
                                                 .pol = pol}));
    attack->proofs[attack->bag.count - 1] = link->cid;
}

/* STATUS_OK frees what was authorised. */
static Status try_it(struct attack *attack, const struct actor *sub, Text cmd,
                     const Value *args)
{
    struct authorised *authorised;
    struct token *invocation =
        mint(&attack->mallory,
             (struct token_claims){.kind = TOKEN_INVOCATION,
                                   .sub = &sub->did,
                                   .cmd = cmd,
                                   .args = args,
                                   .proofs = attack->proofs,
                                   .proof_count = attack->bag.count});
    const Status status =
        chain_authorise(invocation, &attack->options, &authorised,
                        &attack->refusal, &attack->err);
    if (status == STATUS_OK)
        authorised_free(authorised);
    else
        token_free(invocation);
    return status;
}

static void a_refusal_shows_commands_and_no_other_bytes(void **state)
{
    (void)state;
    struct attack attack;
    attack_begin(&attack);
    add_link(&attack, &attack.alice, &attack.alice, NULL);
    assert_int_equal(try_it(&attack, &attack.alice, TEXT("/wasmer/run"), NULL),
                     STATUS_DENIED);
    assert_string_equal(
        attack.refusal.message,
        "its proof is for /wasm, which is not above /wasmer/run");
    attack_end(&attack);
}

static void what_is_no_revocation_says_its_command_and_no_more(void **state)
{
    (void)state;
    struct attack attack;
    struct authorised *authorised;
    attack_begin(&attack);
    struct token *invocation =
        mint(&attack.mallory, (struct token_claims){.kind = TOKEN_INVOCATION,
                                                    .sub = &attack.mallory.did,
                                                    .cmd = TEXT("/a")});
    attack.options.store = store_open_memory();
    assert_int_equal(chain_authorise(invocation, &attack.options, &authorised,
                                     NULL, &attack.err),
                     STATUS_OK);
    assert_int_equal(
        revocation_add(attack.options.store, authorised, &attack.err),
        STATUS_INVALID);
    assert_string_equal(attack.err.message,
                        "revocation: .cmd is /a, not /ucan/revoke");
    authorised_free(authorised);
    attack_end(&attack);
}

/* Whoever makes a key may act for it. That must not fill our store. */
static void a_stranger_for_himself_leaves_nothing_behind(void **state)
{
    (void)state;
    struct attack attack;
    attack_begin(&attack);
    attack.options.store = store_open_memory();
    attack.options.audience = NULL;
    attack.options.subject = &attack.alice.did;
    assert_int_equal(try_it(&attack, &attack.mallory, TEXT("/a"), NULL),
                     STATUS_DENIED);
    assert_int_equal(attack.refusal.rule, CHAIN_INVALID_SUBJECT);
    assert_string_equal(attack.refusal.field, ".sub");
    // Not a proof was looked for, either.
    attack.bag.asked = 0;
    add_link(&attack, &attack.mallory, &attack.mallory, NULL);
    assert_int_equal(try_it(&attack, &attack.mallory, TEXT("/wasm"), NULL),
                     STATUS_DENIED);
    assert_int_equal(attack.bag.asked, 0);
    // What alice gave is hers.
    bag_empty(&attack.bag);
    add_link(&attack, &attack.alice, &attack.alice, NULL);
    assert_int_equal(try_it(&attack, &attack.alice, TEXT("/wasm"), NULL),
                     STATUS_OK);
    attack_end(&attack);
}

/* Statements that take half the work of an evaluation: allowed in some links,
 * not in sixty-four. */
static void the_policies_of_a_chain_have_a_bound_together(void **state)
{
    (void)state;
    enum { ITEMS = POLICY_WORK_MAX / 8 };
    struct attack attack;
    struct arena arena = {0};
    Value pol;
    attack_begin(&attack);
    Value *items = arena_array(&arena, ITEMS, sizeof *items);
    for (size_t index = 0; index < ITEMS; index++)
        items[index] = value_int(0);
    const Value args = value_map1(&arena, TEXT("l"), value_list(items, ITEMS));
    static const char json[] = "[[\"all\", \".l\", [\">=\", \".\", 0]],"
                               " [\"all\", \".l\", [\">=\", \".\", 0]],"
                               " [\"all\", \".l\", [\">=\", \".\", 0]],"
                               " [\"all\", \".l\", [\">=\", \".\", 0]]]";
    assert_int_equal(
        dag_json_decode(text_bytes(text_of(json)), &arena, &pol, NULL),
        STATUS_OK);
    for (size_t link = 0; link < 8; link++) {
        add_link(&attack, link ? &attack.mallory : &attack.alice,
                 &attack.alice, &pol);
        const Status status =
            try_it(&attack, &attack.alice, TEXT("/wasm"), &args);
        // Half of POLICY_WORK_MAX each, and a little for the statements.
        assert_int_equal(status, link < 7 ? STATUS_OK : STATUS_DENIED);
    }
    assert_int_equal(attack.refusal.rule, CHAIN_MATCH_ERROR);
    assert_true(cid_equal(&attack.refusal.token, &attack.proofs[7]));
    arena_deinit(&arena);
    attack_end(&attack);
}

/* What was cached for one who takes 1.0.0-rc.1 is nothing to one who does not;
 * nor is an invocation of it. */
static void a_release_candidate_is_taken_only_where_it_is_asked_for(
    void **state)
{
    (void)state;
    const struct token_options old = {.rc1_too = true};
    struct attack attack;
    struct authorised *authorised;
    struct token *link, *invocation;
    attack_begin(&attack);
    const struct token_claims root = {.kind = TOKEN_DELEGATION,
                                      .aud = &attack.mallory.did,
                                      .sub = &attack.alice.did,
                                      .cmd = TEXT("/wasm")};
    attack.options.cache = chain_cache_new(1 << 20);
    assert_int_equal(token_mint(&root, attack.alice.key, &old, &link, NULL),
                     STATUS_OK);
    attack.proofs[0] = bag_add(&attack.bag, link)->cid;
    for (int round = 0; round < 3; round++) {
        attack.options.rc1_too = round == 1;
        assert_int_equal(try_it(&attack, &attack.alice, TEXT("/wasm"), NULL),
                         round == 1 ? STATUS_OK : STATUS_DENIED);
    }
    assert_int_equal(attack.refusal.rule, CHAIN_INVALID_CLAIM);
    assert_string_equal(attack.refusal.field, ".prf[0]");

    const struct token_claims own = {.kind = TOKEN_INVOCATION,
                                     .sub = &attack.mallory.did,
                                     .cmd = TEXT("/a")};
    assert_int_equal(
        token_mint(&own, attack.mallory.key, &old, &invocation, NULL),
        STATUS_OK);
    assert_int_equal(chain_authorise(invocation, &attack.options, &authorised,
                                     &attack.refusal, &attack.err),
                     STATUS_DENIED);
    assert_int_equal(attack.refusal.rule, CHAIN_INVALID_CLAIM);
    token_free(invocation);
    chain_cache_free(attack.options.cache);
    attack_end(&attack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_shows_commands_and_no_other_bytes),
        cmocka_unit_test(a_stranger_for_himself_leaves_nothing_behind),
        cmocka_unit_test(the_policies_of_a_chain_have_a_bound_together),
        cmocka_unit_test(
            a_release_candidate_is_taken_only_where_it_is_asked_for),
        cmocka_unit_test(what_is_no_revocation_says_its_command_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
