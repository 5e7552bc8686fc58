/* SPDX-License-Identifier: Apache-2.0 */
/* answers_trust.h - answers that somebody else gives (answers.h) become memo
 * entries, because whoever imports them says so; no rule of trust.h is asked,
 * then or later. Thread: any; the store's. */
#ifndef IPVM_RUN_ANSWERS_TRUST_H
#define IPVM_RUN_ANSWERS_TRUST_H

#include "store/store.h"

struct answers_report {
    uint64_t entered; /* new memo entries, of provenance MEMO_RECEIPT */
    uint64_t known;   /* the memo had the same result */
    uint64_t alarms;  /* the memo had another, and keeps it */
    uint64_t refused; /* not an answer: see `why` */
    char why[ERROR_MESSAGE_MAX]; /* of the first that was refused */
};

/* Enters the answers in the block `head`, durably. One is refused unless its
 * computation is a pure one in normal form that can be read here (known
 * profile, no promise), its result a normal result, and all blocks of that
 * result are in the store. STATUS_INVALID: the block is none of answers. */
Status answers_trust(struct store *store, const Cid *head,
                     struct answers_report *out, struct error *err);

#endif
