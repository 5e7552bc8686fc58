/* SPDX-License-Identifier: Apache-2.0 */
/* test_turns.c - workers of many keys in turn: kept, held, taken back from. */
#include "team.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static struct pool_options workers(unsigned count)
{
    return (struct pool_options){.workers = count};
}

static uint64_t since_ms(uint64_t start)
{
    return (clock_monotonic_ns() - start) / 1000000U;
}

/* Polls until the job has been performed for that long. */
static void let_run(struct team *team, uint64_t ticket, uint64_t ms)
{
    const uint64_t start = clock_monotonic_ns();
    while (team->runner->verbs->elapsed_ns(team->runner, ticket) <
           ms * 1000000U) {
        assert_true(since_ms(start) < 20000);
        team->runner->verbs->poll(team->runner, 2);
    }
}

static bool hold(struct team *team, uint64_t ticket)
{
    return team->runner->verbs->pause(team->runner, ticket);
}

static void resume(struct team *team, uint64_t ticket)
{
    team->runner->verbs->resume(team->runner, ticket);
}

static struct pool_census count(const struct team *team)
{
    struct pool_census census;
    pool_count(team->runner, &census);
    return census;
}

static void workers_of_other_keys_are_kept(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    int pid[4];
    for (int i = 0; i < 4; i++)
        pid[i] = atoi(team_run(team, (char)('a' + i), "pid")->text);
    for (int i = 0; i < 40; i++)
        assert_int_equal(
            atoi(team_run(team, (char)('a' + i % 4), "pid")->text),
            pid[i % 4]);
    assert_int_equal(count(team).started, 4);
    // The one idle for longest makes room.
    team_run(team, 'e', "pid");
    assert_int_equal(count(team).workers, 4);
    assert_int_equal(atoi(team_run(team, 'b', "pid")->text), pid[1]);
    team_close(team);
}

static void no_more_are_busy_than_may_be(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(2));
    for (uint64_t i = 0; i < 40; i++)
        team_submit(team, i, (char)('a' + i % 7), "spin 2");
    while (team->over < 40) {
        team->runner->verbs->poll(team->runner, 1);
        assert_true(count(team).busy <= 2);
        assert_true(count(team).workers <= 2 + 8);
    }
    team_close(team);
}

static void a_job_that_is_held_lets_others_by_and_goes_on(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    team_submit(team, 0, 'a', "spin 300");
    let_run(team, 0, 20);
    assert_true(hold(team, 0));
    assert_false(hold(team, 0));
    assert_int_equal(count(team).paused, 1);
    assert_int_equal(count(team).busy, 0);
    for (uint64_t i = 1; i <= 50; i++)
        team_submit(team, i, 'b', "echo by");
    team_await(team, 50);
    assert_false(team->outcomes[0].is_over);
    usleep(100 * 1000);
    uint64_t spent = team->runner->verbs->elapsed_ns(team->runner, 0);
    assert_in_range(spent / 1000000, 20, 90);
    resume(team, 0);
    team_await(team, 51);
    assert_int_equal(team->outcomes[0].end, END_NONE);
    team_close(team);
}

/* While it is held, and as much as was left afterwards. */
static void its_time_limit_stands_still(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    struct run_request request = team_request(0, 'a', "spin 60000");
    request.limits.time_ms = 150;
    team->runner->verbs->submit(team->runner, &request);
    let_run(team, 0, 30);
    assert_true(hold(team, 0));
    uint64_t start = clock_monotonic_ns();
    while (since_ms(start) < 300)
        team->runner->verbs->poll(team->runner, 50);
    assert_int_equal(team->over, 0);
    start = clock_monotonic_ns();
    resume(team, 0);
    team_await(team, 1);
    assert_int_equal(team->outcomes[0].end, END_LIMIT_TIME);
    assert_in_range(since_ms(start), 20, 125);
    // What was spent counts, though the worker could not say.
    assert_in_range(team->outcomes[0].cost.wall_ns / 1000000, 140, 250);
    team_close(team);
}

static void what_is_held_can_be_cancelled(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    team_submit(team, 0, 'a', "spin 60000");
    let_run(team, 0, 10);
    assert_true(hold(team, 0));
    const uint64_t start = clock_monotonic_ns();
    team->runner->verbs->cancel(team->runner, 0, END_CANCELLED);
    team_await(team, 1);
    assert_true(since_ms(start) < 50);
    assert_int_equal(team->outcomes[0].end, END_CANCELLED);
    assert_int_equal(count(team).paused, 0);
    assert_string_equal(team_run(team, 'a', "echo on")->text, "on");
    team_close(team);
}

static void only_what_is_performed_can_be_held(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    assert_false(hold(team, 7));
    for (uint64_t i = 0; i < 10; i++)
        team_submit(team, i, 'a', i == 0 ? "spin 100" : "echo later");
    let_run(team, 0, 5);
    assert_false(hold(team, 3));
    assert_int_equal(team->runner->verbs->elapsed_ns(team->runner, 3), 0);
    // What lies behind it in its ring is performed by another of its key.
    assert_true(hold(team, 0));
    team_await(team, 9);
    assert_false(team->outcomes[0].is_over);
    resume(team, 0);
    team_await(team, 10);
    team_close(team);
}

static void what_was_not_begun_can_be_taken_back(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    for (uint64_t i = 0; i < 40; i++)
        team_submit(team, i, 'a', i == 0 ? "spin 100" : "echo later");
    let_run(team, 0, 5);
    assert_false(team->runner->verbs->take_back(team->runner, 777));
    for (uint64_t i = 10; i < 20; i++)
        assert_true(team->runner->verbs->take_back(team->runner, i));
    team_await(team, 30);
    team->runner->verbs->poll(team->runner, 20);
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(team->outcomes[i].is_over, i < 10 || i >= 20);
    assert_int_equal(team->over, 30);
    team_close(team);
}

/* At any moment of many jobs, each comes out once and right. */
static void holding_at_random_loses_nothing(void **state)
{
    (void)state;
    enum { JOBS = 600 };
    struct team *team = team_open("program_worker", workers(2));
    uint32_t random = 3;
    for (uint64_t i = 0; i < JOBS; i++)
        team_submit(team, i, (char)('a' + i % 3),
                    i % 5 ? "echo right" : "spin 1");
    while (team->over < JOBS) {
        random = random * 1664525 + 1013904223;
        uint64_t ticket = team->over + (random >> 8) % 80;
        team->runner->verbs->poll(team->runner, 0);
        if (ticket >= JOBS || !hold(team, ticket))
            continue;
        if (random & 1)
            team->runner->verbs->poll(team->runner, 0);
        resume(team, ticket);
    }
    for (uint64_t i = 0; i < JOBS; i++)
        assert_string_equal(team->outcomes[i].text, i % 5 ? "right" : "");
    assert_int_equal(count(team).killed, 0);
    team_close(team);
}

/* --- Waking -------------------------------------------------------------- */

static void *wake_soon(void *context)
{
    struct team *team = context;
    usleep(30 * 1000);
    team->runner->verbs->wake(team->runner);
    return NULL;
}

static void another_thread_ends_waiting(void **state)
{
    (void)state;
    pthread_t thread;
    struct team *team = team_open("program_worker", workers(1));
    // With nothing to do, and while a job is performed.
    for (int round = 0; round < 2; round++) {
        uint64_t start = clock_monotonic_ns();
        assert_int_equal(pthread_create(&thread, NULL, wake_soon, team), 0);
        team->runner->verbs->poll(team->runner, 10000);
        if (round == 1) // The first may be for the worker's start.
            while (since_ms(start) < 29)
                team->runner->verbs->poll(team->runner, 10000);
        assert_in_range(since_ms(start), 25, 2000);
        pthread_join(thread, NULL);
        if (round == 0)
            team_submit(team, 0, 'a', "spin 5000");
    }
    // Before it is called: it does not wait at all.
    team->runner->verbs->wake(team->runner);
    const uint64_t start = clock_monotonic_ns();
    team->runner->verbs->poll(team->runner, 10000);
    assert_true(since_ms(start) < 1000);
    team_close(team);
}

/* Whoever kills a worker, others' jobs are not in it; its own are tried again a
 * few times. */
static void a_job_that_kills_its_worker_is_tried_three_times(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(2));
    team_submit(team, 0, 'a', "exit 9");
    for (uint64_t i = 1; i < 40; i++)
        team_submit(team, i, i % 2 ? 'a' : 'b', "echo fine");
    team_await(team, 40);
    assert_int_equal(team->outcomes[0].end, END_HOST);
    for (size_t i = 1; i < 40; i++)
        assert_string_equal(team->outcomes[i].text, "fine");
    assert_int_equal(count(team).killed, 3);
    team_close(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_of_other_keys_are_kept),
        cmocka_unit_test(no_more_are_busy_than_may_be),
        cmocka_unit_test(a_job_that_is_held_lets_others_by_and_goes_on),
        cmocka_unit_test(its_time_limit_stands_still),
        cmocka_unit_test(what_is_held_can_be_cancelled),
        cmocka_unit_test(only_what_is_performed_can_be_held),
        cmocka_unit_test(what_was_not_begun_can_be_taken_back),
        cmocka_unit_test(holding_at_random_loses_nothing),
        cmocka_unit_test(another_thread_ends_waiting),
        cmocka_unit_test(a_job_that_kills_its_worker_is_tried_three_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
