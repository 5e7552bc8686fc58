/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c - depth first with a stack of its own: the links that are still to be
 * followed, the next one on top. */
#include "content/walk.h"

#include <stdlib.h>

#include "base/arena.h"
#include "content/ahead.h"
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
    struct seen seen;     /* visited */
    struct seen followed; /* whose links were followed, too */
    uint8_t *stack;       /* owned: frames, see push() */
    size_t len, capacity;
    uint64_t depth; /* of the block whose links are pushed */
    /* The frames from `expected` on, so many, are expected. */
    struct ahead *ahead; /* NULL until it is worth it */
    size_t expected, expected_count;
    uint64_t block_len; /* of the last one */
};

enum {
    FRAME_MAX = 8 + CID_BYTES_MAX + 1,
    EXPECTED_COUNT = 32,
    EXPECTED_BYTES = 16 << 20,
};

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

/* The frame that ends at `end`; where it begins. */
static size_t read_frame(const struct walk *walk, size_t end,
                         struct pending *out)
{
    const uint8_t *at = walk->stack + end;
    out->cid.len = at[-1];
    memcpy(&out->depth, at - 1 - sizeof out->depth, sizeof out->depth);
    end -= out->cid.len + sizeof out->depth + 1;
    memcpy(out->cid.bytes, walk->stack + end, out->cid.len);
    return end;
}

static void pop(struct walk *walk, struct pending *out)
{
    walk->len = read_frame(walk, walk->len, out);
    if (walk->expected_count > 0)
        walk->expected_count--;
    else
        walk->expected = walk->len;
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
static Status fail_block(const Cid *cid, Status status,
                         const struct error *inner, struct error *err)
{
    char name[CID_TEXT_MAX];
    cid_to_text(cid, name);
    return fail(err, status, "block %.64s: %.120s", name, inner->message);
}

static bool is_leaf(const Cid *cid)
{
    const uint64_t codec = cid_codec(cid);
    return codec == CODEC_RAW || !codec_is_known(codec);
}

/* Those on top will be asked for next. */
static void expect_next(struct walk *walk)
{
    struct pending pending;
    if (!walk->ahead)
        walk->ahead = ahead_new(walk->store);
    while (walk->expected > 0 && walk->expected_count < EXPECTED_COUNT &&
           walk->expected_count * walk->block_len < EXPECTED_BYTES) {
        walk->expected = read_frame(walk, walk->expected, &pending);
        walk->expected_count++;
        if (!(is_leaf(&pending.cid) && walk->options->skip_leaves) &&
            !walk->options->skip &&
            !seen_has(&walk->seen, cid_multihash(&pending.cid)))
            ahead_expect(walk->ahead, &pending.cid, walk->block_len);
    }
}

static Status load(struct walk *walk, const Cid *cid, struct block **out,
                   struct error *err)
{
    char name[CID_TEXT_MAX];
    *out = NULL;
    if (is_leaf(cid) && walk->options->skip_leaves)
        return STATUS_OK;
    if (walk->len > 0)
        expect_next(walk);
    Status status = walk->ahead ? ahead_get(walk->ahead, cid, out, err)
                                : store_get(walk->store, cid, out, err);
    if (status == STATUS_OK)
        walk->block_len = block_bytes(*out).len;
    if (status != STATUS_NOT_FOUND)
        return status;
    *out = NULL;
    if (walk->options->missing_too)
        return STATUS_OK;
    cid_to_text(cid, name);
    return fail(err, status, "block %s is not in the store", name);
}

static Status follow(struct walk *walk, const struct pending *pending,
                     Bytes block, struct error *err)
{
    const size_t from = walk->len;
    struct error inner = {0};
    walk->depth = pending->depth + 1;
    Status status =
        codec_links(cid_codec(&pending->cid), block, push_link, walk, &inner);
    if (status != STATUS_OK)
        return fail_block(&pending->cid, status, &inner, err);
    reverse(walk, from);
    walk->expected = walk->len;
    walk->expected_count = 0;
    return STATUS_OK;
}

/* The same bytes may be met as a leaf first and then as a node: visited once,
 * and their links followed all the same. */
static Status visit(struct walk *walk, const struct pending *pending,
                    struct error *err)
{
    const Cid *cid = &pending->cid;
    struct walk_visit visit = {.cid = cid, .depth = pending->depth};
    const bool is_new = seen_add(&walk->seen, cid_multihash(cid));
    const bool is_node =
        !is_leaf(cid) && seen_add(&walk->followed, cid_multihash(cid));
    if (!is_new && !is_node)
        return STATUS_OK;
    TRY(load(walk, cid, &visit.block, err));
    Status status = STATUS_OK;
    if (is_new)
        status = walk->each(walk->options->context, &visit, err);
    if (status == STATUS_OK && is_node && visit.block)
        status = follow(walk, pending, block_bytes(visit.block), err);
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
    walk.expected = walk.len;
    while (walk.len > 0 && status == STATUS_OK) {
        pop(&walk, &pending);
        if (!is_skipped(&walk, &pending.cid))
            status = visit(&walk, &pending, err);
    }
    ahead_free(walk.ahead);
    seen_deinit(&walk.seen);
    seen_deinit(&walk.followed);
    free(walk.stack);
    return status;
}
