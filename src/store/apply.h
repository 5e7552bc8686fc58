/* SPDX-License-Identifier: Apache-2.0 */
/* apply.h - what operations mean to the tables. Inside src/store only.
 * Thread: the one that has the write transaction. */
#ifndef IPVM_STORE_APPLY_H
#define IPVM_STORE_APPLY_H

#include "store/batch.h"
#include "store/hits.h"

Status apply_batch(struct transaction *transaction, struct store_batch *batch,
                   struct error *err);

/* Removes a memo entry, with what is kept beside it. */
Status apply_forget(struct transaction *transaction, Bytes concrete,
                    struct error *err);

/* Keeps that `concrete` came to another result than `first`. */
Status apply_alarm(struct transaction *transaction, Bytes concrete,
                   const struct memo_entry *first,
                   const struct memo_entry *other, struct error *err);

/* Adds counted hits to their entries. */
Status apply_hits(struct transaction *transaction, const struct hit *hits,
                  size_t count, struct error *err);

#endif
