/* SPDX-License-Identifier: Apache-2.0 */
/* actors.h - for tests: somebody with a key, tokens they sign, and a bag that
 * proofs are found in. Thread: one. */
#ifndef IPVM_TESTS_UNIT_UCAN_ACTORS_H
#define IPVM_TESTS_UNIT_UCAN_ACTORS_H

#include <stdlib.h>

#include "base/status.h"
#include "unit/ipld/hex.h"

#include "ucan/chain.h"

struct actor {
    struct secret_key *key;
    Did did;
};

static inline struct actor actor_new(KeyType type, uint8_t seed)
{
    struct actor actor;
    uint8_t bytes[KEY_SECRET_LEN];
    memset(bytes, seed, sizeof bytes);
    assert_int_equal(secret_key_from_bytes(type, bytes_of(bytes, sizeof bytes),
                                           &actor.key, NULL),
                     STATUS_OK);
    did_of(secret_key_public(actor.key), &actor.did);
    return actor;
}

static inline struct token *mint(const struct actor *actor,
                                 struct token_claims claims)
{
    struct token *token;
    struct error err = {0};
    if (token_mint(&claims, actor->key, NULL, &token, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return token;
}

/* Tokens that are given with an invocation; it owns them. */
enum { BAG_MAX = 80 };
struct bag {
    struct token *tokens[BAG_MAX];
    size_t count;
    size_t asked; /* how often it was looked into */
};

static inline struct token *bag_add(struct bag *bag, struct token *token)
{
    assert_true(bag->count < BAG_MAX);
    bag->tokens[bag->count++] = token;
    return token;
}

static inline void bag_empty(struct bag *bag)
{
    for (size_t index = 0; index < bag->count; index++)
        token_free(bag->tokens[index]);
    *bag = (struct bag){0};
}

/* A ChainProof. */
static inline Status bag_find(void *context, const Cid *cid,
                              struct arena *arena, Bytes *out,
                              struct error *err)
{
    struct bag *bag = context;
    (void)err;
    bag->asked++;
    for (size_t index = 0; index < bag->count; index++)
        if (cid_equal(&bag->tokens[index]->cid, cid)) {
            *out = arena_copy_bytes(arena, bag->tokens[index]->bytes);
            return STATUS_OK;
        }
    return STATUS_NOT_FOUND;
}

/* The same envelope with the other signature that ECDSA has: n - s. */
static inline struct token *twin_of(const struct token *token)
{
    static const uint8_t p256[] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    static const uint8_t secp256k1[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
        0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
    // Ed25519: S + L, little-endian; everything but the order is the same.
    static const uint8_t ed25519[] = {
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
        0xa2, 0xde, 0xf9, 0xde, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10};
    const KeyType type = token->key.type;
    uint8_t *bytes = malloc(token->bytes.len);
    uint8_t *s = bytes + 3 + 32;
    struct token *twin;
    int carry = 0;
    assert_non_null(bytes);
    memcpy(bytes, token->bytes.data, token->bytes.len);
    for (size_t at = 0; at < 32; at++) {
        const size_t index = type == KEY_ED25519 ? at : 31 - at;
        const int digit =
            type == KEY_ED25519 ? s[index] + ed25519[index] + carry
            : type == KEY_P256  ? p256[index] - s[index] - carry
                                : secp256k1[index] - s[index] - carry;
        carry = digit < 0 || digit > 255;
        s[index] = (uint8_t)(digit & 0xff);
    }
    assert_int_equal(
        token_read(bytes_of(bytes, token->bytes.len), NULL, &twin, NULL),
        STATUS_OK);
    free(bytes);
    return twin;
}

#endif
