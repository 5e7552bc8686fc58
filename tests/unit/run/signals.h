/* SPDX-License-Identifier: Apache-2.0 */
/* signals.h - lets guests trap in this process under cmocka. */
#ifndef IPVM_TESTS_UNIT_RUN_SIGNALS_H
#define IPVM_TESTS_UNIT_RUN_SIGNALS_H

/* The first engine of a process installs signal handlers; cmocka puts its own
 * in place before each test. To be called in a test before guests run in this
 * process: makes that first engine, later puts its handlers back. */
void signals_for_guests(void);

#endif
