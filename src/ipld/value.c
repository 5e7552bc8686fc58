/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/value.h"

#include <stdlib.h>

#include "base/status.h"

const char *value_kind_name(ValueKind kind)
{
    static const char *const names[] = {"null",  "bool", "int",
                                        "float", "text", "bytes",
                                        "link",  "list", "map"};
    ASSERT((unsigned)kind < sizeof names / sizeof names[0]);
    return names[kind];
}

int value_key_compare(Text a, Text b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len ? memcmp(a.data, b.data, a.len) : 0;
}

/* --- Building ----------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    const struct value_entry *left = a, *right = b;
    return value_key_compare(left->key, right->key);
}

Value value_map(struct arena *arena, const struct value_entry *entries,
                size_t count)
{
    bool in_order = true;

    struct value_entry *copy = arena_array(arena, count, sizeof *copy);
    for (size_t index = 0; index < count; index++) {
        copy[index] = entries[index];
        if (index > 0 && compare_entries(&copy[index - 1], &copy[index]) >= 0)
            in_order = false;
    }
    if (!in_order)
        qsort(copy, count, sizeof *copy, compare_entries);
    for (size_t index = 1; index < count && !in_order; index++)
        ASSERT(compare_entries(&copy[index - 1], &copy[index]) < 0);
    return (Value){.kind = VALUE_MAP, .map = {copy, count}};
}

Value value_map1(struct arena *arena, Text key, Value value)
{
    struct value_entry entry = {key, value};
    return value_map(arena, &entry, 1);
}

static Value copy_list(struct arena *arena, const Value *value)
{
    size_t count = value->list.count;
    Value *items = arena_array(arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = value_copy(arena, &value->list.items[index]);
    return value_list(items, count);
}

static Value copy_map(struct arena *arena, const Value *value)
{
    size_t count = value->map.count;
    struct value_entry *entries = arena_array(arena, count, sizeof *entries);
    for (size_t index = 0; index < count; index++) {
        const struct value_entry *entry = &value->map.entries[index];
        entries[index].key = arena_copy_text(arena, entry->key);
        entries[index].value = value_copy(arena, &entry->value);
    }
    return (Value){.kind = VALUE_MAP, .map = {entries, count}};
}

Value value_copy(struct arena *arena, const Value *value)
{
    Value copy = *value;
    switch (value->kind) {
    case VALUE_TEXT:
        copy.text = arena_copy_text(arena, value->text);
        return copy;
    case VALUE_BYTES:
        copy.bytes = arena_copy_bytes(arena, value->bytes);
        return copy;
    case VALUE_LINK:
        copy.link = arena_copy_bytes(arena, value->link);
        return copy;
    case VALUE_LIST:
        return copy_list(arena, value);
    case VALUE_MAP:
        return copy_map(arena, value);
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_FLOAT:
    default:
        return copy;
    }
}

/* --- Asking ------------------------------------------------------------- */

const Value *value_get(const Value *value, Text key)
{
    if (value->kind != VALUE_MAP)
        return NULL;
    size_t low = 0, high = value->map.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct value_entry *entry = &value->map.entries[middle];
        int order = value_key_compare(key, entry->key);
        if (order == 0)
            return &entry->value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool lists_equal(const Value *a, const Value *b)
{
    if (a->list.count != b->list.count)
        return false;
    for (size_t index = 0; index < a->list.count; index++)
        if (!value_equal(&a->list.items[index], &b->list.items[index]))
            return false;
    return true;
}

static bool maps_equal(const Value *a, const Value *b)
{
    if (a->map.count != b->map.count)
        return false;
    for (size_t index = 0; index < a->map.count; index++) {
        const struct value_entry *left = &a->map.entries[index];
        const struct value_entry *right = &b->map.entries[index];
        if (!text_equal(left->key, right->key) ||
            !value_equal(&left->value, &right->value))
            return false;
    }
    return true;
}

bool value_equal(const Value *a, const Value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case VALUE_BOOL:
        return a->boolean == b->boolean;
    case VALUE_INT:
        return a->negative == b->negative && a->magnitude == b->magnitude;
    case VALUE_FLOAT:
        // By bits: 0.0 and -0.0 are two values.
        // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*)
        return memcmp(&a->number, &b->number, sizeof a->number) == 0;
    case VALUE_TEXT:
        return text_equal(a->text, b->text);
    case VALUE_BYTES:
        return bytes_equal(a->bytes, b->bytes);
    case VALUE_LINK:
        return bytes_equal(a->link, b->link);
    case VALUE_LIST:
        return lists_equal(a, b);
    case VALUE_MAP:
        return maps_equal(a, b);
    case VALUE_NULL:
    default:
        return true;
    }
}

bool value_to_int64(const Value *value, int64_t *out)
{
    if (value->kind != VALUE_INT || value->magnitude > INT64_MAX)
        return false;
    *out = (int64_t)value->magnitude;
    if (value->negative)
        *out = -1 - *out;
    return true;
}

bool value_to_uint64(const Value *value, uint64_t *out)
{
    if (value->kind != VALUE_INT || value->negative)
        return false;
    *out = value->magnitude;
    return true;
}
