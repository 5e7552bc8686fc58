/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h - digests by their multicodec code: the only door to OpenSSL's and
 * libsodium's hashes. Thread: any; digests are fetched once per thread. */
#ifndef IPVM_CRYPTO_HASH_H
#define IPVM_CRYPTO_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* Multicodec codes (multiformats/multicodec table.csv). */
enum {
    HASH_IDENTITY = 0x00,
    HASH_SHA2_256 = 0x12,
    HASH_SHA2_512 = 0x13,
    HASH_SHA3_512 = 0x14,
    HASH_SHA3_384 = 0x15,
    HASH_SHA3_256 = 0x16,
    HASH_BLAKE3 = 0x1e,
    HASH_BLAKE2B_256 = 0xb220,
};

enum { HASH_DIGEST_MAX = 64, SHA256_LEN = 32 };

/* A sha2-256 digest: the name of what we make. */
typedef struct {
    uint8_t bytes[SHA256_LEN];
} Hash;

static inline bool hash_equal(const Hash *a, const Hash *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* sha2-256 in one go, the fast path. */
void hash_sha256(Bytes bytes, Hash *out);

/* True for the codes above but identity; for blake3 only where the engine
 * archive is linked in. */
bool hash_is_supported(uint64_t code);

/* Digest of `bytes` under `code`. `out` has room for HASH_DIGEST_MAX bytes,
 * `*len` gets the digest's length. STATUS_UNSUPPORTED: an unknown code. */
Status hash_digest(uint64_t code, Bytes bytes, uint8_t *out, size_t *len,
                   struct error *err);

/* SHA-1, which names nothing here: WebSocket's handshake is made of it. */
enum { SHA1_LEN = 20 };
void hash_sha1(Bytes bytes, uint8_t out[SHA1_LEN]);

/* sha2-256 over pieces. */
struct hasher;
struct hasher *hasher_new(void);
void hasher_free(struct hasher *hasher);
void hasher_add(struct hasher *hasher, Bytes bytes);
/* Gives the digest and starts afresh. */
void hasher_finish(struct hasher *hasher, Hash *out);

/* Fills `out` with random bytes from the operating system. */
void random_bytes(void *out, size_t len);

#endif
