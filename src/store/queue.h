/* SPDX-License-Identifier: Apache-2.0 */
/* queue.h - batches on their way to the disk, in order: group commit, and the
 * overlay that lets this process read what is not durable yet. Inside
 * src/store only. Thread: any. */
#ifndef IPVM_STORE_QUEUE_H
#define IPVM_STORE_QUEUE_H

#include "store/batch.h"
#include "store/hits.h"

struct queue;

struct queue *queue_new(struct tables *tables, struct hits *hits);
/* Writes what is left, counted hits too if anything was written at all. */
void queue_free(struct queue *queue);

/* Counted hits are worth a transaction of their own at the end. */
void queue_write_hits(struct queue *queue);

/* store_commit_async(), store_commit() and store_flush(). */
void queue_submit(struct queue *queue, struct store_batch *batch);
Status queue_commit(struct queue *queue, struct store_batch *batch,
                    struct error *err);
Status queue_flush(struct queue *queue, struct error *err);
/* The same without asking for failures; nothing on the writer thread. */
void queue_settle(struct queue *queue);

/* Cheap: is there anything in the overlay? If not, there is no need to ask. */
bool queue_is_idle(const struct queue *queue);

/* The overlay. What is found is borrowed until queue_unlock(). */
void queue_lock(struct queue *queue);
void queue_unlock(struct queue *queue);
const struct operation *queue_newest(const struct queue *queue,
                                     enum table table, Bytes key);
const struct operation *queue_oldest(const struct queue *queue,
                                     enum table table, Bytes key);
/* How many withdrawals are on their way. */
size_t queue_withdrawals(const struct queue *queue);

uint64_t operation_hash(enum table table, Bytes key);

#endif
