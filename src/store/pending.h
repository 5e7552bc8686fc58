/* SPDX-License-Identifier: Apache-2.0 */
/* pending.h - what a run must not forget before its receipts are sealed: a row
 * for each of its batches, written in the very transaction of the results
 * (docs/formats/store.md).
 *
 *     01 | workflow (32) | at_s (8) | engine: length, text | entries
 *     entry: task (4) | flags | end | comp (32)? | res (32)?
 *            | six numbers as varints | words: length (2), text
 *
 * Rows have numbers that ascend and are never used again: the last one sealed
 * stays, empty. Thread: any. */
#ifndef IPVM_STORE_PENDING_H
#define IPVM_STORE_PENDING_H

#include "base/buffer.h"
#include "store/store.h"

struct transaction;

enum { PENDING_ENGINE_MAX = 63, PENDING_WORDS_MAX = 511 };

struct pending_row {
    Hash workflow; /* dag-cbor */
    int64_t at_s;  /* seconds since 1970 */
    Text engine;
};

struct receipt_cost {
    uint64_t wall_ns, cpu_ns, memory_peak, fuel, bytes_in, bytes_out;
};

/* How one task came out. */
struct pending_task {
    uint32_t task; /* index in the workflow */
    bool has_comp, has_res;
    uint8_t end; /* if not has_res */
    Hash comp, res;
    struct receipt_cost cost;
    Text words; /* for people; cut at PENDING_WORDS_MAX */
};

/* Begins a row in an empty buffer, then adds to it. */
void pending_begin(struct buffer *row, const struct pending_row *head);
void pending_add(struct buffer *row, const struct pending_task *task);

/* Reading: the head, then tasks until false. `*rest` is empty at the end of a
 * row that is whole. */
bool pending_read(Bytes *rest, struct pending_row *out);
bool pending_next(Bytes *rest, struct pending_task *out);

/* With the batch's other contents, under the next number. */
void store_batch_pending(struct store_batch *batch, Bytes row);

/* Rows that are not sealed, from the first, until `each` is false. `row` is
 * empty if it is damaged. */
typedef bool PendingEach(void *context, uint64_t number, Bytes row);
Status pending_each(struct store *store, PendingEach *each, void *context,
                    struct error *err);

/* Inside src/store. */
Status pending_apply(struct transaction *transaction, Bytes row,
                     struct error *err);
/* Removes rows `first` to `last`. STATUS_BUSY: one of them is not there. */
Status pending_remove(struct transaction *transaction, uint64_t first,
                      uint64_t last, struct error *err);
/* Workflows and results that rows need. */
typedef void PendingRoot(void *context, const Cid *cid);
void pending_roots(Bytes row, PendingRoot *each, void *context);

#endif
