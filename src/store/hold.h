/* SPDX-License-Identifier: Apache-2.0 */
/* hold.h - what living processes keep from collection. Inside src/store only.
 *
 * A row of holds says who (8 bytes, little-endian) and what (CIDs, each with
 * its length in a byte before it); its key is the machine's time since boot in
 * ns (8 bytes, big-endian), then who. A row means something as long as its
 * owner has the lease of hold_key(). Thread: any. */
#ifndef IPVM_STORE_HOLD_H
#define IPVM_STORE_HOLD_H

#include "store/batch.h"

enum { HOLD_KEY_LEN = 16 };

struct holds;
struct holds *holds_new(void);
/* Gives up what this process holds. NULL is allowed. */
void holds_close(struct store *store);

/* Holds the blocks of a batch that has nothing but known ones. True if all of
 * them are there and will stay: the batch need not be written. */
bool hold_batch(struct store *store, const struct store_batch *batch);

/* The lease that a holder has as long as it lives, and the collector's. */
Hash hold_key(uint64_t owner);
Hash collector_key(void);

#endif
