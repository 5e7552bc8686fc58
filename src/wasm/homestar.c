/* SPDX-License-Identifier: Apache-2.0 */
/* homestar.c - IPLD to WIT as Homestar does it. Where it looks odd, it is
 * odd there: results must be Homestar's (docs/formats/homestar.md). */
#include "wasm/homestar.h"

#include <stdlib.h>

#include "ipld/multibase.h"
#include "task/reserved.h"
#include "wasm/convert.h"

static Status convert(struct links *links, const Value *value,
                      const struct wit_type *type, struct wit_value *out,
                      struct error *err);

static Status mismatch(const Value *value, const struct wit_type *type,
                       struct error *err)
{
    return fail(err, STATUS_INVALID, "homestar/0.2 makes no %s of %s",
                wit_kind_name(type->kind), value_kind_name(value->kind));
}

static Status convert_items(struct links *links, const Value *value,
                            const struct wit_type *type, size_t count,
                            struct wit_value *out, struct error *err)
{
    bool is_list = type->kind == WIT_LIST;
    struct wit_value *items;
    TRY(convert_room(links, count, &items, err));
    for (size_t index = 0; index < count; index++) {
        Status status = convert(links, &value->list.items[index],
                                type->members[is_list ? 0 : index].type,
                                &items[index], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "element %zu", index);
    }
    out->items = items;
    out->count = count;
    return STATUS_OK;
}

// A list of integers is fine for list<u8> here.
static Status convert_octets(struct links *links, const Value *value,
                             const struct wit_type *type,
                             struct wit_value *out, struct error *err)
{
    size_t count = value->list.count;
    struct wit_value item;
    TRY(links_charge(links, count, err));
    uint8_t *octets = arena_alloc(links->arena, count);
    for (size_t index = 0; index < count; index++) {
        TRY(convert(links, &value->list.items[index], wit_element(type), &item,
                    err));
        octets[index] = (uint8_t)item.bits;
    }
    return convert_bytes(bytes_of(octets, count), out, err);
}

static Status convert_payload(struct links *links, const Value *value,
                              uint32_t index, const struct wit_type *type,
                              struct wit_value *out, struct error *err)
{
    struct wit_value *payload;
    out->bits = index;
    if (!type->members[index].type)
        return STATUS_OK; // Whatever stands there is dropped.
    TRY(convert_room(links, 1, &payload, err));
    out->items = payload;
    out->count = 1;
    return convert(links, value, type->members[index].type, payload, err);
}

static bool is_one(const Value *value)
{
    return value->kind == VALUE_INT && !value->negative &&
           value->magnitude == 1;
}

/* [v, null] is ok, [null, v] is error, 1 stands for no payload. */
static Status convert_result(struct links *links, const Value *value,
                             const struct wit_type *type,
                             struct wit_value *out, struct error *err)
{
    if (value->kind != VALUE_LIST || value->list.count != 2)
        return mismatch(value, type, err);
    const Value *ok = &value->list.items[0], *error = &value->list.items[1];
    bool no_ok = !type->members[0].type, no_error = !type->members[1].type;
    bool first = error->kind == VALUE_NULL, second = ok->kind == VALUE_NULL;
    if (is_one(ok) && first && no_ok)
        return convert_payload(links, ok, 0, type, out, err);
    if (second && is_one(error) && no_error)
        return convert_payload(links, error, 1, type, out, err);
    if (first && !no_ok)
        return convert_payload(links, ok, 0, type, out, err);
    if (second && !no_error)
        return convert_payload(links, error, 1, type, out, err);
    if (first)
        return convert_payload(links, ok, 0, type, out, err);
    if (second)
        return convert_payload(links, error, 1, type, out, err);
    return mismatch(value, type, err);
}

static Status find_case(const struct wit_type *type, Text name,
                        uint32_t *index, struct error *err)
{
    for (*index = 0; *index < type->count; ++*index) {
        if (text_equal(type->members[*index].name, name))
            return STATUS_OK;
    }
    return fail(err, STATUS_INVALID, "%s has no case \"%.*s\"",
                wit_kind_name(type->kind),
                (int)(name.len < 64 ? name.len : 64), name.data);
}

static Status convert_flags(struct links *links, const Value *value,
                            const struct wit_type *type, struct wit_value *out,
                            struct error *err)
{
    uint32_t *words =
        arena_array(links->arena, wit_flag_words(type), sizeof *words);
    for (size_t index = 0; index < value->list.count; index++) {
        const Value *name = &value->list.items[index];
        uint32_t flag;
        if (name->kind != VALUE_TEXT)
            return mismatch(name, type, err);
        TRY(find_case(type, name->text, &flag, err));
        words[flag / 32] |= (uint32_t)1 << flag % 32;
    }
    out->words = words;
    out->count = wit_flag_words(type);
    return STATUS_OK;
}

/* Where no list is wanted the first element stands for the list, and an empty
 * list for false. */
static Status convert_list(struct links *links, const Value *value,
                           const struct wit_type *type, struct wit_value *out,
                           struct error *err)
{
    size_t count = value->list.count;
    if (wit_is_bytes(type))
        return convert_octets(links, value, type, out, err);
    if (type->kind == WIT_LIST) {
        uint32_t size = wit_element(type)->size;
        if (size > 0 && count > UINT32_MAX / size)
            return mismatch(value, type, err);
        return convert_items(links, value, type, count, out, err);
    }
    if (type->kind == WIT_TUPLE) {
        // More elements than the tuple has are dropped.
        if (count < type->count)
            return mismatch(value, type, err);
        return convert_items(links, value, type, type->count, out, err);
    }
    if (type->kind == WIT_FLAGS)
        return convert_flags(links, value, type, out, err);
    if (count > 0)
        return convert(links, &value->list.items[0], type, out, err);
    return type->kind == WIT_BOOL ? STATUS_OK : mismatch(value, type, err);
}

static int compare_keys(const void *a, const void *b)
{
    const struct value_entry *const *left = a, *const *right = b;
    return bytes_compare(text_bytes((*left)->key), text_bytes((*right)->key));
}

/* Homestar's maps are in bytewise order, ours in that of DAG-CBOR. */
static const struct value_entry **sorted_entries(struct links *links,
                                                 const Value *map)
{
    const struct value_entry **entries =
        arena_array(links->arena, map->map.count, sizeof *entries);
    for (size_t index = 0; index < map->map.count; index++)
        entries[index] = &map->map.entries[index];
    if (map->map.count > 0)
        qsort(entries, map->map.count, sizeof *entries, compare_keys);
    return entries;
}

/* list<tuple<string, T>>: the values are converted to the type of the first
 * member, string, so T has to be string (or bool, by way of an empty list). */
static Status convert_pairs(struct links *links, const Value *value,
                            const struct wit_type *type, struct wit_value *out,
                            struct error *err)
{
    const struct wit_type *pair = wit_element(type);
    size_t count = value->map.count;
    if (pair->kind != WIT_TUPLE || pair->count != 2 ||
        pair->members[0].type->kind != WIT_STRING)
        return mismatch(value, type, err);
    bool is_bool = pair->members[1].type->kind == WIT_BOOL;
    if (!is_bool && pair->members[1].type->kind != WIT_STRING && count > 0)
        return mismatch(value, type, err);
    struct wit_value *pairs, *parts;
    const struct value_entry **entries = sorted_entries(links, value);
    TRY(convert_room(links, count, &pairs, err));
    TRY(convert_room(links, 2 * count, &parts, err));
    for (size_t index = 0; index < count; index++) {
        const Value *item = &entries[index]->value;
        pairs[index] =
            (struct wit_value){.items = &parts[2 * index], .count = 2};
        TRY(convert_bytes(text_bytes(entries[index]->key), &parts[2 * index],
                          err));
        while (is_bool && item->kind == VALUE_LIST && item->list.count > 0)
            item = &item->list.items[0];
        if (is_bool && item->kind != VALUE_LIST)
            return mismatch(item, pair->members[1].type, err);
        if (!is_bool)
            TRY(convert(links, item, pair->members[1].type,
                        &parts[2 * index + 1], err));
    }
    out->items = pairs;
    out->count = count;
    return STATUS_OK;
}

/* Only the first key of a variant's map counts. */
static Status convert_variant(struct links *links, const Value *value,
                              const struct wit_type *type,
                              struct wit_value *out, struct error *err)
{
    uint32_t index;
    if (value->map.count == 0)
        return mismatch(value, type, err);
    const struct value_entry *first = sorted_entries(links, value)[0];
    TRY(find_case(type, first->key, &index, err));
    return convert_payload(links, &first->value, index, type, out, err);
}

/* Keys that are no field are dropped. */
static Status convert_record(struct links *links, const Value *value,
                             const struct wit_type *type,
                             struct wit_value *out, struct error *err)
{
    struct wit_value *items;
    TRY(convert_room(links, type->count, &items, err));
    for (uint32_t index = 0; index < type->count; index++) {
        const struct wit_member *field = &type->members[index];
        const Value *member = value_get(value, field->name);
        if (!member)
            return fail(err, STATUS_INVALID,
                        "field \"%.*s\" of the record is missing",
                        TEXT_ARG(field->name));
        TRY(convert(links, member, field->type, &items[index], err));
    }
    out->items = items;
    out->count = type->count;
    return STATUS_OK;
}

static Status convert_map(struct links *links, const Value *value,
                          const struct wit_type *type, struct wit_value *out,
                          struct error *err)
{
    if (type->kind == WIT_LIST)
        return convert_pairs(links, value, type, out, err);
    if (type->kind == WIT_VARIANT)
        return convert_variant(links, value, type, out, err);
    if (type->kind == WIT_RECORD)
        return convert_record(links, value, type, out, err);
    return mismatch(value, type, err);
}

// As Rust's `as`: towards zero, and to the nearest end of the range.
static Status convert_whole(const Value *value, const struct wit_type *type,
                            struct wit_value *out, struct error *err)
{
    static const struct {
        double min, past; /* past: the first too large */
    } ranges[] = {
        [WIT_S8] = {-128, 128},
        [WIT_U8] = {0, 256},
        [WIT_S16] = {-32768, 32768},
        [WIT_U16] = {0, 65536},
        [WIT_S32] = {-2147483648.0, 2147483648.0},
        [WIT_U32] = {0, 4294967296.0},
        [WIT_U64] = {0, 18446744073709551616.0},
    };
    if (type->kind == WIT_S64) // Left out by Homestar.
        return mismatch(value, type, err);
    double number = value->number;
    double min = ranges[type->kind].min, past = ranges[type->kind].past;
    if (number <= min)
        out->bits = (uint64_t)(int64_t)min;
    else if (number >= past && type->kind == WIT_U64)
        out->bits = UINT64_MAX;
    else if (number >= past)
        out->bits = (uint64_t)past - 1;
    else if (number < 0)
        out->bits = (uint64_t)(int64_t)number;
    else
        out->bits = (uint64_t)number;
    return STATUS_OK;
}

static Status convert_number(const Value *value, const struct wit_type *type,
                             struct wit_value *out, struct error *err)
{
    if (type->kind == WIT_F32 && value->kind == VALUE_FLOAT) {
        // Too large is infinity here.
        float number = (float)value->number;
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        out->bits = bits;
        return STATUS_OK;
    }
    if (type->kind == WIT_F32 || type->kind == WIT_F64)
        return convert_float(value, type, out, err);
    if (type->kind < WIT_S8 || type->kind > WIT_U64)
        return mismatch(value, type, err);
    return value->kind == VALUE_INT ? convert_integer(value, type, out, err)
                                    : convert_whole(value, type, out, err);
}

static Status convert_text(Text text, const struct wit_type *type,
                           struct wit_value *out, struct error *err)
{
    if (type->kind == WIT_STRING)
        return convert_bytes(text_bytes(text), out, err);
    if (type->kind == WIT_CHAR)
        return convert_char(text, out, err);
    if (type->kind != WIT_ENUM)
        return fail(err, STATUS_INVALID, "homestar/0.2 makes no %s of text",
                    wit_kind_name(type->kind));
    uint32_t index;
    TRY(find_case(type, text, &index, err));
    out->bits = index;
    return STATUS_OK;
}

/* Bytes are bytes for a list, and unpadded base64 for a string. */
static Status convert_octet_string(struct links *links, const Value *value,
                                   const struct wit_type *type,
                                   struct wit_value *out, struct error *err)
{
    Bytes bytes = value->bytes;
    if (wit_is_bytes(type))
        return convert_bytes(bytes, out, err);
    if (type->kind == WIT_LIST && bytes.len == 0)
        return STATUS_OK; // No element is of the wrong type.
    if (type->kind != WIT_STRING)
        return mismatch(value, type, err);
    size_t len = base64_length(bytes.len);
    TRY(links_charge(links, len, err));
    char *text = arena_alloc(links->arena, len);
    len = base64_encode(bytes, text);
    return convert_bytes(bytes_of(text, len), out, err);
}

static Status convert_plain(struct links *links, const Value *value,
                            const struct wit_type *type, struct wit_value *out,
                            struct error *err)
{
    switch (value->kind) {
    case VALUE_NULL:
        if (type->kind != WIT_STRING)
            return mismatch(value, type, err);
        return convert_text(TEXT("null"), type, out, err);
    case VALUE_BOOL:
        out->bits = value->boolean;
        return type->kind == WIT_BOOL ? STATUS_OK : mismatch(value, type, err);
    case VALUE_INT:
    case VALUE_FLOAT:
        return convert_number(value, type, out, err);
    case VALUE_TEXT:
        return convert_text(value->text, type, out, err);
    case VALUE_BYTES:
        return convert_octet_string(links, value, type, out, err);
    case VALUE_LINK:
        if (type->kind != WIT_STRING)
            return mismatch(value, type, err);
        return convert_text(cid_bytes_to_text(value->link, links->arena), type,
                            out, err);
    case VALUE_LIST:
        return convert_list(links, value, type, out, err);
    case VALUE_MAP:
        break;
    }
    return convert_map(links, value, type, out, err);
}

static Status convert(struct links *links, const Value *value,
                      const struct wit_type *type, struct wit_value *out,
                      struct error *err)
{
    Value expanded = *value;
    for (int turn = 0; reserved_is_stand_in(value_reserved(&expanded));
         turn++) {
        Value next;
        if (turn == LINKS_DEPTH_MAX)
            return fail(err, STATUS_INVALID,
                        "more than %d links lead to links", LINKS_DEPTH_MAX);
        TRY(links_expand(links, &expanded, &next, err));
        expanded = next;
    }
    *out = (struct wit_value){.bits = 0};
    if (type->kind == WIT_RESULT && expanded.kind != VALUE_NULL)
        return convert_result(links, &expanded, type, out, err);
    if (type->kind != WIT_OPTION)
        return convert_plain(links, &expanded, type, out, err);
    if (expanded.kind == VALUE_NULL)
        return STATUS_OK;
    return convert_payload(links, &expanded, 1, type, out, err);
}

Status homestar_convert(struct links *links, const Value *value,
                        const struct wit_type *type, struct wit_value *out,
                        struct error *err)
{
    // Homestar fetches the links that are arguments themselves.
    LinkKind kind =
        value->kind == VALUE_LINK ? link_kind(value->link) : LINK_OTHER;
    if (kind != LINK_BYTES && kind != LINK_FILES)
        return convert(links, value, type, out, err);
    Value bytes = {.kind = VALUE_BYTES};
    TRY(links_bytes(links, value->link, &bytes.bytes, NULL, err));
    return convert(links, &bytes, type, out, err);
}
