/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/cbor_scan.h"

#include <stdbool.h>
#include <string.h>

enum { MAJOR_BYTES = 2, MAJOR_TEXT = 3, FLOAT_64 = 0xfb };

static bool is_finite(const uint8_t *bits)
{
    return (bits[0] & 0x7f) != 0x7f || (bits[1] & 0xf0) != 0xf0;
}

void cbor_scan(uint8_t *bytes, size_t len, struct cbor_scan *out)
{
    *out = (struct cbor_scan){.values = 0};
    size_t offset = 0;
    while (offset < len) {
        uint8_t initial = bytes[offset++];
        unsigned info = initial & 31, major = initial >> 5;
        size_t width = info < 24 ? 0 : (size_t)1 << (info - 24);
        if (info > 27 || width > len - offset)
            return;
        out->values++;
        uint64_t number = width == 0 ? info : 0;
        for (size_t index = 0; index < width; index++)
            number = number << 8 | bytes[offset + index];
        if (initial == FLOAT_64 && !is_finite(bytes + offset)) {
            out->not_finite++;
            memset(bytes + offset, 0, width);
        }
        offset += width;
        if (major != MAJOR_BYTES && major != MAJOR_TEXT)
            continue;
        if (number > len - offset)
            return;
        offset += number;
    }
}
