/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/unixfs_encode.h"

#include "ipld/protobuf.h"

enum { NODE_LEN_MAX = 2 << 20 }; // The biggest block anybody takes.

void unixfs_encoder_init(struct unixfs_encoder *encoder,
                         const struct unixfs_block_sink *sink)
{
    *encoder = (struct unixfs_encoder){.sink = *sink};
    buffer_init(&encoder->inner, NODE_LEN_MAX);
    buffer_init(&encoder->block, NODE_LEN_MAX);
}

void unixfs_encoder_deinit(struct unixfs_encoder *encoder)
{
    buffer_deinit(&encoder->inner);
    buffer_deinit(&encoder->block);
}

void unixfs_encoder_begin(struct unixfs_encoder *encoder, UnixfsNodeType type)
{
    buffer_clear(&encoder->inner);
    protobuf_add_varint(&encoder->inner, UNIXFS_FIELD_TYPE, type);
}

void unixfs_encoder_metadata(struct unixfs_encoder *encoder,
                             const struct unixfs_metadata *metadata)
{
    struct buffer *inner = &encoder->inner;

    if (metadata->has_mode)
        protobuf_add_varint(inner, UNIXFS_FIELD_MODE, metadata->mode);
    if (!metadata->has_mtime)
        return;
    uint64_t seconds = (uint64_t)metadata->mtime_s;
    // No nanoseconds are said by leaving them out.
    size_t len = 1 + protobuf_varint_length(seconds) +
                 (metadata->mtime_ns ? 1 + sizeof(uint32_t) : 0);
    protobuf_add_head(inner, UNIXFS_FIELD_MTIME, len);
    protobuf_add_varint(inner, UNIXFS_MTIME_SECONDS, seconds);
    if (metadata->mtime_ns)
        protobuf_add_fixed32(inner, UNIXFS_MTIME_NANOSECONDS,
                             metadata->mtime_ns);
}

Status unixfs_encoder_put(struct unixfs_encoder *encoder,
                          const struct dag_pb_link *links, size_t count,
                          Cid *out, uint64_t *tsize, struct error *err)
{
    const struct dag_pb_node node = {.links = links,
                                     .count = count,
                                     .has_data = true,
                                     .data = buffer_bytes(&encoder->inner)};
    TRY(buffer_status(&encoder->inner, "UnixFS node", err));
    buffer_clear(&encoder->block);
    dag_pb_encode(&node, &encoder->block);
    TRY(buffer_status(&encoder->block, "UnixFS node", err));

    Bytes block = buffer_bytes(&encoder->block);
    uint64_t total = block.len;
    for (size_t index = 0; index < count; index++)
        if (__builtin_add_overflow(total, links[index].tsize, &total))
            return fail(err, STATUS_LIMIT,
                        "sizes below a UnixFS node add up to more than 64 "
                        "bits");
    if (tsize)
        *tsize = total;
    cid_of(CODEC_DAG_PB, block, out);
    return encoder->sink.put(encoder->sink.context, out, block, err);
}
