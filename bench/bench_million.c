/* SPDX-License-Identifier: Apache-2.0 */
/* bench_million.c - a graph of a million tasks whose results are all in the
 * memo: what it costs to open that store after a crash, to answer the
 * workflow by its output alone, and to walk it.
 *
 *   999 groups of 1000 leaves, each group awaited by one task, all of those by
 *   the last. The memo has no symbolic entries of the 1000 inner tasks, so
 *   every leaf is looked at, and they are found by what they became. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/root.h"
#include "run/run.h"
#include "world.h"

enum { GROUP = 1000, GROUPS = 999, LEAVES = GROUP * GROUPS };
enum { TASKS = LEAVES + GROUPS + 1, BATCH = 20000 };

static Cid module; /* never called */

static struct task_draft draft(struct arena *arena, char kind, size_t number,
                               const Value *items, size_t count)
{
    Value *list = ARENA_NEW(arena, Value);
    *list = value_list(items, count);
    Value args = value_list(list, 1);
    return world_draft(arena, arena_format(arena, "%c%06zu", kind, number),
                       &module, TEXT("sum"), &args);
}

static Value promise(struct arena *arena, char kind, size_t number)
{
    Text label = arena_format(arena, "%c%06zu", kind, number);
    return value_map1(arena, TEXT("await/ok"), value_text(label));
}

/* The arguments of an inner task: promises, or what they came to. */
static Value *inner_items(struct arena *arena, size_t group, bool resolved)
{
    size_t count = group < GROUPS ? GROUP : GROUPS;
    Value *items = arena_array(arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++) {
        size_t awaited = group < GROUPS ? group * GROUP + index : index;
        items[index] =
            resolved ? value_uint(awaited)
                     : promise(arena, group < GROUPS ? 'a' : 'b', awaited);
    }
    return items;
}

static Text last_label(void)
{
    return TEXT("c000000");
}

static struct task_draft inner_draft(struct arena *arena, size_t group,
                                     bool resolved)
{
    Value *items = inner_items(arena, group, resolved);
    return group < GROUPS ? draft(arena, 'b', group, items, GROUP)
                          : draft(arena, 'c', 0, items, GROUPS);
}

static struct workflow *make_workflow(void)
{
    struct workflow *workflow = workflow_new();
    struct arena *arena = &workflow->arena;
    struct task_draft *drafts = arena_array(arena, TASKS, sizeof *drafts);
    struct error err = {0};
    const Text output = last_label();
    for (size_t leaf = 0; leaf < LEAVES; leaf++) {
        Value *item = ARENA_NEW(arena, Value);
        *item = value_uint(leaf);
        drafts[leaf] = draft(arena, 'a', leaf, item, 1);
    }
    for (size_t group = 0; group <= GROUPS; group++)
        drafts[LEAVES + group] = inner_draft(arena, group, false);
    bench_check(
        workflow_finish(workflow, drafts, TASKS, &output, 1, NULL, &err),
        &err);
    return workflow;
}

/* --- Filling the memo ---------------------------------------------------- */

/* {"ok": number}: what each task came to is its number. */
static void put_result(struct store_batch *batch, const Hash *concrete,
                       uint64_t number)
{
    struct arena arena = {0};
    struct memo_entry entry = {.is_ok = true, .run_ns = 1, .engine = "bench"};
    Value ok = value_map1(&arena, TEXT("ok"), value_uint(number));
    Bytes block = dag_cbor_block(&ok, &arena, &entry.result);
    store_batch_block(batch, &entry.result, block);
    store_batch_memo(batch, concrete, &entry);
    arena_deinit(&arena);
}

static void fill_leaves(struct store *store, const struct workflow *workflow)
{
    struct store_batch *batch = NULL;
    for (uint32_t leaf = 0; leaf < LEAVES; leaf++) {
        // A leaf awaits nothing: symbolic and concrete are one.
        const Hash *key = &workflow->tasks[leaf].symbolic;
        if (!batch)
            batch = store_batch_new(store);
        put_result(batch, key, leaf);
        store_batch_symbolic(batch, key, key, false, NULL, 0);
        if (leaf % BATCH == BATCH - 1) {
            store_commit_async(batch, NULL, NULL);
            batch = NULL;
        }
    }
    if (batch)
        store_commit_async(batch, NULL, NULL);
}

static void fill_inner(struct store *store)
{
    struct store_batch *batch = store_batch_new(store);
    struct error err = {0};
    Hash last;
    for (size_t group = 0; group <= GROUPS; group++) {
        struct arena arena = {0};
        struct task_draft made = inner_draft(&arena, group, true);
        computation_encode(made.cmd, &made.args, (Bytes){0}, &arena, &last);
        put_result(batch, &last, group);
        arena_deinit(&arena);
    }
    bench_check(store_commit(batch, &err), &err);
    store_batch_free(batch);
}

static Status keep_block(void *context, const Cid *cid, Bytes block,
                         struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

/* Goes on writing until it is killed. */
_Noreturn static void write_and_die(struct store *store)
{
    struct error err = {0};
    for (uint64_t number = 0;; number++) {
        struct store_batch *batch = store_batch_new(store);
        Hash key;
        hash_sha256(bytes_of(&number, sizeof number), &key);
        put_result(batch, &key, LEAVES + number);
        bench_check(store_commit(batch, &err), &err);
        store_batch_free(batch);
        if (number == 100)
            kill(getpid(), SIGKILL);
    }
}

/* A child that is killed in the middle of writing. */
static void fill_and_die(const struct workflow *workflow, const char *where)
{
    struct error err = {0};
    struct store *store;
    bench_check(store_open(where, NULL, &store, &err), &err);
    struct store_batch *batch = store_batch_new(store);
    bench_check(workflow_encode((struct workflow *)(uintptr_t)workflow,
                                keep_block, batch, &err),
                &err);
    bench_check(store_commit(batch, &err), &err);
    fill_leaves(store, workflow);
    fill_inner(store);
    root_put(store, workflow);
    bench_check(store_flush(store, &err), &err);
    write_and_die(store);
}

/* --- The measures -------------------------------------------------------- */

static void bench_restart(const struct workflow *workflow)
{
    struct error err = {0};
    struct store *store;
    struct memo_entry entry;
    struct block *block;
    uint64_t start = clock_monotonic_ns();
    bench_check(store_open(bench_directory(), NULL, &store, &err), &err);
    bench_check(
        memo_get(store, &workflow->tasks[LEAVES / 2].symbolic, &entry, &err),
        &err);
    bench_check(store_get(store, &entry.result, &block, &err), &err);
    double taken = (double)(clock_monotonic_ns() - start) / 1e9;
    block_unref(block);
    store_close(store);
    bar_print(&(struct bar){.name = "a million results, killed: open to hit",
                            .unit = "s",
                            .value = taken,
                            .target = 1});
}

static void bench_root(struct store *store, const Cid *cid)
{
    struct samples samples = {0};
    for (int time = 0; time < 200; time++) {
        struct root_answer answer;
        struct root *root;
        uint64_t start = clock_monotonic_ns();
        if (root_get(store, cid, &root) != STATUS_OK ||
            !root_answered(store, root, &answer)) {
            fprintf(stderr, "bench_million: the root has no answer\n");
            exit(1);
        }
        root_free(root);
        samples_add(&samples, clock_monotonic_ns() - start);
    }
    bar_print_samples((struct bar){.name = "a million cached tasks, by root",
                                   .unit = "ms",
                                   .target = 1},
                      &samples);
}

static void bench_walk(struct world *world, const Cid *cid)
{
    struct error err = {0};
    struct workflow *workflow;
    uint64_t start = clock_monotonic_ns();
    bench_check(workflow_load(world->store, cid, &workflow, &err), &err);
    double load = (double)(clock_monotonic_ns() - start) / 1e9;
    double walk = (double)world_run(world, workflow, NULL) / 1e9;
    workflow_free(workflow);
    bar_print(&(struct bar){
        .name = "a million cached tasks, loaded", .unit = "s", .value = load});
    bar_print(&(struct bar){.name = "a million cached tasks, walked",
                            .unit = "s",
                            .value = walk,
                            .target = 2,
                            .memory = bench_memory_peak()});
}

int main(void)
{
    struct world world;
    const char *where = bench_directory();
    cid_of(CODEC_RAW, text_bytes(TEXT("no module")), &module);
    struct workflow *workflow = make_workflow();
    pid_t child = fork();
    if (child == 0)
        fill_and_die(workflow, where);
    int status;
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status)) {
        fprintf(stderr, "bench_million: the child was not killed\n");
        return 1;
    }
    bench_restart(workflow);
    const Cid cid = workflow->cid;
    workflow_free(workflow);
    world_open(&world, where, NULL);
    bench_walk(&world, &cid); // Writes the symbolic entries it missed.
    bench_root(world.store, &cid);
    world_close(&world);
    return 0;
}
