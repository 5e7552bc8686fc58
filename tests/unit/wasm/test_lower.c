/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering and lifting on a memory without a guest behind it: which calls of
 * cabi_realloc are made, and which bytes lie where. */
#include "wasm_test.h"

#include <stdio.h>

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "wasm/convert.h"
#include "wasm/lift.h"
#include "wasm/lower.h"

/* A guest that hands out memory from 16 on, and moves it at each call. */
struct fake {
    uint8_t *bytes;
    size_t len;
    uint32_t next;
    char calls[500]; /* "align:size " … */
    unsigned calls_left;
};

static bool allocate(void *context, uint32_t align, uint32_t size,
                     uint32_t *address)
{
    struct fake *fake = context;
    size_t len = strlen(fake->calls);
    snprintf(fake->calls + len, sizeof fake->calls - len, "%u:%u ", align,
             size);
    if (fake->calls_left-- == 0)
        return false;
    uint8_t *moved = heap_array(fake->len, 1);
    memcpy(moved, fake->bytes, fake->len);
    free(fake->bytes);
    fake->bytes = moved;
    *address = (fake->next + align - 1) / align * align;
    fake->next = *address + size;
    return true;
}

static struct engine_memory memory_of(void *context)
{
    const struct fake *fake = context;
    return (struct engine_memory){fake->bytes, fake->len};
}

static struct wit_type make(struct arena *arena, WitKind kind,
                            const struct wit_member *members, uint32_t count)
{
    struct wit_type type = {.kind = kind, .members = members, .count = count};
    wit_type_finish(&type, arena);
    return type;
}

static LowerOutcome lower(struct arena *arena, struct fake *fake,
                          const struct wit_type *params, const char *json,
                          EngineNumber out[WIT_FLAT_PARAMS_MAX], size_t *count)
{
    struct links links;
    struct error err = {.message = ""};
    Value args;
    links_init(&links, NULL, arena, 1 << 20);
    assert_int_equal(
        dag_json_decode(text_bytes(text_of(json)), arena, &args, NULL),
        STATUS_OK);
    struct wit_value *values =
        arena_array(arena, params->count, sizeof *values);
    for (uint32_t index = 0; index < params->count; index++) {
        if (convert_value(&links, &args.list.items[index],
                          params->members[index].type, &values[index],
                          &err) != STATUS_OK)
            fail_msg("%s", err.message);
    }
    const struct guest_memory guest = {
        .context = fake, .allocate = allocate, .memory = memory_of};
    struct lowering lowering = {.guest = &guest};
    return lower_arguments(&lowering, params, values, out, count);
}

static void open_fake(struct fake *fake, size_t len)
{
    *fake = (struct fake){.bytes = heap_array(len, 1),
                          .len = len,
                          .next = 16,
                          .calls_left = UINT32_MAX};
}

static void allocates_depth_first_in_order(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct fake fake;
    EngineNumber out[WIT_FLAT_PARAMS_MAX];
    size_t count;
    const struct wit_type u8 = make(&arena, WIT_U8, NULL, 0);
    const struct wit_type string = make(&arena, WIT_STRING, NULL, 0);
    const struct wit_type strings =
        make(&arena, WIT_LIST, (struct wit_member[]){{.type = &string}}, 1);
    const struct wit_type row =
        make(&arena, WIT_TUPLE,
             (struct wit_member[]){
                 {.type = &u8}, {.type = &strings}, {.type = &string}},
             3);
    open_fake(&fake, 200);
    assert_int_equal(lower(&arena, &fake, &row,
                           "[5,[\"ab\",\"\",\"c\"],\"xyz\"]", out, &count),
                     LOWERED);
    assert_string_equal(fake.calls, "4:24 1:2 1:0 1:1 1:3 ");
    assert_int_equal(count, 5);
    assert_int_equal(out[0], 5);
    assert_int_equal(out[1], 16);
    assert_int_equal(out[2], 3);
    assert_int_equal(out[3], 43);
    assert_int_equal(out[4], 3);
    static const uint8_t expected[] = {
        40,  0,   0,   0,   2,   0,   0, 0, /* "ab" at 40 */
        42,  0,   0,   0,   0,   0,   0, 0, /* "" at 42 */
        42,  0,   0,   0,   1,   0,   0, 0, /* "c" at 42 */
        'a', 'b', 'c', 'x', 'y', 'z',
    };
    assert_memory_equal(fake.bytes + 16, expected, sizeof expected);
    free(fake.bytes);
    arena_deinit(&arena);
}

static void spills_more_than_sixteen_values(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct fake fake;
    EngineNumber out[WIT_FLAT_PARAMS_MAX];
    size_t count;
    const struct wit_type u16 = make(&arena, WIT_U16, NULL, 0);
    struct wit_member members[17];
    for (int index = 0; index < 17; index++)
        members[index] = (struct wit_member){.type = &u16};
    const struct wit_type sixteen = make(&arena, WIT_TUPLE, members, 16);
    const struct wit_type seventeen = make(&arena, WIT_TUPLE, members, 17);
    open_fake(&fake, 100);
    assert_int_equal(lower(&arena, &fake, &sixteen,
                           "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]", out,
                           &count),
                     LOWERED);
    assert_int_equal(count, 16);
    assert_int_equal(out[15], 16);
    assert_string_equal(fake.calls, "");
    assert_int_equal(lower(&arena, &fake, &seventeen,
                           "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,258]", out,
                           &count),
                     LOWERED);
    assert_int_equal(count, 1);
    assert_int_equal(out[0], 16);
    assert_string_equal(fake.calls, "2:34 ");
    assert_int_equal(fake.bytes[16], 1);
    assert_int_equal(fake.bytes[48], 2);
    assert_int_equal(fake.bytes[49], 1);
    free(fake.bytes);
    arena_deinit(&arena);
}

/* Whichever call of cabi_realloc ends the run, or is out of bounds: nothing
 * is written past the memory, and nothing is called after it. */
static void stops_at_the_first_trouble(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 4; turn++) {
        for (size_t len = 16; len < 60; len++) {
            struct arena arena = {0};
            struct fake fake;
            EngineNumber out[WIT_FLAT_PARAMS_MAX];
            size_t count;
            const struct wit_type string = make(&arena, WIT_STRING, NULL, 0);
            const struct wit_type strings = make(
                &arena, WIT_LIST, (struct wit_member[]){{.type = &string}}, 1);
            const struct wit_type row =
                make(&arena, WIT_TUPLE,
                     (struct wit_member[]){{.type = &strings}}, 1);
            open_fake(&fake, len);
            fake.calls_left = turn;
            LowerOutcome outcome =
                lower(&arena, &fake, &row, "[[\"abcd\",\"ef\"]]", out, &count);
            size_t needed = 16 + 16 + 4 + 2;
            if (turn == 3 && len >= needed)
                assert_int_equal(outcome, LOWERED);
            else
                assert_int_not_equal(outcome, LOWERED);
            free(fake.bytes);
            arena_deinit(&arena);
        }
    }
}

/* Lifts a string of a memory that is cut at every length. */
static void reads_nothing_past_the_memory(void **state)
{
    (void)state;
    static const uint8_t whole[] = {8, 0, 0,   0,   4,   0,
                                    0, 0, 'a', 'b', 'c', 'd'};
    for (size_t len = 0; len <= sizeof whole; len++) {
        struct arena arena = {0};
        struct buffer out;
        const struct wit_type string = make(&arena, WIT_STRING, NULL, 0);
        uint8_t *bytes = heap_alloc(len ? len : 1);
        memcpy(bytes, whole, len);
        buffer_init(&out, 100);
        struct lifting lifting = {.source = {.bytes = bytes_of(bytes, len)},
                                  .out = &out};
        struct place place = place_memory(&lifting.source, &string, 0);
        assert_int_equal(lift_result(&lifting, &string, place, false),
                         len == sizeof whole ? LIFTED : LIFT_BROKEN);
        free(bytes);
        buffer_deinit(&out);
        arena_deinit(&arena);
    }
}

static void bounds_lists_of_elements_without_size(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buffer out;
    const uint8_t bytes[] = {0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    const struct wit_type empty = make(&arena, WIT_TUPLE, NULL, 0);
    const struct wit_type list =
        make(&arena, WIT_LIST, (struct wit_member[]){{.type = &empty}}, 1);
    buffer_init(&out, (size_t)1 << 30);
    struct lifting lifting = {.source = {.bytes = bytes_of(bytes, 8)},
                              .out = &out};
    struct place place = place_memory(&lifting.source, &list, 0);
    assert_int_equal(lift_result(&lifting, &list, place, false), LIFT_LIMIT);
    assert_true(out.len < 100);
    buffer_deinit(&out);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocates_depth_first_in_order),
        cmocka_unit_test(spills_more_than_sixteen_values),
        cmocka_unit_test(stops_at_the_first_trouble),
        cmocka_unit_test(reads_nothing_past_the_memory),
        cmocka_unit_test(bounds_lists_of_elements_without_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
