/* SPDX-License-Identifier: Apache-2.0 */
/* key_secp256k1.c - ECDSA over sha2-256 (ES256K) by libsecp256k1: nonces by
 * RFC 6979, s in the lower half written and required.
 *
 * One context for all threads: it is only read once it is made. It is blinded
 * with randomness at that moment. */
#include <pthread.h>
#include <secp256k1.h>
#include <sodium.h>

#include "crypto/hash.h"
#include "crypto/key_kind.h"

static secp256k1_context *context;

static void make_context(void)
{
    uint8_t seed[32];
    context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    random_bytes(seed, sizeof seed);
    ASSERT(context && secp256k1_context_randomize(context, seed) == 1);
    sodium_memzero(seed, sizeof seed);
}

static const secp256k1_context *the_context(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_context);
    return context;
}

static const char *check(const uint8_t *bytes)
{
    secp256k1_pubkey point;
    // 33 bytes: only the compressed form is that long.
    return secp256k1_ec_pubkey_parse(the_context(), &point, bytes,
                                     key_secp256k1.len) == 1
               ? NULL
               : "not a compressed point on the curve";
}

static const char *verify(const PublicKey *key, Bytes message,
                          const Signature *signature)
{
    const secp256k1_context *with = the_context();
    secp256k1_ecdsa_signature parsed;
    secp256k1_pubkey point;
    Hash digest;
    if (secp256k1_ec_pubkey_parse(with, &point, key->bytes, key->len) != 1)
        return "not a compressed point on the curve";
    if (secp256k1_ecdsa_signature_parse_compact(with, &parsed,
                                                signature->bytes) != 1)
        return key_not_signed;
    if (secp256k1_ecdsa_signature_normalize(with, NULL, &parsed) == 1)
        return "s is in the upper half: another form of a signature";
    hash_sha256(message, &digest);
    return secp256k1_ecdsa_verify(with, &parsed, digest.bytes, &point) == 1
               ? NULL
               : key_not_signed;
}

static bool prepare(struct secret_key *key)
{
    const secp256k1_context *with = the_context();
    secp256k1_pubkey point;
    size_t len = key_secp256k1.len;
    return secp256k1_ec_pubkey_create(with, &point, key->secret) == 1 &&
           secp256k1_ec_pubkey_serialize(with, key->public.bytes, &len, &point,
                                         SECP256K1_EC_COMPRESSED) == 1;
}

static void expand(const PublicKey *key, uint8_t out[KEY_POINT_LEN])
{
    const secp256k1_context *with = the_context();
    secp256k1_pubkey point;
    size_t len = KEY_POINT_LEN;
    ASSERT(secp256k1_ec_pubkey_parse(with, &point, key->bytes, key->len) == 1);
    ASSERT(secp256k1_ec_pubkey_serialize(with, out, &len, &point,
                                         SECP256K1_EC_UNCOMPRESSED) == 1);
}

static void sign(const struct secret_key *key, Bytes message, Signature *out)
{
    const secp256k1_context *with = the_context();
    secp256k1_ecdsa_signature made;
    Hash digest;
    hash_sha256(message, &digest);
    ASSERT(secp256k1_ecdsa_sign(with, &made, digest.bytes, key->secret, NULL,
                                NULL) == 1);
    ASSERT(secp256k1_ecdsa_signature_serialize_compact(with, out->bytes,
                                                       &made) == 1);
}

const struct key_kind key_secp256k1 = {
    .name = "secp256k1",
    .len = 33,
    .check = check,
    .verify = verify,
    .prepare = prepare,
    .expand = expand,
    .sign = sign,
};
