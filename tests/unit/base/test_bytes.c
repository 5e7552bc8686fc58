/* SPDX-License-Identifier: Apache-2.0 */
/* test_bytes.c - views, UTF-8, edit distance, and the way to fail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#undef fail // Ours from here on; cmocka's is not used here.
#include "base/status.h"

/* The boundaries of Unicode 15, table 3-7; `bad` is where it breaks, or the
 * length. */
static const struct {
    const char *text;
    size_t bad;
} utf8[] = {
    {"", 0},
    {"plain ascii that is longer than eight", 37},
    {"\x7f", 1},
    {"\x80", 0},
    {"\xbf", 0},
    {"\xc0\x80", 0}, /* overlong */
    {"\xc1\xbf", 0},
    {"\xc2\x7f", 0},
    {"\xc2\x80", 2},
    {"\xdf\xbf", 2},
    {"\xdf\xc0", 0},
    {"\xdf", 0},
    {"\xe0\x9f\xbf", 0}, /* overlong */
    {"\xe0\xa0\x80", 3},
    {"\xe1\x80\x80", 3},
    {"\xed\x9f\xbf", 3},
    {"\xed\xa0\x80", 0}, /* a surrogate */
    {"\xed\xbf\xbf", 0},
    {"\xee\x80\x80", 3},
    {"\xef\xbf\xbf", 3},
    {"\xe1\x80", 0},
    {"\xe1\x80\xc0", 0},
    {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
    {"\xf0\x90\x80\x80", 4},
    {"\xf3\xbf\xbf\xbf", 4},
    {"\xf4\x8f\xbf\xbf", 4},
    {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
    {"\xf5\x80\x80\x80", 0},
    {"\xff", 0},
    {"\xf0\x90\x80", 0},
    {"eightbyt\xff", 8},
    {"sevenby\xff", 7},
    {"eightby\xc3\xa4 and \xe6\xb0\xb4", 17},
    {"a\xc3\xa4\xe6\xb0", 3},
};

static void utf8_is_what_unicode_says(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof utf8 / sizeof utf8[0]; index++) {
        size_t len = strlen(utf8[index].text), bad = len;
        char *exact = malloc(len + !len);
        assert_non_null(exact);
        memcpy(exact, utf8[index].text, len);
        bool valid = utf8_is_valid((Text){exact, len}, &bad);
        if (valid != (utf8[index].bad == len) || bad != utf8[index].bad)
            print_message("row %zu: valid %d, bad at %zu\n", index, valid,
                          bad);
        assert_int_equal(valid, utf8[index].bad == len);
        assert_int_equal(bad, utf8[index].bad);
        free(exact);
    }
    assert_true(utf8_is_valid((Text){"\0", 1}, NULL));
}

static const struct {
    const char *a, *b;
    size_t distance;
} distances[] = {
    {"", "", 0},
    {"abc", "abc", 0},
    {"abc", "", 3},
    {"", "abc", 3},
    {"abc", "abd", 1},
    {"abc", "ab", 1},
    {"abc", "xabc", 1},
    {"abc", "acb", 1}, /* neighbours swapped */
    {"kitten", "sitting", 3},
    {"retry", "rerty", 1},
    {"abcdef", "badcfe", 3},
};

static void distance_counts_edits(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof distances / sizeof distances[0];
         index++) {
        Text a = text_of(distances[index].a), b = text_of(distances[index].b);
        assert_int_equal(text_distance(a, b), distances[index].distance);
        assert_int_equal(text_distance(b, a), distances[index].distance);
    }
    char long_text[65] = {0};
    assert_true(text_distance((Text){long_text, 65}, TEXT("a")) == SIZE_MAX);
    assert_int_equal(text_distance((Text){long_text, 64}, TEXT("a")), 64);
}

static void the_nearest_word_is_a_likely_typo_or_none(void **state)
{
    (void)state;
    const Text words[] = {TEXT("limits"), TEXT("retry"), TEXT("nonce")};
    assert_true(text_equal(text_nearest(TEXT("limit"), words, 3), words[0]));
    assert_true(text_equal(text_nearest(TEXT("rerty"), words, 3), words[1]));
    assert_null(text_nearest(TEXT("zzzzzzz"), words, 3).data);
    assert_null(text_nearest(TEXT("x"), words, 0).data);
}

static void views_compare_by_bytes(void **state)
{
    (void)state;
    assert_true(bytes_compare(bytes_of("a", 1), bytes_of("b", 1)) < 0);
    assert_true(bytes_compare(bytes_of("\xff", 1), bytes_of("b", 1)) > 0);
    assert_true(bytes_compare(bytes_of("a", 1), bytes_of("ab", 2)) < 0);
    assert_true(bytes_compare(bytes_of("", 0), bytes_of(NULL, 0)) == 0);
    assert_true(bytes_equal(bytes_of(NULL, 0), bytes_of("x", 0)));
    assert_true(text_starts_with(TEXT("/ipfs/x"), TEXT("/ipfs/")));
    assert_false(text_starts_with(TEXT("/ip"), TEXT("/ipfs/")));
    assert_true(text_ends_with(TEXT("a.json"), TEXT(".json")));
    assert_false(text_ends_with(TEXT("json"), TEXT(".json")));
}

static void a_failure_is_told_once_and_in_context(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(fail_at(&err, STATUS_INVALID, 7, "bad %d", 5),
                     STATUS_INVALID);
    assert_int_equal(err.offset, 7);
    assert_int_equal(fail_in(&err, STATUS_INVALID, "file %s", "x"),
                     STATUS_INVALID);
    assert_string_equal(err.message, "file x: bad 5");
    assert_int_equal(fail_errno(&err, ENOSPC, "cannot write"), STATUS_FULL);
    assert_string_equal(err.message, "cannot write: No space left on device");
    assert_int_equal(fail_errno(NULL, EACCES, "x"), STATUS_DENIED);
    assert_int_equal(fail_errno(&err, EIO, "x"), STATUS_IO);
    assert_int_equal(fail(NULL, STATUS_BUSY, "nobody listens"), STATUS_BUSY);
    for (int status = 0; status < STATUS_COUNT; status++)
        assert_non_null(status_name((Status)status));
    // However long the words, the message is cut and ends.
    char words[400];
    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    assert_int_equal(fail(&err, STATUS_HOST, "%s", words), STATUS_HOST);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    assert_int_equal(fail_in(&err, STATUS_HOST, "%s", words), STATUS_HOST);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
}

static void the_clock_does_not_go_back(void **state)
{
    (void)state;
    uint64_t last = clock_monotonic_ns();
    for (int index = 0; index < 1000; index++) {
        uint64_t now = clock_monotonic_ns();
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_wall_s() > 1700000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_what_unicode_says),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(the_nearest_word_is_a_likely_typo_or_none),
        cmocka_unit_test(views_compare_by_bytes),
        cmocka_unit_test(a_failure_is_told_once_and_in_context),
        cmocka_unit_test(the_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
