/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { ENTRY_COUNT = 10000 };

static char keys[ENTRY_COUNT][8];

static Bytes key_at(size_t i)
{
    int len = snprintf(keys[i], sizeof keys[i], "k%zu", i);
    return bytes_of(keys[i], (size_t)len);
}

static void finds_what_was_set_and_nothing_else(void **state)
{
    (void)state;
    struct map map = {0};
    bool is_new;

    assert_null(map_get(&map, key_at(0)));
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        *map_set(&map, key_at(i), &is_new) = i;
        assert_true(is_new);
    }
    assert_int_equal(map.count, ENTRY_COUNT);
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        assert_int_equal(*map_get(&map, key_at(i)), i);
    assert_null(map_get(&map, bytes_of("other", 5)));
    map_deinit(&map);
}

static void removing_some_leaves_the_others_reachable(void **state)
{
    (void)state;
    struct map map = {0};

    for (size_t i = 0; i < ENTRY_COUNT; i++)
        *map_set(&map, key_at(i), NULL) = i;
    for (size_t i = 0; i < ENTRY_COUNT; i += 3)
        assert_true(map_remove(&map, key_at(i)));
    assert_false(map_remove(&map, key_at(0)));
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        uint64_t *value = map_get(&map, key_at(i));
        assert_int_equal(value != NULL, i % 3 != 0);
        if (value)
            assert_int_equal(*value, i);
    }
    map_deinit(&map);
}

static void the_empty_key_is_a_key(void **state)
{
    (void)state;
    struct map map = {0};

    *map_set(&map, bytes_of("", 0), NULL) = 7;
    assert_int_equal(*map_get(&map, bytes_of("", 0)), 7);
    assert_true(map_remove(&map, bytes_of("", 0)));
    assert_null(map_get(&map, bytes_of("", 0)));
    map_deinit(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_set_and_nothing_else),
        cmocka_unit_test(removing_some_leaves_the_others_reachable),
        cmocka_unit_test(the_empty_key_is_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
