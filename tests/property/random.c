/* SPDX-License-Identifier: Apache-2.0 */
#include "random.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct random random_from(uint64_t seed)
{
    // Neighbouring seeds have nothing in common; never zero.
    struct random random = {seed * 0x9e3779b97f4a7c15 ^ 0x6a09e667f3bcc909};
    random.state += random.state == 0;
    for (int i = 0; i < 4; i++)
        random_next(&random);
    return random;
}

uint64_t random_next(struct random *random)
{
    // xorshift64*.
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * 0x2545f4914f6cdd1d;
}

uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}

bool random_once_in(struct random *random, uint32_t many)
{
    return random_below(random, many) == 0;
}

static uint64_t power_or_neighbour(struct random *random, uint32_t bits)
{
    uint64_t number = (uint64_t)1 << random_below(random, bits);
    number += (uint64_t)random_below(random, 3) - 1;
    return random_once_in(random, 2) ? number : 0 - number;
}

static uint64_t random_integer(struct random *random, uint32_t bits)
{
    switch (random_below(random, 4)) {
    case 0:
        return random_below(random, 100) - (uint64_t)20;
    case 1:
        return random_next(random) >> random_below(random, bits);
    default:
        return power_or_neighbour(random, bits);
    }
}

static uint32_t random_f32(struct random *random)
{
    static const uint32_t edges[] = {
        0,          0x00000001, 0x007fffff, 0x00800000, 0x00800001, // tiny
        0x7f7fffff, 0x7f800000,                                     // huge
        0x7fc00000, 0x7fc00001, 0x7fffffff,             // quiet NaNs
        0x7f800001, 0x7fa00000, 0x7fbfffff,             // signalling NaNs
        0x3f800000, 0x3f000000, 0x3effffff, 0x3f7fffff, // 1, 1/2
        0x3fc00000, 0x40200000, 0x40600000,             // 1.5, 2.5, 3.5
        0x4affffff, 0x4b000000, 0x4b000001, 0x4b7fffff, // 2^23
        0x4effffff, 0x4f000000, 0x4f000001, 0x4f7fffff, // 2^31
        0x4f800000, 0x5effffff, 0x5f000000, 0x5f7fffff, // 2^32, 2^63
        0x5f800000, 0x437f0000, 0x43000000, 0x47000000, // 2^64, 255, 128
    };
    const uint32_t sign = (uint32_t)random_below(random, 2) << 31;
    if (random_once_in(random, 4))
        return (uint32_t)random_next(random);
    if (random_once_in(random, 3)) {
        // Exact, however the host rounds.
        const float number =
            (float)((int32_t)random_integer(random, 32) / 256) / 4.0F;
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        return bits;
    }
    return edges[random_below(random, COUNT(edges))] | sign;
}

static uint64_t random_f64(struct random *random)
{
    static const uint64_t edges[] = {
        // Tiny, huge; quiet NaNs, signalling NaNs.
        0, 1, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001,
        0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000,
        0x7ff8000000000001, 0x7fffffffffffffff, 0x7ff0000000000001,
        0x7ff4000000000000, 0x7ff7ffffffffffff, 0x7ff0000020000000,
        // 1, its neighbours, 1/2, 1.5, 2.5.
        0x3ff0000000000000, 0x3fefffffffffffff, 0x3ff0000000000001,
        0x3fe0000000000000, 0x3fdfffffffffffff, 0x3ff8000000000000,
        0x4004000000000000,
        // Around the ends of i32, u32, i64, u64, and 2^52, 2^53.
        0x41dfffffffc00000, 0x41e0000000000000, 0x41dfffffffffffff,
        0x41e0000000200000, 0x41efffffffe00000, 0x41efffffffffffff,
        0x41f0000000000000, 0x43dfffffffffffff, 0x43e0000000000000,
        0x43e0000000000001, 0x43efffffffffffff, 0x43f0000000000000,
        0x4330000000000000, 0x432fffffffffffff, 0x4340000000000000,
        // Around the ends of f32: largest, half a step more, subnormals.
        0x47efffffe0000000, 0x47effffff0000000, 0x47efffffefffffff,
        0x47f0000000000000, 0x3810000000000000, 0x380fffffffffffff,
        0x36a0000000000000, 0x3690000000000000, 0x3690000000000001};
    const uint64_t sign = (uint64_t)random_below(random, 2) << 63;
    if (random_once_in(random, 4))
        return random_next(random);
    if (random_once_in(random, 3)) {
        // Exact, however the host rounds.
        const double number =
            (double)((int64_t)random_integer(random, 64) / 2048) / 4.0;
        uint64_t bits;
        memcpy(&bits, &number, sizeof bits);
        return bits;
    }
    return edges[random_below(random, COUNT(edges))] | sign;
}

uint64_t random_number(struct random *random, char type)
{
    switch (type) {
    case 'f':
        return random_f32(random);
    case 'd':
        return random_f64(random);
    case 'l':
        return random_integer(random, 64);
    default:
        return (uint32_t)random_integer(random, 32);
    }
}
