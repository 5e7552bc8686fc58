/* SPDX-License-Identifier: Apache-2.0 */
/* homestar_lift.c - WIT to IPLD as Homestar does it
 * (docs/formats/homestar.md). */
#include "wasm/lift.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "ipld/float_text.h"

/* f32 by way of the shortest decimal that reads back as it: 0.1 in f32 is
 * 0.1, not 0.10000000149011612. Homestar's decimals end below 2^96. */
static void lift_single(struct lifting *lifting, const struct wit_type *type,
                        struct place place)
{
    uint32_t bits = (uint32_t)place_scalar(&lifting->source, type, place);
    float number;
    char text[FLOAT_TEXT_MAX];
    double read = 0;
    memcpy(&number, &bits, sizeof number);
    if (!isfinite(number) || fabsf(number) >= 0x1p96f) {
        lift_float(lifting, (double)INFINITY);
        return;
    }
    for (int digits = 1; digits <= 9; digits++) {
        // "%.*e" writes the locale's decimal point; it is put right below.
        int len =
            snprintf(text, sizeof text, "%.*e", digits - 1, (double)number);
        for (int index = 0; index < len; index++) {
            bool plain = (text[index] >= '0' && text[index] <= '9') ||
                         strchr("+-e", text[index]);
            if (!plain)
                text[index] = '.';
        }
        if (float_from_text((Text){text, (size_t)len}, &read) &&
            (float)read == number)
            break;
    }
    // Decimal has no negative zero.
    lift_float(lifting, read == 0 ? 0 : read);
}

/* "null" is null, what reads as a CID is a link. */
static void lift_string(struct lifting *lifting, const struct wit_type *type,
                        struct place place)
{
    Text text = lift_text(lifting, type, place);
    Cid cid;
    if (text_equal(text, TEXT("null"))) {
        cbor_add_null(lifting->out);
        return;
    }
    // A CID may stand behind the first "/ipfs/", wherever that is.
    const char *found =
        text.len ? memmem(text.data, text.len, "/ipfs/", 6) : NULL;
    Text name = text;
    if (found) {
        name.data = found + 6;
        name.len = text.len - (size_t)(name.data - text.data);
    }
    if (!text_starts_with(name, TEXT("/ipfs/")) &&
        !text_starts_with(name, TEXT("ipfs://")) &&
        cid_from_text(name, &cid, NULL) == STATUS_OK)
        cbor_add_link(lifting->out, cid_bytes(&cid));
    else
        cbor_add_text(lifting->out, text);
}

struct pair {
    Text key;
    struct place value;
    size_t turn; /* the last of equal keys counts */
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *left = a, *right = b;
    int order = value_key_compare(left->key, right->key);
    if (order != 0)
        return order;
    return left->turn < right->turn ? -1 : 1;
}

static bool is_last(const struct pair *pairs, size_t count, size_t index)
{
    return index + 1 == count ||
           !text_equal(pairs[index].key, pairs[index + 1].key);
}

static bool is_reserved(Text key)
{
    return text_starts_with(key, TEXT("await/")) ||
           text_starts_with(key, TEXT("ipvm/"));
}

static void lift_pairs(struct lifting *lifting, const struct wit_type *pair,
                       struct pair *pairs, size_t count)
{
    size_t keys = 0;
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t index = 0; index < count; index++)
        keys += is_last(pairs, count, index);
    if (keys == 1 && is_reserved(pairs[0].key))
        lifting->unrepresentable = true;
    cbor_add_map(lifting->out, keys);
    for (size_t index = 0; index < count && lift_goes_on(lifting); index++) {
        if (!is_last(pairs, count, index))
            continue;
        cbor_add_text(lifting->out, pairs[index].key);
        homestar_lift(lifting, pair->members[1].type, pairs[index].value);
    }
}

/* list<tuple<string, T>> is a map; other lists of tuples are nothing. */
static void lift_map(struct lifting *lifting, const struct wit_type *type,
                     struct place place)
{
    const struct wit_type *pair = wit_element(type);
    struct place item, few[LIFT_FEW];
    size_t count = lift_list(lifting, type, place, &item);
    bool is_map =
        pair->count == 2 && pair->members[0].type->kind == WIT_STRING;
    if (count == 0 || !is_map) {
        lifting->unrepresentable |= count > 0;
        cbor_add_map(lifting->out, 0);
        return;
    }
    struct pair *pairs = heap_array(count, sizeof *pairs);
    for (size_t index = 0; index < count && lift_goes_on(lifting); index++) {
        place_members(&lifting->source, pair, item, few);
        pairs[index] = (struct pair){
            .key = lift_text(lifting, pair->members[0].type, few[0]),
            .value = few[1],
            .turn = index,
        };
        item = place_next(&lifting->source, pair, item);
    }
    if (lift_goes_on(lifting))
        lift_pairs(lifting, pair, pairs, count);
    free(pairs);
}

static void lift_elements(struct lifting *lifting, const struct wit_type *type,
                          struct place place)
{
    const struct wit_type *element = wit_element(type);
    struct place item;
    if (wit_is_bytes(type)) {
        Bytes bytes = place_bytes(&lifting->source, type, place);
        // Nothing tells an empty list of bytes from other empty lists.
        if (bytes.len == 0)
            cbor_add_list(lifting->out, 0);
        else
            cbor_add_bytes(lifting->out, bytes);
        return;
    }
    if (element->kind == WIT_TUPLE) {
        lift_map(lifting, type, place);
        return;
    }
    size_t count = lift_list(lifting, type, place, &item);
    cbor_add_list(lifting->out, count);
    for (size_t index = 0; index < count && lift_goes_on(lifting); index++) {
        homestar_lift(lifting, element, item);
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
        homestar_lift(lifting, type->members[index].type, members[index]);
    }
    lift_members_free(members, few);
}

/* [v, null] is ok, [null, v] is error, 1 stands for no payload. */
static void lift_outcome(struct lifting *lifting, uint32_t index,
                         const struct wit_type *payload, struct place place)
{
    cbor_add_list(lifting->out, 2);
    if (index == 1)
        cbor_add_null(lifting->out);
    if (payload)
        homestar_lift(lifting, payload, place);
    else
        cbor_add_uint(lifting->out, 1);
    if (index == 0)
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
    if (type->kind == WIT_ENUM) {
        cbor_add_text(lifting->out, member->name);
        return;
    }
    if (type->kind == WIT_RESULT) {
        lift_outcome(lifting, index, member->type, payload);
        return;
    }
    if (type->kind == WIT_VARIANT) {
        cbor_add_map(lifting->out, 1);
        cbor_add_text(lifting->out, member->name);
    }
    if (member->type)
        homestar_lift(lifting, member->type, payload);
    else
        cbor_add_null(lifting->out);
}

void homestar_lift(struct lifting *lifting, const struct wit_type *type,
                   struct place place)
{
    if (type->kind == WIT_STRING)
        lift_string(lifting, type, place);
    else if (type->kind == WIT_LIST)
        lift_elements(lifting, type, place);
    else if (wit_is_row(type))
        lift_row(lifting, type, place);
    else if (wit_is_cases(type))
        lift_case(lifting, type, place);
    else if (type->kind == WIT_FLAGS)
        lift_flags(lifting, type, place);
    else if (type->kind == WIT_F32)
        lift_single(lifting, type, place);
    else
        lift_scalar(lifting, type, place);
}
