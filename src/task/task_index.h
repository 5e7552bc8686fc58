/* SPDX-License-Identifier: Apache-2.0 */
/* task_index.h - finds a workflow's tasks by label or by symbolic CID, where
 * there are a million of them.
 *
 * Open addressing over slots of eight bytes: the number of a task, and enough
 * of its hash that hardly ever another task is looked at. Hashes are under a
 * secret key, since whoever makes a workflow chooses its labels and digests and
 * could make them all meet. Thread: one at a time.
 */
#ifndef IPVM_TASK_TASK_INDEX_H
#define IPVM_TASK_TASK_INDEX_H

#include "task/workflow.h"

struct task_slot {
    uint32_t number; /* of the task, from 1; 0: free */
    uint32_t tag;    /* the upper half of its hash */
};

struct task_index {
    const struct task *tasks; /* borrowed */
    struct task_slot *slots;  /* owned; a power of two, half of them free */
    size_t mask;
    uint64_t key[2];
};

/* An empty index with room for all tasks of the workflow. One index is by
 * label or by symbolic CID, not both. */
void task_index_init(struct task_index *index,
                     const struct workflow *workflow);
void task_index_deinit(struct task_index *index);

/* The task found, or TASK_OUTSIDE. */
uint32_t task_index_label(const struct task_index *index, Text label);
uint32_t task_index_symbolic(const struct task_index *index,
                             const Hash *symbolic);

/* The first task added with this label or symbolic CID, which is `task` itself
 * if it is new. */
uint32_t task_index_add_label(struct task_index *index, uint32_t task);
uint32_t task_index_add_symbolic(struct task_index *index, uint32_t task);

/* Fetches the place of `symbolic` into the cache, for a question soon. */
void task_index_expect(const struct task_index *index, const Hash *symbolic);

#endif
