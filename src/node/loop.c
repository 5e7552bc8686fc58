/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - the node's thread. A turn:
 *
 *     words ─▶ timers ─▶ one batch for all that they changed ─▶ jobs start
 *       ▲                                                             │
 *       └── wait for workers, words, timers ◀── runs take steps ◀─────┘
 */
#include <stdlib.h>

#include "base/clock.h"
#include "node/state.h"

enum {
    WAIT_MAX_MS = 1000, /* so late a jump of the wall's clock is seen */
    QUOTA_AGAIN_MS = 100,
    ASKED_MAX = 4096, /* jobs, when a task of a quota is over */
    STARTS_MAX = 64,  /* in one turn */
    WORDS_MAX = 1024,
};

/* --- Words --------------------------------------------------------------- */

void loop_post(struct node *node, struct word *word)
{
    word->next = NULL;
    pthread_mutex_lock(&node->mail_lock);
    const bool was_empty = !node->mail;
    *node->mail_end = word;
    node->mail_end = &word->next;
    pthread_mutex_unlock(&node->mail_lock);
    if (was_empty)
        executor_wake(node->executor);
}

/* At most so many, so that others get their turn. */
static struct word *take_words(struct node *node)
{
    pthread_mutex_lock(&node->mail_lock);
    struct word *first = node->mail, **end = &first;
    for (unsigned count = 0; *end && count < WORDS_MAX; count++)
        end = &(*end)->next;
    node->mail = *end;
    if (!node->mail)
        node->mail_end = &node->mail;
    *end = NULL;
    pthread_mutex_unlock(&node->mail_lock);
    return first;
}

static bool has_words(struct node *node)
{
    pthread_mutex_lock(&node->mail_lock);
    const bool has = node->mail != NULL;
    pthread_mutex_unlock(&node->mail_lock);
    return has;
}

static void hear_of(struct node *node, const struct word *word)
{
    struct job *job = word->job;
    pthread_mutex_lock(&node->lock);
    job->words--;
    pthread_mutex_unlock(&node->lock);
    if (word->kind == WORD_LOST)
        recover_lost(node, job);
    job_let_go(node, job);
}

static void hear(struct node *node, struct word *word)
{
    switch (word->kind) {
    case WORD_SUBMIT:
        intake_submit(node, word);
        break;
    case WORD_CONTROL:
        control_verb(node, word);
        break;
    case WORD_OVER:
    case WORD_LOST:
        hear_of(node, word);
        break;
    }
    free(word);
}

static void hear_all(struct node *node)
{
    struct word *next;
    for (struct word *word = take_words(node); word; word = next) {
        next = word->next;
        hear(node, word);
    }
}

/* --- Timers -------------------------------------------------------------- */

static void job_is_due(struct node *node, struct job *job, int64_t now_ms)
{
    static const char too_late[] = "limit/time: its deadline has passed";
    const struct job_facts *facts = &job->facts;
    const bool is_late = facts->deadline_ms && facts->deadline_ms <= now_ms;
    ranking_remove(&node->wall, &job->timer);
    if (is_late && job->active)
        active_stop(job->active, ACTIVE_FAILS, too_late);
    else if (is_late)
        finish_now(node, job, JOB_FAILED, too_late, NULL);
    else if (job->state == JOB_QUEUED && !job->active)
        job_enqueue(node, job);
}

static void timers_fire(struct node *node)
{
    struct ranked *first;
    const int64_t now_ms = clock_wall_ms();
    while ((first = ranking_first(&node->wall)) && first->key <= now_ms)
        job_is_due(node, first->owner, now_ms);
    const int64_t now_ns = (int64_t)clock_monotonic_ns();
    while ((first = ranking_first(&node->timers)) && first->key <= now_ns) {
        struct active *active = first->owner;
        ranking_remove(&node->timers, first);
        loop_make_runnable(node, active);
    }
    if (node->lost && now_ns >= (int64_t)node->lost_ns)
        recover_all_lost(node);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int wait_ms(struct node *node)
{
    const uint64_t now = clock_monotonic_ns();
    uint64_t wait = (uint64_t)WAIT_MAX_MS * 1000000;
    const struct ranked *first = ranking_first(&node->timers);
    if (node->runnable || has_words(node))
        return 0;
    if (first)
        wait = sooner(
            wait, (uint64_t)first->key > now ? (uint64_t)first->key - now : 0);
    first = ranking_first(&node->wall);
    if (first) {
        const int64_t left_ms = first->key - clock_wall_ms();
        if (left_ms < WAIT_MAX_MS)
            wait = sooner(wait, left_ms > 0 ? (uint64_t)left_ms * 1000000 : 0);
    }
    if (node->lost)
        wait = sooner(wait, node->lost_ns > now ? node->lost_ns - now : 0);
    if (node->has_later)
        wait = sooner(wait, (uint64_t)QUOTA_AGAIN_MS * 1000000);
    return (int)((wait + 999999) / 1000000);
}

/* --- Runs ---------------------------------------------------------------- */

void loop_make_runnable(struct node *node, struct active *active)
{
    if (active->is_runnable)
        return;
    active->is_runnable = true;
    active->next = NULL;
    *node->runnable_end = active;
    node->runnable_end = &active->next;
}

static void start_jobs(struct node *node)
{
    struct job *job;
    for (unsigned count = 0; count < STARTS_MAX && (job = jobs_next(node));
         count++)
        active_start(node, job);
}

/* One turn for each that has something to do now. */
static void step_runs(struct node *node)
{
    struct active *list = node->runnable, *next;
    node->runnable = NULL;
    node->runnable_end = &node->runnable;
    for (struct active *active = list; active; active = next) {
        next = active->next;
        active->is_runnable = false;
        active_step(active);
    }
}

/* Some wait until others of their quota are over. */
static void ask_quotas(struct node *node)
{
    const struct map_entry *entry;
    size_t cursor = 0;
    const uint64_t now = clock_monotonic_ns();
    // Among very many jobs they are looked for now and then only.
    const bool is_freed = node->quota_freed && node->jobs.count <= ASKED_MAX;
    if (!node->has_later || (!is_freed && now < node->later_ns))
        return;
    node->quota_freed = node->has_later = false;
    node->later_ns = now + (uint64_t)QUOTA_AGAIN_MS * 1000000;
    while ((entry = map_next(&node->jobs, &cursor))) {
        const struct job *job = (const void *)(uintptr_t)entry->value;
        if (job->active && job->active->later_count > 0) {
            told_later(job->active);
            node->has_later |= job->active->later_count > 0;
        }
    }
}

static bool turn(struct node *node)
{
    hear_all(node);
    timers_fire(node);
    parcel_send(node);
    if (atomic_load(&node->is_closing))
        return false;
    start_jobs(node);
    ask_quotas(node);
    step_runs(node);
    parcel_send(node);
    watch_tell_dirty(node);
    actives_fade(node);
    stats_census(node);
    atomic_store(&node->is_idle, node->active == 0 && !node->runnable);
    return true;
}

/* --- Beginning and end --------------------------------------------------- */

static void refuse_words(struct node *node)
{
    struct word *next;
    for (struct word *word = take_words(node); word; word = next) {
        next = word->next;
        if (word->kind == WORD_SUBMIT || word->kind == WORD_CONTROL)
            answer_refused(word->told, word->context, STATUS_CANCELLED,
                           "the node is closing", NULL);
        submission_free(word->submission);
        free(word);
    }
}

/* What runs is cut; its job goes on when the node is opened again. */
static void cut_runs(struct node *node)
{
    const struct map_entry *entry;
    size_t cursor = 0;
    while ((entry = map_next(&node->jobs, &cursor))) {
        const struct job *job = (const void *)(uintptr_t)entry->value;
        if (!job->active)
            continue;
        active_stop(job->active, ACTIVE_SUSPENDS, NULL);
        run_suspend(job->active->run, true);
    }
    while (node->active > 0) {
        hear_all(node);
        step_runs(node);
        parcel_send(node);
        if (node->active > 0)
            executor_poll(node->executor, node->runnable ? 0 : 10);
    }
}

void *loop_thread(void *context)
{
    struct node *node = context;
    while (turn(node))
        executor_poll(node->executor, wait_ms(node));
    cut_runs(node);
    watch_tell_dirty(node);
    parcel_send(node);
    flights_wait(node);
    // Words that came meanwhile.
    while (has_words(node))
        refuse_words(node);
    actives_fade(node);
    return NULL;
}
