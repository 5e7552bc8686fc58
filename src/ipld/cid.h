/* SPDX-License-Identifier: Apache-2.0 */
/* cid.h - content identifiers (multiformats/cid).
 *
 *     CIDv1   01 | codec varint | hash code varint | length varint | digest
 *     CIDv0   12 20 | 32 bytes of sha2-256, meaning dag-pb
 *
 * Inside a value a link is a view of the binary CID (see value.h); a Cid is
 * the copyable form with a bound, for names, keys and calls. Thread: any.
 */
#ifndef IPVM_IPLD_CID_H
#define IPVM_IPLD_CID_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "crypto/hash.h"

/* Multicodec codes of the codecs we know. */
enum {
    CODEC_RAW = 0x55,
    CODEC_DAG_PB = 0x70,
    CODEC_DAG_CBOR = 0x71,
    CODEC_LIBP2P_KEY = 0x72,
    CODEC_DAG_JSON = 0x0129,
};

enum {
    CID_BYTES_MAX = 167, /* identity of 128 bytes and four varints of 9 */
    CID_OURS_LEN = 36,   /* 01 | codec | 12 20 | 32 bytes */
    CID_TEXT_MAX = 2 + (CID_BYTES_MAX * 8 + 4) / 5, /* base32 and NUL */
    CID_IDENTITY_MAX = 128,
};

typedef struct {
    uint8_t len; /* bytes in use; 0 is "no CID" */
    uint8_t bytes[CID_BYTES_MAX];
} Cid;

/* The parts of a binary CID; `digest` borrows from it. */
struct cid_parts {
    unsigned version; /* 0 or 1 */
    uint64_t codec;
    uint64_t hash_code;
    Bytes digest;
};

/* Names `bytes`: CIDv1, sha2-256. */
void cid_of(uint64_t codec, Bytes bytes, Cid *out);
void cid_from_hash(uint64_t codec, const Hash *hash, Cid *out);

/* The same under another hash, for the CIDs of others. STATUS_UNSUPPORTED as
 * hash_digest(). */
Status cid_of_hashed(uint64_t codec, uint64_t hash_code, Bytes bytes, Cid *out,
                     struct error *err);

/* Reads a binary CID that fills `bytes` exactly. STATUS_INVALID: not a CID
 * (minimal varints, v0 form, lengths). STATUS_LIMIT: longer than a Cid. */
Status cid_from_bytes(Bytes bytes, Cid *out, struct error *err);

/* Well-formedness only, any length, known codec and hash or not. */
Status cid_check_bytes(Bytes bytes, struct error *err);

/* Takes a well-formed binary CID apart; stops the program on any other. */
void cid_parts_of(Bytes bytes, struct cid_parts *out);

/* Reads text: multibase for v1 (b B z k f F m u U), base58btc "Qm…" for v0,
 * also behind "/ipfs/" or "ipfs://" when nothing follows. */
Status cid_from_text(Text text, Cid *out, struct error *err);

/* True for text that leads to content by a CID or a local name, not to a file:
 * "bafy…", "bafy…/a/b", those behind "/ipfs/" or "/ipld/", and all that begins
 * with "ipfs://" or "name:" (docs/formats/paths.md). */
bool cid_is_path(Text text);

/* As cid_from_text() for a link of any length, without the prefixes; the bytes
 * are in `arena`. */
Status cid_bytes_from_text(Text text, struct arena *arena, Bytes *out,
                           struct error *err);

/* v1 as base32-lower, v0 as base58btc, NUL-ended. Returns the length. */
size_t cid_to_text(const Cid *cid, char out[CID_TEXT_MAX]);
/* The same for a link of any length. */
Text cid_bytes_to_text(Bytes cid, struct arena *arena);

static inline Bytes cid_bytes(const Cid *cid)
{
    return bytes_of(cid->bytes, cid->len);
}

static inline bool cid_equal(const Cid *a, const Cid *b)
{
    return bytes_equal(cid_bytes(a), cid_bytes(b));
}

uint64_t cid_codec(const Cid *cid);
uint64_t cid_hash_code(const Cid *cid);

/* The multihash inside a CID: the key of its bytes, whatever the codec. */
Bytes cid_multihash(const Cid *cid);

/* True and `*out` filled for sha2-256 CIDs with `codec` (any if 0). */
bool cid_sha256(const Cid *cid, uint64_t codec, Hash *out);

/* STATUS_OK if `bytes` hash to `cid`; STATUS_CORRUPT if not;
 * STATUS_UNSUPPORTED for a hash we do not have. */
Status cid_verify(const Cid *cid, Bytes bytes, struct error *err);

#endif
