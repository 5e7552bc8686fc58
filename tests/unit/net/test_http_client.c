/* SPDX-License-Identifier: Apache-2.0 */
/* Against a server of a few lines, which answers what a test told it to. */
#include "net/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// After the others.
#include <cmocka.h>

enum { ASKED_MAX = 1 << 16 };

/* Answers each request on each connection with `answer`, and keeps what was
 * asked last. Without `answer` it says nothing more; with `breaks` it closes
 * in the middle. */
struct server {
    int listening;
    char url[64];
    pthread_t thread;
    const char *answer;
    bool breaks, is_silent;
    atomic_int connections;
    char asked[ASKED_MAX];
    size_t asked_len;
};

static bool request_is_whole(struct server *server)
{
    const char *end = strstr(server->asked, "\r\n\r\n");
    const char *length = strcasestr(server->asked, "content-length: ");
    if (!end)
        return false;
    if (strcasestr(server->asked, "transfer-encoding: chunked"))
        return strstr(end, "0\r\n\r\n") != NULL;
    const size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
    return server->asked_len >= (size_t)(end + 4 - server->asked) + body;
}

/* What was asked stays until more comes. */
static bool read_request(struct server *server, int connection)
{
    char piece[4096];
    bool is_first = true;
    do {
        const ssize_t len = recv(connection, piece, sizeof piece, 0);
        if (len <= 0)
            return false;
        if (is_first) {
            memset(server->asked, 0, sizeof server->asked);
            server->asked_len = 0;
        }
        is_first = false;
        if (server->asked_len + (size_t)len >= sizeof server->asked)
            return false;
        memcpy(server->asked + server->asked_len, piece, (size_t)len);
        server->asked_len += (size_t)len;
    } while (!request_is_whole(server));
    return true;
}

static void *serve(void *context)
{
    struct server *server = context;
    for (int connection;
         (connection = accept(server->listening, NULL, NULL)) >= 0;
         close(connection)) {
        atomic_fetch_add(&server->connections, 1);
        while (read_request(server, connection)) {
            if (!server->is_silent)
                send(connection, server->answer, strlen(server->answer),
                     MSG_NOSIGNAL);
            if (server->breaks)
                break;
        }
    }
    return NULL;
}

static struct server *server_new(const char *answer)
{
    struct server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof address;
    server->answer = answer;
    server->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listening, (struct sockaddr *)&address, len),
                     0);
    assert_int_equal(listen(server->listening, 8), 0);
    getsockname(server->listening, (struct sockaddr *)&address, &len);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d",
             ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    return server;
}

/* The client is gone, so its connections are closed. */
static void server_free(struct server *server)
{
    shutdown(server->listening, SHUT_RDWR);
    close(server->listening);
    pthread_join(server->thread, NULL);
    free(server);
}

static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 5\r\n\r\nhello";

static void tells_status_type_and_body(void **state)
{
    (void)state;
    struct server *server = server_new(fine);
    struct http_client *client = http_client_new();
    const char *const headers[] = {"Authorization: Bearer abc", NULL};
    const struct http_client_request request = {
        .method = "GET", .url = server->url, .headers = headers};
    struct http_client_answer answer;
    struct error err = {0};
    assert_int_equal(http_client_ask(client, &request, &answer, &err),
                     STATUS_OK);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.type, "text/plain");
    assert_int_equal(answer.body.len, 5);
    assert_memory_equal(answer.body.data, "hello", 5);
    buffer_deinit(&answer.body);
    assert_non_null(strstr(server->asked, "GET / HTTP/1.1\r\n"));
    assert_non_null(strstr(server->asked, "Authorization: Bearer abc\r\n"));
    assert_null(strcasestr(server->asked, "content-type"));
    http_client_free(client);
    server_free(server);
}

static void uses_a_connection_again(void **state)
{
    (void)state;
    struct server *server = server_new(fine);
    struct http_client *client = http_client_new();
    const char *const methods[] = {"GET", "POST", "DELETE", "POST", "GET"};
    struct http_client_answer answer;
    for (size_t at = 0; at < 5; at++) {
        const struct http_client_request request = {
            .method = methods[at],
            .url = server->url,
            .body = bytes_of("body", at == 1 ? 4 : 0),
        };
        assert_int_equal(http_client_ask(client, &request, &answer, NULL),
                         STATUS_OK);
        buffer_deinit(&answer.body);
        assert_memory_equal(server->asked, methods[at], strlen(methods[at]));
        // What one request had, the next has not.
        assert_true((strstr(server->asked, "\r\n\r\nbody") != NULL) ==
                    (at == 1));
    }
    assert_int_equal(atomic_load(&server->connections), 1);
    http_client_free(client);
    server_free(server);
}

struct source {
    long left;
    bool gives_up;
};

static long give(void *context, void *data, size_t max)
{
    struct source *source = context;
    const long len = source->left < (long)max ? source->left : (long)max;
    if (source->gives_up)
        return -1;
    memset(data, 'x', (size_t)len);
    source->left -= len;
    return len;
}

static void sends_a_body_as_it_is_read(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {30000, UINT64_MAX};
    struct server *server = server_new(fine);
    struct http_client *client = http_client_new();
    const char *const headers[] = {"Content-Type: application/x", NULL};
    for (size_t at = 0; at < 2; at++) {
        struct source source = {.left = 30000};
        const struct http_client_request request = {
            .method = "POST",
            .url = server->url,
            .headers = headers,
            .read = give,
            .read_len = lengths[at],
            .context = &source,
        };
        struct http_client_answer answer;
        assert_int_equal(http_client_ask(client, &request, &answer, NULL),
                         STATUS_OK);
        buffer_deinit(&answer.body);
        assert_memory_equal(server->asked, "POST", 4);
        assert_non_null(strstr(server->asked, "application/x\r\n"));
        size_t count = 0;
        for (const char *x = strstr(server->asked, "\r\n\r\n"); *x; x++)
            count += *x == 'x';
        assert_int_equal(count, 30000);
    }
    http_client_free(client);
    server_free(server);
}

static void stops_when_the_source_gives_up(void **state)
{
    (void)state;
    struct server *server = server_new(fine);
    struct http_client *client = http_client_new();
    struct source source = {.gives_up = true};
    const struct http_client_request request = {
        .method = "POST",
        .url = server->url,
        .read = give,
        .read_len = 10,
        .context = &source,
    };
    struct http_client_answer answer;
    struct error err = {0};
    assert_int_equal(http_client_ask(client, &request, &answer, &err),
                     STATUS_CANCELLED);
    buffer_deinit(&answer.body);
    http_client_free(client);
    server_free(server);
}

struct sunk {
    char text[64];
    size_t len, max;
};

static bool sink(void *context, const void *data, size_t len)
{
    struct sunk *sunk = context;
    assert_true(sunk->len + len < sizeof sunk->text);
    memcpy(sunk->text + sunk->len, data, len);
    sunk->len += len;
    return sunk->len < sunk->max;
}

static void gives_the_body_to_a_sink_unless_it_is_an_error(void **state)
{
    (void)state;
    static const char refused[] =
        "HTTP/1.1 429 Too Many\r\nRetry-After: 17\r\nLocation: /v1/jobs/x\r\n"
        "Content-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n"
        "{}";
    static const char *const answers[] = {fine, refused};
    for (size_t at = 0; at < 2; at++) {
        struct server *server = server_new(answers[at]);
        struct http_client *client = http_client_new();
        struct sunk sunk = {.max = 100};
        const struct http_client_request request = {.method = "GET",
                                                    .url = server->url,
                                                    .sink = sink,
                                                    .context = &sunk};
        struct http_client_answer answer;
        assert_int_equal(http_client_ask(client, &request, &answer, NULL),
                         STATUS_OK);
        assert_int_equal(sunk.len, at == 0 ? 5 : 0);
        assert_int_equal(answer.body.len, at == 0 ? 0 : 2);
        assert_int_equal(answer.retry_after_s, at == 0 ? 0 : 17);
        assert_string_equal(answer.location, at == 0 ? "" : "/v1/jobs/x");
        buffer_deinit(&answer.body);
        http_client_free(client);
        server_free(server);
    }
}

static void stops_when_the_sink_has_enough(void **state)
{
    (void)state;
    struct server *server = server_new(fine);
    struct http_client *client = http_client_new();
    struct sunk sunk = {.max = 1};
    const struct http_client_request request = {
        .method = "GET", .url = server->url, .sink = sink, .context = &sunk};
    struct http_client_answer answer;
    assert_int_equal(http_client_ask(client, &request, &answer, NULL),
                     STATUS_CANCELLED);
    buffer_deinit(&answer.body);
    http_client_free(client);
    server_free(server);
}

static bool stop(void *context)
{
    (void)context;
    return true;
}

static void stops_waiting_when_asked_to_or_out_of_time(void **state)
{
    (void)state;
    for (int in_time = 0; in_time < 2; in_time++) {
        struct server *server = server_new("");
        struct http_client *client = http_client_new();
        struct http_client_answer answer;
        struct error err = {0};
        server->is_silent = true;
        const struct http_client_request request = {
            .method = "GET",
            .url = server->url,
            .is_stopped = in_time ? stop : NULL,
            .timeout_ms = in_time ? 0 : 50,
        };
        assert_int_equal(http_client_ask(client, &request, &answer, &err),
                         in_time ? STATUS_CANCELLED : STATUS_IO);
        buffer_deinit(&answer.body);
        http_client_free(client);
        server_free(server);
    }
}

static void says_that_an_answer_is_cut_off_or_too_long(void **state)
{
    (void)state;
    static const char cut[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello";
    for (int is_long = 0; is_long < 2; is_long++) {
        struct server *server = server_new(is_long ? fine : cut);
        struct http_client *client = http_client_new();
        struct http_client_answer answer;
        struct error err = {0};
        server->breaks = true;
        const struct http_client_request request = {
            .method = "GET",
            .url = server->url,
            .body_max = is_long ? 4 : 0,
        };
        assert_int_equal(http_client_ask(client, &request, &answer, &err),
                         is_long ? STATUS_LIMIT : STATUS_IO);
        assert_true(strlen(err.message) > 0);
        buffer_deinit(&answer.body);
        http_client_free(client);
        server_free(server);
    }
}

static void says_that_nobody_listens_and_what_is_no_address(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        Status status;
    } rows[] = {
        {"http://127.0.0.1:1/", STATUS_NOT_FOUND},
        {"http://name.invalid/", STATUS_NOT_FOUND},
        {"file:///etc/passwd", STATUS_INVALID},
        {"gopher://127.0.0.1/", STATUS_INVALID},
        {"http://127.0.0.1:99999/", STATUS_INVALID},
        {"", STATUS_INVALID},
    };
    struct http_client *client = http_client_new();
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct http_client_answer answer;
        struct error err = {0};
        const struct http_client_request request = {.method = "GET",
                                                    .url = rows[row].url};
        assert_int_equal(http_client_ask(client, &request, &answer, &err),
                         rows[row].status);
        assert_int_equal(err.status, rows[row].status);
        buffer_deinit(&answer.body);
    }
    http_client_free(client);
}

static void follows_nobody(void **state)
{
    (void)state;
    struct server *server = server_new("HTTP/1.1 302 Found\r\nLocation: "
                                       "http://127.0.0.1:1/\r\n"
                                       "Content-Length: 0\r\n\r\n");
    struct http_client *client = http_client_new();
    struct http_client_answer answer;
    const struct http_client_request request = {.method = "GET",
                                                .url = server->url};
    assert_int_equal(http_client_ask(client, &request, &answer, NULL),
                     STATUS_OK);
    assert_int_equal(answer.status, 302);
    assert_string_equal(answer.location, "http://127.0.0.1:1/");
    buffer_deinit(&answer.body);
    http_client_free(client);
    server_free(server);
}

int main(void)
{
    // No proxy of who runs the tests.
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_status_type_and_body),
        cmocka_unit_test(uses_a_connection_again),
        cmocka_unit_test(sends_a_body_as_it_is_read),
        cmocka_unit_test(stops_when_the_source_gives_up),
        cmocka_unit_test(gives_the_body_to_a_sink_unless_it_is_an_error),
        cmocka_unit_test(stops_when_the_sink_has_enough),
        cmocka_unit_test(stops_waiting_when_asked_to_or_out_of_time),
        cmocka_unit_test(says_that_an_answer_is_cut_off_or_too_long),
        cmocka_unit_test(says_that_nobody_listens_and_what_is_no_address),
        cmocka_unit_test(follows_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
