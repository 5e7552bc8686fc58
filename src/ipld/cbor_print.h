/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_print.h - the relaxed reader: shows any CBOR to a person, also what
 * strict DAG-CBOR refuses. For display alone; nothing is decided by it.
 * Thread: any. */
#ifndef IPVM_IPLD_CBOR_PRINT_H
#define IPVM_IPLD_CBOR_PRINT_H

#include "base/buffer.h"

/* Appends `bytes`, one or more well-formed CBOR items, in diagnostic notation
 * (RFC 8949 section 8), on one line. What is not in DAG-CBOR's one form shows:
 * "_0" to "_3" behind a number in 1 to 8 bytes that would fit in fewer, "_1"
 * and "_2" behind a float of 16 and 32 bits, "[_ ", "{_ " and "(_ " for
 * indefinite lengths, tags with their number; behind a link stands its CID.
 * STATUS_INVALID with the offset: not CBOR. STATUS_LIMIT: nested deeper than
 * CODEC_DEPTH_MAX, or `out` is full. */
Status cbor_print(Bytes bytes, struct buffer *out, struct error *err);

#endif
