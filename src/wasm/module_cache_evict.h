/* SPDX-License-Identifier: Apache-2.0 */
/* module_cache_evict.h - keeps a module cache's directory within its size:
 * its .code files least recently put or got go first. A .head whose code is
 * gone is a miss and is removed when it is met. Thread: any. */
#ifndef IPVM_WASM_MODULE_CACHE_EVICT_H
#define IPVM_WASM_MODULE_CACHE_EVICT_H

#include <stdint.h>

/* `directory` stays open. Failing to make room is no failure. */
void module_cache_evict(int directory, uint64_t size_max);

#endif
