/* SPDX-License-Identifier: Apache-2.0 */
/* fsck_blocks.c - hashes every block, on all cores.
 *
 * Threads take turns at the table: the one whose turn it is notes where the
 * next few MiB of blocks lie and where they end, in a transaction of its own,
 * and hashes them there, in the map, while the next takes its turn. So the
 * disk is read about in the order of the keys, and no transaction is longer
 * than one portion. */
#include "store/fsck.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ipld/multihash.h"
#include "store/store_private.h"

enum {
    PORTION_BYTES = 4 << 20,
    PORTION_BLOCKS = 4096,
    THREADS_MAX = 64,
    PROGRESS_MS = 100,
};

struct damaged_block {
    uint8_t key[TABLE_KEY_MAX];
    size_t len;
};

struct check {
    struct store *store;
    pthread_mutex_t turn; /* guards the two below */
    uint8_t next[TABLE_KEY_MAX + 1];
    size_t next_len;
    bool is_over;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t news;
    struct fsck_counts counts;
    struct damaged_block *damaged; /* owned */
    size_t damaged_count;
    unsigned running;
    bool stop;
    Status status;
    struct error error;
};

struct portion {
    struct check *check;
    Bytes keys[PORTION_BLOCKS], blocks[PORTION_BLOCKS];
    size_t count, bytes;
    struct fsck_counts counts;
};

static bool take_row(void *context, Bytes key, Bytes value)
{
    struct portion *portion = context;
    struct check *check = portion->check;
    if (portion->count == PORTION_BLOCKS || portion->bytes >= PORTION_BYTES) {
        memcpy(check->next, key.data, key.len);
        check->next_len = key.len;
        check->is_over = false;
        return false;
    }
    portion->keys[portion->count] = key;
    portion->blocks[portion->count++] = value;
    portion->bytes += value.len;
    return true;
}

/* A turn: what is next, in `transaction`. */
static Status take_portion(struct portion *portion,
                           struct transaction *transaction, struct error *err)
{
    struct check *check = portion->check;
    portion->count = portion->bytes = 0;
    if (check->is_over)
        return STATUS_OK;
    const Bytes from = bytes_of(check->next, check->next_len);
    uint8_t copy[TABLE_KEY_MAX + 1];
    memcpy(copy, from.data, from.len);
    check->is_over = true; // Unless a row is left for the next.
    return transaction_walk_from(transaction, TABLE_BLOCKS,
                                 bytes_of(copy, from.len), take_row, portion,
                                 err);
}

static void note_damaged(struct check *check, Bytes key)
{
    pthread_mutex_lock(&check->lock);
    check->damaged = heap_resize(check->damaged, check->damaged_count + 1,
                                 sizeof *check->damaged);
    struct damaged_block *block = &check->damaged[check->damaged_count++];
    memcpy(block->key, key.data, key.len);
    block->len = key.len;
    pthread_mutex_unlock(&check->lock);
}

Status store_check_bytes(Bytes multihash, Bytes bytes)
{
    Cid cid = {.len = 2, .bytes = {1, CODEC_RAW}};
    if (multihash.len > CID_BYTES_MAX - 2)
        return STATUS_CORRUPT;
    memcpy(cid.bytes + 2, multihash.data, multihash.len);
    cid.len = (uint8_t)(multihash.len + 2);
    if (cid_check_bytes(cid_bytes(&cid), NULL) != STATUS_OK)
        return STATUS_CORRUPT;
    return cid_verify(&cid, bytes, NULL);
}

static void hash_portion(struct portion *portion)
{
    struct check *check = portion->check;
    for (size_t index = 0; index < portion->count; index++) {
        const Bytes key = portion->keys[index];
        Status status = store_check_bytes(key, portion->blocks[index]);
        if (status == STATUS_OK)
            verified_add(check->store->verified, key);
        else if (status == STATUS_UNSUPPORTED)
            portion->counts.unknown++;
        else
            note_damaged(check, key);
    }
    portion->counts.blocks += portion->count;
    portion->counts.block_bytes += portion->bytes;
}

/* False: nothing is left. */
static Status do_portion(struct portion *portion, bool *more,
                         struct error *err)
{
    struct check *check = portion->check;
    struct transaction transaction;
    pthread_mutex_lock(&check->turn);
    Status status = tables_read(check->store->tables, &transaction, err);
    bool begun = status == STATUS_OK;
    if (begun)
        status = take_portion(portion, &transaction, err);
    pthread_mutex_unlock(&check->turn);
    if (status == STATUS_OK)
        hash_portion(portion);
    if (begun)
        transaction_end(&transaction);
    *more = portion->count > 0;
    return status;
}

static void *work(void *context)
{
    struct check *check = context;
    struct portion *portion = HEAP_NEW(struct portion);
    struct error error = {0};
    bool more = true;
    Status status = STATUS_OK;
    portion->check = check;
    while (more && status == STATUS_OK) {
        portion->counts = (struct fsck_counts){0};
        status = do_portion(portion, &more, &error);
        pthread_mutex_lock(&check->lock);
        check->counts.blocks += portion->counts.blocks;
        check->counts.block_bytes += portion->counts.block_bytes;
        check->counts.unknown += portion->counts.unknown;
        more = more && !check->stop;
        if (status != STATUS_OK && check->status == STATUS_OK) {
            check->status = status;
            check->error = error;
        }
        pthread_mutex_unlock(&check->lock);
    }
    pthread_mutex_lock(&check->lock);
    check->running--;
    pthread_cond_signal(&check->news);
    pthread_mutex_unlock(&check->lock);
    free(portion);
    return NULL;
}

/* Until all threads are done. */
static void watch(struct check *check, const struct fsck_options *options,
                  uint64_t total)
{
    pthread_mutex_lock(&check->lock);
    while (check->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PROGRESS_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        pthread_cond_timedwait(&check->news, &check->lock, &until);
        const uint64_t done = check->counts.block_bytes;
        pthread_mutex_unlock(&check->lock);
        const bool go_on = !options->progress ||
                           options->progress(options->context, done, total);
        pthread_mutex_lock(&check->lock);
        check->stop = check->stop || !go_on;
    }
    pthread_mutex_unlock(&check->lock);
}

static unsigned thread_count(const struct fsck_options *options)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = options->threads;
    if (count == 0)
        count = cores > 0 ? (unsigned)cores : 1;
    return count < THREADS_MAX ? count : THREADS_MAX;
}

static Status run_threads(struct check *check,
                          const struct fsck_options *options, uint64_t total,
                          struct error *err)
{
    pthread_t threads[THREADS_MAX];
    const unsigned wanted = thread_count(options);
    unsigned count = 0;
    if (options->progress && !options->progress(options->context, 0, total))
        return fail(err, STATUS_CANCELLED, "interrupted");
    check->running = wanted;
    while (count < wanted &&
           pthread_create(&threads[count], NULL, work, check) == 0)
        count++;
    pthread_mutex_lock(&check->lock);
    check->running -= wanted - count;
    pthread_mutex_unlock(&check->lock);
    watch(check, options, total);
    for (unsigned index = 0; index < count; index++)
        pthread_join(threads[index], NULL);
    if (count == 0)
        return fail(err, STATUS_HOST, "cannot start a thread");
    if (check->status != STATUS_OK) {
        if (err)
            *err = check->error;
        return check->status;
    }
    return check->stop ? fail(err, STATUS_CANCELLED, "interrupted")
                       : STATUS_OK;
}

Status fsck_blocks(struct store *store, const struct fsck_options *options,
                   FsckBlock *damaged, struct fsck_counts *counts,
                   struct error *err)
{
    struct store_stat stat;
    struct check check = {.store = store};
    TRY(store_stat(store, &stat, err));
    pthread_mutex_init(&check.turn, NULL);
    pthread_mutex_init(&check.lock, NULL);
    pthread_cond_init(&check.news, NULL);
    Status status = run_threads(&check, options, stat.block_bytes, err);
    for (size_t index = 0; index < check.damaged_count; index++)
        damaged(options->context,
                bytes_of(check.damaged[index].key, check.damaged[index].len));
    counts->blocks += check.counts.blocks;
    counts->block_bytes += check.counts.block_bytes;
    counts->unknown += check.counts.unknown;
    free(check.damaged);
    pthread_cond_destroy(&check.news);
    pthread_mutex_destroy(&check.lock);
    pthread_mutex_destroy(&check.turn);
    return status;
}
