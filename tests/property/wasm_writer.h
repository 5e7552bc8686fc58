/* SPDX-License-Identifier: Apache-2.0 */
/* wasm_writer.h - what wasm_expression.c and wasm_code.c write bodies with.
 * Expressions leave one value on the stack, statements nothing. Both spend
 * `left`; when that is gone only leaves are written. */
#ifndef IPVM_TESTS_PROPERTY_WASM_WRITER_H
#define IPVM_TESTS_PROPERTY_WASM_WRITER_H

#include "wasm_code.h"

enum { LOCALS_MAX = 32, LABELS_MAX = 12, DEPTH_MAX = 7, NESTING_MAX = 5 };

struct code {
    struct buffer *out;
    struct random *random;
    const struct shape *shape;
    const char *results; // of the function
    char locals[LOCALS_MAX];
    uint32_t local_count;
    // Types a branch to it takes, or NULL for a loop; outermost first.
    const char *labels[LABELS_MAX];
    uint32_t label_count;
    int left;
};

enum {
    UNREACHABLE = 0x00,
    NOP = 0x01,
    BLOCK = 0x02,
    LOOP = 0x03,
    IF = 0x04,
    ELSE = 0x05,
    END = 0x0b,
    BR = 0x0c,
    BR_IF = 0x0d,
    BR_TABLE = 0x0e,
    RETURN = 0x0f,
    CALL = 0x10,
    CALL_INDIRECT = 0x11,
    RETURN_CALL = 0x12,
    RETURN_CALL_INDIRECT = 0x13,
    DROP = 0x1a,
    SELECT = 0x1b,
    SELECT_TYPED = 0x1c,
    LOCAL_GET = 0x20,
    LOCAL_SET = 0x21,
    LOCAL_TEE = 0x22,
    GLOBAL_GET = 0x23,
    GLOBAL_SET = 0x24,
    TABLE_GET = 0x25,
    TABLE_SET = 0x26,
    MEMORY_SIZE = 0x3f,
    MEMORY_GROW = 0x40,
    I32_CONST = 0x41,
    I32_EQZ = 0x45,
    I32_GT_S = 0x4a,
    I32_SUB = 0x6b,
    I32_AND = 0x71,
    I32_OR = 0x72,
    I32_SHL = 0x74,
    I64_OR = 0x84,
    REF_NULL = 0xd0,
    REF_IS_NULL = 0xd1,
    REF_FUNC = 0xd2,
    FUNCREF = 0x70,
    MISC = 0xfc,
    SIMD = 0xfd,
    NOTHING = 0x40 // block type
};

void put(struct code *code, uint8_t byte);
void put_with(struct code *code, uint8_t byte, uint32_t index);
void put_i32(struct code *code, int32_t number);
uint32_t below(struct code *code, uint32_t bound);
bool once_in(struct code *code, uint32_t many);
uint8_t type_byte(char type);
void push_label(struct code *code, const char *types);
void pop_label(struct code *code);
/* `verb` on a local of that type. */
void put_local(struct code *code, uint8_t verb, char type);

void expression(struct code *code, char type, int depth);
/* One for each parameter. */
void arguments(struct code *code, const char *params, int depth);
/* An i32 that is an address, or near enough. */
void address(struct code *code, int depth);
/* An i32 that is the number of a table's element, mostly. */
void element_index(struct code *code);
/* An operator on expressions; '-' for a store. */
void put_operator(struct code *code, char result, int depth);

/* In wasm_code.c: so many. */
void statements(struct code *code, uint32_t count);

#endif
