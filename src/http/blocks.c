/* SPDX-License-Identifier: Apache-2.0 */
#include "http/blocks.h"

static void forget_block(void *state)
{
    block_unref(state);
}

RequestStep blocks_get(struct request *request)
{
    struct error err = {0};
    struct block *block;
    Cid cid;

    if (!request_cid(request, 0, &cid))
        return REQUEST_DONE;
    const Status status = store_get(request->store, &cid, &block, &err);
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "block-not-found",
                               "this node has no such block");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    request->state = block;
    request->forget = forget_block;
    return respond_bytes(request, 200, "application/vnd.ipld.raw",
                         block_bytes(block));
}
