/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_program.h"
#include "wasm_ops.h"

#include "base/status.h"

#include <stdio.h>

enum { I32 = 0x7f, FUNCREF = 0x70, END = 0x0b, PROGRAM_MAX = 4 << 20 };

enum section {
    TYPES = 1,
    FUNCTIONS = 3,
    TABLES = 4,
    MEMORIES = 5,
    GLOBALS = 6,
    EXPORTS = 7,
    START = 8,
    ELEMENTS = 9,
    CODE = 10,
    DATA = 11,
    DATA_COUNT = 12
};

struct writer {
    struct buffer *out;
    struct random random;
    struct shape shape;
    uint32_t called_count; // functions 0 … are exported
    uint32_t finish;       // the last function
    bool starts;           // the one before it is the start function
    uint32_t size;
};

static uint8_t type_code(char type)
{
    return (uint8_t)(I32 - (strchr("ilfdv", type) - "ilfdv"));
}

static void put_name(struct buffer *out, const char *name)
{
    wasm_put_u32(out, (uint32_t)strlen(name));
    buffer_add_text(out, text_of(name));
}

/* --- What there is ------------------------------------------------------ */

static void random_types(struct random *random, const char *letters,
                         uint32_t count_max, char out[8])
{
    const uint32_t count = random_below(random, count_max + 1);
    const uint32_t kinds = (uint32_t)strlen(letters);
    memset(out, 0, 8);
    for (uint32_t i = 0; i < count; i++)
        out[i] = letters[random_below(random, kinds)];
}

/* Type 0 is the start function's, type 1 that of finish; the next few have
 * numbers only and are what exported functions have. */
static void choose_shape(struct writer *writer)
{
    struct random *random = &writer->random;
    struct shape *shape = &writer->shape;

    shape->type_count = 10;
    shape->types[1] = (struct signature){"", "i"};
    for (uint32_t i = 2; i < shape->type_count; i++) {
        struct signature *type = &shape->types[i];
        const char *letters = i < 6 ? "ilfd" : "ilfdv";
        random_types(random, letters, 4, type->params);
        random_types(random, letters, i % 2 ? 1 : 3, type->results);
        if (i % 2 && type->results[0] == 0)
            type->results[0] = "ilfd"[i / 2 % 4];
    }
    writer->called_count = 1 + random_below(random, PROGRAM_CALLED_MAX);
    shape->function_count = writer->called_count + random_below(random, 4);
    for (uint32_t i = 0; i < shape->function_count; i++)
        shape->functions[i] = i < writer->called_count
                                  ? (uint8_t)(2 + random_below(random, 4))
                                  : (uint8_t)(2 + random_below(random, 8));
    writer->starts = random_once_in(random, 6);
    if (writer->starts)
        shape->functions[shape->function_count++] = 0;
    shape->functions[shape->function_count++] = 1;
    writer->finish = shape->function_count - 1;
    shape->function_count--; // Nobody calls finish.

    memcpy(shape->globals, "iilfdv", 6);
    shape->global_count = 6 + random_below(random, 6);
    for (uint32_t i = 6; i < shape->global_count; i++)
        shape->globals[i] = "ilfdv"[random_below(random, 5)];
}

/* --- Sections ----------------------------------------------------------- */

static void put_section(struct buffer *out, enum section id,
                        struct buffer *content)
{
    buffer_add_byte(out, (uint8_t)id);
    wasm_put_u32(out, (uint32_t)content->len);
    buffer_add_bytes(out, buffer_bytes(content));
    buffer_clear(content);
}

static void put_types(struct buffer *out, const char *types)
{
    wasm_put_u32(out, (uint32_t)strlen(types));
    for (; *types; types++)
        buffer_add_byte(out, type_code(*types));
}

static void types_and_functions(struct writer *writer, struct buffer *section)
{
    const struct shape *shape = &writer->shape;

    wasm_put_u32(section, shape->type_count);
    for (uint32_t i = 0; i < shape->type_count; i++) {
        buffer_add_byte(section, 0x60);
        put_types(section, shape->types[i].params);
        put_types(section, shape->types[i].results);
    }
    put_section(writer->out, TYPES, section);
    wasm_put_u32(section, writer->finish + 1);
    for (uint32_t i = 0; i <= writer->finish; i++)
        wasm_put_u32(section, shape->functions[i]);
    put_section(writer->out, FUNCTIONS, section);
}

/* A maximum always: how far a memory without one grows is the host's. */
static void table_and_memory(struct writer *writer, struct buffer *section)
{
    const uint32_t pages = 1 + random_below(&writer->random, 2);

    buffer_add(section, (uint8_t[]){1, FUNCREF, 1}, 3);
    wasm_put_u32(section, SHAPE_TABLE_START + 4);
    wasm_put_u32(section, SHAPE_TABLE_MAX);
    put_section(writer->out, TABLES, section);
    buffer_add(section, (uint8_t[]){1, 1}, 2);
    wasm_put_u32(section, pages);
    wasm_put_u32(section, pages + random_below(&writer->random, 3));
    put_section(writer->out, MEMORIES, section);
}

static void globals(struct writer *writer, struct buffer *section)
{
    const struct shape *shape = &writer->shape;

    wasm_put_u32(section, shape->global_count);
    for (uint32_t i = 0; i < shape->global_count; i++) {
        buffer_add_byte(section, type_code(shape->globals[i]));
        buffer_add_byte(section, 1);
        if (i == 0) {
            buffer_add_byte(section, 0x41);
            wasm_put_s64(section, SHAPE_STEPS);
        } else {
            wasm_put_constant(section, &writer->random, shape->globals[i]);
        }
        buffer_add_byte(section, END);
    }
    put_section(writer->out, GLOBALS, section);
}

static void exports(struct writer *writer, struct buffer *section)
{
    char name[16];

    wasm_put_u32(section, writer->called_count + 2);
    for (uint32_t i = 0; i < writer->called_count; i++) {
        snprintf(name, sizeof name, "f%u", i);
        put_name(section, name);
        buffer_add_byte(section, 0);
        wasm_put_u32(section, i);
    }
    put_name(section, "finish");
    buffer_add_byte(section, 0);
    wasm_put_u32(section, writer->finish);
    put_name(section, "memory");
    buffer_add(section, (uint8_t[]){2, 0}, 2);
    put_section(writer->out, EXPORTS, section);
    if (writer->starts) {
        wasm_put_u32(section, writer->finish - 1);
        put_section(writer->out, START, section);
    }
}

/* Segment 0 fills the table, 1 is for table.init, 2 declares all functions,
 * so that code may refer to them. */
static void elements(struct writer *writer, struct buffer *section)
{
    const uint32_t count = writer->shape.function_count;
    const uint32_t active =
        count < SHAPE_TABLE_START ? count : SHAPE_TABLE_START;

    buffer_add(section, (uint8_t[]){3, 0, 0x41, 0, END}, 5);
    wasm_put_u32(section, active);
    for (uint32_t i = 0; i < active; i++)
        wasm_put_u32(section, i);
    buffer_add(section, (uint8_t[]){1, 0, 6}, 3);
    for (uint32_t i = 0; i < 6; i++)
        wasm_put_u32(section, random_below(&writer->random, count));
    buffer_add(section, (uint8_t[]){3, 0}, 2);
    wasm_put_u32(section, count);
    for (uint32_t i = 0; i < count; i++)
        wasm_put_u32(section, i);
    put_section(writer->out, ELEMENTS, section);
    buffer_add_byte(section, 2);
    put_section(writer->out, DATA_COUNT, section);
}

static void put_data(struct buffer *out, struct random *random, uint32_t len)
{
    wasm_put_u32(out, len);
    for (uint32_t at = 0; at < len; at += 8) {
        const char type = "ilfd"[random_below(random, 4)];
        uint64_t bits = random_number(random, type);
        if (type == 'i' || type == 'f')
            bits |= random_number(random, type) << 32;
        buffer_add(out, &bits, 8);
    }
}

/* Segment 0 is active, and rarely out of bounds; segment 1 passive. */
static void data(struct writer *writer, struct buffer *section)
{
    const uint32_t offset = random_once_in(&writer->random, 60)
                                ? (uint32_t)random_next(&writer->random)
                                : random_below(&writer->random, 64);

    buffer_add(section, (uint8_t[]){2, 0, 0x41}, 3);
    wasm_put_s64(section, (int32_t)offset);
    buffer_add_byte(section, END);
    put_data(section, &writer->random, 1024);
    buffer_add_byte(section, 1);
    put_data(section, &writer->random, SHAPE_SEGMENT);
    put_section(writer->out, DATA, section);
}

/* --- finish ------------------------------------------------------------- */

static void store_global(struct buffer *body, uint32_t index, char type)
{
    static const uint8_t stores[] = {0x36, 0x37, 0x38, 0x39};

    buffer_add_byte(body, 0x41);
    wasm_put_s64(body, (int32_t)index * 16);
    buffer_add_byte(body, 0x23);
    wasm_put_u32(body, index);
    if (type == 'v')
        buffer_add(body, (uint8_t[]){0xfd, 11, 0, 0}, 4);
    else
        buffer_add(
            body, (uint8_t[]){stores[strchr("ilfd", type) - "ilfd"], 0, 0}, 3);
}

static void finish(const struct shape *shape, struct buffer *section)
{
    // Local 0 counts elements, local 1 has a bit for each that is null.
    static const uint8_t nulls[] = {
        0x02, 0x40, 0x03, 0x40,                            // block loop
        0x20, 0,    0xfc, 16,   0,    0x4f, 0x0d, 1,       // at the end?
        0x20, 1,    0x41, 3,    0x6c,                      // times 3
        0x20, 0,    0x25, 0,    0xd1, 0x6a, 0x21, 1,       // plus null?
        0x20, 0,    0x41, 1,    0x6a, 0x21, 0,    0x0c, 0, // next
        END,  END};
    struct buffer body;

    buffer_init(&body, 4096);
    buffer_add(&body, (uint8_t[]){1, 2, I32}, 3);
    for (uint32_t i = 0; i < shape->global_count; i++)
        store_global(&body, i, shape->globals[i]);
    buffer_add_byte(&body, 0x41);
    wasm_put_s64(&body, SHAPE_STEPS);
    buffer_add(&body, (uint8_t[]){0x24, 0}, 2);
    buffer_add(&body, nulls, sizeof nulls);
    buffer_add(&body, (uint8_t[]){0x20, 1, END}, 3);
    wasm_put_u32(section, (uint32_t)body.len);
    buffer_add_bytes(section, buffer_bytes(&body));
    buffer_deinit(&body);
}

void wasm_program_init(struct wasm_program *program, uint64_t seed,
                       uint32_t size)
{
    struct writer writer = {
        .out = &program->bytes, .random = random_from(seed), .size = size};
    struct buffer section;

    buffer_init(&program->bytes, PROGRAM_MAX);
    buffer_init(&section, PROGRAM_MAX);
    choose_shape(&writer);
    buffer_add(writer.out, "\0asm\1\0\0", 8);
    types_and_functions(&writer, &section);
    table_and_memory(&writer, &section);
    globals(&writer, &section);
    exports(&writer, &section);
    elements(&writer, &section);
    wasm_put_u32(&section, writer.finish + 1);
    for (uint32_t i = 0; i < writer.finish; i++)
        wasm_code_put(&section, &writer.random, &writer.shape, i, size);
    finish(&writer.shape, &section);
    put_section(writer.out, CODE, &section);
    data(&writer, &section);
    ASSERT(section.status == STATUS_OK && program->bytes.status == STATUS_OK);
    buffer_deinit(&section);

    program->called_count = writer.called_count;
    for (uint32_t i = 0; i < writer.called_count; i++)
        program->called[i] = writer.shape.types[writer.shape.functions[i]];
}

void wasm_program_deinit(struct wasm_program *program)
{
    buffer_deinit(&program->bytes);
}
