/* SPDX-License-Identifier: Apache-2.0 */
/* wasm_test.h - what every test of this directory includes first. */
#ifndef IPVM_TESTS_UNIT_WASM_WASM_TEST_H
#define IPVM_TESTS_UNIT_WASM_WASM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// Before cmocka, which has a macro fail().
#include "base/status.h"

#include <cmocka.h>

#endif
