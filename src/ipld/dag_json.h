/* SPDX-License-Identifier: Apache-2.0 */
/* dag_json.h - DAG-JSON, for reading and display (ipld.io DAG-JSON
 * specification; FORMATS section 1).
 *
 *     link   {"/": "b…"}         bytes   {"/": {"bytes": "base64"}}
 *
 * Thread: any. */
#ifndef IPVM_IPLD_DAG_JSON_H
#define IPVM_IPLD_DAG_JSON_H

#include "base/buffer.h"
#include "ipld/value.h"

/* Reads one value that fills `bytes`; blanks between tokens and any order of
 * keys are taken. A number without '.' and exponent is an integer from -2^64
 * to 2^64-1, and beyond that, as any other number, the nearest float. The tree
 * is in `arena` and borrows plain texts from `bytes`.
 * STATUS_INVALID with the offset: not JSON, not UTF-8, a lone surrogate, a key
 * twice, an infinite float, a map that the reserved key "/" forbids.
 * STATUS_LIMIT: nested deeper than CODEC_DEPTH_MAX. */
Status dag_json_decode(Bytes bytes, struct arena *arena, Value *out,
                       struct error *err);

/* Appends the canonical form: no blanks, keys sorted bytewise, floats in the
 * shortest form that reads back, with a decimal point or an exponent.
 * STATUS_INVALID for a map that would read as a link or bytes, which DAG-JSON
 * cannot say. STATUS_LIMIT when `out` is full. */
Status dag_json_encode(const Value *value, struct buffer *out,
                       struct error *err);

/* The same on many lines, indented by two, for people; no newline behind. A map
 * that DAG-JSON cannot say is printed as it stands: this is display, not a
 * codec. So only a full `out` can fail. */
Status dag_json_print(const Value *value, struct buffer *out,
                      struct error *err);

/* True for a map that DAG-JSON cannot say, whose first key in byte order is
 * "/": its value is text, or a map whose first key is "bytes", with text. */
bool dag_json_is_reserved(const Value *value);

#endif
