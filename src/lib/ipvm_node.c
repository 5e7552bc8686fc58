/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm_node.c - the library's door to jobs: the node of the HTTP API, in the
 * caller's process and without HTTP. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buffer.h"
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "lib/handle.h"
#include "node/node.h"
#include "ucan/keyring.h"

_Static_assert((int)IPVM_JOB_CANCELLED == (int)JOB_CANCELLED,
               "the public states are the inner ones");
_Static_assert((int)IPVM_JOB_RETRY == (int)NODE_RETRY,
               "the public verbs are the inner ones");

#define JSON_MAX ((size_t)64 << 20)

struct ipvm_node {
    struct secret_key *key;
    struct node *node;
};

/* --- Opening ------------------------------------------------------------- */

static Status own_key(const char *store, struct secret_key **out,
                      struct error *err)
{
    char path[4096 + sizeof "/keys"];
    bool is_new;
    snprintf(path, sizeof path, "%s/keys", store);
    const struct keyring ring = {.directory = path};
    return keyring_self(&ring, out, &is_new, err);
}

ipvm_status ipvm_node_open(ipvm *vm, const ipvm_node_options *options,
                           ipvm_node **out, ipvm_error *error)
{
    static const ipvm_node_options defaults;
    const ipvm_node_options *asked = options ? options : &defaults;
    struct error err = {0};
    struct node_config config;
    node_config_default(&config);
    config.workers = asked->workers;
    config.memory_total = asked->memory_total;
    if (asked->queue_max)
        config.queue_max = asked->queue_max;
    config.keep_jobs_s = asked->keep_jobs_s;
    ipvm_node *node = HEAP_NEW(ipvm_node);
    Status status = own_key(store_directory(vm->store), &node->key, &err);
    if (status == STATUS_OK)
        status = node_open(vm->store, node->key, &config, &node->node, &err);
    if (status != STATUS_OK) {
        ipvm_node_close(node);
        return lib_fail(status, &err, error);
    }
    *out = node;
    return IPVM_OK;
}

void ipvm_node_close(ipvm_node *node)
{
    if (!node)
        return;
    node_close(node->node);
    secret_key_free(node->key);
    free(node);
}

/* --- Waiting for what is told -------------------------------------------- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_told; /* guarded by `lock` */
    struct node_answer answer;
};

static void waiter_init(struct waiter *waiter)
{
    pthread_condattr_t how;
    *waiter = (struct waiter){.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_condattr_init(&how);
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter->changed, &how);
    pthread_condattr_destroy(&how);
}

static void waiter_deinit(struct waiter *waiter)
{
    pthread_cond_destroy(&waiter->changed);
    pthread_mutex_destroy(&waiter->lock);
}

static void wake(struct waiter *waiter)
{
    waiter->is_told = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

static void told(void *context, const struct node_answer *answer)
{
    struct waiter *waiter = context;
    pthread_mutex_lock(&waiter->lock);
    waiter->answer = *answer;
    wake(waiter);
}

static void woken(void *context)
{
    struct waiter *waiter = context;
    pthread_mutex_lock(&waiter->lock);
    wake(waiter);
}

/* False: it is `until` (NULL: never). */
static bool await(struct waiter *waiter, const struct timespec *until)
{
    int code = 0;
    pthread_mutex_lock(&waiter->lock);
    while (!waiter->is_told && code == 0)
        code = until ? pthread_cond_timedwait(&waiter->changed, &waiter->lock,
                                              until)
                     : pthread_cond_wait(&waiter->changed, &waiter->lock);
    bool is_told = waiter->is_told;
    waiter->is_told = false;
    pthread_mutex_unlock(&waiter->lock);
    return is_told;
}

/* --- Submitting ---------------------------------------------------------- */

static Status job_of(const char *job, Hash *out, struct error *err)
{
    Cid cid;
    TRY(cid_from_text(text_of(job), &cid, err));
    if (!job_id_of_cid(&cid, out))
        return fail(err, STATUS_INVALID, "%.100s is not the name of a job",
                    job);
    return STATUS_OK;
}

static Status submission_of(ipvm_node *node, const char *workflow,
                            const ipvm_job_options *asked,
                            struct submission **out, struct error *err)
{
    struct job_terms terms = {
        .limits = {.fuel = asked->fuel,
                   .memory = asked->memory,
                   .time_ms = asked->time_ms},
        .not_before_ms = asked->not_before_ms,
        .deadline_ms = asked->deadline_ms,
        .priority = asked->priority,
        .retry = {.count = asked->retries},
    };
    Text once = text_of(asked->once ? asked->once : "");
    TRY(cid_from_text(text_of(workflow), &terms.workflow, err));
    return gate_own_submission(node_gate(node->node), &terms, text_bytes(once),
                               out, err);
}

ipvm_status ipvm_job_submit(ipvm_node *node, const char *workflow,
                            const ipvm_job_options *options,
                            char job[IPVM_CID_MAX], ipvm_error *error)
{
    static const ipvm_job_options defaults;
    struct error err = {0};
    struct submission *submission;
    struct waiter waiter;
    Cid cid;
    Status status = submission_of(
        node, workflow, options ? options : &defaults, &submission, &err);
    if (status != STATUS_OK)
        return lib_fail(status, &err, error);
    waiter_init(&waiter);
    node_submit(node->node, submission, told, &waiter);
    await(&waiter, NULL);
    waiter_deinit(&waiter);
    if (waiter.answer.status != STATUS_OK)
        return lib_fail(waiter.answer.status, &waiter.answer.error, error);
    job_cid(&waiter.answer.job, &cid);
    cid_to_text(&cid, job);
    return IPVM_OK;
}

ipvm_status ipvm_job_control(ipvm_node *node, const char *job,
                             ipvm_job_verb verb, ipvm_error *error)
{
    struct error err = {0};
    struct waiter waiter;
    Hash id;
    Status status = job_of(job, &id, &err);
    if (status != STATUS_OK)
        return lib_fail(status, &err, error);
    waiter_init(&waiter);
    node_control(node->node, (NodeVerb)verb, &id, node_did(node->node), told,
                 &waiter);
    await(&waiter, NULL);
    waiter_deinit(&waiter);
    return lib_fail(waiter.answer.status, &waiter.answer.error, error);
}

/* --- Asking -------------------------------------------------------------- */

static Status state_of(ipvm_node *node, const Hash *job, JobState *out,
                       struct error *err)
{
    struct arena arena = {0};
    Value shown;
    Status status = node_job(node->node, job, &arena, &shown, err);
    if (status == STATUS_OK) {
        const Value *state = value_get(&shown, TEXT("state"));
        *out = state && state->kind == VALUE_TEXT
                   ? job_state_from_name(state->text)
                   : (JobState)JOB_STATES;
    }
    arena_deinit(&arena);
    if (status == STATUS_OK && (int)*out == JOB_STATES)
        return fail(err, STATUS_CORRUPT, "the job has no state");
    return status;
}

static struct timespec until_of(int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

ipvm_status ipvm_job_wait(ipvm_node *node, const char *job, int64_t timeout_ms,
                          ipvm_job_state *state, ipvm_error *error)
{
    struct error err = {0};
    struct waiter waiter;
    JobState now = JOB_QUEUED;
    Hash id;
    Status status = job_of(job, &id, &err);
    if (status != STATUS_OK)
        return lib_fail(status, &err, error);
    const struct timespec until = until_of(timeout_ms < 0 ? 0 : timeout_ms);
    bool goes_on = true;
    waiter_init(&waiter);
    // Watched before it is looked at: nothing happens unseen in between.
    struct node_watch *watch = node_watch(node->node, &id, woken, &waiter);
    do {
        status = state_of(node, &id, &now, &err);
        goes_on = status == STATUS_OK && !job_state_is_over(now) && goes_on;
        if (goes_on)
            goes_on = await(&waiter, timeout_ms < 0 ? NULL : &until);
    } while (goes_on);
    node_unwatch(watch);
    waiter_deinit(&waiter);
    if (status != STATUS_OK)
        return lib_fail(status, &err, error);
    *state = (ipvm_job_state)now;
    if (!job_state_is_over(now))
        return lib_fail(fail(&err, STATUS_BUSY, "the job is not over yet"),
                        &err, error);
    return IPVM_OK;
}

struct telling {
    ipvm_json *each;
    void *context;
    Status status; /* why it stopped */
    struct error err;
};

static bool tell(struct telling *telling, const Value *value)
{
    struct buffer json;
    bool goes_on = false;
    buffer_init(&json, JSON_MAX);
    telling->status = dag_json_encode(value, &json, &telling->err);
    if (telling->status == STATUS_OK) {
        buffer_add(&json, "", 1);
        goes_on = telling->each(telling->context,
                                (const char *)buffer_bytes(&json).data);
    }
    buffer_deinit(&json);
    return goes_on;
}

static bool tell_event(void *context, uint64_t seq, Bytes event)
{
    struct telling *telling = context;
    struct arena arena = {0};
    Value value;
    (void)seq;
    telling->status = dag_cbor_decode(event, &arena, &value, &telling->err);
    bool goes_on = telling->status == STATUS_OK && tell(telling, &value);
    arena_deinit(&arena);
    return goes_on;
}

struct page {
    struct telling *telling;
    struct job_place last;
    unsigned count;
    bool goes_on;
};

static bool tell_job(void *context, const Value *job,
                     const struct job_place *place)
{
    struct page *page = context;
    page->last = *place;
    page->count++;
    page->goes_on = tell(page->telling, job);
    return page->goes_on;
}

ipvm_status ipvm_job_show(ipvm_node *node, const char *job, ipvm_json *each,
                          void *context, ipvm_error *error)
{
    struct telling telling = {.each = each, .context = context};
    struct arena arena = {0};
    Value value;
    Hash id;
    Status status = job_of(job, &id, &telling.err);
    if (status == STATUS_OK)
        status = node_job(node->node, &id, &arena, &value, &telling.err);
    if (status == STATUS_OK) {
        tell(&telling, &value);
        status = telling.status;
    }
    arena_deinit(&arena);
    return lib_fail(status, &telling.err, error);
}

ipvm_status ipvm_job_events(ipvm_node *node, const char *job, uint64_t after,
                            ipvm_json *each, void *context, ipvm_error *error)
{
    struct telling telling = {.each = each, .context = context};
    uint64_t last;
    bool is_over;
    Hash id;
    Status status = job_of(job, &id, &telling.err);
    if (status == STATUS_OK)
        status = node_events(node->node, &id, after, tell_event, &telling,
                             &last, &is_over, &telling.err);
    if (status == STATUS_OK)
        status = telling.status;
    return lib_fail(status, &telling.err, error);
}

ipvm_status ipvm_jobs(ipvm_node *node, ipvm_json *each, void *context,
                      ipvm_error *error)
{
    struct telling telling = {.each = each, .context = context};
    struct page page = {.telling = &telling, .goes_on = true};
    struct node_filter filter = {.count_max = 1000};
    Status status = STATUS_OK;
    for (bool more = true; more && status == STATUS_OK;) {
        page.count = 0;
        status = node_jobs(node->node, &filter, tell_job, &page, &telling.err);
        more = page.goes_on && page.count == filter.count_max;
        filter.after = &page.last;
    }
    if (status == STATUS_OK)
        status = telling.status;
    return lib_fail(status, &telling.err, error);
}
