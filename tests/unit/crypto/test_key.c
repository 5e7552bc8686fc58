/* SPDX-License-Identifier: Apache-2.0 */
/* test_key.c - which signatures are taken: vectors of the standards, and what
 * can be made of a good signature by somebody without the key. */
#include "crypto/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <sodium.h>

#include <cmocka.h>

static size_t from_hex(const char *hex, uint8_t *out, size_t max)
{
    size_t len;
    assert_int_equal(
        sodium_hex2bin(out, max, hex, strlen(hex), " ", &len, NULL), 0);
    return len;
}

static Signature signature_of(const char *hex)
{
    Signature signature;
    assert_int_equal(from_hex(hex, signature.bytes, SIGNATURE_LEN),
                     SIGNATURE_LEN);
    return signature;
}

static PublicKey key_of(KeyType type, const char *hex)
{
    uint8_t bytes[64];
    PublicKey key;
    const size_t len = from_hex(hex, bytes, sizeof bytes);
    assert_int_equal(
        public_key_from_bytes(type, bytes_of(bytes, len), &key, NULL),
        STATUS_OK);
    return key;
}

/* --- The standards' vectors ---------------------------------------------- */

static const struct {
    KeyType type;
    const char *secret, *public, *message, *signature;
    bool is_repeated; /* we write that signature */
} vectors[] = {
    /* RFC 8032, 7.1, tests 1 to 3. */
    {KEY_ED25519,
     "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
     true},
    {KEY_ED25519,
     "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
     true},
    {KEY_ED25519,
     "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
     "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
     true},
    /* RFC 6979, A.2.5, sha-256, "sample": its s is in the upper half. */
    {KEY_P256,
     "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
     "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
     "73616d706c65",
     "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
     false},
    /* The widely used vector of RFC 6979 over secp256k1: "Satoshi Nakamoto". */
    {KEY_SECP256K1,
     "0000000000000000000000000000000000000000000000000000000000000001",
     "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
     "5361746f736869204e616b616d6f746f",
     "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
     "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
     true},
};

static void takes_and_makes_the_signatures_of_the_standards(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof vectors / sizeof vectors[0]; at++) {
        uint8_t secret[KEY_SECRET_LEN], message[64];
        struct secret_key *key;
        Signature made;
        const size_t len =
            from_hex(vectors[at].message, message, sizeof message);
        const PublicKey public = key_of(vectors[at].type, vectors[at].public);
        const Signature known = signature_of(vectors[at].signature);
        from_hex(vectors[at].secret, secret, sizeof secret);
        assert_int_equal(secret_key_from_bytes(vectors[at].type,
                                               bytes_of(secret, sizeof secret),
                                               &key, NULL),
                         STATUS_OK);
        assert_true(public_key_equal(secret_key_public(key), &public));
        assert_int_equal(
            public_key_verify(&public, bytes_of(message, len), &known, NULL),
            STATUS_OK);
        secret_key_sign(key, bytes_of(message, len), &made);
        assert_int_equal(
            public_key_verify(&public, bytes_of(message, len), &made, NULL),
            STATUS_OK);
        if (vectors[at].is_repeated)
            assert_memory_equal(&made, &known, sizeof made);
        secret_key_free(key);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    for (KeyType type = 0; type < KEY_TYPE_COUNT; type++) {
        struct secret_key *key = secret_key_new(type);
        uint8_t message[] = "a message";
        const Bytes bytes = bytes_of(message, sizeof message);
        struct error err = {0};
        Signature signature;
        secret_key_sign(key, bytes, &signature);
        for (size_t bit = 0; bit < SIGNATURE_LEN * 8; bit++) {
            signature.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(public_key_verify(secret_key_public(key), bytes,
                                               &signature, &err),
                             STATUS_DENIED);
            signature.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        message[0] ^= 1;
        assert_int_equal(
            public_key_verify(secret_key_public(key), bytes, &signature, &err),
            STATUS_DENIED);
        message[0] ^= 1;
        assert_int_equal(
            public_key_verify(secret_key_public(key), bytes, &signature, &err),
            STATUS_OK);
        secret_key_free(key);
    }
}

/* --- Curves of Weierstrass ----------------------------------------------- */

static const char *const orders[KEY_TYPE_COUNT] = {
    [KEY_P256] =
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    [KEY_SECP256K1] =
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
};

/* out = a - b, big-endian. */
static void subtract(const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    int borrow = 0;
    for (int at = 31; at >= 0; at--) {
        const int digit = a[at] - b[at] - borrow;
        borrow = digit < 0;
        out[at] = (uint8_t)digit;
    }
}

typedef enum { KEEP, ZERO, ORDER, ORDER_AND_ONE, ONES, NEGATED, OTHER } Change;

/* What happens to r and s, and which curve still takes it. */
static const struct {
    Change r, s;
    bool p256, secp256k1;
} changes[] = {
    {KEEP, KEEP, true, true},
    {KEEP, NEGATED, true, false}, /* the upper half */
    {NEGATED, KEEP, false, false},
    {NEGATED, NEGATED, false, false},
    {ZERO, KEEP, false, false},
    {KEEP, ZERO, false, false},
    {ZERO, ZERO, false, false},
    {ORDER, KEEP, false, false},
    {KEEP, ORDER, false, false},
    {ORDER, ORDER, false, false},
    {ORDER_AND_ONE, ORDER_AND_ONE, false, false},
    {ONES, KEEP, false, false},
    {KEEP, ONES, false, false},
    {OTHER, OTHER, false, false}, /* swapped */
    {OTHER, KEEP, false, false},
    {KEEP, OTHER, false, false},
};

static void change(Change how, const uint8_t *order, const uint8_t *from,
                   const uint8_t *other, uint8_t *out)
{
    switch (how) {
    case KEEP:
        memcpy(out, from, 32);
        break;
    case ZERO:
        memset(out, 0, 32);
        break;
    case ORDER:
    case ORDER_AND_ONE:
        memcpy(out, order, 32);
        out[31] = (uint8_t)(out[31] + (how == ORDER_AND_ONE));
        break;
    case ONES:
        memset(out, 0xff, 32);
        break;
    case NEGATED:
        subtract(order, from, out);
        break;
    case OTHER:
        memcpy(out, other, 32);
        break;
    }
}

static void only_p256_takes_the_upper_half_and_nothing_else(void **state)
{
    (void)state;
    const Bytes message = bytes_of("message", 7);
    for (KeyType type = KEY_P256; type <= KEY_SECP256K1; type++) {
        uint8_t order[32];
        struct secret_key *key = secret_key_new(type);
        Signature good, bad;
        secret_key_sign(key, message, &good);
        from_hex(orders[type], order, sizeof order);
        for (size_t at = 0; at < sizeof changes / sizeof changes[0]; at++) {
            const bool is_taken =
                type == KEY_P256 ? changes[at].p256 : changes[at].secp256k1;
            change(changes[at].r, order, good.bytes, good.bytes + 32,
                   bad.bytes);
            change(changes[at].s, order, good.bytes + 32, good.bytes,
                   bad.bytes + 32);
            assert_int_equal(
                public_key_verify(secret_key_public(key), message, &bad, NULL),
                is_taken ? STATUS_OK : STATUS_DENIED);
        }
        secret_key_free(key);
    }
}

static void what_is_written_is_in_the_lower_half(void **state)
{
    (void)state;
    for (KeyType type = KEY_P256; type <= KEY_SECP256K1; type++) {
        uint8_t order[32], other[32];
        struct secret_key *key = secret_key_new(type);
        from_hex(orders[type], order, sizeof order);
        for (int round = 0; round < 50; round++) {
            Signature signature;
            secret_key_sign(key, bytes_of(&round, sizeof round), &signature);
            subtract(order, signature.bytes + 32, other);
            assert_true(memcmp(signature.bytes + 32, other, 32) < 0);
        }
        secret_key_free(key);
    }
}

/* --- Ed25519 ------------------------------------------------------------- */

/* Points of small order, and other encodings of them and of other points. */
static const char *const no_ed25519_keys[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    /* y = p, p + 1, and the rest up to 2^255 - 1, both signs */
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    /* y = 2 is not on the curve. */
    "0200000000000000000000000000000000000000000000000000000000000000",
};

static void small_and_twisted_points_are_no_keys_of_ed25519(void **state)
{
    (void)state;
    const size_t count = sizeof no_ed25519_keys / sizeof no_ed25519_keys[0];
    for (size_t at = 0; at < count; at++) {
        PublicKey key = {.type = KEY_ED25519, .len = 32};
        Signature signature = {{0}};
        from_hex(no_ed25519_keys[at], key.bytes, 32);
        assert_int_equal(public_key_from_bytes(
                             KEY_ED25519, bytes_of(key.bytes, 32), &key, NULL),
                         STATUS_INVALID);
        // Nor where somebody puts one past that check: R = A, S = 0 is what
        // the bare equation takes from the points of small order.
        memcpy(signature.bytes, key.bytes, 32);
        for (int round = 0; round < 16; round++)
            assert_int_equal(public_key_verify(&key,
                                               bytes_of(&round, sizeof round),
                                               &signature, NULL),
                             STATUS_DENIED);
    }
}

/* The parts of a key, to make signatures that no signer makes. */
struct forger {
    uint8_t public[32], scalar[32];
};

static struct forger forger_new(void)
{
    struct forger forger;
    uint8_t seed[32], secret[64], digest[64];
    randombytes_buf(seed, sizeof seed);
    crypto_sign_seed_keypair(forger.public, secret, seed);
    crypto_hash_sha512(digest, seed, sizeof seed);
    digest[0] &= 248;
    digest[31] = (uint8_t)((digest[31] & 127) | 64);
    uint8_t wide[64] = {0};
    memcpy(wide, digest, 32);
    crypto_core_ed25519_scalar_reduce(forger.scalar, wide);
    return forger;
}

/* h of a message under this R and key. */
static void challenge(const uint8_t *r, const uint8_t *public, Bytes message,
                      uint8_t out[32])
{
    crypto_hash_sha512_state hash;
    uint8_t digest[64];
    crypto_hash_sha512_init(&hash);
    crypto_hash_sha512_update(&hash, r, 32);
    crypto_hash_sha512_update(&hash, public, 32);
    crypto_hash_sha512_update(&hash, message.data, message.len);
    crypto_hash_sha512_final(&hash, digest);
    crypto_core_ed25519_scalar_reduce(out, digest);
}

/* S = r + h a for the R that is there. */
static void forge(const struct forger *forger, const uint8_t *public,
                  const uint8_t r[32], Bytes message, Signature *out)
{
    uint8_t h[32], product[32];
    challenge(out->bytes, public, message, h);
    crypto_core_ed25519_scalar_mul(product, h, forger->scalar);
    crypto_core_ed25519_scalar_add(out->bytes + 32, product, r);
}

static void r_of_small_order_is_refused_though_the_equation_holds(void **state)
{
    (void)state;
    /* Both encodings of the neutral point: r is zero. */
    static const char *const neutral[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000080",
    };
    const struct forger forger = forger_new();
    const Bytes message = bytes_of("message", 7);
    PublicKey key = {.type = KEY_ED25519, .len = 32};
    uint8_t r[32] = {0};
    Signature forged;
    memcpy(key.bytes, forger.public, 32);
    for (size_t at = 0; at < sizeof neutral / sizeof neutral[0]; at++) {
        from_hex(neutral[at], forged.bytes, 32);
        forge(&forger, key.bytes, r, message, &forged);
        assert_int_equal(public_key_verify(&key, message, &forged, NULL),
                         STATUS_DENIED);
    }
    // The same steps with any other r make a good signature.
    crypto_core_ed25519_scalar_random(r);
    assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(forged.bytes, r),
                     0);
    forge(&forger, key.bytes, r, message, &forged);
    assert_int_equal(public_key_verify(&key, message, &forged, NULL),
                     STATUS_OK);
}

static void s_plus_the_order_is_another_form_and_refused(void **state)
{
    (void)state;
    uint8_t order[32];
    struct secret_key *key = secret_key_new(KEY_ED25519);
    const Bytes message = bytes_of("message", 7);
    Signature signature;
    from_hex("edd3f55c1a631258d69cf7a2def9de14"
             "00000000000000000000000000000010",
             order, sizeof order);
    secret_key_sign(key, message, &signature);
    for (int times = 1; times < 16; times++) {
        unsigned carry = 0; // S + L, S + 2 L, … as long as it fits.
        for (size_t at = 0; at < 32; at++) {
            carry += signature.bytes[32 + at] + (unsigned)order[at];
            signature.bytes[32 + at] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(public_key_verify(secret_key_public(key), message,
                                           &signature, NULL),
                         STATUS_DENIED);
        if (carry)
            break;
    }
    secret_key_free(key);
}

static void a_key_with_a_small_part_is_judged_by_the_bare_equation(
    void **state)
{
    (void)state;
    /* A point of order eight, added to an honest key. */
    uint8_t eight[32], twisted[32], r[32];
    const struct forger forger = forger_new();
    size_t taken = 0;
    PublicKey key;
    from_hex("26e8958fc2b227b045c3f489f2ef98f0"
             "d5dfac05d3c63339b13802886d53fc05",
             eight, sizeof eight);
    assert_int_equal(crypto_core_ed25519_add(twisted, forger.public, eight),
                     0);
    assert_int_equal(
        public_key_from_bytes(KEY_ED25519, bytes_of(twisted, 32), &key, NULL),
        STATUS_OK);
    for (int round = 0; round < 200; round++) {
        const Bytes message = bytes_of(&round, sizeof round);
        uint8_t h[32];
        Signature forged;
        crypto_core_ed25519_scalar_random(r);
        assert_int_equal(
            crypto_scalarmult_ed25519_base_noclamp(forged.bytes, r), 0);
        forge(&forger, twisted, r, message, &forged);
        challenge(forged.bytes, twisted, message, h);
        // [h] of the small part is nothing if eight divides h.
        const bool holds = h[0] % 8 == 0;
        taken += holds;
        assert_int_equal(public_key_verify(&key, message, &forged, NULL),
                         holds ? STATUS_OK : STATUS_DENIED);
    }
    assert_true(taken > 0 && taken < 200);
}

/* --- Keys ---------------------------------------------------------------- */

static const struct {
    KeyType type;
    const char *hex;
} no_curve_keys[] = {
    /* the form of a point that is not compressed, the point at infinity, x not
     * below p, x on no point, a hybrid form */
    {KEY_P256,
     "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"},
    {KEY_P256,
     "0060fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"},
    {KEY_P256,
     "000000000000000000000000000000000000000000000000000000000000000000"},
    {KEY_P256,
     "02ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"},
    {KEY_P256,
     "02ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
    {KEY_P256,
     "020000000000000000000000000000000000000000000000000000000000000001"},
    {KEY_P256,
     "0660fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"},
    {KEY_SECP256K1,
     "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"},
    {KEY_SECP256K1,
     "000000000000000000000000000000000000000000000000000000000000000000"},
    {KEY_SECP256K1,
     "02fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"},
    {KEY_SECP256K1,
     "02ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
    {KEY_SECP256K1,
     "020000000000000000000000000000000000000000000000000000000000000005"},
};

static void what_is_no_point_is_no_key(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof no_curve_keys / sizeof no_curve_keys[0];
         at++) {
        uint8_t bytes[33];
        struct error err = {0};
        PublicKey key;
        assert_int_equal(from_hex(no_curve_keys[at].hex, bytes, 33), 33);
        assert_int_equal(public_key_from_bytes(no_curve_keys[at].type,
                                               bytes_of(bytes, 33), &key,
                                               &err),
                         STATUS_INVALID);
        assert_non_null(strstr(err.message, "point"));
    }
}

static void every_other_length_is_no_key(void **state)
{
    (void)state;
    for (KeyType type = 0; type < KEY_TYPE_COUNT; type++) {
        struct secret_key *secret = secret_key_new(type);
        const PublicKey *public = secret_key_public(secret);
        for (size_t len = 0; len < 70; len++) {
            uint8_t *bytes = malloc(len ? len : 1);
            PublicKey key;
            memset(bytes, 0, len);
            memcpy(bytes, public->bytes,
                   len < public->len ? len : public->len);
            assert_int_equal(
                public_key_from_bytes(type, bytes_of(bytes, len), &key, NULL),
                len == public->len ? STATUS_OK : STATUS_INVALID);
            free(bytes);
        }
        secret_key_free(secret);
    }
}

static void zero_and_the_order_are_no_secret_keys(void **state)
{
    (void)state;
    for (KeyType type = 0; type < KEY_TYPE_COUNT; type++) {
        uint8_t bytes[33] = {0};
        struct secret_key *key;
        assert_int_equal(
            secret_key_from_bytes(type, bytes_of(bytes, 31), &key, NULL),
            STATUS_INVALID);
        assert_int_equal(
            secret_key_from_bytes(type, bytes_of(bytes, 33), &key, NULL),
            STATUS_INVALID);
        if (type == KEY_ED25519)
            continue; // Any seed is one.
        assert_int_equal(
            secret_key_from_bytes(type, bytes_of(bytes, 32), &key, NULL),
            STATUS_INVALID);
        from_hex(orders[type], bytes, 32);
        assert_int_equal(
            secret_key_from_bytes(type, bytes_of(bytes, 32), &key, NULL),
            STATUS_INVALID);
        bytes[31]--;
        assert_int_equal(
            secret_key_from_bytes(type, bytes_of(bytes, 32), &key, NULL),
            STATUS_OK);
        secret_key_free(key);
        memset(bytes, 0xff, 32);
        assert_int_equal(
            secret_key_from_bytes(type, bytes_of(bytes, 32), &key, NULL),
            STATUS_INVALID);
    }
}

static void types_have_names(void **state)
{
    (void)state;
    KeyType type;
    assert_true(key_type_from_name(TEXT("P-256"), &type));
    assert_int_equal(type, KEY_P256);
    assert_true(key_type_from_name(TEXT("K256"), &type));
    assert_int_equal(type, KEY_SECP256K1);
    for (KeyType each = 0; each < KEY_TYPE_COUNT; each++) {
        assert_true(key_type_from_name(text_of(key_type_name(each)), &type));
        assert_int_equal(type, each);
    }
    assert_false(key_type_from_name(TEXT("p25"), &type));
    assert_false(key_type_from_name(TEXT("p2566"), &type));
    assert_false(key_type_from_name(TEXT(""), &type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_and_makes_the_signatures_of_the_standards),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(only_p256_takes_the_upper_half_and_nothing_else),
        cmocka_unit_test(what_is_written_is_in_the_lower_half),
        cmocka_unit_test(small_and_twisted_points_are_no_keys_of_ed25519),
        cmocka_unit_test(
            r_of_small_order_is_refused_though_the_equation_holds),
        cmocka_unit_test(s_plus_the_order_is_another_form_and_refused),
        cmocka_unit_test(
            a_key_with_a_small_part_is_judged_by_the_bare_equation),
        cmocka_unit_test(what_is_no_point_is_no_key),
        cmocka_unit_test(every_other_length_is_no_key),
        cmocka_unit_test(zero_and_the_order_are_no_secret_keys),
        cmocka_unit_test(types_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
