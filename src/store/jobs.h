/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.h - rows about jobs: what each is now, its journal, and what quotas have
 * been used up. What rows say is the layer's above (node/job.h); here is what
 * the store must know: which are open, in what order they came, and which
 * blocks they keep from collection.
 *
 * Writes go into batches, so a job's row, its journal and the results of its
 * tasks become durable together, in one transaction with those of other jobs.
 * Reads see what is durable, not what is under way.
 * docs/formats/store.md says what is in the tables. Thread: any. */
#ifndef IPVM_STORE_JOBS_H
#define IPVM_STORE_JOBS_H

#include "store/store.h"

enum {
    JOB_ROOTS_MAX = 8,
    JOB_ROW_MAX = 64 << 10,      /* bytes of `value` */
    JOURNAL_ROW_MAX = 512 << 10, /* bytes of `events` */
    QUOTA_ID_MAX = 255,
};

struct job_row {
    Hash id;              /* of the invocation's signed payload */
    bool is_open;         /* not over: found by job_each_open() */
    int64_t submitted_ms; /* since 1970, not negative; never changes */
    /* What it keeps, with all below: its workflow, its invocation, journal
     * segments, what it came to. */
    Cid roots[JOB_ROOTS_MAX];
    unsigned root_count;
    Bytes value;
};

/* Adds or replaces; copies. */
void store_batch_job(struct store_batch *batch, const struct job_row *row);
/* With its journal; its blocks go at the next collection. */
void store_batch_job_remove(struct store_batch *batch, const Hash *id,
                            int64_t submitted_ms);
/* Events from number `first` on. Each: length of its item (4 bytes), number
 * (8), both little-endian; a DAG-CBOR item. What they link stays as long as
 * they do, so that results that a job finished are hits for it in a year; a
 * segment that replaces them has to link it, too. */
void store_batch_journal(struct store_batch *batch, const Hash *id,
                         int64_t submitted_ms, uint64_t first, Bytes events);
/* Rows that begin before number `below`: they are in a segment now. */
void store_batch_journal_remove(struct store_batch *batch, const Hash *id,
                                int64_t submitted_ms, uint64_t below);

/* STATUS_NOT_FOUND is an answer. `out->value` is in `arena`. */
Status job_get(struct store *store, const Hash *id, struct arena *arena,
               struct job_row *out, struct error *err);
/* Until `each` is false; it may use the store. */
typedef bool JobEach(void *context, const struct job_row *row);
/* Those that came first are told first. Ten thousand open ones among millions
 * that are over cost ten thousand. */
Status job_each_open(struct store *store, JobEach *each, void *context,
                     struct error *err);
/* Newest first, from behind `after` (NULL: the newest). */
struct job_place {
    int64_t submitted_ms;
    Hash id;
};
Status job_each(struct store *store, const struct job_place *after,
                JobEach *each, void *context, struct error *err);
/* Rows that hold events of number `from` and later, ascending: the first may
 * begin before it. `each` may use the store. A damaged row is not told. */
typedef bool JournalEach(void *context, uint64_t first, Bytes events);
Status journal_each(struct store *store, const Hash *id, uint64_t from,
                    JournalEach *each, void *context, struct error *err);

/* Open and all jobs. Counted when asked: not for every request. */
Status job_count(struct store *store, uint64_t *open, uint64_t *all,
                 struct error *err);

/* --- Quotas: what a delegation's users may use in total ------------------ */

void store_batch_quota(struct store_batch *batch, Text id, Bytes value);
void store_batch_quota_remove(struct store_batch *batch, Text id);
Status quota_get(struct store *store, Text id, struct arena *arena, Bytes *out,
                 struct error *err);
typedef bool QuotaEach(void *context, Text id, Bytes value);
Status quota_each(struct store *store, QuotaEach *each, void *context,
                  struct error *err);

/* --- Retention ----------------------------------------------------------- */

/* Which jobs that are over are forgotten. A zeroed struct forgets none. */
struct job_retention {
    uint64_t keep_s;    /* those submitted before that; 0: no bound */
    uint64_t count_max; /* the oldest beyond so many; 0: no bound */
    uint64_t bytes_max; /* the oldest beyond so many bytes of rows, journals
                           and root blocks; 0: no bound */
};
/* A job whose CID (dag-cbor of its id), workflow or outcome is pinned stays. In
 * small transactions; `*removed` also when it fails. */
Status job_forget(struct store *store, const struct job_retention *retention,
                  uint64_t *removed, struct error *err);

#endif
