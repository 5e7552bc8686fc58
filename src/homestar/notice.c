/* SPDX-License-Identifier: Apache-2.0 */
#include "homestar/notice.h"

#include "content/content.h"
#include "ipld/dag_json.h"
#include "task/computation.h"
#include "task/homestar.h"
#include "task/reserved.h"

/* --- Stand-ins become what they stand for -------------------------------- */

struct expanding {
    struct store *store;
    struct arena *arena;
    size_t room; /* bytes that may still be read */
    unsigned depth;
};

static Status expand(struct expanding *expanding, const Value *value,
                     Value *out, struct error *err);

static Status load_file(struct expanding *expanding, const Cid *cid,
                        bool is_text, Value *out, struct error *err)
{
    struct buffer file;
    buffer_init(&file, expanding->room);
    Status status = content_load(expanding->store, cid, &file, err);
    if (status == STATUS_OK) {
        const Bytes bytes =
            arena_copy_bytes(expanding->arena, buffer_bytes(&file));
        expanding->room -= bytes.len;
        *out = is_text ? value_text(bytes_text(bytes)) : value_bytes(bytes);
    }
    buffer_deinit(&file);
    return status;
}

static Status load_value(struct expanding *expanding, const Cid *cid,
                         Value *out, struct error *err)
{
    struct block *block;
    Value value;
    TRY(store_get(expanding->store, cid, &block, err));
    const Bytes bytes = block_bytes(block);
    Status status = STATUS_LIMIT;
    if (bytes.len <= expanding->room) {
        expanding->room -= bytes.len;
        status = dag_cbor_decode(arena_copy_bytes(expanding->arena, bytes),
                                 expanding->arena, &value, err);
    }
    block_unref(block);
    return status == STATUS_OK ? expand(expanding, &value, out, err) : status;
}

static Status expand_stand_in(struct expanding *expanding, const Value *value,
                              Reserved reserved, Value *out, struct error *err)
{
    const Value *link = &value->map.entries[0].value;
    Cid cid;
    TRY(cid_from_bytes(link->link, &cid, err));
    Status status =
        reserved == RESERVED_VALUE
            ? load_value(expanding, &cid, out, err)
            : load_file(expanding, &cid, reserved == RESERVED_TEXT, out, err);
    if (status != STATUS_LIMIT)
        return status;
    *out = *link; // Too much to be told.
    return STATUS_OK;
}

static Status expand_map(struct expanding *expanding, const Value *value,
                         Value *out, struct error *err)
{
    const size_t count = value->map.count;
    struct value_entry *entries =
        arena_array(expanding->arena, count, sizeof *entries);
    for (size_t index = 0; index < count; index++) {
        entries[index].key = value->map.entries[index].key;
        TRY(expand(expanding, &value->map.entries[index].value,
                   &entries[index].value, err));
    }
    *out = (Value){.kind = VALUE_MAP, .map = {entries, count}};
    return STATUS_OK;
}

static Status expand_list(struct expanding *expanding, const Value *value,
                          Value *out, struct error *err)
{
    const size_t count = value->list.count;
    Value *items = arena_array(expanding->arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        TRY(expand(expanding, &value->list.items[index], &items[index], err));
    *out = value_list(items, count);
    return STATUS_OK;
}

static Status expand_any(struct expanding *expanding, const Value *value,
                         Value *out, struct error *err)
{
    const Reserved reserved = value_reserved(value);
    if (reserved_is_stand_in(reserved))
        return expand_stand_in(expanding, value, reserved, out, err);
    if (value->kind == VALUE_MAP)
        return expand_map(expanding, value, out, err);
    if (value->kind == VALUE_LIST)
        return expand_list(expanding, value, out, err);
    *out = *value;
    return STATUS_OK;
}

static Status expand(struct expanding *expanding, const Value *value,
                     Value *out, struct error *err)
{
    // What is deeper than one value may be came through stand-ins.
    if (expanding->depth > CODEC_DEPTH_MAX)
        return STATUS_LIMIT;
    expanding->depth++;
    const Status status = expand_any(expanding, value, out, err);
    expanding->depth--;
    return status;
}

/* --- A receipt ----------------------------------------------------------- */

static Value pair(struct arena *arena, Text first, Value second)
{
    Value *items = arena_array(arena, 2, sizeof *items);
    items[0] = value_text(first);
    items[1] = second;
    return value_list(items, 2);
}

/* ["ok", value] or ["error", value]. */
static Status out_value(struct store *store, const struct notice *notice,
                        struct arena *arena, Value *out, struct error *err)
{
    struct expanding expanding = {store, arena, NOTICE_FILE_MAX, 0};
    struct block *block;
    struct result result;
    Value value;
    if (!notice->result) {
        *out = pair(arena, TEXT("error"), value_text(notice->message));
        return STATUS_OK;
    }
    TRY(store_get(store, notice->result, &block, err));
    const Bytes bytes = arena_copy_bytes(arena, block_bytes(block));
    block_unref(block);
    TRY(result_decode(bytes, arena, &result, err));
    TRY(expand(&expanding, &result.value.map.entries[0].value, &value, err));
    *out = pair(arena, result.is_ok ? TEXT("ok") : TEXT("error"), value);
    return STATUS_OK;
}

static Value receipt_value(const struct notice *notice, struct arena *arena,
                           Value out)
{
    const struct value_entry entries[] = {
        {TEXT("iss"), value_null()},
        {TEXT("out"), out},
        {TEXT("prf"), value_list(NULL, 0)},
        {TEXT("ran"), value_link(notice->invocation)},
        {TEXT("meta"),
         value_map1(arena, TEXT("op"), value_text(notice->function))},
    };
    return value_map(arena, entries, sizeof entries / sizeof *entries);
}

static Value notice_value(const struct notice *notice, struct arena *arena,
                          Value receipt, Cid *cid)
{
    const struct value_entry metadata[] = {
        {TEXT("name"), value_text(notice->name)},
        {TEXT("replayed"), value_bool(notice->is_replayed)},
        {TEXT("workflow"), value_link(notice->workflow)},
    };
    homestar_cid(&receipt, arena, cid);
    const struct value_entry entries[] = {
        {TEXT("receipt"), receipt},
        {TEXT("metadata"), value_map(arena, metadata, 3)},
        {TEXT("receipt_cid"), value_link(cid)},
    };
    return value_map(arena, entries, 3);
}

Status notice_write(struct store *store, const struct notice *notice,
                    struct buffer *out, struct error *err)
{
    struct arena arena = {0};
    Value value;
    Cid cid;
    Status status = out_value(store, notice, &arena, &value, err);
    if (status == STATUS_OK) {
        const size_t before = out->len;
        Value whole = notice_value(notice, &arena,
                                   receipt_value(notice, &arena, value), &cid);
        status = dag_json_encode(&whole, out, err);
        if (status == STATUS_INVALID) {
            // A map that reads as a link: DAG-JSON has no words for it.
            out->len = before;
            value = pair(&arena, TEXT("error"),
                         value_text(TEXT("the result cannot be told in "
                                         "DAG-JSON; ask the node for it")));
            whole = notice_value(notice, &arena,
                                 receipt_value(notice, &arena, value), &cid);
            status = dag_json_encode(&whole, out, err);
        }
    }
    arena_deinit(&arena);
    return status;
}
