/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remote_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/field.h"
#include "cli/output.h"
#include "ipld/dag_json.h"
#include "net/event_stream.h"
#include "node/job.h"

enum {
    JOBS_LOOKED_AT_MAX = 10000,
    JOBS_PAGE = 1000,
    WAIT_FIRST_MS = 100,
    WAIT_MAX_MS = 2000,
    GIVE_UP_S = 120, /* without a node */
};

/* --- By its id ----------------------------------------------------------- */

Text remote_job_path(struct arena *arena, const char *job, const char *rest)
{
    return arena_format(arena, "/v1/jobs/%s%s", job, rest);
}

/* Those whose ids begin so. */
struct looking {
    Text word;
    char id[CID_TEXT_MAX]; /* the first of them */
    unsigned count, looked_at;
};

static bool begins_with(Text id, Text word)
{
    static const Text front = TEXT_INIT("bafyrei");
    if (text_starts_with(id, word))
        return true;
    if (!text_starts_with(id, front) || word.len > id.len - front.len)
        return false;
    return memcmp(id.data + front.len, word.data, word.len) == 0;
}

static void look_at(struct looking *looking, const Value *job)
{
    char id[CID_TEXT_MAX];
    Cid cid;
    looking->looked_at++;
    if (!field_cid(job, TEXT("job"), &cid))
        return;
    cid_to_text(&cid, id);
    if (!begins_with(text_of(id), looking->word))
        return;
    if (looking->count++ == 0)
        memcpy(looking->id, id, sizeof id);
}

/* One page of them; `next` is where the following begins, or empty. */
static int look_at_page(struct node_client *client, struct looking *looking,
                        struct arena *arena, Text *next)
{
    const Text path =
        arena_format(arena, "/v1/jobs?limit=%d%s%.*s", JOBS_PAGE,
                     next->len > 0 ? "&after=" : "", TEXT_ARG(*next));
    const struct node_ask ask = {
        .method = "GET", .path = path.data, .cmd = "/job/read"};
    Value answer = value_null();
    const int code = node_ask_value(client, &ask, arena, &answer);
    const Value *jobs = field(&answer, TEXT("jobs"));
    *next = TEXT("");
    if (code != EXIT_OK || !jobs || jobs->kind != VALUE_LIST ||
        jobs->list.count == 0)
        return code;
    *next = field_text(&answer, TEXT("next"));
    for (size_t index = 0; index < jobs->list.count; index++)
        look_at(looking, &jobs->list.items[index]);
    return EXIT_OK;
}

static int look_for(struct node_client *client, struct cli *cli,
                    struct looking *looking)
{
    struct arena arena = {0};
    Text next = TEXT("");
    int code;
    do {
        code = look_at_page(client, looking, &arena, &next);
    } while (code == EXIT_OK && next.len > 0 &&
             looking->looked_at < JOBS_LOOKED_AT_MAX);
    arena_deinit(&arena);
    if (code != EXIT_OK)
        return code;
    if (looking->count == 0)
        return cli_error(cli, EXIT_NOT_FOUND,
                         "no job whose id begins with %.*s; see `ipvm jobs`",
                         TEXT_ARG(looking->word));
    if (looking->count > 1)
        return cli_error(cli, EXIT_INPUT,
                         "%u jobs have ids that begin with %.*s: write more "
                         "of it",
                         looking->count, TEXT_ARG(looking->word));
    return EXIT_OK;
}

int remote_job_find(struct node_client *client, const char *word,
                    char out[CID_TEXT_MAX])
{
    struct cli *cli = node_client_cli(client);
    struct looking looking = {.word = text_of(word)};
    Hash id;
    Cid cid;
    if (cid_from_text(text_of(word), &cid, NULL) == STATUS_OK) {
        if (!job_id_of_cid(&cid, &id))
            return cli_error(cli, EXIT_INPUT,
                             "%.100s is no id of a job: those are of dag-cbor "
                             "and sha2-256",
                             word);
        cid_to_text(&cid, out);
        return EXIT_OK;
    }
    if (word[0] == '\0' ||
        strspn(word, "abcdefghijklmnopqrstuvwxyz234567") < strlen(word))
        return cli_error(cli, EXIT_INPUT,
                         "%.100s is no id of a job; see `ipvm jobs`", word);
    const int code = look_for(client, cli, &looking);
    if (code == EXIT_OK)
        memcpy(out, looking.id, CID_TEXT_MAX);
    return code;
}

/* --- What it is ---------------------------------------------------------- */

int remote_job_get(struct node_client *client, const char *job,
                   struct arena *arena, Value *out)
{
    const struct node_ask ask = {
        .method = "GET",
        .path = remote_job_path(arena, job, "").data,
        .cmd = "/job/read",
        .job = job,
    };
    return node_ask_value(client, &ask, arena, out);
}

bool remote_job_is_over(const Value *job)
{
    const JobState state = job_state_from_name(field_text(job, TEXT("state")));
    return (unsigned)state < JOB_STATES && job_state_is_over(state);
}

int remote_job_code(const Value *job)
{
    return text_equal(field_text(job, TEXT("state")),
                      job_state_name(JOB_SUCCEEDED))
               ? EXIT_OK
               : EXIT_FAILED;
}

/* --- Following it -------------------------------------------------------- */

struct following {
    struct node_client *client;
    const char *job;
    RemoteEvent *each;
    void *context;
    struct event_stream stream;
    uint64_t last;    /* the number of the last event */
    bool has_enough;  /* `each` said so */
    bool has_heard;   /* something came over this connection */
    bool is_told;     /* that the node is waited for */
    uint64_t lost_ns; /* since when it is; 0: it is there */
    unsigned wait_ms;
};

static bool take_event(void *context, const struct event_stream_event *event)
{
    struct following *following = context;
    struct arena arena = {0};
    Value value;
    const Bytes copy = arena_copy_bytes(&arena, text_bytes(event->data));
    if (dag_json_decode(copy, &arena, &value, NULL) == STATUS_OK) {
        const uint64_t seq = field_uint(&value, TEXT("seq"));
        if (seq > following->last) {
            following->last = seq;
            following->has_enough =
                !following->each(following->context, &value);
        }
    }
    arena_deinit(&arena);
    return !following->has_enough;
}

static bool take_piece(void *context, const void *data, size_t len)
{
    struct following *following = context;
    following->has_heard = true;
    return event_stream_take(&following->stream, bytes_of(data, len), NULL) ==
           STATUS_OK;
}

static void tick(void *context)
{
    struct following *following = context;
    if (!following->has_enough)
        following->has_enough = !following->each(following->context, NULL);
}

static Status ask_for_events(struct following *following,
                             struct http_client_answer *answer,
                             struct error *err)
{
    char path[CID_TEXT_MAX + 80];
    snprintf(path, sizeof path, "/v1/jobs/%s/events?after=%llu",
             following->job, (unsigned long long)following->last);
    const struct node_ask ask = {
        .method = "GET",
        .path = path,
        .cmd = "/job/read",
        .job = following->job,
        .accept = "text/event-stream",
        .sink = take_piece,
        .tick = tick,
        .context = following,
    };
    event_stream_restart(&following->stream);
    following->has_heard = false;
    return node_try(following->client, &ask, answer, err);
}

/* Waits before the next try, longer each time. EXIT_OK: try again. */
static int wait_for_node(struct following *following, const char *why)
{
    const struct cli *cli = node_client_cli(following->client);
    const uint64_t now = clock_monotonic_ns();
    if (following->has_heard)
        following->lost_ns = following->wait_ms = 0;
    if (following->lost_ns == 0)
        following->lost_ns = now;
    if (now - following->lost_ns > (uint64_t)GIVE_UP_S * 1000000000)
        return cli_error(cli, EXIT_TROUBLE,
                         "the node does not come back: %s; the job is kept, "
                         "`ipvm watch` goes on",
                         why);
    if (following->wait_ms >= 1000 && !following->is_told && !cli->quiet) {
        fprintf(stderr, "ipvm: lost the node, waiting for it: %s\n", why);
        following->is_told = true;
    }
    following->wait_ms =
        following->wait_ms ? 2 * following->wait_ms : (unsigned)WAIT_FIRST_MS;
    if (following->wait_ms > WAIT_MAX_MS)
        following->wait_ms = WAIT_MAX_MS;
    const struct timespec time = {
        .tv_sec = following->wait_ms / 1000,
        .tv_nsec = (long)(following->wait_ms % 1000) * 1000000,
    };
    nanosleep(&time, NULL);
    node_client_find_again(following->client);
    return EXIT_OK;
}

/* The stream has ended in good order: if the job is over, so are we. */
static int look_if_over(struct following *following, bool *is_over)
{
    struct arena arena = {0};
    struct http_client_answer answer;
    struct error err = {0};
    Value job = value_null();
    const struct node_ask ask = {
        .method = "GET",
        .path = remote_job_path(&arena, following->job, "").data,
        .cmd = "/job/read",
        .job = following->job,
    };
    const Status status = node_try(following->client, &ask, &answer, &err);
    const Bytes body = arena_copy_bytes(&arena, buffer_bytes(&answer.body));
    if (status == STATUS_OK && answer.status < 400)
        IGNORE(dag_json_decode(body, &arena, &job, &err)); // Then it is none.
    // An event may have come between the two: then there is more to read.
    *is_over = remote_job_is_over(&job) &&
               field_uint(&job, TEXT("events")) <= following->last;
    buffer_deinit(&answer.body);
    arena_deinit(&arena);
    return *is_over ? EXIT_OK : wait_for_node(following, err.message);
}

/* One connection. `*is_over`: no other is needed. */
static int follow_once(struct following *following, bool *is_over)
{
    struct http_client_answer answer;
    struct error err = {0};
    const Status status = ask_for_events(following, &answer, &err);
    int code = EXIT_OK;
    *is_over = following->has_enough;
    if (*is_over)
        code = EXIT_OK;
    else if (node_client_interrupted())
        code = EXIT_INTERRUPTED;
    else if (status == STATUS_OK && answer.status < 400)
        code = look_if_over(following, is_over);
    else if (status == STATUS_OK && answer.status < 500)
        code = node_refused(following->client, &answer);
    else
        code = wait_for_node(
            following, status == STATUS_OK ? "it is in trouble" : err.message);
    buffer_deinit(&answer.body);
    return code;
}

int remote_job_follow(struct node_client *client, const char *job,
                      RemoteEvent *each, void *context)
{
    struct following following = {
        .client = client, .job = job, .each = each, .context = context};
    bool is_over = false;
    int code = EXIT_OK;
    event_stream_init(&following.stream, take_event, &following);
    while (code == EXIT_OK && !is_over)
        code = follow_once(&following, &is_over);
    event_stream_deinit(&following.stream);
    return code;
}
