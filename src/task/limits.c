/* SPDX-License-Identifier: Apache-2.0 */
/* limits.c - durations and sizes: digits, then at most one unit. */
#include "task/limits.h"

struct unit {
    Text name;
    uint64_t factor;
};

static const struct unit durations[] = {
    {TEXT_INIT("ms"), 1},
    {TEXT_INIT("s"), 1000},
    {TEXT_INIT("m"), 60000},
    {TEXT_INIT("h"), 3600000},
    {TEXT_INIT("d"), UINT64_C(86400000)},
};
static const struct unit sizes[] = {
    {TEXT_INIT("B"), 1},
    {TEXT_INIT("KiB"), UINT64_C(1) << 10},
    {TEXT_INIT("MiB"), UINT64_C(1) << 20},
    {TEXT_INIT("GiB"), UINT64_C(1) << 30},
    {TEXT_INIT("TiB"), UINT64_C(1) << 40},
};

struct quantity {
    const char *what; /* for messages */
    const char *examples;
    const struct unit *units;
    size_t count;
};

static bool find_factor(const struct quantity *quantity, Text unit,
                        uint64_t *factor)
{
    if (unit.len == 0)
        return *factor = 1, true;
    for (size_t index = 0; index < quantity->count; index++) {
        if (!text_equal(quantity->units[index].name, unit))
            continue;
        *factor = quantity->units[index].factor;
        return true;
    }
    return false;
}

/* What fits in int64, as our envelopes hold. */
static Status quantity_parse(const struct quantity *quantity, Text text,
                             uint64_t *out, struct error *err)
{
    uint64_t number = 0, factor = 0;
    bool overflow = false;
    size_t len = 0;

    while (len < text.len && text.data[len] >= '0' && text.data[len] <= '9') {
        unsigned digit = (unsigned)(text.data[len++] - '0');
        overflow |= __builtin_mul_overflow(number, 10, &number);
        overflow |= __builtin_add_overflow(number, digit, &number);
    }
    Text unit = {text.data + len, text.len - len};
    if (len == 0)
        return fail_at(err, STATUS_INVALID, 0,
                       "expected a %s such as %s, got '%.*s'", quantity->what,
                       quantity->examples,
                       (int)(text.len > 40 ? 40 : text.len), text.data);
    if (!find_factor(quantity, unit, &factor))
        return fail_at(err, STATUS_INVALID, len,
                       "expected a %s such as %s, got the unit '%.*s'",
                       quantity->what, quantity->examples,
                       (int)(unit.len > 20 ? 20 : unit.len), unit.data);
    overflow |= __builtin_mul_overflow(number, factor, &number);
    if (overflow || number > INT64_MAX)
        return fail_at(err, STATUS_INVALID, 0, "the %s is above 2^63-1 %s",
                       quantity->what,
                       quantity->units == durations ? "ms" : "bytes");
    *out = number;
    return STATUS_OK;
}

Status duration_parse(Text text, uint64_t *ms, struct error *err)
{
    static const struct quantity duration = {
        "duration", "250ms, 30s, 5m, 2h or 1d", durations,
        sizeof durations / sizeof *durations};

    return quantity_parse(&duration, text, ms, err);
}

Status size_parse(Text text, uint64_t *bytes, struct error *err)
{
    static const struct quantity size = {"size", "4096, 64KiB, 512MiB or 2GiB",
                                         sizes, sizeof sizes / sizeof *sizes};

    return quantity_parse(&size, text, bytes, err);
}
