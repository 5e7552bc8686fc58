/* SPDX-License-Identifier: Apache-2.0 */
/* chain_parts.h - one validation, as chain.c and chain_gather.c share it.
 * Inside src/ucan only. Thread: one at a time. */
#ifndef IPVM_UCAN_CHAIN_PARTS_H
#define IPVM_UCAN_CHAIN_PARTS_H

#include "ucan/chain_cache.h"

struct check {
    const struct chain_options *options;
    const struct token *invocation;
    Text cmd;          /* what is to be done: the invocation's, or a task's */
    const Value *args; /* the same */
    size_t work;       /* what policies may still cost */
    size_t count;      /* of links */
    struct proof *proofs[TOKEN_PROOFS_MAX];           /* a reference each */
    const struct token *tokens[TOKEN_PROOFS_MAX + 1]; /* theirs, then the
                                                         invocation */
    bool verified[TOKEN_PROOFS_MAX];
    size_t revoked;                /* the first that is; count + 1: none */
    struct chain_refusal *refusal; /* may be NULL */
    struct error *err;
};

/* Fills the refusal and the error; STATUS_DENIED. */
[[gnu::format(printf, 5, 6)]] Status chain_refuse(const struct check *check,
                                                  ChainRule rule,
                                                  const Cid *token,
                                                  const char *field,
                                                  const char *format, ...);

/* Finds and reads all proofs into `check`, also some of them if it fails. */
Status chain_gather(struct check *check);

#endif
