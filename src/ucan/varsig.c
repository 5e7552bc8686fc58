/* SPDX-License-Identifier: Apache-2.0 */
/* varsig.c - which signature over which encoding: one header for each type of
 * key (varsig v1), compared whole. */
#include "base/status.h"
#include "ucan/token_form.h"

/* varsig v1: 34 01, the algorithm, sha2-256 or Ed25519's own, dag-cbor. */
static const struct {
    KeyType type;
    uint8_t len;
    uint8_t bytes[9];
} varsigs[] = {
    {KEY_ED25519, 8, {0x34, 0x01, 0xed, 0x01, 0xed, 0x01, 0x13, 0x71}},
    {KEY_P256, 8, {0x34, 0x01, 0xec, 0x01, 0x80, 0x24, 0x12, 0x71}},
    {KEY_SECP256K1, 8, {0x34, 0x01, 0xec, 0x01, 0xe7, 0x01, 0x12, 0x71}},
};

Bytes varsig_of(KeyType type)
{
    for (size_t index = 0; index < sizeof varsigs / sizeof *varsigs; index++)
        if (varsigs[index].type == type)
            return bytes_of(varsigs[index].bytes, varsigs[index].len);
    ASSERT(false);
    return (Bytes){NULL, 0};
}

Status varsig_read(Bytes header, KeyType *out, struct error *err)
{
    for (size_t index = 0; index < sizeof varsigs / sizeof *varsigs; index++) {
        *out = varsigs[index].type;
        if (bytes_equal(header, varsig_of(*out)))
            return STATUS_OK;
    }
    return fail(err, STATUS_UNSUPPORTED,
                "token: .h is not a varsig header of Ed25519, ES256 or ES256K "
                "over dag-cbor");
}
