/* SPDX-License-Identifier: Apache-2.0 */
/* bench_run.c - what a run of a workflow costs beside its guests: a hit of the
 * memo, tiny tasks that become durable, chains of them, the first run of a
 * module; and what two cores gain. */
#include <stdio.h>
#include <stdlib.h>

#include "run/run.h"
#include "world.h"

#define LOOPS "bench/guests/loop.wasm"
#define BIG "bench/guests/big.wasm"

/* --- Memo ---------------------------------------------------------------- */

enum { ENTRIES = 20000, HOT = 1000, LOOKUPS = 200000 };

static Hash make_entry(struct store_batch *batch, uint64_t number)
{
    struct arena arena = {0};
    struct memo_entry entry = {.is_ok = true, .run_ns = 1, .engine = "bench"};
    Value ok = value_map1(&arena, TEXT("ok"), value_uint(number));
    Hash key;
    Bytes block = dag_cbor_block(&ok, &arena, &entry.result);
    hash_sha256(bytes_of(&number, sizeof number), &key);
    store_batch_block(batch, &entry.result, block);
    store_batch_memo(batch, &key, &entry);
    arena_deinit(&arena);
    return key;
}

static void look_up(struct store *store, const Hash *key, struct arena *arena)
{
    struct error err = {0};
    struct memo_entry entry;
    struct result result;
    struct block *block;
    bench_check(memo_get(store, key, &entry, &err), &err);
    bench_check(store_get(store, &entry.result, &block, &err), &err);
    arena_reset(arena);
    bench_check(result_decode(block_bytes(block), arena, &result, &err), &err);
    block_unref(block);
}

static void bench_memo(void)
{
    struct world world;
    struct arena arena = {0};
    struct samples hot = {0}, cold = {0};
    struct error err = {0};
    Hash *keys = heap_array(ENTRIES, sizeof *keys);
    world_open(&world, bench_fresh_directory(), NULL);
    struct store_batch *batch = store_batch_new(world.store);
    for (size_t index = 0; index < ENTRIES; index++)
        keys[index] = make_entry(batch, index);
    bench_check(store_commit(batch, &err), &err);
    store_batch_free(batch);
    world_close(&world); // What was just written is not what is hot.
    world_open(&world, bench_directory(), NULL);
    for (size_t index = 0; index < LOOKUPS + HOT; index++) {
        uint64_t start = clock_monotonic_ns();
        look_up(world.store, &keys[index * 7 % HOT], &arena);
        if (index >= HOT)
            samples_add(&hot, clock_monotonic_ns() - start);
    }
    for (size_t index = HOT; index < ENTRIES; index++) {
        uint64_t start = clock_monotonic_ns();
        look_up(world.store, &keys[index], &arena);
        samples_add(&cold, clock_monotonic_ns() - start);
    }
    bar_print_samples((struct bar){.name = "memo hit to verified result, hot",
                                   .unit = "us",
                                   .target = 5},
                      &hot);
    bar_print_samples(
        (struct bar){.name = "memo hit to verified result, first time",
                     .unit = "us"},
        &cold);
    world_close(&world);
    arena_deinit(&arena);
    free(keys);
}

/* --- Tiny tasks ---------------------------------------------------------- */

enum { TINY = 10000, CHAIN = 2000, TIMES = 5 };

static void print_per_task(const char *name, double target, size_t count,
                           struct samples *samples)
{
    bar_print(&(struct bar){.name = name,
                            .unit = "us",
                            .target = target,
                            .value = (double)samples_percentile(samples, 50) /
                                     1e3 / (double)count,
                            .memory = bench_memory_peak()});
    samples_free(samples);
}

static void bench_tiny(struct world *world, const Cid *module)
{
    struct samples samples = {0};
    for (uint64_t time = 0; time <= TIMES; time++) {
        struct workflow *workflow =
            world_calls(module, TEXT("add"), TINY, time * TINY, 7);
        uint64_t taken = world_run(world, workflow, NULL);
        if (time > 0)
            samples_add(&samples, taken);
        workflow_free(workflow);
    }
    print_per_task("10,000 tiny tasks, durable, each", 60, TINY, &samples);
}

/* Each adds to what the one before came to: nothing is done at once. */
static struct workflow *make_chain(const Cid *module, uint64_t base)
{
    struct workflow *workflow = workflow_new();
    struct arena *arena = &workflow->arena;
    struct task_draft *drafts = arena_array(arena, CHAIN, sizeof *drafts);
    struct error err = {0};
    for (size_t index = 0; index < CHAIN; index++) {
        Value *items = arena_array(arena, 2, sizeof *items);
        items[0] = index == 0
                       ? value_uint(base)
                       : value_map1(arena, TEXT("await/ok"),
                                    value_text(drafts[index - 1].label));
        items[1] = value_uint(index);
        Value list = value_list(items, 2);
        drafts[index] =
            world_draft(arena, arena_format(arena, "c%07zu", index), module,
                        TEXT("add"), &list);
    }
    bench_check(workflow_finish(workflow, drafts, CHAIN, NULL, 0, NULL, &err),
                &err);
    return workflow;
}

static void bench_chain(struct world *world, const Cid *module)
{
    struct samples samples = {0};
    for (uint64_t time = 0; time <= TIMES; time++) {
        struct workflow *workflow =
            make_chain(module, (uint64_t)1 << (40 + time));
        uint64_t taken = world_run(world, workflow, NULL);
        if (time > 0)
            samples_add(&samples, taken);
        workflow_free(workflow);
    }
    print_per_task("2,000 tiny tasks one after the other, each", 0, CHAIN,
                   &samples);
}

/* --- Two cores ----------------------------------------------------------- */

static uint64_t fan_out(unsigned workers, const Cid *module, uint64_t base)
{
    enum { PARTS = 24 };
    const struct executor_options options = {.workers = workers};
    struct world world;
    world_open(&world, bench_directory(), &options);
    struct workflow *warm =
        world_calls(module, TEXT("integers"), 2 * workers, base, UINT64_MAX);
    world_run(&world, warm, NULL); // Starts the workers.
    struct workflow *workflow = world_calls(module, TEXT("integers"), PARTS,
                                            4000000 + base, UINT64_MAX);
    uint64_t taken = world_run(&world, workflow, NULL);
    workflow_free(warm);
    workflow_free(workflow);
    world_close(&world);
    return taken;
}

static void bench_cores(const Cid *module)
{
    enum { ROUNDS = 5 };
    struct samples one = {0}, two = {0};
    for (uint64_t round = 0; round < ROUNDS; round++) {
        samples_add(&one, fan_out(1, module, 1 + round * 200));
        samples_add(&two, fan_out(2, module, 101 + round * 200));
    }
    bar_print(&(struct bar){.name = "fan-out of a computation, two workers "
                                    "against one: time",
                            .unit = "times",
                            .target = 0.6,
                            .value = (double)samples_percentile(&two, 0) /
                                     (double)samples_percentile(&one, 0)});
    samples_free(&one);
    samples_free(&two);
}

/* --- First runs ---------------------------------------------------------- */

/* One call in a new executor, from a file that is in the store. */
static uint64_t first_call(const Cid *module, uint64_t base)
{
    struct world world;
    world_open(&world, bench_directory(), NULL);
    struct workflow *workflow = world_calls(module, TEXT("add"), 1, base, 1);
    uint64_t taken = world_run(&world, workflow, NULL);
    workflow_free(workflow);
    world_close(&world);
    return taken;
}

static void bench_first(void)
{
    enum { COLD = 5, WARM = 40 };
    struct samples cold = {0}, warm = {0};
    for (uint64_t round = 0; round < COLD; round++) {
        struct world world;
        world_open(&world, bench_fresh_directory(), NULL);
        const Cid module = world_add(&world, BIG);
        world_close(&world);
        samples_add(&cold, first_call(&module, 0));
        for (uint64_t time = 1; time <= WARM / COLD; time++)
            samples_add(&warm, first_call(&module, time));
    }
    bar_print_samples(
        (struct bar){.name = "first run of a 300 KiB module, compiled",
                     .unit = "ms",
                     .target = 400},
        &cold);
    bar_print_samples(
        (struct bar){.name = "first run of a 300 KiB module, from the cache",
                     .unit = "ms",
                     .target = 5},
        &warm);
}

static bool is_asked(const char *only, const char *name)
{
    return !only || strcmp(only, name) == 0;
}

/* With a word behind its name, only that part: memo, tiny, chain, cores,
 * first. */
int main(int count, char **words)
{
    const char *only = count > 1 ? words[1] : NULL;
    struct world world;
    if (is_asked(only, "memo"))
        bench_memo();
    world_open(&world, bench_fresh_directory(), NULL);
    const Cid module = world_add(&world, LOOPS);
    if (is_asked(only, "tiny"))
        bench_tiny(&world, &module);
    if (is_asked(only, "chain"))
        bench_chain(&world, &module);
    world_close(&world);
    if (is_asked(only, "cores"))
        bench_cores(&module);
    if (is_asked(only, "first"))
        bench_first();
    return 0;
}
