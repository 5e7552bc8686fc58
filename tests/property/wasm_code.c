/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_ops.h"
#include "wasm_writer.h"

#include "base/status.h"

/* --- Statements --------------------------------------------------------- */

/* Takes values off the stack, the last first. */
static void keep(struct code *code, const char *types)
{
    for (size_t i = strlen(types); i-- > 0;)
        if (once_in(code, 5))
            put(code, DROP);
        else
            put_local(code, LOCAL_SET, types[i]);
}

static void set_global(struct code *code)
{
    const struct shape *shape = code->shape;
    const uint32_t global = 1 + below(code, shape->global_count - 1);
    expression(code, shape->globals[global], DEPTH_MAX);
    put_with(code, GLOBAL_SET, global);
}

static void condition(struct code *code)
{
    expression(code, 'i', 3);
    if (once_in(code, 2)) {
        put_i32(code, 1 << below(code, 4));
        put(code, I32_AND);
    }
}

static void conditional(struct code *code)
{
    condition(code);
    put(code, IF);
    put(code, NOTHING);
    push_label(code, "");
    statements(code, 1 + below(code, 2));
    if (once_in(code, 2)) {
        put(code, ELSE);
        statements(code, 1 + below(code, 2));
    }
    pop_label(code);
}

static void step(struct code *code)
{
    put_with(code, GLOBAL_GET, 0);
    put_i32(code, 1);
    put(code, I32_SUB);
    put_with(code, GLOBAL_SET, 0);
}

static void loop(struct code *code)
{
    put(code, LOOP);
    put(code, NOTHING);
    push_label(code, NULL); // A branch back must take a step.
    statements(code, 1 + below(code, 3));
    step(code);
    condition(code);
    put_with(code, GLOBAL_GET, 0);
    put_i32(code, 0);
    put(code, I32_GT_S);
    put(code, I32_AND);
    put_with(code, BR_IF, 0);
    pop_label(code);
}

/* A block with parameters and several results. */
static void block(struct code *code)
{
    const uint32_t type = below(code, code->shape->type_count);
    const struct signature *signature = &code->shape->types[type];

    arguments(code, signature->params, 3);
    if (once_in(code, 2)) {
        put(code, BLOCK);
        wasm_put_s64(code->out, type);
        push_label(code, signature->results);
    } else {
        condition(code);
        put(code, IF);
        wasm_put_s64(code->out, type);
        push_label(code, signature->results);
        keep(code, signature->params);
        arguments(code, signature->results, 3);
        put(code, ELSE);
    }
    keep(code, signature->params);
    statements(code, 1 + below(code, 2));
    arguments(code, signature->results, 3);
    pop_label(code);
    keep(code, signature->results);
}

static void branch(struct code *code)
{
    const uint32_t depth = below(code, code->label_count);
    const char *types = code->labels[code->label_count - 1 - depth];

    if (types == NULL)
        return;
    arguments(code, types, 3);
    condition(code);
    put_with(code, BR_IF, depth);
    keep(code, types);
}

/* What comes after is dead code, and valid. */
static void leave(struct code *code)
{
    condition(code);
    put(code, IF);
    put(code, NOTHING);
    push_label(code, "");
    const uint32_t depth = below(code, code->label_count);
    const char *types = code->labels[code->label_count - 1 - depth];
    if (once_in(code, 40)) {
        put(code, UNREACHABLE);
    } else if (once_in(code, 2) || types == NULL) {
        arguments(code, code->results, 4);
        put(code, RETURN);
    } else {
        arguments(code, types, 3);
        put_with(code, BR, depth);
    }
    if (once_in(code, 3))
        statements(code, 1);
    pop_label(code);
}

static void choose(struct code *code)
{
    const uint32_t count = 2 + below(code, 3);
    for (uint32_t i = 0; i < count; i++) {
        put(code, BLOCK);
        put(code, NOTHING);
        push_label(code, "");
    }
    expression(code, 'i', 3);
    if (!once_in(code, 4)) {
        put_i32(code, 7);
        put(code, I32_AND);
    }
    put_with(code, BR_TABLE, count - 1);
    for (uint32_t i = 0; i < count; i++)
        wasm_put_u32(code->out, below(code, count));
    for (uint32_t i = 0; i < count; i++) {
        pop_label(code);
        statements(code, 1);
    }
}

/* Calls by number or through the table, back or for good. */
static void call(struct code *code)
{
    const struct shape *shape = code->shape;
    const uint32_t function = below(code, shape->function_count);
    const uint32_t type = shape->functions[function];
    const struct signature *signature = &shape->types[type];
    const bool is_tail =
        strcmp(signature->results, code->results) == 0 && once_in(code, 3);

    if (is_tail) {
        condition(code);
        put(code, IF);
        put(code, NOTHING);
        push_label(code, "");
    }
    arguments(code, signature->params, 3);
    if (function < SHAPE_TABLE_START && once_in(code, 2)) {
        if (once_in(code, 60))
            element_index(code);
        else
            put_i32(code, (int32_t)function);
        put_with(code, is_tail ? RETURN_CALL_INDIRECT : CALL_INDIRECT, type);
        put(code, 0);
    } else {
        put_with(code, is_tail ? RETURN_CALL : CALL, function);
    }
    if (is_tail)
        pop_label(code);
    else
        keep(code, signature->results);
}

static void put_length(struct code *code)
{
    if (once_in(code, 60))
        expression(code, 'i', 2);
    else
        put_i32(code, (int32_t)below(code, 80));
}

static void memory_in_bulk(struct code *code)
{
    const uint32_t which = below(code, 9);
    if (which == 0) {
        put(code, MISC);
        put_with(code, 9, 1); // data.drop
        return;
    }
    address(code, 3);
    if (which < 4) {
        address(code, 3);
        put_length(code);
        put(code, MISC);
        put_with(code, 10, 0); // memory.copy
        put(code, 0);
    } else if (which < 7) {
        expression(code, 'i', 3);
        put_length(code);
        put(code, MISC);
        put_with(code, 11, 0); // memory.fill
    } else {
        put_i32(code, (int32_t)below(code, SHAPE_SEGMENT / 2));
        put_i32(code, (int32_t)below(code, SHAPE_SEGMENT / 2 + 2));
        put(code, MISC);
        put_with(code, 8, 1); // memory.init
        put(code, 0);
    }
}

static void reference(struct code *code)
{
    switch (below(code, 3)) {
    case 0:
        put_with(code, REF_NULL, FUNCREF);
        break;
    case 1:
        put_with(code, REF_FUNC, below(code, code->shape->function_count));
        break;
    default:
        element_index(code);
        put_with(code, TABLE_GET, 0);
    }
}

/* No table.grow: after some of them wasmi 2.0.0 jumps out of its code. */
static void table(struct code *code)
{
    const uint32_t which = 1 + below(code, 5);
    put_i32(code, (int32_t)below(code, once_in(code, 20) ? 20 : 9));
    if (which <= 2) {
        reference(code);
        if (which == 1) {
            put_with(code, TABLE_SET, 0);
            return;
        }
    } else {
        put_i32(code, (int32_t)below(code, 4));
    }
    put_i32(code, (int32_t)below(code, 4));
    put(code, MISC);
    if (which == 2) {
        put_with(code, 17, 0); // table.fill
    } else if (which == 3) {
        put_with(code, 14, 0); // table.copy
        put(code, 0);
    } else {
        put_with(code, 12, 1); // table.init
        put(code, 0);
    }
}

static void statement(struct code *code)
{
    static void (*const compound[])(struct code *) = {
        conditional, conditional, loop, loop, block, block, choose, leave};
    char type = "ilfdv"[below(code, 5)];
    if (code->left-- <= 0) {
        put(code, NOP);
        return;
    }
    switch (below(code, 20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        if (code->label_count < NESTING_MAX) {
            compound[below(code, 8)](code);
            return;
        }
        [[fallthrough]];
    case 6:
    case 7:
    case 8:
        put_operator(code, '-', DEPTH_MAX);
        return;
    case 9:
    case 10:
        set_global(code);
        return;
    case 11:
    case 12:
        call(code);
        return;
    case 13:
        memory_in_bulk(code);
        return;
    case 14:
        branch(code);
        return;
    case 15:
        if (once_in(code, 3)) {
            table(code);
            return;
        }
        [[fallthrough]];
    default:
        expression(code, type, DEPTH_MAX);
        put_local(code, LOCAL_SET, type);
    }
}

void statements(struct code *code, uint32_t count)
{
    while (count-- > 0)
        statement(code);
}

/* --- Functions ---------------------------------------------------------- */

static void zeros(struct code *code, const char *types)
{
    static const uint8_t nothing[16];
    for (; *types; types++)
        switch (*types) {
        case 'f':
        case 'd':
            put(code, *types == 'f' ? 0x43 : 0x44);
            buffer_add(code->out, nothing, *types == 'f' ? 4 : 8);
            break;
        case 'v':
            put(code, SIMD);
            put(code, 12);
            buffer_add(code->out, nothing, 16);
            break;
        default:
            put(code, *types == 'i' ? I32_CONST : 0x42);
            put(code, 0);
        }
}

/* Zeros hide much. */
static void fill_locals(struct code *code, const char *params)
{
    for (uint32_t i = (uint32_t)strlen(params); i < code->local_count; i++)
        if (!once_in(code, 4)) {
            wasm_put_constant(code->out, code->random, code->locals[i]);
            put_with(code, LOCAL_SET, i);
        }
}

/* Two locals of each type after the parameters. */
static void declare_locals(struct code *code, const char *params)
{
    for (; *params; params++)
        code->locals[code->local_count++] = *params;
    put(code, 5);
    for (const char *type = "ilfdv"; *type; type++) {
        put(code, 2);
        put(code, type_byte(*type));
        code->locals[code->local_count++] = *type;
        code->locals[code->local_count++] = *type;
    }
}

static void body(struct code *code, const struct signature *signature)
{
    declare_locals(code, signature->params);
    push_label(code, signature->results);
    step(code);
    put_with(code, GLOBAL_GET, 0);
    put_i32(code, 0);
    put(code, I32_GT_S);
    put(code, I32_EQZ);
    put(code, IF);
    put(code, NOTHING);
    zeros(code, signature->results);
    put(code, RETURN);
    put(code, END);
    fill_locals(code, signature->params);
    while (code->left > 0)
        statement(code);
    // What it found out shall be seen.
    for (uint32_t i = 0; i < 5; i++) {
        put_local(code, LOCAL_GET, code->shape->globals[1 + i]);
        put_with(code, GLOBAL_SET, 1 + i);
    }
    code->left = 8;
    arguments(code, signature->results, 3);
    pop_label(code);
}

void wasm_code_put(struct buffer *out, struct random *random,
                   const struct shape *shape, uint32_t function, uint32_t size)
{
    const struct signature *signature =
        &shape->types[shape->functions[function]];
    struct buffer bytes;
    buffer_init(&bytes, 1 << 20);
    struct code code = {.out = &bytes,
                        .random = random,
                        .shape = shape,
                        .results = signature->results,
                        .left = (int)size};
    body(&code, signature);
    wasm_put_u32(out, (uint32_t)bytes.len);
    buffer_add_bytes(out, buffer_bytes(&bytes));
    ASSERT(bytes.status == STATUS_OK);
    buffer_deinit(&bytes);
}
