/* SPDX-License-Identifier: Apache-2.0 */
/* promised.h - what a workflow links beside content: a promise links the
 * symbolic computation it awaits, a computation the determinism profile.
 * Nobody needs those as blocks to run it; with them its DAG is whole, for
 * export, pins and every other tool. Thread: any. */
#ifndef IPVM_RUN_PROMISED_H
#define IPVM_RUN_PROMISED_H

#include "store/store.h"
#include "task/workflow.h"

/* Durable when it returns. Promises to computations of other workflows are
 * left alone. */
Status promised_put(struct store *store, const struct workflow *workflow,
                    struct error *err);
/* The determinism profile's block. */
Status promised_put_profile(struct store *store, struct error *err);

/* Both, by CID, for a workflow; the profile for a computation; nothing for
 * anything else. STATUS_INVALID: a workflow that is malformed. */
Status promised_complete(struct store *store, const Cid *cid,
                         struct error *err);

/* What is to be a root: holds it, completes it, and looks that all below is
 * here. STATUS_NOT_FOUND, STATUS_CORRUPT, STATUS_INVALID: a block is missing,
 * damaged, or cannot be read; named. */
Status promised_keep(struct store *store, const Cid *cid, struct error *err);

#endif
