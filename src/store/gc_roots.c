/* SPDX-License-Identifier: Apache-2.0 */
/* gc_roots.c - where keeping begins: pins, names, jobs, holds, and what was
 * touched lately. Memo results are in gc_memo.c.
 *
 * The transaction that reads pins and names notes the last row of touched, so
 * that whatever becomes a root later has a row behind it.
 */
#include <stdlib.h>

#include "store/gc_private.h"
#include "store/hold.h"
#include "store/jobs_private.h"
#include "store/name.h"
#include "store/pending.h"
#include "store/touched.h"

enum { PRUNED_AT_ONCE = 256, ROWS_IN_ONE_READ = 1024 };

void place_set(struct place *place, Bytes key)
{
    ASSERT(key.len <= TABLE_KEY_MAX);
    memcpy(place->bytes, key.data, key.len);
    place->bytes[key.len] = 0; // The least key behind it.
    place->len = key.len + 1;
}

static void add_cid(void *context, Bytes cid)
{
    mark_add(context, cid);
}

/* --- Pins and names ------------------------------------------------------ */

/* A walk over roots; `damaged` if one cannot be believed. */
struct visit {
    struct collector *collector;
    bool is_damaged;
};

static bool add_pin(void *context, Bytes key, Bytes value)
{
    struct visit *visit = context;
    // The key cannot be believed if the value cannot.
    visit->is_damaged = !table_value_of_row(TABLE_PINS, key, &value);
    if (!visit->is_damaged)
        mark_add(visit->collector, key);
    return !visit->is_damaged;
}

static bool add_name(void *context, Bytes key, Bytes value)
{
    struct visit *visit = context;
    struct name_version version;
    visit->is_damaged = !table_value_of_row(TABLE_NAMES, key, &value);
    while (!visit->is_damaged && name_version_read(&value, &version))
        mark_add(visit->collector, cid_bytes(&version.cid));
    return !visit->is_damaged;
}

static Status add_table(struct collector *collector,
                        struct transaction *transaction, enum table table,
                        TableEach *each, struct error *err)
{
    struct visit visit = {.collector = collector};
    TRY(transaction_walk(transaction, table, (Bytes){NULL, 0}, each, &visit,
                         err));
    if (visit.is_damaged)
        return fail(err, STATUS_CORRUPT,
                    "a row of %s is damaged, so what it kept is not known; "
                    "nothing was removed: run `ipvm fsck --repair` first",
                    table == TABLE_PINS ? "pins" : "names");
    return STATUS_OK;
}

/* --- Touched ------------------------------------------------------------- */

static void ignore_cid([[maybe_unused]] void *context,
                       [[maybe_unused]] Bytes cid)
{
}

static bool add_touched(void *context, Bytes key, Bytes value)
{
    struct collector *collector = context;
    const int64_t since_s = collector->now_s - collector->grace_s;
    int64_t time_s = INT64_MAX;
    // One that cannot be believed keeps what can be read of it.
    if (table_value_of_row(TABLE_TOUCHED, key, &value))
        touched_read(value, &time_s, ignore_cid, NULL);
    const bool is_young = collector->grace_s > 0 && time_s >= since_s;
    if (is_young || bytes_compare(key, place_bytes(&collector->began)) >= 0)
        touched_read(value, &time_s, add_cid, collector);
    place_set(&collector->touched, key);
    return true;
}

/* --- Receipts to be ------------------------------------------------------ */

static void add_pending_root(void *context, const Cid *cid)
{
    mark_add(context, cid_bytes(cid));
}

/* What is not sealed yet needs its workflow and its results. */
static bool add_pending(void *context, Bytes key, Bytes value)
{
    if (table_value_of_row(TABLE_PENDING, key, &value))
        pending_roots(value, add_pending_root, context);
    return true;
}

/* --- Jobs ---------------------------------------------------------------- */

/* A walk over many rows, some in each transaction: what changes in between is
 * in touched or in holds. */
struct long_visit {
    struct visit visit;
    enum table table;
    struct place at;
    size_t in_read;
};

static bool add_job(struct visit *visit, Bytes key, Bytes value)
{
    struct job_row row;
    visit->is_damaged = !job_row_read(key, value, &row);
    for (unsigned index = 0; !visit->is_damaged && index < row.root_count;
         index++)
        mark_add(visit->collector, cid_bytes(&row.roots[index]));
    return !visit->is_damaged;
}

/* Results of tasks that are over: a job that goes on, be it in a year, finds
 * them. */
static bool add_journal(struct visit *visit, Bytes events)
{
    journal_links(events, add_cid, visit->collector);
    return true;
}

static bool add_row_of_jobs(void *context, Bytes key, Bytes value)
{
    struct long_visit *visit = context;
    if (visit->in_read++ == ROWS_IN_ONE_READ)
        return false;
    place_set(&visit->at, key);
    visit->visit.is_damaged = !table_value_of_row(visit->table, key, &value);
    return !visit->visit.is_damaged &&
           (visit->table == TABLE_JOBS_TIME
                ? add_job(&visit->visit, key, value)
                : add_journal(&visit->visit, value));
}

/* Marks as it goes, so that what is to be followed does not pile up. */
static Status add_rows_of_jobs(struct collector *collector, enum table table,
                               struct error *err)
{
    struct long_visit visit = {.visit = {.collector = collector},
                               .table = table};
    do {
        struct transaction transaction;
        visit.in_read = 0;
        TRY(tables_read(collector->store->tables, &transaction, err));
        Status status =
            transaction_walk_from(&transaction, table, place_bytes(&visit.at),
                                  add_row_of_jobs, &visit, err);
        transaction_end(&transaction);
        TRY(status);
        if (visit.visit.is_damaged)
            return fail(err, STATUS_CORRUPT,
                        "a row of %s is damaged, so what it kept is not "
                        "known; nothing was removed: run `ipvm fsck --repair` "
                        "first",
                        table == TABLE_JOBS_TIME ? "jobs" : "journal");
        TRY(mark_all(collector, err));
    } while (visit.in_read > ROWS_IN_ONE_READ);
    return STATUS_OK;
}

/* --- Touched, again ------------------------------------------------------ */

static Status read_touched(struct collector *collector,
                           struct transaction *transaction, struct error *err)
{
    return transaction_walk_from(transaction, TABLE_TOUCHED,
                                 place_bytes(&collector->touched), add_touched,
                                 collector, err);
}

/* Whatever is touched from here on has a row behind this one. */
static Status find_beginning(struct collector *collector,
                             struct transaction *transaction,
                             struct error *err)
{
    Bytes key;
    const Status status =
        transaction_last(transaction, TABLE_TOUCHED, &key, err);
    if (status == STATUS_OK)
        place_set(&collector->began, key);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* --- Holds --------------------------------------------------------------- */

struct holding {
    struct collector *collector;
    struct transaction *transaction; /* of the leases */
    bool new_only;                   /* all of them are of the living */
    uint8_t dead[PRUNED_AT_ONCE][HOLD_KEY_LEN];
    size_t dead_count;
};

static bool is_dead(const struct holding *holding, uint64_t owner)
{
    const Hash key = hold_key(owner);
    return !holding->new_only && !lease_is_held(holding->transaction, &key);
}

static bool add_hold(void *context, Bytes key, Bytes value)
{
    struct holding *holding = context;
    int64_t owner;
    touched_read(value, &owner, ignore_cid, NULL);
    if (!is_dead(holding, (uint64_t)owner))
        touched_read(value, &owner, add_cid, holding->collector);
    else if (holding->dead_count < PRUNED_AT_ONCE && key.len == HOLD_KEY_LEN)
        memcpy(holding->dead[holding->dead_count++], key.data, HOLD_KEY_LEN);
    place_set(&holding->collector->held, key);
    return true;
}

static Status remove_dead(const struct holding *holding, struct error *err)
{
    struct transaction transaction;
    Status status = STATUS_OK;
    TRY(tables_write(holding->collector->store->leases, &transaction, err));
    for (size_t index = 0; index < holding->dead_count && status == STATUS_OK;
         index++)
        status = transaction_remove(
            &transaction, TABLE_HOLDS,
            bytes_of(holding->dead[index], HOLD_KEY_LEN), err);
    if (status == STATUS_OK)
        return transaction_commit(&transaction, err);
    transaction_end(&transaction);
    return status;
}

static Status read_holds(struct collector *collector, bool new_only,
                         struct error *err)
{
    struct transaction transaction;
    struct holding holding = {.collector = collector,
                              .transaction = &transaction,
                              .new_only = new_only};
    TRY(tables_read(collector->store->leases, &transaction, err));
    Status status = transaction_walk_from(&transaction, TABLE_HOLDS,
                                          place_bytes(&collector->held),
                                          add_hold, &holding, err);
    transaction_end(&transaction);
    if (status == STATUS_OK && holding.dead_count > 0)
        status = remove_dead(&holding, err);
    return status;
}

/* --- Together ------------------------------------------------------------ */

Status roots_read(struct collector *collector, struct error *err)
{
    struct transaction transaction;
    TRY(tables_read(collector->store->tables, &transaction, err));
    Status status = find_beginning(collector, &transaction, err);
    if (status == STATUS_OK)
        status = add_table(collector, &transaction, TABLE_PINS, add_pin, err);
    if (status == STATUS_OK)
        status =
            add_table(collector, &transaction, TABLE_NAMES, add_name, err);
    transaction_end(&transaction);
    return status;
}

Status roots_read_lately(struct collector *collector, struct error *err)
{
    struct transaction transaction;
    collector->is_lately = true;
    TRY(tables_read(collector->store->tables, &transaction, err));
    Status status = read_touched(collector, &transaction, err);
    if (status == STATUS_OK)
        status =
            transaction_walk(&transaction, TABLE_PENDING, (Bytes){NULL, 0},
                             add_pending, collector, err);
    transaction_end(&transaction);
    TRY(status);
    TRY(add_rows_of_jobs(collector, TABLE_JOBS_TIME, err));
    TRY(add_rows_of_jobs(collector, TABLE_JOURNAL, err));
    return read_holds(collector, false, err);
}

Status roots_again(struct collector *collector,
                   struct transaction *transaction, struct error *err)
{
    TRY(read_touched(collector, transaction, err));
    return read_holds(collector, true, err);
}

/* --- The past ------------------------------------------------------------ */

struct pruning {
    int64_t before_s;
    uint8_t keys[PRUNED_AT_ONCE][TABLE_KEY_MAX];
    size_t lens[PRUNED_AT_ONCE];
    size_t count;
};

static bool find_old(void *context, Bytes key, Bytes value)
{
    struct pruning *pruning = context;
    int64_t time_s = INT64_MIN; // One that cannot be believed goes along.
    if (pruning->count == PRUNED_AT_ONCE)
        return false;
    if (table_value_of_row(TABLE_TOUCHED, key, &value))
        touched_read(value, &time_s, ignore_cid, NULL);
    if (time_s >= pruning->before_s)
        return false;
    memcpy(pruning->keys[pruning->count], key.data, key.len);
    pruning->lens[pruning->count++] = key.len;
    return true;
}

Status roots_prune(struct collector *collector, bool *again, struct error *err)
{
    struct pruning *pruning = HEAP_NEW(struct pruning);
    struct transaction transaction;
    Status status = tables_write(collector->store->tables, &transaction, err);
    pruning->before_s = collector->now_s - collector->grace_s;
    if (status == STATUS_OK) {
        status = transaction_walk(&transaction, TABLE_TOUCHED,
                                  (Bytes){NULL, 0}, find_old, pruning, err);
        for (size_t index = 0; index < pruning->count && status == STATUS_OK;
             index++)
            status = transaction_remove(
                &transaction, TABLE_TOUCHED,
                bytes_of(pruning->keys[index], pruning->lens[index]), err);
        if (status == STATUS_OK)
            status = transaction_commit(&transaction, err);
        else
            transaction_end(&transaction);
    }
    *again = pruning->count == PRUNED_AT_ONCE;
    free(pruning);
    return status;
}
