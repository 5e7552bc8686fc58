/* SPDX-License-Identifier: Apache-2.0 */
/* program_token_vectors.c - writes tests/vectors/ucan/token.json, or with the
 * argument "container" container.json. What each row must come out as stands
 * here, by hand; test_token_vectors.c reads the files. */
#include <sodium.h>
#include <stdio.h>

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ucan/container.h"
#include "ucan/gzip.h"
#include "unit/ucan/actors.h"
#include "unit/ucan/sealed.h"

enum { SIGNED_AT = 67 /* in an envelope */ };

static struct arena arena;
static size_t row_count;

static const char *const tags[] = {"ucan/dlg@1.0.0", "ucan/inv@1.0.0"};
static const char *const rc1_tags[] = {"ucan/dlg@1.0.0-rc.1",
                                       "ucan/inv@1.0.0-rc.1"};

static void print_row(const struct value_entry *entries, size_t count)
{
    struct buffer out;
    const Value value = value_map(&arena, entries, count);
    buffer_init(&out, 16 << 20);
    assert_int_equal(dag_json_encode(&value, &out, NULL), STATUS_OK);
    printf("%s\n  %.*s", row_count++ ? "," : "", (int)out.len,
           (const char *)out.data);
    buffer_deinit(&out);
}

/* --- Tokens -------------------------------------------------------------- */

static Value link_of(const Cid *cid)
{
    Cid *kept = ARENA_NEW(&arena, Cid);
    *kept = *cid;
    return value_link(kept);
}

/* Takes `token`. What is well-formed is shown with its names. */
static void row(const char *title, Bytes bytes, const char *result)
{
    struct value_entry entries[8] = {
        {TEXT("title"), value_text(text_of(title))},
        {TEXT("token"), value_bytes(bytes)},
        {TEXT("result"), value_text(text_of(result))},
    };
    size_t count = 3;
    const struct token_options rc1 = {.rc1_too = true};
    struct token *token = NULL;
    if (strcmp(result, "OK") == 0) {
        assert_int_equal(token_read(bytes, &rc1, &token, NULL), STATUS_OK);
        entries[count++] =
            (struct value_entry){TEXT("cid"), link_of(&token->cid)};
        entries[count++] =
            (struct value_entry){TEXT("payload"), link_of(&token->payload)};
        if (token->is_rc1)
            entries[count++] =
                (struct value_entry){TEXT("rc1"), value_bool(true)};
    }
    if (token && token->kind == TOKEN_INVOCATION) {
        Cid task;
        token_task_cid(token, &task);
        entries[count++] = (struct value_entry){TEXT("task"), link_of(&task)};
    }
    print_row(entries, count);
    token_free(token);
    exact_free(bytes);
}

static Bytes seal(TokenKind kind, const Value *payload, const char *const *tag)
{
    struct secret_key *key = key_of_byte(KEY_ED25519, 1);
    const Value map = signed_map(key, tag[kind], payload, &arena);
    const Bytes sealed = seal_value(key, &map);
    secret_key_free(key);
    return sealed;
}

#define OVER "9007199254740992"
#define MOST "9007199254740991"
#define A_LINK                                                                \
    "{\"/\":\"bafyreigyftnzjf4rcu7glp5kfop53vqlopc3zcldauoqdxqlz7t4343gr4\"}"

/* A good payload with one field as it stands here; NULL: without it. */
static const struct {
    TokenKind kind;
    const char *title, *field, *json;
    bool is_good;
} fields[] = {
    {0, "a delegation that never expires", "exp", "null", true},
    {1, "an invocation", "exp", "1800000000", true},
    {0, "a delegation with a last second", "exp", "1800000000", true},
    {1, "an invocation that never expires", "exp", "null", true},
    {0, "exp is missing, which is not null", "exp", NULL, false},
    {1, "exp is missing in an invocation", "exp", NULL, false},
    {0, "exp is 2^53-1", "exp", MOST, true},
    {0, "exp is 2^53", "exp", OVER, false},
    {0, "exp is -(2^53-1)", "exp", "-" MOST, true},
    {0, "exp is -(2^53)", "exp", "-" OVER, false},
    {0, "exp is a float", "exp", "1800000000.0", false},
    {0, "exp is text", "exp", "\"1800000000\"", false},
    {0, "nbf is 0", "nbf", "0", true},
    {0, "nbf is null: it is left out instead", "nbf", "null", false},
    {1, "an invocation has no nbf", "nbf", "0", false},
    {1, "iat", "iat", "1700000000", true},
    {0, "a delegation has no iat", "iat", "1700000000", false},
    {0, "an unknown field", "fct", "{}", false},
    {1, "an unknown field in an invocation", "x", "null", false},
    {0, "a delegation has no args", "args", "{}", false},
    {0, "a delegation has no prf", "prf", "[]", false},
    {1, "an invocation has no pol", "pol", "[]", false},
    {0, "a powerline", "sub", "null", true},
    {0, "sub is missing, which is not null", "sub", NULL, false},
    {1, "an invocation has a subject", "sub", "null", false},
    {0, "a delegation has an audience", "aud", NULL, false},
    {0, "the audience of a delegation may be its subject", "aud", "\"$1\"",
     true},
    {1, "an audience of its own", "aud", "\"$3\"", true},
    {1, "an audience that is the subject is left out instead", "aud", "\"$2\"",
     false},
    {1, "aud is null: it is left out instead", "aud", "null", false},
    {0, "meta", "meta", "{\"note\":[1,{}]}", true},
    {0, "meta is empty: it is left out instead", "meta", "{}", false},
    {0, "the empty nonce", "nonce", "{\"/\":{\"bytes\":\"\"}}", true},
    {0, "nonce is text", "nonce", "\"AQIDBA\"", false},
    {0, "nonce is missing", "nonce", NULL, false},
    {0, "the command over all", "cmd", "\"/\"", true},
    {0, "a command with a slash at its end", "cmd", "\"/wasm/\"", false},
    {0, "a command with an empty segment", "cmd", "\"/wasm//run\"", false},
    {0, "a command without a slash", "cmd", "\"wasm\"", false},
    {0, "a command in upper case", "cmd", "\"/Wasm\"", false},
    {0, "the empty command", "cmd", "\"\"", false},
    {0, "another DID method", "aud", "\"did:web:example.com\"", false},
    {0, "a DID with a fragment", "aud", "\"$2#x\"", false},
    {0, "a policy", "pol", "[[\"==\",\".a\",1]]", true},
    {0, "a policy with an unknown operator", "pol", "[[\"=\",\".a\",1]]",
     false},
    {0, "a policy with a bad selector", "pol", "[[\"==\",\"a\",1]]", false},
    {0, "an integer of 2^53 in a policy", "pol", "[[\"==\",\".a\"," OVER "]]",
     false},
    {1, "arguments have all of uint64", "args", "{\"a\":18446744073709551615}",
     true},
    {1, "and all of int64", "args", "{\"a\":-9223372036854775808}", true},
    {1, "but no more", "args", "{\"a\":-9223372036854775809}", false},
    {1, "arguments are a map", "args", "[]", false},
    {1, "arguments of every kind", "args",
     "{\"b\":true,\"n\":null,\"f\":-0.5,\"t\":\"\u00e9\",\"l\":[1,-1],"
     "\"y\":{\"/\":{\"bytes\":\"AP8\"}},\"c\":" A_LINK ",\"aa\":{\"z\":0}}",
     true},
    {1, "proofs", "prf", "[" A_LINK "]", true},
    {1, "a proof that is no link", "prf", "[\"bafy\"]", false},
    {1, "a cause", "cause", A_LINK, true},
    {1, "a cause that is no link", "cause", "null", false},
};

static void print_fields(void)
{
    for (size_t index = 0; index < sizeof fields / sizeof *fields; index++) {
        const TokenKind kind = fields[index].kind;
        const Value good = good_payload(kind, &arena);
        const Value payload =
            value_with(&good, fields[index].field, fields[index].json, &arena);
        row(fields[index].title, seal(kind, &payload, tags),
            fields[index].is_good ? "OK" : "malformed");
    }
    for (TokenKind kind = TOKEN_DELEGATION; kind <= TOKEN_INVOCATION; kind++) {
        const Value good = good_payload(kind, &arena);
        row(kind == TOKEN_DELEGATION ? "a delegation of 1.0.0-rc.1"
                                     : "an invocation of 1.0.0-rc.1",
            seal(kind, &good, rc1_tags), "OK");
    }
}

/* What is signed with bytes replaced, and signed so. */
static void other_bytes(const char *title, const char *from, size_t from_len,
                        const char *to, size_t to_len)
{
    struct secret_key *key = key_of_byte(KEY_ED25519, 1);
    const Value payload = good_payload(TOKEN_INVOCATION, &arena);
    const Bytes good = seal(TOKEN_INVOCATION, &payload, tags);
    const Bytes inner = bytes_from(good, SIGNED_AT);
    const uint8_t *at = memmem(inner.data, inner.len, from, from_len);
    struct buffer other;
    assert_non_null(at);
    const size_t before = (size_t)(at - inner.data);
    buffer_init(&other, 4096);
    buffer_add(&other, inner.data, before);
    buffer_add(&other, to, to_len);
    buffer_add_bytes(&other, bytes_from(inner, before + from_len));
    row(title, seal_bytes(key, buffer_bytes(&other)), "malformed");
    buffer_deinit(&other);
    exact_free(good);
    secret_key_free(key);
}

#define OTHER(title, from, to)                                                \
    other_bytes(title, from, sizeof(from) - 1, to, sizeof(to) - 1)

static void print_bytes(void)
{
    OTHER("a map's length in more bytes than it needs", "\xa2\x61h",
          "\xb8\x02\x61h");
    OTHER("a list without a stated length", "\x63prf\x80", "\x63prf\x9f\xff");
    OTHER("a map without a stated length",
          "\x64"
          "args\xa0",
          "\x64"
          "args\xbf\xff");
    OTHER("a number in more bytes than it needs", "\x1a\x6b\x49\xd2\x00",
          "\x1b\x00\x00\x00\x00\x6b\x49\xd2\x00");
    OTHER("undefined", "\x1a\x6b\x49\xd2\x00", "\xf7");
    OTHER("a tag that is not 42", "\x1a\x6b\x49\xd2\x00",
          "\xc1\x1a\x6b\x49\xd2\x00");
    OTHER("a float of half the width",
          "\x64"
          "args\xa0",
          "\x64"
          "args\xa1\x61"
          "a\xf9\x3c\x00");
    OTHER("not a number",
          "\x64"
          "args\xa0",
          "\x64"
          "args\xa1\x61"
          "a\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00");
    OTHER("keys out of order", "\x63prf", "\x63zzz");
    OTHER("a key twice in the payload", "\x63sub", "\x63prf");
    OTHER("a key twice in the arguments",
          "\x64"
          "args\xa0",
          "\x64"
          "args\xa2\x61"
          "a\x01\x61"
          "a\x02");
    OTHER("keys of the arguments out of order",
          "\x64"
          "args\xa0",
          "\x64"
          "args\xa2\x61"
          "b\x01\x61"
          "a\x02");
    OTHER("text that is not UTF-8", "/wasm/run", "/wasm/r\xffn");
    OTHER("the header of another algorithm", "\x34\x01\xed\x01\xed\x01\x13",
          "\x34\x01\xec\x01\x80\x24\x12");
    OTHER("the header without the curve", "\x48\x34\x01\xed\x01\xed\x01\x13",
          "\x46\x34\x01\xed\x01\x13");
    OTHER("the tag of another version", "ucan/inv@1.0.0", "ucan/inv@1.1.0");
}

/* --- Signatures ---------------------------------------------------------- */

static struct token *signed_by(const struct actor *actor)
{
    return mint(actor, (struct token_claims){
                           .kind = TOKEN_INVOCATION,
                           .sub = &actor->did,
                           .cmd = TEXT("/wasm/run"),
                           .nonce = bytes_of("\1\2\3\4", 4),
                       });
}

static void print_curve(KeyType type, const char *const titles[3],
                        const char *twin_result)
{
    const struct actor actor = actor_new(type, 7);
    struct token *token = signed_by(&actor), *twin = twin_of(token);
    row(titles[0], exact_copy(token->bytes), "OK");
    row(titles[1], exact_copy(twin->bytes), twin_result);
    uint8_t *changed = arena_alloc(&arena, token->bytes.len);
    memcpy(changed, token->bytes.data, token->bytes.len);
    changed[SIGNED_AT - 32] ^= 1;
    row(titles[2], exact_copy(bytes_of(changed, token->bytes.len)),
        "InvalidSignature");
    token_free(twin);
    token_free(token);
    secret_key_free(actor.key);
}

/* Who knows the key may sign with R the neutral point: S = h * a. */
static void print_small_r(void)
{
    const struct actor actor = actor_new(KEY_ED25519, 7);
    struct token *token = signed_by(&actor);
    uint8_t seed[32], scalar[64], wide[64], h[32], *bytes;
    crypto_hash_sha512_state hash;
    memset(seed, 7, sizeof seed);
    crypto_hash_sha512(scalar, seed, sizeof seed);
    scalar[0] &= 248;
    scalar[31] = (uint8_t)((scalar[31] & 127) | 64);
    bytes = arena_alloc(&arena, token->bytes.len);
    memcpy(bytes, token->bytes.data, token->bytes.len);
    uint8_t *signature = bytes + 3;
    memset(signature, 0, 32);
    signature[0] = 1;
    crypto_hash_sha512_init(&hash);
    crypto_hash_sha512_update(&hash, signature, 32);
    crypto_hash_sha512_update(&hash, token->key.bytes, 32);
    crypto_hash_sha512_update(&hash, token->signed_bytes.data,
                              token->signed_bytes.len);
    crypto_hash_sha512_final(&hash, wide);
    crypto_core_ed25519_scalar_reduce(h, wide);
    crypto_core_ed25519_scalar_mul(signature + 32, h, scalar);
    row("Ed25519: R is the neutral point, and the equation holds",
        exact_copy(bytes_of(bytes, token->bytes.len)), "InvalidSignature");
    token_free(token);
    secret_key_free(actor.key);
}

/* Issuers that are points of small order: with R = A or the neutral point and
 * S = 0 the bare equation may hold for any message. */
static void print_small_keys(void)
{
    static const char *const points[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        // The neutral point in another form: y = p + 1.
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (size_t index = 0; index < sizeof points / sizeof *points; index++) {
        const Bytes point = exact_from_hex(points[index]);
        PublicKey key = {.type = KEY_ED25519, .len = 32};
        Did did;
        memcpy(key.bytes, point.data, 32);
        did_of(&key, &did);
        const Value good = good_payload(TOKEN_INVOCATION, &arena);
        const Text json = arena_format(&arena, "\"%s\"", did.text);
        const Value payload = value_with(&good, "iss", json.data, &arena);
        const Bytes sealed = seal(TOKEN_INVOCATION, &payload, tags);
        uint8_t *bytes = arena_alloc(&arena, sealed.len);
        memcpy(bytes, sealed.data, sealed.len);
        memcpy(bytes + 3, point.data, 32);
        memset(bytes + 3 + 32, 0, 32);
        row("the issuer is a point of small order",
            exact_copy(bytes_of(bytes, sealed.len)), "malformed");
        exact_free(sealed);
        exact_free(point);
    }
}

static void print_tokens(void)
{
    printf("{\"tokens\": [");
    print_fields();
    print_bytes();
    print_curve(KEY_ED25519,
                (const char *const[]){"Ed25519", "Ed25519: S + L",
                                      "Ed25519: a bit of S is another"},
                "InvalidSignature");
    print_small_r();
    print_small_keys();
    print_curve(KEY_P256,
                (const char *const[]){
                    "P-256",
                    "P-256: n - s is taken too; the payload is the same",
                    "P-256: a bit of s is another"},
                "OK");
    print_curve(KEY_SECP256K1,
                (const char *const[]){"secp256k1", "secp256k1: n - s",
                                      "secp256k1: a bit of s is another"},
                "InvalidSignature");
}

/* --- Containers ---------------------------------------------------------- */

/* Without tokens: refused, for the reason in `refused`. */
static void container(const char *title, Bytes bytes, const Bytes *tokens,
                      size_t count, const char *refused)
{
    Value *items = arena_array(&arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = value_bytes(tokens[index]);
    const struct value_entry entries[] = {
        {TEXT("title"), value_text(text_of(title))},
        {TEXT("container"), value_bytes(bytes)},
        refused
            ? (struct value_entry){TEXT("refused"),
                                   value_text(text_of(refused))}
            : (struct value_entry){TEXT("tokens"), value_list(items, count)},
    };
    print_row(entries, 3);
}

static Bytes packed(ContainerForm form, const Bytes *tokens, size_t count)
{
    struct buffer out;
    buffer_init(&out, 8 << 20);
    assert_int_equal(container_write(form, tokens, count, &out, NULL),
                     STATUS_OK);
    const Bytes kept = arena_copy_bytes(&arena, buffer_bytes(&out));
    buffer_deinit(&out);
    return kept;
}

/* {"ctn-v1": tokens} as they come, behind '@'. */
static Bytes as_they_come(const Bytes *tokens, size_t count)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    buffer_add_byte(&out, '@');
    cbor_add_map(&out, 1);
    cbor_add_text(&out, TEXT("ctn-v1"));
    cbor_add_list(&out, count);
    for (size_t index = 0; index < count; index++)
        cbor_add_bytes(&out, tokens[index]);
    const Bytes kept = arena_copy_bytes(&arena, buffer_bytes(&out));
    buffer_deinit(&out);
    return kept;
}

static void print_texts(void)
{
    static const struct {
        const char *title, *text;
    } rows[] = {
        {"nothing", ""},
        {"a header byte that is none", "AoWZjdG4tdjGA"},
        {"a header byte alone", "B"},
        {"base64 without its padding", "BoWZjdG4tdjGBQWE"},
        {"base64url with padding", "CoWZjdG4tdjGBQWE="},
        {"bits left over", "BoWZjdG4tdjGBQWF="},
        {"the other alphabet", "BoWZjdG4tdjGDQWFC__5D__79"},
        {"a blank behind it", "BoWZjdG4tdjGA "},
        {"another version", "BoWZjdG4tdjKA"},
        {"gzip that is none", "Mnope"},
    };
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++)
        container(rows[index].title, text_bytes(text_of(rows[index].text)),
                  NULL, 0, "malformed");
    container("the empty container", text_bytes(TEXT("BoWZjdG4tdjGA")), NULL,
              0, NULL);
}

/* One token of 5 MiB of zeros, which is beyond CONTAINER_BYTES_MAX. */
static void print_bomb(void)
{
    const size_t len = 5 << 20;
    struct buffer plain, out;
    uint8_t *zeros = calloc(1, len);
    assert_non_null(zeros);
    buffer_init(&plain, len + 100);
    buffer_init(&out, 2 * len);
    cbor_add_map(&plain, 1);
    cbor_add_text(&plain, TEXT("ctn-v1"));
    cbor_add_list(&plain, 1);
    cbor_add_bytes(&plain, bytes_of(zeros, len));
    buffer_add_byte(&out, CONTAINER_GZIP);
    assert_int_equal(gzip_pack(buffer_bytes(&plain), &out, NULL), STATUS_OK);
    container("a bomb: 5 MiB of zeros in 5 KiB", buffer_bytes(&out), NULL, 0,
              "limit");
    buffer_deinit(&plain);
    buffer_deinit(&out);
    free(zeros);
}

static void print_containers(void)
{
    static const struct {
        ContainerForm form;
        const char *title;
    } forms[] = {
        {CONTAINER_RAW, "bytes"},
        {CONTAINER_BASE64, "base64"},
        {CONTAINER_BASE64URL, "base64url"},
        {CONTAINER_GZIP, "gzip"},
        {CONTAINER_GZIP_BASE64, "gzip in base64"},
        {CONTAINER_GZIP_BASE64URL, "gzip in base64url"},
    };
    const Value delegation = good_payload(TOKEN_DELEGATION, &arena);
    const Value invocation = good_payload(TOKEN_INVOCATION, &arena);
    const Bytes first = seal(TOKEN_DELEGATION, &delegation, tags);
    const Bytes second = seal(TOKEN_INVOCATION, &invocation, tags);
    const bool in_order = bytes_compare(first, second) < 0;
    const Bytes two[] = {in_order ? first : second, in_order ? second : first};
    const Bytes turned[] = {two[1], two[0]}, twice[] = {two[0], two[0]};
    printf("{\"containers\": [");
    for (size_t index = 0; index < 6; index++)
        container(forms[index].title, packed(forms[index].form, two, 2), two,
                  2, NULL);
    container("tokens out of order", as_they_come(turned, 2), NULL, 0,
              "malformed");
    container("a token twice", as_they_come(twice, 2), NULL, 0, "malformed");
    print_texts();
    print_bomb();
    const size_t count = CONTAINER_TOKENS_MAX + 1;
    Bytes *many = arena_array(&arena, count, sizeof *many);
    for (size_t index = 0; index < count; index++) {
        uint8_t *name = arena_alloc(&arena, 2);
        name[0] = (uint8_t)(index >> 8);
        name[1] = (uint8_t)index;
        many[index] = bytes_of(name, 2);
    }
    container("more than 1,024 tokens", as_they_come(many, count), NULL, 0,
              "limit");
    exact_free(first);
    exact_free(second);
}

int main(int count, char **arguments)
{
    assert_true(sodium_init() >= 0);
    if (count == 2 && strcmp(arguments[1], "container") == 0)
        print_containers();
    else
        print_tokens();
    printf("\n]}\n");
    arena_deinit(&arena);
    return 0;
}
