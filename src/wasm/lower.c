/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/lower.h"

#include "base/status.h"

/* True of every address that is written to: allocate() returned it, it is
 * aligned, and all of its bytes are inside the memory, which never shrinks. */
static uint32_t allocate(struct lowering *lowering, uint32_t align,
                         uint32_t size)
{
    uint32_t address = 0;
    if (lowering->outcome != LOWERED)
        return 0;
    const struct guest_memory *guest = lowering->guest;
    if (!guest->allocate(guest->context, align, size, &address)) {
        lowering->outcome = LOWER_OVER;
        return 0;
    }
    // Guest code ran: the memory may have moved.
    lowering->memory = guest->memory(guest->context);
    if (address % align != 0) {
        lowering->outcome = LOWER_BROKEN;
        lowering->why = "cabi_realloc returned a misaligned address";
    } else if (address > lowering->memory.len ||
               size > lowering->memory.len - address) {
        lowering->outcome = LOWER_BROKEN;
        lowering->why = "cabi_realloc returned memory out of bounds";
    }
    return address;
}

static void store(struct lowering *lowering, uint32_t address, uint64_t bits,
                  uint32_t size)
{
    if (lowering->outcome != LOWERED)
        return;
    ASSERT(address <= lowering->memory.len &&
           size <= lowering->memory.len - address);
    uint8_t *place = lowering->memory.data + address;
    for (uint32_t index = 0; index < size; index++)
        place[index] = (uint8_t)(bits >> 8 * index);
}

static uint32_t handle_of(struct lowering *lowering,
                          const struct wit_type *type,
                          const struct wit_value *value)
{
    const struct guest_memory *guest = lowering->guest;
    ASSERT(guest->handle);
    if (lowering->outcome != LOWERED)
        return 0;
    return guest->handle(guest->context, (uint32_t)value->bits,
                         type->kind == WIT_BORROW);
}

static void store_value(struct lowering *lowering, const struct wit_type *type,
                        const struct wit_value *value, uint32_t address);

static uint32_t lower_bytes(struct lowering *lowering,
                            const struct wit_value *value)
{
    uint32_t address = allocate(lowering, 1, (uint32_t)value->count);
    if (lowering->outcome == LOWERED && value->count > 0)
        memcpy(lowering->memory.data + address, value->data, value->count);
    return address;
}

/* The elements of a string or list; returns their address. */
static uint32_t lower_list(struct lowering *lowering,
                           const struct wit_type *type,
                           const struct wit_value *value)
{
    if (type->kind == WIT_STRING || wit_is_bytes(type))
        return lower_bytes(lowering, value);
    const struct wit_type *element = wit_element(type);
    uint64_t size = (uint64_t)value->count * element->size;
    ASSERT(size <= UINT32_MAX); // convert_list() refused more.
    uint32_t address = allocate(lowering, element->align, (uint32_t)size);
    for (size_t index = 0; index < value->count; index++) {
        if (lowering->outcome != LOWERED)
            return 0;
        store_value(lowering, element, &value->items[index],
                    address + (uint32_t)index * element->size);
    }
    return address;
}

static void store_cases(struct lowering *lowering, const struct wit_type *type,
                        const struct wit_value *value, uint32_t address)
{
    const struct wit_type *payload = type->members[value->bits].type;
    store(lowering, address, value->bits, type->tag_size);
    if (payload)
        store_value(lowering, payload, value->items,
                    address + type->payload_offset);
}

static void store_flags(struct lowering *lowering, const struct wit_type *type,
                        const struct wit_value *value, uint32_t address)
{
    uint32_t size = type->size < 4 ? type->size : 4;
    for (uint32_t index = 0; index < value->count; index++)
        store(lowering, address + 4 * index, value->words[index], size);
}

static void store_value(struct lowering *lowering, const struct wit_type *type,
                        const struct wit_value *value, uint32_t address)
{
    if (type->kind == WIT_STRING || type->kind == WIT_LIST) {
        uint32_t data = lower_list(lowering, type, value);
        store(lowering, address, data, 4);
        store(lowering, address + 4, value->count, 4);
    } else if (wit_is_row(type)) {
        for (uint32_t index = 0; index < type->count; index++)
            store_value(lowering, type->members[index].type,
                        &value->items[index],
                        address + type->members[index].offset);
    } else if (wit_is_cases(type)) {
        store_cases(lowering, type, value, address);
    } else if (type->kind == WIT_FLAGS) {
        store_flags(lowering, type, value, address);
    } else if (wit_is_blob(type)) {
        store(lowering, address, handle_of(lowering, type, value), 4);
    } else {
        store(lowering, address, value->bits, type->size);
    }
}

/* Flat values are bits in the low end of 64: a payload narrower than the slot
 * that the cases share needs no conversion, its upper bits are zero. */
static void lower_flat(struct lowering *lowering, const struct wit_type *type,
                       const struct wit_value *value, EngineNumber *out)
{
    if (type->kind == WIT_STRING || type->kind == WIT_LIST) {
        out[0] = lower_list(lowering, type, value);
        out[1] = value->count;
    } else if (wit_is_row(type)) {
        for (uint32_t index = 0; index < type->count; index++)
            lower_flat(lowering, type->members[index].type,
                       &value->items[index], out + type->members[index].flat);
    } else if (wit_is_cases(type)) {
        const struct wit_type *payload = type->members[value->bits].type;
        memset(out, 0, type->flat * sizeof *out);
        out[0] = value->bits;
        if (payload)
            lower_flat(lowering, payload, value->items, out + 1);
    } else if (type->kind == WIT_FLAGS) {
        for (size_t index = 0; index < value->count; index++)
            out[index] = value->words[index];
    } else if (wit_is_blob(type)) {
        out[0] = handle_of(lowering, type, value);
    } else {
        out[0] = type->size == 8 ? value->bits : (uint32_t)value->bits;
    }
}

LowerOutcome lower_arguments(struct lowering *lowering,
                             const struct wit_type *params,
                             const struct wit_value *values,
                             EngineNumber out[WIT_FLAT_PARAMS_MAX],
                             size_t *count)
{
    const struct wit_value row = {.items = values, .count = params->count};
    lowering->outcome = LOWERED;
    lowering->memory = lowering->guest->memory(lowering->guest->context);
    if (params->flat <= WIT_FLAT_PARAMS_MAX) {
        *count = params->flat;
        lower_flat(lowering, params, &row, out);
        return lowering->outcome;
    }
    uint32_t address = allocate(lowering, params->align, params->size);
    if (lowering->outcome == LOWERED)
        store_value(lowering, params, &row, address);
    out[0] = address;
    *count = 1;
    return lowering->outcome;
}

LowerOutcome lower_at(struct lowering *lowering, const struct wit_type *type,
                      const struct wit_value *value, uint32_t address)
{
    lowering->outcome = LOWERED;
    lowering->memory = lowering->guest->memory(lowering->guest->context);
    if (address % type->align != 0 || address > lowering->memory.len ||
        type->size > lowering->memory.len - address) {
        lowering->outcome = LOWER_BROKEN;
        lowering->why = "an import's result goes to an address that is "
                        "misaligned or out of bounds";
        return LOWER_BROKEN;
    }
    store_value(lowering, type, value, address);
    return lowering->outcome;
}

uint8_t *lower_room(struct lowering *lowering, uint32_t size,
                    uint32_t *address)
{
    static uint8_t nothing;
    lowering->outcome = LOWERED;
    *address = allocate(lowering, 1, size);
    if (lowering->outcome != LOWERED || size == 0)
        return &nothing;
    return lowering->memory.data + *address;
}
