/* SPDX-License-Identifier: Apache-2.0 */
/* normalise.c - brings values to the form in which they are kept: what is
 * long becomes a stand-in with a link (FORMATS section 2).
 *
 * One walk, innermost first. It carries the length of each encoding upwards,
 * so that nothing is measured twice, and copies only where something changed.
 */
#include "task/normalise.h"

#include "ipld/unixfs_writer.h"

struct walk {
    const struct block_sink *sink;
    struct arena *arena;
    struct error *err;
};

static size_t head_length(uint64_t number)
{
    if (number < 24)
        return 1;
    if (number <= UINT8_MAX)
        return 2;
    if (number <= UINT16_MAX)
        return 3;
    return number <= UINT32_MAX ? 5 : 9;
}

// Without a sink only the form is wanted, as when a key is computed.
static Status put_nowhere(void *context, const Cid *cid, Bytes block,
                          struct error *err)
{
    (void)context, (void)cid, (void)block, (void)err;
    return STATUS_OK;
}

static const struct block_sink nowhere = {NULL, put_nowhere};

static Status file_link(const struct walk *walk, Bytes bytes, Value *link)
{
    const struct unixfs_block_sink blocks = {walk->sink->put,
                                             walk->sink->context};
    Cid *cid = ARENA_NEW(walk->arena, Cid);

    TRY(unixfs_write(bytes, &blocks, cid, walk->err));
    *link = value_link(cid);
    return STATUS_OK;
}

static Status replace_file(const struct walk *walk, Text key, Bytes bytes,
                           Value *out, size_t *len)
{
    Value link;

    TRY(file_link(walk, bytes, &link));
    *out = value_map1(walk->arena, key, link);
    *len = dag_cbor_length(out);
    return STATUS_OK;
}

static Status replace_value(const struct walk *walk, Value *value, size_t *len)
{
    Cid *cid = ARENA_NEW(walk->arena, Cid);

    if (*len > BLOCK_MADE_MAX)
        return fail(walk->err, STATUS_LIMIT,
                    "a %s takes %zu bytes, a block holds at most %d: put "
                    "large parts into bytes or text",
                    value_kind_name(value->kind), *len, BLOCK_MADE_MAX);
    Bytes block = dag_cbor_block(value, walk->arena, cid);
    TRY(walk->sink->put(walk->sink->context, cid, block, walk->err));
    *value = value_map1(walk->arena, TEXT("ipvm/value"), value_link(cid));
    *len = dag_cbor_length(value);
    return STATUS_OK;
}

static Status walk_value(const struct walk *walk, const Value *value,
                         Value *out, size_t *len);

static bool same_value(const Value *a, const Value *b)
{
    // Unchanged values are copied whole, so their pointers are equal.
    if (a->kind != b->kind)
        return false;
    if (a->kind == VALUE_LIST)
        return a->list.items == b->list.items;
    return a->kind != VALUE_MAP || a->map.entries == b->map.entries;
}

static Status walk_list(const struct walk *walk, const Value *value,
                        Value *out, size_t *len)
{
    size_t count = value->list.count;
    Value *items = NULL;

    *len = head_length(count);
    for (size_t index = 0; index < count; index++) {
        const Value *old = &value->list.items[index];
        Value item;
        size_t item_len;
        TRY(walk_value(walk, old, &item, &item_len));
        *len += item_len;
        if (!items && !same_value(old, &item)) {
            items = arena_array(walk->arena, count, sizeof *items);
            memcpy(items, value->list.items, index * sizeof *items);
        }
        if (items)
            items[index] = item;
    }
    *out = items ? value_list(items, count) : *value;
    return STATUS_OK;
}

static Status walk_map(const struct walk *walk, const Value *value, Value *out,
                       size_t *len)
{
    size_t count = value->map.count;
    struct value_entry *entries = NULL;

    *len = head_length(count);
    for (size_t index = 0; index < count; index++) {
        const struct value_entry *old = &value->map.entries[index];
        Value item;
        size_t item_len;
        TRY(walk_value(walk, &old->value, &item, &item_len));
        *len += head_length(old->key.len) + old->key.len + item_len;
        if (!entries && !same_value(&old->value, &item)) {
            entries = arena_array(walk->arena, count, sizeof *entries);
            memcpy(entries, value->map.entries, index * sizeof *entries);
        }
        if (entries) {
            entries[index].key = old->key;
            entries[index].value = item;
        }
    }
    *out = *value;
    if (entries)
        out->map.entries = entries;
    return STATUS_OK;
}

// Recursion: no deeper than the value, which was checked before.
static Status walk_value(const struct walk *walk, const Value *value,
                         Value *out, size_t *len)
{
    *out = *value;
    switch (value->kind) {
    case VALUE_BYTES:
        if (value->bytes.len > LONG_VALUE)
            return replace_file(walk, TEXT("ipvm/bytes"), value->bytes, out,
                                len);
        *len = head_length(value->bytes.len) + value->bytes.len;
        return STATUS_OK;
    case VALUE_TEXT:
        if (value->text.len > LONG_VALUE)
            return replace_file(walk, TEXT("ipvm/text"),
                                text_bytes(value->text), out, len);
        *len = head_length(value->text.len) + value->text.len;
        return STATUS_OK;
    case VALUE_LIST:
        TRY(walk_list(walk, value, out, len));
        break;
    case VALUE_MAP:
        TRY(walk_map(walk, value, out, len));
        break;
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_FLOAT:
    case VALUE_LINK:
    default:
        *len = dag_cbor_length(value);
        return STATUS_OK;
    }
    return *len > LONG_VALUE ? replace_value(walk, out, len) : STATUS_OK;
}

Status value_normalise(const Value *value, const struct block_sink *sink,
                       struct arena *arena, Value *out, struct error *err)
{
    const struct walk walk = {sink ? sink : &nowhere, arena, err};
    size_t len;

    return walk_value(&walk, value, out, &len);
}

Status members_normalise(const Value *value, const struct block_sink *sink,
                         struct arena *arena, Value *out, struct error *err)
{
    const struct walk walk = {sink ? sink : &nowhere, arena, err};
    size_t len;

    if (value->kind == VALUE_LIST)
        return walk_list(&walk, value, out, &len);
    ASSERT(value->kind == VALUE_MAP);
    return walk_map(&walk, value, out, &len);
}

Status bytes_to_file(Bytes bytes, const struct block_sink *sink,
                     struct arena *arena, Value *link, struct error *err)
{
    const struct walk walk = {sink ? sink : &nowhere, arena, err};

    return file_link(&walk, bytes, link);
}
