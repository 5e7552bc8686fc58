/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_fsck.c - what is wrong with rows about jobs. A row that cannot be
 * believed goes, and with a job all that is about it. */
#include "store/jobs_private.h"

/* STATUS_OK: there is such a job, and its row can be read. */
static Status read_job(struct transaction *transaction, Bytes id,
                       struct job_row *out)
{
    Bytes value;
    TRY(transaction_get(transaction, TABLE_JOBS, id, &value, NULL));
    return job_row_read(id, value, out) ? STATUS_OK : STATUS_NOT_FOUND;
}

static bool has_row(struct transaction *transaction, enum table table,
                    Bytes key)
{
    Bytes value;
    return transaction_get(transaction, table, key, &value, NULL) == STATUS_OK;
}

static Bytes time_key_of(const struct job_row *row, uint8_t out[JOB_PLACE_LEN])
{
    const struct job_place place = {row->submitted_ms, row->id};
    return job_time_key(&place, out);
}

static const char *check_job(struct transaction *transaction, Bytes key,
                             Bytes value)
{
    struct job_row row;
    uint8_t index[JOB_PLACE_LEN];
    if (!job_row_read(key, value, &row))
        return "it cannot be read";
    if (!has_row(transaction, TABLE_JOBS_TIME, time_key_of(&row, index)))
        return "its row in jobs_time is missing";
    if (row.is_open &&
        !has_row(transaction, TABLE_JOBS_OPEN, job_open_key(&row, index)))
        return "its row in jobs_open is missing";
    return NULL;
}

static const char *check_index(struct transaction *transaction,
                               enum table table, Bytes key)
{
    struct job_row row;
    uint8_t expected[JOB_PLACE_LEN];
    if (key.len != JOB_PLACE_LEN)
        return "its key is no time and job";
    if (read_job(transaction, bytes_from(key, JOB_TIME_LEN), &row) !=
        STATUS_OK)
        return "its job is not there";
    if (table == TABLE_JOBS_OPEN && !row.is_open)
        return "its job is over";
    const Bytes right = table == TABLE_JOBS_OPEN ? job_open_key(&row, expected)
                                                 : time_key_of(&row, expected);
    return bytes_equal(key, right) ? NULL
                                   : "its job was submitted at another time";
}

static const char *check_journal(struct transaction *transaction, Bytes key)
{
    struct job_row row;
    if (key.len != JOURNAL_KEY_LEN)
        return "its key is no job and number";
    return read_job(transaction, bytes_of(key.data, SHA256_LEN), &row) ==
                   STATUS_OK
               ? NULL
               : "its job is not there";
}

const char *job_wrong(struct transaction *transaction, enum table table,
                      Bytes key, Bytes value)
{
    if (table == TABLE_JOBS)
        return check_job(transaction, key, value);
    if (table == TABLE_JOURNAL)
        return check_journal(transaction, key);
    return table == TABLE_QUOTAS ? NULL : check_index(transaction, table, key);
}

/* The rows that it lacks. */
static Status add_indices(struct transaction *transaction,
                          const struct job_row *row, struct error *err)
{
    static const Bytes nothing = {NULL, 0};
    uint8_t key[JOB_PLACE_LEN];
    TRY(transaction_put(transaction, TABLE_JOBS_TIME, time_key_of(row, key),
                        nothing, err));
    if (!row->is_open)
        return STATUS_OK;
    return transaction_put(transaction, TABLE_JOBS_OPEN,
                           job_open_key(row, key), nothing, err);
}

Status job_mend(struct transaction *transaction, enum table table, Bytes key,
                struct error *err)
{
    static const uint8_t no_time[JOB_TIME_LEN];
    struct job_row row;
    if (table != TABLE_JOBS || key.len != SHA256_LEN)
        return transaction_remove(transaction, table, key, err);
    if (read_job(transaction, key, &row) == STATUS_OK)
        return add_indices(transaction, &row, err);
    // Its rows in the indices are wrong now, and mended as such.
    return job_apply_remove(transaction, key,
                            bytes_of(no_time, sizeof no_time), err);
}
