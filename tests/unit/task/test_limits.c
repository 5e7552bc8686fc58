/* SPDX-License-Identifier: Apache-2.0 */
/* test_limits.c - durations, sizes, numbers, and the names of ends. */
#include "unit/task/task_test.h"

#include <locale.h>

#include "task/number.h"

static void reads_durations_and_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms, bytes; /* UINT64_MAX: refused */
    } rows[] = {
        {"0", 0, 0},
        {"250ms", 250, UINT64_MAX},
        {"30s", 30000, UINT64_MAX},
        {"5m", 300000, UINT64_MAX},
        {"2h", 7200000, UINT64_MAX},
        {"1d", 86400000, UINT64_MAX},
        {"64KiB", UINT64_MAX, 65536},
        {"512MiB", UINT64_MAX, 512 << 20},
        {"2GiB", UINT64_MAX, UINT64_C(2) << 30},
        {"9223372036854775807", INT64_MAX, INT64_MAX},
        {"9223372036854775808", UINT64_MAX, UINT64_MAX},
        {"99999999999999999999", UINT64_MAX, UINT64_MAX},
        {"106751991168d", UINT64_MAX, UINT64_MAX},
        {"8388608TiB", UINT64_MAX, UINT64_MAX},
        {"", UINT64_MAX, UINT64_MAX},
        {"s", UINT64_MAX, UINT64_MAX},
        {"-1", UINT64_MAX, UINT64_MAX},
        {"+1", UINT64_MAX, UINT64_MAX},
        {"1.5", UINT64_MAX, UINT64_MAX},
        {"1 s", UINT64_MAX, UINT64_MAX},
        {"1S", UINT64_MAX, UINT64_MAX},
        {"1kib", UINT64_MAX, UINT64_MAX},
        {"1e3", UINT64_MAX, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Bytes bytes = text_bytes(text_of(rows[i].text));
        uint8_t *copy = exact_copy(bytes);
        Text text = {(const char *)copy, bytes.len};
        uint64_t out = 7;
        struct error err;
        Status status = duration_parse(text, &out, &err);
        assert_int_equal(status == STATUS_OK, rows[i].ms != UINT64_MAX);
        assert_int_equal(out, status == STATUS_OK ? rows[i].ms : 7);
        out = 7;
        status = size_parse(text, &out, &err);
        assert_int_equal(status == STATUS_OK, rows[i].bytes != UINT64_MAX);
        assert_int_equal(out, status == STATUS_OK ? rows[i].bytes : 7);
        free(copy);
    }
}

static void reads_words(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        Value value;
    } rows[] = {
        {"7", {.kind = VALUE_INT, .magnitude = 7}},
        {"-7", {.kind = VALUE_INT, .negative = true, .magnitude = 6}},
        {"-0", {.kind = VALUE_INT}},
        {"0xFf", {.kind = VALUE_INT, .magnitude = 255}},
        {"18446744073709551615", {.kind = VALUE_INT, .magnitude = UINT64_MAX}},
        {"-9223372036854775808",
         {.kind = VALUE_INT, .negative = true, .magnitude = INT64_MAX}},
        {"1.0", {.kind = VALUE_FLOAT, .number = 1}},
        {"-0.0", {.kind = VALUE_FLOAT, .number = -0.0}},
        {"1e3", {.kind = VALUE_FLOAT, .number = 1000}},
        {"0.1", {.kind = VALUE_FLOAT, .number = 0.1}},
        {"1e-400", {.kind = VALUE_FLOAT, .number = 0}},
        // Halfway between two floats: to the even one.
        {"9007199254740993.0", {.kind = VALUE_FLOAT, .number = 0x1p53}},
        {"2.2250738585072011e-308",
         {.kind = VALUE_FLOAT, .number = 0x0.fffffffffffffp-1022}},
        {"true", {.kind = VALUE_BOOL, .boolean = true}},
        {"false", {.kind = VALUE_BOOL}},
        {"null", {.kind = VALUE_NULL}},
    };
    static const char *const texts[] = {
        "",  "x",  "True",  "1x",  "0x",  "0xg", "-0x1", "--1", "1e",
        ".", "e1", "1_000", "inf", "nan", "1,5", " 1",   "+",   "1.2.3"};
    static const char *const refused[] = {"18446744073709551616",
                                          "-9223372036854775809",
                                          "0x10000000000000000",
                                          "1e309",
                                          "-1e309",
                                          ".inf",
                                          "+.Inf",
                                          ".NaN",
                                          "0o7"};
    struct error err;
    Value out;
    // A locale with another decimal point changes nothing, if there is one.
    setlocale(LC_ALL, "de_DE.UTF-8");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ASSERT_OK(value_from_word(text_of(rows[i].word), &out, &err), &err);
        if (!value_equal(&out, &rows[i].value))
            TEST_FAIL("'%s' is another value\n", rows[i].word);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ASSERT_OK(value_from_word(text_of(texts[i]), &out, &err), &err);
        assert_int_equal(out.kind, VALUE_TEXT);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(value_from_word(text_of(refused[i]), &out, &err),
                         STATUS_INVALID);
    assert_int_equal(value_from_word((Text){"\xff", 1}, &out, &err),
                     STATUS_INVALID);
}

static void every_end_has_its_name(void **state)
{
    (void)state;
    for (int end = END_NONE + 1; end < END_COUNT; end++) {
        assert_true(end_name((End)end).len > 0);
        assert_true(end_sentence((End)end).len > 0);
        assert_int_equal(end_from_name(end_name((End)end)), end);
        assert_int_equal(end_is_retried((End)end),
                         end == END_UNAVAILABLE || end == END_HOST);
    }
    assert_int_equal(end_name(END_NONE).len, 0);
    assert_int_equal(end_from_name(TEXT("limit/else")), END_COUNT);
    assert_int_equal(end_from_name(TEXT("")), END_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_durations_and_sizes),
        cmocka_unit_test(reads_words),
        cmocka_unit_test(every_end_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
