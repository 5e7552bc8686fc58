/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h - what the benchmarks share: samples, a line of JSON for each bar
 * (tools/bench.sh says what it holds), a directory to work in. */
#ifndef IPVM_BENCH_H
#define IPVM_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Nanoseconds, one number a try. */
struct samples {
    uint64_t *ns;
    size_t count, capacity;
};
void samples_add(struct samples *samples, uint64_t ns);
/* The smallest number that so many percent are not above. */
uint64_t samples_percentile(struct samples *samples, size_t percent);
void samples_free(struct samples *samples);

/* One line of the table. What is zero is not printed, but for `value`. */
struct bar {
    const char *name;
    const char *unit; /* "us", "ms", "s", "MB/s", "times" */
    double value, target, p99, p99_target;
    uint64_t memory; /* bytes */
};
void bar_print(const struct bar *bar);
/* Fills in median and p99 of times in bar->unit, prints, frees the samples. */
void bar_print_samples(struct bar bar, struct samples *samples);

/* Prints the words and leaves if it failed. */
void bench_check(Status status, const struct error *err);

/* A directory of this process below TMPDIR (/tmp), removed at exit. */
const char *bench_directory(void);
/* The same, emptied. */
const char *bench_fresh_directory(void);
/* path below $IPVM_BUILD (where the programs lie). */
const char *bench_program(const char *name);

/* Runs a command to its end; nanoseconds. Its output goes to the file `out`
 * (NULL: nowhere), `*memory` is the most it had. Complains and leaves if it
 * fails. */
uint64_t bench_run(const char *const *words, const char *out,
                   uint64_t *memory);
/* A file of `len` bytes that no other `salt` gives. */
void bench_write_file(const char *path, size_t len, uint64_t salt);

/* The most memory that this process has had. */
uint64_t bench_memory_peak(void);

#endif
