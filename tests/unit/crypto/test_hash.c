/* SPDX-License-Identifier: Apache-2.0 */
/* test_hash.c - digests of "abc" and of nothing, from the standards (FIPS 180,
 * FIPS 202, RFC 7693, the BLAKE3 specification). */
#include "crypto/hash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/hash_blake3.h"

static const struct {
    uint64_t code;
    size_t len;
    const char *start; /* the first eight bytes for "abc" */
} known[] = {
    {HASH_SHA2_256, 32, "\xba\x78\x16\xbf\x8f\x01\xcf\xea"},
    {HASH_SHA2_512, 64, "\xdd\xaf\x35\xa1\x93\x61\x7a\xba"},
    {HASH_SHA3_256, 32, "\x3a\x98\x5d\xa7\x4f\xe2\x25\xb2"},
    {HASH_SHA3_384, 48, "\xec\x01\x49\x82\x88\x51\x6f\xc9"},
    {HASH_SHA3_512, 64, "\xb7\x51\x85\x0b\x1a\x57\x16\x8a"},
    {HASH_BLAKE2B_256, 32, "\xbd\xdd\x81\x3c\x63\x42\x39\x72"},
    {HASH_BLAKE3, 32, "\x64\x37\xb3\xac\x38\x46\x51\x33"},
};

static void makes_sha1_and_takes_it_for_no_name(void **state)
{
    static const uint8_t abc[SHA1_LEN] = {
        0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
        0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d};
    uint8_t digest[SHA1_LEN];
    (void)state;
    hash_sha1(bytes_of("abc", 3), digest);
    assert_memory_equal(digest, abc, SHA1_LEN);
    assert_false(hash_is_supported(0x11));
}

static void makes_the_digests_of_the_standards(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof known / sizeof known[0]; index++) {
        uint8_t digest[HASH_DIGEST_MAX];
        size_t len;
        if (known[index].code == HASH_BLAKE3 && !blake3_is_linked()) {
            print_message("no engine archive: blake3 skipped\n");
            assert_false(hash_is_supported(HASH_BLAKE3));
            assert_int_equal(hash_digest(HASH_BLAKE3, bytes_of("abc", 3),
                                         digest, &len, NULL),
                             STATUS_UNSUPPORTED);
            continue;
        }
        assert_true(hash_is_supported(known[index].code));
        assert_int_equal(hash_digest(known[index].code, bytes_of("abc", 3),
                                     digest, &len, NULL),
                         STATUS_OK);
        assert_int_equal(len, known[index].len);
        assert_memory_equal(digest, known[index].start, 8);
    }
}

static void refuses_functions_it_does_not_have(void **state)
{
    (void)state;
    uint8_t digest[HASH_DIGEST_MAX];
    size_t len;
    struct error err = {0};
    assert_false(hash_is_supported(0x11));
    assert_false(hash_is_supported(HASH_IDENTITY));
    assert_int_equal(hash_digest(0x11, bytes_of("", 0), digest, &len, &err),
                     STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "0x11"));
}

static void the_fast_path_and_the_pieces_agree(void **state)
{
    (void)state;
    uint8_t data[1000];
    Hash whole, pieces;
    struct hasher *hasher = hasher_new();
    for (size_t len = 0; len < sizeof data; len += 37) {
        random_bytes(data, len);
        hash_sha256(bytes_of(data, len), &whole);
        hasher_add(hasher, bytes_of(data, len / 3));
        hasher_add(hasher, bytes_of(data + len / 3, len - len / 3));
        hasher_finish(hasher, &pieces); // And starts afresh.
        assert_true(hash_equal(&whole, &pieces));
    }
    hasher_free(hasher);
    hasher_free(NULL);
    hash_sha256(bytes_of(NULL, 0), &whole);
    assert_memory_equal(whole.bytes, "\xe3\xb0\xc4\x42", 4);
}

static void *hash_many(void *context)
{
    Hash hash;
    for (int round = 0; round < 200; round++) {
        uint8_t digest[HASH_DIGEST_MAX];
        size_t len;
        hash_sha256(bytes_of("abc", 3), &hash);
        if (memcmp(hash.bytes, known[0].start, 8) != 0)
            return NULL;
        if (hash_digest(HASH_SHA3_512, bytes_of("abc", 3), digest, &len,
                        NULL) != STATUS_OK)
            return NULL;
    }
    return context;
}

static void each_thread_has_its_own_digests(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t index = 0; index < 4; index++)
        assert_int_equal(
            pthread_create(&threads[index], NULL, hash_many, threads), 0);
    for (size_t index = 0; index < 4; index++) {
        void *result;
        assert_int_equal(pthread_join(threads[index], &result), 0);
        assert_ptr_equal(result, threads);
    }
}

static void random_bytes_fill_what_is_asked_for(void **state)
{
    (void)state;
    // 64 bytes that come out as before: not in the life of the universe.
    uint8_t one[66] = {0}, two[64];
    random_bytes(one, 64);
    random_bytes(two, 64);
    assert_int_not_equal(memcmp(one, two, 64), 0);
    assert_int_equal(one[64], 0);
    random_bytes(one, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_sha1_and_takes_it_for_no_name),
        cmocka_unit_test(makes_the_digests_of_the_standards),
        cmocka_unit_test(refuses_functions_it_does_not_have),
        cmocka_unit_test(the_fast_path_and_the_pieces_agree),
        cmocka_unit_test(each_thread_has_its_own_digests),
        cmocka_unit_test(random_bytes_fill_what_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
