/* SPDX-License-Identifier: Apache-2.0 */
/* receipts.h - receipts as rows: own ones and those of others, side by side.
 * What they mean is task/receipt.h's; here an assertion is a block's digest and
 * bytes, an issuer the sha2-256 of a DID. Thread: any. */
#ifndef IPVM_STORE_RECEIPTS_H
#define IPVM_STORE_RECEIPTS_H

#include "store/log.h"
#include "store/pending.h"

/* Where the signature is. */
typedef enum {
    RECEIPT_IN_LOG = 1, /* leaf `index` of the issuer's log in this store */
    RECEIPT_ALONE = 2,  /* `token` is the full receipt */
    RECEIPT_PROVEN = 3, /* leaf `index`, `path`, of the root that `token`
                           signs: a batch, or a head of a foreign log */
} ReceiptSigned;

enum { RECEIPT_ISSUER_MAX = 63, RECEIPT_META_MAX = 4096 };

struct receipt_row {
    Hash id;         /* of the assertion */
    Bytes assertion; /* its block */
    Text issuer;     /* DID */
    ReceiptSigned how;
    uint64_t index;
    Hash token; /* digest of its CID */
    Bytes path; /* hashes, one behind the other */
    Bytes meta; /* a DAG-CBOR map, or empty: what is told beside it */
    int64_t at_s;
    Hash ran, comp, res;
    bool has_comp, has_res;
};

void receipt_issuer(Text did, Hash *out);

/* --- Reading ------------------------------------------------------------- */

/* Receipts by what they are about; each of `out` is copied into `arena`. */
typedef enum {
    RECEIPTS_BY_ID,          /* the same assertion, of several issuers */
    RECEIPTS_BY_TASK,        /* `ran` */
    RECEIPTS_BY_COMPUTATION, /* `comp` */
    RECEIPTS_BY_RESULT,      /* `res` */
    RECEIPTS_BY_ISSUER,      /* the issuer's hash; own ones in their order */
} ReceiptsBy;

/* Calls `each` until it is false; it may use the store. At most `max` are
 * collected (0: all). Rows that are damaged are not there. */
typedef bool ReceiptEach(void *context, const struct receipt_row *row);
Status receipts_each(struct store *store, ReceiptsBy by, const Hash *about,
                     ReceiptEach *each, void *context, struct error *err);
/* All of them, by assertion. */
Status receipts_all(struct store *store, ReceiptEach *each, void *context,
                    struct error *err);
/* Those of a log with indices from `first` on, in their order. */
Status receipts_in_log(struct store *store, const Hash *issuer, uint64_t first,
                       ReceiptEach *each, void *context, struct error *err);
/* One. STATUS_NOT_FOUND. `issuer` NULL: the first that there is. */
Status receipt_get(struct store *store, const Hash *id, const Hash *issuer,
                   struct arena *arena, struct receipt_row *out,
                   struct error *err);
/* The envelope of a token that receipts are signed by. */
Status receipt_token(struct store *store, const Hash *token,
                     struct arena *arena, Bytes *out, struct error *err);

/* --- Writing ------------------------------------------------------------- */

/* A token that rows refer to. */
struct receipt_signature {
    Hash token;
    Bytes bytes;
};

struct receipts_kept {
    uint64_t added, known;
    uint64_t alarms; /* computations that came to another result before */
};

/* Keeps receipts and the tokens they are signed by, durably, all or none. One
 * that is there stays as it is, but a full receipt is replaced by a newer one.
 * Those that contradict another receipt or the memo raise an alarm
 * (memo_alarms) and are kept. */
Status receipts_keep(struct store *store, const struct receipt_row *rows,
                     size_t count, const struct receipt_signature *tokens,
                     size_t token_count, struct receipts_kept *out,
                     struct error *err);

/* What turns pending rows into receipts. */
struct receipts_sealing {
    uint64_t first, last;           /* pending rows; last 0: none */
    const struct receipt_row *rows; /* in the log: in the order of leaves */
    size_t count;
    const struct receipt_signature *tokens; /* of those signed alone */
    size_t token_count;
    const struct log_state *before;  /* the log's state that it goes on from */
    const struct log_growth *growth; /* NULL: nothing for the log */
    const struct log_head *head;     /* with `growth` */
    Bytes head_token;
};
/* One transaction. STATUS_BUSY: somebody else sealed meanwhile; look again. */
Status receipts_seal(struct store *store,
                     const struct receipts_sealing *sealing,
                     struct receipts_kept *out, struct error *err);

#endif
