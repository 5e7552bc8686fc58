/* SPDX-License-Identifier: Apache-2.0 */
#include "http/byte_range.h"

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static Text trimmed(Text text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = (Text){text.data + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* Digits only, at least one; what is too large becomes UINT64_MAX, which lies
 * behind every end. */
static bool read_digits(Text text, uint64_t *out)
{
    uint64_t number = 0;
    if (text.len == 0)
        return false;
    for (size_t index = 0; index < text.len; index++) {
        const char digit = text.data[index];
        if (digit < '0' || digit > '9')
            return false;
        const uint64_t value = (uint64_t)(digit - '0');
        number = number > (UINT64_MAX - value) / 10 ? UINT64_MAX
                                                    : number * 10 + value;
    }
    *out = number;
    return true;
}

/* Cuts `text` at the first `mark`; false: there is none. */
static bool cut(Text text, char mark, Text *before, Text *behind)
{
    const char *at = text.len > 0 ? memchr(text.data, mark, text.len) : NULL;
    if (!at)
        return false;
    const size_t len = (size_t)(at - text.data);
    *before = (Text){text.data, len};
    *behind = (Text){at + 1, text.len - len - 1};
    return true;
}

/* --- Range ---------------------------------------------------------------- */

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

/* "bytes=", in any case. */
static bool cut_unit(Text *header)
{
    static const char unit[] = "bytes=";
    const size_t len = sizeof unit - 1;
    if (header->len < len)
        return false;
    for (size_t index = 0; index < len; index++)
        if (lower(header->data[index]) != unit[index])
            return false;
    *header = trimmed((Text){header->data + len, header->len - len});
    return true;
}

static RangeKind last_bytes(uint64_t count, uint64_t size,
                            struct byte_range *out)
{
    if (count == 0 || size == 0)
        return RANGE_UNSATISFIABLE;
    out->len = count < size ? count : size;
    out->from = size - out->len;
    return RANGE_PART;
}

RangeKind byte_range_read(Text header, uint64_t size, struct byte_range *out)
{
    Text first, last;
    uint64_t from, to = UINT64_MAX;
    header = trimmed(header);
    *out = (struct byte_range){0, size};
    if (!cut_unit(&header) || !cut(header, '-', &first, &last))
        return RANGE_WHOLE;
    if (first.len == 0 && read_digits(last, &to))
        return last_bytes(to, size, out);
    if (!read_digits(first, &from) ||
        (last.len > 0 && !read_digits(last, &to)) || to < from)
        return RANGE_WHOLE;
    if (from >= size)
        return RANGE_UNSATISFIABLE;
    *out = (struct byte_range){from, (to < size ? to + 1 : size) - from};
    return RANGE_PART;
}

/* --- entity-bytes --------------------------------------------------------- */

static bool read_signed(Text text, int64_t *out)
{
    const bool is_negative = text.len > 0 && text.data[0] == '-';
    uint64_t number;
    if (is_negative)
        text = (Text){text.data + 1, text.len - 1};
    if (!read_digits(text, &number) || number > INT64_MAX)
        return false;
    *out = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

Status entity_bytes_read(Text text, struct entity_bytes *out,
                         struct error *err)
{
    Text from, to;
    *out = (struct entity_bytes){0};
    const bool is_pair = cut(text, ':', &from, &to);
    out->to_end = is_pair && text_equal(to, TEXT("*"));
    if (!is_pair || !read_signed(from, &out->from) ||
        (!out->to_end && !read_signed(to, &out->to)))
        return fail(err, STATUS_INVALID,
                    "entity-bytes is FROM:TO, two offsets, such as 0:1023, or "
                    "-1024:* for the end");
    if (!out->to_end && (out->from < 0) == (out->to < 0) &&
        out->from > out->to)
        return fail(err, STATUS_INVALID,
                    "entity-bytes ends before it begins: %lld:%lld",
                    (long long)out->from, (long long)out->to);
    return STATUS_OK;
}

bool entity_bytes_resolve(const struct entity_bytes *entity, uint64_t size,
                          struct byte_range *out)
{
    const uint64_t back_from = entity->from < 0 ? -(uint64_t)entity->from : 0;
    const uint64_t back_to = entity->to < 0 ? -(uint64_t)entity->to : 0;
    uint64_t from = back_from < size ? size - back_from : 0;
    uint64_t end = size;
    *out = (struct byte_range){0, 0};
    if (entity->from >= 0)
        from = (uint64_t)entity->from;
    if (!entity->to_end && back_to > size)
        return false;
    if (!entity->to_end && entity->to < 0)
        end = size - back_to + 1;
    else if (!entity->to_end && (uint64_t)entity->to < size)
        end = (uint64_t)entity->to + 1;
    if (from >= size && size > 0)
        return false;
    if (from < end)
        *out = (struct byte_range){from, end - from};
    return true;
}
