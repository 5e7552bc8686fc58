/* SPDX-License-Identifier: Apache-2.0 */
/* batch.c - filling a batch. Everything is copied; nothing is decided here
 * that depends on what the store holds, but whether a block is known. */
#include "store/batch.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/memo_entry.h"
#include "store/store_private.h"

enum { NOTE_KEY_MAX = 400, NOTE_VALUE_MAX = 1 << 20, PIN_NAME_MAX = 1024 };

/* Bytes an operation costs beside its key and value. */
enum { OPERATION_OVERHEAD = 160 };

struct store_batch *store_batch_new(struct store *store)
{
    struct store_batch *batch = HEAP_NEW(struct store_batch);
    batch->store = store;
    arena_init(&batch->arena);
    return batch;
}

static void drop_blocks(struct store_batch *batch)
{
    for (struct operation *each = batch->first; each; each = each->next)
        block_unref(each->block);
}

void batch_clear(struct store_batch *batch)
{
    drop_blocks(batch);
    arena_reset(&batch->arena);
    batch->first = batch->last = NULL;
    batch->bytes = batch->withdrawals = 0;
    batch->count = batch->known = 0;
    batch->status = STATUS_OK;
    batch->finished = false;
    batch->next = NULL;
}

void store_batch_free(struct store_batch *batch)
{
    if (!batch)
        return;
    drop_blocks(batch);
    arena_deinit(&batch->arena);
    free(batch);
}

struct operation *batch_add(struct store_batch *batch,
                            enum operation_kind kind, enum table table,
                            Bytes key, Bytes value)
{
    struct operation *operation = ARENA_NEW(&batch->arena, struct operation);
    operation->kind = kind;
    operation->table = table;
    operation->key = arena_copy_bytes(&batch->arena, key);
    operation->value = arena_copy_bytes(&batch->arena, value);
    operation->hash = operation_hash(table, operation->key);
    if (batch->last)
        batch->last->next = operation;
    else
        batch->first = operation;
    batch->last = operation;
    batch->count++;
    batch->bytes += key.len + value.len + OPERATION_OVERHEAD;
    return operation;
}

void store_batch_block(struct store_batch *batch, const Cid *cid, Bytes bytes)
{
    if (cid_hash_code(cid) == HASH_IDENTITY)
        return;
    // A known one goes along: it may be collected before the commit.
    if (store_holds_exactly(batch->store, cid, bytes))
        batch->known++;
    struct operation *operation =
        batch_add(batch, OPERATION_BLOCK, TABLE_BLOCKS, cid_multihash(cid),
                  (Bytes){NULL, 0});
    operation->block = block_new(cid, bytes);
    operation->value = block_bytes(operation->block);
    batch->bytes += bytes.len;
}

Status store_batch_foreign_block(struct store_batch *batch, const Cid *cid,
                                 Bytes bytes, struct error *err)
{
    char name[CID_TEXT_MAX];
    if (bytes.len > BLOCK_TAKEN_MAX) {
        cid_to_text(cid, name);
        return fail(err, STATUS_LIMIT,
                    "block %s is %zu bytes, more than the %d we take", name,
                    bytes.len, BLOCK_TAKEN_MAX);
    }
    TRY(cid_verify(cid, bytes, err));
    store_batch_block(batch, cid, bytes);
    return STATUS_OK;
}

void store_batch_remove_block(struct store_batch *batch, const Cid *cid)
{
    batch_add(batch, OPERATION_REMOVE, TABLE_BLOCKS, cid_multihash(cid),
              (Bytes){NULL, 0});
}

void store_batch_memo(struct store_batch *batch, const Hash *concrete,
                      const struct memo_entry *entry)
{
    uint8_t bytes[MEMO_ENTRY_BYTES_MAX];
    size_t len = memo_entry_write(entry, bytes);
    batch_add(batch, OPERATION_MEMO, TABLE_MEMO, hash_view(concrete),
              bytes_of(bytes, len));
}

void store_batch_symbolic(struct store_batch *batch, const Hash *symbolic,
                          const Hash *concrete, bool upstream,
                          const Hash *through, size_t through_count)
{
    uint8_t value[SYMBOLIC_BYTES] = {upstream};
    if (!upstream)
        memcpy(value + 1, concrete->bytes, sizeof concrete->bytes);
    struct operation *operation =
        batch_add(batch, OPERATION_SYMBOLIC, TABLE_SYMBOLIC,
                  hash_view(symbolic), bytes_of(value, sizeof value));
    if (through_count == 0)
        return;
    Hash *copy = arena_array(&batch->arena, through_count, sizeof *copy);
    memcpy(copy, through, through_count * sizeof *copy);
    operation->through = copy;
    operation->through_count = through_count;
    batch->bytes += through_count * 2 * sizeof *copy;
}

void store_batch_withdraw(struct store_batch *batch, const Hash *concrete)
{
    batch_add(batch, OPERATION_WITHDRAW, TABLE_MEMO, hash_view(concrete),
              (Bytes){NULL, 0});
    batch->withdrawals++;
}

void store_batch_producer(struct store_batch *batch, const Cid *block,
                          const Hash *concrete)
{
    if (cid_hash_code(block) != HASH_IDENTITY)
        batch_add(batch, OPERATION_KEEP, TABLE_PRODUCER, cid_multihash(block),
                  hash_view(concrete));
}

/* Keeps the first trouble for the commit. */
[[gnu::format(printf, 2, 3)]] static void refuse(struct store_batch *batch,
                                                 const char *format, ...)
{
    if (batch->status != STATUS_OK)
        return;
    char message[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    batch->status = fail(&batch->error, STATUS_LIMIT, "%s", message);
}

void batch_refuse(struct store_batch *batch, const struct error *error)
{
    if (batch->status != STATUS_OK)
        return;
    batch->status = error->status;
    batch->error = *error;
}

void store_batch_pin(struct store_batch *batch, const Cid *cid, Text name)
{
    if (name.len > PIN_NAME_MAX)
        refuse(batch, "the name of a pin is %zu bytes, at most %d", name.len,
               PIN_NAME_MAX);
    else
        batch_add(batch, OPERATION_PUT, TABLE_PINS, cid_bytes(cid),
                  text_bytes(name));
}

void store_batch_unpin(struct store_batch *batch, const Cid *cid)
{
    batch_add(batch, OPERATION_REMOVE, TABLE_PINS, cid_bytes(cid),
              (Bytes){NULL, 0});
}

void store_batch_note(struct store_batch *batch, enum note_table table,
                      Bytes key, Bytes value)
{
    if (key.len == 0 || key.len > NOTE_KEY_MAX)
        refuse(batch, "the key of a note is %zu bytes, 1 to %d are allowed",
               key.len, NOTE_KEY_MAX);
    else if (value.len > NOTE_VALUE_MAX)
        refuse(batch, "a note is %zu bytes, at most %d", value.len,
               NOTE_VALUE_MAX);
    else
        batch_add(batch, OPERATION_PUT, note_table_of(table), key, value);
}
