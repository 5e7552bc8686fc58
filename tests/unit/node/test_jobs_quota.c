/* SPDX-License-Identifier: Apache-2.0 */
/* What a job's tasks have of a quota while they are at it; and that its row
 * says whose share it takes. */
#include "unit/node/jobs.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/state.h"

static void register_tea(struct jobs *jobs)
{
    const struct quota_totals totals = {.tasks = 10};
    assert_ok(quota_set(node_quotas(jobs->node), TEXT("tea"), &totals, NULL));
}

static uint32_t tasks_at_it(struct jobs *jobs)
{
    struct quota_totals totals;
    struct quota_used used;
    assert_ok(quota_look(node_quotas(jobs->node), TEXT("tea"), &totals, &used,
                         NULL));
    return used.tasks;
}

/* The first has it on a worker and comes to nothing. */
static void who_waited_for_an_equal_task_has_one_place(void **state)
{
    struct jobs *jobs = *state;
    struct job_terms terms = {
        .workflow = jobs_workflow(
            jobs, "tasks: {a: {run: numbers.wasm#add, args: "
                  "[1500000000, 7]}, b: {run: numbers.wasm#count, args: "
                  "[!ok a]}}"),
    };
    register_tea(jobs);
    const struct node_answer first = jobs_submit_terms(jobs, &terms, "1");
    assert_ok(first.status);
    jobs_wait_count(jobs, &first.job, "\"task/finished\"", 1);
    terms.quota = TEXT("tea");
    const struct node_answer second = jobs_submit_terms(jobs, &terms, "2");
    assert_ok(second.status);
    usleep(300 * 1000); // Until it waits; sooner, nothing is shown.
    assert_int_equal(tasks_at_it(jobs), 1);
    assert_ok(jobs_control(jobs, NODE_CANCEL, &first.job).status);
    assert_state(jobs_wait(jobs, &second.job), JOB_SUCCEEDED);
    assert_int_equal(tasks_at_it(jobs), 0);
}

/* `slow` is not needed any more once `bad` is known. */
static void what_nobody_wants_any_more_has_no_place(void **state)
{
    struct jobs *jobs = *state;
    const struct job_terms terms = {
        .workflow = jobs_workflow(
            jobs, "tasks:\n"
                  "  slow: {run: numbers.wasm#count, args: [4000000000]}\n"
                  "  bad: {run: bytes.wasm#fails, args: []}\n"
                  "  both: {run: numbers.wasm#add, args: [!ok slow, !ok "
                  "bad]}\n"
                  "  more: {run: numbers.wasm#spin, args: []}\n"
                  "outputs: [both, more]\n"),
        .quota = TEXT("tea"),
    };
    register_tea(jobs);
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    assert_ok(answer.status);
    jobs_wait_count(jobs, &answer.job, "\"upstream\"", 1);
    const uint64_t start = clock_monotonic_ns();
    while (tasks_at_it(jobs) != 1 &&
           clock_monotonic_ns() - start < 10000000000ULL)
        usleep(1000);
    assert_state(jobs_state(jobs, &answer.job), JOB_RUNNING);
    assert_int_equal(tasks_at_it(jobs), 1);
    assert_ok(jobs_control(jobs, NODE_CANCEL, &answer.job).status);
    assert_int_equal(tasks_at_it(jobs), 0);
}

static void a_limit_may_be_as_long_as_numbers_are(void **state)
{
    struct jobs *jobs = *state;
    const struct job_terms terms = {
        .workflow = jobs_workflow(
            jobs, "tasks: {a: {run: numbers.wasm#add, args: [1, 2]}}"),
        .limits = {.time_ms = INT64_MAX},
    };
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    assert_ok(answer.status);
    assert_state(jobs_wait(jobs, &answer.job), JOB_SUCCEEDED);
}

/* Else a restart would give one to each key that it was passed on to. */
static void a_row_says_whose_share_it_takes(void **state)
{
    struct jobs *jobs = *state;
    struct arena arena = {0};
    struct buffer bytes;
    Did other;
    struct job_facts read;
    const uint8_t seed[KEY_SECRET_LEN] = {8};
    struct secret_key *key;
    assert_ok(secret_key_from_bytes(KEY_ED25519, bytes_of(seed, sizeof seed),
                                    &key, NULL));
    did_of(secret_key_public(key), &other);
    secret_key_free(key);
    const Did *shares[] = {&other, node_did(jobs->node)};
    for (size_t index = 0; index < 2; index++) {
        const struct job_facts facts = {
            .subject = node_did(jobs->node),
            .share = shares[index],
            .state = JOB_QUEUED,
        };
        buffer_init(&bytes, 4096);
        row_write(&facts, &arena, &bytes);
        const struct job_row row = {.value = buffer_bytes(&bytes)};
        assert_ok(row_read(&row, &arena, &read, NULL));
        assert_true(did_equal(read.share, shares[index]));
        assert_true(did_equal(read.subject, node_did(jobs->node)));
        buffer_deinit(&bytes);
    }
    arena_deinit(&arena);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_waited_for_an_equal_task_has_one_place),
        TEST(what_nobody_wants_any_more_has_no_place),
        TEST(a_limit_may_be_as_long_as_numbers_are),
        TEST(a_row_says_whose_share_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
