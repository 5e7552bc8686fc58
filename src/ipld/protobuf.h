/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf.h - the wire format under dag-pb and UnixFS: fields one by one.
 * Varints in their shortest form only. Thread: one at a time. */
#ifndef IPVM_IPLD_PROTOBUF_H
#define IPVM_IPLD_PROTOBUF_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5,
};

enum { PROTOBUF_VARINT_MAX = 10 };

struct protobuf_reader {
    Bytes bytes;
    size_t at;
};

struct protobuf_field {
    uint64_t number; /* of the field, never 0 */
    unsigned wire;   /* one of WIRE_… */
    size_t offset;   /* of its key, in the reader's bytes */
    uint64_t varint; /* WIRE_VARINT, WIRE_FIXED32, WIRE_FIXED64 */
    Bytes bytes;     /* WIRE_BYTES; borrowed */
};

/* Reads the next field; `*done` at the end of the bytes. STATUS_INVALID with
 * the offset for anything that is not a whole field. */
Status protobuf_next(struct protobuf_reader *reader,
                     struct protobuf_field *out, bool *done,
                     struct error *err);

/* Reads one varint, as in packed lists. */
Status protobuf_varint(struct protobuf_reader *reader, uint64_t *out,
                       struct error *err);

void protobuf_add_varint(struct buffer *out, unsigned field, uint64_t number);
void protobuf_add_bytes(struct buffer *out, unsigned field, Bytes bytes);
void protobuf_add_fixed32(struct buffer *out, unsigned field, uint32_t number);
/* Key and length of a field whose `len` bytes the caller adds. */
void protobuf_add_head(struct buffer *out, unsigned field, size_t len);

/* Bytes that a varint takes, and a field of `len` bytes with a number below
 * 16: one byte of key, the length, the bytes. */
size_t protobuf_varint_length(uint64_t number);
static inline size_t protobuf_bytes_length(size_t len)
{
    return 1 + protobuf_varint_length(len) + len;
}

#endif
