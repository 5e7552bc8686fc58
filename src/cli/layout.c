/* SPDX-License-Identifier: Apache-2.0 */
/* layout.c - the usual three steps (Sugiyama): a task's layer is the longest
 * way to it; within layers, each moves to the mean of its neighbours, a few
 * sweeps right and left; then slots are counted. */
#include "cli/layout.h"

#include <stdlib.h>

#include "base/arena.h"

enum { SWEEPS = 12 };

struct sort_key {
    double mean;
    uint32_t task;
};

/* Tasks after what they await; returns how many. Workflows have no cycles. */
static void set_layers(struct layout *layout, const struct workflow *workflow)
{
    uint32_t *stack = heap_array(workflow->count, sizeof *stack);
    uint32_t *next = heap_array(workflow->count, sizeof *next);
    bool *seen = heap_array(workflow->count, sizeof *seen);
    for (uint32_t root = 0; root < workflow->count; root++) {
        uint32_t depth = 0;
        if (!seen[root])
            stack[depth++] = root;
        seen[root] = true;
        while (depth > 0) {
            uint32_t index = stack[depth - 1];
            const struct task *task = &workflow->tasks[index];
            if (next[index] < task->await_count) {
                uint32_t below = task->awaits[next[index]++].task;
                if (below != TASK_OUTSIDE && !seen[below]) {
                    seen[below] = true;
                    stack[depth++] = below;
                }
                continue;
            }
            depth--;
            for (uint32_t await = 0; await < task->await_count; await++) {
                uint32_t below = task->awaits[await].task;
                if (below != TASK_OUTSIDE &&
                    layout->places[below].layer >= layout->places[index].layer)
                    layout->places[index].layer =
                        layout->places[below].layer + 1;
            }
        }
    }
    free(stack);
    free(next);
    free(seen);
}

static int by_mean(const void *left, const void *right)
{
    const struct sort_key *a = left, *b = right;
    if (a->mean != b->mean)
        return a->mean < b->mean ? -1 : 1;
    return a->task < b->task ? -1 : 1;
}

/* Each task's mean of its neighbours' slots, on one side. */
static void neighbour_means(const struct layout *layout,
                            const struct workflow *workflow, bool left,
                            double *sums, uint32_t *counts)
{
    for (uint32_t task = 0; task < workflow->count; task++) {
        sums[task] = 0;
        counts[task] = 0;
    }
    for (uint32_t task = 0; task < workflow->count; task++)
        for (uint32_t index = 0; index < workflow->tasks[task].await_count;
             index++) {
            uint32_t below = workflow->tasks[task].awaits[index].task;
            if (below == TASK_OUTSIDE)
                continue;
            uint32_t mover = left ? task : below;
            uint32_t fixed = left ? below : task;
            sums[mover] += layout->places[fixed].slot;
            counts[mover]++;
        }
}

static void order_layers(struct layout *layout,
                         const struct workflow *workflow,
                         struct sort_key **layers)
{
    double *sums = heap_array(workflow->count, sizeof *sums);
    uint32_t *counts = heap_array(workflow->count, sizeof *counts);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        neighbour_means(layout, workflow, sweep % 2 == 0, sums, counts);
        for (uint32_t layer = 0; layer < layout->layer_count; layer++) {
            uint32_t size = layout->layer_sizes[layer];
            for (uint32_t slot = 0; slot < size; slot++) {
                struct sort_key *key = &layers[layer][slot];
                key->mean = counts[key->task]
                                ? sums[key->task] / counts[key->task]
                                : layout->places[key->task].slot;
            }
            qsort(layers[layer], size, sizeof **layers, by_mean);
            for (uint32_t slot = 0; slot < size; slot++)
                layout->places[layers[layer][slot].task].slot = slot;
        }
    }
    free(sums);
    free(counts);
}

void layout_init(struct layout *layout, const struct workflow *workflow)
{
    *layout = (struct layout){
        .places = heap_array(workflow->count, sizeof *layout->places),
    };
    set_layers(layout, workflow);
    for (uint32_t task = 0; task < workflow->count; task++)
        if (layout->places[task].layer >= layout->layer_count)
            layout->layer_count = layout->places[task].layer + 1;
    layout->layer_sizes =
        heap_array(layout->layer_count, sizeof *layout->layer_sizes);
    for (uint32_t task = 0; task < workflow->count; task++)
        layout->layer_sizes[layout->places[task].layer]++;
    struct sort_key **layers = heap_array(layout->layer_count, sizeof *layers);
    for (uint32_t layer = 0; layer < layout->layer_count; layer++) {
        layers[layer] =
            heap_array(layout->layer_sizes[layer], sizeof **layers);
        if (layout->layer_sizes[layer] > layout->slots_max)
            layout->slots_max = layout->layer_sizes[layer];
        layout->layer_sizes[layer] = 0;
    }
    for (uint32_t task = 0; task < workflow->count; task++) {
        uint32_t layer = layout->places[task].layer;
        uint32_t slot = layout->layer_sizes[layer]++;
        layout->places[task].slot = slot;
        layers[layer][slot].task = task;
    }
    order_layers(layout, workflow, layers);
    for (uint32_t layer = 0; layer < layout->layer_count; layer++)
        free(layers[layer]);
    free(layers);
}

void layout_deinit(struct layout *layout)
{
    free(layout->places);
    free(layout->layer_sizes);
    *layout = (struct layout){0};
}
