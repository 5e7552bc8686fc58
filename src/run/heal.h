/* SPDX-License-Identifier: Apache-2.0 */
/* heal.h - what was lost is computed again, where it is known what made it.
 *
 *     block ─ memo_producer() ─▶ computation ─▶ its block ─▶ run again, without
 *     the memo ─▶ its result's blocks are put again
 *
 * What that computation needs and is lost too is healed first. The result must
 * come out as it did: a different one is an alarm, and both are kept.
 * Thread: the executor's, and not inside one of its callbacks. */
#ifndef IPVM_RUN_HEAL_H
#define IPVM_RUN_HEAL_H

#include "content/complete.h"
#include "run/executor.h"
#include "run/module.h"

enum { HEAL_DEPTH_MAX = 32 }; /* computations that stand on one another */

/* A block that is here again. `concrete` made it. */
typedef void HealTold(void *context, const Cid *block, const Hash *concrete);

struct healer {
    struct executor *executor;
    struct modules *modules;
    HealTold *told; /* may be NULL */
    void *context;
    /* Since it was zeroed. */
    size_t healed;
    bool differed; /* a computation came to another result than before */
    /* Its own: the computations that are being run again. */
    Hash way[HEAL_DEPTH_MAX];
    size_t depth;
};

/* Makes one block readable. STATUS_OK: it is, also if it was. STATUS_NOT_FOUND:
 * it cannot be had; `err` says why. STATUS_CANCELLED. */
Status heal_block(struct healer *healer, const Cid *cid, struct error *err);

/* The same for all that lacks below a root, and the root. STATUS_NOT_FOUND:
 * something still lacks; the first of it is named. */
Status heal_below(struct healer *healer, const Cid *root, struct error *err);

/* What a computation needs: its block, its module, and what its arguments link
 * to. */
Status heal_inputs(struct healer *healer, const Hash *concrete,
                   struct error *err);

#endif
