/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/float_text.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/status.h"

static locale_t c_locale;

static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSERT(c_locale != (locale_t)0);
}

static double read_decimal(const char *zero_ended)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locale);
    return strtod_l(zero_ended, NULL, c_locale);
}

bool float_from_text(Text text, double *out)
{
    char small[64];
    char *copy = text.len < sizeof small ? small : heap_alloc(text.len + 1);

    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *out = read_decimal(copy);
    if (copy != small)
        free(copy);
    return isfinite(*out);
}

/* --- Writing ------------------------------------------------------------ */

/* A decimal: 0.DIGITS times ten to the power of `point`. */
struct decimal {
    uint64_t digits; /* at most 17 of them, as a number */
    int count;
    int point;
};

/* The decimal of `count` digits nearest to `number`, which is positive. */
static struct decimal nearest_decimal(double number, int count)
{
    char text[40];
    struct decimal decimal = {.count = count};

    snprintf(text, sizeof text, "%.*e", count - 1, number);
    // The decimal point may be any bytes, by locale: take the digits alone.
    const char *at = text;
    for (; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            decimal.digits = decimal.digits * 10 + (uint64_t)(*at - '0');
    decimal.point = (int)strtol(at + 1, NULL, 10) + 1;
    return decimal;
}

static bool reads_back(const struct decimal *decimal, double number)
{
    char text[48];
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)decimal->digits,
             decimal->point - decimal->count);
    return read_decimal(text) == number;
}

static struct decimal shortest_decimal(double number)
{
    // What has 15 digits or fewer is found with 15 and its zeros taken off;
    // subnormal numbers have less precision than that.
    int first = number < DBL_MIN ? 1 : DBL_DIG;
    struct decimal decimal = {0};

    for (int count = first; count <= DBL_DECIMAL_DIG; count++) {
        decimal = nearest_decimal(number, count);
        if (reads_back(&decimal, number))
            break;
        // Above a power of two the gap is twice as wide as below it, so the
        // second nearest may read back where the nearest does not.
        decimal.digits++;
        if (count < DBL_DECIMAL_DIG && reads_back(&decimal, number))
            break;
        decimal.digits--;
    }
    return decimal;
}

/* digits[.digits]e±x */
static int lay_out_exponent(const char *digits, int count, int exponent,
                            char *out, size_t room)
{
    return snprintf(out, room, "%.1s%s%se%+d", digits, count > 1 ? "." : "",
                    digits + 1, exponent);
}

size_t float_to_text(double number, char out[FLOAT_TEXT_MAX])
{
    char digits[24];
    int len = 0;
    char *at = out;
    size_t room = FLOAT_TEXT_MAX;

    ASSERT(isfinite(number));
    if (signbit(number)) {
        *at++ = '-';
        room--;
    }
    struct decimal decimal = number == 0
                                 ? (struct decimal){.count = 1, .point = 1}
                                 : shortest_decimal(fabs(number));
    snprintf(digits, sizeof digits, "%llu",
             (unsigned long long)decimal.digits);
    int count = (int)strlen(digits); // One more than asked for after a carry.
    int point = decimal.point + count - decimal.count;
    while (count > 1 && digits[count - 1] == '0')
        digits[--count] = '\0';

    // The ranges are those of ECMAScript, Number::toString.
    if (point < -5 || point > 21)
        len = lay_out_exponent(digits, count, point - 1, at, room);
    else if (point <= 0)
        len = snprintf(at, room, "0.%.*s%s", -point, "00000", digits);
    else if (count <= point)
        len = snprintf(at, room, "%s%.*s.0", digits, point - count,
                       "00000000000000000000");
    else
        len = snprintf(at, room, "%.*s.%s", point, digits, digits + point);
    ASSERT(len > 0 && (size_t)len < room);
    return (size_t)(at - out) + (size_t)len;
}
