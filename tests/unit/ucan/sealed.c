/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/ucan/sealed.h"

#include <stdio.h>
#include <string.h>

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ucan/token_form.h"
#include "unit/ipld/hex.h"

struct secret_key *key_of_byte(KeyType type, uint8_t byte)
{
    uint8_t bytes[KEY_SECRET_LEN];
    struct secret_key *key = NULL;
    memset(bytes, byte, sizeof bytes);
    assert_int_equal(
        secret_key_from_bytes(type, bytes_of(bytes, sizeof bytes), &key, NULL),
        STATUS_OK);
    return key;
}

Did did_of_byte(uint8_t byte)
{
    Did did;
    struct secret_key *key = key_of_byte(KEY_ED25519, byte);
    did_of(secret_key_public(key), &did);
    secret_key_free(key);
    return did;
}

Value value_of_json(const char *json, struct arena *arena)
{
    struct buffer text;
    struct error err = {0};
    Value value = value_null();
    buffer_init(&text, 1 << 20);
    for (; *json; json++) {
        if (*json == '$' && json[1] >= '1' && json[1] <= '9') {
            Did did = did_of_byte((uint8_t)(*++json - '0'));
            buffer_add_text(&text, text_of(did.text));
        } else {
            buffer_add_byte(&text, (uint8_t)*json);
        }
    }
    Bytes kept = arena_copy_bytes(arena, buffer_bytes(&text));
    buffer_deinit(&text);
    if (dag_json_decode(kept, arena, &value, &err) != STATUS_OK)
        fail_msg("%s: %.*s", err.message, (int)kept.len,
                 (const char *)kept.data);
    return value;
}

Value value_with(const Value *map, const char *field, const char *json,
                 struct arena *arena)
{
    struct value_entry entries[32];
    size_t count = 0;
    for (size_t index = 0; index < map->map.count; index++)
        if (!text_equal(map->map.entries[index].key, text_of(field)))
            entries[count++] = map->map.entries[index];
    if (json)
        entries[count++] =
            (struct value_entry){text_of(field), value_of_json(json, arena)};
    return value_map(arena, entries, count);
}

Value good_payload(TokenKind kind, struct arena *arena)
{
    return value_of_json(
        kind == TOKEN_DELEGATION
            ? "{\"iss\":\"$1\",\"aud\":\"$2\",\"sub\":\"$1\","
              "\"cmd\":\"/wasm/run\",\"pol\":[],\"exp\":null,"
              "\"nonce\":{\"/\":{\"bytes\":\"AQIDBA\"}}}"
            : "{\"iss\":\"$1\",\"sub\":\"$2\",\"cmd\":\"/wasm/run\","
              "\"args\":{},\"prf\":[],\"exp\":1800000000,"
              "\"nonce\":{\"/\":{\"bytes\":\"AQIDBA\"}}}",
        arena);
}

Bytes seal_bytes(const struct secret_key *key, Bytes inner)
{
    struct buffer envelope;
    Signature signature;
    secret_key_sign(key, inner, &signature);
    buffer_init(&envelope, 4 << 20);
    cbor_add_list(&envelope, 2);
    cbor_add_bytes(&envelope, bytes_of(signature.bytes, SIGNATURE_LEN));
    buffer_add_bytes(&envelope, inner);
    Bytes exact = exact_copy(buffer_bytes(&envelope));
    buffer_deinit(&envelope);
    return exact;
}

Bytes seal_value(const struct secret_key *key, const Value *what)
{
    struct buffer inner;
    buffer_init(&inner, 4 << 20);
    dag_cbor_encode(what, &inner);
    Bytes sealed = seal_bytes(key, buffer_bytes(&inner));
    buffer_deinit(&inner);
    return sealed;
}

Value signed_map(const struct secret_key *key, const char *tag,
                 const Value *payload, struct arena *arena)
{
    const struct value_entry entries[] = {
        {TEXT("h"), value_bytes(varsig_of(secret_key_public(key)->type))},
        {text_of(tag), *payload},
    };
    return value_map(arena, entries, 2);
}
