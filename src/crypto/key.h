/* SPDX-License-Identifier: Apache-2.0 */
/* key.h - keys that sign and verify: the only door to OpenSSL's, libsodium's
 * and libsecp256k1's signatures.
 *
 *     Ed25519     RFC 8032; the key is 32 bytes
 *     P-256       ES256: ECDSA over sha2-256; 33 bytes, compressed
 *     secp256k1   ES256K: the same over the other curve
 *
 * A signature is 64 bytes: R ‖ S, or r ‖ s. Which ones are taken is one rule
 * for everybody (FORMATS section 7):
 *
 *  1. Ed25519: S is canonical (below L); the key and R are canonical points of
 *     no small order; R = [S]B - [h]A byte for byte, without a cofactor.
 *  2. secp256k1: s is in the lower half. P-256: either half is taken, the lower
 *     is written.
 *
 * Secret keys are in memory that is locked, guarded and wiped, and out of core
 * dumps. Comparing and signing is in constant time. Thread: any. */
#ifndef IPVM_CRYPTO_KEY_H
#define IPVM_CRYPTO_KEY_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"

typedef enum { KEY_ED25519, KEY_P256, KEY_SECP256K1 } KeyType;

#define KEY_TYPE_COUNT (KEY_SECP256K1 + 1u)

enum { KEY_LEN_MAX = 33, KEY_SECRET_LEN = 32, SIGNATURE_LEN = 64 };
enum { PEM_MAX = 16 << 10, PASSPHRASE_MAX = 1024 };

typedef struct {
    KeyType type;
    uint8_t len; /* 32 or 33 */
    uint8_t bytes[KEY_LEN_MAX];
} PublicKey;

typedef struct {
    uint8_t bytes[SIGNATURE_LEN];
} Signature;

/* Checks that `bytes` is a key in its one form: length, a point on the curve,
 * canonical, of no small order. STATUS_INVALID says which. */
Status public_key_from_bytes(KeyType type, Bytes bytes, PublicKey *out,
                             struct error *err);
bool public_key_equal(const PublicKey *a, const PublicKey *b);

/* STATUS_OK, or STATUS_DENIED: not a signature of `message` by `key`, or not
 * one that is taken. */
Status public_key_verify(const PublicKey *key, Bytes message,
                         const Signature *signature, struct error *err);

/* "Ed25519", "P-256", "secp256k1". */
const char *key_type_name(KeyType type);
/* Takes "ed25519", "p256", "p-256", "secp256k1", "k256" in any case. */
bool key_type_from_name(Text name, KeyType *out);

struct secret_key;

/* A new key from the system's randomness. Free with secret_key_free(). */
struct secret_key *secret_key_new(KeyType type);
/* From the 32 bytes of a seed or scalar. STATUS_INVALID: zero or beyond the
 * group's order. */
Status secret_key_from_bytes(KeyType type, Bytes bytes,
                             struct secret_key **out, struct error *err);
/* Wipes it. NULL is allowed. */
void secret_key_free(struct secret_key *key);

const PublicKey *secret_key_public(const struct secret_key *key);
/* Ed25519 and secp256k1: the same signature each time (RFC 8032, RFC 6979).
 * P-256: OpenSSL's nonces, made of randomness, the key and the digest; another
 * signature each time. s is in the lower half. */
void secret_key_sign(const struct secret_key *key, Bytes message,
                     Signature *out);

/* PKCS#8 in PEM (RFC 5958, 7468, 8410, 5915), unencrypted. `out`, empty, should
 * be wiped by the caller: secret_buffer_wipe(). */
Status secret_key_to_pem(const struct secret_key *key, struct buffer *out,
                         struct error *err);
/* One key and nothing else but blanks. STATUS_INVALID says what it is instead
 * (a public key, an encrypted one, another curve, two keys, …). */
Status secret_key_from_pem(Text pem, struct secret_key **out,
                           struct error *err);
/* Zeroes it and gives it back. What grew has left copies behind: reserve room
 * for all of a secret at once. */
void secret_buffer_wipe(struct buffer *buffer);

/* Memory as secret keys have it, for passphrases. */
void *secret_alloc(size_t len);
void secret_free(void *memory);

/* Seals bytes under a passphrase: Argon2id (libsodium's MODERATE), then
 * XChaCha20-Poly1305; the format is in docs/formats/keys.md. */
Status passphrase_seal(Bytes plain, Text passphrase, struct buffer *out,
                       struct error *err);
/* STATUS_DENIED: the wrong passphrase, or the bytes have changed.
 * STATUS_INVALID: not such bytes. STATUS_LIMIT: asks for more memory or work
 * than anybody's passphrase should. */
Status passphrase_open(Bytes sealed, Text passphrase, struct buffer *out,
                       struct error *err);

#endif
