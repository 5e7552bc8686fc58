/* SPDX-License-Identifier: Apache-2.0 */
/* varint.h - unsigned varints of multiformats: seven bits a byte, low first,
 * shortest form only, at most nine bytes (63 bits). Thread: any. */
#ifndef IPVM_IPLD_VARINT_H
#define IPVM_IPLD_VARINT_H

#include "base/bytes.h"

enum { VARINT_MAX = 9 };

/* Reads the varint at the start of `bytes`. Returns its length, or 0 if it is
 * cut off, too long or not in its shortest form. */
static inline size_t varint_read(Bytes bytes, uint64_t *out)
{
    uint64_t number = 0;
    for (size_t index = 0; index < bytes.len && index < VARINT_MAX; index++) {
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): index < len
        uint8_t byte = bytes.data[index];
        number |= (uint64_t)(byte & 0x7f) << (7 * index);
        if (byte & 0x80)
            continue;
        if (byte == 0 && index > 0)
            return 0;
        *out = number;
        return index + 1;
    }
    return 0;
}

/* Writes `number`, below 2^63, to `out`, which has room for VARINT_MAX
 * bytes. Returns the length. */
static inline size_t varint_write(uint64_t number, uint8_t *out)
{
    size_t len = 0;
    while (number >= 0x80) {
        out[len++] = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    out[len++] = (uint8_t)number;
    return len;
}

#endif
