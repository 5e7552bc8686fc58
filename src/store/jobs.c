/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - adding jobs to batches, and reading them: in short transactions, of
 * which each begins where the last one ended, because those who are told may
 * use the store. */
#include "store/jobs.h"

#include "base/arena.h"
#include "store/jobs_private.h"
#include "store/store_private.h"

enum {
    PORTION_FIRST = 100,
    PORTION_JOBS = 256,
    PORTION_BYTES = 4 << 20,
    ROW_MAX = JOB_ROW_MAX + 1024, /* with its roots */
};

/* --- Writing ------------------------------------------------------------- */

static Bytes number_bytes(uint64_t number, uint8_t out[8])
{
    for (unsigned index = 0; index < 8; index++)
        out[index] = (uint8_t)(number >> 8 * (7 - index));
    return bytes_of(out, 8);
}

static void refuse(struct store_batch *batch, const char *what, size_t len,
                   size_t max)
{
    struct error error = {0};
    IGNORE(fail(&error, STATUS_LIMIT, "%s has %zu bytes, at most %zu", what,
                len, max));
    batch_refuse(batch, &error);
}

void store_batch_job(struct store_batch *batch, const struct job_row *row)
{
    struct buffer bytes;
    if (row->value.len > JOB_ROW_MAX) {
        refuse(batch, "the row of a job", row->value.len, JOB_ROW_MAX);
        return;
    }
    buffer_init(&bytes, ROW_MAX);
    job_row_write(row, &bytes);
    batch_add(batch, OPERATION_JOB, TABLE_JOBS, hash_view(&row->id),
              buffer_bytes(&bytes));
    buffer_deinit(&bytes);
}

void store_batch_job_remove(struct store_batch *batch, const Hash *id,
                            int64_t submitted_ms)
{
    uint8_t time[8];
    batch_add(batch, OPERATION_JOB_REMOVE, TABLE_JOBS, hash_view(id),
              number_bytes((uint64_t)submitted_ms, time));
}

void store_batch_journal(struct store_batch *batch, const Hash *id,
                         int64_t submitted_ms, uint64_t first, Bytes events)
{
    const struct job_place place = {submitted_ms, *id};
    uint8_t key[JOURNAL_KEY_LEN];
    if (events.len > JOURNAL_ROW_MAX)
        refuse(batch, "a row of a journal", events.len, JOURNAL_ROW_MAX);
    else
        batch_add(batch, OPERATION_PUT, TABLE_JOURNAL,
                  journal_key(&place, first, key), events);
}

void store_batch_journal_remove(struct store_batch *batch, const Hash *id,
                                int64_t submitted_ms, uint64_t below)
{
    const struct job_place place = {submitted_ms, *id};
    uint8_t key[JOB_PLACE_LEN], number[8];
    batch_add(batch, OPERATION_JOURNAL_CUT, TABLE_JOURNAL,
              job_time_key(&place, key), number_bytes(below, number));
}

/* --- One job ------------------------------------------------------------- */

static Status get_job(struct transaction *transaction, const Hash *id,
                      struct arena *arena, struct job_row *out,
                      struct error *err)
{
    struct job_place place;
    TRY(job_find(transaction, hash_view(id), &place, err));
    TRY(job_read(transaction, &place, out, err));
    out->value = arena_copy_bytes(arena, out->value);
    return STATUS_OK;
}

Status job_get(struct store *store, const Hash *id, struct arena *arena,
               struct job_row *out, struct error *err)
{
    struct transaction transaction;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = get_job(&transaction, id, arena, out, err);
    transaction_end(&transaction);
    return status;
}

/* --- Many ---------------------------------------------------------------- */

/* Some rows, copied. */
struct portion {
    struct transaction *transaction;
    enum table table;
    struct arena arena;
    struct job_row *rows[PORTION_JOBS];
    size_t looked_at, row_count, max;
    uint8_t next[JOB_PLACE_LEN + 1]; /* where the next one begins */
    size_t next_len;
    bool is_last;
    Status status;
    struct error *err;
};

static void take_row(struct portion *portion, const struct job_row *row)
{
    struct job_row *copy = ARENA_NEW(&portion->arena, struct job_row);
    *copy = *row;
    copy->value = arena_copy_bytes(&portion->arena, row->value);
    portion->rows[portion->row_count++] = copy;
}

/* Of jobs_open: its row is elsewhere. */
static void take_open(struct portion *portion, Bytes key)
{
    const struct job_place place = job_place_of_open(key);
    struct job_row row;
    const Status status =
        job_read(portion->transaction, &place, &row, portion->err);
    if (status == STATUS_OK && row.is_open)
        take_row(portion, &row);
    else if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        portion->status = status;
}

static bool take(void *context, Bytes key, Bytes value)
{
    struct portion *portion = context;
    struct job_row row;
    if (portion->looked_at++ == portion->max) {
        portion->is_last = false;
        return false;
    }
    if (key.len != JOB_PLACE_LEN)
        return true;
    memcpy(portion->next, key.data, key.len);
    portion->next[key.len] = 0; // The least key behind it.
    portion->next_len = key.len + 1;
    if (portion->table == TABLE_JOBS_OPEN)
        take_open(portion, key);
    else if (table_value_of_row(portion->table, key, &value) &&
             job_row_read(key, value, &row))
        take_row(portion, &row);
    return portion->status == STATUS_OK;
}

static Status take_portion(struct store *store, struct portion *portion,
                           struct error *err)
{
    struct transaction transaction;
    const Bytes from = bytes_of(portion->next, portion->next_len);
    arena_reset(&portion->arena);
    const Bytes first = arena_copy_bytes(&portion->arena, from);
    portion->looked_at = portion->row_count = 0;
    portion->is_last = true;
    portion->err = err;
    TRY(tables_read(store->tables, &transaction, err));
    portion->transaction = &transaction;
    Status status = transaction_walk_from(&transaction, portion->table, first,
                                          take, portion, err);
    transaction_end(&transaction);
    portion->transaction = NULL;
    // Who wants a page has it by now; who wants more is given more at once.
    portion->max = PORTION_JOBS;
    return status == STATUS_OK ? portion->status : status;
}

static Status each_of(struct store *store, struct portion *portion,
                      JobEach *each, void *context, struct error *err)
{
    Status status = STATUS_OK;
    bool goes_on = true;
    portion->max = PORTION_FIRST;
    while (goes_on && !portion->is_last && status == STATUS_OK) {
        status = take_portion(store, portion, err);
        for (size_t index = 0;
             index < portion->row_count && goes_on && status == STATUS_OK;
             index++)
            goes_on = each(context, portion->rows[index]);
    }
    arena_deinit(&portion->arena);
    return status;
}

Status job_each_open(struct store *store, JobEach *each, void *context,
                     struct error *err)
{
    struct portion portion = {.table = TABLE_JOBS_OPEN};
    return each_of(store, &portion, each, context, err);
}

Status job_each(struct store *store, const struct job_place *after,
                JobEach *each, void *context, struct error *err)
{
    struct portion portion = {.table = TABLE_JOBS_TIME};
    if (after) {
        job_time_key(after, portion.next);
        portion.next_len = sizeof portion.next; // The zero behind it.
    }
    return each_of(store, &portion, each, context, err);
}

Status job_count(struct store *store, uint64_t *open, uint64_t *all,
                 struct error *err)
{
    struct transaction transaction;
    struct table_stat stat = {0};
    TRY(tables_read(store->tables, &transaction, err));
    Status status =
        transaction_stat(&transaction, TABLE_JOBS_OPEN, &stat, err);
    *open = stat.count;
    if (status == STATUS_OK)
        status = transaction_stat(&transaction, TABLE_JOBS_TIME, &stat, err);
    *all = stat.count;
    transaction_end(&transaction);
    return status;
}

/* --- Journals ------------------------------------------------------------ */

struct reading {
    struct arena arena;
    struct job_place place;
    uint8_t prefix[JOB_PLACE_LEN];
    struct journal_row {
        uint64_t first;
        Bytes events;
    } rows[PORTION_JOBS];
    size_t count, bytes;
    uint64_t next;
    bool is_last;
};

static bool take_events(void *context, Bytes key, Bytes value)
{
    struct reading *reading = context;
    if (key.len != JOURNAL_KEY_LEN ||
        memcmp(key.data, reading->prefix, JOB_PLACE_LEN) != 0)
        return false;
    const uint64_t first = journal_first(key);
    if (reading->count == PORTION_JOBS || reading->bytes > PORTION_BYTES) {
        reading->next = first;
        reading->is_last = false;
        return false;
    }
    if (!table_value_of_row(TABLE_JOURNAL, key, &value))
        return true; // Its numbers are missing: whoever reads sees that.
    reading->bytes += value.len;
    reading->rows[reading->count++] =
        (struct journal_row){first, arena_copy_bytes(&reading->arena, value)};
    return true;
}

/* Where the job is in time, and the row that holds the first event. */
static Status find_first(struct transaction *transaction,
                         struct reading *reading, struct error *err)
{
    uint8_t key[JOURNAL_KEY_LEN];
    Bytes found = {NULL, 0};
    TRY(job_find(transaction, hash_view(&reading->place.id), &reading->place,
                 err));
    job_time_key(&reading->place, reading->prefix);
    Status status = transaction_floor(
        transaction, TABLE_JOURNAL,
        journal_key(&reading->place, reading->next, key), &found, err);
    if (status == STATUS_OK && found.len == JOURNAL_KEY_LEN &&
        memcmp(found.data, reading->prefix, JOB_PLACE_LEN) == 0)
        reading->next = journal_first(found);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static Status read_some(struct store *store, struct reading *reading,
                        bool is_first, struct error *err)
{
    struct transaction transaction;
    uint8_t key[JOURNAL_KEY_LEN];
    Status status = STATUS_OK;
    arena_reset(&reading->arena);
    reading->count = reading->bytes = 0;
    reading->is_last = true;
    TRY(tables_read(store->tables, &transaction, err));
    if (is_first)
        status = find_first(&transaction, reading, err);
    if (status == STATUS_OK)
        status = transaction_walk_from(
            &transaction, TABLE_JOURNAL,
            journal_key(&reading->place, reading->next, key), take_events,
            reading, err);
    transaction_end(&transaction);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

Status journal_each(struct store *store, const Hash *id, uint64_t from,
                    JournalEach *each, void *context, struct error *err)
{
    struct reading reading = {.place = {.id = *id}, .next = from};
    Status status = STATUS_OK;
    bool goes_on = true, is_first = true;
    while (goes_on && !reading.is_last && status == STATUS_OK) {
        status = read_some(store, &reading, is_first, err);
        is_first = false;
        for (size_t index = 0;
             index < reading.count && goes_on && status == STATUS_OK; index++)
            goes_on = each(context, reading.rows[index].first,
                           reading.rows[index].events);
    }
    arena_deinit(&reading.arena);
    return status;
}
