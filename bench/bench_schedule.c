/* SPDX-License-Identifier: Apache-2.0 */
/* bench_schedule.c - what the scheduler costs per task, in graphs of growing
 * size. Everything around it (memo, runners) answers at once and costs nearly
 * nothing. Prints one line of JSON for each figure. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "schedule/schedule.h"

enum { RUNNERS = 2, LAYER = 1000, ROUNDS = 5 };

typedef enum { WIDE, CHAIN, LAYERED, FAN_IN } Shape;

struct graph {
    uint32_t count;
    uint32_t *starts; /* of each task's awaits */
    struct await *awaits;
    uint32_t *outputs;
    uint32_t output_count;
};

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

static uint32_t await_count(Shape shape, uint32_t index, uint32_t count)
{
    switch (shape) {
    case WIDE:
        return 0;
    case CHAIN:
        return index > 0;
    case LAYERED:
        return index < LAYER ? 0 : 2;
    case FAN_IN:
        return index + 1 == count ? count - 1 : 0;
    }
    return 0;
}

static uint32_t awaited(Shape shape, uint32_t index, uint32_t i,
                        uint64_t *state)
{
    if (shape == CHAIN)
        return index - 1;
    if (shape == FAN_IN)
        return i;
    return (index / LAYER - 1) * LAYER + draw(state, LAYER);
}

static void graph_make(struct graph *graph, Shape shape, uint32_t count)
{
    *graph = (struct graph){.count = count};
    graph->starts = heap_array((size_t)count + 1, sizeof(uint32_t));
    graph->awaits = heap_array((size_t)count * 2, sizeof(struct await));
    graph->outputs = heap_array(count, sizeof(uint32_t));
    uint64_t state = 1;
    uint32_t edges = 0;
    for (uint32_t index = 0; index < count; index++) {
        graph->starts[index] = edges;
        const uint32_t awaits = await_count(shape, index, count);
        for (uint32_t i = 0; i < awaits; i++)
            graph->awaits[edges++].task = awaited(shape, index, i, &state);
        const bool is_output =
            shape == WIDE || index + 1 == count ||
            (shape == LAYERED && index / LAYER == (count - 1) / LAYER);
        if (is_output)
            graph->outputs[graph->output_count++] = index;
    }
    graph->starts[count] = edges;
}

static void graph_free(struct graph *graph)
{
    free(graph->starts);
    free(graph->awaits);
    free(graph->outputs);
}

static void give_task(void *context, uint32_t index, struct schedule_task *out)
{
    const struct graph *graph = context;
    const uint32_t start = graph->starts[index];
    *out = (struct schedule_task){
        .awaits = graph->awaits + start,
        .await_count = graph->starts[index + 1] - start,
        .limits = {.memory = 1 << 20, .time_ms = 3600000},
    };
}

/* Answers everything; with `cached`, the memo knows all. */
static void drive(struct schedule *schedule, bool cached)
{
    uint32_t running[RUNNERS];
    uint32_t running_count = 0;
    struct schedule_action action;
    for (uint64_t now_ms = 1;; now_ms++) {
        schedule_next(schedule, now_ms >> 10, &action);
        Hash concrete = {{0}};
        memcpy(concrete.bytes, &action.task, sizeof action.task);
        switch (action.verb) {
        case DO_LOOKUP:
            schedule_looked_up(schedule, action.task, cached, OUT_OK);
            break;
        case DO_RESOLVE:
            schedule_resolved(schedule, action.task, &concrete, false, OUT_OK,
                              END_NONE);
            break;
        case DO_AUTHORISE:
            schedule_authorised(schedule, action.task, true);
            break;
        case DO_RUN:
            running[running_count++] = action.task;
            break;
        case DO_NOTHING:
            schedule_ran(schedule, running[--running_count], OUT_OK, END_NONE,
                         now_ms >> 10);
            break;
        case DO_STOP:
        case DO_FINISHED:
            break;
        case DO_DONE:
            return;
        }
    }
}

static uint64_t resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%lu %lu", &total, &resident) != 2)
        abort();
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int compare_numbers(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof *values, compare_numbers);
    return values[ROUNDS / 2];
}

static void print_figure(const char *name, uint32_t count, double value,
                         const char *unit, const char *target)
{
    printf("{\"name\": \"schedule_%s_%" PRIu32 "\", \"value\": %.3f, "
           "\"unit\": \"%s\", \"target\": %s}\n",
           name, count, value, unit, target);
}

static void measure(const char *name, Shape shape, uint32_t count)
{
    struct graph graph;
    graph_make(&graph, shape, count);
    const struct schedule_options options = {
        .running_max = RUNNERS, .memory_total = (uint64_t)1 << 30};
    double times[ROUNDS], memory = 0;
    for (int round = 0; round < ROUNDS; round++) {
        malloc_trim(0); // What was freed is not to be counted as ours.
        const uint64_t before = resident_bytes();
        const uint64_t start = clock_monotonic_ns();
        struct schedule *schedule =
            schedule_new(count, give_task, &graph, graph.outputs,
                         graph.output_count, &options);
        drive(schedule, false);
        times[round] = (double)(clock_monotonic_ns() - start) / count / 1e3;
        const double bytes = (double)resident_bytes() - (double)before;
        memory = bytes / count > memory ? bytes / count : memory;
        if (!schedule_succeeded(schedule))
            abort();
        schedule_free(schedule);
    }
    graph_free(&graph);
    print_figure(name, count, median(times), "us/task", "2");
    if (count >= 100000) // Below that, pages are counted, not bytes.
        print_figure(name, count, memory, "bytes/task", "300");
}

static void measure_cached(uint32_t count, bool walked)
{
    struct graph graph;
    graph_make(&graph, walked ? WIDE : CHAIN, count);
    const struct schedule_options options = {.all_pure = true};
    double times[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t start = clock_monotonic_ns();
        struct schedule *schedule =
            schedule_new(count, give_task, &graph, graph.outputs,
                         graph.output_count, &options);
        drive(schedule, true);
        schedule_free(schedule);
        times[round] = (double)(clock_monotonic_ns() - start) / 1e6;
    }
    graph_free(&graph);
    print_figure(walked ? "cached_walked" : "cached_root", count,
                 median(times), "ms", walked ? "2000" : "1");
}

int main(void)
{
    for (uint32_t count = 1000; count <= 1000000; count *= 10) {
        measure("wide", WIDE, count);
        measure("chain", CHAIN, count);
        measure("layered", LAYERED, count);
        measure("fan_in", FAN_IN, count);
    }
    measure_cached(1000000, false);
    measure_cached(1000000, true);
    return 0;
}
