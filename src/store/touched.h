/* SPDX-License-Identifier: Apache-2.0 */
/* touched.h - what was put, or asked for again, lately: one row of CIDs for
 * each write transaction (docs/decisions/0009-collection.md). A collector
 * reads them and so learns of whatever came behind its back.
 *
 * A key is a number that ascends, 8 bytes, big-endian; a value the time in
 * seconds since 1970 (8, little-endian), then CIDs, each with its length in a
 * byte before it. Inside src/store only. */
#ifndef IPVM_STORE_TOUCHED_H
#define IPVM_STORE_TOUCHED_H

#include "store/batch.h"

/* Writes what `batches` touch. Thread: the one that has the write
 * transaction. */
Status touched_write(struct transaction *transaction,
                     struct store_batch *const *batches, size_t count,
                     struct error *err);

/* Each CID of a row. */
typedef void TouchedEach(void *context, Bytes cid);
void touched_read(Bytes row, int64_t *time_s, TouchedEach *each,
                  void *context);

#endif
