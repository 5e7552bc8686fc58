/* SPDX-License-Identifier: Apache-2.0 */
/* test_token.c - the public vectors, and what is minted is what was meant. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ipld/multibase.h"
#include "ucan/container.h"
#include "unit/ipld/hex.h"
#include "unit/ucan/sealed.h"
#include "unit/ucan/vectors.h"

static const KeyType types[] = {KEY_ED25519, KEY_P256, KEY_SECP256K1};

static const struct token_options rc1 = {.rc1_too = true};

/* --- Public vectors ------------------------------------------------------ */

/* Padded base64, as these files have it. */
static Bytes bytes_at(const Value *row, const char *name, struct arena *arena)
{
    const Value *value = vectors_at(row, name);
    char *text = arena_alloc(arena, value->text.len + 1);
    uint8_t *data = arena_alloc(arena, value->text.len + 1);
    size_t len;
    text[0] = 'M';
    memcpy(text + 1, value->text.data, value->text.len);
    assert_int_equal(
        multibase_decode((Text){text, value->text.len + 1}, data, &len, NULL),
        STATUS_OK);
    return bytes_of(data, len);
}

static Did did_at(const Value *row, const char *name)
{
    Did did;
    assert_int_equal(did_read(vectors_at(row, name)->text, &did, NULL, NULL),
                     STATUS_OK);
    return did;
}

/* Mints what the row says with the issuer's key. */
static struct token *mint_again(const Value *payload,
                                const struct secret_key *key,
                                struct arena *arena)
{
    const Did aud = did_at(payload, "aud"), sub = did_at(payload, "sub");
    int64_t exp;
    assert_true(value_to_int64(vectors_at(payload, "exp"), &exp));
    struct token_claims claims = {
        .kind = TOKEN_DELEGATION,
        .aud = &aud,
        .sub = &sub,
        .cmd = vectors_at(payload, "cmd")->text,
        .nonce = bytes_at(payload, "nonce", arena),
        .has_exp = true,
        .exp = exp,
        .pol = vectors_at(payload, "pol"),
    };
    struct token *token = NULL;
    assert_int_equal(token_mint(&claims, key, NULL, &token, NULL), STATUS_OK);
    return token;
}

static void makes_the_public_delegation_again_byte_for_byte(void **state)
{
    struct arena arena = {0};
    Value file;
    (void)state;
    vectors_read_public("delegation.json", &arena, &file);
    const Value *principals = vectors_at(&file, "principals");
    const Value *valid = vectors_at(&file, "valid");
    assert_true(valid->list.count > 0);
    for (size_t index = 0; index < valid->list.count; index++) {
        const Value *row = &valid->list.items[index];
        const Value *payload =
            vectors_at(vectors_at(row, "envelope"), "payload");
        const Did iss = did_at(payload, "iss");
        struct token *token = NULL;
        for (size_t at = 0; at < principals->map.count; at++) {
            char name[16];
            struct secret_key *key;
            Did did;
            snprintf(name, sizeof name, "%.*s",
                     TEXT_ARG(principals->map.entries[at].key));
            // Two bytes of multicodec in front: ed25519-priv.
            Bytes secret = bytes_from(bytes_at(principals, name, &arena), 2);
            assert_int_equal(
                secret_key_from_bytes(KEY_ED25519, secret, &key, NULL),
                STATUS_OK);
            did_of(secret_key_public(key), &did);
            if (did_equal(&did, &iss))
                token = mint_again(payload, key, &arena);
            secret_key_free(key);
        }
        char cid[CID_TEXT_MAX];
        assert_non_null(token);
        assert_true(bytes_equal(token->bytes, bytes_at(row, "token", &arena)));
        cid_to_text(&token->cid, cid);
        assert_true(text_equal(text_of(cid), vectors_at(row, "cid")->text));
        assert_int_equal(token_verify(token, NULL), STATUS_OK);
        token_free(token);
    }
    arena_deinit(&arena);
}

static void assert_readable(const Value *value, TokenKind kind,
                            const Value *row)
{
    struct token *token = NULL;
    struct error err = {0};
    const Text name = vectors_at(row, "name")->text;
    const bool is_forged =
        text_equal(name, TEXT("invalid invocation signature")) ||
        text_equal(name, TEXT("invalid proof signature"));
    Bytes exact = exact_copy(value->bytes);
    Status status = token_read(exact, &rc1, &token, &err);
    exact_free(exact);
    // One is of three bytes.
    if (status == STATUS_DENIED && is_forged)
        return;
    if (status != STATUS_OK)
        fail_msg("%.*s: %s", TEXT_ARG(name), err.message);
    assert_int_equal(token->kind, kind);
    // A signature is wrong only where the case is about that.
    status = token_verify(token, &err);
    if (status != STATUS_OK && !is_forged)
        fail_msg("%.*s: %s", TEXT_ARG(name), err.message);
    token_free(token);
}

/* The cases are about chains: each token of them is a token. */
static void reads_all_tokens_of_the_public_invocations(void **state)
{
    static const char *const lists[] = {"valid", "invalid"};
    struct arena arena = {0};
    Value file;
    size_t count = 0;
    (void)state;
    vectors_read_public("invocation.json", &arena, &file);
    for (size_t list = 0; list < 2; list++) {
        const Value *rows = vectors_at(&file, lists[list]);
        for (size_t index = 0; index < rows->list.count; index++, count++) {
            const Value *row = &rows->list.items[index];
            const Value *proofs = vectors_at(row, "proofs");
            assert_readable(vectors_at(row, "invocation"), TOKEN_INVOCATION,
                            row);
            for (size_t at = 0; at < proofs->list.count; at++)
                assert_readable(&proofs->list.items[at], TOKEN_DELEGATION,
                                row);
        }
    }
    assert_int_equal(count, 20);
    arena_deinit(&arena);
}

/* --- Minting ------------------------------------------------------------- */

/* Reads it again from bytes of their own: the same in every field. */
static void assert_reads_again(const struct token *token,
                               const struct token_options *options)
{
    struct token *again = NULL;
    Bytes exact = exact_copy(token->bytes);
    assert_int_equal(token_read(exact, options, &again, NULL), STATUS_OK);
    exact_free(exact);
    assert_true(bytes_equal(again->bytes, token->bytes));
    assert_true(bytes_equal(again->signed_bytes, token->signed_bytes));
    assert_true(cid_equal(&again->cid, &token->cid));
    assert_true(cid_equal(&again->payload, &token->payload));
    assert_true(did_equal(&again->iss, &token->iss));
    assert_int_equal(token_verify(again, NULL), STATUS_OK);
    token_free(again);
}

static void mints_and_reads_delegations_of_each_key_type(void **state)
{
    struct arena arena = {0};
    const Did aud = did_of_byte(2), sub = did_of_byte(3);
    Value pol = value_of_json("[[\"==\", \".mod\", \"x\"]]", &arena);
    Value meta = value_of_json("{\"why\": \"a test\"}", &arena);
    (void)state;
    for (size_t index = 0; index < 3; index++) {
        struct secret_key *key = key_of_byte(types[index], 1);
        struct token *token = NULL;
        const struct token_claims claims = {
            .kind = TOKEN_DELEGATION,
            .aud = &aud,
            .sub = &sub,
            .cmd = TEXT("/wasm/run"),
            .has_exp = true,
            .exp = 1800000000,
            .has_nbf = true,
            .nbf = -1,
            .meta = &meta,
            .pol = &pol,
        };
        assert_int_equal(token_mint(&claims, key, NULL, &token, NULL),
                         STATUS_OK);
        assert_int_equal(token->kind, TOKEN_DELEGATION);
        assert_int_equal(token->key.type, types[index]);
        assert_true(did_equal(&token->aud, &aud));
        assert_true(token->has_sub && did_equal(&token->sub, &sub));
        assert_true(text_equal(token->cmd, TEXT("/wasm/run")));
        assert_true(token->has_exp && token->exp == 1800000000);
        assert_true(token->has_nbf && token->nbf == -1);
        assert_true(value_equal(token->meta, &meta));
        assert_true(value_equal(token->pol_value, &pol));
        assert_int_equal(token->nonce.len, 12);
        assert_reads_again(token, NULL);
        token_free(token);
        secret_key_free(key);
    }
    arena_deinit(&arena);
}

static void mints_and_reads_invocations_of_each_key_type(void **state)
{
    struct arena arena = {0};
    const Did sub = did_of_byte(2), aud = did_of_byte(3);
    Value args = value_of_json("{\"a\": [1, null, {\"b\": true}]}", &arena);
    Cid proofs[2], cause;
    (void)state;
    cid_of(CODEC_DAG_CBOR, bytes_of("a", 1), &proofs[0]);
    cid_of(CODEC_DAG_CBOR, bytes_of("b", 1), &proofs[1]);
    cid_of(CODEC_DAG_CBOR, bytes_of("c", 1), &cause);
    for (size_t index = 0; index < 3; index++) {
        struct secret_key *key = key_of_byte(types[index], 1);
        struct token *token = NULL;
        const struct token_claims claims = {
            .kind = TOKEN_INVOCATION,
            .aud = &aud,
            .sub = &sub,
            .cmd = TEXT("/workflow/run"),
            .nonce = bytes_of("", 0),
            .has_iat = true,
            .iat = 1700000000,
            .args = &args,
            .proofs = proofs,
            .proof_count = 2,
            .cause = &cause,
        };
        assert_int_equal(token_mint(&claims, key, NULL, &token, NULL),
                         STATUS_OK);
        assert_int_equal(token->kind, TOKEN_INVOCATION);
        assert_true(token->has_aud && did_equal(&token->aud, &aud));
        assert_false(token->has_exp);
        assert_true(token->has_iat && token->iat == 1700000000);
        assert_true(value_equal(token->args, &args));
        assert_int_equal(token->proof_count, 2);
        assert_true(cid_equal(&token->proofs[1], &proofs[1]));
        assert_true(token->has_cause && cid_equal(&token->cause, &cause));
        assert_int_equal(token->nonce.len, 0);
        assert_reads_again(token, NULL);
        token_free(token);
        secret_key_free(key);
    }
    arena_deinit(&arena);
}

static void reads_release_candidates_only_when_asked(void **state)
{
    const Did did = did_of_byte(1);
    struct secret_key *key = key_of_byte(KEY_ED25519, 1);
    (void)state;
    for (TokenKind kind = TOKEN_DELEGATION; kind <= TOKEN_INVOCATION; kind++) {
        struct token *token = NULL, *again = NULL;
        const Value empty = {.kind = VALUE_MAP};
        // aud == sub and an empty meta were right then.
        const struct token_claims claims = {
            .kind = kind,
            .aud = &did,
            .sub = &did,
            .cmd = TEXT("/a"),
            .meta = &empty,
        };
        assert_int_equal(token_mint(&claims, key, &rc1, &token, NULL),
                         STATUS_OK);
        assert_true(token->is_rc1);
        assert_reads_again(token, &rc1);
        assert_int_equal(token_read(token->bytes, NULL, &again, NULL),
                         STATUS_UNSUPPORTED);
        token_free(token);
        assert_int_equal(token_mint(&claims, key, NULL, &token, NULL),
                         STATUS_INVALID);
    }
    secret_key_free(key);
}

/* token_read() judges what is minted: nothing is minted that is not read. */
static void does_not_mint_what_it_would_not_read(void **state)
{
    const Did did = did_of_byte(2);
    const Value text = value_text(TEXT("x"));
    const struct token_claims rows[] = {
        {.kind = TOKEN_DELEGATION, .sub = &did, .cmd = TEXT("/a")},
        {.kind = TOKEN_INVOCATION, .aud = &did, .cmd = TEXT("/a")},
        {.kind = TOKEN_INVOCATION, .sub = &did, .cmd = TEXT("/A")},
        {.kind = TOKEN_INVOCATION, .sub = &did, .cmd = TEXT("")},
        {.kind = TOKEN_INVOCATION,
         .sub = &did,
         .cmd = TEXT("/a"),
         .has_nbf = true},
        {.kind = TOKEN_INVOCATION,
         .sub = &did,
         .cmd = TEXT("/a"),
         .args = &text},
        {.kind = TOKEN_INVOCATION,
         .sub = &did,
         .cmd = TEXT("/a"),
         .has_exp = true,
         .exp = INT64_C(1) << 53},
        {.kind = TOKEN_DELEGATION,
         .aud = &did,
         .cmd = TEXT("/a"),
         .pol = &text},
        {.kind = TOKEN_DELEGATION,
         .aud = &did,
         .cmd = TEXT("/a"),
         .has_iat = true},
    };
    struct secret_key *key = key_of_byte(KEY_ED25519, 1);
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct token *token = NULL;
        struct error err = {0};
        assert_int_equal(token_mint(&rows[index], key, NULL, &token, &err),
                         STATUS_INVALID);
        assert_true(err.message[0] != '\0');
    }
    secret_key_free(key);
}

static void two_mints_differ_by_their_nonce(void **state)
{
    const Did did = did_of_byte(2);
    struct secret_key *key = key_of_byte(KEY_ED25519, 1);
    struct token *one = NULL, *two = NULL;
    const struct token_claims claims = {
        .kind = TOKEN_DELEGATION, .aud = &did, .cmd = TEXT("/a")};
    (void)state;
    assert_int_equal(token_mint(&claims, key, NULL, &one, NULL), STATUS_OK);
    assert_int_equal(token_mint(&claims, key, NULL, &two, NULL), STATUS_OK);
    assert_false(one->has_sub); // A powerline.
    assert_false(cid_equal(&one->payload, &two->payload));
    token_free(one);
    token_free(two);
    secret_key_free(key);
}

/* --- Signatures ---------------------------------------------------------- */

/* order - s, big endian. */
static void other_half(const char *order, uint8_t s[32])
{
    Bytes n = exact_from_hex(order);
    int borrow = 0;
    for (size_t at = 32; at-- > 0;) {
        int digit = n.data[at] - s[at] - borrow;
        borrow = digit < 0;
        s[at] = (uint8_t)(digit + 256 * borrow);
    }
    exact_free(n);
}

/* Little endian: s + L, which is the same modulo L. */
static void beyond_the_order(uint8_t s[32])
{
    Bytes l = exact_from_hex("edd3f55c1a631258d69cf7a2def9de14"
                             "00000000000000000000000000000010");
    int carry = 0;
    for (size_t at = 0; at < 32; at++) {
        int digit = s[at] + l.data[at] + carry;
        s[at] = (uint8_t)digit;
        carry = digit >> 8;
    }
    exact_free(l);
}

static struct token *mint_of_type(KeyType type)
{
    const Did did = did_of_byte(2);
    struct secret_key *key = key_of_byte(type, 1);
    struct token *token = NULL;
    const struct token_claims claims = {
        .kind = TOKEN_DELEGATION, .aud = &did, .cmd = TEXT("/a")};
    assert_int_equal(token_mint(&claims, key, NULL, &token, NULL), STATUS_OK);
    secret_key_free(key);
    return token;
}

/* Another signature is another token, but what is signed is the same: it is
 * that by which replay and revocation go. */
static void a_malleable_signature_keeps_the_payload(void **state)
{
    static const struct {
        KeyType type;
        const char *order;
        Status verified;
    } rows[] = {
        {KEY_ED25519, NULL, STATUS_DENIED},
        {KEY_P256,
         "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
         STATUS_OK},
        {KEY_SECP256K1,
         "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
         STATUS_DENIED},
    };
    (void)state;
    for (size_t index = 0; index < 3; index++) {
        struct token *token = mint_of_type(rows[index].type), *other = NULL;
        uint8_t bytes[1024];
        assert_in_range(token->bytes.len, 100, sizeof bytes);
        memcpy(bytes, token->bytes.data, token->bytes.len);
        // 82 58 40, r, s.
        if (rows[index].order)
            other_half(rows[index].order, bytes + 3 + 32);
        else
            beyond_the_order(bytes + 3 + 32);
        assert_int_equal(
            token_read(bytes_of(bytes, token->bytes.len), NULL, &other, NULL),
            STATUS_OK);
        assert_false(cid_equal(&token->cid, &other->cid));
        assert_true(cid_equal(&token->payload, &other->payload));
        assert_int_equal(token_verify(token, NULL), STATUS_OK);
        assert_int_equal(token_verify(other, NULL), rows[index].verified);
        token_free(token);
        token_free(other);
    }
}

/* What is changed is refused: when it is read, or by its signature. */
static void no_changed_bit_is_verified(void **state)
{
    (void)state;
    for (size_t index = 0; index < 3; index++) {
        struct token *token = mint_of_type(types[index]);
        uint8_t bytes[1024];
        const size_t len = token->bytes.len;
        assert_in_range(len, 100, sizeof bytes);
        memcpy(bytes, token->bytes.data, len);
        for (size_t at = 0; at < len; at++) {
            struct token *other = NULL;
            bytes[at] ^= (uint8_t)(1u << at % 8);
            if (token_read(bytes_of(bytes, len), NULL, &other, NULL) ==
                STATUS_OK)
                assert_int_equal(token_verify(other, NULL), STATUS_DENIED);
            token_free(other);
            bytes[at] ^= (uint8_t)(1u << at % 8);
        }
        token_free(token);
    }
}

/* --- Commands, tasks, and the page of the format ------------------------- */

static void a_command_proves_what_goes_on_below_it(void **state)
{
    static const struct {
        const char *parent, *child;
        bool covers;
    } rows[] = {
        {"/", "/", true},
        {"/", "/a", true},
        {"/", "/a/b", true},
        {"/a", "/", false},
        {"/a", "/a", true},
        {"/a", "/a/b", true},
        {"/a/b", "/a", false},
        {"/a", "/ab", false},
        {"/a", "/b/a", false},
        {"/crypto", "/crypto/sign", true},
        {"/crypto", "/cryptocurrency", false},
        {"/crypto", "/cryptocurrency/sign", false},
        {"/crypto/sign", "/crypto/signed", false},
        {"/\xe3\x81\xbb", "/\xe3\x81\xbb/\xe3\x81\x92", true},
        {"/\xe3\x81\xbb", "/\xe3\x81\xbb\xe3\x81\x92", false},
    };
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++)
        if (command_covers(text_of(rows[index].parent),
                           text_of(rows[index].child)) != rows[index].covers)
            fail_msg("%s and %s", rows[index].parent, rows[index].child);
}

static struct token *example(TokenKind kind)
{
    struct arena arena = {0};
    const Did aud = did_of_byte(2), sub = did_of_byte(1);
    Value pol = value_of_json("[[\"<=\",\".limits.time\",60000]]", &arena);
    Value args = value_of_json("{\"a\":1}", &arena);
    struct secret_key *key =
        key_of_byte(KEY_ED25519, kind == TOKEN_DELEGATION ? 1 : 2);
    struct token *token = NULL;
    const struct token_claims claims = {
        .kind = kind,
        .aud = kind == TOKEN_DELEGATION ? &aud : NULL,
        .sub = &sub,
        .cmd = TEXT("/wasm/run"),
        .nonce = bytes_of("\1\2\3\4", 4),
        .has_exp = true,
        .exp = 1800000000,
        .pol = &pol,
        .args = &args,
    };
    assert_int_equal(token_mint(&claims, key, NULL, &token, NULL), STATUS_OK);
    secret_key_free(key);
    arena_deinit(&arena);
    return token;
}

static void assert_cid(const Cid *cid, const char *expected)
{
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    assert_string_equal(text, expected);
}

/* docs/formats/ucan.md shows these. */
static const char example_text[] =
    "CoWZjdG4tdjGBWQFUglhAdN63zpoiNmBC4fjUqkAD8cqpidbdH2c1ccNqUxuPaXn"
    "mdrk40cGx_51DOcBZQoBddeTCB2gliiLlEDr8yL7_A6JhaEg0Ae0B7QETcW51Y2F"
    "uL2RsZ0AxLjAuMKdjYXVkeDhkaWQ6a2V5Ono2TWtvOWhUZ2dNd2pTVEVhSmFQVWZ"
    "FNnRxY3kyeHZVNkJuTnEzZTNvOHFWQml5SGNjbWRpL3dhc20vcnVuY2V4cBprSdI"
    "AY2lzc3g4ZGlkOmtleTp6Nk1rb24zTmVjZDZOa2t5Zm9Hb0h4aWQyem5HYzU5TFU"
    "zSzdtdWJhUmNGYkxmTFhjcG9sgYNiPD1sLmxpbWl0cy50aW1lGepgY3N1Yng4ZGl"
    "kOmtleTp6Nk1rb24zTmVjZDZOa2t5Zm9Hb0h4aWQyem5HYzU5TFUzSzdtdWJhUmN"
    "GYkxmTFhlbm9uY2VEAQIDBA";

static void the_worked_example_is_as_documented(void **state)
{
    struct token *token = example(TOKEN_DELEGATION);
    struct buffer out;
    (void)state;
    assert_string_equal(
        token->iss.text,
        "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX");
    assert_int_equal(token->bytes.len, 340);
    assert_memory_equal(token->signature.bytes, "\x74\xde\xb7\xce\x9a\x22", 6);
    assert_cid(&token->cid,
               "bafyreic6da2amif47v3w2prrtnbx43skftmo7uybvoujfgiiw"
               "irzjsoo7m");
    assert_cid(&token->payload,
               "bafyreicxv7jb6rjim67oz4jfj7lb54d6qiqatw5ecm5py"
               "yusakkathsxsy");
    buffer_init(&out, 4096);
    assert_int_equal(
        container_write(CONTAINER_BASE64URL, &token->bytes, 1, &out, NULL),
        STATUS_OK);
    assert_int_equal(out.len, sizeof example_text - 1);
    assert_memory_equal(out.data, example_text, out.len);
    buffer_deinit(&out);
    token_free(token);
}

static void a_task_is_named_by_sub_cmd_args_and_nonce(void **state)
{
    struct token *token = example(TOKEN_INVOCATION);
    Cid task;
    (void)state;
    token_task_cid(token, &task);
    assert_cid(&task,
               "bafyreictpfn5yqnljhz2smrwsbns6zuqak7g4t3sapbnmkomcgsoo6unl4");
    token_free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_public_delegation_again_byte_for_byte),
        cmocka_unit_test(reads_all_tokens_of_the_public_invocations),
        cmocka_unit_test(mints_and_reads_delegations_of_each_key_type),
        cmocka_unit_test(mints_and_reads_invocations_of_each_key_type),
        cmocka_unit_test(reads_release_candidates_only_when_asked),
        cmocka_unit_test(does_not_mint_what_it_would_not_read),
        cmocka_unit_test(two_mints_differ_by_their_nonce),
        cmocka_unit_test(a_malleable_signature_keeps_the_payload),
        cmocka_unit_test(no_changed_bit_is_verified),
        cmocka_unit_test(a_command_proves_what_goes_on_below_it),
        cmocka_unit_test(the_worked_example_is_as_documented),
        cmocka_unit_test(a_task_is_named_by_sub_cmd_args_and_nonce),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
