/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on a node: what they come to, what is told of them. */
#include "unit/node/jobs.h"

#include <stdio.h>

static const char diamond[] =
    "name: diamond\n"
    "tasks:\n"
    "  top: {run: numbers.wasm#add, args: [1, 2]}\n"
    "  left: {run: numbers.wasm#add, args: [!ok top, 10]}\n"
    "  right: {run: numbers.wasm#add, args: [!ok top, 20]}\n"
    "  end: {run: numbers.wasm#add, args: [!ok left, !ok right]}\n";

static void a_job_runs_to_its_end(void **state)
{
    struct jobs *jobs = *state;
    const struct node_answer answer = jobs_submit(jobs, diamond);
    assert_true(answer.is_new);
    assert_state(jobs_wait(jobs, &answer.job), JOB_SUCCEEDED);
    jobs_have(jobs, &answer.job, "name", "\"diamond\"");
    jobs_have(jobs, &answer.job, "counts",
              "{\"done\":4,\"failed\":0,\"hits\":0,\"ready\":0,"
              "\"running\":0,\"total\":4,\"waiting\":0,\"wanted\":4}");
    assert_int_equal(jobs_count(jobs, &answer.job, "\"task/finished\""), 4);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"by\":\"run\""), 4);
    printf("%s\n", jobs_events(jobs, &answer.job));
}

static void what_the_memo_answers_needs_no_run(void **state)
{
    struct jobs *jobs = *state;
    const struct node_answer first = jobs_submit(jobs, diamond);
    assert_state(jobs_wait(jobs, &first.job), JOB_SUCCEEDED);
    const struct node_answer second = jobs_submit(jobs, diamond);
    assert_true(second.is_new);
    assert_state(second.state, JOB_SUCCEEDED);
    assert_string_equal(jobs_events(jobs, &second.job), "submitted succeeded");
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_job_runs_to_its_end),
        TEST(what_the_memo_answers_needs_no_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
