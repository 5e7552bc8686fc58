/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c - group commit.
 *
 *     submit --> [batch] [batch] [batch] --writer--> one transaction --> done
 *                   all of them are in the overlay until then
 *
 *  1. Batches become durable in the order they came.
 *  2. `busy` is held by one thread: the writer from taking a group to the last
 *     callback, or a committer who found nothing to queue behind and writes
 *     for itself, which spares two wake-ups and often the writer thread.
 *  3. A batch leaves the overlay only after its transaction: who looks into
 *     the overlay first and into the tables then finds it in one of them.
 */
#include "store/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "store/apply.h"
#include "store/reserve.h"
#include "store/thread.h"
#include "store/touched.h"

enum {
    BUCKETS = 1 << 16,
    GROUP_MAX = 1 << 16,           /* batches in one transaction */
    GROUP_BYTES_MAX = 64 << 20,    /* the same, in bytes */
    PENDING_BYTES_MAX = 256 << 20, /* then submitters wait */
};

static const uint64_t hits_every_ns = 1000000000; /* hits are written */

struct queue {
    struct tables *tables;
    struct hits *hits;
    atomic_size_t pending; /* operations in the overlay */
    atomic_bool hits_matter;

    pthread_mutex_t lock;    /* guards all below */
    pthread_cond_t work;     /* for the writer: something to do */
    pthread_cond_t progress; /* for all others: something was done */
    pthread_t writer;
    bool has_writer, stopping, busy;
    struct store_batch *first, *last;
    size_t bytes; /* waiting or being written */
    size_t withdrawals;
    struct operation **buckets; /* owned; NULL until first used */
    Status failure;             /* for queue_flush() */
    struct error error;

    /* Of the one that is busy. */
    struct store_batch *group[GROUP_MAX];
    struct hit counted[HITS_MAX];
    uint64_t hits_written_ns;
    bool has_written;
};

uint64_t operation_hash(enum table table, Bytes key)
{
    return map_hash(key) ^ (uint64_t)table * 0x9e3779b97f4a7c15U;
}

struct queue *queue_new(struct tables *tables, struct hits *hits)
{
    struct queue *queue = HEAP_NEW(struct queue);
    queue->tables = tables;
    queue->hits = hits;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->work, NULL);
    pthread_cond_init(&queue->progress, NULL);
    return queue;
}

void queue_write_hits(struct queue *queue)
{
    atomic_store_explicit(&queue->hits_matter, true, memory_order_relaxed);
}

/* --- Overlay ------------------------------------------------------------ */

bool queue_is_idle(const struct queue *queue)
{
    return atomic_load_explicit(&queue->pending, memory_order_acquire) == 0;
}

void queue_lock(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
}

void queue_unlock(struct queue *queue)
{
    pthread_mutex_unlock(&queue->lock);
}

size_t queue_withdrawals(const struct queue *queue)
{
    return queue->withdrawals;
}

static bool is_about(const struct operation *operation, enum table table,
                     uint64_t hash, Bytes key)
{
    return operation->hash == hash && operation->table == table &&
           bytes_equal(operation->key, key);
}

const struct operation *queue_newest(const struct queue *queue,
                                     enum table table, Bytes key)
{
    if (!queue->buckets)
        return NULL;
    const uint64_t hash = operation_hash(table, key);
    const struct operation *each = queue->buckets[hash % BUCKETS];
    while (each && !is_about(each, table, hash, key))
        each = each->older;
    return each;
}

const struct operation *queue_oldest(const struct queue *queue,
                                     enum table table, Bytes key)
{
    const struct operation *oldest = NULL;
    const uint64_t hash = operation_hash(table, key);
    for (const struct operation *each = queue_newest(queue, table, key); each;
         each = each->older)
        if (is_about(each, table, hash, key))
            oldest = each;
    return oldest;
}

static void show(struct queue *queue, struct store_batch *batch)
{
    size_t count = 0;
    if (!queue->buckets)
        queue->buckets = heap_array(BUCKETS, sizeof *queue->buckets);
    for (struct operation *each = batch->first; each; each = each->next) {
        struct operation **bucket = &queue->buckets[each->hash % BUCKETS];
        each->older = *bucket;
        each->newer = NULL;
        if (*bucket)
            (*bucket)->newer = each;
        *bucket = each;
        count++;
    }
    queue->withdrawals += batch->withdrawals;
    queue->bytes += batch->bytes;
    atomic_fetch_add_explicit(&queue->pending, count, memory_order_release);
}

static void hide(struct queue *queue, struct store_batch *batch)
{
    size_t count = 0;
    for (struct operation *each = batch->first; each; each = each->next) {
        if (each->newer)
            each->newer->older = each->older;
        else
            queue->buckets[each->hash % BUCKETS] = each->older;
        if (each->older)
            each->older->newer = each->newer;
        count++;
    }
    queue->withdrawals -= batch->withdrawals;
    queue->bytes -= batch->bytes;
    atomic_fetch_sub_explicit(&queue->pending, count, memory_order_release);
}

/* --- Transactions ------------------------------------------------------- */

static size_t take_hits(struct queue *queue, bool at_once)
{
    const uint64_t now = clock_monotonic_ns();
    if (!at_once && now - queue->hits_written_ns < hits_every_ns)
        return 0;
    queue->hits_written_ns = now;
    return hits_take(queue->hits, queue->counted);
}

static Status write_once(struct queue *queue, struct store_batch *const *group,
                         size_t count, size_t hit_count, struct error *err)
{
    struct transaction transaction;
    TRY(tables_write(queue->tables, &transaction, err));
    Status status = STATUS_OK;
    for (size_t index = 0; index < count && status == STATUS_OK; index++)
        status = apply_batch(&transaction, group[index], err);
    if (status == STATUS_OK)
        status = touched_write(&transaction, group, count, err);
    if (status == STATUS_OK)
        status = apply_hits(&transaction, queue->counted, hit_count, err);
    if (status == STATUS_OK)
        return transaction_commit(&transaction, err);
    transaction_end(&transaction);
    return status;
}

static bool only_removes(struct store_batch *const *group, size_t count)
{
    for (size_t index = 0; index < count; index++)
        for (const struct operation *each = group[index]->first; each;
             each = each->next)
            if (each->kind != OPERATION_REMOVE &&
                each->kind != OPERATION_JOB_REMOVE)
                return false;
    return count > 0;
}

/* Until the map is large enough. What makes a store smaller may use the
 * reserve. */
static Status write_growing(struct queue *queue,
                            struct store_batch *const *group, size_t count,
                            size_t hit_count, struct error *err)
{
    Status status = write_once(queue, group, count, hit_count, err);
    while (status == STATUS_LIMIT ||
           (status == STATUS_FULL && only_removes(group, count) &&
            reserve_give(store_directory(group[0]->store),
                         RESERVE_FOR_REMOVING))) {
        if (status == STATUS_LIMIT)
            TRY(tables_grow(queue->tables, err));
        status = write_once(queue, group, count, hit_count, err);
    }
    return status;
}

/* Writes the first `count` of the group and notes how each came out. One that
 * fails does not take the others with it. */
static void write_group(struct queue *queue, size_t count)
{
    struct error error = {0};
    queue->has_written = true;
    const size_t hit_count = take_hits(queue, false);
    Status status =
        write_growing(queue, queue->group, count, hit_count, &error);
    for (size_t index = 0; index < count; index++) {
        struct store_batch *batch = queue->group[index];
        if (batch->status != STATUS_OK)
            continue; // Refused before it came; empty.
        if (status != STATUS_OK && count > 1)
            batch->status = write_growing(queue, &queue->group[index], 1, 0,
                                          &batch->error);
        else {
            batch->status = status;
            batch->error = error;
        }
    }
}

/* --- The writer thread -------------------------------------------------- */

/* Takes what goes into the next transaction off the queue. */
static size_t take_group(struct queue *queue)
{
    size_t count = 0, bytes = 0;
    while (queue->first && count < GROUP_MAX &&
           (count == 0 || bytes + queue->first->bytes <= GROUP_BYTES_MAX)) {
        struct store_batch *batch = queue->first;
        bytes += batch->bytes;
        queue->first = batch->next;
        queue->group[count++] = batch;
    }
    if (!queue->first)
        queue->last = NULL;
    return count;
}

static void note_failure(struct queue *queue, const struct store_batch *batch)
{
    if (batch->status == STATUS_OK || queue->failure != STATUS_OK)
        return;
    queue->failure = batch->status;
    queue->error = batch->error;
}

/* Tells those who wait; frees the batches that are ours. */
static void deliver(struct queue *queue, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        struct store_batch *batch = queue->group[index];
        if (!batch)
            continue;
        if (batch->done)
            batch->done(batch->context, batch->status, &batch->error);
        store_batch_free(batch);
    }
}

static void finish_group(struct queue *queue, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        struct store_batch *batch = queue->group[index];
        hide(queue, batch);
        batch->finished = true;
        // The waiting committer may take its batch from here on.
        if (batch->is_waited_for)
            queue->group[index] = NULL;
        else
            note_failure(queue, batch);
    }
    pthread_cond_broadcast(&queue->progress);
}

static void *run_writer(void *argument)
{
    struct queue *queue = argument;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->busy || (!queue->first && !queue->stopping))
            pthread_cond_wait(&queue->work, &queue->lock);
        if (!queue->first)
            break;
        queue->busy = true;
        const size_t count = take_group(queue);
        pthread_mutex_unlock(&queue->lock);
        write_group(queue, count);
        pthread_mutex_lock(&queue->lock);
        finish_group(queue, count);
        pthread_mutex_unlock(&queue->lock);
        deliver(queue, count);
        pthread_mutex_lock(&queue->lock);
        queue->busy = false;
        pthread_cond_broadcast(&queue->progress);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

static bool is_writer(const struct queue *queue)
{
    return queue->has_writer && pthread_equal(queue->writer, pthread_self());
}

static void start_writer(struct queue *queue)
{
    thread_start(&queue->writer, run_writer, queue);
    queue->has_writer = true;
}

/* With the lock held. */
static void append(struct queue *queue, struct store_batch *batch)
{
    // A lone batch above the bound is let in when nothing else is there.
    while (queue->bytes > 0 &&
           queue->bytes + batch->bytes > PENDING_BYTES_MAX &&
           !is_writer(queue))
        pthread_cond_wait(&queue->progress, &queue->lock);
    batch->next = NULL;
    batch->finished = false;
    if (queue->last)
        queue->last->next = batch;
    else
        queue->first = batch;
    queue->last = batch;
    show(queue, batch);
    if (!queue->has_writer)
        start_writer(queue);
    pthread_cond_signal(&queue->work);
}

/* --- For the store ------------------------------------------------------ */

void queue_submit(struct queue *queue, struct store_batch *batch)
{
    batch->is_waited_for = false;
    pthread_mutex_lock(&queue->lock);
    append(queue, batch);
    pthread_mutex_unlock(&queue->lock);
}

Status queue_commit(struct queue *queue, struct store_batch *batch,
                    struct error *err)
{
    pthread_mutex_lock(&queue->lock);
    ASSERT(!is_writer(queue)); // It would wait for itself.
    if (!queue->first && !queue->busy) {
        queue->busy = true;
        pthread_mutex_unlock(&queue->lock);
        queue->group[0] = batch;
        write_group(queue, 1);
        pthread_mutex_lock(&queue->lock);
        queue->busy = false;
        if (queue->first)
            pthread_cond_signal(&queue->work);
        pthread_cond_broadcast(&queue->progress);
    } else {
        batch->is_waited_for = true;
        append(queue, batch);
        while (!batch->finished)
            pthread_cond_wait(&queue->progress, &queue->lock);
    }
    pthread_mutex_unlock(&queue->lock);
    if (batch->status != STATUS_OK && err)
        *err = batch->error;
    return batch->status;
}

static void settle(struct queue *queue)
{
    while ((queue->first || queue->busy) && !is_writer(queue))
        pthread_cond_wait(&queue->progress, &queue->lock);
}

void queue_settle(struct queue *queue)
{
    if (queue_is_idle(queue))
        return;
    pthread_mutex_lock(&queue->lock);
    settle(queue);
    pthread_mutex_unlock(&queue->lock);
}

Status queue_flush(struct queue *queue, struct error *err)
{
    pthread_mutex_lock(&queue->lock);
    ASSERT(!is_writer(queue)); // It would wait for itself.
    settle(queue);
    Status status = queue->failure;
    if (status != STATUS_OK && err)
        *err = queue->error;
    queue->failure = STATUS_OK;
    pthread_mutex_unlock(&queue->lock);
    return status;
}

void queue_free(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    settle(queue);
    queue->stopping = true;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    if (queue->has_writer)
        pthread_join(queue->writer, NULL);
    // Worth a transaction only if this process wrote anyway, or if entries
    // would be thought forgotten.
    size_t count =
        queue->has_written || queue->hits_matter ? take_hits(queue, true) : 0;
    if (count > 0)
        IGNORE(write_growing(queue, queue->group, 0, count, NULL));
    pthread_cond_destroy(&queue->progress);
    pthread_cond_destroy(&queue->work);
    pthread_mutex_destroy(&queue->lock);
    free(queue->buckets);
    free(queue);
}
