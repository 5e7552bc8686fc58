/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_encode.h - makes one UnixFS node after the other, inside the writers:
 *
 *     begin, fields in ascending order …, put
 *
 * Thread: one at a time. */
#ifndef IPVM_IPLD_UNIXFS_ENCODE_H
#define IPVM_IPLD_UNIXFS_ENCODE_H

#include "base/buffer.h"
#include "ipld/unixfs_node.h"
#include "ipld/unixfs_writer.h"

struct unixfs_encoder {
    struct unixfs_block_sink sink;
    struct buffer inner; /* the data of the node being made */
    struct buffer block;
};

void unixfs_encoder_init(struct unixfs_encoder *encoder,
                         const struct unixfs_block_sink *sink);
void unixfs_encoder_deinit(struct unixfs_encoder *encoder);

void unixfs_encoder_begin(struct unixfs_encoder *encoder, UnixfsNodeType type);
/* Mode and mtime, as far as they are there; the last fields. */
void unixfs_encoder_metadata(struct unixfs_encoder *encoder,
                             const struct unixfs_metadata *metadata);

/* Ends the node and gives it to the sink. `*tsize`, which may be NULL: its
 * bytes and the tsizes of its links together. STATUS_LIMIT: longer than a
 * block may be, or the sizes pass 64 bits. */
Status unixfs_encoder_put(struct unixfs_encoder *encoder,
                          const struct dag_pb_link *links, size_t count,
                          Cid *out, uint64_t *tsize, struct error *err);

#endif
