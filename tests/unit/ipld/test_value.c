/* SPDX-License-Identifier: Apache-2.0 */
/* test_value.c - the data model in memory. */
#include "ipld/value.h"

#include "unit/ipld/hex.h"

static void maps_are_in_canonical_order(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct value_entry entries[] = {
        {TEXT("bb"), value_uint(1)},       {TEXT("a"), value_uint(2)},
        {TEXT("aa"), value_uint(3)},       {TEXT(""), value_uint(4)},
        {TEXT("\xc3\xa4"), value_uint(5)},
    };
    static const uint64_t expected[] = {4, 2, 3, 1, 5};
    Value map = value_map(&arena, entries, 5);
    for (size_t index = 0; index < 5; index++)
        assert_int_equal(map.map.entries[index].value.magnitude,
                         expected[index]);
    arena_deinit(&arena);
}

static void get_finds_what_is_there_and_nothing_else(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct value_entry entries[50];
    for (unsigned index = 0; index < 50; index++)
        entries[index] = (struct value_entry){
            arena_format(&arena, "key %u", index * 7), value_uint(index)};
    Value map = value_map(&arena, entries, 50);
    for (unsigned index = 0; index < 50; index++) {
        const Value *found = value_get(&map, entries[index].key);
        assert_non_null(found);
        assert_int_equal(found->magnitude, index);
    }
    assert_null(value_get(&map, TEXT("")));
    assert_null(value_get(&map, TEXT("key 1")));
    assert_null(value_get(&map, TEXT("key 0000000000")));
    Value text = value_text(TEXT("key 0"));
    assert_null(value_get(&text, TEXT("key 0")));
    Value empty = value_map(&arena, NULL, 0);
    assert_null(value_get(&empty, TEXT("x")));
    arena_deinit(&arena);
}

static void values_differ_by_kind_sign_and_bits(void **state)
{
    (void)state;
    struct arena arena = {0};
    Cid one, two;
    cid_of(CODEC_RAW, bytes_of("1", 1), &one);
    cid_of(CODEC_RAW, bytes_of("2", 1), &two);
    Value zero = value_uint(0), minus_one = value_int(-1);
    const Value distinct[] = {
        value_null(),
        value_bool(false),
        value_bool(true),
        value_uint(0),
        value_uint(1),
        value_int(-1),
        value_int(-2),
        value_float(0.0),
        value_float(-0.0),
        value_float(1.0),
        value_text(TEXT("")),
        value_text(TEXT("a")),
        value_bytes(bytes_of("", 0)),
        value_bytes(bytes_of("a", 1)),
        value_link(&one),
        value_link(&two),
        value_list(NULL, 0),
        value_list(&zero, 1),
        value_list(&minus_one, 1),
        value_map(&arena, NULL, 0),
        value_map1(&arena, TEXT("a"), zero),
        value_map1(&arena, TEXT("b"), zero),
        value_map1(&arena, TEXT("a"), minus_one),
    };
    enum { COUNT = sizeof distinct / sizeof distinct[0] };
    for (size_t a = 0; a < COUNT; a++)
        for (size_t b = 0; b < COUNT; b++)
            assert_int_equal(value_equal(&distinct[a], &distinct[b]), a == b);
    arena_deinit(&arena);
}

static void a_copy_borrows_nothing(void **state)
{
    (void)state;
    struct arena arena = {0}, other = {0};
    char *text = strdup("text");
    assert_non_null(text);
    Value items[] = {value_text(text_of(text)),
                     value_bytes(bytes_of(text, 4))};
    Value map = value_map1(&arena, text_of(text), value_list(items, 2));
    Value copy = value_copy(&other, &map);
    assert_true(value_equal(&map, &copy));
    memset(text, 'x', 4);
    free(text);
    arena_deinit(&arena);
    const Value *list = value_get(&copy, TEXT("text"));
    assert_non_null(list);
    assert_true(text_equal(list->list.items[0].text, TEXT("text")));
    arena_deinit(&other);
}

static void integers_keep_their_whole_range(void **state)
{
    (void)state;
    int64_t number;
    uint64_t big;
    Value least = value_int(INT64_MIN), most = value_int(INT64_MAX);
    Value above = value_uint((uint64_t)INT64_MAX + 1);
    Value below = {.kind = VALUE_INT,
                   .negative = true,
                   .magnitude = (uint64_t)INT64_MAX + 1};
    Value text = value_text(TEXT("1"));
    assert_true(value_to_int64(&least, &number) && number == INT64_MIN);
    assert_true(value_to_int64(&most, &number) && number == INT64_MAX);
    assert_false(value_to_int64(&above, &number));
    assert_false(value_to_int64(&below, &number));
    assert_false(value_to_int64(&text, &number));
    assert_true(value_to_uint64(&above, &big));
    assert_true(big == (uint64_t)INT64_MAX + 1);
    assert_false(value_to_uint64(&least, &big));
    assert_string_equal(value_kind_name(VALUE_MAP), "map");
    assert_string_equal(value_kind_name(VALUE_NULL), "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_in_canonical_order),
        cmocka_unit_test(get_finds_what_is_there_and_nothing_else),
        cmocka_unit_test(values_differ_by_kind_sign_and_bits),
        cmocka_unit_test(a_copy_borrows_nothing),
        cmocka_unit_test(integers_keep_their_whole_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
