/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - the server's own: one request between libmicrohttpd and its
 * handler. Only who includes this knows that library.
 *
 *                    step WAITS                request_wake()
 *     RUNNING ───────────────────▶ SUSPENDED ──────────────────▶ RUNNING
 *        └── request_wake() ─▶ WOKEN ── step WAITS: again, at once ──┘
 *
 * Thread: the connection's, but for what says otherwise. */
#ifndef IPVM_HTTP_EXCHANGE_H
#define IPVM_HTTP_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/address.h"
#include "http/http.h"
#include "http/request.h"
#include "http/route.h"
#include "http/url.h"

enum {
    CONNECTION_MEMORY = 32 << 10, /* bytes of libmicrohttpd's for each; more is
                                     mapped, and so takes whole pages */
    IDLE_TIMEOUT_S = 60,
    HEADER_TIMEOUT_MS = 15000, /* from a connection's start, or the end of a
                                  request, to the next one's headers */
    BODY_RATE_MIN = 1 << 10,   /* bytes a second of a body, after a grace of */
    BODY_GRACE_MS = 30000,
    COLLECTED_MAX = 256 << 20, /* bytes of all bodies in memory */
    TICK_MS = 100,
    SETTLE_MS = 2000, /* for answers to be taken when the server closes */
};

/* --- Who waits ----------------------------------------------------------- */

struct waiter {
    struct waiter *next, *prev;
    uint64_t until_ns; /* 0: not in the list */
    struct request *request;
};

/* --- Connections --------------------------------------------------------- */

struct connection {
    struct connection *next, *prev;
    int socket;
    struct address *address;   /* NULL: of this machine */
    uint64_t headers_until_ns; /* 0: none are waited for */
    uint64_t body_since_ns;    /* 0: none is being read */
    _Atomic uint64_t body_bytes;
    bool is_cut;
};

/* --- The server ---------------------------------------------------------- */

struct http_counts {
    _Atomic uint64_t requests, by_class[6], rate_limited, connections,
        connections_refused, watchers, cut;
};

struct http {
    struct node *node;
    struct MHD_Daemon *daemon;
    uint16_t port;
    bool is_local; /* listens on loopback: Host is checked */
    struct addresses *addresses;
    struct desk *desk;
    struct otlp *otlp; /* NULL: nobody wants traces */
    struct http_counts counts;
    _Atomic bool stops;         /* nobody may wait any more */
    _Atomic uint64_t active;    /* requests */
    _Atomic uint64_t collected; /* bytes of bodies that are in memory */

    pthread_t clock;
    pthread_mutex_t lock; /* of what is below */
    pthread_cond_t ticked;
    bool clock_stops, clock_rests;
    struct waiter waiters;         /* ring */
    struct connection connections; /* ring */
    uint64_t suspended;            /* requests */
    struct request *rung;          /* woken, to be resumed */
};

/* --- One request --------------------------------------------------------- */

struct response_header {
    struct response_header *next;
    const char *name;
    Text value; /* ended by NUL */
};

typedef enum { EXCHANGE_RUNNING, EXCHANGE_WOKEN, EXCHANGE_SUSPENDED } Exchange;

struct request_private {
    struct MHD_Connection *connection;
    struct connection *line;
    struct MHD_Response *response; /* made, not yet given away */
    int status;
    struct response_header *headers;
    bool has_answer, is_queued, is_begun, is_discarded;
    uint64_t received, collected; /* bytes of the body; in memory */
    _Atomic int state;            /* Exchange */
    Step *step;                   /* in place of the route's end() */
    uint64_t timeout_ms;
    struct waiter waiter;
    Pull *pull;
    _Atomic bool is_stream;
    bool is_lean; /* a stream that has given back its pages */
    struct request *next_rung;
    char type[MEDIA_TYPE_MAX]; /* of the body */
};

/* Handles a request from its headers on. MHD_AccessHandlerCallback; `*slot` is
 * the request. */
enum MHD_Result exchange(void *context, struct MHD_Connection *connection,
                         const char *url, const char *method,
                         const char *version, const char *data, size_t *len,
                         void **slot);
/* MHD_RequestCompletedCallback. */
void exchange_over(void *context, struct MHD_Connection *connection,
                   void **slot, enum MHD_RequestTerminationCode code);

/* Marks it as woken; true: it is suspended, and the caller must see to it that
 * it is resumed. Thread: any. */
bool exchange_wakes(struct request *request);
/* False: it was woken meanwhile, and so has to look again. */
bool exchange_suspend(struct request *request, uint64_t timeout_ms);
/* It goes on. */
void exchange_runs(struct request *request);

/* --- clock.c: what happens by itself ------------------------------------- */

void clock_start(struct http *http);
/* From here on nobody may wait: wakes all, until none is suspended and, for a
 * while, until all have their answers. */
void clock_settle(struct http *http);
void clock_stop(struct http *http);
/* It is suspended, and to be resumed soon. Thread: any. */
void clock_ring(struct request *request);
/* `timeout_ms` 0: until it is woken. */
void clock_wait(struct request *request, uint64_t timeout_ms);
void clock_forget(struct request *request);
void clock_line_opened(struct http *http, struct connection *line);
void clock_line_closed(struct http *http, struct connection *line);
typedef enum { LINE_HEADERS, LINE_BODY, LINE_NOTHING } LineReads;
void clock_line_reads(struct http *http, struct connection *line,
                      LineReads what);

#endif
