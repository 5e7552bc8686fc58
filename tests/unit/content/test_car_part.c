/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks that a reader touches are what its CAR has to hold: no more, no
 * less, in the order they are touched. */
#include "content/car_part.h"

#include "unit/content/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "content/car_export.h"
#include "content/content.h"
#include "ipld/codec.h"
#include "ipld/dag_pb.h"
#include "ipld/unixfs_directory.h"
#include "ipld/varint.h"
#include "store/seen.h"

enum { ROOM = 4 << 20, CHUNK = 8 };

/* --- Making --------------------------------------------------------------- */

static Status put_block(void *context, const Cid *cid, Bytes block,
                        struct error *err)
{
    struct store_batch *batch = store_batch_new(context);
    store_batch_block(batch, cid, block);
    const Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

static Cid put_raw(struct store *store, Bytes bytes)
{
    Cid cid;
    cid_of(CODEC_RAW, bytes, &cid);
    assert_ok(put_block(store, &cid, bytes, NULL));
    return cid;
}

/* A file in chunks of 8 bytes, two links a node. */
static Cid put_file(struct store *store, Bytes bytes)
{
    const struct unixfs_writer_options options = {.chunk_size = CHUNK,
                                                  .links_max = 2};
    const struct unixfs_block_sink sink = {put_block, store};
    struct unixfs_writer *writer = unixfs_writer_new(&options, &sink);
    Cid root;
    assert_ok(unixfs_writer_add(writer, bytes, NULL));
    assert_ok(unixfs_writer_finish(writer, &root, NULL, NULL));
    unixfs_writer_free(writer);
    return root;
}

/* --- What a reader touches ------------------------------------------------ */

struct touched {
    struct store *store;
    struct seen seen;
    Cid cids[4096];
    size_t count;
    bool repeat;
};

static Status get_noted(void *context, Bytes cid, struct unixfs_block *out,
                        struct error *err)
{
    struct touched *touched = context;
    struct block *block;
    Cid name;
    assert_ok(cid_from_bytes(cid, &name, NULL));
    TRY(store_get(touched->store, &name, &block, err));
    *out = (struct unixfs_block){block_bytes(block), block};
    if ((seen_add(&touched->seen, cid_multihash(&name)) || touched->repeat) &&
        touched->count < 4096)
        touched->cids[touched->count++] = name;
    return STATUS_OK;
}

static void release(void *context, struct unixfs_block *block)
{
    (void)context;
    block_unref(block->handle);
}

static Status pass_piece(void *context, Bytes piece, struct error *err)
{
    (void)context, (void)piece, (void)err;
    return STATUS_OK;
}

static Status pass_entry(void *context, const struct unixfs_entry *entry,
                         struct error *err)
{
    (void)context, (void)entry, (void)err;
    return STATUS_OK;
}

static void touch_range(struct touched *touched, const Cid *cid, uint64_t from,
                        uint64_t len)
{
    const struct unixfs_source source = {
        .get = get_noted, .release = release, .context = touched};
    const struct unixfs_sink sink = {pass_piece, NULL};
    assert_ok(
        unixfs_stream_range(&source, cid_bytes(cid), from, len, &sink, NULL));
}

/* --- What is in a CAR ----------------------------------------------------- */

static Status part_of(struct store *store,
                      const struct car_part_options *options,
                      struct buffer *out, struct error *err)
{
    struct car_part *part = car_part_new(store, options);
    Status status;
    Bytes piece;
    do {
        status = car_part_next(part, &piece, err);
        buffer_add_bytes(out, piece);
    } while (status == STATUS_OK && piece.len > 0);
    car_part_free(part);
    return status;
}

static void check_car(struct store *store,
                      const struct car_part_options *options,
                      const Cid *expected, size_t count)
{
    struct buffer car;
    struct car_header header;
    struct car_block block;
    buffer_init(&car, ROOM);
    assert_ok(part_of(store, options, &car, NULL));
    struct car_reader *reader = car_reader_over(buffer_bytes(&car));
    assert_ok(car_read_header(reader, &header, NULL));
    assert_int_equal(header.root_count, 1);
    assert_true(cid_equal(&header.roots[0], &options->root));
    for (size_t index = 0; index < count; index++) {
        assert_ok(car_read_block(reader, &block, NULL));
        assert_true(cid_equal(&block.cid, &expected[index]));
        assert_ok(cid_verify(&block.cid, block.bytes, NULL));
    }
    assert_status(car_read_block(reader, &block, NULL), STATUS_NOT_FOUND);
    car_reader_free(reader);
    buffer_deinit(&car);
}

static void check_range(struct store *store, const Cid *file, uint64_t from,
                        uint64_t len, bool repeat)
{
    static struct touched touched;
    const struct car_part_options options = {.root = *file,
                                             .scope = PART_ENTITY,
                                             .from = from,
                                             .len = len,
                                             .repeat = repeat};
    touched = (struct touched){.store = store, .repeat = repeat};
    touch_range(&touched, file, from, len);
    check_car(store, &options, touched.cids, touched.count);
    seen_deinit(&touched.seen);
}

/* --- Tests ---------------------------------------------------------------- */

static void a_range_has_the_blocks_that_its_reader_touches(void **state)
{
    struct store *store = ((struct place *)*state)->store;
    uint8_t bytes[10 * CHUNK + 3];
    for (size_t index = 0; index < sizeof bytes; index++)
        bytes[index] = (uint8_t)index;
    const Cid file = put_file(store, bytes_of(bytes, sizeof bytes));
    for (uint64_t from = 0; from < sizeof bytes; from++)
        for (uint64_t len = 1; from + len <= sizeof bytes; len += 5)
            check_range(store, &file, from, len, false);
}

/* Then a node is met twice, and each time another part of it is wanted. */
static void a_range_of_a_file_that_repeats_itself_is_whole(void **state)
{
    struct store *store = ((struct place *)*state)->store;
    uint8_t bytes[16 * CHUNK];
    for (size_t index = 0; index < sizeof bytes; index++)
        bytes[index] = (uint8_t)(index / CHUNK % 4);
    const Cid file = put_file(store, bytes_of(bytes, sizeof bytes));
    for (uint64_t from = 0; from < sizeof bytes; from += 3)
        for (uint64_t len = 1; from + len <= sizeof bytes; len += 3) {
            check_range(store, &file, from, len, false);
            check_range(store, &file, from, len, true);
        }
}

/* 2^60 bytes from sixty blocks: nobody walks that, leaf by leaf. */
static void a_file_that_unfolds_to_no_end_is_short_without_repeats(
    void **state)
{
    struct store *store = ((struct place *)*state)->store;
    static struct touched expected;
    struct buffer block;
    Cid child = put_raw(store, bytes_of("x", 1));
    uint64_t size = 1;
    buffer_init(&block, 1024);
    expected.count = 31;
    expected.cids[30] = child;
    for (size_t level = 0; level < 30; level++) {
        const struct dag_pb_link links[] = {
            {.cid = cid_bytes(&child), .has_name = true, .has_tsize = true},
            {.cid = cid_bytes(&child), .has_name = true, .has_tsize = true}};
        uint8_t data[64];
        size_t len = 0;
        data[len++] = 0x08, data[len++] = 2; /* a file */
        data[len++] = 0x18, len += varint_write(2 * size, data + len);
        data[len++] = 0x20, len += varint_write(size, data + len);
        data[len++] = 0x20, len += varint_write(size, data + len);
        const struct dag_pb_node node = {links, 2, true, {data, len}};
        buffer_clear(&block);
        dag_pb_encode(&node, &block);
        cid_of(CODEC_DAG_PB, buffer_bytes(&block), &child);
        assert_ok(put_block(store, &child, buffer_bytes(&block), NULL));
        expected.cids[29 - level] = child;
        size *= 2;
    }
    struct car_part_options options = {
        .root = child, .scope = PART_ENTITY, .len = UINT64_MAX};
    check_car(store, &options, expected.cids, expected.count);
    options.from = 3, options.len = size - 6;
    check_car(store, &options, expected.cids, expected.count);
    buffer_deinit(&block);
}

static void an_entity_that_is_a_directory_has_its_shards_only(void **state)
{
    struct store *store = ((struct place *)*state)->store;
    enum { COUNT = 6000 };
    static struct touched touched;
    struct unixfs_child *children = heap_array(COUNT, sizeof *children);
    static char names[COUNT][32];
    for (int index = 0; index < COUNT; index++) {
        snprintf(names[index], sizeof names[index], "file number %d", index);
        children[index].name = text_of(names[index]);
        children[index].tsize = 8;
        cid_of(CODEC_RAW, text_bytes(children[index].name),
               &children[index].cid);
    }
    const struct unixfs_block_sink sink = {put_block, store};
    struct car_part_options options = {.scope = PART_ENTITY,
                                       .len = UINT64_MAX};
    assert_ok(unixfs_write_directory(children, COUNT, NULL, &sink,
                                     &options.root, NULL, NULL));
    touched = (struct touched){.store = store};
    const struct unixfs_source source = {
        .get = get_noted, .release = release, .context = &touched};
    assert_ok(unixfs_each(&source, cid_bytes(&options.root), pass_entry, NULL,
                          NULL));
    assert_true(touched.count > 200);
    check_car(store, &options, touched.cids, touched.count);
    /* Its files are not here, so all of it cannot be had. */
    struct buffer car;
    struct error err = {0};
    buffer_init(&car, ROOM);
    options.scope = PART_ALL;
    assert_status(part_of(store, &options, &car, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "is not in the store"));
    buffer_deinit(&car);
    seen_deinit(&touched.seen);
    free(children);
}

static void what_is_no_file_is_one_block(void **state)
{
    struct store *store = ((struct place *)*state)->store;
    const Cid leaf = put_raw(store, bytes_of("leaf", 4));
    struct arena arena = {0};
    struct buffer block;
    Cid cid;
    buffer_init(&block, 1024);
    const Value map = value_map1(&arena, TEXT("a"), value_link(&leaf));
    assert_ok(codec_encode(CODEC_DAG_CBOR, &map, &block, NULL));
    cid_of(CODEC_DAG_CBOR, buffer_bytes(&block), &cid);
    assert_ok(put_block(store, &cid, buffer_bytes(&block), NULL));
    struct car_part_options options = {
        .root = cid, .scope = PART_ENTITY, .from = 3, .len = 5};
    check_car(store, &options, &cid, 1);
    options.scope = PART_BLOCK;
    check_car(store, &options, &cid, 1);
    const Cid both[] = {cid, leaf};
    options.scope = PART_ALL;
    check_car(store, &options, both, 2);
    buffer_deinit(&block);
    arena_deinit(&arena);
}

static void a_way_comes_first_and_nothing_twice(void **state)
{
    struct store *store = ((struct place *)*state)->store;
    const Cid leaf = put_raw(store, bytes_of("leaf", 4));
    const Cid other = put_raw(store, bytes_of("other", 5));
    const Cid way[] = {other, leaf};
    Cid identity;
    static const uint8_t named[] = {1, CODEC_RAW, 0, 2, 'h', 'i'};
    assert_ok(cid_from_bytes(bytes_of(named, sizeof named), &identity, NULL));
    struct car_part_options options = {
        .way = way, .way_count = 2, .root = leaf, .scope = PART_ALL};
    check_car(store, &options, way, 2);
    const Cid thrice[] = {other, leaf, leaf};
    options.repeat = true;
    check_car(store, &options, thrice, 3);
    /* What is named by its own bytes is not in a CAR. */
    options.root = identity;
    check_car(store, &options, way, 2);
}

/* Before each piece, everything is given back. */
static void rests_between_any_two_pieces(void **state)
{
    struct store *store = ((struct place *)*state)->store;
    uint8_t bytes[9 * CHUNK];
    for (size_t index = 0; index < sizeof bytes; index++)
        bytes[index] = (uint8_t)index;
    const Cid way[] = {put_raw(store, bytes_of("way", 3)),
                       put_raw(store, bytes_of("", 0))};
    const struct car_part_options options = {
        .way = way,
        .way_count = 2,
        .root = put_file(store, bytes_of(bytes, sizeof bytes)),
        .scope = PART_ALL};
    struct buffer whole, rested;
    Bytes piece, again;
    buffer_init(&whole, ROOM);
    buffer_init(&rested, ROOM);
    assert_ok(part_of(store, &options, &whole, NULL));
    struct car_part *part = car_part_new(store, &options);
    do {
        car_part_rest(part);
        assert_ok(car_part_next(part, &piece, NULL));
        const size_t len = piece.len;
        car_part_rest(part);
        assert_ok(car_part_again(part, &again, NULL));
        if (len > 0)
            assert_int_equal(again.len, len);
        buffer_add(&rested, again.data, len);
        piece.len = len;
    } while (piece.len > 0);
    car_part_free(part);
    assert_true(bytes_equal(buffer_bytes(&whole), buffer_bytes(&rested)));
    buffer_deinit(&whole);
    buffer_deinit(&rested);
}

static void everything_is_what_export_writes(void **state)
{
    struct place *place = *state;
    uint8_t bytes[100 * CHUNK];
    for (size_t index = 0; index < sizeof bytes; index++)
        bytes[index] = (uint8_t)(index * index >> 5);
    const Cid file = put_file(place->store, bytes_of(bytes, sizeof bytes));
    struct unixfs_child children[] = {{TEXT("a"), file, 9},
                                      {TEXT("b"), file, 9}};
    const struct unixfs_block_sink sink = {put_block, place->store};
    Cid root;
    assert_ok(
        unixfs_write_directory(children, 2, NULL, &sink, &root, NULL, NULL));
    const struct car_export all = {.roots = &root, .root_count = 1};
    struct car_exported exported;
    const char *path = place_path(place, "all.car");
    assert_ok(car_export_path(place->store, path, &all, &exported, NULL));
    struct buffer expected, car;
    buffer_init(&expected, ROOM);
    buffer_init(&car, ROOM);
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t len =
        read(descriptor, buffer_reserve(&expected, 1 << 20), 1 << 20);
    close(descriptor);
    assert_true(len > 0);
    buffer_advance(&expected, (size_t)len);
    const struct car_part_options options = {.root = root, .scope = PART_ALL};
    assert_ok(part_of(place->store, &options, &car, NULL));
    assert_true(bytes_equal(buffer_bytes(&expected), buffer_bytes(&car)));
    buffer_deinit(&expected);
    buffer_deinit(&car);
}

int main(void)
{
#define IN_PLACE(test)                                                        \
    cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_range_has_the_blocks_that_its_reader_touches),
        IN_PLACE(a_range_of_a_file_that_repeats_itself_is_whole),
        IN_PLACE(a_file_that_unfolds_to_no_end_is_short_without_repeats),
        IN_PLACE(an_entity_that_is_a_directory_has_its_shards_only),
        IN_PLACE(what_is_no_file_is_one_block),
        IN_PLACE(a_way_comes_first_and_nothing_twice),
        IN_PLACE(rests_between_any_two_pieces),
        IN_PLACE(everything_is_what_export_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
