/* SPDX-License-Identifier: Apache-2.0 */
/* sha256.h - SHA-256 (FIPS 180-4) in plain C, a piece at a time. */
#ifndef SHA256_H
#define SHA256_H

#include <stdint.h>
#include <string.h>

struct sha256 {
    uint32_t state[8];
    uint64_t len;
    uint8_t rest[64]; /* bytes that fill no block yet: len % 64 of them */
};

static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t sha256_turn(uint32_t word, unsigned bits)
{
    return word >> bits | word << (32 - bits);
}

static void sha256_block(struct sha256 *hash, const uint8_t *block)
{
    uint32_t w[64];
    for (int i = 0; i < 16; i++, block += 4)
        w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 |
               (uint32_t)block[2] << 8 | block[3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] +
               (sha256_turn(a, 7) ^ sha256_turn(a, 18) ^ a >> 3) +
               (sha256_turn(b, 17) ^ sha256_turn(b, 19) ^ b >> 10);
    }
    uint32_t *h = hash->state;
    uint32_t s0 = h[0], s1 = h[1], s2 = h[2], s3 = h[3];
    uint32_t s4 = h[4], s5 = h[5], s6 = h[6], s7 = h[7];
    for (int i = 0; i < 64; i++) {
        uint32_t one =
            s7 + sha256_k[i] + w[i] +
            (sha256_turn(s4, 6) ^ sha256_turn(s4, 11) ^ sha256_turn(s4, 25)) +
            ((s4 & s5) ^ (~s4 & s6));
        uint32_t two =
            (sha256_turn(s0, 2) ^ sha256_turn(s0, 13) ^ sha256_turn(s0, 22)) +
            ((s0 & s1) ^ (s0 & s2) ^ (s1 & s2));
        s7 = s6, s6 = s5, s5 = s4, s4 = s3 + one;
        s3 = s2, s2 = s1, s1 = s0, s0 = one + two;
    }
    h[0] += s0, h[1] += s1, h[2] += s2, h[3] += s3;
    h[4] += s4, h[5] += s5, h[6] += s6, h[7] += s7;
}

static inline void sha256_begin(struct sha256 *hash)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                      0xa54ff53a, 0x510e527f, 0x9b05688c,
                                      0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, start, sizeof start);
    hash->len = 0;
}

static inline void sha256_add(struct sha256 *hash, const uint8_t *data,
                              size_t len)
{
    size_t used = hash->len % 64;
    hash->len += len;
    if (used + len < 64) {
        memcpy(hash->rest + used, data, len);
        return;
    }
    if (used > 0) {
        memcpy(hash->rest + used, data, 64 - used);
        sha256_block(hash, hash->rest);
        data += 64 - used;
        len -= 64 - used;
    }
    for (; len >= 64; data += 64, len -= 64)
        sha256_block(hash, data);
    memcpy(hash->rest, data, len);
}

/* As 64 hexadecimal digits. */
static inline void sha256_end(struct sha256 *hash, char hex[64])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = hash->len * 8;
    uint8_t tail[8];
    for (int i = 0; i < 8; i++)
        tail[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(hash, padding, 1 + (119 - hash->len % 64) % 64);
    sha256_add(hash, tail, 8);
    for (int i = 0; i < 64; i++)
        hex[i] =
            "0123456789abcdef"[hash->state[i / 8] >> (28 - i % 8 * 4) & 15];
}

#endif
