/* SPDX-License-Identifier: Apache-2.0 */
/* team.h - a pool under test with a host that has some blocks. */
#ifndef IPVM_TESTS_WORKER_TEAM_H
#define IPVM_TESTS_WORKER_TEAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* base/status.h has a function of this name */

#include "worker/pool.h"

/* Fails the test with words, as cmocka's fail_msg() would. */
#define FAIL(...)                                                             \
    do {                                                                      \
        print_error(__VA_ARGS__);                                             \
        print_error("\n");                                                    \
        _fail(__FILE__, __LINE__);                                            \
    } while (0)

enum { TEAM_JOBS_MAX = 20000 };

struct team_outcome {
    bool is_over;
    End end;
    int argument_index;
    size_t len;
    char text[200]; /* the output's beginning, ended by NUL */
    char message[RUN_MESSAGE_MAX];
    struct run_cost cost;
    uint64_t at_ns;
};

struct team {
    struct runner *runner;
    struct team_outcome outcomes[TEAM_JOBS_MAX]; /* by ticket */
    size_t over;
    size_t order[TEAM_JOBS_MAX]; /* tickets, as they ended */
    bool output_is_wrong;        /* a "make" came out with other bytes */
    size_t lines;
    size_t blocks;
    int blocks_lent;
    char last_line[200];
    uint8_t *block; /* 2 MiB and one byte */
    void (*on_done)(struct team *team, const struct run_outcome *outcome);
};

/* `program` lies beside this test program. */
struct team *team_open(const char *program, struct pool_options options);
void team_close(struct team *team);

/* A RUN_CALL under isolation key `key`; `words` must live on. */
void team_submit(struct team *team, uint64_t ticket, char key,
                 const char *words);
struct run_request team_request(uint64_t ticket, char key, const char *words);
/* Polls until `count` jobs are over; fails the test after 60 s. */
void team_await(struct team *team, size_t count);
/* submit and await of one job, with a fresh ticket. */
const struct team_outcome *team_run(struct team *team, char key,
                                    const char *words);

size_t count_open_files(void);
/* Not counting the dead that nobody has reaped. */
bool process_is_there(int pid);

#endif
