/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_writer.c - builds the balanced tree from the leaves up.
 *
 *     level 0   leaves waiting for a parent, at most links_max of them
 *     level 1   nodes over full lists of leaves
 *     level 2   …
 *
 * A full list becomes a node only when one more link comes, so that exactly
 * links_max leaves need one node and no second level. */
#include "ipld/unixfs_writer.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "ipld/dag_pb.h"
#include "ipld/protobuf.h"

enum {
    LEVELS_MAX = 64, /* two links a node, 2^64 bytes */
    NODE_LEN_MAX = 2 << 20,
    TYPE_FILE = 2,
    FIELD_TYPE = 1,
    FIELD_FILESIZE = 3,
    FIELD_BLOCKSIZES = 4,
};

struct child {
    Cid cid;
    uint64_t size;  /* bytes of the file below */
    uint64_t tsize; /* bytes of all blocks below */
};

struct level {
    struct child *children; /* links_max of them, owned; NULL: not used yet */
    size_t count;
};

struct unixfs_writer {
    size_t chunk_size;
    size_t links_max;
    struct unixfs_block_sink sink;
    uint8_t *chunk; /* owned; the bytes that are no whole chunk yet */
    size_t chunk_len;
    uint64_t size;
    Status status; /* sticky */
    struct error error;
    struct buffer inner; /* reused for each node */
    struct buffer block;
    struct level levels[LEVELS_MAX];
};

struct unixfs_writer *unixfs_writer_new(
    const struct unixfs_writer_options *options,
    const struct unixfs_block_sink *sink)
{
    struct unixfs_writer *writer = HEAP_NEW(struct unixfs_writer);
    writer->chunk_size = options && options->chunk_size ? options->chunk_size
                                                        : UNIXFS_CHUNK_SIZE;
    writer->links_max =
        options && options->links_max ? options->links_max : UNIXFS_LINKS_MAX;
    ASSERT(writer->chunk_size <= UNIXFS_CHUNK_SIZE_MAX);
    ASSERT(writer->links_max >= 2 && writer->links_max <= 8192);
    writer->sink = *sink;
    buffer_init(&writer->inner, NODE_LEN_MAX);
    buffer_init(&writer->block, NODE_LEN_MAX);
    return writer;
}

void unixfs_writer_free(struct unixfs_writer *writer)
{
    if (!writer)
        return;
    for (size_t index = 0; index < LEVELS_MAX; index++)
        free(writer->levels[index].children);
    buffer_deinit(&writer->inner);
    buffer_deinit(&writer->block);
    free(writer->chunk);
    free(writer);
}

/* Ends a call: the first failure stays, and is told each time. */
static Status end_call(struct unixfs_writer *writer, Status status,
                       struct error *err)
{
    writer->status = status;
    if (status != STATUS_OK && err)
        *err = writer->error;
    return status;
}

/* --- Nodes -------------------------------------------------------------- */

static void encode_inner(struct unixfs_writer *writer,
                         const struct level *level, uint64_t size)
{
    buffer_clear(&writer->inner);
    protobuf_add_varint(&writer->inner, FIELD_TYPE, TYPE_FILE);
    protobuf_add_varint(&writer->inner, FIELD_FILESIZE, size);
    for (size_t index = 0; index < level->count; index++)
        protobuf_add_varint(&writer->inner, FIELD_BLOCKSIZES,
                            level->children[index].size);
}

static void encode_node(struct unixfs_writer *writer,
                        const struct level *level)
{
    struct dag_pb_link *links = heap_array(level->count, sizeof *links);
    for (size_t index = 0; index < level->count; index++)
        links[index] =
            (struct dag_pb_link){.cid = cid_bytes(&level->children[index].cid),
                                 .has_name = true,
                                 .has_tsize = true,
                                 .name = TEXT(""),
                                 .tsize = level->children[index].tsize};
    struct dag_pb_node node = {.links = links,
                               .count = level->count,
                               .has_data = true,
                               .data = buffer_bytes(&writer->inner)};
    buffer_clear(&writer->block);
    dag_pb_encode(&node, &writer->block);
    free(links);
}

/* Makes one node of all children of `level` and empties it. */
static Status close_level(struct unixfs_writer *writer, struct level *level,
                          struct child *out, struct error *err)
{
    *out = (struct child){.size = 0};
    for (size_t index = 0; index < level->count; index++) {
        out->size += level->children[index].size;
        out->tsize += level->children[index].tsize;
    }
    encode_inner(writer, level, out->size);
    encode_node(writer, level);
    TRY(buffer_status(&writer->inner, "UnixFS node", err));
    TRY(buffer_status(&writer->block, "UnixFS node", err));
    level->count = 0;
    Bytes block = buffer_bytes(&writer->block);
    out->tsize += block.len;
    cid_of(CODEC_DAG_PB, block, &out->cid);
    return writer->sink.put(writer->sink.context, &out->cid, block, err);
}

/* Adds a child at `index`; full levels move up first. */
static Status add_child(struct unixfs_writer *writer, size_t index,
                        const struct child *child, struct error *err)
{
    ASSERT(index < LEVELS_MAX);
    struct level *level = &writer->levels[index];
    if (!level->children)
        level->children =
            heap_array(writer->links_max, sizeof *level->children);
    if (level->count == writer->links_max) {
        struct child parent;
        TRY(close_level(writer, level, &parent, err));
        TRY(add_child(writer, index + 1, &parent, err));
    }
    level->children[level->count++] = *child;
    return STATUS_OK;
}

/* --- Leaves ------------------------------------------------------------- */

static Status add_leaf(struct unixfs_writer *writer, Bytes bytes,
                       struct error *err)
{
    struct child leaf = {.size = bytes.len, .tsize = bytes.len};
    cid_of(CODEC_RAW, bytes, &leaf.cid);
    TRY(writer->sink.put(writer->sink.context, &leaf.cid, bytes, err));
    return add_child(writer, 0, &leaf, err);
}

static Status flush_chunk(struct unixfs_writer *writer, struct error *err)
{
    Bytes chunk = bytes_of(writer->chunk, writer->chunk_len);
    writer->chunk_len = 0;
    return add_leaf(writer, chunk, err);
}

/* Moves what fits from `*bytes` into the chunk. */
static void fill_chunk(struct unixfs_writer *writer, Bytes *bytes)
{
    size_t room = writer->chunk_size - writer->chunk_len;
    size_t len = bytes->len < room ? bytes->len : room;
    if (len == 0)
        return;
    if (!writer->chunk)
        writer->chunk = heap_alloc(writer->chunk_size);
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): it has `len`
    memcpy(writer->chunk + writer->chunk_len, bytes->data, len);
    writer->chunk_len += len;
    *bytes = bytes_from(*bytes, len);
}

static Status add_bytes(struct unixfs_writer *writer, Bytes bytes,
                        struct error *err)
{
    while (bytes.len > 0) {
        if (writer->chunk_len == 0 && bytes.len >= writer->chunk_size) {
            TRY(add_leaf(writer, bytes_of(bytes.data, writer->chunk_size),
                         err));
            bytes = bytes_from(bytes, writer->chunk_size);
            continue;
        }
        fill_chunk(writer, &bytes);
        if (writer->chunk_len == writer->chunk_size)
            TRY(flush_chunk(writer, err));
    }
    return STATUS_OK;
}

Status unixfs_writer_add(struct unixfs_writer *writer, Bytes bytes,
                         struct error *err)
{
    if (writer->status != STATUS_OK)
        return end_call(writer, writer->status, err);
    writer->size += bytes.len;
    return end_call(writer, add_bytes(writer, bytes, &writer->error), err);
}

Status unixfs_writer_leaf(struct unixfs_writer *writer, const Cid *cid,
                          size_t len, struct error *err)
{
    const struct child leaf = {.cid = *cid, .size = len, .tsize = len};
    ASSERT(writer->chunk_len == 0 && len > 0 && len <= writer->chunk_size);
    if (writer->status != STATUS_OK)
        return end_call(writer, writer->status, err);
    writer->size += len;
    return end_call(writer, add_child(writer, 0, &leaf, &writer->error), err);
}

/* --- The end ------------------------------------------------------------ */

static bool has_levels_above(const struct unixfs_writer *writer, size_t index)
{
    while (++index < LEVELS_MAX)
        if (writer->levels[index].count > 0)
            return true;
    return false;
}

/* Closes level after level until one child is left: the root. All leaves stay
 * at the same depth, so a level closes even over a single child as long as
 * there is something above it. */
static Status finish_levels(struct unixfs_writer *writer, Cid *root,
                            struct error *err)
{
    size_t index = 0;
    while (writer->levels[index].count > 1 ||
           has_levels_above(writer, index)) {
        struct child parent;
        if (writer->levels[index].count > 0) {
            TRY(close_level(writer, &writer->levels[index], &parent, err));
            TRY(add_child(writer, index + 1, &parent, err));
        }
        index++;
    }
    *root = writer->levels[index].children[0].cid;
    return STATUS_OK;
}

Status unixfs_writer_finish(struct unixfs_writer *writer, Cid *root,
                            uint64_t *size, struct error *err)
{
    if (writer->status != STATUS_OK)
        return end_call(writer, writer->status, err);
    Status status = STATUS_OK;
    if (writer->chunk_len > 0 || writer->size == 0)
        status = flush_chunk(writer, &writer->error);
    if (status == STATUS_OK)
        status = finish_levels(writer, root, &writer->error);
    if (size)
        *size = writer->size;
    return end_call(writer, status, err);
}

Status unixfs_write(Bytes bytes, const struct unixfs_block_sink *sink,
                    Cid *root, struct error *err)
{
    if (bytes.len <= UNIXFS_CHUNK_SIZE) {
        cid_of(CODEC_RAW, bytes, root);
        return sink->put(sink->context, root, bytes, err);
    }
    struct unixfs_writer *writer = unixfs_writer_new(NULL, sink);
    Status status = unixfs_writer_add(writer, bytes, err);
    if (status == STATUS_OK)
        status = unixfs_writer_finish(writer, root, NULL, err);
    unixfs_writer_free(writer);
    return status;
}
