/* SPDX-License-Identifier: Apache-2.0 */
/* routes_content.c - the table's part about content. */
#include "http/blocks.h"
#include "http/route.h"

static const struct route_answer raw_block[] = {
    {200, "application/vnd.ipld.raw", "the block's bytes"},
    {0},
};

const struct route http_routes_content[] = {
    {
        .methods = METHOD_GET,
        .path = "/v1/blocks/{cid}",
        .capability = MAY_READ_CONTENT,
        .id = "getBlock",
        .group = "content",
        .summary = "a block's bytes",
        .answers = raw_block,
        .is_about_cid = true,
        .end = blocks_get,
    },
};
const size_t http_routes_content_count =
    sizeof http_routes_content / sizeof *http_routes_content;
