/* SPDX-License-Identifier: Apache-2.0 */
/* export.h - what belongs to a workflow, a computation or a result, as a CAR:
 * the DAG below each CID and, in a last root of answers (answers.h), what the
 * memo knows of their computations, with inputs, modules and results.
 *
 * A promise links a symbolic computation: those of the workflow are made into
 * blocks, in the store, so that the DAG is whole. One of another workflow that
 * is not here is not followed. Thread: any; the store's. */
#ifndef IPVM_RUN_EXPORT_H
#define IPVM_RUN_EXPORT_H

#include "content/car_export.h"

struct export_request {
    const Cid *cids;
    size_t count;
    bool dag_only;    /* no answers */
    const char *path; /* where it appears by rename; or NULL: */
    int file;         /* open for writing */
    ContentProgress *progress;
    void *context;
};

struct export_report {
    struct car_exported car;
    Cid *roots; /* owned */
    size_t root_count;
    size_t answers;  /* that the CAR gives */
    size_t left_out; /* that the memo has, but not all blocks of */
};
void export_report_deinit(struct export_report *report);

/* STATUS_NOT_FOUND: a block is not here, named. STATUS_INVALID: a workflow
 * that is malformed, or a block that its codec cannot read. */
Status export_car(struct store *store, const struct export_request *request,
                  struct export_report *out, struct error *err);

#endif
