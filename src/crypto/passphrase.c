/* SPDX-License-Identifier: Apache-2.0 */
/* passphrase.c - bytes sealed under a passphrase.
 *
 *      0  8  "ipvmseal"
 *      8  1  version: 1
 *      9  1  passes of Argon2id
 *     10  4  its memory in KiB, little-endian
 *     14 16  its salt
 *     30 24  nonce of XChaCha20-Poly1305
 *     54  …  ciphertext, then 16 bytes of tag
 *
 * The 54 bytes in front are authenticated too. */
#include <sodium.h>

#include "crypto/hash.h"
#include "crypto/key.h"

enum {
    VERSION = 1,
    PASSES_AT = 9,
    MEMORY_AT = 10,
    SALT_AT = 14,
    NONCE_AT = SALT_AT + crypto_pwhash_argon2id_SALTBYTES,
    HEAD_LEN = NONCE_AT + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_LEN = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    KEY_LEN = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
};
_Static_assert(HEAD_LEN == 54, "as documented");

/* What a file may ask for: about four times what we write. */
enum { PASSES_MAX = 16, MEMORY_MAX_KIB = 1 << 20, MEMORY_MIN_KIB = 8 };

static const char magic[] = "ipvmseal";

static Status derive(const uint8_t *head, Text passphrase,
                     uint8_t key[KEY_LEN], struct error *err)
{
    const uint32_t memory_kib = (uint32_t)head[MEMORY_AT] |
                                (uint32_t)head[MEMORY_AT + 1] << 8 |
                                (uint32_t)head[MEMORY_AT + 2] << 16 |
                                (uint32_t)head[MEMORY_AT + 3] << 24;
    if (head[PASSES_AT] > PASSES_MAX || memory_kib > MEMORY_MAX_KIB)
        return fail(err, STATUS_LIMIT,
                    "the seal asks for %u passes over %u MiB; at most %d over "
                    "%d MiB are done",
                    head[PASSES_AT], memory_kib >> 10, PASSES_MAX,
                    MEMORY_MAX_KIB >> 10);
    if (head[PASSES_AT] == 0 || memory_kib < MEMORY_MIN_KIB)
        return fail(err, STATUS_INVALID, "the seal is malformed");
    if (passphrase.len > PASSPHRASE_MAX)
        return fail(err, STATUS_LIMIT, "a passphrase of more than %d bytes",
                    PASSPHRASE_MAX);
    if (crypto_pwhash(key, KEY_LEN, passphrase.data, passphrase.len,
                      head + SALT_AT, head[PASSES_AT],
                      (size_t)memory_kib << 10,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return fail(err, STATUS_LIMIT,
                    "not enough memory for the passphrase: %u MiB are needed",
                    memory_kib >> 10);
    return STATUS_OK;
}

static void make_head(uint8_t head[HEAD_LEN])
{
    const uint32_t memory_kib = crypto_pwhash_MEMLIMIT_MODERATE >> 10;
    memcpy(head, magic, PASSES_AT - 1);
    head[PASSES_AT - 1] = VERSION;
    head[PASSES_AT] = crypto_pwhash_OPSLIMIT_MODERATE;
    for (unsigned index = 0; index < 4; index++)
        head[MEMORY_AT + index] = (uint8_t)(memory_kib >> (8 * index));
    random_bytes(head + SALT_AT, HEAD_LEN - SALT_AT);
}

Status passphrase_seal(Bytes plain, Text passphrase, struct buffer *out,
                       struct error *err)
{
    uint8_t head[HEAD_LEN];
    if (passphrase.len == 0)
        return fail(err, STATUS_INVALID, "an empty passphrase seals nothing");
    make_head(head);
    uint8_t *key = secret_alloc(KEY_LEN);
    Status status = derive(head, passphrase, key, err);
    buffer_add(out, head, HEAD_LEN);
    uint8_t *room = buffer_reserve(out, plain.len + TAG_LEN);
    if (status == STATUS_OK && room) {
        ASSERT(crypto_aead_xchacha20poly1305_ietf_encrypt(
                   room, NULL, plain.data, plain.len, head, HEAD_LEN, NULL,
                   head + NONCE_AT, key) == 0);
        buffer_advance(out, plain.len + TAG_LEN);
    }
    secret_free(key);
    return status == STATUS_OK ? buffer_status(out, "what is sealed", err)
                               : status;
}

Status passphrase_open(Bytes sealed, Text passphrase, struct buffer *out,
                       struct error *err)
{
    const size_t extra = HEAD_LEN + TAG_LEN;
    if (sealed.len < extra || memcmp(sealed.data, magic, PASSES_AT - 1) != 0)
        return fail(err, STATUS_INVALID, "not sealed with a passphrase");
    if (sealed.data[PASSES_AT - 1] != VERSION)
        return fail(err, STATUS_UNSUPPORTED,
                    "sealed in version %u of the format; %d is known",
                    sealed.data[PASSES_AT - 1], VERSION);
    uint8_t *key = secret_alloc(KEY_LEN);
    Status status = derive(sealed.data, passphrase, key, err);
    uint8_t *room = buffer_reserve(out, sealed.len - extra);
    if (status == STATUS_OK && room) {
        if (crypto_aead_xchacha20poly1305_ietf_decrypt(
                room, NULL, NULL, sealed.data + HEAD_LEN,
                sealed.len - HEAD_LEN, sealed.data, HEAD_LEN,
                sealed.data + NONCE_AT, key) == 0)
            buffer_advance(out, sealed.len - extra);
        else
            status = fail(err, STATUS_DENIED,
                          "wrong passphrase, or the bytes have changed");
    }
    secret_free(key);
    return status == STATUS_OK ? buffer_status(out, "what was sealed", err)
                               : status;
}
