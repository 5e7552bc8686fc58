/* SPDX-License-Identifier: Apache-2.0 */
/* bench_jobs.c - rows of jobs: ten thousand open ones among a million that are
 * over, as a node finds them when it starts; a page of the newest; a job's row
 * and journal made durable, alone and with many others. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench.h"
#include "crypto/hash.h"
#include "store/jobs.h"

enum {
    JOBS = 1010000,
    OPEN_EVERY = 101,
    ROW_BYTES = 500, /* as the node's are */
    EVENT_BYTES = 300,
    IN_ONE_BATCH = 20000,
    TRIES = 200,
    TOGETHER = 10000,
    PAGE = 100,
};

static uint8_t row_bytes[ROW_BYTES], event_bytes[EVENT_BYTES];

static struct job_row row_of(uint32_t number)
{
    struct job_row row = {.is_open = number % OPEN_EVERY == 0,
                          .submitted_ms = 1700000000000 + number,
                          .root_count = 3,
                          .value = bytes_of(row_bytes, ROW_BYTES)};
    hash_sha256(bytes_of(&number, sizeof number), &row.id);
    for (unsigned index = 0; index < row.root_count; index++)
        cid_from_hash(CODEC_DAG_CBOR, &row.id, &row.roots[index]);
    return row;
}

static void add(struct store_batch *batch, const struct job_row *row)
{
    store_batch_job(batch, row);
    store_batch_journal(batch, &row->id, row->submitted_ms, 1,
                        bytes_of(event_bytes, EVENT_BYTES));
}

static void fill(struct store *store)
{
    struct store_batch *batch = store_batch_new(store);
    struct error err = {0};
    for (uint32_t number = 0; number < JOBS; number++) {
        const struct job_row row = row_of(number);
        add(batch, &row);
        if (number % IN_ONE_BATCH == IN_ONE_BATCH - 1 || number == JOBS - 1)
            bench_check(store_commit(batch, &err), &err);
    }
    store_batch_free(batch);
}

static bool count_all(void *context, const struct job_row *row)
{
    (void)row;
    (*(uint32_t *)context)++;
    return true;
}

static bool count_page(void *context, const struct job_row *row)
{
    (void)row;
    return ++*(uint32_t *)context < PAGE;
}

static void read_open(struct store *store)
{
    struct error err = {0};
    uint32_t count = 0;
    const uint64_t began_ns = clock_monotonic_ns();
    bench_check(job_each_open(store, count_all, &count, &err), &err);
    bar_print(&(struct bar){
        .name = "10,000 open jobs found among a million that are over",
        .unit = "ms",
        .value = (double)(clock_monotonic_ns() - began_ns) / 1e6,
        .target = 100,
        .memory = bench_memory_peak()});
    ASSERT(count == JOBS / OPEN_EVERY);
}

static void read_pages(struct store *store)
{
    struct samples samples = {0};
    struct error err = {0};
    for (unsigned attempt = 0; attempt < TRIES; attempt++) {
        const struct job_row from = row_of(attempt * 5000 + PAGE);
        const struct job_place after = {from.submitted_ms, from.id};
        uint32_t count = 0;
        const uint64_t began_ns = clock_monotonic_ns();
        bench_check(job_each(store, &after, count_page, &count, &err), &err);
        samples_add(&samples, clock_monotonic_ns() - began_ns);
        ASSERT(count == PAGE);
    }
    bar_print_samples(
        (struct bar){.name = "100 jobs of a million, by time", .unit = "us"},
        &samples);
}

static void write_alone(struct store *store)
{
    struct store_batch *batch = store_batch_new(store);
    struct samples samples = {0};
    struct error err = {0};
    for (uint32_t attempt = 0; attempt < TRIES; attempt++) {
        const struct job_row row = row_of(JOBS + attempt);
        const uint64_t began_ns = clock_monotonic_ns();
        add(batch, &row);
        bench_check(store_commit(batch, &err), &err);
        samples_add(&samples, clock_monotonic_ns() - began_ns);
    }
    store_batch_free(batch);
    bar_print_samples(
        (struct bar){.name = "a job and its journal durable", .unit = "us"},
        &samples);
}

static void write_together(struct store *store)
{
    struct error err = {0};
    const uint64_t began_ns = clock_monotonic_ns();
    for (uint32_t number = 0; number < TOGETHER; number++) {
        struct store_batch *batch = store_batch_new(store);
        const struct job_row row = row_of(JOBS + TRIES + number);
        add(batch, &row);
        store_commit_async(batch, NULL, NULL);
    }
    bench_check(store_flush(store, &err), &err);
    bar_print(&(struct bar){
        .name = "a job of 10,000 that are written together",
        .unit = "us",
        .value = (double)(clock_monotonic_ns() - began_ns) / 1e3 / TOGETHER});
}

int main(void)
{
    struct store *store;
    struct error err = {0};
    const char *directory = bench_fresh_directory();
    bench_check(store_open(directory, NULL, &store, &err), &err);
    fill(store);
    store_close(store);
    bench_check(store_open(directory, NULL, &store, &err), &err);
    read_open(store);
    read_pages(store);
    write_alone(store);
    write_together(store);
    store_close(store);
    return 0;
}
