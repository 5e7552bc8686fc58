/* SPDX-License-Identifier: Apache-2.0 */
/* verify.h - what `ipvm verify` found out: a line for each check. Thread:
 * main. */
#ifndef IPVM_CLI_VERIFY_H
#define IPVM_CLI_VERIFY_H

#include "base/arena.h"
#include "cli/command.h"
#include "ucan/chain.h"

/* One check of one thing. */
struct verify_line {
    struct verify_line *next;
    Text what;  /* "invocation", "proof 1 of 2", "block" */
    Text name;  /* its CID */
    Text check; /* "signature", "hash" */
    bool is_ok;
    Text words; /* why not; or more about it; may be empty */
};

struct verify_report {
    struct arena arena;
    struct verify_line *first, **last;
    size_t failed;
};

struct verify {
    const struct cli *cli;
    struct store *store; /* NULL: there is none */
    int64_t now_s;
    const Did *audience; /* NULL: not asked */
    bool rc1_too;
    struct verify_report report;
};

/* Adds a line; its texts are copied. */
[[gnu::format(printf, 6, 7)]] void verify_note(struct verify *verify,
                                               const char *what,
                                               const Cid *cid,
                                               const char *check, bool is_ok,
                                               const char *format, ...);

/* What bytes are, and what is true of them. STATUS_NOT_FOUND: something else;
 * STATUS_OK: the lines say it. */
typedef Status VerifyKind(struct verify *verify, Bytes bytes,
                          struct error *err);
VerifyKind verify_receipts, verify_car, verify_tokens;

#endif
