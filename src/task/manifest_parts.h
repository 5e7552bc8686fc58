/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_parts.h - between the files of the manifest reader. Thread: one at
 * a time. */
#ifndef IPVM_TASK_MANIFEST_PARTS_H
#define IPVM_TASK_MANIFEST_PARTS_H

#include "base/map.h"
#include "task/manifest.h"
#include "task/node.h"

struct manifest {
    const struct manifest_host *host;
    struct arena *arena;  /* the workflow's: what stays */
    struct arena scratch; /* the tree */
    const struct node *tasks;
    struct map labels;     /* of all tasks */
    struct map imports[2]; /* path → Cid *, files and folders */
    struct map functions;  /* "module#name" → struct manifest_function * */
    struct limits limits;  /* defaults */
    struct retry retry;
    Text sub;
    struct error *err;
};

struct manifest_function {
    Cid module;
    Text name; /* exact */
};

/* An argument. */
Status manifest_value(struct manifest *manifest, const struct node *node,
                      Value *out);
/* A file, folder, CID or /ipfs/ path. */
Status manifest_import(struct manifest *manifest, const struct node *node,
                       Text path, bool directory, Cid *out);
Status manifest_link(struct manifest *manifest, const struct node *node,
                     Text text, Cid *out);
/* The promise on `label`, which must be a task's. */
Status manifest_promise(struct manifest *manifest, const struct node *node,
                        Branch branch, Text label, Value *out);
/* True, with its branch, for !ok, !error and !result. */
bool manifest_promise_tag(Text tag, Branch *branch);

/* Refuses keys of a map that are not among `words`, with the nearest. */
Status manifest_keys(const struct node *map, const char *what,
                     const Text *words, size_t count, struct error *err);
Status manifest_limits(const struct node *node, struct limits *out,
                       struct error *err);
Status manifest_retry(const struct node *node, struct retry *out,
                      struct error *err);

#endif
