/* SPDX-License-Identifier: Apache-2.0 */
#include "http/byte_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define END UINT64_MAX

struct range_case {
    const char *header;
    uint64_t size;
    RangeKind kind;
    uint64_t from, len;
};

static const struct range_case range_cases[] = {
    {"bytes=0-0", 10, RANGE_PART, 0, 1},
    {"bytes=0-9", 10, RANGE_PART, 0, 10},
    {"bytes=0-", 10, RANGE_PART, 0, 10},
    {"bytes=3-5", 10, RANGE_PART, 3, 3},
    {"bytes=9-", 10, RANGE_PART, 9, 1},
    {"BYTES=3-5", 10, RANGE_PART, 3, 3},
    {" bytes= 3-5 ", 10, RANGE_PART, 3, 3},
    /* The end may lie behind the end. */
    {"bytes=3-99", 10, RANGE_PART, 3, 7},
    {"bytes=0-18446744073709551615", 10, RANGE_PART, 0, 10},
    {"bytes=0-99999999999999999999999", 10, RANGE_PART, 0, 10},
    {"bytes=5-18446744073709551615", END, RANGE_PART, 5, END - 5},
    /* The last ones. */
    {"bytes=-1", 10, RANGE_PART, 9, 1},
    {"bytes=-10", 10, RANGE_PART, 0, 10},
    {"bytes=-11", 10, RANGE_PART, 0, 10},
    {"bytes=-99999999999999999999999", 10, RANGE_PART, 0, 10},
    {"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=10-20", 10, RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=99999999999999999999999-", 10, RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=-1", 0, RANGE_UNSATISFIABLE, 0, 0},
    /* What is not for us is as if it were not there. */
    {"", 10, RANGE_WHOLE, 0, 10},
    {"bytes", 10, RANGE_WHOLE, 0, 10},
    {"bytes=", 10, RANGE_WHOLE, 0, 10},
    {"bytes=-", 10, RANGE_WHOLE, 0, 10},
    {"bytes=5", 10, RANGE_WHOLE, 0, 10},
    {"bytes=5-4", 10, RANGE_WHOLE, 0, 10},
    {"bytes=--1", 10, RANGE_WHOLE, 0, 10},
    {"bytes=+1-2", 10, RANGE_WHOLE, 0, 10},
    {"bytes=0x1-2", 10, RANGE_WHOLE, 0, 10},
    {"bytes=1 -2", 10, RANGE_WHOLE, 0, 10},
    {"bytes=1-2-3", 10, RANGE_WHOLE, 0, 10},
    {"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 10},
    {"bytes=0-1,", 10, RANGE_WHOLE, 0, 10},
    {"items=0-1", 10, RANGE_WHOLE, 0, 10},
    {"bytes =0-1", 10, RANGE_WHOLE, 0, 10},
};

/* On a heap block of exactly its length. */
static Text on_heap(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return (Text){copy, len};
}

static void reads_what_a_range_header_asks_for(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof range_cases / sizeof *range_cases;
         index++) {
        const struct range_case *row = &range_cases[index];
        struct byte_range range;
        const Text header = on_heap(row->header, strlen(row->header));
        const RangeKind kind = byte_range_read(header, row->size, &range);
        if (kind != row->kind)
            fail_msg("\"%s\" of %llu: %d", row->header,
                     (unsigned long long)row->size, (int)kind);
        if (kind != RANGE_UNSATISFIABLE &&
            (range.from != row->from || range.len != row->len))
            fail_msg("\"%s\" of %llu: %llu bytes from %llu", row->header,
                     (unsigned long long)row->size,
                     (unsigned long long)range.len,
                     (unsigned long long)range.from);
        free((void *)(uintptr_t)header.data);
    }
}

static void never_leads_out_of_what_is_there(void **state)
{
    static const char header[] = "bytes=123-456";
    static const uint64_t sizes[] = {0, 1, 12, 13, 123, 124, 400, END};
    (void)state;
    for (size_t len = 0; len < sizeof header; len++)
        for (size_t index = 0; index < sizeof sizes / sizeof *sizes; index++) {
            struct byte_range range;
            const Text cut = on_heap(header, len);
            if (byte_range_read(cut, sizes[index], &range) !=
                RANGE_UNSATISFIABLE) {
                assert_true(range.from <= sizes[index]);
                assert_true(range.len <= sizes[index] - range.from);
            }
            free((void *)(uintptr_t)cut.data);
        }
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
        cmocka_unit_test(reads_what_a_range_header_asks_for),
        cmocka_unit_test(never_leads_out_of_what_is_there),
        cmocka_unit_test(reads_entity_bytes),
        cmocka_unit_test(refuses_entity_bytes_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
