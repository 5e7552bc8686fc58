/* SPDX-License-Identifier: Apache-2.0 */
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* Of exactly its length, so that a step beyond is seen. */
static Text exact(const char *text)
{
    const size_t len = strlen(text);
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return (Text){copy, len};
}

static void forget(Text text)
{
    free((void *)(uintptr_t)text.data);
}

static void decodes_escapes_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *text, *decoded; /* NULL: refused */
    } rows[] = {
        {"", ""},           {"plain", "plain"},  {"a%20b", "a b"},
        {"%2F%2f", "//"},   {"a+b", "a+b"},      {"%C3%A9", "\xc3\xa9"},
        {"100%25", "100%"}, {"%", NULL},         {"%2", NULL},
        {"a%", NULL},       {"%zz", NULL},       {"%2x", NULL},
        {"%00", NULL},      {"%ff", NULL},       {"%C3", NULL},
        {"%C0%80", NULL},   {"%ED%A0%80", NULL}, {"\xff", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        const Text text = exact(rows[i].text);
        Text out;
        const bool is_good = url_decode(text, &arena, &out);
        assert_int_equal(is_good, rows[i].decoded != NULL);
        if (is_good)
            assert_true(text_equal(out, text_of(rows[i].decoded)));
        arena_deinit(&arena);
        forget(text);
    }
}

static void reads_plain_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool is_good;
        uint64_t number;
    } rows[] = {
        {"0", 10, true, 0},
        {"10", 10, true, 10},
        {"11", 10, false, 0},
        {"007", 10, true, 7},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999", UINT64_MAX, false, 0},
        {"000000000000000000001", UINT64_MAX, false, 0},
        {"", 10, false, 0},
        {"-1", 10, false, 0},
        {"+1", 10, false, 0},
        {" 1", 10, false, 0},
        {"1 ", 10, false, 0},
        {"1e3", UINT64_MAX, false, 0},
        {"0x1", UINT64_MAX, false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Text text = exact(rows[i].text);
        uint64_t out = 77;
        assert_int_equal(number_read(text, rows[i].max, &out),
                         rows[i].is_good);
        assert_int_equal(out, rows[i].is_good ? rows[i].number : 77);
        forget(text);
    }
}

static void reads_one_range_of_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint64_t size;
        Range range;
        uint64_t first, last;
    } rows[] = {
        {"bytes=0-0", 10, RANGE_OK, 0, 0},
        {"bytes=0-9", 10, RANGE_OK, 0, 9},
        {"bytes=0-10", 10, RANGE_OK, 0, 9},
        {"bytes=3-", 10, RANGE_OK, 3, 9},
        {"bytes=-3", 10, RANGE_OK, 7, 9},
        {"bytes=-30", 10, RANGE_OK, 0, 9},
        {"Bytes=1-2", 10, RANGE_OK, 1, 2},
        {"bytes= 1 - 2 ", 10, RANGE_OK, 1, 2},
        {"bytes=9-18446744073709551615", 10, RANGE_OK, 9, 9},
        {"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-1", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"", 10, RANGE_NONE, 0, 0},
        {"bytes", 10, RANGE_NONE, 0, 0},
        {"bytes=", 10, RANGE_NONE, 0, 0},
        {"bytes=-", 10, RANGE_NONE, 0, 0},
        {"bytes=5", 10, RANGE_NONE, 0, 0},
        {"bytes=5-3", 10, RANGE_NONE, 0, 0},
        {"bytes=a-b", 10, RANGE_NONE, 0, 0},
        {"bytes=1-2-3", 10, RANGE_NONE, 0, 0},
        {"bytes=--1", 10, RANGE_NONE, 0, 0},
        {"bytes=0-1,3-4", 10, RANGE_NONE, 0, 0},
        {"lines=0-1", 10, RANGE_NONE, 0, 0},
        {"bytes=99999999999999999999-", 10, RANGE_NONE, 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Text header = exact(rows[i].header);
        uint64_t first = 0, last = 0;
        const Range range = range_read(header, rows[i].size, &first, &last);
        assert_int_equal(range, rows[i].range);
        if (range == RANGE_OK) {
            assert_int_equal(first, rows[i].first);
            assert_int_equal(last, rows[i].last);
        }
        forget(header);
    }
}

static void takes_the_media_type_without_its_parameters(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"application/json", "application/json"},
        {"Application/JSON; charset=utf-8", "application/json"},
        {" text/yaml ;a=b", "text/yaml"},
        {"application/vnd.ipld.car; version=1", "application/vnd.ipld.car"},
        {"", ""},
        {"json", ""},
        {"a/b/c", ""},
        {"a b/c", ""},
        {"a/b,c/d", ""},
        {";", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[MEDIA_TYPE_MAX];
        const Text header = exact(rows[i][0]);
        const Text type = media_type_read(header, out);
        assert_true(text_equal(type, text_of(rows[i][1])));
        forget(header);
    }
    char out[MEDIA_TYPE_MAX], large[300];
    memset(large, 'a', sizeof large);
    large[10] = '/';
    assert_int_equal(media_type_read((Text){large, sizeof large}, out).len, 0);
}

static void weighs_what_is_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        unsigned json, stream;
    } rows[] = {
        {"", 1000, 1000},
        {"*/*", 1000, 1000},
        {"text/event-stream", 0, 1000},
        {"application/json", 1000, 0},
        {"application/json;q=0.5, text/event-stream", 500, 1000},
        {"application/*;q=0.25, text/event-stream;q=0", 250, 0},
        {"*/*;q=0.1, application/json", 1000, 100},
        {"application/json;q=2", 0, 0},
        {"application/json;q=", 0, 0},
        {"application/json;q=0.1234", 0, 0},
        {"application/json; charset=x; q=0.7", 700, 0},
        {",,,", 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Text header = exact(rows[i].header);
        assert_int_equal(accept_quality(header, TEXT("application/json")),
                         rows[i].json);
        assert_int_equal(accept_quality(header, TEXT("text/event-stream")),
                         rows[i].stream);
        forget(header);
    }
}

/* A page whose name is made to lead to this machine has another Host. */
static void only_names_of_this_machine_are_local(void **state)
{
    (void)state;
    static const struct {
        const char *host, *listen;
        bool is_local;
    } rows[] = {
        {"localhost", "127.0.0.1", true},
        {"LOCALHOST:4747", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1:1", "127.0.0.1", true},
        {"[::1]", "::1", true},
        {"[::1]:4747", "::1", true},
        {"127.0.0.2:80", "127.0.0.2", true},
        {"127.0.0.2", "127.0.0.1", false},
        {"evil.example", "127.0.0.1", false},
        {"localhost.evil.example", "127.0.0.1", false},
        {"127.0.0.1.evil.example:80", "127.0.0.1", false},
        {"evil.example:4747", "127.0.0.1", false},
        {"localhost:x", "127.0.0.1", false},
        {"localhost:99999", "127.0.0.1", false},
        {"localhost:", "127.0.0.1", false},
        {":80", "127.0.0.1", false},
        {"", "127.0.0.1", false},
        {"[::1", "::1", false},
        {"[]", "127.0.0.1", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Text host = exact(rows[i].host);
        assert_int_equal(host_is_local(host, text_of(rows[i].listen)),
                         rows[i].is_local);
        forget(host);
    }
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static void reads_trace_contexts_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool is_good, is_sampled;
    } rows[] = {
        {"00-" TRACE "-" SPAN "-01", true, true},
        {"00-" TRACE "-" SPAN "-00", true, false},
        {"cc-" TRACE "-" SPAN "-01-what-follows", true, true},
        {"cc-" TRACE "-" SPAN "-01", true, true},
        {"cc-" TRACE "-" SPAN "-01x", false, false},
        {"00-" TRACE "-" SPAN "-01-", false, false},
        {"ff-" TRACE "-" SPAN "-01", false, false},
        {"0-" TRACE "-" SPAN "-01", false, false},
        {"00-00000000000000000000000000000000-" SPAN "-01", false, false},
        {"00-" TRACE "-0000000000000000-01", false, false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false, false},
        {"00-" TRACE "-" SPAN "-0g", false, false},
        {"00_" TRACE "-" SPAN "-01", false, false},
        {"", false, false},
    };
    struct trace_parent out;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Text header = exact(rows[i].header);
        const bool is_good = trace_parent_read(header, &out);
        assert_int_equal(is_good, rows[i].is_good);
        if (is_good) {
            assert_string_equal(out.trace, TRACE);
            assert_string_equal(out.span, SPAN);
            assert_int_equal(out.is_sampled, rows[i].is_sampled);
        }
        forget(header);
    }
    // Every truncation of a good one.
    const char *good = rows[0].header;
    for (size_t len = 0; len < strlen(good); len++) {
        char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, good, len);
        assert_false(trace_parent_read((Text){copy, len}, &out));
        free(copy);
    }
}

static void finds_entity_tags_in_lists(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool matches;
    } rows[] = {
        {"\"a\"", true}, {"W/\"a\"", true}, {"\"b\", \"a\"", true},
        {"*", true},     {"", false},       {"\"b\"", false},
        {"a", false},    {"\"aa\"", false}, {",", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Text header = exact(rows[i].header);
        assert_int_equal(etag_matches(header, TEXT("\"a\"")), rows[i].matches);
        assert_int_equal(etag_matches(header, TEXT("W/\"a\"")),
                         rows[i].matches);
        forget(header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_escapes_and_nothing_else),
        cmocka_unit_test(reads_plain_numbers),
        cmocka_unit_test(reads_one_range_of_bytes),
        cmocka_unit_test(takes_the_media_type_without_its_parameters),
        cmocka_unit_test(weighs_what_is_accepted),
        cmocka_unit_test(only_names_of_this_machine_are_local),
        cmocka_unit_test(reads_trace_contexts_strictly),
        cmocka_unit_test(finds_entity_tags_in_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
