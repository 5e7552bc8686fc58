/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_dag_pb.c - what decodes encodes to the same bytes, but for data that
 * stands before the links. */
#include "ipld/dag_pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    struct buffer out;
    struct error err = {0};
    struct dag_pb_node node, again;

    buffer_init(&out, len);
    if (dag_pb_decode(bytes_of(data, len), &arena, &node, &err) == STATUS_OK) {
        dag_pb_encode(&node, &out);
        ASSERT(out.status == STATUS_OK && out.len == len);
        bool data_first = len > 0 && data[0] == 0x0a && node.count > 0;
        if (!data_first)
            ASSERT(bytes_equal(buffer_bytes(&out), bytes_of(data, len)));
        Value value = dag_pb_to_value(&node, &arena);
        if (dag_pb_from_value(&value, &arena, &again, NULL) == STATUS_OK) {
            buffer_clear(&out);
            dag_pb_encode(&again, &out);
            ASSERT(out.status == STATUS_OK && out.len == len);
        }
    } else {
        ASSERT(err.message[0] != '\0' && err.offset <= len);
    }
    buffer_deinit(&out);
    arena_deinit(&arena);
    return 0;
}
