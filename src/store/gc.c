/* SPDX-License-Identifier: Apache-2.0 */
/* gc.c - the order of a collection (docs/decisions/0009-collection.md):
 *
 *     lease --> roots --> memo --> mark --> sweep --> prune --> lease given up
 *
 *  1. Nothing is removed before everything that the roots lead to is known.
 *  2. Whatever is put, or asked for again, after the roots were read is in a
 *     row of touched or of holds, which each removing transaction reads.
 *  3. Killed at any point, what is left is a store: each transaction leaves
 *     one. The next collection begins again.
 */
#include "store/gc.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/gc_private.h"
#include "store/hold.h"

enum { LEASE_MS = 60 * 1000, GRACE_DEFAULT_S = 3600 };

/* The process is in its lower half, for the message of those who must wait. */
static uint64_t new_owner(void)
{
    uint32_t random;
    random_bytes(&random, sizeof random);
    return (uint64_t)(random | 1) << 32 | (uint32_t)getpid();
}

static Status take_lease(struct collector *collector, struct error *err)
{
    const Hash key = collector_key();
    uint64_t left_ms;
    Status status = lease_take(collector->store, &key, collector->owner,
                               LEASE_MS, &left_ms, NULL);
    collector->renewed_ns = clock_monotonic_ns();
    if (status == STATUS_BUSY)
        return fail(err, status,
                    "store %s is being collected by process %u; wait for it",
                    collector->store->directory,
                    (unsigned)lease_owner(collector->store, &key));
    if (status != STATUS_OK)
        return lease_take(collector->store, &key, collector->owner, LEASE_MS,
                          &left_ms, err);
    return STATUS_OK;
}

Status collector_check(struct collector *collector, struct error *err)
{
    const uint64_t held_ns = clock_monotonic_ns() - collector->renewed_ns;
    if (held_ns / 1000000 < LEASE_MS / 2)
        return STATUS_OK;
    return fail(err, STATUS_BUSY,
                "the collection stood still too long; begin it again");
}

Status collector_tell(struct collector *collector, const char *phase,
                      uint64_t done, uint64_t total, struct error *err)
{
    const struct gc_options *options = collector->options;
    const uint64_t held_ns = clock_monotonic_ns() - collector->renewed_ns;
    if (held_ns / 1000000 > LEASE_MS / 6)
        TRY(take_lease(collector, err));
    if (options->progress &&
        !options->progress(options->context, phase, done, total))
        return fail(err, STATUS_CANCELLED,
                    "the collection was stopped; what it removed stays "
                    "removed");
    return STATUS_OK;
}

static Status count_all(struct collector *collector, struct error *err)
{
    struct transaction transaction;
    struct table_stat stat = {0};
    TRY(tables_read(collector->store->tables, &transaction, err));
    Status status = transaction_stat(&transaction, TABLE_BLOCKS, &stat, err);
    transaction_end(&transaction);
    collector->block_count = stat.count;
    return status;
}

static Status prune(struct collector *collector, struct error *err)
{
    bool again = !collector->options->dry_run;
    while (again)
        TRY(roots_prune(collector, &again, err));
    return STATUS_OK;
}

static Status collect(struct collector *collector, struct error *err)
{
    struct gc_report *report = collector->report;
    TRY(count_all(collector, err));
    TRY(roots_read(collector, err));
    TRY(memo_choose(collector, err));
    TRY(mark_all(collector, err));
    TRY(sweep_all(collector, err));
    const uint64_t wanted = collector->kept.count - collector->late_count;
    report->blocks_kept = collector->found;
    report->missing =
        wanted > collector->found ? wanted - collector->found : 0;
    return prune(collector, err);
}

Status store_gc(struct store *store, const struct gc_options *options,
                struct gc_report *out, struct error *err)
{
    static const struct gc_options defaults;
    const Hash key = collector_key();
    *out = (struct gc_report){0};
    struct collector *collector = HEAP_NEW(struct collector);
    collector->store = store;
    collector->options = options ? options : &defaults;
    collector->report = out;
    collector->owner = new_owner();
    collector->now_s = clock_wall_s();
    if (!collector->options->no_grace)
        collector->grace_s = collector->options->grace_s
                                 ? (int64_t)collector->options->grace_s
                                 : GRACE_DEFAULT_S;
    Status status = take_lease(collector, err);
    if (status == STATUS_OK) {
        queue_settle(store->queue);
        status = collect(collector, err);
        IGNORE(lease_drop(store, &key, collector->owner, NULL));
    }
    mark_deinit(collector);
    free(collector->doomed);
    free(collector->expired);
    free(collector);
    return status;
}
