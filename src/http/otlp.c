/* SPDX-License-Identifier: Apache-2.0 */
#include "http/otlp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "http/span.h"
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "net/http_client.h"

enum {
    FOLLOWED_MAX = 20000, /* jobs at once */
    SPANS_MAX = 512,      /* of one export */
    EXPORT_BYTES_MAX = 8 << 20,
    EXPORT_EVERY_MS = 1000,
    EXPORT_TIMEOUT_MS = 5000,
};

struct followed {
    struct otlp *otlp;
    struct followed *next; /* of those with news */
    bool has_news;         /* it is among them */
    struct node_watch *watch;
    struct span_job job;
    uint64_t after;
    bool is_named;
};

struct otlp {
    struct node *node;
    char url[256];
    struct http_client *client;
    pthread_t thread;
    atomic_uint_fast64_t sent, dropped, not_followed;
    /* The thread's own. */
    struct arena arena; /* of `spans` */
    Value spans[SPANS_MAX];
    size_t span_count;
    uint64_t export_at_ns;

    pthread_mutex_t lock; /* of what is below */
    pthread_cond_t told;
    struct followed *first, **last; /* with news */
    struct map all;                 /* id to struct followed * */
    bool stops;
};

/* --- News ---------------------------------------------------------------- */

/* Under the lock. */
static void add_news(struct followed *followed)
{
    struct otlp *otlp = followed->otlp;
    if (followed->has_news)
        return;
    followed->has_news = true;
    followed->next = NULL;
    *otlp->last = followed;
    otlp->last = &followed->next;
    pthread_cond_signal(&otlp->told);
}

/* On the node's thread. */
static void woken(void *context)
{
    struct followed *followed = context;
    struct otlp *otlp = followed->otlp;
    pthread_mutex_lock(&otlp->lock);
    if (followed->watch) // Before that it is looked at anyway.
        add_news(followed);
    pthread_mutex_unlock(&otlp->lock);
}

void otlp_follow(struct otlp *otlp, const Hash *job)
{
    bool is_new;
    if (!otlp)
        return;
    struct followed *followed = HEAP_NEW(struct followed);
    followed->otlp = otlp;
    followed->job.id = *job;
    pthread_mutex_lock(&otlp->lock);
    bool may = !otlp->stops && otlp->all.count < FOLLOWED_MAX;
    if (may) {
        uint64_t *place = map_set(
            &otlp->all, bytes_of(&followed->job.id, sizeof followed->job.id),
            &is_new);
        if (is_new)
            *place = (uintptr_t)followed;
        may = is_new;
    } else {
        atomic_fetch_add(&otlp->not_followed, 1);
    }
    pthread_mutex_unlock(&otlp->lock);
    if (!may) {
        free(followed);
        return;
    }
    struct node_watch *watch = node_watch(otlp->node, job, woken, followed);
    pthread_mutex_lock(&otlp->lock);
    followed->watch = watch;
    add_news(followed); // What there is already.
    pthread_mutex_unlock(&otlp->lock);
}

/* No more is told of it. */
static void unfollow(struct followed *followed)
{
    struct otlp *otlp = followed->otlp;
    if (followed->watch)
        node_unwatch(followed->watch);
    pthread_mutex_lock(&otlp->lock);
    map_remove(&otlp->all,
               bytes_of(&followed->job.id, sizeof followed->job.id));
    // The watch may have put it there once more; only this thread takes out.
    struct followed **place = &otlp->first;
    while (*place && *place != followed)
        place = &(*place)->next;
    if (*place) {
        *place = followed->next;
        if (!*place)
            otlp->last = place;
    }
    pthread_mutex_unlock(&otlp->lock);
    free(followed);
}

/* --- Exports ------------------------------------------------------------- */

static bool send_body(struct otlp *otlp, const struct buffer *json)
{
    static const char *const headers[] = {"Content-Type: application/json",
                                          NULL};
    const struct http_client_request request = {
        .method = "POST",
        .url = otlp->url,
        .headers = headers,
        .body = buffer_bytes(json),
        .timeout_ms = EXPORT_TIMEOUT_MS,
        .body_max = 1 << 20,
    };
    struct http_client_answer answer = {0};
    const Status status =
        http_client_ask(otlp->client, &request, &answer, NULL);
    buffer_deinit(&answer.body);
    return status == STATUS_OK && answer.status >= 200 && answer.status < 300;
}

static void export_spans(struct otlp *otlp)
{
    struct buffer json;
    if (otlp->span_count == 0)
        return;
    buffer_init(&json, EXPORT_BYTES_MAX);
    const Value body =
        span_export(&otlp->arena, text_of(node_did(otlp->node)->text),
                    otlp->spans, otlp->span_count);
    const bool is_sent = dag_json_encode(&body, &json, NULL) == STATUS_OK &&
                         send_body(otlp, &json);
    atomic_fetch_add(is_sent ? &otlp->sent : &otlp->dropped, otlp->span_count);
    buffer_deinit(&json);
    otlp->span_count = 0;
    arena_reset(&otlp->arena);
}

static bool take_event(void *context, uint64_t seq, Bytes bytes)
{
    struct followed *followed = context;
    struct otlp *otlp = followed->otlp;
    struct arena arena = {0};
    Value event;
    followed->after = seq;
    if (dag_cbor_decode(bytes, &arena, &event, NULL) == STATUS_OK &&
        span_of_event(&followed->job, &event, &otlp->arena,
                      &otlp->spans[otlp->span_count]) &&
        span_is_wanted(&followed->job)) {
        if (otlp->span_count++ == 0)
            otlp->export_at_ns =
                clock_monotonic_ns() + (uint64_t)EXPORT_EVERY_MS * 1000000;
    }
    arena_deinit(&arena);
    return otlp->span_count < SPANS_MAX;
}

/* Its workflow's, if that has one. */
static void find_name(struct otlp *otlp, struct followed *followed)
{
    struct arena arena = {0};
    struct span_job *job = &followed->job;
    Value value;
    followed->is_named = true;
    if (node_job(otlp->node, &job->id, &arena, &value, NULL) == STATUS_OK) {
        const Value *name = value_get(&value, TEXT("name"));
        if (name && name->kind == VALUE_TEXT &&
            name->text.len < sizeof job->name)
            memcpy(job->name, name->text.data, name->text.len);
    }
    arena_deinit(&arena);
}

static void take_news(struct otlp *otlp, struct followed *followed)
{
    bool is_over = false, is_full = true;
    Status status = STATUS_OK;
    if (!followed->is_named)
        find_name(otlp, followed);
    while (is_full && status == STATUS_OK) {
        uint64_t last = followed->after;
        status = node_events(otlp->node, &followed->job.id, followed->after,
                             take_event, followed, &last, &is_over, NULL);
        is_full = otlp->span_count == SPANS_MAX;
        if (is_full)
            export_spans(otlp);
    }
    if (is_over || status != STATUS_OK)
        unfollow(followed);
}

/* --- The thread ---------------------------------------------------------- */

/* The next with news; NULL: it is time to export, or to stop. */
static struct followed *wait_news(struct otlp *otlp, bool *stops)
{
    pthread_mutex_lock(&otlp->lock);
    while (!otlp->first && !otlp->stops) {
        const uint64_t at_ns = otlp->export_at_ns;
        const struct timespec until = {
            .tv_sec = (time_t)(at_ns / 1000000000),
            .tv_nsec = (long)(at_ns % 1000000000),
        };
        if (otlp->span_count == 0)
            pthread_cond_wait(&otlp->told, &otlp->lock);
        else if (pthread_cond_timedwait(&otlp->told, &otlp->lock, &until) != 0)
            break;
    }
    struct followed *followed = otlp->first;
    if (followed) {
        otlp->first = followed->next;
        if (!otlp->first)
            otlp->last = &otlp->first;
        followed->has_news = false;
    }
    *stops = otlp->stops;
    pthread_mutex_unlock(&otlp->lock);
    return followed;
}

static bool follow_open(void *context, const Value *job,
                        const struct job_place *place)
{
    (void)job;
    otlp_follow(context, &place->id);
    return true;
}

static void *serve(void *context)
{
    struct otlp *otlp = context;
    const struct node_filter open = {
        .states = 1U << JOB_QUEUED | 1U << JOB_RUNNING | 1U << JOB_SUSPENDED,
        .count_max = 1000,
    };
    struct followed *followed;
    bool stops = false;
    // Those that cannot be listed are not traced; the node goes on.
    IGNORE(node_jobs(otlp->node, &open, follow_open, otlp, NULL));
    do {
        followed = wait_news(otlp, &stops);
        if (followed)
            take_news(otlp, followed);
        if (otlp->span_count > 0 && clock_monotonic_ns() >= otlp->export_at_ns)
            export_spans(otlp);
    } while (followed || !stops);
    export_spans(otlp);
    return NULL;
}

struct otlp *otlp_open(struct node *node, const char *url)
{
    struct otlp *otlp = HEAP_NEW(struct otlp);
    pthread_condattr_t attributes;
    otlp->node = node;
    otlp->last = &otlp->first;
    otlp->client = http_client_new();
    memcpy(otlp->url, url, strnlen(url, sizeof otlp->url - 1));
    pthread_mutex_init(&otlp->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&otlp->told, &attributes);
    pthread_condattr_destroy(&attributes);
    ASSERT(pthread_create(&otlp->thread, NULL, serve, otlp) == 0);
    return otlp;
}

void otlp_close(struct otlp *otlp)
{
    const struct map_entry *entry;
    size_t cursor;
    if (!otlp)
        return;
    pthread_mutex_lock(&otlp->lock);
    otlp->stops = true;
    pthread_cond_signal(&otlp->told);
    pthread_mutex_unlock(&otlp->lock);
    pthread_join(otlp->thread, NULL);
    for (cursor = 0; (entry = map_next(&otlp->all, &cursor)); cursor = 0)
        unfollow((struct followed *)(uintptr_t)entry->value);
    map_deinit(&otlp->all);
    http_client_free(otlp->client);
    arena_deinit(&otlp->arena);
    pthread_cond_destroy(&otlp->told);
    pthread_mutex_destroy(&otlp->lock);
    free(otlp);
}

void otlp_count(struct otlp *otlp, struct otlp_counts *out)
{
    *out = (struct otlp_counts){0};
    if (!otlp)
        return;
    out->sent = atomic_load(&otlp->sent);
    out->dropped = atomic_load(&otlp->dropped);
    out->not_followed = atomic_load(&otlp->not_followed);
}
