/* SPDX-License-Identifier: Apache-2.0 */
#include "http/blocks.h"

#include <stdlib.h>

#include "http/upload.h"
#include "ipld/codec.h"
#include "ipld/dag_json.h"

/* --- Out ------------------------------------------------------------------ */

RequestStep blocks_get(struct request *request)
{
    char etag[CID_TEXT_MAX + 8], name[CID_TEXT_MAX];
    Cid cid, raw = {0};
    if (!request_cid(request, 0, &cid))
        return REQUEST_DONE;
    cid_to_text(&cid, name);
    if (!store_has(request->store, &cid))
        return respond_problem(request, 404, "block-not-found",
                               "block %s is not in the store", name);
    // Its bytes are those of a raw block under the same hash.
    const Bytes multihash = cid_multihash(&cid);
    raw.len = (uint8_t)(2 + multihash.len);
    raw.bytes[0] = 1, raw.bytes[1] = CODEC_RAW;
    memcpy(raw.bytes + 2, multihash.data, multihash.len);
    snprintf(etag, sizeof etag, "\"%s.raw\"", name);
    respond_header(request, "ETag", text_of(etag));
    return respond_content(request, &raw, "application/vnd.ipld.raw",
                           TEXT(""));
}

/* --- In ------------------------------------------------------------------- */

/* A block on its way. Goes with the request. */
struct arriving {
    void *upload; /* the request's state before this one */
    void (*forget_upload)(void *upload);
    struct buffer bytes;
    Cid cid; /* once it was put */
};

static void forget_arriving(void *state)
{
    struct arriving *arriving = state;
    buffer_deinit(&arriving->bytes);
    arriving->forget_upload(arriving->upload);
    free(arriving);
}

static RequestStep refuse_length(struct request *request)
{
    return respond_problem(request, 413, "block-too-large",
                           "a block has at most %d bytes", BLOCK_TAKEN_MAX);
}

RequestStep blocks_begin(struct request *request)
{
    if (request->body_len != UINT64_MAX && request->body_len > BLOCK_TAKEN_MAX)
        return refuse_length(request);
    if (!upload_begin(request))
        return REQUEST_DONE;
    struct arriving *arriving = HEAP_NEW(struct arriving);
    arriving->upload = request->state;
    arriving->forget_upload = request->forget;
    buffer_init(&arriving->bytes, BLOCK_TAKEN_MAX);
    request->state = arriving;
    request->forget = forget_arriving;
    return REQUEST_WAITS;
}

bool blocks_data(struct request *request, Bytes piece)
{
    struct arriving *arriving = request->state;
    buffer_add_bytes(&arriving->bytes, piece);
    if (arriving->bytes.status == STATUS_OK)
        return true;
    refuse_length(request);
    return false;
}

static RequestStep finish(struct request *request)
{
    struct arriving *arriving = request->state;
    struct error err = {0};
    char name[CID_TEXT_MAX];
    Status status;
    if (!upload_is_over(arriving->upload, &status, &err))
        return REQUEST_WAITS;
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    const struct value_entry entries[] = {
        {TEXT("cid"), value_link(&arriving->cid)},
        {TEXT("size"), value_uint(arriving->bytes.len)},
    };
    const Value block = value_map(&request->arena, entries, 2);
    cid_to_text(&arriving->cid, name);
    respond_header_format(request, "Location", "/v1/blocks/%s", name);
    return respond_value(request, 201, &block);
}

/* Once, when all of it is here. */
static RequestStep keep(struct request *request, const Cid *cid)
{
    struct arriving *arriving = request->state;
    struct error err = {0};
    Status status = STATUS_OK;
    arriving->cid = *cid;
    if (cid_hash_code(cid) != HASH_IDENTITY)
        status = upload_block(arriving->upload, cid,
                              buffer_bytes(&arriving->bytes), &err);
    return status == STATUS_OK ? finish(request)
                               : respond_failure(request, NULL, status, &err);
}

RequestStep blocks_put(struct request *request)
{
    struct arriving *arriving = request->state;
    struct error err = {0};
    Cid cid;
    if (arriving->cid.len > 0)
        return finish(request);
    if (!request_cid(request, 0, &cid))
        return REQUEST_DONE;
    const Status status =
        cid_verify(&cid, buffer_bytes(&arriving->bytes), &err);
    if (status == STATUS_CORRUPT)
        return respond_problem(request, 422, "other-bytes",
                               "the bytes do not hash to that CID");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    return keep(request, &cid);
}

static Status pass_link(void *context, Bytes cid, struct error *err)
{
    (void)context, (void)cid, (void)err;
    return STATUS_OK;
}

RequestStep blocks_post(struct request *request)
{
    struct arriving *arriving = request->state;
    const Bytes bytes = buffer_bytes(&arriving->bytes);
    struct error err = {0};
    Text name;
    uint64_t codec = CODEC_RAW;
    Cid cid;
    if (arriving->cid.len > 0)
        return finish(request);
    if (request_query(request, "codec", &name) &&
        !codec_from_name(name, &codec))
        return respond_problem(request, 400, "bad-query",
                               "codec is the name of one, such as raw, "
                               "dag-cbor, dag-json or dag-pb");
    // A block that its codec cannot read is of no use under its CID.
    const Status status = codec_links(codec, bytes, pass_link, NULL, &err);
    if (status != STATUS_OK)
        return respond_failure(request, "malformed-block", status, &err);
    cid_of(codec, bytes, &cid);
    return keep(request, &cid);
}

/* --- Which are not here --------------------------------------------------- */

static bool read_item(const Value *item, Cid *out, struct error *err)
{
    if (item->kind == VALUE_LINK)
        return cid_from_bytes(item->link, out, err) == STATUS_OK;
    return item->kind == VALUE_TEXT &&
           cid_from_text(item->text, out, err) == STATUS_OK;
}

RequestStep missing_post(struct request *request)
{
    struct arena *arena = &request->arena;
    struct error err = {0};
    Value body;
    size_t count = 0;
    const Status status =
        dag_json_decode(buffer_bytes(&request->body), arena, &body, &err);
    if (status != STATUS_OK)
        return respond_failure(request, "bad-json", status, &err);
    const Value *list = value_get(&body, TEXT("cids"));
    if (!list || list->kind != VALUE_LIST)
        return respond_problem(request, 400, "bad-json",
                               "it is {\"cids\": [{\"/\": \"b…\"}, …]}");
    Cid *cids = arena_array(arena, list->list.count + 1, sizeof *cids);
    Value *links = arena_array(arena, list->list.count + 1, sizeof *links);
    for (size_t index = 0; index < list->list.count; index++) {
        if (!read_item(&list->list.items[index], &cids[count], &err))
            return respond_problem(request, 400, "bad-cid",
                                   "number %zu of the list is no CID", index);
        if (store_has(request->store, &cids[count]))
            continue;
        links[count] = value_link(&cids[count]);
        count++;
    }
    const Value missing =
        value_map1(arena, TEXT("missing"), value_list(links, count));
    return respond_value(request, 200, &missing);
}
