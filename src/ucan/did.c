/* SPDX-License-Identifier: Apache-2.0 */
/* did.c - DIDs read and written.
 *
 * Finding out whether 32 bytes are a point on the curve takes 10 us, and the
 * tokens of a chain name the same few DIDs again and again. So each thread
 * remembers some that it has read; another DID in the same place replaces one.
 * What is remembered is a fact, so nothing ever makes it wrong. */
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

enum { SEEN_COUNT = 64 };

static _Thread_local struct {
    Did did; /* "": none */
    PublicKey key;
} seen[SEEN_COUNT];

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

/* The key of a text that is not remembered. */
static Status read_text(Text text, PublicKey *out, struct error *err)
{
    uint8_t bytes[DID_TEXT_MAX];
    size_t len;
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
    // Base58 has one text for bytes that do not begin with zero, and no key
    // type begins with zero: the text is in its one form.
    const Text encoded = {text.data + prefix.len, text.len - prefix.len};
    const Status status = multibase_decode(encoded, bytes, &len, err);
    if (status != STATUS_OK)
        return fail_in(err, STATUS_INVALID, "did:key");
    return read_key(bytes_of(bytes, len), out, err);
}

/* A place in `seen` by the end of the text, where all DIDs differ. */
static size_t place_of(Text text)
{
    size_t sum = 0;
    for (size_t at = 1; at <= 4 && at <= text.len; at++)
        sum = sum * 31 + (uint8_t)text.data[text.len - at];
    return sum % SEEN_COUNT;
}

Status did_read(Text text, Did *out, PublicKey *key, struct error *err)
{
    const size_t place = place_of(text);
    if (text.len == 0 || !text_equal(text, text_of(seen[place].did.text))) {
        PublicKey read;
        TRY(read_text(text, &read, err));
        seen[place].key = read;
        seen[place].did = (Did){0};
        memcpy(seen[place].did.text, text.data, text.len);
    }
    *out = seen[place].did;
    if (key)
        *key = seen[place].key;
    return STATUS_OK;
}
