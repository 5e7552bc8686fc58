/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/lift.h"

#include <math.h>
#include <stdlib.h>

#include "ipld/dag_cbor.h"

static void lift_value(struct lifting *lifting, const struct wit_type *type,
                       struct place place);

void lift_float(struct lifting *lifting, double number)
{
    if (!isfinite(number))
        lifting->unrepresentable = true;
    cbor_add_float(lifting->out, isfinite(number) ? number : 0);
}

static void lift_char(struct lifting *lifting, uint32_t code)
{
    char text[4];
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t index = len - 1; index > 0; index--, code >>= 6)
        text[index] = (char)(0x80 | (code & 0x3f));
    text[0] = (char)(lead[len] | code);
    cbor_add_text(lifting->out, (Text){text, len});
}

void lift_scalar(struct lifting *lifting, const struct wit_type *type,
                 struct place place)
{
    uint64_t bits = place_scalar(&lifting->source, type, place);
    struct buffer *out = lifting->out;
    if (type->kind == WIT_BOOL) {
        cbor_add_bool(out, bits != 0);
    } else if (type->kind == WIT_CHAR) {
        lift_char(lifting, (uint32_t)bits);
    } else if (type->kind == WIT_F32) {
        uint32_t narrow = (uint32_t)bits;
        float number;
        memcpy(&number, &narrow, sizeof number);
        lift_float(lifting, (double)number);
    } else if (type->kind == WIT_F64) {
        double number;
        memcpy(&number, &bits, sizeof number);
        lift_float(lifting, number);
    } else if (type->kind == WIT_S8 || type->kind == WIT_S16 ||
               type->kind == WIT_S32 || type->kind == WIT_S64) {
        cbor_add_int(out, (int64_t)bits);
    } else {
        cbor_add_uint(out, bits);
    }
}

size_t lift_list(struct lifting *lifting, const struct wit_type *type,
                 struct place place, struct place *first)
{
    size_t count = place_list(&lifting->source, type, place, first);
    if (count > RESULT_VALUES_MAX - lifting->values) {
        lifting->is_over = true;
        return 0;
    }
    lifting->values += count;
    return count;
}

Text lift_text(struct lifting *lifting, const struct wit_type *type,
               struct place place)
{
    return bytes_text(place_bytes(&lifting->source, type, place));
}

struct place *lift_members(struct lifting *lifting,
                           const struct wit_type *type, struct place place,
                           struct place few[LIFT_FEW])
{
    struct place *members = type->count <= LIFT_FEW
                                ? few
                                : heap_array(type->count, sizeof *members);
    place_members(&lifting->source, type, place, members);
    return members;
}

void lift_members_free(struct place *members, struct place few[LIFT_FEW])
{
    if (members != few)
        free(members);
}

static void lift_elements(struct lifting *lifting, const struct wit_type *type,
                          struct place place)
{
    const struct wit_type *element = wit_element(type);
    if (element->kind == WIT_U8) {
        cbor_add_bytes(lifting->out,
                       place_bytes(&lifting->source, type, place));
        return;
    }
    struct place item;
    size_t count = lift_list(lifting, type, place, &item);
    cbor_add_list(lifting->out, count);
    for (size_t index = 0; index < count && lift_goes_on(lifting); index++) {
        lift_value(lifting, element, item);
        item = place_next(&lifting->source, element, item);
    }
}

static void lift_row(struct lifting *lifting, const struct wit_type *type,
                     struct place place)
{
    struct place few[LIFT_FEW];
    struct place *members = lift_members(lifting, type, place, few);
    bool is_record = type->kind == WIT_RECORD;
    if (is_record)
        cbor_add_map(lifting->out, type->count);
    else
        cbor_add_list(lifting->out, type->count);
    for (uint32_t turn = 0; turn < type->count && lift_goes_on(lifting);
         turn++) {
        uint32_t index = is_record ? type->order[turn] : turn;
        if (is_record)
            cbor_add_text(lifting->out, type->members[index].name);
        lift_value(lifting, type->members[index].type, members[index]);
    }
    lift_members_free(members, few);
}

static void lift_named(struct lifting *lifting, Text name,
                       const struct wit_type *type, struct place place)
{
    cbor_add_map(lifting->out, 1);
    cbor_add_text(lifting->out, name);
    if (type)
        lift_value(lifting, type, place);
    else
        cbor_add_null(lifting->out);
}

static void lift_case(struct lifting *lifting, const struct wit_type *type,
                      struct place place)
{
    struct place payload;
    uint32_t index = place_case(&lifting->source, type, place, &payload);
    const struct wit_member *member = &type->members[index];
    if (!lift_goes_on(lifting))
        return;
    if (member->type || type->kind == WIT_RESULT)
        lift_named(lifting, member->name, member->type, payload);
    else
        cbor_add_text(lifting->out, member->name);
}

/* null or the value; directly inside an option, [] or [value]. */
static void lift_option(struct lifting *lifting, const struct wit_type *type,
                        struct place place, bool is_inner)
{
    struct place payload;
    const struct wit_type *inner = wit_element(type);
    bool is_some = place_case(&lifting->source, type, place, &payload) != 0;
    if (is_inner)
        cbor_add_list(lifting->out, is_some);
    else if (!is_some)
        cbor_add_null(lifting->out);
    if (!is_some || !lift_goes_on(lifting))
        return;
    if (inner->kind == WIT_OPTION)
        lift_option(lifting, inner, payload, true);
    else
        lift_value(lifting, inner, payload);
}

void lift_flags(struct lifting *lifting, const struct wit_type *type,
                struct place place)
{
    size_t set = 0;
    for (uint32_t index = 0; index < type->count; index++)
        set += place_flag(&lifting->source, type, place, index);
    cbor_add_list(lifting->out, set);
    for (uint32_t index = 0; index < type->count; index++) {
        if (place_flag(&lifting->source, type, place, index))
            cbor_add_text(lifting->out, type->members[index].name);
    }
}

static void lift_value(struct lifting *lifting, const struct wit_type *type,
                       struct place place)
{
    if (type->kind == WIT_STRING)
        cbor_add_text(lifting->out, lift_text(lifting, type, place));
    else if (type->kind == WIT_LIST)
        lift_elements(lifting, type, place);
    else if (wit_is_row(type))
        lift_row(lifting, type, place);
    else if (type->kind == WIT_OPTION)
        lift_option(lifting, type, place, false);
    else if (wit_is_cases(type))
        lift_case(lifting, type, place);
    else if (type->kind == WIT_FLAGS)
        lift_flags(lifting, type, place);
    else
        lift_scalar(lifting, type, place);
}

static void lift_top(struct lifting *lifting, const struct wit_type *type,
                     struct place place)
{
    if (type && type->kind == WIT_RESULT)
        lift_case(lifting, type, place);
    else
        lift_named(lifting, TEXT("ok"), type, place);
}

static void homestar_top(struct lifting *lifting, const struct wit_type *type,
                         struct place place)
{
    cbor_add_map(lifting->out, 1);
    cbor_add_text(lifting->out, TEXT("ok"));
    if (type)
        homestar_lift(lifting, type, place);
    else
        cbor_add_null(lifting->out);
}

LiftOutcome lift_result(struct lifting *lifting, const struct wit_type *type,
                        struct place place, bool homestar)
{
    // The pointer to a spilled result may have been wrong already.
    if (!lifting->source.is_broken) {
        if (homestar)
            homestar_top(lifting, type, place);
        else
            lift_top(lifting, type, place);
    }
    if (lifting->source.is_broken)
        return LIFT_BROKEN;
    if (lifting->is_over || lifting->out->status != STATUS_OK)
        return LIFT_LIMIT;
    return lifting->unrepresentable ? LIFT_UNREPRESENTABLE : LIFTED;
}
