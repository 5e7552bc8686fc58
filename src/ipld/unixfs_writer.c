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

#include "ipld/protobuf.h"
#include "ipld/unixfs_encode.h"

enum {
    LEVELS_MAX = 64, // two links a node, 2^64 bytes
    DAG_PB_DATA = 1, // field of a dag-pb node
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
    bool wrap_leaves;
    struct unixfs_metadata metadata;
    struct unixfs_encoder encoder;
    uint8_t *chunk; /* owned; the bytes that are no leaf yet */
    size_t chunk_len;
    uint64_t leaves;
    uint64_t size;
    uint64_t tsize; /* of the root, once it is there */
    Status status;  /* sticky */
    struct error error;
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
    if (options) {
        writer->wrap_leaves = options->wrap_leaves;
        writer->metadata = options->metadata;
    }
    ASSERT(!writer->metadata.has_mode || writer->metadata.mode <= 07777);
    ASSERT(!writer->metadata.has_mtime ||
           writer->metadata.mtime_ns < 1000000000);
    unixfs_encoder_init(&writer->encoder, sink);
    return writer;
}

void unixfs_writer_free(struct unixfs_writer *writer)
{
    if (!writer)
        return;
    for (size_t index = 0; index < LEVELS_MAX; index++)
        free(writer->levels[index].children);
    unixfs_encoder_deinit(&writer->encoder);
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

/* Begins the node of a level, but for its metadata. */
static void begin_node(struct unixfs_writer *writer, const struct level *level,
                       uint64_t size)
{
    struct buffer *inner = &writer->encoder.inner;
    unixfs_encoder_begin(&writer->encoder, UNIXFS_NODE_FILE);
    protobuf_add_varint(inner, UNIXFS_FIELD_FILESIZE, size);
    for (size_t index = 0; index < level->count; index++)
        protobuf_add_varint(inner, UNIXFS_FIELD_BLOCKSIZES,
                            level->children[index].size);
}

static Status put_node(struct unixfs_writer *writer, const struct level *level,
                       struct child *out, struct error *err)
{
    struct dag_pb_link *links = heap_array(level->count, sizeof *links);
    for (size_t index = 0; index < level->count; index++)
        links[index] =
            (struct dag_pb_link){.cid = cid_bytes(&level->children[index].cid),
                                 .has_name = true,
                                 .has_tsize = true,
                                 .name = TEXT(""),
                                 .tsize = level->children[index].tsize};
    Status status = unixfs_encoder_put(&writer->encoder, links, level->count,
                                       &out->cid, &out->tsize, err);
    free(links);
    return status;
}

/* Makes one node of all children of `level` and empties it. */
static Status close_level(struct unixfs_writer *writer, struct level *level,
                          bool is_root, struct child *out, struct error *err)
{
    *out = (struct child){.size = 0};
    for (size_t index = 0; index < level->count; index++)
        out->size += level->children[index].size;
    begin_node(writer, level, out->size);
    if (is_root)
        unixfs_encoder_metadata(&writer->encoder, &writer->metadata);
    TRY(put_node(writer, level, out, err));
    level->count = 0;
    return STATUS_OK;
}

/* A dag-pb node with `bytes` inside. */
static Status put_inline(struct unixfs_writer *writer, Bytes bytes,
                         const struct unixfs_metadata *metadata,
                         struct child *out, struct error *err)
{
    struct buffer *inner = &writer->encoder.inner;
    unixfs_encoder_begin(&writer->encoder, UNIXFS_NODE_FILE);
    if (bytes.len > 0)
        protobuf_add_bytes(inner, UNIXFS_FIELD_DATA, bytes);
    protobuf_add_varint(inner, UNIXFS_FIELD_FILESIZE, bytes.len);
    if (metadata)
        unixfs_encoder_metadata(&writer->encoder, metadata);
    out->size = bytes.len;
    return unixfs_encoder_put(&writer->encoder, NULL, 0, &out->cid,
                              &out->tsize, err);
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
        TRY(close_level(writer, level, false, &parent, err));
        TRY(add_child(writer, index + 1, &parent, err));
    }
    level->children[level->count++] = *child;
    return STATUS_OK;
}

/* --- Leaves ------------------------------------------------------------- */

static bool has_metadata(const struct unixfs_writer *writer)
{
    return writer->metadata.has_mode || writer->metadata.has_mtime;
}

/* True while the bytes may still become a root that has them inline. */
static bool may_be_inline(const struct unixfs_writer *writer)
{
    return has_metadata(writer) && writer->leaves == 0;
}

static Status put_raw(struct unixfs_writer *writer, Bytes bytes,
                      struct child *out, struct error *err)
{
    const struct unixfs_block_sink *sink = &writer->encoder.sink;
    *out = (struct child){.size = bytes.len, .tsize = bytes.len};
    cid_of(CODEC_RAW, bytes, &out->cid);
    return sink->put(sink->context, &out->cid, bytes, err);
}

static Status add_leaf(struct unixfs_writer *writer, Bytes bytes,
                       struct error *err)
{
    struct child leaf;
    writer->leaves++;
    if (writer->wrap_leaves)
        TRY(put_inline(writer, bytes, NULL, &leaf, err));
    else
        TRY(put_raw(writer, bytes, &leaf, err));
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
    size_t chunk_size = writer->chunk_size;

    while (bytes.len > 0) {
        // Held back while it was all there is.
        if (writer->chunk_len == chunk_size)
            TRY(flush_chunk(writer, err));
        if (writer->chunk_len == 0 && bytes.len >= chunk_size &&
            !(bytes.len == chunk_size && may_be_inline(writer))) {
            TRY(add_leaf(writer, bytes_of(bytes.data, chunk_size), err));
            bytes = bytes_from(bytes, chunk_size);
            continue;
        }
        fill_chunk(writer, &bytes);
        if (writer->chunk_len == chunk_size && !may_be_inline(writer))
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

/* Bytes of the inner message of a wrapped leaf. */
static size_t wrapped_length(size_t len)
{
    return 1 + 1 + protobuf_bytes_length(len) + 1 +
           protobuf_varint_length(len);
}

void unixfs_wrap_leaf(Bytes chunk, struct buffer *out, Cid *cid)
{
    ASSERT(chunk.len > 0);
    buffer_clear(out);
    protobuf_add_head(out, DAG_PB_DATA, wrapped_length(chunk.len));
    protobuf_add_varint(out, UNIXFS_FIELD_TYPE, UNIXFS_NODE_FILE);
    protobuf_add_bytes(out, UNIXFS_FIELD_DATA, chunk);
    protobuf_add_varint(out, UNIXFS_FIELD_FILESIZE, chunk.len);
    cid_of(CODEC_DAG_PB, buffer_bytes(out), cid);
}

Status unixfs_writer_leaf(struct unixfs_writer *writer, const Cid *cid,
                          size_t len, struct error *err)
{
    struct child leaf = {.cid = *cid, .size = len, .tsize = len};
    ASSERT(writer->chunk_len == 0 && len > 0 && len <= writer->chunk_size);
    if (writer->wrap_leaves)
        leaf.tsize = protobuf_bytes_length(wrapped_length(len));
    if (writer->status != STATUS_OK)
        return end_call(writer, writer->status, err);
    writer->size += len;
    writer->leaves++;
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
static Status finish_levels(struct unixfs_writer *writer, struct child *root,
                            struct error *err)
{
    size_t index = 0;
    while (writer->levels[index].count > 1 ||
           has_levels_above(writer, index)) {
        bool is_root = !has_levels_above(writer, index);
        struct child parent;
        if (writer->levels[index].count > 0) {
            TRY(close_level(writer, &writer->levels[index], is_root, &parent,
                            err));
            TRY(add_child(writer, index + 1, &parent, err));
        }
        index++;
    }
    *root = writer->levels[index].children[0];
    return STATUS_OK;
}

static Status finish(struct unixfs_writer *writer, struct child *root,
                     struct error *err)
{
    if (may_be_inline(writer))
        return put_inline(writer, bytes_of(writer->chunk, writer->chunk_len),
                          &writer->metadata, root, err);
    if (writer->chunk_len > 0 || writer->size == 0)
        TRY(flush_chunk(writer, err));
    // Its bytes had to lie in the root, and only unixfs_writer_add() has them.
    if (writer->leaves == 1 && has_metadata(writer))
        return fail(err, STATUS_INVALID,
                    "a file became shorter while it was read");
    return finish_levels(writer, root, err);
}

Status unixfs_writer_finish(struct unixfs_writer *writer, Cid *root,
                            uint64_t *size, struct error *err)
{
    struct child child;

    if (writer->status != STATUS_OK)
        return end_call(writer, writer->status, err);
    Status status = finish(writer, &child, &writer->error);
    if (status == STATUS_OK) {
        *root = child.cid;
        writer->tsize = child.tsize;
    }
    if (size)
        *size = writer->size;
    return end_call(writer, status, err);
}

uint64_t unixfs_writer_tsize(const struct unixfs_writer *writer)
{
    return writer->tsize;
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
