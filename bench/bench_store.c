/* SPDX-License-Identifier: Apache-2.0 */
/* bench_store.c - the store's bars, one JSON line each. The directory is made
 * below TMPDIR (/tmp), which should be a real disk. With a word behind its
 * name, only benchmarks whose name holds it run. */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/store.h"

enum { BLOCK = 4096, SAMPLES_MAX = 1 << 20 };

static char directory[256];
static uint64_t samples[SAMPLES_MAX];
static const char *only;

static void check(Status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "bench_store: %s\n", err->message);
    exit(1);
}

static int compare_samples(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double percentile(size_t count, size_t percent)
{
    qsort(samples, count, sizeof *samples, compare_samples);
    return (double)samples[(count - 1) * percent / 100];
}

static void print(const char *name, double value, const char *unit,
                  double target, double p99)
{
    printf("{\"name\": \"%s\", \"value\": %.2f, \"unit\": \"%s\", "
           "\"target\": %.2f, \"p99\": %.2f}\n",
           name, value, unit, target, p99);
    fflush(stdout);
}

static int remove_one(const char *path,
                      [[maybe_unused]] const struct stat *found,
                      [[maybe_unused]] int kind,
                      [[maybe_unused]] struct FTW *where)
{
    return remove(path);
}

static struct store *open_fresh(const struct store_options *options)
{
    struct store *store;
    struct error err = {0};
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    check(store_open(directory, options, &store, &err), &err);
    return store;
}

/* --- What is stored ----------------------------------------------------- */

static void make_block(uint64_t number, uint8_t bytes[BLOCK], Cid *cid)
{
    memset(bytes, (int)(number & 0xff), BLOCK);
    memcpy(bytes, &number, sizeof number);
    cid_of(CODEC_RAW, bytes_of(bytes, BLOCK), cid);
}

static Hash make_key(uint64_t number, uint8_t kind)
{
    Hash key;
    uint8_t seed[9] = {kind};
    memcpy(seed + 1, &number, sizeof number);
    hash_sha256(bytes_of(seed, sizeof seed), &key);
    return key;
}

/* What a finished task leaves: result block, memo, symbolic, producer. */
static void make_step(struct store_batch *batch, uint64_t number)
{
    uint8_t result[40] = {0xa1, 0x62, 'o', 'k', 0x1b};
    memcpy(result + 5, &number, sizeof number);
    struct memo_entry entry = {
        .is_ok = true, .run_ns = number, .engine = "wasmtime 48.0.8"};
    cid_of(CODEC_DAG_CBOR, bytes_of(result, 13), &entry.result);
    const Hash concrete = make_key(number, 'c'),
               symbolic = make_key(number, 's'),
               through = make_key(number / 2, 'c');
    store_batch_block(batch, &entry.result, bytes_of(result, 13));
    store_batch_memo(batch, &concrete, &entry);
    store_batch_symbolic(batch, &symbolic, &concrete, false, &through, 1);
    store_batch_producer(batch, &entry.result, &concrete);
}

/* --- Benchmarks --------------------------------------------------------- */

enum { PUTS = 120000, PUT_BATCH = 4000 };

static Cid *block_cids; /* of the blocks that put_blocks() stored */

/* As an import does it: one batch is written while the next is hashed and
 * filled. */
static void put_blocks(struct store *store)
{
    uint8_t(*blocks)[BLOCK] = heap_array(PUT_BATCH, BLOCK);
    struct error err = {0};
    const uint64_t start = clock_monotonic_ns();
    block_cids = heap_array(PUTS, sizeof *block_cids);
    for (uint64_t first = 0; first < PUTS; first += PUT_BATCH) {
        Cid *cids = &block_cids[first];
        for (uint64_t index = 0; index < PUT_BATCH; index++)
            make_block(first + index, blocks[index], &cids[index]);
        struct store_batch *batch = store_batch_new(store);
        for (size_t index = 0; index < PUT_BATCH; index++)
            store_batch_block(batch, &cids[index],
                              bytes_of(blocks[index], BLOCK));
        store_commit_async(batch, NULL, NULL);
    }
    check(store_flush(store, &err), &err);
    const uint64_t taken = clock_monotonic_ns() - start;
    print("store put 4 KiB, hashed, durable, batches of 4000",
          PUTS * 1e9 / (double)taken, "1/s", 60000, 0);
    free(blocks);
}

struct reader {
    struct store *store;
    size_t first, span, count;
};

static void *read_blocks(void *argument)
{
    const struct reader *reader = argument;
    struct error err = {0};
    for (size_t index = 0; index < reader->count; index++) {
        struct block *block;
        const size_t which = reader->first + index % reader->span;
        check(store_get(reader->store, &block_cids[which], &block, &err),
              &err);
        block_unref(block);
    }
    return NULL;
}

static void get_blocks(struct store *store, size_t threads, const char *name)
{
    enum { THREADS_MAX = 8, GETS = 1000000, HOT = 1000 };
    pthread_t ids[THREADS_MAX];
    struct reader readers[THREADS_MAX];
    const struct reader warm = {store, 0, HOT * THREADS_MAX,
                                HOT * THREADS_MAX};
    struct reader copy = warm;
    read_blocks(&copy);
    const uint64_t start = clock_monotonic_ns();
    for (size_t index = 0; index < threads; index++) {
        readers[index] = (struct reader){store, index * HOT, HOT, GETS};
        pthread_create(&ids[index], NULL, read_blocks, &readers[index]);
    }
    for (size_t index = 0; index < threads; index++)
        pthread_join(ids[index], NULL);
    const uint64_t taken = clock_monotonic_ns() - start;
    print(name, GETS * (double)threads * 1e9 / (double)taken, "1/s", 2000000,
          0);
}

static void bench_blocks(void)
{
    struct store *store = open_fresh(NULL);
    put_blocks(store);
    get_blocks(store, 1, "store get 4 KiB, hot, one thread");
    get_blocks(store, 2, "store get 4 KiB, hot, two threads");
    free(block_cids);
    store_close(store);
}

static void bench_fdatasync(void)
{
    char path[300];
    uint8_t page[4096] = {1};
    snprintf(path, sizeof path, "%s-sync", directory);
    const int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    const size_t count = 300;
    for (size_t index = 0; index < count + 20; index++) {
        const uint64_t start = clock_monotonic_ns();
        if (pwrite(file, page, sizeof page, (off_t)(index % 64) * 4096) < 0 ||
            fdatasync(file) != 0)
            exit(1);
        if (index >= 20)
            samples[index - 20] = clock_monotonic_ns() - start;
    }
    close(file);
    unlink(path);
    const double p99 = percentile(count, 99);
    print("fdatasync of one page", percentile(count, 50) / 1e3, "us", 0,
          p99 / 1e3);
}

static void bench_one_in_flight(void)
{
    struct store *store = open_fresh(NULL);
    struct error err = {0};
    enum { STEPS = 400 };
    for (size_t step = 0; step < STEPS; step++) {
        const uint64_t start = clock_monotonic_ns();
        struct store_batch *batch = store_batch_new(store);
        make_step(batch, step);
        check(store_commit(batch, &err), &err);
        store_batch_free(batch);
        samples[step] = clock_monotonic_ns() - start;
    }
    const double p99 = percentile(STEPS, 99);
    const double median = percentile(STEPS, 50);
    store_close(store);
    print("durable step, one in flight", median / 1e3, "us", 0, p99 / 1e3);
    // The same without its syncs: what is ours.
    store = open_fresh(&(struct store_options){.no_sync = true});
    for (size_t step = 0; step < STEPS; step++) {
        const uint64_t start = clock_monotonic_ns();
        struct store_batch *batch = store_batch_new(store);
        make_step(batch, step);
        check(store_commit(batch, &err), &err);
        store_batch_free(batch);
        samples[step] = clock_monotonic_ns() - start;
    }
    const double own_p99 = percentile(STEPS, 99);
    print("durable step, one in flight, without its two syncs",
          percentile(STEPS, 50) / 1e3, "us", 50, own_p99 / 1e3);
    store_close(store);
}

static void count_done(void *context, Status status, const struct error *err)
{
    check(status, err);
    atomic_fetch_add((atomic_size_t *)context, 1);
}

static void bench_many_in_flight(void)
{
    enum { STEPS = 200000 };
    struct store *store = open_fresh(NULL);
    struct error err = {0};
    atomic_size_t done = 0;
    const uint64_t start = clock_monotonic_ns();
    for (size_t step = 0; step < STEPS; step++) {
        struct store_batch *batch = store_batch_new(store);
        make_step(batch, step);
        store_commit_async(batch, count_done, &done);
    }
    check(store_flush(store, &err), &err);
    const uint64_t taken = clock_monotonic_ns() - start;
    store_close(store);
    print("durable steps, many in flight", (double)done * 1e9 / (double)taken,
          "1/s", 50000, 0);
}

static void bench_memo_and_reopen(void)
{
    enum { ENTRIES = 1000000, GETS = 200000 };
    struct store *store = open_fresh(&(struct store_options){.no_sync = true});
    struct error err = {0};
    struct store_batch *batch = store_batch_new(store);
    for (size_t step = 0; step < ENTRIES; step++) {
        make_step(batch, step);
        if (step % 50000 == 49999)
            check(store_commit(batch, &err), &err);
    }
    check(store_commit(batch, &err), &err);
    store_batch_free(batch);
    store_close(store);
    uint64_t start = clock_monotonic_ns();
    check(store_open(directory, NULL, &store, &err), &err);
    struct memo_entry entry;
    Hash key = make_key(ENTRIES / 2, 'c');
    check(memo_get(store, &key, &entry, &err), &err);
    print("reopen with a million memo entries, first hit included",
          (double)(clock_monotonic_ns() - start) / 1e6, "ms", 1000, 0);
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t get = 0; get < GETS; get++) {
            key = make_key(get % 20000, 'c');
            start = clock_monotonic_ns();
            check(memo_get(store, &key, &entry, &err), &err);
            samples[get] = clock_monotonic_ns() - start;
        }
    const double p99 = percentile(GETS, 99);
    print("memo hit, hot, result block checked", percentile(GETS, 50) / 1e3,
          "us", 5, p99 / 1e3);
    store_close(store);
}

static void bench_lease(void)
{
    enum { TAKES = 5000 };
    struct store *store = open_fresh(NULL);
    struct error err = {0};
    uint64_t left;
    for (size_t take = 0; take < TAKES; take++) {
        const Hash key = make_key(take, 'l');
        const uint64_t start = clock_monotonic_ns();
        check(lease_take(store, &key, 1, 60000, &left, &err), &err);
        samples[take] = clock_monotonic_ns() - start;
    }
    const double p99 = percentile(TAKES, 99);
    print("take a lease", percentile(TAKES, 50) / 1e3, "us", 20, p99 / 1e3);
    store_close(store);
}

static void bench_open(void)
{
    enum { OPENS = 200 };
    struct error err = {0};
    store_close(open_fresh(NULL));
    for (size_t index = 0; index < OPENS; index++) {
        struct store *store;
        const uint64_t start = clock_monotonic_ns();
        check(store_open(directory, NULL, &store, &err), &err);
        store_close(store);
        samples[index] = clock_monotonic_ns() - start;
    }
    const double p99 = percentile(OPENS, 99);
    print("open and close a store", percentile(OPENS, 50) / 1e3, "us", 0,
          p99 / 1e3);
}

static const struct {
    const char *name;
    void (*run)(void);
} benchmarks[] = {
    {"fdatasync", bench_fdatasync}, {"open", bench_open},
    {"blocks", bench_blocks},       {"one", bench_one_in_flight},
    {"many", bench_many_in_flight}, {"memo", bench_memo_and_reopen},
    {"lease", bench_lease},
};

int main(int count, char **words)
{
    const char *base = getenv("TMPDIR");
    only = count > 1 ? words[1] : NULL;
    snprintf(directory, sizeof directory, "%s/ipvm-bench-store-%ld",
             base ? base : "/tmp", (long)getpid());
    for (size_t index = 0; index < sizeof benchmarks / sizeof *benchmarks;
         index++)
        if (!only || strstr(benchmarks[index].name, only))
            benchmarks[index].run();
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
