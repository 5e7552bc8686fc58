/* SPDX-License-Identifier: Apache-2.0 */
/* byte_range.h - which bytes of something are asked for: the Range header
 * (RFC 9110, section 14) and entity-bytes of the trustless gateway. Pure.
 * Thread: any. */
#ifndef IPVM_HTTP_BYTE_RANGE_H
#define IPVM_HTTP_BYTE_RANGE_H

#include "base/bytes.h"
#include "base/status.h"

/* `len` bytes from `from`. */
struct byte_range {
    uint64_t from, len;
};

typedef enum {
    RANGE_WHOLE,        /* nothing is asked for that we would cut out */
    RANGE_PART,         /* 206 */
    RANGE_UNSATISFIABLE /* 416 */
} RangeKind;

/* What a Range header means for `size` bytes; `*out` is valid unless it is
 * RANGE_UNSATISFIABLE. Several ranges, other units and what is malformed are
 * answered with the whole, as the RFC allows. An empty `header`: none. */
RangeKind byte_range_read(Text header, uint64_t size, struct byte_range *out);

/* entity-bytes=FROM:TO, both inclusive; below 0 they count from the end. */
struct entity_bytes {
    int64_t from, to;
    bool to_end; /* TO is "*" */
};
/* STATUS_INVALID: malformed, or FROM lies behind TO and both count from the
 * same end. */
Status entity_bytes_read(Text text, struct entity_bytes *out,
                         struct error *err);
/* The part of it inside of `size` bytes; `out->len` 0: none. False: it lies
 * wholly outside of them. */
bool entity_bytes_resolve(const struct entity_bytes *entity, uint64_t size,
                          struct byte_range *out);

#endif
