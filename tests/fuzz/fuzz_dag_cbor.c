/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_dag_cbor.c - what decodes encodes to the same bytes, and can be shown
 * by the relaxed reader. */
#include "ipld/cbor_print.h"
#include "ipld/dag_cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    struct buffer out;
    struct error err = {0};
    Value value;

    buffer_init(&out, len);
    Status status = dag_cbor_decode(bytes_of(data, len), &arena, &value, &err);
    // A tree is at most so many times its block: 24 bytes for an item of one
    // byte, and what is left over in the arena's chunks.
    ASSERT(arena.total <= 4096 * 2 + 100 * len);
    if (status == STATUS_OK) {
        dag_cbor_encode(&value, &out);
        ASSERT(bytes_equal(buffer_bytes(&out), bytes_of(data, len)));
        Value copy = value_copy(&arena, &value);
        ASSERT(value_equal(&value, &copy));
    } else if (status == STATUS_INVALID) {
        ASSERT(err.message[0] != '\0' && err.offset <= len);
    }
    buffer_deinit(&out);
    buffer_init(&out, 64 * len + 100);
    Status shown = cbor_print(bytes_of(data, len), &out, NULL);
    ASSERT(status != STATUS_OK || shown == STATUS_OK);
    buffer_deinit(&out);
    arena_deinit(&arena);
    return 0;
}
