/* SPDX-License-Identifier: Apache-2.0 */
/* test_map.c - the hash map against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"

enum { KEYS = 300 };

static char names[KEYS][8];

static Bytes key(size_t index)
{
    return bytes_of(names[index], strlen(names[index]));
}

static int make_names(void **state)
{
    (void)state;
    for (size_t index = 0; index < KEYS; index++)
        snprintf(names[index], sizeof names[index], "k%zu", index);
    return 0;
}

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    struct map map = {0};
    size_t cursor = 0;
    assert_null(map_get(&map, key(1)));
    assert_false(map_remove(&map, key(1)));
    assert_null(map_next(&map, &cursor));
    map_deinit(&map);
}

static void finds_what_was_set(void **state)
{
    (void)state;
    struct map map = {0};
    bool is_new;
    for (size_t index = 0; index < KEYS; index++) {
        *map_set(&map, key(index), &is_new) = index * 3;
        assert_true(is_new);
    }
    assert_int_equal(map.count, KEYS);
    for (size_t index = 0; index < KEYS; index++) {
        const uint64_t *value = map_get(&map, key(index));
        assert_non_null(value);
        assert_int_equal(*value, index * 3);
        map_set(&map, key(index), &is_new);
        assert_false(is_new);
    }
    assert_null(map_get(&map, bytes_of("k", 1)));
    // The empty key is a key.
    *map_set(&map, bytes_of("", 0), NULL) = 9;
    assert_int_equal(*map_get(&map, bytes_of("", 0)), 9);
    map_deinit(&map);
}

static void walks_every_entry_once(void **state)
{
    (void)state;
    struct map map = {0};
    uint64_t sum = 0;
    size_t cursor = 0, count = 0;
    for (size_t index = 0; index < 100; index++)
        *map_set(&map, key(index), NULL) = index;
    for (const struct map_entry *entry; (entry = map_next(&map, &cursor));) {
        sum += entry->value;
        count++;
    }
    assert_int_equal(count, 100);
    assert_int_equal(sum, 4950);
    map_deinit(&map);
}

/* Removal moves entries back over the hole; with a few hundred keys coming and
 * going in a small table, runs of collisions are cut in every way. */
static void removal_loses_nothing_else(void **state)
{
    (void)state;
    struct map map = {0};
    bool present[KEYS] = {false};
    size_t count = 0;
    unsigned seed = 1;
    for (int step = 0; step < 40000; step++) {
        seed = seed * 1103515245 + 12345;
        size_t index = (seed >> 16) % KEYS;
        bool remove = (seed >> 30) & 1;
        if (remove) {
            assert_int_equal(map_remove(&map, key(index)), present[index]);
            count -= present[index];
            present[index] = false;
        } else {
            bool is_new;
            *map_set(&map, key(index), &is_new) = index;
            assert_int_equal(is_new, !present[index]);
            count += is_new;
            present[index] = true;
        }
        assert_int_equal(map.count, count);
        if (step % 100 != 0)
            continue;
        for (size_t other = 0; other < KEYS; other++) {
            const uint64_t *value = map_get(&map, key(other));
            assert_int_equal(value != NULL, present[other]);
            assert_true(!value || *value == other);
        }
    }
    map_deinit(&map);
}

static void equal_bytes_have_equal_hashes(void **state)
{
    (void)state;
    char a[40], b[41];
    for (size_t len = 0; len < sizeof a; len++) {
        memset(a, 'x', len);
        memset(b + 1, 'x', len);
        assert_true(map_hash(bytes_of(a, len)) ==
                    map_hash(bytes_of(b + 1, len)));
        if (len == 0)
            continue;
        a[len - 1] = 'y';
        assert_false(map_hash(bytes_of(a, len)) ==
                     map_hash(bytes_of(b + 1, len)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(finds_what_was_set),
        cmocka_unit_test(walks_every_entry_once),
        cmocka_unit_test(removal_loses_nothing_else),
        cmocka_unit_test(equal_bytes_have_equal_hashes),
    };
    return cmocka_run_group_tests(tests, make_names, NULL);
}
