/* SPDX-License-Identifier: Apache-2.0 */
/* bench_http.c - a node over HTTP, asked by one client that keeps its
 * connection: acknowledgement, hits, events, and ten thousand who watch. The
 * node is a process of its own, so that its memory is its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench.h"
#include "content/content.h"
#include "http/http.h"
#include "ucan/container.h"

enum { TRIES = 500, EVENTS = 100, WATCHERS = 10000, ANSWER_MAX = 1 << 16 };

static struct secret_key *key;

_Noreturn static void leave(const char *words)
{
    fprintf(stderr, "bench_http: %s\n", words);
    exit(1);
}

/* --- The node ------------------------------------------------------------ */

struct facts {
    uint16_t port;
    char did[256], invitation[SECRET_TEXT_MAX], module[CID_TEXT_MAX];
};

/* Serves until the pipe `until` is closed; tells what a client must know. */
_Noreturn static void serve(const char *directory, int until, int tell)
{
    struct error err = {0};
    struct node_config config;
    struct facts facts = {0};
    struct store *store;
    struct node *node;
    struct http *http;
    Cid module;
    char byte;
    node_config_default(&config);
    config.port = 0;
    bench_check(store_open(directory, NULL, &store, &err), &err);
    bench_check(
        content_add_path(store, "bench/guests/loop.wasm", NULL, &module, &err),
        &err);
    bench_check(node_open(store, key, &config, &node, &err), &err);
    bench_check(http_open(node, &http, &err), &err);
    facts.port = http_port(http);
    snprintf(facts.did, sizeof facts.did, "%s", node_did(node)->text);
    gate_invite(node_gate(node), facts.invitation);
    cid_to_text(&module, facts.module);
    if (write(tell, &facts, sizeof facts) != sizeof facts)
        _exit(1);
    while (read(until, &byte, 1) > 0)
        continue;
    http_close(http);
    node_close(node);
    store_close(store);
    _exit(0);
}

struct server {
    pid_t process;
    int until;
    struct facts facts;
};

static void server_start(struct server *server)
{
    int until[2], tell[2];
    const char *directory = bench_fresh_directory();
    if (pipe(until) != 0 || pipe(tell) != 0)
        leave("no pipes");
    server->process = fork();
    if (server->process == 0) {
        close(until[1]);
        close(tell[0]);
        serve(directory, until[0], tell[1]);
    }
    close(until[0]);
    close(tell[1]);
    server->until = until[1];
    if (read(tell[0], &server->facts, sizeof server->facts) !=
        sizeof server->facts)
        leave("the node did not start");
    close(tell[0]);
}

static void server_stop(struct server *server)
{
    int status;
    close(server->until);
    if (waitpid(server->process, &status, 0) < 0 || status != 0)
        leave("the node did not end well");
}

static uint64_t server_memory(const struct server *server)
{
    char path[64], line[256];
    uint64_t kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)server->process);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kib << 10;
}

/* --- A client ------------------------------------------------------------ */

static int dial(const struct server *server)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(server->facts.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int one = 1;
    const int line = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line < 0 ||
        connect(line, (const struct sockaddr *)&to, sizeof to) != 0)
        leave(strerror(errno));
    setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return line;
}

struct answer {
    int status;
    char text[ANSWER_MAX]; /* headers and body, ended by NUL */
    char *body;
};

static void ask(int line, const char *request, size_t len, struct answer *out)
{
    size_t have = 0, want = SIZE_MAX;
    if (write(line, request, len) != (ssize_t)len)
        leave("cannot ask");
    while (have < want) {
        const ssize_t got =
            read(line, out->text + have, sizeof out->text - 1 - have);
        if (got <= 0)
            leave("the node hung up");
        have += (size_t)got;
        out->text[have] = 0;
        char *end = strstr(out->text, "\r\n\r\n");
        const char *length = strstr(out->text, "Content-Length: ");
        if (!end)
            continue;
        out->body = end + 4;
        want = (size_t)(out->body - out->text) +
               (length ? strtoull(length + 16, NULL, 10) : 0);
    }
    out->status = (int)strtol(out->text + 9, NULL, 10);
}

static char cookie[200];

static size_t make(char out[ANSWER_MAX], const char *method, const char *path,
                   const char *type, const char *body)
{
    return (size_t)snprintf(out, ANSWER_MAX,
                            "%s %s HTTP/1.1\r\nHost: localhost\r\n%s"
                            "X-IPVM: 1\r\nContent-Type: %s\r\n"
                            "Content-Length: %zu\r\n\r\n%s",
                            method, path, cookie, type, strlen(body), body);
}

static struct answer answer;

static void call(int line, const char *method, const char *path,
                 const char *type, const char *body)
{
    char request[ANSWER_MAX];
    const size_t len = make(request, method, path, type, body);
    ask(line, request, len, &answer);
    if (answer.status >= 400)
        leave(answer.body);
}

/* The text behind `"name":{"/":"`, or "name":". */
static void field(const char *name, char out[CID_TEXT_MAX])
{
    char start[64];
    snprintf(start, sizeof start, "\"%s\":{\"/\":\"", name);
    const char *at = strstr(answer.body, start);
    if (!at)
        leave(answer.body);
    at += strlen(start);
    const size_t len = strcspn(at, "\"");
    memcpy(out, at, len);
    out[len] = 0;
}

static void sign_in(int line, const struct server *server)
{
    char body[200];
    snprintf(body, sizeof body, "{\"token\":\"%s\"}",
             server->facts.invitation);
    call(line, "POST", "/v1/session", "application/json", body);
    const char *at = strstr(answer.text, "Set-Cookie: ");
    if (!at)
        leave("no session");
    snprintf(cookie, sizeof cookie, "Cookie: %.*s\r\n",
             (int)strcspn(at + 12, ";"), at + 12);
}

/* --- Measures ------------------------------------------------------------ */

static void measure(int line, const char *name, double target, size_t tries,
                    const char *method, const char *path, const char *body)
{
    struct samples samples = {0};
    char request[ANSWER_MAX];
    const size_t len = make(request, method, path, "application/json", body);
    for (size_t index = 0; index < tries; index++) {
        const uint64_t start_ns = clock_monotonic_ns();
        ask(line, request, len, &answer);
        samples_add(&samples, clock_monotonic_ns() - start_ns);
        if (answer.status >= 400)
            leave(answer.body);
    }
    bar_print_samples(
        (struct bar){.name = name, .unit = "us", .target = target}, &samples);
}

/* The same invocation each time: one job, which is over. */
static void measure_again(int line, const struct server *server,
                          const char *workflow)
{
    struct arena arena = {0};
    struct error err = {0};
    struct token *token;
    struct buffer container;
    struct samples samples = {0};
    struct job_terms terms = {0};
    Did did;
    char request[ANSWER_MAX];
    bench_check(did_read(text_of(server->facts.did), &did, NULL, &err), &err);
    bench_check(cid_from_text(text_of(workflow), &terms.workflow, &err), &err);
    const struct token_claims claims = {
        .kind = TOKEN_INVOCATION,
        .sub = &did,
        .cmd = TEXT("/workflow/run"),
        .args = job_terms_value(&terms, &arena),
        .has_exp = true,
        .exp = clock_wall_s() + 3600,
    };
    bench_check(token_mint(&claims, key, NULL, &token, &err), &err);
    buffer_init(&container, 1 << 16);
    bench_check(container_write(CONTAINER_BASE64URL, &token->bytes, 1,
                                &container, &err),
                &err);
    const size_t len = (size_t)snprintf(
        request, sizeof request,
        "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        "%.*s\r\nContent-Length: 0\r\n\r\n",
        (int)container.len, (const char *)container.data);
    for (size_t index = 0; index < TRIES + 1; index++) {
        const uint64_t start_ns = clock_monotonic_ns();
        ask(line, request, len, &answer);
        if (answer.status >= 400)
            leave(answer.body);
        if (index > 0)
            samples_add(&samples, clock_monotonic_ns() - start_ns);
    }
    bar_print_samples((struct bar){.name = "http_memo_hit_known_job",
                                   .unit = "us",
                                   .target = 150},
                      &samples);
    token_free(token);
    buffer_deinit(&container);
    arena_deinit(&arena);
}

/* --- Watchers ------------------------------------------------------------ */

static int watch(const struct server *server, const char *job)
{
    char request[1024];
    const int line = dial(server);
    const int len = snprintf(request, sizeof request,
                             "GET /v1/jobs/%s/events?after=100000 HTTP/1.1\r\n"
                             "Host: localhost\r\n%s\r\n",
                             job, cookie);
    if (write(line, request, (size_t)len) != len)
        leave("cannot watch");
    return line;
}

/* Reads until `words` have come; nanoseconds since 1970 do not matter. */
static void read_until(int line, const char *words)
{
    char text[8192];
    size_t have = 0;
    while (have < sizeof text - 1) {
        const ssize_t got = read(line, text + have, sizeof text - 1 - have);
        if (got <= 0)
            leave("a watcher was hung up on");
        have += (size_t)got;
        text[have] = 0;
        if (strstr(text, words))
            return;
    }
    leave("a watcher was told too much");
}

static void watch_from(const struct server *server, const char *job,
                       unsigned after, int *line)
{
    char request[1024];
    *line = dial(server);
    const int len = snprintf(request, sizeof request,
                             "GET /v1/jobs/%s/events?after=%u HTTP/1.1\r\n"
                             "Host: localhost\r\n%s\r\n",
                             job, after, cookie);
    if (write(*line, request, (size_t)len) != len)
        leave("cannot watch");
    read_until(*line, "\r\n\r\n");
}

/* From the word that suspends a job, over its journal, to a watcher. */
static void measure_events(int line, const struct server *server,
                           const char *job)
{
    struct samples samples = {0};
    char paths[2][CID_TEXT_MAX + 40], requests[2][1024];
    size_t lens[2];
    int watcher;
    snprintf(paths[0], sizeof paths[0], "/v1/jobs/%s/suspend", job);
    snprintf(paths[1], sizeof paths[1], "/v1/jobs/%s/resume", job);
    for (size_t verb = 0; verb < 2; verb++)
        lens[verb] = (size_t)snprintf(
            requests[verb], sizeof requests[verb],
            "POST %s HTTP/1.1\r\nHost: localhost\r\n%sX-IPVM: 1\r\n"
            "Content-Length: 0\r\n\r\n",
            paths[verb], cookie);
    watch_from(server, job, 1, &watcher);
    for (size_t index = 0; index < EVENTS; index++) {
        const size_t verb = index & 1;
        const uint64_t start_ns = clock_monotonic_ns();
        if (write(line, requests[verb], lens[verb]) != (ssize_t)lens[verb])
            leave("cannot ask");
        read_until(watcher, verb ? "event: resumed" : "event: suspended");
        samples_add(&samples, clock_monotonic_ns() - start_ns);
        ask(line, "", 0, &answer); // The word's own answer.
    }
    close(watcher);
    bar_print_samples((struct bar){.name = "http_event_to_client",
                                   .unit = "us",
                                   .target = 2000},
                      &samples);
}

static void measure_watchers(int line, const struct server *server,
                             const char *job, const char *sleeper)
{
    static int lines[WATCHERS];
    char path[CID_TEXT_MAX + 40];
    struct epoll_event event, events[256];
    const uint64_t before = server_memory(server);
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int index = 0; index < WATCHERS; index++) {
        lines[index] = watch(server, job);
        read_until(lines[index], "\r\n\r\n");
        event =
            (struct epoll_event){.events = EPOLLIN, .data.fd = lines[index]};
        epoll_ctl(poll, EPOLL_CTL_ADD, lines[index], &event);
    }
    bar_print(&(struct bar){
        .name = "http_memory_of_10000_watchers",
        .unit = "MB",
        .value = (double)(server_memory(server) - before) / 1e6,
        .target = 100,
        .memory = server_memory(server),
    });
    // What others ask meanwhile.
    snprintf(path, sizeof path, "/v1/jobs/%s", job);
    measure(line, "http_get_job_beside_10000_watchers", 0, TRIES, "GET", path,
            "");
    measure(line, "http_submit_beside_10000_watchers", 0, TRIES, "POST",
            "/v1/jobs?by=cid", sleeper);
    // Each is told of the job's end, and its stream ends.
    snprintf(path, sizeof path, "/v1/jobs/%s/cancel", job);
    const uint64_t start_ns = clock_monotonic_ns();
    call(line, "POST", path, "application/json", "");
    for (size_t told = 0; told < WATCHERS;) {
        const int count = epoll_wait(poll, events, 256, 30000);
        if (count <= 0)
            leave("not every watcher was told");
        for (int index = 0; index < count; index++) {
            char text[4096];
            epoll_ctl(poll, EPOLL_CTL_DEL, events[index].data.fd, NULL);
            if (read(events[index].data.fd, text, sizeof text) > 0)
                told++;
        }
    }
    bar_print(&(struct bar){
        .name = "http_tell_10000_watchers",
        .unit = "ms",
        .value = (double)(clock_monotonic_ns() - start_ns) / 1e6,
    });
    for (int index = 0; index < WATCHERS; index++)
        close(lines[index]);
    close(poll);
}

/* --- Together ------------------------------------------------------------ */

static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); // It says if there are few.
    }
}

int main(void)
{
    struct server server;
    char body[1024], path[CID_TEXT_MAX + 60], workflow[CID_TEXT_MAX],
        job[CID_TEXT_MAX];
    signal(SIGPIPE, SIG_IGN);
    raise_limits();
    key = secret_key_new(KEY_ED25519);
    server_start(&server);
    const int line = dial(&server);
    sign_in(line, &server);
    measure(line, "http_health", 0, TRIES, "GET", "/healthz", "");

    snprintf(body, sizeof body,
             "ipvm: \"1.0\"\nname: bench\ntasks:\n"
             "  sum: {run: %s#add, args: [1, 2]}\n",
             server.facts.module);
    call(line, "POST", "/v1/jobs?wait=60", "application/yaml", body);
    field("workflow", workflow);
    field("job", job);
    snprintf(path, sizeof path, "/v1/jobs/%s/result?output=sum", job);
    measure(line, "http_result", 150, TRIES, "GET", path, "");
    measure_again(line, &server, workflow);
    snprintf(body, sizeof body, "{\"workflow\":{\"/\":\"%s\"}}", workflow);
    measure(line, "http_memo_hit_new_job_durable", 0, TRIES, "POST",
            "/v1/jobs?by=cid&wait=10", body);
    snprintf(body, sizeof body,
             "{\"workflow\":{\"/\":\"%s\"},\"not_before\":%lld}", workflow,
             ((long long)clock_wall_s() + 86400) * 1000);
    measure(line, "http_submit_acknowledged", 1000, TRIES, "POST",
            "/v1/jobs?by=cid", body);
    field("job", job);
    measure_events(line, &server, job);
    measure_watchers(line, &server, job, body);
    close(line);
    server_stop(&server);
    secret_key_free(key);
    return 0;
}
