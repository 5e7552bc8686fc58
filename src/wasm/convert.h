/* SPDX-License-Identifier: Apache-2.0 */
/* convert.h - IPLD values to WIT values (the table of FORMATS section 5).
 *
 * Everything that can be wrong with an argument is found here, before any
 * guest code runs:
 *
 *     STATUS_INVALID      does not fit its type: refused/argument
 *     STATUS_NOT_FOUND    a linked block is not here: unavailable
 *     STATUS_UNSUPPORTED  a link's hash is unknown: unavailable
 *     STATUS_LIMIT        more than the task's memory could hold: limit/memory
 *
 * each with words in `err`. Thread: one at a time.
 */
#ifndef IPVM_WASM_CONVERT_H
#define IPVM_WASM_CONVERT_H

#include "wasm/links.h"
#include "wasm/wit_value.h"

/* Converts one value. What it makes is in the arena of `links`, or borrows
 * from `value` and from blocks that `links` holds. */
Status convert_value(struct links *links, const Value *value,
                     const struct wit_type *type, struct wit_value *out,
                     struct error *err);

/* Room for `count` values; STATUS_LIMIT once the task's memory is passed. */
Status convert_room(struct links *links, size_t count, struct wit_value **out,
                    struct error *err);

/* --- Shared with homestar.c ---------------------------------------------- */

/* An integer into an integer type, or STATUS_INVALID. */
Status convert_integer(const Value *value, const struct wit_type *type,
                       struct wit_value *out, struct error *err);
/* An int or a float into f32 or f64, rounded once. */
Status convert_float(const Value *value, const struct wit_type *type,
                     struct wit_value *out, struct error *err);
/* The one character of `text`, or STATUS_INVALID. */
Status convert_char(Text text, struct wit_value *out, struct error *err);
/* A string or list<u8>; STATUS_INVALID when no 32-bit length can say it. */
Status convert_bytes(Bytes bytes, struct wit_value *out, struct error *err);

#endif
