/* SPDX-License-Identifier: Apache-2.0 */
/* gc_sweep.c - removes what is not kept, a little at a time.
 *
 * Each transaction first reads what others touched or hold since the last one
 * and follows it, then removes, then lets other writers in. So whatever is
 * there when somebody asks for it, and is asked for, stays.
 *
 *  1. What vouches for a DAG by its root goes before any other block: results
 *     of memo entries that are let go, notes about workflows and modules. Then
 *     nobody who finds the root believes in parts that are gone, also if we
 *     are killed here.
 *  2. Then blocks in the order of their keys, each with its row of producer.
 *  3. Then rows that nothing can lead to any more.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "store/apply.h"
#include "store/batch.h"
#include "store/gc_private.h"
#include "store/reserve.h"

enum {
    FOLLOWED_INSIDE = 256, /* more is followed outside of a transaction */
    VISITED_AT_ONCE = 1 << 17,
    REMOVED_FIRST = 4096, /* about 10 ms; more where syncing takes longer */
    REMOVED_AT_ONCE = 1 << 15,
    REMOVED_LEAST = 8,
    REMOVING_NS_MAX = 50000000, /* others wait that long, and for the sync */
};

/* Where a step is, and what it did so far. */
struct progress {
    struct place at;
    size_t index;
    uint64_t found, found_bytes, found_lately;
    uint64_t removed, removed_bytes, rows;
    bool is_done;
};

struct keys {
    struct arena arena;
    Bytes items[REMOVED_AT_ONCE];
    size_t count, visited;
};

struct sweep {
    struct collector *collector;
    struct transaction *transaction;
    struct progress next; /* becomes true with the commit */
    struct keys *keys;    /* owned */
    enum table table;     /* whose rows the step looks at */
    size_t step;          /* removed at once */
    bool adapts;          /* the step */
};

/* Does some of the work in one transaction. */
typedef Status Step(struct sweep *sweep, struct error *err);

/* --- Transactions -------------------------------------------------------- */

/* Begins a transaction in which everything that is kept is known. */
static Status begin(struct sweep *sweep, struct error *err)
{
    struct collector *collector = sweep->collector;
    for (;;) {
        TRY(mark_all(collector, err));
        TRY(tables_write(collector->store->tables, sweep->transaction, err));
        Status status = roots_again(collector, sweep->transaction, err);
        if (status == STATUS_OK)
            status =
                mark_some(collector, sweep->transaction, FOLLOWED_INSIDE, err);
        if (status == STATUS_OK && collector->len == 0)
            return STATUS_OK;
        transaction_end(sweep->transaction);
        TRY(status);
    }
}

/* Most of the time goes into syncing: fewer transactions then, up to a bound
 * that others can wait for. */
static void adapt(struct sweep *sweep, uint64_t removing_ns, uint64_t sync_ns)
{
    if (!sweep->adapts || sweep->keys->count < sweep->step)
        return;
    if (removing_ns > REMOVING_NS_MAX)
        sweep->step = (sweep->step + 1) / 2;
    else if (sync_ns > removing_ns && removing_ns < REMOVING_NS_MAX / 2 &&
             sweep->step * 2 <= REMOVED_AT_ONCE)
        sweep->step *= 2;
}

static Status step_once(struct sweep *sweep, Step *step, struct error *err)
{
    TRY(begin(sweep, err));
    const uint64_t began_ns = clock_monotonic_ns();
    Status status = step(sweep, err);
    if (status == STATUS_OK)
        status = collector_check(sweep->collector, err);
    if (status != STATUS_OK) {
        transaction_end(sweep->transaction);
        return status;
    }
    const uint64_t removed_ns = clock_monotonic_ns();
    TRY(transaction_commit(sweep->transaction, err));
    adapt(sweep, removed_ns - began_ns, clock_monotonic_ns() - removed_ns);
    return STATUS_OK;
}

static void forget_cached(struct sweep *sweep)
{
    for (size_t index = 0; index < sweep->keys->count; index++)
        block_cache_remove(sweep->collector->store->cache,
                           sweep->keys->items[index]);
}

static void clear_keys(struct keys *keys)
{
    arena_reset(&keys->arena);
    keys->count = keys->visited = 0;
}

/* On a full disk, where pages are copied before they change: first the
 * reserve, then fewer at once. What was removed makes room two transactions
 * later. */
static bool make_room(struct sweep *sweep)
{
    const struct store *store = sweep->collector->store;
    if (reserve_give(store->directory, RESERVE_FOR_GC))
        return true;
    if (sweep->step <= REMOVED_LEAST)
        return false;
    sweep->step =
        sweep->step / 8 > REMOVED_LEAST ? sweep->step / 8 : REMOVED_LEAST;
    return true;
}

static Status do_steps(struct sweep *sweep, Step *step, const char *phase,
                       struct error *err)
{
    struct collector *collector = sweep->collector;
    struct gc_report *report = collector->report;
    struct progress done = {0};
    while (!done.is_done) {
        sweep->next = done;
        clear_keys(sweep->keys);
        Status status = step_once(sweep, step, err);
        if (status == STATUS_LIMIT) {
            TRY(tables_grow(collector->store->tables, err));
            continue;
        }
        if (status == STATUS_FULL && make_room(sweep))
            continue;
        TRY(status);
        forget_cached(sweep);
        report->blocks_removed += sweep->next.removed - done.removed;
        report->bytes_removed +=
            sweep->next.removed_bytes - done.removed_bytes;
        report->rows_removed += sweep->next.rows - done.rows;
        collector->found += sweep->next.found - done.found;
        collector->found_lately +=
            sweep->next.found_lately - done.found_lately;
        report->bytes_kept += sweep->next.found_bytes - done.found_bytes;
        done = sweep->next;
        TRY(collector_tell(collector, phase,
                           report->blocks_removed + collector->found,
                           collector->block_count, err));
    }
    return STATUS_OK;
}

/* --- Blocks -------------------------------------------------------------- */

static bool is_kept(const struct collector *collector, Bytes multihash)
{
    return seen_has(&collector->kept, multihash);
}

static bool visit_block(void *context, Bytes key, Bytes value)
{
    struct sweep *sweep = context;
    struct keys *keys = sweep->keys;
    if (keys->count == sweep->step || keys->visited == VISITED_AT_ONCE) {
        sweep->next.is_done = false;
        return false;
    }
    keys->visited++;
    place_set(&sweep->next.at, key);
    if (is_kept(sweep->collector, key)) {
        sweep->next.found++;
        sweep->next.found_lately += seen_has(&sweep->collector->lately, key);
        sweep->next.found_bytes += value.len;
        return true;
    }
    sweep->next.removed++;
    sweep->next.removed_bytes += value.len;
    keys->items[keys->count++] = arena_copy_bytes(&keys->arena, key);
    return true;
}

static Status find_blocks(struct sweep *sweep, struct error *err)
{
    sweep->next.is_done = true;
    return transaction_walk_from(sweep->transaction, TABLE_BLOCKS,
                                 place_bytes(&sweep->next.at), visit_block,
                                 sweep, err);
}

static Status remove_block(struct sweep *sweep, Bytes key, struct error *err)
{
    TRY(transaction_remove(sweep->transaction, TABLE_BLOCKS, key, err));
    return transaction_remove(sweep->transaction, TABLE_PRODUCER, key, err);
}

static Status sweep_blocks(struct sweep *sweep, struct error *err)
{
    const struct keys *keys = sweep->keys;
    TRY(find_blocks(sweep, err));
    for (size_t index = 0; index < keys->count; index++)
        TRY(remove_block(sweep, keys->items[index], err));
    return STATUS_OK;
}

/* The same without a write: for a dry run. */
static Status count_blocks(struct sweep *sweep, struct error *err)
{
    struct collector *collector = sweep->collector;
    struct gc_report *report = collector->report;
    do {
        clear_keys(sweep->keys);
        TRY(tables_read(collector->store->tables, sweep->transaction, err));
        Status status = find_blocks(sweep, err);
        transaction_end(sweep->transaction);
        TRY(status);
        TRY(collector_tell(collector, "counting",
                           sweep->next.found + sweep->next.removed,
                           collector->block_count, err));
    } while (!sweep->next.is_done);
    collector->found = sweep->next.found;
    collector->found_lately = sweep->next.found_lately;
    report->bytes_kept = sweep->next.found_bytes;
    report->blocks_removed = sweep->next.removed;
    report->bytes_removed = sweep->next.removed_bytes;
    return STATUS_OK;
}

/* --- What vouches for others --------------------------------------------- */

/* Results that other roots keep anyway are kept with all below them. */
static void sort_doomed(struct collector *collector)
{
    struct gc_report *report = collector->report;
    size_t left = 0;
    for (size_t index = 0; index < collector->doomed_count; index++) {
        const Cid cid = collector->doomed[index];
        if (is_kept(collector, cid_multihash(&cid))) {
            mark_add(collector, cid_bytes(&cid));
            report->memo_kept++;
        } else {
            collector->doomed[left++] = cid;
        }
    }
    collector->doomed_count = left;
    report->memo_evicted = left;
}

static Status sweep_doomed(struct sweep *sweep, struct error *err)
{
    const struct collector *collector = sweep->collector;
    struct keys *keys = sweep->keys;
    struct progress *next = &sweep->next;
    while (next->index < collector->doomed_count &&
           keys->count < sweep->step) {
        const Cid *cid = &collector->doomed[next->index++];
        const Bytes key = cid_multihash(cid);
        Bytes value;
        if (is_kept(collector, key))
            continue;
        Status status = transaction_get(sweep->transaction, TABLE_BLOCKS, key,
                                        &value, err);
        if (status == STATUS_NOT_FOUND)
            continue; // Another entry's result, too.
        TRY(status);
        next->removed++;
        next->removed_bytes += value.len;
        keys->items[keys->count++] = arena_copy_bytes(&keys->arena, key);
        TRY(remove_block(sweep, key, err));
    }
    next->is_done = next->index == collector->doomed_count;
    return STATUS_OK;
}

/* Walks the step's table from where it was; `visit` takes keys to be removed.
 */
static Status sweep_rows(struct sweep *sweep, TableEach *visit,
                         struct error *err)
{
    const struct keys *keys = sweep->keys;
    sweep->next.is_done = true;
    TRY(transaction_walk_from(sweep->transaction, sweep->table,
                              place_bytes(&sweep->next.at), visit, sweep,
                              err));
    for (size_t index = 0; index < keys->count; index++)
        TRY(transaction_remove(sweep->transaction, sweep->table,
                               keys->items[index], err));
    sweep->next.rows += keys->count;
    return STATUS_OK;
}

static size_t rows_at_once(const struct sweep *sweep)
{
    return sweep->step < REMOVED_FIRST ? sweep->step : REMOVED_FIRST;
}

/* False: this was enough for one transaction. */
static bool goes_on(struct sweep *sweep, Bytes key)
{
    struct keys *keys = sweep->keys;
    sweep->next.is_done = keys->count < rows_at_once(sweep) &&
                          keys->visited < 2 * (size_t)REMOVED_FIRST;
    if (!sweep->next.is_done)
        return false;
    keys->visited++;
    place_set(&sweep->next.at, key);
    return true;
}

static void take(struct sweep *sweep, Bytes key)
{
    struct keys *keys = sweep->keys;
    keys->items[keys->count++] = arena_copy_bytes(&keys->arena, key);
}

static bool visit_note(void *context, Bytes key, [[maybe_unused]] Bytes value)
{
    struct sweep *sweep = context;
    Cid cid;
    if (!goes_on(sweep, key))
        return false;
    if (cid_from_bytes(key, &cid, NULL) == STATUS_OK &&
        cid_hash_code(&cid) != HASH_IDENTITY &&
        !is_kept(sweep->collector, cid_multihash(&cid)))
        take(sweep, key);
    return true;
}

static Status sweep_notes(struct sweep *sweep, struct error *err)
{
    return sweep_rows(sweep, visit_note, err);
}

/* --- What nothing leads to ----------------------------------------------- */

static bool has_row(struct sweep *sweep, enum table table, Bytes key)
{
    Bytes value;
    return transaction_get(sweep->transaction, table, key, &value, NULL) ==
           STATUS_OK;
}

static Status sweep_expired(struct sweep *sweep, struct error *err)
{
    const struct collector *collector = sweep->collector;
    struct progress *next = &sweep->next;
    const size_t first = next->index;
    while (next->index < collector->expired_count &&
           next->index - first < rows_at_once(sweep)) {
        const Bytes key = hash_view(&collector->expired[next->index++]);
        struct memo_entry entry;
        Bytes row;
        // It may have been made again.
        if (transaction_get(sweep->transaction, TABLE_MEMO, key, &row, NULL) !=
                STATUS_OK ||
            !memo_entry_read(row, &entry) ||
            has_row(sweep, TABLE_BLOCKS, cid_multihash(&entry.result)))
            continue;
        TRY(apply_forget(sweep->transaction, key, err));
        next->rows++;
    }
    next->is_done = next->index == collector->expired_count;
    return STATUS_OK;
}

/* Leads to a computation that has no memo entry. */
static bool visit_symbolic(void *context, Bytes key, Bytes value)
{
    struct sweep *sweep = context;
    if (!goes_on(sweep, key))
        return false;
    if (!table_value_of_row(TABLE_SYMBOLIC, key, &value) ||
        (value.len == SYMBOLIC_BYTES && value.data[0] == 0 &&
         !has_row(sweep, TABLE_MEMO, bytes_from(value, 1))))
        take(sweep, key);
    return true;
}

static Status sweep_symbolic(struct sweep *sweep, struct error *err)
{
    return sweep_rows(sweep, visit_symbolic, err);
}

static bool visit_through(void *context, Bytes key,
                          [[maybe_unused]] Bytes value)
{
    struct sweep *sweep = context;
    if (!goes_on(sweep, key))
        return false;
    if (key.len != 2 * (size_t)SHA256_LEN ||
        !has_row(sweep, TABLE_SYMBOLIC, bytes_from(key, SHA256_LEN)))
        take(sweep, key);
    return true;
}

static Status sweep_through(struct sweep *sweep, struct error *err)
{
    return sweep_rows(sweep, visit_through, err);
}

/* --- All of it ----------------------------------------------------------- */

static Status do_table(struct sweep *sweep, enum table table, Step *step,
                       const char *phase, struct error *err)
{
    sweep->table = table;
    Status status = do_steps(sweep, step, phase, err);
    // Their keys are no blocks.
    clear_keys(sweep->keys);
    return status;
}

static Status remove_all(struct sweep *sweep, struct error *err)
{
    static const char removing[] = "removing";
    TRY(do_table(sweep, TABLE_BLOCKS, sweep_doomed, removing, err));
    TRY(do_table(sweep, TABLE_NOTE_WORKFLOW, sweep_notes, removing, err));
    TRY(do_table(sweep, TABLE_NOTE_MODULE, sweep_notes, removing, err));
    TRY(do_table(sweep, TABLE_BLOCKS, sweep_blocks, removing, err));
    TRY(do_table(sweep, TABLE_MEMO, sweep_expired, removing, err));
    TRY(do_table(sweep, TABLE_SYMBOLIC, sweep_symbolic, removing, err));
    return do_table(sweep, TABLE_THROUGH, sweep_through, removing, err);
}

/* Pages that one transaction freed are used again by the one after the next,
 * which on a full disk would never come. */
static Status turn_over(const struct collector *collector, struct error *err)
{
    struct tables *tables = collector->store->tables;
    struct transaction transaction;
    uint8_t now[8];
    if (collector->options->dry_run || collector->report->blocks_removed == 0)
        return STATUS_OK;
    for (unsigned index = 0; index < sizeof now; index++)
        now[index] = (uint8_t)((uint64_t)collector->now_s >> 8 * index);
    TRY(tables_write(tables, &transaction, err));
    Status status = transaction_put(&transaction, TABLE_META,
                                    text_bytes(TEXT("collected")),
                                    bytes_of(now, sizeof now), err);
    if (status == STATUS_OK)
        return transaction_commit(&transaction, err);
    transaction_end(&transaction);
    return status;
}

Status sweep_all(struct collector *collector, struct error *err)
{
    struct transaction transaction;
    struct sweep sweep = {.collector = collector,
                          .transaction = &transaction,
                          .keys = HEAP_NEW(struct keys),
                          .step = REMOVED_FIRST,
                          .adapts = collector->options->step == 0};
    if (collector->options->step > 0 &&
        collector->options->step < REMOVED_FIRST)
        sweep.step = collector->options->step;
    arena_init(&sweep.keys->arena);
    sort_doomed(collector);
    Status status = mark_all(collector, err);
    if (status == STATUS_OK)
        status = collector->options->dry_run ? count_blocks(&sweep, err)
                                             : remove_all(&sweep, err);
    if (status == STATUS_OK)
        status = turn_over(collector, err);
    arena_deinit(&sweep.keys->arena);
    free(sweep.keys);
    return status;
}
