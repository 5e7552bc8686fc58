/* SPDX-License-Identifier: Apache-2.0 */
/* What was not durable: batches that are lost on a full disk, and a node that
 * is killed at any moment. */
#include "unit/node/jobs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/state.h"

/* --- No room ------------------------------------------------------------- */

static struct rlimit before;

/* Nothing is written any more, wherever. */
static void fill_disk(void)
{
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit none = {0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
}

static void empty_disk(void)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static const char sum[] = "tasks:\n"
                          "  a: {run: numbers.wasm#add, args: [20, 1]}\n"
                          "  b: {run: numbers.wasm#add, args: [!ok a, 1]}\n";
/* A while, so that something can happen meanwhile. */
static const char slow[] =
    "tasks:\n"
    "  a: {run: numbers.wasm#add, args: [1500000000, 0]}\n"
    "  b: {run: numbers.wasm#count, args: [!ok a]}\n"
    "  c: {run: numbers.wasm#add, args: [!ok b, 1]}\n";

static void what_cannot_be_kept_is_not_acknowledged(void **state)
{
    struct jobs *jobs = *state;
    struct arena arena = {0};
    Value map;
    const struct job_terms terms = {.workflow = jobs_workflow(jobs, sum)};
    store_settle(jobs->store);
    fill_disk();
    const struct node_answer refused = jobs_submit_terms(jobs, &terms, "x");
    empty_disk();
    assert_true(refused.status != STATUS_OK);
    assert_true(refused.error.message[0] != '\0');
    assert_status(node_job(jobs->node, &refused.job, &arena, &map, NULL),
                  STATUS_NOT_FOUND);
    arena_deinit(&arena);
    // With room again it is soon as if nothing had been.
    const uint64_t start = clock_monotonic_ns();
    struct node_answer taken = jobs_submit_terms(jobs, &terms, "x");
    while (taken.status == STATUS_BUSY &&
           clock_monotonic_ns() - start < 20000000000ULL) {
        usleep(10 * 1000);
        taken = jobs_submit_terms(jobs, &terms, "x");
    }
    assert_ok(taken.status);
    assert_true(taken.is_new);
    assert_state(jobs_wait(jobs, &taken.job), JOB_SUCCEEDED);
}

static void a_run_whose_results_are_lost_runs_again(void **state)
{
    struct jobs *jobs = *state;
    const struct node_answer answer = jobs_submit(jobs, slow);
    jobs_wait_count(jobs, &answer.job, "\"task/started\"", 1);
    store_settle(jobs->store);
    fill_disk();
    // It is not over as long as that cannot be written.
    const uint64_t start = clock_monotonic_ns();
    while (clock_monotonic_ns() - start < 3000000000ULL) {
        assert_false(job_state_is_over(jobs_state(jobs, &answer.job)));
        usleep(10 * 1000);
    }
    empty_disk();
    assert_state(jobs_wait(jobs, &answer.job), JOB_SUCCEEDED);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"submitted\""), 1);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"succeeded\""), 1);
}

static void control_that_cannot_be_kept_did_not_happen(void **state)
{
    struct jobs *jobs = *state;
    const struct job_terms terms = {
        .workflow = jobs_workflow(jobs, sum),
        .not_before_ms = clock_wall_ms() + 3600 * 1000,
    };
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    store_settle(jobs->store);
    fill_disk();
    const struct node_answer refused =
        jobs_control(jobs, NODE_CANCEL, &answer.job);
    empty_disk();
    assert_true(refused.status != STATUS_OK);
    jobs_wait_for(jobs, &answer.job, JOB_QUEUED);
    jobs_reopen(jobs);
    assert_state(jobs_state(jobs, &answer.job), JOB_QUEUED);
}

/* As if a batch of its run had been lost a moment ago. */
static void lose_one(struct jobs *jobs, const Hash *id, bool was_kept)
{
    pthread_mutex_lock(&jobs->node->lock);
    struct job *job = jobs_find(jobs->node, id);
    assert_non_null(job);
    job->has_gap = true;
    job->is_durable = was_kept;
    pthread_mutex_unlock(&jobs->node->lock);
}

static void an_end_behind_a_lost_batch_is_none(void **state)
{
    struct jobs *jobs = *state;
    const struct job_terms terms = {
        .workflow = jobs_workflow(jobs, sum),
        .not_before_ms = clock_wall_ms() + 3600 * 1000,
    };
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    assert_ok(answer.status);
    lose_one(jobs, &answer.job, true);
    assert_status(jobs_control(jobs, NODE_CANCEL, &answer.job).status,
                  STATUS_IO);
    jobs_wait_for(jobs, &answer.job, JOB_QUEUED);
    // Its row says so, too, as soon as anything else can be written.
    struct node_answer next;
    do
        next = jobs_control(jobs, NODE_SUSPEND, &answer.job);
    while (next.status == STATUS_BUSY);
    assert_ok(next.status);
    jobs_reopen(jobs);
    assert_state(jobs_state(jobs, &answer.job), JOB_SUSPENDED);
    assert_ok(jobs_control(jobs, NODE_CANCEL, &answer.job).status);
    assert_state(jobs_state(jobs, &answer.job), JOB_CANCELLED);
}

static void half_a_job_is_none(void **state)
{
    struct jobs *jobs = *state;
    const struct job_terms terms = {
        .workflow = jobs_workflow(jobs, sum),
        .not_before_ms = clock_wall_ms() + 3600 * 1000,
    };
    struct node_answer answer = jobs_submit_terms(jobs, &terms, "x");
    assert_ok(answer.status);
    lose_one(jobs, &answer.job, false);
    assert_status(jobs_control(jobs, NODE_SUSPEND, &answer.job).status,
                  STATUS_IO);
    do
        answer = jobs_submit_terms(jobs, &terms, "x");
    while (answer.status == STATUS_BUSY);
    assert_ok(answer.status);
    assert_true(answer.is_new);
    jobs_reopen(jobs);
    assert_state(jobs_state(jobs, &answer.job), JOB_QUEUED);
}

/* --- The host's fault ---------------------------------------------------- */

static void what_fails_for_the_hosts_reasons_is_tried_again(void **state)
{
    struct jobs *jobs = *state;
    char worker[512];
    const struct job_terms terms = {
        .workflow = jobs_workflow(jobs, sum),
        .retry = {.count = 2, .first_ms = 20, .max_ms = 30},
    };
    snprintf(worker, sizeof worker, "%s", getenv("IPVM_WORKER"));
    setenv("IPVM_WORKER", "/nonexistent/ipvm-worker", 1);
    jobs_reopen(jobs);
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    assert_state(jobs_wait(jobs, &answer.job), JOB_FAILED);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"retried\""), 2);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"started\""), 3);
    jobs_have(jobs, &answer.job, "attempt", "3");
    // By hand, when the host is well again.
    setenv("IPVM_WORKER", worker, 1);
    jobs_reopen(jobs);
    assert_ok(jobs_control(jobs, NODE_RETRY, &answer.job).status);
    assert_state(jobs_wait(jobs, &answer.job), JOB_SUCCEEDED);
    jobs_have(jobs, &answer.job, "attempt", "4");
    jobs_have(jobs, &answer.job, "message", "");
}

static void what_fails_by_itself_is_not_tried_again(void **state)
{
    struct jobs *jobs = *state;
    const struct job_terms terms = {
        .workflow = jobs_workflow(
            jobs, "tasks: {bad: {run: bytes.wasm#fails, args: []}}"),
        .retry = {.count = 2, .first_ms = 10, .max_ms = 20},
    };
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    assert_state(jobs_wait(jobs, &answer.job), JOB_FAILED);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"retried\""), 0);
}

/* --- Killed -------------------------------------------------------------- */

/* Submits until it is killed, and writes the id of what was acknowledged. */
_Noreturn static void submit_for_ever(struct jobs *jobs, int out)
{
    char manifest[256];
    jobs->how.no_sync = false;
    jobs_open(jobs);
    for (unsigned number = 0;; number++) {
        snprintf(manifest, sizeof manifest,
                 "tasks:\n"
                 "  a: {run: numbers.wasm#add, args: [%u, 1]}\n"
                 "  b: {run: numbers.wasm#add, args: [!ok a, 1]}\n"
                 "  c: {run: numbers.wasm#add, args: [!ok b, 1]}\n",
                 number);
        const struct node_answer answer = jobs_submit(jobs, manifest);
        if (write(out, &answer.job, sizeof answer.job) != sizeof answer.job)
            _exit(1);
    }
}

/* Each round: a process that is killed after a while, and a look. */
static unsigned kill_and_look(struct jobs *jobs, unsigned after_ms)
{
    int pipes[2];
    Hash job;
    unsigned count = 0;
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        submit_for_ever(jobs, pipes[1]);
    }
    close(pipes[1]);
    usleep(after_ms * 1000);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    jobs_open(jobs);
    while (read(pipes[0], &job, sizeof job) == sizeof job) {
        assert_state(jobs_wait(jobs, &job), JOB_SUCCEEDED);
        assert_int_equal(jobs_count(jobs, &job, "\"submitted\""), 1);
        assert_int_equal(jobs_count(jobs, &job, "\"succeeded\""), 1);
        count++;
    }
    close(pipes[0]);
    jobs_close(jobs);
    return count;
}

static void what_was_acknowledged_survives_a_kill(void **state)
{
    struct jobs *jobs = *state;
    unsigned count = 0;
    jobs_close(jobs);
    for (unsigned round = 0; round < 4; round++)
        count += kill_and_look(jobs, 300 + round * 137);
    assert_true(count > 0);
    jobs_open(jobs);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_cannot_be_kept_is_not_acknowledged),
        TEST(a_run_whose_results_are_lost_runs_again),
        TEST(control_that_cannot_be_kept_did_not_happen),
        TEST(an_end_behind_a_lost_batch_is_none),
        TEST(half_a_job_is_none),
        TEST(what_fails_for_the_hosts_reasons_is_tried_again),
        TEST(what_fails_by_itself_is_not_tried_again),
        TEST(what_was_acknowledged_survives_a_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
