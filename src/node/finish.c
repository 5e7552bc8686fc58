/* SPDX-License-Identifier: Apache-2.0 */
/* finish.c - how a job comes to its end, or to another try. */
#include "base/clock.h"
#include "node/state.h"

/* --- The end ------------------------------------------------------------- */

/* How many come to their end in a second, the last ones weighing most. */
static void count_rate(struct node *node)
{
    const uint64_t now = clock_monotonic_ns();
    const double since = (double)(now - node->rate_ns) / 1e9;
    node->rate_ns = now;
    if (since > 0)
        node->rate = node->rate * 0.95 + 0.05 / since;
}

void finish_job(struct node *node, struct job *job, JobState state,
                const char *message, const Did *by)
{
    struct event_draft draft = {.count = 0};
    struct job_facts *facts = &job->facts;
    // One's own words last: what is told now is public when it is durable.
    pthread_mutex_lock(&node->lock);
    job->hidden_after = facts->last_seq;
    facts->ended_ms = clock_wall_ms();
    facts->wake_ms = 0;
    pthread_mutex_unlock(&node->lock);
    const Text words = event_text(text_of(message ? message : ""));
    job_set_text(node, &facts->message, words);
    job_set_state(node, job, state);
    job_dequeue(node, job);
    event_by(&draft, by);
    if (words.len > 0)
        event_put(&draft, TEXT("message"), value_text(words));
    if (facts->trace.len)
        event_put(&draft, TEXT("trace"), value_text(facts->trace));
    event_tell(node, job, job_state_name(state), &draft);
    count_rate(node);
}

void finish_now(struct node *node, struct job *job, JobState state,
                const char *message, const struct finish_told *told)
{
    struct parcel_entry entry = {.job = job, .is_final = true};
    const Did *by = NULL;
    if (told) {
        entry.told = told->call;
        entry.context = told->context;
        entry.is_new = told->is_new;
        entry.since_ns = told->since_ns;
        by = told->by;
    }
    finish_job(node, job, state, message, by);
    parcel_add(parcel_now(node), &entry);
}

/* --- Another try --------------------------------------------------------- */

/* Doubled each time up to the most; between half of it and all of it, so that
 * those who failed together do not come back together. */
static uint64_t back_off_ms(const struct job_facts *facts)
{
    const struct retry *retry = &facts->retry;
    uint64_t wait = retry->first_ms ? retry->first_ms : 1000;
    uint32_t random;
    for (uint32_t times = 0; times < facts->retries && wait < UINT32_MAX;
         times++)
        wait *= 2;
    if (retry->max_ms && wait > retry->max_ms)
        wait = retry->max_ms;
    random_bytes(&random, sizeof random);
    const uint64_t half = wait / 2;
    return half + (uint64_t)((double)(wait - half) *
                             ((double)random / (double)UINT32_MAX));
}

bool finish_retries(struct node *node, struct job *job, const char *message)
{
    struct event_draft draft = {.count = 0};
    struct job_facts *facts = &job->facts;
    if (facts->retries >= facts->retry.count)
        return false;
    const int64_t when = clock_wall_ms() + (int64_t)back_off_ms(facts);
    if (facts->deadline_ms && when > facts->deadline_ms)
        return false;
    pthread_mutex_lock(&node->lock);
    facts->wake_ms = when;
    facts->retries++;
    facts->attempt++;
    pthread_mutex_unlock(&node->lock);
    job_set_state(node, job, JOB_QUEUED);
    event_put(&draft, TEXT("at_ms"), value_int(when));
    const Text words = event_text(text_of(message));
    if (words.len > 0)
        event_put(&draft, TEXT("message"), value_text(words));
    event_tell(node, job, TEXT("retried"), &draft);
    return true;
}
