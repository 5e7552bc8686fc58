/* SPDX-License-Identifier: Apache-2.0 */
/* handle.h - what is behind the opaque handles of ipvm.h. The CLI looks inside
 * where it shows more than the library tells. */
#ifndef IPVM_LIB_HANDLE_H
#define IPVM_LIB_HANDLE_H

#include "ipvm.h"
#include "run/load.h"
#include "run/run.h"

struct ipvm {
    struct store *store;
    struct executor *executor;
    struct modules *modules;
    struct loader loader;
};

struct ipvm_workflow {
    struct workflow *workflow;
    char cid[CID_TEXT_MAX];
    Text remember_as; /* owned: the manifest's path */
};

struct ipvm_run {
    ipvm *vm;
    struct run *run;
    struct arena arena; /* what ipvm_output points to */
};

/* Copies the words of `err` and gives its status. */
ipvm_status lib_fail(Status status, const struct error *err,
                     ipvm_error *error);

/* Where the store is: `asked`, $IPVM_STORE, XDG. STATUS_NOT_FOUND: no home. */
Status lib_store_path(const char *asked, char out[4096], struct error *err);

#endif
