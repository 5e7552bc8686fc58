/* SPDX-License-Identifier: Apache-2.0 */
/* number.c - words to values. */
#include "task/number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

enum { NUMBER_MAX = 4096 }; /* characters; no double needs more than 800 */

static bool is_digit(char at)
{
    return at >= '0' && at <= '9';
}

static size_t digits(Text text, size_t from)
{
    while (from < text.len && is_digit(text.data[from]))
        from++;
    return from;
}

/* [-+]?(digits(.digits?)?|.digits)([eE][-+]?digits)? and nothing behind it. */
static bool is_decimal(Text text, bool *is_float)
{
    size_t at = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+');
    size_t start = at, seen;

    at = digits(text, at);
    seen = at - start;
    *is_float = false;
    if (at < text.len && text.data[at] == '.') {
        size_t end = digits(text, at + 1);
        seen += end - at - 1;
        at = end;
        *is_float = true;
    }
    if (seen == 0)
        return false;
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.len && (text.data[at] == '-' || text.data[at] == '+'))
            at++;
        if (at == text.len || !is_digit(text.data[at]))
            return false;
        at = digits(text, at);
        *is_float = true;
    }
    return at == text.len;
}

static int hex_digit(char at)
{
    if (is_digit(at))
        return at - '0';
    if (at >= 'a' && at <= 'f')
        return at - 'a' + 10;
    return at >= 'A' && at <= 'F' ? at - 'A' + 10 : -1;
}

static Status out_of_range(Text word, struct error *err)
{
    return fail(err, STATUS_INVALID,
                "the integer %.*s is out of range, -2^63 to 2^64-1",
                (int)(word.len > 40 ? 40 : word.len), word.data);
}

static Status read_digits(Text word, size_t at, unsigned base, Value *out,
                          struct error *err)
{
    bool negative = word.data[0] == '-';
    uint64_t number = 0;

    for (; at < word.len; at++) {
        unsigned digit = (unsigned)hex_digit(word.data[at]);
        if (__builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return out_of_range(word, err);
    }
    if (negative && number > (uint64_t)1 << 63)
        return out_of_range(word, err);
    *out = negative && number > 0 ? (Value){.kind = VALUE_INT,
                                            .negative = true,
                                            .magnitude = number - 1}
                                  : value_uint(number);
    return STATUS_OK;
}

static Status read_float(Text word, Value *out, struct error *err)
{
    char text[NUMBER_MAX + 1];

    if (word.len > NUMBER_MAX)
        return fail(err, STATUS_LIMIT, "a number of more than %d characters",
                    NUMBER_MAX);
    memcpy(text, word.data, word.len);
    text[word.len] = '\0';
    // The C locale is never made anew by the C library: no cost, no failure.
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSERT(locale);
    double number = strtod_l(text, NULL, locale);
    freelocale(locale);
    if (!isfinite(number))
        return fail(err, STATUS_INVALID,
                    "the number %.40s is too large for a float", text);
    *out = value_float(number);
    return STATUS_OK;
}

/* Words that YAML or C would take for numbers and that no value holds. */
static bool is_no_value(Text word)
{
    static const Text words[] = {TEXT_INIT(".inf"), TEXT_INIT(".Inf"),
                                 TEXT_INIT(".INF"), TEXT_INIT(".nan"),
                                 TEXT_INIT(".NaN"), TEXT_INIT(".NAN")};
    size_t sign = word.len > 0 && (word.data[0] == '-' || word.data[0] == '+');
    Text bare = {word.data + sign, word.len - sign};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (text_equal(bare, words[i]))
            return true;
    return false;
}

static bool has_prefix_and_digits(Text word, Text prefix, int max)
{
    if (!text_starts_with(word, prefix) || word.len == prefix.len)
        return false;
    for (size_t at = prefix.len; at < word.len; at++) {
        int digit = hex_digit(word.data[at]);
        if (digit < 0 || digit > max)
            return false;
    }
    return true;
}

Status number_from_word(Text word, Value *out, struct error *err)
{
    bool is_float;

    if (has_prefix_and_digits(word, TEXT("0x"), 15))
        return read_digits(word, 2, 16, out, err);
    if (has_prefix_and_digits(word, TEXT("0o"), 7))
        return fail(err, STATUS_INVALID,
                    "octal numbers are not read: write decimal or 0x, or "
                    "mark it as text");
    if (is_no_value(word))
        return fail(err, STATUS_INVALID,
                    "infinity and NaN are no values: write a finite number, "
                    "or mark it as text");
    if (!is_decimal(word, &is_float))
        return STATUS_NOT_FOUND;
    if (is_float)
        return read_float(word, out, err);
    return read_digits(word, !is_digit(word.data[0]), 10, out, err);
}

Status value_from_word(Text word, Value *out, struct error *err)
{
    size_t bad;

    Status status = number_from_word(word, out, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    if (text_equal(word, TEXT("true")) || text_equal(word, TEXT("false")))
        *out = value_bool(word.data[0] == 't');
    else if (text_equal(word, TEXT("null")))
        *out = value_null();
    else if (utf8_is_valid(word, &bad))
        *out = value_text(word);
    else
        return fail_at(err, STATUS_INVALID, bad, "the text is not UTF-8");
    return STATUS_OK;
}
