/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - guests that only compute: plain numbers in and out. */
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

EXPORT("add") int64_t add(int64_t a, int64_t b)
{
    return a + b;
}

/* Integers and a little memory: a hash table that is filled and looked up. */
EXPORT("integers") int64_t integers(int64_t rounds)
{
    static uint32_t table[4096];
    uint32_t state = 2463534242u;
    uint64_t sum = 0;
    for (int64_t round = 0; round < rounds; round++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        table[state >> 20] += (uint32_t)round ^ (state & 255);
        sum = sum * 31 + table[(state >> 7) & 4095];
    }
    return (int64_t)sum;
}

/* The n-body problem, five bodies, as floats come: nothing is vectorised. */
enum { BODIES = 5 };
static double place[BODIES][3] = {
    {0, 0, 0},
    {4.84, -1.16, -0.10},
    {8.34, 4.12, -0.40},
    {12.89, -15.1, -0.22},
    {15.37, -25.9, 0.17},
};
static double speed[BODIES][3] = {
    {0, 0, 0},           {0.60, 2.81, -0.02}, {-1.01, 1.82, 0.008},
    {1.08, 0.86, -0.01}, {0.97, 0.59, -0.03},
};
static const double mass[BODIES] = {39.47, 0.037, 0.011, 0.0017, 0.002};

static void attract(int a, int b, double step)
{
    double d[3], square = 0;
    for (int axis = 0; axis < 3; axis++) {
        d[axis] = place[a][axis] - place[b][axis];
        square += d[axis] * d[axis];
    }
    const double force = step / (square * __builtin_sqrt(square));
    for (int axis = 0; axis < 3; axis++) {
        speed[a][axis] -= d[axis] * mass[b] * force;
        speed[b][axis] += d[axis] * mass[a] * force;
    }
}

EXPORT("floats") int64_t floats(int64_t rounds)
{
    for (int64_t round = 0; round < rounds; round++) {
        for (int a = 0; a < BODIES; a++)
            for (int b = a + 1; b < BODIES; b++)
                attract(a, b, 0.001);
        for (int a = 0; a < BODIES; a++)
            for (int axis = 0; axis < 3; axis++)
                place[a][axis] += 0.001 * speed[a][axis];
    }
    return (int64_t)(place[0][0] * 1e9);
}
