/* SPDX-License-Identifier: Apache-2.0 */
/* hash.c - OpenSSL's digests behind multicodec codes.
 *
 * Fetching a digest costs more than hashing a small block, and so does making
 * a context; each thread therefore keeps one of both per algorithm, made at
 * first use and freed when the thread ends. */
#include "crypto/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/arena.h"
#include "crypto/hash_blake3.h"

static const struct algorithm {
    uint64_t code;
    const char *name;
    size_t len;
} algorithms[] = {
    {HASH_SHA2_256, "SHA2-256", 32}, {HASH_SHA2_512, "SHA2-512", 64},
    {HASH_SHA3_256, "SHA3-256", 32}, {HASH_SHA3_384, "SHA3-384", 48},
    {HASH_SHA3_512, "SHA3-512", 64},
};

enum {
    SHA256_INDEX = 0,
    ALGORITHM_COUNT = sizeof algorithms / sizeof algorithms[0],
};

/* What one thread keeps. */
struct digests {
    EVP_MD *kind[ALGORITHM_COUNT];
    EVP_MD_CTX *context[ALGORITHM_COUNT];
};

static pthread_key_t digests_key;
static _Thread_local struct digests *thread_digests;

static void free_digests(void *memory)
{
    struct digests *digests = memory;
    for (size_t index = 0; index < ALGORITHM_COUNT; index++) {
        EVP_MD_CTX_free(digests->context[index]);
        EVP_MD_free(digests->kind[index]);
    }
    free(digests);
    thread_digests = NULL;
}

static void make_key(void)
{
    ASSERT(pthread_key_create(&digests_key, free_digests) == 0);
}

static struct digests *digests_of_thread(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (thread_digests)
        return thread_digests;
    pthread_once(&once, make_key);
    thread_digests = HEAP_NEW(struct digests);
    ASSERT(pthread_setspecific(digests_key, thread_digests) == 0);
    return thread_digests;
}

/* A context of this thread, ready for the first byte. */
static EVP_MD_CTX *fresh_context(size_t index)
{
    struct digests *digests = digests_of_thread();
    EVP_MD_CTX *context = digests->context[index];
    if (context) {
        ASSERT(EVP_DigestInit_ex2(context, NULL, NULL) == 1);
        return context;
    }
    EVP_MD *kind = EVP_MD_fetch(NULL, algorithms[index].name, NULL);
    context = EVP_MD_CTX_new();
    // Only a broken installation of OpenSSL lacks one of these.
    ASSERT(kind && context && EVP_DigestInit_ex2(context, kind, NULL) == 1);
    digests->kind[index] = kind;
    digests->context[index] = context;
    return context;
}

static void digest_by_index(size_t index, Bytes bytes, uint8_t *out)
{
    EVP_MD_CTX *context = fresh_context(index);
    ASSERT(EVP_DigestUpdate(context, bytes.data, bytes.len) == 1);
    ASSERT(EVP_DigestFinal_ex(context, out, NULL) == 1);
}

void hash_sha256(Bytes bytes, Hash *out)
{
    digest_by_index(SHA256_INDEX, bytes, out->bytes);
}

void hash_sha1(Bytes bytes, uint8_t out[SHA1_LEN])
{
    size_t len = 0;
    ASSERT(EVP_Q_digest(NULL, "SHA1", NULL, bytes.data, bytes.len, out,
                        &len) == 1 &&
           len == SHA1_LEN);
}

static const struct algorithm *find_algorithm(uint64_t code)
{
    for (size_t index = 0; index < ALGORITHM_COUNT; index++)
        if (algorithms[index].code == code)
            return &algorithms[index];
    return NULL;
}

bool hash_is_supported(uint64_t code)
{
    return find_algorithm(code) || code == HASH_BLAKE2B_256 ||
           (code == HASH_BLAKE3 && blake3_is_linked());
}

static void blake2b_256(Bytes bytes, uint8_t out[32])
{
    ASSERT(crypto_generichash_blake2b(out, 32, bytes.data, bytes.len, NULL,
                                      0) == 0);
}

Status hash_digest(uint64_t code, Bytes bytes, uint8_t *out, size_t *len,
                   struct error *err)
{
    const struct algorithm *algorithm = find_algorithm(code);
    if (algorithm) {
        digest_by_index((size_t)(algorithm - algorithms), bytes, out);
        *len = algorithm->len;
        return STATUS_OK;
    }
    if (code == HASH_BLAKE2B_256) {
        blake2b_256(bytes, out);
        *len = 32;
        return STATUS_OK;
    }
    if (code == HASH_BLAKE3 && blake3_is_linked()) {
        blake3_digest(bytes, out);
        *len = BLAKE3_LEN;
        return STATUS_OK;
    }
    return fail(err, STATUS_UNSUPPORTED,
                "hash function 0x%llx is not supported, use sha2-256",
                (unsigned long long)code);
}

/* --- Pieces ------------------------------------------------------------- */

struct hasher {
    EVP_MD *kind;
    EVP_MD_CTX *context;
};

struct hasher *hasher_new(void)
{
    struct hasher *hasher = HEAP_NEW(struct hasher);
    hasher->kind = EVP_MD_fetch(NULL, algorithms[SHA256_INDEX].name, NULL);
    hasher->context = EVP_MD_CTX_new();
    ASSERT(hasher->kind && hasher->context);
    ASSERT(EVP_DigestInit_ex2(hasher->context, hasher->kind, NULL) == 1);
    return hasher;
}

void hasher_free(struct hasher *hasher)
{
    if (!hasher)
        return;
    EVP_MD_CTX_free(hasher->context);
    EVP_MD_free(hasher->kind);
    free(hasher);
}

void hasher_add(struct hasher *hasher, Bytes bytes)
{
    ASSERT(EVP_DigestUpdate(hasher->context, bytes.data, bytes.len) == 1);
}

void hasher_finish(struct hasher *hasher, Hash *out)
{
    ASSERT(EVP_DigestFinal_ex(hasher->context, out->bytes, NULL) == 1);
    ASSERT(EVP_DigestInit_ex2(hasher->context, NULL, NULL) == 1);
}

/* --- Randomness --------------------------------------------------------- */

void random_bytes(void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        // Without randomness there are no keys and no nonces: stop.
        ASSERT(got > 0);
        at += got;
        len -= (size_t)got;
    }
}
