/* SPDX-License-Identifier: Apache-2.0 */
/* place.h - a directory of its own for a test, with a store in it. Thread:
 * one. */
#ifndef IPVM_TESTS_UNIT_CONTENT_PLACE_H
#define IPVM_TESTS_UNIT_CONTENT_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// Before cmocka, which has a macro fail().
#include "base/status.h"

#include <cmocka.h>

#include "store/store.h"

enum { PLACE_PATH = 256 };

struct place {
    char directory[PLACE_PATH];
    struct store *store; /* in `directory`/store, not synced */
};

/* For cmocka. */
int place_open(void **state);
int place_close(void **state);

/* Closes the store and opens it again. */
void place_reopen(struct place *place);
/* The path of a file in the directory; valid until the next call. */
const char *place_path(const struct place *place, const char *name);
void place_write(const struct place *place, const char *name, Bytes bytes);

#define assert_ok(call) assert_int_equal((int)(call), (int)STATUS_OK)
#define assert_status(call, expected)                                         \
    assert_int_equal((int)(call), (int)(expected))

#endif
