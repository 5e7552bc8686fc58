/* SPDX-License-Identifier: Apache-2.0 */
#include "team.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

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
        {"block s", "3 7"},
        {"block e", "0 -1"},
        {"block b", "2097152 42"},
        {"block t", "limit a block of 2097153 bytes; at most 2097152 are "
                    "taken"},
        {"block i", "corrupt this block is not what it claims"},
        {"block ?", "not-found "},
        {"hold", "1048576:42:42 3:7:7 1048576:42:42 3:7:7 "},
        // Whatever was expected, each gets what it asks for; and so does the
        // job after one that left some unasked.
        {"expect", "2097152:42 3:7 none 0:-1 1048576:42 none 1048576:42 "
                   "2097152:42 "},
        {"block s", "3 7"},
        {"expect", "2097152:42 3:7 none 0:-1 1048576:42 none 1048576:42 "
                   "2097152:42 "},
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
        "make 0",      "make 1",       "make 524287",   "make 524288",
        "make 524289", "make 1048576", "make 10485761", "make 104857600",
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

static uint64_t since_ms(uint64_t start_ns)
{
    return (clock_monotonic_ns() - start_ns) / 1000000;
}

static struct pool_options workers(unsigned count)
{
    return (struct pool_options){.workers = count};
}

static int pid_for(struct team *team, char key)
{
    return atoi(team_run(team, key, "pid")->text);
}

static void hands_over_all_of_a_request(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    struct run_request request = team_request(0, 'a', "limits");
    request.engine = RUN_ENGINE_WASMI;
    request.metered = true;
    request.limits = (struct limits){12, 3456, 7890};
    team->runner->verbs->submit(team->runner, &request);
    team_await(team, 1);
    assert_string_equal(team->outcomes[0].text, "0 1 1 12 3456 7890");
    assert_int_equal(team->outcomes[0].cost.fuel, 7);
    team_close(team);
}

static void does_not_believe_more_time_than_there_was(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    const struct team_outcome *outcome = team_run(team, 'a', "limits");
    assert_true(outcome->cost.wall_ns < (uint64_t)10 * 1000 * 1000 * 1000);
    assert_true(outcome->cost.cpu_ns < (uint64_t)10 * 1000 * 1000 * 1000);
    team_close(team);
}

static void brings_home_an_end_and_its_words(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    const struct team_outcome *outcome = team_run(team, 'a', "trap");
    assert_int_equal(outcome->end, END_REFUSED_ARGUMENT);
    assert_int_equal(outcome->argument_index, 3);
    assert_string_equal(outcome->message, "argument 3 does not fit");
    team_close(team);
}

static void hands_over_inputs_of_any_size(void **state)
{
    (void)state;
    static const size_t rows[] = {
        4, 100, (1 << 20) - 5, 1 << 20, (1 << 20) + 1, 5 << 20, 60 << 20,
    };
    struct team *team = team_open("program_worker", workers(1));
    uint8_t *input = malloc(60 << 20);
    assert_non_null(input);
    memset(input, 'x', 60 << 20);
    memcpy(input, "sum ", 4);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct run_request request = team_request(i, 'a', "");
        request.verb = i % 2 ? RUN_COMPILE : RUN_CALL;
        request.input = bytes_of(input, rows[i]);
        request.description = bytes_of("def", 3);
        uint64_t sum = 0;
        for (size_t k = 0; k < rows[i]; k++)
            sum = sum * 31 + input[k];
        for (size_t k = 0; k < 3; k++)
            sum = sum * 31 + (uint64_t) "def"[k];
        char text[30];
        snprintf(text, sizeof text, "%llu", (unsigned long long)sum);
        team->runner->verbs->submit(team->runner, &request);
        team_await(team, i + 1);
        assert_string_equal(team->outcomes[i].text, text);
    }
    free(input);
    team_close(team);
}

/* Sixty artifacts, more than a worker keeps, each asked for twice; by bytes,
 * by a file for reading, by a file that this program may write to. */
static void passes_artifacts_as_files(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(2));
    char path[] = "/tmp/ipvm-artifact-XXXXXX";
    int writable = mkstemp(path);
    assert_int_equal(write(writable, "on disk", 7), 7);
    int readable = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    char bytes[60][20];
    for (size_t i = 0; i < 120; i++) {
        struct run_request request = team_request(i, 'a', "artifact");
        size_t which = i % 60;
        snprintf(bytes[which], sizeof bytes[which], "artifact %zu", which);
        request.artifact.id.bytes[0] = (uint8_t)which;
        request.artifact.bytes = text_bytes(text_of(bytes[which]));
        request.artifact.len = request.artifact.bytes.len;
        if (which % 3 > 0) {
            request.artifact.file = which % 3 == 1 ? readable : writable;
            request.artifact.len = 7;
        }
        team->runner->verbs->submit(team->runner, &request);
    }
    team_await(team, 120);
    for (size_t i = 0; i < 120; i++)
        assert_string_equal(team->outcomes[i].text,
                            i % 60 % 3 > 0 ? "on disk" : bytes[i % 60]);
    close(readable);
    close(writable);
    team_close(team);
}

static void a_crash_loses_only_what_was_begun(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        const char *message;
    } rows[] = {
        {"crash", "the worker process was killed by signal SIGSEGV: these "
                  "are my last words"},
        {"abort", "the worker process was killed by signal SIGABRT: panic: "
                  "out of order"},
        {"exit 3", "the worker process ended with exit code 3"},
    };
    struct team *team = team_open("program_worker", workers(2));
    for (size_t i = 0; i < 300; i++)
        team_submit(team, i, 'a',
                    i % 40 == 7 ? rows[i / 40 % 3].words : "echo fine");
    team_await(team, 300);
    for (size_t i = 0; i < 300; i++) {
        const struct team_outcome *outcome = &team->outcomes[i];
        if (i % 40 == 7) {
            assert_int_equal(outcome->end, END_HOST);
            assert_string_equal(outcome->message, rows[i / 40 % 3].message);
        } else {
            assert_int_equal(outcome->end, END_NONE);
            assert_string_equal(outcome->text, "fine");
        }
    }
    team_close(team);
}

static void a_worker_serves_one_isolation_key(void **state)
{
    (void)state;
    struct team *team = team_open(
        "program_worker", (struct pool_options){.workers = 1, .idle = 1});
    int a = pid_for(team, 'a');
    assert_int_equal(pid_for(team, 'a'), a);
    int b = pid_for(team, 'b');
    assert_int_not_equal(a, b);
    uint64_t start = clock_monotonic_ns();
    while (process_is_there(a) && since_ms(start) < 5000)
        team->runner->verbs->poll(team->runner, 10);
    assert_false(process_is_there(a));
    assert_int_not_equal(pid_for(team, 'a'), b);
    team_close(team);
}

/* Keys in turn, with less workers than keys: nobody sees another's. */
static void many_keys_never_share_a_process(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(2));
    for (size_t i = 0; i < 60; i++)
        team_submit(team, i, "aabbbcacb"[i % 9], "pid");
    team_await(team, 60);
    for (size_t i = 0; i < 60; i++)
        for (size_t k = 0; k < i; k++)
            if ("aabbbcacb"[i % 9] != "aabbbcacb"[k % 9])
                assert_string_not_equal(team->outcomes[i].text,
                                        team->outcomes[k].text);
    team_close(team);
}

/* A module that broke out of a compiler must not make the next one's code. */
static void a_compiler_serves_one_isolation_key(void **state)
{
    (void)state;
    static const char keys[] = "aabba";
    struct team *team = team_open(
        "program_worker", (struct pool_options){.workers = 1, .idle = 1});
    for (size_t i = 0; i < 5; i++) {
        struct run_request request = team_request(i, keys[i], "pid");
        request.verb = i % 2 ? RUN_COMPILE : RUN_DESCRIBE;
        team->runner->verbs->submit(team->runner, &request);
        team_await(team, i + 1);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(
                strcmp(team->outcomes[i].text, team->outcomes[k].text) == 0,
                keys[i] == keys[k] && i / 4 == k / 4);
    }
    team_close(team);
}

static void compiles_where_no_guest_has_run(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(2));
    int guest = pid_for(team, 'a');
    for (size_t i = 0; i < 4; i++) {
        struct run_request request = team_request(i, 'a', "pid");
        request.verb = i % 2 ? RUN_DESCRIBE : RUN_COMPILE;
        team->runner->verbs->submit(team->runner, &request);
        team_await(team, i + 2);
        assert_int_not_equal(atoi(team->outcomes[i].text), guest);
        assert_string_equal(team->outcomes[i].text, team->outcomes[0].text);
    }
    assert_int_equal(pid_for(team, 'a'), guest);
    // Its place is needed: the idle compiler goes, not the guest's worker.
    assert_int_not_equal(pid_for(team, 'b'), guest);
    assert_int_equal(pid_for(team, 'a'), guest);
    team_close(team);
}

static void idle_workers_go(void **state)
{
    (void)state;
    struct pool_options options = workers(2);
    options.idle_ms = 100;
    struct team *team = team_open("program_worker", options);
    int pid = pid_for(team, 'a');
    uint64_t start = clock_monotonic_ns();
    while (process_is_there(pid) && since_ms(start) < 5000)
        team->runner->verbs->poll(team->runner, 50);
    assert_in_range(since_ms(start), 90, 1000);
    assert_string_equal(team_run(team, 'a', "echo back")->text, "back");
    team_close(team);
}

static void cancels_within_50_ms(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    team_run(team, 'a', "echo warm");
    for (size_t i = 0; i < 40; i++)
        team_submit(team, i, 'a', i == 0 ? "spin 100000" : "echo fine");
    team->runner->verbs->poll(team->runner, 20);
    uint64_t start = clock_monotonic_ns();
    static const uint64_t rows[] = {39, 3, 0}; // waits, is ahead, runs
    for (size_t i = 0; i < 3; i++)
        team->runner->verbs->cancel(team->runner, rows[i], END_CANCELLED);
    team->runner->verbs->cancel(team->runner, 0, END_LIMIT_TIME);
    team->runner->verbs->cancel(team->runner, 999, END_CANCELLED);
    team_await(team, 4);
    assert_in_range(since_ms(start), 0, 50);
    team_await(team, 41);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(team->outcomes[i].end, i == 39 || i == 3 || i == 0
                                                    ? END_CANCELLED
                                                    : END_NONE);
    team_close(team);
}

static void a_time_limit_is_for_each_job_by_itself(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    for (size_t i = 0; i < 10; i++) {
        struct run_request request = team_request(i, 'a', "spin 40");
        request.limits.time_ms = 200; // All ten take 400.
        team->runner->verbs->submit(team->runner, &request);
    }
    team_await(team, 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(team->outcomes[i].end, END_NONE);
    team_close(team);
}

static void idle_workers_take_what_lies_ahead_of_others(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(2));
    uint64_t start = clock_monotonic_ns();
    for (size_t i = 0; i < 30; i++)
        team_submit(team, i, 'a', i == 0 ? "spin 500" : "spin 1");
    team_await(team, 29);
    assert_false(team->outcomes[0].is_over);
    assert_true(since_ms(start) < 450);
    team_await(team, 30);
    team_close(team);
}

enum { TINY = 10000 };

static void submit_next(struct team *team, const struct run_outcome *outcome)
{
    if (outcome->ticket + 100 < TINY)
        team_submit(team, outcome->ticket + 100, 'a', "echo tiny");
}

static void ten_thousand_tiny_jobs_all_come_back(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(2));
    team->on_done = submit_next;
    for (size_t i = 0; i < 100; i++)
        team_submit(team, i, 'a', "echo tiny");
    team_await(team, TINY);
    for (size_t i = 0; i < TINY; i++)
        assert_string_equal(team->outcomes[i].text, "tiny");
    struct pool_census census;
    pool_count(team->runner, &census);
    assert_int_equal(census.started, 2);
    team_close(team);
}

static void log_lines_arrive_or_are_counted(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    team_run(team, 'a', "log 3");
    assert_int_equal(team->lines, 3);
    assert_string_equal(team->last_line, "line 2");
    team->lines = 0;
    team_run(team, 'a', "log 1000000");
    unsigned long dropped = 0;
    if (team->lines < 1000000) {
        assert_non_null(strstr(team->last_line, "log lines were dropped"));
        dropped = strtoul(team->last_line, NULL, 10);
        team->lines--;
    }
    assert_int_equal(team->lines + dropped, 1000000);
    team_close(team);
}

#ifndef __SANITIZE_ADDRESS__
static void memory_is_limited_to_what_jobs_may_have(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    assert_string_equal(team_run(team, 'a', "grow 64")->text, "given");
    assert_string_equal(team_run(team, 'a', "grow 6000")->text, "refused");
    struct run_request request = team_request(0, 'a', "grow 6000");
    request.limits.memory = (uint64_t)4 << 30;
    team->runner->verbs->submit(team->runner, &request);
    team_await(team, 3);
    assert_string_equal(team->outcomes[0].text, "given");
    team_close(team);
}
#endif

static void says_why_a_worker_does_not_start(void **state)
{
    (void)state;
    struct pool_options options = workers(2);
    options.args = (const char *const[]){"broken-start", NULL};
    struct team *team = team_open("program_worker", options);
    const struct team_outcome *outcome = team_run(team, 'a', "echo x");
    assert_int_equal(outcome->end, END_HOST);
    assert_string_equal(outcome->message,
                        "the worker process ended with exit code 9: the "
                        "engine does not start");
    team_close(team);

    team = team_open("no_such_program", workers(2));
    outcome = team_run(team, 'a', "echo x");
    assert_int_equal(outcome->end, END_HOST);
    assert_non_null(strstr(outcome->message, "cannot start worker process"));
    assert_non_null(strstr(outcome->message, "No such file"));
    team_close(team);
}

static void await_by_file(struct team *team, size_t count)
{
    int file = team->runner->verbs->file(team->runner);
    uint64_t start = clock_monotonic_ns();
    while (team->over < count) {
        struct pollfd item = {.fd = file, .events = POLLIN};
        assert_int_equal(poll(&item, 1, 10 * 1000), 1);
        team->runner->verbs->poll(team->runner, 0);
        assert_true(since_ms(start) < 20 * 1000);
    }
}

static void its_file_tells_when_there_is_something_to_do(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(2));
    for (size_t i = 0; i < 500; i++)
        team_submit(team, i, 'a', "block m");
    await_by_file(team, 500);
    team_submit(team, 500, 'a', "crash");
    await_by_file(team, 501);
    assert_int_equal(team->outcomes[500].end, END_HOST);
    struct run_request request = team_request(501, 'a', "spin 100000");
    request.limits.time_ms = 30;
    team->runner->verbs->submit(team->runner, &request);
    await_by_file(team, 502);
    assert_int_equal(team->outcomes[501].end, END_LIMIT_TIME);
    team_submit(team, 502, 'a', "spin 100000");
    team->runner->verbs->poll(team->runner, 0);
    team->runner->verbs->cancel(team->runner, 502, END_CANCELLED);
    await_by_file(team, 503);
    assert_int_equal(team->outcomes[502].end, END_CANCELLED);
    // Nothing to do: it becomes quiet.
    struct pollfd item = {.fd = team->runner->verbs->file(team->runner),
                          .events = POLLIN};
    int ready = 1;
    for (int i = 0; i < 50 && ready; i++) {
        team->runner->verbs->poll(team->runner, 0);
        ready = poll(&item, 1, 20);
    }
    assert_int_equal(ready, 0);
    team_close(team);
}

static void ignore_signal(int number)
{
    (void)number;
}

static void a_signal_ends_waiting(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    team_submit(team, 0, 'a', "spin 100000");
    team->runner->verbs->poll(team->runner, 50);
    struct sigaction action = {.sa_handler = ignore_signal};
    const struct itimerval soon = {.it_value = {.tv_usec = 50 * 1000}};
    uint64_t start = clock_monotonic_ns();
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    team->runner->verbs->poll(team->runner, 20000);
    assert_in_range(since_ms(start), 45, 5000);
    assert_false(team->outcomes[0].is_over);
    team_close(team);
}

static void closing_leaves_nothing_behind(void **state)
{
    (void)state;
    size_t before = count_open_files();
    for (int round = 0; round < 5; round++) {
        struct team *team = team_open("program_worker", workers(2));
        int pid = pid_for(team, 'a');
        for (size_t i = 0; i < 50; i++)
            team_submit(team, i, i % 2 ? 'a' : 'b',
                        i % 3 ? "spin 1" : "crash");
        team_await(team, 20);
        team_submit(team, 50, 'a', "spin 100000");
        team_close(team);
        assert_false(process_is_there(pid));
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    }
    assert_int_equal(count_open_files(), before);
}

static void workers_die_with_their_runner(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct team *team = team_open("program_worker", workers(1));
        int pid = pid_for(team, 'a');
        team_submit(team, 0, 'a', "spin 100000");
        team->runner->verbs->poll(team->runner, 10);
        _exit(write(ends[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
    }
    int pid = 0;
    assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
    waitpid(child, NULL, 0);
    uint64_t start = clock_monotonic_ns();
    while (process_is_there(pid) && since_ms(start) < 5000)
        usleep(1000);
    assert_true(since_ms(start) < 1000);
    close(ends[0]);
    close(ends[1]);
}

static uint64_t cpu_ticks(int pid)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    unsigned long user = 0, system = 0;
    assert_int_equal(sscanf(strrchr(line, ')'),
                            ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                            "%lu %lu",
                            &user, &system),
                     2);
    return user + system;
}

static void idle_workers_use_no_processor_time(void **state)
{
    (void)state;
    struct team *team = team_open("program_worker", workers(1));
    int pid = pid_for(team, 'a');
    uint64_t before = cpu_ticks(pid);
    usleep(300 * 1000);
    assert_in_range(cpu_ticks(pid) - before, 0, 1); // ticks of 10 ms
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
        cmocka_unit_test(hands_over_all_of_a_request),
        cmocka_unit_test(does_not_believe_more_time_than_there_was),
        cmocka_unit_test(brings_home_an_end_and_its_words),
        cmocka_unit_test(hands_over_inputs_of_any_size),
        cmocka_unit_test(passes_artifacts_as_files),
        cmocka_unit_test(a_crash_loses_only_what_was_begun),
        cmocka_unit_test(a_worker_serves_one_isolation_key),
        cmocka_unit_test(a_compiler_serves_one_isolation_key),
        cmocka_unit_test(many_keys_never_share_a_process),
        cmocka_unit_test(compiles_where_no_guest_has_run),
        cmocka_unit_test(idle_workers_go),
        cmocka_unit_test(cancels_within_50_ms),
        cmocka_unit_test(a_time_limit_is_for_each_job_by_itself),
        cmocka_unit_test(idle_workers_take_what_lies_ahead_of_others),
        cmocka_unit_test(ten_thousand_tiny_jobs_all_come_back),
        cmocka_unit_test(log_lines_arrive_or_are_counted),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(memory_is_limited_to_what_jobs_may_have),
#endif
        cmocka_unit_test(says_why_a_worker_does_not_start),
        cmocka_unit_test(its_file_tells_when_there_is_something_to_do),
        cmocka_unit_test(a_signal_ends_waiting),
        cmocka_unit_test(closing_leaves_nothing_behind),
        cmocka_unit_test(workers_die_with_their_runner),
        cmocka_unit_test(idle_workers_use_no_processor_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
