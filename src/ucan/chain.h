/* SPDX-License-Identifier: Apache-2.0 */
/* chain.h - whether an invocation is authorised: the one gate.
 *
 *     root delegation   iss == sub
 *       aud == iss of the next … down to the invocation
 *
 * First its subject, where one is asked for. Then its proofs are gathered, root
 * first: each named by a token's CID, once,
 * there, well-formed, a delegation. Then, root first:
 *
 *     every link        signature; nbf <= now <= exp; sub that of the
 *                       invocation, or absent (powerline, never at the root),
 *                       and at the root also its iss; aud the iss of the next;
 *                       cmd covers that of the next, by segments; policy true
 *                       of the arguments; not revoked
 *     the invocation    signature; exp; audience; not revoked; not seen before
 *
 * in that order; the first rule that is broken is the answer. Links whose
 * signature was verified are cached by CID; nothing else is, since the rest is
 * cheap or may have changed. docs/formats/ucan-chains.md has the details.
 * Thread: any. */
#ifndef IPVM_UCAN_CHAIN_H
#define IPVM_UCAN_CHAIN_H

#include "store/store.h"
#include "ucan/token.h"

enum {
    CHAIN_BYTES_MAX = 1 << 20, /* of all proofs of an invocation together */
    CHAIN_SKEW_MAX_S = 3600,
    CHAIN_WORK_MAX = 4 * POLICY_WORK_MAX, /* of all its policies together */
};

/* By the names of the public vectors, and ours where they have none. */
typedef enum {
    CHAIN_OK,
    CHAIN_INVALID_CLAIM,     /* "InvalidClaim": no proof, powerline root, a
                                proof that is no delegation */
    CHAIN_UNAVAILABLE_PROOF, /* "UnavailableProof" */
    CHAIN_EXPIRED,           /* "Expired" */
    CHAIN_TOO_EARLY,         /* "TooEarly" */
    CHAIN_INVALID_AUDIENCE,  /* "InvalidAudience": alignment */
    CHAIN_INVALID_SUBJECT,   /* "InvalidSubject" */
    CHAIN_INVALID_SIGNATURE, /* "InvalidSignature" */
    CHAIN_INVALID_COMMAND,   /* "InvalidCommand": not covered */
    CHAIN_MATCH_ERROR,       /* "MatchError": a policy is false */
    CHAIN_REVOKED,           /* "Revoked" */
    CHAIN_REPLAYED           /* "Replayed" */
} ChainRule;
const char *chain_rule_name(ChainRule rule);

/* Why not. */
struct chain_refusal {
    ChainRule rule;
    Cid token;         /* the one at fault */
    char field[64];    /* ".exp", ".pol[2]", … */
    char message[200]; /* for people */
};

/* Where proofs are found: by CID, bytes in `arena`. STATUS_NOT_FOUND: not
 * there. */
typedef Status ChainProof(void *context, const Cid *cid, struct arena *arena,
                          Bytes *out, struct error *err);

/* Bytes of a store's block; the context is the store. */
ChainProof chain_proof_of_store;

/* Delegations that were read and verified, shared by the threads of a process.
 * It saves that work, and changes no answer: proofs have to be there again.
 * The least recently used are forgotten beyond `bytes_max` of memory. */
struct chain_cache;
struct chain_cache *chain_cache_new(size_t bytes_max);
void chain_cache_free(struct chain_cache *cache);

/* Told of each rule that held; `index` is that of the link, or their number
 * for the invocation. */
typedef void ChainHeld(void *context, size_t index, const struct token *token,
                       ChainRule rule);

struct chain_options {
    int64_t now_s;
    int64_t skew_s;      /* allowed on both sides; 0 by default, at most
                            CHAIN_SKEW_MAX_S */
    const Did *audience; /* whom we are: an invocation's aud, or without one
                            its sub, must be this; NULL: not checked */
    /* Whose authority is asked for: sub must be this, which is looked at before
     * all else; NULL: anybody's. A stranger is authorised for himself, always:
     * without this, his invocations are remembered too. */
    const Did *subject;
    ChainProof *proof;
    void *proof_context;
    struct store *store; /* revocations and replays; NULL: neither is checked
                            nor kept */
    bool replay_is_ok;   /* /workflow/run: the job is answered instead */
    PolicyUnknown *unknown; /* promises in the arguments, see policy.h */
    void *unknown_context;
    bool rc1_too;
    struct chain_cache *cache; /* NULL: none */
    /* What policies may still cost, for several checks that are one request:
     * taken from it. NULL: CHAIN_WORK_MAX for each. */
    size_t *work;
    ChainHeld *held; /* may be NULL */
    void *held_context;
};

/* An invocation that was found authorised. Only chain_authorise() makes one;
 * what acts on behalf of somebody takes this and nothing less. */
struct authorised;

/* STATUS_DENIED: refused, `*refusal` says why. Other failures are those of the
 * store or of the proofs' source. Takes over `invocation` on success only.
 * Free with authorised_free(). */
Status chain_authorise(struct token *invocation,
                       const struct chain_options *options,
                       struct authorised **out, struct chain_refusal *refusal,
                       struct error *err);
/* The same of one that was authorised before, after a restart: its proofs are
 * gathered, verified where the cache has them not, and must join; its own
 * signature, time, policies and revocations are not asked. Only for bytes that
 * nobody else could have written. */
Status chain_restore(struct token *invocation,
                     const struct chain_options *options,
                     struct authorised **out, struct chain_refusal *refusal,
                     struct error *err);
void authorised_free(struct authorised *authorised);

const struct token *authorised_invocation(const struct authorised *authorised);
size_t authorised_link_count(const struct authorised *authorised);
const struct token *authorised_link(const struct authorised *authorised,
                                    size_t index); /* 0: the root */

/* Once more with arguments that are known now, or for one task of a workflow:
 * commands, policies, and revocations as they are at this moment; not time. */
Status chain_recheck(const struct authorised *authorised, Text cmd,
                     const Value *args, const struct chain_options *options,
                     struct chain_refusal *refusal, struct error *err);

#endif
