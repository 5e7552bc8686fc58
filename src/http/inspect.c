/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.c - one block for people: its codec, size, links, and value. */
#include "http/node_page.h"
#include "ipld/codec.h"

enum { LINKS_MAX = 10000 };

struct links {
    struct arena *arena;
    Value *items;
    size_t count, room;
};

static Status take_link(void *context, Bytes cid, struct error *err)
{
    struct links *links = context;
    (void)err;
    if (links->count == LINKS_MAX)
        return STATUS_OK;
    if (links->count == links->room) {
        const size_t room = links->room ? links->room * 2 : 16;
        Value *items = arena_array(links->arena, room, sizeof *items);
        if (links->count > 0)
            memcpy(items, links->items, links->count * sizeof *items);
        links->items = items;
        links->room = room;
    }
    links->items[links->count++] = (Value){
        .kind = VALUE_LINK, .link = arena_copy_bytes(links->arena, cid)};
    return STATUS_OK;
}

static RequestStep respond_block(struct request *request, const Cid *cid,
                                 Bytes bytes)
{
    struct arena *arena = &request->arena;
    struct links links = {.arena = arena};
    struct value_entry entries[7];
    struct error err = {0};
    size_t count = 0;
    const uint64_t codec = cid_codec(cid);
    const char *name = codec_name(codec);
    entries[count++] = (struct value_entry){TEXT("cid"), value_link(cid)};
    entries[count++] = (struct value_entry){
        TEXT("codec"),
        value_text(
            name ? text_of(name)
                 : arena_format(arena, "0x%llx", (unsigned long long)codec))};
    entries[count++] =
        (struct value_entry){TEXT("size"), value_uint(bytes.len)};
    // A block that its codec cannot read has no value; it says why.
    const Status status = codec_links(codec, bytes, take_link, &links, &err);
    entries[count++] = (struct value_entry){
        TEXT("links"), value_list(links.items, links.count)};
    const bool has_value = codec != CODEC_RAW && codec_is_known(codec);
    if (status == STATUS_OK && has_value &&
        codec_decode(codec, bytes, arena, &entries[count].value, &err) ==
            STATUS_OK)
        entries[count++].key = TEXT("value");
    if (err.message[0])
        entries[count++] = (struct value_entry){
            TEXT("trouble"), value_text(text_of(err.message))};
    const Value value = value_map(arena, entries, count);
    return respond_value(request, 200, &value);
}

RequestStep inspect_get(struct request *request)
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
    const RequestStep step = respond_block(request, &cid, block_bytes(block));
    block_unref(block);
    return step;
}
