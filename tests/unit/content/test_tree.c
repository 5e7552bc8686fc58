/* SPDX-License-Identifier: Apache-2.0 */
/* Trees into a store and out of it: what they are called, what is refused, and
 * that nothing is written outside. */
#include "unit/content/place.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "content/tree.h"
#include "ipld/dag_pb.h"
#include "ipld/unixfs_directory.h"

static void make_directory(const struct place *place, const char *name)
{
    assert_int_equal(mkdir(place_path(place, name), 0755), 0);
}

static void make_link(const struct place *place, const char *target,
                      const char *name)
{
    assert_int_equal(symlink(target, place_path(place, name)), 0);
}

static void write_text(const struct place *place, const char *name,
                       const char *text)
{
    place_write(place, name, text_bytes(text_of(text)));
}

static Cid add(struct place *place, const char *name,
               const struct tree_options *options)
{
    struct tree_added added;
    struct error err = {0};
    if (tree_add(place->store, place_path(place, name), options, &added,
                 &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return added.cid;
}

static void expect_cid(const Cid *cid, const char *text)
{
    char found[CID_TEXT_MAX];
    cid_to_text(cid, found);
    assert_string_equal(found, text);
}

static void expect_text(const struct place *place, const char *name,
                        const char *text)
{
    char found[256];
    FILE *file = fopen(place_path(place, name), "rb");
    assert_non_null(file);
    const size_t len = fread(found, 1, sizeof found - 1, file);
    found[len] = '\0';
    assert_string_equal(found, text);
    fclose(file);
}

static bool is_there(const struct place *place, const char *name)
{
    struct stat stat;
    return lstat(place_path(place, name), &stat) == 0;
}

/* No temporary directory. */
static void expect_nothing_left(const struct place *place)
{
    struct dirent *found;
    DIR *stream = opendir(place->directory);
    assert_non_null(stream);
    while ((found = readdir(stream)))
        assert_null(strstr(found->d_name, ".ipvm-"));
    closedir(stream);
}

/* --- In ------------------------------------------------------------------ */

/* What `ipfs add -r --cid-version 1 --chunker size-1048576 --max-file-links
 * 1024` (Kubo 0.38) makes of the sample, without and with -H. */
#define WITHOUT_HIDDEN                                                        \
    "bafybeifvvb55v5b7vzm2nyofvwiuhzxjujelmhwy2xhdxv4ckbqphefezu"
#define WITH_HIDDEN                                                           \
    "bafybeicscibudh3ol53bn3hl44sqe5klrqwmkjjx6zzvzraemwc7vscfmm"

static void make_sample(struct place *place)
{
    make_directory(place, "t");
    make_directory(place, "t/sub");
    make_directory(place, "t/empty");
    write_text(place, "t/a", "one\n");
    write_text(place, "t/sub/b", "two\n");
    write_text(place, "t/.hidden", "h\n");
    make_link(place, "../a", "t/sub/link");
    make_link(place, "sub", "t/dirlink");
}

static void a_tree_is_called_as_kubo_calls_it(void **state)
{
    struct place *place = *state;
    const struct tree_options hidden = {.hidden = true};
    const struct tree_options name = {.hidden = true, .add.only_hash = true};
    struct tree_added added;
    make_sample(place);
    Cid cid = add(place, "t", NULL);
    expect_cid(&cid, WITHOUT_HIDDEN);
    cid = add(place, "t", &hidden);
    expect_cid(&cid, WITH_HIDDEN);
    cid = add(place, "t", &name);
    expect_cid(&cid, WITH_HIDDEN);
    assert_ok(
        tree_add(place->store, place_path(place, "t"), NULL, &added, NULL));
    assert_int_equal(added.hidden_left_out, 1);
    assert_int_equal(added.files, 4);
}

static void a_symlink_in_a_tree_is_never_followed(void **state)
{
    struct place *place = *state;
    make_directory(place, "t");
    make_link(place, "/etc", "t/etc");
    make_link(place, "t", "t/loop");
    Cid cid = add(place, "t", NULL);
    const struct unixfs_source source = content_source(place->store);
    struct arena arena = {0};
    struct unixfs_entries entries;
    struct unixfs_info info;
    Text target;
    assert_ok(unixfs_list(&source, cid_bytes(&cid), &arena, &entries, NULL));
    assert_int_equal(entries.count, 2);
    assert_ok(unixfs_open(&source, entries.items[0].cid, &info, NULL));
    assert_int_equal(info.kind, UNIXFS_SYMLINK);
    assert_ok(
        unixfs_symlink(&source, entries.items[0].cid, &arena, &target, NULL));
    assert_true(text_equal(target, TEXT("/etc")));
    arena_deinit(&arena);
}

static void expect_refused(struct place *place, Status status,
                           const char *words)
{
    struct tree_added added;
    struct error err = {0};
    assert_status(
        tree_add(place->store, place_path(place, "t"), NULL, &added, &err),
        status);
    if (!strstr(err.message, words))
        fail_msg("no '%s' in: %s", words, err.message);
}

static void what_cannot_be_kept_is_named(void **state)
{
    struct place *place = *state;
    make_directory(place, "t");
    make_directory(place, "t/sub");
    assert_int_equal(mkfifo(place_path(place, "t/sub/fifo"), 0600), 0);
    expect_refused(place, STATUS_INVALID, "t/sub/fifo");
    assert_int_equal(unlink(place_path(place, "t/sub/fifo")), 0);

    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%.100s",
             place_path(place, "t/sock"));
    const int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(end, (struct sockaddr *)&name, sizeof name), 0);
    close(end);
    expect_refused(place, STATUS_INVALID, "t/sock");
    assert_int_equal(unlink(place_path(place, "t/sock")), 0);

    write_text(place, "t/sub/\xff\xfe", "x");
    expect_refused(place, STATUS_INVALID, "t/sub");
    assert_int_equal(unlink(place_path(place, "t/sub/\xff\xfe")), 0);
    if (geteuid() != 0) {
        write_text(place, "t/secret", "x");
        assert_int_equal(chmod(place_path(place, "t/secret"), 0), 0);
        expect_refused(place, STATUS_DENIED, "t/secret");
    }
}

static void a_name_of_255_bytes_is_kept(void **state)
{
    struct place *place = *state;
    char name[300] = "t/", out[300] = "out/";
    memset(name + 2, 'n', 255);
    memset(out + 4, 'n', 255);
    make_directory(place, "t");
    write_text(place, name, "long");
    Cid cid = add(place, "t", NULL);
    assert_ok(tree_save(place->store, &cid, place_path(place, "out"), NULL,
                        NULL, NULL));
    expect_text(place, out, "long");
}

/* Makes and enters `depth` directories; stays where it was. */
static void make_deep(const struct place *place, unsigned depth)
{
    int at = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned level = 0; level < depth; level++) {
        const char *name = level == 0 ? "t" : "d";
        assert_int_equal(mkdirat(at, name, 0755), 0);
        const int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    close(at);
}

static void a_tree_may_be_deep_but_not_endless(void **state)
{
    struct place *place = *state;
    make_deep(place, TREE_DEPTH_MAX);
    Cid cid = add(place, "t", NULL);
    assert_ok(tree_save(place->store, &cid, place_path(place, "out"), NULL,
                        NULL, NULL));
    const struct tree_options plain = {.plain = true};
    struct tree_added added;
    assert_status(
        tree_add(place->store, place_path(place, "t"), &plain, &added, NULL),
        STATUS_LIMIT);
    char inner[2 * PLACE_PATH];
    snprintf(inner, sizeof inner, "%s", place_path(place, "inner"));
    assert_int_equal(rename(place_path(place, "t"), inner), 0);
    make_directory(place, "t");
    assert_int_equal(rename(inner, place_path(place, "t/d")), 0);
    expect_refused(place, STATUS_LIMIT, "deeper than 256");
}

static void many_files_of_all_sizes_come_back(void **state)
{
    struct place *place = *state;
    static const size_t sizes[] = {0,       1,       70000,   1 << 20,
                                   1048577, 2 << 20, 2097153, 5 << 20};
    uint8_t *bytes = heap_alloc((size_t)5 << 20);
    for (size_t index = 0; index < (size_t)5 << 20; index++)
        bytes[index] = (uint8_t)(index * 2654435761U >> 13);
    make_directory(place, "t");
    for (unsigned index = 0; index < 300; index++) {
        char name[64];
        snprintf(name, sizeof name, "t/d%u", index % 10);
        (void)mkdir(place_path(place, name), 0755);
        snprintf(name, sizeof name, "t/d%u/f%u", index % 10, index);
        const size_t size =
            index < 40 ? sizes[index % (sizeof sizes / sizeof *sizes)] : index;
        bytes[0] = (uint8_t)index;
        place_write(place, name, bytes_of(bytes, size));
    }
    free(bytes);
    Cid cid = add(place, "t", NULL);
    place_reopen(place); // Whatever was told is durable.
    assert_ok(tree_save(place->store, &cid, place_path(place, "out"), NULL,
                        NULL, NULL));
    // The same tree has the same name.
    const struct tree_options again = {.add.rehash = true};
    Cid back = add(place, "out", &again);
    assert_true(cid_equal(&cid, &back));
}

struct stopping {
    unsigned calls;
};

static bool stop_at_once(void *context, uint64_t done, uint64_t total)
{
    struct stopping *stopping = context;
    (void)done, (void)total;
    stopping->calls++;
    return false;
}

static void an_import_that_is_stopped_acknowledges_nothing(void **state)
{
    struct place *place = *state;
    struct stopping stopping = {0};
    const struct tree_options options = {
        .add = {.progress = stop_at_once, .context = &stopping},
        .pin = "t",
    };
    struct tree_added added;
    struct store_stat stat;
    make_sample(place);
    assert_status(
        tree_add(place->store, place_path(place, "t"), &options, &added, NULL),
        STATUS_CANCELLED);
    assert_true(stopping.calls > 0);
    assert_ok(store_stat(place->store, &stat, NULL));
    assert_int_equal(stat.pins, 0);
}

static bool find_pin(void *context, const Cid *cid, Text name)
{
    Cid *found = context;
    if (text_equal(name, TEXT("my tree")))
        *found = *cid;
    return true;
}

static void the_root_is_pinned_under_its_name(void **state)
{
    struct place *place = *state;
    const struct tree_options options = {.pin = "my tree"};
    Cid found = {.len = 0};
    make_sample(place);
    Cid cid = add(place, "t", &options);
    assert_ok(pin_each(place->store, find_pin, &found, NULL));
    assert_true(cid_equal(&cid, &found));
}

/* --- Out ----------------------------------------------------------------- */

static Status put(void *context, const Cid *cid, Bytes block,
                  struct error *err)
{
    store_batch_block(context, cid, block);
    (void)err;
    return STATUS_OK;
}

/* A directory of one child with any name, proper or not. */
static Cid wrap(struct place *place, Text name, const Cid *child)
{
    static const uint8_t directory[] = {0x08, 0x01};
    const struct dag_pb_link link = {.cid = cid_bytes(child),
                                     .has_name = true,
                                     .has_tsize = true,
                                     .name = name};
    const struct dag_pb_node node = {
        .links = &link,
        .count = 1,
        .has_data = true,
        .data = bytes_of(directory, sizeof directory)};
    struct buffer block;
    Cid cid;
    buffer_init(&block, 1 << 20);
    dag_pb_encode(&node, &block);
    cid_of(CODEC_DAG_PB, buffer_bytes(&block), &cid);
    struct store_batch *batch = store_batch_new(place->store);
    store_batch_block(batch, &cid, buffer_bytes(&block));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    buffer_deinit(&block);
    return cid;
}

static Cid symlink_to(struct place *place, Text target)
{
    struct store_batch *batch = store_batch_new(place->store);
    const struct unixfs_block_sink sink = {put, batch};
    Cid cid;
    assert_ok(unixfs_write_symlink(target, NULL, &sink, &cid, NULL, NULL));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    return cid;
}

static void expect_not_saved(struct place *place, const Cid *cid,
                             Status status)
{
    struct error err = {0};
    assert_status(tree_save(place->store, cid, place_path(place, "out"), NULL,
                            NULL, &err),
                  status);
    assert_true(strlen(err.message) > 0);
    assert_false(is_there(place, "out"));
    expect_nothing_left(place);
}

static void bad_names_are_never_written(void **state)
{
    static const Text names[] = {
        TEXT_INIT(".."),         TEXT_INIT("."),     TEXT_INIT(""),
        TEXT_INIT("../evil"),    TEXT_INIT("/evil"), TEXT_INIT("a/b"),
        TEXT_INIT("evil\0.txt"),
    };
    struct place *place = *state;
    char longer[256];
    Cid leaf;
    memset(longer, 'x', sizeof longer);
    assert_ok(
        content_add_bytes(place->store, bytes_of("evil", 4), &leaf, NULL));
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        Cid cid = wrap(place, names[index], &leaf);
        expect_not_saved(place, &cid, STATUS_INVALID);
        assert_false(is_there(place, "evil"));
    }
    Cid cid = wrap(place, (Text){longer, sizeof longer}, &leaf);
    expect_not_saved(place, &cid, STATUS_INVALID);
}

static void symlinks_that_could_lead_out_are_refused(void **state)
{
    static const char *const out[] = {
        "/etc/passwd", "..",  "../x",      "a/../../x", "a/..",
        "./..",        "//x", "sub/../..", "../../x",   ".//..//"};
    static const char *const in[] = {"a", "./a",   "a/b/c", "a//b",
                                     ".", "a/..b", "..."};
    struct place *place = *state;
    const struct tree_save_options skip = {.unsafe_links = TREE_SKIP};
    struct tree_saved saved;
    for (size_t index = 0; index < sizeof out / sizeof *out; index++) {
        Cid link = symlink_to(place, text_of(out[index]));
        Cid cid = wrap(place, TEXT("link"), &link);
        expect_not_saved(place, &cid, STATUS_INVALID);
    }
    for (size_t index = 0; index < sizeof in / sizeof *in; index++) {
        char name[32];
        Cid link = symlink_to(place, text_of(in[index]));
        Cid cid = wrap(place, TEXT("link"), &link);
        snprintf(name, sizeof name, "in%zu", index);
        assert_ok(tree_save(place->store, &cid, place_path(place, name), NULL,
                            NULL, NULL));
    }
    Cid link = symlink_to(place, TEXT("/etc/passwd"));
    Cid cid = wrap(place, TEXT("link"), &link);
    assert_ok(tree_save(place->store, &cid, place_path(place, "out"), &skip,
                        &saved, NULL));
    assert_int_equal(saved.links_skipped, 1);
    assert_false(is_there(place, "out/link"));
}

static void a_symlink_may_go_up_as_far_as_the_root(void **state)
{
    struct place *place = *state;
    Cid link = symlink_to(place, TEXT("../../a"));
    Cid inner = wrap(place, TEXT("link"), &link);
    Cid middle = wrap(place, TEXT("x"), &inner);
    Cid outer = wrap(place, TEXT("y"), &middle);
    assert_ok(tree_save(place->store, &outer, place_path(place, "good"), NULL,
                        NULL, NULL));
    // One directory less, and it leads out.
    expect_not_saved(place, &middle, STATUS_INVALID);
    // Up again behind a name that may be a symlink to the root.
    link = symlink_to(place, TEXT("a/.."));
    inner = wrap(place, TEXT("link"), &link);
    outer = wrap(place, TEXT("x"), &inner);
    expect_not_saved(place, &outer, STATUS_INVALID);
}

static void what_is_there_is_not_overwritten(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    make_sample(place);
    Cid cid = add(place, "t", NULL);
    make_directory(place, "full");
    write_text(place, "full/old", "old");
    assert_status(tree_save(place->store, &cid, place_path(place, "full"),
                            NULL, NULL, &err),
                  STATUS_DENIED);
    expect_text(place, "full/old", "old");
    write_text(place, "file", "old");
    assert_status(tree_save(place->store, &cid, place_path(place, "file"),
                            NULL, NULL, &err),
                  STATUS_DENIED);
    make_link(place, "full", "link");
    assert_status(tree_save(place->store, &cid, place_path(place, "link"),
                            NULL, NULL, &err),
                  STATUS_DENIED);
    assert_status(tree_save(place->store, &cid, place_path(place, "."), NULL,
                            NULL, &err),
                  STATUS_INVALID);
    make_directory(place, "empty");
    assert_ok(tree_save(place->store, &cid, place_path(place, "empty/"), NULL,
                        NULL, &err));
    expect_text(place, "empty/a", "one\n");
    expect_nothing_left(place);
}

static void a_missing_block_leaves_nothing(void **state)
{
    struct place *place = *state;
    Cid gone;
    cid_of(CODEC_RAW, bytes_of("gone", 4), &gone);
    Cid inner = wrap(place, TEXT("file"), &gone);
    Cid outer = wrap(place, TEXT("sub"), &inner);
    expect_not_saved(place, &outer, STATUS_NOT_FOUND);
}

static void a_tree_of_itself_many_times_over_is_bounded(void **state)
{
    struct place *place = *state;
    const struct tree_save_options small = {.max_bytes = 1 << 20};
    struct tree_part parts[2];
    struct tree_added added;
    struct error err = {0};
    assert_ok(
        content_add_bytes(place->store, bytes_of("x", 1), &added.cid, NULL));
    // 2^40 files.
    for (int level = 0; level < 40; level++) {
        parts[0] = (struct tree_part){TEXT("a"), added.cid, 1};
        parts[1] = (struct tree_part){TEXT("b"), added.cid, 1};
        assert_ok(tree_wrap(place->store, parts, 2, NULL, &added, &err));
    }
    assert_status(tree_save(place->store, &added.cid, place_path(place, "out"),
                            &small, NULL, &err),
                  STATUS_LIMIT);
    assert_false(is_there(place, "out"));
    expect_nothing_left(place);
}

static void modes_and_times_come_back_but_no_setuid(void **state)
{
    struct place *place = *state;
    const struct tree_options keep = {
        .add = {.keep_mode = true, .keep_mtime = true}};
    const struct timespec times[2] = {{1000000, 5}, {1234567890, 123456789}};
    struct stat stat;
    make_directory(place, "t");
    make_directory(place, "t/sub");
    write_text(place, "t/sub/run", "#!/bin/sh\n");
    assert_int_equal(chmod(place_path(place, "t/sub/run"), 04751), 0);
    assert_int_equal(
        utimensat(AT_FDCWD, place_path(place, "t/sub/run"), times, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, place_path(place, "t/sub"), times, 0),
                     0);
    assert_int_equal(chmod(place_path(place, "t/sub"), 0500), 0);
    Cid cid = add(place, "t", &keep);
    assert_int_equal(chmod(place_path(place, "t/sub"), 0700), 0);
    assert_ok(tree_save(place->store, &cid, place_path(place, "out"), NULL,
                        NULL, NULL));
    assert_int_equal(lstat(place_path(place, "out/sub/run"), &stat), 0);
    assert_int_equal(stat.st_mode & 07777, 0751);
    assert_int_equal(stat.st_mtim.tv_sec, 1234567890);
    assert_int_equal(stat.st_mtim.tv_nsec, 123456789);
    assert_int_equal(lstat(place_path(place, "out/sub"), &stat), 0);
    assert_int_equal(stat.st_mode & 07777, 0500);
    assert_int_equal(stat.st_mtim.tv_sec, 1234567890);
    assert_int_equal(chmod(place_path(place, "out/sub"), 0700), 0);
}

struct piece {
    char bytes[64];
    size_t len;
};

static Status take(void *context, Bytes piece, struct error *err)
{
    struct piece *all = context;
    (void)err;
    assert_true(piece.len <= sizeof all->bytes - all->len);
    memcpy(all->bytes + all->len, piece.data, piece.len);
    all->len += piece.len;
    return STATUS_OK;
}

static void a_part_of_a_file_is_read_by_itself(void **state)
{
    static const struct {
        uint64_t offset, len;
        const char *expected;
    } rows[] = {{0, 3, "abc"},       {2, 2, "cd"},        {4, 100, "ef"},
                {6, 1, ""},          {UINT64_MAX, 9, ""}, {0, 0, ""},
                {5, UINT64_MAX, "f"}};
    struct place *place = *state;
    Cid cid;
    assert_ok(
        content_add_bytes(place->store, bytes_of("abcdef", 6), &cid, NULL));
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct piece piece = {.len = 0};
        assert_ok(content_read_range(place->store, &cid, rows[index].offset,
                                     rows[index].len, take, &piece, NULL));
        assert_int_equal(piece.len, strlen(rows[index].expected));
        assert_memory_equal(piece.bytes, rows[index].expected, piece.len);
    }
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, place_open, place_close)
    const struct CMUnitTest tests[] = {
        TEST(a_tree_is_called_as_kubo_calls_it),
        TEST(a_symlink_in_a_tree_is_never_followed),
        TEST(what_cannot_be_kept_is_named),
        TEST(a_name_of_255_bytes_is_kept),
        TEST(a_tree_may_be_deep_but_not_endless),
        TEST(many_files_of_all_sizes_come_back),
        TEST(an_import_that_is_stopped_acknowledges_nothing),
        TEST(the_root_is_pinned_under_its_name),
        TEST(bad_names_are_never_written),
        TEST(symlinks_that_could_lead_out_are_refused),
        TEST(a_symlink_may_go_up_as_far_as_the_root),
        TEST(what_is_there_is_not_overwritten),
        TEST(a_missing_block_leaves_nothing),
        TEST(a_tree_of_itself_many_times_over_is_bounded),
        TEST(modes_and_times_come_back_but_no_setuid),
        TEST(a_part_of_a_file_is_read_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
