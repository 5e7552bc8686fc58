/* SPDX-License-Identifier: Apache-2.0 */
/* recover.c - jobs after a restart: what the store says of those that are open.
 * One that was running is queued; what it had finished is in the memo. */
#include "base/clock.h"
#include "node/state.h"

/* Rows of the journal that are not in segments are not counted again: a job
 * that has more than a few of them makes a segment with its next batch. */
static void guess_tail(struct job *job, const struct job_facts *facts)
{
    enum { FEW = 100 };
    if (facts->last_seq - facts->segment_last > FEW)
        job->tail = SEGMENT_BYTES;
}

/* Somebody may have seen an event that was not durable yet, with a number
 * beyond those of the row: gaps are allowed, what comes twice is not. */
enum { SEQ_GAP = 1 << 16 };

struct recovering {
    struct node *node;
    struct arena arena;
};

static bool recover_one(void *context, const struct job_row *row)
{
    struct recovering *recovering = context;
    struct node *node = recovering->node;
    struct job_facts facts;
    arena_reset(&recovering->arena);
    // A row that cannot be read stops no other; it is told to who asks for it.
    if (row_read(row, &recovering->arena, &facts, NULL) != STATUS_OK ||
        job_state_is_over(facts.state))
        return true;
    if (facts.state == JOB_RUNNING)
        facts.state = JOB_QUEUED;
    struct job *job = jobs_add(node, &facts);
    job->is_durable = true;
    guess_tail(job, &facts);
    if (facts.started_ms != 0)
        job->facts.last_seq += SEQ_GAP;
    if (job->state == JOB_QUEUED)
        job_enqueue(node, job);
    return true;
}

Status recover_jobs(struct node *node, struct error *err)
{
    struct recovering recovering = {.node = node};
    const Status status =
        job_each_open(node->store, recover_one, &recovering, err);
    arena_deinit(&recovering.arena);
    return status;
}

/* --- After a batch was lost ---------------------------------------------- */

static bool is_quiet(struct node *node, const struct job *job)
{
    pthread_mutex_lock(&node->lock);
    const bool is_quiet = job->batches_sent == job->batches_done;
    pthread_mutex_unlock(&node->lock);
    return is_quiet && !job->active;
}

/* Its row is to say that it goes on; what it came to may be in the memo. */
static void undo_end(struct node *node, struct job *job)
{
    pthread_mutex_lock(&node->lock);
    job->facts.has_outcome = false;
    job->facts.ended_ms = 0;
    pthread_mutex_unlock(&node->lock);
    job_set_text(node, &job->facts.message, TEXT(""));
    parcel_add(parcel_now(node), &(struct parcel_entry){.job = job});
}

/* Back to what is durable, but numbers go on. */
static void go_back(struct node *node, struct job *job,
                    const struct job_facts *facts)
{
    enum { WAIT_MS = 1000, WAIT_SHIFT_MAX = 6 };
    struct job_facts *mine = &job->facts;
    const unsigned shift =
        job->troubles < WAIT_SHIFT_MAX ? job->troubles : WAIT_SHIFT_MAX;
    job_dequeue(node, job);
    journal_free(node, job);
    job_set_text(node, &mine->message, facts->message);
    pthread_mutex_lock(&node->lock);
    mine->outcome = facts->outcome;
    mine->segment = facts->segment;
    mine->has_outcome = facts->has_outcome;
    mine->has_segment = facts->has_segment;
    mine->segment_last = facts->segment_last;
    mine->started_ms = facts->started_ms;
    mine->ended_ms = facts->ended_ms;
    mine->ran_ms = facts->ran_ms;
    mine->cost = facts->cost;
    mine->counts = facts->counts;
    mine->attempt = facts->attempt;
    mine->retries = facts->retries;
    mine->wake_ms = clock_wall_ms() + ((int64_t)WAIT_MS << shift);
    if (mine->wake_ms < facts->wake_ms)
        mine->wake_ms = facts->wake_ms;
    job->hidden_after = UINT64_MAX;
    pthread_mutex_unlock(&node->lock);
    guess_tail(job, facts);
    if (job->troubles < UINT8_MAX)
        job->troubles++;
    JobState state = facts->state;
    if (state == JOB_RUNNING || job->is_undone)
        state = JOB_QUEUED;
    job_set_state(node, job, state);
    if (job->is_undone)
        undo_end(node, job);
    if (state == JOB_QUEUED)
        job_enqueue(node, job);
}

/* A run's batch was kept, and that of its submission, which was refused, was
 * not: the row has no container. */
static Status remove_half(struct node *node, const struct job_facts *facts)
{
    struct store_batch *batch = store_batch_new(node->store);
    store_batch_job_remove(batch, &facts->id, facts->submitted_ms);
    const Status status = store_commit(batch, NULL);
    store_batch_free(batch);
    return status == STATUS_OK ? STATUS_NOT_FOUND : status;
}

/* True if it is done with. */
static bool look_again(struct node *node, struct job *job)
{
    struct arena arena = {0};
    struct job_row row;
    struct job_facts facts;
    if (!is_quiet(node, job))
        return false;
    Status status = job_get(node->store, &job->facts.id, &arena, &row, NULL);
    if (status == STATUS_OK)
        status = row_read(&row, &arena, &facts, NULL);
    if (status == STATUS_OK && !job->is_durable)
        status = remove_half(node, &facts);
    job->has_gap = false; // It is quiet: nobody else asks.
    if (status == STATUS_OK)
        go_back(node, job, &facts);
    else if (status == STATUS_NOT_FOUND)
        job->is_dropped = true;
    arena_deinit(&arena);
    return status == STATUS_OK || status == STATUS_NOT_FOUND;
}

static void wait_for_it(struct node *node, struct job *job)
{
    job->next_lost = node->lost;
    node->lost = job;
    node->lost_ns = clock_monotonic_ns() + LOST_AGAIN_NS;
}

void recover_lost(struct node *node, struct job *job)
{
    if (job->active && job->active->mode != ACTIVE_DROPS)
        active_stop(job->active, ACTIVE_DROPS, NULL);
    if (job->is_lost)
        return;
    job->is_lost = true;
    job_dequeue(node, job);
    wait_for_it(node, job);
}

void recover_all_lost(struct node *node)
{
    struct job *list = node->lost, *next;
    node->lost = NULL;
    for (struct job *job = list; job; job = next) {
        next = job->next_lost;
        if (look_again(node, job)) {
            job->is_lost = false;
            job_let_go(node, job);
        } else {
            wait_for_it(node, job);
        }
    }
}
