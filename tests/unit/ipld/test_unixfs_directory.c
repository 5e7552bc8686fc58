/* SPDX-License-Identifier: Apache-2.0 */
/* test_unixfs_directory.c - directories and symlinks get the CIDs that others
 * give them under the profile unixfs-v1-2025. Made with boxo v0.42.0
 * (ipld/unixfs/io, SizeEstimationBlock); rows without metadata were the same
 * with ipfs-unixfs-importer 17.1.1. */
#include "ipld/unixfs_directory.h"

#include "unit/ipld/block_map.h"

/* --- Directories of one-byte files -------------------------------------- */

/* Children named "file-0", "file-1" …, all of them the raw block "x". */
struct made {
    struct unixfs_child *children;
    size_t count;
    struct arena arena;
};

static void add_child(struct made *made, const char *name)
{
    made->children =
        heap_resize(made->children, made->count + 1, sizeof *made->children);
    struct unixfs_child *child = &made->children[made->count++];
    *child = (struct unixfs_child){
        .name = arena_copy_text(&made->arena, text_of(name)), .tsize = 1};
    cid_of(CODEC_RAW, bytes_of("x", 1), &child->cid);
}

static void add_numbered(struct made *made, size_t count)
{
    char name[32];
    for (size_t index = 0; index < count; index++) {
        snprintf(name, sizeof name, "file-%zu", index);
        add_child(made, name);
    }
}

/* A name of `len` times one letter. */
static void add_long(struct made *made, char letter, size_t len)
{
    char name[UNIXFS_NAME_MAX + 2];
    memset(name, letter, len);
    name[len] = '\0';
    add_child(made, name);
}

static void made_deinit(struct made *made)
{
    free(made->children);
    arena_deinit(&made->arena);
}

static void assert_cid(const Cid *cid, const char *expected)
{
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    assert_string_equal(text, expected);
}

static Status count_entry(void *context, const struct unixfs_entry *entry,
                          struct error *err)
{
    (void)err;
    assert_int_equal(entry->tsize, 1);
    ++*(size_t *)context;
    return STATUS_OK;
}

/* The children, which writing has sorted, come back. */
static void check_reads_back(const struct made *made, struct block_map *blocks,
                             const Cid *root)
{
    struct unixfs_source source = block_map_source(blocks);
    struct arena arena = {0};
    struct unixfs_entries entries;
    size_t count = 0;
    Bytes found;

    assert_int_equal(
        unixfs_list(&source, cid_bytes(root), &arena, &entries, NULL),
        STATUS_OK);
    assert_int_equal(entries.count, made->count);
    for (size_t index = 0; index < made->count; index++) {
        const struct unixfs_child *child = &made->children[index];
        assert_true(text_equal(entries.items[index].name, child->name));
        assert_true(
            bytes_equal(entries.items[index].cid, cid_bytes(&child->cid)));
        if (index % 97 == 0)
            assert_int_equal(unixfs_resolve(&source, cid_bytes(root),
                                            child->name, &arena, &found, NULL),
                             STATUS_OK);
    }
    assert_int_equal(
        unixfs_each(&source, cid_bytes(root), count_entry, &count, NULL),
        STATUS_OK);
    assert_int_equal(count, made->count);
    arena_deinit(&arena);
}

static void check_row(struct made *made,
                      const struct unixfs_metadata *metadata, uint64_t tsize,
                      const char *cid)
{
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_block_sink sink = block_map_sink(&blocks);
    struct unixfs_source source = block_map_source(&blocks);
    struct unixfs_info info;
    uint64_t total;
    Cid root;

    assert_int_equal(unixfs_write_directory(made->children, made->count,
                                            metadata, &sink, &root, &total,
                                            NULL),
                     STATUS_OK);
    assert_cid(&root, cid);
    assert_int_equal(total, tsize);
    assert_int_equal(unixfs_open(&source, cid_bytes(&root), &info, NULL),
                     STATUS_OK);
    assert_int_equal(info.kind, UNIXFS_DIRECTORY);
    if (metadata) {
        assert_int_equal(info.metadata.mode, metadata->mode);
        assert_int_equal(info.metadata.mtime_s, metadata->mtime_s);
        assert_int_equal(info.metadata.mtime_ns, metadata->mtime_ns);
    }
    check_reads_back(made, &blocks, &root);
    block_map_deinit(&blocks);
}

static const struct unixfs_metadata later = {.has_mode = true,
                                             .mode = 0755,
                                             .has_mtime = true,
                                             .mtime_s = 1700000000,
                                             .mtime_ns = 123456789};

static void gives_directories_the_cids_that_others_give_them(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        const struct unixfs_metadata *metadata;
        uint64_t tsize;
        const char *cid;
    } rows[] = {
        {0, NULL, 4,
         "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"},
        {0, &later, 20,
         "bafybeiemuw2kt6j7v4fwplvn7ntxtbtybtctodygs44gjki2zbfmt6vbla"},
        {1, NULL, 55,
         "bafybeibttw5xrlymsbobeuzljswynmhzoxjjvtb255vci4gqac2rabt6qq"},
        {3, NULL, 157,
         "bafybeifj3l32l2iq3sjyhunjl2uxsl257pn2etsfnduwehoj7cescwlpou"},
        {4700, NULL, 252694,
         "bafybeigdr63lzgvmd4sxilrpzavld6goym5btaiev5gx46agp362rydjnm"},
        {5000, &later, 317020,
         "bafybeia2afb6ejih2d5gkogw4bdew4po2i2r4bhtl7iktclj4oi2f73xb4"},
        {10000, NULL, 637339,
         "bafybeifupdwvezjj5qet3ladhmnnqnukcbwapu37c3pxdvacxgt2mf26cy"},
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        struct made made = {.count = 0};
        add_numbered(&made, rows[index].count);
        check_row(&made, rows[index].metadata, rows[index].tsize,
                  rows[index].cid);
        made_deinit(&made);
    }
}

static void sorts_names_by_their_bytes(void **state)
{
    (void)state;
    static const struct unixfs_metadata earlier = {
        .has_mode = true, .mode = 0700, .has_mtime = true, .mtime_s = -5};
    static const char *const sorted[] = {"B", "a", "b", "\xc3\xa9"};
    struct made made = {.count = 0};

    add_child(&made, "b");
    add_child(&made, "a");
    add_child(&made, "\xc3\xa9");
    add_child(&made, "B");
    check_row(&made, &earlier, 205,
              "bafybeiba73pu4ulgtgvxx4gsfxhtfmcgxmm5bkooarrsmjljztjf3nw5ai");
    for (size_t index = 0; index < 4; index++)
        assert_true(
            text_equal(made.children[index].name, text_of(sorted[index])));
    made_deinit(&made);
}

/* The block of 4960 such names and these two is 262,144 bytes long. */
static void a_block_of_256_kib_is_the_last_that_is_no_hamt(void **state)
{
    (void)state;
    struct made made = {.count = 0};
    add_numbered(&made, 4960);
    add_long(&made, 'y', 255);
    add_long(&made, 'z', 25);
    check_row(&made, NULL, 267106,
              "bafybeidzidxh3y53bztot77bfepg4huvlcdihjasqlbojox3gv7fzacqc4");
    made_deinit(&made);

    made = (struct made){.count = 0};
    add_numbered(&made, 4960);
    add_long(&made, 'y', 255);
    add_long(&made, 'z', 26);
    check_row(&made, NULL, 314886,
              "bafybeib2yndawpeafmwsamfu7fmgkwzle27powclobdogavtp3qsnni7ma");
    made_deinit(&made);
}

/* Metadata and the length of a tsize count, too: the same names and one mode,
 * or one tsize of two bytes, are more than 256 KiB. */
static void everything_in_the_block_counts_towards_the_limit(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_block_sink sink = block_map_sink(&blocks);
        struct unixfs_metadata metadata = {.has_mode = which == 1,
                                           .mode = 0755};
        struct made made = {.count = 0};
        Cid root;

        add_numbered(&made, 4960);
        add_long(&made, 'y', 255);
        add_long(&made, 'z', 25);
        made.children[7].tsize = which == 2 ? 128 : 127;
        assert_int_equal(unixfs_write_directory(made.children, made.count,
                                                &metadata, &sink, &root, NULL,
                                                NULL),
                         STATUS_OK);
        if (which == 0)
            assert_int_equal(blocks.put_count, 1);
        else
            assert_true(blocks.put_count > 200);
        made_deinit(&made);
        block_map_deinit(&blocks);
    }
}

/* --- Hashes that are alike ---------------------------------------------- */

/* The murmur3 hash of `same` and `twin` is 0123456789abcdef, those of the other
 * two end in ee and 00. */
static const char same[] = "##KhEU~f!=4~G>^>";
static const char *const alike[] = {"6$1QE:8Dqc@k+6S`", "1E_(M93H@8,-,z}["};
static const char twin[] = "I*sg=p+|MNO52&yM";

static void a_trie_goes_as_deep_as_the_hash(void **state)
{
    (void)state;
    struct made made = {.count = 0};
    add_numbered(&made, 5000);
    add_child(&made, same);
    add_child(&made, alike[0]);
    add_child(&made, alike[1]);
    check_row(&made, NULL, 317679,
              "bafybeihqvmzhujxs2xjkwxs3asah5pxolvmbvyen2nqdjyy3fkcldxlqm4");
    made_deinit(&made);
}

static void names_with_one_hash_are_refused_in_a_hamt_by_name(void **state)
{
    (void)state;
    for (size_t others = 0; others <= 5000; others += 5000) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_block_sink sink = block_map_sink(&blocks);
        struct made made = {.count = 0};
        struct error err = {0};
        Cid root;

        add_numbered(&made, others);
        add_child(&made, same);
        add_child(&made, twin);
        Status status = unixfs_write_directory(made.children, made.count, NULL,
                                               &sink, &root, NULL, &err);
        if (others == 0) {
            // One node has room for both.
            assert_int_equal(status, STATUS_OK);
            check_reads_back(&made, &blocks, &root);
        } else {
            assert_int_equal(status, STATUS_INVALID);
            assert_non_null(strstr(err.message, same));
            assert_non_null(strstr(err.message, twin));
        }
        made_deinit(&made);
        block_map_deinit(&blocks);
    }
}

/* --- What is refused ---------------------------------------------------- */

static const struct {
    Text name;
    const char *words;
} bad_names[] = {
    {TEXT_INIT(""), "empty"},
    {TEXT_INIT("."), "another directory"},
    {TEXT_INIT(".."), "another directory"},
    {TEXT_INIT("a/b"), "slash"},
    {TEXT_INIT("/"), "slash"},
    {TEXT_INIT("a\0b"), "zero byte"},
    {TEXT_INIT("ab\xff"), "\"ab\": the name is not UTF-8"},
    {TEXT_INIT("\xed\xa0\x80"), "not UTF-8"},
    {TEXT_INIT("\xc0\xaf"), "not UTF-8"},
    {TEXT_INIT("b"), "\"b\": the name comes twice"},
};

static Status write_named(Text name, struct error *err)
{
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_block_sink sink = block_map_sink(&blocks);
    struct made made = {.count = 0};
    Cid root;

    add_child(&made, "b");
    add_child(&made, "c");
    made.children[1].name = name;
    Status status = unixfs_write_directory(made.children, 2, NULL, &sink,
                                           &root, NULL, err);
    assert_int_equal(blocks.put_count, status == STATUS_OK);
    made_deinit(&made);
    block_map_deinit(&blocks);
    return status;
}

static void refuses_names_that_no_file_can_have(void **state)
{
    (void)state;
    char name[256];

    for (size_t index = 0; index < sizeof bad_names / sizeof bad_names[0];
         index++) {
        struct error err = {0};
        Status status = write_named(bad_names[index].name, &err);
        if (status != STATUS_INVALID ||
            !strstr(err.message, bad_names[index].words))
            fail_msg("row %zu: %s, \"%s\"", index, status_name(status),
                     err.message);
    }
    memset(name, 'n', sizeof name);
    assert_int_equal(write_named((Text){name, 255}, NULL), STATUS_OK);
    assert_int_equal(write_named((Text){name, 256}, NULL), STATUS_INVALID);
    assert_int_equal(write_named(TEXT("..."), NULL), STATUS_OK);
}

static void refuses_metadata_that_nobody_could_read(void **state)
{
    (void)state;
    static const struct unixfs_metadata bad[] = {
        {.has_mode = true, .mode = 010000},
        {.has_mtime = true, .mtime_ns = 1000000000},
    };
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_block_sink sink = block_map_sink(&blocks);
    Cid root;

    for (size_t index = 0; index < 2; index++)
        assert_int_equal(unixfs_write_directory(NULL, 0, &bad[index], &sink,
                                                &root, NULL, NULL),
                         STATUS_INVALID);
    assert_int_equal(blocks.put_count, 0);
    block_map_deinit(&blocks);
}

static void sizes_of_more_than_64_bits_are_refused(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_block_sink sink = block_map_sink(&blocks);
    struct made made = {.count = 0};
    Cid root;

    add_numbered(&made, 2);
    made.children[0].tsize = UINT64_MAX - 200;
    assert_int_equal(unixfs_write_directory(made.children, 2, NULL, &sink,
                                            &root, NULL, NULL),
                     STATUS_OK);
    made.children[1].tsize = 200;
    assert_int_equal(unixfs_write_directory(made.children, 2, NULL, &sink,
                                            &root, NULL, NULL),
                     STATUS_LIMIT);
    made_deinit(&made);
    block_map_deinit(&blocks);
}

static Status put_some(void *context, const Cid *cid, Bytes block,
                       struct error *err)
{
    size_t *left = context;
    (void)cid;
    (void)block;
    if (*left == 0)
        return fail_at(err, STATUS_FULL, 0, "no room");
    --*left;
    return STATUS_OK;
}

static void a_failure_of_the_sink_ends_it(void **state)
{
    (void)state;
    struct made made = {.count = 0};
    add_numbered(&made, 5000);
    size_t puts = 0;
    for (;; puts++) {
        size_t left = puts;
        struct unixfs_block_sink sink = {put_some, &left};
        struct error err = {0};
        Cid root;
        Status status = unixfs_write_directory(made.children, made.count, NULL,
                                               &sink, &root, NULL, &err);
        if (status == STATUS_OK)
            break;
        assert_int_equal(status, STATUS_FULL);
        assert_string_equal(err.message, "no room");
        assert_int_equal(left, 0);
        puts += puts / 4;
    }
    assert_true(puts > 256);
    made_deinit(&made);
}

/* --- What docs/formats/unixfs.md shows ----------------------------------- */

static void the_documented_bytes_are_right(void **state)
{
    (void)state;
    static const char hamt[] =
        "122d 0a24 01551220"
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        "1203374162 1801"
        "122d 0a24 01551220"
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        "1203383561 1801"
        "122d 0a24 01551220"
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        "1203384563 1801"
        "0a1b 0805 1212 402004000000000000000000000000000000 2822 308002";
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_source source = block_map_source(&blocks);
    struct unixfs_child one = {.name = TEXT("a"), .tsize = 1};
    struct made made = {.children = &one, .count = 1};
    struct arena arena = {0};
    struct unixfs_entries entries;
    Bytes block = exact_from_hex(hamt);
    Cid root;

    cid_of(CODEC_RAW, bytes_of("x", 1), &one.cid);
    check_row(&made, NULL, 50,
              "bafybeiafmzcm3ojrfhgr5kikbwcaqwwcktamef34f6mrjk7rc42nwls3m4");
    // Made with ipfs-unixfs-importer 17.1.1 and a threshold of 0.
    cid_of(CODEC_DAG_PB, block, &root);
    assert_cid(&root,
               "bafybeia42ord44qltffsf77vrpn2m7ij6h7cqlkzvkiumvnkmns3rebsua");
    assert_int_equal(block_map_put(&blocks, &root, block, NULL), STATUS_OK);
    assert_int_equal(
        unixfs_list(&source, cid_bytes(&root), &arena, &entries, NULL),
        STATUS_OK);
    assert_int_equal(entries.count, 3);
    for (size_t index = 0; index < 3; index++) {
        assert_int_equal(entries.items[index].name.len, 1);
        assert_int_equal(entries.items[index].name.data[0], 'a' + index);
    }
    exact_free(block);
    arena_deinit(&arena);
    block_map_deinit(&blocks);
}

/* --- Symlinks ----------------------------------------------------------- */

static void gives_symlinks_the_cids_that_others_give_them(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_block_sink sink = block_map_sink(&blocks);
    struct unixfs_source source = block_map_source(&blocks);
    struct arena arena = {0};
    struct unixfs_info info;
    uint64_t tsize;
    Text target;
    Cid root;

    assert_int_equal(unixfs_write_symlink(TEXT("../target"), NULL, &sink,
                                          &root, &tsize, NULL),
                     STATUS_OK);
    assert_cid(&root,
               "bafybeid2dyfo3dy5xjihqwfpf4m4x3ht53evimfbxdcmv57yr4z3xlplcm");
    assert_int_equal(tsize, 15);
    // The mode is left out.
    assert_int_equal(unixfs_write_symlink(TEXT("../target"), &later, &sink,
                                          &root, &tsize, NULL),
                     STATUS_OK);
    assert_cid(&root,
               "bafybeif7dm6vriheoangextn7q2pfz3auycq5tb3khxrbtlcy3753h5qsa");
    assert_int_equal(unixfs_open(&source, cid_bytes(&root), &info, NULL),
                     STATUS_OK);
    assert_int_equal(info.kind, UNIXFS_SYMLINK);
    assert_false(info.metadata.has_mode);
    assert_int_equal(info.metadata.mtime_s, later.mtime_s);
    assert_int_equal(info.metadata.mtime_ns, later.mtime_ns);
    assert_int_equal(
        unixfs_symlink(&source, cid_bytes(&root), &arena, &target, NULL),
        STATUS_OK);
    assert_true(text_equal(target, TEXT("../target")));
    assert_int_equal(
        unixfs_write_symlink(TEXT("a\0b"), NULL, &sink, &root, NULL, NULL),
        STATUS_INVALID);
    arena_deinit(&arena);
    block_map_deinit(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_directories_the_cids_that_others_give_them),
        cmocka_unit_test(sorts_names_by_their_bytes),
        cmocka_unit_test(a_block_of_256_kib_is_the_last_that_is_no_hamt),
        cmocka_unit_test(everything_in_the_block_counts_towards_the_limit),
        cmocka_unit_test(a_trie_goes_as_deep_as_the_hash),
        cmocka_unit_test(names_with_one_hash_are_refused_in_a_hamt_by_name),
        cmocka_unit_test(refuses_names_that_no_file_can_have),
        cmocka_unit_test(refuses_metadata_that_nobody_could_read),
        cmocka_unit_test(sizes_of_more_than_64_bits_are_refused),
        cmocka_unit_test(a_failure_of_the_sink_ends_it),
        cmocka_unit_test(the_documented_bytes_are_right),
        cmocka_unit_test(gives_symlinks_the_cids_that_others_give_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
