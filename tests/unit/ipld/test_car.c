/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/car.h"

#include <stdio.h>

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "unit/ipld/hex.h"

#define assert_ok(call) assert_int_equal((int)(call), (int)STATUS_OK)
#define assert_status(call, expected)                                         \
    assert_int_equal((int)(call), (int)(expected))

/* --- Making -------------------------------------------------------------- */

static Status append(void *context, Bytes bytes, struct error *err)
{
    (void)err;
    buffer_add_bytes(context, bytes);
    return STATUS_OK;
}

static const char *const texts[] = {"", "one", "two", "three and more"};
enum { TEXTS = 4 };

/* A v1 of the texts as raw blocks; the first CID is the root. */
static void make_v1(struct buffer *out, size_t starts[TEXTS + 1])
{
    Cid cids[TEXTS];
    for (size_t index = 0; index < TEXTS; index++)
        cid_of(CODEC_RAW, text_bytes(text_of(texts[index])), &cids[index]);
    assert_ok(car_write_header(append, out, cids, 1, NULL));
    for (size_t index = 0; index < TEXTS; index++) {
        starts[index] = out->len;
        assert_ok(car_write_block(append, out, &cids[index],
                                  text_bytes(text_of(texts[index])), NULL));
    }
    starts[TEXTS] = out->len;
}

static void add_u64(struct buffer *out, uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        buffer_add_byte(out, (uint8_t)(number >> shift));
}

/* The v1 inside of a v2: `padding` before it, `behind` bytes after it. */
static void make_v2(struct buffer *out, Bytes v1, uint64_t padding,
                    uint64_t behind)
{
    static const char pragma[] = "\x0a\xa1\x67version\x02";
    buffer_add(out, pragma, sizeof pragma - 1);
    add_u64(out, 0);
    add_u64(out, 0);
    add_u64(out, 51 + padding);
    add_u64(out, v1.len);
    add_u64(out, behind ? 51 + padding + v1.len : 0);
    for (uint64_t index = 0; index < padding; index++)
        buffer_add_byte(out, 0xee);
    buffer_add_bytes(out, v1);
    for (uint64_t index = 0; index < behind; index++)
        buffer_add_byte(out, (uint8_t)index);
}

/* --- Reading both ways --------------------------------------------------- */

struct input {
    Bytes bytes;
    size_t at, step;
};

static Status give(void *context, void *into, size_t len, size_t *got,
                   struct error *err)
{
    struct input *input = context;
    (void)err;
    *got = input->bytes.len - input->at;
    if (*got > input->step)
        *got = input->step;
    if (*got > len)
        *got = len;
    if (*got > 0)
        memcpy(into, input->bytes.data + input->at, *got);
    input->at += *got;
    return STATUS_OK;
}

struct seen {
    Status status;
    struct error err;
    size_t roots, blocks, bytes;
    uint64_t last; /* section */
};

static struct seen read_all(struct car_reader *reader, Bytes whole)
{
    struct seen seen = {0};
    struct car_header header;
    struct car_block block;
    seen.status = car_read_header(reader, &header, &seen.err);
    seen.roots = seen.status == STATUS_OK ? header.root_count : 0;
    while (seen.status == STATUS_OK) {
        seen.status = car_read_block(reader, &block, &seen.err);
        if (seen.status != STATUS_OK)
            break;
        seen.blocks++;
        seen.bytes += block.bytes.len;
        seen.last = block.section;
        assert_true(block.offset + block.bytes.len <= whole.len);
        assert_true(
            bytes_equal(block.bytes,
                        bytes_of(whole.data + block.offset, block.bytes.len)));
    }
    car_reader_free(reader);
    return seen;
}

/* The same from memory and from a stream that gives little at a time. */
static struct seen read_both(Bytes bytes)
{
    static const size_t steps[] = {1, 7, 1 << 20};
    Bytes exact = exact_copy(bytes);
    struct seen first = read_all(car_reader_over(exact), exact);
    for (size_t index = 0; index < 3; index++) {
        struct input input = {exact, 0, steps[index]};
        struct seen again = read_all(car_reader_new(give, &input), exact);
        assert_int_equal(again.status, first.status);
        assert_int_equal(again.blocks, first.blocks);
        assert_string_equal(again.err.message, first.err.message);
        assert_int_equal(again.err.offset, first.err.offset);
    }
    exact_free(exact);
    return first;
}

/* --- Tests --------------------------------------------------------------- */

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct buffer v1, v2;
    size_t starts[TEXTS + 1];
    buffer_init(&v1, 1 << 20);
    buffer_init(&v2, 1 << 20);
    make_v1(&v1, starts);
    struct seen seen = read_both(buffer_bytes(&v1));
    assert_status(seen.status, STATUS_NOT_FOUND);
    assert_int_equal(seen.roots, 1);
    assert_int_equal(seen.blocks, TEXTS);
    assert_int_equal(seen.last, starts[TEXTS - 1]);
    for (uint64_t padding = 0; padding < 3; padding++) {
        buffer_clear(&v2);
        make_v2(&v2, buffer_bytes(&v1), padding, 3 * padding);
        seen = read_both(buffer_bytes(&v2));
        assert_status(seen.status, STATUS_NOT_FOUND);
        assert_int_equal(seen.blocks, TEXTS);
        assert_int_equal(seen.last, 51 + padding + starts[TEXTS - 1]);
    }
    buffer_deinit(&v1);
    buffer_deinit(&v2);
}

/* A v1 does not say where it ends: cut between two sections it is another
 * CAR. */
static void a_cut_anywhere_but_between_sections_is_found(void **state)
{
    (void)state;
    struct buffer v1, v2;
    size_t starts[TEXTS + 1], next = 0;
    buffer_init(&v1, 1 << 20);
    buffer_init(&v2, 1 << 20);
    make_v1(&v1, starts);
    for (size_t len = 0; len <= v1.len; len++) {
        struct seen seen = read_both(bytes_of(v1.data, len));
        if (len == starts[next]) {
            assert_status(seen.status, STATUS_NOT_FOUND);
            assert_int_equal(seen.blocks, next++);
            continue;
        }
        assert_status(seen.status, STATUS_INVALID);
        assert_int_equal(seen.err.offset, next == 0 ? 0 : starts[next - 1]);
        char words[40];
        snprintf(words, sizeof words, "ends at byte %zu", len);
        assert_non_null(strstr(seen.err.message, words));
    }
    make_v2(&v2, buffer_bytes(&v1), 5, 0);
    for (size_t len = 0; len < v2.len; len++)
        assert_status(read_both(bytes_of(v2.data, len)).status,
                      STATUS_INVALID);
    buffer_deinit(&v1);
    buffer_deinit(&v2);
}

#define V1 "11 a2 65 726f6f7473 80 67 76657273696f6e 01 "
#define PRAGMA "0a a1 67 76657273696f6e 02 "
#define ZERO8 "0000000000000000 "
#define SHA_OF_NOTHING                                                        \
    "1220 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "

static void what_the_format_leaves_open_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        size_t roots, blocks;
    } rows[] = {
        {V1, 0, 0},                                   /* nothing at all */
        {V1 "24 0155 " SHA_OF_NOTHING, 0, 1},         /* no roots */
        {V1 "22 " SHA_OF_NOTHING, 0, 1},              /* a version 0 CID */
        {V1 "05 0155 0001 aa 05 0155 0001 aa", 0, 0}, /* see below */
        {V1 "06 0155 0001 aa aa", 0, 1},              /* identity */
        {V1 "07 01 71 b2 9f 01 00 ff", 0, 1},         /* unknown hash */
        {V1 "06 01 80 05 00 00 ff", 0, 1},            /* unknown codec */
        {"19 a2 65 726f6f7473 81 d8 2a 45 00 01 55 00 00 67 76657273696f6e"
         " 01",
         1, 0}, /* the empty CID stands for no root */
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        Bytes bytes = exact_from_hex(rows[index].hex);
        struct seen seen = read_both(bytes);
        if (seen.status != STATUS_NOT_FOUND)
            print_message("row %zu: %s\n", index, seen.err.message);
        assert_status(seen.status, STATUS_NOT_FOUND);
        if (index != 3) {
            assert_int_equal(seen.roots, rows[index].roots);
            assert_int_equal(seen.blocks, rows[index].blocks);
        } else {
            assert_int_equal(seen.blocks, 2); // Duplicates, and no bytes.
        }
        exact_free(bytes);
    }
}

static void what_breaks_a_rule_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        Status status;
        size_t offset;
        const char *words;
    } rows[] = {
        {"", STATUS_INVALID, 0, "cut off"},
        {"00", STATUS_INVALID, 1, "header"},
        {"80 00", STATUS_INVALID, 0, "minimal varint"},
        {"ffffffffffffffffffff", STATUS_INVALID, 0, "minimal varint"},
        {"ffffffff7f", STATUS_LIMIT, 0, "header of 34359738367 bytes"},
        {"01 a0", STATUS_INVALID, 1, "'roots'"},
        {"01 80", STATUS_INVALID, 1, "'roots'"},
        {"0a a1 67 76657273696f6e 01", STATUS_INVALID, 1, "'roots'"},
        {"0a a1 67 76657273696f6e 03", STATUS_UNSUPPORTED, 1, "version 3"},
        {"0a a1 67 76657273696f6e 20", STATUS_INVALID, 1, "'roots'"},
        {"11 a2 65 726f6f7473 f6 67 76657273696f6e 01", STATUS_INVALID, 1,
         "list of links"},
        {"12 a2 65 726f6f7473 81 00 67 76657273696f6e 01", STATUS_INVALID, 1,
         "list of links"},
        /* Keys out of order; a key too many; a byte behind the map. */
        {"11 a2 67 76657273696f6e 01 65 726f6f7473 80", STATUS_INVALID, 11,
         "header"},
        {"14 a3 61 61 f6 65 726f6f7473 80 67 76657273696f6e 01",
         STATUS_INVALID, 1, "'roots'"},
        {"12 a2 65 726f6f7473 80 67 76657273696f6e 01 00", STATUS_INVALID, 18,
         "header"},
        /* A pragma has one spelling, and a v1 inside. */
        {PRAGMA ZERO8 ZERO8 ZERO8 ZERO8 ZERO8, STATUS_INVALID, 11,
         "never finished"},
        {PRAGMA ZERO8 ZERO8 "3200000000000000 1200000000000000" ZERO8 V1,
         STATUS_INVALID, 11, "cannot be"},
        {PRAGMA ZERO8 ZERO8 "3300000000000000 ffffffffffffffff" ZERO8 V1,
         STATUS_INVALID, 11, "cannot be"},
        {PRAGMA ZERO8 ZERO8 "ffffffffffffff7f 1200000000000000" ZERO8 V1,
         STATUS_INVALID, 11, "cannot be"},
        {PRAGMA ZERO8 ZERO8 "0000000000000040 1200000000000000" ZERO8 V1,
         STATUS_INVALID, 0, "cut off"},
        {PRAGMA ZERO8 ZERO8 "3300000000000000 1200000000000000 "
                            "4400000000000000" V1,
         STATUS_INVALID, 11, "within its data"},
        {PRAGMA ZERO8 ZERO8 "3300000000000000 0b00000000000000" ZERO8 PRAGMA,
         STATUS_UNSUPPORTED, 52, "version 2"},
        {PRAGMA ZERO8 ZERO8 "3300000000000000 1100000000000000" ZERO8 V1,
         STATUS_INVALID, 51, "where the CAR's data does"},
        /* Sections. */
        {V1 "00", STATUS_INVALID, 18, "padding"},
        {V1 "80 00", STATUS_INVALID, 18, "minimal varint"},
        {V1 "04 0255 0000", STATUS_INVALID, 18, "begin with a CID"},
        {V1 "03 0155 00", STATUS_INVALID, 18, "begin with a CID"},
        {V1 "04 0155 0001 aa", STATUS_INVALID, 18, "begin with a CID"},
        {V1 "05 01d500 0000", STATUS_INVALID, 18, "begin with a CID"},
        {V1 "8002 0155 12 8002 00", STATUS_INVALID, 18, "cut off"},
        {V1 "24 0155 " SHA_OF_NOTHING "25 0155", STATUS_INVALID, 55,
         "cut off: the file ends at byte 58"},
        {V1 "ffffffffffffffff7f 0155 0000", STATUS_LIMIT, 18, "bafkqaaa"},
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        Bytes bytes = exact_from_hex(rows[index].hex);
        struct seen seen = read_both(bytes);
        if (seen.status != rows[index].status ||
            seen.err.offset != rows[index].offset ||
            !strstr(seen.err.message, rows[index].words))
            fail_msg("row %zu: %d at %zu: %s", index, (int)seen.status,
                     seen.err.offset, seen.err.message);
        exact_free(bytes);
    }
}

static void a_block_that_is_too_long_is_named(void **state)
{
    (void)state;
    struct buffer car;
    uint8_t *big = heap_array(CAR_BLOCK_MAX + 1, 1);
    char name[CID_TEXT_MAX];
    Cid cid;
    struct error err = {0};
    cid_of(CODEC_RAW, bytes_of(big, CAR_BLOCK_MAX), &cid);
    buffer_init(&car, 8 << 20);
    assert_ok(car_write_header(append, &car, NULL, 0, NULL));
    assert_ok(car_write_block(append, &car, &cid, bytes_of(big, CAR_BLOCK_MAX),
                              NULL));
    struct seen seen = read_both(buffer_bytes(&car));
    assert_status(seen.status, STATUS_NOT_FOUND);
    assert_int_equal(seen.bytes, CAR_BLOCK_MAX);
    assert_status(car_write_block(append, &car, &cid,
                                  bytes_of(big, CAR_BLOCK_MAX + 1), &err),
                  STATUS_LIMIT);
    // 36 more than 2 MiB and one byte: a section of a block that is too long.
    static const uint8_t lies[] = {0xa5, 0x80, 0x80, 0x01};
    const size_t at = car.len;
    buffer_add(&car, lies, sizeof lies);
    buffer_add_bytes(&car, cid_bytes(&cid));
    buffer_add(&car, big, CAR_BLOCK_MAX + 1);
    seen = read_both(buffer_bytes(&car));
    assert_status(seen.status, STATUS_LIMIT);
    assert_int_equal(seen.err.offset, at);
    cid_to_text(&cid, name);
    assert_non_null(strstr(seen.err.message, name));
    buffer_deinit(&car);
    free(big);
}

static void a_header_may_not_be_longer_than_is_read(void **state)
{
    (void)state;
    struct buffer car;
    enum { MANY = 40000, FITTING = 25000 };
    Cid *roots = heap_array(MANY, sizeof *roots);
    for (uint32_t index = 0; index < MANY; index++)
        cid_of(CODEC_RAW, bytes_of(&index, sizeof index), &roots[index]);
    buffer_init(&car, 8 << 20);
    assert_status(car_write_header(append, &car, roots, MANY, NULL),
                  STATUS_LIMIT);
    assert_int_equal(car.len, 0);
    assert_ok(car_write_header(append, &car, roots, FITTING, NULL));
    assert_int_equal(read_both(buffer_bytes(&car)).roots, FITTING);
    buffer_deinit(&car);
    free(roots);
}

/* --- Published files ----------------------------------------------------- */

/* The file in a heap block of its length, or skips the test. */
static Bytes read_vector(const char *name)
{
    const char *folder = getenv("IPVM_VECTORS");
    char path[512];
    static uint8_t data[1 << 20];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/vectors",
             name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("no test data at %s: skipped\n", path);
        skip();
    }
    size_t len = fread(data, 1, sizeof data, file);
    fclose(file);
    return exact_copy(bytes_of(data, len));
}

static uint64_t number_of(const Value *map, const char *key)
{
    uint64_t number = 0;
    const Value *field = value_get(map, text_of(key));
    assert_non_null(field);
    assert_true(value_to_uint64(field, &number));
    return number;
}

static void check_against(const char *car_name, const char *json_name)
{
    struct arena arena = {0};
    struct car_header header;
    struct car_block block;
    struct error err = {0};
    Value about;
    Bytes json = read_vector(json_name), car = read_vector(car_name);
    assert_ok(dag_json_decode(json, &arena, &about, NULL));
    const Value *blocks = value_get(&about, TEXT("blocks"));
    struct car_reader *reader = car_reader_over(car);
    assert_ok(car_read_header(reader, &header, &err));
    for (size_t index = 0; index < blocks->list.count; index++) {
        const Value *row = &blocks->list.items[index];
        const Value *cid = value_get(row, TEXT("cid"));
        assert_ok(car_read_block(reader, &block, &err));
        assert_int_equal(block.section, number_of(row, "offset"));
        assert_int_equal(block.offset, number_of(row, "blockOffset"));
        assert_int_equal(block.bytes.len, number_of(row, "blockLength"));
        assert_true(bytes_equal(cid->link, cid_bytes(&block.cid)));
        assert_ok(cid_verify(&block.cid, block.bytes, &err));
    }
    assert_status(car_read_block(reader, &block, &err), STATUS_NOT_FOUND);
    car_reader_free(reader);
    arena_deinit(&arena);
    exact_free(json);
    exact_free(car);
}

static void reads_the_files_of_the_specification(void **state)
{
    (void)state;
    check_against("car/carv1-basic/carv1-basic.car",
                  "car/carv1-basic/carv1-basic.json");
    check_against("car/carv2-basic/carv2-basic.car",
                  "car/carv2-basic/carv2-basic.json");
}

static void every_block_of_the_fixtures_hashes_to_its_cid(void **state)
{
    (void)state;
    Bytes car = read_vector("ipld/fixtures.car");
    struct car_header header;
    struct car_block block;
    struct error err = {0};
    size_t count = 0, plain = 0;
    struct car_reader *reader = car_reader_over(car);
    assert_ok(car_read_header(reader, &header, &err));
    for (; car_read_block(reader, &block, &err) == STATUS_OK; count++)
        plain += cid_verify(&block.cid, block.bytes, &err) == STATUS_OK;
    assert_int_equal(err.status, STATUS_OK);
    assert_int_equal(count, 273);
    assert_int_equal(plain, count);
    car_reader_free(reader);
    exact_free(car);
}

/* What a reader reads, a writer writes: the same bytes. */
static void the_file_of_the_specification_is_written_again(void **state)
{
    (void)state;
    Bytes car = read_vector("car/carv1-basic/carv1-basic.car");
    struct car_header header;
    struct car_block block;
    struct buffer out;
    buffer_init(&out, 1 << 20);
    struct car_reader *reader = car_reader_over(car);
    assert_ok(car_read_header(reader, &header, NULL));
    assert_ok(
        car_write_header(append, &out, header.roots, header.root_count, NULL));
    while (car_read_block(reader, &block, NULL) == STATUS_OK)
        assert_ok(
            car_write_block(append, &out, &block.cid, block.bytes, NULL));
    assert_true(bytes_equal(buffer_bytes(&out), car));
    car_reader_free(reader);
    buffer_deinit(&out);
    exact_free(car);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_cut_anywhere_but_between_sections_is_found),
        cmocka_unit_test(what_the_format_leaves_open_is_taken),
        cmocka_unit_test(what_breaks_a_rule_is_refused_with_its_place),
        cmocka_unit_test(a_block_that_is_too_long_is_named),
        cmocka_unit_test(a_header_may_not_be_longer_than_is_read),
        cmocka_unit_test(reads_the_files_of_the_specification),
        cmocka_unit_test(every_block_of_the_fixtures_hashes_to_its_cid),
        cmocka_unit_test(the_file_of_the_specification_is_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
