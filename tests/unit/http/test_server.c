/* SPDX-License-Identifier: Apache-2.0 */
/* test_server.c - a server on a real node with a store in memory, asked over
 * sockets, byte by byte where that matters: what clients do that are slow, in a
 * hurry, or gone. */
#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http/server.h"
#include "task/computation.h"

struct world {
    struct store *store;
    struct secret_key *key;
    struct node *node;
    struct http *http;
    char cookie[SECRET_TEXT_MAX];
};

static struct world world;

static void open_world(void)
{
    struct error err = {0};
    struct node_config config;
    char invitation[SECRET_TEXT_MAX];
    node_config_default(&config);
    config.port = 0;
    config.body_max = 2 << 20;
    world.store = store_open_memory();
    world.key = secret_key_new(KEY_ED25519);
    assert_int_equal(
        node_open(world.store, world.key, &config, &world.node, &err),
        STATUS_OK);
    assert_int_equal(http_open(world.node, &world.http, &err), STATUS_OK);
    gate_invite(node_gate(world.node), invitation);
    assert_int_equal(gate_begin_session(node_gate(world.node),
                                        text_of(invitation), world.cookie,
                                        &err),
                     STATUS_OK);
}

static void close_world(void)
{
    http_close(world.http);
    node_close(world.node);
    store_close(world.store);
    secret_key_free(world.key);
}

/* --- A client ------------------------------------------------------------ */

static int dial(void)
{
    const struct timeval patience = {.tv_sec = 20};
    const struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(http_port(world.http)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int line = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(line >= 0);
    assert_int_equal(connect(line, (const struct sockaddr *)&to, sizeof to),
                     0);
    setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return line;
}

static void say(int line, const char *text)
{
    const size_t len = strlen(text);
    assert_int_equal(send(line, text, len, MSG_NOSIGNAL), len);
}

static _Thread_local char heard[1 << 16];

/* Reads until `words` were heard, in all since the last time; false: the other
 * side hung up before. */
static bool hears(int line, const char *words)
{
    size_t have = 0;
    heard[0] = 0;
    while (!strstr(heard, words)) {
        assert_true(have < sizeof heard - 1);
        const ssize_t got =
            recv(line, heard + have, sizeof heard - 1 - have, 0);
        if (got <= 0)
            return false;
        have += (size_t)got;
        heard[have] = 0;
    }
    return true;
}

static bool hangs_up(int line)
{
    char byte;
    return recv(line, &byte, 1, 0) <= 0;
}

#define HOST "Host: localhost\r\n"

static void ask(int line, const char *first, const char *rest)
{
    char text[4096];
    snprintf(text, sizeof text,
             "%s HTTP/1.1\r\n" HOST "Cookie: ipvm_session=%s\r\n"
             "X-IPVM: 1\r\n%s\r\n",
             first, world.cookie, rest);
    say(line, text);
}

/* --- Jobs ---------------------------------------------------------------- */

static Status keep_block(void *context, const Cid *cid, Bytes block,
                         struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

/* Of one task, whose module nobody looks at before it runs. */
static Cid keep_workflow(void)
{
    struct error err = {0};
    struct workflow *workflow = workflow_new();
    struct store_batch *batch = store_batch_new(world.store);
    const Bytes bytes = text_bytes(TEXT("a module"));
    const Value none = value_list(NULL, 0);
    struct task_draft draft = {.label = TEXT("a"), .cmd = TEXT("/wasm/run")};
    Cid module;
    cid_of(CODEC_RAW, bytes, &module);
    store_batch_block(batch, &module, bytes);
    const Value link = value_link(&module);
    draft.args =
        wasm_call_args(&workflow->arena, &link, TEXT("f"), &none, false);
    assert_int_equal(
        workflow_finish(workflow, &draft, 1, NULL, 0, world.store, &err),
        STATUS_OK);
    assert_int_equal(workflow_encode(workflow, keep_block, batch, &err),
                     STATUS_OK);
    assert_int_equal(store_commit(batch, &err), STATUS_OK);
    store_batch_free(batch);
    const Cid cid = workflow->cid;
    workflow_free(workflow);
    return cid;
}

static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static struct node_answer answer;
static bool is_told;

static void tell(void *context, const struct node_answer *what)
{
    (void)context;
    pthread_mutex_lock(&told_lock);
    answer = *what;
    is_told = true;
    pthread_cond_signal(&told);
    pthread_mutex_unlock(&told_lock);
}

static void wait_told(void)
{
    pthread_mutex_lock(&told_lock);
    while (!is_told)
        pthread_cond_wait(&told, &told_lock);
    is_told = false;
    pthread_mutex_unlock(&told_lock);
    assert_int_equal(answer.status, STATUS_OK);
}

/* It begins tomorrow. */
static void sleeping_job(char out[CID_TEXT_MAX])
{
    struct error err = {0};
    struct submission *submission;
    struct job_terms terms = {.workflow = keep_workflow()};
    Cid cid;
    terms.not_before_ms = (clock_wall_s() + 86400) * 1000;
    assert_int_equal(gate_own_submission(node_gate(world.node), &terms,
                                         bytes_of(NULL, 0), &submission, &err),
                     STATUS_OK);
    node_submit(world.node, submission, tell, NULL);
    wait_told();
    job_cid(&answer.job, &cid);
    cid_to_text(&cid, out);
}

static void control(NodeVerb verb)
{
    const Hash job = answer.job;
    node_control(world.node, verb, &job, node_did(world.node), tell, NULL);
    wait_told();
}

/* --- Requests in pieces -------------------------------------------------- */

static void half_a_request_is_answered_when_it_is_whole(void **state)
{
    static const char request[] = "GET /healthz HTTP/1.1\r\n" HOST "\r\n";
    (void)state;
    open_world();
    const int line = dial();
    for (size_t i = 0; i < sizeof request - 1; i++)
        assert_int_equal(send(line, request + i, 1, MSG_NOSIGNAL), 1);
    assert_true(hears(line, "\"status\":\"ok\""));
    close(line);
    close_world();
}

static void a_connection_outlives_what_was_refused(void **state)
{
    (void)state;
    open_world();
    const int line = dial();
    ask(line, "GET /v1/nothing", "");
    assert_true(hears(line, "\"no-such-path\""));
    ask(line, "PUT /v1/jobs", "Content-Length: 0\r\n");
    assert_true(hears(line, "\"method-not-allowed\""));
    ask(line, "GET /v1/jobs/nonsense", "");
    assert_true(hears(line, "\"bad-cid\""));
    // Two at once are answered one after the other.
    ask(line, "GET /healthz", "");
    ask(line, "GET /v1/quotas", "");
    assert_true(hears(line, "\"quotas\":[]"));
    close(line);
    close_world();
}

static void a_large_body_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    open_world();
    const int line = dial();
    ask(line, "POST /v1/jobs",
        "Content-Type: application/yaml\r\nContent-Length: 99999999\r\n");
    assert_true(hears(line, "\"body-too-large\""));
    assert_true(hangs_up(line));
    close(line);
    close_world();
}

/* How long it is, nobody knows before its end. */
static void a_large_body_in_chunks_is_dropped(void **state)
{
    static char chunk[65536 + 16];
    (void)state;
    open_world();
    const int line = dial();
    ask(line, "POST /v1/call",
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
    memset(chunk, ' ', sizeof chunk);
    memcpy(chunk, "10000\r\n", 7);
    memcpy(chunk + 7 + 65536, "\r\n", 3);
    for (int i = 0; i < 32; i++)
        say(line, chunk);
    say(line, "0\r\n\r\n");
    assert_true(hears(line, "\"body-too-large\""));
    close(line);
    close_world();
}

static void nonsense_is_refused_or_hung_up_on(void **state)
{
    static const char *const requests[] = {
        "GET\r\n\r\n",
        "GET /healthz\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost localhost\r\n\r\n",
        "GET /healthz HTTP/9.9\r\n" HOST "\r\n",
        "GET healthz HTTP/1.1\r\n" HOST "\r\n",
        "GET * HTTP/1.1\r\n" HOST "\r\n",
        "GET http://evil.example/healthz HTTP/1.1\r\n" HOST "\r\n",
        "GET /v1/quotas/%zz HTTP/1.1\r\n" HOST "\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\n" HOST "\r\n",
        "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" HOST "\r\n",
        "POST /v1/jobs HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "POST /v1/jobs HTTP/1.1\r\n" HOST "Content-Length: 9x\r\n\r\n",
        "POST /v1/jobs HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n", // Without a Host.
        "GET /healthz HTTP/1.1\r\n" HOST "Cookie: ipvm_session\r\n\r\n",
        "GET /v1/node HTTP/1.1\r\n" HOST "Authorization: Bearer\r\n\r\n",
        "GET /v1/node HTTP/1.1\r\n" HOST "Authorization: Bearer \x01\r\n\r\n",
        "GET /\xff\xfe HTTP/1.1\r\n" HOST "\r\n",
        "\x16\x03\x01\x02\r\n\r\n", // TLS
    };
    (void)state;
    open_world();
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const int line = dial();
        say(line, requests[i]);
        shutdown(line, SHUT_WR);
        // Whatever is said, it is no success, but for what stands in Cookie.
        if (hears(line, "\r\n\r\n") && !strstr(requests[i], "Cookie"))
            assert_null(strstr(heard, " 200 "));
        close(line);
    }
    const int line = dial();
    ask(line, "GET /healthz", "");
    assert_true(hears(line, "\"status\":\"ok\""));
    close(line);
    close_world();
}

/* --- Who waits ----------------------------------------------------------- */

enum { WATCHERS = 100 };

static void watch_all(int lines[WATCHERS], const char *job)
{
    char first[300];
    for (int i = 0; i < WATCHERS; i++) {
        // Streams, and answers that wait.
        snprintf(first, sizeof first,
                 i % 2 ? "GET /v1/jobs/%s/events" : "GET /v1/jobs/%s?wait=60",
                 job);
        lines[i] = dial();
        ask(lines[i], first, "");
    }
    for (int i = 1; i < WATCHERS; i += 2)
        assert_true(hears(lines[i], "event: submitted"));
}

/* Until the server has begun so many. */
static void wait_for_requests(uint64_t count)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    struct server_counts counts = {0};
    while (counts.requests < count) {
        nanosleep(&pause, NULL);
        server_count(world.http, &counts);
    }
}

static void all_who_watch_are_told_of_the_end(void **state)
{
    char job[CID_TEXT_MAX];
    int lines[WATCHERS];
    (void)state;
    open_world();
    sleeping_job(job);
    watch_all(lines, job);
    control(NODE_CANCEL);
    for (int i = 0; i < WATCHERS; i++) {
        assert_true(hears(lines[i], i % 2 ? "event: cancelled"
                                          : "\"state\":\"cancelled\""));
        close(lines[i]);
    }
    close_world();
}

static void who_goes_away_while_he_waits_is_forgotten(void **state)
{
    char job[CID_TEXT_MAX];
    int lines[WATCHERS];
    (void)state;
    open_world();
    sleeping_job(job);
    watch_all(lines, job);
    for (int i = 0; i < WATCHERS; i++) {
        const struct linger now = {.l_onoff = 1};
        if (i % 3 == 0) // Not a word: the other side is told of an error.
            setsockopt(lines[i], SOL_SOCKET, SO_LINGER, &now, sizeof now);
        if (i % 5 != 0)
            close(lines[i]);
    }
    control(NODE_SUSPEND);
    control(NODE_CANCEL);
    for (int i = 0; i < WATCHERS; i += 5) {
        assert_true(hears(lines[i], "cancelled"));
        close(lines[i]);
    }
    close_world();
}

static void a_server_that_closes_lets_go_who_waits(void **state)
{
    char job[CID_TEXT_MAX];
    int lines[WATCHERS];
    (void)state;
    open_world();
    sleeping_job(job);
    watch_all(lines, job);
    wait_for_requests(WATCHERS);
    close_world();
    for (int i = 0; i < WATCHERS; i++) {
        if (i % 2 == 0) // An answer, if not the one that was waited for.
            assert_true(hears(lines[i], "\"state\":\"queued\""));
        close(lines[i]);
    }
}

/* --- Many at once -------------------------------------------------------- */

enum { CLIENTS = 4, ROUNDS = 25 };

/* Suspends and resumes: each answer comes over another thread. */
static void *ask_often(void *job)
{
    char first[2][300];
    const int line = dial();
    snprintf(first[0], sizeof first[0], "POST /v1/jobs/%s/suspend",
             (const char *)job);
    snprintf(first[1], sizeof first[1], "POST /v1/jobs/%s/resume",
             (const char *)job);
    for (int i = 0; i < ROUNDS; i++) {
        // Whose word came first, another client decides.
        ask(line, first[i % 2], "Content-Length: 0\r\n");
        assert_true(hears(line, "\r\n\r\n{"));
        assert_true(strstr(heard, " 200 ") || strstr(heard, " 409 "));
        while (!strstr(heard, "}\n"))
            assert_true(hears(line, "}\n"));
    }
    close(line);
    return NULL;
}

static void answers_come_from_many_threads(void **state)
{
    char job[CID_TEXT_MAX];
    pthread_t clients[CLIENTS];
    int lines[WATCHERS];
    (void)state;
    open_world();
    sleeping_job(job);
    watch_all(lines, job);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, ask_often, job), 0);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    for (int i = 0; i < WATCHERS; i++)
        close(lines[i]);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_a_request_is_answered_when_it_is_whole),
        cmocka_unit_test(a_connection_outlives_what_was_refused),
        cmocka_unit_test(a_large_body_is_refused_before_it_is_sent),
        cmocka_unit_test(a_large_body_in_chunks_is_dropped),
        cmocka_unit_test(nonsense_is_refused_or_hung_up_on),
        cmocka_unit_test(all_who_watch_are_told_of_the_end),
        cmocka_unit_test(who_goes_away_while_he_waits_is_forgotten),
        cmocka_unit_test(a_server_that_closes_lets_go_who_waits),
        cmocka_unit_test(answers_come_from_many_threads),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
