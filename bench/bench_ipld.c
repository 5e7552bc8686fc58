/* SPDX-License-Identifier: Apache-2.0 */
/* bench_ipld.c - how fast blocks are decoded, encoded, hashed and made. Prints
 * one line of JSON for each figure: the median of a few rounds. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ipld/unixfs_writer.h"

enum { ROUNDS = 7, WORK_BYTES = 64 << 20 };

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print_figure(const char *name, double rates[ROUNDS],
                         const char *target)
{
    qsort(rates, ROUNDS, sizeof *rates, compare_numbers);
    printf("{\"name\": \"%s\", \"value\": %.1f, \"unit\": \"MB/s\", "
           "\"target\": %s}\n",
           name, rates[ROUNDS / 2], target);
}

/* Runs `work` until WORK_BYTES are done, ROUNDS times. */
static void measure(const char *name, const char *target, size_t bytes,
                    void (*work)(void *context), void *context)
{
    double rates[ROUNDS];
    size_t count = WORK_BYTES / bytes + 1;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = clock_monotonic_ns();
        for (size_t index = 0; index < count; index++)
            work(context);
        uint64_t ns = clock_monotonic_ns() - start;
        rates[round] = (double)bytes * (double)count * 1e3 / (double)ns;
    }
    print_figure(name, rates, target);
}

/* --- DAG-CBOR ----------------------------------------------------------- */

/* A task as workflow pages hold them: short keys, a link, few numbers. */
static Value make_task(struct arena *arena, int index, const Cid *cid)
{
    Value *items = arena_array(arena, 5, sizeof *items);
    items[0] = value_map1(arena, TEXT("await/ok"), value_link(cid));
    for (int item = 1; item < 4; item++)
        items[item] = value_int((int64_t)index * item * 37);
    items[4] = value_float(index * 0.37);
    const struct value_entry args[] = {
        {TEXT("args"), value_list(items, 5)},
        {TEXT("det"), value_link(cid)},
        {TEXT("fun"), value_text(TEXT("demo:image/filters@1.0.0#rotate90"))},
        {TEXT("mod"), value_link(cid)},
    };
    const struct value_entry task[] = {
        {TEXT("cmd"), value_text(TEXT("/wasm/run"))},
        {TEXT("args"), value_map(arena, args, 4)},
        {TEXT("nonce"), value_bytes(bytes_of("", 0))},
    };
    return value_map(arena, task, 3);
}

static Value make_page(struct arena *arena, int count, const Cid *cid)
{
    struct value_entry *entries =
        arena_array(arena, (size_t)count, sizeof *entries);
    for (int index = 0; index < count; index++) {
        entries[index].key = arena_format(arena, "task-%04d", index);
        entries[index].value = make_task(arena, index, cid);
    }
    return value_map(arena, entries, (size_t)count);
}

struct codec_work {
    Value value;
    Bytes block;
    struct arena arena;
    struct buffer buffer;
};

static void decode_once(void *context)
{
    struct codec_work *work = context;
    Value value;
    arena_reset(&work->arena);
    if (dag_cbor_decode(work->block, &work->arena, &value, NULL) != STATUS_OK)
        abort();
}

static void encode_once(void *context)
{
    struct codec_work *work = context;
    buffer_clear(&work->buffer);
    dag_cbor_encode(&work->value, &work->buffer);
}

static void decode_json_once(void *context)
{
    struct codec_work *work = context;
    Value value;
    arena_reset(&work->arena);
    if (dag_json_decode(buffer_bytes(&work->buffer), &work->arena, &value,
                        NULL) != STATUS_OK)
        abort();
}

static void measure_codecs(const char *decode_name, const char *encode_name,
                           int count)
{
    struct arena arena = {0};
    struct codec_work work = {.arena = {0}};
    Cid cid;
    cid_of(CODEC_RAW, bytes_of("x", 1), &cid);
    work.value = make_page(&arena, count, &cid);
    work.block = dag_cbor_block(&work.value, &arena, &cid);
    buffer_init(&work.buffer, 4 << 20);
    measure(decode_name, "500", work.block.len, decode_once, &work);
    measure(encode_name, "500", work.block.len, encode_once, &work);
    if (count > 1) {
        buffer_clear(&work.buffer);
        IGNORE(dag_json_encode(&work.value, &work.buffer, NULL)); // It fits.
        measure("dag_json_decode", "null", work.buffer.len, decode_json_once,
                &work);
    }
    buffer_deinit(&work.buffer);
    arena_deinit(&work.arena);
    arena_deinit(&arena);
}

/* --- Hashing and importing ---------------------------------------------- */

static void hash_once(void *context)
{
    Hash hash;
    hash_sha256(*(const Bytes *)context, &hash);
}

static Status drop_block(void *context, const Cid *cid, Bytes block,
                         struct error *err)
{
    (void)cid;
    (void)err;
    *(uint64_t *)context += block.len;
    return STATUS_OK;
}

struct import_work {
    Bytes bytes;
    size_t step;
};

static void import_once(void *context)
{
    const struct import_work *work = context;
    uint64_t total = 0;
    struct unixfs_block_sink sink = {drop_block, &total};
    struct unixfs_writer *writer = unixfs_writer_new(NULL, &sink);
    Bytes rest = work->bytes;
    Cid root;
    while (rest.len > 0) {
        size_t len = rest.len < work->step ? rest.len : work->step;
        if (unixfs_writer_add(writer, bytes_of(rest.data, len), NULL) !=
            STATUS_OK)
            abort();
        rest = bytes_from(rest, len);
    }
    if (unixfs_writer_finish(writer, &root, NULL, NULL) != STATUS_OK)
        abort();
    unixfs_writer_free(writer);
}

int main(void)
{
    enum { FILE_LEN = 256 << 20 };
    uint8_t *data = heap_alloc(FILE_LEN);
    for (size_t index = 0; index < FILE_LEN; index++)
        data[index] = (uint8_t)(index * 7 + (index >> 9));

    measure_codecs("dag_cbor_decode_page", "dag_cbor_encode_page", 1024);
    measure_codecs("dag_cbor_decode_task", "dag_cbor_encode_task", 1);
    Bytes small = bytes_of(data, 128), big = bytes_of(data, 1 << 20);
    measure("sha256_128_bytes", "null", small.len, hash_once, &small);
    measure("sha256_1_mib", "null", big.len, hash_once, &big);
    struct import_work whole = {bytes_of(data, FILE_LEN), FILE_LEN};
    struct import_work pieces = {bytes_of(data, FILE_LEN), 64 << 10};
    measure("import_256_mib", "null", FILE_LEN, import_once, &whole);
    measure("import_256_mib_by_64_kib", "null", FILE_LEN, import_once,
            &pieces);
    free(data);
    return 0;
}
