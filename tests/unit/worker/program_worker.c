/* SPDX-License-Identifier: Apache-2.0 */
/* program_worker.c - a worker whose "guests" are words: the input names what
 * to do, as "word argument". Also used by bench_worker. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/serve.h"

/* What is left of the job besides its word. */
struct act {
    const struct run_request *request;
    const struct run_host *host;
    struct buffer *output;
    struct run_outcome *outcome;
    Bytes rest;
    unsigned long number; /* the rest as a number */
};

static void spin_for(unsigned long ms)
{
    uint64_t end = clock_monotonic_ns() + ms * 1000 * 1000;
    while (clock_monotonic_ns() < end) {
    }
}

static void act_echo(struct act *act)
{
    buffer_add_bytes(act->output, act->rest);
}

static void act_pid(struct act *act)
{
    buffer_format(act->output, "%d", (int)getpid());
}

static void act_spin(struct act *act)
{
    spin_for(act->number);
}

static void act_crash(struct act *act)
{
    (void)act;
    fprintf(stderr, "these are my last words\n");
    signal(SIGSEGV, SIG_DFL);
    volatile uintptr_t nowhere = 16;
    *(volatile int *)nowhere = 1;
}

static void act_abort(struct act *act)
{
    (void)act;
    fprintf(stderr, "panic: out of order\n");
    abort();
}

static void act_exit(struct act *act)
{
    _exit((int)act->number);
}

/* As many bytes as the number says, counting up. */
static void act_make(struct act *act)
{
    uint8_t *at = buffer_reserve(act->output, act->number);
    for (unsigned long i = 0; at && i < act->number; i++)
        at[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
    if (at)
        buffer_advance(act->output, act->number);
}

static void act_sum(struct act *act)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < act->request->input.len; i++)
        sum = sum * 31 + act->request->input.data[i];
    for (size_t i = 0; i < act->request->description.len; i++)
        sum = sum * 31 + act->request->description.data[i];
    buffer_format(act->output, "%llu", (unsigned long long)sum);
}

static void act_log(struct act *act)
{
    char line[100];
    for (unsigned long i = 0; i < act->number; i++) {
        int len = snprintf(line, sizeof line, "line %lu", i);
        act->host->log(act->host->context, act->request->ticket, LOG_INFO,
                       (Text){line, (size_t)len});
    }
}

static void act_limits(struct act *act)
{
    const struct run_request *request = act->request;
    buffer_format(act->output, "%d %d %d %llu %llu %llu", request->verb,
                  request->engine, request->metered,
                  (unsigned long long)request->limits.fuel,
                  (unsigned long long)request->limits.memory,
                  (unsigned long long)request->limits.time_ms);
    act->outcome->cost.fuel = 7;
    act->outcome->cost.wall_ns = UINT64_MAX;
    act->outcome->cost.cpu_ns = UINT64_MAX;
}

static void act_trap(struct act *act)
{
    act->outcome->end = END_REFUSED_ARGUMENT;
    act->outcome->argument_index = 3;
    snprintf(act->outcome->message, sizeof act->outcome->message,
             "argument 3 does not fit");
}

/* Asks for the block named by the rest; says its length and first byte. */
static void act_block(struct act *act)
{
    struct error err = {0};
    struct run_block block;
    Status status =
        act->host->block(act->host->context, act->rest, &block, &err);
    if (status == STATUS_OK) {
        buffer_format(act->output, "%zu %d", block.bytes.len,
                      block.bytes.len > 0 ? block.bytes.data[0] : -1);
        act->host->release_block(act->host->context, &block);
    } else {
        buffer_format(act->output, "%s %s", status_name(status), err.message);
    }
}

/* Asks for the block as often as the first byte of the rest says. */
static void act_blocks(struct act *act)
{
    for (unsigned long i = 0; i < act->number; i++) {
        struct run_block block;
        if (act->host->block(act->host->context, bytes_of("m", 1), &block,
                             NULL) == STATUS_OK)
            act->host->release_block(act->host->context, &block);
    }
}

/* Holds four blocks at a time and reads them all at the end. */
static void act_hold(struct act *act)
{
    struct run_block blocks[4];
    const char *names[] = {"m", "s", "m", "s"};
    for (int i = 0; i < 4; i++)
        IGNORE(act->host->block(act->host->context, bytes_of(names[i], 1),
                                &blocks[i], NULL)); // These two exist.
    for (int i = 0; i < 4; i++) {
        Bytes bytes = blocks[i].bytes;
        buffer_format(act->output, "%zu:%d:%d ", bytes.len, bytes.data[0],
                      bytes.data[bytes.len - 1]);
    }
    for (int i = 0; i < 4; i++)
        act->host->release_block(act->host->context, &blocks[i]);
}

/* Expects more blocks than there are landing places, twice, asks for them in
 * another order, and for one that nobody expected; some wait at the end. */
static void act_expect(struct act *act)
{
    const Bytes names[] = {bytes_of("m", 1), bytes_of("s", 1),
                           bytes_of("?", 1), bytes_of("b", 1),
                           bytes_of("e", 1), bytes_of("i", 1)};
    const Bytes order[] = {names[3], names[1], names[2], names[4],
                           names[0], names[5], names[0], names[3]};
    Bytes many[20];
    for (int i = 0; i < 20; i++)
        many[i] = names[i % 6];
    act->host->expect(act->host->context, many, 20);
    act->host->expect(act->host->context, names, 6);
    for (int i = 0; i < 8; i++) {
        struct run_block block;
        if (act->host->block(act->host->context, order[i], &block, NULL) !=
            STATUS_OK) {
            buffer_format(act->output, "none ");
            continue;
        }
        buffer_format(act->output, "%zu:%d ", block.bytes.len,
                      block.bytes.len > 0 ? block.bytes.data[0] : -1);
        act->host->release_block(act->host->context, &block);
        act->host->expect(act->host->context, &names[i % 6], 1);
    }
    act->host->expect(act->host->context, names, 6);
}

/* The artifact's bytes, by its file alone; as the engine does, by a duplicate
 * and after asking for its length. */
static void act_artifact(struct act *act)
{
    const struct run_artifact *artifact = &act->request->artifact;
    size_t len = artifact->len;
    struct stat how;
    int own = fcntl(artifact->file, F_DUPFD_CLOEXEC, 3);
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, own, 0);
    if (map == MAP_FAILED || fstat(own, &how) != 0 ||
        (size_t)how.st_size != len) {
        buffer_add_text(act->output, TEXT("no file"));
        return;
    }
    buffer_add(act->output, map, len);
    munmap(map, len);
    map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
    if (map != MAP_FAILED)
        buffer_add_text(act->output, TEXT(" WRITABLE"));
    close(own);
}

static void act_grow(struct act *act)
{
    size_t len = act->number << 20;
    void *map = mmap(NULL, len, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    buffer_add_text(act->output,
                    map == MAP_FAILED ? TEXT("refused") : TEXT("given"));
    if (map != MAP_FAILED)
        munmap(map, len);
}

static const struct {
    const char *word;
    void (*act)(struct act *act);
} acts[] = {
    {"echo", act_echo},     {"pid", act_pid},           {"spin", act_spin},
    {"crash", act_crash},   {"abort", act_abort},       {"exit", act_exit},
    {"make", act_make},     {"sum", act_sum},           {"log", act_log},
    {"limits", act_limits}, {"trap", act_trap},         {"block", act_block},
    {"blocks", act_blocks}, {"hold", act_hold},         {"expect", act_expect},
    {"grow", act_grow},     {"artifact", act_artifact},
};

static void perform(void *state, const struct run_request *request,
                    const struct run_host *host, struct buffer *output,
                    struct run_outcome *outcome)
{
    (void)state;
    Bytes input = request->input;
    const uint8_t *space =
        input.len > 0 ? memchr(input.data, ' ', input.len) : NULL;
    size_t len = space ? (size_t)(space - input.data) : input.len;
    struct act act = {request, host, output, outcome, {0}, 0};
    act.rest = bytes_from(input, space ? len + 1 : len);
    for (size_t i = 0; i < act.rest.len && i < 18 && act.rest.data[i] >= '0' &&
                       act.rest.data[i] <= '9';
         i++)
        act.number = act.number * 10 + (act.rest.data[i] - '0');
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strlen(acts[i].word) == len &&
            memcmp(acts[i].word, input.data, len) == 0)
            acts[i].act(&act);
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "never-ready") == 0)
        for (;;)
            pause();
    if (count > 1 && strcmp(arguments[1], "broken-start") == 0) {
        fprintf(stderr, "the engine does not start\n");
        return 9;
    }
    const struct performer performer = {NULL, perform};
    return worker_serve(&performer);
}
