/* SPDX-License-Identifier: Apache-2.0 */
/* rpc.h - JSON-RPC 2.0: requests out of bytes, answers into bytes. JSON is read
 * as DAG-JSON, so links and bytes in parameters are what they are there.
 * Thread: any. */
#ifndef IPVM_HOMESTAR_RPC_H
#define IPVM_HOMESTAR_RPC_H

#include "base/buffer.h"
#include "ipld/value.h"

/* Codes of errors (jsonrpc.org section 5.1; the last is the reference's). */
enum {
    RPC_PARSE_ERROR = -32700,
    RPC_INVALID_REQUEST = -32600,
    RPC_METHOD_NOT_FOUND = -32601,
    RPC_INVALID_PARAMS = -32602,
    RPC_INTERNAL_ERROR = -32603,
    RPC_BUSY = -32009,
};

enum { RPC_BATCH_MAX = 100 };

struct rpc_request {
    Text method;
    const Value *params; /* NULL: none */
    Value id;
    bool wants_answer; /* it has an id */
};

/* One message: a request, or a list of them. All is in `arena` and borrows from
 * `bytes`. `*code` says what is wrong otherwise. */
struct rpc_message {
    const Value *items;
    size_t count;
    bool is_batch;
};
Status rpc_read(Bytes bytes, struct arena *arena, struct rpc_message *out,
                int *code, struct error *err);
/* One item of it. STATUS_INVALID: not a request; `out->id` is its id, or
 * null. */
Status rpc_request_of(const Value *item, struct rpc_request *out,
                      struct error *err);

/* The one parameter: of a list the first, of a map the one under `key`, or the
 * map itself if it has no such key. NULL: there is none. */
const Value *rpc_one(const struct rpc_request *request, Text key);

/* Texts without a newline. A result must be something DAG-JSON can say. */
void rpc_write_result(struct buffer *out, const Value *id,
                      const Value *result);
void rpc_write_error(struct buffer *out, const Value *id, int code,
                     Text message);
/* A subscription's notification whose result is bytes, as a list of numbers. */
void rpc_write_bytes(struct buffer *out, Text method, Text subscription,
                     Bytes bytes);

#endif
