/* SPDX-License-Identifier: Apache-2.0 */
/* active.c - the run of a job, from its turn to its end.
 *
 *     active_start ─▶ run_begin ─▶ run_step … ─▶ over
 *                                     │           ├─ the job is over
 *                        active_stop ─┘           ├─ suspended, or queued
 *                                                 └─ dropped: its writes
 *                                                    were lost */
#include <stdlib.h>

#include "base/clock.h"
#include "node/fresh.h"
#include "node/state.h"
#include "run/root.h"

enum { ACTIONS = 64 /* between two looks at others */ };

/* --- Starting ------------------------------------------------------------ */

static Status restore(struct node *node, const struct job *job,
                      struct submission **out, struct error *err)
{
    struct block *container;
    Cid cid;
    cid_from_hash(CODEC_RAW, &job->facts.container, &cid);
    Status status = store_get(node->store, &cid, &container, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, STATUS_CORRUPT,
                    "the invocation of the job is not in the store any more");
    TRY(status);
    status = gate_restore(node->gate, block_bytes(container), out, err);
    block_unref(container);
    return status;
}

static Status load(struct node *node, const struct job *job,
                   struct submission *submission, struct active *active,
                   struct error *err)
{
    Cid cid;
    active->workflow = submission_take_workflow(submission);
    active->authorised = submission_take_authorised(submission);
    cid_from_hash(CODEC_DAG_CBOR, &job->facts.workflow, &cid);
    if (!active->workflow)
        TRY(workflow_load(node->store, &cid, &active->workflow, err));
    return fresh_tasks(node, job, &submission_facts(submission)->terms,
                       active->workflow, &active->fresh, err);
}

/* As a time of the monotonic clock; 0: never, which so much is. */
static uint64_t after_ms(uint64_t start_ns, uint64_t ms)
{
    const uint64_t most_ms = ((uint64_t)INT64_MAX - start_ns) / 1000000;
    return ms < most_ms ? start_ns + ms * 1000000 + 1 : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static Status begin(struct active *active, struct error *err)
{
    struct node *node = active->node;
    const struct job *job = active->job;
    const struct job_facts *facts = &job->facts;
    const uint64_t fuel = facts->limits.fuel;
    const uint64_t used = facts->cost.fuel;
    const uint64_t fuel_left = fuel > used ? fuel - used : fuel > 0;
    struct quota_totals quota;
    quota_left(node->quotas, facts->quota, &quota);
    active->fuel_max = least(fuel_left, quota.fuel);
    const struct run_options options = {
        .event = told_event,
        .context = active,
        .metered = fuel > 0 || quota.fuel > 0,
        .is_rooted = true, // The job's row keeps it.
        .lane = subject_lane(node, job->share),
        .priority = facts->priority,
        .memory_default =
            least(node->config.task_memory, facts->limits.memory),
        .memory_max =
            least(node->config.task_memory_max, facts->limits.memory),
        .time_ms_max =
            least(least(node->config.task_time_ms_max, facts->limits.time_ms),
                  quota.time_ms),
        .fuel_max = active->fuel_max,
        .memory_total = facts->limits.memory,
        .fresh = active->fresh,
        .authorise = told_authorise,
        .sends = told_sends,
        .kept = told_kept,
        .woken = active_woken,
    };
    active->tasks = heap_array(active->workflow->count, sizeof *active->tasks);
    return run_begin(node->executor, node->modules, active->workflow, &options,
                     &active->run, err);
}

static void active_free(struct active *active)
{
    workflow_free(active->workflow);
    authorised_free(active->authorised);
    free(active->fresh);
    free(active->tasks);
    free(active->untold);
    free(active->later);
    free(active);
}

/* What cannot even begin. */
static void fail_to_start(struct node *node, struct job *job, Status status,
                          const struct error *err)
{
    const bool is_host = status == STATUS_IO || status == STATUS_HOST ||
                         status == STATUS_FULL || status == STATUS_BUSY;
    if (is_host && finish_retries(node, job, err->message)) {
        parcel_add(parcel_now(node), &(struct parcel_entry){.job = job});
        job_enqueue(node, job);
    } else {
        finish_now(node, job, JOB_FAILED, err->message, NULL);
    }
}

static void tell_started(struct node *node, struct job *job,
                         const struct active *active)
{
    struct event_draft draft = {.count = 0};
    struct job_facts *facts = &job->facts;
    pthread_mutex_lock(&node->lock);
    facts->wake_ms = 0;
    if (facts->started_ms == 0)
        facts->started_ms = clock_wall_ms();
    facts->counts.total = active->workflow->count;
    pthread_mutex_unlock(&node->lock);
    event_put(&draft, TEXT("tasks"), value_uint(active->workflow->count));
    event_put(&draft, TEXT("attempt"), value_uint(facts->attempt));
    if (facts->trace.len)
        event_put(&draft, TEXT("trace"), value_text(facts->trace));
    event_tell(node, job, TEXT("started"), &draft);
}

void active_start(struct node *node, struct job *job)
{
    struct submission *submission = job_take_submission(node, job);
    struct active *active = HEAP_NEW(struct active);
    struct error err = {0};
    Status status = STATUS_OK;
    active->node = node;
    active->job = job;
    active->timer.owner = active;
    if (!submission)
        status = restore(node, job, &submission, &err);
    if (status == STATUS_OK)
        status = load(node, job, submission, active, &err);
    if (status == STATUS_OK)
        status = begin(active, &err);
    submission_free(submission);
    if (status != STATUS_OK) {
        active_free(active);
        fail_to_start(node, job, status, &err);
        return;
    }
    if (job->facts.name.len == 0 && active->workflow->name.len > 0)
        job_set_text(node, &job->facts.name, active->workflow->name);
    job->active = active;
    job->share->active++;
    node->active++;
    active->start_ns = clock_monotonic_ns();
    const struct job_facts *facts = &job->facts;
    if (facts->limits.time_ms > 0) {
        const uint64_t left = facts->limits.time_ms > facts->ran_ms
                                  ? facts->limits.time_ms - facts->ran_ms
                                  : 0;
        active->limit_ns = after_ms(active->start_ns, left);
    }
    job_set_state(node, job, JOB_RUNNING);
    job_set_timer(node, job);
    tell_started(node, job, active);
    active_flush_later(active);
    active_set_timer(active);
    loop_make_runnable(node, active);
}

/* --- The end ------------------------------------------------------------- */

/* Off its job; it stays until its batches are durable. */
static void detach(struct active *active)
{
    struct node *node = active->node;
    struct job *job = active->job;
    run_free(active->run);
    active->run = NULL;
    ranking_remove(&node->timers, &active->timer);
    job->active = NULL;
    job->share->active--;
    node->active--;
    *node->fading_end = active;
    node->fading_end = &active->next_fading;
}

void actives_fade(struct node *node)
{
    struct active *active;
    while ((active = node->fading)) {
        pthread_mutex_lock(&node->lock);
        const bool is_done = active->batches_done == active->batches_sent;
        pthread_mutex_unlock(&node->lock);
        if (!is_done || active->is_runnable)
            return;
        node->fading = active->next_fading;
        if (!node->fading)
            node->fading_end = &node->fading;
        active_free(active);
    }
}

/* Gives the run's last batch to the store; who asked is told when it is kept.
 */
static void send_last(struct active *active)
{
    struct node *node = active->node;
    struct parcel *parcel = parcel_new(node);
    struct told *told = active->tolds;
    // Who was told nothing stands for the batch.
    do {
        parcel_add(parcel,
                   &(struct parcel_entry){
                       .job = active->job,
                       .told = told ? told->call : NULL,
                       .context = told ? told->context : NULL,
                       .is_final = active->is_final && parcel->count == 0,
                   });
        struct told *next = told ? told->next : NULL;
        free(told);
        told = next;
    } while (told);
    active->tolds = NULL;
    active->is_ending = true;
    flight_begin(node);
    run_end(active->run, parcel_done, parcel);
    detach(active);
}

/* The first wanted task that is to blame, in words. */
static bool find_failure(const struct active *active, char *out, size_t room)
{
    const struct workflow *workflow = active->workflow;
    bool is_hosts = false;
    out[0] = '\0';
    for (uint32_t index = 0; index < workflow->output_count; index++) {
        const uint32_t output = workflow->outputs[index];
        struct run_task_report report;
        run_report(active->run, output, &report);
        if (report.state.out == OUT_OK)
            continue;
        uint32_t task = output;
        if (report.state.by == BY_BLOCKING &&
            report.state.cause != TASK_OUTSIDE) {
            task = report.state.cause;
            run_report(active->run, task, &report);
        }
        const bool is_end = report.state.out == OUT_END;
        is_hosts = is_hosts || (is_end && end_is_retried(report.state.end));
        const Text end =
            is_end ? end_sentence(report.state.end) : TEXT("it gave an error");
        if (!out[0])
            snprintf(out, room, "%.*s: %.*s%s%.300s",
                     TEXT_ARG(workflow->tasks[task].label), TEXT_ARG(end),
                     report.message[0] ? ": " : "", report.message);
    }
    return is_hosts;
}

static void end_job(struct active *active)
{
    struct node *node = active->node;
    struct job *job = active->job;
    char message[600] = "";
    JobState state = JOB_SUCCEEDED;
    const Did *by = NULL;
    if (active->mode == ACTIVE_CANCELS) {
        state = JOB_CANCELLED;
        by = &active->by;
    } else if (active->mode == ACTIVE_FAILS) {
        state = JOB_FAILED;
        snprintf(message, sizeof message, "%s", active->why);
    } else if (!run_succeeded(active->run)) {
        state = JOB_FAILED;
        const bool is_hosts = find_failure(active, message, sizeof message);
        if (is_hosts && finish_retries(node, job, message)) {
            send_last(active);
            job_enqueue(node, job);
            return;
        }
    }
    if (state == JOB_SUCCEEDED) // The next one like it is answered at once.
        root_put(node->store, active->workflow);
    active->is_final = true;
    finish_job(node, job, state, message, by);
    send_last(active);
}

static void refuse_tolds(struct active *active)
{
    struct told *next;
    for (struct told *told = active->tolds; told; told = next) {
        next = told->next;
        answer_refused(told->call, told->context, STATUS_BUSY,
                       "the job's last change could not be written: try "
                       "again soon",
                       &active->job->facts.id);
        free(told);
    }
    active->tolds = NULL;
}

static void active_over(struct active *active)
{
    struct node *node = active->node;
    struct job *job = active->job;
    if (active->mode == ACTIVE_SUSPENDS)
        told_rest(active);
    told_untold(active);
    told_unpaid(active);
    pthread_mutex_lock(&node->lock);
    job->facts.ran_ms += (clock_monotonic_ns() - active->start_ns) / 1000000U;
    run_counts(active->run, &job->facts.counts);
    pthread_mutex_unlock(&node->lock);
    if (active->mode == ACTIVE_DROPS) {
        refuse_tolds(active);
        detach(active);
        recover_lost(node, job);
    } else if (active->mode == ACTIVE_SUSPENDS) {
        send_last(active);
        if (job->state == JOB_QUEUED)
            job_enqueue(node, job);
    } else {
        end_job(active);
    }
}

/* --- Going on ------------------------------------------------------------ */

void active_woken(void *context)
{
    struct active *active = context;
    loop_make_runnable(active->node, active);
}

void active_set_timer(struct active *active)
{
    uint64_t when = least(active->step_ns, active->flush_ns);
    when = least(when, active->limit_ns);
    if (when == 0) {
        ranking_remove(&active->node->timers, &active->timer);
        return;
    }
    active->timer.key = (int64_t)when;
    active->timer.order = ++active->node->order;
    ranking_put(&active->node->timers, &active->timer);
}

void active_flush_later(struct active *active)
{
    const uint64_t share = 1 + active->node->active / FLUSH_RUNS;
    if (active->flush_ns != 0)
        return;
    active->flush_ns = clock_monotonic_ns() + share * FLUSH_NS;
    active_set_timer(active);
}

/* What is waiting becomes durable, if it has waited for long. */
static void flush(struct active *active, uint64_t now)
{
    size_t bytes;
    if (active->flush_ns == 0 || now < active->flush_ns)
        return;
    active->flush_ns = 0;
    told_untold(active);
    if (!journal_is_waiting(active->node, active->job, &bytes))
        return;
    active->is_sending = true;
    run_send(active->run);
    active->is_sending = false;
}

void active_step(struct active *active)
{
    uint64_t now = clock_monotonic_ns();
    if (!active->run)
        return; // It is fading.
    if (active->limit_ns && now >= active->limit_ns)
        active_stop(active, ACTIVE_FAILS,
                    "limit/time: the job took longer than it may");
    flush(active, now);
    if (active->later_count > 0)
        told_later(active);
    switch (run_step(active->run, ACTIONS, &active->step_ns)) {
    case RUN_GOES_ON:
        loop_make_runnable(active->node, active);
        break;
    case RUN_WAITS:
        if (told_unwanted(active) && active->later_count > 0)
            loop_make_runnable(active->node, active);
        active_set_timer(active);
        break;
    case RUN_OVER:
        active_over(active);
        break;
    }
}

void active_stop(struct active *active, ActiveMode mode, const char *why)
{
    const ActiveMode was = active->mode;
    if (was >= mode)
        return;
    active->mode = mode;
    active->why = why;
    active->limit_ns = 0;
    if (mode == ACTIVE_DROPS)
        run_suspend(active->run, true);
    else if (mode != ACTIVE_SUSPENDS)
        run_cancel(active->run);
    told_later(active); // Nobody waits to be let through any more.
    loop_make_runnable(active->node, active);
}
