/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - the result log of an issuer: a Merkle tree (crypto/tree.h) that only
 * grows, kept as the hashes of all its full subtrees, and the heads that were
 * signed over it.
 *
 *     level 2          0               rows of LOG_CHUNK hashes of one level,
 *     level 1      0       1           so that an append writes a few short
 *     level 0    0   1   2   3   4     rows and a proof reads a few
 *
 * An issuer is the sha2-256 of its DID. Leaves are tree_leaf() of the
 * assertion's CID. Written by receipts_seal() alone. Thread: any. */
#ifndef IPVM_STORE_LOG_H
#define IPVM_STORE_LOG_H

#include "crypto/tree.h"
#include "store/store.h"

enum { LOG_CHUNK = 32, LOG_LEVELS = 64 };

struct log_state {
    struct tree_edge edge;
    bool has_head;
    Hash head; /* digest of the CID of the newest head's token */
};

/* Of size 0 if there is none. STATUS_CORRUPT: damaged. */
Status log_state(struct store *store, const Hash *issuer,
                 struct log_state *out, struct error *err);
/* The root of the first `size` leaves. STATUS_INVALID: it has fewer. */
Status log_root(struct store *store, const Hash *issuer, uint64_t size,
                Hash *out, struct error *err);
/* As tree_inclusion() and tree_consistency(), in one transaction.
 * STATUS_CORRUPT: a row is missing. */
Status log_inclusion(struct store *store, const Hash *issuer, uint64_t index,
                     uint64_t size, struct tree_proof *out, struct error *err);
Status log_consistency(struct store *store, const Hash *issuer,
                       uint64_t old_size, uint64_t size,
                       struct tree_proof *out, struct error *err);

/* What appending leaves adds to each level. */
struct log_growth {
    struct tree_edge edge; /* after it */
    struct {
        uint64_t first;
        size_t count;
        const Hash *hashes;
    } levels[LOG_LEVELS];
};
/* Pure; the hashes are in `arena`. */
void log_grow(const struct tree_edge *edge, const Hash *leaves, size_t count,
              struct arena *arena, struct log_growth *out);

/* --- Heads --------------------------------------------------------------- */

/* A signed head, own or foreign: kept for ever. */
struct log_head {
    Hash issuer;
    uint64_t size;
    Hash root;
    Hash token; /* digest of its CID */
};

/* Calls `each` for the heads of an issuer, or of all if NULL, ascending by
 * issuer and size, until it is false. */
typedef bool LogHeadEach(void *context, const struct log_head *head);
Status log_heads(struct store *store, const Hash *issuer, LogHeadEach *each,
                 void *context, struct error *err);
/* Keeps a head with its token, durably. `*fork` (with `*other`) if another root
 * was signed for this size: by another head, or by our own log if it is that
 * of the issuer. Both are kept. */
Status log_keep_head(struct store *store, const struct log_head *head,
                     Bytes token, bool *fork, struct log_head *other,
                     struct error *err);

/* Inside src/store. */
struct transaction;
Status log_read_state(struct transaction *transaction, const Hash *issuer,
                      struct log_state *out, struct error *err);
Status log_write(struct transaction *transaction, const Hash *issuer,
                 const struct log_growth *growth, const Hash *head,
                 struct error *err);
Status log_put_head(struct transaction *transaction,
                    const struct log_head *head, Bytes token,
                    struct error *err);

#endif
