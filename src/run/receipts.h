/* SPDX-License-Identifier: Apache-2.0 */
/* receipts.h - receipts of what runs came to (docs/decisions/0020).
 *
 *     a run        writes a pending row with its results
 *     sealing      makes receipts of pending rows: assertions, leaves of the
 *                  log, one signed head; when somebody asks for them
 *     showing      an assertion, its proof, and the token it leads to
 *
 * Thread: any; the store's. */
#ifndef IPVM_RUN_RECEIPTS_H
#define IPVM_RUN_RECEIPTS_H

#include "content/car_export.h"
#include "store/receipts.h"
#include "task/receipt.h"

/* --- Sealing ------------------------------------------------------------- */

struct seal_report {
    uint64_t results; /* new in the log */
    uint64_t ends;    /* signed alone */
    uint64_t known;   /* stated before, word for word */
    uint64_t lost;    /* not to be stated any more: what they need is gone */
    uint64_t alarms;  /* contradictions */
};

/* Makes receipts of all pending rows, in their order, signed by `key`. Each
 * becomes durable once, whoever seals at the same time and whenever this is
 * killed. */
Status receipts_seal_pending(struct store *store, const struct secret_key *key,
                             struct seal_report *out, struct error *err);

/* Whether there is anything to seal: what is pending keeps its workflow and
 * results from collection. */
bool receipts_are_pending(struct store *store);

/* --- Showing ------------------------------------------------------------- */

/* A receipt with what proves it. */
struct receipt_view {
    struct arena arena;     /* owned */
    struct receipt_row row; /* in it */
    struct assertion assertion;
    struct statement statement; /* owned */
    Cid token;
    Bytes token_bytes;
    uint64_t index;
    Bytes path;
    struct receipt_verdict verdict; /* as of now */
};
/* Reads and checks it. STATUS_NOT_FOUND: what it is proven by is not here.
 * What does not hold is in the verdict. */
Status receipt_view_open(struct store *store, const struct receipt_row *row,
                         struct receipt_view *out, struct error *err);
void receipt_view_close(struct receipt_view *view);

/* Those of a task of a workflow: by its Task CID for `executor`, or by the
 * computation that it came to. */
Status receipts_of_task(struct store *store, const struct workflow *workflow,
                        uint32_t task, Text executor, ReceiptEach *each,
                        void *context, struct error *err);
/* By a CID of anything: an assertion, a Task, a computation, a result; the
 * first of these that there are any of. */
Status receipts_of_cid(struct store *store, const Cid *cid, ReceiptEach *each,
                       void *context, struct error *err);

/* --- Export -------------------------------------------------------------- */

struct receipts_export {
    const struct receipt_row *rows; /* id and issuer count */
    size_t count;
    /* If not NULL, own receipts are covered by a batch of just these, signed
     * now, and not by the log's head. */
    const struct secret_key *batch_key;
    const Hash *since; /* a head's token: prove that the log grew from it */
    const char *path;  /* where it appears by rename; or NULL: */
    int file;          /* open for writing */
};
struct receipts_exported {
    Cid head; /* of the proofs; the CAR's root */
    uint64_t receipts;
    uint64_t left_out; /* parts of their results are not here */
    struct car_exported car;
};
/* STATUS_NOT_FOUND: nothing to export. */
Status receipts_export_car(struct store *store,
                           const struct receipts_export *what,
                           struct receipts_exported *out, struct error *err);

#endif
