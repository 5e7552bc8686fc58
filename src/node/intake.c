/* SPDX-License-Identifier: Apache-2.0 */
/* intake.c - submissions: known already, refused for want of room, answered by
 * the memo at once, or queued. */
#include "node/state.h"

#include "base/clock.h"
#include "run/root.h"

/* --- Room ---------------------------------------------------------------- */

/* When a twentieth of what is here will be over, as things go. */
static uint32_t come_back_s(const struct node *node)
{
    enum { MOST_S = 3600 };
    const double rate = node->rate > 0.001 ? node->rate : 0.001;
    const double wait = (double)node->open / 20 / rate;
    return wait < 1 ? 1 : wait > MOST_S ? MOST_S : (uint32_t)wait;
}

Status intake_has_room(const struct node *node, const Did *share,
                       struct node_answer *answer)
{
    const bool is_owner = did_equal(share, &node->did);
    const uint32_t his_max = node->config.subject_queue_max;
    answer->retry_after_s = come_back_s(node);
    if (node->open >= node->config.queue_max)
        return fail(&answer->error, STATUS_BUSY,
                    "the queue is full: %u jobs are open, queue_max is %u; "
                    "come back in %u s",
                    node->open, node->config.queue_max, answer->retry_after_s);
    if (!is_owner && jobs_open_of(node, share) >= his_max)
        return fail(&answer->error, STATUS_BUSY,
                    "%u of your jobs are open, and subject_queue_max is %u; "
                    "come back in %u s",
                    jobs_open_of(node, share), his_max, answer->retry_after_s);
    answer->retry_after_s = 0;
    return STATUS_OK;
}

/* --- Known already ------------------------------------------------------- */

static void answer_known(struct node *node, struct job *job,
                         const struct word *word)
{
    struct node_answer what = {.status = STATUS_OK, .job = job->facts.id};
    pthread_mutex_lock(&node->lock);
    const bool is_durable = job->is_durable;
    what.state = job->facts.state;
    pthread_mutex_unlock(&node->lock);
    if (job->is_lost)
        answer_refused(word->told, word->context, STATUS_BUSY,
                       "the job's last change could not be written: try "
                       "again soon",
                       &job->facts.id);
    else if (is_durable)
        answer(word->told, word->context, &what);
    else
        parcel_add(parcel_now(node), &(struct parcel_entry){
                                         .job = job,
                                         .told = word->told,
                                         .context = word->context,
                                     });
}

static bool is_in_store(struct node *node, const Hash *id,
                        const struct word *word)
{
    struct arena arena = {0};
    struct node_answer what = {.job = *id};
    struct job_row row;
    struct job_facts facts;
    what.status = job_get(node->store, id, &arena, &row, &what.error);
    const bool is_there = what.status != STATUS_NOT_FOUND;
    if (what.status == STATUS_OK)
        what.status = row_read(&row, &arena, &facts, &what.error);
    if (what.status == STATUS_OK)
        what.state = facts.state;
    if (is_there)
        answer(word->told, word->context, &what);
    arena_deinit(&arena);
    return is_there;
}

/* --- New ----------------------------------------------------------------- */

static void fill_facts(const struct submission_facts *from,
                       struct job_facts *out)
{
    const struct job_terms *terms = &from->terms;
    *out = (struct job_facts){
        .id = from->id,
        .subject = &from->subject,
        .share = &from->lane,
        .submitted_ms = clock_wall_ms(),
        .not_before_ms = terms->not_before_ms,
        .wake_ms = terms->not_before_ms,
        .deadline_ms = terms->deadline_ms,
        .limits = terms->limits,
        .retry = terms->retry,
        .priority = terms->priority,
        .quota = terms->quota,
        .trace = from->trace,
        .attempt = 1,
        .state = JOB_QUEUED,
        .has_from = terms->has_from,
    };
    if (from->workflow)
        out->name = from->workflow->name;
    else if (from->root)
        out->name = from->root->name;
    bool known = cid_sha256(&terms->workflow, CODEC_DAG_CBOR, &out->workflow);
    ASSERT(known);
    hash_sha256(from->container, &out->container);
}

static void tell_submitted(struct node *node, struct job *job,
                           const struct job_terms *terms)
{
    struct event_draft draft = {.count = 0};
    const struct job_facts *facts = &job->facts;
    Cid from;
    event_put(&draft, TEXT("subject"),
              value_text(text_of(facts->subject->text)));
    event_put(&draft, TEXT("workflow"), value_link(&terms->workflow));
    if (facts->priority)
        event_put(&draft, TEXT("priority"), value_int(facts->priority));
    if (facts->not_before_ms)
        event_put(&draft, TEXT("not_before"), value_int(facts->not_before_ms));
    if (facts->deadline_ms)
        event_put(&draft, TEXT("deadline"), value_int(facts->deadline_ms));
    if (terms->has_from) {
        job_cid(&terms->from_job, &from);
        event_put(&draft, TEXT("from"), value_link(&from));
    }
    if (facts->trace.len)
        event_put(&draft, TEXT("trace"), value_text(facts->trace));
    event_tell(node, job, TEXT("submitted"), &draft);
}

/* True if the memo has all that the job is to come to: then it is over. */
static bool is_answered(struct node *node, struct job *job,
                        const struct submission_facts *facts,
                        const struct word *word)
{
    const struct root *root = facts->root;
    const struct finish_told told = {
        .call = word->told,
        .context = word->context,
        .since_ns = word->since_ns,
        .is_new = true,
    };
    struct arena arena = {0};
    if (!root || facts->terms.has_from || job->facts.wake_ms > clock_wall_ms())
        return false;
    struct root_answer *answers =
        arena_array(&arena, root->output_count, sizeof *answers);
    const bool is_known = root_answered(node->store, root, answers);
    if (is_known) {
        const uint32_t count = root->output_count;
        uint64_t saved = 0;
        const bool succeeded =
            outcome_of_root(node, job, root, answers, parcel_now(node)->batch);
        for (uint32_t index = 0; index < count; index++)
            if (!answers[index].is_upstream)
                saved += answers[index].entry.run_ns;
        pthread_mutex_lock(&node->lock);
        job->facts.counts = (struct schedule_counts){
            .total = root->task_count,
            .wanted = count,
            .done = count,
            .hits = count,
        };
        job->facts.started_ms = job->facts.submitted_ms;
        job->facts.cost.saved_ns = saved;
        node->stats.tasks_hit += count;
        node->stats.saved_ns += saved;
        pthread_mutex_unlock(&node->lock);
        finish_now(node, job, succeeded ? JOB_SUCCEEDED : JOB_FAILED, NULL,
                   &told);
    }
    arena_deinit(&arena);
    return is_known;
}

/* While there is room: what the gate has loaded need not be loaded again when
 * its turn comes. */
static void keep_submission(struct node *node, struct job *job,
                            struct word *word)
{
    enum { KEPT_TASKS = 1 << 16, EACH = 32 /* a job without tasks */ };
    const struct workflow *workflow =
        submission_facts(word->submission)->workflow;
    const uint32_t weight = EACH + (workflow ? workflow->count : 0);
    if (!ranked_is_in(&job->turn) || node->kept_tasks + weight > KEPT_TASKS)
        return;
    job->submission = word->submission;
    job->kept_tasks = weight;
    node->kept_tasks += weight;
    word->submission = NULL;
}

static void take_in(struct node *node, struct word *word,
                    const struct submission_facts *from)
{
    struct job_facts facts;
    Cid container;
    fill_facts(from, &facts);
    struct job *job = jobs_add(node, &facts);
    job->share->weight = from->weight ? from->weight : 1;
    cid_from_hash(CODEC_RAW, &facts.container, &container);
    store_batch_block(parcel_now(node)->batch, &container, from->container);
    tell_submitted(node, job, &from->terms);
    if (is_answered(node, job, from, word))
        return;
    parcel_add(parcel_now(node), &(struct parcel_entry){
                                     .job = job,
                                     .told = word->told,
                                     .context = word->context,
                                     .since_ns = word->since_ns,
                                     .is_new = true,
                                 });
    job_enqueue(node, job);
    keep_submission(node, job, word);
}

void intake_submit(struct node *node, struct word *word)
{
    const struct submission_facts *facts = submission_facts(word->submission);
    struct node_answer full = {.status = STATUS_BUSY, .job = facts->id};
    struct job *job = jobs_find(node, &facts->id);
    if (job) {
        answer_known(node, job, word);
    } else if (is_in_store(node, &facts->id, word)) {
        // Told.
    } else if (!facts->workflow && !facts->root) {
        // The gate looks at no tasks of a job that is here; now it is not.
        answer_refused(word->told, word->context, STATUS_BUSY,
                       "the job was forgotten this moment: try again",
                       &facts->id);
    } else if (intake_has_room(node, &facts->lane, &full) != STATUS_OK) {
        pthread_mutex_lock(&node->lock);
        node->stats.jobs_refused++;
        pthread_mutex_unlock(&node->lock);
        answer(word->told, word->context, &full);
    } else {
        take_in(node, word, facts);
    }
    submission_free(word->submission);
    word->submission = NULL;
}
