/* SPDX-License-Identifier: Apache-2.0 */
/* explain.h - what a run would do, and why, without running anything: asks
 * the memo what run.c would ask, and compares what is not there with the last
 * run under the same name. Thread: any. */
#ifndef IPVM_RUN_EXPLAIN_H
#define IPVM_RUN_EXPLAIN_H

#include "store/store.h"
#include "task/computation.h"
#include "task/workflow.h"

typedef enum {
    EXPLAIN_HIT_SYMBOLIC, /* known by its recipe */
    EXPLAIN_HIT_CONCRETE, /* another recipe, equal inputs: early cut-off */
    EXPLAIN_UPSTREAM,     /* an awaited branch is the other one */
    EXPLAIN_WOULD_RUN,    /* all inputs are known, the result is not */
    EXPLAIN_WAITS,        /* something it awaits would run first */
    EXPLAIN_REFUSED       /* cannot even be made concrete, or performed */
} ExplainVerdict;

enum { EXPLAIN_WHY_MAX = 400 };

struct explained {
    ExplainVerdict verdict;
    bool is_needed; /* false: the memo answers what would have wanted it */
    bool is_ok;     /* hits */
    bool has_concrete;
    Hash concrete;
    Hash result;               /* hits */
    struct memo_entry cost;    /* hits: what it cost once, and so saves */
    char why[EXPLAIN_WHY_MAX]; /* one line for people */
    bool is_believed; /* hits: by a receipt of somebody else, says `trust` */
    /* What the owner's rules make of receipts that are here (trust.h); empty
     * if there are none, or the memo knows better. */
    char trust[EXPLAIN_WHY_MAX];
};

struct explanation {
    struct explained *tasks; /* one per task of the workflow */
    uint32_t count;
    uint32_t hits, would_run;
    uint64_t saved_ns;
};

/* `remember_as`: the name runs are remembered under, or empty. Free with
 * explanation_free(). */
Status explain_workflow(struct store *store, const struct workflow *workflow,
                        Text remember_as, struct explanation **out,
                        struct error *err);
void explanation_free(struct explanation *explanation);

/* The tasks that await `task`: their indices, in `arena`. */
uint32_t explain_awaited_by(const struct workflow *workflow, uint32_t task,
                            struct arena *arena, const uint32_t **out);

/* Where two values first differ, such as "args.args[1]: 2.5, was 3.0", in
 * `out`; false if they are equal. */
bool explain_difference(const Value *now, const Value *before, char *out,
                        size_t room);

#endif
