/* SPDX-License-Identifier: Apache-2.0 */
/* hits.h - memo hits counted in memory until somebody writes anyway. Coarse:
 * a full table forgets the new ones. Inside src/store only. Thread: any. */
#ifndef IPVM_STORE_HITS_H
#define IPVM_STORE_HITS_H

#include "crypto/hash.h"

enum { HITS_MAX = 1024 };

struct hit {
    Hash concrete;
    uint64_t count; /* 0: free */
    int64_t last_s;
};

struct hits;

struct hits *hits_new(void);
void hits_free(struct hits *hits);

void hits_count(struct hits *hits, const Hash *concrete);

/* Moves what was counted to `out` and returns how many those are. */
size_t hits_take(struct hits *hits, struct hit out[HITS_MAX]);

#endif
