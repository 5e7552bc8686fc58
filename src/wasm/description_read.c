/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/description_read.h"

Status value_as_text(const Value *value, Text *out, struct error *err)
{
    if (value->kind != VALUE_TEXT)
        return fail(err, STATUS_INVALID,
                    "module description: expected text, found %s",
                    value_kind_name(value->kind));
    *out = value->text;
    return STATUS_OK;
}

Status field_text(const Value *map, Text key, Text *out, struct error *err)
{
    const Value *value = value_get(map, key);
    if (!value || value->kind != VALUE_TEXT)
        return fail(err, STATUS_INVALID,
                    "module description: \"%.*s\" is missing or no text",
                    TEXT_ARG(key));
    *out = value->text;
    return STATUS_OK;
}

Status field_list(const Value *map, Text key, size_t count_max,
                  const Value **out, struct error *err)
{
    static const Value empty = {.kind = VALUE_LIST};
    const Value *value = value_get(map, key);
    *out = &empty;
    if (!value || value->kind != VALUE_LIST)
        return fail(err, STATUS_INVALID,
                    "module description: \"%.*s\" is missing or no list",
                    TEXT_ARG(key));
    if (value->list.count > count_max)
        return fail(err, STATUS_LIMIT,
                    "module description: more than %zu \"%.*s\"", count_max,
                    TEXT_ARG(key));
    *out = value;
    return STATUS_OK;
}

Status type_refer(const Value *index, const struct type_table *table,
                  const struct wit_type **out, struct error *err)
{
    uint64_t number;
    if (index->kind != VALUE_INT || !value_to_uint64(index, &number) ||
        number >= table->count)
        return fail(err, STATUS_INVALID,
                    "module description: type index points nowhere");
    *out = &table->types[number];
    return STATUS_OK;
}

static Status read_member(const Value *item, const struct type_table *table,
                          MemberForm form, struct wit_member *out,
                          struct error *err)
{
    const Value *name = NULL, *index = NULL;
    if (form == MEMBER_NAME) {
        name = item;
    } else if (form == MEMBER_BARE || form == MEMBER_PAYLOAD) {
        index = item;
    } else {
        if (item->kind != VALUE_LIST || item->list.count != 2)
            return fail(err, STATUS_INVALID,
                        "module description: expected [name, type]");
        name = &item->list.items[0];
        index = &item->list.items[1];
    }
    if (name)
        TRY(value_as_text(name, &out->name, err));
    bool may_lack = form == MEMBER_OPTIONAL || form == MEMBER_PAYLOAD;
    if (!index || (may_lack && index->kind == VALUE_NULL))
        return STATUS_OK;
    return type_refer(index, table, &out->type, err);
}

Status type_read_members(const Value *list, const struct type_table *table,
                         MemberForm form, struct wit_type *type,
                         struct error *err)
{
    if (list->kind != VALUE_LIST)
        return fail(err, STATUS_INVALID,
                    "module description: members of a type are no list");
    struct wit_member *members =
        arena_array(table->arena, list->list.count, sizeof *members);
    for (size_t index = 0; index < list->list.count; index++)
        TRY(read_member(&list->list.items[index], table, form, &members[index],
                        err));
    type->members = members;
    type->count = (uint32_t)list->list.count;
    return STATUS_OK;
}

static Status read_word(Text word, struct wit_type *type, struct error *err)
{
    for (int kind = WIT_BOOL; kind <= WIT_STRING; kind++) {
        if (text_equal(word, text_of(wit_kind_name((WitKind)kind)))) {
            type->kind = (WitKind)kind;
            return STATUS_OK;
        }
    }
    return fail(err, STATUS_INVALID, "module description: unknown type %.*s",
                (int)(word.len < 40 ? word.len : 40), word.data);
}

static Status read_one(const Value *index, const struct type_table *table,
                       struct wit_type *type, struct error *err)
{
    // An option is the cases none and some; a list has its elements only.
    uint32_t count = type->kind == WIT_OPTION ? 2 : 1;
    struct wit_member *members =
        arena_array(table->arena, count, sizeof *members);
    type->members = members;
    type->count = count;
    return type_refer(index, table, &members[count - 1].type, err);
}

static Status read_result(const Value *pair, const struct type_table *table,
                          struct wit_type *type, struct error *err)
{
    if (pair->kind != VALUE_LIST || pair->list.count != 2)
        return fail(err, STATUS_INVALID,
                    "module description: a result has two payloads");
    struct wit_member *members = arena_array(table->arena, 2, sizeof *members);
    members[0].name = TEXT("ok");
    members[1].name = TEXT("error");
    for (size_t index = 0; index < 2; index++)
        TRY(read_member(&pair->list.items[index], table, MEMBER_PAYLOAD,
                        &members[index], err));
    type->members = members;
    type->count = 2;
    return STATUS_OK;
}

static const struct {
    const char *name;
    WitKind kind;
    MemberForm form;
} compounds[] = {
    {"list", WIT_LIST, MEMBER_BARE},
    {"option", WIT_OPTION, MEMBER_BARE},
    {"result", WIT_RESULT, MEMBER_PAYLOAD},
    {"tuple", WIT_TUPLE, MEMBER_BARE},
    {"record", WIT_RECORD, MEMBER_TYPED},
    {"variant", WIT_VARIANT, MEMBER_OPTIONAL},
    {"enum", WIT_ENUM, MEMBER_NAME},
    {"flags", WIT_FLAGS, MEMBER_NAME},
    {"own", WIT_OWN, MEMBER_NAME},
    {"borrow", WIT_BORROW, MEMBER_NAME},
    {"unsupported", WIT_UNSUPPORTED, MEMBER_NAME},
};

/* A blob, or a handle of something else. */
static Status read_handle(const Value *value, struct wit_type *type,
                          struct error *err)
{
    TRY(value_as_text(value, &type->name, err));
    if (!text_equal(type->name, TEXT("ipvm:content/types@1.0.0/blob")))
        type->kind = WIT_UNSUPPORTED;
    return STATUS_OK;
}

static Status read_compound(const struct value_entry *entry,
                            const struct type_table *table,
                            struct wit_type *type, struct error *err)
{
    for (size_t index = 0; index < sizeof compounds / sizeof *compounds;
         index++) {
        if (!text_equal(text_of(compounds[index].name), entry->key))
            continue;
        type->kind = compounds[index].kind;
        if (wit_is_blob(type))
            return read_handle(&entry->value, type, err);
        if (type->kind == WIT_UNSUPPORTED)
            return value_as_text(&entry->value, &type->name, err);
        if (type->kind == WIT_LIST || type->kind == WIT_OPTION)
            return read_one(&entry->value, table, type, err);
        if (type->kind == WIT_RESULT)
            return read_result(&entry->value, table, type, err);
        return type_read_members(&entry->value, table, compounds[index].form,
                                 type, err);
    }
    return fail(err, STATUS_INVALID, "module description: unknown type %.*s",
                (int)(entry->key.len < 40 ? entry->key.len : 40),
                entry->key.data);
}

static Status check_names(const struct wit_type *type, struct error *err)
{
    if (type->kind != WIT_RECORD)
        return STATUS_OK;
    for (uint32_t index = 1; index < type->count; index++) {
        if (text_equal(type->members[type->order[index - 1]].name,
                       type->members[type->order[index]].name))
            return fail(err, STATUS_INVALID,
                        "module description: a record's field twice");
    }
    return STATUS_OK;
}

static Status read_type(const Value *item, const struct type_table *table,
                        struct wit_type *type, struct error *err)
{
    if (item->kind == VALUE_TEXT) {
        TRY(read_word(item->text, type, err));
    } else if (item->kind == VALUE_MAP && item->map.count == 1) {
        TRY(read_compound(&item->map.entries[0], table, type, err));
    } else {
        return fail(err, STATUS_INVALID,
                    "module description: a type is a word or a one-key map");
    }
    if (wit_is_cases(type) && type->count == 0)
        return fail(err, STATUS_INVALID,
                    "module description: a choice without cases");
    wit_type_finish(type, table->arena);
    if (type->depth > WIT_DEPTH_MAX)
        return fail(err, STATUS_LIMIT,
                    "module description: types nest deeper than %d",
                    WIT_DEPTH_MAX);
    return check_names(type, err);
}

Status types_read(const Value *map, struct type_table *table,
                  struct error *err)
{
    const Value *list;
    TRY(field_list(map, TEXT("types"), DESCRIPTION_TYPES_MAX, &list, err));
    table->types =
        arena_array(table->arena, list->list.count, sizeof *table->types);
    for (size_t index = 0; index < list->list.count; index++) {
        TRY(read_type(&list->list.items[index], table, &table->types[index],
                      err));
        table->count++;
    }
    return STATUS_OK;
}
