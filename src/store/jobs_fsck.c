/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_fsck.c - what is wrong with rows about jobs. A row that cannot be
 * believed goes, and with a job all that is about it. */
#include "store/jobs_private.h"

/* The job with this key of jobs_time. */
static Status read_job(struct transaction *transaction, Bytes key,
                       struct job_row *out)
{
    Bytes value;
    TRY(transaction_get(transaction, TABLE_JOBS_TIME, key, &value, NULL));
    return job_row_read(key, value, out) ? STATUS_OK : STATUS_NOT_FOUND;
}

static bool has_open(struct transaction *transaction,
                     const struct job_place *place)
{
    uint8_t key[JOB_PLACE_LEN];
    Bytes value;
    return transaction_get(transaction, TABLE_JOBS_OPEN,
                           job_open_key(place, key), &value,
                           NULL) == STATUS_OK;
}

static const char *check_row(struct transaction *transaction, Bytes key,
                             Bytes value)
{
    struct job_row row;
    struct job_place found;
    if (!job_row_read(key, value, &row))
        return "it cannot be read";
    const struct job_place place = job_place_of(&row);
    if (job_find(transaction, bytes_from(key, JOB_TIME_LEN), &found, NULL) !=
        STATUS_OK)
        return "its row in jobs is missing";
    if (found.submitted_ms != place.submitted_ms)
        return "its job was submitted at another time";
    return !row.is_open || has_open(transaction, &place)
               ? NULL
               : "its row in jobs_open is missing";
}

static const char *check_id(struct transaction *transaction, Bytes key)
{
    struct job_place place;
    struct job_row row;
    if (key.len != SHA256_LEN)
        return "its key is no job";
    return job_find(transaction, key, &place, NULL) == STATUS_OK &&
                   job_read(transaction, &place, &row, NULL) == STATUS_OK
               ? NULL
               : "its job is not there";
}

static const char *check_open(struct transaction *transaction, Bytes key)
{
    struct job_row row;
    if (key.len != JOB_PLACE_LEN)
        return "its key is no time and job";
    const struct job_place place = job_place_of_open(key);
    if (job_read(transaction, &place, &row, NULL) != STATUS_OK)
        return "its job is not there";
    return row.is_open ? NULL : "its job is over";
}

static const char *check_journal(struct transaction *transaction, Bytes key)
{
    struct job_row row;
    if (key.len != JOURNAL_KEY_LEN)
        return "its key is no job and number";
    return read_job(transaction, bytes_of(key.data, JOB_PLACE_LEN), &row) ==
                   STATUS_OK
               ? NULL
               : "its job is not there";
}

const char *job_wrong(struct transaction *transaction, enum table table,
                      Bytes key, Bytes value)
{
    if (table == TABLE_JOBS_TIME)
        return check_row(transaction, key, value);
    if (table == TABLE_JOBS)
        return check_id(transaction, key);
    if (table == TABLE_JOBS_OPEN)
        return check_open(transaction, key);
    return table == TABLE_JOURNAL ? check_journal(transaction, key) : NULL;
}

/* Removes all that is about the job with this key of jobs_time. */
static Status remove_job(struct transaction *transaction, Bytes key,
                         struct error *err)
{
    static const uint8_t end[8] = {0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff};
    TRY(transaction_remove(transaction, TABLE_JOBS_TIME, key, err));
    // Its rows in jobs and jobs_open are wrong now, and mended as such.
    return key.len == JOB_PLACE_LEN
               ? journal_apply_cut(transaction, key, bytes_of(end, sizeof end),
                                   err)
               : STATUS_OK;
}

Status job_mend(struct transaction *transaction, enum table table, Bytes key,
                struct error *err)
{
    struct job_row row;
    struct job_place place;
    if (table != TABLE_JOBS_TIME)
        return transaction_remove(transaction, table, key, err);
    if (read_job(transaction, key, &row) != STATUS_OK)
        return remove_job(transaction, key, err);
    // Of two times the one counts that its id leads to.
    if (job_find(transaction, bytes_from(key, JOB_TIME_LEN), &place, NULL) ==
            STATUS_OK &&
        place.submitted_ms != row.submitted_ms)
        return remove_job(transaction, key, err);
    return job_put_indices(transaction, &row, err);
}
