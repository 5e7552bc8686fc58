/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/convert.h"

#include <math.h>

#include "task/reserved.h"
#include "wasm/blob.h"

Status convert_room(struct links *links, size_t count, struct wit_value **out,
                    struct error *err)
{
    TRY(links_charge(links, (uint64_t)count * sizeof **out, err));
    *out = arena_array(links->arena, count, sizeof **out);
    return STATUS_OK;
}

static Status mismatch(const Value *value, const struct wit_type *type,
                       struct error *err)
{
    if (wit_is_bytes(type) && value->kind == VALUE_TEXT)
        return fail(err, STATUS_INVALID,
                    "expected list<u8> as bytes or a link, found text; a "
                    "file's bytes are !file NAME in a manifest, @NAME on the "
                    "command line");
    return fail(err, STATUS_INVALID, "expected %s, found %s",
                wit_is_bytes(type) ? "list<u8> as bytes or a link"
                                   : wit_kind_name(type->kind),
                value_kind_name(value->kind));
}

// Bits of each integer type; negative for the signed ones.
static int integer_bits(WitKind kind)
{
    static const int bits[] = {
        [WIT_S8] = -8,   [WIT_U8] = 8,   [WIT_S16] = -16, [WIT_U16] = 16,
        [WIT_S32] = -32, [WIT_U32] = 32, [WIT_S64] = -64, [WIT_U64] = 64,
    };
    return bits[kind];
}

Status convert_integer(const Value *value, const struct wit_type *type,
                       struct wit_value *out, struct error *err)
{
    int bits = integer_bits(type->kind);
    unsigned width = (unsigned)(bits < 0 ? -bits : bits);
    // The largest magnitude: 2^(n-1)-1 for both signs of a signed type,
    // where -1 - magnitude is the number.
    uint64_t max = UINT64_MAX >> (64 - width + (bits < 0));
    if (value->magnitude > max || (bits > 0 && value->negative))
        return fail(err, STATUS_INVALID, "integer out of the range of %s",
                    wit_kind_name(type->kind));
    out->bits = value->negative ? ~value->magnitude : value->magnitude;
    return STATUS_OK;
}

static uint64_t float_bits(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static uint64_t double_bits(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* The compiler's conversions round once, to nearest even, straight from the
 * 64-bit integer or double to the type: no step by way of another type. */
Status convert_float(const Value *value, const struct wit_type *type,
                     struct wit_value *out, struct error *err)
{
    uint64_t magnitude = value->kind == VALUE_INT ? value->magnitude : 0;
    if (value->kind == VALUE_INT && value->negative && magnitude >> 63)
        return fail(err, STATUS_INVALID, "integer out of range");
    int64_t below = value->kind == VALUE_INT && value->negative
                        ? -1 - (int64_t)magnitude
                        : 0;
    if (type->kind == WIT_F64) {
        double number = value->kind == VALUE_FLOAT ? value->number
                        : value->negative          ? (double)below
                                                   : (double)magnitude;
        out->bits = double_bits(number);
        return STATUS_OK;
    }
    float number = value->kind == VALUE_FLOAT ? (float)value->number
                   : value->negative          ? (float)below
                                              : (float)magnitude;
    if (isinf(number))
        return fail(err, STATUS_INVALID, "number too large for f32");
    out->bits = float_bits(number);
    return STATUS_OK;
}

static bool is_number(const Value *value)
{
    return value->kind == VALUE_INT || value->kind == VALUE_FLOAT;
}

Status convert_char(Text text, struct wit_value *out, struct error *err)
{
    static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const uint8_t *data = (const uint8_t *)text.data;
    size_t len = text.len == 0    ? 0
                 : data[0] < 0x80 ? 1
                 : data[0] < 0xe0 ? 2
                 : data[0] < 0xf0 ? 3
                                  : 4;
    if (len == 0 || text.len != len)
        return fail(err, STATUS_INVALID,
                    "expected char: text of exactly one character");
    uint32_t code = data[0] & lead[len];
    for (size_t index = 1; index < len; index++)
        code = code << 6 | (data[index] & 0x3f);
    out->bits = code;
    return STATUS_OK;
}

Status convert_bytes(Bytes bytes, struct wit_value *out, struct error *err)
{
    if (bytes.len > INT32_MAX)
        return fail(err, STATUS_INVALID,
                    "%zu bytes are more than a guest can be given", bytes.len);
    out->data = bytes.data;
    out->count = bytes.len;
    return STATUS_OK;
}

static Status convert_list(struct links *links, const Value *value,
                           const struct wit_type *type, struct wit_value *out,
                           struct error *err)
{
    const struct wit_type *element = wit_element(type);
    size_t count = value->list.count;
    if (element->size > 0 && count > UINT32_MAX / element->size)
        return fail(err, STATUS_INVALID,
                    "list of %zu elements is larger than a memory", count);
    struct wit_value *items;
    TRY(convert_room(links, count, &items, err));
    for (size_t index = 0; index < count; index++) {
        Status status = convert_value(links, &value->list.items[index],
                                      element, &items[index], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "element %zu", index);
    }
    out->items = items;
    out->count = count;
    return STATUS_OK;
}

static Status convert_tuple(struct links *links, const Value *value,
                            const struct wit_type *type, struct wit_value *out,
                            struct error *err)
{
    if (value->list.count != type->count)
        return fail(err, STATUS_INVALID,
                    "expected a tuple of %u, found a list of %zu", type->count,
                    value->list.count);
    struct wit_value *items;
    TRY(convert_room(links, type->count, &items, err));
    for (size_t index = 0; index < type->count; index++) {
        Status status =
            convert_value(links, &value->list.items[index],
                          type->members[index].type, &items[index], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "element %zu", index);
    }
    out->items = items;
    out->count = type->count;
    return STATUS_OK;
}

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
        Status status =
            convert_value(links, member, field->type, &items[index], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "field \"%.*s\"",
                           TEXT_ARG(field->name));
    }
    // Keys are unique, so as many as fields means these and no others.
    if (value->map.count != type->count)
        return fail(err, STATUS_INVALID,
                    "the record has %u fields, the map %zu", type->count,
                    value->map.count);
    out->items = items;
    out->count = type->count;
    return STATUS_OK;
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

static Status convert_payload(struct links *links, const Value *value,
                              uint32_t index, const struct wit_type *type,
                              struct wit_value *out, struct error *err)
{
    struct wit_value *payload;
    TRY(convert_room(links, 1, &payload, err));
    out->bits = index;
    out->items = payload;
    out->count = 1;
    return convert_value(links, value, type->members[index].type, payload,
                         err);
}

/* variant and result: a one-key map. A case without payload is its name in a
 * variant, {"ok": null} in a result. */
static Status convert_case(struct links *links, const Value *value,
                           const struct wit_type *type, struct wit_value *out,
                           struct error *err)
{
    uint32_t index;
    if (value->kind == VALUE_TEXT && type->kind != WIT_RESULT) {
        TRY(find_case(type, value->text, &index, err));
        if (type->members[index].type)
            return fail(err, STATUS_INVALID,
                        "case \"%.*s\" needs a payload: {\"%.*s\": …}",
                        TEXT_ARG(value->text), TEXT_ARG(value->text));
        out->bits = index;
        return STATUS_OK;
    }
    if (value->kind != VALUE_MAP || type->kind == WIT_ENUM)
        return mismatch(value, type, err);
    if (value->map.count != 1)
        return fail(err, STATUS_INVALID, "expected %s: a map of one key",
                    wit_kind_name(type->kind));
    const struct value_entry *entry = &value->map.entries[0];
    TRY(find_case(type, entry->key, &index, err));
    if (type->members[index].type)
        return convert_payload(links, &entry->value, index, type, out, err);
    if (type->kind != WIT_RESULT || entry->value.kind != VALUE_NULL)
        return fail(err, STATUS_INVALID, "case \"%.*s\" has no payload",
                    TEXT_ARG(entry->key));
    out->bits = index;
    return STATUS_OK;
}

/* null or the value; directly inside an option, [] or [value]. */
static Status convert_option(struct links *links, const Value *value,
                             const struct wit_type *type, bool is_inner,
                             struct wit_value *out, struct error *err);

static Status convert_some(struct links *links, const Value *value,
                           const struct wit_type *type, struct wit_value *out,
                           struct error *err)
{
    const struct wit_type *inner = wit_element(type);
    if (inner->kind != WIT_OPTION)
        return convert_payload(links, value, 1, type, out, err);
    struct wit_value *payload;
    TRY(convert_room(links, 1, &payload, err));
    out->bits = 1;
    out->items = payload;
    out->count = 1;
    return convert_option(links, value, inner, true, payload, err);
}

static Status resolve(struct links *links, const Value *value, Value *out,
                      struct error *err);

static Status convert_option(struct links *links, const Value *value,
                             const struct wit_type *type, bool is_inner,
                             struct wit_value *out, struct error *err)
{
    Value resolved = *value;
    // For a blob a link is not what it leads to.
    if (value->kind != VALUE_LINK || !wit_is_blob(wit_element(type)))
        TRY(resolve(links, value, &resolved, err));
    if (!is_inner) {
        if (resolved.kind == VALUE_NULL)
            return STATUS_OK;
        return convert_some(links, &resolved, type, out, err);
    }
    if (resolved.kind != VALUE_LIST || resolved.list.count > 1)
        return fail(err, STATUS_INVALID,
                    "expected an option inside an option: [] or [value]");
    if (resolved.list.count == 0)
        return STATUS_OK;
    return convert_some(links, &resolved.list.items[0], type, out, err);
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
            return fail(err, STATUS_INVALID,
                        "expected flags: a list of names");
        TRY(find_case(type, name->text, &flag, err));
        if (words[flag / 32] >> flag % 32 & 1)
            return fail(err, STATUS_INVALID, "flag \"%.*s\" twice",
                        TEXT_ARG(name->text));
        words[flag / 32] |= (uint32_t)1 << flag % 32;
    }
    out->words = words;
    out->count = wit_flag_words(type);
    return STATUS_OK;
}

/* list<tuple<string, list<u8>>> */
static bool wants_files(const struct wit_type *type)
{
    if (type->kind != WIT_LIST)
        return false;
    const struct wit_type *pair = wit_element(type);
    return pair->kind == WIT_TUPLE && pair->count == 2 &&
           pair->members[0].type->kind == WIT_STRING &&
           wit_is_bytes(pair->members[1].type);
}

static Status convert_files(struct links *links, const Value *value,
                            struct wit_value *out, struct error *err)
{
    struct link_file *files;
    size_t count;
    struct wit_value *pairs, *parts;
    TRY(links_directory(links, value->link, &files, &count, err));
    TRY(convert_room(links, count, &pairs, err));
    TRY(convert_room(links, 2 * count, &parts, err));
    for (size_t index = 0; index < count; index++) {
        pairs[index].items = &parts[2 * index];
        pairs[index].count = 2;
        TRY(convert_bytes(text_bytes(files[index].path), &parts[2 * index],
                          err));
        TRY(convert_bytes(files[index].bytes, &parts[2 * index + 1], err));
    }
    out->items = pairs;
    out->count = count;
    return STATUS_OK;
}

static Status convert_link(struct links *links, const Value *value,
                           const struct wit_type *type, struct wit_value *out,
                           struct error *err)
{
    if (wants_files(type))
        return convert_files(links, value, out, err);
    if (!wit_is_bytes(type) && type->kind != WIT_STRING)
        return fail(err, STATUS_INVALID,
                    "expected %s, found a link that is no dag-cbor block",
                    wit_kind_name(type->kind));
    Bytes bytes;
    TRY(links_bytes(links, value->link, &bytes, NULL, err));
    size_t bad;
    if (type->kind == WIT_STRING && !utf8_is_valid(bytes_text(bytes), &bad))
        return fail(err, STATUS_INVALID,
                    "expected string, but the link's bytes are not UTF-8 at "
                    "byte %zu",
                    bad);
    return convert_bytes(bytes, out, err);
}

/* Follows stand-ins and links to dag-cbor blocks, which are values wherever
 * they stand. */
static Status resolve(struct links *links, const Value *value, Value *out,
                      struct error *err)
{
    *out = *value;
    for (int depth = 0; depth < LINKS_DEPTH_MAX; depth++) {
        Value next;
        if (out->kind == VALUE_LINK) {
            if (link_kind(out->link) != LINK_VALUE)
                return STATUS_OK;
            TRY(links_value(links, out->link, &next, err));
        } else {
            Reserved reserved = value_reserved(out);
            if (reserved == RESERVED_NO || reserved == RESERVED_ERROR)
                return STATUS_OK;
            TRY(links_expand(links, out, &next, err));
        }
        *out = next;
    }
    return fail(err, STATUS_INVALID, "more than %d links lead to links",
                LINKS_DEPTH_MAX);
}

static Status convert_known(struct links *links, const Value *value,
                            const struct wit_type *type, struct wit_value *out,
                            struct error *err)
{
    switch (type->kind) {
    case WIT_BOOL:
        if (value->kind != VALUE_BOOL)
            break;
        out->bits = value->boolean;
        return STATUS_OK;
    case WIT_S8:
    case WIT_U8:
    case WIT_S16:
    case WIT_U16:
    case WIT_S32:
    case WIT_U32:
    case WIT_S64:
    case WIT_U64:
        if (value->kind != VALUE_INT)
            break;
        return convert_integer(value, type, out, err);
    case WIT_F32:
    case WIT_F64:
        if (!is_number(value))
            break;
        return convert_float(value, type, out, err);
    case WIT_CHAR:
        if (value->kind != VALUE_TEXT)
            break;
        return convert_char(value->text, out, err);
    case WIT_STRING:
        if (value->kind != VALUE_TEXT)
            break;
        return convert_bytes(text_bytes(value->text), out, err);
    case WIT_LIST:
        if (wit_is_bytes(type) && value->kind == VALUE_BYTES)
            return convert_bytes(value->bytes, out, err);
        if (wit_is_bytes(type) || value->kind != VALUE_LIST)
            break;
        return convert_list(links, value, type, out, err);
    case WIT_TUPLE:
        if (value->kind != VALUE_LIST)
            break;
        return convert_tuple(links, value, type, out, err);
    case WIT_RECORD:
        if (value->kind != VALUE_MAP)
            break;
        return convert_record(links, value, type, out, err);
    case WIT_RESULT:
    case WIT_VARIANT:
    case WIT_ENUM:
        return convert_case(links, value, type, out, err);
    case WIT_FLAGS:
        if (value->kind != VALUE_LIST)
            break;
        return convert_flags(links, value, type, out, err);
    case WIT_OPTION:
    case WIT_OWN:
    case WIT_BORROW:
    case WIT_UNSUPPORTED:
        break;
    }
    return mismatch(value, type, err);
}

/* A link, unread, or bytes; a stand-in for bytes is unread, too. */
static Status convert_blob(struct links *links, const Value *value,
                           const struct wit_type *type, struct wit_value *out,
                           struct error *err)
{
    uint32_t blob = 0;
    ASSERT(links->content);
    if (value->kind == VALUE_LINK)
        TRY(blob_take_link(links->content, value->link, false, &blob, err));
    else if (value->kind == VALUE_BYTES)
        TRY(blob_take_bytes(links->content, value->bytes, &blob, err));
    else if (value_reserved(value) == RESERVED_BYTES)
        TRY(blob_take_link(links->content, value->map.entries[0].value.link,
                           true, &blob, err));
    else
        return mismatch(value, type, err);
    out->bits = blob;
    return STATUS_OK;
}

Status convert_value(struct links *links, const Value *value,
                     const struct wit_type *type, struct wit_value *out,
                     struct error *err)
{
    *out = (struct wit_value){.bits = 0};
    if (type->kind == WIT_OPTION)
        return convert_option(links, value, type, false, out, err);
    if (wit_is_blob(type))
        return convert_blob(links, value, type, out, err);
    Value resolved;
    TRY(resolve(links, value, &resolved, err));
    if (resolved.kind == VALUE_LINK)
        return convert_link(links, &resolved, type, out, err);
    return convert_known(links, &resolved, type, out, err);
}
