/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - what happens, as it happens (Server-Sent Events, WHATWG HTML):
 *
 *     id: 17
 *     event: task/finished
 *     data: {"at":…,"kind":"task/finished","seq":17,…}
 *
 * A watcher is a suspended connection: no thread, and no buffer while nothing
 * happens. The node wakes it; every HEARTBEAT_MS a comment finds out whether it
 * is still there, and the gate is asked whether it still may be: if not the
 * stream ends, and who has a new token goes on where it ended. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "http/admit.h"
#include "http/jobs.h"
#include "http/server.h"
#include "http/url.h"
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"

enum {
    HEARTBEAT_MS = 15000,
    FILL_BYTES = 24 << 10,      /* events are made until there is so much */
    FILL_MAX = 1 << 20,         /* of which the last one may be long */
    NEWS_EVERY_MS = 100,        /* of all jobs: at most so often */
    JOB_EVENTS_AT_ONCE = 20000, /* as one list; `last` says where to go on */
};

struct watching {
    struct request *request;
    struct node_watch *watch;
    Hash job;
    bool of_all;
    bool is_over; /* nothing comes any more */
    atomic_bool has_news;
    uint64_t after;
    uint64_t told_ns;  /* when something was last sent */
    uint64_t asked_ns; /* when the gate was last asked */
    struct buffer out;
    size_t taken; /* of `out` */
};

static void wake(void *context)
{
    request_wake(context);
}

static void forget(void *state)
{
    struct watching *watching = state;
    if (watching->watch)
        node_unwatch(watching->watch);
    server_watches(watching->request->http, -1);
    buffer_deinit(&watching->out);
    free(watching);
}

/* --- Events as text ------------------------------------------------------ */

static void add_event(struct buffer *out, uint64_t seq, Text kind,
                      const Value *event)
{
    buffer_format(out,
                  "id: %llu\nevent: %.*s\ndata: ", (unsigned long long)seq,
                  TEXT_ARG(kind));
    IGNORE(dag_json_encode(event, out, NULL)); // Fails with `out`, if at all.
    buffer_add_text(out, TEXT("\n\n"));
}

static bool take_event(void *context, uint64_t seq, Bytes event)
{
    struct watching *watching = context;
    struct arena arena = {0};
    Value value;
    if (dag_cbor_decode(event, &arena, &value, NULL) == STATUS_OK) {
        const Value *kind = value_get(&value, TEXT("kind"));
        add_event(&watching->out, seq, kind ? kind->text : TEXT("event"),
                  &value);
    }
    arena_deinit(&arena);
    watching->after = seq;
    return watching->out.len < FILL_BYTES;
}

/* How many jobs are in each state: whoever shows a list asks for it anew. */
static void add_news(struct watching *watching)
{
    struct node_stats stats;
    struct arena arena = {0};
    struct value_entry entries[JOB_STATES];
    node_stats(watching->request->node, &stats);
    for (int state = 0; state < JOB_STATES; state++)
        entries[state] = (struct value_entry){job_state_name((JobState)state),
                                              value_uint(stats.jobs[state])};
    const Value counts = value_map(&arena, entries, JOB_STATES);
    const Value news = value_map1(&arena, TEXT("jobs"), counts);
    add_event(&watching->out, ++watching->after, TEXT("jobs"), &news);
    arena_deinit(&arena);
}

static Status fill(struct watching *watching, struct error *err)
{
    bool is_over = false;
    uint64_t last = watching->after;
    buffer_init(&watching->out, FILL_MAX);
    watching->taken = 0;
    if (watching->of_all) {
        add_news(watching);
        return STATUS_OK;
    }
    const Status status =
        node_events(watching->request->node, &watching->job, watching->after,
                    take_event, watching, &last, &is_over, err);
    watching->is_over = is_over;
    return status;
}

/* --- A stream ------------------------------------------------------------ */

static long give(struct watching *watching, void *out, size_t max)
{
    struct buffer *buffer = &watching->out;
    size_t len = buffer->len - watching->taken;
    if (len > max)
        len = max;
    memcpy(out, buffer->data + watching->taken, len);
    watching->taken += len;
    if (watching->taken == buffer->len)
        buffer_deinit(buffer); // Who waits has none.
    watching->told_ns = clock_monotonic_ns();
    return (long)len;
}

static long heartbeat(struct watching *watching, void *out)
{
    static const char comment[] = ": \n\n";
    memcpy(out, comment, sizeof comment - 1);
    watching->told_ns = clock_monotonic_ns();
    return (long)sizeof comment - 1;
}

/* The gate is asked again now and then: a token expires, a session ends. */
static bool is_over_for_him(struct watching *watching)
{
    const uint64_t now = clock_monotonic_ns();
    if (server_stops(watching->request->http))
        return true;
    if (now - watching->asked_ns < HEARTBEAT_MS * 1000000ULL)
        return false;
    watching->asked_ns = now;
    return !admit_still(watching->request);
}

/* Nothing for now, or too soon after the last. */
static long rest(struct watching *watching, uint64_t until_ms)
{
    const uint64_t since_ms =
        (clock_monotonic_ns() - watching->told_ns) / 1000000;
    request_wait_as(watching->request, NULL,
                    until_ms > since_ms ? until_ms - since_ms : 1);
    return PULL_WAITS;
}

static bool is_due(const struct watching *watching, uint64_t after_ms)
{
    return (clock_monotonic_ns() - watching->told_ns) / 1000000 >= after_ms;
}

static long pull_events(struct request *request, uint64_t at, void *out,
                        size_t max)
{
    struct watching *watching = request->state;
    (void)at;
    if (watching->out.len > 0)
        return give(watching, out, max);
    if (watching->is_over || is_over_for_him(watching))
        return PULL_END;
    if (fill(watching, NULL) != STATUS_OK)
        return PULL_BROKEN;
    if (watching->out.len > 0)
        return give(watching, out, max);
    if (watching->is_over)
        return PULL_END;
    if (is_due(watching, HEARTBEAT_MS))
        return heartbeat(watching, out);
    return rest(watching, HEARTBEAT_MS);
}

/* Woken by the clock, there is no news: then it is a heartbeat. */
static long pull_news(struct request *request, uint64_t at, void *out,
                      size_t max)
{
    struct watching *watching = request->state;
    (void)at;
    if (watching->out.len > 0)
        return give(watching, out, max);
    if (is_over_for_him(watching))
        return PULL_END;
    if (!is_due(watching, NEWS_EVERY_MS) && watching->after > 0)
        return rest(watching, NEWS_EVERY_MS);
    if (atomic_exchange(&watching->has_news, false)) {
        IGNORE(fill(watching, NULL)); // Reads no store.
        return give(watching, out, max);
    }
    if (is_due(watching, HEARTBEAT_MS))
        return heartbeat(watching, out);
    return rest(watching, HEARTBEAT_MS);
}

/* --- All at once --------------------------------------------------------- */

struct collecting {
    struct arena *arena;
    Value *items;
    size_t count, room;
};

static bool collect(void *context, uint64_t seq, Bytes event)
{
    struct collecting *all = context;
    (void)seq;
    if (all->count == all->room) {
        const size_t room = all->room ? all->room * 2 : 64;
        Value *items = arena_array(all->arena, room, sizeof *items);
        if (all->count > 0)
            memcpy(items, all->items, all->count * sizeof *items);
        all->items = items;
        all->room = room;
    }
    event = arena_copy_bytes(all->arena, event);
    if (dag_cbor_decode(event, all->arena, &all->items[all->count], NULL) ==
        STATUS_OK)
        all->count++;
    return all->count < JOB_EVENTS_AT_ONCE;
}

static RequestStep respond_all(struct watching *watching)
{
    struct request *request = watching->request;
    struct collecting all = {.arena = &request->arena};
    struct error err = {0};
    bool is_over = false;
    uint64_t last = watching->after;
    const Status status =
        node_events(request->node, &watching->job, watching->after, collect,
                    &all, &last, &is_over, &err);
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    const struct value_entry entries[] = {
        {TEXT("events"), value_list(all.items, all.count)},
        {TEXT("last"), value_uint(last)},
        {TEXT("over"), value_bool(is_over)},
    };
    const Value value = value_map(&request->arena, entries, 3);
    return respond_value(request, 200, &value);
}

/* --- Begin --------------------------------------------------------------- */

static struct watching *watching_new(struct request *request)
{
    struct watching *watching = HEAP_NEW(struct watching);
    watching->request = request;
    watching->told_ns = watching->asked_ns = clock_monotonic_ns();
    request->state = watching;
    request->forget = forget;
    server_watches(request->http, 1);
    return watching;
}

/* False: it has answered. */
static bool read_after(struct request *request, uint64_t *after)
{
    const Text last = request_header(request, "Last-Event-ID");
    if (last.len == 0)
        return request_query_number(request, "after", INT64_MAX, after);
    if (number_read(last, INT64_MAX, after))
        return true;
    respond_problem(request, 400, "bad-event-id",
                    "Last-Event-ID is the number of an event");
    return false;
}

static bool wants_json(struct request *request)
{
    Text format;
    if (request_query(request, "format", &format))
        return text_equal(format, TEXT("json"));
    const Text accept = request_header(request, "Accept");
    return accept_quality(accept, TEXT("application/json")) >
           accept_quality(accept, TEXT("text/event-stream"));
}

RequestStep events_of_job(struct request *request)
{
    struct error err = {0};
    uint64_t after = 0;
    Hash job;
    Did subject;
    if (!request_job(request, &job) || !read_after(request, &after))
        return REQUEST_DONE;
    Status status = node_job_subject(request->node, &job, &subject, &err);
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "job-not-found",
                               "this node has no such job");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    struct watching *watching = watching_new(request);
    watching->job = job;
    watching->after = after;
    if (wants_json(request))
        return respond_all(watching);
    // First the watch, then the look: nothing falls between them.
    watching->watch = node_watch(request->node, &job, wake, request);
    return respond_stream(request, pull_events);
}

static void wake_with_news(void *context)
{
    struct watching *watching = context;
    atomic_store(&watching->has_news, true);
    request_wake(watching->request);
}

RequestStep events_of_all(struct request *request)
{
    struct watching *watching = watching_new(request);
    watching->of_all = true;
    atomic_store(&watching->has_news, true); // How it is now.
    watching->watch =
        node_watch(request->node, NULL, wake_with_news, watching);
    return respond_stream(request, pull_news);
}
