/* SPDX-License-Identifier: Apache-2.0 */
/* root.h - a workflow that was validated on this store before is answered by
 * its outputs alone, without reading its pages: a million tasks that are all
 * in the memo cost as much as their outputs.
 *
 * Kept per workflow CID, as a note: how many tasks, and each output's label
 * and symbolic CID. Workflows with effects have none. Thread: any.
 */
#ifndef IPVM_RUN_ROOT_H
#define IPVM_RUN_ROOT_H

#include "store/store.h"
#include "task/workflow.h"

struct root_output {
    Text label; /* ended by NUL */
    Hash symbolic;
};

struct root {
    struct arena arena;
    uint32_t task_count;
    Text name; /* or empty */
    struct root_output *outputs;
    uint32_t output_count;
};

/* STATUS_NOT_FOUND: not validated here before. Free with root_free(). */
Status root_get(struct store *store, const Cid *workflow, struct root **out);
void root_free(struct root *root);

/* Notes a workflow that was just loaded or made, if it is pure and new. */
void root_put(struct store *store, const struct workflow *workflow);

/* What the memo knows of one output. */
struct root_answer {
    bool is_upstream;
    Hash concrete;
    struct memo_entry entry; /* unless is_upstream */
};
/* True if the memo answers every output; `answers` has room for all. */
bool root_answered(struct store *store, const struct root *root,
                   struct root_answer *answers);

#endif
