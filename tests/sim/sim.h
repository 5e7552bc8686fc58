/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h - a world made from a seed, in which the scheduler is driven: a graph
 * of tasks, a memo, runners, faults, a clock. Everything that happens follows
 * from the seed.
 *
 * A calm world's outcomes do not depend on the order in which things happen,
 * so they must equal those of the naive evaluation. A wild one has limits
 * that are nearly met, late waiters, cancels: there each outcome is checked
 * against what was seen to happen.
 */
#ifndef IPVM_TESTS_SIM_SIM_H
#define IPVM_TESTS_SIM_SIM_H

#include "base/map.h"
#include "schedule/schedule.h"

/* How something came out, with what, as the scheduler cannot see it. */
struct out {
    ScheduleOut out;
    End end;
    uint64_t value;
};

struct sim_task {
    struct schedule_task task;
    uint64_t recipe;
    uint64_t symbolic;
    bool root, impure, after; /* awaits an effect, a command, at any depth */
    bool known_symbolic;      /* in the memo from the start */
    bool denied;              /* wild: the authority says no */
    struct out ideal;         /* pure: with no limits and no faults */
};

/* A concrete computation. What it does follows from its id. */
struct concrete {
    uint64_t id;
    struct out out;        /* if nothing stands in the way */
    End fate;              /* how each run ends, or END_NONE */
    uint64_t memory, fuel; /* what it needs */
    uint64_t duration_ms;
    uint32_t faults;      /* runs that fail first */
    bool refused, denied; /* cannot be made; may not be run */
    bool known;           /* in the memo */
};

enum { AWAITS_MAX = 5 };

struct world {
    uint64_t seed, random;
    bool calm, trace;
    uint32_t count;
    struct sim_task *tasks;
    struct await *awaits;
    Hash *awaited;   /* their symbolic hashes */
    uint32_t *order; /* awaited ones first */
    uint32_t *outputs;
    uint32_t output_count;
    struct schedule_options options;
    uint32_t error_percent, fate_percent, fault_percent, known_percent;
    bool prompt;          /* questions are answered at once */
    uint64_t cancel_step; /* 0: never */
};

uint64_t mix(uint64_t a, uint64_t b);
uint64_t draw(struct world *world, uint64_t below);
bool chance(struct world *world, uint32_t percent);

void world_make(struct world *world, uint64_t seed, uint32_t count_max);
void world_free(struct world *world);
/* How an await outside the workflow comes out. */
ScheduleOut outside_out(const struct world *world, const struct await *await);
ScheduleOut world_outside(void *context, const struct await *await);
void world_task(void *context, uint32_t index, struct schedule_task *out);
/* What becomes of a concrete computation. */
void world_concrete(const struct world *world, uint64_t id,
                    struct concrete *out);
/* Its id, from how the awaits came out. */
uint64_t world_resolve(const struct world *world, uint32_t task,
                       const struct out *outs);
bool mismatches(Branch branch, ScheduleOut out);

/* One task after the other, written to be read. `sure[i]` tells if outs[i]
 * is how task i must come out, should it be needed. */
void naive_evaluate(const struct world *world, struct out *outs, bool *sure);

/* Drives the scheduler through the world. False if a rule was broken; then it
 * said which. */
bool sim_drive(struct world *world);

#endif
