/* SPDX-License-Identifier: Apache-2.0 */
/* repair_internal.h - what finding (repair.c) and mending (repair_mend.c)
 * share. Inside src/run only. Thread: the executor's. */
#ifndef IPVM_RUN_REPAIR_INTERNAL_H
#define IPVM_RUN_REPAIR_INTERNAL_H

#include "base/map.h"
#include "run/repair.h"

struct repairing {
    struct repair *repair;
    const struct repair_options *options;
    struct store *store;
    struct healer healer;
    struct map by_block; /* multihash → 1 + index of its finding */
    struct seen damaged;
    struct complete *results; /* follows stand-ins only */
    struct complete *roots;   /* follows every link */
    Hash *lies; /* owned: computations whose results lack something */
    size_t lie_count;
    Text dependent; /* of what is looked at now */
    bool is_root;
};

/* False: stop. */
bool repair_tell(struct repairing *repairing, const char *phase, uint64_t done,
                 uint64_t total);
/* Whether all is there that the result of `concrete` was split into; `each` is
 * told what is not. STATUS_NOT_FOUND: the whole was collected.
 * STATUS_CORRUPT: it is damaged. STATUS_INVALID: it is none, `err` says why. */
Status repair_check_result(struct repairing *repairing,
                           struct complete *complete,
                           const struct memo_entry *entry, LackEach *each,
                           bool *is_complete, struct error *err);
struct complete *repair_results_new(struct repairing *repairing);

/* repair_mend.c */
Status repair_mend(struct repairing *repairing, struct error *err);

#endif
