/* SPDX-License-Identifier: Apache-2.0 */
/* revocation.h - revoked tokens and invocations seen before, both durable.
 *
 * A revocation names a token by CID; it holds for every token with the same
 * payload as one we have under that CID (a malleable signature makes another
 * CID), and for a token that arrives later. It counts if its issuer is the
 * issuer of that token or of one above it in the chain. Thread: any. */
#ifndef IPVM_UCAN_REVOCATION_H
#define IPVM_UCAN_REVOCATION_H

#include "ucan/chain.h"

/* Takes an authorised /ucan/revoke. Durable when it returns. */
Status revocation_add(struct store *store, const struct authorised *revocation,
                      struct error *err);
/* STATUS_DENIED: one of `chain` (root first, then the invocation) is revoked
 * by somebody who may; `*which` is its index. */
Status revocation_check(struct store *store, const struct token *const *chain,
                        size_t count, size_t *which, struct error *err);
typedef bool RevocationEach(void *context, const Cid *revoked, const Did *by,
                            int64_t at_s);
Status revocation_each(struct store *store, RevocationEach *each,
                       void *context, struct error *err);

/* Remembers an invocation by its payload until it expires. STATUS_DENIED: seen
 * before. Durable when it returns. */
Status replay_take(struct store *store, const struct token *invocation,
                   int64_t now_s, struct error *err);

#endif
