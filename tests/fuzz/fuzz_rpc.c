/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_rpc.c - whatever is asked, answers are JSON that can be read. */
#include "homestar/rpc.h"
#include "ipld/dag_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(struct buffer *out, struct arena *arena)
{
    Value value;
    ASSERT(out->status == STATUS_OK);
    ASSERT(dag_json_decode(buffer_bytes(out), arena, &value, NULL) ==
           STATUS_OK);
    ASSERT(value_get(&value, TEXT("jsonrpc")));
    buffer_clear(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    struct buffer out;
    struct rpc_message message;
    int code;
    buffer_init(&out, (size_t)64 << 20);
    if (rpc_read(bytes_of(data, len), &arena, &message, &code, NULL) ==
        STATUS_OK)
        for (size_t index = 0; index < message.count; index++) {
            struct rpc_request request;
            struct error error = {0};
            if (rpc_request_of(&message.items[index], &request, &error) ==
                STATUS_OK) {
                rpc_write_bytes(&out, request.method, request.method,
                                bytes_of(data, len));
                check(&out, &arena);
                rpc_write_error(&out, &request.id, code, request.method);
            } else {
                rpc_write_error(&out, &request.id, code,
                                text_of(error.message));
            }
            check(&out, &arena);
            const Value *one = rpc_one(&request, TEXT("name"));
            if (one)
                rpc_write_result(&out, &request.id, one);
            else
                rpc_write_result(&out, &request.id, &request.id);
            check(&out, &arena);
        }
    buffer_deinit(&out);
    arena_deinit(&arena);
    return 0;
}
