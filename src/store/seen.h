/* SPDX-License-Identifier: Apache-2.0 */
/* seen.h - a set of blocks, by their multihashes: which were met on a walk,
 * which are to be kept.
 *
 * 128 bits of the digest stand for a block, so that two are never taken for
 * one another; 16 to 43 bytes of memory each. Thread: one at a time. */
#ifndef IPVM_STORE_SEEN_H
#define IPVM_STORE_SEEN_H

#include "ipld/cid.h"

struct seen {
    uint64_t (*items)[2]; /* owned; open addressing; {0, 0}: free */
    size_t capacity;      /* a power of two, or 0 */
    size_t count;
};

/* A zeroed struct is an empty set. */
void seen_deinit(struct seen *seen);

/* True if it was not there before. `multihash` is the whole of it. */
bool seen_add(struct seen *seen, Bytes multihash);
bool seen_has(const struct seen *seen, Bytes multihash);

#endif
