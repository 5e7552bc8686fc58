/* SPDX-License-Identifier: Apache-2.0 */
/* test_passphrase.c - sealed bytes open with their passphrase, and only as they
 * are; a seal cannot ask for endless work. */
#include "crypto/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <sodium.h>

#include <cmocka.h>

/* A seal of one pass over 8 KiB, so that thousands can be opened. */
enum { HEAD_LEN = 54, PLAIN_LEN = 5, SEALED_LEN = HEAD_LEN + PLAIN_LEN + 16 };
static const char words[] = "open sesame";

static void make_light(uint8_t out[SEALED_LEN])
{
    uint8_t key[32];
    memset(out, 7, HEAD_LEN);
    memcpy(out, "ipvmseal\1\1\x08\0\0\0", 14);
    assert_int_equal(crypto_pwhash(key, sizeof key, words, strlen(words),
                                   out + 14, 1, 8 << 10,
                                   crypto_pwhash_ALG_ARGON2ID13),
                     0);
    assert_int_equal(crypto_aead_xchacha20poly1305_ietf_encrypt(
                         out + HEAD_LEN, NULL, (const uint8_t *)"plain",
                         PLAIN_LEN, out, HEAD_LEN, NULL, out + 30, key),
                     0);
}

static Status open_copy(const uint8_t *sealed, size_t len, const char *with,
                        struct error *err)
{
    struct buffer plain;
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, sealed, len);
    buffer_init(&plain, 1 << 16);
    const Status status =
        passphrase_open(bytes_of(copy, len), text_of(with), &plain, err);
    if (status == STATUS_OK)
        assert_memory_equal(plain.data, "plain", PLAIN_LEN);
    else
        assert_int_equal(plain.len, 0);
    secret_buffer_wipe(&plain);
    free(copy);
    return status;
}

/* docs/formats/keys.md. */
static void opens_the_documented_bytes(void **state)
{
    (void)state;
    uint8_t sealed[SEALED_LEN];
    size_t len;
    assert_int_equal(
        sodium_hex2bin(sealed, sizeof sealed,
                       "6970766d7365616c 01 01 08000000"
                       "000102030405060708090a0b0c0d0e0f"
                       "101112131415161718191a1b1c1d1e1f2021222324252627"
                       "31d5085028 16d09237dd490942cdf97490ea096123",
                       154, " ", &len, NULL),
        0);
    assert_int_equal(len, SEALED_LEN);
    assert_int_equal(open_copy(sealed, len, words, NULL), STATUS_OK);
}

static void opens_what_it_sealed(void **state)
{
    (void)state;
    struct buffer sealed, plain;
    buffer_init(&sealed, 1 << 16);
    buffer_init(&plain, 1 << 16);
    assert_int_equal(
        passphrase_seal(bytes_of("plain", 5), TEXT("word"), &sealed, NULL),
        STATUS_OK);
    assert_int_equal(sealed.len, SEALED_LEN);
    assert_int_equal(
        passphrase_open(buffer_bytes(&sealed), TEXT("word"), &plain, NULL),
        STATUS_OK);
    assert_int_equal(plain.len, 5);
    assert_memory_equal(plain.data, "plain", 5);
    buffer_clear(&plain);
    assert_int_equal(
        passphrase_open(buffer_bytes(&sealed), TEXT("Word"), &plain, NULL),
        STATUS_DENIED);
    assert_int_equal(
        passphrase_seal(bytes_of("plain", 5), (Text){0}, &sealed, NULL),
        STATUS_INVALID);
    secret_buffer_wipe(&sealed);
    secret_buffer_wipe(&plain);
}

static void refuses_every_truncation_and_every_changed_byte(void **state)
{
    (void)state;
    uint8_t sealed[SEALED_LEN + 1] = {0};
    make_light(sealed);
    assert_int_equal(open_copy(sealed, SEALED_LEN, words, NULL), STATUS_OK);
    assert_int_equal(open_copy(sealed, SEALED_LEN, "other", NULL),
                     STATUS_DENIED);
    assert_int_equal(open_copy(sealed, SEALED_LEN + 1, words, NULL),
                     STATUS_DENIED);
    for (size_t len = 0; len < SEALED_LEN; len++)
        assert_int_equal(open_copy(sealed, len, words, NULL),
                         len < HEAD_LEN + 16 ? STATUS_INVALID : STATUS_DENIED);
    for (size_t at = 0; at < SEALED_LEN; at++) {
        // Not more memory than the test has to give: bits 0 and 1 only.
        sealed[at] ^= at >= 11 && at < 14 ? 0 : 2;
        if (at < 11 || at >= 14)
            assert_int_not_equal(open_copy(sealed, SEALED_LEN, words, NULL),
                                 STATUS_OK);
        sealed[at] ^= at >= 11 && at < 14 ? 0 : 2;
    }
}

static void a_seal_cannot_ask_for_endless_work(void **state)
{
    (void)state;
    static const struct {
        uint8_t passes, memory[4];
        Status status;
    } asked[] = {
        {17, {8, 0, 0, 0}, STATUS_LIMIT},
        {255, {8, 0, 0, 0}, STATUS_LIMIT},
        {1, {0, 0, 0x10, 0x01}, STATUS_LIMIT},
        {1, {1, 0, 0x10, 0}, STATUS_LIMIT},
        {1, {255, 255, 255, 255}, STATUS_LIMIT},
        {0, {8, 0, 0, 0}, STATUS_INVALID},
        {1, {7, 0, 0, 0}, STATUS_INVALID},
        {1, {0, 0, 0, 0}, STATUS_INVALID},
    };
    uint8_t sealed[SEALED_LEN];
    make_light(sealed);
    for (size_t at = 0; at < sizeof asked / sizeof asked[0]; at++) {
        sealed[9] = asked[at].passes;
        memcpy(sealed + 10, asked[at].memory, 4);
        assert_int_equal(open_copy(sealed, SEALED_LEN, words, NULL),
                         asked[at].status);
    }
    make_light(sealed);
    sealed[8] = 2;
    assert_int_equal(open_copy(sealed, SEALED_LEN, words, NULL),
                     STATUS_UNSUPPORTED);
}

static void an_endless_passphrase_is_refused(void **state)
{
    (void)state;
    uint8_t sealed[SEALED_LEN];
    char *endless = malloc(PASSPHRASE_MAX + 2);
    memset(endless, 'a', PASSPHRASE_MAX + 1);
    endless[PASSPHRASE_MAX + 1] = '\0';
    make_light(sealed);
    assert_int_equal(open_copy(sealed, SEALED_LEN, endless, NULL),
                     STATUS_LIMIT);
    free(endless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_the_documented_bytes),
        cmocka_unit_test(opens_what_it_sealed),
        cmocka_unit_test(refuses_every_truncation_and_every_changed_byte),
        cmocka_unit_test(a_seal_cannot_ask_for_endless_work),
        cmocka_unit_test(an_endless_passphrase_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
