/* SPDX-License-Identifier: Apache-2.0 */
/* workflow.h - tasks by label, joined by promises into an acyclic graph
 * (FORMATS section 4). Readers make it, the scheduler's caller runs it.
 *
 * True of every struct workflow that workflow_finish() accepted:
 *  1. Tasks are in ascending order of label, labels are unique and legal.
 *  2. `args` is canonical. Every promise in it is by symbolic CID, and `awaits`
 *     says where it points; the graph has no cycle.
 *  3. `symbolic` of each task is the CID of its computation.
 * Thread: one while it is made, then any: it is immutable.
 */
#ifndef IPVM_TASK_WORKFLOW_H
#define IPVM_TASK_WORKFLOW_H

#include "base/arena.h"
#include "base/map.h"
#include "ipld/value.h"
#include "store/store.h"
#include "task/limits.h"

typedef enum { BRANCH_OK, BRANCH_ERROR, BRANCH_ANY } Branch;

typedef enum {
    CLASS_PURE,   /* /wasm/run: memoised */
    CLASS_QUERY,  /* an effect that reads the world */
    CLASS_COMMAND /* an effect that changes it */
} TaskClass;

enum {
    LABEL_MAX = 64,
    WORKFLOW_TASKS_MAX = 4 << 20,
    WORKFLOW_PAGE_TASKS = 1024,
    WORKFLOW_PAGE_BYTES = 512 << 10,
};

#define TASK_OUTSIDE UINT32_MAX

/* One promise in a task's args. */
struct await {
    uint32_t task; /* index in the workflow, or TASK_OUTSIDE: in the memo */
    Branch branch;
    const Hash *symbolic; /* of what is awaited; lives as the workflow does */
};

struct task {
    Text label;
    Text cmd;
    Bytes args; /* the map as DAG-CBOR, symbolic: with promises in it */
    Bytes nonce;
    Text sub; /* a DID, or empty: whoever runs it */
    struct limits limits;
    struct retry retry;
    TaskClass class;
    Hash symbolic;
    struct await *awaits;
    uint32_t await_count;
    uint32_t line; /* where it stands in its manifest, or 0 */
};

struct workflow {
    struct arena arena;
    struct block **blocks; /* owned references: those it was loaded from */
    size_t block_count;
    struct task *tasks;
    uint32_t count;
    const uint32_t *outputs; /* indices of tasks, as written */
    uint32_t output_count;
    Text name;        /* or empty */
    Text description; /* or empty */
    Cid cid;          /* of the head block */
};

struct workflow *workflow_new(void);
/* NULL is allowed. */
void workflow_free(struct workflow *workflow);

/* Index of a label, or TASK_OUTSIDE. */
uint32_t workflow_find(const struct workflow *workflow, Text label);

/* Decodes a task's arguments. The tree is in `arena` and borrows from them. */
Value task_args(const struct task *task, struct arena *arena);
/* The function that /wasm/run is asked to call; empty for other commands.
 * Borrows from the arguments. */
Text task_function(const struct task *task);

/* Gives each block of the canonical form, pages first, head last. */
typedef Status WorkflowPut(void *context, const Cid *cid, Bytes block,
                           struct error *err);
Status workflow_encode(struct workflow *workflow, WorkflowPut *put,
                       void *context, struct error *err);

/* Reads the canonical form from its blocks, strictly. `symbolic_known` tells
 * if a computation outside the workflow is in the memo. */
Status workflow_load(struct store *store, const Cid *cid,
                     struct workflow **out, struct error *err);

/* --- Making one (readers) ------------------------------------------------ */

/* A task as a reader found it: promises in `args` are still by label, as
 * one-key maps {"await/ok": Text label}, or by CID (Link). */
struct task_draft {
    Text label;
    Text cmd;
    Value args;
    Bytes nonce;
    Text sub;
    struct limits limits;
    struct retry retry;
    uint32_t line, column; /* 0: unknown */
};

/* Sorts, resolves labels, finds cycles, computes symbolic CIDs in dependency
 * order and the workflow's CID; checks everything FORMATS section 4 refuses.
 * The drafts' views must live in workflow->arena. On failure `err` names
 * label and position.
 * `outputs` empty: every task that nobody awaits. */
Status workflow_finish(struct workflow *workflow,
                       const struct task_draft *drafts, size_t count,
                       const Text *outputs, size_t output_count,
                       struct store *memo, struct error *err);

/* The classes of commands; STATUS_UNSUPPORTED is left to who runs it:
 * unknown commands are CLASS_COMMAND. */
TaskClass command_class(Text cmd);

#endif
