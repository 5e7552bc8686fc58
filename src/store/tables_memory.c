/* SPDX-License-Identifier: Apache-2.0 */
/* tables_memory.c - tables that die with the process, for tests.
 *
 * A hash map for each table; a walk sorts what it finds. Writing never fails,
 * so nothing is ever undone: ending a transaction without a commit is for
 * those who changed their mind before the first write.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "store/tables.h"

struct entry {
    size_t key_len;
    size_t value_len;
    uint8_t data[]; /* key, then value */
};

struct memory_tables {
    struct tables tables;
    pthread_rwlock_t lock; /* guards all below */
    struct map maps[TABLE_COUNT];
    uint64_t bytes[TABLE_COUNT];
    uint64_t used_bytes;
};

static struct memory_tables *memory_of(struct tables *tables)
{
    return (struct memory_tables *)tables;
}

static struct entry *entry_of(uint64_t value)
{
    return (struct entry *)(uintptr_t)value; // NOLINT: we put it there.
}

static Bytes entry_key(const struct entry *entry)
{
    return bytes_of(entry->data, entry->key_len);
}

static Bytes entry_value(const struct entry *entry)
{
    return bytes_of(entry->data + entry->key_len, entry->value_len);
}

static void memory_close(struct tables *tables)
{
    struct memory_tables *memory = memory_of(tables);
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        size_t cursor = 0;
        const struct map_entry *each;
        while ((each = map_next(&memory->maps[table], &cursor)))
            free(entry_of(each->value));
        map_deinit(&memory->maps[table]);
    }
    pthread_rwlock_destroy(&memory->lock);
    free(memory);
}

static Status memory_begin(struct tables *tables, struct transaction *out,
                           [[maybe_unused]] struct error *err)
{
    struct memory_tables *memory = memory_of(tables);
    int failed = out->writes ? pthread_rwlock_wrlock(&memory->lock)
                             : pthread_rwlock_rdlock(&memory->lock);
    ASSERT(failed == 0);
    out->handle = memory;
    return STATUS_OK;
}

static void memory_end(struct transaction *transaction)
{
    struct memory_tables *memory = transaction->handle;
    pthread_rwlock_unlock(&memory->lock);
}

static Status memory_commit(struct transaction *transaction,
                            [[maybe_unused]] struct error *err)
{
    memory_end(transaction);
    return STATUS_OK;
}

static Status memory_get(struct transaction *transaction, enum table table,
                         Bytes key, Bytes *out,
                         [[maybe_unused]] struct error *err)
{
    const struct memory_tables *memory = transaction->handle;
    const uint64_t *value = map_get(&memory->maps[table], key);
    if (!value)
        return STATUS_NOT_FOUND;
    *out = entry_value(entry_of(*value));
    return STATUS_OK;
}

static Status memory_remove(struct transaction *transaction, enum table table,
                            Bytes key, [[maybe_unused]] struct error *err)
{
    struct memory_tables *memory = transaction->handle;
    const uint64_t *value = map_get(&memory->maps[table], key);
    if (!value)
        return STATUS_OK;
    struct entry *entry = entry_of(*value);
    memory->used_bytes -= entry->key_len + entry->value_len;
    memory->bytes[table] -= entry->key_len + entry->value_len;
    map_remove(&memory->maps[table], entry_key(entry));
    free(entry);
    return STATUS_OK;
}

static Status memory_put(struct transaction *transaction, enum table table,
                         Bytes key, Bytes value, struct error *err)
{
    struct memory_tables *memory = transaction->handle;
    // `key` and `value` may be views of the old entry: copy before removing.
    struct entry *entry = heap_alloc(sizeof *entry + key.len + value.len);
    entry->key_len = key.len;
    entry->value_len = value.len;
    memcpy(entry->data, key.data, key.len);
    if (value.len > 0)
        memcpy(entry->data + key.len, value.data, value.len);
    TRY(memory_remove(transaction, table, entry_key(entry), err));
    memory->used_bytes += key.len + value.len;
    memory->bytes[table] += key.len + value.len;
    *map_set(&memory->maps[table], entry_key(entry), NULL) =
        (uint64_t)(uintptr_t)entry;
    return STATUS_OK;
}

static Status memory_add(struct transaction *transaction, enum table table,
                         Bytes key, Bytes value, Bytes *old, struct error *err)
{
    *old = (Bytes){NULL, 0};
    if (memory_get(transaction, table, key, old, err) == STATUS_OK)
        return STATUS_OK;
    return memory_put(transaction, table, key, value, err);
}

static int compare_entries(const void *a, const void *b)
{
    return bytes_compare(entry_key(*(struct entry *const *)a),
                         entry_key(*(struct entry *const *)b));
}

/* From `first` on, as long as keys begin with `prefix`. */
static Status walk(const struct transaction *transaction, enum table table,
                   Bytes first, Bytes prefix, TableEach *each, void *context)
{
    const struct memory_tables *memory = transaction->handle;
    const struct map *map = &memory->maps[table];
    struct entry **found = heap_array(map->count, sizeof(struct entry *));
    size_t count = 0, cursor = 0;
    const struct map_entry *entry;
    while ((entry = map_next(map, &cursor)))
        if (entry->key.len >= prefix.len &&
            bytes_equal(bytes_of(entry->key.data, prefix.len), prefix) &&
            bytes_compare(entry->key, first) >= 0)
            found[count++] = entry_of(entry->value);
    qsort(found, count, sizeof(struct entry *), compare_entries);
    for (size_t index = 0; index < count; index++)
        if (!each(context, entry_key(found[index]), entry_value(found[index])))
            break;
    free(found);
    return STATUS_OK;
}

static Status memory_walk(struct transaction *transaction, enum table table,
                          Bytes prefix, TableEach *each, void *context,
                          [[maybe_unused]] struct error *err)
{
    return walk(transaction, table, prefix, prefix, each, context);
}

static Status memory_walk_from(struct transaction *transaction,
                               enum table table, Bytes first, TableEach *each,
                               void *context,
                               [[maybe_unused]] struct error *err)
{
    return walk(transaction, table, first, (Bytes){NULL, 0}, each, context);
}

static Status memory_last(struct transaction *transaction, enum table table,
                          Bytes *out, [[maybe_unused]] struct error *err)
{
    const struct memory_tables *memory = transaction->handle;
    const struct map *map = &memory->maps[table];
    const struct map_entry *each;
    size_t cursor = 0;
    *out = (Bytes){NULL, 0};
    while ((each = map_next(map, &cursor)))
        if (!out->data || bytes_compare(each->key, *out) > 0)
            *out = each->key;
    return out->data ? STATUS_OK : STATUS_NOT_FOUND;
}

static Status memory_floor(struct transaction *transaction, enum table table,
                           Bytes bound, Bytes *out,
                           [[maybe_unused]] struct error *err)
{
    const struct memory_tables *memory = transaction->handle;
    const struct map *map = &memory->maps[table];
    const struct map_entry *each;
    size_t cursor = 0;
    *out = (Bytes){NULL, 0};
    while ((each = map_next(map, &cursor)))
        if (bytes_compare(each->key, bound) <= 0 &&
            (!out->data || bytes_compare(each->key, *out) > 0))
            *out = each->key;
    return out->data ? STATUS_OK : STATUS_NOT_FOUND;
}

static Status memory_copy([[maybe_unused]] struct tables *tables,
                          [[maybe_unused]] int file, struct error *err)
{
    return fail(err, STATUS_UNSUPPORTED,
                "a store in memory cannot be backed up");
}

static Status memory_grow([[maybe_unused]] struct tables *tables,
                          [[maybe_unused]] struct error *err)
{
    return STATUS_OK;
}

static Status memory_stat(struct transaction *transaction, enum table table,
                          struct table_stat *out,
                          [[maybe_unused]] struct error *err)
{
    const struct memory_tables *memory = transaction->handle;
    *out = (struct table_stat){.count = memory->maps[table].count,
                               .table_bytes = memory->bytes[table],
                               .used_bytes = memory->used_bytes};
    return STATUS_OK;
}

static const struct tables_methods memory_methods = {
    .close = memory_close,
    .begin = memory_begin,
    .end = memory_end,
    .commit = memory_commit,
    .get = memory_get,
    .put = memory_put,
    .add = memory_add,
    .remove = memory_remove,
    .walk = memory_walk,
    .walk_from = memory_walk_from,
    .last = memory_last,
    .floor = memory_floor,
    .copy = memory_copy,
    .grow = memory_grow,
    .stat = memory_stat,
};

struct tables *tables_open_memory(void)
{
    struct memory_tables *memory = HEAP_NEW(struct memory_tables);
    memory->tables.methods = &memory_methods;
    pthread_rwlock_init(&memory->lock, NULL);
    return &memory->tables;
}
