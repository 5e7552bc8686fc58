/* SPDX-License-Identifier: Apache-2.0 */
/* receipts_import.h - receipts of others, with their results, out of a CAR
 * (docs/formats/receipts.md): all of a file or nothing of it.
 *
 * Each is checked before any block of the file is kept. What was taken in is
 * evidence and no more: whether it answers anything is asked of the owner's
 * rules (trust.h), at each look-up. Thread: any; the store's. */
#ifndef IPVM_RUN_RECEIPTS_IMPORT_H
#define IPVM_RUN_RECEIPTS_IMPORT_H

#include "content/content.h"
#include "run/receipts.h"

enum { RECEIPTS_TOLD_MAX = 16 };

struct receipts_import {
    const char *path;          /* of a regular file, which is read twice */
    bool no_pin;               /* a collection may take the results */
    ContentProgress *progress; /* may be NULL */
    void *context;
};

/* A receipt that was refused: the first check that failed, by its name in
 * docs/formats/receipts.md, and words. */
struct receipt_refused {
    Hash id;
    const char *check;
    char why[ERROR_MESSAGE_MAX];
};

struct receipts_imported {
    Cid head;          /* of the proofs */
    uint64_t receipts; /* in the file */
    uint64_t added, known, expired;
    uint64_t refused; /* if any, nothing was kept */
    struct receipt_refused told_refused[RECEIPTS_TOLD_MAX]; /* the first */
    uint64_t alarms; /* they contradict others here; kept all the same */
    Hash told_alarms[RECEIPTS_TOLD_MAX]; /* computations */
    size_t told_alarm_count;
    uint64_t heads; /* of logs, new or known */
    uint64_t forks; /* of them: those that contradict another head */
    char fork[ERROR_MESSAGE_MAX]; /* of the first: whose, in words */
};

/* STATUS_OK also if receipts were refused: see `refused`. STATUS_INVALID,
 * STATUS_CORRUPT, STATUS_LIMIT: not a whole CAR of receipts. */
Status receipts_import_car(struct store *store,
                           const struct receipts_import *what,
                           struct receipts_imported *out, struct error *err);

#endif
