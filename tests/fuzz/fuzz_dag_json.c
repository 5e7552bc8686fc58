/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_dag_json.c - what decodes is written in one form that reads back. */
#include "ipld/dag_json.h"

#include "ipld/dag_cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_value(const Value *value, struct arena *arena)
{
    struct buffer once, twice;
    Value again, block_value;
    Cid cid;

    buffer_init(&once, 1 << 26);
    buffer_init(&twice, 1 << 26);
    ASSERT(dag_json_encode(value, &once, NULL) == STATUS_OK);
    ASSERT(dag_json_decode(buffer_bytes(&once), arena, &again, NULL) ==
           STATUS_OK);
    ASSERT(value_equal(value, &again));
    ASSERT(dag_json_print(value, &twice, NULL) == STATUS_OK);
    ASSERT(dag_json_decode(buffer_bytes(&twice), arena, &again, NULL) ==
           STATUS_OK);
    ASSERT(value_equal(value, &again));
    // Whatever JSON says, DAG-CBOR can say.
    Bytes block = dag_cbor_block(value, arena, &cid);
    ASSERT(dag_cbor_decode(block, arena, &block_value, NULL) == STATUS_OK);
    ASSERT(value_equal(value, &block_value));
    buffer_deinit(&once);
    buffer_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    struct error err = {0};
    Value value;

    if (dag_json_decode(bytes_of(data, len), &arena, &value, &err) ==
        STATUS_OK)
        check_value(&value, &arena);
    else
        ASSERT(err.message[0] != '\0' && err.offset <= len);
    arena_deinit(&arena);
    return 0;
}
