/* SPDX-License-Identifier: Apache-2.0 */
/* routes_content.c - the table's part about content. */
#include "http/blocks.h"
#include "http/cars.h"
#include "http/files.h"
#include "http/gateway.h"
#include "http/route.h"

#define ABOUT_GATEWAY                                                         \
    "Follows the path gateway and the trustless gateway of specs.ipfs.tech: " \
    "Accept or ?format= choose the form; a form that is not named is a "      \
    "file's bytes (with Range), or a directory's names as JSON. Guests' "     \
    "bytes are never run by a browser: HTML is text, index.html a file like " \
    "any other. A symlink is its target, never followed. Only what is here "  \
    "is given: nothing is fetched, and a lost block is not computed again."

static const struct route_param gateway_query[] = {
    {"format", "raw, car, dag-json, dag-cbor, json or cbor, before Accept",
     "text"},
    {"dag-scope",
     "of a CAR: block, entity (a file, or what lists a directory) or all",
     "text"},
    {"entity-bytes",
     "of a CAR: FROM:TO, the blocks of these bytes of a file; both are "
     "inclusive, below 0 from the end, * is the end",
     "text"},
    {"car-version", "1", "text"},
    {"car-order", "dfs; unk is answered with dfs, too", "text"},
    {"car-dups", "y: a block as often as it is met; n", "text"},
    {"filename", "for Content-Disposition and the type", "text"},
    {"download", "true: Content-Disposition is attachment", "text"},
    {NULL, NULL, NULL},
};

static const struct route_answer gateway_answers[] = {
    {200, "application/octet-stream", "a file's bytes, of a guessed type"},
    {200, "application/vnd.ipld.raw", "the block"},
    {200, "application/vnd.ipld.car",
     "the path's blocks, then those of the scope, depth first; cut off if one "
     "is missing"},
    {200, "application/vnd.ipld.dag-json", "the value of a block"},
    {200, "application/vnd.ipld.dag-cbor", "the value of a block"},
    {200, "application/json",
     "a directory: {\"cid\", \"entries\": [{\"name\", \"cid\", \"size\"}]}"},
    {206, "application/octet-stream", "a part of it"},
    {304, NULL, "as If-None-Match has it"},
    {404, "application/problem+json",
     "no such path, or a block that is not here, named"},
    {406, "application/problem+json", "not in that form"},
    {412, "application/problem+json",
     "Cache-Control: only-if-cached, and it is not here"},
    {416, "application/problem+json", "Range lies outside"},
    {501, "application/problem+json",
     "the path ends inside of a block, at something that is no link"},
    {0},
};

static const struct route_answer raw_block[] = {
    {200, "application/vnd.ipld.raw", "the block's bytes"},
    {206, "application/vnd.ipld.raw", "a part of them"},
    {0},
};

static const struct route_answer block_answers[] = {
    {201, "application/json", "{\"cid\", \"size\"}: durable"},
    {413, "application/problem+json", "longer than a block may be"},
    {400, "application/problem+json", "malformed for its codec"},
    {422, "application/problem+json", "other bytes than the CID's"},
    {0},
};

static const struct route_answer file_answers[] = {
    {201, "application/json", "{\"cid\", \"size\", \"name\"?}: durable"},
    {503, "application/problem+json", "too many uploads at once"},
    {0},
};

static const struct route_answer car_answers[] = {
    {201, "application/json",
     "{\"roots\": [{\"cid\", \"in_file\"}], \"blocks\", \"bytes\"}: durable"},
    {503, "application/problem+json", "too many imports at once"},
    {0},
};

static const struct route_answer missing_answers[] = {
    {200, "application/json", "{\"missing\": [link, …]}"},
    {0},
};

static const struct route_param codec_query[] = {
    {"codec", "raw (the default), dag-cbor, dag-json, dag-pb, …", "text"},
    {NULL, NULL, NULL},
};
static const struct route_param name_query[] = {
    {"name", "told again in the answer", "text"},
    {NULL, NULL, NULL},
};

static const char *const any_body[] = {"*/*", NULL};
static const char *const car_body[] = {"application/vnd.ipld.car",
                                       "application/octet-stream", NULL};
static const char *const json_body[] = {"application/json",
                                        "application/vnd.ipld.dag-json", NULL};

const struct route http_routes_content[] = {
    {
        .methods = METHOD_GET,
        .path = "/ipfs/{cid}",
        .capability = MAY_READ_CONTENT,
        .id = "getContent",
        .group = "content",
        .summary = "content by its CID",
        .about = ABOUT_GATEWAY,
        .query = gateway_query,
        .answers = gateway_answers,
        .is_about_cid = true,
        .end = gateway_get,
    },
    {
        .methods = METHOD_GET,
        .path = "/ipfs/{cid}/{path*}",
        .capability = MAY_READ_CONTENT,
        .id = "getContentAtPath",
        .group = "content",
        .summary = "content by a path below a CID",
        .about = "As getContent. The path goes down directories, and values "
                 "as far as it follows links.",
        .query = gateway_query,
        .answers = gateway_answers,
        .is_about_cid = true,
        .end = gateway_get,
    },
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
    {
        .methods = METHOD_PUT,
        .path = "/v1/blocks/{cid}",
        .capability = MAY_WRITE_CONTENT,
        .id = "putBlock",
        .group = "content",
        .summary = "a block under its CID",
        .about = "Kept if its bytes hash to the CID. What nothing leads to is "
                 "collected after its grace.",
        .bodies = any_body,
        .answers = block_answers,
        .is_about_cid = true,
        .body_is_large = true,
        .begin = blocks_begin,
        .data = blocks_data,
        .end = blocks_put,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/blocks",
        .capability = MAY_WRITE_CONTENT,
        .id = "addBlock",
        .group = "content",
        .summary = "a block; the answer names it",
        .query = codec_query,
        .bodies = any_body,
        .answers = block_answers,
        .body_is_large = true,
        .begin = blocks_begin,
        .data = blocks_data,
        .end = blocks_post,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/files",
        .capability = MAY_WRITE_CONTENT,
        .id = "addFile",
        .group = "content",
        .summary = "a file; the answer names it",
        .about = "Becomes UnixFS as it arrives (docs/formats/unixfs.md), in "
                 "constant memory. What nothing leads to is collected after "
                 "its grace; so is what came of a client that went away.",
        .query = name_query,
        .bodies = any_body,
        .answers = file_answers,
        .body_is_large = true,
        .begin = files_begin,
        .data = files_data,
        .end = files_post,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/car",
        .capability = MAY_WRITE_CONTENT,
        .id = "importCar",
        .group = "content",
        .summary = "the blocks of a CAR, all or none",
        .about =
            "Every block is hashed before any is kept. Nothing is pinned.",
        .bodies = car_body,
        .answers = car_answers,
        .body_is_large = true,
        .begin = cars_begin,
        .data = cars_data,
        .end = cars_post,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/missing",
        .capability = MAY_READ_CONTENT,
        .id = "findMissing",
        .group = "content",
        .summary = "which of some blocks this node lacks",
        .about = "The body is {\"cids\": [{\"/\": \"b…\"}, …]}.",
        .bodies = json_body,
        .answers = missing_answers,
        .end = missing_post,
    },
};
const size_t http_routes_content_count =
    sizeof http_routes_content / sizeof *http_routes_content;
