/* SPDX-License-Identifier: Apache-2.0 */
/* entity_bytes.h - which bytes of a file the blocks of a CAR are asked for
 * (trustless gateway, IPIP-402): FROM:TO, both inclusive; below 0 they count
 * from the end. Pure. Thread: any. */
#ifndef IPVM_HTTP_ENTITY_BYTES_H
#define IPVM_HTTP_ENTITY_BYTES_H

#include "base/bytes.h"
#include "base/status.h"

/* `len` bytes from `from`. */
struct byte_range {
    uint64_t from, len;
};

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
