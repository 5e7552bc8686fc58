/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - what the files of the server share. Inside src/homestar only.
 *
 *     server.c        sockets, and one thread that waits for them
 *     connection.c    one of them: HTTP, or WebSocket after its handshake
 *     method.c        what is asked
 *     subscription.c  a workflow that was handed in, and what is told of it
 *
 * Thread: the server's, unless a function says otherwise. */
#ifndef IPVM_HOMESTAR_SERVER_H
#define IPVM_HOMESTAR_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "homestar/frame.h"
#include "homestar/head.h"
#include "homestar/homestar.h"
#include "homestar/rpc.h"
#include "http/desk.h"

enum {
    CONNECTIONS_MAX = 64,
    SUBSCRIPTIONS_MAX = 64, /* of one connection */
    LISTENERS = 2,
    SUBSCRIPTION_ID_LEN = 16,
    REQUEST_TIMEOUT_MS = 15000, /* for all of an HTTP request */
    WRITE_TIMEOUT_MS = 30000,   /* without a byte taken */
    LINGER_MS = 2000,
    PING_AFTER_MS = 30000,
    SILENT_MAX_MS = 90000,
    FIRST_NOTICE_MS = 50, /* after the answer to its request */
    OUT_ENOUGH = 1 << 20, /* more is written when that is gone */
    OUT_MAX = 128 << 20,
};

struct subscription;

typedef enum {
    READS_HEAD,
    READS_BODY,
    IS_SOCKET, /* WebSocket */
    IS_ENDING, /* writes what is left, then waits for the other side */
} ConnectionState;

struct connection {
    struct connection *next;
    struct homestar *homestar;
    int socket;
    ConnectionState state;
    struct buffer in; /* of a request */
    struct head head;
    size_t head_len;
    struct frame_reader reader;
    struct buffer out;
    size_t sent; /* of `out` */
    uint64_t began_ns, heard_ns, wrote_ns;
    bool is_pinged, is_shut, is_gone;
    struct subscription *subscriptions;
    unsigned subscription_count;
};

struct homestar {
    struct node *node;
    struct desk *desk;
    uint16_t port;
    int listeners[LISTENERS]; /* -1: none */
    int wake;                 /* an eventfd */
    pthread_t thread;
    atomic_bool is_closing;
    struct connection *connections;
    unsigned connection_count;
    bool is_soon; /* something is to be told shortly */

    pthread_mutex_t lock;          /* of the two below */
    struct subscription *answered; /* by the desk or the node */
    unsigned in_flight;            /* with one of them */
    pthread_cond_t landed;
};

/* --- server.c */

/* Thread: any. */
void homestar_wake(struct homestar *homestar);

/* --- connection.c */

struct connection *connection_new(struct homestar *homestar, int socket);
/* Closes it. */
void connection_free(struct connection *connection);
/* Sets is_gone when it is over. */
void connection_readable(struct connection *connection);
void connection_writable(struct connection *connection);
bool connection_wants_to_read(const struct connection *connection);
bool connection_wants_to_write(const struct connection *connection);
/* Now and then. */
void connection_tick(struct connection *connection, uint64_t now_ns);
/* A JSON text to the other side of a WebSocket. */
void connection_send(struct connection *connection, Bytes text);
/* Is there room for more to be told? */
bool connection_has_room(const struct connection *connection);

/* --- method.c */

/* Answers what stands in a message: appends to `out`, nothing if nothing is to
 * be answered now. */
void method_answer(struct connection *connection, Bytes text,
                   struct buffer *out);
/* What GET of this path is, or NULL. */
const char *method_of_path(Text path);
void method_get(struct connection *connection, Text method,
                struct buffer *out);

/* --- subscription.c */

/* A workflow to be run. The answer comes later. STATUS_LIMIT, STATUS_BUSY. */
Status subscription_run(struct connection *connection, const Value *id,
                        const Value *run, struct error *err);
/* One that stays silent; its name goes to `out`. */
Status subscription_idle(struct connection *connection,
                         char out[SUBSCRIPTION_ID_LEN + 1], struct error *err);
/* False: there is none of that name. */
bool subscription_end(struct connection *connection, Text id);
/* All of a connection that goes. */
void subscription_end_all(struct connection *connection);
/* Those that the desk or the node answered. */
void subscription_land(struct homestar *homestar);
/* Tells what there is to be told, as far as there is room. Sets is_soon where
 * it is too early. */
void subscription_tell(struct connection *connection, uint64_t now_ns);

#endif
