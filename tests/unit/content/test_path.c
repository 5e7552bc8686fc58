/* SPDX-License-Identifier: Apache-2.0 */
#include "content/path.h"

#include "unit/content/place.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipld/codec.h"
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ipld/unixfs_directory.h"

static Cid put_bytes(struct store *store, uint64_t codec, Bytes bytes)
{
    Cid cid;
    cid_of(codec, bytes, &cid);
    struct store_batch *batch = store_batch_new(store);
    store_batch_block(batch, &cid, bytes);
    store_commit_async(batch, NULL, NULL);
    return cid;
}

static Cid put_value(struct store *store, uint64_t codec, const Value *value)
{
    struct buffer block;
    buffer_init(&block, 1 << 20);
    assert_ok(codec_encode(codec, value, &block, NULL));
    const Cid cid = put_bytes(store, codec, buffer_bytes(&block));
    buffer_deinit(&block);
    return cid;
}

static Status put_made(void *context, const Cid *cid, Bytes block,
                       struct error *err)
{
    (void)cid, (void)err;
    put_bytes(context, CODEC_DAG_PB, block);
    return STATUS_OK;
}

static Cid put_directory(struct store *store, struct unixfs_child *children,
                         size_t count)
{
    const struct unixfs_block_sink sink = {put_made, store};
    Cid root;
    assert_ok(unixfs_write_directory(children, count, NULL, &sink, &root, NULL,
                                     NULL));
    return root;
}

/* --- A small world --------------------------------------------------------
 *
 *     list  [link to map, 1.5]         link  a block that is a link to list
 *     map   {"a": [10, {"c": "x"}], "é": leaf, "gone": gone, "n": null}
 *     directory  file: leaf, map: map, gone: gone, sub: a directory of file
 *     node  dag-pb without data, a link "x" to leaf: no UnixFS */
struct world {
    struct place *place;
    Cid leaf, gone, map, list, link, node, sub, directory, unknown;
};

static void make_values(struct world *world)
{
    struct store *store = world->place->store;
    struct arena arena = {0};
    const Value inner = value_map1(&arena, TEXT("c"), value_text(TEXT("x")));
    const Value pair[] = {value_uint(10), inner};
    const struct value_entry entries[] = {
        {TEXT("a"), value_list(pair, 2)},
        {TEXT("é"), value_link(&world->leaf)},
        {TEXT("gone"), value_link(&world->gone)},
        {TEXT("n"), value_null()},
    };
    const Value map = value_map(&arena, entries, 4);
    world->map = put_value(store, CODEC_DAG_CBOR, &map);
    const Value items[] = {value_link(&world->map), value_float(1.5)};
    const Value list = value_list(items, 2);
    world->list = put_value(store, CODEC_DAG_JSON, &list);
    const Value link = value_link(&world->list);
    world->link = put_value(store, CODEC_DAG_CBOR, &link);
    const struct value_entry named[] = {
        {TEXT("Hash"), value_link(&world->leaf)},
        {TEXT("Name"), value_text(TEXT("x"))},
    };
    const Value hash = value_map(&arena, named, 2);
    const Value node = value_map1(&arena, TEXT("Links"), value_list(&hash, 1));
    world->node = put_value(store, CODEC_DAG_PB, &node);
    arena_deinit(&arena);
}

static struct world make_world(struct place *place)
{
    struct world world = {.place = place};
    struct store *store = place->store;
    world.leaf = put_bytes(store, CODEC_RAW, bytes_of("leaf", 4));
    world.unknown = put_bytes(store, 0x78, bytes_of("blob", 4));
    cid_of(CODEC_DAG_CBOR, bytes_of("gone", 4), &world.gone);
    make_values(&world);
    struct unixfs_child below[] = {{TEXT("file"), world.leaf, 4}};
    world.sub = put_directory(store, below, 1);
    struct unixfs_child children[] = {
        {TEXT("file"), world.leaf, 4},   {TEXT("map"), world.map, 50},
        {TEXT("gone"), world.gone, 4},   {TEXT("sub"), world.sub, 60},
        {TEXT("git"), world.unknown, 4},
    };
    world.directory = put_directory(store, children, 5);
    store_settle(store);
    return world;
}

/* "CID" + `rest`. */
static Text path_of(struct arena *arena, const char *before, const Cid *cid,
                    const char *rest)
{
    char name[CID_TEXT_MAX];
    cid_to_text(cid, name);
    return arena_format(arena, "%s%s%s", before, name, rest);
}

static Status find(struct world *world, const Cid *cid, const char *rest,
                   struct arena *arena, struct content_found *out,
                   struct error *err)
{
    return content_find(world->place->store, path_of(arena, "", cid, rest),
                        NULL, arena, out, err);
}

static void check_block(struct world *world, const Cid *cid, const char *rest,
                        const Cid *expected)
{
    struct arena arena = {0};
    struct error err = {0};
    struct content_found found;
    if (find(world, cid, rest, &arena, &found, &err) != STATUS_OK)
        fail_msg("%s: %s", rest, err.message);
    assert_false(found.is_inside);
    assert_true(cid_equal(&found.cid, expected));
    arena_deinit(&arena);
}

static void check_fails(struct world *world, const Cid *cid, const char *rest,
                        Status expected, const char *words)
{
    struct arena arena = {0};
    struct error err = {0};
    struct content_found found;
    const Status status = find(world, cid, rest, &arena, &found, &err);
    if (status != expected || !strstr(err.message, words))
        fail_msg("%s: %d, %s", rest, (int)status, err.message);
    arena_deinit(&arena);
}

/* --- Down ---------------------------------------------------------------- */

static void goes_through_links_directories_and_blocks_that_are_links(
    void **state)
{
    struct world world = make_world(*state);
    check_block(&world, &world.gone, "", &world.gone);
    check_block(&world, &world.list, "/", &world.list);
    check_block(&world, &world.list, "/0", &world.map);
    check_block(&world, &world.list, "//0//é/", &world.leaf);
    check_block(&world, &world.link, "/0", &world.map);
    check_block(&world, &world.directory, "/file", &world.leaf);
    check_block(&world, &world.directory, "/sub/file", &world.leaf);
    check_block(&world, &world.directory, "/map/é", &world.leaf);
    check_block(&world, &world.directory, "/gone", &world.gone);
    check_block(&world, &world.node, "/Links/0/Hash", &world.leaf);
}

static void finds_the_value_inside_of_a_block(void **state)
{
    struct world world = make_world(*state);
    struct arena arena = {0};
    struct content_found found;
    assert_ok(
        find(&world, &world.directory, "/map/a//1/c/", &arena, &found, NULL));
    assert_true(found.is_inside);
    assert_true(cid_equal(&found.cid, &world.map));
    assert_true(text_equal(found.rest, TEXT("a/1/c")));
    assert_true(text_equal(found.value.text, TEXT("x")));
    assert_ok(find(&world, &world.list, "/1", &arena, &found, NULL));
    assert_true(found.value.number == 1.5);
    assert_ok(find(&world, &world.node, "/Links", &arena, &found, NULL));
    assert_int_equal(found.value.kind, VALUE_LIST);
    arena_deinit(&arena);
}

static void stays_at_a_link_if_asked_to(void **state)
{
    struct world world = make_world(*state);
    const struct content_find_options stay = {.stay_inside = true};
    struct arena arena = {0};
    struct content_found found;
    assert_ok(content_find(world.place->store,
                           path_of(&arena, "", &world.list, "/0/é"), &stay,
                           &arena, &found, NULL));
    assert_true(found.is_inside);
    assert_true(cid_equal(&found.cid, &world.map));
    assert_int_equal(found.value.kind, VALUE_LINK);
    assert_true(text_equal(found.rest, TEXT("é")));
    arena_deinit(&arena);
}

static void plain_dag_pb_is_links_and_data(void **state)
{
    struct world world = make_world(*state);
    const struct content_find_options plain = {.plain = true};
    struct store *store = world.place->store;
    struct arena arena = {0};
    struct content_found found;
    const char *const rest = "/Links/0/Name";
    assert_ok(content_find(store, path_of(&arena, "", &world.directory, rest),
                           &plain, &arena, &found, NULL));
    assert_true(text_equal(found.value.text, TEXT("file")));
    assert_ok(content_find(store,
                           path_of(&arena, "/ipld/", &world.directory, rest),
                           NULL, &arena, &found, NULL));
    assert_true(text_equal(found.value.text, TEXT("file")));
    check_fails(&world, &world.directory, rest, STATUS_NOT_FOUND,
                "no such name");
    arena_deinit(&arena);
}

/* What a path is gone down through. */
struct visits {
    Cid cids[8];
    size_t named, parts;
};

static void note_visit(void *context, const Cid *cid, bool is_named)
{
    struct visits *visits = context;
    if (!is_named)
        visits->parts++;
    else if (visits->named < 8)
        visits->cids[visits->named++] = *cid;
}

static struct visits visits_of(struct store *store, const Cid *cid,
                               const char *rest)
{
    struct arena arena = {0};
    struct content_found found;
    struct visits visits = {.named = 0};
    const struct content_find_options options = {.visit = note_visit,
                                                 .context = &visits};
    assert_ok(content_find(store, path_of(&arena, "", cid, rest), &options,
                           &arena, &found, NULL));
    arena_deinit(&arena);
    return visits;
}

static void finds_names_in_a_sharded_directory(void **state)
{
    struct place *place = *state;
    struct world world = {.place = place};
    enum { COUNT = 6000 };
    struct unixfs_child *children = heap_array(COUNT, sizeof *children);
    static char names[COUNT][32];
    char rest[40];
    for (int index = 0; index < COUNT; index++) {
        snprintf(names[index], sizeof names[index], "file number %d", index);
        children[index].name = text_of(names[index]);
        children[index].tsize = 8;
        cid_of(CODEC_RAW, text_bytes(children[index].name),
               &children[index].cid);
    }
    const Cid root = put_directory(place->store, children, COUNT);
    store_settle(place->store);
    for (int index = 0; index < COUNT; index += 97) {
        Cid expected;
        snprintf(rest, sizeof rest, "/file number %d", index);
        cid_of(CODEC_RAW, bytes_of(rest + 1, strlen(rest + 1)), &expected);
        check_block(&world, &root, rest, &expected);
    }
    check_fails(&world, &root, "/file number 6000", STATUS_NOT_FOUND,
                "no such name");
    const struct visits visits =
        visits_of(place->store, &root, "/file number 1");
    assert_int_equal(visits.named, 1);
    assert_true(visits.parts > 0);
    free(children);
}

static void a_million_links_are_no_depth(void **state)
{
    struct place *place = *state;
    enum { COUNT = 1000000, BATCH = 10000 };
    struct buffer path;
    struct arena arena = {0};
    struct content_found found;
    char name[CID_TEXT_MAX];
    Cid last;
    struct store_batch *batch = store_batch_new(place->store);
    cid_of(CODEC_RAW, bytes_of("end", 3), &last);
    const Cid end = last;
    for (int index = 0; index < COUNT; index++) {
        const Value value = value_map1(&arena, TEXT("p"), value_link(&last));
        Cid cid;
        const Bytes block = dag_cbor_block(&value, &arena, &cid);
        store_batch_block(batch, &cid, block);
        last = cid;
        arena_reset(&arena);
        if (index % BATCH == BATCH - 1) {
            store_commit_async(batch, NULL, NULL);
            batch = store_batch_new(place->store);
        }
    }
    store_batch_free(batch);
    store_settle(place->store);
    buffer_init(&path, 4 << 20);
    cid_to_text(&last, name);
    buffer_add_text(&path, text_of(name));
    for (int index = 0; index < COUNT; index++)
        buffer_add_text(&path, TEXT("/p"));
    assert_ok(content_find(place->store, bytes_text(buffer_bytes(&path)), NULL,
                           &arena, &found, NULL));
    assert_true(cid_equal(&found.cid, &end));
    assert_true(arena.total < 1 << 20);
    buffer_deinit(&path);
    arena_deinit(&arena);
}

/* --- Names and spellings ------------------------------------------------- */

static void the_longest_name_that_is_set_is_taken(void **state)
{
    struct world world = make_world(*state);
    struct store *store = world.place->store;
    struct error err = {0};
    Cid cid;
    struct store_batch *batch = store_batch_new(store);
    store_batch_name(batch, TEXT("photo"), &world.directory);
    store_batch_name(batch, TEXT("photo/sub"), &world.list);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    assert_ok(content_resolve(store, TEXT("name:photo/sub"), &cid, NULL));
    assert_true(cid_equal(&cid, &world.list));
    assert_ok(content_resolve(store, TEXT("name:photo/sub/0/é"), &cid, NULL));
    assert_true(cid_equal(&cid, &world.leaf));
    assert_ok(content_resolve(store, TEXT("name:photo/map/"), &cid, NULL));
    assert_true(cid_equal(&cid, &world.map));
    assert_status(content_resolve(store, TEXT("name:phot/x"), &cid, &err),
                  STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "ipvm name ls"));
    assert_status(content_resolve(store, TEXT("name:"), &cid, &err),
                  STATUS_INVALID);
    assert_status(content_resolve(store, TEXT("name:/photo"), &cid, &err),
                  STATUS_INVALID);
}

static void all_spellings_lead_to_the_same(void **state)
{
    struct world world = make_world(*state);
    struct store *store = world.place->store;
    static const char *const before[] = {"", "/ipfs/", "ipfs://"};
    struct arena arena = {0};
    Cid cid;
    for (size_t index = 0; index < 3; index++) {
        const Text path =
            path_of(&arena, before[index], &world.directory, "/map/é");
        assert_true(cid_is_path(path));
        assert_ok(content_resolve(store, path, &cid, NULL));
        assert_true(cid_equal(&cid, &world.leaf));
    }
    const Text escaped =
        path_of(&arena, "ipfs://", &world.directory, "/ma%70/%C3%a9");
    assert_ok(content_resolve(store, escaped, &cid, NULL));
    assert_true(cid_equal(&cid, &world.leaf));
    assert_status(
        content_resolve(store, path_of(&arena, "", &world.directory, "/ma%70"),
                        &cid, NULL),
        STATUS_NOT_FOUND);
    arena_deinit(&arena);
}

static void files_are_told_from_paths(void **state)
{
    (void)state;
    static const char *const files[] = {
        "",      "/",         "photo.png", "./bafkqaaa",   "/ipfs/",
        "/ipfs", "/ipfs/a/b", "bafk/x",    "dir/bafkqaaa", "names:x",
    };
    for (size_t index = 0; index < sizeof files / sizeof *files; index++)
        assert_false(cid_is_path(text_of(files[index])));
    assert_true(cid_is_path(TEXT("bafkqaaa")));
    assert_true(cid_is_path(TEXT("bafkqaaa/")));
    assert_true(cid_is_path(TEXT("/ipld/bafkqaaa/x")));
    assert_true(cid_is_path(TEXT("name:x")));
}

/* --- What leads nowhere -------------------------------------------------- */

static void says_what_was_there_instead(void **state)
{
    struct world world = make_world(*state);
    const Cid *list = &world.list, *directory = &world.directory;
    check_fails(&world, list, "/7", STATUS_NOT_FOUND,
                "/7: a list of 2 has no index 7");
    check_fails(&world, list, "/00", STATUS_NOT_FOUND, "by index");
    check_fails(&world, list, "/-1", STATUS_NOT_FOUND, "by index");
    check_fails(&world, list, "/18446744073709551616", STATUS_NOT_FOUND,
                "by index");
    check_fails(&world, list, "/0/b", STATUS_NOT_FOUND,
                "/0/b: a map of 4 has no key \"b\"");
    check_fails(&world, list, "/1/x", STATUS_INVALID, "/1: of kind float");
    check_fails(&world, list, "/0/n/x", STATUS_INVALID, "of kind null");
    check_fails(&world, list, "/0/é/x", STATUS_INVALID, "of kind bytes");
    check_fails(&world, list, "/0/gone/x", STATUS_NOT_FOUND,
                "is not in the store");
    check_fails(&world, &world.gone, "/x", STATUS_NOT_FOUND, "block bafy");
    check_fails(&world, directory, "/nope/x", STATUS_NOT_FOUND,
                "/nope: the directory has no such name");
    check_fails(&world, directory, "/..", STATUS_NOT_FOUND, "no such name");
    check_fails(&world, directory, "/git/x", STATUS_UNSUPPORTED,
                "0x78 (git-raw)");
}

static void refuses_texts_that_are_no_paths(void **state)
{
    struct world world = make_world(*state);
    struct store *store = world.place->store;
    struct error err = {0};
    Cid cid;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "does not begin with a CID"},
        {"/", "does not begin with a CID"},
        {"/ipfs/", "does not begin with a CID"},
        {"ipfs://", "does not begin with a CID"},
        {"/ipfs//bafkqaaa", "does not begin with a CID"},
        {"nope/x", "not a CID"},
        {"ipfs://bafkqaaa/a%2", "hexadecimal"},
        {"ipfs://bafkqaaa/a%zz", "hexadecimal"},
        {"ipfs://bafkqaaa/a%2Fb", "hold '/'"},
        {"ipfs://bafkqaaa/a?b", "query"},
        {"ipfs://bafkqaaa/a#b", "query"},
        {"ipfs://bafkqaaa/%ff", "not UTF-8"},
        {"bafkqaaa/\xff", "not UTF-8"},
    };
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        const Status status =
            content_resolve(store, text_of(rows[index].text), &cid, &err);
        if (status != STATUS_INVALID ||
            !strstr(err.message, rows[index].words))
            fail_msg("%s: %s", rows[index].text, err.message);
    }
    char *huge = heap_alloc((16 << 20) + 1);
    memset(huge, 'b', (16 << 20) + 1);
    assert_status(
        content_resolve(store, (Text){huge, (16 << 20) + 1}, &cid, &err),
        STATUS_LIMIT);
    free(huge);
}

static void a_value_is_no_block(void **state)
{
    struct world world = make_world(*state);
    struct arena arena = {0};
    struct error err = {0};
    Cid cid;
    assert_status(content_resolve(world.place->store,
                                  path_of(&arena, "", &world.map, "/a"), &cid,
                                  &err),
                  STATUS_INVALID);
    assert_non_null(
        strstr(err.message, "a value (list) inside of block bafy"));
    arena_deinit(&arena);
}

static void long_names_are_shortened_in_messages(void **state)
{
    struct world world = make_world(*state);
    char rest[4000] = "/";
    for (size_t len = 1; len + 3 < sizeof rest; len += 2)
        memcpy(rest + len, "é", 3);
    check_fails(&world, &world.map, rest, STATUS_NOT_FOUND, "…");
}

static void blocks_that_their_codec_forbids_are_named(void **state)
{
    struct world world = {.place = *state};
    const Cid cbor =
        put_bytes(world.place->store, CODEC_DAG_CBOR, bytes_of("\x18\x17", 2));
    const Cid node =
        put_bytes(world.place->store, CODEC_DAG_PB, bytes_of("\xff", 1));
    check_fails(&world, &cbor, "/x", STATUS_INVALID, "shortest form");
    check_fails(&world, &node, "/x", STATUS_INVALID, "protobuf");
}

static void tells_the_blocks_on_the_way(void **state)
{
    const struct world world = make_world(*state);
    struct store *store = world.place->store;

    struct visits visits = visits_of(store, &world.directory, "");
    assert_int_equal(visits.named + visits.parts, 0);

    visits = visits_of(store, &world.directory, "/sub//file");
    assert_int_equal(visits.named, 2);
    assert_true(cid_equal(&visits.cids[0], &world.directory));
    assert_true(cid_equal(&visits.cids[1], &world.sub));

    /* Where it ends inside of a block, that one too. */
    visits = visits_of(store, &world.link, "/0/a/1/c");
    assert_int_equal(visits.named, 3);
    assert_true(cid_equal(&visits.cids[2], &world.map));
    assert_int_equal(visits.parts, 0);
}

int main(void)
{
#define IN_PLACE(test)                                                        \
    cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(goes_through_links_directories_and_blocks_that_are_links),
        IN_PLACE(finds_the_value_inside_of_a_block),
        IN_PLACE(stays_at_a_link_if_asked_to),
        IN_PLACE(plain_dag_pb_is_links_and_data),
        IN_PLACE(finds_names_in_a_sharded_directory),
        IN_PLACE(tells_the_blocks_on_the_way),
        IN_PLACE(a_million_links_are_no_depth),
        IN_PLACE(the_longest_name_that_is_set_is_taken),
        IN_PLACE(all_spellings_lead_to_the_same),
        cmocka_unit_test(files_are_told_from_paths),
        IN_PLACE(says_what_was_there_instead),
        IN_PLACE(refuses_texts_that_are_no_paths),
        IN_PLACE(a_value_is_no_block),
        IN_PLACE(long_names_are_shortened_in_messages),
        IN_PLACE(blocks_that_their_codec_forbids_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
