/* SPDX-License-Identifier: Apache-2.0 */
/* primes.c - plain numbers in and out: a core module without any ABI. */
#include <stdint.h>

/* How many primes p have from <= p < to. */
__attribute__((export_name("count"))) int64_t count(int64_t from, int64_t to)
{
    int64_t found = 0;
    for (int64_t number = from < 2 ? 2 : from; number < to; number++) {
        int64_t divisor = 2;
        while (divisor * divisor <= number && number % divisor != 0)
            divisor++;
        found += divisor * divisor > number;
    }
    return found;
}

__attribute__((export_name("add"))) int64_t add(int64_t a, int64_t b)
{
    return a + b;
}
