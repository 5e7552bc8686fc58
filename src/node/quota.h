/* SPDX-License-Identifier: Apache-2.0 */
/* quota.h - totals that the owner registers under a name, which delegations
 * then require (`.quota == "<id>"`), and what was used of them. Counted in
 * memory, written with the batches of the results that were paid for. Tasks
 * that run when a total is passed are let finish: it is passed by what they
 * take.
 * Thread: any; does its own locking. */
#ifndef IPVM_NODE_QUOTA_H
#define IPVM_NODE_QUOTA_H

#include "ipld/value.h"
#include "store/jobs.h"

/* 0: no bound. */
struct quota_totals {
    uint64_t time_ms; /* of workers */
    uint64_t bytes;   /* new in the store */
    uint64_t fuel;    /* then its tasks are metered */
    uint32_t tasks;   /* at once */
};
struct quota_used {
    uint64_t time_ns, bytes, fuel;
    uint32_t tasks; /* now */
};

enum { QUOTA_NAME_MAX = 128 };
/* [A-Za-z0-9_.:-], 1 … QUOTA_NAME_MAX: it stands in addresses and policies.
 * STATUS_INVALID otherwise. */
Status quota_id_check(Text id, struct error *err);

struct quotas;
Status quotas_open(struct store *store, struct quotas **out,
                   struct error *err);
void quotas_close(struct quotas *quotas);

/* Registers or changes; durable when it returns. What was used stays. */
Status quota_set(struct quotas *quotas, Text id,
                 const struct quota_totals *totals, struct error *err);
Status quota_remove(struct quotas *quotas, Text id, struct error *err);
/* STATUS_NOT_FOUND: not registered. */
Status quota_look(struct quotas *quotas, Text id, struct quota_totals *totals,
                  struct quota_used *used, struct error *err);
typedef bool QuotaTold(void *context, Text id,
                       const struct quota_totals *totals,
                       const struct quota_used *used);
void quotas_each(struct quotas *quotas, QuotaTold *each, void *context);

/* What is left of each total, 1 where it is used up; 0: no bound, or no such
 * quota. What begins now is not to take more. */
void quota_left(struct quotas *quotas, Text id, struct quota_totals *out);

/* Where a total but that of tasks is bound no more than these run at once, by
 * what they take it can be passed. */
enum { QUOTA_AT_ONCE = 64 };

/* A task is about to run. STATUS_LIMIT: a total is used up, named.
 * STATUS_BUSY: as many of its tasks run as may at once; later.
 * STATUS_NOT_FOUND: it was removed. */
Status quota_begin(struct quotas *quotas, Text id, struct error *err);
/* It is over; what it took is written with `batch` (NULL: with the next).
 * Batches go to the store in the order of these calls. */
void quota_end(struct quotas *quotas, Text id, const struct quota_used *cost,
               struct store_batch *batch);

#endif
