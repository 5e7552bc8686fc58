/* SPDX-License-Identifier: Apache-2.0 */
/* hold.c - rows in the environment of the leases: no sync, a few microseconds.
 *
 * Between a look whether a block is there and its use, a collection may remove
 * it. So a hold comes first. Then:
 *
 *  1. If nobody collects after the hold is written, a collector that comes
 *     later reads it with the other roots.
 *  2. If somebody does, it reads new holds in each of its transactions before
 *     it removes anything. One that began before the hold may still end: we
 *     wait for it, by the lock that all writers take. What is there then
 *     stays.
 */
#include "store/hold.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/buffer.h"
#include "store/seen.h"
#include "store/store_private.h"
#include "store/thread.h"

enum { ROW_MAX = 64 << 10, HOLD_TTL_MS = HOLD_TTL_S * 1000 };

struct key {
    uint8_t bytes[HOLD_KEY_LEN];
};

/* Of one owner in the table. */
struct rows {
    uint64_t owner;
    struct key *keys; /* owned */
    size_t count, capacity;
};

struct holds {
    pthread_mutex_t lock; /* guards all below; nothing is written with it */
    pthread_cond_t stop;
    pthread_t keeper; /* renews the lease */
    bool is_kept, has_lease, stopping;
    uint64_t owner;                /* 0: none yet; then it stays */
    struct seen held[CLASS_COUNT]; /* what is held already */
    struct rows rows;
};

static void add_key(struct rows *rows, struct key key)
{
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 16;
        rows->keys =
            heap_resize(rows->keys, rows->capacity, sizeof *rows->keys);
    }
    rows->keys[rows->count++] = key;
}

struct holds *holds_new(void)
{
    struct holds *holds = HEAP_NEW(struct holds);
    pthread_condattr_t how;
    pthread_condattr_init(&how);
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    pthread_cond_init(&holds->stop, &how);
    pthread_condattr_destroy(&how);
    pthread_mutex_init(&holds->lock, NULL);
    return holds;
}

Hash collector_key(void)
{
    Hash hash;
    hash_sha256(text_bytes(TEXT("ipvm collection")), &hash);
    return hash;
}

Hash hold_key(uint64_t owner)
{
    uint8_t bytes[] = "ipvm hold ........";
    Hash hash;
    memcpy(bytes + sizeof bytes - 1 - sizeof owner, &owner, sizeof owner);
    hash_sha256(bytes_of(bytes, sizeof bytes - 1), &hash);
    return hash;
}

/* --- The lease ----------------------------------------------------------- */

static Status renew(struct store *store, uint64_t owner, struct error *err)
{
    const Hash key = hold_key(owner);
    uint64_t left_ms;
    return lease_take(store, &key, owner, HOLD_TTL_MS, &left_ms, err);
}

static void *keep(void *argument)
{
    struct store *store = argument;
    struct holds *holds = store->holds;
    pthread_mutex_lock(&holds->lock);
    while (!holds->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += HOLD_TTL_S / 3;
        if (pthread_cond_timedwait(&holds->stop, &holds->lock, &until) == 0)
            continue;
        pthread_mutex_unlock(&holds->lock);
        IGNORE(renew(store, holds->owner, NULL));
        pthread_mutex_lock(&holds->lock);
    }
    pthread_mutex_unlock(&holds->lock);
    return NULL;
}

/* Nobody's row may be there before the lease: whoever comes while it is being
 * taken takes it, too. */
static Status become_holder(struct store *store, struct error *err)
{
    struct holds *holds = store->holds;
    pthread_mutex_lock(&holds->lock);
    while (holds->owner == 0)
        random_bytes(&holds->owner, sizeof holds->owner);
    const bool has_lease = holds->has_lease;
    pthread_mutex_unlock(&holds->lock);
    if (has_lease)
        return STATUS_OK;
    TRY(renew(store, holds->owner, err));
    pthread_mutex_lock(&holds->lock);
    if (!holds->has_lease && store->directory[0] != '\0') {
        thread_start(&holds->keeper, keep, store);
        holds->is_kept = true;
    }
    holds->has_lease = true;
    pthread_mutex_unlock(&holds->lock);
    return STATUS_OK;
}

/* --- Rows ---------------------------------------------------------------- */

static void key_of_now(uint64_t owner, struct key *out)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    const uint64_t ns =
        (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    for (unsigned index = 0; index < 8; index++)
        out->bytes[index] = (uint8_t)(ns >> 8 * (7 - index));
    memcpy(out->bytes + 8, &owner, sizeof owner);
}

/* In the one write transaction that there is: no two get the same time. */
static Status write_row(struct transaction *transaction, struct rows *rows,
                        Bytes row, struct error *err)
{
    struct key key;
    key_of_now(rows->owner, &key);
    TRY(transaction_put(transaction, TABLE_HOLDS,
                        bytes_of(key.bytes, sizeof key.bytes), row, err));
    add_key(rows, key);
    return STATUS_OK;
}

static void begin_row(struct buffer *row, uint64_t owner)
{
    buffer_clear(row);
    for (unsigned index = 0; index < 8; index++)
        buffer_add_byte(row, (uint8_t)(owner >> 8 * index));
}

static Status write_rows(struct transaction *transaction, struct rows *rows,
                         const Cid *const *cids, size_t count,
                         struct error *err)
{
    struct buffer row;
    Status status = STATUS_OK;
    buffer_init(&row, ROW_MAX);
    begin_row(&row, rows->owner);
    for (size_t index = 0; index < count && status == STATUS_OK; index++) {
        const Cid *cid = cids[index];
        if (row.len + 1U + cid->len > ROW_MAX) {
            status = write_row(transaction, rows, buffer_bytes(&row), err);
            begin_row(&row, rows->owner);
        }
        buffer_add_byte(&row, cid->len);
        buffer_add_bytes(&row, cid_bytes(cid));
    }
    if (status == STATUS_OK)
        status = write_row(transaction, rows, buffer_bytes(&row), err);
    buffer_deinit(&row);
    return status;
}

static Status write_once(struct store *store, struct rows *rows,
                         const Cid *const *cids, size_t count,
                         struct error *err)
{
    struct transaction transaction;
    rows->count = 0;
    TRY(tables_write(store->leases, &transaction, err));
    Status status = write_rows(&transaction, rows, cids, count, err);
    if (status == STATUS_OK)
        return transaction_commit(&transaction, err);
    transaction_end(&transaction);
    return status;
}

static Status write_all(struct store *store, struct rows *rows,
                        const Cid *const *cids, size_t count,
                        struct error *err)
{
    Status status = write_once(store, rows, cids, count, err);
    while (status == STATUS_LIMIT || status == STATUS_FULL) {
        TRY(leases_room(store, status, err));
        status = write_once(store, rows, cids, count, err);
    }
    return status;
}

/* Waits for the transaction of a collector that may not know of our hold. */
static Status wait_for_collector(struct store *store, struct error *err)
{
    const Hash key = collector_key();
    struct transaction transaction;
    uint64_t left_ms;
    Status status = lease_peek(store, &key, 0, &left_ms, NULL);
    if (status != STATUS_BUSY)
        return STATUS_OK;
    TRY(tables_write(store->tables, &transaction, err));
    transaction_end(&transaction);
    return STATUS_OK;
}

static struct seen *held_like(struct holds *holds, const Cid *cid)
{
    return &holds->held[cid_class(cid_bytes(cid))];
}

/* With the lock held. Leaves only those that were not held before. */
static size_t leave_new(struct holds *holds, const Cid **cids, size_t count)
{
    size_t left = 0;
    for (size_t index = 0; index < count; index++)
        if (cid_hash_code(cids[index]) != HASH_IDENTITY &&
            !seen_has(held_like(holds, cids[index]),
                      cid_multihash(cids[index])))
            cids[left++] = cids[index];
    return left;
}

static void note_held(struct holds *holds, const struct rows *rows,
                      const Cid *const *cids, size_t count)
{
    pthread_mutex_lock(&holds->lock);
    for (size_t index = 0; index < count; index++)
        seen_add(held_like(holds, cids[index]), cid_multihash(cids[index]));
    for (size_t index = 0; index < rows->count; index++)
        add_key(&holds->rows, rows->keys[index]);
    pthread_mutex_unlock(&holds->lock);
}

/* `cids` is used up. */
static Status hold_all(struct store *store, const Cid **cids, size_t count,
                       struct error *err)
{
    struct holds *holds = store->holds;
    pthread_mutex_lock(&holds->lock);
    count = leave_new(holds, cids, count);
    pthread_mutex_unlock(&holds->lock);
    if (count == 0)
        return STATUS_OK;
    TRY(become_holder(store, err));
    struct rows rows = {.owner = holds->owner};
    Status status = write_all(store, &rows, cids, count, err);
    if (status == STATUS_OK)
        note_held(holds, &rows, cids, count);
    free(rows.keys);
    return status == STATUS_OK ? wait_for_collector(store, err) : status;
}

Status store_hold(struct store *store, const Cid *cid, struct error *err)
{
    const Cid *one = cid;
    return hold_all(store, &one, 1, err);
}

/* --- Batches ------------------------------------------------------------- */

static bool are_all_there(struct store *store, const struct store_batch *batch)
{
    struct transaction transaction;
    Bytes bytes;
    bool all = true;
    if (tables_read(store->tables, &transaction, NULL) != STATUS_OK)
        return false;
    for (const struct operation *each = batch->first; each && all;
         each = each->next)
        all = transaction_get(&transaction, TABLE_BLOCKS, each->key, &bytes,
                              NULL) == STATUS_OK;
    transaction_end(&transaction);
    return all;
}

bool hold_batch(struct store *store, const struct store_batch *batch)
{
    if (batch->count == 0 || batch->count != batch->known)
        return false;
    const Cid **cids = heap_array(batch->count, sizeof(const Cid *));
    size_t count = 0;
    for (const struct operation *each = batch->first; each; each = each->next)
        cids[count++] = block_cid(each->block);
    Status status = hold_all(store, cids, count, NULL);
    free(cids);
    return status == STATUS_OK && are_all_there(store, batch);
}

/* --- The end ------------------------------------------------------------- */

static void remove_rows(struct store *store)
{
    const struct rows *rows = &store->holds->rows;
    struct transaction transaction;
    Status status = tables_write(store->leases, &transaction, NULL);
    if (status != STATUS_OK)
        return;
    for (size_t index = 0; index < rows->count && status == STATUS_OK; index++)
        status = transaction_remove(
            &transaction, TABLE_HOLDS,
            bytes_of(rows->keys[index].bytes, HOLD_KEY_LEN), NULL);
    if (status == STATUS_OK)
        IGNORE(transaction_commit(&transaction, NULL));
    else
        transaction_end(&transaction);
}

void holds_close(struct store *store)
{
    struct holds *holds = store->holds;
    if (!holds)
        return;
    pthread_mutex_lock(&holds->lock);
    holds->stopping = true;
    pthread_cond_signal(&holds->stop);
    pthread_mutex_unlock(&holds->lock);
    if (holds->is_kept)
        pthread_join(holds->keeper, NULL);
    if (holds->rows.count > 0)
        remove_rows(store);
    if (holds->has_lease) {
        const Hash key = hold_key(holds->owner);
        IGNORE(lease_drop(store, &key, holds->owner, NULL));
    }
    for (size_t index = 0; index < CLASS_COUNT; index++)
        seen_deinit(&holds->held[index]);
    free(holds->rows.keys);
    pthread_cond_destroy(&holds->stop);
    pthread_mutex_destroy(&holds->lock);
    free(holds);
}
