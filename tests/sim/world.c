/* SPDX-License-Identifier: Apache-2.0 */
/* world.c - graphs, computations and their fates, from a seed. */
#include "sim/sim.h"

#include <stdlib.h>

#include "base/arena.h"

uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t z = a + (b + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t draw(struct world *world, uint64_t below)
{
    world->random = mix(world->random, 1);
    return world->random % below;
}

bool chance(struct world *world, uint32_t percent)
{
    return draw(world, 100) < percent;
}

bool mismatches(Branch branch, ScheduleOut out)
{
    switch (branch) {
    case BRANCH_OK:
        return out == OUT_ERROR || out == OUT_UPSTREAM;
    case BRANCH_ERROR:
        return out == OUT_OK;
    case BRANCH_ANY:
        break;
    }
    return false;
}

// --- Computations -----------------------------------------------------------

static uint64_t outside_id(const struct await *await)
{
    uint64_t id;
    memcpy(&id, await->symbolic->bytes, sizeof id);
    return id;
}

ScheduleOut outside_out(const struct world *world, const struct await *await)
{
    const uint64_t luck = mix(world->seed, outside_id(await)) % 100;
    if (luck < 4)
        return OUT_END;
    return luck < 20 ? OUT_ERROR : OUT_OK;
}

ScheduleOut world_outside(void *context, const struct await *await)
{
    return outside_out(context, await);
}

void world_task(void *context, uint32_t index, struct schedule_task *out)
{
    const struct world *world = context;
    *out = world->tasks[index].task;
}

uint64_t world_resolve(const struct world *world, uint32_t task,
                       const struct out *outs)
{
    const struct sim_task *t = &world->tasks[task];
    // Some recipes do the same: different symbolic, equal concrete.
    uint64_t id = t->task.class == CLASS_PURE ? mix(world->seed, t->recipe % 8)
                                              : mix(world->seed + 1, task);
    for (uint32_t i = 0; i < t->task.await_count; i++) {
        const struct await *await = &t->task.awaits[i];
        const uint64_t value = await->task == TASK_OUTSIDE
                                   ? outside_id(await)
                                   : outs[await->task].value;
        id = mix(id, value * 3 + await->branch);
    }
    return id;
}

static End draw_fate(uint64_t luck)
{
    static const End fates[] = {END_LIMIT_STACK, END_LIMIT_RESULT,
                                END_LIMIT_MEMORY, END_LIMIT_FUEL,
                                END_REFUSED_MODULE};
    return fates[luck % (sizeof fates / sizeof *fates)];
}

void world_concrete(const struct world *world, uint64_t id,
                    struct concrete *out)
{
    *out = (struct concrete){.id = id};
    const bool is_error = mix(id, 1) % 100 < world->error_percent;
    out->out.out = is_error ? OUT_ERROR : OUT_OK;
    // Few values, so that recipes meet again further down.
    out->out.value = 10 + mix(id, 2) % 3;
    if (mix(id, 3) % 100 < world->fate_percent)
        out->fate = draw_fate(mix(id, 4));
    out->refused = mix(id, 5) % 200 < world->fate_percent;
    out->denied = mix(id, 6) % 200 < world->fate_percent;
    out->known = mix(id, 7) % 100 < world->known_percent;
    if (mix(id, 8) % 100 < world->fault_percent)
        out->faults = mix(id, 9) % 5 == 0 ? UINT32_MAX : 1 + mix(id, 9) % 2;
    out->duration_ms = mix(id, 10) % 40;
    out->memory = out->fuel = 1;
    if (!world->calm) {
        out->memory = 1 + mix(id, 11) % 6;
        out->fuel = 1 + mix(id, 12) % 6;
        if (mix(id, 13) % 4 == 0)
            out->duration_ms += mix(id, 14) % 300;
    }
}

// --- Graphs -----------------------------------------------------------------

static void draw_limits(struct world *world, struct schedule_task *task)
{
    struct limits *limits = &task->limits;
    limits->memory = chance(world, 10) ? 0 : 1 + draw(world, 8);
    limits->fuel = chance(world, 50) ? 0 : 1 + draw(world, 8);
    limits->time_ms = world->calm || chance(world, 30)
                          ? draw(world, 2) * 1000000000
                          : 1 + draw(world, 250);
    task->retry.count = world->calm ? 3 : (uint32_t)draw(world, 4);
    task->retry.first_ms = draw(world, 20);
    task->retry.max_ms = draw(world, 2) * 30;
    task->weight = draw(world, 5);
}

static uint32_t draw_awaited(struct world *world, uint32_t place,
                             uint32_t shape)
{
    if (place == 0 || chance(world, 2))
        return TASK_OUTSIDE;
    switch (shape) {
    case 0: // deep
        return world->order[place - 1 - draw(world, place < 3 ? place : 3)];
    case 1: // wide, few roots
        return world->order[draw(world, place < 5 ? place : 5)];
    default:
        return world->order[draw(world, place)];
    }
}

static Branch draw_branch(struct world *world)
{
    const uint64_t luck = draw(world, 100);
    return luck < 70 ? BRANCH_OK : luck < 80 ? BRANCH_ERROR : BRANCH_ANY;
}

static void make_awaits(struct world *world, uint32_t place, uint32_t shape)
{
    struct sim_task *t = &world->tasks[world->order[place]];
    struct await *awaits = &world->awaits[(size_t)place * AWAITS_MAX];
    Hash *hashes = &world->awaited[(size_t)place * AWAITS_MAX];
    t->task.awaits = awaits;
    if (place == 0 || chance(world, 15))
        return;
    t->task.await_count = 1 + (uint32_t)draw(world, AWAITS_MAX);
    if (shape == 0 && chance(world, 70))
        t->task.await_count = 1;
    for (uint32_t i = 0; i < t->task.await_count; i++) {
        awaits[i].task = draw_awaited(world, place, shape);
        awaits[i].branch = draw_branch(world);
        const uint64_t id = awaits[i].task == TASK_OUTSIDE
                                ? draw(world, 50)
                                : world->tasks[awaits[i].task].symbolic;
        memcpy(hashes[i].bytes, &id, sizeof id);
        awaits[i].symbolic = &hashes[i];
    }
}

// Another label for a computation there is already.
static void copy_task(struct world *world, uint32_t place)
{
    struct sim_task *t = &world->tasks[world->order[place]];
    const struct sim_task *other =
        &world->tasks[world->order[draw(world, place)]];
    if (other->task.class != CLASS_PURE)
        return;
    t->recipe = other->recipe;
    t->task.class = CLASS_PURE;
    t->task.awaits = other->task.awaits;
    t->task.await_count = other->task.await_count;
}

static void name_task(struct world *world, uint32_t index)
{
    struct sim_task *t = &world->tasks[index];
    t->impure = t->task.class != CLASS_PURE;
    t->symbolic = mix(world->seed, t->recipe + (t->impure ? index + 1 : 0));
    for (uint32_t i = 0; i < t->task.await_count; i++) {
        const struct await *await = &t->task.awaits[i];
        uint64_t id;
        memcpy(&id, await->symbolic->bytes, sizeof id);
        t->symbolic = mix(t->symbolic, id * 3 + await->branch);
        if (await->task == TASK_OUTSIDE)
            continue;
        const struct sim_task *other = &world->tasks[await->task];
        t->impure |= other->impure;
        t->after |= other->after || other->task.class == CLASS_COMMAND;
    }
}

static void find_ideal(struct world *world, uint32_t index, struct out *outs)
{
    struct sim_task *t = &world->tasks[index];
    struct out *out = &outs[index];
    if (t->impure)
        return;
    bool ended = false, mismatch = false;
    for (uint32_t i = 0; i < t->task.await_count; i++) {
        const struct await *await = &t->task.awaits[i];
        const ScheduleOut other = await->task == TASK_OUTSIDE
                                      ? outside_out(world, await)
                                      : outs[await->task].out;
        mismatch |= mismatches(await->branch, other);
        ended |= other == OUT_END;
    }
    struct concrete concrete;
    world_concrete(world, world_resolve(world, index, outs), &concrete);
    if (mismatch)
        *out = (struct out){OUT_UPSTREAM, END_NONE, 1};
    else if (ended || concrete.refused)
        *out = (struct out){OUT_END, END_HOST, 0};
    else
        *out = concrete.out;
    t->ideal = *out;
    t->known_symbolic = out->out != OUT_END &&
                        mix(t->symbolic, 77) % 100 < world->known_percent;
}

static void draw_rates(struct world *world)
{
    world->calm = chance(world, 50);
    world->prompt = chance(world, 50);
    world->error_percent = (uint32_t)draw(world, 3) * 5;
    world->fate_percent = (uint32_t)draw(world, 3) * 2;
    world->fault_percent = (uint32_t)draw(world, 3) * 5;
    world->known_percent = (uint32_t)draw(world, 3) * 8;
    world->options = (struct schedule_options){
        .memory_total = chance(world, 50) ? 0 : 2 + draw(world, 12),
        .running_max = chance(world, 30) ? 0 : 1 + (uint32_t)draw(world, 6),
        .jitter_seed = draw(world, 3),
        .outside = world_outside,
    };
    if (!world->calm && chance(world, 20))
        world->cancel_step = 1 + draw(world, 400);
}

void world_make(struct world *world, uint64_t seed, uint32_t count_max)
{
    *world = (struct world){.seed = seed, .random = seed};
    draw_rates(world);
    uint32_t count = 1 + (uint32_t)draw(world, 12);
    if (chance(world, 40))
        count = 1 + (uint32_t)draw(world, count_max);
    world->count = count;
    world->tasks = heap_array(count, sizeof *world->tasks);
    world->awaits =
        heap_array((size_t)count * AWAITS_MAX, sizeof(struct await));
    world->awaited = heap_array((size_t)count * AWAITS_MAX, sizeof(Hash));
    world->order = heap_array(count, sizeof(uint32_t));
    world->outputs = heap_array(count, sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t other = (uint32_t)draw(world, i + 1);
        world->order[i] = world->order[other];
        world->order[other] = i;
    }
    const uint32_t shape = (uint32_t)draw(world, 4);
    const uint32_t effects = (uint32_t)draw(world, 3) * 7;
    struct out *outs = heap_array(count, sizeof *outs);
    for (uint32_t place = 0; place < count; place++) {
        const uint32_t index = world->order[place];
        struct sim_task *t = &world->tasks[index];
        t->recipe = draw(world, 40);
        if (chance(world, effects))
            t->task.class = chance(world, 50) ? CLASS_QUERY : CLASS_COMMAND;
        make_awaits(world, place, shape);
        if (place && chance(world, 10))
            copy_task(world, place);
        draw_limits(world, &t->task);
        t->denied = !world->calm && chance(world, world->fate_percent);
        name_task(world, index);
        find_ideal(world, index, outs);
        t->root = t->task.class != CLASS_PURE;
        if (place + 1 == count || chance(world, 10)) {
            world->outputs[world->output_count++] = index;
            t->root = true;
        }
    }
    free(outs);
}

void world_free(struct world *world)
{
    free(world->tasks);
    free(world->awaits);
    free(world->awaited);
    free(world->order);
    free(world->outputs);
}
