/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_ops.h"

#include <stddef.h>

enum { OPS_MAX = 512, SIMD = 0xfd, MISC = 0xfc };
enum kind { PLAIN, LANE, TRAPS, MEMORY, MEMORY_LANE };

/* Operators with consecutive codes and one type. */
static const struct range {
    uint8_t prefix;
    uint8_t first, last;
    char result;
    const char *params;
    enum kind kind;
    uint8_t number; /* of lanes, or of the access: log2 of its bytes */
} ranges[] = {
    // Loads and stores.
    {0, 0x28, 0x28, 'i', "a", MEMORY, 2},
    {0, 0x29, 0x29, 'l', "a", MEMORY, 3},
    {0, 0x2a, 0x2a, 'f', "a", MEMORY, 2},
    {0, 0x2b, 0x2b, 'd', "a", MEMORY, 3},
    {0, 0x2c, 0x2d, 'i', "a", MEMORY, 0},
    {0, 0x2e, 0x2f, 'i', "a", MEMORY, 1},
    {0, 0x30, 0x31, 'l', "a", MEMORY, 0},
    {0, 0x32, 0x33, 'l', "a", MEMORY, 1},
    {0, 0x34, 0x35, 'l', "a", MEMORY, 2},
    {0, 0x36, 0x36, '-', "ai", MEMORY, 2},
    {0, 0x37, 0x37, '-', "al", MEMORY, 3},
    {0, 0x38, 0x38, '-', "af", MEMORY, 2},
    {0, 0x39, 0x39, '-', "ad", MEMORY, 3},
    {0, 0x3a, 0x3a, '-', "ai", MEMORY, 0},
    {0, 0x3b, 0x3b, '-', "ai", MEMORY, 1},
    {0, 0x3c, 0x3c, '-', "al", MEMORY, 0},
    {0, 0x3d, 0x3d, '-', "al", MEMORY, 1},
    {0, 0x3e, 0x3e, '-', "al", MEMORY, 2},
    // Integers: comparisons, arithmetic.
    {0, 0x45, 0x45, 'i', "i", PLAIN, 0},
    {0, 0x46, 0x4f, 'i', "ii", PLAIN, 0},
    {0, 0x50, 0x50, 'i', "l", PLAIN, 0},
    {0, 0x51, 0x5a, 'i', "ll", PLAIN, 0},
    {0, 0x5b, 0x60, 'i', "ff", PLAIN, 0},
    {0, 0x61, 0x66, 'i', "dd", PLAIN, 0},
    {0, 0x67, 0x69, 'i', "i", PLAIN, 0},
    {0, 0x6a, 0x6c, 'i', "ii", PLAIN, 0},
    {0, 0x6d, 0x70, 'i', "in", PLAIN, 0},
    {0, 0x71, 0x78, 'i', "ii", PLAIN, 0},
    {0, 0x79, 0x7b, 'l', "l", PLAIN, 0},
    {0, 0x7c, 0x7e, 'l', "ll", PLAIN, 0},
    {0, 0x7f, 0x82, 'l', "lm", PLAIN, 0},
    {0, 0x83, 0x8a, 'l', "ll", PLAIN, 0},
    // Floats.
    {0, 0x8b, 0x91, 'f', "f", PLAIN, 0},
    {0, 0x92, 0x98, 'f', "ff", PLAIN, 0},
    {0, 0x99, 0x9f, 'd', "d", PLAIN, 0},
    {0, 0xa0, 0xa6, 'd', "dd", PLAIN, 0},
    // Conversions.
    {0, 0xa7, 0xa7, 'i', "l", PLAIN, 0},
    {0, 0xa8, 0xa9, 'i', "f", TRAPS, 0},
    {0, 0xaa, 0xab, 'i', "d", TRAPS, 0},
    {0, 0xac, 0xad, 'l', "i", PLAIN, 0},
    {0, 0xae, 0xaf, 'l', "f", TRAPS, 0},
    {0, 0xb0, 0xb1, 'l', "d", TRAPS, 0},
    {0, 0xb2, 0xb3, 'f', "i", PLAIN, 0},
    {0, 0xb4, 0xb5, 'f', "l", PLAIN, 0},
    {0, 0xb6, 0xb6, 'f', "d", PLAIN, 0},
    {0, 0xb7, 0xb8, 'd', "i", PLAIN, 0},
    {0, 0xb9, 0xba, 'd', "l", PLAIN, 0},
    {0, 0xbb, 0xbb, 'd', "f", PLAIN, 0},
    {0, 0xbc, 0xbc, 'i', "f", PLAIN, 0},
    {0, 0xbd, 0xbd, 'l', "d", PLAIN, 0},
    {0, 0xbe, 0xbe, 'f', "i", PLAIN, 0},
    {0, 0xbf, 0xbf, 'd', "l", PLAIN, 0},
    {0, 0xc0, 0xc1, 'i', "i", PLAIN, 0},
    {0, 0xc2, 0xc4, 'l', "l", PLAIN, 0},
    {MISC, 0, 1, 'i', "f", PLAIN, 0},
    {MISC, 2, 3, 'i', "d", PLAIN, 0},
    {MISC, 4, 5, 'l', "f", PLAIN, 0},
    {MISC, 6, 7, 'l', "d", PLAIN, 0},
    // Vectors: memory.
    {SIMD, 0, 0, 'v', "a", MEMORY, 4},
    {SIMD, 1, 6, 'v', "a", MEMORY, 3},
    {SIMD, 7, 7, 'v', "a", MEMORY, 0},
    {SIMD, 8, 8, 'v', "a", MEMORY, 1},
    {SIMD, 9, 9, 'v', "a", MEMORY, 2},
    {SIMD, 10, 10, 'v', "a", MEMORY, 3},
    {SIMD, 11, 11, '-', "av", MEMORY, 4},
    {SIMD, 84, 84, 'v', "av", MEMORY_LANE, 0},
    {SIMD, 85, 85, 'v', "av", MEMORY_LANE, 1},
    {SIMD, 86, 86, 'v', "av", MEMORY_LANE, 2},
    {SIMD, 87, 87, 'v', "av", MEMORY_LANE, 3},
    {SIMD, 88, 88, '-', "av", MEMORY_LANE, 0},
    {SIMD, 89, 89, '-', "av", MEMORY_LANE, 1},
    {SIMD, 90, 90, '-', "av", MEMORY_LANE, 2},
    {SIMD, 91, 91, '-', "av", MEMORY_LANE, 3},
    {SIMD, 92, 92, 'v', "a", MEMORY, 2},
    {SIMD, 93, 93, 'v', "a", MEMORY, 3},
    // Vectors: lanes.
    {SIMD, 14, 14, 'v', "vv", PLAIN, 0},
    {SIMD, 15, 17, 'v', "i", PLAIN, 0},
    {SIMD, 18, 18, 'v', "l", PLAIN, 0},
    {SIMD, 19, 19, 'v', "f", PLAIN, 0},
    {SIMD, 20, 20, 'v', "d", PLAIN, 0},
    {SIMD, 21, 22, 'i', "v", LANE, 16},
    {SIMD, 23, 23, 'v', "vi", LANE, 16},
    {SIMD, 24, 25, 'i', "v", LANE, 8},
    {SIMD, 26, 26, 'v', "vi", LANE, 8},
    {SIMD, 27, 27, 'i', "v", LANE, 4},
    {SIMD, 28, 28, 'v', "vi", LANE, 4},
    {SIMD, 29, 29, 'l', "v", LANE, 2},
    {SIMD, 30, 30, 'v', "vl", LANE, 2},
    {SIMD, 31, 31, 'f', "v", LANE, 4},
    {SIMD, 32, 32, 'v', "vf", LANE, 4},
    {SIMD, 33, 33, 'd', "v", LANE, 2},
    {SIMD, 34, 34, 'v', "vd", LANE, 2},
    // Vectors: comparisons and bits.
    {SIMD, 35, 76, 'v', "vv", PLAIN, 0},
    {SIMD, 77, 77, 'v', "v", PLAIN, 0},
    {SIMD, 78, 81, 'v', "vv", PLAIN, 0},
    {SIMD, 82, 82, 'v', "vvv", PLAIN, 0},
    {SIMD, 83, 83, 'i', "v", PLAIN, 0},
    {SIMD, 94, 98, 'v', "v", PLAIN, 0},
    {SIMD, 99, 100, 'i', "v", PLAIN, 0},
    {SIMD, 101, 102, 'v', "vv", PLAIN, 0},
    {SIMD, 103, 106, 'v', "v", PLAIN, 0},
    // Vectors: i8x16.
    {SIMD, 107, 109, 'v', "vi", PLAIN, 0},
    {SIMD, 110, 115, 'v', "vv", PLAIN, 0},
    {SIMD, 116, 117, 'v', "v", PLAIN, 0},
    {SIMD, 118, 121, 'v', "vv", PLAIN, 0},
    {SIMD, 122, 122, 'v', "v", PLAIN, 0},
    {SIMD, 123, 123, 'v', "vv", PLAIN, 0},
    {SIMD, 124, 129, 'v', "v", PLAIN, 0},
    // i16x8.
    {SIMD, 130, 130, 'v', "vv", PLAIN, 0},
    {SIMD, 131, 132, 'i', "v", PLAIN, 0},
    {SIMD, 133, 134, 'v', "vv", PLAIN, 0},
    {SIMD, 135, 138, 'v', "v", PLAIN, 0},
    {SIMD, 139, 141, 'v', "vi", PLAIN, 0},
    {SIMD, 142, 147, 'v', "vv", PLAIN, 0},
    {SIMD, 148, 148, 'v', "v", PLAIN, 0},
    {SIMD, 149, 153, 'v', "vv", PLAIN, 0},
    {SIMD, 155, 159, 'v', "vv", PLAIN, 0},
    // i32x4.
    {SIMD, 160, 161, 'v', "v", PLAIN, 0},
    {SIMD, 163, 164, 'i', "v", PLAIN, 0},
    {SIMD, 167, 170, 'v', "v", PLAIN, 0},
    {SIMD, 171, 173, 'v', "vi", PLAIN, 0},
    {SIMD, 174, 174, 'v', "vv", PLAIN, 0},
    {SIMD, 177, 177, 'v', "vv", PLAIN, 0},
    {SIMD, 181, 186, 'v', "vv", PLAIN, 0},
    {SIMD, 188, 191, 'v', "vv", PLAIN, 0},
    // i64x2.
    {SIMD, 192, 193, 'v', "v", PLAIN, 0},
    {SIMD, 195, 196, 'i', "v", PLAIN, 0},
    {SIMD, 199, 202, 'v', "v", PLAIN, 0},
    {SIMD, 203, 205, 'v', "vi", PLAIN, 0},
    {SIMD, 206, 206, 'v', "vv", PLAIN, 0},
    {SIMD, 209, 209, 'v', "vv", PLAIN, 0},
    {SIMD, 213, 223, 'v', "vv", PLAIN, 0},
    // f32x4, f64x2, conversions.
    {SIMD, 224, 225, 'v', "v", PLAIN, 0},
    {SIMD, 227, 227, 'v', "v", PLAIN, 0},
    {SIMD, 228, 235, 'v', "vv", PLAIN, 0},
    {SIMD, 236, 237, 'v', "v", PLAIN, 0},
    {SIMD, 239, 239, 'v', "v", PLAIN, 0},
    {SIMD, 240, 247, 'v', "vv", PLAIN, 0},
    {SIMD, 248, 255, 'v', "v", PLAIN, 0},
};

struct list {
    struct wasm_op ops[OPS_MAX];
    uint32_t count;
};

static struct wasm_op op_of(const struct range *range, uint32_t code)
{
    struct wasm_op op = {.prefix = range->prefix,
                         .code = code,
                         .params = range->params,
                         .result = range->result};
    if (range->kind == LANE)
        op.lanes = range->number;
    if (range->kind == MEMORY_LANE)
        op.lanes = (uint8_t)(16 >> range->number);
    if (range->kind == MEMORY || range->kind == MEMORY_LANE) {
        op.has_address = true;
        op.align_log2 = range->number;
    }
    op.traps_easily = range->kind == TRAPS;
    return op;
}

static const struct list *list_of(char result)
{
    static const char types[] = "ilfdv-";
    static struct list lists[sizeof types - 1];

    if (lists[0].count == 0)
        for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
            for (uint32_t code = ranges[i].first; code <= ranges[i].last;
                 code++) {
                struct list *list =
                    &lists[strchr(types, ranges[i].result) - types];
                list->ops[list->count++] = op_of(&ranges[i], code);
            }
    return &lists[strchr(types, result) - types];
}

const struct wasm_op *wasm_op_choose(struct random *random, char result)
{
    const struct list *list = list_of(result);
    const struct wasm_op *op = &list->ops[random_below(random, list->count)];
    while (op->traps_easily && !random_once_in(random, 12))
        op = &list->ops[random_below(random, list->count)];
    return op;
}

void wasm_op_put(struct buffer *out, const struct wasm_op *op)
{
    if (op->prefix != 0) {
        buffer_add_byte(out, op->prefix);
        wasm_put_u32(out, op->code);
    } else {
        buffer_add_byte(out, (uint8_t)op->code);
    }
}

void wasm_put_u32(struct buffer *out, uint32_t number)
{
    for (; number >= 0x80; number >>= 7)
        buffer_add_byte(out, (uint8_t)(number | 0x80));
    buffer_add_byte(out, (uint8_t)number);
}

void wasm_put_s64(struct buffer *out, int64_t number)
{
    for (; number < -64 || number > 63; number >>= 7)
        buffer_add_byte(out, (uint8_t)(number | 0x80));
    buffer_add_byte(out, (uint8_t)(number & 0x7f));
}
