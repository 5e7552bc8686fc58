/* SPDX-License-Identifier: Apache-2.0 */
/* quota.c - a map of quotas by name, and two rows for each:
 *
 *     NAME         totals, written by quota_set() alone
 *     NAME/used    what was used, written with batches of results
 *
 * so that a batch under way never brings back totals of before. A row of totals
 * that cannot be read is no registration; one of what was used, that everything
 * was: neither gives away what the owner did not. */
#include "node/quota.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "ipld/dag_cbor.h"

#define USED_SUFFIX TEXT("/used")
enum { ROW_MAX = 256 };

struct quota {
    char name[QUOTA_NAME_MAX + 8]; /* ended by NUL */
    struct quota_totals totals;
    struct quota_used used;
    bool is_registered; /* false: only a row of what was used was found */
    bool is_unwritten;
};

struct quotas {
    struct store *store;
    pthread_mutex_t lock; /* guards all below */
    struct map by_name;   /* to struct quota *; keys are its names */
    size_t unwritten;
};

Status quota_id_check(Text id, struct error *err)
{
    if (id.len == 0 || id.len > QUOTA_NAME_MAX)
        return fail(err, STATUS_INVALID,
                    "the name of a quota has 1 to %d characters",
                    QUOTA_NAME_MAX);
    for (size_t index = 0; index < id.len; index++) {
        const char at = id.data[index];
        if (!(at >= 'a' && at <= 'z') && !(at >= 'A' && at <= 'Z') &&
            !(at >= '0' && at <= '9') && (at == '\0' || !strchr("_.:-", at)))
            return fail(err, STATUS_INVALID,
                        "the name of a quota is of letters, digits and _.:-");
    }
    return STATUS_OK;
}

/* --- Rows ---------------------------------------------------------------- */

struct number {
    Text key;
    uint64_t number;
};

/* A map of numbers; its keys ascend already. */
static void add_numbers(struct buffer *out, const struct number *numbers,
                        size_t count)
{
    cbor_add_map(out, count);
    for (size_t index = 0; index < count; index++) {
        cbor_add_text(out, numbers[index].key);
        cbor_add_uint(out, numbers[index].number);
    }
}

static void put_row(struct store_batch *batch, const char *name, Text suffix,
                    const struct number *numbers, size_t count)
{
    struct buffer key, row;
    buffer_init(&key, QUOTA_ID_MAX);
    buffer_add_text(&key, text_of(name));
    buffer_add_text(&key, suffix);
    buffer_init(&row, ROW_MAX);
    add_numbers(&row, numbers, count);
    store_batch_quota(batch, bytes_text(buffer_bytes(&key)),
                      buffer_bytes(&row));
    buffer_deinit(&key);
    buffer_deinit(&row);
}

static void put_totals(struct store_batch *batch, const char *name,
                       const struct quota_totals *totals)
{
    const struct number numbers[] = {
        {TEXT_INIT("fuel"), totals->fuel},
        {TEXT_INIT("bytes"), totals->bytes},
        {TEXT_INIT("tasks"), totals->tasks},
        {TEXT_INIT("time_ms"), totals->time_ms},
    };
    put_row(batch, name, TEXT(""), numbers, 4);
}

static void put_used(struct store_batch *batch, const struct quota *quota)
{
    const struct number numbers[] = {
        {TEXT_INIT("fuel"), quota->used.fuel},
        {TEXT_INIT("bytes"), quota->used.bytes},
        {TEXT_INIT("time_ns"), quota->used.time_ns},
    };
    put_row(batch, quota->name, USED_SUFFIX, numbers, 3);
}

static bool read_number(const Value *row, Text key, uint64_t *out)
{
    const Value *value = value_get(row, key);
    return value && value_to_uint64(value, out);
}

static bool read_totals(const Value *row, struct quota_totals *out)
{
    uint64_t tasks = 0;
    const bool good = read_number(row, TEXT("fuel"), &out->fuel) &&
                      read_number(row, TEXT("bytes"), &out->bytes) &&
                      read_number(row, TEXT("time_ms"), &out->time_ms) &&
                      read_number(row, TEXT("tasks"), &tasks) &&
                      tasks <= UINT32_MAX;
    out->tasks = (uint32_t)tasks;
    return good;
}

static bool read_used(const Value *row, struct quota_used *out)
{
    return read_number(row, TEXT("fuel"), &out->fuel) &&
           read_number(row, TEXT("bytes"), &out->bytes) &&
           read_number(row, TEXT("time_ns"), &out->time_ns);
}

/* --- Finding ------------------------------------------------------------- */

static struct quota *find_any(struct quotas *quotas, Text name)
{
    const uint64_t *place =
        name.len ? map_get(&quotas->by_name, text_bytes(name)) : NULL;
    return place ? (struct quota *)(uintptr_t)*place : NULL;
}

static struct quota *find(struct quotas *quotas, Text name)
{
    struct quota *quota = find_any(quotas, name);
    return quota && quota->is_registered ? quota : NULL;
}

static struct quota *find_or_make(struct quotas *quotas, Text name)
{
    struct quota *quota = find_any(quotas, name);
    if (quota)
        return quota;
    quota = HEAP_NEW(struct quota);
    memcpy(quota->name, name.data, name.len);
    *map_set(&quotas->by_name, text_bytes(text_of(quota->name)), NULL) =
        (uint64_t)(uintptr_t)quota;
    return quota;
}

static void drop(struct quotas *quotas, struct quota *quota)
{
    quotas->unwritten -= quota->is_unwritten;
    map_remove(&quotas->by_name, text_bytes(text_of(quota->name)));
    free(quota);
}

static Status unknown(Text id, struct error *err)
{
    return fail(err, STATUS_NOT_FOUND, "there is no quota %.*s",
                (int)(id.len > 64 ? 64 : id.len), id.data);
}

/* --- Life ---------------------------------------------------------------- */

static bool load_row(void *context, Text id, Bytes bytes)
{
    struct quotas *quotas = context;
    struct arena arena = {0};
    Value row;
    const bool is_used = text_ends_with(id, USED_SUFFIX);
    const Text name = {id.data, id.len - (is_used ? USED_SUFFIX.len : 0)};
    if (quota_id_check(name, NULL) != STATUS_OK)
        return true; // Nobody can ask for it.
    struct quota *quota = find_or_make(quotas, name);
    const bool is_whole =
        dag_cbor_decode(bytes, &arena, &row, NULL) == STATUS_OK;
    if (!is_used)
        quota->is_registered = is_whole && read_totals(&row, &quota->totals);
    else if (!is_whole || !read_used(&row, &quota->used))
        quota->used =
            (struct quota_used){UINT64_MAX, UINT64_MAX, UINT64_MAX, 0};
    arena_deinit(&arena);
    return true;
}

Status quotas_open(struct store *store, struct quotas **out, struct error *err)
{
    struct quotas *quotas = HEAP_NEW(struct quotas);
    quotas->store = store;
    pthread_mutex_init(&quotas->lock, NULL);
    const Status status = quota_each(store, load_row, quotas, err);
    if (status == STATUS_OK)
        *out = quotas;
    else
        quotas_close(quotas);
    return status;
}

static void write_all_used(struct quotas *quotas, struct store_batch *batch)
{
    const struct map_entry *entry;
    size_t cursor = 0;
    while (quotas->unwritten > 0 &&
           (entry = map_next(&quotas->by_name, &cursor))) {
        struct quota *quota = (struct quota *)(uintptr_t)entry->value;
        if (!quota->is_unwritten)
            continue;
        put_used(batch, quota);
        quota->is_unwritten = false;
        quotas->unwritten--;
    }
}

void quotas_close(struct quotas *quotas)
{
    const struct map_entry *entry;
    size_t cursor = 0;
    if (!quotas)
        return;
    if (quotas->unwritten > 0) {
        struct store_batch *batch = store_batch_new(quotas->store);
        write_all_used(quotas, batch);
        IGNORE(store_commit(batch, NULL)); // The store says so to others.
        store_batch_free(batch);
    }
    while ((entry = map_next(&quotas->by_name, &cursor)))
        free((struct quota *)(uintptr_t)entry->value);
    map_deinit(&quotas->by_name);
    pthread_mutex_destroy(&quotas->lock);
    free(quotas);
}

/* --- The owner's --------------------------------------------------------- */

Status quota_set(struct quotas *quotas, Text id,
                 const struct quota_totals *totals, struct error *err)
{
    TRY(quota_id_check(id, err));
    char name[QUOTA_NAME_MAX + 1] = "";
    memcpy(name, id.data, id.len);
    struct store_batch *batch = store_batch_new(quotas->store);
    put_totals(batch, name, totals);
    const Status status = store_commit(batch, err);
    store_batch_free(batch);
    TRY(status);
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = find_or_make(quotas, id);
    quota->totals = *totals;
    quota->is_registered = true;
    pthread_mutex_unlock(&quotas->lock);
    return STATUS_OK;
}

Status quota_remove(struct quotas *quotas, Text id, struct error *err)
{
    char used[QUOTA_NAME_MAX + 8];
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = find(quotas, id);
    if (quota) // Nobody begins any more, and nobody writes what was used.
        drop(quotas, quota);
    pthread_mutex_unlock(&quotas->lock);
    if (!quota)
        return unknown(id, err);
    memcpy(used, id.data, id.len);
    memcpy(used + id.len, USED_SUFFIX.data, USED_SUFFIX.len);
    struct store_batch *batch = store_batch_new(quotas->store);
    store_batch_quota_remove(batch, id);
    store_batch_quota_remove(batch, (Text){used, id.len + USED_SUFFIX.len});
    const Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

Status quota_look(struct quotas *quotas, Text id, struct quota_totals *totals,
                  struct quota_used *used, struct error *err)
{
    pthread_mutex_lock(&quotas->lock);
    const struct quota *quota = find(quotas, id);
    if (quota) {
        *totals = quota->totals;
        *used = quota->used;
    }
    pthread_mutex_unlock(&quotas->lock);
    return quota ? STATUS_OK : unknown(id, err);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct quota *)a)->name,
                  ((const struct quota *)b)->name);
}

void quotas_each(struct quotas *quotas, QuotaTold *each, void *context)
{
    const struct map_entry *entry;
    size_t cursor = 0, count = 0;
    pthread_mutex_lock(&quotas->lock);
    struct quota *all =
        heap_array(quotas->by_name.count + 1, sizeof(struct quota));
    while ((entry = map_next(&quotas->by_name, &cursor))) {
        const struct quota *quota = (struct quota *)(uintptr_t)entry->value;
        if (quota->is_registered)
            all[count++] = *quota;
    }
    pthread_mutex_unlock(&quotas->lock);
    qsort(all, count, sizeof *all, compare);
    for (size_t index = 0; index < count; index++)
        if (!each(context, text_of(all[index].name), &all[index].totals,
                  &all[index].used))
            break;
    free(all);
}

/* --- What tasks take ----------------------------------------------------- */

static Status used_up(Text id, const char *what, uint64_t total,
                      struct error *err)
{
    return fail(err, STATUS_LIMIT, "quota %.*s: its %s, %llu, is used up",
                TEXT_ARG(id), what, (unsigned long long)total);
}

static Status check(const struct quota *quota, struct error *err)
{
    const struct quota_totals *totals = &quota->totals;
    const struct quota_used *used = &quota->used;
    const Text id = text_of(quota->name);
    if (totals->time_ms > 0 && used->time_ns / 1000000 >= totals->time_ms)
        return used_up(id, "time in ms", totals->time_ms, err);
    if (totals->bytes > 0 && used->bytes >= totals->bytes)
        return used_up(id, "bytes", totals->bytes, err);
    if (totals->fuel > 0 && used->fuel >= totals->fuel)
        return used_up(id, "fuel", totals->fuel, err);
    uint64_t at_once = totals->tasks;
    if (totals->time_ms > 0 || totals->bytes > 0 || totals->fuel > 0)
        at_once =
            at_once > 0 && at_once < QUOTA_AT_ONCE ? at_once : QUOTA_AT_ONCE;
    if (at_once > 0 && used->tasks >= at_once)
        return fail(err, STATUS_BUSY, "quota %.*s: %u of its tasks run",
                    TEXT_ARG(id), used->tasks);
    return STATUS_OK;
}

Status quota_begin(struct quotas *quotas, Text id, struct error *err)
{
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = find(quotas, id);
    Status status = quota ? check(quota, err) : unknown(id, err);
    if (status == STATUS_OK)
        quota->used.tasks++;
    pthread_mutex_unlock(&quotas->lock);
    return status;
}

static uint64_t left(uint64_t total, uint64_t used)
{
    if (total == 0)
        return 0;
    return total > used ? total - used : 1;
}

void quota_left(struct quotas *quotas, Text id, struct quota_totals *out)
{
    *out = (struct quota_totals){0};
    pthread_mutex_lock(&quotas->lock);
    const struct quota *quota = find(quotas, id);
    if (quota)
        *out = (struct quota_totals){
            .time_ms =
                left(quota->totals.time_ms, quota->used.time_ns / 1000000),
            .bytes = left(quota->totals.bytes, quota->used.bytes),
            .fuel = left(quota->totals.fuel, quota->used.fuel),
            .tasks = quota->totals.tasks,
        };
    pthread_mutex_unlock(&quotas->lock);
}

static void add_to(uint64_t *sum, uint64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

void quota_end(struct quotas *quotas, Text id, const struct quota_used *cost,
               struct store_batch *batch)
{
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = find(quotas, id);
    if (quota) {
        // Removed and made again meanwhile, it knows nothing of this task.
        quota->used.tasks -= quota->used.tasks > 0;
        add_to(&quota->used.time_ns, cost->time_ns);
        add_to(&quota->used.bytes, cost->bytes);
        add_to(&quota->used.fuel, cost->fuel);
        quotas->unwritten += !quota->is_unwritten;
        quota->is_unwritten = true;
    }
    if (batch)
        write_all_used(quotas, batch);
    pthread_mutex_unlock(&quotas->lock);
}
