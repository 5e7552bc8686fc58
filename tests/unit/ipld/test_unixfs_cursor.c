/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor gives what unixfs_read() gives, or fails as it does. */
#include "ipld/unixfs_cursor.h"

#include "unit/ipld/made_node.h"

#include "ipld/unixfs_directory.h"

enum { CHUNK = 8, LINKS = 3, FILE_BYTES = 17 * CHUNK + 5 };

static Cid put_file(struct block_map *blocks, Bytes bytes)
{
    const struct unixfs_writer_options options = {.chunk_size = CHUNK,
                                                  .links_max = LINKS};
    const struct unixfs_block_sink sink = block_map_sink(blocks);
    struct unixfs_writer *writer = unixfs_writer_new(&options, &sink);
    Cid root;
    assert_int_equal(unixfs_writer_add(writer, bytes, NULL), STATUS_OK);
    assert_int_equal(unixfs_writer_finish(writer, &root, NULL, NULL),
                     STATUS_OK);
    unixfs_writer_free(writer);
    return root;
}

static Status collect(struct block_map *blocks, const Cid *cid, uint64_t from,
                      uint64_t len, struct buffer *out, struct error *err)
{
    const struct unixfs_source source = block_map_source(blocks);
    struct unixfs_cursor *cursor = unixfs_cursor_new(&source, cid, from, len);
    Status status;
    Bytes piece;
    do {
        status = unixfs_cursor_next(cursor, &piece, err);
        buffer_add_bytes(out, piece);
    } while (status == STATUS_OK && piece.len > 0);
    unixfs_cursor_free(cursor);
    assert_int_equal(blocks->on_loan, 0);
    return status;
}

static void gives_every_range_of_a_file(void **state)
{
    struct block_map blocks = {0};
    struct buffer out;
    const Bytes bytes = pattern(FILE_BYTES);
    const Cid file = put_file(&blocks, bytes);
    (void)state;
    buffer_init(&out, FILE_BYTES);
    for (size_t from = 0; from <= FILE_BYTES; from++)
        for (size_t len = 0; from + len <= FILE_BYTES; len++) {
            buffer_clear(&out);
            assert_int_equal(collect(&blocks, &file, from, len, &out, NULL),
                             STATUS_OK);
            assert_true(bytes_equal(buffer_bytes(&out),
                                    bytes_of(bytes.data + from, len)));
        }
    buffer_deinit(&out);
    free((void *)(uintptr_t)bytes.data);
    block_map_deinit(&blocks);
}

static void reads_each_block_once_and_none_too_many(void **state)
{
    struct block_map blocks = {0};
    struct buffer out;
    const Bytes bytes = pattern(FILE_BYTES);
    const Cid file = put_file(&blocks, bytes);
    (void)state;
    buffer_init(&out, FILE_BYTES);
    assert_int_equal(collect(&blocks, &file, 0, FILE_BYTES, &out, NULL),
                     STATUS_OK);
    assert_int_equal(blocks.gets, blocks.put_count);
    /* Root, two levels, a leaf. */
    blocks.gets = 0;
    buffer_clear(&out);
    assert_int_equal(collect(&blocks, &file, 3, 2, &out, NULL), STATUS_OK);
    assert_int_equal(blocks.gets, 4);
    buffer_deinit(&out);
    free((void *)(uintptr_t)bytes.data);
    block_map_deinit(&blocks);
}

/* A root that says how long its one child is. */
static Cid put_parent(struct block_map *blocks, const Cid *child,
                      uint64_t size)
{
    const struct link link = {*child, ""};
    struct buffer inner;
    Cid root;
    buffer_init(&inner, 100);
    protobuf_add_varint(&inner, 1, 2);
    protobuf_add_varint(&inner, 3, size);
    protobuf_add_varint(&inner, 4, size);
    put_node(blocks, buffer_bytes(&inner), &link, 1, &root);
    buffer_deinit(&inner);
    return root;
}

static void check_fails(struct block_map *blocks, const Cid *cid, uint64_t len,
                        Status expected, const char *words)
{
    struct buffer out;
    struct error err = {0};
    buffer_init(&out, 1 << 20);
    assert_int_equal(collect(blocks, cid, 0, len, &out, &err), expected);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    buffer_deinit(&out);
}

static void refuses_what_a_reader_refuses(void **state)
{
    struct block_map blocks = {0};
    Cid leaf, gone, parent;
    (void)state;
    put_raw(&blocks, "four", &leaf);
    check_fails(&blocks, &leaf, 5, STATUS_INVALID, "ends behind");
    parent = put_parent(&blocks, &leaf, 5);
    check_fails(&blocks, &parent, 5, STATUS_INVALID, "a part has 4 bytes");

    struct unixfs_child child = {TEXT("name"), leaf, 4};
    const struct unixfs_block_sink sink = block_map_sink(&blocks);
    Cid directory;
    assert_int_equal(
        unixfs_write_directory(&child, 1, NULL, &sink, &directory, NULL, NULL),
        STATUS_OK);
    check_fails(&blocks, &directory, 1, STATUS_INVALID, "not a file");
    parent = put_parent(&blocks, &directory, 4);
    check_fails(&blocks, &parent, 4, STATUS_INVALID, "is not a file");

    cid_of(CODEC_RAW, bytes_of("gone", 4), &gone);
    parent = put_parent(&blocks, &gone, 4);
    check_fails(&blocks, &parent, 4, STATUS_NOT_FOUND, "");

    parent = leaf;
    for (unsigned depth = 0; depth <= UNIXFS_DEPTH_MAX; depth++)
        parent = put_parent(&blocks, &parent, 4);
    check_fails(&blocks, &parent, 4, STATUS_INVALID, "nested deeper");
    block_map_deinit(&blocks);
}

/* Byte by byte, without a leaf being read. */
static void tells_where_each_byte_stands(void **state)
{
    struct block_map blocks = {0};
    const Bytes bytes = pattern(FILE_BYTES);
    const Cid file = put_file(&blocks, bytes);
    const struct unixfs_source source = block_map_source(&blocks);
    (void)state;
    for (size_t at = 0; at < FILE_BYTES; at++) {
        struct unixfs_cursor *cursor =
            unixfs_cursor_new(&source, &file, at, FILE_BYTES - at);
        struct unixfs_place place;
        struct unixfs_block leaf;
        blocks.gets = 0;
        assert_int_equal(unixfs_cursor_place(cursor, &place, NULL), STATUS_OK);
        assert_int_equal(blocks.gets, 3); /* the root and two levels */
        assert_int_equal(place.skip, at % CHUNK);
        assert_int_equal(place.skip + place.len,
                         at / CHUNK == FILE_BYTES / CHUNK ? FILE_BYTES % CHUNK
                                                          : CHUNK);
        assert_int_equal(
            block_map_get(&blocks, cid_bytes(&place.leaf), &leaf, NULL),
            STATUS_OK);
        assert_int_equal(leaf.bytes.data[place.skip], bytes.data[at]);
        block_map_release(&blocks, &leaf);
        unixfs_cursor_free(cursor);
    }
    free((void *)(uintptr_t)bytes.data);
    block_map_deinit(&blocks);
}

static void a_place_in_a_node_is_none(void **state)
{
    struct block_map blocks = {0};
    const struct unixfs_source source = block_map_source(&blocks);
    struct unixfs_place place;
    Cid leaf, wrapped, parent;
    Bytes piece;
    (void)state;
    put_raw(&blocks, "four", &leaf);
    struct unixfs_cursor *cursor = unixfs_cursor_new(&source, &leaf, 1, 2);
    assert_int_equal(unixfs_cursor_place(cursor, &place, NULL), STATUS_OK);
    assert_true(cid_equal(&place.leaf, &leaf));
    assert_true(place.skip == 1 && place.len == 2);
    unixfs_cursor_free(cursor);

    put_node_hex(&blocks, "08 02 12 04 66 6f 75 72 18 04", NULL, 0, &wrapped);
    parent = put_parent(&blocks, &wrapped, 4);
    cursor = unixfs_cursor_new(&source, &parent, 1, 2);
    assert_int_equal(unixfs_cursor_place(cursor, &place, NULL), STATUS_OK);
    assert_int_equal(place.len, 0);
    assert_int_equal(unixfs_cursor_next(cursor, &piece, NULL), STATUS_OK);
    assert_true(bytes_equal(piece, bytes_of("ou", 2)));
    unixfs_cursor_free(cursor);
    block_map_deinit(&blocks);
}

static void may_be_left_anywhere(void **state)
{
    struct block_map blocks = {0};
    const Bytes bytes = pattern(FILE_BYTES);
    const Cid file = put_file(&blocks, bytes);
    const struct unixfs_source source = block_map_source(&blocks);
    (void)state;
    for (size_t taken = 0; taken < FILE_BYTES / CHUNK; taken++) {
        struct unixfs_cursor *cursor =
            unixfs_cursor_new(&source, &file, 0, FILE_BYTES);
        Bytes piece;
        for (size_t index = 0; index < taken; index++)
            assert_int_equal(unixfs_cursor_next(cursor, &piece, NULL),
                             STATUS_OK);
        unixfs_cursor_free(cursor);
        assert_int_equal(blocks.on_loan, 0);
    }
    free((void *)(uintptr_t)bytes.data);
    block_map_deinit(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_every_range_of_a_file),
        cmocka_unit_test(reads_each_block_once_and_none_too_many),
        cmocka_unit_test(refuses_what_a_reader_refuses),
        cmocka_unit_test(tells_where_each_byte_stands),
        cmocka_unit_test(a_place_in_a_node_is_none),
        cmocka_unit_test(may_be_left_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
