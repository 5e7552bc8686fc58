/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of CARs is as good as having imported them, as long as they last. */
#include "content/car_source.h"

#include "unit/content/place.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "content/sources.h"
#include "ipld/car.h"

/* The block of a number, some hundred bytes. */
static Bytes numbered(uint64_t number, uint8_t room[256])
{
    for (size_t index = 0; index < 256; index++)
        room[index] = (uint8_t)(number >> 8 * (index % 8));
    return bytes_of(room, 100 + number % 156);
}

static Cid cid_of_number(uint64_t number)
{
    uint8_t room[256];
    Cid cid;
    cid_of(CODEC_RAW, numbered(number, room), &cid);
    return cid;
}

static Status add_to_buffer(void *context, Bytes bytes, struct error *err)
{
    (void)err;
    buffer_add_bytes(context, bytes);
    return STATUS_OK;
}

/* A CAR of the blocks from..to, as bytes. */
static void make_car(struct buffer *out, uint64_t from, uint64_t to)
{
    uint8_t room[256];
    Cid root = cid_of_number(from);
    buffer_init(out, 1 << 30);
    assert_ok(car_write_header(add_to_buffer, out, &root, 1, NULL));
    for (uint64_t number = from; number < to; number++) {
        Cid cid = cid_of_number(number);
        assert_ok(car_write_block(add_to_buffer, out, &cid,
                                  numbered(number, room), NULL));
    }
}

static void write_car(const struct place *place, const char *name,
                      uint64_t from, uint64_t to)
{
    struct buffer car;
    make_car(&car, from, to);
    place_write(place, name, buffer_bytes(&car));
    buffer_deinit(&car);
}

static const char *cars(const struct place *place)
{
    static char path[2 * PLACE_PATH];
    snprintf(path, sizeof path, "%s/cars", place->directory);
    mkdir(path, 0700);
    return path;
}

static struct block_source *add(struct place *place, const char *path)
{
    struct error err = {0};
    struct block_source *source = NULL;
    if (sources_add(place->store, path, NULL, NULL, &source, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
    return source;
}

/* As a process that begins now would. */
static void reopen(struct place *place)
{
    place_reopen(place);
    assert_ok(sources_open(place->store, NULL, NULL));
}

static void assert_has(struct place *place, uint64_t number)
{
    const Cid cid = cid_of_number(number);
    struct error err = {0};
    struct block *block;
    uint8_t room[256];
    assert_true(store_has(place->store, &cid));
    if (store_get(place->store, &cid, &block, &err) != STATUS_OK)
        fail_msg("block %llu: %s", (unsigned long long)number, err.message);
    assert_true(bytes_equal(block_bytes(block), numbered(number, room)));
    block_unref(block);
}

static void assert_has_not(struct place *place, uint64_t number)
{
    const Cid cid = cid_of_number(number);
    struct block *block = NULL;
    assert_status(store_get(place->store, &cid, &block, NULL),
                  STATUS_NOT_FOUND);
    assert_null(block);
}

/* --- What is found ------------------------------------------------------- */

static void finds_blocks_without_keeping_them(void **state)
{
    struct place *place = *state;
    write_car(place, (cars(place), "cars/a.car"), 0, 1000);
    write_car(place, "cars/b.car", 500, 2000);
    write_car(place, "cars/not-a-car.txt", 5000, 5001);
    add(place, cars(place));
    for (uint64_t number = 0; number < 2000; number++)
        assert_has(place, number);
    assert_has_not(place, 2000);
    assert_has_not(place, 5000);
    struct store_stat stat;
    assert_ok(store_stat(place->store, &stat, NULL));
    assert_int_equal(stat.blocks, 0);
}

static void is_there_for_who_opens_the_store_next(void **state)
{
    struct place *place = *state;
    write_car(place, (cars(place), "cars/a.car"), 0, 10);
    add(place, cars(place));
    reopen(place);
    assert_has(place, 3);
    assert_ok(sources_remove(place->store, cars(place), NULL));
    assert_status(sources_remove(place->store, cars(place), NULL),
                  STATUS_NOT_FOUND);
    reopen(place);
    assert_has_not(place, 3);
}

static void finds_the_same_bytes_under_another_codec(void **state)
{
    struct place *place = *state;
    write_car(place, (cars(place), "cars/a.car"), 0, 10);
    add(place, cars(place));
    Hash hash;
    Cid raw = cid_of_number(7), other;
    assert_true(cid_sha256(&raw, CODEC_RAW, &hash));
    cid_from_hash(CODEC_DAG_CBOR, &hash, &other);
    struct block *block;
    assert_ok(store_get(place->store, &other, &block, NULL));
    assert_true(cid_equal(block_cid(block), &other));
    block_unref(block);
}

static void takes_a_single_file_by_any_name(void **state)
{
    struct place *place = *state;
    write_car(place, "archive", 0, 10);
    struct block_source *source = add(place, place_path(place, "archive"));
    assert_has(place, 9);
    char where[SOURCE_WHERE_MAX];
    const Cid cid = cid_of_number(9);
    source->where(source, &cid, where);
    assert_non_null(strstr(where, "/archive at byte "));
}

static bool note_wrong(void *context, const char *path,
                       const struct car_file *file)
{
    char *out = context;
    if (file->trouble[0] != '\0')
        snprintf(out, 512, "%s: %s", path, file->trouble);
    return true;
}

static void passes_over_a_car_that_is_cut_off(void **state)
{
    struct place *place = *state;
    struct buffer car;
    char told[512] = "";
    write_car(place, (cars(place), "cars/good.car"), 0, 10);
    make_car(&car, 10, 20);
    place_write(place, "cars/short.car", bytes_of(car.data, car.len - 7));
    place_write(place, "cars/words.car", text_bytes(TEXT("no CAR at all")));
    place_write(place, "cars/empty.car", (Bytes){NULL, 0});
    buffer_deinit(&car);
    struct block_source *source = add(place, cars(place));
    assert_has(place, 9);
    for (uint64_t number = 10; number < 20; number++)
        assert_has_not(place, number);
    struct source_stat stat;
    source->stat(source, &stat);
    assert_int_equal(stat.files, 1);
    assert_int_equal(stat.files_refused, 3);
    assert_int_equal(stat.blocks, 10);
    unlink(place_path(place, "cars/words.car"));
    unlink(place_path(place, "cars/empty.car"));
    assert_ok(car_source_refresh(source, NULL, NULL, NULL));
    car_source_each(source, note_wrong, told);
    assert_non_null(strstr(told, "cars/short.car: block "));
    assert_non_null(strstr(told, "is cut off"));
}

static bool count_source(void *context, const char *name,
                         const struct source_stat *stat)
{
    (void)name, (void)stat;
    ++*(size_t *)context;
    return true;
}

static void refuses_a_single_file_that_is_no_car(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    struct block_source *source;
    place_write(place, "words", text_bytes(TEXT("no CAR at all")));
    assert_status(sources_add(place->store, place_path(place, "words"), NULL,
                              NULL, &source, &err),
                  STATUS_INVALID);
    assert_non_null(strstr(err.message, "/words: "));
    assert_status(sources_add(place->store, place_path(place, "none"), NULL,
                              NULL, &source, &err),
                  STATUS_NOT_FOUND);
    assert_status(
        sources_add(place->store, "/dev/null", NULL, NULL, &source, &err),
        STATUS_INVALID);
    reopen(place); // Nothing of that is on the list.
    size_t count = 0;
    source_each(place->store, count_source, &count);
    assert_int_equal(count, 0);
}

/* Whatever a CAR is cut to, its source opens, and gives only what is right. */
static void survives_every_length_of_a_car(void **state)
{
    struct place *place = *state;
    struct buffer car;
    write_car(place, (cars(place), "cars/good.car"), 100, 101);
    struct block_source *source = add(place, cars(place));
    make_car(&car, 0, 2);
    for (size_t len = 0; len < car.len; len++) {
        place_write(place, "cars/cut.car", bytes_of(car.data, len));
        assert_ok(car_source_refresh(source, NULL, NULL, NULL));
        struct block *block = NULL;
        const Cid cid = cid_of_number(0);
        Status status = source->get(source, &cid, &block, NULL);
        // Whole sections and no more are a whole CAR.
        assert_true(status == STATUS_NOT_FOUND || status == STATUS_OK);
        block_unref(block);
        assert_has(place, 100);
    }
    buffer_deinit(&car);
}

/* --- Damage -------------------------------------------------------------- */

/* Changes the last byte of the file's last block. */
static void damage_end(const struct place *place, const char *name)
{
    const int file = open(place_path(place, name), O_RDWR | O_CLOEXEC);
    const off_t end = lseek(file, -1, SEEK_END);
    assert_true(end > 0);
    assert_int_equal(write(file, "\xff", 1), 1);
    close(file);
}

static void a_damaged_block_is_named_and_hides_no_other(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    struct block *block = NULL;
    const Cid cid = cid_of_number(9);
    write_car(place, (cars(place), "cars/a.car"), 0, 10);
    damage_end(place, "cars/a.car");
    struct block_source *source = add(place, cars(place));
    assert_status(store_get(place->store, &cid, &block, &err), STATUS_CORRUPT);
    assert_null(block);
    assert_non_null(strstr(err.message, "cars/a.car at byte "));
    assert_has(place, 8);
    // Another copy, in the same folder and in another source.
    write_car(place, "cars/b.car", 9, 10);
    assert_ok(car_source_refresh(source, NULL, NULL, NULL));
    assert_has(place, 9);
    unlink(place_path(place, "cars/b.car"));
    write_car(place, "c.car", 9, 10);
    reopen(place);
    assert_status(store_get(place->store, &cid, &block, &err), STATUS_CORRUPT);
    add(place, place_path(place, "c.car"));
    assert_has(place, 9);
}

static void a_good_copy_stands_in_for_a_damaged_row(void **state)
{
    struct place *place = *state;
    write_car(place, (cars(place), "cars/a.car"), 0, 10);
    add(place, cars(place));
    const Cid cid = cid_of_number(3);
    struct store_batch *batch = store_batch_new(place->store);
    // The maker vouches for what he gives; this one lies.
    store_batch_block(batch, &cid, text_bytes(TEXT("other bytes")));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    assert_has(place, 3);
}

static void what_changes_under_our_hands_is_noticed(void **state)
{
    struct place *place = *state;
    write_car(place, (cars(place), "cars/a.car"), 0, 10);
    add(place, cars(place));
    assert_has(place, 1);
    // In place, so that the file that is open is the one that changes.
    write_car(place, "cars/a.car", 1, 30);
    assert_has(place, 2);
    assert_has(place, 29);
    assert_int_equal(truncate(place_path(place, "cars/a.car"), 70), 0);
    assert_has_not(place, 5);
    assert_has_not(place, 6);
    unlink(place_path(place, "cars/a.car"));
    assert_has_not(place, 4);
}

static void a_folder_that_is_gone_is_an_empty_one(void **state)
{
    struct place *place = *state;
    char other[2 * PLACE_PATH];
    write_car(place, (cars(place), "cars/a.car"), 0, 10);
    add(place, cars(place));
    snprintf(other, sizeof other, "%s/elsewhere", place->directory);
    assert_int_equal(rename(cars(place), other), 0);
    rmdir(cars(place)); // cars() makes it again.
    reopen(place);
    assert_has_not(place, 1);
}

/* --- The index ----------------------------------------------------------- */

/* Calls with the path of each index, until that returns false. */
static const char *index_path(const struct place *place)
{
    static char path[3 * PLACE_PATH];
    DIR *stream = opendir(place_path(place, "store/sources"));
    const struct dirent *entry;
    assert_non_null(stream);
    path[0] = '\0';
    while ((entry = readdir(stream)))
        if (text_ends_with(text_of(entry->d_name), TEXT(".index")))
            snprintf(path, sizeof path, "%s/store/sources/%s",
                     place->directory, entry->d_name);
    closedir(stream);
    return path;
}

static void is_made_once_and_again_when_a_car_changes(void **state)
{
    struct place *place = *state;
    struct stat first, second, third;
    write_car(place, (cars(place), "cars/a.car"), 0, 10);
    add(place, cars(place));
    assert_int_equal(stat(index_path(place), &first), 0);
    reopen(place);
    assert_has(place, 3);
    assert_int_equal(stat(index_path(place), &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    write_car(place, "cars/b.car", 10, 20);
    reopen(place);
    assert_has(place, 3);
    assert_has(place, 19);
    assert_int_equal(stat(index_path(place), &third), 0);
    assert_int_not_equal(first.st_ino, third.st_ino);
}

static void a_damaged_index_is_made_anew(void **state)
{
    struct place *place = *state;
    write_car(place, (cars(place), "cars/a.car"), 0, 100);
    add(place, cars(place));
    struct stat whole;
    assert_int_equal(stat(index_path(place), &whole), 0);
    for (off_t len = 0; len < whole.st_size; len += 31) {
        store_close(place->store);
        assert_int_equal(truncate(index_path(place), len), 0);
        assert_ok(
            store_open(place_path(place, "store"), NULL, &place->store, NULL));
        assert_ok(sources_open(place->store, NULL, NULL));
        assert_has(place, 50);
    }
    // Bytes of the head that changed.
    for (off_t at = 0; at < 96; at++) {
        reopen(place);
        const int file = open(index_path(place), O_RDWR | O_CLOEXEC);
        uint8_t byte;
        assert_int_equal(pread(file, &byte, 1, at), 1);
        byte ^= 0x41;
        assert_int_equal(pwrite(file, &byte, 1, at), 1);
        close(file);
        assert_has(place, 50);
    }
}

static void needs_no_place_on_disk(void **state)
{
    struct place *place = *state;
    write_car(place, (cars(place), "cars/a.car"), 0, 100);
    struct block_source *source = car_source_new(cars(place), NULL);
    store_add_source(place->store, source);
    assert_has(place, 50);
    const struct car_source_options options = {
        .index_directory = "/nowhere/at/all",
    };
    source = car_source_new(cars(place), &options);
    const Cid cid = cid_of_number(7);
    assert_true(source->has(source, &cid));
    source->close(source);
}

static void sorts_more_than_fits_in_one_run(void **state)
{
    enum { BLOCKS = (1 << 20) + 5000 };
    struct place *place = *state;
    write_car(place, (cars(place), "cars/a.car"), 0, BLOCKS);
    struct block_source *source = add(place, cars(place));
    // Kept blocks come from the old index, new ones from another run.
    write_car(place, "cars/b.car", BLOCKS, BLOCKS + 100);
    assert_ok(car_source_refresh(source, NULL, NULL, NULL));
    struct source_stat stat;
    source->stat(source, &stat);
    assert_int_equal(stat.blocks, BLOCKS + 100);
    for (uint64_t number = 0; number < BLOCKS + 100; number += 997)
        assert_has(place, number);
    assert_has(place, BLOCKS + 99);
    assert_has_not(place, BLOCKS + 100);
}

static void finds_a_block_among_keys_made_to_mislead(void **state)
{
    enum { FAKES = 3000 };
    struct place *place = *state;
    struct buffer car;
    make_car(&car, 0, 50);
    for (unsigned fake = 0; fake < FAKES; fake++) {
        // Keys that crowd at one end, but for the last byte.
        uint8_t cid[36] = {1, CODEC_RAW, HASH_SHA2_256, SHA256_LEN};
        memset(cid + 4, fake % 2 ? 0 : 0xff, 32);
        cid[34] = (uint8_t)(fake >> 8);
        cid[35] = (uint8_t)fake;
        Cid read;
        assert_ok(cid_from_bytes(bytes_of(cid, sizeof cid), &read, NULL));
        assert_ok(car_write_block(add_to_buffer, &car, &read,
                                  text_bytes(TEXT("lie")), NULL));
    }
    cars(place);
    place_write(place, "cars/a.car", buffer_bytes(&car));
    buffer_deinit(&car);
    add(place, cars(place));
    for (uint64_t number = 0; number < 50; number++)
        assert_has(place, number);
}

/* --- Many at once -------------------------------------------------------- */

static void *get_all(void *context)
{
    struct place *place = context;
    for (uint64_t round = 0; round < 20; round++)
        for (uint64_t number = 0; number < 100; number++)
            assert_has(place, number);
    return NULL;
}

static void threads_read_while_the_folder_changes(void **state)
{
    struct place *place = *state;
    pthread_t threads[4];
    char name[64];
    write_car(place, (cars(place), "cars/a.car"), 0, 100);
    struct block_source *source = add(place, cars(place));
    for (size_t index = 0; index < 4; index++)
        assert_int_equal(pthread_create(&threads[index], NULL, get_all, place),
                         0);
    for (uint64_t change = 0; change < 20; change++) {
        snprintf(name, sizeof name, "cars/x%u.car", (unsigned)change);
        write_car(place, name, 1000 + change, 1010 + change);
        assert_ok(car_source_refresh(source, NULL, NULL, NULL));
    }
    for (size_t index = 0; index < 4; index++)
        pthread_join(threads[index], NULL);
    assert_has(place, 1028);
}

/* --- The list ------------------------------------------------------------ */

static void refuses_a_list_it_cannot_read(void **state)
{
    static const char *const lists[] = {
        "",
        "\n",
        "ipvm sources 1",
        "ipvm sources 2\n/a\n",
        "/a\n",
        "ipvm sources 1\nrelative/path\n",
        "ipvm sources 1\n/a\n\n/b\n",
        "ipvm sources 1\n/a\n/cut/off",
    };
    struct place *place = *state;
    write_car(place, (cars(place), "cars/a.car"), 0, 1);
    add(place, cars(place));
    for (size_t index = 0; index < sizeof lists / sizeof *lists; index++) {
        struct error err = {0};
        place_reopen(place);
        place_write(place, "store/sources/list",
                    text_bytes(text_of(lists[index])));
        assert_status(sources_open(place->store, NULL, &err), STATUS_CORRUPT);
        assert_non_null(strstr(err.message, "sources/list"));
    }
    place_write(place, "store/sources/list",
                text_bytes(TEXT("ipvm sources 1\n")));
    assert_ok(sources_open(place->store, NULL, NULL));
}

int main(void)
{
#define ROW(test)                                                             \
    cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        ROW(finds_blocks_without_keeping_them),
        ROW(is_there_for_who_opens_the_store_next),
        ROW(finds_the_same_bytes_under_another_codec),
        ROW(takes_a_single_file_by_any_name),
        ROW(passes_over_a_car_that_is_cut_off),
        ROW(refuses_a_single_file_that_is_no_car),
        ROW(survives_every_length_of_a_car),
        ROW(a_damaged_block_is_named_and_hides_no_other),
        ROW(a_good_copy_stands_in_for_a_damaged_row),
        ROW(what_changes_under_our_hands_is_noticed),
        ROW(a_folder_that_is_gone_is_an_empty_one),
        ROW(is_made_once_and_again_when_a_car_changes),
        ROW(a_damaged_index_is_made_anew),
        ROW(needs_no_place_on_disk),
        ROW(sorts_more_than_fits_in_one_run),
        ROW(finds_a_block_among_keys_made_to_mislead),
        ROW(threads_read_while_the_folder_changes),
        ROW(refuses_a_list_it_cannot_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
