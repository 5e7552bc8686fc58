/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/cid.h"

#include "ipld/multibase.h"
#include "ipld/multihash.h"
#include "ipld/varint.h"

enum {
    V0_LEN = 34,                          /* 12 20 and a sha2-256 digest */
    V0_TEXT_LEN = 46,                     /* the same in base58btc: "Qm…" */
    TEXT_LEN_MAX = 1 + 2 * CID_BYTES_MAX, /* base16 is the longest */
};

/* --- Binary ------------------------------------------------------------- */

static bool is_v0(Bytes bytes)
{
    return bytes.len == V0_LEN && bytes.data[0] == HASH_SHA2_256 &&
           bytes.data[1] == SHA256_LEN;
}

static Status read_v1(Bytes bytes, struct cid_parts *out, struct error *err)
{
    struct multihash hash;
    uint64_t version;

    size_t version_len = varint_read(bytes, &version);
    if (version_len == 0 || version != 1)
        return fail_at(err, STATUS_INVALID, 0,
                       "not a CID: it begins neither with version 1 nor as "
                       "a version 0");
    Bytes rest = bytes_from(bytes, version_len);
    size_t codec_len = varint_read(rest, &out->codec);
    if (codec_len == 0)
        return fail_at(err, STATUS_INVALID, version_len,
                       "codec of the CID is not a minimal varint");
    size_t offset = version_len + codec_len;
    Status status = multihash_read(bytes_from(bytes, offset), &hash, err);
    if (status != STATUS_OK) {
        if (err)
            err->offset += offset;
        return fail_in(err, status, "not a CID");
    }
    out->version = 1;
    out->hash_code = hash.code;
    out->digest = hash.digest;
    return STATUS_OK;
}

static Status read_parts(Bytes bytes, struct cid_parts *out, struct error *err)
{
    if (!is_v0(bytes))
        return read_v1(bytes, out, err);
    *out = (struct cid_parts){.version = 0,
                              .codec = CODEC_DAG_PB,
                              .hash_code = HASH_SHA2_256,
                              .digest = bytes_from(bytes, 2)};
    return STATUS_OK;
}

Status cid_check_bytes(Bytes bytes, struct error *err)
{
    struct cid_parts parts;

    // Nearly every link looks like this: spare it the walk.
    static const uint8_t ours_hash[2] = {HASH_SHA2_256, SHA256_LEN};
    if (bytes.len == CID_OURS_LEN && bytes.data[0] == 1 &&
        bytes.data[1] < 0x80 && memcmp(bytes.data + 2, ours_hash, 2) == 0)
        return STATUS_OK;
    return read_parts(bytes, &parts, err);
}

void cid_parts_of(Bytes bytes, struct cid_parts *out)
{
    ASSERT(read_parts(bytes, out, NULL) == STATUS_OK);
}

Status cid_from_bytes(Bytes bytes, Cid *out, struct error *err)
{
    struct cid_parts parts = {0};

    TRY(read_parts(bytes, &parts, err));
    if (parts.hash_code == HASH_IDENTITY &&
        parts.digest.len > CID_IDENTITY_MAX)
        return fail(err, STATUS_LIMIT,
                    "CID holds %zu inlined bytes, the maximum is %d",
                    parts.digest.len, CID_IDENTITY_MAX);
    if (bytes.len > CID_BYTES_MAX)
        return fail(err, STATUS_LIMIT, "CID is longer than %d bytes",
                    CID_BYTES_MAX);
    out->len = (uint8_t)bytes.len;
    memcpy(out->bytes, bytes.data, bytes.len);
    return STATUS_OK;
}

/* --- Making ------------------------------------------------------------- */

void cid_from_hash(uint64_t codec, const Hash *hash, Cid *out)
{
    size_t len = 0;
    out->bytes[len++] = 1;
    len += varint_write(codec, out->bytes + len);
    out->bytes[len++] = HASH_SHA2_256;
    out->bytes[len++] = SHA256_LEN;
    memcpy(out->bytes + len, hash->bytes, SHA256_LEN);
    out->len = (uint8_t)(len + SHA256_LEN);
}

void cid_of(uint64_t codec, Bytes bytes, Cid *out)
{
    Hash hash;
    hash_sha256(bytes, &hash);
    cid_from_hash(codec, &hash, out);
}

Status cid_of_hashed(uint64_t codec, uint64_t hash_code, Bytes bytes, Cid *out,
                     struct error *err)
{
    uint8_t digest[HASH_DIGEST_MAX];
    size_t digest_len, len = 0;

    TRY(hash_digest(hash_code, bytes, digest, &digest_len, err));
    out->bytes[len++] = 1;
    len += varint_write(codec, out->bytes + len);
    len += varint_write(hash_code, out->bytes + len);
    len += varint_write(digest_len, out->bytes + len);
    memcpy(out->bytes + len, digest, digest_len);
    out->len = (uint8_t)(len + digest_len);
    return STATUS_OK;
}

/* --- Text --------------------------------------------------------------- */

static Text strip_prefix(Text text)
{
    static const Text prefixes[] = {{"/ipfs/", 6}, {"ipfs://", 7}};
    for (size_t index = 0; index < 2; index++)
        if (text_starts_with(text, prefixes[index]))
            return (Text){text.data + prefixes[index].len,
                          text.len - prefixes[index].len};
    return text;
}

static bool is_v0_text(Text text)
{
    return text.len == V0_TEXT_LEN && text_starts_with(text, TEXT("Qm"));
}

static Status v0_from_text(Text text, Cid *out, struct error *err)
{
    char with_letter[1 + V0_TEXT_LEN] = "z";
    uint8_t bytes[sizeof with_letter];
    size_t len;

    memcpy(with_letter + 1, text.data, V0_TEXT_LEN);
    Status status = multibase_decode((Text){with_letter, sizeof with_letter},
                                     bytes, &len, err);
    if (status != STATUS_OK) {
        if (err)
            err->offset--; // The letter was ours.
        return status;
    }
    if (!is_v0(bytes_of(bytes, len)))
        return fail(err, STATUS_INVALID, "not a version 0 CID");
    return cid_from_bytes(bytes_of(bytes, len), out, err);
}

/* A binary version 1 in any multibase; `out` has room for text.len bytes. */
static Status v1_from_text(Text text, uint8_t *out, size_t *len,
                           struct error *err)
{
    Status status = multibase_decode(text, out, len, err);
    if (status != STATUS_OK)
        return fail_in(err, status, "not a CID");
    // Version 0 has no multibase form (multiformats/cid, decoding).
    if (*len > 0 && out[0] == HASH_SHA2_256)
        return fail(err, STATUS_INVALID,
                    "not a CID: version 0 is written without a base prefix");
    status = cid_check_bytes(bytes_of(out, *len), err);
    if (status != STATUS_OK && err)
        err->offset = ERROR_NO_OFFSET; // It would be one of the bytes.
    return status;
}

Status cid_from_text(Text text, Cid *out, struct error *err)
{
    uint8_t bytes[TEXT_LEN_MAX];
    size_t len;

    Text bare = strip_prefix(text);
    if (bare.len > TEXT_LEN_MAX)
        return fail(err, STATUS_LIMIT, "CID is longer than %d characters",
                    TEXT_LEN_MAX);
    if (is_v0_text(bare))
        return v0_from_text(bare, out, err);
    TRY(v1_from_text(bare, bytes, &len, err));
    return cid_from_bytes(bytes_of(bytes, len), out, err);
}

bool cid_is_path(Text text)
{
    static const Text roots[] = {TEXT_INIT("/ipfs/"), TEXT_INIT("/ipld/")};
    Cid cid;
    if (text_starts_with(text, TEXT("ipfs://")) ||
        text_starts_with(text, TEXT("name:")))
        return true;
    for (size_t index = 0; index < sizeof roots / sizeof *roots; index++) {
        if (text_starts_with(text, roots[index])) {
            const size_t len = roots[index].len;
            text = (Text){text.data + len, text.len - len};
            break;
        }
    }
    const char *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    const Text head = {text.data,
                       slash ? (size_t)(slash - text.data) : text.len};
    return cid_from_text(head, &cid, NULL) == STATUS_OK;
}

Status cid_bytes_from_text(Text text, struct arena *arena, Bytes *out,
                           struct error *err)
{
    Cid v0;
    size_t len;

    if (is_v0_text(text)) {
        TRY(v0_from_text(text, &v0, err));
        *out = arena_copy_bytes(arena, cid_bytes(&v0));
        return STATUS_OK;
    }
    uint8_t *bytes = arena_alloc(arena, text.len);
    TRY(v1_from_text(text, bytes, &len, err));
    *out = bytes_of(bytes, len);
    return STATUS_OK;
}

/* Writes `bytes`, a CID, to `out`; returns the length. */
static size_t write_text(Bytes bytes, char *out)
{
    if (!is_v0(bytes))
        return multibase_encode('b', bytes, out);
    size_t len = multibase_encode('z', bytes, out) - 1;
    memmove(out, out + 1, len);
    return len;
}

size_t cid_to_text(const Cid *cid, char out[CID_TEXT_MAX])
{
    size_t len = write_text(cid_bytes(cid), out);
    out[len] = '\0';
    return len;
}

Text cid_bytes_to_text(Bytes cid, struct arena *arena)
{
    size_t room = is_v0(cid) ? multibase_length_max('z', cid.len)
                             : multibase_length_max('b', cid.len);
    char *text = arena_alloc(arena, room + 1);
    size_t len = write_text(cid, text);
    text[len] = '\0';
    return (Text){text, len};
}

/* --- Asking ------------------------------------------------------------- */

uint64_t cid_codec(const Cid *cid)
{
    struct cid_parts parts;
    cid_parts_of(cid_bytes(cid), &parts);
    return parts.codec;
}

uint64_t cid_hash_code(const Cid *cid)
{
    struct cid_parts parts;
    cid_parts_of(cid_bytes(cid), &parts);
    return parts.hash_code;
}

bool cid_sha256(const Cid *cid, uint64_t codec, Hash *out)
{
    struct cid_parts parts;
    cid_parts_of(cid_bytes(cid), &parts);
    if (parts.hash_code != HASH_SHA2_256 || parts.digest.len != SHA256_LEN)
        return false;
    if (codec != 0 && parts.codec != codec)
        return false;
    memcpy(out->bytes, parts.digest.data, SHA256_LEN);
    return true;
}

Status cid_verify(const Cid *cid, Bytes bytes, struct error *err)
{
    struct cid_parts parts;
    cid_parts_of(cid_bytes(cid), &parts);
    struct multihash hash = {parts.hash_code, parts.digest};
    Status status = multihash_verify(&hash, bytes, err);
    if (status == STATUS_OK || !err)
        return status;
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    return fail_in(err, status, "block %s", text);
}

static size_t skip_varint(const Cid *cid, size_t at)
{
    while (at < cid->len && cid->bytes[at] & 0x80)
        at++;
    return at + 1;
}

Bytes cid_multihash(const Cid *cid)
{
    if (cid->len == 34 && cid->bytes[0] == HASH_SHA2_256)
        return cid_bytes(cid); // Version 0 is a bare multihash.
    size_t at = skip_varint(cid, skip_varint(cid, 0));
    ASSERT(at < cid->len);
    return bytes_from(cid_bytes(cid), at);
}
