/* SPDX-License-Identifier: Apache-2.0 */
/* complete.h - is everything there below a root?
 *
 * One `struct complete` looks at many roots and at each block once, whoever
 * leads to it; what a root lacks is told for every root that leads there.
 * Memory: as content_walk(). Thread: one at a time; the store's. */
#ifndef IPVM_CONTENT_COMPLETE_H
#define IPVM_CONTENT_COMPLETE_H

#include "ipld/codec.h"
#include "store/seen.h"
#include "store/store.h"

typedef enum {
    LACK_MISSING,  /* it is not in the store */
    LACK_DAMAGED,  /* its bytes do not hash to its name */
    LACK_MALFORMED /* its codec cannot read it */
} LackKind;

struct lack {
    size_t index; /* of this `struct complete`, from 0 */
    LackKind kind;
    Cid cid; /* as the first link that led there has it */
};
/* Below one root the same lack may be told twice. */
typedef void LackEach(void *context, const struct lack *lack);

/* Which links of a block must lead somewhere; as codec_links(). */
typedef Status CompleteLinks(uint64_t codec, Bytes block, CodecLink *each,
                             void *context, struct error *err);

/* A zeroed struct means the defaults. */
struct complete_options {
    bool skip_leaves;           /* do not read blocks that cannot have links */
    const struct seen *damaged; /* if so: those known to be damaged, or NULL */
    CompleteLinks *links;       /* NULL: codec_links() */
};

struct complete;
struct complete *complete_new(struct store *store,
                              const struct complete_options *options);
/* NULL is allowed. */
void complete_free(struct complete *complete);

/* True if nothing is lacking. Links longer than a Cid and blocks of hashes
 * that we do not have are not judged. STATUS_IO: the store itself. */
Status complete_check(struct complete *complete, const Cid *root,
                      LackEach *each, void *context, bool *is_complete,
                      struct error *err);

#endif
