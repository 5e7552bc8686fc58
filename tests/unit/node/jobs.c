/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/node/jobs.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
// The guests of the tests of runs.
#include "unit/run/guests.c"

enum { PATIENCE_S = 20 };

static int remove_one(const char *path,
                      [[maybe_unused]] const struct stat *found,
                      [[maybe_unused]] int kind,
                      [[maybe_unused]] struct FTW *where)
{
    return remove(path);
}

const char *jobs_path(const struct jobs *jobs, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", jobs->directory, name);
    return path;
}

static void write_file(const struct jobs *jobs, const char *name,
                       Bytes content)
{
    int file = open(jobs_path(jobs, name),
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, content.data, content.len),
                     (ssize_t)content.len);
    close(file);
}

/* --- Opening and closing ------------------------------------------------- */

void jobs_open(struct jobs *jobs)
{
    struct error err = {0};
    if (store_open(jobs_path(jobs, "store"), &jobs->how, &jobs->store, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
    if (node_open(jobs->store, jobs->key, &jobs->config, &jobs->node, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
}

void jobs_close(struct jobs *jobs)
{
    node_close(jobs->node);
    jobs->node = NULL;
    store_close(jobs->store);
    jobs->store = NULL;
}

void jobs_reopen(struct jobs *jobs)
{
    jobs_close(jobs);
    jobs_open(jobs);
}

int jobs_setup(void **state)
{
    struct jobs *jobs = HEAP_NEW(struct jobs);
    const char *base = getenv("TMPDIR");
    const uint8_t seed[KEY_SECRET_LEN] = {7};
    struct error err = {0};
    snprintf(jobs->directory, sizeof jobs->directory, "%s/ipvm-node-XXXXXX",
             base ? base : "/tmp");
    if (!mkdtemp(jobs->directory))
        return -1;
    write_file(jobs, "numbers.wasm", guest_numbers());
    write_file(jobs, "bytes.wasm", guest_bytes());
    assert_ok(secret_key_from_bytes(KEY_ED25519, bytes_of(seed, sizeof seed),
                                    &jobs->key, &err));
    node_config_default(&jobs->config);
    jobs->config.workers = 2;
    jobs->how.no_sync = true;
    jobs_open(jobs);
    *state = jobs;
    return 0;
}

int jobs_teardown(void **state)
{
    struct jobs *jobs = *state;
    jobs_close(jobs);
    secret_key_free(jobs->key);
    nftw(jobs->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(jobs);
    return 0;
}

/* --- Words --------------------------------------------------------------- */

Cid jobs_workflow(struct jobs *jobs, const char *manifest)
{
    char text[8192];
    struct workflow *workflow;
    struct executor *executor;
    struct error err = {0};
    assert_ok(executor_open(jobs->store, NULL, &executor, &err));
    struct modules *modules = modules_new(executor);
    const struct loader loader = {.executor = executor, .modules = modules};
    snprintf(text, sizeof text, "ipvm: \"1.0\"\n%s", manifest);
    if (load_document(&loader, text_bytes(text_of(text)), "manifest",
                      jobs->directory, &workflow, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    const Cid cid = workflow->cid;
    workflow_free(workflow);
    executor_close(executor);
    modules_free(modules);
    return cid;
}

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool is_told;
    struct node_answer answer;
};

static void told(void *context, const struct node_answer *answer)
{
    struct waiting *waiting = context;
    pthread_mutex_lock(&waiting->lock);
    waiting->answer = *answer;
    waiting->is_told = true;
    pthread_cond_signal(&waiting->told);
    pthread_mutex_unlock(&waiting->lock);
}

static struct node_answer wait_told(struct waiting *waiting)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&waiting->lock);
    while (!waiting->is_told)
        if (pthread_cond_timedwait(&waiting->told, &waiting->lock, &until))
            fail_msg("%s", "nobody answered");
    pthread_mutex_unlock(&waiting->lock);
    return waiting->answer;
}

struct node_answer jobs_submit_terms(struct jobs *jobs,
                                     const struct job_terms *terms,
                                     const char *nonce)
{
    struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .told = PTHREAD_COND_INITIALIZER};
    struct submission *submission;
    struct error err = {0};
    if (gate_own_submission(node_gate(jobs->node), terms,
                            *nonce ? text_bytes(text_of(nonce))
                                   : (Bytes){NULL, 0},
                            &submission, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    node_submit(jobs->node, submission, told, &waiting);
    return wait_told(&waiting);
}

struct node_answer jobs_submit(struct jobs *jobs, const char *manifest)
{
    const struct job_terms terms = {.workflow = jobs_workflow(jobs, manifest)};
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    if (answer.status != STATUS_OK)
        fail_msg("%s", answer.error.message);
    return answer;
}

struct node_answer jobs_control(struct jobs *jobs, NodeVerb verb,
                                const Hash *job)
{
    struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .told = PTHREAD_COND_INITIALIZER};
    node_control(jobs->node, verb, job, node_did(jobs->node), told, &waiting);
    return wait_told(&waiting);
}

/* --- What became of it --------------------------------------------------- */

JobState jobs_state(struct jobs *jobs, const Hash *job)
{
    struct arena arena = {0};
    Value map;
    struct error err = {0};
    const Status status = node_job(jobs->node, job, &arena, &map, &err);
    if (status != STATUS_OK)
        fail_msg("%s: %s", status_name(status), err.message);
    const Value *name = value_get(&map, TEXT("state"));
    assert_non_null(name);
    const JobState state = job_state_from_name(name->text);
    arena_deinit(&arena);
    return state;
}

static bool is_in(JobState state, int wanted)
{
    return wanted < 0 ? job_state_is_over(state) : (int)state == wanted;
}

static JobState wait_state(struct jobs *jobs, const Hash *job, int wanted)
{
    const uint64_t start = clock_monotonic_ns();
    for (;;) {
        const JobState state = jobs_state(jobs, job);
        if (is_in(state, wanted))
            return state;
        if (clock_monotonic_ns() - start > PATIENCE_S * 1000000000ULL)
            fail_msg("the job stays %.*s: %s", TEXT_ARG(job_state_name(state)),
                     jobs_events(jobs, job));
        usleep(1000);
    }
}

JobState jobs_wait(struct jobs *jobs, const Hash *job)
{
    return wait_state(jobs, job, -1);
}

void jobs_wait_for(struct jobs *jobs, const Hash *job, JobState state)
{
    wait_state(jobs, job, (int)state);
}

void jobs_have(struct jobs *jobs, const Hash *job, const char *key,
               const char *json)
{
    struct arena arena = {0};
    struct buffer text;
    Value map;
    struct error err = {0};
    assert_ok(node_job(jobs->node, job, &arena, &map, &err));
    const Value *value = value_get(&map, text_of(key));
    buffer_init(&text, 1 << 20);
    if (value)
        assert_ok(dag_json_encode(value, &text, NULL));
    buffer_add_byte(&text, 0);
    assert_string_equal((const char *)text.data, json);
    buffer_deinit(&text);
    arena_deinit(&arena);
}

/* --- Events -------------------------------------------------------------- */

struct telling {
    struct buffer *out;
    bool whole;
    uint64_t last;
};

static bool tell(void *context, uint64_t seq, Bytes block)
{
    struct telling *telling = context;
    struct arena arena = {0};
    Value event;
    uint64_t number;
    assert_true(seq > telling->last);
    telling->last = seq;
    assert_ok(dag_cbor_decode(block, &arena, &event, NULL));
    assert_true(value_to_uint64(value_get(&event, TEXT("seq")), &number));
    assert_int_equal(number, seq);
    if (telling->whole)
        assert_ok(dag_json_encode(&event, telling->out, NULL));
    else
        buffer_format(telling->out, "%s%.*s", telling->out->len ? " " : "",
                      TEXT_ARG(value_get(&event, TEXT("kind"))->text));
    arena_deinit(&arena);
    return true;
}

static void read_events(struct jobs *jobs, const Hash *job, bool whole,
                        struct buffer *out)
{
    struct telling telling = {out, whole, 0};
    struct error err = {0};
    uint64_t last;
    bool is_over;
    if (node_events(jobs->node, job, 0, tell, &telling, &last, &is_over,
                    &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(last, telling.last);
    buffer_add_byte(out, 0);
}

const char *jobs_events(struct jobs *jobs, const Hash *job)
{
    static char text[65536];
    struct buffer out;
    buffer_init(&out, sizeof text);
    read_events(jobs, job, false, &out);
    memcpy(text, out.data, out.len);
    buffer_deinit(&out);
    return text;
}

unsigned jobs_count(struct jobs *jobs, const Hash *job, const char *text)
{
    struct buffer out;
    unsigned count = 0;
    buffer_init(&out, 256 << 20);
    read_events(jobs, job, true, &out);
    assert_int_equal(out.status, STATUS_OK);
    for (const char *at = (const char *)out.data; (at = strstr(at, text));
         at++)
        count++;
    buffer_deinit(&out);
    return count;
}

void jobs_wait_count(struct jobs *jobs, const Hash *job, const char *text,
                     unsigned count)
{
    const uint64_t start = clock_monotonic_ns();
    while (jobs_count(jobs, job, text) < count) {
        if (clock_monotonic_ns() - start > PATIENCE_S * 1000000000ULL)
            fail_msg("%s is not there %u times: %s", text, count,
                     jobs_events(jobs, job));
        usleep(1000);
    }
}
