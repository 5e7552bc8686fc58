/* SPDX-License-Identifier: Apache-2.0 */
/* world_receipts.h - somebody who signs what a world's runs came to, and short
 * ways to count, find and open receipts. Thread: one. */
#ifndef IPVM_TESTS_UNIT_RUN_WORLD_RECEIPTS_H
#define IPVM_TESTS_UNIT_RUN_WORLD_RECEIPTS_H

#include "unit/run/world.h"

#include "run/receipts.h"

struct signer {
    struct secret_key *key; /* owned */
    Did did;
    Hash issuer;
};
/* Another one for each seed. */
struct signer signer_of(uint8_t seed);

struct seal_report world_seal(struct world *world,
                              const struct signer *signer);
/* Tasks whose receipts are not sealed. */
uint64_t pending_tasks(struct world *world);
uint64_t log_size(struct world *world, const struct signer *signer);

/* What a look-up gave: a ReceiptEach with this as its context. */
struct found {
    struct arena arena; /* owned */
    size_t count;
    struct receipt_row first, last; /* in the arena */
};
bool found_take(void *context, const struct receipt_row *row);
size_t count_by(struct world *world, ReceiptsBy by, const Hash *about);
size_t count_all(struct world *world);

Hash task_cid(struct world *world, const struct signer *signer,
              const char *label);
/* The one receipt of a task of the last run, by its Task CID. */
void open_only(struct world *world, const struct signer *signer,
               const char *label, struct receipt_view *out);
void assert_holds(const struct receipt_verdict *verdict);

#endif
