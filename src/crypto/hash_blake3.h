/* SPDX-License-Identifier: Apache-2.0 */
/* hash_blake3.h - the one hash that comes with the engine archive, inside the
 * crypto module. Thread: any. */
#ifndef IPVM_CRYPTO_HASH_BLAKE3_H
#define IPVM_CRYPTO_HASH_BLAKE3_H

#include <stdbool.h>

#include "base/bytes.h"

enum { BLAKE3_LEN = 32 };

/* False in a program without the engine archive. */
bool blake3_is_linked(void);

/* Stops the program where blake3_is_linked() is false. */
void blake3_digest(Bytes bytes, uint8_t out[BLAKE3_LEN]);

#endif
