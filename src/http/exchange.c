/* SPDX-License-Identifier: Apache-2.0 */
#include "http/exchange.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/admit.h"

/* --- Waiting ------------------------------------------------------------- */

bool exchange_wakes(struct request *request)
{
    return atomic_exchange(&request->own->state, EXCHANGE_WOKEN) ==
           EXCHANGE_SUSPENDED;
}

/* Whoever tells ten thousand streams of an event only leaves their names. */
void request_wake(struct request *request)
{
    const bool is_stream = atomic_load(&request->own->is_stream);
    if (!exchange_wakes(request))
        return;
    if (is_stream)
        clock_ring(request);
    else
        MHD_resume_connection(request->own->connection);
}

void exchange_runs(struct request *request)
{
    atomic_store(&request->own->state, EXCHANGE_RUNNING);
    clock_forget(request);
}

bool exchange_suspend(struct request *request, uint64_t timeout_ms)
{
    struct request_private *own = request->own;
    int state = EXCHANGE_WOKEN;
    if (atomic_compare_exchange_strong(&own->state, &state, EXCHANGE_RUNNING))
        return false;
    clock_wait(request, timeout_ms);
    MHD_suspend_connection(own->connection);
    state = EXCHANGE_RUNNING;
    if (!atomic_compare_exchange_strong(&own->state, &state,
                                        EXCHANGE_SUSPENDED))
        MHD_resume_connection(own->connection);
    return true;
}

void request_wait_as(struct request *request, Step *step, uint64_t timeout_ms)
{
    request->own->step = step;
    request->own->timeout_ms = timeout_ms;
}

/* --- Its life ------------------------------------------------------------ */

struct whole_request {
    struct request request;
    struct request_private own;
};

static struct request *request_new(struct http *http,
                                   struct MHD_Connection *connection)
{
    struct whole_request *whole = HEAP_NEW(struct whole_request);
    struct request *request = &whole->request;
    request->own = &whole->own;
    request->http = http;
    request->node = http->node;
    request->store = node_store(http->node);
    whole->own.connection = connection;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    whole->own.line = info->socket_context;
    atomic_fetch_add(&http->counts.requests, 1);
    atomic_fetch_add(&http->active, 1);
    return request;
}

void exchange_over(void *context, struct MHD_Connection *connection,
                   void **slot, enum MHD_RequestTerminationCode code)
{
    struct http *http = context;
    struct request *request = *slot;
    (void)connection;
    (void)code;
    if (!request)
        return;
    if (request->forget)
        request->forget(request->state);
    clock_forget(request);
    if (request->own->line)
        clock_line_reads(http, request->own->line, LINE_HEADERS);
    if (request->own->response)
        MHD_destroy_response(request->own->response);
    buffer_deinit(&request->body);
    atomic_fetch_sub(&http->collected, request->own->collected);
    arena_deinit(&request->arena);
    free(request);
    *slot = NULL;
    atomic_fetch_sub(&http->active, 1);
}

/* Gives the answer away; the library answers MHD_NO if that is not possible. */
static enum MHD_Result give_answer(struct request *request)
{
    struct request_private *own = request->own;
    ASSERT(own->has_answer);
    own->is_queued = true;
    const enum MHD_Result result = MHD_queue_response(
        own->connection, (unsigned)own->status, own->response);
    MHD_destroy_response(own->response);
    own->response = NULL;
    if (own->status >= 100 && own->status < 600)
        atomic_fetch_add(&request->http->counts.by_class[own->status / 100],
                         1);
    return result;
}

/* --- In pieces ----------------------------------------------------------- */

static enum MHD_Result take_headers(struct request *request, const char *url,
                                    const char *method)
{
    struct request_private *own = request->own;
    const bool is_let_in = admit(request, url, method);
    if (own->line)
        clock_line_reads(request->http, own->line,
                         request->body_len > 0 ? LINE_BODY : LINE_NOTHING);
    if (is_let_in && request->route->begin)
        (void)request->route->begin(request);
    // An answer before a body ends the connection; without one, it can wait.
    if (own->has_answer && request->body_len > 0)
        return give_answer(request);
    return MHD_YES;
}

/* An answer can only be given when the body has come to its end; so what is
 * not wanted any more is read and dropped, but not for ever. */
static enum MHD_Result drop_piece(struct request *request)
{
    enum { DROPPED_MAX = 64 << 20 };
    struct request_private *own = request->own;
    own->is_discarded = true;
    return own->received < admit_body_max(request) + DROPPED_MAX ? MHD_YES
                                                                 : MHD_NO;
}

bool request_collect(struct request *request, Bytes piece, size_t max)
{
    struct http *http = request->http;
    struct buffer *body = &request->body;
    if (body->max == 0)
        buffer_init(body, max);
    if (atomic_fetch_add(&http->collected, piece.len) + piece.len >
        COLLECTED_MAX) {
        atomic_fetch_sub(&http->collected, piece.len);
        respond_header(request, "Retry-After", TEXT("1"));
        respond_problem(request, 503, "busy",
                        "too many bodies come at once: try again");
        return false;
    }
    request->own->collected += piece.len;
    buffer_add_bytes(body, piece);
    if (body->status == STATUS_OK)
        return true;
    respond_problem(request, 413, "body-too-large",
                    "the body has more than %zu bytes", max);
    return false;
}

static enum MHD_Result take_piece(struct request *request, Bytes piece)
{
    struct request_private *own = request->own;
    own->received += piece.len;
    if (own->line)
        atomic_fetch_add(&own->line->body_bytes, piece.len);
    if (own->has_answer || own->is_discarded)
        return drop_piece(request);
    if (own->received > admit_body_max(request)) {
        (void)admit_too_large(request);
        return drop_piece(request);
    }
    if (request->route->data) {
        if (!request->route->data(request, piece))
            ASSERT(own->has_answer);
        return MHD_YES;
    }
    (void)request_collect(request, piece, (size_t)admit_body_max(request));
    return MHD_YES;
}

static enum MHD_Result take_end(struct request *request)
{
    struct request_private *own = request->own;
    if (!own->is_begun && own->line)
        clock_line_reads(request->http, own->line, LINE_NOTHING);
    own->is_begun = true;
    exchange_runs(request);
    while (!own->has_answer) {
        Step *step = own->step ? own->step : request->route->end;
        if (step(request) == REQUEST_DONE) {
            ASSERT(own->has_answer);
            break;
        }
        if (exchange_suspend(request, own->timeout_ms))
            return MHD_YES;
    }
    return give_answer(request);
}

enum MHD_Result exchange(void *context, struct MHD_Connection *connection,
                         const char *url, const char *method,
                         const char *version, const char *data, size_t *len,
                         void **slot)
{
    (void)version;
    if (!*slot) {
        *slot = request_new(context, connection);
        return take_headers(*slot, url, method);
    }
    struct request *request = *slot;
    if (*len > 0) {
        const Bytes piece = bytes_of(data, *len);
        *len = 0;
        return take_piece(request, piece);
    }
    return request->own->is_queued ? MHD_YES : take_end(request);
}
