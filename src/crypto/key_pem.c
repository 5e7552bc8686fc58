/* SPDX-License-Identifier: Apache-2.0 */
/* key_pem.c - secret keys as PKCS#8 in PEM.
 *
 *     SEQUENCE                                    RFC 5958
 *       INTEGER 0, or 1 if there is a public key
 *       SEQUENCE   OID of the algorithm, for curves OID of the curve
 *       OCTET STRING
 *         Ed25519   OCTET STRING of the seed      RFC 8410
 *         curves    SEQUENCE                      RFC 5915
 *                     INTEGER 1, OCTET STRING of the scalar,
 *                     [0] OID of the curve?, [1] BIT STRING of the point?
 *       [0] attributes?, [1] public key?
 *
 * What is written is what OpenSSL writes. What is read is DER with every length
 * in its one form; a point that is given must be that of the scalar.
 * Base64 is libsodium's, whose time does not tell what it reads. */
#include <sodium.h>

#include "crypto/key_kind.h"

enum {
    DER_INTEGER = 0x02,
    DER_BITS = 0x03,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_TAGGED_0 = 0xa0,
    DER_TAGGED_1 = 0xa1,
    DER_PRIMITIVE_1 = 0x81, /* [1] IMPLICIT BIT STRING */
};

enum { DER_WRITTEN_MAX = 192, PEM_LINE = 64 };

static const char begin[] = "-----BEGIN PRIVATE KEY-----\n";
static const char end[] = "-----END PRIVATE KEY-----\n";

#define OID(...)                                                              \
    {                                                                         \
        (const uint8_t[]){__VA_ARGS__},                                       \
            sizeof((const uint8_t[]){__VA_ARGS__})                            \
    }
static const Bytes oid_ed25519 = OID(0x2b, 0x65, 0x70);
static const Bytes oid_ec = OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);
static const Bytes oid_curves[KEY_TYPE_COUNT] = {
    [KEY_P256] = OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07),
    [KEY_SECP256K1] = OID(0x2b, 0x81, 0x04, 0x00, 0x0a),
};
#undef OID

/* --- Writing: from the inside out, at the end of a block ------------------ */

struct der {
    uint8_t bytes[DER_WRITTEN_MAX];
    size_t at; /* the first byte written */
};

static void put(struct der *der, const void *bytes, size_t len)
{
    ASSERT(len <= der->at);
    der->at -= len;
    memcpy(der->bytes + der->at, bytes, len);
}

/* Tag and length in front of what was written since it stood at `from`. */
static void wrap(struct der *der, uint8_t tag, size_t from)
{
    const size_t len = from - der->at;
    const uint8_t head[] = {tag, 0x81, (uint8_t)len};
    const uint8_t short_head[] = {tag, (uint8_t)len};
    ASSERT(len < DER_WRITTEN_MAX);
    if (len < 0x80)
        put(der, short_head, sizeof short_head);
    else
        put(der, head, sizeof head);
}

static void put_tagged(struct der *der, uint8_t tag, const void *bytes,
                       size_t len)
{
    const size_t from = der->at;
    put(der, bytes, len);
    wrap(der, tag, from);
}

/* RFC 5915's ECPrivateKey, without the curve, which stands outside. */
static void put_ec(struct der *der, const struct secret_key *key)
{
    static const uint8_t one = 1, zero = 0;
    const size_t from = der->at;
    uint8_t point[KEY_POINT_LEN];
    key_kinds[key->public.type]->expand(&key->public, point);
    put(der, point, sizeof point);
    put(der, &zero, 1); // No unused bits.
    wrap(der, DER_BITS, from);
    wrap(der, DER_TAGGED_1, from);
    put_tagged(der, DER_OCTETS, key->secret, KEY_SECRET_LEN);
    put_tagged(der, DER_INTEGER, &one, 1);
    wrap(der, DER_SEQUENCE, from);
}

static void put_pkcs8(struct der *der, const struct secret_key *key)
{
    static const uint8_t zero = 0;
    const Bytes curve = oid_curves[key->public.type];
    const Bytes algorithm = curve.len > 0 ? oid_ec : oid_ed25519;
    if (curve.len > 0)
        put_ec(der, key);
    else
        put_tagged(der, DER_OCTETS, key->secret, KEY_SECRET_LEN);
    wrap(der, DER_OCTETS, DER_WRITTEN_MAX);
    const size_t from = der->at;
    if (curve.len > 0)
        put_tagged(der, DER_OID, curve.data, curve.len);
    put_tagged(der, DER_OID, algorithm.data, algorithm.len);
    wrap(der, DER_SEQUENCE, from);
    put_tagged(der, DER_INTEGER, &zero, 1);
    wrap(der, DER_SEQUENCE, DER_WRITTEN_MAX);
}

Status secret_key_to_pem(const struct secret_key *key, struct buffer *out,
                         struct error *err)
{
    struct der der = {.at = DER_WRITTEN_MAX};
    char text[sodium_base64_ENCODED_LEN(DER_WRITTEN_MAX,
                                        sodium_base64_VARIANT_ORIGINAL)];
    put_pkcs8(&der, key);
    sodium_bin2base64(text, sizeof text, der.bytes + der.at,
                      DER_WRITTEN_MAX - der.at,
                      sodium_base64_VARIANT_ORIGINAL);
    // All the room at once: growing would leave copies behind.
    buffer_reserve(out, sizeof begin + sizeof end + sizeof text + 8);
    buffer_add_text(out, text_of(begin));
    const size_t len = strlen(text);
    for (size_t at = 0; at < len; at += PEM_LINE) {
        const size_t line = len - at < PEM_LINE ? len - at : PEM_LINE;
        buffer_add(out, text + at, line);
        buffer_add_byte(out, '\n');
    }
    buffer_add_text(out, text_of(end));
    sodium_memzero(&der, sizeof der);
    sodium_memzero(text, sizeof text);
    return buffer_status(out, "the key's PEM", err);
}

/* --- Reading DER ---------------------------------------------------------- */

/* Takes one element with `tag` off the front. False: there is none, or its
 * length is not in its one form. */
static bool take(Bytes *rest, uint8_t tag, Bytes *out)
{
    if (rest->len < 2 || rest->data[0] != tag)
        return false;
    size_t len = rest->data[1], head = 2;
    if (len == 0x81 && rest->len > 2 && rest->data[2] >= 0x80) {
        len = rest->data[2];
        head = 3;
    } else if (len == 0x82 && rest->len > 3 && rest->data[2] > 0) {
        len = (size_t)rest->data[2] << 8 | rest->data[3];
        head = 4;
    } else if (len >= 0x80) {
        return false;
    }
    if (len > rest->len - head)
        return false;
    *out = bytes_of(rest->data + head, len);
    *rest = bytes_from(*rest, head + len);
    return true;
}

/* An element that may be absent; `out` is then empty. */
static bool take_optional(Bytes *rest, uint8_t tag, Bytes *out)
{
    *out = (Bytes){rest->data, 0};
    return rest->len == 0 || rest->data[0] != tag || take(rest, tag, out);
}

static bool take_small(Bytes *rest, uint8_t *out)
{
    Bytes number;
    if (!take(rest, DER_INTEGER, &number) || number.len != 1)
        return false;
    *out = number.data[0];
    return true;
}

/* What was found in a PKCS#8. */
struct found {
    KeyType type;
    Bytes secret;
    Bytes point; /* the public key as it was given, or empty */
};

/* `bits` of a BIT STRING: the bytes behind the count of unused bits. */
static bool read_bits(Bytes bits, Bytes *out)
{
    if (bits.len < 2 || bits.data[0] != 0)
        return false;
    *out = bytes_from(bits, 1);
    return true;
}

static bool read_ec(Bytes inner, struct found *found)
{
    Bytes fields, curve, tagged, bits;
    uint8_t version;
    if (!take(&inner, DER_SEQUENCE, &fields) || inner.len > 0 ||
        !take_small(&fields, &version) || version != 1 ||
        !take(&fields, DER_OCTETS, &found->secret) ||
        !take_optional(&fields, DER_TAGGED_0, &curve) ||
        !take_optional(&fields, DER_TAGGED_1, &tagged) || fields.len > 0)
        return false;
    if (curve.len > 0) {
        Bytes oid;
        if (!take(&curve, DER_OID, &oid) || curve.len > 0 ||
            !bytes_equal(oid, oid_curves[found->type]))
            return false;
    }
    if (tagged.len == 0)
        return true;
    return take(&tagged, DER_BITS, &bits) && tagged.len == 0 &&
           read_bits(bits, &found->point);
}

/* NULL, or what it is instead. */
static const char *read_algorithm(Bytes algorithm, KeyType *out)
{
    Bytes oid, curve;
    if (!take(&algorithm, DER_OID, &oid))
        return "not PKCS#8";
    if (bytes_equal(oid, oid_ed25519)) {
        *out = KEY_ED25519;
        return algorithm.len == 0 ? NULL : "Ed25519 has no parameters";
    }
    if (!bytes_equal(oid, oid_ec))
        return "a key of another algorithm: Ed25519, P-256 and secp256k1 are "
               "taken";
    if (!take(&algorithm, DER_OID, &curve) || algorithm.len > 0)
        return "its curve is not given by name";
    for (KeyType type = KEY_P256; type <= KEY_SECP256K1; type++)
        if (bytes_equal(curve, oid_curves[type])) {
            *out = type;
            return NULL;
        }
    return "a key of another curve: P-256 and secp256k1 are taken";
}

static const char *read_pkcs8(Bytes der, struct found *found)
{
    Bytes fields, algorithm, inner, attributes, public;
    uint8_t version;
    *found = (struct found){0};
    if (!take(&der, DER_SEQUENCE, &fields) || der.len > 0 ||
        !take_small(&fields, &version) || version > 1 ||
        !take(&fields, DER_SEQUENCE, &algorithm))
        return "not PKCS#8";
    const char *trouble = read_algorithm(algorithm, &found->type);
    if (trouble)
        return trouble;
    if (!take(&fields, DER_OCTETS, &inner) ||
        !take_optional(&fields, DER_TAGGED_0, &attributes) ||
        !take_optional(&fields, DER_PRIMITIVE_1, &public) || fields.len > 0 ||
        (version == 1) != (public.len > 0))
        return "not PKCS#8";
    if (found->type == KEY_ED25519
            ? !take(&inner, DER_OCTETS, &found->secret) || inner.len > 0
            : !read_ec(inner, found))
        return "the key inside of PKCS#8 is malformed";
    if (public.len > 0 && !read_bits(public, &found->point))
        return "the public key beside it is malformed";
    return found->secret.len == KEY_SECRET_LEN
               ? NULL
               : "the secret inside is not 32 bytes";
}

/* Whether `point` is the public key, in short or in full. */
static bool is_point_of(Bytes point, const PublicKey *key)
{
    uint8_t full[KEY_POINT_LEN];
    if (point.len == key->len)
        return memcmp(point.data, key->bytes, key->len) == 0;
    if (!key_kinds[key->type]->expand || point.len != KEY_POINT_LEN)
        return false;
    key_kinds[key->type]->expand(key, full);
    return memcmp(point.data, full, sizeof full) == 0;
}

static Status read_der(Bytes der, struct secret_key **out, struct error *err)
{
    struct found found;
    const char *trouble = read_pkcs8(der, &found);
    if (trouble)
        return fail(err, STATUS_INVALID, "private key: %s", trouble);
    TRY(secret_key_from_bytes(found.type, found.secret, out, err));
    if (found.point.len == 0 ||
        is_point_of(found.point, secret_key_public(*out)))
        return STATUS_OK;
    secret_key_free(*out);
    return fail(err, STATUS_INVALID,
                "private key: the public key beside it is another's");
}

/* --- Reading PEM ---------------------------------------------------------- */

static bool is_blank(char letter)
{
    return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n';
}

static Text trim(Text text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = (Text){text.data + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* What else people have in such files. */
static const struct {
    Text start;
    const char *what;
} others[] = {
    {TEXT_INIT("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
     "the key is encrypted; decrypt it with `openssl pkcs8 -in FILE` first"},
    {TEXT_INIT("-----BEGIN PUBLIC KEY-----"),
     "that is a public key; the private one is needed"},
    {TEXT_INIT("-----BEGIN EC PRIVATE KEY-----"),
     "an older form; convert it with `openssl pkcs8 -topk8 -nocrypt -in FILE`"},
    {TEXT_INIT("-----BEGIN EC PARAMETERS-----"),
     "an older form; convert it with `openssl pkcs8 -topk8 -nocrypt -in FILE`"},
    {TEXT_INIT("-----BEGIN RSA PRIVATE KEY-----"),
     "a key of RSA; Ed25519, P-256 and secp256k1 are taken"},
    {TEXT_INIT("-----BEGIN OPENSSH PRIVATE KEY-----"),
     "a key of OpenSSH, which has a form of its own; PKCS#8 is taken"},
    {TEXT_INIT("-----BEGIN CERTIFICATE-----"),
     "that is a certificate; a private key is needed"},
};

static const char *what_else(Text pem)
{
    for (size_t at = 0; at < sizeof others / sizeof others[0]; at++)
        if (text_starts_with(pem, others[at].start))
            return others[at].what;
    return "no PKCS#8 in PEM: it should begin with -----BEGIN PRIVATE "
           "KEY-----";
}

Status secret_key_from_pem(Text pem, struct secret_key **out,
                           struct error *err)
{
    const Text head = {begin, sizeof begin - 2}; // Without the newline.
    const Text tail = {end, sizeof end - 2};
    uint8_t der[PEM_MAX / 16];
    size_t len = 0;
    pem = trim(pem);
    if (pem.len > PEM_MAX)
        return fail(err, STATUS_LIMIT, "private key: more than %d bytes",
                    PEM_MAX);
    if (!text_starts_with(pem, head))
        return fail(err, STATUS_INVALID, "private key: %s", what_else(pem));
    if (pem.len < head.len + tail.len || !text_ends_with(pem, tail))
        return fail(err, STATUS_INVALID,
                    "private key: cut off, or something follows its end; it "
                    "should end with %.*s",
                    TEXT_ARG(tail));
    const Text body = {pem.data + head.len, pem.len - head.len - tail.len};
    const char *stopped = NULL;
    Status status = STATUS_OK;
    if (sodium_base642bin(der, sizeof der, body.data, body.len, " \t\r\n",
                          &len, &stopped,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        stopped != body.data + body.len)
        status = fail(err, STATUS_INVALID,
                      "private key: not base64, more than one key, or far too "
                      "long");
    if (status == STATUS_OK)
        status = read_der(bytes_of(der, len), out, err);
    sodium_memzero(der, sizeof der);
    return status;
}
