/* SPDX-License-Identifier: Apache-2.0 */
/* test_token_bad.c - each row breaks one rule of a token that is right but for
 * that, signed by the right key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipld/dag_cbor.h"
#include "ucan/token_form.h"
#include "unit/ipld/hex.h"
#include "unit/ucan/sealed.h"

static struct arena arena;
static struct secret_key *key;

static int setup(void **state)
{
    (void)state;
    key = key_of_byte(KEY_ED25519, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    secret_key_free(key);
    arena_deinit(&arena);
    return 0;
}

static const char *const tags[] = {"ucan/dlg@1.0.0", "ucan/inv@1.0.0"};

static Status read_sealed(Bytes sealed, struct error *err)
{
    struct token *token = NULL;
    *err = (struct error){0};
    Status status = token_read(sealed, NULL, &token, err);
    token_free(token);
    exact_free(sealed);
    return status;
}

static Status read_payload(TokenKind kind, const Value *payload,
                           struct error *err)
{
    Value map = signed_map(key, tags[kind], payload, &arena);
    return read_sealed(seal_value(key, &map), err);
}

static void assert_refused(Status status, const struct error *err,
                           const char *what, const char *words)
{
    if (status == STATUS_OK || !strstr(err->message, words))
        fail_msg("%s: %s (%s), not: %s", what, status_name(status),
                 err->message, words);
    assert_int_equal(status, err->status);
}

/* --- Fields -------------------------------------------------------------- */

struct row {
    const char *field, *json; /* json NULL: the field is not there */
    const char *words;        /* in the message; NULL: it is taken */
};

#define OVER "9007199254740992"
#define MOST "9007199254740991"
#define LONG64                                                                \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"

static const struct row both[] = {
    {"iss", NULL, "there is no .iss"},
    {"iss", "null", ".iss is null, not a DID"},
    {"iss", "\"did:web:example.com\"", ".iss"},
    {"iss", "\"$1#key\"", ".iss"},
    {"iss", "\"\"", ".iss"},
    {"sub", NULL, "there is no .sub"},
    {"sub", "1", ".sub is int, not a DID"},
    {"aud", "null", ".aud is null, not a DID"},
    {"aud", "\"did:key:z\"", ".aud"},
    {"cmd", NULL, "there is no .cmd"},
    {"cmd", "null", ".cmd is null, not text"},
    {"cmd", "\"\"", "begins with /"},
    {"cmd", "\"wasm/run\"", "begins with /"},
    {"cmd", "\"/wasm/run/\"", "empty segment"},
    {"cmd", "\"/wasm//run\"", "empty segment"},
    {"cmd", "\"//\"", "empty segment"},
    {"cmd", "\"/Wasm\"", "upper case"},
    {"cmd", "\"/wasM\"", "upper case"},
    {"cmd", "\"/" LONG64 LONG64 LONG64 LONG64 "a\"", "at most 256"},
    {"cmd",
     "\"/" LONG64 LONG64 LONG64
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
     NULL}, /* 256 bytes */
    {"cmd", "\"/\"", NULL},
    {"cmd", "\"/\xe3\x81\xbb\xe3\x81\x92/\xe3\x81\xb5\xe3\x81\x8c\"", NULL},
    {"nonce", NULL, "there is no .nonce"},
    {"nonce", "\"abcd\"", ".nonce is not bytes"},
    {"nonce", "null", ".nonce is not bytes"},
    {"nonce", "{\"/\":{\"bytes\":\"\"}}", NULL},
    {"meta", "{}", ".meta is empty"},
    {"meta", "null", ".meta is null, not a map"},
    {"meta", "[]", ".meta is list, not a map"},
    {"meta", "{\"any\": [1, {}]}", NULL},
    {"exp", NULL, "there is no .exp"},
    {"exp", "\"2027\"", ".exp is not seconds"},
    {"exp", "1.0", ".exp is not seconds"},
    {"exp", "true", ".exp is not seconds"},
    {"exp", OVER, ".exp is not seconds"},
    {"exp", "-" OVER, ".exp is not seconds"},
    {"exp", "18446744073709551615", ".exp is not seconds"},
    {"exp", MOST, NULL},
    {"exp", "-" MOST, NULL},
    {"exp", "0", NULL},
    {"exp", "null", NULL},
    {"extra", "1", "unknown field .extra"},
    {"", "1", "unknown field ."},
    {"Iss", "\"$1\"", "unknown field .Iss"},
    {"fct", "[]", "unknown field .fct"},
};

static const struct row delegation[] = {
    {"aud", NULL, "there is no .aud"},
    {"aud", "\"$1\"", NULL}, /* aud == sub is no rule here */
    {"sub", "null", NULL},   /* a powerline */
    {"pol", NULL, "there is no .pol"},
    {"pol", "null", ".pol"},
    {"pol", "{}", ".pol"},
    {"pol", "[[\"==\", \".a\", " OVER "]]", "53 bits"},
    {"pol", "[[\"==\", \".a\", [{\"b\": -" OVER "}]]]", "53 bits"},
    {"pol", "[[\"==\", \".a\", " MOST "]]", NULL},
    {"pol", "[[\"==\", \".a\", -" MOST "]]", NULL},
    {"pol", "[[\"~\", \".a\", 1]]", ".pol"},
    {"nbf", "null", ".nbf is not seconds"},
    {"nbf", OVER, ".nbf is not seconds"},
    {"nbf", "1.5", ".nbf is not seconds"},
    {"nbf", MOST, NULL},
    {"args", "{}", "unknown field .args"},
    {"prf", "[]", "unknown field .prf"},
    {"iat", "1", "unknown field .iat"},
    {"cause", "1", "unknown field .cause"},
};

#define A_LINK                                                                \
    "{\"/\":\"bafyreigyftnzjf4rcu7glp5kfop53vqlopc3zcldauoqdxqlz7t4343gr4\"}"

static const struct row invocation[] = {
    {"aud", "\"$2\"", ".aud is .sub again"},
    {"aud", "\"$3\"", NULL},
    {"sub", "null", ".sub is null, not a DID"},
    {"args", NULL, "there is no .args"},
    {"args", "[]", ".args is list, not a map"},
    {"args", "null", ".args is null, not a map"},
    {"args", "{\"a\": 18446744073709551615}", NULL},
    {"args", "{\"a\": -9223372036854775808}", NULL},
    {"args", "{\"a\": [{\"b\": -9223372036854775809}]}", ".args"},
    {"prf", NULL, "there is no .prf"},
    {"prf", "{}", ".prf is not a list"},
    {"prf", "[1]", ".prf[0] is not a link"},
    {"prf", "[" A_LINK ", \"bafy\"]", ".prf[1] is not a link"},
    {"prf", "[" A_LINK "]", NULL},
    {"iat", "null", ".iat is not seconds"},
    {"iat", OVER, ".iat is not seconds"},
    {"iat", "0", NULL},
    {"cause", "null", ".cause is not a link"},
    {"cause", "\"bafy\"", ".cause is not a link"},
    {"cause", A_LINK, NULL},
    {"pol", "[]", "unknown field .pol"},
    {"nbf", "1", "unknown field .nbf"},
};

static void try_rows(TokenKind kind, const struct row *rows, size_t count)
{
    const Value good = good_payload(kind, &arena);
    for (size_t index = 0; index < count; index++) {
        const struct row *row = &rows[index];
        char what[400];
        struct error err;
        Value payload = value_with(&good, row->field, row->json, &arena);
        Status status = read_payload(kind, &payload, &err);
        snprintf(what, sizeof what, "%s: .%s = %s", tags[kind], row->field,
                 row->json ? row->json : "nothing");
        if (row->words)
            assert_refused(status, &err, what, row->words);
        else if (status != STATUS_OK)
            fail_msg("%s: %s", what, err.message);
    }
}

#define ROWS(rows) rows, sizeof(rows) / sizeof *(rows)

static void refuses_fields_by_their_rules(void **state)
{
    (void)state;
    for (TokenKind kind = TOKEN_DELEGATION; kind <= TOKEN_INVOCATION; kind++)
        try_rows(kind, ROWS(both));
    try_rows(TOKEN_DELEGATION, ROWS(delegation));
    try_rows(TOKEN_INVOCATION, ROWS(invocation));
}

/* --- Depth and numbers of things ----------------------------------------- */

static Value nested(size_t depth)
{
    Value value = value_null();
    while (depth-- > 0) {
        Value *item = ARENA_NEW(&arena, Value);
        *item = value;
        value = value_list(item, 1);
    }
    return value;
}

static void arguments_have_the_depth_of_values(void **state)
{
    struct error err;
    const Value good = good_payload(TOKEN_INVOCATION, &arena);
    (void)state;
    for (size_t depth = 90; depth < 110; depth++) {
        // {"a": [[…null…]]}: the map is one level, each list another.
        Value args = value_map1(&arena, TEXT("a"), nested(depth - 1));
        Value payload = value_with(&good, "args", NULL, &arena);
        struct value_entry entries[16];
        memcpy(entries, payload.map.entries,
               payload.map.count * sizeof *entries);
        entries[payload.map.count] = (struct value_entry){TEXT("args"), args};
        payload = value_map(&arena, entries, payload.map.count + 1);
        Status status = read_payload(TOKEN_INVOCATION, &payload, &err);
        assert_int_equal(status == STATUS_OK, depth <= VALUE_DEPTH_MAX);
    }
}

static void has_bounds_for_proofs_nonce_and_bytes(void **state)
{
    struct error err;
    char prf[8192] = "[";
    const Value good = good_payload(TOKEN_INVOCATION, &arena);
    (void)state;
    for (int index = 0; index < TOKEN_PROOFS_MAX; index++)
        strcat(strcat(prf, index ? "," : ""), A_LINK);
    char *end = prf + strlen(prf);
    strcpy(end, "]");
    Value payload = value_with(&good, "prf", prf, &arena);
    assert_int_equal(read_payload(TOKEN_INVOCATION, &payload, &err),
                     STATUS_OK);
    strcpy(end, "," A_LINK "]");
    payload = value_with(&good, "prf", prf, &arena);
    assert_refused(read_payload(TOKEN_INVOCATION, &payload, &err), &err,
                   "65 proofs", ".prf is not a list of at most 64");

    char *big = arena_alloc(&arena, TOKEN_BYTES_MAX);
    memset(big, 'a', TOKEN_BYTES_MAX);
    Value text = value_text((Text){big, TOKEN_BYTES_MAX});
    Value meta = value_map1(&arena, TEXT("a"), text);
    struct value_entry entries[16];
    memcpy(entries, good.map.entries, good.map.count * sizeof *entries);
    entries[good.map.count] = (struct value_entry){TEXT("meta"), meta};
    payload = value_map(&arena, entries, good.map.count + 1);
    assert_int_equal(read_payload(TOKEN_INVOCATION, &payload, &err),
                     STATUS_LIMIT);
}

/* --- The envelope -------------------------------------------------------- */

/* What is signed, but for one thing, is right. */
static void refuses_other_maps_than_header_and_payload(void **state)
{
    struct error err;
    const Value payload = good_payload(TOKEN_DELEGATION, &arena);
    const Value h = value_bytes(varsig_of(KEY_ED25519));
    const Value p256 = value_bytes(varsig_of(KEY_P256));
    const Value odd = value_bytes(bytes_of("\x34\x01\xed\x01\x13\x71", 6));
    const Value none = value_bytes(bytes_of("", 0));
    const Text tag = text_of(tags[0]);
    const struct {
        struct value_entry entries[3];
        size_t count;
        const char *words;
    } rows[] = {
        {{{tag, payload}}, 1, "not a map of a header and a payload"},
        {{{TEXT("h"), h}}, 1, "not a map of a header and a payload"},
        {{{TEXT("h"), h}, {tag, payload}, {TEXT("x"), h}},
         3,
         "not a map of a header and a payload"},
        {{{TEXT("h"), h}, {tag, payload}, {text_of(tags[1]), payload}},
         3,
         "not a map of a header and a payload"},
        {{{TEXT("H"), h}, {tag, payload}}, 2, "not a map of a header"},
        {{{TEXT("h"), value_text(TEXT("x"))}, {tag, payload}},
         2,
         "not a map of a header"},
        {{{TEXT("h"), h}, {TEXT("ucan/dlg@1.0.0-rc.1"), payload}},
         2,
         "is not ucan/dlg@1.0.0 or ucan/inv@1.0.0"},
        {{{TEXT("h"), h}, {TEXT("ucan/dlg@1.0"), payload}}, 2, "is not ucan"},
        {{{TEXT("h"), h}, {TEXT(""), payload}}, 2, "is not ucan"},
        {{{TEXT("h"), h}, {tag, h}}, 2, "payload is bytes, not a map"},
        {{{TEXT("h"), p256}, {tag, payload}},
         2,
         ".h is of P-256 and .iss has a key of Ed25519"},
        {{{TEXT("h"), odd}, {tag, payload}}, 2, "not a varsig header"},
        {{{TEXT("h"), none}, {tag, payload}}, 2, "not a varsig header"},
    };
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        Value map = value_map(&arena, rows[index].entries, rows[index].count);
        Status status = read_sealed(seal_value(key, &map), &err);
        assert_refused(status, &err, rows[index].words, rows[index].words);
    }
}

static void refuses_what_is_not_a_signature_and_a_map(void **state)
{
    struct error err;
    Value payload = good_payload(TOKEN_DELEGATION, &arena);
    Value map = signed_map(key, tags[0], &payload, &arena);
    uint8_t zeros[64] = {0};
    const Value right = value_bytes(bytes_of(zeros, 64));
    const Value text = value_text(TEXT("x"));
    const struct {
        Value items[3];
        size_t count;
        const char *words;
    } rows[] = {
        {{text, map}, 2, "not a list of a signature"},
        {{right}, 1, "not a list of a signature"},
        {{right, map, map}, 3, "not a list of a signature"},
        {{right, text}, 2, "not a map of a header"},
    };
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct buffer out;
        Value list = value_list(rows[index].items, rows[index].count);
        buffer_init(&out, 4096);
        dag_cbor_encode(&list, &out);
        Status status = read_sealed(exact_copy(buffer_bytes(&out)), &err);
        buffer_deinit(&out);
        assert_refused(status, &err, rows[index].words, rows[index].words);
    }
}

/* The signature of nobody: a chain calls that an invalid signature. */
static void denies_a_signature_of_another_length(void **state)
{
    static const uint8_t zeros[65536] = {0};
    static const size_t lens[] = {0, 1, 3, 23, 24, 63, 65, 255, 256, 65536};
    Value payload = good_payload(TOKEN_DELEGATION, &arena);
    Value map = signed_map(key, tags[0], &payload, &arena);
    (void)state;
    for (size_t index = 0; index < sizeof lens / sizeof *lens; index++) {
        const Value items[] = {value_bytes(bytes_of(zeros, lens[index])), map};
        const Value list = value_list(items, 2);
        struct error err;
        struct buffer out;
        buffer_init(&out, 1 << 20);
        dag_cbor_encode(&list, &out);
        assert_int_equal(read_sealed(exact_copy(buffer_bytes(&out)), &err),
                         STATUS_DENIED);
        assert_non_null(strstr(err.message, "bytes, not 64"));
        buffer_deinit(&out);
    }
}

/* --- Bytes --------------------------------------------------------------- */

static Bytes good_bytes(void)
{
    Value payload = good_payload(TOKEN_INVOCATION, &arena);
    Value map = signed_map(key, tags[1], &payload, &arena);
    return seal_value(key, &map);
}

static void refuses_every_truncation_and_every_byte_behind(void **state)
{
    Bytes good = good_bytes();
    struct error err;
    uint8_t longer[1024] = {0};
    (void)state;
    for (size_t len = 0; len < good.len; len++)
        assert_int_not_equal(
            read_sealed(exact_copy(bytes_of(good.data, len)), &err),
            STATUS_OK);
    memcpy(longer, good.data, good.len);
    assert_int_not_equal(
        read_sealed(exact_copy(bytes_of(longer, good.len + 1)), &err),
        STATUS_OK);
    assert_int_equal(read_sealed(good, &err), STATUS_OK);
}

/* Replaces `from` in what is signed by `to`, and signs it again. */
static void assert_not_canonical(const char *from, size_t from_len,
                                 const char *to, size_t to_len)
{
    Bytes good = good_bytes();
    assert_in_range(good.len, 100, 1000);
    Bytes inner = bytes_from(good, 67);
    uint8_t other[1024];
    struct error err;
    const uint8_t *at = memmem(inner.data, inner.len, from, from_len);
    assert_non_null(at);
    size_t before = (size_t)(at - inner.data);
    memcpy(other, inner.data, before);
    memcpy(other + before, to, to_len);
    memcpy(other + before + to_len, at + from_len,
           inner.len - before - from_len);
    Bytes sealed =
        seal_bytes(key, bytes_of(other, inner.len - from_len + to_len));
    assert_int_equal(read_sealed(sealed, &err), STATUS_INVALID);
    exact_free(good);
}

#define NOT_CANONICAL(from, to)                                               \
    assert_not_canonical(from, sizeof(from) - 1, to, sizeof(to) - 1)

static void refuses_cbor_that_is_not_canonical(void **state)
{
    (void)state;
    // A length in more bytes than it needs.
    NOT_CANONICAL("\xa2\x61h", "\xb8\x02\x61h");
    NOT_CANONICAL("\x61h\x48", "\x78\x01h\x48");
    NOT_CANONICAL("\x61h\x48", "\x61h\x58\x08");
    NOT_CANONICAL("\x63prf\x80", "\x63prf\x98\x00");
    // Without a stated length.
    NOT_CANONICAL("\x63prf\x80", "\x63prf\x9f\xff");
    NOT_CANONICAL("\x64"
                  "args\xa0",
                  "\x64"
                  "args\xbf\xff");
    // A number in more bytes; 1800000000 is 6b49d200.
    NOT_CANONICAL("\x1a\x6b\x49\xd2\x00",
                  "\x1b\x00\x00\x00\x00\x6b\x49\xd2\x00");
    // undefined, a tag, a float of half the width.
    NOT_CANONICAL("\x1a\x6b\x49\xd2\x00", "\xf7");
    NOT_CANONICAL("\x1a\x6b\x49\xd2\x00", "\xc1\x1a\x6b\x49\xd2\x00");
    NOT_CANONICAL("\x1a\x6b\x49\xd2\x00", "\xf9\x3c\x00");
    // Keys out of order, and a key twice (prf, then another prf for sub).
    NOT_CANONICAL("\x63prf", "\x63zzz");
    NOT_CANONICAL("\x63sub", "\x63prf");
    // Text that is not UTF-8.
    NOT_CANONICAL("/wasm/run", "/wasm/r\xffn");
}

static void refuses_an_envelope_that_is_not_canonical(void **state)
{
    Bytes good = good_bytes();
    uint8_t other[1024];
    struct error err;
    (void)state;
    assert_in_range(good.len, 100, 1000);
    // 98 02 for 82, and 59 0040 for 58 40.
    memcpy(other, "\x98\x02", 2);
    memcpy(other + 2, good.data + 1, good.len - 1);
    assert_int_equal(
        read_sealed(exact_copy(bytes_of(other, good.len + 1)), &err),
        STATUS_INVALID);
    const Bytes rest = bytes_from(good, 3);
    memcpy(other, "\x82\x59\x00\x40", 4);
    memcpy(other + 4, rest.data, rest.len);
    assert_int_equal(
        read_sealed(exact_copy(bytes_of(other, good.len + 1)), &err),
        STATUS_INVALID);
    exact_free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_fields_by_their_rules),
        cmocka_unit_test(arguments_have_the_depth_of_values),
        cmocka_unit_test(has_bounds_for_proofs_nonce_and_bytes),
        cmocka_unit_test(refuses_other_maps_than_header_and_payload),
        cmocka_unit_test(refuses_what_is_not_a_signature_and_a_map),
        cmocka_unit_test(denies_a_signature_of_another_length),
        cmocka_unit_test(refuses_every_truncation_and_every_byte_behind),
        cmocka_unit_test(refuses_cbor_that_is_not_canonical),
        cmocka_unit_test(refuses_an_envelope_that_is_not_canonical),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
