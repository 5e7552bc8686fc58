/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - numbers from a seed, the ones that break things more often than
 * chance has them. */
#ifndef IPVM_TESTS_PROPERTY_RANDOM_H
#define IPVM_TESTS_PROPERTY_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

struct random random_from(uint64_t seed);
uint64_t random_next(struct random *random);
/* 0 … bound - 1. */
uint32_t random_below(struct random *random, uint32_t bound);
/* True once in `many`. */
bool random_once_in(struct random *random, uint32_t many);

/* The bits of a number of a WebAssembly type: i32 'i', i64 'l', f32 'f' or
 * f64 'd'. Zeros, extremes, powers of two and their neighbours, subnormals,
 * infinities, quiet and signalling NaNs with payloads, and any bits. */
uint64_t random_number(struct random *random, char type);

#endif
