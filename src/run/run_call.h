/* SPDX-License-Identifier: Apache-2.0 */
/* run_call.h - one call of a guest, from DO_RUN to its outcome, shared by
 * run_call.c (to the runner) and run_call_over.c (what came of it).
 *
 *   run_start ─▶ module wanted ─▶ submitted ─▶ outcome ─▶ result recorded
 *                    │                │           └ cross-check: submitted
 *                    └─ run_stop ─────┴─▶ ended      again, other engine
 *
 * Inside src/run only. Thread: the executor's. */
#ifndef IPVM_RUN_RUN_CALL_H
#define IPVM_RUN_RUN_CALL_H

#include "run/run_internal.h"

struct run_call {
    struct run *run;
    uint32_t task;
    Hash concrete;
    struct block *block; /* the concrete computation */
    struct limits limits;
    bool memory_counts; /* it is known what it may take: else the default,
                           which is all that a guest can have */
    Cid module;
    struct module_form form;
    uint64_t ticket; /* 0: waiting for its module */
    uint64_t leased_ns;
    bool is_lacking;            /* a block: for run_heal_calls() */
    char lack[RUN_MESSAGE_MAX]; /* if so: the words for it */
    bool is_paused;             /* others have their turn */
    bool is_flying;             /* equal ones of other runs may wait for it */
    struct landing_wait wait;   /* for an equal one of another run */
    bool is_checking;           /* the second run of a cross-check */
    struct buffer first; /* output of the first run, for a cross-check */
    struct run_outcome first_outcome;
};

/* --- run_call.c --- */

/* It is no call of its run any more; its lease and landing are given back. */
void call_close(struct run_call *call);
void call_free(struct run_call *call);
/* Over without a result. */
void call_end(struct run_call *call, End end, const char *message);
/* `call` may be over when it returns. */
void call_want_module(struct run_call *call);

/* --- run_call_over.c --- */

/* True if it ended for the lack of a block, the first time: it waits for
 * run_heal_calls(). */
bool call_lacks(struct run_call *call, End end, const char *message);
/* Records a result and closes the call. */
void call_keep_result(struct run_call *call,
                      const struct run_outcome *outcome);
ExecutorDone call_done;

#endif
