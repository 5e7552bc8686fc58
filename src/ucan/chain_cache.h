/* SPDX-License-Identifier: Apache-2.0 */
/* chain_cache.h - delegations of a chain, counted by who uses them, and the
 * cache of those that were verified. Inside src/ucan only. Thread: any. */
#ifndef IPVM_UCAN_CHAIN_CACHE_H
#define IPVM_UCAN_CHAIN_CACHE_H

#include "ucan/chain.h"

/* One delegation. Immutable but for what chain_cache.c keeps of it. */
struct proof;

/* Takes the token over; one reference. */
struct proof *proof_new(struct token *token);
void proof_unref(struct proof *proof);
const struct token *proof_token(const struct proof *proof);

/* A reference, or NULL: not there. What is there was verified. */
struct proof *chain_cache_get(struct chain_cache *cache, const Cid *cid);
/* Only what token_verify() found good. */
void chain_cache_add(struct chain_cache *cache, struct proof *proof);

#endif
