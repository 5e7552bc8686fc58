/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/desk.h"
#include "http/exchange.h"

enum {
    THREADS_MAX = 8,
    THREAD_STACK = 1 << 20,
    FILES_KEPT = 200, /* descriptors for all that is no connection */
};

/* --- Connections --------------------------------------------------------- */

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info->connect_fd;
}

static void line_open(struct http *http, struct MHD_Connection *connection,
                      void **slot)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct connection *line = HEAP_NEW(struct connection);
    bool is_refused = false;
    line->socket = socket_of(connection);
    if (!address_is_local(info->client_addr)) {
        line->address = address_open(http->addresses, info->client_addr,
                                     clock_monotonic_ns());
        is_refused = !line->address;
    }
    *slot = line;
    atomic_fetch_add(&http->counts.connections, 1);
    clock_line_opened(http, line);
    if (is_refused) {
        atomic_fetch_add(&http->counts.connections_refused, 1);
        shutdown(line->socket, SHUT_RDWR);
    }
}

/* The library closes the socket after this. */
static void line_close(struct http *http, struct connection *line)
{
    clock_line_closed(http, line);
    address_close(http->addresses, line->address);
    atomic_fetch_sub(&http->counts.connections, 1);
    free(line);
}

static void connection_told(void *context, struct MHD_Connection *connection,
                            void **slot,
                            enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        line_open(context, connection, slot);
    else if (*slot)
        line_close(context, *slot);
}

/* Paths and queries stay as they were sent: they are decoded in their parts. */
static size_t no_unescape(void *context, struct MHD_Connection *connection,
                          char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* --- Opening ------------------------------------------------------------- */

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static Status read_address(const struct node_config *config,
                           union socket_address *out, struct error *err)
{
    *out = (union socket_address){0};
    if (inet_pton(AF_INET, config->listen, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(config->port);
        return STATUS_OK;
    }
    if (inet_pton(AF_INET6, config->listen, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(config->port);
        return STATUS_OK;
    }
    return fail(err, STATUS_INVALID,
                "listen: \"%s\" is no address such as 127.0.0.1 or ::1",
                config->listen);
}

/* As many connections as there may be descriptors for. */
static unsigned connections_max(const struct node_config *config)
{
    struct rlimit limit;
    uint64_t max = config->connections_max;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return (unsigned)max;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); // Then there are fewer.
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < max + FILES_KEPT)
        max = limit.rlim_cur > (rlim_t)2 * FILES_KEPT
                  ? limit.rlim_cur - FILES_KEPT
                  : FILES_KEPT;
    return (unsigned)max;
}

static unsigned thread_count(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 2)
        return 2;
    return cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
}

static Status start(struct http *http, struct error *err)
{
    const struct node_config *config = node_config(http->node);
    union socket_address address;
    TRY(read_address(config, &address, err));
    http->is_local = address_is_local(&address.any);

    const unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
        (address.any.sa_family == AF_INET6 ? (unsigned)MHD_USE_IPv6 : 0U);
    errno = 0;
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, exchange, http, MHD_OPTION_SOCK_ADDR,
        &address.any, MHD_OPTION_THREAD_POOL_SIZE, thread_count(),
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK,
        MHD_OPTION_CONNECTION_LIMIT, connections_max(config),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_over, http,
        MHD_OPTION_NOTIFY_CONNECTION, connection_told, http,
        MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024U, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (!http->daemon && (errno == EADDRINUSE || errno == 0))
        return fail(err, STATUS_BUSY,
                    "port %u of %s is taken: choose another, or 0 for any",
                    config->port, config->listen);
    if (!http->daemon)
        return fail_errno(err, errno, "cannot listen on %s port %u",
                          config->listen, config->port);
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    http->port = info->port;
    return STATUS_OK;
}

static void http_free(struct http *http)
{
    clock_stop(http);
    desk_close(http->desk);
    otlp_close(http->otlp);
    addresses_free(http->addresses);
    free(http);
}

Status http_open(struct node *node, struct http **out, struct error *err)
{
    const struct node_config *config = node_config(node);
    struct http *http = HEAP_NEW(struct http);
    http->node = node;
    http->addresses = addresses_new(config->connections_per_address_max,
                                    config->requests_per_second);
    http->desk = desk_open(node_store(node));
    clock_start(http);
    if (*config->otlp)
        http->otlp = otlp_open(node, config->otlp);
    const Status status = start(http, err);
    if (status != STATUS_OK) {
        http_free(http);
        return status;
    }
    *out = http;
    return STATUS_OK;
}

/* Nobody new comes; who waits is answered; then the threads end. */
void http_close(struct http *http)
{
    if (!http)
        return;
    const int listening = MHD_quiesce_daemon(http->daemon);
    clock_settle(http);
    MHD_stop_daemon(http->daemon);
    if (listening >= 0)
        close(listening);
    http_free(http);
}

uint16_t http_port(const struct http *http)
{
    return http->port;
}

bool server_stops(const struct http *http)
{
    return atomic_load(&http->stops);
}

struct otlp *server_otlp(const struct http *http)
{
    return http->otlp;
}

struct desk *server_desk(const struct http *http)
{
    return http->desk;
}

void server_watches(struct http *http, int change)
{
    if (change > 0)
        atomic_fetch_add(&http->counts.watchers, 1);
    else
        atomic_fetch_sub(&http->counts.watchers, 1);
}

void server_count(const struct http *http, struct server_counts *out)
{
    const struct http_counts *counts = &http->counts;
    *out = (struct server_counts){
        .requests = atomic_load(&counts->requests),
        .rate_limited = atomic_load(&counts->rate_limited),
        .connections = atomic_load(&counts->connections),
        .connections_refused = atomic_load(&counts->connections_refused),
        .connections_cut = atomic_load(&counts->cut),
        .watchers = atomic_load(&counts->watchers),
    };
    otlp_count(http->otlp, &out->otlp);
    for (int index = 0; index < 6; index++)
        out->by_class[index] = atomic_load(&counts->by_class[index]);
}
