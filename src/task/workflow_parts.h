/* SPDX-License-Identifier: Apache-2.0 */
/* workflow_parts.h - what making, writing and loading a workflow share.
 * Thread: one while the workflow is made. */
#ifndef IPVM_TASK_WORKFLOW_PARTS_H
#define IPVM_TASK_WORKFLOW_PARTS_H

#include "task/workflow.h"

/* For "%.*s": the label, cut to what a message can take. */
#define LABEL_ARG(label)                                                      \
    (int)((label).len > LABEL_MAX ? LABEL_MAX : (label).len), (label).data

bool label_is_legal(Text label);

/* Checks what one task says by itself: label, command, shape and values of
 * its arguments (`args`, not task->args, which need not be there yet), nonce,
 * limits, retry. No word about position in `err`. */
Status task_check(const struct task *task, const Value *args,
                  struct error *err);

/* The awaits of one task, while its promises are read. */
struct await_list {
    struct await *items; /* owned, kept from task to task */
    uint32_t count;
    uint32_t capacity;
};
void await_list_add(struct await_list *list, struct await await);
/* Copies them into `arena` for the task and empties the list. */
void await_list_give(struct await_list *list, struct arena *arena,
                     struct task *task);

/* Calls `each` for every promise in `value`, in the order of struct task's
 * `awaits`: lists by index, maps in DAG-CBOR order of keys. */
typedef Status PromiseEach(void *context, const Value *promise,
                           struct error *err);
Status promise_each(const Value *value, PromiseEach *each, void *context,
                    struct error *err);

/* Reads a promise by symbolic CID into `out`, its task not yet known. The hash
 * is borrowed from the promise. */
Status await_read(const Value *promise, struct await *out, struct error *err);

/* With all symbolic hashes known: points every await at the first task with
 * that computation, or finds it in `memo` (NULL: nothing is), and refuses
 * equal effects. `*wrong` is the task that `err` is about. */
Status workflow_join(struct workflow *workflow, struct store *memo,
                     uint32_t *wrong, struct error *err);

/* Outputs by label; refuses unknown ones and repetitions. */
Status workflow_set_outputs(struct workflow *workflow, const Text *labels,
                            size_t count, struct error *err);

/* Bytes of a page's block with `count` tasks whose entries add up to `len`. */
size_t page_length(size_t count, size_t len);

/* The head block's one key. */
#define WORKFLOW_KEY TEXT("ipvm/workflow@1.0.0")

#endif
