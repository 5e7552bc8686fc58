/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_private.h - rows about jobs as bytes, and what changes and checks them.
 * Inside src/store only. Thread: the one that has the transaction.
 *
 *     jobs_rows.c    rows as bytes, and the changes
 *     jobs.c         for those who add and read jobs
 *     jobs_quota.c   the same for quotas
 *     jobs_forget.c  which jobs go
 *     jobs_fsck.c    what is wrong with a row */
#ifndef IPVM_STORE_JOBS_PRIVATE_H
#define IPVM_STORE_JOBS_PRIVATE_H

#include "base/buffer.h"
#include "store/batch.h"
#include "store/jobs.h"

enum {
    JOB_TIME_LEN = 8,
    JOB_PLACE_LEN = JOB_TIME_LEN + SHA256_LEN,
    JOURNAL_KEY_LEN = JOB_PLACE_LEN + 8,
};

/* --- Rows as bytes */

void job_row_write(const struct job_row *row, struct buffer *out);
/* Of jobs_time. `out` borrows. False: it cannot be read. */
bool job_row_read(Bytes key, Bytes value, struct job_row *out);
/* Where a row is in time. */
struct job_place job_place_of(const struct job_row *row);

/* Of jobs_time: those that came last are first. */
Bytes job_time_key(const struct job_place *place, uint8_t out[JOB_PLACE_LEN]);
/* Of jobs_open: those that came first are first. */
Bytes job_open_key(const struct job_place *place, uint8_t out[JOB_PLACE_LEN]);
struct job_place job_place_of_open(Bytes key);
/* Behind a job's key of jobs_time; ascend as the numbers do. */
Bytes journal_key(const struct job_place *place, uint64_t first,
                  uint8_t out[JOURNAL_KEY_LEN]);
uint64_t journal_first(Bytes key);

/* Tells the CIDs that the events in a row of a journal link. */
typedef void JournalLink(void *context, Bytes cid);
void journal_links(Bytes events, JournalLink *each, void *context);

/* --- Looking up */

/* Of jobs: when the job was submitted. STATUS_NOT_FOUND. */
Status job_find(struct transaction *transaction, Bytes id,
                struct job_place *out, struct error *err);
/* Its row, borrowed from the transaction; one that cannot be read is not
 * there. */
Status job_read(struct transaction *transaction, const struct job_place *place,
                struct job_row *out, struct error *err);

/* --- Changes */

/* `value` is what job_row_write() made. `*has_new_roots`: the row that it
 * replaces, if any, has not all of its roots. */
Status job_apply(struct transaction *transaction, Bytes id, Bytes value,
                 bool *has_new_roots, struct error *err);
/* Its rows in jobs and jobs_open. */
Status job_put_indices(struct transaction *transaction,
                       const struct job_row *row, struct error *err);
/* `time` is when it was submitted, should its row not say so. */
Status job_apply_remove(struct transaction *transaction, Bytes id, Bytes time,
                        struct error *err);
/* Rows of the journal of the job with this key of jobs_time. */
Status journal_apply_cut(struct transaction *transaction, Bytes place,
                         Bytes below, struct error *err);
/* What an operation roots, for touched. */
void job_operation_roots(Bytes value, JournalLink *each, void *context);

/* --- Looking for damage */

/* NULL: nothing. Of the five tables of this file. */
const char *job_wrong(struct transaction *transaction, enum table table,
                      Bytes key, Bytes value);
static inline bool table_is_of_jobs(enum table table)
{
    return table >= TABLE_JOBS && table <= TABLE_QUOTAS;
}
/* Removes the row and what hangs on it, or adds the rows that it lacks. */
Status job_mend(struct transaction *transaction, enum table table, Bytes key,
                struct error *err);

#endif
