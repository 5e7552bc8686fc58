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

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/gc_private.h"
#include "store/hold.h"

enum {
    LEASE_MS = 60 * 1000,
    GRACE_DEFAULT_S = 3600,
    FILE_OWNER = 1, /* whoever has the file's lock; never a random one */
};

/* --- One at a time ------------------------------------------------------- */

/* A file that is locked while somebody collects: the lock ends with its
 * process, however that ends. It says which process that is. */
static Status lock_file(struct collector *collector, struct error *err)
{
    struct arena arena = {0};
    const char *directory = collector->store->directory;
    char pid[16] = "";
    const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const char *path = arena_format(&arena, "%s/collector", directory).data;
    collector->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    Status status = STATUS_OK;
    if (collector->file < 0) {
        status = fail_errno(err, errno, "cannot open %.120s", path);
    } else if (fcntl(collector->file, F_OFD_SETLK, &whole) != 0) {
        const ssize_t len = pread(collector->file, pid, sizeof pid - 1, 0);
        pid[len > 0 ? len : 0] = '\0';
        status =
            fail(err, STATUS_BUSY,
                 "store %.120s is being collected by %s%.15s: wait for "
                 "it",
                 directory, len > 0 ? "process " : "another process", pid);
    } else {
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        // Only for people.
        if (ftruncate(collector->file, 0) == 0)
            IGNORE(pwrite(collector->file, pid, strlen(pid), 0) > 0
                       ? STATUS_OK
                       : STATUS_IO);
    }
    arena_deinit(&arena);
    return status;
}

/* The lease tells those who hold blocks that they must wait for us. */
static Status take_lease(struct collector *collector, struct error *err)
{
    const Hash key = collector_key();
    uint64_t left_ms;
    collector->renewed_ns = clock_monotonic_ns();
    const Status status = lease_take(collector->store, &key, collector->owner,
                                     LEASE_MS, &left_ms, err);
    if (status == STATUS_BUSY)
        return fail(err, status,
                    "store is being collected by this process: "
                    "wait for it");
    return status;
}

/* In memory there is no file, and only the lease. */
static Status become_collector(struct collector *collector, struct error *err)
{
    collector->file = -1;
    if (collector->store->directory[0] != '\0') {
        collector->owner = FILE_OWNER;
        TRY(lock_file(collector, err));
    } else {
        random_bytes(&collector->owner, sizeof collector->owner);
        collector->owner |= 1;
    }
    return take_lease(collector, err);
}

static void stop_collecting(struct collector *collector, bool has_lease)
{
    const Hash key = collector_key();
    if (has_lease)
        IGNORE(lease_drop(collector->store, &key, collector->owner, NULL));
    if (collector->file >= 0)
        close(collector->file);
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

/* What is not pruned for want of space goes the next time. */
static Status prune(struct collector *collector, struct error *err)
{
    bool again = !collector->options->dry_run;
    Status status = STATUS_OK;
    while (again && status == STATUS_OK)
        status = roots_prune(collector, &again, err);
    return status == STATUS_FULL ? STATUS_OK : status;
}

static Status collect(struct collector *collector, struct error *err)
{
    struct gc_report *report = collector->report;
    TRY(count_all(collector, err));
    TRY(roots_read(collector, err));
    TRY(memo_choose(collector, err));
    TRY(mark_all(collector, err));
    TRY(roots_read_lately(collector, err));
    TRY(mark_all(collector, err));
    TRY(sweep_all(collector, err));
    const uint64_t wanted = collector->kept.count - collector->lately.count;
    const uint64_t found = collector->found - collector->found_lately;
    report->blocks_kept = collector->found;
    report->missing = wanted > found ? wanted - found : 0;
    // Which leaves are in sources is not worth asking for each of them.
    if (collector->store->source_count > 0)
        report->missing = collector->nowhere;
    return prune(collector, err);
}

Status store_gc(struct store *store, const struct gc_options *options,
                struct gc_report *out, struct error *err)
{
    static const struct gc_options defaults;
    *out = (struct gc_report){0};
    struct collector *collector = HEAP_NEW(struct collector);
    collector->store = store;
    collector->options = options ? options : &defaults;
    collector->report = out;
    collector->now_s = clock_wall_s();
    if (!collector->options->no_grace)
        collector->grace_s = collector->options->grace_s
                                 ? (int64_t)collector->options->grace_s
                                 : GRACE_DEFAULT_S;
    Status status = become_collector(collector, err);
    const bool is_collector = status == STATUS_OK;
    if (is_collector) {
        queue_settle(store->queue);
        status = collect(collector, err);
    }
    if (status == STATUS_FULL)
        status = fail(err, status,
                      "cannot collect store %.100s: no space left, even to "
                      "remove; free 1 MiB of its disk and collect again",
                      store->directory);
    stop_collecting(collector, is_collector);
    mark_deinit(collector);
    free(collector->doomed);
    free(collector->expired);
    free(collector);
    return status;
}
