/* SPDX-License-Identifier: Apache-2.0 */
/* test_unixfs_hostile.c - few blocks that claim to be much, and metadata that
 * is none: work stays bounded by what is there, or by what the caller takes. */
#include "ipld/unixfs_directory.h"
#include "unit/ipld/made_node.h"

/* --- Mode and mtime ----------------------------------------------------- */

static Status open_hex(const char *inner, struct unixfs_info *info,
                       struct error *err)
{
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    Cid root;

    put_node_hex(&blocks, inner, NULL, 0, &root);
    Status status = unixfs_open(&source, cid_bytes(&root), info, err);
    block_map_deinit(&blocks);
    return status;
}

static const struct {
    const char *inner;
    const char *words;
} bad_metadata[] = {
    {"0801 38ed03 38ed03", "a field comes twice"},
    {"0801 3d00000000", "wrong wire type"},     /* mode, fixed32 */
    {"0801 388080808010", "more than 32 bits"}, /* 2^32 */
    {"0801 4001", "wrong wire type"},           /* mtime, a number */
    {"0801 42020801 42020801", "a field comes twice"},
    {"0801 4200", "without seconds"},
    {"0801 42051501000000", "without seconds"},
    {"0801 4204 08010802", "comes twice"},
    {"0801 420c 0801 1501000000 1501000000", "comes twice"},
    {"0801 4203 0a0100", "seconds of mtime are no number"},
    {"0801 4205 0d01000000", "seconds of mtime are no number"},
    {"0801 4204 08011001", "not 4 bytes"},
    {"0801 420b 0801 110100000000000000", "not 4 bytes"},
    {"0801 4207 0801 1500000000", "not 1 to 999999999"},
    {"0801 4207 0801 1500ca9a3b", "not 1 to 999999999"}, /* 10^9 */
    {"0801 4207 0801 15ffffffff", "not 1 to 999999999"},
    {"0801 4206 0801 15010000", "mtime"},
    {"0801 4203 088000", "mtime"},
    {"0804 1203610062", "zero byte in the target"},
};

static void refuses_metadata_that_is_none(void **state)
{
    (void)state;
    for (size_t index = 0;
         index < sizeof bad_metadata / sizeof bad_metadata[0]; index++) {
        struct unixfs_info info;
        struct error err = {0};
        Status status = open_hex(bad_metadata[index].inner, &info, &err);
        if (status != STATUS_INVALID ||
            !strstr(err.message, bad_metadata[index].words))
            fail_msg("%s: %s, \"%s\"", bad_metadata[index].inner,
                     status_name(status), err.message);
    }
}

static void reads_what_the_metadata_can_say(void **state)
{
    (void)state;
    struct unixfs_info info;

    assert_int_equal(open_hex("0801", &info, NULL), STATUS_OK);
    assert_false(info.metadata.has_mode);
    assert_false(info.metadata.has_mtime);
    // Bits above 07777 are kept for later versions and mean nothing yet.
    assert_int_equal(open_hex("0801 38ed83ffff0f", &info, NULL), STATUS_OK);
    assert_true(info.metadata.has_mode);
    assert_int_equal(info.metadata.mode, 0755);
    assert_int_equal(open_hex("0801 3800", &info, NULL), STATUS_OK);
    assert_true(info.metadata.has_mode);
    assert_int_equal(info.metadata.mode, 0);
    // The last nanosecond before 1970, its fields in either order.
    assert_int_equal(
        open_hex("0801 4210 08ffffffffffffffffff01 15ffc99a3b", &info, NULL),
        STATUS_OK);
    assert_int_equal(info.metadata.mtime_s, -1);
    assert_int_equal(info.metadata.mtime_ns, 999999999);
    assert_int_equal(
        open_hex("0801 4210 15ffc99a3b 08ffffffffffffffffff01", &info, NULL),
        STATUS_OK);
    assert_int_equal(info.metadata.mtime_s, -1);
    // Unknown fields, of the node and of mtime, are somebody else's.
    assert_int_equal(open_hex("0801 4204 08051801 4801", &info, NULL),
                     STATUS_OK);
    assert_int_equal(info.metadata.mtime_s, 5);
    assert_int_equal(info.metadata.mtime_ns, 0);
    // A symlink's is read as well.
    assert_int_equal(open_hex("0804 120161 38ff03 42020805", &info, NULL),
                     STATUS_OK);
    assert_int_equal(info.kind, UNIXFS_SYMLINK);
    assert_int_equal(info.metadata.mode, 0777);
    assert_int_equal(info.metadata.mtime_s, 5);
}

/* --- Files -------------------------------------------------------------- */

struct taker {
    uint64_t left; /* pieces until it has had enough */
};

static Status take_piece(void *context, Bytes piece, struct error *err)
{
    struct taker *taker = context;
    (void)piece;
    if (taker->left == 0)
        return fail_at(err, STATUS_CANCELLED, 0, "enough");
    taker->left--;
    return STATUS_OK;
}

/* Thirty blocks, each with the one below four times: 2^60 bytes and one. */
static void a_file_of_2_to_the_60_is_told_and_given_as_long_as_one_takes_it(
    void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct taker taker = {1000};
    struct unixfs_sink sink = {take_piece, &taker};
    struct link links[4] = {
        {.name = ""}, {.name = ""}, {.name = ""}, {.name = ""}};
    struct unixfs_info info;
    struct error err = {0};
    uint8_t last[3] = {0};
    Cid root;

    put_raw(&blocks, "a", &root);
    for (unsigned depth = 1; depth <= 30; depth++) {
        struct buffer inner;
        uint64_t size = (uint64_t)1 << (2 * (depth - 1));
        buffer_init(&inner, 100);
        protobuf_add_varint(&inner, 1, 2);
        protobuf_add_varint(&inner, 3, 4 * size);
        for (size_t index = 0; index < 4; index++) {
            links[index].cid = root;
            protobuf_add_varint(&inner, 4, size);
        }
        put_node(&blocks, buffer_bytes(&inner), links, 4, &root);
        buffer_deinit(&inner);
    }
    assert_int_equal(unixfs_open(&source, cid_bytes(&root), &info, NULL),
                     STATUS_OK);
    assert_true(info.size == (uint64_t)1 << 60);
    assert_int_equal(
        unixfs_read(&source, cid_bytes(&root), info.size - 3, last, 3, NULL),
        STATUS_OK);
    assert_memory_equal(last, "aaa", 3);
    blocks.gets = 0;
    assert_int_equal(unixfs_stream(&source, cid_bytes(&root), &sink, &err),
                     STATUS_CANCELLED);
    assert_string_equal(err.message, "enough");
    assert_true(blocks.gets < 1500);
    block_map_deinit(&blocks);
}

/* --- Directories -------------------------------------------------------- */

static Status count_entry(void *context, const struct unixfs_entry *entry,
                          struct error *err)
{
    (void)entry;
    (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

/* Lists `root` and tells what it cost. */
static Status count_entries(struct block_map *blocks, const Cid *root,
                            size_t *count, struct error *err)
{
    struct unixfs_source source = block_map_source(blocks);
    blocks->gets = 0;
    *count = 0;
    return unixfs_each(&source, cid_bytes(root), count_entry, count, err);
}

/* A HAMT of fanout 8 in which all eight ways lead to one and the same node,
 * level after level: 2^60 ways through twenty blocks. */
static void put_bomb(struct block_map *blocks, unsigned levels, Cid *root)
{
    static const char *const ways[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    struct link links[8];
    for (unsigned level = 0; level < levels; level++) {
        for (size_t index = 0; index < 8; index++)
            links[index] = (struct link){*root, ways[index]};
        put_node_hex(blocks, "0805 1201ff 2822 3008", links, 8, root);
    }
}

static void a_trie_that_shares_its_parts_is_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *bottom;
        const char *name; /* of its link, if any */
        unsigned levels;
        const char *words;
    } rows[] = {
        // Nothing at its end.
        {"0805 2822 3008", NULL, 20, "empty part"},
        {"0805 2822 3008", NULL, 30, "deeper than its hash"},
        {"0801", NULL, 20, "do not fit together"},
        // One name there, which can be at the end of one way only.
        {"0805 120102 2822 3008", "1name 1", 20, "does not lead"},
        // It leads out of the trie again.
        {"0805 120102 2822 3008", "1", 20, "deeper than its hash"},
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_source source = block_map_source(&blocks);
        struct link link = {.name = rows[index].name};
        struct arena arena = {0};
        struct error err = {0};
        size_t count;
        Bytes found;
        Cid root;

        put_raw(&blocks, "x", &link.cid);
        put_node_hex(&blocks, rows[index].bottom, &link,
                     rows[index].name ? 1 : 0, &root);
        put_bomb(&blocks, rows[index].levels, &root);
        Status status = count_entries(&blocks, &root, &count, &err);
        if (status != STATUS_INVALID ||
            !strstr(err.message, rows[index].words))
            fail_msg("row %zu: %s, \"%s\"", index, status_name(status),
                     err.message);
        assert_int_equal(count, 0);
        assert_true(blocks.gets <= 22);
        // Looking for one name is no worse.
        assert_int_equal(unixfs_resolve(&source, cid_bytes(&root),
                                        TEXT("name 1"), &arena, &found, NULL),
                         STATUS_INVALID);
        arena_deinit(&arena);
        block_map_deinit(&blocks);
    }
}

/* The hash of "##KhEU~f!=4~G>^>" begins with 01 23; a part shared by 01 and 02
 * is right in one place and wrong in the other. */
static void a_part_that_is_right_once_is_not_given_twice(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct link entry = {.name = "23##KhEU~f!=4~G>^>"};
    struct link links[2] = {{.name = "01"}, {.name = "02"}};
    struct error err = {0};
    size_t count;
    Cid root;

    put_raw(&blocks, "x", &entry.cid);
    put_node_hex(&blocks, "0805 12050800000000 2822 308002", &entry, 1,
                 &links[0].cid);
    links[1].cid = links[0].cid;
    put_node_hex(&blocks, "0805 120102 2822 308002", links, 1, &root);
    assert_int_equal(count_entries(&blocks, &root, &count, NULL), STATUS_OK);
    assert_int_equal(count, 1);
    put_node_hex(&blocks, "0805 120106 2822 308002", links, 2, &root);
    assert_int_equal(count_entries(&blocks, &root, &count, &err),
                     STATUS_INVALID);
    assert_non_null(strstr(err.message, "does not lead"));
    block_map_deinit(&blocks);
}

/* One level takes eight bits of the hash and the next three. */
static void levels_of_different_fanout_do_not_fit(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct link entry = {.name = "1##KhEU~f!=4~G>^>"};
    struct link link = {.name = "01"};
    struct error err = {0};
    size_t count;
    Cid root;

    put_raw(&blocks, "x", &entry.cid);
    put_node_hex(&blocks, "0805 120102 2822 3008", &entry, 1, &link.cid);
    put_node_hex(&blocks, "0805 120102 2822 308002", &link, 1, &root);
    assert_int_equal(count_entries(&blocks, &root, &count, &err),
                     STATUS_INVALID);
    assert_non_null(strstr(err.message, "do not fit together"));
    block_map_deinit(&blocks);
}

static void links_of_a_hamt_out_of_order_or_twice_are_refused(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"23##KhEU~f!=4~G>^>", "01"}, /* out of order */
        {"01##KhEU~f!=4~G>^>", "01"}, /* twice one place */
        {"01##KhEU~f!=4~G>^>", "01##KhEU~f!=4~G>^>"},
        {"01##KhEU~f!=4~G>^>", "02##KhEU~f!=4~G>^>"}, /* a name twice */
        {"0", "01##KhEU~f!=4~G>^>"},                  /* no whole place */
        {"0a", "01##KhEU~f!=4~G>^>"},                 /* small letters */
    };
    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        struct block_map blocks = {.on_loan = 0};
        struct link links[2] = {{.name = names[index][0]},
                                {.name = names[index][1]}};
        size_t count;
        Cid root;

        put_raw(&blocks, "x", &links[0].cid);
        links[1].cid = links[0].cid;
        put_node_hex(&blocks, "0805 120106 2822 308002", links, 2, &root);
        assert_int_equal(count_entries(&blocks, &root, &count, NULL),
                         STATUS_INVALID);
        block_map_deinit(&blocks);
    }
}

/* In one node, nothing is given before all of its names are looked at. */
static void a_bad_name_in_one_node_keeps_all_back(void **state)
{
    (void)state;
    static const char *const bad[] = {"a", "", "..", ".", "a/b"};
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        struct block_map blocks = {.on_loan = 0};
        struct link links[3] = {
            {.name = "c"}, {.name = "a"}, {.name = bad[index]}};
        size_t count;
        Cid root;

        for (size_t at = 0; at < 3; at++)
            put_raw(&blocks, "x", &links[at].cid);
        put_node_hex(&blocks, "0801", links, 3, &root);
        assert_int_equal(count_entries(&blocks, &root, &count, NULL),
                         STATUS_INVALID);
        assert_int_equal(count, 0);
        block_map_deinit(&blocks);
    }
}

struct order {
    char names[8]; /* one letter each */
    size_t count;
    size_t left;
};

static Status note_name(void *context, const struct unixfs_entry *entry,
                        struct error *err)
{
    struct order *order = context;
    if (order->left-- == 0)
        return fail_at(err, STATUS_CANCELLED, 0, "enough");
    assert_int_equal(entry->name.len, 1);
    order->names[order->count++] = entry->name.data[0];
    return STATUS_OK;
}

static void entries_come_as_stored_and_as_long_as_one_takes_them(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct link links[3] = {{.name = "c"}, {.name = "a"}, {.name = "b"}};
    struct order order = {.left = 3};
    struct error err = {0};
    Cid root;

    for (size_t at = 0; at < 3; at++)
        put_raw(&blocks, "x", &links[at].cid);
    put_node_hex(&blocks, "0801", links, 3, &root);
    assert_int_equal(
        unixfs_each(&source, cid_bytes(&root), note_name, &order, NULL),
        STATUS_OK);
    assert_string_equal(order.names, "cab");
    order = (struct order){.left = 2};
    assert_int_equal(
        unixfs_each(&source, cid_bytes(&root), note_name, &order, &err),
        STATUS_CANCELLED);
    assert_string_equal(order.names, "ca");
    assert_string_equal(err.message, "enough");
    assert_int_equal(unixfs_each(&source, cid_bytes(&links[0].cid), note_name,
                                 &order, NULL),
                     STATUS_INVALID);
    block_map_deinit(&blocks);
}

/* Every part of a real one gone, in turn. */
static void a_missing_part_of_a_hamt_is_the_answer_of_the_source(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct link links[1] = {{.name = "01"}};
    size_t count;
    Cid root;

    cid_of(CODEC_DAG_PB, bytes_of("gone", 4), &links[0].cid);
    put_node_hex(&blocks, "0805 120102 2822 308002", links, 1, &root);
    assert_int_equal(count_entries(&blocks, &root, &count, NULL),
                     STATUS_NOT_FOUND);
    assert_int_equal(unixfs_each(&source, cid_bytes(&links[0].cid),
                                 count_entry, &count, NULL),
                     STATUS_NOT_FOUND);
    block_map_deinit(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_metadata_that_is_none),
        cmocka_unit_test(reads_what_the_metadata_can_say),
        cmocka_unit_test(
            a_file_of_2_to_the_60_is_told_and_given_as_long_as_one_takes_it),
        cmocka_unit_test(a_trie_that_shares_its_parts_is_refused_at_once),
        cmocka_unit_test(a_part_that_is_right_once_is_not_given_twice),
        cmocka_unit_test(levels_of_different_fanout_do_not_fit),
        cmocka_unit_test(links_of_a_hamt_out_of_order_or_twice_are_refused),
        cmocka_unit_test(a_bad_name_in_one_node_keeps_all_back),
        cmocka_unit_test(entries_come_as_stored_and_as_long_as_one_takes_them),
        cmocka_unit_test(a_missing_part_of_a_hamt_is_the_answer_of_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
