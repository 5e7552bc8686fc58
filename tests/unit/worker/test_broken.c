/* SPDX-License-Identifier: Apache-2.0 */
/* test_broken.c - what a worker in the hands of its guest can do: nothing to
 * anybody but itself. */
#include "team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

static struct pool_options workers(unsigned count)
{
    return (struct pool_options){.workers = count};
}

/* Kept apart from sandbox.c on purpose: a call added there must be added here
 * too, by somebody who has thought about it. */
static const long allowed[] = {
    SYS_mmap,          SYS_munmap,          SYS_mprotect,
    SYS_madvise,       SYS_mremap,          SYS_brk,
    SYS_membarrier,    SYS_rt_sigaction,    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,  SYS_sigaltstack,     SYS_futex,
    SYS_clock_gettime, SYS_gettimeofday,    SYS_sched_yield,
    SYS_exit,          SYS_exit_group,      SYS_getrandom,
    SYS_getpid,        SYS_gettid,          SYS_read,
    SYS_pread64,       SYS_lseek,           SYS_fstat,
    SYS_close,         SYS_restart_syscall,
};

/* The kernel lets these past any filter, and refuses who does not come from
 * its own trampoline: uretprobe by SIGILL, uprobe by ENXIO. */
enum { CALL_URETPROBE = 335, CALL_UPROBE = 336 };

static bool is_allowed(long number)
{
    if (number == CALL_URETPROBE || number == CALL_UPROBE)
        return true;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (allowed[i] == number)
            return true;
    return false;
}

static void no_other_system_call_gets_through(void **state)
{
    (void)state;
    struct team *team = team_open("program_broken", workers(1));
    static char words[600][32];
    unsigned killed = 0, refused = 0;
    for (long number = 0; number < 600; number++) {
        if (is_allowed(number))
            continue;
        snprintf(words[number], sizeof words[number], "call %ld", number);
        const struct team_outcome *outcome =
            team_run(team, 'a', words[number]);
        if (outcome->end == END_NONE) {
            if (strcmp(outcome->text, "refused") != 0)
                FAIL("system call %ld got through", number);
            refused++;
        } else {
            assert_int_equal(outcome->end, END_HOST);
            if (!strstr(outcome->message, "SIGSYS"))
                FAIL("system call %ld: %s", number, outcome->message);
            killed++;
        }
    }
    assert_true(killed > 50);
    assert_true(refused > 300);
    team_close(team);
}

static void no_way_out_is_open(void **state)
{
    (void)state;
    struct team *team = team_open("program_broken", workers(1));
    for (int i = 0;; i++) {
        char words[32];
        snprintf(words, sizeof words, "escape %d", i);
        const struct team_outcome *outcome = team_run(team, 'a', words);
        if (strcmp(outcome->text, "that is all") == 0)
            break;
        if (outcome->end == END_NONE && strcmp(outcome->text, "refused") != 0)
            FAIL("escape %d got through", i);
    }
    team_close(team);
}

/* What is said of the first worker while a second one works on. */
static void lies_end_the_liar_only(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        const char *message;
    } rows[] = {
        {"head 1", "place in the ring of results"},
        {"head 8", "place in the ring of results"},
        {"head -16", "place in the ring of results"},
        {"head 4194320", "place in the ring of results"},
        {"head 9223372036854775792", "place in the ring of results"},
        {"length 17", "place in the ring of results"},
        {"length 4194304", "place in the ring of results"},
        {"length -1", "place in the ring of results"},
        {"ticket 1", "a job that it does not have"},
        {"ticket -1", "a job that it does not have"},
        {"kind 0", "no known kind"},
        {"kind 1", "no known kind"},
        {"kind 2", "twice that it is ready"},
        {"kind 77", "no known kind"},
        {"done 0", "an outcome of wrong length"},
        {"done 63", "an outcome of wrong length"},
        {"done 200", "a message of wrong length"},
        {"end 14", "an outcome that cannot be"},
        {"end 15", "an outcome that cannot be"},
        {"end 16", "an outcome that cannot be"},
        {"end 18", "an outcome that cannot be"},
        {"end -1", "an outcome that cannot be"},
        {"message 1", "a message of wrong length"},
        {"message 512", "a message of wrong length"},
        {"message -1", "a message of wrong length"},
        {"block 0", "a CID of wrong length"},
        {"block 7", "a CID of wrong length"},
        {"block 176", "a CID of wrong length"},
        {"block 8192", "a CID of wrong length"},
        {"slot 8", "no known place"},
        {"slot -1", "no known place"},
        {"level 6", "no known level"},
        {"level -1", "no known level"},
        {"log 0", "a log line of wrong length"},
        {"log 3", "a log line of wrong length"},
        {"log 4101", "a log line of wrong length"},
        {"pour 0", "too much output"},
        {"shout 100", "ended with exit code 5"},
    };
    struct team *team = team_open("program_broken", workers(2));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct team_outcome *outcome =
            team_run(team, 'a', rows[i].words);
        if (outcome->end != END_HOST ||
            !strstr(outcome->message, rows[i].message))
            FAIL("%s: %d %s", rows[i].words, outcome->end, outcome->message);
        assert_string_equal(team_run(team, 'a', "echo")->text, "fine");
    }
    team_close(team);
}

static void a_second_outcome_ends_a_worker_that_has_no_job(void **state)
{
    (void)state;
    struct team *team = team_open("program_broken", workers(1));
    assert_int_equal(team_run(team, 'a', "twice 1")->end, END_NONE);
    assert_string_equal(team_run(team, 'a', "echo")->text, "fine");
    assert_int_equal(team_run(team, 'a', "twice 1000")->end, END_NONE);
    assert_string_equal(team_run(team, 'a', "echo")->text, "fine");
    team_close(team);
}

static void a_moved_tail_does_not_move_the_runner(void **state)
{
    (void)state;
    struct team *team = team_open("program_broken", workers(1));
    static const char *const rows[] = {"tail 16", "tail 1", "tail -16",
                                       "tail 4194304", "tail 99999999999"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        team_run(team, 'a', rows[i]);
        struct run_request request = team_request(i, 'a', "echo");
        request.limits.time_ms = 200;
        team->runner->verbs->submit(team->runner, &request);
        team_await(team, team->over + 1);
        // The hung worker, or its replacement: a job ends one way or other.
        assert_true(team->outcomes[i].is_over);
        assert_string_equal(team_run(team, 'b', "echo")->text, "fine");
    }
    team_close(team);
}

static void scribbling_on_all_memory_harms_nobody_else(void **state)
{
    (void)state;
    struct team *team = team_open("program_broken", workers(2));
    char words[20][32];
    for (size_t i = 0; i < 20; i++) {
        snprintf(words[i], sizeof words[i], "scribble %zu", i);
        struct run_request request = team_request(i, 'a', words[i]);
        request.limits.time_ms = 300;
        team->runner->verbs->submit(team->runner, &request);
    }
    for (size_t i = 20; i < 60; i++)
        team_submit(team, i, 'a', "echo");
    team_await(team, 60);
    for (size_t i = 0; i < 20; i++)
        assert_true(team->outcomes[i].end == END_HOST ||
                    team->outcomes[i].end == END_LIMIT_TIME);
    for (size_t i = 20; i < 60; i++)
        if (strcmp(team->outcomes[i].text, "fine") != 0)
            FAIL("job %zu: %d %s", i, team->outcomes[i].end,
                 team->outcomes[i].message);
    team_close(team);
}

/* While one worker does `words` for ever, others get on. */
static void check_others_get_on(const char *words)
{
    struct team *team = team_open("program_broken", workers(2));
    team_submit(team, 0, 'a', words);
    for (size_t i = 1; i <= 100; i++) {
        team_submit(team, i, 'a', "echo");
        while (!team->outcomes[i].is_over)
            team->runner->verbs->poll(team->runner, 1000);
    }
    assert_false(team->outcomes[0].is_over);
    team->runner->verbs->cancel(team->runner, 0, END_CANCELLED);
    team_await(team, 101);
    assert_int_equal(team->outcomes[0].end, END_CANCELLED);
    for (size_t i = 1; i <= 100; i++)
        assert_string_equal(team->outcomes[i].text, "fine");
    team_close(team);
}

static void one_that_never_answers_does_not_stop_others(void **state)
{
    (void)state;
    check_others_get_on("hang");
}

static void a_flood_of_log_lines_does_not_stop_others(void **state)
{
    (void)state;
    check_others_get_on("flood");
}

static void asking_for_blocks_for_ever_does_not_stop_others(void **state)
{
    (void)state;
    check_others_get_on("ask");
}

static void ringing_the_bell_for_ever_does_not_stop_others(void **state)
{
    (void)state;
    check_others_get_on("event 1000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_other_system_call_gets_through),
        cmocka_unit_test(no_way_out_is_open),
        cmocka_unit_test(lies_end_the_liar_only),
        cmocka_unit_test(a_second_outcome_ends_a_worker_that_has_no_job),
        cmocka_unit_test(a_moved_tail_does_not_move_the_runner),
        cmocka_unit_test(scribbling_on_all_memory_harms_nobody_else),
        cmocka_unit_test(one_that_never_answers_does_not_stop_others),
        cmocka_unit_test(a_flood_of_log_lines_does_not_stop_others),
        cmocka_unit_test(asking_for_blocks_for_ever_does_not_stop_others),
        cmocka_unit_test(ringing_the_bell_for_ever_does_not_stop_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
