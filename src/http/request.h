/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - one request on its way: what was asked, and the answer.
 *
 *     headers are here ─▶ begin() ─▶ data() for each piece ─▶ end()
 *                           │                                  │ ▲
 *                           └ may answer: the body is           WAITS │
 *                             not read any more                 ▼ │
 *                                                    request_wake(), time out
 *
 * Before begin() the server has found the route, checked method, host, rate,
 * length and type of the body, and asked the gate. No step may block on
 * anything but the store: who must wait returns REQUEST_WAITS and is called
 * again. What a stranger sends is bounded before it is seen here.
 * Thread: a request is on one thread at a time, but for request_wake(). */
#ifndef IPVM_HTTP_REQUEST_H
#define IPVM_HTTP_REQUEST_H

#include "base/arena.h"
#include "base/buffer.h"
#include "ipld/value.h"
#include "node/node.h"

struct http;
struct route;
struct request;

typedef enum {
    METHOD_GET = 1,
    METHOD_HEAD = 2, /* every GET has one; the server leaves out the body */
    METHOD_POST = 4,
    METHOD_PUT = 8,
    METHOD_DELETE = 16,
    METHOD_OPTIONS = 32
} Method;

enum {
    REQUEST_PARAMS_MAX = 3,
    REQUEST_URL_MAX = 8 << 10,     /* longer: 414 */
    REQUEST_HEADERS_MAX = 24 << 10 /* longer: 431 */
};

typedef enum {
    REQUEST_DONE, /* it has its answer */
    REQUEST_WAITS /* the step is called again after request_wake(), or later */
} RequestStep;
typedef RequestStep Step(struct request *request);

struct request {
    /* For handlers to read. */
    struct http *http;
    struct node *node;
    struct store *store; /* the node's */
    const struct route *route;
    Method method; /* of HEAD: METHOD_GET, and is_head */
    bool is_head;
    Text path;                       /* as it was sent, without the query */
    Text params[REQUEST_PARAMS_MAX]; /* decoded; in the template's order */
    struct principal principal;
    uint64_t body_len;  /* of Content-Length, or UINT64_MAX */
    struct buffer body; /* of routes without data(): all of it, in end() */
    struct arena arena; /* lives as long as the request */
    /* The handler's own; given to `forget` when the request is over, however it
     * ended, also before it was answered. */
    void *state;
    void (*forget)(void *state);

    struct request_private *own; /* the server's */
};

/* --- What was asked ------------------------------------------------------ */

/* Decoded, in the arena; false: not there. The first one counts. */
bool request_query(struct request *request, const char *name, Text *out);
/* Each of one name, until it is false. */
typedef bool RequestEach(void *context, Text value);
void request_query_each(struct request *request, const char *name,
                        RequestEach *each, void *context);
/* A number; false, with a problem as the answer, if it is none or beyond
 * `max`. `*out` stays as it is where it is absent. */
bool request_query_number(struct request *request, const char *name,
                          uint64_t max, uint64_t *out);
/* Empty: not there. Borrowed. */
Text request_header(struct request *request, const char *name);
/* The media type of the body, lower case, without parameters; or empty. */
Text request_type(struct request *request);
/* The session's secret, and what stands behind "Bearer"; or empty. */
#define SESSION_COOKIE "ipvm_session"
Text request_cookie(struct request *request);
Text request_bearer(struct request *request);
/* False, with a problem as the answer: a session that changes something without
 * the header that no page of another site can send. Asked by the server, but of
 * routes that ask the gate themselves. */
bool request_is_unforged(struct request *request);
/* params[0] as a job's id, in routes that are about a job. */
bool request_job(struct request *request, Hash *out);
/* params[index] as a CID; false, with a problem as the answer. */
bool request_cid(struct request *request, unsigned index, Cid *out);

/* For data(): adds a piece to `body`, at most `max` bytes in all. False: it has
 * answered; also when the bodies of all requests take too much. */
bool request_collect(struct request *request, Bytes piece, size_t max);

/* --- Waiting ------------------------------------------------------------- */

/* From any thread: its step is called again, on a thread of the server. Must
 * not be called any more once `forget` has returned. */
void request_wake(struct request *request);
/* What end() that WAITS is called again as; without: end() itself. At the
 * latest after `timeout_ms` (0: only when woken). */
void request_wait_as(struct request *request, Step *step, uint64_t timeout_ms);

/* --- The answer ---------------------------------------------------------- */

/* One of these, once. All return REQUEST_DONE. Security headers, Content-Length
 * and the like are added. `type` and names are literals, all else is copied or
 * in the arena. */
RequestStep respond_value(struct request *request, int status,
                          const Value *value); /* application/json */
/* Borrowed until the request is over: from the arena, or static. */
RequestStep respond_bytes(struct request *request, int status,
                          const char *type, Bytes body);
/* Takes over the buffer's memory. */
RequestStep respond_buffer(struct request *request, int status,
                           const char *type, struct buffer *body);
RequestStep respond_empty(struct request *request, int status);
/* Takes over `file`. */
RequestStep respond_file(struct request *request, int status, const char *type,
                         int file, uint64_t offset, uint64_t len);
/* Asked for more when the client has taken what there was: bytes filled (at
 * least 1), or one of these. `state` is the request's. After the headers went
 * out, an error can only break the connection. */
enum { PULL_END = 0, PULL_BROKEN = -1, PULL_WAITS = -2 };
typedef long Pull(struct request *request, uint64_t at, void *out, size_t max);
/* `len`: UINT64_MAX if it is not known; then it is sent in chunks. `block`:
 * bytes asked for at once; 0: 32 KiB. */
RequestStep respond_pull(struct request *request, int status, const char *type,
                         uint64_t len, Pull *pull);
/* An event stream without end, for many who wait long. */
RequestStep respond_stream(struct request *request, Pull *pull);
/* Before the answer. The later of two with one name counts; an empty value
 * leaves out what every answer has. */
void respond_header(struct request *request, const char *name, Text value);
/* Unless there is one. */
void respond_header_default(struct request *request, const char *name,
                            Text value);
/* Empty: none was given. */
Text respond_header_given(struct request *request, const char *name);
[[gnu::format(printf, 3, 4)]] void respond_header_format(
    struct request *request, const char *name, const char *format, ...);

/* Problem details (RFC 9457). `name` is stable: "job-not-found"; the sentence
 * is for people. */
[[gnu::format(printf, 4, 5)]] RequestStep respond_problem(
    struct request *request, int status, const char *name, const char *format,
    ...);
/* The same from a failure: its status gives HTTP's. `name`: NULL for that of
 * the status. */
RequestStep respond_failure(struct request *request, const char *name,
                            Status status, const struct error *err);

/* A raw block or UnixFS file, with ranges (one; `Range`, `If-Range`), HEAD and
 * ETag (the CID, unless the handler has set another); 404 if a block of it is
 * missing. Never as something a browser would run: with `sandbox` (see
 * serve.c). `type` NULL: guessed from `name` and the first bytes. */
RequestStep respond_content(struct request *request, const Cid *cid,
                            const char *type, Text name);

#endif
