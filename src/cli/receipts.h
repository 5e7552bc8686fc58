/* SPDX-License-Identifier: Apache-2.0 */
/* receipts.h - what `ipvm receipt` and `ipvm receipts …` share. Thread: main.
 */
#ifndef IPVM_CLI_RECEIPTS_H
#define IPVM_CLI_RECEIPTS_H

#include "cli/command.h"
#include "run/receipts.h"

/* Who asks, with the store's own key. */
struct asker {
    struct cli *cli;
    struct secret_key *key; /* owned */
    Did did;
    Hash issuer;
};

/* Opens the store, and makes receipts of what is pending. An exit code, after
 * having said what is wrong. */
int asker_open(struct cli *cli, struct asker *out);
void asker_close(struct asker *asker);

/* Receipts of what a word names: a CID, or a workflow with a label (NULL: its
 * outputs). An exit code; EXIT_NOT_FOUND, said, if there are none. */
int asker_find(struct asker *asker, const char *word, const char *label,
               ReceiptEach *each, void *context);

/* "ok", "error" or the end's name. */
Text receipt_outcome(const struct assertion *assertion);
/* A line for each receipt. A ReceiptEach; `context` is a struct asker. */
bool receipt_list(void *context, const struct receipt_row *row);

/* Seals what runs left to be sealed, which a collection must keep as it is. A
 * failure is told on stderr: then more is kept. The store is open. */
void receipts_before_collection(struct cli *cli);

#endif
