/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/multihash.h"

#include "crypto/hash.h"
#include "ipld/varint.h"

Status multihash_read(Bytes bytes, struct multihash *out, struct error *err)
{
    uint64_t len;
    size_t code_len = varint_read(bytes, &out->code);
    if (code_len == 0)
        return fail_at(err, STATUS_INVALID, 0,
                       "hash code is not a minimal varint");
    Bytes rest = bytes_from(bytes, code_len);
    size_t len_len = varint_read(rest, &len);
    if (len_len == 0)
        return fail_at(err, STATUS_INVALID, code_len,
                       "digest length is not a minimal varint");
    out->digest = bytes_from(rest, len_len);
    if (out->digest.len != len)
        return fail_at(err, STATUS_INVALID, code_len,
                       "digest has %zu bytes, not the %llu it claims",
                       out->digest.len, (unsigned long long)len);
    return STATUS_OK;
}

Status multihash_verify(const struct multihash *hash, Bytes bytes,
                        struct error *err)
{
    uint8_t digest[HASH_DIGEST_MAX];
    size_t len;

    if (hash->code == HASH_IDENTITY) {
        if (bytes_equal(hash->digest, bytes))
            return STATUS_OK;
        return fail(err, STATUS_CORRUPT, "bytes are not the inlined ones");
    }
    TRY(hash_digest(hash->code, bytes, digest, &len, err));
    if (hash->digest.len != len)
        return fail(err, STATUS_UNSUPPORTED,
                    "digest has %zu bytes where its function makes %zu",
                    hash->digest.len, len);
    if (memcmp(hash->digest.data, digest, len) != 0)
        return fail(err, STATUS_CORRUPT, "bytes do not match their hash");
    return STATUS_OK;
}
