/* SPDX-License-Identifier: Apache-2.0 */
/* test_key_pem.c - keys as `openssl genpkey` writes them, and what is not quite
 * such a file. The keys below were made for this test and sign nothing. */
#include "crypto/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *what, *pem;
    KeyType type;
    bool is_ours; /* we write the same bytes */
} good[] = {
    {"Ed25519",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "-----END PRIVATE KEY-----\n",
     KEY_ED25519, true},
    {"P-256",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGVV5sj6ptHcexCdu\n"
     "aLjkfKfJ+NydU9/CHT+UnqcH0t6hRANCAATgnkwciq+CdlWQIWs2kswPy+nhFmeq\n"
     "rMrREtIFcCKpFiFCiZ0WIrp/qrQ3pOCCbWMzC+k+XvAvsfRcFaNs5KrL\n"
     "-----END PRIVATE KEY-----\n",
     KEY_P256, true},
    {"secp256k1",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgOUtemakNXdxbopY82Al8\n"
     "Wvz8ICXmD/syVGk3kszcE9yhRANCAAQGk7IiJSjUMZkkXwAlt2DhNC6gA3zWD7gm\n"
     "UC3iedj/x2fWbxsxdWTjyhUySXJ6TO7FZL/0ibwZQY/ebBuXSILV\n"
     "-----END PRIVATE KEY-----\n",
     KEY_SECP256K1, true},
    {"P-256, compressed point",
     "-----BEGIN PRIVATE KEY-----\n"
     "MGcCAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcETTBLAgEBBCAZVXmyPqm0dx7EJ25o\n"
     "uOR8p8n43J1T38IdP5SepwfS3qEkAyIAA+CeTByKr4J2VZAhazaSzA/L6eEWZ6qs\n"
     "ytES0gVwIqkW\n"
     "-----END PRIVATE KEY-----\n",
     KEY_P256, false},
    {"P-256, no point",
     "-----BEGIN PRIVATE KEY-----\n"
     "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCAZVXmyPqm0dx7EJ25o\n"
     "uOR8p8n43J1T38IdP5SepwfS3g==\n"
     "-----END PRIVATE KEY-----\n",
     KEY_P256, false},
    {"Ed25519 with its public key (RFC 5958, version 2)",
     "-----BEGIN PRIVATE KEY-----\n"
     "MFECAQEwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "gSEA7+wiTxnLHs3Dy4E0rID2nLeO68JN0F5tMQrsTZIGpJY=\n"
     "-----END PRIVATE KEY-----\n",
     KEY_ED25519, false},
    {"P-256, the curve named inside too",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIGTAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHkwdwIBAQQgGVV5sj6ptHcexCdu\n"
     "aLjkfKfJ+NydU9/CHT+UnqcH0t6gCgYIKoZIzj0DAQehRANCAATgnkwciq+CdlWQ\n"
     "IWs2kswPy+nhFmeqrMrREtIFcCKpFiFCiZ0WIrp/qrQ3pOCCbWMzC+k+XvAvsfRc\n"
     "FaNs5KrL\n"
     "-----END PRIVATE KEY-----\n",
     KEY_P256, false},
};

/* What is wrong, and words of the complaint. */
static const struct {
    const char *what, *pem, *words;
} bad[] = {
    {"a public key",
     "-----BEGIN PUBLIC KEY-----\n"
     "MCowBQYDK2VwAyEA7+wiTxnLHs3Dy4E0rID2nLeO68JN0F5tMQrsTZIGpJY=\n"
     "-----END PUBLIC KEY-----\n",
     "public key"},
    {"an encrypted one",
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhOR9JenEy94AICCAAw\n"
     "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJIKYrHIhCf6ZbSToAitgPIEQNod\n"
     "aPivIbgz4Uwi7IwJIVgxY351jnkrCzkIA/NJowQ6idP5i6ui1qfaCzTUmWWvRFyW\n"
     "IMjL64yD82yIEmsOO5M=\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n",
     "encrypted"},
    {"SEC 1",
     "-----BEGIN EC PRIVATE KEY-----\n"
     "MHcCAQEEIJ2lm3aUULhqfXu2euO/vDDSifCxOtQhnXsfM7m1VNUhoAoGCCqGSM49\n"
     "AwEHoUQDQgAE+Q+lDDQDNgdDcat8+FH06IvMT6i2OoB8QE/fAuz7mn6Ub2rcSBe2\n"
     "DHPRNu4sJj1MEcfqvjKt3DxNPxxlDiMKIQ==\n"
     "-----END EC PRIVATE KEY-----\n",
     "openssl pkcs8 -topk8"},
    {"RSA in PKCS#8",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEAvpwJsiBRlxtsIYDW\n"
     "f6af4iDaYIHaAFlFbXwTWuPpP5B3JowZ6G2o4+9eokNM7LYZFJfysgv6/Kq9eoPm\n"
     "EcnktQIDAQABAkBRHPPfUnOGG0xToZEmN1EYmKR1pyyPM24hHkjaR9ytiF875HlY\n"
     "FGzppDyDM0SZZR2okdnEJ5p74LHTSEuarChBAiEA7Xyn+Wm/sGXuDoey2Unu+rW2\n"
     "2qH1jJjb9zJESnKw05ECIQDNd+Kg6ExQD8UrSCQoI7+ziUhgM9ZfYJyYJcUmC3hk\n"
     "5QIgBsP1WRKdJl5RANL20l/b0gKZOfNBNocoRQuGjIRl6zECIGJXGeIXrMa49Y6k\n"
     "paGMkqkUcM6SoOzfabOsiDKQVNw9AiEAghwe1d78YxzDesM5l/dbon5q2uIeOkfX\n"
     "OfYeIG18I6s=\n"
     "-----END PRIVATE KEY-----\n",
     "another algorithm"},
    {"P-384",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDBUVflz1Jwdseaaw3Rn\n"
     "qxOPnXZ2ogXQa2ebz4k1EDFCxaDbWS/6/14FUIxd/4OLXAyhZANiAATsLt8KILxh\n"
     "GRxIk9uDkexCTVogNG6ggtNjV/oDCpbzK7YDTBDyHE5uDJibZRiasoItRTIypPmL\n"
     "enU78r7BmOZjUU9MXzGap3qbCROIyCBskgARw9yfeqEDBNXIw5ERFN0=\n"
     "-----END PRIVATE KEY-----\n",
     "another curve"},
    {"X25519",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VuBCIEIJiav8rGZkMc3kQbE2QSL4TcRcxhUXljn7LyDeWR/pdU\n"
     "-----END PRIVATE KEY-----\n",
     "another algorithm"},
    {"parameters in full",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB\n"
     "AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA\n"
     "///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV\n"
     "AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg\n"
     "9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A\n"
     "AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQgQgrW6iYz7mQV\n"
     "QASISsIul3xhaMwMfr6trKpNB05T/XihRANCAATaEEo4PFjKk0MC7GNdgTYjJ+7n\n"
     "R4fWFNTJfq4O1MJV+fAqK265Nt/dfMKtNp8Zpsv3JIRwh23Unaqi071vE3ho\n"
     "-----END PRIVATE KEY-----\n",
     "by name"},
    {"two keys",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "-----END PRIVATE KEY-----\n"
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "-----END PRIVATE KEY-----\n",
     "more than one key"},
    {"words in front",
     "words\n"
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "-----END PRIVATE KEY-----\n",
     "BEGIN PRIVATE KEY"},
    {"words behind",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "-----END PRIVATE KEY-----\n"
     "words\n",
     "follows its end"},
    {"nothing", "", "BEGIN PRIVATE KEY"},
    {"only lines", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
     "not PKCS#8"},
    {"begin and end in one", "-----BEGIN PRIVATE KEY----------", "cut off"},
    {"an OpenSSH key", "-----BEGIN OPENSSH PRIVATE KEY-----\n", "OpenSSH"},
    {"length in a longer form",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIEuAgEAMAUGAytlcAQiBCC4CgL5mLjkcoxfUe/hXapu+vrPIxg9TQTIGQNTxIHy\n"
     "Pw==\n"
     "-----END PRIVATE KEY-----\n",
     "not PKCS#8"},
    {"length with a zero",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIIALgIBADAFBgMrZXAEIgQguAoC+Zi45HKMX1Hv4V2qbvr6zyMYPU0EyBkDU8SB\n"
     "8j8=\n"
     "-----END PRIVATE KEY-----\n",
     "not PKCS#8"},
    {"indefinite length",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIACAQAwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "AAA=\n"
     "-----END PRIVATE KEY-----\n",
     "not PKCS#8"},
    {"a byte behind",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "AA==\n"
     "-----END PRIVATE KEY-----\n",
     "not PKCS#8"},
    {"version 2 (v3)",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQIwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "-----END PRIVATE KEY-----\n",
     "not PKCS#8"},
    {"Ed25519 with parameters",
     "-----BEGIN PRIVATE KEY-----\n"
     "MDACAQAwBwYDK2VwBQAEIgQguAoC+Zi45HKMX1Hv4V2qbvr6zyMYPU0EyBkDU8SB\n"
     "8j8=\n"
     "-----END PRIVATE KEY-----\n",
     "no parameters"},
    {"seed of 31 bytes",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC0CAQAwBQYDK2VwBCEEHwoC+Zi45HKMX1Hv4V2qbvr6zyMYPU0EyBkDU8SB8j8=\n"
     "-----END PRIVATE KEY-----\n",
     "32 bytes"},
    {"seed without its OCTET STRING",
     "-----BEGIN PRIVATE KEY-----\n"
     "MCwCAQAwBQYDK2VwBCC4CgL5mLjkcoxfUe/hXapu+vrPIxg9TQTIGQNTxIHyPw==\n"
     "-----END PRIVATE KEY-----\n",
     "malformed"},
    {"another's public key",
     "-----BEGIN PRIVATE KEY-----\n"
     "MFECAQEwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "gSEA7+wiTxnLHs3Dy4E0rID2nLeO68JN0F5tMQrsTZIGpJc=\n"
     "-----END PRIVATE KEY-----\n",
     "another's"},
    {"public key of 255 bits",
     "-----BEGIN PRIVATE KEY-----\n"
     "MFECAQEwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "gSEB7+wiTxnLHs3Dy4E0rID2nLeO68JN0F5tMQrsTZIGpJY=\n"
     "-----END PRIVATE KEY-----\n",
     "malformed"},
    {"another curve inside",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIGQAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHYwdAIBAQQgGVV5sj6ptHcexCdu\n"
     "aLjkfKfJ+NydU9/CHT+UnqcH0t6gBwYFK4EEAAqhRANCAATgnkwciq+CdlWQIWs2\n"
     "kswPy+nhFmeqrMrREtIFcCKpFiFCiZ0WIrp/qrQ3pOCCbWMzC+k+XvAvsfRcFaNs\n"
     "5KrL\n"
     "-----END PRIVATE KEY-----\n",
     "malformed"},
    {"another's point",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGVV5sj6ptHcexCdu\n"
     "aLjkfKfJ+NydU9/CHT+UnqcH0t6hRANCAAQGk7IiJSjUMZkkXwAlt2DhNC6gA3zW\n"
     "D7gmUC3iedj/x2fWbxsxdWTjyhUySXJ6TO7FZL/0ibwZQY/ebBuXSILV\n"
     "-----END PRIVATE KEY-----\n",
     "another's"},
    {"version 0 inside",
     "-----BEGIN PRIVATE KEY-----\n"
     "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEABCAZVXmyPqm0dx7EJ25o\n"
     "uOR8p8n43J1T38IdP5SepwfS3g==\n"
     "-----END PRIVATE KEY-----\n",
     "malformed"},
    {"scalar 0",
     "-----BEGIN PRIVATE KEY-----\n"
     "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCAAAAAAAAAAAAAAAAAA\n"
     "AAAAAAAAAAAAAAAAAAAAAAAAAA==\n"
     "-----END PRIVATE KEY-----\n",
     "order"},
    {"scalar of 31 bytes",
     "-----BEGIN PRIVATE KEY-----\n"
     "MEACAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJjAkAgEBBB9VebI+qbR3HsQnbmi4\n"
     "5HynyfjcnVPfwh0/lJ6nB9Le\n"
     "-----END PRIVATE KEY-----\n",
     "32 bytes"},
    {"no padding",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAAwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "-----END PRIVATE KEY-----\n",
     "base64"},
    {"another letter",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4C_QAwBQYDK2VwBCIEILgKAvmYuORyjF9R7+Fdqm76+s8jGD1NBMgZA1PEgfI/\n"
     "-----END PRIVATE KEY-----\n",
     "base64"},
};

/* From a heap block of exactly its length. */
static Status read_pem(const char *pem, size_t len, struct secret_key **out,
                       struct error *err)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, pem, len);
    const Status status = secret_key_from_pem((Text){copy, len}, out, err);
    free(copy);
    return status;
}

static void reads_what_openssl_writes_and_writes_the_same(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof good / sizeof good[0]; at++) {
        struct error err = {0};
        struct secret_key *key, *again;
        struct buffer pem;
        assert_int_equal(
            read_pem(good[at].pem, strlen(good[at].pem), &key, &err),
            STATUS_OK);
        assert_int_equal(secret_key_public(key)->type, good[at].type);
        buffer_init(&pem, PEM_MAX);
        assert_int_equal(secret_key_to_pem(key, &pem, &err), STATUS_OK);
        if (good[at].is_ours) {
            assert_int_equal(pem.len, strlen(good[at].pem));
            assert_memory_equal(pem.data, good[at].pem, pem.len);
        }
        assert_int_equal(
            read_pem((const char *)pem.data, pem.len, &again, &err),
            STATUS_OK);
        assert_true(public_key_equal(secret_key_public(key),
                                     secret_key_public(again)));
        secret_buffer_wipe(&pem);
        secret_key_free(key);
        secret_key_free(again);
    }
}

static void says_what_it_is_instead(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        struct error err = {0};
        struct secret_key *key;
        const Status status =
            read_pem(bad[at].pem, strlen(bad[at].pem), &key, &err);
        if (status != STATUS_INVALID || !strstr(err.message, bad[at].words))
            fail_msg("%s: status %d, %s", bad[at].what, (int)status,
                     err.message);
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof good / sizeof good[0]; at++) {
        // Without the last newline it is whole.
        const size_t whole = strlen(good[at].pem) - 1;
        struct secret_key *key;
        for (size_t len = 0; len < whole; len++)
            assert_int_equal(read_pem(good[at].pem, len, &key, NULL),
                             STATUS_INVALID);
        assert_int_equal(read_pem(good[at].pem, whole, &key, NULL), STATUS_OK);
        secret_key_free(key);
    }
}

static void a_changed_letter_is_refused_or_another_key(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof good / sizeof good[0]; at++) {
        struct secret_key *key, *other;
        char text[1024];
        const size_t len = strlen(good[at].pem);
        assert_int_equal(read_pem(good[at].pem, len, &key, NULL), STATUS_OK);
        memcpy(text, good[at].pem, len);
        for (size_t index = 28; index < len - 27; index++) {
            if (text[index] == '\n')
                continue;
            const char before = text[index];
            text[index] = before == 'B' ? 'C' : 'B';
            if (read_pem(text, len, &other, NULL) == STATUS_OK) {
                // A point beside the secret tells that it has changed.
                assert_int_not_equal(
                    good[at].is_ours && good[at].type != KEY_ED25519, 1);
                assert_false(public_key_equal(secret_key_public(key),
                                              secret_key_public(other)));
                secret_key_free(other);
            }
            text[index] = before;
        }
        secret_key_free(key);
    }
}

static void blanks_around_and_other_line_ends_do_not_matter(void **state)
{
    (void)state;
    char text[1024];
    size_t len = 0;
    struct secret_key *key;
    text[len++] = '\n';
    for (const char *from = good[1].pem; *from; from++) {
        if (*from == '\n')
            text[len++] = '\r';
        text[len++] = *from;
    }
    text[len++] = '\t';
    assert_int_equal(read_pem(text, len, &key, NULL), STATUS_OK);
    secret_key_free(key);
}

static void what_is_endless_is_refused_at_once(void **state)
{
    (void)state;
    struct secret_key *key;
    char *text = malloc(PEM_MAX + 1);
    memset(text, 'A', PEM_MAX + 1);
    assert_int_equal(read_pem(text, PEM_MAX + 1, &key, NULL), STATUS_LIMIT);
    const char *begin = "-----BEGIN PRIVATE KEY-----\n";
    const char *end = "-----END PRIVATE KEY-----";
    memcpy(text, begin, strlen(begin));
    memcpy(text + PEM_MAX - strlen(end), end, strlen(end));
    assert_int_equal(read_pem(text, PEM_MAX, &key, NULL), STATUS_INVALID);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_openssl_writes_and_writes_the_same),
        cmocka_unit_test(says_what_it_is_instead),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(a_changed_letter_is_refused_or_another_key),
        cmocka_unit_test(blanks_around_and_other_line_ends_do_not_matter),
        cmocka_unit_test(what_is_endless_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
