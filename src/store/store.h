/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - blocks, memo, pins, leases and notes behind one interface.
 *
 *     store_batch_…()        collect what belongs together
 *     store_commit()         durable when it returns
 *     store_commit_async()   visible to this process when it returns, durable
 *                            when its callback is called; batches of many
 *                            threads become one transaction
 *
 * What a store hands out hashes to the CID it was asked for, always. What was
 * committed survives kill -9 and power loss; what was not may be gone whole,
 * never in part. Several processes may have one store open.
 *
 * Backends: LMDB (store_open) and memory (store_open_memory), for tests.
 * Thread: any; each backend does its own locking.
 */
#ifndef IPVM_STORE_STORE_H
#define IPVM_STORE_STORE_H

#include "base/bytes.h"
#include "base/status.h"
#include "ipld/cid.h"
#include "store/block.h"

struct store;

struct store_options {
    bool read_only;
    bool no_sync;       /* for tests and benchmarks only: no fdatasync */
    uint64_t map_bytes; /* first map size; 0 is 1 GiB. Grows by itself */
};

/* Opens or makes a store in `directory` (0700). STATUS_UNSUPPORTED: made by a
 * newer version, says which. STATUS_BUSY: this process has it open already.
 * STATUS_NOT_FOUND: nothing there to read. STATUS_CORRUPT, STATUS_DENIED,
 * STATUS_FULL, STATUS_IO: say what and where. `options` may be NULL. */
Status store_open(const char *directory, const struct store_options *options,
                  struct store **out, struct error *err);
struct store *store_open_memory(void);
/* Commits what is pending, then closes. NULL is allowed. */
void store_close(struct store *store);

/* The directory given to store_open(), or "" for memory. */
const char *store_directory(const struct store *store);

/* --- Blocks ------------------------------------------------------------- */

/* Finds a block. On STATUS_OK `*out` is a reference to give back with
 * block_unref(). STATUS_NOT_FOUND is an answer. STATUS_CORRUPT: the bytes are
 * there and do not hash to `cid`. Identity CIDs answer for themselves. */
Status store_get(struct store *store, const Cid *cid, struct block **out,
                 struct error *err);
/* Copies up to `len` bytes of a block, from `offset` on, and no more of it, for
 * who hands it on in pieces; `*got` is fewer where it ends. Fails as
 * store_get(). */
Status store_read(struct store *store, const Cid *cid, uint64_t offset,
                  uint8_t *out, size_t len, size_t *got, struct error *err);
/* Hashes a block, so that a store_get() soon need not: for those who read
 * ahead on other threads. Fails as store_get(). `*out`: a reference to a block
 * that came from a source, which is hashed each time; else NULL. */
Status store_prepare(struct store *store, const Cid *cid, struct block **out,
                     struct error *err);
/* Bytes of a block (not re-hashed). STATUS_NOT_FOUND is an answer. */
Status store_length(struct store *store, const Cid *cid, uint64_t *out,
                    struct error *err);
/* True if the block is there (not re-hashed). */
bool store_has(struct store *store, const Cid *cid);

/* --- Writing ------------------------------------------------------------ */

/* A batch is what becomes durable together. Thread: one at a time. */
struct store_batch;
struct store_batch *store_batch_new(struct store *store);
/* Forgets everything not committed. */
void store_batch_free(struct store_batch *batch);

/* Adds a block whose bytes the caller made or verified: `cid` is right.
 * Copies. Known blocks cost one look-up. */
void store_batch_block(struct store_batch *batch, const Cid *cid, Bytes bytes);
/* Adds a foreign block: hashed first. STATUS_CORRUPT: bytes and CID differ.
 * STATUS_LIMIT: longer than BLOCK_TAKEN_MAX. STATUS_UNSUPPORTED: its hash. */
Status store_batch_foreign_block(struct store_batch *batch, const Cid *cid,
                                 Bytes bytes, struct error *err);

/* Removes a block, needed or not (gc.h removes those that are not). What living
 * processes have in memory they may go on answering with. */
void store_batch_remove_block(struct store_batch *batch, const Cid *cid);

/* Makes the batch durable; returns after it is. The batch is empty then and
 * may be used again. STATUS_FULL, STATUS_IO, STATUS_DENIED: nothing of it was
 * kept. */
Status store_commit(struct store_batch *batch, struct error *err);

/* The same without waiting. The batch belongs to the store from here on.
 * `done` (may be NULL) is called once, on the store's writer thread, when it
 * is durable or lost; there, store_commit() and store_flush() are forbidden,
 * all else is allowed. It waits when 256 MiB are under way. Batches become
 * durable in the order they were given. What is in it can be read by this
 * process at once. */
typedef void StoreDone(void *context, Status status, const struct error *err);
void store_commit_async(struct store_batch *batch, StoreDone *done,
                        void *context);
/* Waits until all that was given to store_commit_async() is durable or lost;
 * the failures stay to be told by store_flush(). */
void store_settle(struct store *store);
/* The same; the first failure since the last call. */
Status store_flush(struct store *store, struct error *err);

/* --- Memo (FORMATS section 2) ------------------------------------------- */

/* How a concrete computation came out, and what that cost. */
struct memo_entry {
    Cid result;         /* dag-cbor block {"ok": …} or {"error": …} */
    bool is_ok;         /* which of the two */
    uint8_t provenance; /* enum memo_provenance */
    uint64_t run_ns;    /* wall time of the run */
    uint64_t cpu_ns;
    uint64_t memory_peak;  /* bytes */
    uint64_t fuel;         /* 0: not metered */
    uint64_t stored_bytes; /* new bytes this result put into the store */
    int64_t made_s;        /* seconds since 1970 */
    int64_t hit_s;         /* last hit, coarse; may be lost */
    uint64_t hits;         /* coarse too */
    char engine[64];       /* "wasmtime 48.0.8", NUL-ended */
};
enum memo_provenance { MEMO_OWN = 0, MEMO_RECEIPT = 1 };

/* Concrete computation → entry. Entries that cannot be read, or whose result
 * block is gone, are STATUS_NOT_FOUND (a hit is right or it is a miss). A hit
 * is counted, in memory, and written with some later batch. */
Status memo_get(struct store *store, const Hash *concrete,
                struct memo_entry *out, struct error *err);

/* The entry as it stands: its result may be gone, and it is no hit. For those
 * who want to say why there is none. */
Status memo_peek(struct store *store, const Hash *concrete,
                 struct memo_entry *out, struct error *err);

/* Symbolic computation → concrete, or `*upstream` true: the result is
 * {"error": {"ipvm/error": "upstream"}}. */
Status memo_get_symbolic(struct store *store, const Hash *symbolic,
                         Hash *concrete, bool *upstream, struct error *err);

/* First writer wins. A different result under the same key is kept beside it
 * as an alarm: see memo_alarms(). */
void store_batch_memo(struct store_batch *batch, const Hash *concrete,
                      const struct memo_entry *entry);
/* `through` are the concrete entries it was resolved through (its direct
 * awaits' concrete CIDs; the symbolic of one that came out as upstream):
 * withdrawing one of them withdraws this too. `concrete` may be NULL if
 * `upstream`. The first writer wins. */
void store_batch_symbolic(struct store_batch *batch, const Hash *symbolic,
                          const Hash *concrete, bool upstream,
                          const Hash *through, size_t through_count);
/* Removes a concrete entry and all symbolic ones that were resolved through
 * it, and through what those became, and so on. Until it is durable, every
 * symbolic look-up of this process is a miss. */
void store_batch_withdraw(struct store_batch *batch, const Hash *concrete);

/* Calls `each` for every concrete computation whose result is `result`, until
 * it returns false. */
typedef bool MemoEach(void *context, const Hash *concrete);
Status memo_by_result(struct store *store, const Cid *result, MemoEach *each,
                      void *context, struct error *err);
/* The concrete computation whose run first put this block here. */
Status memo_producer(struct store *store, const Cid *block, Hash *concrete,
                     struct error *err);
/* Records it, for the blocks of a result. */
void store_batch_producer(struct store_batch *batch, const Cid *block,
                          const Hash *concrete);
/* Concrete computations with more than one result, until `each` is false. */
typedef bool MemoAlarm(void *context, const Hash *concrete, const Cid *first,
                       const Cid *other);
Status memo_alarms(struct store *store, MemoAlarm *each, void *context,
                   struct error *err);

/* --- Leases: who is working on what, across processes -------------------- */

/* Takes the lease of `key` for `owner` (a random number of the process) until
 * `ttl_ms` from now, or renews it. STATUS_BUSY: another holds it, and
 * `*left_ms` says for how long. Not durable: a crash frees it by expiry. */
Status lease_take(struct store *store, const Hash *key, uint64_t owner,
                  uint64_t ttl_ms, uint64_t *left_ms, struct error *err);
/* Looks only: STATUS_BUSY if another than `owner` holds it, with `*left_ms`;
 * else STATUS_OK. One read, cheap enough for every run. */
Status lease_peek(struct store *store, const Hash *key, uint64_t owner,
                  uint64_t *left_ms, struct error *err);
Status lease_drop(struct store *store, const Hash *key, uint64_t owner,
                  struct error *err);

/* --- Roots: what is kept ------------------------------------------------- */

/* A pin keeps a block and all below it. One a CID; the last name wins. */
void store_batch_pin(struct store_batch *batch, const Cid *cid, Text name);
void store_batch_unpin(struct store_batch *batch, const Cid *cid);
typedef bool PinEach(void *context, const Cid *cid, Text name);
Status pin_each(struct store *store, PinEach *each, void *context,
                struct error *err);

/* Names that people give to CIDs: words of [A-Za-z0-9_.-] joined by '/', at
 * most NAME_LEN_MAX bytes. What a name was before stays in its history, newest
 * first, NAME_HISTORY_MAX of them; all of those are kept, too. */
enum { NAME_LEN_MAX = 255, NAME_HISTORY_MAX = 100 };
/* STATUS_INVALID: not such a name, says why. */
Status name_check(Text name, struct error *err);
/* Setting a name to what it is already changes nothing. */
void store_batch_name(struct store_batch *batch, Text name, const Cid *cid);
/* With its history. */
void store_batch_unname(struct store_batch *batch, Text name);
/* STATUS_NOT_FOUND: no such name. */
Status name_get(struct store *store, Text name, Cid *out, struct error *err);
/* `age` 0 is what the name is now, 1 what it was before, …; with
 * `with_history` false only age 0 is told. Names ascend bytewise. */
typedef bool NameEach(void *context, Text name, unsigned age, const Cid *cid,
                      int64_t set_s);
Status name_each(struct store *store, Text prefix, bool with_history,
                 NameEach *each, void *context, struct error *err);

/* Keeps `cid` and all below it from collection while this process uses it, in
 * every process that has the store open. Not durable: it survives a crash and
 * then expires (HOLD_TTL_S); a living process renews it by itself. */
enum { HOLD_TTL_S = 900 };
Status store_hold(struct store *store, const Cid *cid, struct error *err);

/* --- Block sources: other places where blocks are ------------------------ */

enum { SOURCE_WHERE_MAX = 160 };

struct source_stat {
    uint64_t files, blocks, block_bytes;
    uint64_t files_refused; /* not counted above: damaged, cut off */
    bool is_missing;        /* it cannot be read now */
};

/* A second, read-only place that store_get() and store_has() ask when the
 * store itself has no such block, or a damaged one. What it gives is hashed by
 * the store every time, and never written to it.
 * Thread: any, all of them. */
struct block_source {
    /* STATUS_NOT_FOUND is an answer. The bytes need not be right. */
    Status (*get)(struct block_source *source, const Cid *cid,
                  struct block **out, struct error *err);
    bool (*has)(struct block_source *source, const Cid *cid);
    /* For people: in which file, where in it. */
    void (*where)(struct block_source *source, const Cid *cid,
                  char out[SOURCE_WHERE_MAX]);
    void (*stat)(struct block_source *source, struct source_stat *out);
    void (*close)(struct block_source *source);
    const char *name; /* for people: the folder */
};
/* The store owns it from here on, and asks those added first first. Before the
 * store is used by a second thread. */
void store_add_source(struct store *store, struct block_source *source);
/* In the order they are asked, until `each` returns false. */
typedef bool SourceEach(void *context, const char *name,
                        const struct source_stat *stat);
void source_each(struct store *store, SourceEach *each, void *context);

/* --- Notes: small facts that may be lost and rebuilt --------------------- */

/* One table each; keys at most 400 bytes, values at most 1 MiB. */
enum note_table {
    NOTE_FILE,     /* input file (path, inode, size, times) → CID */
    NOTE_MODULE,   /* module CID → its description */
    NOTE_WORKFLOW, /* workflow CID → validated: outputs and their symbolic */
    NOTE_LAST_RUN, /* workflow name and label → what ran last, for explain */
    NOTE_TABLES
};
/* The value is copied into `arena`. */
Status note_get(struct store *store, enum note_table table, Bytes key,
                struct arena *arena, Bytes *out, struct error *err);
void store_batch_note(struct store_batch *batch, enum note_table table,
                      Bytes key, Bytes value);

/* --- Facts --------------------------------------------------------------- */

struct store_stat {
    uint64_t blocks, block_bytes, memo, symbolic, pins, names;
    uint64_t map_bytes;
    uint64_t used_bytes; /* of the file, with what is free in it */
    uint64_t free_bytes; /* of those: will be used again */
};
Status store_stat(struct store *store, struct store_stat *out,
                  struct error *err);

#endif
