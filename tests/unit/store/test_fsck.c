/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a store is found and mended, and nothing else is touched;
 * a backup comes back whole or not at all. */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/backup.h"
#include "store/fsck.h"
#include "store/memo_entry.h"
#include "store/store_private.h"

enum { FOUND_MAX = 32 };

struct found {
    struct arena arena;
    struct fsck_row rows[FOUND_MAX];
    size_t row_count;
    Bytes blocks[FOUND_MAX];
    size_t block_count;
    struct fsck_counts counts;
    uint64_t stop_after;
};

static void keep_row(void *context, const struct fsck_row *row)
{
    struct found *found = context;
    assert_true(found->row_count < FOUND_MAX);
    found->rows[found->row_count] = *row;
    found->rows[found->row_count++].key =
        arena_copy_bytes(&found->arena, row->key);
}

static void keep_block(void *context, Bytes multihash)
{
    struct found *found = context;
    assert_true(found->block_count < FOUND_MAX);
    found->blocks[found->block_count++] =
        arena_copy_bytes(&found->arena, multihash);
}

static void look(struct store *store, struct found *out)
{
    const struct fsck_options options = {.threads = 3, .context = out};
    *out = (struct found){0};
    assert_ok(fsck_blocks(store, &options, keep_block, &out->counts, NULL));
    assert_ok(fsck_rows(store, &options, keep_row, &out->counts, NULL));
}

static void assert_sound(struct store *store)
{
    struct found found;
    look(store, &found);
    for (size_t index = 0; index < found.row_count; index++)
        print_message("%s: %s\n", found.rows[index].table_name,
                      found.rows[index].what);
    assert_int_equal(found.row_count, 0);
    assert_int_equal(found.block_count, 0);
    arena_deinit(&found.arena);
}

/* Below everything that knows better. */
static void put_raw(struct store *store, enum table table, Bytes key,
                    Bytes value)
{
    struct transaction transaction;
    assert_ok(tables_write(store->tables, &transaction, NULL));
    assert_ok(
        store->tables->methods->put(&transaction, table, key, value, NULL));
    assert_ok(transaction_commit(&transaction, NULL));
}

static void put_checked(struct store *store, enum table table, Bytes key,
                        Bytes value)
{
    struct transaction transaction;
    assert_ok(tables_write(store->tables, &transaction, NULL));
    assert_ok(transaction_put(&transaction, table, key, value, NULL));
    assert_ok(transaction_commit(&transaction, NULL));
}

static void fill(struct store *store)
{
    struct store_batch *batch = store_batch_new(store);
    const Hash symbolic = hash_of_text("s"), concrete = hash_of_text("c");
    const Cid cid = cid_of_text("r");
    put_memo(store, "c", "r");
    store_batch_symbolic(batch, &symbolic, &concrete, false, &concrete, 1);
    store_batch_producer(batch, &cid, &concrete);
    store_batch_note(batch, NOTE_LAST_RUN, text_block("k"),
                     text_block("\x01"));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

/* --- Blocks -------------------------------------------------------------- */

static void a_sound_store_has_nothing_wrong(void **state)
{
    struct fixture *fixture = *state;
    assert_sound(fixture->store);
    fill(fixture->store);
    assert_sound(fixture->store);
}

static void a_damaged_block_is_found_and_removed(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    bool done;
    put_text(fixture->store, "right");
    put_text(fixture->store, "wrong");
    const Cid right = cid_of_text("right"), wrong = cid_of_text("wrong");
    put_raw(fixture->store, TABLE_BLOCKS, cid_multihash(&wrong),
            text_block("wrung"));
    look(fixture->store, &found);
    assert_int_equal(found.counts.blocks, 2);
    assert_int_equal(found.counts.block_bytes, 10);
    assert_int_equal(found.block_count, 1);
    assert_true(bytes_equal(found.blocks[0], cid_multihash(&wrong)));
    arena_deinit(&found.arena);

    assert_ok(
        fsck_remove_block(fixture->store, cid_multihash(&right), &done, NULL));
    assert_false(done); // It hashes to its name.
    assert_ok(
        fsck_remove_block(fixture->store, cid_multihash(&wrong), &done, NULL));
    assert_true(done);
    assert_true(store_has(fixture->store, &right));
    assert_false(store_has(fixture->store, &wrong));
    assert_sound(fixture->store);
}

static void a_block_under_no_name_is_damaged(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    put_raw(fixture->store, TABLE_BLOCKS, text_block("\x12"), text_block("x"));
    look(fixture->store, &found);
    assert_int_equal(found.block_count, 1);
    arena_deinit(&found.arena);
}

static void each_block_of_many_is_hashed_once(void **state)
{
    enum { COUNT = 9000 };
    struct fixture *fixture = *state;
    struct store_batch *batch = store_batch_new(fixture->store);
    struct found found;
    char text[16];
    for (int number = 0; number < COUNT; number++) {
        snprintf(text, sizeof text, "%d", number);
        const Cid cid = cid_of_text(text);
        store_batch_block(batch, &cid, text_block(text));
    }
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    for (int number = 0; number < COUNT; number += COUNT / 7) {
        snprintf(text, sizeof text, "%d", number);
        const Cid cid = cid_of_text(text);
        put_raw(fixture->store, TABLE_BLOCKS, cid_multihash(&cid),
                text_block("x"));
    }
    look(fixture->store, &found);
    assert_int_equal(found.counts.blocks, COUNT);
    assert_int_equal(found.block_count, 8);
    arena_deinit(&found.arena);
}

static bool stop(void *context, uint64_t done, uint64_t total)
{
    (void)context, (void)done, (void)total;
    return false;
}

static void it_stops_when_it_is_asked_to(void **state)
{
    struct fixture *fixture = *state;
    struct fsck_counts counts = {0};
    const struct fsck_options options = {.progress = stop};
    put_text(fixture->store, "a");
    assert_status(
        fsck_blocks(fixture->store, &options, keep_block, &counts, NULL),
        STATUS_CANCELLED);
}

/* --- Rows ---------------------------------------------------------------- */

static uint8_t long_key[2 * SHA256_LEN + 4] = "key";

/* Each row breaks one rule. */
static const struct {
    enum table table;
    bool raw; /* without the checksum that belongs there */
    size_t key_len;
    Bytes value;
    const char *what;
} wrong_rows[] = {
    {TABLE_MEMO, true, 32, {(const uint8_t *)"0123456789", 10}, "checksum"},
    {TABLE_MEMO, false, 32, {(const uint8_t *)"\x01", 1}, "cannot be read"},
    {TABLE_MEMO, false, 31, {(const uint8_t *)"\x01", 1}, "no computation"},
    {TABLE_BY_RESULT, false, 68, {NULL, 0}, "no memo entry"},
    {TABLE_BY_RESULT, false, 32, {NULL, 0}, "no result"},
    {TABLE_SYMBOLIC, false, 32, {(const uint8_t *)"\x02", 1}, "be read"},
    {TABLE_SYMBOLIC, false, 32, {long_key, 33}, "be read"},
    {TABLE_SYMBOLIC, true, 32, {long_key, 33}, "checksum"},
    {TABLE_SYMBOLIC, false, 5, {long_key, 33}, "no computation"},
    {TABLE_THROUGH, false, 63, {NULL, 0}, "not two computations"},
    {TABLE_PRODUCER, false, 34, {long_key, 31}, "cannot be read"},
    {TABLE_PRODUCER, true, 34, {long_key, 32}, "checksum"},
    {TABLE_ALARMS, false, 32, {NULL, 0}, "cannot be read"},
    {TABLE_ALARMS, false, 68, {(const uint8_t *)"\xff", 1}, "cannot be read"},
    {TABLE_NOTE_FILE, false, 3, {long_key, 64}, "cannot be read"},
    {TABLE_NOTE_FILE, true, 3, {long_key, 65}, "checksum"},
    {TABLE_NOTE_LAST_RUN, false, 3, {(const uint8_t *)"\x81", 1}, "be read"},
    {TABLE_PENDING, true, 8, {long_key, 60}, "checksum"},
    {TABLE_RECEIPTS, true, 64, {long_key, 60}, "checksum"},
    {TABLE_TOKENS, false, 32, {long_key, 60}, "named after"},
    {TABLE_JOBS, true, 32, {long_key, 60}, "checksum"},
    {TABLE_JOBS, false, 32, {long_key, 8}, "not there"},
    {TABLE_JOBS, false, 31, {long_key, 8}, "no job"},
    {TABLE_JOBS_TIME, false, 40, {long_key, 11}, "cannot be read"},
    {TABLE_JOBS_OPEN, true, 40, {NULL, 0}, "not there"},
    {TABLE_JOBS_OPEN, true, 39, {NULL, 0}, "no time and job"},
    {TABLE_JOBS_TIME, true, 40, {long_key, 60}, "checksum"},
    {TABLE_JOURNAL, true, 48, {long_key, 9}, "checksum"},
    {TABLE_JOURNAL, false, 48, {long_key, 9}, "not there"},
    {TABLE_JOURNAL, false, 41, {long_key, 9}, "no job and number"},
    {TABLE_QUOTAS, true, 4, {long_key, 9}, "checksum"},
};

static void rows_that_are_wrong_are_found_and_mended(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture->store);
    for (size_t index = 0; index < sizeof wrong_rows / sizeof *wrong_rows;
         index++) {
        const Bytes key = bytes_of(long_key, wrong_rows[index].key_len);
        struct found found;
        bool done;
        if (wrong_rows[index].raw)
            put_raw(fixture->store, wrong_rows[index].table, key,
                    wrong_rows[index].value);
        else
            put_checked(fixture->store, wrong_rows[index].table, key,
                        wrong_rows[index].value);
        look(fixture->store, &found);
        assert_int_equal(found.row_count, 1);
        if (!strstr(found.rows[0].what, wrong_rows[index].what))
            assert_string_equal(found.rows[0].what, wrong_rows[index].what);
        assert_true(bytes_equal(found.rows[0].key, key));
        assert_ok(fsck_mend_row(fixture->store, &found.rows[0], &done, NULL));
        assert_true(done);
        arena_deinit(&found.arena);
        assert_sound(fixture->store);
    }
    struct memo_entry entry;
    const Hash concrete = hash_of_text("c");
    assert_ok(memo_get(fixture->store, &concrete, &entry, NULL));
}

static void the_state_of_a_log_is_told_and_never_removed(void **state)
{
    struct fixture *fixture = *state;
    const Bytes key = bytes_of(long_key, SHA256_LEN);
    struct found found;
    bool done;
    put_raw(fixture->store, TABLE_LOG, key, bytes_of(long_key, 60));
    for (int time = 0; time < 2; time++) {
        look(fixture->store, &found);
        assert_int_equal(found.row_count, 1);
        assert_non_null(strstr(found.rows[0].what, "restore a backup"));
        assert_status(
            fsck_mend_row(fixture->store, &found.rows[0], &done, NULL),
            STATUS_UNSUPPORTED);
        assert_false(done);
        arena_deinit(&found.arena);
    }
}

static void a_row_that_is_right_again_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct memo_entry entry;
    bool done;
    fill(fixture->store);
    const Hash concrete = hash_of_text("c");
    const struct fsck_row row = {.table = TABLE_MEMO,
                                 .key = hash_view(&concrete)};
    assert_ok(fsck_mend_row(fixture->store, &row, &done, NULL));
    assert_false(done);
    assert_ok(memo_get(fixture->store, &concrete, &entry, NULL));
}

static void a_missing_row_by_result_is_added(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    bool done;
    fill(fixture->store);
    const struct memo_entry entry = entry_of("r");
    const Hash concrete = hash_of_text("c");
    uint8_t key[CID_BYTES_MAX + SHA256_LEN];
    memcpy(key, entry.result.bytes, entry.result.len);
    memcpy(key + entry.result.len, concrete.bytes, SHA256_LEN);
    struct transaction transaction;
    assert_ok(tables_write(fixture->store->tables, &transaction, NULL));
    assert_ok(transaction_remove(&transaction, TABLE_BY_RESULT,
                                 bytes_of(key, entry.result.len + SHA256_LEN),
                                 NULL));
    assert_ok(transaction_commit(&transaction, NULL));
    look(fixture->store, &found);
    assert_int_equal(found.row_count, 1);
    assert_ok(fsck_mend_row(fixture->store, &found.rows[0], &done, NULL));
    assert_true(done);
    arena_deinit(&found.arena);
    assert_sound(fixture->store);
}

static void entries_of_newer_versions_are_not_judged(void **state)
{
    struct fixture *fixture = *state;
    put_checked(fixture->store, TABLE_MEMO, bytes_of(long_key, 32),
                text_block("\x02 of the future"));
    assert_sound(fixture->store);
}

static Status count_entry(void *context, const Hash *concrete,
                          const struct memo_entry *entry, struct error *err)
{
    const Hash expected = hash_of_text("c");
    const Cid result = cid_of_text("r");
    (void)err;
    assert_true(hash_equal(concrete, &expected));
    assert_true(
        bytes_equal(cid_multihash(&entry->result), cid_multihash(&result)));
    ++*(int *)context;
    return STATUS_OK;
}

static void every_memo_entry_is_given(void **state)
{
    struct fixture *fixture = *state;
    int count = 0;
    fill(fixture->store);
    assert_ok(fsck_memo(fixture->store, count_entry, &count, NULL));
    assert_int_equal(count, 1);
}

/* --- Backups ------------------------------------------------------------- */

static const char *below(const struct fixture *fixture, const char *name)
{
    static char path[2 * PATH_LEN];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    return path;
}

static Status restore(const char *from, const char *to)
{
    const struct restore_options options = {.verify = true};
    struct restore_report report;
    const int file = open(from, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    Status status = backup_restore(file, from, to, &options, &report, NULL);
    close(file);
    return status;
}

static void a_backup_comes_back(void **state)
{
    struct fixture *fixture = *state;
    char backup[PATH_LEN * 2], place[PATH_LEN * 2];
    uint64_t bytes;
    struct stat stat_now;
    struct store *back;
    fill(fixture->store);
    snprintf(backup, sizeof backup, "%s", below(fixture, "backup"));
    snprintf(place, sizeof place, "%s", below(fixture, "back"));
    assert_ok(backup_save(fixture->store, backup, NULL, &bytes, NULL));
    assert_int_equal(stat(backup, &stat_now), 0);
    assert_int_equal(stat_now.st_size, (off_t)bytes);
    assert_ok(restore(backup, place));
    assert_status(restore(backup, place), STATUS_DENIED);
    assert_ok(store_open(place, NULL, &back, NULL));
    assert_sound(back);
    assert_gets(back, "r");
    store_close(back);
}

static void a_backup_that_was_cut_or_changed_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char backup[PATH_LEN * 2], place[PATH_LEN * 2];
    uint64_t bytes;
    fill(fixture->store);
    snprintf(backup, sizeof backup, "%s", below(fixture, "backup"));
    snprintf(place, sizeof place, "%s", below(fixture, "back"));
    assert_ok(backup_save(fixture->store, backup, NULL, &bytes, NULL));
    const int file = open(backup, O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    for (uint64_t at = bytes - 1; at > 300; at -= at > bytes - 70 ? 1 : 311) {
        uint8_t byte;
        assert_int_equal(pread(file, &byte, 1, (off_t)at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
        assert_true(restore(backup, place) != STATUS_OK);
        byte ^= 0x10;
        assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
    }
    for (uint64_t len = bytes - 1; len > 300;
         len -= len > bytes - 70 ? 1 : 311) {
        assert_int_equal(ftruncate(file, (off_t)len), 0);
        assert_status(restore(backup, place), STATUS_INVALID);
    }
    close(file);
    assert_int_not_equal(access(place, F_OK), 0);
}

static void a_store_in_memory_has_no_backup(void **state)
{
    struct fixture *fixture = *state;
    uint64_t bytes;
    const int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_status(
        backup_write(fixture->store, file, "null", NULL, &bytes, NULL),
        STATUS_UNSUPPORTED);
    close(file);
}

#define ON_BOTH(test)                                                         \
    cmocka_unit_test_setup_teardown(test, setup_memory, teardown),            \
        cmocka_unit_test_setup_teardown(test, setup_lmdb, teardown)
#define ON_LMDB(test)                                                         \
    cmocka_unit_test_setup_teardown(test, setup_lmdb, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_sound_store_has_nothing_wrong),
        ON_BOTH(a_damaged_block_is_found_and_removed),
        ON_BOTH(a_block_under_no_name_is_damaged),
        ON_LMDB(each_block_of_many_is_hashed_once),
        ON_BOTH(it_stops_when_it_is_asked_to),
        ON_BOTH(rows_that_are_wrong_are_found_and_mended),
        ON_BOTH(the_state_of_a_log_is_told_and_never_removed),
        ON_BOTH(a_row_that_is_right_again_is_left_alone),
        ON_BOTH(a_missing_row_by_result_is_added),
        ON_BOTH(entries_of_newer_versions_are_not_judged),
        ON_BOTH(every_memo_entry_is_given),
        ON_LMDB(a_backup_comes_back),
        ON_LMDB(a_backup_that_was_cut_or_changed_is_refused),
        cmocka_unit_test_setup_teardown(a_store_in_memory_has_no_backup,
                                        setup_memory, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
