/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - a store, an executor and the modules of the benchmarks that run
 * guests. Everything is inline: not every benchmark links what it needs. */
#ifndef IPVM_BENCH_WORLD_H
#define IPVM_BENCH_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench.h"
#include "content/content.h"
#include "run/executor.h"
#include "run/module.h"
#include "run/run.h"
#include "task/computation.h"

struct world {
    struct store *store;
    struct executor *executor;
    struct modules *modules;
};

static inline void world_open(struct world *world, const char *directory,
                              const struct executor_options *options)
{
    struct error err = {0};
    bench_check(store_open(directory, NULL, &world->store, &err), &err);
    bench_check(executor_open(world->store, options, &world->executor, &err),
                &err);
    world->modules = modules_new(world->executor);
}

static inline void world_close(struct world *world)
{
    executor_close(world->executor);
    modules_free(world->modules);
    store_close(world->store);
}

/* The file's CID, imported. */
static inline Cid world_add(struct world *world, const char *path)
{
    struct error err = {0};
    Cid cid;
    bench_check(content_add_path(world->store, path, NULL, &cid, &err), &err);
    return cid;
}

/* --- Workflows ----------------------------------------------------------- */

/* A task that calls `function` on `args`, which may hold promises by label. */
static inline struct task_draft world_draft(struct arena *arena, Text label,
                                            const Cid *module, Text function,
                                            const Value *args)
{
    Value link = value_link(module);
    return (struct task_draft){
        .label = label,
        .cmd = TEXT("/wasm/run"),
        .args = wasm_call_args(arena, &link, function, args, false),
    };
}

/* Runs it and complains unless it succeeded. Returns nanoseconds. */
static inline uint64_t world_run(struct world *world,
                                 const struct workflow *workflow,
                                 const struct run_options *options)
{
    struct error err = {0};
    struct run *run;
    uint64_t start = clock_monotonic_ns();
    bench_check(run_workflow(world->executor, world->modules, workflow,
                             options, &run, &err),
                &err);
    uint64_t taken = clock_monotonic_ns() - start;
    if (!run_succeeded(run)) {
        fprintf(stderr, "bench: the workflow failed\n");
        exit(1);
    }
    run_free(run);
    return taken;
}

/* `count` calls of function(base + i, second), without dependencies. */
static inline struct workflow *world_calls(const Cid *module, Text function,
                                           size_t count, uint64_t base,
                                           uint64_t second)
{
    struct workflow *workflow = workflow_new();
    struct arena *arena = &workflow->arena;
    struct task_draft *drafts = arena_array(arena, count, sizeof *drafts);
    struct error err = {0};
    for (size_t index = 0; index < count; index++) {
        Value *items = arena_array(arena, 2, sizeof *items);
        items[0] = value_uint(base + index);
        items[1] = value_uint(second);
        Value list = value_list(items, second == UINT64_MAX ? 1 : 2);
        drafts[index] =
            world_draft(arena, arena_format(arena, "t%07zu", index), module,
                        function, &list);
    }
    bench_check(workflow_finish(workflow, drafts, count, NULL, 0, NULL, &err),
                &err);
    return workflow;
}

#endif
