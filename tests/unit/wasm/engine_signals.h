/* SPDX-License-Identifier: Apache-2.0 */
/* engine_signals.h - lets guests trap under cmocka.
 *
 * Wasmtime installs its signal handlers once per process, with the first
 * engine; cmocka puts its own in place before each test. Call this in a test
 * right after engine_open(): it puts Wasmtime's back. */
#ifndef IPVM_TESTS_ENGINE_SIGNALS_H
#define IPVM_TESTS_ENGINE_SIGNALS_H

void engine_signals_keep(void);

#endif
