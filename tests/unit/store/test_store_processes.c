/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes on one store, and what is left when one is killed. */
#include "fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "numbered.h"

struct child {
    pid_t pid;
    int acknowledged; /* pipe: numbers of durable batches */
};

static void start_committer(struct child *child, const char *directory,
                            int first, int count)
{
    char program[PATH_LEN * 2], first_text[16], count_text[16];
    ssize_t len = readlink("/proc/self/exe", program, PATH_LEN);
    assert_in_range(len, 1, PATH_LEN - 1);
    program[len] = '\0';
    snprintf(strrchr(program, '/'), PATH_LEN, "/program_committer");
    snprintf(first_text, sizeof first_text, "%d", first);
    snprintf(count_text, sizeof count_text, "%d", count);
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s", directory);
    char *const words[] = {program, path, first_text, count_text, NULL};
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    assert_int_equal(
        posix_spawn(&child->pid, program, &actions, NULL, words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    child->acknowledged = ends[0];
}

/* Returns the wait status; `*last` is the highest number acknowledged. */
static int finish(struct child *child, int *last)
{
    int number, status = 0;
    while (read(child->acknowledged, &number, sizeof number) ==
           (ssize_t)sizeof number)
        if (number > *last)
            *last = number;
    close(child->acknowledged);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    return status;
}

static void sees_what_another_process_commits(void **state)
{
    struct fixture *fixture = *state;
    struct child child;
    int last = -1;
    assert_int_equal(numbered_count(fixture->store, 0), 0);
    start_committer(&child, fixture->directory, 0, 50);
    assert_int_equal(finish(&child, &last), 0);
    assert_int_equal(last, 49);
    for (int number = 0; number < 50; number++)
        assert_int_equal(numbered_count(fixture->store, number),
                         NUMBERED_BLOCKS + 1);
}

static void writes_beside_other_processes(void **state)
{
    struct fixture *fixture = *state;
    struct child children[3];
    int last = -1;
    for (int index = 0; index < 3; index++)
        start_committer(&children[index], fixture->directory, index * 1000,
                        60);
    for (int number = 5000; number < 5060; number++) {
        struct store_batch *batch = store_batch_new(fixture->store);
        numbered_fill(batch, number);
        assert_ok(store_commit(batch, NULL));
        store_batch_free(batch);
    }
    for (int index = 0; index < 3; index++)
        assert_int_equal(finish(&children[index], &last), 0);
    static const int firsts[] = {0, 1000, 2000, 5000};
    for (int index = 0; index < 4; index++)
        for (int number = 0; number < 60; number++)
            assert_int_equal(
                numbered_count(fixture->store, firsts[index] + number),
                NUMBERED_BLOCKS + 1);
}

/* The other process grows the file past our map; we must follow. */
static void follows_a_map_that_another_process_grew(void **state)
{
    struct fixture *fixture = *state;
    const struct store_options small = {.map_bytes = 1 << 20};
    struct child child;
    int last = -1;
    store_close(fixture->store);
    assert_ok(store_open(fixture->directory, &small, &fixture->store, NULL));
    start_committer(&child, fixture->directory, 0, 300);
    assert_int_equal(finish(&child, &last), 0);
    assert_int_equal(numbered_count(fixture->store, 299), NUMBERED_BLOCKS + 1);
    start_committer(&child, fixture->directory, 300, 300);
    assert_int_equal(finish(&child, &last), 0);
    put_text(fixture->store, "a write must follow too");
    assert_int_equal(numbered_count(fixture->store, 599), NUMBERED_BLOCKS + 1);
}

/* In every other round until it has written something: else a busy machine
 * would see little but starts. */
static void wait_random(const struct child *child, int round, unsigned *seed)
{
    const long us = (long)(rand_r(seed) % 30000);
    struct pollfd ready = {.fd = child->acknowledged, .events = POLLIN};
    if (round % 2 == 0)
        poll(&ready, 1, 5000);
    nanosleep(&(struct timespec){0, us * 1000}, NULL);
}

/* Checks batches from `*next` on and moves it behind those that are there. */
static void check_batches(const char *directory, int *next, int acknowledged)
{
    struct store *store;
    struct error err = {0};
    if (store_open(directory, NULL, &store, &err) != STATUS_OK)
        print_error("%s\n", err.message);
    assert_status(err.status, STATUS_OK);
    for (; *next <= acknowledged; ++*next)
        assert_int_equal(numbered_count(store, *next), NUMBERED_BLOCKS + 1);
    // Behind the last acknowledged: whole batches, then none at all.
    int count;
    while ((count = numbered_count(store, *next)) > 0) {
        assert_int_equal(count, NUMBERED_BLOCKS + 1);
        ++*next;
    }
    for (int beyond = 1; beyond < 20; beyond++)
        assert_int_equal(numbered_count(store, *next + beyond), 0);
    store_close(store);
}

static void loses_nothing_acknowledged_when_killed(void **state)
{
    const struct fixture *fixture = *state;
    const char *rounds_text = getenv("IPVM_KILL_ROUNDS");
    const int rounds = rounds_text ? (int)strtol(rounds_text, NULL, 10) : 100;
    unsigned seed = (unsigned)time(NULL);
    int next = 0, killed = 0;
    print_message("kill -9 from seed %u\n", seed);
    for (int round = 0; round < rounds; round++) {
        struct child child;
        int acknowledged = -1;
        start_committer(&child, fixture->directory, next, 100000);
        wait_random(&child, round, &seed);
        kill(child.pid, SIGKILL);
        const int status = finish(&child, &acknowledged);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        killed += acknowledged >= 0;
        check_batches(fixture->directory, &next, acknowledged);
    }
    print_message("%d batches survived %d kills, %d of them while writing\n",
                  next, rounds, killed);
    int from_start = 0;
    check_batches(fixture->directory, &from_start, next - 1);
    assert_true(next > 0);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sees_what_another_process_commits,
                                        setup_lmdb, teardown),
        cmocka_unit_test_setup_teardown(writes_beside_other_processes,
                                        setup_lmdb, teardown),
        cmocka_unit_test_setup_teardown(
            follows_a_map_that_another_process_grew, setup_lmdb, teardown),
        cmocka_unit_test_setup_teardown(loses_nothing_acknowledged_when_killed,
                                        setup_directory, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
