/* SPDX-License-Identifier: Apache-2.0 */
/* gzip.h - one gzip member (RFC 1952), bounded: the only door to zlib. Thread:
 * any. */
#ifndef IPVM_UCAN_GZIP_H
#define IPVM_UCAN_GZIP_H

#include "base/buffer.h"

/* Appends what `bytes` unpack to; the maximum of `out` bounds it, and memory
 * grows with what really comes out. STATUS_INVALID: not gzip, cut off, a wrong
 * checksum, or bytes behind it. STATUS_LIMIT: more than the maximum. */
Status gzip_unpack(Bytes bytes, struct buffer *out, struct error *err);
/* Appends the same bytes for the same input and version of zlib: no time, no
 * name, "unknown" as the system. STATUS_LIMIT: more than the maximum. */
Status gzip_pack(Bytes bytes, struct buffer *out, struct error *err);

#endif
