/* SPDX-License-Identifier: Apache-2.0 */
/* test_unixfs_writer.c - files get the CIDs that other implementations give
 * them. The table was made with ipfs-unixfs-importer 17.1.1 (JavaScript) over
 * the bytes of pattern(). */
#include "unit/ipld/block_map.h"

static const struct known {
    size_t len;
    size_t chunk_size;
    size_t links_max;
    const char *cid;
} known[] = {
    {0, 16, 3, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
    {1, 16, 3, "bafkreidogqfzz75tpkmjzjke425xqcrmpcib2p5tg44hnbirumdbpl5adu"},
    {16, 16, 3, "bafkreihxxrwbh2at2n3zsscnttje2flq2puuh7qp43upmsjf7kv44cxubu"},
    {17, 16, 3, "bafybeifahtdbln2kzsnt75d3urjv5k6x6qjrtn4icruxi5spkilgmc3dem"},
    {48, 16, 3, "bafybeibgvbeos2s3qw6fd5uo5oh4uvezibhlqc7yvjivawztg7d3lslsfi"},
    {49, 16, 3, "bafybeibamoodb2lbjqf7hnln5trelt3g4jpunwlznvrt5oeccrbbeoksyq"},
    {64, 16, 3, "bafybeidnpjefr3ua5czqs4pmt4g3moacrtgfc7on6qkpdralzh7bexppvu"},
    {144, 16, 3,
     "bafybeifqohlrj3uatfbrg7iyz3vfzfdcbzbl65qjfynnwcw2hpog5b6mly"},
    {145, 16, 3,
     "bafybeigf2lev6kfrv2v5wsuxck5vn334cn3mmxjx3gxmvpcvxp2h3kulhi"},
    {432, 16, 3,
     "bafybeia2chdogb3hu4iepdznws7nk25wn5iwghicg4bhdxnuzz5hnwmpou"},
    {433, 16, 3,
     "bafybeifh27joymms3upnxo43pv6qasvf35zoz5aehgkfdarr33pbbgib2q"},
    {1000, 16, 3,
     "bafybeicmnie4mz3hz4ihouicfns6ygxntx53ddzxvyprbxdyovxsrgk3a4"},
    {5000, 7, 5,
     "bafybeicurl3lzis5e2jxsjy5zjfoyogcqz7oiz25c6ypbhhkvkiqomki3u"},
    {300000, 262144, 174,
     "bafybeiddu6bcuy3ozrv2toidkwehezxadxhidzsyugfe6cedal6dx2artm"},
    {3000000, 1048576, 1024,
     "bafybeig4uz3ryert74h7apqj52rllavielu6oldv2iepjhri7r5dpxpomq"},
    {1048576, 1048576, 1024,
     "bafkreigxmcoedakckk4mvzuiyr3p2dpka3uruu65ndx75mvoy5qukggxta"},
    {1048577, 1048576, 1024,
     "bafybeibh5dixlam2rbumstxseteoqy2ohnpjmez2ovti6htjnlfltjwlam"},
    {70000, 64, 1024,
     "bafybeiahfcle7mlsjezcbgzqvsqjex64dzyyocmz2yxvmfqxzeovvxmppq"},
};

static Bytes text_bytes_of(const Cid *cid, char text[CID_TEXT_MAX])
{
    return bytes_of(text, cid_to_text(cid, text));
}

/* Writes `bytes` in pieces of `step` and names the file. */
static void write_in_steps(const struct known *row, Bytes bytes, size_t step,
                           struct block_map *blocks, Cid *root)
{
    struct unixfs_writer_options options = {.chunk_size = row->chunk_size,
                                            .links_max = row->links_max};
    struct unixfs_block_sink sink = block_map_sink(blocks);
    struct unixfs_writer *writer = unixfs_writer_new(&options, &sink);
    uint64_t size;

    while (bytes.len > 0) {
        size_t len = bytes.len < step ? bytes.len : step;
        assert_int_equal(
            unixfs_writer_add(writer, bytes_of(bytes.data, len), NULL),
            STATUS_OK);
        bytes = bytes_from(bytes, len);
    }
    assert_int_equal(unixfs_writer_finish(writer, root, &size, NULL),
                     STATUS_OK);
    assert_int_equal(size, row->len);
    unixfs_writer_free(writer);
}

struct gathered {
    const uint8_t *expected;
    size_t len;
};

static Status compare_piece(void *context, Bytes piece, struct error *err)
{
    struct gathered *gathered = context;
    (void)err;
    assert_memory_equal(gathered->expected + gathered->len, piece.data,
                        piece.len);
    gathered->len += piece.len;
    return STATUS_OK;
}

static void check_reads_back(const struct known *row, Bytes bytes,
                             struct block_map *blocks, const Cid *root)
{
    struct unixfs_source source = block_map_source(blocks);
    struct gathered gathered = {bytes.data, 0};
    struct unixfs_sink sink = {compare_piece, &gathered};
    struct unixfs_info info;

    assert_int_equal(unixfs_open(&source, cid_bytes(root), &info, NULL),
                     STATUS_OK);
    assert_int_equal(info.kind, UNIXFS_FILE);
    assert_int_equal(info.size, row->len);
    assert_int_equal(unixfs_stream(&source, cid_bytes(root), &sink, NULL),
                     STATUS_OK);
    assert_int_equal(gathered.len, row->len);
}

static void gives_files_the_cids_that_others_give_them(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof known / sizeof known[0]; index++) {
        const struct known *row = &known[index];
        struct block_map blocks = {.on_loan = 0};
        char text[CID_TEXT_MAX];
        Cid root;
        Bytes bytes = pattern(row->len);

        write_in_steps(row, bytes, row->len + 1, &blocks, &root);
        text_bytes_of(&root, text);
        assert_string_equal(text, row->cid);
        check_reads_back(row, bytes, &blocks, &root);
        block_map_deinit(&blocks);
        free((void *)(uintptr_t)bytes.data);
    }
}

static void the_size_of_the_pieces_does_not_matter(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 5, 15, 16, 17, 33, 1000};
    for (size_t index = 0; index < 13; index++)
        for (size_t step = 0; step < sizeof steps / sizeof steps[0]; step++) {
            struct block_map blocks = {.on_loan = 0};
            char text[CID_TEXT_MAX];
            Cid root;
            Bytes bytes = pattern(known[index].len);
            write_in_steps(&known[index], bytes, steps[step], &blocks, &root);
            text_bytes_of(&root, text);
            assert_string_equal(text, known[index].cid);
            block_map_deinit(&blocks);
            free((void *)(uintptr_t)bytes.data);
        }
}

static void a_file_up_to_one_chunk_is_one_raw_block(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_block_sink sink = block_map_sink(&blocks);
    Cid root, expected;
    Bytes bytes = pattern(UNIXFS_CHUNK_SIZE + 1);

    bytes.len--;
    assert_int_equal(unixfs_write(bytes, &sink, &root, NULL), STATUS_OK);
    cid_of(CODEC_RAW, bytes, &expected);
    assert_true(cid_equal(&root, &expected));
    assert_int_equal(blocks.put_count, 1);
    bytes.len++;
    assert_int_equal(unixfs_write(bytes, &sink, &root, NULL), STATUS_OK);
    assert_int_equal(cid_codec(&root), CODEC_DAG_PB);
    assert_int_equal(blocks.put_count, 1 + 3);
    block_map_deinit(&blocks);
    free((void *)(uintptr_t)bytes.data);
}

/* Made with boxo v0.42.0 (importer/balanced) over the bytes of pattern(); rows
 * with raw leaves and one chunk, where boxo drops the metadata, with
 * ipfs-unixfs-importer 17.1.1. */
static const struct kept {
    size_t len;
    size_t chunk_size;
    size_t links_max;
    bool wrap_leaves;
    struct unixfs_metadata metadata;
    uint64_t tsize;
    const char *cid;
} kept[] = {
#define EARLIER                                                               \
    {                                                                         \
        .has_mode = true, .mode = 04755, .has_mtime = true, .mtime_s = -5     \
    }
#define LATER                                                                 \
    {                                                                         \
        .has_mode = true, .mode = 0644, .has_mtime = true,                    \
        .mtime_s = 1700000000, .mtime_ns = 123456789                          \
    }
    {0, 1 << 20, 1024, true, LATER, 22,
     "bafybeigb3ns7jqhfj565ymgip2dq267mr6gytxi7wvklhbwx4sbh6vdim4"},
    {0, 1 << 20, 1024, false, EARLIER, 22,
     "bafybeib4bohmcl74isltrdw4wabrv53eyx7sezf7ccglztw4q5w2ooeeui"},
    {1, 1 << 20, 1024, true, LATER, 25,
     "bafybeidfmqh3f3tqqjmtjjklw64ueq7535dh76mjsxx6fth65eak5hldaa"},
    {1, 1 << 20, 1024, false, EARLIER, 25,
     "bafybeicn3mkpg63fslua7tnqpg6k3wkzyd2dnxcqgbcucfcem35uokpide"},
    {1048576, 1 << 20, 1024, true, LATER, 1048606,
     "bafybeia2a6ns762sdukz27a53ra6vt65b5y23egsiv7vndgb3cpz6jdcqy"},
    {1048576, 1 << 20, 1024, false, EARLIER, 1048606,
     "bafybeihu4iecqlsqcyvugkokqbgbuwqokyp2l42gwgjhvbxk4mdo2owyn4"},
    {1048577, 1 << 20, 1024, true, LATER, 1048719,
     "bafybeiecky7w5j7wmd65czx7vb23mrec37xdothovmwfxmprq3ovx3i5qm"},
    {1048577, 1 << 20, 1024, false, EARLIER, 1048697,
     "bafybeie7kd34xzp2cizbzocc6j5trxnefi2qsqsmqafpa4cyrl2nisenae"},
    {3000000, 1 << 20, 1024, true, LATER, 3000217,
     "bafybeib2eyhhge4adolkwujo5qvr6vch2figi2ueaqwpate42poxxqg6sq"},
    {3000000, 1 << 20, 1024, false, EARLIER, 3000175,
     "bafybeigblq7teecza6jgdbsdjnnpbhqppgpfzqivabude434sqihbt3sa4"},
    {300,
     16,
     3,
     true,
     {.has_mode = true, .mode = 0600},
     1868,
     "bafybeibxdcr5jz5p7rwltwshohpf7o2ndcbs2ldoagtbziewh5nyegthfq"},
    {300,
     16,
     3,
     false,
     {.has_mode = true, .mode = 0600},
     1716,
     "bafybeiama5bhfdxpufehiyc4tp45k6vrh7dappbs4rwyrsv7jskeun2tna"},
    {300,
     16,
     3,
     true,
     {.has_mtime = true, .mtime_s = -5},
     1878,
     "bafybeiavxv27bsx4soty5lzwc7frngxubizkfuktlyllnd2pwqhhnxqrgq"},
};

/* Writes a row in pieces of `step` and says what its blocks take. */
static uint64_t write_kept(const struct kept *row, Bytes bytes, size_t step,
                           struct block_map *blocks, Cid *root)
{
    struct unixfs_writer_options options = {.chunk_size = row->chunk_size,
                                            .links_max = row->links_max,
                                            .metadata = row->metadata,
                                            .wrap_leaves = row->wrap_leaves};
    struct unixfs_block_sink sink = block_map_sink(blocks);
    struct unixfs_writer *writer = unixfs_writer_new(&options, &sink);

    while (bytes.len > 0) {
        size_t len = bytes.len < step ? bytes.len : step;
        assert_int_equal(
            unixfs_writer_add(writer, bytes_of(bytes.data, len), NULL),
            STATUS_OK);
        bytes = bytes_from(bytes, len);
    }
    assert_int_equal(unixfs_writer_finish(writer, root, NULL, NULL),
                     STATUS_OK);
    uint64_t tsize = unixfs_writer_tsize(writer);
    unixfs_writer_free(writer);
    return tsize;
}

static void keeps_mode_and_mtime_as_others_keep_them(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof kept / sizeof kept[0]; index++) {
        const struct kept *row = &kept[index];
        const size_t steps[] = {row->len + 1, row->chunk_size, 3 * 4321};
        Bytes bytes = pattern(row->len);
        for (size_t step = 0; step < 3; step++) {
            struct block_map blocks = {.on_loan = 0};
            struct unixfs_source source = block_map_source(&blocks);
            struct known shape = {.len = row->len};
            struct unixfs_info info;
            char text[CID_TEXT_MAX];
            Cid root;

            uint64_t tsize =
                write_kept(row, bytes, steps[step], &blocks, &root);
            text_bytes_of(&root, text);
            assert_string_equal(text, row->cid);
            assert_int_equal(tsize, row->tsize);
            check_reads_back(&shape, bytes, &blocks, &root);
            assert_int_equal(
                unixfs_open(&source, cid_bytes(&root), &info, NULL),
                STATUS_OK);
            assert_int_equal(info.metadata.has_mode, row->metadata.has_mode);
            assert_int_equal(info.metadata.mode, row->metadata.mode);
            assert_int_equal(info.metadata.has_mtime, row->metadata.has_mtime);
            assert_int_equal(info.metadata.mtime_s, row->metadata.mtime_s);
            assert_int_equal(info.metadata.mtime_ns, row->metadata.mtime_ns);
            block_map_deinit(&blocks);
        }
        free((void *)(uintptr_t)bytes.data);
    }
}

/* Leaves made elsewhere, wrapped or not, give the same file. */
static void leaves_from_elsewhere_give_the_same_root(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof kept / sizeof kept[0]; index++) {
        const struct kept *row = &kept[index];
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_block_sink sink = block_map_sink(&blocks);
        struct unixfs_writer_options options = {.chunk_size = row->chunk_size,
                                                .links_max = row->links_max,
                                                .metadata = row->metadata,
                                                .wrap_leaves =
                                                    row->wrap_leaves};
        if (row->len <= row->chunk_size)
            continue;
        struct unixfs_writer *writer = unixfs_writer_new(&options, &sink);
        Bytes bytes = pattern(row->len), rest = bytes;
        struct buffer leaf;
        char text[CID_TEXT_MAX];
        Cid cid;
        buffer_init(&leaf, UNIXFS_CHUNK_SIZE_MAX);
        while (rest.len > 0) {
            size_t len =
                rest.len < row->chunk_size ? rest.len : row->chunk_size;
            if (row->wrap_leaves)
                unixfs_wrap_leaf(bytes_of(rest.data, len), &leaf, &cid);
            else
                cid_of(CODEC_RAW, bytes_of(rest.data, len), &cid);
            assert_int_equal(unixfs_writer_leaf(writer, &cid, len, NULL),
                             STATUS_OK);
            rest = bytes_from(rest, len);
        }
        assert_int_equal(buffer_status(&leaf, "leaf", NULL), STATUS_OK);
        assert_int_equal(unixfs_writer_finish(writer, &cid, NULL, NULL),
                         STATUS_OK);
        text_bytes_of(&cid, text);
        assert_string_equal(text, row->cid);
        assert_int_equal(unixfs_writer_tsize(writer), row->tsize);
        unixfs_writer_free(writer);
        buffer_deinit(&leaf);
        block_map_deinit(&blocks);
        free((void *)(uintptr_t)bytes.data);
    }
}

/* Whoever hashes leaves elsewhere must not lose what the root was to keep. */
static void one_leaf_from_elsewhere_cannot_keep_metadata(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_block_sink sink = block_map_sink(&blocks);
    struct unixfs_writer_options options = {
        .chunk_size = 4, .metadata = {.has_mode = true, .mode = 0644}};
    Cid leaf, root;

    cid_of(CODEC_RAW, bytes_of("abcd", 4), &leaf);
    for (size_t leaves = 1; leaves <= 2; leaves++) {
        struct unixfs_writer *writer = unixfs_writer_new(&options, &sink);
        for (size_t index = 0; index < leaves; index++)
            assert_int_equal(unixfs_writer_leaf(writer, &leaf, 4, NULL),
                             STATUS_OK);
        assert_int_equal(unixfs_writer_finish(writer, &root, NULL, NULL),
                         leaves == 1 ? STATUS_INVALID : STATUS_OK);
        unixfs_writer_free(writer);
    }
    block_map_deinit(&blocks);
}

static Status refuse_third(void *context, const Cid *cid, Bytes block,
                           struct error *err)
{
    int *count = context;
    (void)cid;
    (void)block;
    if (++*count < 3)
        return STATUS_OK;
    return fail_at(err, STATUS_FULL, 0, "no room for a third");
}

static void a_failure_of_the_sink_stays(void **state)
{
    (void)state;
    int count = 0;
    struct unixfs_block_sink sink = {refuse_third, &count};
    struct unixfs_writer_options options = {.chunk_size = 4};
    struct unixfs_writer *writer = unixfs_writer_new(&options, &sink);
    struct error err = {0};
    Cid root;

    assert_int_equal(
        unixfs_writer_add(writer, bytes_of("0123456789abcdef", 16), NULL),
        STATUS_FULL);
    assert_int_equal(unixfs_writer_add(writer, bytes_of("x", 1), &err),
                     STATUS_FULL);
    assert_string_equal(err.message, "no room for a third");
    assert_int_equal(unixfs_writer_finish(writer, &root, NULL, &err),
                     STATUS_FULL);
    assert_int_equal(count, 3);
    unixfs_writer_free(writer);
}

/* A picture of the reference implementation, with the CID it has there. */
static void reproduces_the_cid_of_an_older_kubo(void **state)
{
    (void)state;
    static uint8_t data[2 << 20];
    char path[512], text[CID_TEXT_MAX];
    const char *vectors = getenv("IPVM_VECTORS");
    struct block_map blocks = {.on_loan = 0};
    Cid root;

    snprintf(path, sizeof path, "%s/homestar/synthcat.png",
             vectors ? vectors : "../shared/vectors");
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("no test data at %s: skipped\n", path);
        skip();
    }
    struct known row = {fread(data, 1, sizeof data, file),
                        UNIXFS_LEGACY_CHUNK_SIZE, UNIXFS_LEGACY_LINKS_MAX,
                        NULL};
    fclose(file);
    write_in_steps(&row, bytes_of(data, row.len), 4096, &blocks, &root);
    text_bytes_of(&root, text);
    assert_string_equal(
        text, "bafybeiejevluvtoevgk66plh5t6xiy3ikyuuxg3vgofuvpeckb6eadresm");
    block_map_deinit(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_files_the_cids_that_others_give_them),
        cmocka_unit_test(the_size_of_the_pieces_does_not_matter),
        cmocka_unit_test(a_file_up_to_one_chunk_is_one_raw_block),
        cmocka_unit_test(keeps_mode_and_mtime_as_others_keep_them),
        cmocka_unit_test(leaves_from_elsewhere_give_the_same_root),
        cmocka_unit_test(one_leaf_from_elsewhere_cannot_keep_metadata),
        cmocka_unit_test(a_failure_of_the_sink_stays),
        cmocka_unit_test(reproduces_the_cid_of_an_older_kubo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
