/* SPDX-License-Identifier: Apache-2.0 */
/* control.c - what may be done to a job by those who may.
 *
 *              queued    running   suspended  succeeded  failed  cancelled
 *   suspend    at once   drains    nothing    no         no      no
 *   resume     no        no        queued     no         no      no
 *   cancel     at once   stops     at once    no         no      no
 *   retry      no        no        no         no         queued  queued
 */
#include <stdio.h>

#include "base/clock.h"
#include "node/state.h"

static void refuse_state(const struct word *word, JobState state,
                         const char *what)
{
    char words[ERROR_MESSAGE_MAX];
    snprintf(words, sizeof words, "the job is %.*s: %s",
             TEXT_ARG(job_state_name(state)), what);
    answer_refused(word->told, word->context, STATUS_INVALID, words,
                   &word->id);
}

/* Who asked is told when it is durable. */
static void save(struct node *node, struct job *job, const struct word *word)
{
    parcel_add(parcel_now(node), &(struct parcel_entry){
                                     .job = job,
                                     .told = word->told,
                                     .context = word->context,
                                 });
}

static void tell_by(struct node *node, struct job *job, Text kind,
                    const Did *by)
{
    struct event_draft draft = {.count = 0};
    event_by(&draft, by);
    event_tell(node, job, kind, &draft);
}

/* --- Verbs --------------------------------------------------------------- */

static void tell_suspended(struct node *node, struct job *job, const Did *by,
                           bool cut)
{
    struct event_draft draft = {.count = 0};
    event_by(&draft, by);
    if (cut)
        event_put(&draft, TEXT("now"), value_bool(true));
    event_tell(node, job, TEXT("suspended"), &draft);
}

static void suspend(struct node *node, struct job *job, struct word *word)
{
    const bool cut = word->verb == NODE_SUSPEND_NOW;
    const bool is_new = job->state != JOB_SUSPENDED;
    if (is_new) {
        job_dequeue(node, job);
        job_set_state(node, job, JOB_SUSPENDED);
    }
    if (is_new || (cut && job->active))
        tell_suspended(node, job, &word->by, cut);
    if (job->active) {
        active_stop(job->active, ACTIVE_SUSPENDS, NULL);
        run_suspend(job->active->run, cut);
    }
    save(node, job, word);
}

static void resume(struct node *node, struct job *job, struct word *word)
{
    if (job->state != JOB_SUSPENDED) {
        refuse_state(word, job->state, "only a suspended one can be resumed");
        return;
    }
    job_set_state(node, job, JOB_QUEUED);
    tell_by(node, job, TEXT("resumed"), &word->by);
    save(node, job, word);
    // One that still drains is queued when it has.
    if (!job->active)
        job_enqueue(node, job);
}

static void cancel(struct node *node, struct job *job, struct word *word)
{
    struct active *active = job->active;
    if (!active) {
        const struct finish_told told = {
            .call = word->told,
            .context = word->context,
            .by = &word->by,
        };
        finish_now(node, job, JOB_CANCELLED, NULL, &told);
        return;
    }
    struct told *told = HEAP_NEW(struct told);
    *told = (struct told){active->tolds, word->told, word->context};
    if (!active->tolds)
        active->by = word->by;
    active->tolds = told;
    active_stop(active, ACTIVE_CANCELS, NULL);
}

static void retry(struct node *node, struct job *job, struct word *word)
{
    struct node_answer full = {.status = STATUS_BUSY, .job = word->id};
    struct job_facts *facts = &job->facts;
    if (job->state != JOB_FAILED && job->state != JOB_CANCELLED) {
        refuse_state(word, job->state,
                     "only a failed or cancelled one can be retried");
        return;
    }
    if (intake_has_room(node, facts->share, &full) != STATUS_OK) {
        answer(word->told, word->context, &full);
        return;
    }
    pthread_mutex_lock(&node->lock);
    facts->attempt++;
    facts->retries = 0;
    facts->ended_ms = facts->wake_ms = 0;
    facts->started_ms = 0;
    facts->ran_ms = 0;
    facts->has_outcome = false;
    facts->counts = (struct schedule_counts){0};
    pthread_mutex_unlock(&node->lock);
    job_set_text(node, &facts->message, TEXT(""));
    job_set_state(node, job, JOB_QUEUED);
    tell_by(node, job, TEXT("retried"), &word->by);
    save(node, job, word);
    job_enqueue(node, job);
}

/* --- Finding it ---------------------------------------------------------- */

Status job_recall(struct node *node, const Hash *id, struct job **out,
                  struct error *err)
{
    struct arena arena = {0};
    struct job_row row;
    struct job_facts facts;
    Status status = job_get(node->store, id, &arena, &row, err);
    if (status == STATUS_OK)
        status = row_read(&row, &arena, &facts, err);
    if (status == STATUS_OK) {
        *out = jobs_add(node, &facts);
        pthread_mutex_lock(&node->lock);
        (*out)->is_durable = true;
        pthread_mutex_unlock(&node->lock);
    }
    arena_deinit(&arena);
    return status;
}

static bool find(struct node *node, const struct word *word, struct job **out)
{
    struct error err = {0};
    *out = jobs_find(node, &word->id);
    if (!*out) {
        const Status status = job_recall(node, &word->id, out, &err);
        if (status != STATUS_OK) {
            answer_refused(word->told, word->context, status,
                           status == STATUS_NOT_FOUND ? "there is no such job"
                                                      : err.message,
                           &word->id);
            return false;
        }
    }
    return true;
}

/* Its end may be decided and not durable yet: then it is neither. */
static bool is_between(struct node *node, const struct job *job)
{
    pthread_mutex_lock(&node->lock);
    const bool is_ending =
        job_state_is_over(job->state) && job->facts.state != job->state;
    pthread_mutex_unlock(&node->lock);
    return is_ending || job->is_lost;
}

static void act(struct node *node, struct job *job, struct word *word)
{
    const bool is_over = job_state_is_over(job->state);
    if (is_over && word->verb != NODE_RETRY) {
        refuse_state(word, job->state, "it is over");
        return;
    }
    switch (word->verb) {
    case NODE_SUSPEND:
    case NODE_SUSPEND_NOW:
        suspend(node, job, word);
        break;
    case NODE_RESUME:
        resume(node, job, word);
        break;
    case NODE_CANCEL:
        cancel(node, job, word);
        break;
    case NODE_RETRY:
        retry(node, job, word);
        break;
    }
}

void control_verb(struct node *node, struct word *word)
{
    struct job *job;
    if (!find(node, word, &job))
        return;
    if (is_between(node, job) && (job->is_lost || word->verb == NODE_RETRY))
        answer_refused(word->told, word->context, STATUS_BUSY,
                       "the job's last change is being written: try again "
                       "soon",
                       &word->id);
    else
        act(node, job, word);
    job_let_go(node, job);
}
