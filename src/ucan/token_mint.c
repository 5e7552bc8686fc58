/* SPDX-License-Identifier: Apache-2.0 */
/* token_mint.c - claims into a signed token. What was minted is read again by
 * token_read(), which is the only judge of what a token may say. */
#include "ipld/dag_cbor.h"
#include "ucan/token_form.h"

enum { ENTRIES_MAX = 12, NONCE_LEN = 12 };

struct payload {
    struct arena *arena;
    struct value_entry entries[ENTRIES_MAX];
    size_t count;
};

static void add(struct payload *payload, const char *name, Value value)
{
    ASSERT(payload->count < ENTRIES_MAX);
    payload->entries[payload->count++] =
        (struct value_entry){text_of(name), value};
}

static Value did_value(const Did *did)
{
    return did ? value_text(text_of(did->text)) : value_null();
}

static Value time_value(bool has, int64_t time)
{
    return has ? value_int(time) : value_null();
}

static Bytes nonce_of(const struct token_claims *claims, struct arena *arena)
{
    if (claims->nonce.data)
        return claims->nonce;
    uint8_t *nonce = arena_alloc(arena, NONCE_LEN);
    random_bytes(nonce, NONCE_LEN);
    return bytes_of(nonce, NONCE_LEN);
}

static Value proofs_value(const struct token_claims *claims,
                          struct arena *arena)
{
    Value *items = arena_array(arena, claims->proof_count, sizeof *items);
    for (size_t index = 0; index < claims->proof_count; index++)
        items[index] = value_link(&claims->proofs[index]);
    return value_list(items, claims->proof_count);
}

static Value payload_of(const struct token_claims *claims, const Did *iss,
                        struct arena *arena)
{
    struct payload payload = {.arena = arena};
    add(&payload, "iss", did_value(iss));
    if (claims->aud)
        add(&payload, "aud", did_value(claims->aud));
    add(&payload, "sub", did_value(claims->sub));
    add(&payload, "cmd", value_text(claims->cmd));
    add(&payload, "nonce", value_bytes(nonce_of(claims, arena)));
    add(&payload, "exp", time_value(claims->has_exp, claims->exp));
    if (claims->meta)
        add(&payload, "meta", *claims->meta);
    if (claims->has_nbf)
        add(&payload, "nbf", value_int(claims->nbf));
    if (claims->has_iat)
        add(&payload, "iat", value_int(claims->iat));
    if (claims->cause)
        add(&payload, "cause", value_link(claims->cause));
    if (claims->kind == TOKEN_DELEGATION) {
        add(&payload, "pol", claims->pol ? *claims->pol : value_list(NULL, 0));
    } else {
        add(&payload, "args",
            claims->args ? *claims->args : value_map(arena, NULL, 0));
        add(&payload, "prf", proofs_value(claims, arena));
    }
    return value_map(arena, payload.entries, payload.count);
}

static Text tag_of(const struct token_claims *claims, bool rc1)
{
    for (size_t index = 0; index < TOKEN_FORMS; index++)
        if (token_forms[index].kind == claims->kind &&
            token_forms[index].is_rc1 == rc1)
            return token_forms[index].tag;
    ASSERT(false);
    return (Text){NULL, 0};
}

Status token_mint(const struct token_claims *claims,
                  const struct secret_key *key,
                  const struct token_options *options, struct token **out,
                  struct error *err)
{
    struct arena arena = {0};
    struct buffer inner, envelope;
    Signature signature;
    Did iss;

    did_of(secret_key_public(key), &iss);
    const struct value_entry parts[] = {
        {TEXT("h"), value_bytes(varsig_of(secret_key_public(key)->type))},
        {tag_of(claims, options && options->rc1_too),
         payload_of(claims, &iss, &arena)},
    };
    const Value what = value_map(&arena, parts, 2);
    buffer_init(&inner, TOKEN_BYTES_MAX);
    buffer_init(&envelope, TOKEN_BYTES_MAX);
    dag_cbor_encode(&what, &inner);
    secret_key_sign(key, buffer_bytes(&inner), &signature);
    cbor_add_list(&envelope, 2);
    cbor_add_bytes(&envelope, bytes_of(signature.bytes, SIGNATURE_LEN));
    buffer_add_bytes(&envelope, buffer_bytes(&inner));
    Status status = buffer_status(&inner, "the token", err);
    if (status == STATUS_OK)
        status = buffer_status(&envelope, "the token", err);
    if (status == STATUS_OK)
        status = token_read(buffer_bytes(&envelope), options, out, err);
    buffer_deinit(&inner);
    buffer_deinit(&envelope);
    arena_deinit(&arena);
    return status;
}

void token_task_cid(const struct token *invocation, Cid *out)
{
    struct arena arena = {0};
    const struct value_entry entries[] = {
        {TEXT("sub"), value_text(text_of(invocation->sub.text))},
        {TEXT("cmd"), value_text(invocation->cmd)},
        {TEXT("args"), *invocation->args},
        {TEXT("nonce"), value_bytes(invocation->nonce)},
    };
    const Value task = value_map(&arena, entries, 4);
    dag_cbor_block(&task, &arena, out);
    arena_deinit(&arena);
}
