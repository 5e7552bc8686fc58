/* SPDX-License-Identifier: Apache-2.0 */
/* admit.h - whether what came from elsewhere could be a computation of ours and
 * its result, before anybody asks who says so. Thread: any; the store's. */
#ifndef IPVM_RUN_ADMIT_H
#define IPVM_RUN_ADMIT_H

#include "task/computation.h"

/* What rules ask of a computation; in the arena. */
struct admitted {
    Text command;
    Cid module;
    Text function;
};

/* A pure computation in normal form that can be read here (known profile, no
 * promise). STATUS_NOT_FOUND names its block, which is not here. */
Status admit_computation(struct store *store, const Hash *hash,
                         struct arena *arena, struct admitted *out,
                         struct error *err);
/* The same of a block's bytes, from which `out` borrows. */
Status admit_block(Bytes block, struct arena *arena, struct admitted *out,
                   struct error *err);

/* A normal result, that a concrete computation can have, all blocks of which
 * are in the store. STATUS_NOT_FOUND names one that is not. */
Status admit_result(struct store *store, const Hash *hash, struct arena *arena,
                    bool *is_ok, struct error *err);

#endif
