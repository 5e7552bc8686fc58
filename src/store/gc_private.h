/* SPDX-License-Identifier: Apache-2.0 */
/* gc_private.h - what the files of a collection share. Inside src/store only.
 * Thread: the collector's.
 *
 *     gc.c        the order of things
 *     gc_mark.c   what is kept: a closure
 *     gc_roots.c  where that begins
 *     gc_memo.c   which memo results are worth their bytes
 *     gc_sweep.c  what goes
 */
#ifndef IPVM_STORE_GC_PRIVATE_H
#define IPVM_STORE_GC_PRIVATE_H

#include "base/buffer.h"
#include "store/gc.h"
#include "store/memo_entry.h"
#include "store/seen.h"
#include "store/store_private.h"

/* A key of a table, to go on behind it. */
struct place {
    uint8_t bytes[TABLE_KEY_MAX + 1];
    size_t len;
};

struct collector {
    struct store *store;
    const struct gc_options *options;
    struct gc_report *report;
    int file;       /* locked; -1: none */
    uint64_t owner; /* of the collector's lease */
    uint64_t renewed_ns;
    int64_t now_s, grace_s;

    /* Blocks that stay, and those whose links were followed, by class. */
    struct seen kept, followed[CLASS_COUNT];
    /* Of those, what only recent writes and holds lead to: a workflow links
     * computations that nobody stores. They are not missing if they are not
     * here. */
    struct seen lately;
    struct seen absent; /* followed, and not there: they may come yet */
    bool is_lately;     /* what is marked now */
    uint64_t nowhere;   /* blocks with links, found in no place */
    uint8_t *stack;     /* owned: CIDs to be followed, length behind each */
    size_t len, capacity;
    uint64_t followed_count;

    /* How far the rows of others were read. */
    struct place touched, held;
    struct place began; /* rows of touched behind this are newer than pins */

    Cid *doomed; /* owned; results of memo entries that are let go */
    size_t doomed_count, doomed_capacity;
    Hash *expired; /* owned; memo entries whose result went long ago */
    size_t expired_count;

    uint64_t found; /* kept blocks that were met */
    uint64_t found_lately;
    uint64_t block_count;
};

/* Begins behind `key` when it is walked from there. */
void place_set(struct place *place, Bytes key);
static inline Bytes place_bytes(const struct place *place)
{
    return bytes_of(place->bytes, place->len);
}

/* --- gc_mark.c */

/* What the CID in `bytes` leads to stays. Only remembers it: mark_some()
 * follows. */
void mark_add(struct collector *collector, Bytes bytes);
/* Follows links in this transaction, of at most `max` blocks. STATUS_CORRUPT:
 * a block that is needed is damaged, named. */
Status mark_some(struct collector *collector, struct transaction *transaction,
                 size_t max, struct error *err);
/* Follows all, in transactions of its own. */
Status mark_all(struct collector *collector, struct error *err);
void mark_deinit(struct collector *collector);

/* --- gc_roots.c */

/* Pins and names. */
Status roots_read(struct collector *collector, struct error *err);
/* Jobs, what was touched lately, and what is held; once the others are marked:
 * like what is written lately, jobs link computations that nobody stores. */
Status roots_read_lately(struct collector *collector, struct error *err);
/* What others touched or hold since the last look. */
Status roots_again(struct collector *collector,
                   struct transaction *transaction, struct error *err);
/* Touched rows that are older than the grace go; `again` if some are left. */
Status roots_prune(struct collector *collector, bool *again,
                   struct error *err);

/* --- gc_memo.c */

/* Marks the memo results that are retained; fills `doomed`. */
Status memo_choose(struct collector *collector, struct error *err);

/* --- gc_sweep.c */

Status sweep_all(struct collector *collector, struct error *err);

/* --- gc.c */

/* Tells the caller; renews the lease when it is time. STATUS_CANCELLED,
 * STATUS_BUSY: another took over. */
Status collector_tell(struct collector *collector, const char *phase,
                      uint64_t done, uint64_t total, struct error *err);
/* Before a transaction is committed: is the lease still ours? */
Status collector_check(struct collector *collector, struct error *err);

#endif
