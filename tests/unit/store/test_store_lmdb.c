/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on the disk: damage, bad places, full disks, other versions. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "numbered.h"

static void path_in(const struct fixture *fixture, const char *name,
                    char out[PATH_LEN])
{
    const int len = snprintf(out, PATH_LEN, "%s/%s", fixture->directory, name);
    assert_in_range(len, 1, PATH_LEN - 1);
}

/* --- Damage ------------------------------------------------------------- */

/* Replaces a value behind the store's back; the store is closed. */
static void overwrite(const char *directory, const char *database, Bytes key,
                      Bytes value)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val name = {key.len, (void *)(uintptr_t)key.data};
    MDB_val data = {value.len, (void *)(uintptr_t)value.data};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 32), 0);
    assert_int_equal(mdb_env_open(env, directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, database, 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &name, &data, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void close_store(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = NULL;
}

static void refuses_bytes_that_changed_on_disk(void **state)
{
    struct fixture *fixture = *state;
    const Cid cid = cid_of_text("truth");
    const Hash key = hash_of_text("question");
    char name[CID_TEXT_MAX];
    struct memo_entry found;
    struct block *block;
    struct error err = {0};
    put_memo(fixture->store, "question", "truth");
    assert_ok(memo_get(fixture->store, &key, &found, NULL));
    close_store(fixture);
    overwrite(fixture->directory, "blocks", bytes_of(cid.bytes + 2, 34),
              text_block("trutH"));
    reopen(fixture);
    assert_status(store_get(fixture->store, &cid, &block, &err),
                  STATUS_CORRUPT);
    cid_to_text(&cid, name);
    assert_non_null(strstr(err.message, name));
    uint8_t part[2];
    size_t got;
    assert_status(store_read(fixture->store, &cid, 0, part, 2, &got, &err),
                  STATUS_CORRUPT);
    assert_status(memo_get(fixture->store, &key, &found, NULL),
                  STATUS_NOT_FOUND);
    // Adding it again heals it, though it was "there".
    put_text(fixture->store, "truth");
    assert_gets(fixture->store, "truth");
    assert_ok(memo_get(fixture->store, &key, &found, NULL));
}

static void misses_on_rows_that_it_cannot_read(void **state)
{
    struct fixture *fixture = *state;
    const Hash key = hash_of_text("question");
    struct memo_entry found;
    Hash concrete;
    bool upstream;
    put_memo(fixture->store, "question", "answer");
    close_store(fixture);
    overwrite(fixture->directory, "memo", bytes_of(key.bytes, 32),
              text_block("nonsense"));
    overwrite(fixture->directory, "symbolic", bytes_of(key.bytes, 32),
              text_block("nonsense"));
    overwrite(fixture->directory, "producer", bytes_of(key.bytes, 32),
              text_block("nonsense"));
    overwrite(fixture->directory, "by_result", bytes_of(key.bytes, 32),
              text_block("nonsense"));
    overwrite(fixture->directory, "alarms", bytes_of(key.bytes, 32),
              text_block("nonsense"));
    overwrite(fixture->directory, "pins", text_block("nonsense"),
              text_block("nonsense"));
    reopen(fixture);
    assert_status(memo_get(fixture->store, &key, &found, NULL),
                  STATUS_NOT_FOUND);
    assert_status(
        memo_get_symbolic(fixture->store, &key, &concrete, &upstream, NULL),
        STATUS_NOT_FOUND);
    assert_ok(memo_alarms(fixture->store, NULL, NULL, NULL));
    assert_ok(pin_each(fixture->store, NULL, NULL, NULL));
    // What cannot be read is replaced.
    put_memo(fixture->store, "question", "answer");
    assert_ok(memo_get(fixture->store, &key, &found, NULL));
}

static void refuses_a_newer_format_with_both_numbers(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    const uint8_t version[4] = {7};
    close_store(fixture);
    overwrite(fixture->directory, "meta", text_block("format"),
              bytes_of(version, 4));
    assert_status(store_open(fixture->directory, NULL, &fixture->store, &err),
                  STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "format 7"));
    assert_non_null(strstr(err.message, "format 1"));
    fixture->store = NULL;
}

static void fill(struct store *store, int first, int count)
{
    struct store_batch *batch = store_batch_new(store);
    for (int number = first; number < first + count; number++)
        numbered_fill(batch, number);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

/* Opening is refused, or the store is whole: nothing of value was cut off. */
static void assert_refused_or_whole(struct fixture *fixture)
{
    struct store *store = NULL;
    struct error err = {0};
    Status status = store_open(fixture->directory, NULL, &store, &err);
    if (status == STATUS_OK)
        for (int number = 0; number < 20; number++)
            assert_int_equal(numbered_count(store, number),
                             NUMBERED_BLOCKS + 1);
    else
        assert_status(status, STATUS_CORRUPT);
    store_close(store);
}

static void refuses_a_file_cut_off_anywhere(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_LEN];
    struct stat whole;
    for (int step = 0; step < 20; step++)
        fill(fixture->store, step, 1);
    close_store(fixture);
    path_in(fixture, "data.mdb", path);
    assert_int_equal(stat(path, &whole), 0);
    char *copy = malloc((size_t)whole.st_size);
    int file = open(path, O_RDWR);
    assert_int_equal(pread(file, copy, (size_t)whole.st_size, 0),
                     whole.st_size);
    for (off_t len = whole.st_size - 1; len > 0; len -= 4096 * 3 + 1) {
        assert_int_equal(pwrite(file, copy, (size_t)whole.st_size, 0),
                         whole.st_size);
        assert_int_equal(ftruncate(file, len), 0);
        assert_refused_or_whole(fixture);
    }
    close(file);
    free(copy);
}

static void refuses_a_file_of_something_else(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_LEN];
    path_in(fixture, "data.mdb", path);
    for (unsigned seed = 0; seed < 20; seed++) {
        struct store *store;
        struct error err = {0};
        unsigned next = seed;
        FILE *file = fopen(path, "wb");
        for (int byte = 0; byte < (seed % 2 ? 50 : 50000); byte++)
            fputc(rand_r(&next), file);
        fclose(file);
        assert_status(store_open(fixture->directory, NULL, &store, &err),
                      STATUS_CORRUPT);
        assert_non_null(strstr(err.message, fixture->directory));
    }
}

static void takes_an_empty_file_for_a_store_not_yet_made(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_LEN];
    path_in(fixture, "data.mdb", path);
    fclose(fopen(path, "wb"));
    assert_ok(store_open(fixture->directory, NULL, &fixture->store, NULL));
    put_text(fixture->store, "new");
    reopen(fixture);
    assert_gets(fixture->store, "new");
}

/* --- Places ------------------------------------------------------------- */

static void makes_the_directories_above_it(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_LEN];
    struct stat found;
    path_in(fixture, "a/b//c/", path);
    assert_ok(store_open(path, NULL, &fixture->store, NULL));
    assert_string_equal(store_directory(fixture->store), path);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    put_text(fixture->store, "x");
}

static void follows_a_link_to_its_directory(void **state)
{
    struct fixture *fixture = *state;
    char target[PATH_LEN], link[PATH_LEN], dangling[PATH_LEN];
    struct store *none;
    struct error err = {0};
    path_in(fixture, "target", target);
    path_in(fixture, "link", link);
    path_in(fixture, "dangling", dangling);
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(symlink("/nonexistent/x", dangling), 0);
    assert_ok(store_open(link, NULL, &fixture->store, NULL));
    put_text(fixture->store, "x");
    assert_status(store_open(dangling, NULL, &none, &err), STATUS_IO);
    assert_non_null(strstr(err.message, dangling));
}

static void says_what_is_wrong_with_a_place(void **state)
{
    struct fixture *fixture = *state;
    char file[PATH_LEN], below[PATH_LEN], data[PATH_LEN], inside[PATH_LEN];
    path_in(fixture, "file", file);
    path_in(fixture, "file/below", below);
    path_in(fixture, "data", data);
    path_in(fixture, "data/data.mdb", inside);
    fclose(fopen(file, "wb"));
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(mkdir(inside, 0700), 0);
    char long_name[5000];
    memset(long_name, 'x', sizeof long_name);
    long_name[0] = '/';
    long_name[sizeof long_name - 1] = '\0';
    const struct {
        const char *path;
        bool read_only;
        Status status;
        const char *words;
    } rows[] = {
        {"", false, STATUS_INVALID, "no directory name"},
        {file, false, STATUS_INVALID, "not a directory"},
        {below, false, STATUS_IO, "Not a directory"},
        {data, false, STATUS_CORRUPT, "not a store"},
        {long_name, false, STATUS_INVALID, "too long"},
        {"/proc/ipvm", false, STATUS_IO, "/proc/ipvm"},
        {fixture->directory, true, STATUS_NOT_FOUND, "no store"},
        {"/nonexistent/store", true, STATUS_NOT_FOUND, "no store"},
    };
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct store *store = NULL;
        struct error err = {0};
        const struct store_options options = {.read_only =
                                                  rows[index].read_only};
        assert_status(store_open(rows[index].path, &options, &store, &err),
                      rows[index].status);
        if (!strstr(err.message, rows[index].words))
            print_error("row %zu: %s\n", index, err.message);
        assert_non_null(strstr(err.message, rows[index].words));
    }
}

static void opens_a_store_once_in_a_process(void **state)
{
    struct fixture *fixture = *state;
    char link[PATH_LEN];
    struct store *second;
    struct error err = {0};
    path_in(fixture, ".", link);
    assert_status(store_open(link, NULL, &second, &err), STATUS_BUSY);
    assert_non_null(strstr(err.message, "already open"));
    put_text(fixture->store, "unharmed");
    reopen(fixture);
    assert_gets(fixture->store, "unharmed");
}

static void reads_but_does_not_write_when_read_only(void **state)
{
    struct fixture *fixture = *state;
    const struct store_options options = {.read_only = true};
    struct error err = {0};
    const Hash key = hash_of_text("k");
    uint64_t left;
    put_text(fixture->store, "kept");
    close_store(fixture);
    assert_ok(store_open(fixture->directory, &options, &fixture->store, &err));
    assert_gets(fixture->store, "kept");
    struct store_batch *batch = store_batch_new(fixture->store);
    numbered_fill(batch, 1);
    assert_status(store_commit(batch, &err), STATUS_DENIED);
    assert_non_null(strstr(err.message, "read-only"));
    numbered_fill(batch, 1);
    store_commit_async(batch, NULL, NULL);
    assert_status(store_flush(fixture->store, &err), STATUS_DENIED);
    assert_int_equal(numbered_count(fixture->store, 1), 0);
    assert_status(lease_take(fixture->store, &key, 1, 1, &left, &err),
                  STATUS_DENIED);
}

static void asks_for_read_only_where_it_may_not_write(void **state)
{
    struct fixture *fixture = *state;
    const struct store_options options = {.read_only = true};
    struct error err = {0};
    char path[PATH_LEN], data[PATH_LEN];
    struct store *store = NULL;
    const uid_t before = geteuid();
    put_text(fixture->store, "kept");
    close_store(fixture);
    path_in(fixture, "lock.mdb", path);
    path_in(fixture, "data.mdb", data);
    assert_int_equal(chmod(fixture->directory, 0555), 0);
    assert_int_equal(chmod(data, 0444), 0);
    assert_int_equal(chmod(path, 0666), 0);
    if (before == 0)
        assert_int_equal(seteuid(65534), 0);
    const Status writing = store_open(fixture->directory, NULL, &store, &err);
    const Status reading =
        store_open(fixture->directory, &options, &fixture->store, NULL);
    assert_int_equal(seteuid(before), 0);
    assert_status(writing, STATUS_DENIED);
    assert_non_null(strstr(err.message, fixture->directory));
    assert_ok(reading);
    assert_gets(fixture->store, "kept");
    assert_int_equal(chmod(fixture->directory, 0755), 0);
}

/* --- Room --------------------------------------------------------------- */

static void grows_its_map_under_readers(void **state)
{
    struct fixture *fixture = *state;
    const struct store_options small = {.map_bytes = 1 << 20};
    struct store_stat before, after;
    close_store(fixture);
    remove_tree(fixture->directory);
    assert_ok(store_open(fixture->directory, &small, &fixture->store, NULL));
    assert_ok(store_stat(fixture->store, &before, NULL));
    for (int number = 0; number < 1000; number++) {
        struct store_batch *batch = store_batch_new(fixture->store);
        numbered_fill(batch, number);
        store_commit_async(batch, NULL, NULL);
        assert_int_equal(numbered_count(fixture->store, number / 2),
                         NUMBERED_BLOCKS + 1);
    }
    assert_ok(store_flush(fixture->store, NULL));
    assert_ok(store_stat(fixture->store, &after, NULL));
    assert_true(after.map_bytes >= before.map_bytes * 8);
    reopen(fixture);
    assert_int_equal(numbered_count(fixture->store, 999), NUMBERED_BLOCKS + 1);
}

static void takes_a_batch_larger_than_its_map(void **state)
{
    struct fixture *fixture = *state;
    const struct store_options small = {.map_bytes = 1 << 20};
    close_store(fixture);
    assert_ok(store_open(fixture->directory, &small, &fixture->store, NULL));
    fill(fixture->store, 0, 600);
    for (int number = 0; number < 600; number++)
        assert_int_equal(numbered_count(fixture->store, number),
                         NUMBERED_BLOCKS + 1);
}

/* Fills the disk; whole batches were kept until then and none in part. */
static void assert_fills_up(const char *directory)
{
    struct store *store;
    struct error err = {0};
    assert_ok(store_open(directory, NULL, &store, &err));
    int number = 0;
    Status status = STATUS_OK;
    for (; status == STATUS_OK && number < 1000; number++) {
        struct store_batch *batch = store_batch_new(store);
        numbered_fill(batch, number);
        status = store_commit(batch, &err);
        store_batch_free(batch);
    }
    assert_status(status, STATUS_FULL);
    assert_non_null(strstr(err.message, "no space left"));
    const int failed = number - 1;
    assert_int_equal(numbered_count(store, failed), 0);
    assert_int_equal(numbered_count(store, failed - 1), NUMBERED_BLOCKS + 1);
    // Without waiting it fails the same, and others are not harmed.
    struct store_batch *batch = store_batch_new(store);
    numbered_fill(batch, failed);
    store_commit_async(batch, NULL, NULL);
    assert_status(store_flush(store, &err), STATUS_FULL);
    store_close(store);
    assert_ok(store_open(directory, NULL, &store, &err));
    for (int each = 0; each < failed; each++)
        assert_int_equal(numbered_count(store, each), NUMBERED_BLOCKS + 1);
    assert_int_equal(numbered_count(store, failed), 0);
    store_close(store);
}

static void keeps_whole_batches_up_to_a_file_size_limit(void **state)
{
    const struct fixture *fixture = *state;
    struct rlimit before, now;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    now = before;
    now.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    assert_fills_up(fixture->directory);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    // With room again it goes on.
    struct store *store;
    assert_ok(store_open(fixture->directory, NULL, &store, NULL));
    fill(store, 2000, 10);
    assert_int_equal(numbered_count(store, 2009), NUMBERED_BLOCKS + 1);
    store_close(store);
}

/* LMDB maps its lock file: a page of it without room would be a SIGBUS. */
static void assert_says_that_it_is_full(const struct fixture *fixture)
{
    char lock[PATH_LEN], junk[PATH_LEN];
    static const uint8_t page[4096];
    path_in(fixture, "lock.mdb", lock);
    path_in(fixture, "junk", junk);
    assert_int_equal(unlink(lock), 0);
    const int file = open(junk, O_WRONLY | O_CREAT, 0600);
    while (write(file, page, sizeof page) > 0) {
    }
    close(file);
    for (int read_only = 0; read_only < 2; read_only++) {
        const struct store_options options = {.read_only = read_only};
        struct error err = {0};
        struct store *store;
        assert_status(store_open(fixture->directory, &options, &store, &err),
                      STATUS_FULL);
        assert_non_null(strstr(err.message, "no space left"));
    }
    assert_int_equal(unlink(junk), 0);
}

static void keeps_whole_batches_on_a_full_disk(void **state)
{
    const struct fixture *fixture = *state;
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", fixture->directory, "tmpfs", 0, "size=1m") != 0) {
        print_message("skipped: no permission to mount a small disk (%s)\n",
                      strerror(errno));
        skip();
    }
    assert_fills_up(fixture->directory);
    assert_says_that_it_is_full(fixture);
    struct error err = {0};
    struct store *store;
    const struct store_options options = {.read_only = true};
    assert_int_equal(mount(NULL, fixture->directory, NULL,
                           MS_REMOUNT | MS_RDONLY, "size=1m"),
                     0);
    // No lock file is there: LMDB does without where nobody can write.
    assert_status(store_open(fixture->directory, NULL, &store, &err),
                  STATUS_DENIED);
    assert_non_null(strstr(err.message, "read-only"));
    assert_ok(store_open(fixture->directory, &options, &store, &err));
    assert_int_equal(numbered_count(store, 0), NUMBERED_BLOCKS + 1);
    store_close(store);
    assert_int_equal(umount(fixture->directory), 0);
}

static void cannot_begin_on_a_disk_without_room(void **state)
{
    const struct fixture *fixture = *state;
    struct error err = {0};
    struct store *store;
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", fixture->directory, "tmpfs", 0, "size=16k") != 0) {
        print_message("skipped: no permission to mount a small disk (%s)\n",
                      strerror(errno));
        skip();
    }
    Status status = store_open(fixture->directory, NULL, &store, &err);
    assert_int_equal(umount2(fixture->directory, MNT_DETACH), 0);
    assert_status(status, STATUS_FULL);
    assert_non_null(strstr(err.message, fixture->directory));
}

#define ON_STORE(name)                                                        \
    cmocka_unit_test_setup_teardown(name, setup_lmdb, teardown)
#define ON_DIRECTORY(name)                                                    \
    cmocka_unit_test_setup_teardown(name, setup_directory, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STORE(refuses_bytes_that_changed_on_disk),
        ON_STORE(misses_on_rows_that_it_cannot_read),
        ON_STORE(refuses_a_newer_format_with_both_numbers),
        ON_STORE(refuses_a_file_cut_off_anywhere),
        ON_DIRECTORY(refuses_a_file_of_something_else),
        ON_DIRECTORY(takes_an_empty_file_for_a_store_not_yet_made),
        ON_DIRECTORY(makes_the_directories_above_it),
        ON_DIRECTORY(follows_a_link_to_its_directory),
        ON_DIRECTORY(says_what_is_wrong_with_a_place),
        ON_STORE(opens_a_store_once_in_a_process),
        ON_STORE(reads_but_does_not_write_when_read_only),
        ON_STORE(asks_for_read_only_where_it_may_not_write),
        ON_STORE(grows_its_map_under_readers),
        ON_STORE(takes_a_batch_larger_than_its_map),
        ON_DIRECTORY(keeps_whole_batches_up_to_a_file_size_limit),
        ON_DIRECTORY(keeps_whole_batches_on_a_full_disk),
        ON_DIRECTORY(cannot_begin_on_a_disk_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
