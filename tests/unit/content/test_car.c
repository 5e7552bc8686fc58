/* SPDX-License-Identifier: Apache-2.0 */
#include "content/car_export.h"
#include "content/car_import.h"

#include "unit/content/place.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipld/dag_cbor.h"

/* --- CARs made by hand --------------------------------------------------- */

static Status append(void *context, Bytes bytes, struct error *err)
{
    (void)err;
    buffer_add_bytes(context, bytes);
    return STATUS_OK;
}

static void begin_car(struct buffer *car, const Cid *roots, size_t count)
{
    buffer_init(car, 256 << 20);
    assert_ok(car_write_header(append, car, roots, count, NULL));
}

static void add_block(struct buffer *car, const Cid *cid, Bytes bytes)
{
    assert_ok(car_write_block(append, car, cid, bytes, NULL));
}

static Cid add_raw(struct buffer *car, const char *text)
{
    Cid cid;
    cid_of(CODEC_RAW, text_bytes(text_of(text)), &cid);
    add_block(car, &cid, text_bytes(text_of(text)));
    return cid;
}

/* A dag-cbor list of links. */
static Bytes list_of(struct arena *arena, const Cid *links, size_t count,
                     Cid *cid)
{
    Value *items = arena_array(arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = value_link(&links[index]);
    Value list = value_list(items, count);
    return dag_cbor_block(&list, arena, cid);
}

static Status import_bytes(struct place *place, Bytes car,
                           const struct car_import_options *options,
                           struct car_imported *out, struct error *err)
{
    place_write(place, "some.car", car);
    int file = open(place_path(place, "some.car"), O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    Status status =
        car_import(place->store, file, "dir/some.car", options, out, err);
    close(file);
    return status;
}

static struct car_missing missing_below(struct place *place,
                                        const struct car_imported *imported)
{
    struct car_missing missing;
    assert_ok(car_look_below(place->store, imported, &missing, NULL));
    return missing;
}

static uint64_t count_blocks(struct store *store)
{
    struct store_stat stat;
    assert_ok(store_stat(store, &stat, NULL));
    return stat.blocks;
}

struct pins {
    size_t count;
    Cid last;
    char name[64];
};

static bool note_pin(void *context, const Cid *cid, Text name)
{
    struct pins *pins = context;
    pins->count++;
    pins->last = *cid;
    snprintf(pins->name, sizeof pins->name, "%.*s", TEXT_ARG(name));
    return true;
}

static struct pins pins_of(struct store *store)
{
    struct pins pins = {0};
    assert_ok(pin_each(store, note_pin, &pins, NULL));
    return pins;
}

/* --- Import -------------------------------------------------------------- */

static void blocks_come_in_and_roots_are_pinned(void **state)
{
    struct place *place = *state;
    struct arena arena = {0};
    struct buffer car;
    struct car_imported imported;
    Cid leaves[2], root;
    cid_of(CODEC_RAW, bytes_of("a", 1), &leaves[0]);
    cid_of(CODEC_RAW, bytes_of("b", 1), &leaves[1]);
    Bytes block = list_of(&arena, leaves, 2, &root);
    begin_car(&car, &root, 1);
    add_block(&car, &root, block);
    add_raw(&car, "a");
    add_raw(&car, "b");
    add_raw(&car, "a");
    assert_ok(import_bytes(place, buffer_bytes(&car), NULL, &imported, NULL));
    assert_int_equal(imported.version, 1);
    assert_int_equal(imported.blocks, 4);
    assert_int_equal(imported.root_count, 1);
    assert_true(imported.is_in_file[0]);
    assert_int_equal(missing_below(place, &imported).count, 0);
    car_imported_deinit(&imported);
    place_reopen(place);
    assert_int_equal(count_blocks(place->store), 3);
    struct pins pins = pins_of(place->store);
    assert_int_equal(pins.count, 1);
    assert_true(cid_equal(&pins.last, &root));
    assert_string_equal(pins.name, "some.car");
    buffer_deinit(&car);
    arena_deinit(&arena);
}

static void without_pins_only_the_blocks_come(void **state)
{
    struct place *place = *state;
    const struct car_import_options options = {.no_pin = true};
    struct buffer car;
    struct car_imported imported;
    Cid gone;
    cid_of(CODEC_DAG_CBOR, bytes_of("gone", 4), &gone);
    begin_car(&car, &gone, 1);
    add_raw(&car, "a");
    assert_ok(
        import_bytes(place, buffer_bytes(&car), &options, &imported, NULL));
    assert_false(imported.is_in_file[0]);
    assert_int_equal(missing_below(place, &imported).count, 1);
    car_imported_deinit(&imported);
    assert_int_equal(pins_of(place->store).count, 0);
    buffer_deinit(&car);
}

static void what_is_missing_below_a_root_is_told(void **state)
{
    struct place *place = *state;
    struct arena arena = {0};
    struct buffer car;
    struct car_imported imported;
    Cid links[3], roots[2];
    cid_of(CODEC_RAW, bytes_of("here", 4), &links[0]);
    cid_of(CODEC_RAW, bytes_of("gone", 4), &links[1]);
    cid_of(CODEC_RAW, bytes_of("lost", 4), &links[2]);
    Bytes block = list_of(&arena, links, 3, &roots[0]);
    cid_of(CODEC_RAW, bytes_of("root", 4), &roots[1]);
    begin_car(&car, roots, 2);
    add_block(&car, &roots[0], block);
    add_raw(&car, "here");
    assert_ok(import_bytes(place, buffer_bytes(&car), NULL, &imported, NULL));
    const struct car_missing missing = missing_below(place, &imported);
    assert_int_equal(missing.count, 3);
    assert_true(cid_equal(&missing.first, &links[1]));
    assert_true(imported.is_in_file[0]);
    assert_false(imported.is_in_file[1]);
    assert_true(imported.is_pinned[0]);
    assert_false(imported.is_pinned[1]);
    car_imported_deinit(&imported);
    assert_int_equal(pins_of(place->store).count, 1);
    buffer_deinit(&car);
    arena_deinit(&arena);
}

static void a_bad_block_is_named_and_nothing_is_kept(void **state)
{
    struct place *place = *state;
    struct buffer car;
    struct car_imported imported;
    struct error err = {0};
    char name[CID_TEXT_MAX], words[64];
    begin_car(&car, NULL, 0);
    add_raw(&car, "one");
    const size_t second = car.len;
    Cid bad = add_raw(&car, "two");
    add_raw(&car, "three");
    cid_to_text(&bad, name);
    snprintf(words, sizeof words, "at byte %zu", second);
    // Every byte from the second block's length on, but the codecs: another
    // codec is another name for the same bytes.
    const size_t third = second + 1 + CID_OURS_LEN + 3;
    for (size_t at = second; at < car.len; at++) {
        if (at == second + 2 || at == third + 2)
            continue;
        car.data[at] ^= 0x40;
        assert_int_not_equal(
            import_bytes(place, buffer_bytes(&car), NULL, &imported, &err),
            STATUS_OK);
        assert_non_null(strstr(err.message, "some.car"));
        assert_non_null(strstr(err.message, "at byte "));
        assert_int_equal(count_blocks(place->store), 0);
        car.data[at] ^= 0x40;
    }
    car.data[second + 37 + 2] ^= 1;
    assert_status(
        import_bytes(place, buffer_bytes(&car), NULL, &imported, &err),
        STATUS_INVALID);
    assert_non_null(strstr(err.message, name));
    assert_non_null(strstr(err.message, words));
    buffer_deinit(&car);
}

/* The first bad block is told, though another thread may find a later one
 * before. */
static void the_first_bad_block_of_many_is_told(void **state)
{
    struct place *place = *state;
    struct buffer car;
    struct car_imported imported;
    struct error err = {0};
    char words[64];
    uint8_t *big = heap_array(1, 1 << 20);
    size_t sections[12], first = 0;
    Cid cid;
    begin_car(&car, NULL, 0);
    for (size_t index = 0; index < 12; index++) {
        big[0] = (uint8_t)index;
        cid_of(CODEC_RAW, bytes_of(big, 1 << 20), &cid);
        sections[index] = car.len;
        add_block(&car, &cid, bytes_of(big, 1 << 20));
    }
    for (size_t index = 12; index-- > 3;) {
        first = sections[index];
        car.data[first + 1000] ^= 1;
        assert_status(
            import_bytes(place, buffer_bytes(&car), NULL, &imported, &err),
            STATUS_INVALID);
        snprintf(words, sizeof words, "at byte %zu ", first);
        assert_non_null(strstr(err.message, words));
    }
    // A bad block comes before the place where the file is cut off.
    assert_status(import_bytes(place, bytes_of(car.data, car.len - 1), NULL,
                               &imported, &err),
                  STATUS_INVALID);
    assert_non_null(strstr(err.message, words));
    assert_int_equal(count_blocks(place->store), 0);
    free(big);
    buffer_deinit(&car);
}

static void odd_blocks_are_taken_or_refused_by_name(void **state)
{
    struct place *place = *state;
    struct buffer car;
    struct car_imported imported;
    struct error err = {0};
    static const uint8_t identity[] = {1, 0x55, 0, 2, 'h', 'i'};
    static const uint8_t lying[] = {1, 0x55, 0, 2, 'h', 'o'};
    static const uint8_t strange[] = {1, 0x55, 0xb2, 0x9f, 1, 1, 7};
    Cid cid, codec;
    begin_car(&car, NULL, 0);
    assert_ok(cid_from_bytes(bytes_of(identity, 6), &cid, NULL));
    add_block(&car, &cid, bytes_of("hi", 2));
    cid_of(0x0300, bytes_of("odd", 3), &codec); // A codec of nobody's.
    add_block(&car, &codec, bytes_of("odd", 3));
    const size_t good = car.len;
    assert_ok(import_bytes(place, buffer_bytes(&car), NULL, &imported, &err));
    assert_int_equal(imported.blocks, 2);
    car_imported_deinit(&imported);
    assert_int_equal(count_blocks(place->store), 1);
    assert_true(store_has(place->store, &codec));

    assert_ok(cid_from_bytes(bytes_of(lying, 6), &cid, NULL));
    add_block(&car, &cid, bytes_of("hi", 2));
    assert_status(
        import_bytes(place, buffer_bytes(&car), NULL, &imported, &err),
        STATUS_INVALID);
    car.len = good;
    add_raw(&car, "new");
    assert_ok(cid_from_bytes(bytes_of(strange, 7), &cid, NULL));
    add_block(&car, &cid, bytes_of("hi", 2));
    assert_status(
        import_bytes(place, buffer_bytes(&car), NULL, &imported, &err),
        STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "0x4fb2"));
    assert_int_equal(count_blocks(place->store), 1);
    buffer_deinit(&car);
}

/* --- Large files and pipes ----------------------------------------------- */

enum { LARGE_BLOCKS = 80 };

static Cid make_large(struct buffer *car)
{
    struct arena arena = {0};
    uint8_t *block = heap_array(1, 1 << 20);
    Cid cids[LARGE_BLOCKS], root;
    for (uint8_t index = 0; index < LARGE_BLOCKS; index++) {
        block[5] = index;
        cid_of(CODEC_RAW, bytes_of(block, 1 << 20), &cids[index]);
    }
    Bytes list = list_of(&arena, cids, LARGE_BLOCKS, &root);
    begin_car(car, &root, 1);
    for (uint8_t index = 0; index < LARGE_BLOCKS; index++) {
        block[5] = index;
        add_block(car, &cids[index], bytes_of(block, 1 << 20));
    }
    add_block(car, &root, list);
    arena_deinit(&arena);
    free(block);
    return root;
}

static void a_large_file_is_verified_before_any_of_it_is_kept(void **state)
{
    struct place *place = *state;
    struct buffer car;
    struct car_imported imported;
    struct error err = {0};
    Cid root = make_large(&car);
    car.data[car.len - 20] ^= 1;
    assert_status(
        import_bytes(place, buffer_bytes(&car), NULL, &imported, &err),
        STATUS_INVALID);
    assert_int_equal(count_blocks(place->store), 0);
    car.data[car.len - 20] ^= 1;
    assert_ok(import_bytes(place, buffer_bytes(&car), NULL, &imported, &err));
    assert_int_equal(imported.blocks, LARGE_BLOCKS + 1);
    assert_int_equal(missing_below(place, &imported).count, 0);
    car_imported_deinit(&imported);
    assert_int_equal(count_blocks(place->store), LARGE_BLOCKS + 1);
    struct pins pins = pins_of(place->store);
    assert_true(cid_equal(&pins.last, &root));
    buffer_deinit(&car);
}

struct changer {
    struct place *place;
    size_t len, at;
    bool done;
};

/* Changes the file when its second reading has begun. */
static bool change(void *context, uint64_t done, uint64_t total)
{
    struct changer *changer = context;
    (void)total;
    if (changer->done || done <= changer->len)
        return true;
    changer->done = true;
    int file =
        open(place_path(changer->place, "some.car"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(file, "x", 1, (off_t)changer->at), 1);
    close(file);
    return true;
}

static void a_file_that_changes_meanwhile_gives_no_bad_block(void **state)
{
    struct place *place = *state;
    struct buffer car;
    struct car_imported imported;
    struct error err = {0};
    make_large(&car);
    struct changer changer = {place, car.len, car.len - 20, false};
    const struct car_import_options options = {.progress = change,
                                               .context = &changer};
    assert_status(
        import_bytes(place, buffer_bytes(&car), &options, &imported, &err),
        STATUS_INVALID);
    assert_true(changer.done);
    assert_non_null(strstr(err.message, "changed"));
    assert_int_equal(pins_of(place->store).count, 0);
    buffer_deinit(&car);
}

enum { MANY_BLOCKS = 50000, SMALL_LEN = 300 };

static Cid make_many(struct buffer *car)
{
    uint8_t block[SMALL_LEN] = {0};
    Cid cid, root;
    for (uint32_t index = 0; index < MANY_BLOCKS; index++) {
        memcpy(block, &index, sizeof index);
        cid_of(CODEC_RAW, bytes_of(block, sizeof block), &cid);
        if (index == 0) {
            root = cid;
            begin_car(car, &root, 1);
        }
        add_block(car, &cid, bytes_of(block, sizeof block));
    }
    return root;
}

static void many_small_blocks_all_come_in(void **state)
{
    struct place *place = *state;
    struct buffer car;
    struct car_imported imported;
    struct error err = {0};
    Cid root = make_many(&car);
    assert_ok(import_bytes(place, buffer_bytes(&car), NULL, &imported, &err));
    assert_int_equal(imported.blocks, MANY_BLOCKS);
    car_imported_deinit(&imported);
    assert_int_equal(count_blocks(place->store), MANY_BLOCKS);
    struct pins pins = pins_of(place->store);
    assert_true(cid_equal(&pins.last, &root));
    buffer_deinit(&car);
}

/* In the bytes of a block, in a CID, in a length. */
static void many_small_blocks_that_change_meanwhile_are_refused(void **state)
{
    struct place *place = *state;
    for (size_t from_end = 20; from_end <= SMALL_LEN + 38;
         from_end += from_end < SMALL_LEN ? SMALL_LEN - 10 : 14) {
        struct buffer car;
        struct car_imported imported;
        struct error err = {0};
        make_many(&car);
        struct changer changer = {place, car.len, car.len - from_end, false};
        const struct car_import_options options = {.progress = change,
                                                   .context = &changer};
        assert_int_not_equal(
            import_bytes(place, buffer_bytes(&car), &options, &imported, &err),
            STATUS_OK);
        assert_true(changer.done);
        assert_non_null(strstr(err.message, "changed"));
        assert_int_equal(pins_of(place->store).count, 0);
        buffer_deinit(&car);
    }
}

static bool stop(void *context, uint64_t done, uint64_t total)
{
    (void)context, (void)total;
    return done < 50 << 20;
}

static void an_import_can_be_stopped(void **state)
{
    struct place *place = *state;
    const struct car_import_options options = {.progress = stop};
    struct buffer car;
    struct car_imported imported;
    make_large(&car);
    assert_status(
        import_bytes(place, buffer_bytes(&car), &options, &imported, NULL),
        STATUS_CANCELLED);
    assert_int_equal(count_blocks(place->store), 0);
    assert_int_equal(pins_of(place->store).count, 0);
    buffer_deinit(&car);
}

struct feeder {
    int file;
    Bytes bytes;
};

static void *feed(void *argument)
{
    struct feeder *feeder = argument;
    Bytes left = feeder->bytes;
    while (left.len > 0) {
        ssize_t len = write(feeder->file, left.data, left.len);
        if (len <= 0)
            break;
        left = bytes_from(left, (size_t)len);
    }
    close(feeder->file);
    return NULL;
}

static Status import_pipe(struct place *place, Bytes car,
                          struct car_imported *out, struct error *err)
{
    int ends[2];
    pthread_t thread;
    assert_int_equal(pipe(ends), 0);
    struct feeder feeder = {ends[1], car};
    assert_int_equal(pthread_create(&thread, NULL, feed, &feeder), 0);
    Status status =
        car_import(place->store, ends[0], "standard input", NULL, out, err);
    // The rest, or the thread would wait for ever.
    uint8_t rest[4096];
    while (read(ends[0], rest, sizeof rest) > 0)
        continue;
    pthread_join(thread, NULL);
    close(ends[0]);
    return status;
}

static void a_pipe_is_read_once_and_kept_aside(void **state)
{
    struct place *place = *state;
    struct buffer car;
    struct car_imported imported;
    struct error err = {0};
    make_large(&car);
    assert_status(
        import_pipe(place, bytes_of(car.data, car.len - 1), &imported, &err),
        STATUS_INVALID);
    assert_int_equal(count_blocks(place->store), 0);
    if (import_pipe(place, buffer_bytes(&car), &imported, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(missing_below(place, &imported).count, 0);
    car_imported_deinit(&imported);
    assert_int_equal(count_blocks(place->store), LARGE_BLOCKS + 1);
    buffer_deinit(&car);
}

/* --- Export -------------------------------------------------------------- */

static Bytes read_back(struct place *place, const char *name)
{
    struct stat stat;
    int file = open(place_path(place, name), O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(fstat(file, &stat), 0);
    uint8_t *bytes = heap_alloc((size_t)stat.st_size);
    assert_int_equal(read(file, bytes, (size_t)stat.st_size), stat.st_size);
    close(file);
    return bytes_of(bytes, (size_t)stat.st_size);
}

static void goes_out_depth_first_and_once_each(void **state)
{
    struct place *place = *state;
    struct arena arena = {0};
    struct buffer car;
    struct car_imported imported;
    struct car_exported exported;
    struct error err = {0};
    static const uint8_t identity[] = {1, 0x55, 0, 2, 'h', 'i'};
    Cid leaf, inlined, left, right, top;
    cid_of(CODEC_RAW, bytes_of("leaf", 4), &leaf);
    assert_ok(cid_from_bytes(bytes_of(identity, 6), &inlined, NULL));
    Bytes left_block = list_of(&arena, &leaf, 1, &left);
    Bytes right_block =
        list_of(&arena, (Cid[]){inlined, leaf, left}, 3, &right);
    Bytes top_block = list_of(&arena, (Cid[]){right, left}, 2, &top);
    // In the order that an export has.
    const Cid roots[] = {top, leaf};
    begin_car(&car, roots, 2);
    add_block(&car, &top, top_block);
    add_block(&car, &right, right_block);
    add_raw(&car, "leaf");
    add_block(&car, &left, left_block);
    assert_ok(import_bytes(place, buffer_bytes(&car), NULL, &imported, &err));
    car_imported_deinit(&imported);

    const struct car_export what = {.roots = roots, .root_count = 2};
    char path[512];
    snprintf(path, sizeof path, "%s", place_path(place, "out.car"));
    assert_ok(car_export_path(place->store, path, &what, &exported, &err));
    assert_int_equal(exported.blocks, 4);
    Bytes out = read_back(place, "out.car");
    assert_int_equal(out.len, exported.bytes);
    assert_true(bytes_equal(out, buffer_bytes(&car)));
    free((void *)(uintptr_t)out.data);
    buffer_deinit(&car);
    arena_deinit(&arena);
}

static void a_missing_block_leaves_no_file(void **state)
{
    struct place *place = *state;
    struct car_exported exported;
    struct error err = {0};
    char path[512], name[CID_TEXT_MAX];
    Cid gone;
    cid_of(CODEC_RAW, bytes_of("gone", 4), &gone);
    const struct car_export what = {.roots = &gone, .root_count = 1};
    snprintf(path, sizeof path, "%s", place_path(place, "out.car"));
    assert_status(car_export_path(place->store, path, &what, &exported, &err),
                  STATUS_NOT_FOUND);
    cid_to_text(&gone, name);
    assert_non_null(strstr(err.message, name));
    assert_int_not_equal(access(path, F_OK), 0);
}

/* --- Published files ----------------------------------------------------- */

static void every_block_of_the_fixtures_can_be_read_back(void **state)
{
    struct place *place = *state;
    const char *folder = getenv("IPVM_VECTORS");
    char path[512];
    struct car_imported imported;
    struct car_header header;
    struct car_block block;
    struct error err = {0};
    snprintf(path, sizeof path, "%s/ipld/fixtures.car",
             folder ? folder : "../shared/vectors");
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        print_message("no test data at %s: skipped\n", path);
        skip();
    }
    uint8_t *bytes = heap_alloc(1 << 20);
    const ssize_t len = pread(file, bytes, 1 << 20, 0);
    assert_ok(
        car_import(place->store, file, "fixtures", NULL, &imported, &err));
    close(file);
    assert_int_equal(imported.blocks, 273);
    car_imported_deinit(&imported);
    place_reopen(place);
    struct car_reader *reader = car_reader_over(bytes_of(bytes, (size_t)len));
    assert_ok(car_read_header(reader, &header, &err));
    while (car_read_block(reader, &block, &err) == STATUS_OK) {
        struct block *kept;
        assert_ok(store_get(place->store, &block.cid, &kept, &err));
        assert_true(bytes_equal(block_bytes(kept), block.bytes));
        block_unref(kept);
    }
    car_reader_free(reader);
    free(bytes);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, place_open, place_close)
    const struct CMUnitTest tests[] = {
        TEST(blocks_come_in_and_roots_are_pinned),
        TEST(without_pins_only_the_blocks_come),
        TEST(what_is_missing_below_a_root_is_told),
        TEST(a_bad_block_is_named_and_nothing_is_kept),
        TEST(the_first_bad_block_of_many_is_told),
        TEST(odd_blocks_are_taken_or_refused_by_name),
        TEST(a_large_file_is_verified_before_any_of_it_is_kept),
        TEST(a_file_that_changes_meanwhile_gives_no_bad_block),
        TEST(many_small_blocks_all_come_in),
        TEST(many_small_blocks_that_change_meanwhile_are_refused),
        TEST(an_import_can_be_stopped),
        TEST(a_pipe_is_read_once_and_kept_aside),
        TEST(goes_out_depth_first_and_once_each),
        TEST(a_missing_block_leaves_no_file),
        TEST(every_block_of_the_fixtures_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
