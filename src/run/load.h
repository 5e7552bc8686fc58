/* SPDX-License-Identifier: Apache-2.0 */
/* load.h - from what a person names (a manifest, a Homestar 0.2 or IPVM 0.1
 * workflow, a CID, a command line) to a workflow, its files imported and its
 * functions found. Thread: the executor's. */
#ifndef IPVM_RUN_LOAD_H
#define IPVM_RUN_LOAD_H

#include "content/content.h"
#include "content/path.h"
#include "run/executor.h"
#include "run/module.h"
#include "task/workflow.h"

struct loader {
    struct executor *executor;
    struct modules *modules;
    struct content_add_options add;
    bool no_files; /* all is named by CID: paths come from somebody else */
};

/* By path, by CID, or "-": standard input. Errors in a file begin with
 * "file:line:column: ". The workflow's own blocks are stored. */
Status load_workflow(const struct loader *loader, const char *path_or_cid,
                     struct workflow **out, struct error *err);
/* From bytes; `name` stands for them in errors, `directory` is what paths are
 * relative to. */
Status load_document(const struct loader *loader, Bytes bytes,
                     const char *name, const char *directory,
                     struct workflow **out, struct error *err);

/* A zeroed struct means the defaults. */
struct call_options {
    struct limits limits;
    bool all_text; /* every word is text */
};
/* One function of one module on words: @FILE and - (standard input) are
 * links; types decide what is text and what a number. Its label is "call". */
Status load_call(const struct loader *loader, const char *module,
                 const char *function, const char *const *words, size_t count,
                 const struct call_options *options, struct workflow **out,
                 struct error *err);

/* A module by path or CID: its CID, imported if it is a file. */
Status load_module(const struct loader *loader, const char *path_or_cid,
                   Cid *out, struct error *err);

#endif
