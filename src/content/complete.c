/* SPDX-License-Identifier: Apache-2.0 */
/* complete.c - depth first, with the way down kept: whatever turns out to be
 * lacking is lacking to each block on it, and these are remembered, so that
 * another root which meets one of them knows without going down again. */
#include "content/complete.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/map.h"

enum { LINKS_MAX = 64 << 20 };

/* A block on the way down, and its links: length (1) | CID, one by one. */
struct step {
    Cid cid;
    struct buffer links;
    size_t at;   /* the next link */
    bool is_bad; /* `lack` is below it */
    size_t lack;
};

struct complete {
    struct store *store;
    struct complete_options options;
    struct seen leaves, nodes; /* the same bytes may be both */
    struct map bad;     /* codec, multihash → the lack it is or leads to */
    struct arena arena; /* keys of `bad` */
    struct lack *lacks; /* owned */
    size_t lack_count;
    struct step *way; /* owned */
    size_t depth, capacity;
    /* of the root at hand */
    LackEach *each;
    void *context;
    bool is_complete;
};

struct complete *complete_new(struct store *store,
                              const struct complete_options *options)
{
    struct complete *complete = HEAP_NEW(struct complete);
    complete->store = store;
    if (options)
        complete->options = *options;
    if (!complete->options.links)
        complete->options.links = codec_links;
    return complete;
}

void complete_free(struct complete *complete)
{
    if (!complete)
        return;
    seen_deinit(&complete->leaves);
    seen_deinit(&complete->nodes);
    map_deinit(&complete->bad);
    arena_deinit(&complete->arena);
    free(complete->lacks);
    free(complete->way);
    free(complete);
}

/* The block on top of the way leads to this, or the root is it. */
static void tell(struct complete *complete, size_t lack)
{
    complete->is_complete = false;
    if (complete->depth > 0) {
        struct step *step = &complete->way[complete->depth - 1];
        step->is_bad = true;
        step->lack = lack;
    }
    complete->each(complete->context, &complete->lacks[lack]);
}

/* The same for all versions of a CID. */
static Bytes key_of(const Cid *cid, uint8_t room[8 + CID_BYTES_MAX])
{
    const uint64_t codec = cid_codec(cid);
    const Bytes name = cid_multihash(cid);
    memcpy(room, &codec, sizeof codec);
    memcpy(room + sizeof codec, name.data, name.len);
    return bytes_of(room, sizeof codec + name.len);
}

static void remember(struct complete *complete, const Cid *cid, size_t lack)
{
    uint8_t room[8 + CID_BYTES_MAX];
    const Bytes key = arena_copy_bytes(&complete->arena, key_of(cid, room));
    *map_set(&complete->bad, key, NULL) = lack;
}

static void add_lack(struct complete *complete, const Cid *cid, LackKind kind)
{
    const size_t index = complete->lack_count++;
    complete->lacks = heap_resize(complete->lacks, complete->lack_count,
                                  sizeof *complete->lacks);
    complete->lacks[index] =
        (struct lack){.index = index, .kind = kind, .cid = *cid};
    remember(complete, cid, index);
    tell(complete, index);
}

static Status keep_link(void *context, Bytes cid,
                        [[maybe_unused]] struct error *err)
{
    struct buffer *links = context;
    if (cid.len > CID_BYTES_MAX)
        return STATUS_OK;
    buffer_add_byte(links, (uint8_t)cid.len);
    buffer_add_bytes(links, cid);
    return STATUS_OK;
}

static void go_down(struct complete *complete, const Cid *cid, Bytes block)
{
    if (complete->depth == complete->capacity) {
        complete->capacity = complete->capacity * 2 + 16;
        complete->way = heap_resize(complete->way, complete->capacity,
                                    sizeof *complete->way);
    }
    struct step *step = &complete->way[complete->depth];
    *step = (struct step){.cid = *cid};
    buffer_init(&step->links, LINKS_MAX);
    if (complete->options.links(cid_codec(cid), block, keep_link, &step->links,
                                NULL) != STATUS_OK) {
        buffer_deinit(&step->links);
        add_lack(complete, cid, LACK_MALFORMED);
        return;
    }
    complete->depth++;
}

/* STATUS_OK also where the block lacks: it was told. */
static Status take_block(struct complete *complete, const Cid *cid,
                         bool is_leaf, struct error *err)
{
    struct block *block = NULL;
    Status status = store_get(complete->store, cid, &block, err);
    if (status == STATUS_NOT_FOUND)
        add_lack(complete, cid, LACK_MISSING);
    else if (status == STATUS_CORRUPT)
        add_lack(complete, cid, LACK_DAMAGED);
    else if (status == STATUS_OK && !is_leaf)
        go_down(complete, cid, block_bytes(block));
    else if (status != STATUS_OK && status != STATUS_UNSUPPORTED)
        return status;
    block_unref(block);
    return STATUS_OK;
}

static Status visit(struct complete *complete, const Cid *cid,
                    struct error *err)
{
    const Bytes name = cid_multihash(cid);
    const uint64_t codec = cid_codec(cid);
    const bool is_leaf = codec == CODEC_RAW || !codec_is_known(codec);
    uint8_t room[8 + CID_BYTES_MAX];
    const uint64_t *bad = map_get(&complete->bad, key_of(cid, room));
    if (bad) {
        tell(complete, (size_t)*bad);
        return STATUS_OK;
    }
    if (!seen_add(is_leaf ? &complete->leaves : &complete->nodes, name))
        return STATUS_OK;
    if (!is_leaf || !complete->options.skip_leaves)
        return take_block(complete, cid, is_leaf, err);
    if (complete->options.damaged && seen_has(complete->options.damaged, name))
        add_lack(complete, cid, LACK_DAMAGED);
    else if (!store_has(complete->store, cid))
        add_lack(complete, cid, LACK_MISSING);
    return STATUS_OK;
}

static void go_up(struct complete *complete)
{
    const struct step step = complete->way[--complete->depth];
    struct buffer links = step.links;
    buffer_deinit(&links);
    if (!step.is_bad)
        return;
    remember(complete, &step.cid, step.lack);
    if (complete->depth > 0) {
        complete->way[complete->depth - 1].is_bad = true;
        complete->way[complete->depth - 1].lack = step.lack;
    }
}

Status complete_check(struct complete *complete, const Cid *root,
                      LackEach *each, void *context, bool *is_complete,
                      struct error *err)
{
    complete->each = each;
    complete->context = context;
    complete->is_complete = true;
    Status status = visit(complete, root, err);
    while (complete->depth > 0) {
        struct step *step = &complete->way[complete->depth - 1];
        if (status != STATUS_OK || step->at >= step->links.len) {
            go_up(complete);
            continue;
        }
        Cid cid = {.len = step->links.data[step->at]};
        memcpy(cid.bytes, step->links.data + step->at + 1, cid.len);
        step->at += cid.len + 1U;
        status = visit(complete, &cid, err);
    }
    *is_complete = complete->is_complete;
    return status;
}
