/* SPDX-License-Identifier: Apache-2.0 */
#include "team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void starts_no_process_before_the_first_job(void **state)
{
    (void)state;
    struct team *team =
        team_open("program_worker", (struct pool_options){.workers = 2});
    struct pool_census census;
    pool_count(team->runner, &census);
    assert_int_equal(census.started, 0);
    team_close(team);
}

static void performs_a_job(void **state)
{
    (void)state;
    struct team *team =
        team_open("program_worker", (struct pool_options){.workers = 2});
    const struct team_outcome *outcome = team_run(team, 'a', "echo hello");
    assert_int_equal(outcome->end, END_NONE);
    assert_string_equal(outcome->text, "hello");
    struct pool_census census;
    pool_count(team->runner, &census);
    assert_int_equal(census.started, 1);
    team_close(team);
}

static void hands_over_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        const char *answer;
    } rows[] = {
        {"block m", "1048576 42"},
        {"block s", "3 42"},
        {"block e", "0 -1"},
        {"block b", "2097152 42"},
        {"block t", "limit a block of 2097153 bytes; at most 2097152 are "
                    "taken"},
        {"block i", "corrupt this block is not what it claims"},
        {"block ?", "not-found "},
        {"hold", "1048576:42:42 3:42:42 1048576:42:42 3:42:42 "},
    };
    struct team *team =
        team_open("program_worker", (struct pool_options){.workers = 1});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(team_run(team, 'a', rows[i].words)->text,
                            rows[i].answer);
    team_close(team);
}

static void streams_results_of_any_size(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "make 0",       "make 1",       "make 524287",   "make 524288",
        "make 524289",  "make 1048576", "make 10485761", "make 104857600",
    };
    struct team *team =
        team_open("program_worker", (struct pool_options){.workers = 1});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct team_outcome *outcome = team_run(team, 'a', rows[i]);
        assert_int_equal(outcome->end, END_NONE);
        assert_int_equal(outcome->len, strtoul(rows[i] + 5, NULL, 10));
    }
    assert_false(team->output_is_wrong);
    team_close(team);
}

static void stops_a_job_at_its_time_limit(void **state)
{
    (void)state;
    struct team *team =
        team_open("program_worker", (struct pool_options){.workers = 1});
    team_run(team, 'a', "echo warm");
    struct run_request request = team_request(1, 'a', "spin 100000");
    request.limits.time_ms = 100;
    uint64_t start = clock_monotonic_ns();
    team->runner->verbs->submit(team->runner, &request);
    team_await(team, 2);
    const struct team_outcome *outcome = &team->outcomes[1];
    assert_int_equal(outcome->end, END_LIMIT_TIME);
    assert_string_equal(outcome->message,
                        "stopped at its time limit of 100 ms");
    uint64_t took_ms = (outcome->at_ns - start) / 1000000;
    assert_in_range(took_ms, 100, 150);
    assert_string_equal(team_run(team, 'a', "echo again")->text, "again");
    team_close(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_no_process_before_the_first_job),
        cmocka_unit_test(performs_a_job),
        cmocka_unit_test(hands_over_blocks),
        cmocka_unit_test(streams_results_of_any_size),
        cmocka_unit_test(stops_a_job_at_its_time_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
