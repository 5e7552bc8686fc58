/* SPDX-License-Identifier: Apache-2.0 */
/* Files and directories into a store and out of it; when a file is taken to be
 * the one that is known. */
#include "unit/content/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "content/directory.h"
#include "content/file_index.h"

/* `len` bytes that are not all the same, on the heap. */
static Bytes some_bytes(size_t len)
{
    uint8_t *bytes = heap_alloc(len + 1);
    uint32_t seed = 1;
    for (size_t index = 0; index < len; index++)
        bytes[index] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    return bytes_of(bytes, len);
}

static void free_bytes(Bytes bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

static void expect_content(struct place *place, const Cid *cid, Bytes bytes)
{
    struct buffer out;
    uint64_t size;
    buffer_init(&out, (size_t)64 << 20);
    assert_ok(content_size(place->store, cid, &size, NULL));
    assert_int_equal(size, bytes.len);
    assert_ok(content_load(place->store, cid, &out, NULL));
    assert_true(bytes_equal(buffer_bytes(&out), bytes));
    buffer_deinit(&out);
}

static void expect_file(const struct place *place, const char *name,
                        Bytes bytes)
{
    uint8_t *found = heap_alloc(bytes.len + 1);
    FILE *file = fopen(place_path(place, name), "rb");
    assert_non_null(file);
    assert_int_equal(fread(found, 1, bytes.len + 1, file), bytes.len);
    assert_true(bytes_equal(bytes_of(found, bytes.len), bytes));
    fclose(file);
    free(found);
}

static void what_goes_in_comes_out(void **state)
{
    static const size_t lengths[] = {0,       1,           1000,   1 << 20,
                                     1048577, 3 << 20 | 7, 5 << 20};
    struct place *place = *state;
    for (size_t index = 0; index < sizeof lengths / sizeof *lengths; index++) {
        const Bytes bytes = some_bytes(lengths[index]);
        Cid by_path, by_bytes;
        place_write(place, "in", bytes);
        assert_ok(content_add_path(place->store, place_path(place, "in"), NULL,
                                   &by_path, NULL));
        assert_ok(content_add_bytes(place->store, bytes, &by_bytes, NULL));
        assert_true(cid_equal(&by_path, &by_bytes));
        expect_content(place, &by_path, bytes);
        assert_ok(content_save(place->store, &by_path,
                               place_path(place, "out"), NULL));
        expect_file(place, "out", bytes);
        free_bytes(bytes);
    }
}

static void other_chunk_sizes_name_it_differently(void **state)
{
    struct place *place = *state;
    const Bytes bytes = some_bytes(1 << 20);
    const struct content_add_options small = {.chunk_bytes = 256 << 10};
    const struct content_add_options huge = {.chunk_bytes = 4 << 20};
    Cid first, second;
    struct error err;
    place_write(place, "in", bytes);
    const char *path = place_path(place, "in");
    assert_ok(content_add_path(place->store, path, NULL, &first, NULL));
    assert_ok(content_add_path(place->store, path, &small, &second, NULL));
    assert_false(cid_equal(&first, &second));
    expect_content(place, &second, bytes);
    assert_status(content_add_path(place->store, path, &huge, &second, &err),
                  STATUS_INVALID);
    free_bytes(bytes);
}

static void naming_stores_nothing(void **state)
{
    struct place *place = *state;
    const struct content_add_options name = {.only_hash = true};
    Cid named, stored;
    place_write(place, "in", bytes_of("hello", 5));
    assert_ok(content_add_path(place->store, place_path(place, "in"), &name,
                               &named, NULL));
    assert_false(store_has(place->store, &named));
    assert_ok(content_add_path(place->store, place_path(place, "in"), NULL,
                               &stored, NULL));
    assert_true(cid_equal(&named, &stored));
}

/* --- What is known of a file --------------------------------------------- */

static void set_mtime(const char *path, time_t seconds)
{
    const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_change_is_seen_though_size_and_mtime_are_the_same(void **state)
{
    struct place *place = *state;
    const char *path = place_path(place, "in");
    const time_t before = time(NULL) - 1000;
    struct stat stat_now;
    Cid first, second;
    place_write(place, "in", bytes_of("aaaa", 4));
    set_mtime(path, before);
    assert_int_equal(stat(path, &stat_now), 0);
    assert_ok(content_add_path(place->store, path, NULL, &first, NULL));
    // Just changed: not noted, though its mtime is old.
    assert_status(file_index_get(place->store, path, &stat_now, 0, &second),
                  STATUS_NOT_FOUND);
    sleep(3);
    assert_ok(content_add_path(place->store, path, NULL, &first, NULL));
    assert_ok(file_index_get(place->store, path, &stat_now, 0, &second));
    assert_true(cid_equal(&first, &second));
    // Another chunk size is another name.
    assert_status(
        file_index_get(place->store, path, &stat_now, 256 << 10, &second),
        STATUS_NOT_FOUND);

    place_write(place, "in", bytes_of("bbbb", 4));
    path = place_path(place, "in");
    set_mtime(path, before);
    assert_ok(content_add_path(place->store, path, NULL, &second, NULL));
    assert_false(cid_equal(&first, &second));
    expect_content(place, &second, bytes_of("bbbb", 4));
}

static void a_note_is_believed_only_if_the_store_has_the_file(void **state)
{
    struct place *place = *state;
    const char *path = place_path(place, "in");
    struct stat stat_now;
    Cid cid;
    cid_of(CODEC_RAW, bytes_of("nowhere", 7), &cid);
    place_write(place, "in", bytes_of("aaaa", 4));
    assert_int_equal(stat(path, &stat_now), 0);
    struct store_batch *batch = store_batch_new(place->store);
    file_index_put(batch, path, &stat_now, 0, &cid);
    assert_ok(store_commit(batch, NULL));
    assert_status(file_index_get(place->store, path, &stat_now, 0, &cid),
                  STATUS_NOT_FOUND);
    store_batch_block(batch, &cid, bytes_of("nowhere", 7));
    assert_ok(store_commit(batch, NULL));
    assert_ok(file_index_get(place->store, path, &stat_now, 0, &cid));
    // `rehash` reads it all the same.
    const struct content_add_options rehash = {.rehash = true};
    assert_ok(content_add_path(place->store, path, &rehash, &cid, NULL));
    expect_content(place, &cid, bytes_of("aaaa", 4));
    store_batch_free(batch);
}

struct changing {
    const char *path;
    int calls;
};

static bool change_it(void *context, uint64_t done, uint64_t total)
{
    struct changing *changing = context;
    assert_true(done <= total);
    if (changing->calls++ == 0) {
        int file = open(changing->path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(file, "X", 1, 0), 1);
        close(file);
    }
    return true;
}

static void a_file_that_changes_while_it_is_read_is_refused(void **state)
{
    struct place *place = *state;
    const char *path = place_path(place, "in");
    struct changing changing = {.path = path};
    const struct content_add_options options = {.progress = change_it,
                                                .context = &changing};
    const Bytes bytes = some_bytes((size_t)100 << 20);
    struct error err = {0};
    struct stat stat_now;
    Cid cid;
    place_write(place, "in", bytes);
    sleep(3);
    assert_status(content_add_path(place->store, path, &options, &cid, &err),
                  STATUS_BUSY);
    assert_non_null(strstr(err.message, path));
    assert_true(changing.calls > 0);
    assert_int_equal(stat(path, &stat_now), 0);
    assert_status(file_index_get(place->store, path, &stat_now, 0, &cid),
                  STATUS_NOT_FOUND);
    free_bytes(bytes);
}

static bool stop_it([[maybe_unused]] void *context,
                    [[maybe_unused]] uint64_t done,
                    [[maybe_unused]] uint64_t total)
{
    return false;
}

static void an_import_can_be_stopped(void **state)
{
    struct place *place = *state;
    const struct content_add_options options = {.progress = stop_it};
    Cid cid;
    place_write(place, "in", bytes_of("hello", 5));
    assert_status(content_add_path(place->store, place_path(place, "in"),
                                   &options, &cid, NULL),
                  STATUS_CANCELLED);
}

/* --- What is no file ----------------------------------------------------- */

static void what_cannot_be_read_is_said(void **state)
{
    struct place *place = *state;
    struct error err;
    Cid cid;
    struct store *store = place->store;
    assert_status(
        content_add_path(store, place_path(place, "none"), NULL, &cid, &err),
        STATUS_NOT_FOUND);
    assert_status(content_add_path(store, place->directory, NULL, &cid, &err),
                  STATUS_INVALID);
    const char *pipe = place_path(place, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    // It must not wait for a writer.
    assert_status(content_add_path(store, pipe, NULL, &cid, &err),
                  STATUS_INVALID);
    if (geteuid() != 0) {
        place_write(place, "secret", bytes_of("a", 1));
        assert_int_equal(chmod(place_path(place, "secret"), 0), 0);
        assert_status(content_add_path(store, place_path(place, "secret"),
                                       NULL, &cid, &err),
                      STATUS_DENIED);
    }
}

static void a_pipe_is_read_to_its_end(void **state)
{
    struct place *place = *state;
    int ends[2];
    Cid cid;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    close(ends[1]);
    assert_ok(
        content_add_file(place->store, ends[0], "pipe", NULL, &cid, NULL));
    close(ends[0]);
    expect_content(place, &cid, bytes_of("hello", 5));
}

static void saving_is_whole_or_not_at_all(void **state)
{
    struct place *place = *state;
    const Bytes bytes = some_bytes(3 << 20);
    struct error err;
    struct stat stat_now;
    Cid cid, part;
    assert_ok(content_add_bytes(place->store, bytes, &cid, NULL));
    place_write(place, "out", bytes_of("old", 3));
    // A root whose blocks are not here.
    struct store *other = store_open_memory();
    struct block *root;
    assert_ok(store_get(place->store, &cid, &root, NULL));
    struct store_batch *batch = store_batch_new(other);
    store_batch_block(batch, &cid, block_bytes(root));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    block_unref(root);
    assert_status(content_save(other, &cid, place_path(place, "out"), &err),
                  STATUS_NOT_FOUND);
    store_close(other);
    expect_file(place, "out", bytes_of("old", 3));
    assert_status(content_save(place->store, &cid, place->directory, &err),
                  STATUS_INVALID);
    assert_true(content_save(place->store, &cid,
                             place_path(place, "no/such/place"),
                             &err) != STATUS_OK);
    cid_of(CODEC_RAW, bytes_of("gone", 4), &part);
    assert_status(
        content_save(place->store, &part, place_path(place, "new"), &err),
        STATUS_NOT_FOUND);
    assert_int_equal(access(place_path(place, "new"), F_OK), -1);
    // A new file has the permissions that any new file gets.
    const mode_t mask = umask(027);
    assert_ok(
        content_save(place->store, &cid, place_path(place, "new"), &err));
    umask(mask);
    assert_int_equal(stat(place_path(place, "new"), &stat_now), 0);
    assert_int_equal(stat_now.st_mode & 0777, 0640);
    free_bytes(bytes);
}

static void a_full_disk_is_said_and_leaves_nothing(void **state)
{
    struct place *place = *state;
    const Bytes bytes = some_bytes(1000);
    struct error err = {0};
    Cid cid;
    if (access("/dev/full", W_OK) != 0) {
        skip();
        return;
    }
    assert_ok(content_add_bytes(place->store, bytes, &cid, NULL));
    assert_status(content_save(place->store, &cid, "/dev/full", &err),
                  STATUS_FULL);
    free_bytes(bytes);
}

/* --- Directories --------------------------------------------------------- */

static void a_directory_is_imported_with_all_below(void **state)
{
    struct place *place = *state;
    char path[2 * PLACE_PATH];
    struct error err = {0};
    Cid empty, whole, again, below;
    snprintf(path, sizeof path, "%s", place_path(place, "dir"));
    assert_int_equal(mkdir(path, 0755), 0);
    assert_ok(directory_add(place->store, path, NULL, &empty, &err));
    // The empty directory, as everybody names it.
    char text[CID_TEXT_MAX];
    cid_to_text(&empty, text);
    assert_string_equal(
        text, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    assert_int_equal(mkdir(place_path(place, "dir/sub"), 0755), 0);
    place_write(place, "dir/b", bytes_of("b", 1));
    place_write(place, "dir/.a", bytes_of("a", 1));
    place_write(place, "dir/sub/c", bytes_of("c", 1));
    assert_ok(directory_add(place->store, path, NULL, &whole, &err));
    assert_ok(directory_add(place->store, path, NULL, &again, &err));
    assert_true(cid_equal(&whole, &again));

    const struct unixfs_source source = content_source(place->store);
    struct arena arena = {0};
    Bytes found;
    assert_ok(unixfs_resolve(&source, cid_bytes(&whole), TEXT("/sub/c"),
                             &arena, &found, &err));
    assert_ok(cid_from_bytes(found, &below, NULL));
    expect_content(place, &below, bytes_of("c", 1));
    arena_deinit(&arena);
    assert_ok(
        content_save(place->store, &whole, place_path(place, "out"), &err));
    expect_file(place, "out/sub/c", bytes_of("c", 1));
    // Naming it is storing it without the storing.
    const struct content_add_options name = {.only_hash = true};
    struct store *other = store_open_memory();
    assert_ok(directory_add(other, path, &name, &again, &err));
    assert_true(cid_equal(&whole, &again));
    assert_false(store_has(other, &whole));
    store_close(other);
}

static void links_and_pipes_in_a_directory_are_refused(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    Cid cid;
    char path[2 * PLACE_PATH];
    snprintf(path, sizeof path, "%s", place_path(place, "dir"));
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(symlink("/etc/passwd", place_path(place, "dir/link")), 0);
    assert_status(directory_add(place->store, path, NULL, &cid, &err),
                  STATUS_INVALID);
    assert_non_null(strstr(err.message, "dir/link"));
    assert_int_equal(unlink(place_path(place, "dir/link")), 0);
    place_write(place, "dir/\xff", bytes_of("a", 1));
    assert_status(directory_add(place->store, path, NULL, &cid, &err),
                  STATUS_INVALID);
    assert_status(directory_add(place->store, place_path(place, "none"), NULL,
                                &cid, &err),
                  STATUS_NOT_FOUND);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, place_open, place_close)
    const struct CMUnitTest tests[] = {
        TEST(what_goes_in_comes_out),
        TEST(other_chunk_sizes_name_it_differently),
        TEST(naming_stores_nothing),
        TEST(a_change_is_seen_though_size_and_mtime_are_the_same),
        TEST(a_note_is_believed_only_if_the_store_has_the_file),
        TEST(a_file_that_changes_while_it_is_read_is_refused),
        TEST(an_import_can_be_stopped),
        TEST(what_cannot_be_read_is_said),
        TEST(a_pipe_is_read_to_its_end),
        TEST(saving_is_whole_or_not_at_all),
        TEST(a_full_disk_is_said_and_leaves_nothing),
        TEST(a_directory_is_imported_with_all_below),
        TEST(links_and_pipes_in_a_directory_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
