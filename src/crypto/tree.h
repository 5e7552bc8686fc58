/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - the Merkle tree of RFC 9162 (section 2.1) over sha2-256: batches of
 * receipts and the result log.
 *
 *     leaf   sha2-256(00 ‖ bytes)        node   sha2-256(01 ‖ left ‖ right)
 *     a tree of n leaves: left part of the largest power of two below n
 *
 * Thread: any. */
#ifndef IPVM_CRYPTO_TREE_H
#define IPVM_CRYPTO_TREE_H

#include "crypto/hash.h"

enum { TREE_PROOF_MAX = 64 };

void tree_leaf(Bytes bytes, Hash *out);
void tree_node(const Hash *left, const Hash *right, Hash *out);

/* Grows by one leaf at a time and keeps only the roots of the full subtrees on
 * its right edge, at most 64: what a log has to remember to be appended to. */
struct tree_edge {
    uint64_t size;
    Hash roots[64]; /* largest subtree first: one for each bit of size */
};
void tree_append(struct tree_edge *edge, const Hash *leaf);
/* Of no leaves: sha2-256 of nothing. */
void tree_root(const struct tree_edge *edge, Hash *out);

/* Hashes of full subtrees: `level` 0 are the leaves. Asked from whoever keeps
 * them, for proofs in logarithmic time. */
typedef Status TreeNode(void *context, unsigned level, uint64_t index,
                        Hash *out, struct error *err);

struct tree_proof {
    size_t count;
    Hash hashes[TREE_PROOF_MAX];
};
/* RFC 9162 2.1.3.1 and 2.1.4.1. STATUS_INVALID: index or size out of range. */
Status tree_inclusion(TreeNode *node, void *context, uint64_t index,
                      uint64_t size, struct tree_proof *out,
                      struct error *err);
Status tree_consistency(TreeNode *node, void *context, uint64_t old_size,
                        uint64_t size, struct tree_proof *out,
                        struct error *err);
/* RFC 9162 2.1.3.2 and 2.1.4.2. STATUS_DENIED: does not prove it. */
Status tree_verify_inclusion(const Hash *leaf, uint64_t index, uint64_t size,
                             const struct tree_proof *proof, const Hash *root,
                             struct error *err);
Status tree_verify_consistency(uint64_t old_size, const Hash *old_root,
                               uint64_t size, const Hash *root,
                               const struct tree_proof *proof,
                               struct error *err);

#endif
