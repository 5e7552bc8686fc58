/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_ops.h"
#include "wasm_writer.h"

void put(struct code *code, uint8_t byte)
{
    buffer_add_byte(code->out, byte);
}

void put_with(struct code *code, uint8_t byte, uint32_t index)
{
    put(code, byte);
    wasm_put_u32(code->out, index);
}

void put_i32(struct code *code, int32_t number)
{
    put(code, I32_CONST);
    wasm_put_s64(code->out, number);
}

uint32_t below(struct code *code, uint32_t bound)
{
    return random_below(code->random, bound);
}

bool once_in(struct code *code, uint32_t many)
{
    return random_once_in(code->random, many);
}

uint8_t type_byte(char type)
{
    switch (type) {
    case 'i':
        return 0x7f;
    case 'l':
        return 0x7e;
    case 'f':
        return 0x7d;
    case 'd':
        return 0x7c;
    default:
        return 0x7b;
    }
}

/* --- Leaves ------------------------------------------------------------- */

static void add_bits(struct buffer *out, uint64_t bits, size_t len)
{
    buffer_add(out, &bits, len);
}

static void put_vector(struct buffer *out, struct random *random)
{
    static const char types[] = "bilfd";
    const char type = types[random_below(random, 5)];
    const size_t len = type == 'b' ? 1 : type == 'i' || type == 'f' ? 4 : 8;
    buffer_add_byte(out, SIMD);
    buffer_add_byte(out, 12);
    for (size_t at = 0; at < 16; at += len)
        add_bits(out, random_number(random, type), len);
}

void wasm_put_constant(struct buffer *out, struct random *random, char type)
{
    const uint64_t bits = random_number(random, type);
    switch (type) {
    case 'i':
        buffer_add_byte(out, I32_CONST);
        wasm_put_s64(out, (int32_t)bits);
        break;
    case 'l':
        buffer_add_byte(out, 0x42);
        wasm_put_s64(out, (int64_t)bits);
        break;
    case 'f':
        buffer_add_byte(out, 0x43);
        add_bits(out, bits, 4);
        break;
    case 'd':
        buffer_add_byte(out, 0x44);
        add_bits(out, bits, 8);
        break;
    default:
        put_vector(out, random);
    }
}

/* One of the places that hold `type`, from a random one on. */
static uint32_t find_type(struct code *code, const char *types, uint32_t count,
                          char type)
{
    const uint32_t from = below(code, count);
    for (uint32_t i = 0; i < count; i++)
        if (types[(from + i) % count] == type)
            return (from + i) % count;
    return UINT32_MAX;
}

void put_local(struct code *code, uint8_t verb, char type)
{
    // There are locals of every type.
    put_with(code, verb,
             find_type(code, code->locals, code->local_count, type));
}

static void leaf(struct code *code, char type)
{
    const struct shape *shape = code->shape;
    uint32_t global;
    switch (below(code, 8)) {
    case 0:
        global = find_type(code, shape->globals, shape->global_count, type);
        if (global == UINT32_MAX)
            put_local(code, LOCAL_GET, type);
        else
            put_with(code, GLOBAL_GET, global);
        break;
    case 1:
    case 2:
        wasm_put_constant(code->out, code->random, type);
        break;
    default:
        put_local(code, LOCAL_GET, type);
    }
}

/* --- Expressions -------------------------------------------------------- */

/* A place in memory: in the first kilobyte mostly, near the end, or past it
 * now and then. */
void address(struct code *code, int depth)
{
    switch (below(code, 100)) {
    case 0:
        expression(code, 'i', depth); // Anywhere at all.
        break;
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        put_with(code, MEMORY_SIZE, 0);
        put_i32(code, 16);
        put(code, I32_SHL);
        put_i32(code, once_in(code, 4) ? (int32_t)below(code, 20)
                                       : 16 + (int32_t)below(code, 40));
        put(code, I32_SUB);
        break;
    case 6:
    case 7:
    case 8:
        expression(code, 'i', depth);
        put_i32(code, 0xffbf);
        put(code, I32_AND);
        break;
    default:
        expression(code, 'i', depth);
        put_i32(code, 0x3ff);
        put(code, I32_AND);
    }
}

static void divisor(struct code *code, char type, int depth)
{
    expression(code, type, depth);
    if (once_in(code, 60))
        return;
    put(code, type == 'i' ? I32_CONST : 0x42);
    put(code, 1);
    put(code, type == 'i' ? I32_OR : I64_OR);
}

static void operand(struct code *code, char type, int depth)
{
    if (type == 'a')
        address(code, depth);
    else if (type == 'n' || type == 'm')
        divisor(code, type == 'n' ? 'i' : 'l', depth);
    else
        expression(code, type, depth);
}

void put_operator(struct code *code, char result, int depth)
{
    const struct wasm_op *op = wasm_op_choose(code->random, result);

    for (const char *param = op->params; *param; param++)
        operand(code, *param, depth - 1);
    wasm_op_put(code->out, op);
    if (op->has_address) {
        wasm_put_u32(code->out, below(code, op->align_log2 + 1U));
        wasm_put_u32(code->out, once_in(code, 500) ? (uint32_t)random_number(
                                                         code->random, 'i')
                                                   : below(code, 24));
    }
    if (op->lanes != 0)
        put(code, (uint8_t)below(code, op->lanes));
}

static void shuffle(struct code *code, int depth)
{
    expression(code, 'v', depth - 1);
    expression(code, 'v', depth - 1);
    put(code, SIMD);
    put(code, 13);
    for (int lane = 0; lane < 16; lane++)
        put(code, (uint8_t)below(code, 32));
}

static void select_one(struct code *code, char type, int depth)
{
    expression(code, type, depth - 1);
    expression(code, type, depth - 1);
    expression(code, 'i', depth - 1);
    if (once_in(code, 2)) {
        put(code, SELECT);
        return;
    }
    put_with(code, SELECT_TYPED, 1);
    put(code, type_byte(type));
}

void push_label(struct code *code, const char *types)
{
    code->labels[code->label_count++] = types;
}

void pop_label(struct code *code)
{
    code->label_count--;
    put(code, END);
}

static const char *types_of(char type)
{
    static const char *const names[] = {"i", "l", "f", "d", "v"};
    return names[strchr("ilfdv", type) - "ilfdv"];
}

/* if … else …, or a block that may be left early. */
static void nested(struct code *code, char type, int depth)
{
    if (once_in(code, 2)) {
        expression(code, 'i', depth - 1);
        put(code, IF);
        put(code, type_byte(type));
        push_label(code, types_of(type));
        expression(code, type, depth - 1);
        put(code, ELSE);
    } else {
        put(code, BLOCK);
        put(code, type_byte(type));
        push_label(code, types_of(type));
        expression(code, type, depth - 1);
        expression(code, 'i', depth - 1);
        put_with(code, BR_IF, 0);
        put(code, DROP);
    }
    if (once_in(code, 3))
        statements(code, 1);
    expression(code, type, depth - 1);
    pop_label(code);
}

void arguments(struct code *code, const char *params, int depth)
{
    for (; *params; params++)
        expression(code, *params, depth);
}

/* A call of a function that gives one `type`; false if none was found. */
static bool call_for(struct code *code, char type, int depth)
{
    const struct shape *shape = code->shape;
    const uint32_t function = below(code, shape->function_count);
    const struct signature *signature =
        &shape->types[shape->functions[function]];

    if (signature->results[0] != type || signature->results[1] != 0)
        return false;
    arguments(code, signature->params, depth - 1);
    put_with(code, CALL, function);
    return true;
}

void element_index(struct code *code)
{
    expression(code, 'i', 1);
    if (once_in(code, 80))
        return;
    put_i32(code, 7);
    put(code, I32_AND);
}

/* What only an i32 can tell. */
static void ask(struct code *code)
{
    switch (below(code, 4)) {
    case 0:
        put_with(code, MEMORY_SIZE, 0);
        break;
    case 1:
        put(code, MISC);
        put_with(code, 16, 0); // table.size
        break;
    case 2:
        expression(code, 'i', 1);
        if (!once_in(code, 8)) {
            put_i32(code, 1);
            put(code, I32_AND);
        }
        put_with(code, MEMORY_GROW, 0);
        break;
    default:
        element_index(code);
        put_with(code, TABLE_GET, 0);
        put(code, REF_IS_NULL);
    }
}

void expression(struct code *code, char type, int depth)
{
    if (code->left-- <= 0 || depth <= 0) {
        leaf(code, type);
        return;
    }
    switch (below(code, 24)) {
    case 0:
    case 1:
        leaf(code, type);
        return;
    case 2:
        expression(code, type, depth - 1);
        put_local(code, LOCAL_TEE, type);
        return;
    case 3:
        select_one(code, type, depth);
        return;
    case 4:
        if (code->label_count < NESTING_MAX) {
            nested(code, type, depth);
            return;
        }
        break;
    case 5:
        if (call_for(code, type, depth))
            return;
        break;
    case 6:
        if (type == 'v')
            shuffle(code, depth);
        else if (type == 'i')
            ask(code);
        else
            break;
        return;
    default:
        break;
    }
    put_operator(code, type, depth);
}
