/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.h - the workflow as people write it, YAML or JSON (FORMATS section
 * 4, Manifest; docs/formats/manifest.md). Thread: one at a time. */
#ifndef IPVM_TASK_MANIFEST_H
#define IPVM_TASK_MANIFEST_H

#include "task/workflow.h"

/* What a manifest needs of the world. A verb that is NULL is not to be had:
 * what needs it is an error, but for `function`, without which names are taken
 * as they are. Messages get the position put in front. */
struct manifest_host {
    void *context;
    /* Imports a file or, if `directory`, a folder. `path` is as written,
     * relative to the manifest. */
    Status (*file)(void *context, Text path, bool directory, Cid *out,
                   struct error *err);
    /* A file's content as text, in `arena`. */
    Status (*text)(void *context, Text path, struct arena *arena, Text *out,
                   struct error *err);
    /* What "CID/more" or "name:photo/latest" leads to (cid_is_path()). */
    Status (*path)(void *context, Text path, Cid *out, struct error *err);
    /* The exact name of the export that `loose` means; `homestar`: matched in
     * Homestar's order (as it is, then upper, kebab, snake, camel, Pascal). */
    Status (*function)(void *context, const Cid *module, Text loose,
                       bool homestar, struct arena *arena, Text *exact,
                       struct error *err);
};

/* Messages begin "NAME:LINE:COLUMN: ". `memo` as for workflow_finish(). */
Status manifest_read(Bytes bytes, const char *name,
                     const struct manifest_host *host, struct store *memo,
                     struct workflow **out, struct error *err);

#endif
