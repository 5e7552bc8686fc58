/* SPDX-License-Identifier: Apache-2.0 */
/* multibase.h - bytes as text behind a letter that names the alphabet.
 *
 *     b B  base32, lower and upper case      z    base58btc
 *     f F  base16                            m M  base64, without and with '='
 *     k    base36, lower case                u U  base64url, likewise
 *
 * Reading b B f F k takes both cases. Thread: any. */
#ifndef IPVM_IPLD_MULTIBASE_H
#define IPVM_IPLD_MULTIBASE_H

#include "base/bytes.h"
#include "base/status.h"

/* The longest text in base58 and base36, whose cost grows with the square. */
enum { MULTIBASE_BIG_MAX = 4096 };

/* Reads text with its letter in front. `out` has room for text.len bytes.
 * STATUS_INVALID with the offset of the wrong character, for an unknown letter,
 * for bits left over that are not zero and for wrong padding; STATUS_LIMIT past
 * MULTIBASE_BIG_MAX. */
Status multibase_decode(Text text, uint8_t *out, size_t *len,
                        struct error *err);

/* Most characters, with the letter, that `len` bytes can take in `base`. */
size_t multibase_length_max(char base, size_t len);

/* Writes the letter and the text, not NUL-ended, to `out`, which has room for
 * multibase_length_max(). Returns the length. `base` is one of the letters
 * above, else the program stops. */
size_t multibase_encode(char base, Bytes bytes, char *out);

/* Base64 without padding and letter, as DAG-JSON has it. `out` has room for
 * base64_length(bytes.len), and text.len bytes for decoding. */
static inline size_t base64_length(size_t len)
{
    return len / 3 * 4 + (len % 3 * 8 + 5) / 6;
}
size_t base64_encode(Bytes bytes, char *out);
Status base64_decode(Text text, uint8_t *out, size_t *len, struct error *err);

#endif
