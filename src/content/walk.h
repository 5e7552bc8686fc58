/* SPDX-License-Identifier: Apache-2.0 */
/* walk.h - every block below some roots, once each: depth first, parents
 * before children, children in the order of their links (the deterministic
 * order of CAR files).
 *
 * Blocks are the same if their multihashes are; the first CID that leads to
 * one names it. Memory: 16 to 43 bytes a block met (store/seen.h), and the
 * links of the blocks on the way down. A DAG may be as deep or wide as it
 * likes.
 *
 * Thread: any; the store's. */
#ifndef IPVM_CONTENT_WALK_H
#define IPVM_CONTENT_WALK_H

#include "store/store.h"

struct walk_visit {
    const Cid *cid;
    struct block *block; /* borrowed; NULL: not here (missing_too), or a leaf
                            that was not asked for (skip_leaves) */
    uint64_t depth;      /* 0: a root */
};

/* A status other than OK ends the walk. */
typedef Status WalkEach(void *context, const struct walk_visit *visit,
                        struct error *err);

/* A zeroed struct means the defaults. */
struct walk_options {
    /* A block that is not in the store is a visit without a block, instead of
     * STATUS_NOT_FOUND that names it. */
    bool missing_too;
    /* Blocks that cannot have links (raw, unknown codecs) are not read. */
    bool skip_leaves;
    /* Links of this kind are not followed; may be NULL. */
    bool (*skip)(void *context, const Cid *cid);
    void *context; /* of skip and each */
};

/* STATUS_NOT_FOUND, STATUS_CORRUPT: a block, named. STATUS_INVALID: a block
 * that its codec cannot read, named. STATUS_LIMIT: a link longer than a Cid.
 * Identity CIDs are visited as any other. */
Status content_walk(struct store *store, const Cid *roots, size_t count,
                    const struct walk_options *options, WalkEach *each,
                    struct error *err);

#endif
