/* SPDX-License-Identifier: Apache-2.0 */
/* bench_task.c - making and loading large workflows, one JSON line each; the
 * CPU time beside the wall time, since the machine may have other things to do.
 * The graph: each task awaits the one before and the one at half its number. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "task/computation.h"
#include "task/workflow.h"

enum { TASKS = 1000000 };

static size_t block_bytes_put;

static void check(Status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "bench_task: %s\n", err->message);
    exit(1);
}

static void print(const char *name, double value, const char *unit,
                  double target)
{
    printf("{\"name\": \"%s\", \"value\": %.2f, \"unit\": \"%s\", "
           "\"target\": %.2f}\n",
           name, value, unit, target);
    fflush(stdout);
}

struct stopwatch {
    uint64_t wall_ns;
    double cpu_s;
};

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct stopwatch start_watch(void)
{
    return (struct stopwatch){clock_monotonic_ns(), cpu_seconds()};
}

static void print_watch(const char *name, const struct stopwatch *start,
                        double target)
{
    double wall_s = (double)(clock_monotonic_ns() - start->wall_ns) / 1e9;
    char cpu_name[64];

    snprintf(cpu_name, sizeof cpu_name, "%s_cpu", name);
    print(cpu_name, cpu_seconds() - start->cpu_s, "s", target);
    print(name, wall_s, "s", target);
}

static Status put(void *context, const Cid *cid, Bytes block,
                  [[maybe_unused]] struct error *err)
{
    block_bytes_put += block.len;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

static struct task_draft make_draft(struct arena *arena, size_t index,
                                    const struct task_draft *drafts,
                                    const Value *module)
{
    Value *items = arena_array(arena, 3, sizeof *items);
    size_t count = 0;

    items[count++] = value_uint(index % 1000);
    if (index > 0) {
        const Text key = TEXT("await/ok");
        items[count++] =
            value_map1(arena, key, value_text(drafts[index - 1].label));
        items[count++] =
            value_map1(arena, key, value_text(drafts[index / 2].label));
    }
    Value list = value_list(items, count);
    return (struct task_draft){
        .label = arena_format(arena, "task-%07zu", index),
        .cmd = TEXT("/wasm/run"),
        .args = wasm_call_args(arena, module, TEXT("step"), &list, false)};
}

static Cid make(struct store *store)
{
    struct workflow *workflow = workflow_new();
    struct store_batch *batch = store_batch_new(store);
    struct task_draft *drafts = heap_array(TASKS, sizeof *drafts);
    struct error err = {0};
    Cid cid;

    cid_of(CODEC_RAW, bytes_of("wasm", 4), &cid);
    Value module = value_link(&cid);
    for (size_t index = 0; index < TASKS; index++)
        drafts[index] = make_draft(&workflow->arena, index, drafts, &module);
    struct stopwatch start = start_watch();
    check(workflow_finish(workflow, drafts, TASKS, NULL, 0, NULL, &err), &err);
    print_watch("workflow_finish_1M", &start, 3);
    check(workflow_encode(workflow, put, batch, &err), &err);
    check(store_commit(batch, &err), &err);
    cid = workflow->cid;
    free(drafts);
    store_batch_free(batch);
    workflow_free(workflow);
    return cid;
}

int main(void)
{
    struct store *store = store_open_memory();
    struct workflow *workflow = NULL;
    struct error err = {0};
    Cid cid = make(store);

    malloc_trim(0);
    struct mallinfo2 before = mallinfo2();
    struct stopwatch start = start_watch();
    check(workflow_load(store, &cid, &workflow, &err), &err);
    print_watch("workflow_load_1M", &start, 1.5);
    struct mallinfo2 after = mallinfo2();
    size_t used =
        after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    print("workflow_load_bytes_a_task",
          ((double)used - (double)block_bytes_put) / TASKS, "bytes", 500);
    workflow_free(workflow);
    store_close(store);
    return 0;
}
