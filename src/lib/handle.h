/* SPDX-License-Identifier: Apache-2.0 */
/* handle.h - what is behind the opaque handles of ipvm.h. The CLI looks inside
 * where it shows more than the library tells. */
#ifndef IPVM_LIB_HANDLE_H
#define IPVM_LIB_HANDLE_H

#include "ipvm.h"
#include "run/heal.h"
#include "run/load.h"
#include "run/root.h"
#include "run/run.h"

struct ipvm {
    struct store *store;
    struct executor *executor;
    struct modules *modules;
    struct loader loader;
    /* Told of each block that was lost and computed again while content was
     * read; may be NULL. */
    HealTold *on_healed;
    void *healed_context;
};

/* Loaded, or only its outputs known: what lib_workflow() makes of it. */
struct ipvm_workflow {
    ipvm *vm;
    struct workflow *workflow; /* NULL before it is needed */
    struct root *root;         /* validated here before; or NULL */
    Cid cid;
    char cid_text[CID_TEXT_MAX];
    char *remember_as;
    char **labels; /* ended by NUL; made when they are asked for */
};

/* A run, or its answer from the memo by the workflow's outputs alone. */
struct ipvm_run {
    ipvm *vm;
    const struct ipvm_workflow *workflow;
    struct run *run;
    struct root_answer *answers; /* if `run` is NULL: one per output */
    struct arena arena;          /* what ipvm_output points to */
};

/* After content below `root` could not be read with `status`: STATUS_OK if that
 * was for the lack of blocks that are here again now, else `status`, and `err`
 * stays what it is. */
Status lib_heal(ipvm *vm, const Cid *root, Status status);

/* content_resolve(); blocks on the way that are lost are computed again. */
Status lib_resolve(ipvm *vm, const char *path, Cid *out, struct error *err);

/* The loaded workflow. */
Status lib_workflow(ipvm_workflow *workflow, struct workflow **out,
                    struct error *err);

/* Copies the words of `err` and gives its status. */
ipvm_status lib_fail(Status status, const struct error *err,
                     ipvm_error *error);

/* Where the store is: `asked`, $IPVM_STORE, XDG. STATUS_NOT_FOUND: no home. */
Status lib_store_path(const char *asked, char out[4096], struct error *err);

#endif
