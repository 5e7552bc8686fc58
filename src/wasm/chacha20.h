/* SPDX-License-Identifier: Apache-2.0 */
/* chacha20.h - the "random" bytes of the pure world: the ChaCha20 keystream
 * (RFC 8439) of zero key and zero nonce, from its start. No secrets here, so
 * no library. Thread: any. */
#ifndef IPVM_WASM_CHACHA20_H
#define IPVM_WASM_CHACHA20_H

#include <stddef.h>
#include <stdint.h>

/* The keystream's bytes from `offset`, of which there are 2^70. */
void chacha20_zero_stream(uint64_t offset, uint8_t *out, size_t len);

#endif
