/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show_wit.h"

/* "a: t, b: t" of records and variants, "t, t" of tuples, "a, b" of enums. */
static void show_members(const struct wit_type *type, struct buffer *out)
{
    for (uint32_t index = 0; index < type->count; index++) {
        const struct wit_member *member = &type->members[index];
        if (index > 0)
            buffer_add_text(out, TEXT(", "));
        buffer_add_text(out, member->name);
        if (!member->type)
            continue;
        if (type->kind == WIT_VARIANT)
            buffer_add_byte(out, '(');
        else if (member->name.len > 0)
            buffer_add_text(out, TEXT(": "));
        show_type(member->type, out);
        if (type->kind == WIT_VARIANT)
            buffer_add_byte(out, ')');
    }
}

static void show_result(const struct wit_type *type, struct buffer *out)
{
    const struct wit_type *ok = type->members[0].type;
    const struct wit_type *error = type->members[1].type;
    buffer_add_text(out, TEXT("result"));
    if (!ok && !error)
        return;
    buffer_add_byte(out, '<');
    if (ok)
        show_type(ok, out);
    else
        buffer_add_byte(out, '_');
    if (error) {
        buffer_add_text(out, TEXT(", "));
        show_type(error, out);
    }
    buffer_add_byte(out, '>');
}

/* Types are at most WIT_DEPTH_MAX levels deep, and `out` is bounded. */
void show_type(const struct wit_type *type, struct buffer *out)
{
    switch (type->kind) {
    case WIT_LIST:
    case WIT_OPTION:
        buffer_format(out, "%s<", wit_kind_name(type->kind));
        show_type(wit_element(type), out);
        buffer_add_byte(out, '>');
        break;
    case WIT_TUPLE:
        buffer_add_text(out, TEXT("tuple<"));
        show_members(type, out);
        buffer_add_byte(out, '>');
        break;
    case WIT_RESULT:
        show_result(type, out);
        break;
    case WIT_RECORD:
    case WIT_VARIANT:
    case WIT_ENUM:
    case WIT_FLAGS:
        buffer_format(out, "%s { ", wit_kind_name(type->kind));
        show_members(type, out);
        buffer_add_text(out, TEXT(" }"));
        break;
    case WIT_OWN:
    case WIT_BORROW:
        buffer_add_text(out, text_of(wit_kind_name(type->kind)));
        break;
    case WIT_UNSUPPORTED:
        buffer_add_text(out, type->name);
        break;
    case WIT_BOOL:
    case WIT_S8:
    case WIT_U8:
    case WIT_S16:
    case WIT_U16:
    case WIT_S32:
    case WIT_U32:
    case WIT_S64:
    case WIT_U64:
    case WIT_F32:
    case WIT_F64:
    case WIT_CHAR:
    case WIT_STRING:
        buffer_add_text(out, text_of(wit_kind_name(type->kind)));
        break;
    }
}

void show_function(const struct description *description,
                   const struct wasm_function *function, struct buffer *out)
{
    buffer_add_text(out, function->name);
    if (description->kind == GUEST_IPVM) {
        buffer_add_text(out, TEXT(": takes any arguments (IPVM ABI)"));
        return;
    }
    buffer_add_text(out, TEXT(": func("));
    show_members(function->params, out);
    buffer_add_byte(out, ')');
    if (function->result) {
        buffer_add_text(out, TEXT(" -> "));
        show_type(function->result, out);
    }
}
