/* SPDX-License-Identifier: Apache-2.0 */
/* gc.h - removes what no root leads to, while everybody goes on working.
 *
 * Roots: pins, names with their history, jobs with their journals, what living
 * processes hold, memo results that are retained, and whatever was put or
 * touched since a little before the collection began. A needed block that is
 * damaged stops the collection before it removes anything: it may have led to
 * others.
 * Thread: any; one collection at a time in all processes. */
#ifndef IPVM_STORE_GC_H
#define IPVM_STORE_GC_H

#include "store/store.h"

/* A zeroed struct means the defaults. */
struct gc_options {
    uint64_t keep_s;     /* memo results hit or made since: kept. 0: 30 days */
    bool keep_none;      /* no memo result is a root by age */
    uint64_t memo_bytes; /* a budget for what memo results keep beside other
                            roots; the least worth goes first. 0: none */
    uint64_t grace_s;    /* what was put or touched since is kept. 0: 1 h */
    bool no_grace;       /* nothing is kept by that but what comes during the
                            collection */
    unsigned step;       /* blocks removed in one transaction, at most; 0 is
                            as many as there is room for */
    bool dry_run;        /* count only */
    /* Told now and then; false stops with STATUS_CANCELLED, what is removed
     * stays removed. */
    bool (*progress)(void *context, const char *phase, uint64_t done,
                     uint64_t total);
    void *context;
};

struct gc_report {
    uint64_t blocks_kept, bytes_kept;
    uint64_t blocks_removed, bytes_removed;
    uint64_t memo_kept, memo_evicted; /* results */
    uint64_t rows_removed; /* of what is known about removed blocks */
    /* Blocks that pins, names and results lead to and that are not here; of
     * a store with sources only those that link others. */
    uint64_t missing;
};

/* STATUS_BUSY: another process collects. STATUS_CORRUPT: a needed block is
 * damaged, named; `ipvm fsck --repair` first. `options` may be NULL. */
Status store_gc(struct store *store, const struct gc_options *options,
                struct gc_report *out, struct error *err);

#endif
