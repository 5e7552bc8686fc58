/* SPDX-License-Identifier: Apache-2.0 */
/* trust.h - the owner's rules, asked for what the memo has not: receipts of
 * others become answers if a rule accepts them, for as long as it does
 * (docs/decisions/0021).
 *
 * What is answered so never enters the memo, nor does a recipe that led
 * through it: a rule that is changed changes the next look-up, and there is
 * nothing to take back. Thread: any; the store's. */
#ifndef IPVM_RUN_TRUST_H
#define IPVM_RUN_TRUST_H

#include "run/trust_rules.h"
#include "store/store.h"

enum { TRUST_SAID_MAX = 4096 }; /* receipts of one computation that are read */

struct trust;

/* Reads the rules of a store as they are now. Without a file there are none.
 * STATUS_INVALID: "FILE:LINE:COLUMN: …". */
Status trust_open(struct store *store, struct trust **out, struct error *err);
/* The same, NULL where there are no rules: nobody has to be asked anything. */
Status trust_open_if_any(struct store *store, struct trust **out,
                         struct error *err);
/* NULL is allowed. */
void trust_close(struct trust *trust);

const struct trust_rules *trust_rules_of(const struct trust *trust);

struct trust_answer {
    bool is_usable; /* accepted, and the result is here and is a good one */
    Hash result;    /* if so */
    bool is_ok;
    size_t receipts; /* of others and our own that were looked at */
    struct trust_judgement judgement;
};

/* What is to be believed of a concrete computation. `block` are its bytes, or
 * empty: then they are looked for. Trouble with the store is no answer, and
 * `judgement.why` says so. */
void trust_ask(const struct trust *trust, const Hash *computation, Bytes block,
               struct trust_answer *out);

#endif
