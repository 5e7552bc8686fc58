/* SPDX-License-Identifier: Apache-2.0 */
/* receipt_proofs.h - the blocks that take receipts to another machine: which
 * assertion is covered by which token, and how (docs/formats/receipts.md,
 * "Proof blocks"). Thread: any. */
#ifndef IPVM_TASK_RECEIPT_PROOFS_H
#define IPVM_TASK_RECEIPT_PROOFS_H

#include "crypto/tree.h"
#include "ipld/dag_cbor.h"

enum { PROOFS_PAGE = 1024, PROOFS_PAGES_MAX = 16384, PROOFS_GROWTHS_MAX = 64 };

struct receipt_proof {
    Hash id;        /* of the assertion */
    uint64_t index; /* of its leaf */
    Bytes path;     /* hashes, one behind the other */
};

struct proof_page {
    Hash token;                         /* digest of the CID of its envelope */
    const struct receipt_proof *proofs; /* ascending by index */
    size_t count;                       /* 1 to PROOFS_PAGE */
};

/* One head of a log grew into another. */
struct proof_growth {
    Hash from, to; /* digests of the CIDs of the heads' tokens */
    Bytes path;
};

struct proof_head {
    const Hash *pages;
    size_t page_count; /* 1 to PROOFS_PAGES_MAX */
    const struct proof_growth *growths;
    size_t growth_count; /* at most PROOFS_GROWTHS_MAX */
};

/* Append a block to `out` and name it. */
void proof_page_encode(const struct proof_page *page, struct buffer *out,
                       Hash *id);
void proof_head_encode(const struct proof_head *head, struct buffer *out,
                       Hash *id);

/* True if the block begins as one of the two. */
bool proofs_is_block(Bytes block);
/* Strict; views borrow from the block. STATUS_INVALID says what is wrong. */
Status proof_page_decode(Bytes block, struct arena *arena,
                         struct proof_page *out, struct error *err);
Status proof_head_decode(Bytes block, struct arena *arena,
                         struct proof_head *out, struct error *err);

#endif
