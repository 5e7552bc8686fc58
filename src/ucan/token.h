/* SPDX-License-Identifier: Apache-2.0 */
/* token.h - UCAN 1.0 tokens: delegations and invocations as bytes.
 *
 *     [ signature, { "h": varsig header,
 *                    "ucan/dlg@1.0.0" | "ucan/inv@1.0.0": payload } ]
 *
 * DAG-CBOR, strict; the signature is over the received bytes of [1]. A token
 * that was read is well-formed, its fields are in range, nothing more: who
 * may do what is chain.h's. Unknown fields are refused, as are aud == sub and
 * an empty meta (FORMATS section 7).
 *
 * A token's CID is that of the envelope. Its *payload* CID is that of [1]: it
 * is what replay and revocation go by, since a signature may be malleable.
 * Thread: any; immutable. */
#ifndef IPVM_UCAN_TOKEN_H
#define IPVM_UCAN_TOKEN_H

#include "ipld/cid.h"
#include "ucan/did.h"
#include "ucan/policy.h"

enum {
    TOKEN_BYTES_MAX = 1 << 20,
    TOKEN_PROOFS_MAX = 64,
    COMMAND_LEN_MAX = 256,
    NONCE_LEN_MAX = 128,
};

typedef enum { TOKEN_DELEGATION, TOKEN_INVOCATION } TokenKind;

struct token {
    struct arena arena; /* holds all below */
    Bytes bytes;        /* the envelope, as received */
    Bytes signed_bytes; /* [1], inside `bytes` */
    Cid cid;
    Cid payload; /* dag-cbor CID of signed_bytes */
    TokenKind kind;
    bool is_rc1; /* ucan/…@1.0.0-rc.1 */
    Signature signature;
    PublicKey key; /* of iss */
    Did iss;
    bool has_aud, has_sub; /* a delegation without sub is a powerline */
    Did aud, sub;          /* an invocation always has sub */
    Text cmd;
    Bytes nonce;
    bool has_exp, has_nbf, has_iat;
    int64_t exp, nbf, iat; /* seconds since 1970 */
    const Value *meta;     /* a map, or NULL */
    /* Delegation. */
    const Value *pol_value;
    const struct policy *pol;
    /* Invocation. */
    const Value *args; /* a map */
    const Cid *proofs; /* root first */
    size_t proof_count;
    bool has_cause;
    Cid cause;
};

struct token_options {
    bool rc1_too; /* read and write 1.0.0-rc.1 */
};

/* Reads one token that fills `bytes`, which are copied. STATUS_INVALID: names
 * the field or the offset. STATUS_UNSUPPORTED: a signature algorithm, DID
 * method or version. STATUS_DENIED: the signature has not the length of one.
 * `options` may be NULL. Free with token_free(). */
Status token_read(Bytes bytes, const struct token_options *options,
                  struct token **out, struct error *err);
void token_free(struct token *token);
/* STATUS_DENIED: the signature is not that of iss. */
Status token_verify(const struct token *token, struct error *err);

/* --- Minting ------------------------------------------------------------- */

/* What a token shall say; a zeroed field is absent. Without `nonce.data`: 12
 * random bytes. The issuer is the key. */
struct token_claims {
    TokenKind kind;
    const Did *aud; /* delegation: required */
    const Did *sub; /* delegation: absent is a powerline; invocation: required
                     */
    Text cmd;
    Bytes nonce;
    bool has_exp, has_nbf, has_iat;
    int64_t exp, nbf, iat;
    const Value *meta;
    const Value *pol;  /* delegation; NULL: [] */
    const Value *args; /* invocation; NULL: {} */
    const Cid *proofs;
    size_t proof_count;
    const Cid *cause;
};
/* STATUS_INVALID: a field that token_read() would refuse. */
Status token_mint(const struct token_claims *claims,
                  const struct secret_key *key,
                  const struct token_options *options, struct token **out,
                  struct error *err);

/* "/", "/a/b": lower case, no empty segment, no slash at the end. */
Status command_check(Text cmd, struct error *err);
/* `parent` proves `child`: equal, or `child` goes on below it by segments. */
bool command_covers(Text parent, Text child);

/* The CID of {cmd, sub, args, nonce} of an invocation. */
void token_task_cid(const struct token *invocation, Cid *out);

#endif
