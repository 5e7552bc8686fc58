/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_scan.h - a quick look over a guest's CBOR before it is decoded.
 *
 * A result with a NaN has no normal form and is `unrepresentable`, while one
 * that is malformed is a trap, and a trap comes first. So NaNs and infinities
 * are counted and made zero, and the strict decoder judges the rest. The
 * count of values bounds what decoding takes. Thread: any.
 */
#ifndef IPVM_WASM_CBOR_SCAN_H
#define IPVM_WASM_CBOR_SCAN_H

#include <stddef.h>
#include <stdint.h>

struct cbor_scan {
    uint64_t values;     /* heads seen */
    uint64_t not_finite; /* 64-bit floats that were made 0.0 */
};

/* Goes over any bytes; stops at what is no CBOR head, or cut off. */
void cbor_scan(uint8_t *bytes, size_t len, struct cbor_scan *out);

#endif
