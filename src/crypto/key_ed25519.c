/* SPDX-License-Identifier: Apache-2.0 */
/* key_ed25519.c - Ed25519 (RFC 8032) by libsodium.
 *
 * Implementations disagree about signatures that no honest signer makes; ours
 * is the rule of libsodium, which takes the fewest:
 *
 *  1. S is below the group's order L.
 *  2. The key is a point in its one encoding (y below p; no sign on x = 0), and
 *     not one of the eight points of small order.
 *  3. R is compared with the encoding of [S]B - [h]A, byte for byte, so another
 *     encoding of the same point is refused; R is not of small order.
 *  4. There is no cofactor in that equation.
 *
 * A key that is checked but has a part of small order (nobody makes one) is
 * taken: the equation decides. */
#include <sodium.h>

#include "crypto/key_kind.h"

enum { POINT_LEN = 32 };

/* The y of the points of small order, little-endian: 0, 1, -1 and the two of
 * order eight. */
static const uint8_t small_order[][POINT_LEN] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* y is below p = 2^255 - 19. */
static bool is_canonical(const uint8_t y[POINT_LEN])
{
    bool all_ones = y[POINT_LEN - 1] == 0x7f;
    for (size_t index = 1; index < POINT_LEN - 1; index++)
        all_ones = all_ones && y[index] == 0xff;
    return !(all_ones && y[0] >= 0xed);
}

static const char *check(const uint8_t *bytes)
{
    uint8_t y[POINT_LEN], sum[POINT_LEN];
    memcpy(y, bytes, POINT_LEN);
    y[POINT_LEN - 1] &= 0x7f;
    if (!is_canonical(y))
        return "the point is not in its one encoding";
    for (size_t at = 0; at < sizeof small_order / sizeof small_order[0]; at++)
        if (memcmp(y, small_order[at], POINT_LEN) == 0)
            return "a point of small order, which anybody can sign for";
    // Adding is the one operation that looks at the curve equation alone.
    if (crypto_core_ed25519_add(sum, bytes, bytes) != 0)
        return "not a point on the curve";
    return NULL;
}

static const char *verify(const PublicKey *key, Bytes message,
                          const Signature *signature)
{
    return crypto_sign_verify_detached(signature->bytes, message.data,
                                       message.len, key->bytes) == 0
               ? NULL
               : key_not_signed;
}

static bool prepare(struct secret_key *key)
{
    return crypto_sign_seed_keypair(key->public.bytes, key->expanded,
                                    key->secret) == 0;
}

static void sign(const struct secret_key *key, Bytes message, Signature *out)
{
    ASSERT(crypto_sign_detached(out->bytes, NULL, message.data, message.len,
                                key->expanded) == 0);
}

const struct key_kind key_ed25519 = {
    .name = "Ed25519",
    .len = POINT_LEN,
    .check = check,
    .verify = verify,
    .prepare = prepare,
    .sign = sign,
};
