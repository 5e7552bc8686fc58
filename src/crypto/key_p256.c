/* SPDX-License-Identifier: Apache-2.0 */
/* key_p256.c - ECDSA over sha2-256 (ES256) by OpenSSL 3.
 *
 * OpenSSL picks the nonce of a signature from fresh randomness, the key and the
 * digest together: two signatures of one message differ, and neither weak
 * randomness nor a digest seen before repeats a nonce. s is written in the
 * lower half; both halves are taken, as other signers of ES256 write both.
 *
 * OpenSSL's private numbers are in its secure heap: locked, out of core dumps,
 * wiped when freed. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <pthread.h>
#include <sodium.h>

#include "crypto/hash.h"
#include "crypto/key_kind.h"

enum {
    NUMBER_LEN = 32,
    DER_MAX = 80, /* an ECDSA-Sig-Value of two 256-bit numbers: 72 */
    SECURE_HEAP_LEN = 1 << 16,
    SECURE_HEAP_MIN = 32,
};

static EC_GROUP *group;
static BIGNUM *half_order;

static void make_group(void)
{
    // Where it cannot be locked, OpenSSL's ordinary heap is used and wiped.
    if (!CRYPTO_secure_malloc_initialized())
        CRYPTO_secure_malloc_init(SECURE_HEAP_LEN, SECURE_HEAP_MIN);
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    half_order = BN_new();
    ASSERT(group && half_order);
    ASSERT(BN_rshift1(half_order, EC_GROUP_get0_order(group)) == 1);
}

static const EC_GROUP *the_group(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_group);
    return group;
}

static const char *check(const uint8_t *bytes)
{
    EC_POINT *point = EC_POINT_new(the_group());
    ASSERT(point);
    // 33 bytes: only the compressed form is that long. The curve's order is
    // prime: no point is of small order.
    const bool is_point =
        EC_POINT_oct2point(group, point, bytes, key_p256.len, NULL) == 1;
    EC_POINT_free(point);
    return is_point ? NULL : "not a compressed point on the curve";
}

/* `secret` is the scalar, native-endian as OSSL_PARAM has numbers, or NULL.
 * NULL: OpenSSL does not take the key. */
static EVP_PKEY *make_pkey(const PublicKey *public, uint8_t *secret)
{
    char name[] = SN_X9_62_prime256v1;
    uint8_t point[KEY_LEN_MAX];
    OSSL_PARAM params[4], *next = params;
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    memcpy(point, public->bytes, sizeof point);
    *next++ =
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0);
    *next++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
                                                public->len);
    if (secret)
        *next++ = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, secret,
                                          NUMBER_LEN);
    *next = OSSL_PARAM_construct_end();
    ASSERT(maker && EVP_PKEY_fromdata_init(maker) == 1);
    const int selection = secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    if (EVP_PKEY_fromdata(maker, &key, selection, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(maker);
    return key;
}

/* --- Verifying ----------------------------------------------------------- */

/* r ‖ s as OpenSSL wants it. Returns the length. */
static size_t write_der(const Signature *signature, uint8_t out[DER_MAX])
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature->bytes, NUMBER_LEN, NULL);
    BIGNUM *s = BN_bin2bn(signature->bytes + NUMBER_LEN, NUMBER_LEN, NULL);
    ASSERT(pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1);
    const int len = i2d_ECDSA_SIG(pair, &out);
    ASSERT(len > 0 && len <= DER_MAX);
    ECDSA_SIG_free(pair);
    return (size_t)len;
}

static const char *verify(const PublicKey *key, Bytes message,
                          const Signature *signature)
{
    uint8_t der[DER_MAX];
    Hash digest;
    the_group();
    EVP_PKEY *pkey = make_pkey(key, NULL);
    if (!pkey)
        return "not a compressed point on the curve";
    hash_sha256(message, &digest);
    const size_t len = write_der(signature, der);
    EVP_PKEY_CTX *verifier = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    ASSERT(verifier && EVP_PKEY_verify_init(verifier) == 1);
    // OpenSSL refuses an r or s that is zero or not below the order.
    const bool is_signed = EVP_PKEY_verify(verifier, der, len, digest.bytes,
                                           sizeof digest.bytes) == 1;
    EVP_PKEY_CTX_free(verifier);
    EVP_PKEY_free(pkey);
    return is_signed ? NULL : key_not_signed;
}

/* --- Signing ------------------------------------------------------------- */

/* The public point of a scalar between 1 and the order less one. */
static bool public_of(const uint8_t secret[NUMBER_LEN], PublicKey *out)
{
    BIGNUM *scalar = BN_secure_new();
    EC_POINT *point = EC_POINT_new(the_group());
    ASSERT(scalar && point && BN_bin2bn(secret, NUMBER_LEN, scalar));
    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    const bool is_scalar =
        !BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0;
    if (is_scalar) {
        ASSERT(EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) == 1);
        ASSERT(EC_POINT_point2oct(group, point, POINT_CONVERSION_COMPRESSED,
                                  out->bytes, KEY_LEN_MAX,
                                  NULL) == key_p256.len);
    }
    EC_POINT_free(point);
    BN_clear_free(scalar);
    return is_scalar;
}

static bool prepare(struct secret_key *key)
{
    uint8_t native[NUMBER_LEN];
    if (!public_of(key->secret, &key->public))
        return false;
    for (size_t index = 0; index < NUMBER_LEN; index++)
        native[index] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                            ? key->secret[NUMBER_LEN - 1 - index]
                            : key->secret[index];
    key->handle = make_pkey(&key->public, native);
    sodium_memzero(native, sizeof native);
    ASSERT(key->handle);
    return true;
}

static void release(struct secret_key *key)
{
    EVP_PKEY_free(key->handle);
}

static void expand(const PublicKey *key, uint8_t out[KEY_POINT_LEN])
{
    EC_POINT *point = EC_POINT_new(the_group());
    ASSERT(point);
    ASSERT(EC_POINT_oct2point(group, point, key->bytes, key->len, NULL) == 1);
    ASSERT(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out,
                              KEY_POINT_LEN, NULL) == KEY_POINT_LEN);
    EC_POINT_free(point);
}

/* r ‖ s with s in the lower half. */
static void read_der(const uint8_t *der, size_t len, Signature *out)
{
    const BIGNUM *r, *s;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    BIGNUM *low = BN_new();
    ASSERT(pair && low);
    ECDSA_SIG_get0(pair, &r, &s);
    const bool is_high = BN_cmp(s, half_order) > 0;
    ASSERT(!is_high || BN_sub(low, EC_GROUP_get0_order(group), s) == 1);
    ASSERT(BN_bn2binpad(r, out->bytes, NUMBER_LEN) == NUMBER_LEN);
    ASSERT(BN_bn2binpad(is_high ? low : s, out->bytes + NUMBER_LEN,
                        NUMBER_LEN) == NUMBER_LEN);
    BN_free(low);
    ECDSA_SIG_free(pair);
}

static void sign(const struct secret_key *key, Bytes message, Signature *out)
{
    uint8_t der[DER_MAX];
    size_t len = sizeof der;
    Hash digest;
    hash_sha256(message, &digest);
    EVP_PKEY_CTX *signer = EVP_PKEY_CTX_new_from_pkey(NULL, key->handle, NULL);
    ASSERT(signer && EVP_PKEY_sign_init(signer) == 1);
    ASSERT(EVP_PKEY_sign(signer, der, &len, digest.bytes,
                         sizeof digest.bytes) == 1);
    EVP_PKEY_CTX_free(signer);
    read_der(der, len, out);
}

const struct key_kind key_p256 = {
    .name = "P-256",
    .len = 33,
    .check = check,
    .verify = verify,
    .prepare = prepare,
    .release = release,
    .expand = expand,
    .sign = sign,
};
