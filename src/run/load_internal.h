/* SPDX-License-Identifier: Apache-2.0 */
/* load_internal.h - what load.c and load_call.c share. */
#ifndef IPVM_RUN_LOAD_INTERNAL_H
#define IPVM_RUN_LOAD_INTERNAL_H

#include "run/load.h"

struct call_words {
    const char *const *words;
    size_t count;
    bool all_text;
};

/* Stores a workflow's blocks, unless they are there. */
Status load_keep(struct store *store, struct workflow *workflow,
                 struct error *err);

#endif
