/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - one thread waits for sockets, and for whoever wakes it. */
#include "homestar/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum { BACKLOG = 64, TICK_MS = 1000, SOON_MS = 10 };

void homestar_wake(struct homestar *homestar)
{
    const uint64_t one = 1;
    // Full: it is awake.
    IGNORE(write(homestar->wake, &one, sizeof one) == sizeof one
               ? STATUS_OK
               : STATUS_BUSY);
}

/* --- Listening ----------------------------------------------------------- */

static int listen_at(const struct sockaddr *address, socklen_t len)
{
    const int on = 1;
    const int listener = socket(address->sa_family,
                                SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return -1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6)
        setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(listener, address, len) == 0 && listen(listener, BACKLOG) == 0)
        return listener;
    const int failure = errno;
    close(listener);
    errno = failure;
    return -1;
}

static Status listen_both(struct homestar *homestar, uint16_t port,
                          struct error *err)
{
    struct sockaddr_in four = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof four;
    const struct sockaddr *address = (const struct sockaddr *)&four;
    homestar->listeners[0] = listen_at(address, sizeof four);
    if (homestar->listeners[0] < 0 && errno == EADDRINUSE)
        return fail(err, STATUS_BUSY,
                    "port %u of 127.0.0.1 is taken: choose another one with "
                    "--homestar",
                    (unsigned)port);
    if (homestar->listeners[0] < 0 ||
        getsockname(homestar->listeners[0], (struct sockaddr *)&four, &len) !=
            0)
        return fail_errno(err, errno, "cannot listen at 127.0.0.1 port %u",
                          (unsigned)port);
    homestar->port = ntohs(four.sin_port);
    // Where there is no IPv6 nobody asks there.
    const struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                                     .sin6_port = four.sin_port,
                                     .sin6_addr = in6addr_loopback};
    address = (const struct sockaddr *)&six;
    homestar->listeners[1] = listen_at(address, sizeof six);
    return STATUS_OK;
}

static void accept_all(struct homestar *homestar, int listener)
{
    for (;;) {
        const int socket =
            accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket < 0)
            return;
        if (homestar->connection_count == CONNECTIONS_MAX) {
            close(socket);
            continue;
        }
        struct connection *connection = connection_new(homestar, socket);
        connection->next = homestar->connections;
        homestar->connections = connection;
        homestar->connection_count++;
    }
}

/* --- Waiting ------------------------------------------------------------- */

enum { POLLS_MAX = CONNECTIONS_MAX + LISTENERS + 1 };

struct polls {
    struct pollfd items[POLLS_MAX];
    struct connection *connections[POLLS_MAX];
    nfds_t count;
};

static void add_poll(struct polls *polls, int file, short events,
                     struct connection *connection)
{
    polls->items[polls->count] = (struct pollfd){.fd = file, .events = events};
    polls->connections[polls->count++] = connection;
}

static void wait_for_all(struct homestar *homestar, struct polls *polls)
{
    polls->count = 0;
    add_poll(polls, homestar->wake, POLLIN, NULL);
    for (unsigned index = 0; index < LISTENERS; index++)
        add_poll(polls, homestar->listeners[index], POLLIN, NULL);
    for (struct connection *each = homestar->connections; each;
         each = each->next) {
        short events = 0;
        if (connection_wants_to_read(each))
            events |= POLLIN;
        if (connection_wants_to_write(each))
            events |= POLLOUT;
        add_poll(polls, each->socket, events, each);
    }
    poll(polls->items, polls->count, homestar->is_soon ? SOON_MS : TICK_MS);
}

static void serve_ready(struct polls *polls)
{
    for (nfds_t index = 1 + LISTENERS; index < polls->count; index++) {
        struct connection *connection = polls->connections[index];
        const short events = polls->items[index].revents;
        if (events & (POLLERR | POLLNVAL))
            connection->is_gone = true;
        if (!connection->is_gone && (events & (POLLIN | POLLHUP)))
            connection_readable(connection);
        if (!connection->is_gone && (events & POLLOUT))
            connection_writable(connection);
    }
}

static void free_gone(struct homestar *homestar)
{
    struct connection **place = &homestar->connections;
    while (*place) {
        struct connection *connection = *place;
        if (!connection->is_gone) {
            place = &connection->next;
            continue;
        }
        *place = connection->next;
        homestar->connection_count--;
        connection_free(connection);
    }
}

static void *serve(void *context)
{
    struct homestar *homestar = context;
    struct polls *polls = HEAP_NEW(struct polls);
    uint64_t woken;
    while (!atomic_load(&homestar->is_closing)) {
        wait_for_all(homestar, polls);
        IGNORE(read(homestar->wake, &woken, sizeof woken) < 0 ? STATUS_BUSY
                                                              : STATUS_OK);
        serve_ready(polls);
        for (unsigned index = 0; index < LISTENERS; index++)
            if (polls->items[1 + index].revents & POLLIN)
                accept_all(homestar, homestar->listeners[index]);
        subscription_land(homestar);
        const uint64_t now_ns = clock_monotonic_ns();
        homestar->is_soon = false;
        for (struct connection *each = homestar->connections; each;
             each = each->next) {
            subscription_tell(each, now_ns);
            connection_tick(each, now_ns);
        }
        free_gone(homestar);
    }
    free(polls);
    return NULL;
}

/* --- Life ---------------------------------------------------------------- */

static void release(struct homestar *homestar)
{
    for (unsigned index = 0; index < LISTENERS; index++)
        if (homestar->listeners[index] >= 0)
            close(homestar->listeners[index]);
    if (homestar->wake >= 0)
        close(homestar->wake);
    pthread_mutex_destroy(&homestar->lock);
    pthread_cond_destroy(&homestar->landed);
    free(homestar);
}

Status homestar_open(struct node *node, struct homestar **out,
                     struct error *err)
{
    struct homestar *homestar = HEAP_NEW(struct homestar);
    homestar->node = node;
    for (unsigned index = 0; index < LISTENERS; index++)
        homestar->listeners[index] = -1;
    homestar->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&homestar->lock, NULL);
    pthread_cond_init(&homestar->landed, NULL);
    Status status = STATUS_OK;
    if (homestar->wake < 0)
        status = fail_errno(err, errno, "cannot wait for connections");
    if (status == STATUS_OK)
        status = listen_both(homestar, node_config(node)->homestar_port, err);
    if (status == STATUS_OK) {
        homestar->desk = desk_open(node_store(node));
        if (pthread_create(&homestar->thread, NULL, serve, homestar) == 0) {
            *out = homestar;
            return STATUS_OK;
        }
        desk_close(homestar->desk);
        status = fail(err, STATUS_HOST, "cannot start a thread");
    }
    release(homestar);
    return status;
}

void homestar_close(struct homestar *homestar)
{
    if (!homestar)
        return;
    atomic_store(&homestar->is_closing, true);
    homestar_wake(homestar);
    pthread_join(homestar->thread, NULL);
    for (struct connection *each = homestar->connections; each;
         each = each->next)
        each->is_gone = true;
    free_gone(homestar);
    desk_close(homestar->desk);
    pthread_mutex_lock(&homestar->lock);
    while (homestar->in_flight > 0)
        pthread_cond_wait(&homestar->landed, &homestar->lock);
    pthread_mutex_unlock(&homestar->lock);
    subscription_land(homestar);
    release(homestar);
}

uint16_t homestar_port(const struct homestar *homestar)
{
    return homestar->port;
}
