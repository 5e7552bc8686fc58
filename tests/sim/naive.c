/* SPDX-License-Identifier: Apache-2.0 */
/* naive.c - what must come out of a calm world: each task once, awaited ones
 * first, no queue, no merging, no laziness. */
#include "sim/sim.h"

#include <stdlib.h>

#include "base/arena.h"

typedef enum {
    GATE_CLOSED, // Nobody knows yet what commands come to.
    GATE_OPEN,
    GATE_SHUT
} Gate;

struct pass {
    const struct world *world;
    Gate gate;
    struct out *outs;
    bool *unknown; /* hangs on a command */
    bool *doomed;  /* unknown, and an await ended without a result */
};

static struct out ended(End end)
{
    return (struct out){OUT_END, end, 0};
}

static struct out run(const struct pass *pass, uint32_t index, bool *unknown)
{
    const struct sim_task *t = &pass->world->tasks[index];
    struct concrete c;
    world_concrete(pass->world, world_resolve(pass->world, index, pass->outs),
                   &c);
    if (c.refused)
        return ended(END_REFUSED_ARGUMENT);
    if (t->task.class == CLASS_PURE && c.known)
        return c.out;
    if (c.denied)
        return ended(END_UNAUTHORIZED);
    if (t->task.class == CLASS_COMMAND && pass->gate == GATE_CLOSED)
        *unknown = true;
    if (t->task.class == CLASS_COMMAND && pass->gate == GATE_SHUT)
        return ended(END_CANCELLED);
    if (c.faults == UINT32_MAX)
        return ended(END_UNAVAILABLE);
    return c.fate ? ended(c.fate) : c.out;
}

static void evaluate(struct pass *pass, uint32_t index)
{
    const struct sim_task *t = &pass->world->tasks[index];
    struct out *out = &pass->outs[index];
    bool mismatch = false, end = false, unknown = false;
    pass->unknown[index] = false;
    if (!t->impure && t->known_symbolic) {
        *out = t->ideal;
        return;
    }
    for (uint32_t i = 0; i < t->task.await_count; i++) {
        const struct await *await = &t->task.awaits[i];
        ScheduleOut other;
        if (await->task == TASK_OUTSIDE) {
            other = outside_out(pass->world, await);
        } else if (pass->unknown[await->task]) {
            unknown = true;
            continue;
        } else {
            other = pass->outs[await->task].out;
        }
        mismatch |= mismatches(await->branch, other);
        end |= other == OUT_END;
    }
    pass->doomed[index] = false;
    if (mismatch) {
        *out = (struct out){OUT_UPSTREAM, END_NONE, 1};
    } else if (unknown) {
        pass->unknown[index] = true;
        pass->doomed[index] = end;
    } else if (end) {
        *out = ended(END_BLOCKED);
    } else {
        *out = run(pass, index, &pass->unknown[index]);
    }
}

static void evaluate_all(struct pass *pass, Gate gate)
{
    pass->gate = gate;
    for (uint32_t i = 0; i < pass->world->count; i++)
        evaluate(pass, pass->world->order[i]);
}

// Whether something wanted failed, or may fail on what is known.
static bool has_failed(const struct pass *pass)
{
    const struct world *world = pass->world;
    bool failed = false;
    bool *needed = heap_array(world->count, sizeof *needed);
    for (uint32_t place = world->count; place > 0; place--) {
        const uint32_t index = world->order[place - 1];
        const struct sim_task *t = &world->tasks[index];
        if (!pass->unknown[index]) {
            failed |= t->root && pass->outs[index].out != OUT_OK;
            continue;
        }
        if (!needed[index] && !t->root)
            continue;
        failed |= pass->doomed[index];
        for (uint32_t i = 0; i < t->task.await_count; i++)
            if (t->task.awaits[i].task != TASK_OUTSIDE)
                needed[t->task.awaits[i].task] = true;
    }
    free(needed);
    return failed;
}

void naive_evaluate(const struct world *world, struct out *outs, bool *sure)
{
    struct pass pass = {
        .world = world,
        .outs = outs,
        .unknown = heap_array(world->count, sizeof(bool)),
        .doomed = heap_array(world->count, sizeof(bool)),
    };
    evaluate_all(&pass, GATE_CLOSED);
    for (uint32_t i = 0; i < world->count; i++)
        sure[i] = !pass.unknown[i];
    if (has_failed(&pass)) {
        evaluate_all(&pass, GATE_SHUT);
        memset(sure, true, world->count * sizeof *sure);
    } else {
        evaluate_all(&pass, GATE_OPEN);
        // If it fails behind the gate, it depends on the order what else was
        // released before.
        if (!has_failed(&pass))
            memset(sure, true, world->count * sizeof *sure);
    }
    free(pass.unknown);
    free(pass.doomed);
}
