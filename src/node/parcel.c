/* SPDX-License-Identifier: Apache-2.0 */
/* parcel.c - what becomes durable together, and who is told then.
 *
 * All words of one turn of the loop share a batch. A run's own batches are
 * told_sends()'s; the last one has a parcel of its own, without a batch. */
#include <stdlib.h>

#include "base/clock.h"
#include "node/state.h"

struct parcel *parcel_new(struct node *node)
{
    struct parcel *parcel = HEAP_NEW(struct parcel);
    parcel->node = node;
    return parcel;
}

void parcel_add(struct parcel *parcel, const struct parcel_entry *entry)
{
    if (parcel->count == parcel->capacity) {
        parcel->capacity = parcel->capacity ? parcel->capacity * 2 : 2;
        parcel->entries = heap_resize(parcel->entries, parcel->capacity,
                                      sizeof *parcel->entries);
    }
    parcel->entries[parcel->count++] = *entry;
    pthread_mutex_lock(&parcel->node->lock);
    entry->job->batches_sent++;
    pthread_mutex_unlock(&parcel->node->lock);
}

struct parcel *parcel_now(struct node *node)
{
    if (!node->parcel) {
        node->parcel = parcel_new(node);
        node->parcel->batch = store_batch_new(node->store);
    }
    return node->parcel;
}

void parcel_send(struct node *node)
{
    struct parcel *parcel = node->parcel;
    if (!parcel)
        return;
    node->parcel = NULL;
    for (size_t index = 0; index < parcel->count; index++)
        journal_send(node, parcel->entries[index].job, parcel->batch);
    flight_begin(node);
    store_commit_async(parcel->batch, parcel_done, parcel);
}

/* --- Batches on their way ------------------------------------------------ */

void flight_begin(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    node->flights++;
    pthread_mutex_unlock(&node->lock);
}

/* The last that the store's thread does with the node. */
void flight_over(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    if (--node->flights == 0)
        pthread_cond_broadcast(&node->landed);
    pthread_mutex_unlock(&node->lock);
}

void flights_wait(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    while (node->flights > 0)
        pthread_cond_wait(&node->landed, &node->lock);
    pthread_mutex_unlock(&node->lock);
}

/* --- Answers ------------------------------------------------------------- */

void answer(NodeTold *told, void *context, const struct node_answer *what)
{
    if (told)
        told(context, what);
}

void answer_refused(NodeTold *told, void *context, Status status,
                    const char *words, const Hash *id)
{
    struct node_answer what = {.status = status};
    if (id)
        what.job = *id;
    IGNORE(fail(&what.error, status, "%s", words));
    answer(told, context, &what);
}

/* --- On the store's writer ----------------------------------------------- */

static void post_word(struct node *node, const struct parcel_entry *entry,
                      WordKind kind)
{
    struct word *word = HEAP_NEW(struct word);
    word->kind = kind;
    word->job = entry->job;
    word->is_final = entry->is_final;
    loop_post(node, word);
}

/* Under the lock. What stands behind a batch that was lost may need it. */
static Status judge(struct job *job, const struct parcel_entry *entry,
                    Status status)
{
    if (status == STATUS_OK && job->has_gap) {
        job->is_undone |= entry->is_final;
        return STATUS_IO;
    }
    if (status == STATUS_OK)
        job->is_undone = false;
    job->has_gap |= status != STATUS_OK;
    return status;
}

/* What everybody may know from now on. True if the node's thread is to know,
 * too: it is lost, or it was the last that a job waited for that is over. */
static bool publish(struct node *node, const struct parcel_entry *entry,
                    struct node_answer *out)
{
    struct job *job = entry->job;
    pthread_mutex_lock(&node->lock);
    const Status status = judge(job, entry, out->status);
    const bool is_over = status == STATUS_OK && entry->is_final;
    job->batches_done++;
    job->is_durable |= status == STATUS_OK;
    journal_sent(job);
    if (is_over) {
        job->facts.state = job->state;
        job->hidden_after = UINT64_MAX;
        node->stats.jobs[job->state]++;
        const int64_t took_ms = job->facts.ended_ms - job->facts.submitted_ms;
        latency_add(&node->stats.job_time,
                    took_ms > 0 ? (uint64_t)took_ms * 1000000U : 0);
    }
    if (entry->since_ns && status == STATUS_OK)
        latency_add(&node->stats.submit,
                    clock_monotonic_ns() - entry->since_ns);
    const bool is_last = job_state_is_over(job->facts.state) &&
                         job->batches_done == job->batches_sent;
    job->words += is_last || status != STATUS_OK;
    out->status = status;
    out->job = job->facts.id;
    out->state = job->facts.state;
    out->is_new = entry->is_new;
    pthread_mutex_unlock(&node->lock);
    return is_last || status != STATUS_OK;
}

void parcel_done(void *context, Status status, const struct error *err)
{
    struct parcel *parcel = context;
    struct node *node = parcel->node;
    for (size_t index = 0; index < parcel->count; index++) {
        const struct parcel_entry *entry = &parcel->entries[index];
        struct node_answer what = {.status = status};
        const bool has_word = publish(node, entry, &what);
        const bool is_kept = what.status == STATUS_OK;
        if (status != STATUS_OK && err)
            what.error = *err;
        else if (!is_kept)
            IGNORE(fail(&what.error, what.status,
                        "what came before it could not be written: try again "
                        "soon"));
        // The job may be gone as soon as the word is there.
        if (has_word)
            post_word(node, entry, is_kept ? WORD_OVER : WORD_LOST);
        if (is_kept)
            watch_tell(node, &what.job, true);
        answer(entry->told, entry->context, &what);
    }
    free(parcel->entries);
    free(parcel);
    flight_over(node);
}
