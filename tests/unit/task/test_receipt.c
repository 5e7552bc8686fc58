/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts: the bytes in the documentation, what a reader refuses, and which
 * check fails when something is changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Before cmocka, which has a macro fail().
#include "base/status.h"

#include <cmocka.h>

#include "ipld/dag_json.h"
#include "task/receipt.h"
#include "task/receipt_proofs.h"

static Hash hash_of(const char *text)
{
    Hash hash;
    hash_sha256(text_bytes(text_of(text)), &hash);
    return hash;
}

/* {"ok": 3}, that the computation "comp" came to in the task "task". */
static const uint8_t ok_3[] = {0xa1, 0x62, 'o', 'k', 0x03};

static Hash encode(struct buffer *out, bool is_end)
{
    const Hash comp = hash_of("comp"), input = hash_of("input");
    const struct assertion_claims claims = {
        .ran = hash_of("task"),
        .comp = &comp,
        .result = is_end ? (Bytes){NULL, 0} : bytes_of(ok_3, sizeof ok_3),
        .end = is_end ? TEXT("limit/time") : TEXT(""),
        .inputs = &input,
        .input_count = 1,
    };
    Hash id;
    buffer_init(out, BLOCK_MADE_MAX);
    assertion_encode(&claims, out, &id);
    assert_int_equal(out->status, STATUS_OK);
    return id;
}

static void assert_hex(Bytes bytes, const char *expected)
{
    char *hex = heap_alloc(2 * bytes.len + 1);
    hex[0] = '\0';
    for (size_t index = 0; index < bytes.len; index++)
        snprintf(hex + 2 * index, 3, "%02x", bytes.data[index]);
    assert_string_equal(hex, expected);
    free(hex);
}

static void assert_cid(const Hash *hash, const char *expected)
{
    char text[CID_TEXT_MAX];
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    cid_to_text(&cid, text);
    assert_string_equal(text, expected);
}

/* Made by hand; docs/formats/receipts.md prints these. */
#define RESULT_HEX                                                            \
    "a563696e7081d82a58250001711220c96c6d5be8d08a12e7b5cdc1b207fa6b24"        \
    "30974c86803d8891675e76fd992c20636f7574a1626f6b036372616ed82a5825"        \
    "00017112200ebb429fa86d481c2630fac53db1c91cffed5d4d41d1021c179444"        \
    "eb67e7ee0b63726573d82a58250001711220fac262b93e965c4c50cc3ab3cf07"        \
    "215db8cb76f8c15c4b6160247fd5dc31d33964636f6d70d82a58250001711220"        \
    "f562267f2b6d890a7c0cb8c0e57ddbc0365082e28a7e3dd02068b3b7d91712d2"
#define RESULT_CID                                                            \
    "bafyreidh5rieuxq277333x5pahxwtapd54c5m4p4oqzxhwhi2huyad6nzi"
#define END_HEX                                                               \
    "a463656e64a1646e616d656a6c696d69742f74696d6563696e7081d82a582500"        \
    "01711220c96c6d5be8d08a12e7b5cdc1b207fa6b2430974c86803d8891675e76"        \
    "fd992c206372616ed82a582500017112200ebb429fa86d481c2630fac53db1c9"        \
    "1cffed5d4d41d1021c179444eb67e7ee0b64636f6d70d82a58250001711220f5"        \
    "62267f2b6d890a7c0cb8c0e57ddbc0365082e28a7e3dd02068b3b7d91712d2"
#define END_CID "bafyreiejdksyiibwmgcsdnn4kicg2vh5or2pwaft5ate3vlez5tju5ng5i"
#define PAGE_HEX                                                              \
    "a1736970766d2f726563656970747340312e302e30a265746f6b656ed82a5825"        \
    "00017112203c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40"        \
    "b0da4153e068726563656970747381a363726563d82a582500017112206f3286"        \
    "0910ca0fb2a20c7fda143666b09dbf8db5238195c90a586fb542ff0cad647061"        \
    "7468582027042f4e6eca7d0b2a7ee4026df2ecfa51d3339e6d122aa099118ecd"        \
    "8563bad965696e64657800"
#define PAGE_CID "bafyreianw2edacb6r5zkn6kf3bokxdrxqw2w56wl3seyfhumhfga4y3mhi"
#define HEAD_HEX                                                              \
    "a1736970766d2f726563656970747340312e302e30a2646772657781a362746f"        \
    "d82a582500017112203c469e9d6c5875d37a43f353d4f88e61fcf812c66eee34"        \
    "57465a40b0da4153e06466726f6dd82a58250001711220036d53a2a2f70c68c6"        \
    "5f5d785bd1155b45b13255701f6daace2cded6de629d71647061746858202704"        \
    "2f4e6eca7d0b2a7ee4026df2ecfa51d3339e6d122aa099118ecd8563bad96570"        \
    "6167657381d82a582500017112200db68830083e8f72a6f945d85cab8e3785b5"        \
    "6efacbdc89829e8c394c0e636c3a"
#define HEAD_CID "bafyreibwketxmapucyz7v37bszebsc44mfzve5fmlajgedrrchnex32bxi"

static void its_bytes_are_what_the_documentation_says(void **state)
{
    (void)state;
    struct buffer result, end;
    Hash result_id = encode(&result, false), end_id = encode(&end, true);
    assert_hex(buffer_bytes(&result), RESULT_HEX);
    assert_cid(&result_id, RESULT_CID);
    assert_hex(buffer_bytes(&end), END_HEX);
    assert_cid(&end_id, END_CID);
    buffer_deinit(&result);
    buffer_deinit(&end);
}

static void proof_blocks_are_what_the_documentation_says(void **state)
{
    (void)state;
    const Hash path = hash_of("right"), other = hash_of("old head");
    const struct receipt_proof proof = {hash_of("receipt"), 0,
                                        bytes_of(path.bytes, sizeof path)};
    const struct proof_page page = {hash_of("token"), &proof, 1};
    const struct proof_growth growth = {other, hash_of("token"),
                                        bytes_of(path.bytes, sizeof path)};
    struct buffer block;
    Hash page_id, head_id;
    buffer_init(&block, BLOCK_MADE_MAX);
    proof_page_encode(&page, &block, &page_id);
    assert_hex(buffer_bytes(&block), PAGE_HEX);
    assert_cid(&page_id, PAGE_CID);
    const struct proof_head head = {&page_id, 1, &growth, 1};
    buffer_clear(&block);
    proof_head_encode(&head, &block, &head_id);
    assert_hex(buffer_bytes(&block), HEAD_HEX);
    assert_cid(&head_id, HEAD_CID);
    buffer_deinit(&block);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct assertion assertion;
    struct error err;
    for (int is_end = 0; is_end < 2; is_end++) {
        struct buffer block;
        encode(&block, is_end);
        const Hash comp = hash_of("comp"), ran = hash_of("task");
        assert_int_equal(
            assertion_decode(buffer_bytes(&block), &arena, &assertion, &err),
            STATUS_OK);
        assert_true(hash_equal(&assertion.ran, &ran));
        assert_true(assertion.has_comp && hash_equal(&assertion.comp, &comp));
        assert_int_equal(assertion.input_count, 1);
        assert_int_equal(assertion.has_result, !is_end);
        assert_int_equal(assertion_check_result(&assertion, &err), STATUS_OK);
        if (is_end)
            assert_true(text_equal(assertion.end, TEXT("limit/time")));
        buffer_deinit(&block);
    }
    arena_deinit(&arena);
}

/* Of exactly its length, so that whatever is read behind it is seen. */
static Status decode_copy(Bytes bytes, struct arena *arena,
                          struct assertion *out, struct error *err)
{
    uint8_t *copy = heap_alloc(bytes.len ? bytes.len : 1);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    Status status =
        assertion_decode(bytes_of(copy, bytes.len), arena, out, err);
    free(copy);
    return status;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct assertion assertion;
    struct buffer block;
    encode(&block, false);
    for (size_t len = 0; len < block.len; len++) {
        struct error err = {0};
        assert_int_equal(
            decode_copy(bytes_of(block.data, len), &arena, &assertion, &err),
            STATUS_INVALID);
        assert_true(err.message[0] != '\0');
    }
    buffer_deinit(&block);
    arena_deinit(&arena);
}

#define LINK                                                                  \
    "{\"/\":\"bafyreie5ixergnlmsbnbjd2u7tfj4g42c7to7ot2xz76apol7d3j3g2hl4\"}"
#define RAW                                                                   \
    "{\"/\":\"bafkreicrwhz4ifmy22lu7uhcwv2kzfllq6dm66ohmbm2bcgtxke4nc6v6q\"}"

/* Each row breaks one rule. */
static const struct {
    const char *json, *words;
} bad[] = {
    {"[]", "it is list, not a map"},
    {"{}", ".ran is not a link"},
    {"{\"ran\":" RAW ",\"inp\":[],\"end\":{\"name\":\"host\"}}",
     ".ran is not a link"},
    {"{\"ran\":" LINK ",\"end\":{\"name\":\"host\"}}", ".inp is not a list"},
    {"{\"ran\":" LINK ",\"inp\":[1],\"end\":{\"name\":\"host\"}}",
     ".inp[0] is not a link"},
    {"{\"ran\":" LINK ",\"inp\":[" LINK "," LINK
     "],\"end\":{\"name\":\"host\"}}",
     ".inp[1] is out of order"},
    {"{\"ran\":" LINK ",\"inp\":[]}", "neither .out nor .end"},
    {"{\"ran\":" LINK ",\"inp\":[],\"end\":{}}", ".end is not"},
    {"{\"ran\":" LINK ",\"inp\":[],\"end\":{\"name\":\"\"}}", ".end is not"},
    {"{\"ran\":" LINK ",\"inp\":[],\"end\":{\"name\":\"Host\"}}",
     ".end is not"},
    {"{\"ran\":" LINK ",\"inp\":[],\"end\":{\"name\":\"host\",\"x\":1}}",
     ".end is not"},
    {"{\"ran\":" LINK ",\"inp\":[],\"end\":{\"name\":\"host\"},\"res\":" LINK
     "}",
     "other fields"},
    {"{\"ran\":" LINK ",\"inp\":[],\"out\":{\"ok\":1}}", ".res is not a link"},
    {"{\"ran\":" LINK
     ",\"inp\":[],\"out\":{\"ok\":1,\"error\":2},\"res\":" LINK "}",
     ".out: "},
    {"{\"ran\":" LINK ",\"inp\":[],\"out\":{\"ok\":1},\"res\":" LINK
     ",\"comp\":null}",
     ".comp is not a link"},
    {"{\"ran\":" LINK ",\"inp\":[],\"out\":{\"ok\":1},\"res\":" LINK
     ",\"more\":1}",
     "other fields"},
};

static void what_breaks_a_rule_is_refused_with_its_words(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof bad / sizeof *bad; row++) {
        struct arena arena = {0};
        struct error err = {0};
        struct assertion assertion;
        Value value;
        Cid ignored;
        assert_int_equal(dag_json_decode(text_bytes(text_of(bad[row].json)),
                                         &arena, &value, &err),
                         STATUS_OK);
        const Bytes block = dag_cbor_block(&value, &arena, &ignored);
        if (decode_copy(block, &arena, &assertion, &err) != STATUS_INVALID ||
            !strstr(err.message, bad[row].words))
            fail_msg("%s: %s", bad[row].json, err.message);
        arena_deinit(&arena);
    }
}

/* --- Signing and checking ------------------------------------------------ */

enum { BATCH = 5 };

struct signed_batch {
    struct secret_key *key;
    struct buffer blocks[BATCH];
    Hash ids[BATCH], leaves[BATCH];
    struct token *token;
    struct statement statement;
};

static Status leaf_node(void *context, unsigned level, uint64_t index,
                        Hash *out, struct error *err)
{
    const struct signed_batch *batch = context;
    Hash left, right;
    if (level == 0) {
        *out = batch->leaves[index];
        return STATUS_OK;
    }
    TRY(leaf_node(context, level - 1, 2 * index, &left, err));
    TRY(leaf_node(context, level - 1, 2 * index + 1, &right, err));
    tree_node(&left, &right, out);
    return STATUS_OK;
}

static void sign_batch(struct signed_batch *batch)
{
    struct tree_edge edge = {0};
    struct error err;
    Hash root;
    batch->key = secret_key_new(KEY_ED25519);
    for (size_t index = 0; index < BATCH; index++) {
        char text[16];
        snprintf(text, sizeof text, "task %zu", index);
        const struct assertion_claims claims = {
            .ran = hash_of(text), .result = bytes_of(ok_3, sizeof ok_3)};
        buffer_init(&batch->blocks[index], BLOCK_MADE_MAX);
        assertion_encode(&claims, &batch->blocks[index], &batch->ids[index]);
        receipt_leaf(&batch->ids[index], &batch->leaves[index]);
        tree_append(&edge, &batch->leaves[index]);
    }
    tree_root(&edge, &root);
    assert_int_equal(
        receipt_mint_batch(&root, BATCH, batch->key, &batch->token, &err),
        STATUS_OK);
    statement_open(batch->token->bytes, &batch->statement);
}

static void drop_batch(struct signed_batch *batch)
{
    for (size_t index = 0; index < BATCH; index++)
        buffer_deinit(&batch->blocks[index]);
    statement_close(&batch->statement);
    token_free(batch->token);
    secret_key_free(batch->key);
}

static struct receipt_shown show(struct signed_batch *batch, size_t index,
                                 struct tree_proof *proof)
{
    assert_int_equal(
        tree_inclusion(leaf_node, batch, index, BATCH, proof, NULL),
        STATUS_OK);
    return (struct receipt_shown){
        .id = batch->ids[index],
        .assertion = buffer_bytes(&batch->blocks[index]),
        .issuer = text_of(batch->token->iss.text),
        .index = index,
        .path = bytes_of(proof->hashes, proof->count * sizeof(Hash)),
    };
}

static void assert_fails(const struct receipt_shown *shown,
                         const struct statement *statement, ReceiptCheck check)
{
    struct receipt_verdict verdict;
    receipt_check(shown, statement, &verdict);
    assert_false(verdict.holds);
    assert_string_equal(receipt_check_name(verdict.first_failed),
                        receipt_check_name(check));
    assert_true(verdict.words[check][0] != '\0');
}

static void each_receipt_of_a_batch_is_checked_alone(void **state)
{
    (void)state;
    struct signed_batch batch;
    struct receipt_verdict verdict;
    struct tree_proof proof;
    sign_batch(&batch);
    assert_int_equal(batch.statement.kind, STATEMENT_BATCH);
    for (size_t index = 0; index < BATCH; index++) {
        const struct receipt_shown shown = show(&batch, index, &proof);
        receipt_check(&shown, &batch.statement, &verdict);
        assert_true(verdict.holds);
    }
    drop_batch(&batch);
}

static void each_check_fails_for_its_own_reason(void **state)
{
    (void)state;
    struct signed_batch batch;
    struct tree_proof proof, other;
    struct statement changed;
    sign_batch(&batch);
    struct receipt_shown shown = show(&batch, 1, &proof);
    shown.id = batch.ids[2];
    assert_fails(&shown, &batch.statement, CHECK_ASSERTION);
    shown = show(&batch, 1, &proof);
    shown.issuer = TEXT("did:key:z6MkffDZCkCTWreg8868fG1FGFogcJj5X6PY93pPcWDn9"
                        "bob");
    assert_fails(&shown, &batch.statement, CHECK_ISSUER);
    shown = show(&batch, 1, &proof);
    shown.index = 2;
    assert_fails(&shown, &batch.statement, CHECK_PROOF);
    shown = show(&batch, 1, &proof);
    show(&batch, 2, &other);
    shown.path = bytes_of(other.hashes, other.count * sizeof(Hash));
    assert_fails(&shown, &batch.statement, CHECK_PROOF);
    shown.path.len--;
    assert_fails(&shown, &batch.statement, CHECK_PROOF);
    // Every bit of the token that is flipped breaks the form or the signature.
    uint8_t *copy = heap_alloc(batch.token->bytes.len);
    for (size_t at = 0; at < batch.token->bytes.len; at++) {
        struct receipt_verdict verdict;
        memcpy(copy, batch.token->bytes.data, batch.token->bytes.len);
        copy[at] ^= 1;
        statement_open(bytes_of(copy, batch.token->bytes.len), &changed);
        shown = show(&batch, 1, &proof);
        receipt_check(&shown, &changed, &verdict);
        assert_false(verdict.holds);
        statement_close(&changed);
    }
    free(copy);
    drop_batch(&batch);
}

static void a_wrong_res_is_found(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buffer block;
    struct assertion assertion;
    struct error err;
    encode(&block, false);
    // Behind "res" and the head of its link is the digest.
    for (size_t at = 0; at + 4 < block.len; at++)
        if (memcmp(block.data + at, "\x63res", 4) == 0)
            block.data[at + 4 + 4 + 5] ^= 1;
    assert_int_equal(
        assertion_decode(buffer_bytes(&block), &arena, &assertion, &err),
        STATUS_OK);
    assert_int_equal(assertion_check_result(&assertion, &err), STATUS_DENIED);
    buffer_deinit(&block);
    arena_deinit(&arena);
}

static void an_end_is_signed_alone_and_expires(void **state)
{
    (void)state;
    struct buffer block;
    struct statement statement;
    struct receipt_verdict verdict;
    struct error err;
    struct token *token;
    struct secret_key *key = secret_key_new(KEY_P256);
    const Hash id = encode(&block, true);
    const struct receipt_claims claims = {
        .assertion = buffer_bytes(&block), .at_s = 1000, .exp_s = 4600};
    assert_int_equal(receipt_mint(&claims, key, &token, &err), STATUS_OK);
    statement_open(token->bytes, &statement);
    struct receipt_shown shown = {
        .id = id, .assertion = buffer_bytes(&block), .now_s = 4600};
    receipt_check(&shown, &statement, &verdict);
    assert_true(verdict.holds);
    shown.now_s++;
    assert_fails(&shown, &statement, CHECK_TIME);
    statement_close(&statement);
    token_free(token);
    secret_key_free(key);
    buffer_deinit(&block);
}

/* --- Proof blocks -------------------------------------------------------- */

static void every_truncation_of_a_page_is_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    const Hash path = hash_of("right");
    const struct receipt_proof proofs[] = {
        {hash_of("a"), 0, bytes_of(path.bytes, sizeof path)},
        {hash_of("b"), 7, bytes_of(path.bytes, sizeof path)},
    };
    const struct proof_page page = {hash_of("token"), proofs, 2};
    struct proof_page read;
    struct buffer block;
    Hash id;
    buffer_init(&block, BLOCK_MADE_MAX);
    proof_page_encode(&page, &block, &id);
    assert_int_equal(
        proof_page_decode(buffer_bytes(&block), &arena, &read, NULL),
        STATUS_OK);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.proofs[1].index, 7);
    assert_true(proofs_is_block(buffer_bytes(&block)));
    for (size_t len = 0; len < block.len; len++) {
        uint8_t *copy = heap_alloc(len + 1);
        struct proof_head head;
        memcpy(copy, block.data, len);
        copy = heap_resize(copy, len ? len : 1, 1);
        assert_int_equal(
            proof_page_decode(bytes_of(copy, len), &arena, &read, NULL),
            STATUS_INVALID);
        assert_int_equal(
            proof_head_decode(bytes_of(copy, len), &arena, &head, NULL),
            STATUS_INVALID);
        free(copy);
    }
    buffer_deinit(&block);
    arena_deinit(&arena);
}

static void a_page_out_of_order_is_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct receipt_proof proofs[] = {{hash_of("a"), 3, {NULL, 0}},
                                           {hash_of("b"), 3, {NULL, 0}}};
    const struct proof_page page = {hash_of("token"), proofs, 2};
    struct proof_page read;
    struct buffer block;
    struct error err;
    Hash id;
    buffer_init(&block, BLOCK_MADE_MAX);
    proof_page_encode(&page, &block, &id);
    assert_int_equal(
        proof_page_decode(buffer_bytes(&block), &arena, &read, &err),
        STATUS_INVALID);
    assert_non_null(strstr(err.message, "out of order"));
    buffer_deinit(&block);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_bytes_are_what_the_documentation_says),
        cmocka_unit_test(proof_blocks_are_what_the_documentation_says),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(what_breaks_a_rule_is_refused_with_its_words),
        cmocka_unit_test(each_receipt_of_a_batch_is_checked_alone),
        cmocka_unit_test(each_check_fails_for_its_own_reason),
        cmocka_unit_test(a_wrong_res_is_found),
        cmocka_unit_test(an_end_is_signed_alone_and_expires),
        cmocka_unit_test(every_truncation_of_a_page_is_refused),
        cmocka_unit_test(a_page_out_of_order_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
