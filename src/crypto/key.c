/* SPDX-License-Identifier: Apache-2.0 */
/* key.c - keys of any type: each type's own part is in its file. */
#include "crypto/key.h"

#include <pthread.h>
#include <sodium.h>
#include <strings.h>

#include "crypto/hash.h"
#include "crypto/key_kind.h"

const char key_not_signed[] = "not a signature of these bytes by this key";

const struct key_kind *const key_kinds[KEY_TYPE_COUNT] = {
    [KEY_ED25519] = &key_ed25519,
    [KEY_P256] = &key_p256,
    [KEY_SECP256K1] = &key_secp256k1,
};

/* --- Names ---------------------------------------------------------------- */

static const struct {
    const char *name;
    KeyType type;
} names[] = {
    {"ed25519", KEY_ED25519},     {"p256", KEY_P256},      {"p-256", KEY_P256},
    {"secp256k1", KEY_SECP256K1}, {"k256", KEY_SECP256K1},
};

const char *key_type_name(KeyType type)
{
    return key_kinds[type]->name;
}

bool key_type_from_name(Text name, KeyType *out)
{
    for (size_t at = 0; at < sizeof names / sizeof names[0]; at++) {
        if (strlen(names[at].name) != name.len ||
            strncasecmp(names[at].name, name.data, name.len) != 0)
            continue;
        *out = names[at].type;
        return true;
    }
    return false;
}

/* --- Public keys ---------------------------------------------------------- */

Status public_key_from_bytes(KeyType type, Bytes bytes, PublicKey *out,
                             struct error *err)
{
    const struct key_kind *kind = key_kinds[type];
    if (bytes.len != kind->len)
        return fail(err, STATUS_INVALID,
                    "a public key of %s is %u bytes, not %zu", kind->name,
                    kind->len, bytes.len);
    const char *trouble = kind->check(bytes.data);
    if (trouble)
        return fail(err, STATUS_INVALID, "not a public key of %s: %s",
                    kind->name, trouble);
    *out = (PublicKey){.type = type, .len = kind->len};
    memcpy(out->bytes, bytes.data, bytes.len);
    return STATUS_OK;
}

bool public_key_equal(const PublicKey *a, const PublicKey *b)
{
    return a->type == b->type && a->len == b->len &&
           memcmp(a->bytes, b->bytes, a->len) == 0;
}

Status public_key_verify(const PublicKey *key, Bytes message,
                         const Signature *signature, struct error *err)
{
    const struct key_kind *kind = key_kinds[key->type];
    const char *trouble = kind->verify(key, message, signature);
    if (trouble)
        return fail(err, STATUS_DENIED, "wrong %s signature: %s", kind->name,
                    trouble);
    return STATUS_OK;
}

/* --- Secret keys ---------------------------------------------------------- */

static void start_sodium(void)
{
    ASSERT(sodium_init() >= 0);
}

/* Between guard pages, locked, not in core dumps. */
void *secret_alloc(size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_sodium);
    void *memory = sodium_malloc(len);
    ASSERT(memory);
    memset(memory, 0, len);
    return memory;
}

void secret_free(void *memory)
{
    sodium_free(memory); // Wipes it.
}

static struct secret_key *new_secret(KeyType type)
{
    struct secret_key *key = secret_alloc(sizeof *key);
    key->public.type = type;
    key->public.len = key_kinds[type]->len;
    return key;
}

/* Makes the rest of a key from its `secret`. Frees it where that is none. */
static bool finish_secret(struct secret_key *key)
{
    if (!key_kinds[key->public.type]->prepare(key)) {
        sodium_free(key);
        return false;
    }
    ASSERT(sodium_mprotect_readonly(key) == 0);
    return true;
}

struct secret_key *secret_key_new(KeyType type)
{
    struct secret_key *key;
    // All but 2^-32 of the numbers are scalars of P-256.
    do {
        key = new_secret(type);
        random_bytes(key->secret, sizeof key->secret);
    } while (!finish_secret(key));
    return key;
}

Status secret_key_from_bytes(KeyType type, Bytes bytes,
                             struct secret_key **out, struct error *err)
{
    if (bytes.len != KEY_SECRET_LEN)
        return fail(err, STATUS_INVALID, "a secret key is %d bytes, not %zu",
                    KEY_SECRET_LEN, bytes.len);
    struct secret_key *key = new_secret(type);
    memcpy(key->secret, bytes.data, KEY_SECRET_LEN);
    if (!finish_secret(key))
        return fail(err, STATUS_INVALID,
                    "not a secret key of %s: zero, or not below the order of "
                    "the curve",
                    key_kinds[type]->name);
    *out = key;
    return STATUS_OK;
}

void secret_key_free(struct secret_key *key)
{
    if (!key)
        return;
    if (key_kinds[key->public.type]->release)
        key_kinds[key->public.type]->release(key);
    sodium_free(key); // Wipes it.
}

const PublicKey *secret_key_public(const struct secret_key *key)
{
    return &key->public;
}

void secret_key_sign(const struct secret_key *key, Bytes message,
                     Signature *out)
{
    key_kinds[key->public.type]->sign(key, message, out);
}

void secret_buffer_wipe(struct buffer *buffer)
{
    if (buffer->data)
        sodium_memzero(buffer->data, buffer->capacity);
    buffer_deinit(buffer);
}
