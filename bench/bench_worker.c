/* SPDX-License-Identifier: Apache-2.0 */
/* bench_worker.c - what it costs to have work done in another process. The
 * program is its own worker: started with "guest" behind its name, it serves
 * jobs that do next to nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/pool.h"
#include "worker/serve.h"

/* --- The worker --------------------------------------------------------- */

static void perform(void *state, const struct run_request *request,
                    const struct run_host *host, struct buffer *output,
                    struct run_outcome *outcome)
{
    (void)state;
    (void)outcome;
    struct run_block block;
    char what = request->input.len > 0 ? (char)request->input.data[0] : 0;
    if (what == 'b' && host->block(host->context, request->input, &block,
                                   NULL) == STATUS_OK) {
        buffer_add(output, block.bytes.data, 8);
        host->release_block(host->context, &block);
        return;
    }
    if (what == 'm') {
        buffer_reserve(output, 1 << 20);
        buffer_advance(output, 1 << 20);
    }
    if (what == 's')
        for (uint64_t end = clock_monotonic_ns() + 20 * 1000;
             clock_monotonic_ns() < end;) {
        }
    buffer_add_bytes(output, request->input);
}

/* --- The runner --------------------------------------------------------- */

enum { SAMPLES_MAX = 100000 };

static struct runner *runner;
static size_t over;
static uint64_t next_ticket;
static uint8_t block_bytes[1 << 20];
static uint64_t samples[SAMPLES_MAX];
static char self[4096];

static void done(void *context, const struct run_outcome *outcome)
{
    (void)context;
    if (outcome->end != END_NONE) {
        fprintf(stderr, "bench_worker: %s\n", outcome->message);
        exit(1);
    }
    over++;
}

static Status find_block(void *context, Bytes cid, struct run_block *out,
                         struct error *err)
{
    (void)context;
    (void)cid;
    (void)err;
    *out = (struct run_block){bytes_of(block_bytes, sizeof block_bytes), NULL};
    return STATUS_OK;
}

static void release_block(void *context, struct run_block *block)
{
    (void)context;
    (void)block;
}

static void open_pool(unsigned workers)
{
    const struct pool_options options = {.helper = self, .workers = workers};
    const struct run_host host = {.block = find_block,
                                  .release_block = release_block};
    struct error err = {0};
    if (pool_open(&options, host, done, NULL, &runner, &err) != STATUS_OK) {
        fprintf(stderr, "bench_worker: %s\n", err.message);
        exit(1);
    }
}

static void close_pool(void)
{
    runner->verbs->close(runner);
}

static void submit(const char *input)
{
    const struct run_request request = {
        .ticket = next_ticket++,
        .limits = {.memory = 64 << 20, .time_ms = 60 * 1000},
        .input = bytes_of(input, strlen(input)),
        .artifact = {.file = -1, .len = 1, .bytes = bytes_of("a", 1)}};
    runner->verbs->submit(runner, &request);
}

static void await(size_t count)
{
    while (over < count)
        runner->verbs->poll(runner, -1);
}

static void run(const char *input)
{
    size_t before = over;
    submit(input);
    await(before + 1);
}

/* --- The measures ------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* One line of JSON for tools/bench.sh; times in microseconds. */
static void report(const char *name, size_t count)
{
    qsort(samples, count, sizeof *samples, compare);
    printf("{\"name\": \"%s\", \"value\": %.2f, \"unit\": \"us\", "
           "\"p99\": %.2f}\n",
           name, (double)samples[count / 2] / 1000,
           (double)samples[count * 99 / 100] / 1000);
    fflush(stdout);
}

/* One job at a time; `pause_us` between them lets everybody fall asleep. */
static void measure_round_trip(const char *name, const char *input,
                               long pause_us, size_t count)
{
    open_pool(1);
    run(input);
    for (size_t i = 0; i < count; i++) {
        const struct timespec pause = {.tv_nsec = pause_us * 1000};
        if (pause_us > 0)
            nanosleep(&pause, NULL);
        uint64_t start = clock_monotonic_ns();
        run(input);
        samples[i] = clock_monotonic_ns() - start;
    }
    close_pool();
    report(name, count);
}

/* Time for each of `batch` jobs that are submitted together. */
static void measure_batch(const char *name, const char *input,
                          unsigned workers, size_t batch)
{
    enum { ROUNDS = 50 };
    open_pool(workers);
    for (int i = 0; i < 100; i++)
        submit(input);
    await(over + 100);
    for (int round = 0; round < ROUNDS; round++) {
        size_t target = over + batch;
        uint64_t start = clock_monotonic_ns();
        for (size_t i = 0; i < batch; i++)
            submit(input);
        await(target);
        samples[round] = (clock_monotonic_ns() - start) / batch;
    }
    close_pool();
    report(name, ROUNDS);
}

static void measure_spawn(void)
{
    enum { ROUNDS = 200 };
    for (int i = 0; i < ROUNDS; i++) {
        open_pool(1);
        uint64_t start = clock_monotonic_ns();
        run("e");
        samples[i] = clock_monotonic_ns() - start;
        close_pool();
    }
    report("worker: spawn to first result", ROUNDS);
}

int main(int count, char **arguments)
{
    if (count > 1 && (strcmp(arguments[count - 1], "guest") == 0 ||
                      strcmp(arguments[count - 1], "compiler") == 0)) {
        const struct performer performer = {NULL, perform};
        return worker_serve(&performer);
    }
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return 1;
    memset(block_bytes, 1, sizeof block_bytes);
    measure_round_trip("worker: round trip, spinning", "e", 0, 50000);
    measure_round_trip("worker: round trip, job of 20 us", "s", 0, 10000);
    measure_round_trip("worker: round trip, asleep", "e", 300, 2000);
    measure_round_trip("worker: fetch a block of 1 MiB", "b", 0, 2000);
    measure_round_trip("worker: result of 1 MiB", "m", 0, 1000);
    measure_batch("worker: tiny jobs, 1 worker", "e", 1, 10000);
    measure_batch("worker: tiny jobs, 2 workers", "e", 2, 10000);
    measure_batch("worker: jobs of 20 us, 1 worker", "s", 1, 1000);
    measure_batch("worker: jobs of 20 us, 2 workers", "s", 2, 1000);
    measure_spawn();
    return 0;
}
