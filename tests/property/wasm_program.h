/* SPDX-License-Identifier: Apache-2.0 */
/* wasm_program.h - random WebAssembly 2.0 modules that are valid, end, and do
 * the same on every engine that follows the determinism profile.
 *
 * A module has the memory "memory", functions "f0", "f1", … on numbers, and
 * "finish", () -> i32, which writes the globals to the beginning of memory,
 * tells about the table, and gives the functions new steps to spend. */
#ifndef IPVM_TESTS_PROPERTY_WASM_PROGRAM_H
#define IPVM_TESTS_PROPERTY_WASM_PROGRAM_H

#include "wasm_code.h"

enum { PROGRAM_CALLED_MAX = 4 };

struct wasm_program {
    struct buffer bytes; /* the module */
    uint32_t called_count;
    struct signature called[PROGRAM_CALLED_MAX]; /* of f0, f1, … */
};

/* The module of a seed, with functions of about `size` operators. */
void wasm_program_init(struct wasm_program *program, uint64_t seed,
                       uint32_t size);
void wasm_program_deinit(struct wasm_program *program);

#endif
