/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs through the public header: durable, watched, controlled, without HTTP.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/lib/fixture.h"

struct jobs {
    struct fixture *fixture;
    ipvm_node *node;
};

static void open_node(struct jobs *jobs)
{
    ipvm_error error;
    if (ipvm_node_open(jobs->fixture->vm, NULL, &jobs->node, &error) !=
        IPVM_OK)
        fail_msg("%s", error.message);
}

static int setup_node(void **state)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);
    void *fixture = NULL;
    if (!jobs || setup(&fixture) != 0)
        return -1;
    jobs->fixture = fixture;
    open_node(jobs);
    *state = jobs;
    return 0;
}

static int teardown_node(void **state)
{
    struct jobs *jobs = *state;
    void *fixture = jobs->fixture;
    ipvm_node_close(jobs->node);
    free(jobs);
    return teardown(&fixture);
}

/* The CID of a workflow of one call. */
static void call(struct jobs *jobs, const char *function, const char *a,
                 const char *b, char cid[IPVM_CID_MAX])
{
    const char *const words[] = {a, b};
    ipvm_workflow *workflow;
    ipvm_error error;
    if (ipvm_workflow_call(
            jobs->fixture->vm, path_of(jobs->fixture, "guest.wasm"), function,
            words, a ? 2 : 0, NULL, &workflow, &error) != IPVM_OK)
        fail_msg("%s", error.message);
    snprintf(cid, IPVM_CID_MAX, "%s", ipvm_workflow_cid(workflow));
    ipvm_workflow_free(workflow);
}

static void submit(struct jobs *jobs, const char *workflow,
                   const ipvm_job_options *options, char job[IPVM_CID_MAX])
{
    ipvm_error error;
    if (ipvm_job_submit(jobs->node, workflow, options, job, &error) != IPVM_OK)
        fail_msg("%s", error.message);
}

static ipvm_job_state end_of(struct jobs *jobs, const char *job)
{
    ipvm_job_state state = IPVM_JOB_QUEUED;
    ipvm_error error;
    if (ipvm_job_wait(jobs->node, job, 30000, &state, &error) != IPVM_OK)
        fail_msg("%s", error.message);
    return state;
}

struct text {
    char all[65536];
    unsigned count;
    unsigned most; /* 0: all */
};

static bool add_json(void *context, const char *json)
{
    struct text *text = context;
    size_t len = strlen(text->all);
    snprintf(text->all + len, sizeof text->all - len, "%s\n", json);
    text->count++;
    return text->count != text->most;
}

static void a_job_runs_and_says_what_it_came_to(void **state)
{
    struct jobs *jobs = *state;
    char workflow[IPVM_CID_MAX], job[IPVM_CID_MAX];
    struct text text = {0};
    call(jobs, "add", "40", "2", workflow);
    submit(jobs, workflow, NULL, job);
    assert_int_equal(end_of(jobs, job), IPVM_JOB_SUCCEEDED);
    assert_int_equal(ipvm_job_show(jobs->node, job, add_json, &text, NULL),
                     IPVM_OK);
    assert_non_null(strstr(text.all, "\"state\":\"succeeded\""));
    assert_non_null(strstr(text.all, workflow));
    assert_non_null(strstr(text.all, "\"outputs\":{\"call\":{"));
    text = (struct text){0};
    assert_int_equal(
        ipvm_job_events(jobs->node, job, 0, add_json, &text, NULL), IPVM_OK);
    assert_non_null(strstr(text.all, "\"kind\":\"submitted\""));
    assert_non_null(strstr(text.all, "\"kind\":\"task/finished\""));
    assert_non_null(strstr(text.all, "\"kind\":\"succeeded\""));
}

static void the_same_words_are_the_same_job(void **state)
{
    struct jobs *jobs = *state;
    const ipvm_job_options once = {.once = "order 17"};
    char workflow[IPVM_CID_MAX], first[IPVM_CID_MAX], again[IPVM_CID_MAX];
    struct text text = {0};
    call(jobs, "add", "1", "2", workflow);
    submit(jobs, workflow, &once, first);
    submit(jobs, workflow, &once, again);
    assert_string_equal(first, again);
    submit(jobs, workflow, NULL, again);
    assert_string_not_equal(first, again);
    submit(jobs, workflow, NULL, first);
    assert_string_not_equal(first, again);
    assert_int_equal(ipvm_jobs(jobs->node, add_json, &text, NULL), IPVM_OK);
    assert_int_equal(text.count, 3);
    text = (struct text){.most = 1};
    assert_int_equal(ipvm_jobs(jobs->node, add_json, &text, NULL), IPVM_OK);
    assert_int_equal(text.count, 1);
}

static void a_job_goes_on_when_the_node_is_opened_again(void **state)
{
    struct jobs *jobs = *state;
    const ipvm_job_options later = {.deadline_ms = 1LL << 52};
    char workflow[IPVM_CID_MAX], job[IPVM_CID_MAX];
    ipvm_job_state now;
    ipvm_error error;
    call(jobs, "spin", NULL, NULL, workflow);
    submit(jobs, workflow, &later, job);
    assert_int_equal(ipvm_job_wait(jobs->node, job, 200, &now, &error),
                     IPVM_BUSY);
    ipvm_node_close(jobs->node);
    open_node(jobs);
    assert_int_equal(ipvm_job_wait(jobs->node, job, 200, &now, &error),
                     IPVM_BUSY);
    assert_true(now == IPVM_JOB_QUEUED || now == IPVM_JOB_RUNNING);
    assert_int_equal(
        ipvm_job_control(jobs->node, job, IPVM_JOB_CANCEL, &error), IPVM_OK);
    assert_int_equal(end_of(jobs, job), IPVM_JOB_CANCELLED);
    assert_int_equal(
        ipvm_job_control(jobs->node, job, IPVM_JOB_SUSPEND, &error),
        IPVM_INVALID);
    assert_non_null(strstr(error.message, "cancelled"));
}

static void a_job_sleeps_while_it_is_suspended(void **state)
{
    struct jobs *jobs = *state;
    char workflow[IPVM_CID_MAX], job[IPVM_CID_MAX];
    ipvm_job_state now;
    ipvm_error error;
    call(jobs, "spin", NULL, NULL, workflow);
    submit(jobs, workflow, NULL, job);
    assert_int_equal(
        ipvm_job_control(jobs->node, job, IPVM_JOB_SUSPEND_NOW, &error),
        IPVM_OK);
    assert_int_equal(ipvm_job_wait(jobs->node, job, 100, &now, &error),
                     IPVM_BUSY);
    assert_int_equal(now, IPVM_JOB_SUSPENDED);
    assert_int_equal(
        ipvm_job_control(jobs->node, job, IPVM_JOB_RESUME, &error), IPVM_OK);
    assert_int_equal(
        ipvm_job_control(jobs->node, job, IPVM_JOB_CANCEL, &error), IPVM_OK);
    assert_int_equal(end_of(jobs, job), IPVM_JOB_CANCELLED);
}

static void what_is_wrong_is_said(void **state)
{
    struct jobs *jobs = *state;
    char workflow[IPVM_CID_MAX], job[IPVM_CID_MAX];
    ipvm_job_state now;
    ipvm_error error;
    ipvm_node *second;
    const ipvm_job_options far = {.priority = 1000};
    call(jobs, "add", "1", "2", workflow);
    assert_int_equal(
        ipvm_job_submit(jobs->node, "nonsense", NULL, job, &error),
        IPVM_INVALID);
    assert_int_equal(ipvm_job_submit(jobs->node, workflow, &far, job, &error),
                     IPVM_INVALID);
    assert_non_null(strstr(error.message, "priority"));
    assert_int_equal(
        ipvm_job_submit(
            jobs->node,
            "bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
            NULL, job, &error),
        IPVM_NOT_FOUND);
    assert_int_equal(ipvm_job_wait(jobs->node, workflow, 0, &now, &error),
                     IPVM_NOT_FOUND);
    assert_int_equal(ipvm_node_open(jobs->fixture->vm, NULL, &second, &error),
                     IPVM_BUSY);
}

struct client {
    struct jobs *jobs;
    const char *workflow;
    pthread_t thread;
};

static void *submit_many(void *context)
{
    struct client *client = context;
    char job[IPVM_CID_MAX];
    for (unsigned count = 0; count < 20; count++) {
        submit(client->jobs, client->workflow, NULL, job);
        assert_int_equal(end_of(client->jobs, job), IPVM_JOB_SUCCEEDED);
    }
    return NULL;
}

static void several_threads_submit_at_once(void **state)
{
    struct jobs *jobs = *state;
    char workflow[IPVM_CID_MAX];
    struct client clients[4];
    struct text text = {0};
    call(jobs, "add", "1", "2", workflow);
    for (unsigned index = 0; index < 4; index++) {
        clients[index] = (struct client){.jobs = jobs, .workflow = workflow};
        assert_int_equal(pthread_create(&clients[index].thread, NULL,
                                        submit_many, &clients[index]),
                         0);
    }
    for (unsigned index = 0; index < 4; index++)
        pthread_join(clients[index].thread, NULL);
    assert_int_equal(ipvm_jobs(jobs->node, add_json, &text, NULL), IPVM_OK);
    assert_int_equal(text.count, 80);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, setup_node, teardown_node)
    const struct CMUnitTest tests[] = {
        TEST(a_job_runs_and_says_what_it_came_to),
        TEST(the_same_words_are_the_same_job),
        TEST(a_job_goes_on_when_the_node_is_opened_again),
        TEST(a_job_sleeps_while_it_is_suspended),
        TEST(what_is_wrong_is_said),
        TEST(several_threads_submit_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
