/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/description.h"

#include "ipld/dag_cbor.h"
#include "wasm/description_read.h"

static const struct {
    const char *name;
    GuestKind kind;
} guest_kinds[] = {
    {"component", GUEST_COMPONENT},
    {"wit", GUEST_WIT},
    {"ipvm", GUEST_IPVM},
    {"core", GUEST_CORE},
};

static Status read_kind(const Value *map, GuestKind *out, struct error *err)
{
    Text name;
    TRY(field_text(map, TEXT("kind"), &name, err));
    for (size_t index = 0; index < 4; index++) {
        if (text_equal(text_of(guest_kinds[index].name), name)) {
            *out = guest_kinds[index].kind;
            return STATUS_OK;
        }
    }
    return fail(err, STATUS_INVALID, "module description: unknown kind");
}

static Status read_refused(const Value *map, struct description *out,
                           struct error *err)
{
    const Value *refused = value_get(map, TEXT("refused"));
    if (!refused)
        return STATUS_OK;
    Text name;
    TRY(field_text(refused, TEXT("name"), &name, err));
    TRY(field_text(refused, TEXT("message"), &out->message, err));
    out->refused = end_from_name(name);
    if ((unsigned)out->refused >= END_COUNT || out->refused == END_NONE)
        return fail(err, STATUS_INVALID,
                    "module description: unknown end in refused");
    return STATUS_OK;
}

static Status read_texts(const Value *map, Text key, struct arena *arena,
                         const Text **out, uint32_t *count, struct error *err)
{
    const Value *list;
    TRY(field_list(map, key, DESCRIPTION_IMPORTS_MAX, &list, err));
    Text *texts = arena_array(arena, list->list.count, sizeof *texts);
    for (size_t index = 0; index < list->list.count; index++)
        TRY(value_as_text(&list->list.items[index], &texts[index], err));
    *out = texts;
    *count = (uint32_t)list->list.count;
    return STATUS_OK;
}

static Status read_imports(const Value *map, struct arena *arena,
                           struct description *out, struct error *err)
{
    const Value *list;
    TRY(field_list(map, TEXT("imports"), DESCRIPTION_IMPORTS_MAX, &list, err));
    struct wasm_import *imports =
        arena_array(arena, list->list.count, sizeof *imports);
    for (size_t index = 0; index < list->list.count; index++) {
        const Value *item = &list->list.items[index];
        struct wasm_import *import = &imports[index];
        TRY(field_text(item, TEXT("module"), &import->module, err));
        TRY(field_text(item, TEXT("name"), &import->name, err));
        TRY(read_texts(item, TEXT("params"), arena, &import->params,
                       &import->param_count, err));
        TRY(read_texts(item, TEXT("results"), arena, &import->results,
                       &import->result_count, err));
    }
    out->imports = imports;
    out->import_count = (uint32_t)list->list.count;
    return STATUS_OK;
}

static Status read_how(const Value *function, struct wasm_function *out,
                       struct error *err)
{
    const Value *core = value_get(function, TEXT("core"));
    if (!core)
        return STATUS_OK;
    out->has_core = true;
    TRY(field_text(core, TEXT("export"), &out->core_export, err));
    const Value *realloc = value_get(core, TEXT("realloc"));
    if (realloc)
        TRY(value_as_text(realloc, &out->core_realloc, err));
    const Value *post = value_get(core, TEXT("post"));
    if (post)
        TRY(value_as_text(post, &out->core_post, err));
    Text encoding;
    TRY(field_text(core, TEXT("encoding"), &encoding, err));
    // Strings in other encodings are the component API's business.
    if (!text_equal(encoding, TEXT("utf8")))
        out->has_core = false;
    return STATUS_OK;
}

static Status read_function(const Value *item, const struct type_table *table,
                            struct wasm_function *out, struct error *err)
{
    TRY(field_text(item, TEXT("name"), &out->name, err));
    const Value *params;
    TRY(field_list(item, TEXT("params"), DESCRIPTION_TYPES_MAX, &params, err));
    struct wit_type *row = ARENA_NEW(table->arena, struct wit_type);
    row->kind = WIT_TUPLE;
    TRY(type_read_members(params, table, MEMBER_TYPED, row, err));
    wit_type_finish(row, table->arena);
    out->params = row;
    const Value *result = value_get(item, TEXT("result"));
    if (result)
        TRY(type_refer(result, table, &out->result, err));
    return read_how(item, out, err);
}

static Status read_functions(const Value *map, const struct type_table *table,
                             struct description *out, struct error *err)
{
    const Value *list;
    TRY(field_list(map, TEXT("functions"), DESCRIPTION_FUNCTIONS_MAX, &list,
                   err));
    struct wasm_function *functions =
        arena_array(table->arena, list->list.count, sizeof *functions);
    for (size_t index = 0; index < list->list.count; index++)
        TRY(read_function(&list->list.items[index], table, &functions[index],
                          err));
    out->functions = functions;
    out->function_count = (uint32_t)list->list.count;
    return STATUS_OK;
}

static Status read_core(const Value *map, struct description *out,
                        struct error *err)
{
    const Value *core = value_get(map, TEXT("core"));
    if (!core)
        return STATUS_OK;
    const Value *offset = value_get(core, TEXT("offset"));
    const Value *length = value_get(core, TEXT("length"));
    if (!offset || !length || !value_to_uint64(offset, &out->core_offset) ||
        !value_to_uint64(length, &out->core_len))
        return fail(err, STATUS_INVALID,
                    "module description: wrong place of the core module");
    out->has_core = true;
    return STATUS_OK;
}

static Status read_flag(const Value *map, Text key, bool *out,
                        struct error *err)
{
    const Value *flag = value_get(map, key);
    if (!flag || flag->kind != VALUE_BOOL)
        return fail(err, STATUS_INVALID,
                    "module description: \"%.*s\" is missing or no bool",
                    TEXT_ARG(key));
    *out = flag->boolean;
    return STATUS_OK;
}

static Status read_world(const Value *map, struct arena *arena,
                         struct description *out, struct error *err)
{
    struct type_table table = {.arena = arena};
    TRY(read_imports(map, arena, out, err));
    TRY(types_read(map, &table, err));
    out->types = table.types;
    out->type_count = table.count;
    TRY(read_functions(map, &table, out, err));
    TRY(read_core(map, out, err));
    TRY(read_flag(map, TEXT("memory"), &out->has_memory, err));
    TRY(read_flag(map, TEXT("initialize"), &out->has_initialize, err));
    const Value *world = value_get(map, TEXT("world"));
    return world ? value_as_text(world, &out->world, err) : STATUS_OK;
}

Status description_decode(Bytes block, struct arena *arena,
                          struct description *out, struct error *err)
{
    *out = (struct description){.refused = END_NONE};
    Value map;
    TRY(dag_cbor_decode(block, arena, &map, err));
    const Value *format = value_get(&map, TEXT("format"));
    int64_t number;
    if (!format || !value_to_int64(format, &number))
        return fail(err, STATUS_INVALID,
                    "module description: no format number");
    if (number != DESCRIPTION_FORMAT)
        return fail(err, STATUS_UNSUPPORTED,
                    "module description of another format");
    TRY(read_refused(&map, out, err));
    if (out->refused != END_NONE) {
        // The rest may be missing; what is there is for people only.
        IGNORE(read_kind(&map, &out->kind, NULL));
        IGNORE(read_imports(&map, arena, out, NULL));
        return STATUS_OK;
    }
    TRY(read_kind(&map, &out->kind, err));
    return read_world(&map, arena, out, err);
}

const struct wasm_function *description_find(
    const struct description *description, Text name)
{
    for (uint32_t index = 0; index < description->function_count; index++) {
        if (text_equal(description->functions[index].name, name))
            return &description->functions[index];
    }
    return NULL;
}

bool description_uses_core(const struct description *description)
{
    if (description->kind == GUEST_WIT)
        return true;
    if (description->kind != GUEST_COMPONENT || !description->has_core)
        return false;
    for (uint32_t index = 0; index < description->function_count; index++) {
        if (!description->functions[index].has_core)
            return false;
    }
    return true;
}

bool description_imports_content(const struct description *description)
{
    for (uint32_t index = 0; index < description->import_count; index++) {
        if (text_starts_with(description->imports[index].module,
                             TEXT("ipvm:content/")))
            return true;
    }
    return false;
}

Status description_code(const struct description *description, Bytes module,
                        Bytes *out, struct error *err)
{
    *out = module;
    if (description->kind != GUEST_COMPONENT ||
        !description_uses_core(description))
        return STATUS_OK;
    if (description->core_offset > module.len ||
        description->core_len > module.len - description->core_offset)
        return fail(err, STATUS_INVALID,
                    "module description: core module outside the module");
    *out = bytes_of(module.data + description->core_offset,
                    description->core_len);
    return STATUS_OK;
}
