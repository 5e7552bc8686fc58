/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/chacha20.h"

#include <string.h>

static uint32_t rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b, *d = rotate(*d ^ *a, 16);
    *c += *d, *b = rotate(*b ^ *c, 12);
    *a += *b, *d = rotate(*d ^ *a, 8);
    *c += *d, *b = rotate(*b ^ *c, 7);
}

// A counter of 64 bits: its upper half is where RFC 8439 has the first word
// of the nonce, which is zero for the first 256 GiB either way.
static void block(uint64_t counter, uint8_t out[64])
{
    const uint32_t start[16] = {
        [0] = 0x61707865,         [1] = 0x3320646e,
        [2] = 0x79622d32,         [3] = 0x6b206574,
        [12] = (uint32_t)counter, [13] = (uint32_t)(counter >> 32),
    };
    uint32_t words[16];
    memcpy(words, start, sizeof words);
    for (int round = 0; round < 10; round++) {
        for (int column = 0; column < 4; column++)
            quarter(&words[column], &words[4 + column], &words[8 + column],
                    &words[12 + column]);
        for (int column = 0; column < 4; column++)
            quarter(&words[column], &words[4 + (column + 1) % 4],
                    &words[8 + (column + 2) % 4],
                    &words[12 + (column + 3) % 4]);
    }
    for (int index = 0; index < 64; index++) {
        uint32_t word = words[index / 4] + start[index / 4];
        out[index] = (uint8_t)(word >> 8 * (index % 4));
    }
}

void chacha20_zero_stream(uint64_t offset, uint8_t *out, size_t len)
{
    uint8_t bytes[64];
    while (len > 0) {
        size_t from = offset % 64;
        size_t some = len < 64 - from ? len : 64 - from;
        block(offset / 64, bytes);
        memcpy(out, bytes + from, some);
        out += some;
        offset += some;
        len -= some;
    }
}
