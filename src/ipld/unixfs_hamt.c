/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_hamt.c - children sorted by hash are the leaves of the trie from left
 * to right, so each node is a range of them: no trie is ever in memory.
 *
 *     level 0   00.. 00.. 3f..              slots, sorted by hash
 *               [      ]  [  ]              one byte of hash: two links,
 *     level 1   "00"      "3Fname"          a node below and an entry */
#include "ipld/unixfs_hamt.h"

#include <stdlib.h>

#include "ipld/murmur3.h"
#include "ipld/protobuf.h"

enum {
    LEVELS = 8, // Eight bits of 64 at each.
    BITS_LEN = UNIXFS_FANOUT / 8,
    PREFIX_LEN = 2, // hexadecimal digits of a place
};

struct slot {
    uint64_t hash;
    const struct unixfs_child *child;
};

struct hamt {
    struct unixfs_encoder *encoder;
    const struct unixfs_metadata *metadata; /* of the root */
    struct arena arenas[LEVELS]; /* names and CIDs of the node at each level */
};

/* A node being made. */
struct shard {
    struct dag_pb_link *links; /* room for UNIXFS_FANOUT */
    size_t count;
    uint8_t bits[BITS_LEN]; /* place 0 is the lowest bit of the last byte */
};

static int by_hash(const void *left, const void *right)
{
    const struct slot *a = left, *b = right;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

static unsigned place_of(uint64_t hash, unsigned level)
{
    return (unsigned)(hash >> (56 - 8 * level)) & (UNIXFS_FANOUT - 1);
}

/* The name of a link: the place in hexadecimal, then that of the entry. */
static Text link_name(struct arena *arena, unsigned place, Text name)
{
    static const char digits[] = "0123456789ABCDEF";
    char *data = arena_alloc(arena, PREFIX_LEN + name.len);
    data[0] = digits[place >> 4];
    data[1] = digits[place & 15];
    if (name.len > 0)
        memcpy(data + PREFIX_LEN, name.data, name.len);
    return (Text){data, PREFIX_LEN + name.len};
}

static Status put_shard(struct hamt *hamt, const struct slot *slots,
                        size_t count, unsigned level, Cid *out,
                        uint64_t *tsize, struct error *err);

/* Links what has the hash of `slots` at this level: one is an entry, several
 * are a node below. */
static Status add_link(struct hamt *hamt, struct shard *shard,
                       const struct slot *slots, size_t count, unsigned level,
                       struct error *err)
{
    struct arena *arena = &hamt->arenas[level];
    unsigned place = place_of(slots->hash, level);
    struct dag_pb_link *link = &shard->links[shard->count++];
    const struct unixfs_child *child = slots->child;
    Cid below;

    shard->bits[BITS_LEN - 1 - place / 8] |= (uint8_t)(1U << place % 8);
    *link = (struct dag_pb_link){.has_name = true, .has_tsize = true};
    if (count == 1) {
        link->name = link_name(arena, place, child->name);
        link->cid = cid_bytes(&child->cid);
        link->tsize = child->tsize;
        return STATUS_OK;
    }
    TRY(put_shard(hamt, slots, count, level + 1, &below, &link->tsize, err));
    link->name = link_name(arena, place, TEXT(""));
    link->cid = arena_copy_bytes(arena, cid_bytes(&below));
    return STATUS_OK;
}

static Status encode_shard(struct hamt *hamt, const struct shard *shard,
                           unsigned level, Cid *out, uint64_t *tsize,
                           struct error *err)
{
    struct unixfs_encoder *encoder = hamt->encoder;
    Bytes bits = bytes_of(shard->bits, BITS_LEN);

    // As everybody writes them: without the zeros in front.
    while (bits.len > 0 && bits.data[0] == 0)
        bits = bytes_from(bits, 1);
    unixfs_encoder_begin(encoder, UNIXFS_NODE_HAMT);
    protobuf_add_bytes(&encoder->inner, UNIXFS_FIELD_DATA, bits);
    protobuf_add_varint(&encoder->inner, UNIXFS_FIELD_HASH_TYPE,
                        UNIXFS_HASH_MURMUR3);
    protobuf_add_varint(&encoder->inner, UNIXFS_FIELD_FANOUT, UNIXFS_FANOUT);
    if (level == 0)
        unixfs_encoder_metadata(encoder, hamt->metadata);
    return unixfs_encoder_put(encoder, shard->links, shard->count, out, tsize,
                              err);
}

static int shown(Text name)
{
    return name.len < 50 ? (int)name.len : 50;
}

/* A trie has no place for two names with one hash; in Kubo neither. */
static Status refuse_pair(Text one, Text other, struct error *err)
{
    return fail(err, STATUS_INVALID,
                "a directory this big cannot hold both \"%.*s\" and "
                "\"%.*s\": their murmur3 hashes are equal",
                shown(one), one.data, shown(other), other.data);
}

/* Recursion is bounded by LEVELS. */
static Status put_shard(struct hamt *hamt, const struct slot *slots,
                        size_t count, unsigned level, Cid *out,
                        uint64_t *tsize, struct error *err)
{
    struct shard shard = {.count = 0};

    if (level == LEVELS)
        return refuse_pair(slots[0].child->name, slots[1].child->name, err);
    arena_reset(&hamt->arenas[level]);
    shard.links = arena_array(&hamt->arenas[level],
                              count < UNIXFS_FANOUT ? count : UNIXFS_FANOUT,
                              sizeof *shard.links);
    for (size_t from = 0, to; from < count; from = to) {
        unsigned place = place_of(slots[from].hash, level);
        for (to = from + 1; to < count; to++)
            if (place_of(slots[to].hash, level) != place)
                break;
        TRY(add_link(hamt, &shard, slots + from, to - from, level, err));
    }
    return encode_shard(hamt, &shard, level, out, tsize, err);
}

Status unixfs_put_hamt(struct unixfs_encoder *encoder,
                       const struct unixfs_child *children, size_t count,
                       const struct unixfs_metadata *metadata, Cid *root,
                       uint64_t *tsize, struct error *err)
{
    struct hamt hamt = {.encoder = encoder, .metadata = metadata};
    struct slot *slots = heap_array(count, sizeof *slots);

    for (size_t index = 0; index < count; index++)
        slots[index] = (struct slot){
            murmur3_64(text_bytes(children[index].name)), &children[index]};
    qsort(slots, count, sizeof *slots, by_hash);
    Status status = put_shard(&hamt, slots, count, 0, root, tsize, err);
    for (unsigned level = 0; level < LEVELS; level++)
        arena_deinit(&hamt.arenas[level]);
    free(slots);
    return status;
}
