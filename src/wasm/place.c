/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/place.h"

#include "base/status.h"

void source_break(struct source *source, const char *why)
{
    if (!source->is_broken)
        source->why = why;
    source->is_broken = true;
}

static bool is_inside(const struct source *source, uint64_t address,
                      uint64_t size)
{
    return address <= source->bytes.len && size <= source->bytes.len - address;
}

struct place place_memory(struct source *source, const struct wit_type *type,
                          uint32_t address)
{
    if (address % type->align != 0)
        source_break(source, "returned pointer is misaligned");
    else if (!is_inside(source, address, type->size))
        source_break(source, "returned pointer is out of bounds");
    return (struct place){.kind = PLACE_MEMORY, .offset = address};
}

// The bytes were checked with the value, row or list that they are part of.
static uint64_t load(const struct source *source, size_t offset, uint32_t size)
{
    if (source->is_broken)
        return 0;
    ASSERT(is_inside(source, offset, size));
    uint64_t bits = 0;
    for (uint32_t index = 0; index < size; index++)
        bits |= (uint64_t)source->bytes.data[offset + index] << 8 * index;
    return bits;
}

// Flat: slot `index`; memory: the `size` bytes at `index` * 4.
static uint64_t word(const struct source *source, struct place place,
                     uint32_t index, uint32_t size)
{
    if (place.kind == PLACE_FLAT)
        return size == 8 ? place.flat[index] : (uint32_t)place.flat[index];
    return load(source, place.offset + (size_t)index * 4, size);
}

static uint64_t check_char(struct source *source, uint64_t code)
{
    if (code <= 0x10ffff && (code < 0xd800 || code > 0xdfff))
        return code;
    source_break(source, "returned char is no Unicode scalar value");
    return 0;
}

/* A flat value may have more bits than its type: the upper ones mean nothing
 * (CanonicalABI.md: lift_flat_unsigned). */
static uint64_t extend(WitKind kind, uint64_t bits)
{
    if (kind == WIT_BOOL)
        return bits != 0;
    if (kind == WIT_U8)
        return (uint8_t)bits;
    if (kind == WIT_U16)
        return (uint16_t)bits;
    if (kind == WIT_S8)
        return (uint64_t)(int8_t)bits;
    if (kind == WIT_S16)
        return (uint64_t)(int16_t)bits;
    if (kind == WIT_S32)
        return (uint64_t)(int32_t)bits;
    return bits;
}

uint64_t place_scalar(struct source *source, const struct wit_type *type,
                      struct place place)
{
    if (place.kind == PLACE_TYPED)
        return typed_scalar(source, type, place.offset);
    uint64_t bits = word(source, place, 0, type->size);
    if (type->kind == WIT_CHAR)
        return check_char(source, bits);
    return extend(type->kind, bits);
}

Bytes place_bytes(struct source *source, const struct wit_type *type,
                  struct place place)
{
    if (place.kind == PLACE_TYPED)
        return typed_bytes(source, type, place.offset);
    uint64_t address = word(source, place, 0, 4);
    uint64_t len = word(source, place, 1, 4);
    bool is_text = type->kind == WIT_STRING;
    if (!is_inside(source, address, len))
        source_break(source, is_text ? "returned string is out of bounds"
                                     : "returned list is out of bounds");
    if (source->is_broken || len == 0)
        return bytes_of(NULL, 0);
    Bytes bytes = bytes_of(source->bytes.data + address, len);
    if (is_text && !utf8_is_valid(bytes_text(bytes), NULL))
        source_break(source, "returned string is not UTF-8");
    return source->is_broken ? bytes_of(NULL, 0) : bytes;
}

size_t place_list(struct source *source, const struct wit_type *type,
                  struct place place, struct place *first)
{
    if (place.kind == PLACE_TYPED) {
        *first = place;
        return typed_list(source, place.offset, &first->offset);
    }
    const struct wit_type *element = wit_element(type);
    uint64_t address = word(source, place, 0, 4);
    uint64_t count = word(source, place, 1, 4);
    *first = (struct place){.kind = PLACE_MEMORY, .offset = address};
    // Both are below 2^32: the product fits.
    if (!is_inside(source, address, count * element->size))
        source_break(source, "returned list is out of bounds");
    else if (address % element->align != 0)
        source_break(source, "returned list is misaligned");
    return source->is_broken ? 0 : count;
}

struct place place_next(struct source *source, const struct wit_type *element,
                        struct place place)
{
    if (place.kind == PLACE_TYPED)
        place.offset = typed_skip(source, place.offset);
    else
        place.offset += element->size;
    return place;
}

void place_members(struct source *source, const struct wit_type *type,
                   struct place place, struct place *out)
{
    if (place.kind == PLACE_TYPED &&
        typed_list(source, place.offset, &place.offset) != type->count)
        source_break(source, "typed result: row of another length");
    for (uint32_t index = 0; index < type->count; index++) {
        const struct wit_member *member = &type->members[index];
        out[index] = place;
        if (place.kind == PLACE_TYPED)
            place.offset = typed_skip(source, place.offset);
        else if (place.kind == PLACE_FLAT)
            out[index].flat += member->flat;
        else
            out[index].offset += member->offset;
    }
}

uint32_t place_case(struct source *source, const struct wit_type *type,
                    struct place place, struct place *payload)
{
    *payload = place;
    if (place.kind == PLACE_TYPED)
        return typed_case(source, type, place.offset, &payload->offset);
    uint64_t index = place.kind == PLACE_FLAT
                         ? (uint32_t)place.flat[0]
                         : load(source, place.offset, type->tag_size);
    if (index >= type->count) {
        source_break(source, "returned discriminant is out of range");
        return 0;
    }
    if (place.kind == PLACE_FLAT)
        payload->flat++;
    else
        payload->offset += type->payload_offset;
    return (uint32_t)index;
}

bool place_flag(struct source *source, const struct wit_type *type,
                struct place place, uint32_t index)
{
    if (place.kind == PLACE_TYPED)
        return typed_flag(source, place.offset, index);
    uint32_t size = type->size < 4 ? type->size : 4;
    return word(source, place, index / 32, size) >> index % 32 & 1;
}
