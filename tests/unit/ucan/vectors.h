/* SPDX-License-Identifier: Apache-2.0 */
/* vectors.h - for tests: files of cases as DAG-JSON, and parts of them. */
#ifndef IPVM_TESTS_UNIT_UCAN_VECTORS_H
#define IPVM_TESTS_UNIT_UCAN_VECTORS_H

#include <stdio.h>

#include "base/status.h"
#include "ipld/dag_json.h"
#include "unit/ipld/hex.h"

/* The value in the file at `path`; false where there is no such file. */
static inline bool vectors_read(const char *path, struct arena *arena,
                                Value *out)
{
    struct error err = {0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    const size_t max = 4 << 20;
    uint8_t *data = arena_alloc(arena, max);
    const size_t len = fread(data, 1, max, file);
    assert_true(len < max);
    fclose(file);
    if (dag_json_decode(bytes_of(data, len), arena, out, &err) != STATUS_OK)
        fail_msg("%s: %s at byte %zu", path, err.message, err.offset);
    return true;
}

/* A file of the public vectors; skips the test where they are absent. */
static inline void vectors_read_public(const char *name, struct arena *arena,
                                       Value *out)
{
    char path[512];
    const char *place = getenv("IPVM_VECTORS");
    snprintf(path, sizeof path, "%s/ucan/%s",
             place ? place : "../shared/vectors", name);
    if (!vectors_read(path, arena, out)) {
        print_message("no test data at %s: skipped\n", path);
        arena_deinit(arena);
        skip();
    }
}

/* What must be there. */
static inline const Value *vectors_at(const Value *row, const char *key)
{
    const Value *value = value_get(row, text_of(key));
    if (!value)
        fail_msg("no \"%s\" in this row", key);
    return value;
}

/* Of the same, as DAG-JSON ended by NUL, for messages. */
static inline const char *vectors_show(const Value *value, struct arena *arena)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    IGNORE(dag_json_print(value, &out, NULL)); // What fits.
    const Text copy = arena_copy_text(arena, bytes_text(buffer_bytes(&out)));
    buffer_deinit(&out);
    return copy.data;
}

#endif
