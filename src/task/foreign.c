/* SPDX-License-Identifier: Apache-2.0 */
/* foreign.c - decoding and rewriting values of other projects. */
#include "task/foreign.h"

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"

static bool begins_like_json(Bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        switch (bytes.data[i]) {
        case ' ':
        case '\t':
        case '\r':
        case '\n':
            break;
        default:
            return bytes.data[i] == '{';
        }
    return false;
}

static Status fail_position(Bytes bytes, Status status, struct error *err)
{
    size_t line = 1, column = 1;

    if (!err || err->offset > bytes.len)
        return status;
    for (size_t i = 0; i < err->offset; i++) {
        column = bytes.data[i] == '\n' ? 1 : column + 1;
        line += bytes.data[i] == '\n';
    }
    return fail_in(err, status, "%zu:%zu", line, column);
}

Status foreign_decode(Bytes bytes, struct arena *arena, Value *out,
                      struct error *err)
{
    if (!begins_like_json(bytes))
        return dag_cbor_decode(bytes, arena, out, err);
    Status status = dag_json_decode(bytes, arena, out, err);
    return status == STATUS_OK ? status : fail_position(bytes, status, err);
}

static Status rewrite_map(const Value *value, ForeignMap *replace,
                          void *context, struct arena *arena, Value *out,
                          struct error *err)
{
    size_t count = value->map.count;
    struct value_entry *entries = arena_array(arena, count, sizeof *entries);

    for (size_t i = 0; i < count; i++) {
        const struct value_entry *old = &value->map.entries[i];
        entries[i].key = old->key;
        TRY(foreign_rewrite(&old->value, replace, context, arena,
                            &entries[i].value, err));
    }
    *out = (Value){.kind = VALUE_MAP, .map = {entries, count}};
    return STATUS_OK;
}

// Recursion: no deeper than CODEC_DEPTH_MAX.
Status foreign_rewrite(const Value *value, ForeignMap *replace, void *context,
                       struct arena *arena, Value *out, struct error *err)
{
    *out = *value;
    if (value->kind == VALUE_MAP) {
        Status status = replace(context, value, out, err);
        if (status != STATUS_NOT_FOUND)
            return status;
        return rewrite_map(value, replace, context, arena, out, err);
    }
    if (value->kind != VALUE_LIST)
        return STATUS_OK;
    size_t count = value->list.count;
    Value *items = arena_array(arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++)
        TRY(foreign_rewrite(&value->list.items[i], replace, context, arena,
                            &items[i], err));
    *out = value_list(items, count);
    return STATUS_OK;
}
