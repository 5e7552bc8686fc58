/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/protobuf.h"

/* --- Reading ------------------------------------------------------------ */

Status protobuf_varint(struct protobuf_reader *reader, uint64_t *out,
                       struct error *err)
{
    size_t left = reader->bytes.len - reader->at;
    uint64_t number = 0;

    for (size_t index = 0; index < left && index < PROTOBUF_VARINT_MAX;
         index++) {
        uint8_t byte = reader->bytes.data[reader->at + index];
        // The tenth byte has room for one bit.
        if (index == PROTOBUF_VARINT_MAX - 1 && byte > 1)
            break;
        number |= (uint64_t)(byte & 0x7f) << (7 * index);
        if (byte & 0x80)
            continue;
        if (byte == 0 && index > 0)
            break;
        reader->at += index + 1;
        *out = number;
        return STATUS_OK;
    }
    return fail_at(err, STATUS_INVALID, reader->at,
                   "protobuf: not a whole varint in its shortest form");
}

static Status read_fixed(struct protobuf_reader *reader, size_t len,
                         uint64_t *out, struct error *err)
{
    if (reader->bytes.len - reader->at < len)
        return fail_at(err, STATUS_INVALID, reader->at,
                       "protobuf: ends inside a number");
    *out = 0;
    for (size_t index = 0; index < len; index++)
        *out |= (uint64_t)reader->bytes.data[reader->at++] << (8 * index);
    return STATUS_OK;
}

static Status read_bytes(struct protobuf_reader *reader, Bytes *out,
                         struct error *err)
{
    uint64_t len;
    TRY(protobuf_varint(reader, &len, err));
    if (len > reader->bytes.len - reader->at)
        return fail_at(err, STATUS_INVALID, reader->at,
                       "protobuf: ends inside a field");
    *out = bytes_of(reader->bytes.data + reader->at, (size_t)len);
    reader->at += (size_t)len;
    return STATUS_OK;
}

Status protobuf_next(struct protobuf_reader *reader,
                     struct protobuf_field *out, bool *done, struct error *err)
{
    uint64_t key;

    *done = reader->at == reader->bytes.len;
    if (*done)
        return STATUS_OK;
    *out = (struct protobuf_field){.offset = reader->at};
    TRY(protobuf_varint(reader, &key, err));
    out->number = key >> 3;
    out->wire = key & 7;
    if (out->number == 0)
        return fail_at(err, STATUS_INVALID, out->offset,
                       "protobuf: field number 0");
    switch (out->wire) {
    case WIRE_VARINT:
        return protobuf_varint(reader, &out->varint, err);
    case WIRE_BYTES:
        return read_bytes(reader, &out->bytes, err);
    case WIRE_FIXED64:
        return read_fixed(reader, 8, &out->varint, err);
    case WIRE_FIXED32:
        return read_fixed(reader, 4, &out->varint, err);
    default:
        return fail_at(err, STATUS_INVALID, out->offset,
                       "protobuf: unknown wire type %u", out->wire);
    }
}

/* --- Writing ------------------------------------------------------------ */

static void add_varint(struct buffer *out, uint64_t number)
{
    uint8_t bytes[PROTOBUF_VARINT_MAX];
    size_t len = 0;
    while (number >= 0x80) {
        bytes[len++] = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    bytes[len++] = (uint8_t)number;
    buffer_add(out, bytes, len);
}

size_t protobuf_varint_length(uint64_t number)
{
    size_t len = 1;
    while (number >= 0x80) {
        number >>= 7;
        len++;
    }
    return len;
}

void protobuf_add_varint(struct buffer *out, unsigned field, uint64_t number)
{
    add_varint(out, field << 3 | WIRE_VARINT);
    add_varint(out, number);
}

void protobuf_add_head(struct buffer *out, unsigned field, size_t len)
{
    add_varint(out, field << 3 | WIRE_BYTES);
    add_varint(out, len);
}

void protobuf_add_bytes(struct buffer *out, unsigned field, Bytes bytes)
{
    protobuf_add_head(out, field, bytes.len);
    buffer_add_bytes(out, bytes);
}

void protobuf_add_fixed32(struct buffer *out, unsigned field, uint32_t number)
{
    add_varint(out, field << 3 | WIRE_FIXED32);
    for (unsigned shift = 0; shift < 32; shift += 8)
        buffer_add_byte(out, (uint8_t)(number >> shift));
}
