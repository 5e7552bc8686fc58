/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - what happens by itself: waits come to their end, and connections
 * that send too slowly are cut. One thread looks ten times a second, as long as
 * there is anything to look at. */
#include <sys/socket.h>

#include "base/clock.h"
#include "http/exchange.h"

/* Under the lock. */
static void waiter_remove(struct http *http, struct waiter *waiter)
{
    if (waiter->until_ns == 0)
        return;
    waiter->next->prev = waiter->prev;
    waiter->prev->next = waiter->next;
    waiter->until_ns = 0;
    http->suspended--;
}

/* Under the lock, so that no request goes away meanwhile. It takes itself out
 * of the ring when it runs. Who waits without a bound is sure to be told, and
 * by one only, who touches it last: he is left alone. */
static void wake_late(struct http *http, uint64_t now_ns)
{
    struct waiter *ring = &http->waiters;
    const bool all = atomic_load(&http->stops);
    for (struct waiter *waiter = ring->next; waiter != ring;
         waiter = waiter->next)
        if ((waiter->until_ns <= now_ns ||
             (all && waiter->until_ns != UINT64_MAX)) &&
            exchange_wakes(waiter->request))
            MHD_resume_connection(waiter->request->own->connection);
}

static bool line_is_slow(const struct connection *line, uint64_t now_ns)
{
    if (line->headers_until_ns != 0 && line->headers_until_ns < now_ns)
        return true;
    if (line->body_since_ns == 0)
        return false;
    const uint64_t ms = (now_ns - line->body_since_ns) / 1000000;
    return ms > BODY_GRACE_MS &&
           atomic_load(&line->body_bytes) < ms / 1000 * BODY_RATE_MIN;
}

/* The server sees that it was shut, and closes it. */
static void cut_slow(struct http *http, uint64_t now_ns)
{
    struct connection *ring = &http->connections;
    for (struct connection *line = ring->next; line != ring; line = line->next)
        if (!line->is_cut && line_is_slow(line, now_ns)) {
            line->is_cut = true;
            atomic_fetch_add(&http->counts.cut, 1);
            shutdown(line->socket, SHUT_RDWR);
        }
}

/* --- Bells --------------------------------------------------------------- */

void clock_ring(struct request *request)
{
    struct http *http = request->http;
    pthread_mutex_lock(&http->lock);
    request->own->next_rung = http->rung;
    http->rung = request;
    pthread_cond_signal(&http->ticked);
    pthread_mutex_unlock(&http->lock);
}

/* Nobody else resumes them, so they stay where they are until then. */
static void resume_rung(struct http *http)
{
    struct request *request = http->rung;
    http->rung = NULL;
    pthread_mutex_unlock(&http->lock);
    while (request) {
        struct request *next = request->own->next_rung;
        MHD_resume_connection(request->own->connection);
        request = next;
    }
    pthread_mutex_lock(&http->lock);
}

/* --- The thread ---------------------------------------------------------- */

/* Until `at_ns`, or somebody rings; with nobody there, for ever. */
static void rest(struct http *http, uint64_t at_ns)
{
    const struct timespec until = {
        .tv_sec = (time_t)(at_ns / 1000000000),
        .tv_nsec = (long)(at_ns % 1000000000),
    };
    http->clock_rests = http->waiters.next == &http->waiters &&
                        http->connections.next == &http->connections;
    if (http->clock_rests)
        pthread_cond_wait(&http->ticked, &http->lock);
    else
        pthread_cond_timedwait(&http->ticked, &http->lock, &until);
    http->clock_rests = false;
}

static void *tick(void *context)
{
    struct http *http = context;
    uint64_t next_ns = 0;
    pthread_mutex_lock(&http->lock);
    while (!http->clock_stops) {
        const uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= next_ns) {
            wake_late(http, now_ns);
            cut_slow(http, now_ns);
            next_ns = now_ns + (uint64_t)TICK_MS * 1000000;
        }
        if (http->rung)
            resume_rung(http);
        else
            rest(http, next_ns);
    }
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

void clock_start(struct http *http)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&http->ticked, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&http->lock, NULL);
    http->waiters.next = http->waiters.prev = &http->waiters;
    http->connections.next = http->connections.prev = &http->connections;
    ASSERT(pthread_create(&http->clock, NULL, tick, http) == 0);
}

void clock_settle(struct http *http)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    const uint64_t until_ns =
        clock_monotonic_ns() + (uint64_t)SETTLE_MS * 1000000;
    bool is_settled = false;
    atomic_store(&http->stops, true);
    while (!is_settled) {
        const uint64_t now_ns = clock_monotonic_ns();
        pthread_mutex_lock(&http->lock);
        wake_late(http, now_ns);
        const uint64_t suspended = http->suspended;
        pthread_mutex_unlock(&http->lock);
        is_settled = suspended == 0 &&
                     (atomic_load(&http->active) == 0 || now_ns > until_ns);
        if (!is_settled)
            nanosleep(&pause, NULL);
    }
}

void clock_stop(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    http->clock_stops = true;
    pthread_cond_signal(&http->ticked);
    pthread_mutex_unlock(&http->lock);
    pthread_join(http->clock, NULL);
    pthread_cond_destroy(&http->ticked);
    pthread_mutex_destroy(&http->lock);
}

/* Under the lock. While it ticks, it sees what is new by itself. */
static void wind_up(struct http *http)
{
    if (http->clock_rests)
        pthread_cond_signal(&http->ticked);
}

/* --- Waits --------------------------------------------------------------- */

void clock_wait(struct request *request, uint64_t timeout_ms)
{
    struct http *http = request->http;
    struct waiter *waiter = &request->own->waiter, *ring = &http->waiters;
    const uint64_t until_ns =
        timeout_ms ? clock_monotonic_ns() + timeout_ms * 1000000 : UINT64_MAX;

    pthread_mutex_lock(&http->lock);
    waiter_remove(http, waiter);
    waiter->request = request;
    waiter->until_ns = until_ns;
    waiter->prev = ring->prev;
    waiter->next = ring;
    waiter->prev->next = waiter->next->prev = waiter;
    http->suspended++;
    wind_up(http);
    pthread_mutex_unlock(&http->lock);
}

void clock_forget(struct request *request)
{
    struct http *http = request->http;
    pthread_mutex_lock(&http->lock);
    waiter_remove(http, &request->own->waiter);
    pthread_mutex_unlock(&http->lock);
}

/* --- Connections --------------------------------------------------------- */

void clock_line_opened(struct http *http, struct connection *line)
{
    struct connection *ring = &http->connections;
    line->headers_until_ns =
        clock_monotonic_ns() + (uint64_t)HEADER_TIMEOUT_MS * 1000000;
    pthread_mutex_lock(&http->lock);
    line->prev = ring->prev;
    line->next = ring;
    line->prev->next = line->next->prev = line;
    wind_up(http);
    pthread_mutex_unlock(&http->lock);
}

void clock_line_closed(struct http *http, struct connection *line)
{
    pthread_mutex_lock(&http->lock);
    line->next->prev = line->prev;
    line->prev->next = line->next;
    pthread_mutex_unlock(&http->lock);
}

void clock_line_reads(struct http *http, struct connection *line,
                      LineReads what)
{
    const uint64_t now_ns = clock_monotonic_ns();
    pthread_mutex_lock(&http->lock);
    line->headers_until_ns =
        what == LINE_HEADERS ? now_ns + (uint64_t)IDLE_TIMEOUT_S * 1000000000
                             : 0;
    line->body_since_ns = what == LINE_BODY ? now_ns : 0;
    atomic_store(&line->body_bytes, 0);
    pthread_mutex_unlock(&http->lock);
}
