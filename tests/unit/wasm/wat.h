/* SPDX-License-Identifier: Apache-2.0 */
/* wat.h - WebAssembly text to bytes for tests, by wabt's wat2wasm. */
#ifndef IPVM_TESTS_WAT_H
#define IPVM_TESTS_WAT_H

#include "base/bytes.h"

/* The module's bytes in a heap block of exactly their length, to be given to
 * free(). Ends the program with a message when wat2wasm is missing or finds a
 * fault. All proposals are on and nothing is checked beyond the syntax. */
Bytes wat_to_wasm(const char *text);

#endif
