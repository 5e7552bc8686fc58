/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - the jobs in memory, whose they are, and whose turn it is.
 *
 * Subjects take turns: the one that took fewest by its weight comes first, and
 * who has been away does not save up. Within a subject the most urgent job,
 * then the oldest. */
#include <stdlib.h>

#include "base/clock.h"
#include "node/state.h"

enum { TURN = 1 << 20 /* what a turn costs a subject of weight 1 */ };

/* --- Subjects ------------------------------------------------------------ */

static struct subject *find_subject(const struct node *node, const Did *did)
{
    const uint64_t *place =
        map_get(&node->subjects, text_bytes(text_of(did->text)));
    return place ? (struct subject *)(uintptr_t)*place : NULL;
}

static struct subject *subject_of(struct node *node, const Did *did)
{
    struct subject *subject = find_subject(node, did);
    if (!subject) {
        subject = HEAP_NEW(struct subject);
        subject->did = *did;
        subject->is_owner = did_equal(did, &node->did);
        subject->weight = 1;
        if (subject->is_owner && node->config.owner_weight > 0)
            subject->weight = node->config.owner_weight;
        subject->turn.owner = subject;
        ranking_init(&subject->queued);
        *map_set(&node->subjects, text_bytes(text_of(subject->did.text)),
                 NULL) = (uint64_t)(uintptr_t)subject;
    }
    subject->uses++;
    return subject;
}

static void subject_let_go(struct node *node, struct subject *subject)
{
    if (--subject->uses > 0)
        return;
    map_remove(&node->subjects, text_bytes(text_of(subject->did.text)));
    if (subject->lane)
        lane_unref(subject->lane);
    heap_deinit(&subject->queued);
    free(subject);
}

uint32_t jobs_open_of(const struct node *node, const Did *share)
{
    const struct subject *subject = find_subject(node, share);
    return subject ? subject->open : 0;
}

struct lane *subject_lane(struct node *node, struct subject *subject)
{
    struct lanes *lanes = executor_lanes(node->executor);
    Hash isolation = {0};
    if (subject->lane || !lanes)
        return subject->lane;
    if (!subject->is_owner)
        hash_sha256(text_bytes(text_of(subject->did.text)), &isolation);
    subject->lane = lane_of(lanes, &isolation, subject->weight);
    lane_set_weight(subject->lane, subject->weight);
    return subject->lane;
}

/* --- Jobs ---------------------------------------------------------------- */

struct job *jobs_find(struct node *node, const Hash *id)
{
    const uint64_t *place = map_get(&node->jobs, bytes_of(id, sizeof *id));
    return place ? (struct job *)(uintptr_t)*place : NULL;
}

static Text own_text(Text text)
{
    if (text.len == 0)
        return (Text){NULL, 0};
    char *copy = heap_alloc(text.len);
    memcpy(copy, text.data, text.len);
    return (Text){copy, text.len};
}

static void free_text(Text text)
{
    union {
        const char *borrowed;
        void *owned;
    } data = {.borrowed = text.data};
    free(data.owned);
}

void job_set_text(struct node *node, Text *place, Text text)
{
    const Text old = *place;
    const Text new = own_text(text);
    pthread_mutex_lock(&node->lock);
    *place = new;
    pthread_mutex_unlock(&node->lock);
    free_text(old);
}

struct job *jobs_add(struct node *node, const struct job_facts *facts)
{
    struct job *job = HEAP_NEW(struct job);
    job->owner = subject_of(node, facts->subject);
    job->share = subject_of(node, facts->share);
    job->facts = *facts;
    job->facts.subject = &job->owner->did;
    job->facts.share = &job->share->did;
    job->facts.name = own_text(facts->name);
    job->facts.quota = own_text(facts->quota);
    job->facts.message = own_text(facts->message);
    job->facts.trace = own_text(facts->trace);
    job->state = facts->state;
    job->hidden_after = UINT64_MAX;
    job->timer.owner = job;
    job->turn.owner = job;
    job->share->open++;
    node->open++;
    pthread_mutex_lock(&node->lock);
    uint64_t *place =
        map_set(&node->jobs, bytes_of(&job->facts.id, sizeof(Hash)), NULL);
    *place = (uint64_t)(uintptr_t)job;
    if (!job_state_is_over(job->state))
        node->stats.jobs[job->state]++;
    pthread_mutex_unlock(&node->lock);
    return job;
}

void jobs_remove(struct node *node, struct job *job)
{
    struct subject *owner = job->owner, *share = job->share;
    ASSERT(!job->active);
    job_dequeue(node, job);
    submission_free(job_take_submission(node, job));
    pthread_mutex_lock(&node->lock);
    map_remove(&node->jobs, bytes_of(&job->facts.id, sizeof(Hash)));
    if (!job_state_is_over(job->state))
        node->stats.jobs[job->state]--;
    pthread_mutex_unlock(&node->lock);
    journal_free(node, job);
    free_text(job->facts.name);
    free_text(job->facts.quota);
    free_text(job->facts.message);
    free_text(job->facts.trace);
    share->open--;
    node->open--;
    free(job);
    subject_let_go(node, owner);
    subject_let_go(node, share);
}

static bool is_needed(struct node *node, const struct job *job)
{
    pthread_mutex_lock(&node->lock);
    const bool needed =
        job->batches_sent != job->batches_done || job->words > 0;
    pthread_mutex_unlock(&node->lock);
    return needed || job->active || job->is_dirty || job->is_lost;
}

void job_let_go(struct node *node, struct job *job)
{
    if ((job->is_dropped || job_state_is_over(job->state)) &&
        !is_needed(node, job))
        jobs_remove(node, job);
}

void jobs_free(struct node *node)
{
    const struct map_entry *entry;
    size_t cursor = 0, count = 0;
    struct job **all = heap_array(node->jobs.count + 1, sizeof(struct job *));
    while ((entry = map_next(&node->jobs, &cursor)))
        all[count++] = (struct job *)(uintptr_t)entry->value;
    while (count > 0)
        jobs_remove(node, all[--count]);
    free(all);
    map_deinit(&node->jobs);
    map_deinit(&node->subjects);
    heap_deinit(&node->waiting);
    heap_deinit(&node->wall);
}

struct submission *job_take_submission(struct node *node, struct job *job)
{
    struct submission *submission = job->submission;
    node->kept_tasks -= job->kept_tasks;
    job->kept_tasks = 0;
    job->submission = NULL;
    return submission;
}

void job_set_state(struct node *node, struct job *job, JobState state)
{
    if (state != JOB_QUEUED) // Nobody starts it soon.
        submission_free(job_take_submission(node, job));
    pthread_mutex_lock(&node->lock);
    if (!job_state_is_over(job->state))
        node->stats.jobs[job->state]--;
    job->state = state;
    if (!job_state_is_over(state)) {
        node->stats.jobs[state]++;
        job->facts.state = state;
    }
    pthread_mutex_unlock(&node->lock);
}

/* --- The queue ----------------------------------------------------------- */

void job_set_timer(struct node *node, struct job *job)
{
    const struct job_facts *facts = &job->facts;
    int64_t when = 0;
    // Timers of the runs themselves are by the other clock.
    if (job->state == JOB_QUEUED && !ranked_is_in(&job->turn) && !job->active)
        when = facts->wake_ms > 1 ? facts->wake_ms : 1;
    const bool ends = job->state == JOB_QUEUED || job->state == JOB_RUNNING;
    if (ends && facts->deadline_ms && (when == 0 || facts->deadline_ms < when))
        when = facts->deadline_ms;
    if (when == 0) {
        ranking_remove(&node->wall, &job->timer);
        return;
    }
    job->timer.key = when;
    job->timer.order = ++node->order;
    ranking_put(&node->wall, &job->timer);
}

void job_enqueue(struct node *node, struct job *job)
{
    struct subject *subject = job->share;
    if (job->facts.wake_ms > clock_wall_ms()) {
        job_set_timer(node, job); // Asleep.
        return;
    }
    job->turn.key = -job->facts.priority;
    job->turn.order = ++node->order;
    ranking_put(&subject->queued, &job->turn);
    if (!ranked_is_in(&subject->turn)) {
        if (subject->turn.key < node->turn_now)
            subject->turn.key = node->turn_now;
        subject->turn.order = ++node->order;
        ranking_put(&node->waiting, &subject->turn);
    }
    job_set_timer(node, job);
}

void job_dequeue(struct node *node, struct job *job)
{
    struct subject *subject = job->share;
    ranking_remove(&subject->queued, &job->turn);
    ranking_remove(&node->wall, &job->timer);
    if (subject->queued.count == 0)
        ranking_remove(&node->waiting, &subject->turn);
}

/* Who floods the queue fills the places of runs; who has none of them gets one
 * all the same. */
static bool has_place(const struct node *node, const struct subject *subject)
{
    return node->active < node->config.active_max ||
           (subject->active == 0 &&
            node->active < 2 * node->config.active_max);
}

static bool turn_has_place(void *context, struct heap_item *item)
{
    const struct ranked *turn = (const void *)item;
    return has_place(context, turn->owner);
}

struct job *jobs_next(struct node *node)
{
    const struct ranked *first = ranking_first(&node->waiting);
    // Whoever waits for one of his own runs is in nobody's way.
    const struct ranked *next =
        first ? (const void *)heap_find(&node->waiting, turn_has_place, node)
              : NULL;
    if (!next)
        return NULL;
    struct subject *subject = next->owner;
    const struct ranked *most_urgent = ranking_first(&subject->queued);
    ASSERT(most_urgent);
    struct job *job = most_urgent->owner;
    node->turn_now = first->key;
    subject->turn.key += TURN / subject->weight;
    job_dequeue(node, job);
    if (subject->queued.count > 0)
        ranking_put(&node->waiting, &subject->turn);
    return job;
}
