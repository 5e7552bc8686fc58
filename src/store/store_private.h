/* SPDX-License-Identifier: Apache-2.0 */
/* store_private.h - what the files of a store share. Inside src/store only.
 * Thread: any; the parts lock for themselves. */
#ifndef IPVM_STORE_STORE_PRIVATE_H
#define IPVM_STORE_STORE_PRIVATE_H

#include <pthread.h>

#include "base/arena.h"
#include "store/block_cache.h"
#include "store/hits.h"
#include "store/hold.h"
#include "store/queue.h"
#include "store/store.h"
#include "store/tables.h"
#include "store/verified.h"

struct store {
    char *directory; /* "" for memory */
    bool read_only;
    struct tables *tables;
    struct verified *verified;
    struct block_cache *cache;
    struct hits *hits;
    struct queue *queue;
    struct holds *holds;
    struct block_source **sources; /* owned, as are they */
    size_t source_count;
    pthread_mutex_t lease_lock; /* guards the two below */
    struct tables *leases;      /* NULL until the first lease */
    uint64_t lease_count;       /* taken by this process */
};

/* True if the block is durable with exactly these bytes: no need to write it.
 */
bool store_holds_exactly(struct store *store, const Cid *cid, Bytes bytes);

/* Is the block there and does it hash to `cid`? STATUS_NOT_FOUND,
 * STATUS_CORRUPT, STATUS_UNSUPPORTED as store_get(), without the copy. */
Status store_check(struct store *store, const Cid *cid, struct error *err);

/* Asks the sources for a block that hashes to its name. STATUS_NOT_FOUND: none
 * has it. STATUS_CORRUPT: what they have is damaged, says where. */
Status sources_get(struct store *store, const Cid *cid, struct block **out,
                   struct error *err);
bool sources_have(struct store *store, const Cid *cid);
void sources_close(struct store *store);

/* STATUS_OK, STATUS_CORRUPT, or STATUS_UNSUPPORTED: a hash that we do not
 * have. */
Status store_check_bytes(Bytes multihash, Bytes bytes);

/* Does anybody hold it? In a transaction of the leases. */
bool lease_is_held(struct transaction *transaction, const Hash *key);

/* After a transaction of the leases that came out as `status`: STATUS_OK if
 * there is room now for what it lacked, else `status`. */
Status leases_room(struct store *store, Status status, struct error *err);

/* Ends what store_private holds about leases. */
void leases_close(struct store *store);

static inline enum table note_table_of(enum note_table table)
{
    ASSERT(table < NOTE_TABLES);
    return (enum table)(TABLE_NOTE_FILE + (int)table);
}

/* What a block can be reached as: 0 for those whose links nobody follows, else
 * one number for each codec. */
enum { CLASS_LEAF, CLASS_COUNT = 4 };
unsigned cid_class(Bytes cid);

static inline Bytes hash_view(const Hash *hash)
{
    return bytes_of(hash->bytes, sizeof hash->bytes);
}

#endif
