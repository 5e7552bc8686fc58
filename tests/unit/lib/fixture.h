/* SPDX-License-Identifier: Apache-2.0 */
/* fixture.h - a directory with a store, open through the public header, and a
 * guest beside it. Thread: one. */
#ifndef IPVM_TESTS_UNIT_LIB_FIXTURE_H
#define IPVM_TESTS_UNIT_LIB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ipvm.h"

enum { PATH_LEN = 256 };

struct fixture {
    char directory[PATH_LEN];
    ipvm *vm;
    unsigned started, finished, ticks, hits;
};

/* For cmocka. "guest.wasm" has add(a, b) of two i32, and spin() for ever. */
int setup(void **state);
int teardown(void **state);

/* Valid until the next call. */
const char *path_of(const struct fixture *fixture, const char *name);
void write_file(const char *path, const void *data, size_t size);
ipvm *open_vm(const char *store);

#endif
