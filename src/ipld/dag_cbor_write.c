/* SPDX-License-Identifier: Apache-2.0 */
/* dag_cbor_write.c - writes DAG-CBOR, which has one form for each value.
 *
 * A tree is measured first and then written without a check per byte. */
#include "ipld/dag_cbor.h"

#include <endian.h>
#include <math.h>

enum {
    MAJOR_UINT = 0,
    MAJOR_NEGATIVE = 1 << 5,
    MAJOR_BYTES = 2 << 5,
    MAJOR_TEXT = 3 << 5,
    MAJOR_LIST = 4 << 5,
    MAJOR_MAP = 5 << 5,
};

enum {
    HEAD_MAX = 9,
    FLOAT_LEN = 9,
    BYTE_FALSE = 0xf4,
    BYTE_TRUE = 0xf5,
    BYTE_NULL = 0xf6,
    BYTE_FLOAT64 = 0xfb,
};

/* --- Heads -------------------------------------------------------------- */

static size_t head_length(uint64_t number)
{
    if (number < 24)
        return 1;
    if (number <= UINT8_MAX)
        return 2;
    if (number <= UINT16_MAX)
        return 3;
    return number <= UINT32_MAX ? 5 : 9;
}

static uint8_t *put_head(uint8_t *at, unsigned major, uint64_t number)
{
    if (number < 24) {
        *at = (uint8_t)(major | number);
        return at + 1;
    }
    size_t len = head_length(number) - 1;
    unsigned low = len == 1 ? 24 : len == 2 ? 25 : len == 4 ? 26 : 27;
    uint64_t big_endian = htobe64(number);
    *at++ = (uint8_t)(major | low);
    memcpy(at, (uint8_t *)&big_endian + 8 - len, len);
    return at + len;
}

static uint8_t *put_float(uint8_t *at, double number)
{
    uint64_t bits;

    ASSERT(isfinite(number));
    memcpy(&bits, &number, sizeof bits);
    bits = htobe64(bits);
    *at = BYTE_FLOAT64;
    memcpy(at + 1, &bits, sizeof bits);
    return at + FLOAT_LEN;
}

static uint8_t *put_string(uint8_t *at, unsigned major, Bytes bytes)
{
    at = put_head(at, major, bytes.len);
    if (bytes.len)
        memcpy(at, bytes.data, bytes.len);
    return at + bytes.len;
}

static uint8_t *put_link(uint8_t *at, Bytes cid)
{
    *at++ = 0xd8;
    *at++ = 42;
    at = put_head(at, MAJOR_BYTES, cid.len + 1);
    *at++ = 0;
    memcpy(at, cid.data, cid.len);
    return at + cid.len;
}

static size_t string_length(size_t len)
{
    return head_length(len) + len;
}

static size_t link_length(Bytes cid)
{
    return 2 + string_length(cid.len + 1);
}

/* --- Trees -------------------------------------------------------------- */

static size_t list_length(const Value *value)
{
    size_t len = head_length(value->list.count);
    for (size_t index = 0; index < value->list.count; index++)
        len += dag_cbor_length(&value->list.items[index]);
    return len;
}

static size_t map_length(const Value *value)
{
    size_t len = head_length(value->map.count);
    for (size_t index = 0; index < value->map.count; index++) {
        const struct value_entry *entry = &value->map.entries[index];
        len += string_length(entry->key.len);
        len += dag_cbor_length(&entry->value);
    }
    return len;
}

size_t dag_cbor_length(const Value *value)
{
    switch (value->kind) {
    case VALUE_INT:
        return head_length(value->magnitude);
    case VALUE_FLOAT:
        return FLOAT_LEN;
    case VALUE_TEXT:
        return string_length(value->text.len);
    case VALUE_BYTES:
        return string_length(value->bytes.len);
    case VALUE_LINK:
        return link_length(value->link);
    case VALUE_LIST:
        return list_length(value);
    case VALUE_MAP:
        return map_length(value);
    case VALUE_NULL:
    case VALUE_BOOL:
    default:
        return 1;
    }
}

static uint8_t *put_value(uint8_t *at, const Value *value);

static uint8_t *put_list(uint8_t *at, const Value *value)
{
    at = put_head(at, MAJOR_LIST, value->list.count);
    for (size_t index = 0; index < value->list.count; index++)
        at = put_value(at, &value->list.items[index]);
    return at;
}

static uint8_t *put_map(uint8_t *at, const Value *value)
{
    const struct value_entry *entries = value->map.entries;
    at = put_head(at, MAJOR_MAP, value->map.count);
    for (size_t index = 0; index < value->map.count; index++) {
        // A map out of order is a second form of one value: our mistake.
        ASSERT(index == 0 || value_key_compare(entries[index - 1].key,
                                               entries[index].key) < 0);
        at = put_string(at, MAJOR_TEXT, text_bytes(entries[index].key));
        at = put_value(at, &entries[index].value);
    }
    return at;
}

static uint8_t *put_value(uint8_t *at, const Value *value)
{
    switch (value->kind) {
    case VALUE_BOOL:
        *at = value->boolean ? BYTE_TRUE : BYTE_FALSE;
        return at + 1;
    case VALUE_INT:
        return put_head(at, value->negative ? MAJOR_NEGATIVE : MAJOR_UINT,
                        value->magnitude);
    case VALUE_FLOAT:
        return put_float(at, value->number);
    case VALUE_TEXT:
        return put_string(at, MAJOR_TEXT, text_bytes(value->text));
    case VALUE_BYTES:
        return put_string(at, MAJOR_BYTES, value->bytes);
    case VALUE_LINK:
        return put_link(at, value->link);
    case VALUE_LIST:
        return put_list(at, value);
    case VALUE_MAP:
        return put_map(at, value);
    case VALUE_NULL:
    default:
        *at = BYTE_NULL;
        return at + 1;
    }
}

void dag_cbor_encode(const Value *value, struct buffer *out)
{
    size_t len = dag_cbor_length(value);
    uint8_t *room = buffer_reserve(out, len);
    if (!room)
        return;
    ASSERT(put_value(room, value) == room + len);
    buffer_advance(out, len);
}

Bytes dag_cbor_block(const Value *value, struct arena *arena, Cid *cid)
{
    size_t len = dag_cbor_length(value);
    uint8_t *data = arena_alloc(arena, len);
    ASSERT(put_value(data, value) == data + len);
    Bytes block = bytes_of(data, len);
    cid_of(CODEC_DAG_CBOR, block, cid);
    return block;
}

/* --- Piece by piece ----------------------------------------------------- */

static void add_head(struct buffer *out, unsigned major, uint64_t number)
{
    uint8_t head[HEAD_MAX];
    buffer_add(out, head, (size_t)(put_head(head, major, number) - head));
}

static void add_string(struct buffer *out, unsigned major, Bytes bytes)
{
    uint8_t *room = buffer_reserve(out, string_length(bytes.len));
    if (!room)
        return;
    put_string(room, major, bytes);
    buffer_advance(out, string_length(bytes.len));
}

void cbor_add_null(struct buffer *out)
{
    buffer_add_byte(out, BYTE_NULL);
}

void cbor_add_bool(struct buffer *out, bool boolean)
{
    buffer_add_byte(out, boolean ? BYTE_TRUE : BYTE_FALSE);
}

void cbor_add_uint(struct buffer *out, uint64_t number)
{
    add_head(out, MAJOR_UINT, number);
}

void cbor_add_int(struct buffer *out, int64_t number)
{
    if (number >= 0)
        add_head(out, MAJOR_UINT, (uint64_t)number);
    else
        add_head(out, MAJOR_NEGATIVE, ~(uint64_t)number);
}

void cbor_add_float(struct buffer *out, double number)
{
    uint8_t bytes[FLOAT_LEN];
    put_float(bytes, number);
    buffer_add(out, bytes, sizeof bytes);
}

void cbor_add_text(struct buffer *out, Text text)
{
    add_string(out, MAJOR_TEXT, text_bytes(text));
}

void cbor_add_bytes(struct buffer *out, Bytes bytes)
{
    add_string(out, MAJOR_BYTES, bytes);
}

void cbor_add_link(struct buffer *out, Bytes cid)
{
    uint8_t *room = buffer_reserve(out, link_length(cid));
    if (!room)
        return;
    put_link(room, cid);
    buffer_advance(out, link_length(cid));
}

void cbor_add_list(struct buffer *out, size_t count)
{
    add_head(out, MAJOR_LIST, count);
}

void cbor_add_map(struct buffer *out, size_t count)
{
    add_head(out, MAJOR_MAP, count);
}
