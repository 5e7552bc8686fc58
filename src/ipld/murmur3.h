/* SPDX-License-Identifier: Apache-2.0 */
/* murmur3.h - the first 64 bits of MurmurHash3 x64 128 with seed 0: where a
 * name stands in a HAMT directory. Protects against nobody. Thread: any. */
#ifndef IPVM_IPLD_MURMUR3_H
#define IPVM_IPLD_MURMUR3_H

#include "base/bytes.h"

uint64_t murmur3_64(Bytes bytes);

#endif
