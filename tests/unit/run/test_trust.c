/* SPDX-License-Identifier: Apache-2.0 */
#include "run/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/status.h"

#include <cmocka.h>

#include "base/clock.h"
#include "run/trust_file.h"
#include "store/receipts.h"
#include "task/computation.h"
#include "task/receipt.h"

#define assert_ok(call) assert_int_equal((int)(call), (int)STATUS_OK)

/* A store in a folder of its own, with the receipts of two strangers. */
static char folder[] = "/tmp/ipvm-trust.XXXXXX";
static char template_of[] = "/tmp/ipvm-trust.XXXXXX";
static struct store *store;
static struct secret_key *keys[2];
static Did people[2];
static Hash computation;
static struct arena arena;

static Hash put(Bytes block)
{
    Cid cid;
    Hash hash;
    struct store_batch *batch = store_batch_new(store);
    cid_of(CODEC_DAG_CBOR, block, &cid);
    store_batch_block(batch, &cid, block);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    assert_true(cid_sha256(&cid, CODEC_DAG_CBOR, &hash));
    return hash;
}

static int make_store(void **state)
{
    (void)state;
    Cid module;
    memcpy(folder, template_of, sizeof folder);
    assert_non_null(mkdtemp(folder));
    assert_ok(store_open(folder, &(struct store_options){.no_sync = true},
                         &store, NULL));
    for (uint8_t index = 0; index < 2; index++) {
        const uint8_t seed[KEY_SECRET_LEN] = {(uint8_t)(index + 1)};
        assert_ok(secret_key_from_bytes(
            KEY_ED25519, bytes_of(seed, sizeof seed), &keys[index], NULL));
        did_of(secret_key_public(keys[index]), &people[index]);
    }
    cid_of(CODEC_RAW, bytes_of("M", 1), &module);
    const Value link = value_link(&module), none = value_list(NULL, 0);
    const Value args =
        wasm_call_args(&arena, &link, TEXT("run"), &none, false);
    Hash hash;
    computation = put(computation_encode(TEXT("/wasm/run"), &args,
                                         (Bytes){NULL, 0}, &arena, &hash));
    return 0;
}

static int remove_store(void **state)
{
    (void)state;
    char command[64];
    for (int index = 0; index < 2; index++)
        secret_key_free(keys[index]);
    store_close(store);
    arena_deinit(&arena);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static Bytes result_block(uint64_t number)
{
    Cid ignored;
    const Value result = value_map1(&arena, TEXT("ok"), value_uint(number));
    return dag_cbor_block(&result, &arena, &ignored);
}

/* Keeps a receipt of `who`, who says it came to `number`. */
static void say(int who, uint64_t number, int64_t exp_s)
{
    struct buffer block;
    Hash id, task;
    struct token *token;
    struct receipts_kept kept;
    hash_sha256(bytes_of("task", 4), &task);
    buffer_init(&block, 1 << 16);
    assertion_encode(
        &(struct assertion_claims){
            .ran = task, .comp = &computation, .result = result_block(number)},
        &block, &id);
    assert_ok(receipt_mint(
        &(struct receipt_claims){
            .assertion = buffer_bytes(&block), .at_s = 1, .exp_s = exp_s},
        keys[who], &token, NULL));
    struct receipt_row row = {
        .id = id,
        .assertion = buffer_bytes(&block),
        .issuer = text_of(people[who].text),
        .how = RECEIPT_ALONE,
        .at_s = 1,
        .ran = task,
        .comp = computation,
        .has_comp = true,
        .has_res = true,
    };
    hash_sha256(result_block(number), &row.res);
    assert_true(cid_sha256(&token->cid, CODEC_DAG_CBOR, &row.token));
    const struct receipt_signature signature = {row.token, token->bytes};
    assert_ok(receipts_keep(store, &row, 1, &signature, 1, &kept, NULL));
    token_free(token);
    buffer_deinit(&block);
}

static struct trust_answer ask(void)
{
    struct trust *trust;
    struct trust_answer answer;
    struct error err = {0};
    if (trust_open(store, &trust, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    trust_ask(trust, &computation, (Bytes){NULL, 0}, &answer);
    trust_close(trust);
    return answer;
}

static void rule(int who, bool denies)
{
    const struct trust_rule rule = {
        .denies = denies, .dids = &people[who], .did_count = 1, .at_least = 1};
    assert_ok(trust_file_add(folder, &rule, NULL));
}

static void assert_verdict(TrustVerdict verdict, bool is_usable)
{
    const struct trust_answer answer = ask();
    if (answer.judgement.verdict != verdict || answer.is_usable != is_usable)
        fail_msg("%s (%s)", trust_verdict_name(answer.judgement.verdict),
                 answer.judgement.why);
}

/* --- The tests ----------------------------------------------------------- */

static void each_change_of_the_rules_is_a_new_judgement(void **state)
{
    (void)state;
    struct trust *trust;
    assert_ok(trust_open_if_any(store, &trust, NULL));
    assert_null(trust); // Nobody has to be asked.
    assert_verdict(TRUST_SILENT, false);
    put(result_block(5));
    say(0, 5, 0);
    assert_verdict(TRUST_STRANGERS, false);
    rule(0, false);
    assert_verdict(TRUST_ACCEPTED, true);
    rule(0, true);
    assert_verdict(TRUST_DENIED, false);
    char path[64];
    snprintf(path, sizeof path, "%s/trust.yaml", folder);
    assert_int_equal(unlink(path), 0);
    assert_verdict(TRUST_STRANGERS, false);
    struct memo_entry entry;
    assert_int_equal((int)memo_peek(store, &computation, &entry, NULL),
                     (int)STATUS_NOT_FOUND);
}

static void an_answer_is_what_was_said(void **state)
{
    (void)state;
    Hash result;
    put(result_block(5));
    say(0, 5, 0);
    rule(0, false);
    const struct trust_answer answer = ask();
    hash_sha256(result_block(5), &result);
    assert_true(answer.is_usable && answer.is_ok);
    assert_true(hash_equal(&answer.result, &result));
    assert_int_equal(answer.receipts, 1);
}

static void a_result_that_is_not_here_is_no_answer(void **state)
{
    (void)state;
    say(0, 5, 0);
    rule(0, false);
    assert_verdict(TRUST_ACCEPTED, false);
    assert_non_null(strstr(ask().judgement.why, "it cannot be used: block"));
    put(result_block(5));
    assert_verdict(TRUST_ACCEPTED, true);
}

static void those_who_are_believed_may_not_differ(void **state)
{
    (void)state;
    put(result_block(5));
    put(result_block(6));
    say(0, 5, 0);
    say(1, 6, 0);
    rule(0, false);
    assert_verdict(TRUST_ACCEPTED, true);
    rule(1, false);
    assert_verdict(TRUST_CONTRADICTED, false);
}

static void what_has_expired_is_not_heard(void **state)
{
    (void)state;
    put(result_block(5));
    rule(0, false);
    say(0, 5, clock_wall_s() - 10);
    assert_verdict(TRUST_SILENT, false);
    rule(1, false);
    say(1, 5, clock_wall_s() + 1000);
    assert_verdict(TRUST_ACCEPTED, true);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, make_store, remove_store)
    const struct CMUnitTest tests[] = {
        TEST(each_change_of_the_rules_is_a_new_judgement),
        TEST(an_answer_is_what_was_said),
        TEST(a_result_that_is_not_here_is_no_answer),
        TEST(those_who_are_believed_may_not_differ),
        TEST(what_has_expired_is_not_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
