/* SPDX-License-Identifier: Apache-2.0 */
/* guests.h - two small guests for tests. */
#ifndef IPVM_TESTS_UNIT_RUN_GUESTS_H
#define IPVM_TESTS_UNIT_RUN_GUESTS_H

#include "base/bytes.h"

/* A core module: add(a, b), spin() for ever, count(n) that loops n times,
 * grow(pages), trap(). */
Bytes guest_numbers(void);
/* With the IPVM ABI: big() gives 40000 zero bytes, fails() the error "no",
 * length(…) 65536 and how many bytes its arguments are, says() the error "no"
 * after it logged "hello". */
Bytes guest_bytes(void);

#endif
