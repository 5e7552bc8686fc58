/* SPDX-License-Identifier: Apache-2.0 */
/* node.c - opening and closing, and the words of other threads. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/state.h"

/* --- One node for a store ------------------------------------------------ */

static Status lock_store(struct node *node, struct error *err)
{
    const char *directory = store_directory(node->store);
    char path[4096];
    node->lock_file = -1;
    if (!*directory)
        return STATUS_OK; // In memory: nobody else's.
    snprintf(path, sizeof path, "%s/node.lock", directory);
    node->lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (node->lock_file < 0)
        return fail_errno(err, errno, "%s", path);
    if (flock(node->lock_file, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    const int why = errno;
    close(node->lock_file);
    node->lock_file = -1;
    if (why == EWOULDBLOCK)
        return fail(err, STATUS_BUSY,
                    "another node has the store %s: stop it, or use its "
                    "address",
                    directory);
    return fail_errno(err, why, "%s", path);
}

/* --- Opening ------------------------------------------------------------- */

static Status job_subject(void *context, const Hash *job, Did *out,
                          struct error *err)
{
    return node_job_subject(context, job, out, err);
}

static Status open_parts(struct node *node, struct error *err)
{
    const struct node_config *config = &node->config;
    const struct executor_options options = {
        .workers = config->workers,
        .memory_total = config->memory_total,
    };
    TRY(lock_store(node, err));
    TRY(quotas_open(node->store, &node->quotas, err));
    TRY(gate_open(node->store, node->key, &node->config, job_subject, node,
                  &node->gate, err));
    TRY(executor_open(node->store, &options, &node->executor, err));
    node->modules = modules_new(node->executor);
    return recover_jobs(node, err);
}

/* Signals are for the program's own threads, but faults are this thread's. */
bool node_start_thread(pthread_t *out, void *(*run)(void *), void *argument)
{
    sigset_t blocked, before;
    sigfillset(&blocked);
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t index = 0; index < sizeof faults / sizeof *faults; index++)
        sigdelset(&blocked, faults[index]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    const bool started = pthread_create(out, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static struct node *node_new(struct store *store, const struct secret_key *key,
                             const struct node_config *config)
{
    struct node *node = HEAP_NEW(struct node);
    node->store = store;
    node->key = key;
    node->config = *config;
    node->lock_file = -1;
    node->mail_end = &node->mail;
    node->runnable_end = &node->runnable;
    node->fading_end = &node->fading;
    node->rate = 100; // Nobody knows yet.
    node->rate_ns = clock_monotonic_ns();
    node->stats.started_ms = (uint64_t)clock_wall_ms();
    did_of(secret_key_public(key), &node->did);
    ranking_init(&node->waiting);
    ranking_init(&node->wall);
    ranking_init(&node->timers);
    pthread_mutex_init(&node->mail_lock, NULL);
    pthread_mutex_init(&node->lock, NULL);
    pthread_mutex_init(&node->watch_lock, NULL);
    pthread_cond_init(&node->landed, NULL);
    buffer_init(&node->bytes, JOURNAL_ROW_MAX);
    return node;
}

Status node_open(struct store *store, const struct secret_key *key,
                 const struct node_config *config, struct node **out,
                 struct error *err)
{
    struct node *node = node_new(store, key, config);
    Status status = open_parts(node, err);
    if (status == STATUS_OK) {
        node->has_thread = node_start_thread(&node->thread, loop_thread, node);
        if (!node->has_thread)
            status = fail(err, STATUS_HOST, "no thread could be started");
    }
    if (status != STATUS_OK) {
        node_close(node);
        return status;
    }
    idle_start(node);
    *out = node;
    return STATUS_OK;
}

void node_close(struct node *node)
{
    if (!node)
        return;
    idle_stop(node);
    atomic_store(&node->is_closing, true);
    if (node->has_thread) {
        executor_wake(node->executor);
        pthread_join(node->thread, NULL);
    }
    jobs_free(node);
    if (node->gate)
        gate_close(node->gate);
    if (node->quotas)
        quotas_close(node->quotas);
    executor_close(node->executor);
    if (node->modules)
        modules_free(node->modules);
    if (node->lock_file >= 0)
        close(node->lock_file);
    heap_deinit(&node->timers);
    map_deinit(&node->watches);
    arena_deinit(&node->scratch);
    buffer_deinit(&node->bytes);
    pthread_mutex_destroy(&node->mail_lock);
    pthread_mutex_destroy(&node->lock);
    pthread_mutex_destroy(&node->watch_lock);
    pthread_cond_destroy(&node->landed);
    free(node);
}

/* --- What it is made of -------------------------------------------------- */

struct store *node_store(const struct node *node)
{
    return node->store;
}

const Did *node_did(const struct node *node)
{
    return &node->did;
}

const struct secret_key *node_key(const struct node *node)
{
    return node->key;
}

const struct node_config *node_config(const struct node *node)
{
    return &node->config;
}

struct gate *node_gate(struct node *node)
{
    return node->gate;
}

struct quotas *node_quotas(struct node *node)
{
    return node->quotas;
}

/* --- Words --------------------------------------------------------------- */

static void post(struct node *node, struct word *word)
{
    word->since_ns = clock_monotonic_ns();
    if (!atomic_load(&node->is_closing)) {
        loop_post(node, word);
        return;
    }
    answer_refused(word->told, word->context, STATUS_CANCELLED,
                   "the node is closing", NULL);
    submission_free(word->submission);
    free(word);
}

void node_submit(struct node *node, struct submission *submission,
                 NodeTold *told, void *context)
{
    struct word *word = HEAP_NEW(struct word);
    word->kind = WORD_SUBMIT;
    word->submission = submission;
    word->told = told;
    word->context = context;
    post(node, word);
}

void node_control(struct node *node, NodeVerb verb, const Hash *job,
                  const Did *by, NodeTold *told, void *context)
{
    struct word *word = HEAP_NEW(struct word);
    word->kind = WORD_CONTROL;
    word->verb = verb;
    word->id = *job;
    if (by)
        word->by = *by;
    word->told = told;
    word->context = context;
    post(node, word);
}
