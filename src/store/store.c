/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - opening, closing, and blocks.
 *
 * A reader asks the cache, then the overlay of batches under way, then the
 * tables (queue.c, invariant 3). Bytes out of the tables are hashed the first
 * time this process meets them (docs/decisions/0002-store.md).
 */
#include "store/store.h"

#include <stdlib.h>

#include "store/reserve.h"
#include "store/store_private.h"

static struct store *store_new(const char *directory, struct tables *tables)
{
    struct store *store = HEAP_NEW(struct store);
    const size_t len = strlen(directory) + 1;
    store->directory = heap_alloc(len);
    memcpy(store->directory, directory, len);
    store->tables = tables;
    store->verified = verified_new();
    store->cache = block_cache_new();
    store->hits = hits_new();
    store->queue = queue_new(tables, store->hits);
    store->holds = holds_new();
    pthread_mutex_init(&store->lease_lock, NULL);
    return store;
}

Status store_open(const char *directory, const struct store_options *options,
                  struct store **out, struct error *err)
{
    struct tables_options how = {0};
    if (options)
        how = (struct tables_options){.read_only = options->read_only,
                                      .no_sync = options->no_sync,
                                      .map_bytes = options->map_bytes};
    struct tables *tables;
    TRY(tables_open_lmdb(directory, &how, &tables, err));
    *out = store_new(directory, tables);
    (*out)->read_only = how.read_only;
    if (!how.read_only)
        reserve_make(directory);
    return STATUS_OK;
}

struct store *store_open_memory(void)
{
    return store_new("", tables_open_memory());
}

void store_close(struct store *store)
{
    if (!store)
        return;
    queue_free(store->queue);
    sources_close(store);
    holds_close(store);
    leases_close(store);
    tables_close(store->tables);
    hits_free(store->hits);
    block_cache_free(store->cache);
    verified_free(store->verified);
    pthread_mutex_destroy(&store->lease_lock);
    free(store->directory);
    free(store);
}

const char *store_directory(const struct store *store)
{
    return store->directory;
}

/* --- Blocks ------------------------------------------------------------- */

static bool is_identity(const Cid *cid)
{
    return cid_hash_code(cid) == HASH_IDENTITY;
}

static struct block *identity_block(const Cid *cid)
{
    struct cid_parts parts;
    cid_parts_of(cid_bytes(cid), &parts);
    return block_new(cid, parts.digest);
}

/* A reference, or NULL. */
static struct block *pending_block(struct store *store, const Cid *cid)
{
    if (queue_is_idle(store->queue))
        return NULL;
    struct block *block = NULL;
    queue_lock(store->queue);
    const struct operation *found =
        queue_newest(store->queue, TABLE_BLOCKS, cid_multihash(cid));
    if (found && found->block) // None: it is being removed.
        block = block_ref(found->block);
    queue_unlock(store->queue);
    return block;
}

/* The same bytes under the CID that was asked for; takes the reference. */
static struct block *renamed(struct block *block, const Cid *cid)
{
    if (!block || cid_equal(block_cid(block), cid))
        return block;
    struct block *copy = block_new(cid, block_bytes(block));
    block_unref(block);
    return copy;
}

/* Hashes `bytes` unless this process did before. */
static Status verify(struct store *store, const Cid *cid, Bytes bytes,
                     struct error *err)
{
    const Bytes name = cid_multihash(cid);
    if (verified_has(store->verified, name))
        return STATUS_OK;
    Status status = cid_verify(cid, bytes, err);
    if (status == STATUS_CORRUPT) {
        char text[CID_TEXT_MAX];
        cid_to_text(cid, text);
        return fail(err, status,
                    "block %s in the store has changed: its bytes do not hash "
                    "to its name; add it again",
                    text);
    }
    if (status == STATUS_OK)
        verified_add(store->verified, name);
    return status;
}

/* What the sources have, where the tables said `status`: absent, damaged. */
static Status fall_back(struct store *store, Status status, const Cid *cid,
                        struct block **out, struct error *err)
{
    const bool is_absent = status == STATUS_NOT_FOUND;
    if (store->source_count == 0 || (!is_absent && status != STATUS_CORRUPT))
        return status;
    Status found = sources_get(store, cid, out, is_absent ? err : NULL);
    return found == STATUS_OK || is_absent ? found : status;
}

Status store_get(struct store *store, const Cid *cid, struct block **out,
                 struct error *err)
{
    if (is_identity(cid)) {
        *out = identity_block(cid);
        return STATUS_OK;
    }
    const Bytes name = cid_multihash(cid);
    if ((*out = renamed(block_cache_get(store->cache, name), cid)) ||
        (*out = renamed(pending_block(store, cid), cid)))
        return STATUS_OK;
    struct transaction transaction;
    Bytes bytes;
    TRY(tables_read(store->tables, &transaction, err));
    Status status =
        transaction_get(&transaction, TABLE_BLOCKS, name, &bytes, err);
    if (status == STATUS_OK)
        *out = block_new(cid, bytes);
    transaction_end(&transaction);
    if (status == STATUS_OK)
        status = verify(store, cid, block_bytes(*out), err);
    if (status != STATUS_OK) {
        block_unref(*out);
        *out = NULL;
        TRY(fall_back(store, status, cid, out, err));
    }
    block_cache_add(store->cache, name, *out);
    return STATUS_OK;
}

/* How much was copied. */
static size_t copy_part(Bytes bytes, uint64_t offset, uint8_t *out, size_t len)
{
    if (!bytes.data || offset >= bytes.len)
        return 0;
    const Bytes part = bytes_from(bytes, (size_t)offset);
    if (len > part.len)
        len = part.len;
    if (len > 0)
        memcpy(out, part.data, len);
    return len;
}

Status store_read(struct store *store, const Cid *cid, uint64_t offset,
                  uint8_t *out, size_t len, size_t *got, struct error *err)
{
    struct transaction transaction;
    struct block *block;
    Bytes bytes;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_get(&transaction, TABLE_BLOCKS,
                                    cid_multihash(cid), &bytes, NULL);
    if (status == STATUS_OK)
        status = verify(store, cid, bytes, NULL);
    if (status == STATUS_OK)
        *got = copy_part(bytes, offset, out, len);
    transaction_end(&transaction);
    if (status == STATUS_OK)
        return STATUS_OK;
    // Pending, by its own name, from a source, or nowhere.
    TRY(store_get(store, cid, &block, err));
    *got = copy_part(block_bytes(block), offset, out, len);
    block_unref(block);
    return STATUS_OK;
}

Status store_prepare(struct store *store, const Cid *cid, struct block **out,
                     struct error *err)
{
    *out = NULL;
    if (is_identity(cid))
        return STATUS_OK;
    struct transaction transaction;
    Bytes bytes;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_get(&transaction, TABLE_BLOCKS,
                                    cid_multihash(cid), &bytes, err);
    if (status == STATUS_OK)
        status = verify(store, cid, bytes, err);
    transaction_end(&transaction);
    return fall_back(store, status, cid, out, err);
}

Status store_check(struct store *store, const Cid *cid, struct error *err)
{
    struct block *block;
    Status status = store_prepare(store, cid, &block, err);
    block_unref(block);
    return status;
}

bool store_has(struct store *store, const Cid *cid)
{
    if (is_identity(cid))
        return true;
    struct block *pending = pending_block(store, cid);
    if (pending) {
        block_unref(pending);
        return true;
    }
    struct transaction transaction;
    Bytes bytes;
    if (tables_read(store->tables, &transaction, NULL) != STATUS_OK)
        return false;
    Status status = transaction_get(&transaction, TABLE_BLOCKS,
                                    cid_multihash(cid), &bytes, NULL);
    transaction_end(&transaction);
    return status == STATUS_OK ||
           (status == STATUS_NOT_FOUND && sources_have(store, cid));
}

Status store_length(struct store *store, const Cid *cid, uint64_t *out,
                    struct error *err)
{
    struct transaction transaction;
    struct block *block =
        is_identity(cid) ? identity_block(cid) : pending_block(store, cid);
    Status status = STATUS_NOT_FOUND;
    Bytes bytes;
    if (!block) {
        TRY(tables_read(store->tables, &transaction, err));
        status = transaction_get(&transaction, TABLE_BLOCKS,
                                 cid_multihash(cid), &bytes, err);
        if (status == STATUS_OK)
            *out = bytes.len;
        transaction_end(&transaction);
        if (status != STATUS_NOT_FOUND)
            return status;
        TRY(fall_back(store, status, cid, &block, err));
    }
    *out = block_bytes(block).len;
    block_unref(block);
    return STATUS_OK;
}

bool store_holds_exactly(struct store *store, const Cid *cid, Bytes bytes)
{
    struct transaction transaction;
    Bytes found;
    if (tables_read(store->tables, &transaction, NULL) != STATUS_OK)
        return false;
    bool holds =
        transaction_get(&transaction, TABLE_BLOCKS, cid_multihash(cid), &found,
                        NULL) == STATUS_OK &&
        bytes_equal(found, bytes);
    transaction_end(&transaction);
    return holds;
}

unsigned cid_class(Bytes cid)
{
    struct cid_parts parts;
    cid_parts_of(cid, &parts);
    return parts.codec == CODEC_DAG_PB     ? 1
           : parts.codec == CODEC_DAG_CBOR ? 2
           : parts.codec == CODEC_DAG_JSON ? 3
                                           : CLASS_LEAF;
}

/* --- Commits ------------------------------------------------------------ */

/* Why a batch cannot be written, whatever is in it. */
static Status check_batch(const struct store_batch *batch, struct error *err)
{
    if (batch->status != STATUS_OK) {
        if (err)
            *err = batch->error;
        return batch->status;
    }
    if (batch->store->read_only)
        return fail(err, STATUS_DENIED, "store %s is open read-only",
                    batch->store->directory);
    return STATUS_OK;
}

Status store_commit(struct store_batch *batch, struct error *err)
{
    Status status = STATUS_OK;
    if (batch->first || batch->status != STATUS_OK)
        status = check_batch(batch, err);
    if (batch->first && status == STATUS_OK &&
        !hold_batch(batch->store, batch))
        status = queue_commit(batch->store->queue, batch, err);
    batch_clear(batch);
    return status;
}

void store_commit_async(struct store_batch *batch, StoreDone *done,
                        void *context)
{
    batch->done = done;
    batch->context = context;
    struct error error = {0};
    Status status = check_batch(batch, &error);
    if (status != STATUS_OK) {
        // It takes its turn empty, and `done` is told.
        batch_clear(batch);
        batch->status = status;
        batch->error = error;
    } else if (hold_batch(batch->store, batch)) {
        batch_clear(batch);
    }
    queue_submit(batch->store->queue, batch);
}

Status store_flush(struct store *store, struct error *err)
{
    return queue_flush(store->queue, err);
}

void store_settle(struct store *store)
{
    queue_settle(store->queue);
}

Status store_stat(struct store *store, struct store_stat *out,
                  struct error *err)
{
    static const enum table tables[] = {
        TABLE_BLOCKS, TABLE_MEMO, TABLE_SYMBOLIC, TABLE_PINS, TABLE_NAMES};
    enum { COUNT = sizeof tables / sizeof *tables };
    struct table_stat found[COUNT] = {0};
    struct transaction transaction;
    queue_settle(store->queue);
    TRY(tables_read(store->tables, &transaction, err));
    Status status = STATUS_OK;
    for (size_t index = 0; index < COUNT && status == STATUS_OK; index++)
        status =
            transaction_stat(&transaction, tables[index], &found[index], err);
    transaction_end(&transaction);
    *out = (struct store_stat){
        .blocks = found[0].count,
        .block_bytes = found[0].table_bytes,
        .memo = found[1].count,
        .symbolic = found[2].count,
        .pins = found[3].count,
        .names = found[4].count,
        .map_bytes = found[0].map_bytes,
        .used_bytes = found[0].used_bytes,
        .free_bytes = found[0].free_bytes,
    };
    return status;
}
