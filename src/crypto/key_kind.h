/* SPDX-License-Identifier: Apache-2.0 */
/* key_kind.h - what one type of key does, inside the crypto module: a file for
 * each library, and key.c on top. Thread: any. */
#ifndef IPVM_CRYPTO_KEY_KIND_H
#define IPVM_CRYPTO_KEY_KIND_H

#include "crypto/key.h"

enum { KEY_POINT_LEN = 65 };

/* A secret key: all of it is in locked memory, read-only once it is made. */
struct secret_key {
    PublicKey public;
    uint8_t secret[KEY_SECRET_LEN]; /* seed or scalar */
    uint8_t expanded[64];           /* Ed25519: seed ‖ public key */
    void *handle;                   /* P-256: OpenSSL's EVP_PKEY */
};

struct key_kind {
    const char *name;
    uint8_t len; /* of a public key */
    /* Bytes of the right length. NULL, or why they are no key. */
    const char *(*check)(const uint8_t *bytes);
    /* The key was checked. NULL, or why the signature is none that is taken. */
    const char *(*verify)(const PublicKey *key, Bytes message,
                          const Signature *signature);
    /* From `secret`, makes all else. False: not in the range of scalars. */
    bool (*prepare)(struct secret_key *key);
    void (*release)(struct secret_key *key); /* may be NULL */
    /* Curves of Weierstrass: the point as 04 ‖ x ‖ y. May be NULL. */
    void (*expand)(const PublicKey *key, uint8_t out[KEY_POINT_LEN]);
    void (*sign)(const struct secret_key *key, Bytes message, Signature *out);
};

extern const struct key_kind *const key_kinds[KEY_TYPE_COUNT];
extern const struct key_kind key_ed25519, key_p256, key_secp256k1;

/* Said of every signature that is simply not one. */
extern const char key_not_signed[];

#endif
