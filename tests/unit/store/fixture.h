/* SPDX-License-Identifier: Apache-2.0 */
/* fixture.h - a store of each kind for a test, and short names for what the
 * tests make. Thread: one. */
#ifndef IPVM_TESTS_STORE_FIXTURE_H
#define IPVM_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* base/status.h has a function of this name */

#include "store/store.h"

enum { PATH_LEN = 256 };

struct fixture {
    bool in_memory;
    char directory[PATH_LEN]; /* a fresh one; the store is in it or below */
    struct store *store;      /* open */
};

/* For cmocka: makes a fixture on LMDB or in memory, removes it again. */
int setup_lmdb(void **state);
int setup_memory(void **state);
/* Only the directory. */
int setup_directory(void **state);
int teardown(void **state);

/* Closes and opens the store again; nothing for memory, which forgets. */
void reopen(struct fixture *fixture);

void remove_tree(const char *path);

/* The bytes of `text`, their CID, their hash. */
Bytes text_block(const char *text);
Cid cid_of_text(const char *text);
Hash hash_of_text(const char *text);

/* An entry whose result is the block of `text`. */
struct memo_entry entry_of(const char *text);

/* Commits one block. */
void put_text(struct store *store, const char *text);
/* Commits a memo entry with its result block. */
void put_memo(struct store *store, const char *concrete, const char *result);

void assert_gets(struct store *store, const char *text);
#define assert_ok(call) assert_status(call, STATUS_OK)
#define assert_status(call, expected)                                         \
    assert_int_equal((int)(call), (int)(expected))

#endif
