/* SPDX-License-Identifier: Apache-2.0 */
/* token.c - bytes into a token. Every field is a row of one table; what has no
 * row is refused. */
#include "ucan/token.h"

#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "ucan/token_form.h"

enum {
    ENVELOPE_HEAD = 1 + 2 + SIGNATURE_LEN, /* 82, 58 40, the signature */
    TIME_MAX_BITS = 53,
};

static const int64_t number_max = (INT64_C(1) << TIME_MAX_BITS) - 1;

/* --- Fields -------------------------------------------------------------- */

static Status read_did(const Value *value, const char *name, Did *out,
                       PublicKey *key, struct error *err)
{
    struct error inner = {0};
    if (value->kind != VALUE_TEXT)
        return fail(err, STATUS_INVALID, "token: .%s is %s, not a DID", name,
                    value_kind_name(value->kind));
    Status status = did_read(value->text, out, key, &inner);
    if (status != STATUS_OK)
        return fail(err, status, "token: .%s: %.150s", name, inner.message);
    return STATUS_OK;
}

static Status read_iss(struct token *token, const Value *value,
                       struct error *err)
{
    return read_did(value, "iss", &token->iss, &token->key, err);
}

static Status read_aud(struct token *token, const Value *value,
                       struct error *err)
{
    PublicKey unused;
    token->has_aud = true;
    return read_did(value, "aud", &token->aud, &unused, err);
}

static Status read_sub(struct token *token, const Value *value,
                       struct error *err)
{
    PublicKey unused;
    if (value->kind == VALUE_NULL && token->kind == TOKEN_DELEGATION)
        return STATUS_OK;
    token->has_sub = true;
    return read_did(value, "sub", &token->sub, &unused, err);
}

static Status read_cmd(struct token *token, const Value *value,
                       struct error *err)
{
    if (value->kind != VALUE_TEXT)
        return fail(err, STATUS_INVALID, "token: .cmd is %s, not text",
                    value_kind_name(value->kind));
    token->cmd = value->text;
    return command_check(value->text, err);
}

static Status read_nonce(struct token *token, const Value *value,
                         struct error *err)
{
    if (value->kind != VALUE_BYTES || value->bytes.len > NONCE_LEN_MAX)
        return fail(err, STATUS_INVALID,
                    "token: .nonce is not bytes, at most %d of them",
                    NONCE_LEN_MAX);
    token->nonce = value->bytes;
    return STATUS_OK;
}

static Status read_time(const Value *value, const char *name, int64_t *out,
                        struct error *err)
{
    if (!value_to_int64(value, out) || *out > number_max || *out < -number_max)
        return fail(err, STATUS_INVALID,
                    "token: .%s is not seconds within 53 bits", name);
    return STATUS_OK;
}

static Status read_exp(struct token *token, const Value *value,
                       struct error *err)
{
    token->has_exp = value->kind != VALUE_NULL;
    return token->has_exp ? read_time(value, "exp", &token->exp, err)
                          : STATUS_OK;
}

static Status read_nbf(struct token *token, const Value *value,
                       struct error *err)
{
    token->has_nbf = true;
    return read_time(value, "nbf", &token->nbf, err);
}

static Status read_iat(struct token *token, const Value *value,
                       struct error *err)
{
    token->has_iat = true;
    return read_time(value, "iat", &token->iat, err);
}

static Status read_meta(struct token *token, const Value *value,
                        struct error *err)
{
    if (value->kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "token: .meta is %s, not a map",
                    value_kind_name(value->kind));
    if (value->map.count == 0 && !token->is_rc1)
        return fail(err, STATUS_INVALID,
                    "token: .meta is empty: leave it out");
    token->meta = value;
    return STATUS_OK;
}

/* Bounded by the decoder's depth. */
static bool numbers_fit(const Value *value)
{
    bool fit = true;
    int64_t number;
    if (value->kind == VALUE_INT)
        return value_to_int64(value, &number) && number <= number_max &&
               number >= -number_max;
    if (value->kind == VALUE_LIST)
        for (size_t index = 0; index < value->list.count && fit; index++)
            fit = numbers_fit(&value->list.items[index]);
    if (value->kind == VALUE_MAP)
        for (size_t index = 0; index < value->map.count && fit; index++)
            fit = numbers_fit(&value->map.entries[index].value);
    return fit;
}

static Status read_pol(struct token *token, const Value *value,
                       struct error *err)
{
    token->pol_value = value;
    if (!numbers_fit(value))
        return fail(err, STATUS_INVALID,
                    "token: .pol holds an integer beyond 53 bits");
    return policy_read(value, &token->arena, &token->pol, err);
}

/* The range of values: int64 and uint64, lists and maps 100 deep. */
static bool is_value(const Value *value, unsigned depth)
{
    bool is = true;
    if (value->kind == VALUE_INT)
        return !value->negative || value->magnitude <= INT64_MAX;
    if (value->kind == VALUE_LIST || value->kind == VALUE_MAP)
        is = depth < VALUE_DEPTH_MAX;
    if (value->kind == VALUE_LIST)
        for (size_t index = 0; index < value->list.count && is; index++)
            is = is_value(&value->list.items[index], depth + 1);
    if (value->kind == VALUE_MAP)
        for (size_t index = 0; index < value->map.count && is; index++)
            is = is_value(&value->map.entries[index].value, depth + 1);
    return is;
}

static Status read_args(struct token *token, const Value *value,
                        struct error *err)
{
    if (value->kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "token: .args is %s, not a map",
                    value_kind_name(value->kind));
    if (!is_value(value, 0))
        return fail(err, STATUS_INVALID,
                    "token: .args is deeper than %d or holds an integer "
                    "below -2^63",
                    VALUE_DEPTH_MAX);
    token->args = value;
    return STATUS_OK;
}

static Status read_prf(struct token *token, const Value *value,
                       struct error *err)
{
    if (value->kind != VALUE_LIST || value->list.count > TOKEN_PROOFS_MAX)
        return fail(err, STATUS_INVALID,
                    "token: .prf is not a list of at most %d links",
                    TOKEN_PROOFS_MAX);
    token->proof_count = value->list.count;
    Cid *proofs =
        arena_array(&token->arena, token->proof_count, sizeof *proofs);
    for (size_t index = 0; index < token->proof_count; index++) {
        const Value *item = &value->list.items[index];
        if (item->kind != VALUE_LINK ||
            cid_from_bytes(item->link, &proofs[index], NULL) != STATUS_OK)
            return fail(err, STATUS_INVALID, "token: .prf[%zu] is not a link",
                        index);
    }
    token->proofs = proofs;
    return STATUS_OK;
}

static Status read_cause(struct token *token, const Value *value,
                         struct error *err)
{
    token->has_cause = true;
    if (value->kind != VALUE_LINK ||
        cid_from_bytes(value->link, &token->cause, NULL) != STATUS_OK)
        return fail(err, STATUS_INVALID, "token: .cause is not a link");
    return STATUS_OK;
}

typedef enum { NEVER, MAY, MUST } Presence;

static const struct field {
    const char *name;
    Presence presence[2]; /* in a delegation, in an invocation */
    Status (*read)(struct token *token, const Value *value, struct error *err);
} fields[] = {
    {"iss", {MUST, MUST}, read_iss},     {"aud", {MUST, MAY}, read_aud},
    {"sub", {MUST, MUST}, read_sub},     {"cmd", {MUST, MUST}, read_cmd},
    {"pol", {MUST, NEVER}, read_pol},    {"args", {NEVER, MUST}, read_args},
    {"prf", {NEVER, MUST}, read_prf},    {"nonce", {MUST, MUST}, read_nonce},
    {"meta", {MAY, MAY}, read_meta},     {"nbf", {MAY, NEVER}, read_nbf},
    {"exp", {MUST, MUST}, read_exp},     {"iat", {NEVER, MAY}, read_iat},
    {"cause", {NEVER, MAY}, read_cause},
};

enum { FIELDS = sizeof fields / sizeof *fields };

static const struct field *find_field(const struct token *token, Text name)
{
    for (size_t index = 0; index < FIELDS; index++)
        if (text_equal(text_of(fields[index].name), name) &&
            fields[index].presence[token->kind] != NEVER)
            return &fields[index];
    return NULL;
}

static Status read_payload(struct token *token, const Value *payload,
                           struct error *err)
{
    if (payload->kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "token: the payload is %s, not a map",
                    value_kind_name(payload->kind));
    for (size_t index = 0; index < payload->map.count; index++) {
        const struct value_entry *entry = &payload->map.entries[index];
        const struct field *field = find_field(token, entry->key);
        if (!field)
            return fail(err, STATUS_INVALID, "token: unknown field .%.*s",
                        (int)(entry->key.len < 64 ? entry->key.len : 64),
                        entry->key.data);
        TRY(field->read(token, &entry->value, err));
    }
    for (size_t index = 0; index < FIELDS; index++)
        if (fields[index].presence[token->kind] == MUST &&
            !value_get(payload, text_of(fields[index].name)))
            return fail(err, STATUS_INVALID, "token: there is no .%s",
                        fields[index].name);
    if (token->kind == TOKEN_INVOCATION && token->has_aud && !token->is_rc1 &&
        did_equal(&token->aud, &token->sub))
        return fail(err, STATUS_INVALID,
                    "token: .aud is .sub again: leave it out");
    return STATUS_OK;
}

/* --- The envelope -------------------------------------------------------- */

const struct token_form token_forms[TOKEN_FORMS] = {
    {TEXT_INIT("ucan/dlg@1.0.0"), TOKEN_DELEGATION, false},
    {TEXT_INIT("ucan/inv@1.0.0"), TOKEN_INVOCATION, false},
    {TEXT_INIT("ucan/dlg@1.0.0-rc.1"), TOKEN_DELEGATION, true},
    {TEXT_INIT("ucan/inv@1.0.0-rc.1"), TOKEN_INVOCATION, true},
};

static const struct token_form *find_form(Text tag,
                                          const struct token_options *options)
{
    for (size_t index = 0; index < TOKEN_FORMS; index++)
        if (text_equal(token_forms[index].tag, tag) &&
            (!token_forms[index].is_rc1 || (options && options->rc1_too)))
            return &token_forms[index];
    return NULL;
}

static Status read_signed(struct token *token, const Value *value,
                          const struct token_options *options,
                          struct error *err)
{
    KeyType type;
    const Value *header = value_get(value, TEXT("h"));
    if (!header || header->kind != VALUE_BYTES || value->map.count != 2)
        return fail(err, STATUS_INVALID,
                    "token: what is signed is not a map of a header and a "
                    "payload");
    const struct value_entry *entry = &value->map.entries[1];
    if (text_equal(entry->key, TEXT("h")))
        entry = &value->map.entries[0];
    const struct token_form *form = find_form(entry->key, options);
    if (!form)
        return fail(err, STATUS_UNSUPPORTED,
                    "token: %.*s is not ucan/dlg@1.0.0 or ucan/inv@1.0.0",
                    (int)(entry->key.len < 64 ? entry->key.len : 64),
                    entry->key.data);
    token->kind = form->kind;
    token->is_rc1 = form->is_rc1;
    TRY(varsig_read(header->bytes, &type, err));
    TRY(read_payload(token, &entry->value, err));
    if (type != token->key.type)
        return fail(err, STATUS_INVALID,
                    "token: .h is of %s and .iss has a key of %s",
                    key_type_name(type), key_type_name(token->key.type));
    return STATUS_OK;
}

static Status read_envelope(struct token *token,
                            const struct token_options *options,
                            struct error *err)
{
    Value value;
    TRY(dag_cbor_decode(token->bytes, &token->arena, &value, err));
    if (value.kind != VALUE_LIST || value.list.count != 2 ||
        value.list.items[0].kind != VALUE_BYTES)
        return fail(err, STATUS_INVALID,
                    "token: not a list of a signature and what is signed");
    const Bytes signature = value.list.items[0].bytes;
    if (signature.len != SIGNATURE_LEN)
        return fail(err, STATUS_DENIED,
                    "token: the signature has %zu bytes, not %d",
                    signature.len, SIGNATURE_LEN);
    memcpy(token->signature.bytes, signature.data, SIGNATURE_LEN);
    // The encoding is the only one, so what is signed begins here.
    token->signed_bytes = bytes_from(token->bytes, ENVELOPE_HEAD);
    cid_of(CODEC_DAG_CBOR, token->bytes, &token->cid);
    cid_of(CODEC_DAG_CBOR, token->signed_bytes, &token->payload);
    return read_signed(token, &value.list.items[1], options, err);
}

Status token_read(Bytes bytes, const struct token_options *options,
                  struct token **out, struct error *err)
{
    if (bytes.len > TOKEN_BYTES_MAX)
        return fail(err, STATUS_LIMIT, "token: %zu bytes are more than %d",
                    bytes.len, TOKEN_BYTES_MAX);
    struct token *token = HEAP_NEW(struct token);
    token->bytes = arena_copy_bytes(&token->arena, bytes);
    Status status = read_envelope(token, options, err);
    if (status != STATUS_OK) {
        token_free(token);
        return status;
    }
    *out = token;
    return STATUS_OK;
}

void token_free(struct token *token)
{
    if (!token)
        return;
    arena_deinit(&token->arena);
    free(token);
}

Status token_verify(const struct token *token, struct error *err)
{
    return public_key_verify(&token->key, token->signed_bytes,
                             &token->signature, err);
}
