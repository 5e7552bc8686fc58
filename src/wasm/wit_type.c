/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/wit_type.h"

#include <stdlib.h>

#include "base/status.h"
#include "ipld/value.h"

static const char *const kind_names[] = {
    [WIT_BOOL] = "bool",
    [WIT_S8] = "s8",
    [WIT_U8] = "u8",
    [WIT_S16] = "s16",
    [WIT_U16] = "u16",
    [WIT_S32] = "s32",
    [WIT_U32] = "u32",
    [WIT_S64] = "s64",
    [WIT_U64] = "u64",
    [WIT_F32] = "f32",
    [WIT_F64] = "f64",
    [WIT_CHAR] = "char",
    [WIT_STRING] = "string",
    [WIT_LIST] = "list",
    [WIT_OPTION] = "option",
    [WIT_RESULT] = "result",
    [WIT_TUPLE] = "tuple",
    [WIT_RECORD] = "record",
    [WIT_VARIANT] = "variant",
    [WIT_ENUM] = "enum",
    [WIT_FLAGS] = "flags",
    [WIT_OWN] = "own<blob>",
    [WIT_BORROW] = "borrow<blob>",
    [WIT_UNSUPPORTED] = "unsupported type",
};

const char *wit_kind_name(WitKind kind)
{
    ASSERT((unsigned)kind < sizeof kind_names / sizeof kind_names[0]);
    return kind_names[kind];
}

static void refuse(struct wit_type *type, Text what)
{
    if (type->refused.len == 0)
        type->refused = what;
}

static uint64_t round_up(uint64_t number, uint32_t align)
{
    return (number + align - 1) / align * align;
}

/* Sizes double with each level of nesting: past 32 bits the type is of no use
 * to anybody, since no memory holds it. */
static uint32_t bounded(struct wit_type *type, uint64_t number)
{
    if (number <= UINT32_MAX)
        return (uint32_t)number;
    refuse(type, TEXT("a type larger than a memory"));
    return UINT32_MAX;
}

static uint32_t flat_sum(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void finish_scalar(struct wit_type *type, uint32_t size)
{
    type->size = type->align = size;
    type->flat = 1;
}

static void finish_pair(struct wit_type *type)
{
    type->size = 8;
    type->align = 4;
    type->flat = 2;
}

static void finish_flags(struct wit_type *type)
{
    uint32_t words = wit_flag_words(type);
    type->flat = words;
    type->align = type->count <= 8 ? 1 : type->count <= 16 ? 2 : 4;
    type->size = type->count <= 16 ? type->align : 4 * words;
    if (type->count == 0)
        type->size = 0;
}

static void finish_row(struct wit_type *type, struct wit_member *members)
{
    uint64_t offset = 0;
    type->align = 1;
    type->flat = 0;
    for (uint32_t index = 0; index < type->count; index++) {
        const struct wit_type *inner = members[index].type;
        offset = round_up(offset, inner->align);
        members[index].offset = bounded(type, offset);
        members[index].flat = type->flat;
        offset = (uint64_t)members[index].offset + inner->size;
        type->flat = flat_sum(type->flat, inner->flat);
        if (inner->align > type->align)
            type->align = inner->align;
    }
    type->size = bounded(type, round_up(offset, type->align));
}

static void finish_cases(struct wit_type *type)
{
    type->tag_size = type->count <= 256 ? 1 : type->count <= 65536 ? 2 : 4;
    type->align = type->tag_size;
    uint32_t payload_align = 1, payload_size = 0, payload_flat = 0;
    for (uint32_t index = 0; index < type->count; index++) {
        const struct wit_type *inner = type->members[index].type;
        if (!inner)
            continue;
        if (inner->align > payload_align)
            payload_align = inner->align;
        if (inner->size > payload_size)
            payload_size = inner->size;
        if (inner->flat > payload_flat)
            payload_flat = inner->flat;
    }
    if (payload_align > type->align)
        type->align = payload_align;
    type->payload_offset = (uint32_t)round_up(type->tag_size, payload_align);
    type->size =
        bounded(type, round_up((uint64_t)type->payload_offset + payload_size,
                               type->align));
    type->flat = flat_sum(1, payload_flat);
}

static int compare_members(const void *a, const void *b, void *context)
{
    const struct wit_member *members = context;
    const uint32_t *left = a, *right = b;
    return value_key_compare(members[*left].name, members[*right].name);
}

static void order_fields(struct wit_type *type, struct wit_member *members,
                         struct arena *arena)
{
    uint32_t *order = arena_array(arena, type->count, sizeof *order);
    for (uint32_t index = 0; index < type->count; index++)
        order[index] = index;
    qsort_r(order, type->count, sizeof *order, compare_members, members);
    type->order = order;
}

static void inherit(struct wit_type *type)
{
    type->depth = 1;
    for (uint32_t index = 0; index < type->count; index++) {
        const struct wit_type *inner = type->members[index].type;
        if (!inner)
            continue;
        if (inner->refused.len > 0)
            refuse(type, inner->refused);
        type->has_blob = type->has_blob || inner->has_blob;
        if (inner->depth + 1 > type->depth)
            type->depth = inner->depth + 1;
    }
}

void wit_type_finish(struct wit_type *type, struct arena *arena)
{
    inherit(type);
    // Members were made by whoever calls, for this: the layout goes in place.
    struct wit_member *members =
        arena_array(arena, type->count, sizeof *members);
    if (type->count > 0)
        memcpy(members, type->members, type->count * sizeof *members);
    type->members = members;
    switch (type->kind) {
    case WIT_BOOL:
    case WIT_S8:
    case WIT_U8:
        finish_scalar(type, 1);
        break;
    case WIT_S16:
    case WIT_U16:
        finish_scalar(type, 2);
        break;
    case WIT_S32:
    case WIT_U32:
    case WIT_F32:
    case WIT_CHAR:
        finish_scalar(type, 4);
        break;
    case WIT_S64:
    case WIT_U64:
    case WIT_F64:
        finish_scalar(type, 8);
        break;
    case WIT_STRING:
    case WIT_LIST:
        finish_pair(type);
        break;
    case WIT_RECORD:
        order_fields(type, members, arena);
        [[fallthrough]];
    case WIT_TUPLE:
        finish_row(type, members);
        break;
    case WIT_OPTION:
    case WIT_RESULT:
    case WIT_VARIANT:
    case WIT_ENUM:
        finish_cases(type);
        break;
    case WIT_FLAGS:
        finish_flags(type);
        break;
    case WIT_OWN:
    case WIT_BORROW:
        finish_scalar(type, 4);
        type->has_blob = true;
        break;
    case WIT_UNSUPPORTED:
        finish_scalar(type, 4);
        refuse(type, type->name);
        break;
    }
}
