/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

/* --- Samples ------------------------------------------------------------- */

void samples_add(struct samples *samples, uint64_t ns)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? samples->capacity * 2 : 64;
        samples->ns =
            heap_resize(samples->ns, samples->capacity, sizeof *samples->ns);
    }
    samples->ns[samples->count++] = ns;
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

uint64_t samples_percentile(struct samples *samples, size_t percent)
{
    qsort(samples->ns, samples->count, sizeof *samples->ns, compare);
    return samples->ns[(samples->count - 1) * percent / 100];
}

void samples_free(struct samples *samples)
{
    free(samples->ns);
    *samples = (struct samples){0};
}

/* --- Bars ---------------------------------------------------------------- */

static void print_field(const char *name, double value)
{
    if (value > 0)
        printf(", \"%s\": %.4g", name, value);
}

void bar_print(const struct bar *bar)
{
    printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\"", bar->name,
           bar->value, bar->unit);
    print_field("target", bar->target);
    print_field("p99", bar->p99);
    print_field("p99_target", bar->p99_target);
    if (bar->memory > 0)
        printf(", \"memory\": %llu", (unsigned long long)bar->memory);
    printf("}\n");
    fflush(stdout);
}

static double ns_per(const char *unit)
{
    return strcmp(unit, "us") == 0 ? 1e3 : strcmp(unit, "ms") == 0 ? 1e6 : 1e9;
}

void bar_print_samples(struct bar bar, struct samples *samples)
{
    bar.value = (double)samples_percentile(samples, 50) / ns_per(bar.unit);
    if (samples->count >= 20)
        bar.p99 = (double)samples_percentile(samples, 99) / ns_per(bar.unit);
    bar_print(&bar);
    samples_free(samples);
}

/* --- Surroundings -------------------------------------------------------- */

void bench_check(Status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "bench: %s\n", err->message);
    exit(1);
}

static char directory[4096];
static pid_t owner;

static int remove_one(const char *path,
                      [[maybe_unused]] const struct stat *found,
                      [[maybe_unused]] int kind,
                      [[maybe_unused]] struct FTW *where)
{
    return remove(path);
}

static void remove_directory(void)
{
    if (owner == getpid()) // Not in a child that was forked.
        nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *bench_directory(void)
{
    const char *base = getenv("TMPDIR");
    if (owner == 0) {
        owner = getpid();
        snprintf(directory, sizeof directory, "%.4000s/ipvm-bench-%d",
                 base && *base ? base : "/tmp", (int)owner);
        mkdir(directory, 0700);
        atexit(remove_directory);
    }
    return directory;
}

const char *bench_fresh_directory(void)
{
    bench_directory();
    remove_directory();
    mkdir(directory, 0700);
    return directory;
}

const char *bench_program(const char *name)
{
    static char path[4096];
    const char *build = getenv("IPVM_BUILD");
    snprintf(path, sizeof path, "%.4000s/%s", build ? build : "build/release",
             name);
    return path;
}

uint64_t bench_run(const char *const *words, const char *out, uint64_t *memory)
{
    posix_spawn_file_actions_t files;
    struct rusage usage;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, out ? out : "/dev/null",
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!getenv("IPVM_BENCH_LOUD"))
        posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    uint64_t start = clock_monotonic_ns();
    if (posix_spawn(&pid, words[0], &files, NULL,
                    (char *const *)(uintptr_t)words, environ) != 0 ||
        wait4(pid, &status, 0, &usage) != pid || status != 0) {
        fprintf(stderr, "bench: %s %s failed; see with IPVM_BENCH_LOUD=1\n",
                words[0], words[1]);
        exit(1);
    }
    uint64_t taken = clock_monotonic_ns() - start;
    posix_spawn_file_actions_destroy(&files);
    *memory = (uint64_t)usage.ru_maxrss * 1024;
    return taken;
}

void bench_write_file(const char *path, size_t len, uint64_t salt)
{
    static uint8_t piece[1 << 20];
    FILE *file = fopen(path, "wb");
    for (size_t at = 0; file && at < len; at += sizeof piece) {
        uint64_t state = (at << 8) + salt + 88172645463325252u;
        for (size_t index = 0; index < sizeof piece; index += 8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            memcpy(piece + index, &state, 8);
        }
        fwrite(piece, 1, len - at < sizeof piece ? len - at : sizeof piece,
               file);
    }
    if (!file || fclose(file) != 0) {
        fprintf(stderr, "bench: cannot write %s\n", path);
        exit(1);
    }
}

uint64_t bench_memory_peak(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}
