/* SPDX-License-Identifier: Apache-2.0 */
#include "team.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

enum { BLOCK_MAX = 2 << 20 };

static void done(void *context, const struct run_outcome *outcome)
{
    struct team *team = context;
    assert_true(outcome->ticket < TEAM_JOBS_MAX);
    struct team_outcome *out = &team->outcomes[outcome->ticket];
    assert_false(out->is_over);
    *out = (struct team_outcome){.is_over = true,
                                 .end = outcome->end,
                                 .argument_index = outcome->argument_index,
                                 .len = outcome->output.len,
                                 .cost = outcome->cost,
                                 .at_ns = clock_monotonic_ns()};
    size_t len = outcome->output.len < sizeof out->text - 1
                     ? outcome->output.len
                     : sizeof out->text - 1;
    if (len > 0)
        memcpy(out->text, outcome->output.data, len);
    memcpy(out->message, outcome->message, sizeof out->message);
    if (outcome->output.len > 1000)
        for (size_t i = 0; i < outcome->output.len; i++)
            if (outcome->output.data[i] != (uint8_t)(i ^ i >> 8 ^ i >> 16))
                team->output_is_wrong = true;
    team->order[team->over++] = outcome->ticket;
    if (team->on_done)
        team->on_done(team, outcome);
}

/* "m": 1 MiB, "s": 3 other bytes, "e": none, "b": 2 MiB, "t": a byte too many,
 * "i": fails. */
static Status block(void *context, Bytes cid, struct run_block *out,
                    struct error *err)
{
    struct team *team = context;
    team->blocks++;
    size_t len;
    switch (cid.len == 1 ? cid.data[0] : 0) {
    case 'm':
        len = 1 << 20;
        break;
    case 's':
        len = 3;
        break;
    case 'e':
        len = 0;
        break;
    case 'b':
        len = BLOCK_MAX;
        break;
    case 't':
        len = BLOCK_MAX + 1;
        break;
    case 'i':
        return fail(err, STATUS_CORRUPT, "this block is not what it claims");
    default:
        return STATUS_NOT_FOUND;
    }
    team->blocks_lent++;
    static const uint8_t small[3] = {7, 7, 7};
    *out = (struct run_block){bytes_of(len == 3 ? small : team->block, len),
                              team};
    return STATUS_OK;
}

static void release_block(void *context, struct run_block *lent)
{
    struct team *team = context;
    assert_ptr_equal(lent->owner, team);
    team->blocks_lent--;
}

static void log_line(void *context, uint64_t ticket, LogLevel level, Text line)
{
    struct team *team = context;
    (void)ticket;
    (void)level;
    team->lines++;
    snprintf(team->last_line, sizeof team->last_line, "%.*s", TEXT_ARG(line));
}

struct team *team_open(const char *program, struct pool_options options)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(len > 0);
    path[len] = '\0';
    size_t room = sizeof path - (size_t)(strrchr(path, '/') + 1 - path);
    snprintf(strrchr(path, '/') + 1, room, "%s", program);

    struct team *team = HEAP_NEW(struct team);
    team->block = heap_alloc(BLOCK_MAX + 1);
    memset(team->block, 42, BLOCK_MAX + 1);
    options.helper = path;
    const struct run_host host = {.context = team,
                                  .block = block,
                                  .release_block = release_block,
                                  .log = log_line};
    struct error err = {0};
    assert_int_equal(
        pool_open(&options, host, done, team, &team->runner, &err), STATUS_OK);
    return team;
}

void team_close(struct team *team)
{
    team->runner->verbs->close(team->runner);
    assert_int_equal(team->blocks_lent, 0);
    free(team->block);
    free(team);
}

struct run_request team_request(uint64_t ticket, char key, const char *words)
{
    struct run_request request = {
        .ticket = ticket,
        .verb = RUN_CALL,
        .limits = {.memory = 64 << 20, .time_ms = 60 * 1000},
        .input = bytes_of(words, strlen(words)),
        .artifact = {.file = -1, .len = 3, .bytes = bytes_of("abc", 3)}};
    memset(&request.isolation, key, sizeof request.isolation);
    return request;
}

void team_submit(struct team *team, uint64_t ticket, char key,
                 const char *words)
{
    struct run_request request = team_request(ticket, key, words);
    team->runner->verbs->submit(team->runner, &request);
}

void team_await(struct team *team, size_t count)
{
    uint64_t end = clock_monotonic_ns() + (uint64_t)60 * 1000 * 1000 * 1000;
    while (team->over < count) {
        assert_true(clock_monotonic_ns() < end);
        team->runner->verbs->poll(team->runner, 1000);
    }
}

const struct team_outcome *team_run(struct team *team, char key,
                                    const char *words)
{
    size_t ticket = TEAM_JOBS_MAX - 1;
    while (team->outcomes[ticket].is_over)
        ticket--;
    team_submit(team, ticket, key, words);
    team_await(team, team->over + 1);
    return &team->outcomes[ticket];
}

size_t count_open_files(void)
{
    DIR *files = opendir("/proc/self/fd");
    assert_non_null(files);
    size_t count = 0;
    while (readdir(files))
        count++;
    closedir(files);
    return count;
}

bool process_is_there(int pid)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    const char *end =
        fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return end && end[2] != 'Z';
}
