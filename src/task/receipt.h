/* SPDX-License-Identifier: Apache-2.0 */
/* receipt.h - one executor's signed statement of how a task came out (FORMATS
 * section 7, docs/formats/receipts.md).
 *
 *     assertion   what is stated: a block, whose CID is the receipt's identity
 *     statement   the token that covers it: a receipt of its own, a batch, or
 *                 a head of the issuer's log
 *     proof       where the assertion is under the statement's root
 *
 * Thread: any. */
#ifndef IPVM_TASK_RECEIPT_H
#define IPVM_TASK_RECEIPT_H

#include "crypto/tree.h"
#include "task/computation.h"
#include "task/workflow.h"
#include "ucan/token.h"

enum {
    ASSERTION_INPUTS_MAX = 16384,
    END_NAME_MAX = 64,
    END_RECEIPT_TTL_S = 3600, /* an end is soon no longer true */
};

/* --- Assertions ---------------------------------------------------------- */

/* What to state. Exactly one of `result` and `end`. */
struct assertion_claims {
    Hash ran;
    const Hash *comp;   /* NULL: it never became concrete */
    Bytes result;       /* the block of the result, or empty */
    Text end;           /* its name, or empty */
    const Hash *inputs; /* ascending, each once */
    size_t input_count;
};
/* Appends the block to `out` (its maximum is the caller's) and names it. */
void assertion_encode(const struct assertion_claims *claims,
                      struct buffer *out, Hash *id);

struct assertion {
    Hash ran;
    bool has_comp;
    Hash comp;
    bool has_result;
    struct result result; /* if so; `result.block` is made anew */
    Hash res;             /* as stated */
    Text end;             /* if not */
    const Hash *inputs;
    size_t input_count;
};
/* Strict. STATUS_INVALID says what is wrong. That `res` is the CID of `out` is
 * another check: assertion_check_result(). Views borrow from the block. */
Status assertion_decode(Bytes block, struct arena *arena,
                        struct assertion *out, struct error *err);
Status assertion_check_result(const struct assertion *assertion,
                              struct error *err);

/* --- Task CIDs ----------------------------------------------------------- */

/* The Task CID's digest, of args whose promises link Task CIDs already.
 * `scratch` is used. */
void task_hash(Text cmd, Text sub, Bytes args, Bytes nonce,
               struct buffer *scratch, Hash *out);
/* Puts Task CIDs in place of computations in the promises of `args`. `each` is
 * asked for each; false leaves the link. The copy is in `arena`. */
typedef bool TaskOfComputation(void *context, const Hash *symbolic, Hash *out);
Status task_args_translated(Bytes args, TaskOfComputation *each, void *context,
                            struct arena *arena, Bytes *out,
                            struct error *err);

/* The Task CIDs of a workflow's tasks, made as they are asked for. */
struct task_hashes;
/* `executor` is the `sub` of tasks that name nobody; `outside` is asked about
 * computations that are not in the workflow. */
struct task_hashes *task_hashes_new(const struct workflow *workflow,
                                    Text executor, TaskOfComputation *outside,
                                    void *context);
void task_hashes_free(struct task_hashes *hashes);
const Hash *task_hashes_get(struct task_hashes *hashes, uint32_t task);

/* --- Statements ---------------------------------------------------------- */

typedef enum { STATEMENT_RECEIPT, STATEMENT_BATCH, STATEMENT_LOG } Statement;

/* A full receipt. `meta` may be NULL. `exp_s` 0: for ever. */
struct receipt_claims {
    Bytes assertion;
    const Value *meta;
    int64_t at_s, exp_s;
};
Status receipt_mint(const struct receipt_claims *claims,
                    const struct secret_key *key, struct token **out,
                    struct error *err);
Status receipt_mint_batch(const Hash *root, uint64_t count,
                          const struct secret_key *key, struct token **out,
                          struct error *err);
/* `previous`: the head before it, or NULL. */
Status receipt_mint_head(const Hash *root, uint64_t size, const Cid *previous,
                         const struct secret_key *key, struct token **out,
                         struct error *err);

/* A token that covers receipts, read and verified once for all of them. */
struct statement {
    struct token *token; /* owned; NULL if `form` is not STATUS_OK */
    Statement kind;
    uint64_t count; /* leaves */
    Hash root;
    bool has_previous;
    Hash previous;  /* digest of the CID of the head before it */
    Hash assertion; /* STATEMENT_RECEIPT: digest of its args as a block */
    Status form, signature;
    struct error form_error, signature_error;
};
/* What is wrong with it is in `out`. */
void statement_open(Bytes token, struct statement *out);
void statement_close(struct statement *statement);

/* --- Checking ------------------------------------------------------------ */

typedef enum {
    CHECK_ASSERTION,
    CHECK_RESULT,
    CHECK_TOKEN,
    CHECK_ISSUER,
    CHECK_SIGNATURE,
    CHECK_TIME,
    CHECK_PROOF
} ReceiptCheck;
enum { RECEIPT_CHECKS = CHECK_PROOF + 1 };

/* "assertion", "result", … */
const char *receipt_check_name(ReceiptCheck check);

/* A receipt as it is shown. */
struct receipt_shown {
    Hash id;
    Bytes assertion;
    Text issuer;    /* or empty: whoever signed it */
    uint64_t index; /* of its leaf */
    Bytes path;     /* hashes, one behind the other */
    int64_t now_s;
};

struct receipt_verdict {
    bool holds;
    ReceiptCheck first_failed;
    Status checks[RECEIPT_CHECKS]; /* STATUS_CANCELLED: not made, since what
                                      it needs does not hold */
    char words[RECEIPT_CHECKS][ERROR_MESSAGE_MAX];
};
void receipt_check(const struct receipt_shown *shown,
                   const struct statement *statement,
                   struct receipt_verdict *out);
/* The leaf of an assertion. */
void receipt_leaf(const Hash *id, Hash *out);

#endif
