/* SPDX-License-Identifier: Apache-2.0 */
/* gateway_car.c - the blocks that prove what is at a path, as a CAR that is
 * made while it is sent. When a block is missing in the middle, the connection
 * is cut: a CAR that ends early must not look whole. */
#include <stdlib.h>

#include "content/content.h"
#include "http/gateway_way.h"
#include "http/holding.h"

/* What is being sent. */
struct sending {
    struct car_part *part; /* owned */
    Bytes piece;           /* of it, what is left */
    size_t len, left;      /* of it, while the part rests */
    bool holds;
};

static void forget_sending(void *state)
{
    struct sending *sending = state;
    if (sending->holds)
        holding_end();
    car_part_free(sending->part);
    free(sending);
}

static const CarPartScope scopes[] = {
    [SCOPE_ALL] = PART_ALL,
    [SCOPE_ENTITY] = PART_ENTITY,
    [SCOPE_BLOCK] = PART_BLOCK,
};

/* Which bytes of a file are asked for; of anything else, they do not count. */
static bool read_bytes(struct gateway *gateway,
                       struct car_part_options *options)
{
    const struct unixfs_source source =
        content_source(gateway->request->store);
    struct unixfs_info info;
    struct byte_range range;
    if (!gateway->ask.has_bytes ||
        unixfs_open(&source, cid_bytes(&gateway->cid), &info, NULL) !=
            STATUS_OK ||
        info.kind != UNIXFS_FILE)
        return true;
    if (!entity_bytes_resolve(&gateway->ask.bytes, info.size, &range)) {
        respond_problem(gateway->request, 400, "outside",
                        "entity-bytes lies outside of a file of %llu bytes",
                        (unsigned long long)info.size);
        return false;
    }
    options->from = range.from;
    options->len = range.len;
    if (range.len == 0)
        options->scope = PART_BLOCK;
    return true;
}

/* Whatever makes one CAR differ from another. */
static Text etag_of(struct gateway *gateway,
                    const struct car_part_options *options)
{
    struct arena *arena = &gateway->request->arena;
    char root[CID_TEXT_MAX];
    Cid digest;
    struct cid_parts parts;
    const Text what = arena_format(
        arena, "%.*s\n%d %d %llu %llu", TEXT_ARG(gateway->path),
        (int)options->scope, (int)options->repeat,
        (unsigned long long)options->from, (unsigned long long)options->len);
    cid_of(CODEC_RAW, text_bytes(what), &digest);
    cid_parts_of(cid_bytes(&digest), &parts);
    cid_to_text(&gateway->root, root);
    const uint8_t *byte = parts.digest.data;
    return arena_format(arena, "\"%s.car.%02x%02x%02x%02x%02x%02x%02x%02x\"",
                        root, byte[0], byte[1], byte[2], byte[3], byte[4],
                        byte[5], byte[6], byte[7]);
}

static Status next_piece(struct sending *sending)
{
    Bytes *piece = &sending->piece;
    if (sending->left == 0) {
        TRY(car_part_next(sending->part, piece, NULL));
        sending->len = piece->len;
        return STATUS_OK;
    }
    TRY(car_part_again(sending->part, piece, NULL));
    *piece = bytes_from(*piece, piece->len - sending->left);
    sending->left = 0;
    return STATUS_OK;
}

static void rest(struct sending *sending)
{
    sending->left = sending->piece.len;
    sending->piece = (Bytes){NULL, 0};
    car_part_rest(sending->part);
}

/* The next bytes of a block that is not held; 0: they are of something else. */
static long read_resting(struct request *request, void *out, size_t max)
{
    struct sending *sending = request->state;
    const size_t len = sending->left < max ? sending->left : max;
    size_t got;
    Cid cid;
    if (len == 0 || !car_part_is_block(sending->part, &cid))
        return 0;
    if (store_read(request->store, &cid, sending->len - sending->left, out,
                   len, &got, NULL) != STATUS_OK ||
        got != len)
        return PULL_BROKEN;
    sending->left -= len;
    return (long)len;
}

static long pull_car(struct request *request, uint64_t at, void *out,
                     size_t max)
{
    struct sending *sending = request->state;
    uint8_t *room = out;
    size_t len = 0;
    (void)at;
    const long resting = read_resting(request, out, max);
    if (resting != 0)
        return resting;
    while (len < max) {
        if (sending->piece.len == 0 && next_piece(sending) != STATUS_OK)
            return PULL_BROKEN;
        const size_t left = sending->piece.len;
        if (left == 0 || !sending->piece.data)
            break;
        const size_t count = left < max - len ? left : max - len;
        memcpy(room + len, sending->piece.data, count);
        sending->piece = bytes_from(sending->piece, count);
        len += count;
    }
    if (!sending->holds)
        rest(sending);
    return len > 0 ? (long)len : PULL_END;
}

static Text file_name(struct gateway *gateway)
{
    char root[CID_TEXT_MAX];
    Text path = gateway->path;
    cid_to_text(&gateway->root, root);
    while (path.len > 0 && path.data[path.len - 1] == '/')
        path.len--;
    size_t from = path.len;
    while (from > 0 && path.data[from - 1] != '/')
        from--;
    return arena_format(&gateway->request->arena, "%s%s%.*s.car", root,
                        from < path.len ? "_" : "", (int)(path.len - from),
                        path.len > 0 ? path.data + from : "");
}

static RequestStep send_car(struct request *request,
                            const struct car_part_options *options)
{
    struct sending *sending = HEAP_NEW(struct sending);
    sending->part = car_part_new(request->store, options);
    sending->holds = holding_begin();
    request->state = sending;
    request->forget = forget_sending;
    return respond_pull(
        request, 200,
        options->repeat
            ? "application/vnd.ipld.car; version=1; order=dfs; dups=y"
            : "application/vnd.ipld.car; version=1; order=dfs; dups=n",
        UINT64_MAX, pull_car);
}

RequestStep gateway_car(struct gateway *gateway)
{
    struct request *request = gateway->request;
    const size_t way_count = gateway->way.len / sizeof(Cid);
    Cid *way = arena_array(&request->arena, way_count + 1, sizeof *way);
    struct car_part_options options = {.way = way,
                                       .way_count = way_count,
                                       .root = gateway->cid,
                                       .scope = scopes[gateway->ask.scope],
                                       .len = UINT64_MAX,
                                       .repeat = gateway->ask.dups};
    if (!gateway_is_here(gateway) || !read_bytes(gateway, &options))
        return REQUEST_DONE;
    if (way_count > 0)
        memcpy(way, gateway->way.data, gateway->way.len);
    respond_header(request, "Accept-Ranges", TEXT("none"));
    gateway_disposition(gateway, file_name(gateway));
    if (gateway_is_known(gateway, etag_of(gateway, &options).data))
        return REQUEST_DONE;
    return send_car(request, &options);
}
