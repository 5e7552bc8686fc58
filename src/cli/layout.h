/* SPDX-License-Identifier: Apache-2.0 */
/* layout.h - places the tasks of a workflow in layers, what is awaited left of
 * what awaits it, with few crossings. Thread: any. */
#ifndef IPVM_CLI_LAYOUT_H
#define IPVM_CLI_LAYOUT_H

#include "task/workflow.h"

struct place {
    uint32_t layer; /* column, from 0 */
    uint32_t slot;  /* row in the column, from 0 */
};

struct layout {
    struct place *places;  /* one per task; owned */
    uint32_t *layer_sizes; /* owned */
    uint32_t layer_count;
    uint32_t slots_max;
};

void layout_init(struct layout *layout, const struct workflow *workflow);
void layout_deinit(struct layout *layout);

#endif
