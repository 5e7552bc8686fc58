/* SPDX-License-Identifier: Apache-2.0 */
/* verified.h - which blocks this process has already hashed and found right,
 * so that a hot one is hashed once. Bounded: old ones are forgotten and hashed
 * again. Inside src/store only. Thread: any, without locks. */
#ifndef IPVM_STORE_VERIFIED_H
#define IPVM_STORE_VERIFIED_H

#include "base/bytes.h"

struct verified;

/* NULL, which the others take, where there is no memory: then every block is
 * hashed every time. */
struct verified *verified_new(void);
void verified_free(struct verified *verified);

/* `multihash` is the whole of it. */
bool verified_has(struct verified *verified, Bytes multihash);
void verified_add(struct verified *verified, Bytes multihash);

#endif
