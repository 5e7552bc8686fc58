/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/unixfs_node.h"

#include "ipld/codec.h"
#include "ipld/protobuf.h"

enum {
    FIELD_COUNT = UNIXFS_FIELD_MTIME + 1, // that we know
    FANOUT_MIN = 8,
    MODE_BITS = 07777,
    NANOSECONDS = 1000000000, // in a second
};

struct inner {
    bool seen[FIELD_COUNT];
    uint64_t number[FIELD_COUNT]; /* of the singular varints */
    Bytes data;
    Bytes mtime;
    uint64_t *sizes; /* room for `sizes_max` */
    size_t sizes_count;
    size_t sizes_max;
};

static Status malformed(const char *what, struct error *err)
{
    return fail(err, STATUS_INVALID, "malformed UnixFS node: %s", what);
}

/* --- The inner protobuf ------------------------------------------------- */

static Status add_size(struct inner *inner, uint64_t size, struct error *err)
{
    if (inner->sizes_count == inner->sizes_max)
        return malformed("more block sizes than links", err);
    inner->sizes[inner->sizes_count++] = size;
    return STATUS_OK;
}

static Status read_sizes(struct inner *inner,
                         const struct protobuf_field *field, struct error *err)
{
    struct protobuf_reader packed = {.bytes = field->bytes};
    uint64_t size;

    if (field->wire == WIRE_VARINT)
        return add_size(inner, field->varint, err);
    if (field->wire != WIRE_BYTES)
        return malformed("block sizes are not numbers", err);
    while (packed.at < packed.bytes.len) {
        TRY(protobuf_varint(&packed, &size, err));
        TRY(add_size(inner, size, err));
    }
    return STATUS_OK;
}

static Status read_field(struct inner *inner,
                         const struct protobuf_field *field, struct error *err)
{
    if (field->number >= FIELD_COUNT)
        return STATUS_OK; // What others may add.
    if (field->number == UNIXFS_FIELD_BLOCKSIZES)
        return read_sizes(inner, field, err);
    if (inner->seen[field->number])
        return malformed("a field comes twice", err);
    inner->seen[field->number] = true;
    bool is_bytes = field->number == UNIXFS_FIELD_DATA ||
                    field->number == UNIXFS_FIELD_MTIME;
    if (field->wire != (is_bytes ? WIRE_BYTES : WIRE_VARINT))
        return malformed("a field has the wrong wire type", err);
    if (field->number == UNIXFS_FIELD_DATA)
        inner->data = field->bytes;
    else if (field->number == UNIXFS_FIELD_MTIME)
        inner->mtime = field->bytes;
    else
        inner->number[field->number] = field->varint;
    return STATUS_OK;
}

static Status read_inner(Bytes bytes, struct inner *inner, struct error *err)
{
    struct protobuf_reader reader = {.bytes = bytes};
    struct protobuf_field field;
    bool done;

    for (;;) {
        Status status = protobuf_next(&reader, &field, &done, err);
        if (status != STATUS_OK)
            return fail_in(err, status, "malformed UnixFS node");
        if (done)
            return STATUS_OK;
        TRY(read_field(inner, &field, err));
    }
}

/* --- Mode and mtime ----------------------------------------------------- */

static Status read_mtime_field(const struct protobuf_field *field,
                               bool seen[UNIXFS_MTIME_NANOSECONDS + 1],
                               struct unixfs_metadata *out, struct error *err)
{
    if (field->number > UNIXFS_MTIME_NANOSECONDS)
        return STATUS_OK;
    if (seen[field->number])
        return malformed("a part of mtime comes twice", err);
    seen[field->number] = true;
    if (field->number == UNIXFS_MTIME_SECONDS) {
        if (field->wire != WIRE_VARINT)
            return malformed("the seconds of mtime are no number", err);
        out->mtime_s = (int64_t)field->varint;
        return STATUS_OK;
    }
    if (field->wire != WIRE_FIXED32)
        return malformed("the nanoseconds of mtime are not 4 bytes", err);
    if (field->varint == 0 || field->varint >= NANOSECONDS)
        return malformed("the nanoseconds of mtime are not 1 to 999999999",
                         err);
    out->mtime_ns = (uint32_t)field->varint;
    return STATUS_OK;
}

static Status read_mtime(Bytes bytes, struct unixfs_metadata *out,
                         struct error *err)
{
    struct protobuf_reader reader = {.bytes = bytes};
    struct protobuf_field field;
    bool seen[UNIXFS_MTIME_NANOSECONDS + 1] = {false};
    bool done;

    for (;;) {
        Status status = protobuf_next(&reader, &field, &done, err);
        if (status != STATUS_OK)
            return fail_in(err, status, "malformed UnixFS node: mtime");
        if (done)
            break;
        TRY(read_mtime_field(&field, seen, out, err));
    }
    out->has_mtime = true;
    return seen[UNIXFS_MTIME_SECONDS]
               ? STATUS_OK
               : malformed("an mtime without seconds", err);
}

static Status read_metadata(const struct inner *inner,
                            struct unixfs_metadata *out, struct error *err)
{
    if (inner->seen[UNIXFS_FIELD_MODE]) {
        uint64_t mode = inner->number[UNIXFS_FIELD_MODE];
        if (mode > UINT32_MAX)
            return malformed("a mode of more than 32 bits", err);
        out->has_mode = true;
        // The specification keeps the others for later and has us ignore them.
        out->mode = (uint32_t)mode & MODE_BITS;
    }
    if (inner->seen[UNIXFS_FIELD_MTIME])
        TRY(read_mtime(inner->mtime, out, err));
    return STATUS_OK;
}

/* --- The rules of each type --------------------------------------------- */

static Status check_file(const struct inner *inner, struct unixfs_node *node,
                         struct error *err)
{
    uint64_t total = node->data.len;

    if (node->type == UNIXFS_NODE_RAW && node->dag.count > 0)
        return malformed("a raw node has links", err);
    if (inner->sizes_count != node->dag.count)
        return malformed("fewer block sizes than links", err);
    for (size_t index = 0; index < inner->sizes_count; index++) {
        // A child of no bytes says nothing, and many of them cost much.
        if (inner->sizes[index] == 0)
            return malformed("a block size is 0", err);
        if (__builtin_add_overflow(total, inner->sizes[index], &total))
            return malformed("sizes add up to more than 64 bits", err);
    }
    if (inner->number[UNIXFS_FIELD_FILESIZE] != total)
        return malformed("the file size is not that of data and links", err);
    node->size = total;
    node->sizes = inner->sizes;
    return STATUS_OK;
}

static Status check_hamt(const struct inner *inner, struct unixfs_node *node,
                         struct error *err)
{
    uint64_t fanout = inner->number[UNIXFS_FIELD_FANOUT];
    size_t bits = 0;

    if (inner->number[UNIXFS_FIELD_HASH_TYPE] != UNIXFS_HASH_MURMUR3)
        return malformed("the hash of a HAMT is not murmur3", err);
    if (fanout < FANOUT_MIN || fanout > UNIXFS_FANOUT_MAX ||
        (fanout & (fanout - 1)) != 0)
        return malformed("the fanout of a HAMT is not 8 to 1024", err);
    if (node->data.len > fanout / 8)
        return malformed("a HAMT has more bits than its fanout", err);
    for (size_t index = 0; index < node->data.len; index++)
        bits += (size_t)__builtin_popcount(node->data.data[index]);
    if (bits != node->dag.count)
        return malformed("a HAMT has not one link for each bit", err);
    node->fanout = fanout;
    return STATUS_OK;
}

static Status check_symlink(const struct unixfs_node *node, struct error *err)
{
    if (node->dag.count > 0)
        return malformed("a symlink has links", err);
    if (node->data.len > 0 && memchr(node->data.data, '\0', node->data.len))
        return malformed("a zero byte in the target of a symlink", err);
    return STATUS_OK;
}

static Status check_type(const struct inner *inner, struct unixfs_node *node,
                         struct error *err)
{
    if (node->type != UNIXFS_NODE_FILE && node->type != UNIXFS_NODE_RAW &&
        inner->sizes_count > 0)
        return malformed("block sizes where there is no file", err);
    switch (node->type) {
    case UNIXFS_NODE_RAW:
    case UNIXFS_NODE_FILE:
        return check_file(inner, node, err);
    case UNIXFS_NODE_DIRECTORY:
        return node->data.len == 0 ? STATUS_OK
                                   : malformed("a directory has data", err);
    case UNIXFS_NODE_SYMLINK:
        return check_symlink(node, err);
    case UNIXFS_NODE_HAMT:
        return check_hamt(inner, node, err);
    case UNIXFS_NODE_METADATA:
    default:
        return malformed("unknown type", err);
    }
}

Status unixfs_node_read(uint64_t codec, Bytes block, struct arena *arena,
                        struct unixfs_node *out, struct error *err)
{
    struct inner inner = {.sizes_count = 0};

    *out = (struct unixfs_node){.type = UNIXFS_NODE_RAW};
    if (codec == CODEC_RAW) {
        out->data = block;
        out->size = block.len;
        return STATUS_OK;
    }
    if (codec != CODEC_DAG_PB)
        return fail(err, STATUS_INVALID,
                    "no file or directory: its codec is %s; `ipvm block get` "
                    "gives its bytes",
                    codec_name(codec) ? codec_name(codec) : "not known here");
    TRY(dag_pb_decode(block, arena, &out->dag, err));
    if (!out->dag.has_data)
        return malformed("a dag-pb node without data", err);
    inner.sizes_max = out->dag.count;
    inner.sizes = arena_alloc(arena, inner.sizes_max * sizeof *inner.sizes);
    TRY(read_inner(out->dag.data, &inner, err));
    if (!inner.seen[UNIXFS_FIELD_TYPE] ||
        inner.number[UNIXFS_FIELD_TYPE] > UNIXFS_NODE_HAMT)
        return malformed("unknown type", err);
    out->type = (UnixfsNodeType)inner.number[UNIXFS_FIELD_TYPE];
    out->data = inner.data;
    TRY(read_metadata(&inner, &out->metadata, err));
    return check_type(&inner, out, err);
}
