/* SPDX-License-Identifier: Apache-2.0 */
/* task_test.h - what the tests of task share. */
#ifndef IPVM_TESTS_UNIT_TASK_TASK_TEST_H
#define IPVM_TESTS_UNIT_TASK_TASK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
// cmocka has a macro of this name too, and ours is needed more.
#undef fail

#include "task/computation.h"
#include "task/manifest.h"
#include "task/workflow.h"

#define TEST_FAIL(...)                                                        \
    do {                                                                      \
        print_error(__VA_ARGS__);                                             \
        _fail(__FILE__, __LINE__);                                            \
    } while (0)

#define ASSERT_OK(call, err)                                                  \
    do {                                                                      \
        if ((call) != STATUS_OK)                                              \
            TEST_FAIL("%s: %s\n", #call, (err)->message);                     \
    } while (0)

/* A copy in a heap block of exactly its length, so that a sanitizer sees a
 * read past the end. Give it back with free(). */
static inline uint8_t *exact_copy(Bytes bytes)
{
    uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    return copy;
}

static inline void assert_cid(const Cid *cid, const char *expected)
{
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    assert_string_equal(text, expected);
}

static inline void assert_has(const char *message, const char *part)
{
    if (!strstr(message, part))
        TEST_FAIL("\"%s\" is not in \"%s\"\n", part, message);
}

/* A host for manifests: files are their path's bytes, functions their name. */
static inline Status test_file(void *context, Text path, bool directory,
                               Cid *out, struct error *err)
{
    (void)context;
    if (text_equal(path, TEXT("missing")))
        return fail(err, STATUS_NOT_FOUND, "no such file");
    cid_of(directory ? CODEC_DAG_PB : CODEC_RAW, text_bytes(path), out);
    return STATUS_OK;
}

static inline Status test_text(void *context, Text path, struct arena *arena,
                               Text *out, struct error *err)
{
    (void)context;
    (void)err;
    *out = arena_format(arena, "text of %.*s", TEXT_ARG(path));
    return STATUS_OK;
}

static inline Status test_function(void *context, const Cid *module,
                                   Text loose, bool homestar,
                                   struct arena *arena, Text *exact,
                                   struct error *err)
{
    (void)context;
    (void)module;
    (void)homestar;
    if (text_equal(loose, TEXT("nothing")))
        return fail(err, STATUS_INVALID, "the module has no such function");
    *exact = arena_copy_text(arena, loose);
    return STATUS_OK;
}

static const struct manifest_host test_host = {NULL, test_file, test_text,
                                               NULL, test_function};

/* Copies each block into a batch; the context of workflow_encode(). */
static inline Status put_in_batch(void *context, const Cid *cid, Bytes block,
                                  struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

#endif
