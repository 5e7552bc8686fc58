/* SPDX-License-Identifier: Apache-2.0 */
#include "ucan/did.h"

#include "ipld/multibase.h"
#include "ipld/varint.h"

/* The multicodec of each type of key. */
static const uint64_t codecs[] = {
    [KEY_ED25519] = 0xed,
    [KEY_P256] = 0x1200,
    [KEY_SECP256K1] = 0xe7,
};

enum { CODEC_COUNT = sizeof codecs / sizeof codecs[0] };

static const Text prefix = TEXT_INIT("did:key:");

void did_of(const PublicKey *key, Did *out)
{
    uint8_t bytes[VARINT_MAX + KEY_LEN_MAX];
    size_t len = varint_write(codecs[key->type], bytes);
    memcpy(bytes + len, key->bytes, key->len);
    *out = (Did){0};
    memcpy(out->text, prefix.data, prefix.len);
    // At most 8 + 49 characters.
    len = multibase_encode('z', bytes_of(bytes, len + key->len),
                           out->text + prefix.len);
    // It may have used more of its room than it kept.
    memset(out->text + prefix.len + len, 0, DID_TEXT_MAX - prefix.len - len);
}

bool did_equal(const Did *a, const Did *b)
{
    return strcmp(a->text, b->text) == 0;
}

/* Whether `text` begins as the DID of another method does: did:method: */
static bool is_other_method(Text text)
{
    if (!text_starts_with(text, TEXT("did:")))
        return false;
    size_t at = 4;
    while (at < text.len && ((text.data[at] >= 'a' && text.data[at] <= 'z') ||
                             (text.data[at] >= '0' && text.data[at] <= '9')))
        at++;
    return at > 4 && at + 1 < text.len && text.data[at] == ':';
}

static Status read_key(Bytes bytes, PublicKey *out, struct error *err)
{
    uint64_t codec;
    const size_t len = varint_read(bytes, &codec);
    if (len == 0)
        return fail(err, STATUS_INVALID,
                    "did:key: the key type is not a number in its shortest "
                    "form");
    for (size_t type = 0; type < CODEC_COUNT; type++)
        if (codecs[type] == codec)
            return public_key_from_bytes((KeyType)type, bytes_from(bytes, len),
                                         out, err);
    return fail(err, STATUS_UNSUPPORTED,
                "did:key: key type 0x%llx is not Ed25519, P-256 or secp256k1",
                (unsigned long long)codec);
}

Status did_read(Text text, Did *out, PublicKey *key, struct error *err)
{
    uint8_t bytes[DID_TEXT_MAX];
    size_t len;
    PublicKey read;
    if (!text_starts_with(text, prefix))
        return is_other_method(text)
                   ? fail(err, STATUS_UNSUPPORTED,
                          "only DIDs of the method did:key are understood")
                   : fail(err, STATUS_INVALID,
                          "not a DID: it should begin with did:key:z");
    if (text.len == prefix.len || text.data[prefix.len] != 'z')
        return fail_at(err, STATUS_INVALID, prefix.len,
                       "did:key: the key should be in base58btc, that is, "
                       "begin with z");
    if (text.len >= DID_TEXT_MAX)
        return fail(err, STATUS_INVALID,
                    "did:key: %zu characters are more than any key of ours "
                    "has",
                    text.len);
    const Text encoded = {text.data + prefix.len, text.len - prefix.len};
    Status status = multibase_decode(encoded, bytes, &len, err);
    if (status != STATUS_OK)
        return fail_in(err, STATUS_INVALID, "did:key");
    TRY(read_key(bytes_of(bytes, len), &read, err));
    did_of(&read, out);
    // One text for a key, whatever a decoder lets pass.
    if (!text_equal(text, text_of(out->text)))
        return fail(err, STATUS_INVALID, "did:key: not in its one form");
    if (key)
        *key = read;
    return STATUS_OK;
}
