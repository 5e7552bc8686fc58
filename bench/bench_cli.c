/* SPDX-License-Identifier: Apache-2.0 */
/* bench_cli.c - the program as a person meets it, from process start to exit:
 * a workflow that the memo answers, and importing a large file. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench.h"
#include "crypto/hash.h"

enum { INPUT_BYTES = 1 << 20, RUNS = 60, BIG_BYTES = 256 << 20 };

static char ipvm[4096], store[4200], manifest[4200], input[4200], big[4200];

/* --- A cached workflow --------------------------------------------------- */

static void write_manifest(void)
{
    char here[4096];
    FILE *file = fopen(manifest, "w");
    if (!file || !getcwd(here, sizeof here))
        exit(1);
    fprintf(file,
            "ipvm: \"1.0\"\n"
            "tasks:\n"
            "  first: {run: %s/bench/guests/echo.wasm#echo, "
            "args: [!file %s]}\n"
            "  second: {run: %s/bench/guests/echo.wasm#echo, "
            "args: [!ok first]}\n",
            here, input, here);
    fclose(file);
}

static void bench_cached(void)
{
    const char *const words[] = {ipvm, "run",    "--store", store,
                                 "-n", manifest, NULL};
    struct samples samples = {0}, nothing = {0};
    uint64_t memory;
    bench_write_file(input, INPUT_BYTES, 0);
    write_manifest();
    bench_run(words, NULL, &memory);
    sleep(3); // A file this young is read again.
    bench_run(words, NULL, &memory);
    for (int time = 0; time < RUNS; time++) {
        const char *const version[] = {ipvm, "--version", NULL};
        uint64_t other;
        samples_add(&nothing, bench_run(version, NULL, &other));
        samples_add(&samples, bench_run(words, NULL, &memory));
    }
    bar_print_samples((struct bar){.name = "ipvm --version", .unit = "ms"},
                      &nothing);
    bar_print_samples((struct bar){.name = "ipvm run of a cached workflow",
                                   .unit = "ms",
                                   .target = 10,
                                   .memory = memory},
                      &samples);
}

/* --- Importing ----------------------------------------------------------- */

static double hash_rate(void)
{
    static uint8_t piece[1 << 20];
    struct samples samples = {0};
    Hash hash;
    for (int time = 0; time < 100; time++) {
        uint64_t start = clock_monotonic_ns();
        hash_sha256(bytes_of(piece, sizeof piece), &hash);
        samples_add(&samples, clock_monotonic_ns() - start);
    }
    double rate =
        sizeof piece * 1e3 / (double)samples_percentile(&samples, 50);
    samples_free(&samples);
    return rate;
}

static void bench_import(void)
{
    const char *const words[] = {ipvm, "add", "--store", store,
                                 "-q", big,   NULL};
    struct samples samples = {0};
    uint64_t memory;
    for (int time = 0; time < 3; time++) {
        // Other bytes each time: what is known is not stored again.
        bench_write_file(big, BIG_BYTES, (uint64_t)time + 1);
        samples_add(&samples, bench_run(words, NULL, &memory));
        remove(big);
    }
    double rate = BIG_BYTES * 1e3 / (double)samples_percentile(&samples, 50);
    bar_print(&(struct bar){
        .name = "sha-256 of 1 MiB", .unit = "MB/s", .value = hash_rate()});
    bar_print(&(struct bar){.name = "ipvm add of 256 MiB, durable",
                            .unit = "MB/s",
                            .value = rate,
                            .target = hash_rate(),
                            .memory = memory});
    samples_free(&samples);
}

int main(void)
{
    const char *where = bench_directory();
    snprintf(ipvm, sizeof ipvm, "%s", bench_program("ipvm"));
    snprintf(store, sizeof store, "%s/store", where);
    snprintf(manifest, sizeof manifest, "%s/cached.yaml", where);
    snprintf(input, sizeof input, "%s/input", where);
    snprintf(big, sizeof big, "%s/big", where);
    bench_cached();
    bench_import();
    return 0;
}
