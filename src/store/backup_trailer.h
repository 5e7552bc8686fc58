/* SPDX-License-Identifier: Apache-2.0 */
/* backup_trailer.h - the last 64 bytes of a backup, which backup.c writes and
 * restore.c reads. Inside src/store only.
 *
 *     0   "ipvm backup 1\n" and two zeros
 *     16  length of what is before, 8 bytes, little-endian
 *     24  eight zeros
 *     32  sha2-256 of all before
 */
#ifndef IPVM_STORE_BACKUP_TRAILER_H
#define IPVM_STORE_BACKUP_TRAILER_H

#include <string.h>

#include "crypto/hash.h"

enum {
    TRAILER_BYTES = 64,
    TRAILER_MAGIC_BYTES = 16,
    TRAILER_DIGEST_AT = 32,
    BACKUP_CHUNK = 1 << 20,
};

static const char trailer_magic[TRAILER_MAGIC_BYTES] = "ipvm backup 1\n\0";

/* All but the digest. */
static inline void trailer_make(uint64_t len, uint8_t out[TRAILER_BYTES])
{
    memset(out, 0, TRAILER_BYTES);
    memcpy(out, trailer_magic, TRAILER_MAGIC_BYTES);
    for (unsigned index = 0; index < 8; index++)
        out[TRAILER_MAGIC_BYTES + index] = (uint8_t)(len >> 8 * index);
}

#endif
