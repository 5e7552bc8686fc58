/* SPDX-License-Identifier: Apache-2.0 */
/* memo.c - asking the memo. A hit is right or it is a miss, so whatever looks
 * odd here (an entry that cannot be read, a result block that is gone or
 * damaged, a withdrawal under way) is STATUS_NOT_FOUND. */
#include <stdlib.h>

#include "base/clock.h"
#include "store/memo_entry.h"
#include "store/rows.h"

/* What the overlay says about an entry. */
struct pending_entry {
    bool is_withdrawn;
    bool has_entry;
    bool has_result;
    struct memo_entry entry;
};

static void ask_overlay(struct store *store, const Hash *concrete,
                        struct pending_entry *out)
{
    out->is_withdrawn = out->has_entry = out->has_result = false;
    if (queue_is_idle(store->queue))
        return;
    queue_lock(store->queue);
    const Bytes key = hash_view(concrete);
    const struct operation *found =
        queue_oldest(store->queue, TABLE_MEMO, key);
    if (found && queue_withdrawals(store->queue) > 0) {
        // Whatever else is under way for it: a miss is always right.
        out->is_withdrawn = true;
    } else if (found && memo_entry_read(found->value, &out->entry)) {
        out->has_entry = true;
        out->has_result = queue_newest(store->queue, TABLE_BLOCKS,
                                       cid_multihash(&out->entry.result));
    }
    queue_unlock(store->queue);
}

/* STATUS_NOT_FOUND also for an entry that cannot be read. */
static Status read_entry(struct store *store, const Hash *concrete,
                         struct memo_entry *out, struct error *err)
{
    struct transaction transaction;
    Bytes value;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_get(&transaction, TABLE_MEMO,
                                    hash_view(concrete), &value, err);
    if (status == STATUS_OK && !memo_entry_read(value, out))
        status = STATUS_NOT_FOUND;
    transaction_end(&transaction);
    return status;
}

/* What is older is kept by this hit only if the hit is written. */
enum { WRITTEN_AFTER_S = 24 * 3600 };

static bool is_there(struct store *store, const Cid *result)
{
    if (store_check(store, result, NULL) == STATUS_OK)
        return true;
    // Perhaps a new copy of it is under way.
    struct block *block = NULL;
    if (store_get(store, result, &block, NULL) != STATUS_OK)
        return false;
    block_unref(block);
    return true;
}

static void count_hit(struct store *store, const Hash *concrete, int64_t age_s)
{
    hits_count(store->hits, concrete);
    if (age_s > WRITTEN_AFTER_S)
        queue_write_hits(store->queue);
}

Status memo_get(struct store *store, const Hash *concrete,
                struct memo_entry *out, struct error *err)
{
    struct pending_entry pending;
    ask_overlay(store, concrete, &pending);
    if (pending.is_withdrawn)
        return STATUS_NOT_FOUND;
    Status status = read_entry(store, concrete, out, err);
    bool is_pending = false;
    if (status == STATUS_NOT_FOUND && pending.has_entry) {
        *out = pending.entry;
        is_pending = pending.has_result;
        status = STATUS_OK;
    }
    TRY(status);
    const int64_t last_s = out->hit_s > out->made_s ? out->hit_s : out->made_s;
    const int64_t age_s = clock_wall_s() - last_s;
    // First held, then looked for: what is there then stays.
    if (!store->read_only)
        IGNORE(store_hold(store, &out->result, NULL));
    if (!is_pending && !is_there(store, &out->result))
        return STATUS_NOT_FOUND;
    count_hit(store, concrete, age_s);
    return STATUS_OK;
}

Status memo_peek(struct store *store, const Hash *concrete,
                 struct memo_entry *out, struct error *err)
{
    struct pending_entry pending;
    ask_overlay(store, concrete, &pending);
    if (pending.is_withdrawn)
        return STATUS_NOT_FOUND;
    Status status = read_entry(store, concrete, out, err);
    if (status != STATUS_NOT_FOUND || !pending.has_entry)
        return status;
    *out = pending.entry;
    return STATUS_OK;
}

static Status symbolic_read(Bytes row, Hash *concrete, bool *upstream)
{
    if (row.len != SYMBOLIC_BYTES || row.data[0] > 1)
        return STATUS_NOT_FOUND;
    *upstream = row.data[0] == 1;
    memcpy(concrete->bytes, row.data + 1, SHA256_LEN);
    return STATUS_OK;
}

Status memo_get_symbolic(struct store *store, const Hash *symbolic,
                         Hash *concrete, bool *upstream, struct error *err)
{
    uint8_t copy[SYMBOLIC_BYTES];
    Bytes row = {copy, 0};
    if (!queue_is_idle(store->queue)) {
        queue_lock(store->queue);
        const bool withdraws = queue_withdrawals(store->queue) > 0;
        const struct operation *found =
            queue_oldest(store->queue, TABLE_SYMBOLIC, hash_view(symbolic));
        if (found) {
            memcpy(copy, found->value.data, SYMBOLIC_BYTES);
            row.len = SYMBOLIC_BYTES;
        }
        queue_unlock(store->queue);
        // Which rows will go with it is not known before it is written.
        if (withdraws)
            return STATUS_NOT_FOUND;
    }
    struct transaction transaction;
    Bytes durable;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_get(&transaction, TABLE_SYMBOLIC,
                                    hash_view(symbolic), &durable, err);
    if (status == STATUS_OK)
        status = symbolic_read(durable, concrete, upstream);
    else if (status == STATUS_NOT_FOUND && row.len > 0)
        status = symbolic_read(row, concrete, upstream);
    transaction_end(&transaction);
    return status;
}

Status memo_producer(struct store *store, const Cid *block, Hash *concrete,
                     struct error *err)
{
    const Bytes key = cid_multihash(block);
    bool pending = false;
    if (!queue_is_idle(store->queue)) {
        queue_lock(store->queue);
        const struct operation *found =
            queue_oldest(store->queue, TABLE_PRODUCER, key);
        if (found) {
            memcpy(concrete->bytes, found->value.data, SHA256_LEN);
            pending = true;
        }
        queue_unlock(store->queue);
    }
    struct transaction transaction;
    Bytes value;
    TRY(tables_read(store->tables, &transaction, err));
    Status status =
        transaction_get(&transaction, TABLE_PRODUCER, key, &value, err);
    if (status == STATUS_OK && value.len == SHA256_LEN)
        memcpy(concrete->bytes, value.data, SHA256_LEN);
    else if (status == STATUS_OK)
        status = STATUS_NOT_FOUND;
    transaction_end(&transaction);
    return status == STATUS_NOT_FOUND && pending ? STATUS_OK : status;
}

/* --- Lists -------------------------------------------------------------- */

Status memo_by_result(struct store *store, const Cid *result, MemoEach *each,
                      void *context, struct error *err)
{
    struct rows rows;
    const Bytes prefix = cid_bytes(result);
    Status status = rows_read(store, TABLE_BY_RESULT, prefix, &rows, err);
    for (const struct row *row = rows.first; row && status == STATUS_OK;
         row = row->next) {
        Hash concrete;
        if (row->key.len != prefix.len + sizeof concrete)
            continue;
        memcpy(concrete.bytes, row->key.data + prefix.len, sizeof concrete);
        if (!each(context, &concrete))
            break;
    }
    arena_deinit(&rows.arena);
    return status;
}

/* concrete ‖ other result → len | first result | other entry */
static bool alarm_read(const struct row *row, Hash *concrete, Cid *first,
                       Cid *other)
{
    if (row->key.len <= SHA256_LEN || row->value.len < 1 ||
        row->value.len < 1U + row->value.data[0])
        return false;
    memcpy(concrete->bytes, row->key.data, SHA256_LEN);
    return cid_from_bytes(bytes_from(row->key, SHA256_LEN), other, NULL) ==
               STATUS_OK &&
           cid_from_bytes(bytes_of(row->value.data + 1, row->value.data[0]),
                          first, NULL) == STATUS_OK;
}

Status memo_alarms(struct store *store, MemoAlarm *each, void *context,
                   struct error *err)
{
    struct rows rows;
    Status status =
        rows_read(store, TABLE_ALARMS, (Bytes){NULL, 0}, &rows, err);
    for (const struct row *row = rows.first; row && status == STATUS_OK;
         row = row->next) {
        Hash concrete;
        Cid first, other;
        if (alarm_read(row, &concrete, &first, &other) &&
            !each(context, &concrete, &first, &other))
            break;
    }
    arena_deinit(&rows.arena);
    return status;
}

Status pin_each(struct store *store, PinEach *each, void *context,
                struct error *err)
{
    struct rows rows;
    Status status = rows_read(store, TABLE_PINS, (Bytes){NULL, 0}, &rows, err);
    for (const struct row *row = rows.first; row && status == STATUS_OK;
         row = row->next) {
        Cid cid;
        if (cid_from_bytes(row->key, &cid, NULL) == STATUS_OK &&
            !each(context, &cid, bytes_text(row->value)))
            break;
    }
    arena_deinit(&rows.arena);
    return status;
}

/* --- Notes -------------------------------------------------------------- */

Status note_get(struct store *store, enum note_table table, Bytes key,
                struct arena *arena, Bytes *out, struct error *err)
{
    const enum table where = note_table_of(table);
    if (!queue_is_idle(store->queue)) {
        queue_lock(store->queue);
        const struct operation *found = queue_newest(store->queue, where, key);
        if (found)
            *out = arena_copy_bytes(arena, found->value);
        queue_unlock(store->queue);
        if (found)
            return STATUS_OK;
    }
    struct transaction transaction;
    Bytes value;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_get(&transaction, where, key, &value, err);
    if (status == STATUS_OK)
        *out = arena_copy_bytes(arena, value);
    transaction_end(&transaction);
    return status;
}
