/* SPDX-License-Identifier: Apache-2.0 */
/* verifier.h - hashes foreign blocks on all cores and gives them back in the
 * order they came.
 *
 *     caller --copies--> [group] [group] [group] --in order--> caller's `take`
 *                        helpers hash them
 *
 * The first bad block in that order is what fails, whoever found it when.
 * Bounded: a few groups of 1 MiB. Thread: one at a time; `take` is called on
 * the caller's thread, within its own calls. */
#ifndef IPVM_CONTENT_VERIFIER_H
#define IPVM_CONTENT_VERIFIER_H

#include "base/status.h"
#include "ipld/cid.h"

/* A block that hashes to its CID; borrowed. */
typedef Status VerifierTake(void *context, const Cid *cid, Bytes bytes,
                            struct error *err);

struct verifier;
struct verifier *verifier_new(VerifierTake *take, void *context);
/* Also in the middle; what was not taken is forgotten. NULL is allowed. */
void verifier_free(struct verifier *verifier);

/* Copies a block; `offset` is its place, for the words. A failure may be that
 * of a block that came earlier: STATUS_INVALID: it does not hash to its CID;
 * STATUS_UNSUPPORTED: its hash is not known here; or what `take` said. No
 * calls after a failure but verifier_free(). */
Status verifier_add(struct verifier *verifier, const Cid *cid, Bytes bytes,
                    uint64_t offset, struct error *err);
/* Waits for all, and has all taken. */
Status verifier_finish(struct verifier *verifier, struct error *err);

#endif
