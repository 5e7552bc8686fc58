/* SPDX-License-Identifier: Apache-2.0 */
/* car_part.c - depth first with a stack of its own, the next link on top.
 *
 * Of a file, a node may be met twice, and each time another part of it be
 * wanted. So what is below is passed over only where all of it was followed
 * before; a range has at most two nodes a level of which that is not so. */
#include "content/car_part.h"

#include <stdlib.h>

#include "base/arena.h"
#include "ipld/codec.h"
#include "ipld/unixfs_node.h"
#include "ipld/varint.h"
#include "store/seen.h"

enum { STACK_MAX = 1 << 19 }; /* links that wait; 100 MB */

typedef enum {
    LINK_ANY,   /* all below it */
    LINK_FILE,  /* a part of a file, as far as it is wanted */
    LINK_SHARD, /* a part of a directory */
    LINK_ALONE  /* itself */
} LinkKind;

struct pending {
    LinkKind kind;
    uint64_t at, size; /* of a part of a file: where it stands in it */
    Cid cid;
};

struct car_part {
    struct store *store;
    struct car_part_options options;
    Cid *way; /* owned */
    size_t way_at;
    uint64_t to;      /* behind the last byte wanted */
    struct seen seen; /* given */
    struct seen followed;
    struct pending *stack; /* owned */
    size_t count, capacity;
    bool is_begun, is_rooted;
    struct buffer header;
    uint8_t front[VARINT_MAX + CID_BYTES_MAX];
    size_t front_len;
    bool has_next;       /* its front was given */
    Cid next_cid;        /* then */
    struct block *next;  /* or NULL, while we rest */
    Cid given_cid;       /* what was given last; empty: a header or front */
    struct block *given; /* borrowed by the caller, or NULL */
};

struct car_part *car_part_new(struct store *store,
                              const struct car_part_options *options)
{
    struct car_part *part = HEAP_NEW(struct car_part);
    part->store = store;
    part->options = *options;
    part->way = heap_array(options->way_count + 1, sizeof *part->way);
    for (size_t index = 0; index < options->way_count; index++)
        part->way[index] = options->way[index];
    part->to = options->len < UINT64_MAX - options->from
                   ? options->from + options->len
                   : UINT64_MAX;
    buffer_init(&part->header, CAR_HEADER_MAX);
    return part;
}

void car_part_free(struct car_part *part)
{
    if (!part)
        return;
    block_unref(part->next);
    block_unref(part->given);
    seen_deinit(&part->seen);
    seen_deinit(&part->followed);
    buffer_deinit(&part->header);
    free(part->stack);
    free(part->way);
    free(part);
}

/* --- Links ---------------------------------------------------------------- */

static Status push(struct car_part *part, const struct pending *pending,
                   Bytes cid, struct error *err)
{
    if (cid.len > CID_BYTES_MAX)
        return fail(err, STATUS_LIMIT, "a link of %zu bytes is longer than %d",
                    cid.len, CID_BYTES_MAX);
    if (part->count == STACK_MAX)
        return fail(err, STATUS_LIMIT, "more than %d links wait at once",
                    STACK_MAX);
    if (part->count == part->capacity) {
        part->capacity = part->capacity * 2 + 64;
        part->stack =
            heap_resize(part->stack, part->capacity, sizeof *part->stack);
    }
    struct pending *top = &part->stack[part->count++];
    *top = *pending;
    top->cid.len = (uint8_t)cid.len;
    memcpy(top->cid.bytes, cid.data, cid.len);
    return STATUS_OK;
}

/* A CodecLink. */
static Status push_any(void *context, Bytes cid, struct error *err)
{
    return push(context, &(struct pending){.kind = LINK_ANY}, cid, err);
}

static void reverse(struct car_part *part, size_t from)
{
    for (size_t to = part->count; from + 1 < to; from++) {
        const struct pending first = part->stack[from];
        part->stack[from] = part->stack[--to];
        part->stack[to] = first;
    }
}

static Status push_parts_of_file(struct car_part *part,
                                 const struct pending *pending,
                                 const struct unixfs_node *node,
                                 struct error *err)
{
    uint64_t at = pending->at + node->data.len;
    for (size_t index = 0; index < node->dag.count && at < part->to; index++) {
        const struct pending child = {
            .kind = LINK_FILE, .at = at, .size = node->sizes[index]};
        at += child.size;
        if (at > part->options.from)
            TRY(push(part, &child, node->dag.links[index].cid, err));
    }
    return STATUS_OK;
}

/* The links of a shard that lead to another have nothing in their names but
 * the place, in hexadecimal. */
static Status push_shards(struct car_part *part,
                          const struct unixfs_node *node, struct error *err)
{
    const size_t digits = node->fanout <= 16 ? 1 : node->fanout <= 256 ? 2 : 3;
    const struct pending child = {.kind = LINK_SHARD};
    for (size_t index = 0; index < node->dag.count; index++)
        if (node->dag.links[index].name.len == digits)
            TRY(push(part, &child, node->dag.links[index].cid, err));
    return STATUS_OK;
}

static bool is_file(const struct unixfs_node *node)
{
    return node->type == UNIXFS_NODE_FILE || node->type == UNIXFS_NODE_RAW;
}

/* What is no UnixFS, at its root, stands alone; further down it is malformed,
 * and so is what is not of the size that its parent says. */
static Status follow_entity(struct car_part *part,
                            const struct pending *pending, Bytes block,
                            bool is_root, struct error *err)
{
    struct arena arena = {0};
    struct unixfs_node node;
    Status status =
        unixfs_node_read(cid_codec(&pending->cid), block, &arena, &node, err);
    if (is_root && status != STATUS_OK)
        status = STATUS_OK;
    else if (status == STATUS_OK && is_file(&node) &&
             (is_root ||
              (pending->kind == LINK_FILE && pending->size == node.size)))
        status = push_parts_of_file(part, pending, &node, err);
    else if (status == STATUS_OK && node.type == UNIXFS_NODE_HAMT &&
             (is_root || pending->kind == LINK_SHARD))
        status = push_shards(part, &node, err);
    else if (status == STATUS_OK && !is_root)
        status = fail(err, STATUS_INVALID,
                      "malformed UnixFS: a part of it is "
                      "not what its parent says");
    arena_deinit(&arena);
    return status;
}

static bool is_leaf(const Cid *cid)
{
    const uint64_t codec = cid_codec(cid);
    return codec == CODEC_RAW || !codec_is_known(codec);
}

/* True if what is below is to be followed now. */
static bool must_follow(struct car_part *part, const struct pending *pending)
{
    if (pending->kind == LINK_ALONE || is_leaf(&pending->cid))
        return false;
    if (part->options.repeat)
        return true;
    const bool is_partial =
        pending->kind == LINK_FILE && (pending->at < part->options.from ||
                                       pending->size > part->to - pending->at);
    return is_partial ||
           seen_add(&part->followed, cid_multihash(&pending->cid));
}

static Status follow(struct car_part *part, const struct pending *pending,
                     Bytes block, bool is_root, struct error *err)
{
    const size_t from = part->count;
    struct error inner = {0};
    char name[CID_TEXT_MAX];
    const Status status =
        pending->kind == LINK_ANY
            ? codec_links(cid_codec(&pending->cid), block, push_any, part,
                          &inner)
            : follow_entity(part, pending, block, is_root, &inner);
    if (status != STATUS_OK) {
        cid_to_text(&pending->cid, name);
        return fail(err, status, "block %.64s: %.120s", name, inner.message);
    }
    reverse(part, from);
    return STATUS_OK;
}

/* --- Blocks --------------------------------------------------------------- */

static Status get(struct car_part *part, const Cid *cid, struct block **out,
                  struct error *err)
{
    char name[CID_TEXT_MAX];
    const Status status = store_get(part->store, cid, out, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    cid_to_text(cid, name);
    return fail(err, status, "block %.150s is not in the store", name);
}

/* The block may be known by another codec: what is written is how we met it. */
static void give_next(struct car_part *part, const Cid *cid,
                      struct block *block)
{
    const size_t len =
        varint_write(cid->len + block_bytes(block).len, part->front);
    memcpy(part->front + len, cid->bytes, cid->len);
    part->front_len = len + cid->len;
    part->has_next = true;
    part->next_cid = *cid;
    part->next = block;
}

/* Makes it the next to be given, or not. */
static Status visit(struct car_part *part, const struct pending *pending,
                    bool is_root, struct error *err)
{
    const Cid *cid = &pending->cid;
    struct block *block;
    const bool is_wanted =
        (seen_add(&part->seen, cid_multihash(cid)) || part->options.repeat) &&
        cid_hash_code(cid) != HASH_IDENTITY;
    const bool is_followed = must_follow(part, pending);
    if (!is_wanted && !is_followed)
        return STATUS_OK;
    TRY(get(part, cid, &block, err));
    Status status = STATUS_OK;
    if (is_followed)
        status = follow(part, pending, block_bytes(block), is_root, err);
    if (status != STATUS_OK || !is_wanted) {
        block_unref(block);
        return status;
    }
    give_next(part, cid, block);
    return STATUS_OK;
}

static Status visit_root(struct car_part *part, struct error *err)
{
    static const LinkKind kinds[] = {
        [PART_ALL] = LINK_ANY,
        [PART_ENTITY] = LINK_FILE,
        [PART_BLOCK] = LINK_ALONE,
    };
    const struct pending root = {.kind = kinds[part->options.scope],
                                 .size = UINT64_MAX,
                                 .cid = part->options.root};
    part->is_rooted = true;
    return visit(part, &root, true, err);
}

/* False: there is no next. */
static Status visit_next(struct car_part *part, bool *is_end,
                         struct error *err)
{
    *is_end = false;
    if (part->way_at < part->options.way_count) {
        const struct pending alone = {.kind = LINK_ALONE,
                                      .cid = part->way[part->way_at++]};
        return visit(part, &alone, false, err);
    }
    if (!part->is_rooted)
        return visit_root(part, err);
    *is_end = part->count == 0;
    if (*is_end)
        return STATUS_OK;
    const struct pending pending = part->stack[--part->count];
    return visit(part, &pending, false, err);
}

/* --- Pieces --------------------------------------------------------------- */

/* A CarWrite. */
static Status add_header(void *context, Bytes bytes, struct error *err)
{
    struct car_part *part = context;
    (void)err;
    buffer_add_bytes(&part->header, bytes);
    return STATUS_OK;
}

/* Gives the block of which the front was given. */
static Status give_block(struct car_part *part, Bytes *out, struct error *err)
{
    if (!part->next)
        TRY(get(part, &part->next_cid, &part->next, err));
    part->given = part->next;
    part->given_cid = part->next_cid;
    part->next = NULL;
    part->has_next = false;
    *out = block_bytes(part->given);
    return STATUS_OK;
}

Status car_part_next(struct car_part *part, Bytes *out, struct error *err)
{
    bool is_end = false;
    *out = (Bytes){NULL, 0};
    block_unref(part->given);
    part->given = NULL;
    if (part->has_next)
        TRY(give_block(part, out, err));
    if (out->len > 0) // An empty block is all in its front.
        return STATUS_OK;
    part->given_cid.len = 0;
    if (!part->is_begun) {
        part->is_begun = true;
        TRY(car_write_header(add_header, part, &part->options.root, 1, err));
        *out = buffer_bytes(&part->header);
        return STATUS_OK;
    }
    block_unref(part->given);
    part->given = NULL;
    while (!part->has_next && !is_end)
        TRY(visit_next(part, &is_end, err));
    if (part->has_next)
        *out = bytes_of(part->front, part->front_len);
    return STATUS_OK;
}

void car_part_rest(struct car_part *part)
{
    block_unref(part->given);
    block_unref(part->next);
    part->given = part->next = NULL;
}

Status car_part_again(struct car_part *part, Bytes *out, struct error *err)
{
    *out = (Bytes){NULL, 0};
    if (part->given_cid.len > 0) {
        TRY(get(part, &part->given_cid, &part->given, err));
        *out = block_bytes(part->given);
    } else if (part->has_next) {
        *out = bytes_of(part->front, part->front_len);
    } else if (part->is_begun) {
        *out = buffer_bytes(&part->header);
    }
    return STATUS_OK;
}

bool car_part_is_block(const struct car_part *part, Cid *out)
{
    *out = part->given_cid;
    return out->len > 0;
}
