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

enum { REVOCATION_BYTES_MAX = 64 << 10 };

/* Takes an authorised /ucan/revoke: args {"rev": Link}, or {"revoke": Link};
 * who revokes is its subject. Durable when it returns. STATUS_INVALID: another
 * command, other arguments, or a link that is no token's CID. STATUS_LIMIT:
 * longer than REVOCATION_BYTES_MAX. */
Status revocation_add(struct store *store, const struct authorised *revocation,
                      struct error *err);
/* STATUS_DENIED: one of `chain` (root first, then the invocation) is revoked
 * by somebody who may; `*which` is the index of the first. */
Status revocation_check(struct store *store, const struct token *const *chain,
                        size_t count, size_t *which, struct error *err);
/* `token` is the revocation as it came; empty if it was damaged in the store.
 * Ascending by `revoked`. */
typedef bool RevocationEach(void *context, const Cid *revoked, const Did *by,
                            int64_t at_s, Bytes token);
Status revocation_each(struct store *store, RevocationEach *each,
                       void *context, struct error *err);

/* How long an invocation is remembered after its expiry: for clocks that
 * differ, and for one that is set back. */
enum { REPLAY_KEEP_S = 86400 };

/* Remembers an invocation by its payload until it expires, for ever if it does
 * not; `*is_new` is false if it was seen before. Of several processes that take
 * the same one exactly one finds it new. Durable when it returns. */
Status replay_take(struct store *store, const struct token *invocation,
                   int64_t now_s, bool *is_new, struct error *err);

#endif
