/* SPDX-License-Identifier: Apache-2.0 */
/* wasm_ops.h - the operators of WebAssembly 2.0 on numbers, vectors and
 * memory, with their types.
 *
 * Types are letters: i32 'i', i64 'l', f32 'f', f64 'd', v128 'v'. Among the
 * parameters 'a' is an i32 that is an address, 'n' and 'm' an i32 and i64 that
 * would better not be zero. */
#ifndef IPVM_TESTS_PROPERTY_WASM_OPS_H
#define IPVM_TESTS_PROPERTY_WASM_OPS_H

#include "random.h"

#include "base/buffer.h"

struct wasm_op {
    uint8_t prefix; /* 0, 0xfc or 0xfd */
    uint32_t code;
    const char *params;
    char result;        /* '-' if it has none: a store */
    uint8_t lanes;      /* the lane number that follows is below this, or 0 */
    bool has_address;   /* alignment and offset follow */
    uint8_t align_log2; /* of the access */
    bool traps_easily;
};

/* One of the operators with that result; '-' for the stores. */
const struct wasm_op *wasm_op_choose(struct random *random, char result);

/* Its code alone, without what follows. */
void wasm_op_put(struct buffer *out, const struct wasm_op *op);

/* LEB128. */
void wasm_put_u32(struct buffer *out, uint32_t number);
void wasm_put_s64(struct buffer *out, int64_t number);

#endif
