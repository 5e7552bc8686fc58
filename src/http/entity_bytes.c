/* SPDX-License-Identifier: Apache-2.0 */
#include "http/entity_bytes.h"

#include "http/url.h"

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

static bool read_signed(Text text, int64_t *out)
{
    const bool is_negative = text.len > 0 && text.data[0] == '-';
    uint64_t number;
    if (is_negative)
        text = (Text){text.data + 1, text.len - 1};
    if (!number_read(text, INT64_MAX, &number))
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
