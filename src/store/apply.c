/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c - operations become rows (docs/formats/store.md).
 *
 *  1. Blocks are never changed, but healed: bytes that differ from those under
 *     the same multihash replace them, since what comes in was verified.
 *  2. A memo entry is replaced only if nobody could have hit it: it cannot be
 *     read, or its result block is not there.
 *  3. Every memo row has a by_result row, every awaited concrete entry of a
 *     symbolic row a through row, in the same transaction.
 */
#include "store/apply.h"

#include <stdlib.h>

#include "store/jobs_private.h"
#include "store/memo_entry.h"
#include "store/name.h"
#include "store/pending.h"

enum { JOINED_MAX = CID_BYTES_MAX + SHA256_LEN };

/* A key made of two parts. */
struct joined {
    uint8_t bytes[JOINED_MAX];
    size_t len;
};

static Bytes join(struct joined *joined, Bytes first, Bytes second)
{
    ASSERT(first.len + second.len <= JOINED_MAX);
    memcpy(joined->bytes, first.data, first.len);
    memcpy(joined->bytes + first.len, second.data, second.len);
    joined->len = first.len + second.len;
    return bytes_of(joined->bytes, joined->len);
}

/* STATUS_OK and a view, also when it is absent: `out->data` is NULL then. */
static Status look(struct transaction *transaction, enum table table,
                   Bytes key, Bytes *out, struct error *err)
{
    *out = (Bytes){NULL, 0};
    Status status = transaction_get(transaction, table, key, out, err);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static Status apply_block(struct transaction *transaction,
                          const struct operation *operation, struct error *err)
{
    Bytes old;
    TRY(transaction_add(transaction, TABLE_BLOCKS, operation->key,
                        operation->value, &old, err));
    if (!old.data || bytes_equal(old, operation->value))
        return STATUS_OK;
    return transaction_put(transaction, TABLE_BLOCKS, operation->key,
                           operation->value, err);
}

static Status apply_keep(struct transaction *transaction,
                         const struct operation *operation, struct error *err)
{
    Bytes old;
    return transaction_add(transaction, operation->table, operation->key,
                           operation->value, &old, err);
}

/* alarms: concrete ‖ other result → len | first result | other entry */
Status apply_alarm(struct transaction *transaction, Bytes concrete,
                   const struct memo_entry *first,
                   const struct memo_entry *other, struct error *err)
{
    uint8_t value[1 + CID_BYTES_MAX + MEMO_ENTRY_BYTES_MAX];
    value[0] = first->result.len;
    memcpy(value + 1, first->result.bytes, first->result.len);
    size_t len = 1U + first->result.len;
    len += memo_entry_write(other, value + len);
    struct joined key;
    join(&key, concrete, cid_bytes(&other->result));
    return transaction_put(transaction, TABLE_ALARMS,
                           bytes_of(key.bytes, key.len), bytes_of(value, len),
                           err);
}

/* Sets `*wins` if the new entry is to be written. */
static Status meet_old_entry(struct transaction *transaction,
                             const struct operation *operation, Bytes old,
                             bool *wins, struct error *err)
{
    struct memo_entry entry, first;
    *wins = true;
    if (!memo_entry_read(old, &first))
        return STATUS_OK;
    ASSERT(memo_entry_read(operation->value, &entry));
    if (cid_equal(&first.result, &entry.result)) {
        *wins = false;
        return STATUS_OK;
    }
    TRY(apply_alarm(transaction, operation->key, &first, &entry, err));
    Bytes block = {first.result.bytes, 0};
    if (cid_hash_code(&first.result) != HASH_IDENTITY)
        TRY(look(transaction, TABLE_BLOCKS, cid_multihash(&first.result),
                 &block, err));
    *wins = !block.data;
    if (!*wins)
        return STATUS_OK;
    struct joined key;
    join(&key, cid_bytes(&first.result), operation->key);
    return transaction_remove(transaction, TABLE_BY_RESULT,
                              bytes_of(key.bytes, key.len), err);
}

static Status apply_memo(struct transaction *transaction,
                         const struct operation *operation, struct error *err)
{
    Bytes old;
    bool wins = true;
    TRY(transaction_add(transaction, TABLE_MEMO, operation->key,
                        operation->value, &old, err));
    if (old.data) {
        TRY(meet_old_entry(transaction, operation, old, &wins, err));
        if (!wins)
            return STATUS_OK;
        TRY(transaction_put(transaction, TABLE_MEMO, operation->key,
                            operation->value, err));
    }
    struct memo_entry entry;
    ASSERT(memo_entry_read(operation->value, &entry));
    struct joined key;
    join(&key, cid_bytes(&entry.result), operation->key);
    return transaction_put(transaction, TABLE_BY_RESULT,
                           bytes_of(key.bytes, key.len), (Bytes){NULL, 0},
                           err);
}

static Status apply_symbolic(struct transaction *transaction,
                             const struct operation *operation,
                             struct error *err)
{
    Bytes old;
    TRY(transaction_add(transaction, TABLE_SYMBOLIC, operation->key,
                        operation->value, &old, err));
    if (old.data && !bytes_equal(old, operation->value))
        return STATUS_OK;
    for (size_t index = 0; index < operation->through_count; index++) {
        struct joined key;
        join(&key, bytes_of(operation->through[index].bytes, SHA256_LEN),
             operation->key);
        TRY(transaction_put(transaction, TABLE_THROUGH,
                            bytes_of(key.bytes, key.len), (Bytes){NULL, 0},
                            err));
    }
    return STATUS_OK;
}

/* Concrete computations still to be looked through. */
struct agenda {
    Hash *items; /* owned */
    size_t count, capacity;
};

static void agenda_add(struct agenda *agenda, Bytes hash)
{
    if (agenda->count == agenda->capacity) {
        agenda->capacity = agenda->capacity ? agenda->capacity * 2 : 16;
        agenda->items = heap_resize(agenda->items, agenda->capacity,
                                    sizeof *agenda->items);
    }
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): it has 32 bytes
    memcpy(agenda->items[agenda->count++].bytes, hash.data, SHA256_LEN);
}

static bool collect_symbolic(void *context, Bytes key,
                             [[maybe_unused]] Bytes value)
{
    agenda_add(context, bytes_from(key, SHA256_LEN));
    return true;
}

/* Removes one symbolic row that was resolved through `concrete`; what it
 * resolved to goes on the agenda: others may have been resolved through that.
 */
static Status withdraw_symbolic(struct transaction *transaction,
                                Bytes concrete, Bytes symbolic,
                                struct agenda *agenda, struct error *err)
{
    Bytes row;
    TRY(look(transaction, TABLE_SYMBOLIC, symbolic, &row, err));
    if (row.data && row.len == SYMBOLIC_BYTES)
        agenda_add(agenda, row.data[0] ? symbolic : bytes_from(row, 1));
    struct joined key;
    join(&key, concrete, symbolic);
    TRY(transaction_remove(transaction, TABLE_THROUGH,
                           bytes_of(key.bytes, key.len), err));
    return transaction_remove(transaction, TABLE_SYMBOLIC, symbolic, err);
}

static Status withdraw_through(struct transaction *transaction, Hash concrete,
                               struct agenda *agenda, struct error *err)
{
    struct agenda found = {0};
    const Bytes name = bytes_of(concrete.bytes, SHA256_LEN);
    Status status = transaction_walk(transaction, TABLE_THROUGH, name,
                                     collect_symbolic, &found, err);
    for (size_t index = 0; index < found.count && status == STATUS_OK; index++)
        status = withdraw_symbolic(
            transaction, name, bytes_of(found.items[index].bytes, SHA256_LEN),
            agenda, err);
    free(found.items);
    return status;
}

Status apply_forget(struct transaction *transaction, Bytes concrete,
                    struct error *err)
{
    Bytes old;
    struct memo_entry entry;
    struct joined key;
    TRY(look(transaction, TABLE_MEMO, concrete, &old, err));
    if (old.data && memo_entry_read(old, &entry)) {
        join(&key, cid_bytes(&entry.result), concrete);
        TRY(transaction_remove(transaction, TABLE_BY_RESULT,
                               bytes_of(key.bytes, key.len), err));
    }
    return transaction_remove(transaction, TABLE_MEMO, concrete, err);
}

/* Rows vanish as they are met, so that this ends. */
static Status apply_withdraw(struct transaction *transaction,
                             const struct operation *operation,
                             struct error *err)
{
    TRY(apply_forget(transaction, operation->key, err));
    struct agenda agenda = {0};
    agenda_add(&agenda, operation->key);
    Status status = STATUS_OK;
    while (agenda.count > 0 && status == STATUS_OK)
        status = withdraw_through(transaction, agenda.items[--agenda.count],
                                  &agenda, err);
    free(agenda.items);
    return status;
}

static Status apply_operation(struct transaction *transaction,
                              struct operation *operation, struct error *err)
{
    switch (operation->kind) {
    case OPERATION_BLOCK:
        return apply_block(transaction, operation, err);
    case OPERATION_MEMO:
        return apply_memo(transaction, operation, err);
    case OPERATION_SYMBOLIC:
        return apply_symbolic(transaction, operation, err);
    case OPERATION_WITHDRAW:
        return apply_withdraw(transaction, operation, err);
    case OPERATION_KEEP:
        return apply_keep(transaction, operation, err);
    case OPERATION_PUT:
        return transaction_put(transaction, operation->table, operation->key,
                               operation->value, err);
    case OPERATION_REMOVE:
        return transaction_remove(transaction, operation->table,
                                  operation->key, err);
    case OPERATION_NAME:
        return name_apply(transaction, operation->key, operation->value, err);
    case OPERATION_PENDING:
        return pending_apply(transaction, operation->value, err);
    case OPERATION_JOB:
        return job_apply(transaction, operation->key, operation->value,
                         &operation->has_new_roots, err);
    case OPERATION_JOB_REMOVE:
        return job_apply_remove(transaction, operation->key, operation->value,
                                err);
    case OPERATION_JOURNAL_CUT:
        return journal_apply_cut(transaction, operation->key, operation->value,
                                 err);
    }
    ASSERT(false);
    return STATUS_INVALID;
}

Status apply_batch(struct transaction *transaction, struct store_batch *batch,
                   struct error *err)
{
    for (struct operation *each = batch->first; each; each = each->next)
        TRY(apply_operation(transaction, each, err));
    return STATUS_OK;
}

Status apply_hits(struct transaction *transaction, const struct hit *hits,
                  size_t count, struct error *err)
{
    for (size_t index = 0; index < count; index++) {
        const struct hit *hit = &hits[index];
        const Bytes key = bytes_of(hit->concrete.bytes, SHA256_LEN);
        struct memo_entry entry;
        Bytes old;
        TRY(look(transaction, TABLE_MEMO, key, &old, err));
        if (!old.data || !memo_entry_read(old, &entry))
            continue;
        entry.hits += hit->count;
        entry.hit_s = hit->last_s > entry.hit_s ? hit->last_s : entry.hit_s;
        uint8_t bytes[MEMO_ENTRY_BYTES_MAX];
        size_t len = memo_entry_write(&entry, bytes);
        TRY(transaction_put(transaction, TABLE_MEMO, key, bytes_of(bytes, len),
                            err));
    }
    return STATUS_OK;
}
