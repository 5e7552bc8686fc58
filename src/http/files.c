/* SPDX-License-Identifier: Apache-2.0 */
#include "http/files.h"

#include <stdlib.h>

#include "http/upload.h"

/* What is needed until the last byte is here. Goes with the request. */
struct arriving {
    void *upload; /* the request's state before this one */
    void (*forget_upload)(void *upload);
    struct unixfs_writer *writer; /* owned */
    bool is_named;
    Cid cid;
    uint64_t size;
};

static void forget_arriving(void *state)
{
    struct arriving *arriving = state;
    unixfs_writer_free(arriving->writer);
    arriving->forget_upload(arriving->upload);
    free(arriving);
}

RequestStep files_begin(struct request *request)
{
    struct upload *upload = upload_begin(request);
    if (!upload)
        return REQUEST_DONE;
    struct arriving *arriving = HEAP_NEW(struct arriving);
    const struct unixfs_block_sink sink = upload_sink(upload);
    arriving->upload = request->state;
    arriving->forget_upload = request->forget;
    arriving->writer = unixfs_writer_new(NULL, &sink);
    request->state = arriving;
    request->forget = forget_arriving;
    return REQUEST_WAITS;
}

bool files_data(struct request *request, Bytes piece)
{
    struct arriving *arriving = request->state;
    struct error err = {0};
    const Status status = unixfs_writer_add(arriving->writer, piece, &err);
    if (status == STATUS_OK)
        return true;
    respond_failure(request, NULL, status, &err);
    return false;
}

static RequestStep answer(struct request *request,
                          const struct arriving *arriving)
{
    char name[CID_TEXT_MAX];
    Text given;
    struct value_entry entries[3] = {
        {TEXT("cid"), value_link(&arriving->cid)},
        {TEXT("size"), value_uint(arriving->size)},
    };
    const bool has_name = request_query(request, "name", &given);
    if (has_name)
        entries[2] = (struct value_entry){TEXT("name"), value_text(given)};
    const Value file = value_map(&request->arena, entries, has_name ? 3 : 2);
    cid_to_text(&arriving->cid, name);
    respond_header_format(request, "Location", "/ipfs/%s", name);
    return respond_value(request, 201, &file);
}

RequestStep files_post(struct request *request)
{
    struct arriving *arriving = request->state;
    struct error err = {0};
    Status status = STATUS_OK;
    if (!arriving->is_named)
        status = unixfs_writer_finish(arriving->writer, &arriving->cid,
                                      &arriving->size, &err);
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    arriving->is_named = true;
    if (!upload_is_over(arriving->upload, &status, &err))
        return REQUEST_WAITS;
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    return answer(request, arriving);
}
