/* SPDX-License-Identifier: Apache-2.0 */
/* did.h - did:key names for public keys (W3C did:key method; multicodec).
 *
 *     did:key:z ‖ base58btc(varint of the key type ‖ key)
 *     Ed25519 ed 01   P-256 80 24   secp256k1 e7 01
 *
 * Strict both ways: one text for a key, one key for a text. Thread: any. */
#ifndef IPVM_UCAN_DID_H
#define IPVM_UCAN_DID_H

#include "crypto/key.h"

enum { DID_TEXT_MAX = 64 };

/* A DID as its text, ended by NUL: comparing texts compares keys. */
typedef struct {
    char text[DID_TEXT_MAX];
} Did;

void did_of(const PublicKey *key, Did *out);
/* STATUS_INVALID: not did:key, or not in its one form. STATUS_UNSUPPORTED:
 * another DID method, or a key type that is none of the three. `key` may be
 * NULL. */
Status did_read(Text text, Did *out, PublicKey *key, struct error *err);
bool did_equal(const Did *a, const Did *b);

#endif
