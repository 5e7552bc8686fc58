/* SPDX-License-Identifier: Apache-2.0 */
#include "http/entity_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* On a heap block of exactly its length. */
static Text on_heap(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return (Text){copy, len};
}

struct entity_case {
    const char *text;
    uint64_t size;
    bool is_inside;
    uint64_t from, len;
};

static const struct entity_case entity_cases[] = {
    {"0:*", 10, true, 0, 10},
    {"0:9", 10, true, 0, 10},
    {"0:0", 10, true, 0, 1},
    {"3:5", 10, true, 3, 3},
    {"3:100", 10, true, 3, 7},
    {"9:*", 10, true, 9, 1},
    {"-4:*", 10, true, 6, 4},
    {"-4:-1", 10, true, 6, 4},
    {"-4:-2", 10, true, 6, 3},
    {"-100:*", 10, true, 0, 10},
    {"-100:3", 10, true, 0, 4},
    {"2:-3", 10, true, 2, 6},
    {"-9223372036854775807:9223372036854775807", 10, true, 0, 10},
    /* Nothing. */
    {"6:-8", 10, true, 0, 0},
    {"-3:2", 10, true, 0, 0},
    {"0:*", 0, true, 0, 0},
    {"0:5", 0, true, 0, 0},
    /* Outside. */
    {"10:*", 10, false, 0, 0},
    {"10:20", 10, false, 0, 0},
    {"-100:-50", 10, false, 0, 0},
};

static const char *const bad_entities[] = {
    "",
    "0",
    ":",
    "0:",
    ":5",
    "*:5",
    "*:*",
    "0:*:",
    "a:b",
    "0:5 ",
    " 0:5",
    "0-5",
    "--1:*",
    "0x1:2",
    "5:4",
    "-2:-4",
    "0:**",
    "1.5:2",
    "+1:2",
    "-:*",
    "9223372036854775808:*",
    "0:99999999999999999999",
    "0:1:2",
};

static void reads_entity_bytes(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof entity_cases / sizeof *entity_cases;
         index++) {
        const struct entity_case *row = &entity_cases[index];
        struct entity_bytes entity;
        struct byte_range range;
        assert_int_equal(entity_bytes_read(text_of(row->text), &entity, NULL),
                         STATUS_OK);
        if (entity_bytes_resolve(&entity, row->size, &range) !=
                row->is_inside ||
            (row->is_inside &&
             (range.from != row->from || range.len != row->len)))
            fail_msg("%s of %llu: %llu bytes from %llu", row->text,
                     (unsigned long long)row->size,
                     (unsigned long long)range.len,
                     (unsigned long long)range.from);
    }
}

static void refuses_entity_bytes_that_are_none(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad_entities / sizeof *bad_entities;
         index++) {
        struct entity_bytes entity;
        struct error err = {0};
        const Text text =
            on_heap(bad_entities[index], strlen(bad_entities[index]));
        if (entity_bytes_read(text, &entity, &err) != STATUS_INVALID)
            fail_msg("\"%s\" was taken", bad_entities[index]);
        assert_string_not_equal(err.message, "");
        free((void *)(uintptr_t)text.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_entity_bytes),
        cmocka_unit_test(refuses_entity_bytes_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
