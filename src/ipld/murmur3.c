/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/murmur3.h"

static const uint64_t C1 = 0x87c37b91114253d5U, C2 = 0x4cf5ad432745937fU;

static uint64_t rotate(uint64_t word, unsigned count)
{
    return word << count | word >> (64 - count);
}

/* Up to eight bytes, low first. */
static uint64_t load(const uint8_t *at, size_t len)
{
    uint64_t word = 0;
    for (size_t index = 0; index < len; index++)
        word |= (uint64_t)at[index] << (8 * index);
    return word;
}

static uint64_t mix_first(uint64_t word)
{
    return rotate(word * C1, 31) * C2;
}

static uint64_t mix_second(uint64_t word)
{
    return rotate(word * C2, 33) * C1;
}

static uint64_t finish(uint64_t word)
{
    word = (word ^ word >> 33) * 0xff51afd7ed558ccdU;
    word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53U;
    return word ^ word >> 33;
}

uint64_t murmur3_64(Bytes bytes)
{
    uint64_t first = 0, second = 0;
    const uint8_t *at = bytes.data;
    size_t left = bytes.len;

    for (; left >= 16; left -= 16, at += 16) {
        first ^= mix_first(load(at, 8));
        first = (rotate(first, 27) + second) * 5 + 0x52dce729;
        second ^= mix_second(load(at + 8, 8));
        second = (rotate(second, 31) + first) * 5 + 0x38495ab5;
    }
    if (left > 8)
        second ^= mix_second(load(at + 8, left - 8));
    first ^= mix_first(load(at, left < 8 ? left : 8));
    first ^= bytes.len;
    second ^= bytes.len;
    first += second;
    second += first;
    // The second half would be finish(second) plus this.
    return finish(first) + finish(second);
}
