/* SPDX-License-Identifier: Apache-2.0 */
/* test_schedule.c - random worlds, one after the other.
 *
 *   test_schedule            20,000 worlds, or $SIM_GRAPHS
 *   test_schedule SEED       this one, with a trace
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/sim.h"

enum { GRAPHS = 20000, TASKS_MOST = 200, TASKS_LARGE = 5000 };

static bool simulate(uint64_t seed, bool trace)
{
    struct world world;
    world_make(&world, seed, seed % 1000 == 0 ? TASKS_LARGE : TASKS_MOST);
    world.trace = trace;
    const bool good = sim_drive(&world);
    world_free(&world);
    return good;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        const uint64_t seed = strtoull(argv[1], NULL, 10);
        return simulate(seed, true) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    const char *graphs = getenv("SIM_GRAPHS");
    const uint64_t count = graphs ? strtoull(graphs, NULL, 10) : GRAPHS;
    for (uint64_t seed = 1; seed <= count; seed++) {
        if (simulate(seed, false))
            continue;
        printf("replay with: %s %" PRIu64 "\n", argv[0], seed);
        return EXIT_FAILURE;
    }
    printf("%" PRIu64 " graphs: every rule held\n", count);
    return EXIT_SUCCESS;
}
