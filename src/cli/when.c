/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/when.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 86400, YEAR_MAX = 9999 };

static const int64_t moment_max = INT64_C(253402300799); /* 9999-12-31, end */

/* --- From now ------------------------------------------------------------ */

static int64_t unit_s(char unit)
{
    static const struct {
        char unit;
        int32_t seconds;
    } units[] = {
        {'s', 1}, {'m', 60}, {'h', 3600}, {'d', DAY_S}, {'w', 7 * DAY_S},
    };
    for (size_t index = 0; index < sizeof units / sizeof *units; index++)
        if (units[index].unit == unit)
            return units[index].seconds;
    return 0;
}

static bool read_duration(const char *text, int64_t *out)
{
    int64_t count = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && at - text < 12; at++)
        count = 10 * count + (*at - '0');
    const int64_t unit = unit_s(*at);
    if (at == text || unit == 0 || at[1] != '\0')
        return false;
    *out = count * unit; // Twelve digits of weeks are no overflow.
    return true;
}

/* --- Dates --------------------------------------------------------------- */

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* `pattern`: '0' is any digit, everything else itself. The numbers between
 * other characters go to `out`. */
static bool read_pattern(const char *text, const char *pattern, int *out)
{
    int number = 0;
    if (strlen(text) != strlen(pattern))
        return false;
    for (; *pattern; pattern++, text++) {
        if (*pattern != '0') {
            if (*text != *pattern)
                return false;
            *out++ = number;
            number = 0;
        } else if (*text >= '0' && *text <= '9') {
            number = 10 * number + (*text - '0');
        } else {
            return false;
        }
    }
    *out = number;
    return true;
}

static bool read_date(const char *text, int64_t *out)
{
    int part[8] = {0}; /* year, month, day, hour, minute, second */
    if (!read_pattern(text, "0000-00-00", part) &&
        !read_pattern(text, "0000-00-00T00:00:00Z", part))
        return false;
    if (part[0] < 1970 || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
        part[2] > days_of(part[0], part[1]) || part[3] > 23 || part[4] > 59 ||
        part[5] > 59)
        return false;
    int64_t days = part[2] - 1;
    for (int year = 1970; year < part[0]; year++)
        days += days_of(year, 2) == 29 ? 366 : 365;
    for (int month = 1; month < part[1]; month++)
        days += days_of(part[0], month);
    const int seconds = part[3] * 3600 + part[4] * 60 + part[5];
    *out = days * DAY_S + seconds;
    return true;
}

bool when_read(const char *text, int64_t now_s, int64_t *out)
{
    int64_t duration;
    if (!read_duration(text, &duration))
        return read_date(text, out);
    if (duration > moment_max - now_s)
        return false;
    *out = now_s + duration;
    return true;
}

const char *when_show(int64_t seconds, char out[WHEN_TEXT_MAX])
{
    const time_t time = (time_t)seconds;
    struct tm utc;
    if (!gmtime_r(&time, &utc) || utc.tm_year < -1900 ||
        utc.tm_year > YEAR_MAX - 1900 ||
        strftime(out, WHEN_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, WHEN_TEXT_MAX, "%lld", (long long)seconds);
    return out;
}
