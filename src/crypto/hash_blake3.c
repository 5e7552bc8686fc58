/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash_blake3.h"

#include "base/status.h"

/* Exported by the engine archive. Weak, so that a program without the archive
 * links; a program with it names the symbol (-Wl,-u,ipvm_blake3), because a
 * weak reference alone does not draw a member out of an archive. */
[[gnu::weak]] void ipvm_blake3(const uint8_t *data, size_t len,
                               uint8_t out[BLAKE3_LEN]);

bool blake3_is_linked(void)
{
    return ipvm_blake3 != NULL;
}

void blake3_digest(Bytes bytes, uint8_t out[BLAKE3_LEN])
{
    static const uint8_t nothing[1];

    ASSERT(ipvm_blake3 != NULL);
    ipvm_blake3(bytes.data ? bytes.data : nothing, bytes.len, out);
}
