/* SPDX-License-Identifier: Apache-2.0 */
/* ahead.h - blocks hashed on all cores before they are asked for.
 *
 *     caller --expects--> [window] --helpers: find and hash--> store
 *     caller --gets, about in that order--------------------->
 *
 * What a helper hashed in the tables is only marked there, so that getting it
 * is a look-up and a copy; what came from a source is kept until it is asked
 * for. Expecting is a hint: what is never asked for, or asked for without
 * being expected, is right all the same. Helpers start when there is enough to
 * do. Bounded: a window of blocks, some MiB of those from sources.
 *
 * Thread: one at a time. */
#ifndef IPVM_CONTENT_AHEAD_H
#define IPVM_CONTENT_AHEAD_H

#include "ipld/unixfs.h"
#include "store/store.h"

struct ahead;
struct ahead *ahead_new(struct store *store);
/* NULL is allowed. */
void ahead_free(struct ahead *ahead);

/* `cid` will be asked for; `len` is about its length. */
void ahead_expect(struct ahead *ahead, const Cid *cid, uint64_t len);
/* As store_get(). */
Status ahead_get(struct ahead *ahead, const Cid *cid, struct block **out,
                 struct error *err);

/* The blocks of files for their reader, which expects them by itself. */
struct unixfs_source content_source_ahead(struct ahead *ahead);

#endif
