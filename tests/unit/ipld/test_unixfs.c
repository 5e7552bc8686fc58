/* SPDX-License-Identifier: Apache-2.0 */
/* test_unixfs.c - one exact reader of files and directories. */
#include "ipld/murmur3.h"
#include "unit/ipld/made_node.h"

static Status count_bytes(void *context, Bytes piece, struct error *err)
{
    (void)err;
    *(size_t *)context += piece.len;
    return STATUS_OK;
}

/* --- Files -------------------------------------------------------------- */

static void reads_any_range_and_only_the_blocks_it_needs(void **state)
{
    (void)state;
    enum { LEN = 200 };
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_block_sink sink = block_map_sink(&blocks);
    struct unixfs_source source = block_map_source(&blocks);
    struct unixfs_writer_options options = {.chunk_size = 16, .links_max = 3};
    struct unixfs_writer *writer = unixfs_writer_new(&options, &sink);
    Bytes bytes = pattern(LEN);
    Cid root;

    assert_int_equal(unixfs_writer_add(writer, bytes, NULL), STATUS_OK);
    assert_int_equal(unixfs_writer_finish(writer, &root, NULL, NULL),
                     STATUS_OK);
    unixfs_writer_free(writer);
    for (size_t from = 0; from <= LEN; from++)
        for (size_t len = 0; len <= LEN - from; len += 7) {
            uint8_t *out = malloc(len + 1);
            assert_non_null(out);
            assert_int_equal(
                unixfs_read(&source, cid_bytes(&root), from, out, len, NULL),
                STATUS_OK);
            assert_memory_equal(out, bytes.data + from, len);
            free(out);
        }
    // Root, two nodes below it, one leaf: not the whole tree.
    uint8_t byte;
    blocks.gets = 0;
    assert_int_equal(
        unixfs_read(&source, cid_bytes(&root), 100, &byte, 1, NULL),
        STATUS_OK);
    assert_int_equal(blocks.gets, 4);
    assert_int_equal(
        unixfs_read(&source, cid_bytes(&root), LEN, &byte, 1, NULL),
        STATUS_INVALID);
    assert_int_equal(
        unixfs_read(&source, cid_bytes(&root), UINT64_MAX, &byte, 1, NULL),
        STATUS_INVALID);
    block_map_deinit(&blocks);
    free((void *)(uintptr_t)bytes.data);
}

static void reads_data_before_links_and_packed_sizes(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct link links[2] = {{.name = ""}, {.name = ""}};
    char out[8] = "";
    Cid root;

    put_raw(&blocks, "cd", &links[0].cid);
    // A leaf of dag-pb: type raw, data "ef".
    put_node_hex(&blocks, "0800 12026566 1802", NULL, 0, &links[1].cid);
    put_node_hex(&blocks, "0802 12026162 1806 22020202", links, 2, &root);
    assert_int_equal(
        unixfs_read(&source, cid_bytes(&root), 0, (uint8_t *)out, 6, NULL),
        STATUS_OK);
    assert_string_equal(out, "abcdef");
    block_map_deinit(&blocks);
}

static void reads_what_is_inlined_in_a_cid_without_the_source(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    char out[4] = "";
    Bytes cid = exact_from_hex("01550003616263");

    assert_int_equal(unixfs_read(&source, cid, 0, (uint8_t *)out, 3, NULL),
                     STATUS_OK);
    assert_string_equal(out, "abc");
    assert_int_equal(blocks.gets, 0);
    exact_free(cid);
    block_map_deinit(&blocks);
}

static void a_missing_block_is_the_answer_of_the_source(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct unixfs_info info;
    Cid cid;
    cid_of(CODEC_RAW, bytes_of("nobody has it", 13), &cid);
    assert_int_equal(unixfs_open(&source, cid_bytes(&cid), &info, NULL),
                     STATUS_NOT_FOUND);
    block_map_deinit(&blocks);
}

/* Inner protobufs of a node over two raw leaves of two bytes each. */
static const struct {
    const char *inner;
    size_t links;
    const char *words;
} bad_files[] = {
    {"", 0, "unknown type"},
    {"1800", 0, "unknown type"},
    {"0803", 0, "unknown type"}, /* metadata */
    {"0806", 0, "unknown type"},
    {"0802 0802", 0, "twice"},
    {"0802 1200 1200", 0, "twice"},
    {"0a0102", 0, "wrong wire type"},
    {"0802 1001", 0, "wrong wire type"},
    {"0802 1801", 0, "file size"},
    {"0802 12026162", 0, "file size"}, /* none given is 0 */
    {"0802 12026162 1803", 0, "file size"},
    {"0802 1804 2002", 2, "fewer block sizes"},
    {"0802 1804", 2, "fewer block sizes"},
    {"0802 1806 2002 2002 2002", 2, "more block sizes"},
    {"0802 1806 2203020202", 2, "more block sizes"},
    {"0802 1805 2002 2002", 2, "file size"},
    {"0802 1802 2002 2000", 2, "size is 0"},
    {"0802 1800 20ffffffffffffffffff01 2001", 2, "64 bits"},
    {"0800 1804 2002 2002", 2, "raw node has links"},
    {"0804 120161", 2, "symlink has links"},
    {"0801 120161", 0, "directory has data"},
    {"0801 2002", 2, "no file"},
    {"0802 1804 220202", 2, "protobuf"},
    {"0802 18", 0, "protobuf"},
    {"0802 188000", 0, "protobuf"},
    {"0802 0000", 0, "field number 0"},
    {"0802 7b", 0, "wire type"},
};

static void refuses_malformed_nodes(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad_files / sizeof bad_files[0];
         index++) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_source source = block_map_source(&blocks);
        struct link links[2] = {{.name = ""}, {.name = ""}};
        struct unixfs_info info;
        struct error err = {0};
        Cid root;

        put_raw(&blocks, "ab", &links[0].cid);
        put_raw(&blocks, "cd", &links[1].cid);
        put_node_hex(&blocks, bad_files[index].inner, links,
                     bad_files[index].links, &root);
        Status status = unixfs_open(&source, cid_bytes(&root), &info, &err);
        if (status != STATUS_INVALID ||
            !strstr(err.message, bad_files[index].words))
            fail_msg("%s: %s, \"%s\"", bad_files[index].inner,
                     status_name(status), err.message);
        block_map_deinit(&blocks);
    }
}

static void refuses_children_that_are_not_what_the_parent_says(void **state)
{
    (void)state;
    static const char *const children[] = {
        "0802 12026162 1802",     /* two bytes, not three */
        "0802 120461626364 1804", /* four */
        "0801",                   /* a directory */
        "0804 1203616263",        /* a symlink */
    };
    for (size_t index = 0; index < 4; index++) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_source source = block_map_source(&blocks);
        struct link link = {.name = ""};
        uint8_t out[3];
        size_t count = 0;
        struct unixfs_sink sink = {count_bytes, &count};
        Cid root;

        put_node_hex(&blocks, children[index], NULL, 0, &link.cid);
        put_node_hex(&blocks, "0802 1803 2003", &link, 1, &root);
        assert_int_equal(
            unixfs_read(&source, cid_bytes(&root), 0, out, 3, NULL),
            STATUS_INVALID);
        assert_int_equal(unixfs_stream(&source, cid_bytes(&root), &sink, NULL),
                         STATUS_INVALID);
        assert_int_equal(count, 0);
        block_map_deinit(&blocks);
    }
}

static void refuses_a_file_that_is_too_deep(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct link link = {.name = ""};
    uint8_t byte;

    put_raw(&blocks, "a", &link.cid);
    for (int depth = 0; depth < UNIXFS_DEPTH_MAX; depth++)
        put_node_hex(&blocks, "0802 1801 2001", &link, 1, &link.cid);
    assert_int_equal(
        unixfs_read(&source, cid_bytes(&link.cid), 0, &byte, 1, NULL),
        STATUS_OK);
    put_node_hex(&blocks, "0802 1801 2001", &link, 1, &link.cid);
    assert_int_equal(
        unixfs_read(&source, cid_bytes(&link.cid), 0, &byte, 1, NULL),
        STATUS_INVALID);
    block_map_deinit(&blocks);
}

static void refuses_other_codecs(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct unixfs_info info;
    Cid cid;
    cid_of(CODEC_DAG_CBOR, bytes_of("\xf6", 1), &cid);
    assert_int_equal(block_map_put(&blocks, &cid, bytes_of("\xf6", 1), NULL),
                     STATUS_OK);
    assert_int_equal(unixfs_open(&source, cid_bytes(&cid), &info, NULL),
                     STATUS_INVALID);
    block_map_deinit(&blocks);
}

/* --- Directories -------------------------------------------------------- */

static void lists_and_resolves_directories(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct arena arena = {0};
    struct link inner = {.name = "file"};
    struct link links[3] = {{.name = "a"}, {.name = "b"}, {.name = "z"}};
    struct unixfs_entries entries;
    Bytes found;
    Text target;
    Cid root;

    put_raw(&blocks, "content", &inner.cid);
    put_node_hex(&blocks, "0801", &inner, 1, &links[0].cid);
    put_raw(&blocks, "other", &links[1].cid);
    put_node_hex(&blocks, "0804 12016f", NULL, 0, &links[2].cid);
    put_node_hex(&blocks, "0801", links, 3, &root);
    Bytes cid = cid_bytes(&root);

    assert_int_equal(unixfs_list(&source, cid, &arena, &entries, NULL),
                     STATUS_OK);
    assert_int_equal(entries.count, 3);
    assert_true(text_equal(entries.items[1].name, TEXT("b")));
    assert_true(bytes_equal(entries.items[1].cid, cid_bytes(&links[1].cid)));
    assert_int_equal(
        unixfs_resolve(&source, cid, TEXT("a/file"), &arena, &found, NULL),
        STATUS_OK);
    assert_true(bytes_equal(found, cid_bytes(&inner.cid)));
    assert_int_equal(
        unixfs_resolve(&source, cid, TEXT("/a//file/"), &arena, &found, NULL),
        STATUS_OK);
    assert_int_equal(
        unixfs_resolve(&source, cid, TEXT("a/none"), &arena, &found, NULL),
        STATUS_NOT_FOUND);
    assert_int_equal(
        unixfs_resolve(&source, cid, TEXT("b/file"), &arena, &found, NULL),
        STATUS_INVALID);
    assert_int_equal(
        unixfs_list(&source, cid_bytes(&links[1].cid), &arena, &entries, NULL),
        STATUS_INVALID);
    assert_int_equal(unixfs_symlink(&source, cid_bytes(&links[2].cid), &arena,
                                    &target, NULL),
                     STATUS_OK);
    assert_true(text_equal(target, TEXT("o")));
    assert_int_equal(unixfs_symlink(&source, cid, &arena, &target, NULL),
                     STATUS_INVALID);
    arena_deinit(&arena);
    block_map_deinit(&blocks);
}

static void refuses_names_that_no_file_can_have(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"", "b"}, {".", "b"}, {"..", "b"}, {"a/b", "c"}, {"a", "a"},
    };
    for (size_t index = 0; index < 5; index++) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_source source = block_map_source(&blocks);
        struct arena arena = {0};
        struct link links[2] = {{.name = names[index][0]},
                                {.name = names[index][1]}};
        struct unixfs_entries entries;
        Cid root;
        put_raw(&blocks, "ab", &links[0].cid);
        put_raw(&blocks, "cd", &links[1].cid);
        put_node_hex(&blocks, "0801", links, 2, &root);
        assert_int_equal(
            unixfs_list(&source, cid_bytes(&root), &arena, &entries, NULL),
            STATUS_INVALID);
        arena_deinit(&arena);
        block_map_deinit(&blocks);
    }
}

/* --- HAMT --------------------------------------------------------------- */

/* Nine empty files, "name 0" to "name 8", with fanout 8, as made by
 * ipfs-unixfs-importer 17.1.1. */
#define EMPTY_FILE                                                            \
    "0a2401551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"    \
    "7852b855"

static const char *const hamt[] = {
    "1231" EMPTY_FILE "1207326e616d6520331800"
    "1231" EMPTY_FILE "1207376e616d6520361800"
    "0a09080512018428223008",
    "1231" EMPTY_FILE "1207306e616d6520321800"
    "1231" EMPTY_FILE "1207326e616d6520341800"
    "1231" EMPTY_FILE "1207336e616d6520351800"
    "0a09080512010d28223008",
};

static const char hamt_root[] =
    "122b0a2401701220183eba727802d904690b91c695dd4fb1093c207a82cc419e7867"
    "38b4717d9ab8120130187112310a2401551220e3b0c44298fc1c149afbf4c8996fb9"
    "2427ae41e4649b934ca495991b7852b8551207316e616d6520311800122c0a240170"
    "1220cb1f8a075d9fdf1b5d990c1d63a00788bfbf1a6c6b43105220a7b980d90fa266"
    "12013318a40112310a2401551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4"
    "649b934ca495991b7852b8551207356e616d652030180012310a2401551220e3b0c4"
    "4298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8551207366e61"
    "6d652038180012310a2401551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4"
    "649b934ca495991b7852b8551207376e616d65203718000a0908051201eb28223008";

static void lists_and_searches_a_hamt(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct arena arena = {0};
    struct unixfs_entries entries;
    char name[16], text[CID_TEXT_MAX];
    Cid root;
    Bytes found;

    put_block_hex(&blocks, hamt[0], &root);
    put_block_hex(&blocks, hamt[1], &root);
    put_block_hex(&blocks, hamt_root, &root);
    cid_to_text(&root, text);
    assert_string_equal(
        text, "bafybeia524pmujz27d2dhdrgwnli3vnpghonrelbyjopfarbjwmjtyvjly");
    assert_int_equal(
        unixfs_list(&source, cid_bytes(&root), &arena, &entries, NULL),
        STATUS_OK);
    assert_int_equal(entries.count, 9);
    for (size_t index = 0; index < 9; index++) {
        snprintf(name, sizeof name, "name %zu", index);
        assert_true(text_equal(entries.items[index].name, text_of(name)));
        assert_int_equal(unixfs_resolve(&source, cid_bytes(&root),
                                        text_of(name), &arena, &found, NULL),
                         STATUS_OK);
    }
    // A search goes down one way only.
    blocks.gets = 0;
    assert_int_equal(unixfs_resolve(&source, cid_bytes(&root), TEXT("name 4"),
                                    &arena, &found, NULL),
                     STATUS_OK);
    assert_int_equal(blocks.gets, 2);
    assert_int_equal(unixfs_resolve(&source, cid_bytes(&root), TEXT("name 9"),
                                    &arena, &found, NULL),
                     STATUS_NOT_FOUND);
    arena_deinit(&arena);
    block_map_deinit(&blocks);
}

/* Inner protobufs over the one link given. The hash of "name 1" begins with
 * the bits 001. */
static const struct {
    const char *inner;
    const char *name;
    const char *words;
} bad_hamts[] = {
    {"0805 120102 2822 3008", "1name 1", NULL}, /* right */
    {"0805 120102 2823 3008", "1name 1", "not murmur3"},
    {"0805 120102 3008", "1name 1", "not murmur3"},
    {"0805 120102 2822", "1name 1", "fanout"},
    {"0805 120102 2822 3009", "1name 1", "fanout"},
    {"0805 120102 2822 3004", "1name 1", "fanout"},
    {"0805 120102 2822 308010", "1name 1", "fanout"},
    {"0805 12020002 2822 3008", "1name 1", "more bits"},
    {"0805 120103 2822 3008", "1name 1", "one link for each bit"},
    {"0805 1200 2822 3008", "1name 1", "one link for each bit"},
    {"0805 120104 2822 3008", "1name 1", "of its bits"},
    {"0805 120102 2822 3008", "9name 1", "of its bits"},
    {"0805 120102 2822 3008", "gname 1", "of its bits"},
    {"0805 120102 2822 3008", "", "of its bits"},
    {"0805 120102 2822 3008", "1..", "no file can have"},
    {"0805 120104 2822 3008", "2name 1", "does not lead"},
    {"0805 120102 2822 3008", "1", "do not fit together"},
};

static void refuses_malformed_hamts(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad_hamts / sizeof bad_hamts[0];
         index++) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_source source = block_map_source(&blocks);
        struct arena arena = {0};
        struct link link = {.name = bad_hamts[index].name};
        struct unixfs_entries entries;
        struct error err = {0};
        const char *words = bad_hamts[index].words;
        Cid root;

        put_raw(&blocks, "ab", &link.cid);
        put_node_hex(&blocks, bad_hamts[index].inner, &link, 1, &root);
        Status status =
            unixfs_list(&source, cid_bytes(&root), &arena, &entries, &err);
        if (words ? status != STATUS_INVALID || !strstr(err.message, words)
                  : status != STATUS_OK)
            fail_msg("row %zu: %s, \"%s\"", index, status_name(status),
                     err.message);
        arena_deinit(&arena);
        block_map_deinit(&blocks);
    }
}

static void a_shard_shared_by_two_places_is_refused(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct arena arena = {0};
    struct link links[2] = {{.name = "0"}, {.name = "3"}};
    struct unixfs_entries entries;
    Cid root;

    put_block_hex(&blocks, hamt[0], &links[0].cid);
    links[1].cid = links[0].cid;
    put_node_hex(&blocks, "0805 120109 2822 3008", links, 2, &root);
    assert_int_equal(
        unixfs_list(&source, cid_bytes(&root), &arena, &entries, NULL),
        STATUS_INVALID);
    arena_deinit(&arena);
    block_map_deinit(&blocks);
}

static void murmur3_gives_the_published_numbers(void **state)
{
    (void)state;
    assert_true(murmur3_64(bytes_of("", 0)) == 0);
    assert_true(murmur3_64(bytes_of("hello", 5)) == 0xcbd8a7b341bd9b02U);
    assert_true(murmur3_64(bytes_of("hello, world", 12)) ==
                0x342fac623a5ebc8eU);
    assert_true(murmur3_64(bytes_of("19 Jan 2038 at 3:14:07 AM", 25)) ==
                0xb89e5988b737affcU);
    assert_true(
        murmur3_64(bytes_of("The quick brown fox jumps over the lazy dog.",
                            44)) == 0xcd99481f9ee902c9U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_any_range_and_only_the_blocks_it_needs),
        cmocka_unit_test(reads_data_before_links_and_packed_sizes),
        cmocka_unit_test(reads_what_is_inlined_in_a_cid_without_the_source),
        cmocka_unit_test(a_missing_block_is_the_answer_of_the_source),
        cmocka_unit_test(refuses_malformed_nodes),
        cmocka_unit_test(refuses_children_that_are_not_what_the_parent_says),
        cmocka_unit_test(refuses_a_file_that_is_too_deep),
        cmocka_unit_test(refuses_other_codecs),
        cmocka_unit_test(lists_and_resolves_directories),
        cmocka_unit_test(refuses_names_that_no_file_can_have),
        cmocka_unit_test(lists_and_searches_a_hamt),
        cmocka_unit_test(refuses_malformed_hamts),
        cmocka_unit_test(a_shard_shared_by_two_places_is_refused),
        cmocka_unit_test(murmur3_gives_the_published_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
