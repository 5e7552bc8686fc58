/* SPDX-License-Identifier: Apache-2.0 */
/* wasm_code.h - random function bodies. They are valid, and they end: each
 * function and each turn of a loop takes a step from global 0. */
#ifndef IPVM_TESTS_PROPERTY_WASM_CODE_H
#define IPVM_TESTS_PROPERTY_WASM_CODE_H

#include "random.h"

#include "base/buffer.h"

enum {
    SHAPE_TYPES_MAX = 16,
    SHAPE_FUNCTIONS_MAX = 16,
    SHAPE_GLOBALS_MAX = 16,
    SHAPE_STEPS = 200,     /* what global 0 starts with */
    SHAPE_TABLE_MAX = 24,  /* elements */
    SHAPE_TABLE_START = 8, /* the first are functions 0, 1, … */
    SHAPE_SEGMENT = 64     /* bytes of the passive data segment 1 */
};

/* The types of a function or block; letters as in wasm_ops.h. */
struct signature {
    char params[8];
    char results[8];
};

/* What bodies may refer to. */
struct shape {
    struct signature types[SHAPE_TYPES_MAX];
    uint32_t type_count;
    uint8_t functions[SHAPE_FUNCTIONS_MAX]; /* index of the type */
    uint32_t function_count;
    char globals[SHAPE_GLOBALS_MAX]; /* global 0 is an i32: the steps left */
    uint32_t global_count;
};

/* Appends the body of a function, its length in front: about `size`
 * operators. */
void wasm_code_put(struct buffer *out, struct random *random,
                   const struct shape *shape, uint32_t function,
                   uint32_t size);

/* t.const with a number of random_number(); v128 of several. */
void wasm_put_constant(struct buffer *out, struct random *random, char type);

#endif
