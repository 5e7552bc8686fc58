/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c - depth first with a stack of its own: the links that are still to be
 * followed, the next one on top. */
#include "content/walk.h"

#include <stdlib.h>

#include "base/arena.h"
#include "ipld/codec.h"
#include "store/seen.h"

struct pending {
    uint64_t depth;
    Cid cid;
};

struct walk {
    struct store *store;
    const struct walk_options *options;
    WalkEach *each;
    struct seen seen;
    uint8_t *stack; /* owned: frames, see push() */
    size_t len, capacity;
    uint64_t depth; /* of the block whose links are pushed */
};

enum { FRAME_MAX = 8 + CID_BYTES_MAX + 1 };

/* A frame is read from its end: CID | depth (8) | length of the CID (1). */
static void push(struct walk *walk, Bytes cid, uint64_t depth)
{
    if (walk->capacity - walk->len < FRAME_MAX) {
        walk->capacity = walk->capacity * 2 + FRAME_MAX;
        walk->stack = heap_resize(walk->stack, walk->capacity, 1);
    }
    uint8_t *at = walk->stack + walk->len;
    memcpy(at, cid.data, cid.len);
    memcpy(at + cid.len, &depth, sizeof depth);
    at[cid.len + sizeof depth] = (uint8_t)cid.len;
    walk->len += cid.len + sizeof depth + 1;
}

static void pop(struct walk *walk, struct pending *out)
{
    const uint8_t *end = walk->stack + walk->len;
    out->cid.len = end[-1];
    memcpy(&out->depth, end - 1 - sizeof out->depth, sizeof out->depth);
    walk->len -= out->cid.len + sizeof out->depth + 1;
    memcpy(out->cid.bytes, walk->stack + walk->len, out->cid.len);
}

/* The frames above `from`, the other way round: the first link on top. */
static void reverse(struct walk *walk, size_t from)
{
    const size_t len = walk->len - from;
    uint8_t *copy = heap_alloc(len);
    size_t at = 0;
    memcpy(copy, walk->stack + from, len);
    for (size_t end = len; end > 0;) {
        const size_t frame = copy[end - 1] + sizeof(uint64_t) + 1U;
        end -= frame;
        memcpy(walk->stack + from + at, copy + end, frame);
        at += frame;
    }
    free(copy);
}

static Status push_link(void *context, Bytes cid, struct error *err)
{
    struct walk *walk = context;
    if (cid.len > CID_BYTES_MAX)
        return fail(err, STATUS_LIMIT, "a link of %zu bytes is longer than %d",
                    cid.len, CID_BYTES_MAX);
    push(walk, cid, walk->depth);
    return STATUS_OK;
}

/* Says which block it is about. */
static Status fail_block(const Cid *cid, Status status, struct error *err)
{
    char name[CID_TEXT_MAX];
    struct error inner = *err;
    cid_to_text(cid, name);
    inner.message[120] = '\0';
    return fail(err, status, "block %.64s: %s", name, inner.message);
}

static Status visit(struct walk *walk, const struct pending *pending,
                    struct error *err)
{
    struct walk_visit visit = {.cid = &pending->cid, .depth = pending->depth};
    const uint64_t codec = cid_codec(&pending->cid);
    const bool is_leaf = codec == CODEC_RAW || !codec_is_known(codec);
    Status status = STATUS_OK;
    if (!is_leaf || !walk->options->skip_leaves)
        status = store_get(walk->store, &pending->cid, &visit.block, err);
    if (status == STATUS_NOT_FOUND && walk->options->missing_too) {
        visit.block = NULL;
        return walk->each(walk->options->context, &visit, err);
    }
    if (status == STATUS_NOT_FOUND) {
        char name[CID_TEXT_MAX];
        cid_to_text(&pending->cid, name);
        return fail(err, status, "block %s is not in the store", name);
    }
    TRY(status);
    status = walk->each(walk->options->context, &visit, err);
    if (status == STATUS_OK && !is_leaf) {
        const size_t from = walk->len;
        struct error inner = {0};
        walk->depth = pending->depth + 1;
        status = codec_links(codec, block_bytes(visit.block), push_link, walk,
                             &inner);
        if (status != STATUS_OK) {
            if (err)
                *err = inner;
            status = err ? fail_block(&pending->cid, status, err) : status;
        } else {
            reverse(walk, from);
        }
    }
    block_unref(visit.block);
    return status;
}

static bool is_skipped(const struct walk *walk, const Cid *cid)
{
    const struct walk_options *options = walk->options;
    return options->skip && options->skip(options->context, cid);
}

Status content_walk(struct store *store, const Cid *roots, size_t count,
                    const struct walk_options *options, WalkEach *each,
                    struct error *err)
{
    static const struct walk_options defaults;
    struct walk walk = {
        .store = store,
        .options = options ? options : &defaults,
        .each = each,
    };
    struct pending pending;
    Status status = STATUS_OK;
    for (size_t index = count; index-- > 0;)
        push(&walk, cid_bytes(&roots[index]), 0);
    while (walk.len > 0 && status == STATUS_OK) {
        pop(&walk, &pending);
        if (!is_skipped(&walk, &pending.cid) &&
            seen_add(&walk.seen, cid_multihash(&pending.cid)))
            status = visit(&walk, &pending, err);
    }
    seen_deinit(&walk.seen);
    free(walk.stack);
    return status;
}
