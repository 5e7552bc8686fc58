/* SPDX-License-Identifier: Apache-2.0 */
/* made_node.h - for tests: UnixFS nodes made by hand, right or wrong. */
#ifndef IPVM_TESTS_UNIT_IPLD_MADE_NODE_H
#define IPVM_TESTS_UNIT_IPLD_MADE_NODE_H

#include "ipld/dag_pb.h"
#include "ipld/protobuf.h"
#include "unit/ipld/block_map.h"

struct link {
    Cid cid;
    const char *name;
};

/* The inner protobuf, as a test wants it. */
static inline void put_node(struct block_map *blocks, Bytes inner,
                            const struct link *links, size_t count, Cid *out)
{
    struct dag_pb_link made[8];
    struct buffer block;

    assert_true(count <= 8);
    for (size_t index = 0; index < count; index++)
        made[index] = (struct dag_pb_link){.cid = cid_bytes(&links[index].cid),
                                           .has_name = true,
                                           .has_tsize = true,
                                           .name = text_of(links[index].name),
                                           .tsize = 1};
    struct dag_pb_node node = {made, count, true, inner};
    buffer_init(&block, 1 << 20);
    dag_pb_encode(&node, &block);
    cid_of(CODEC_DAG_PB, buffer_bytes(&block), out);
    assert_int_equal(block_map_put(blocks, out, buffer_bytes(&block), NULL),
                     STATUS_OK);
    buffer_deinit(&block);
}

static inline void put_node_hex(struct block_map *blocks, const char *inner,
                                const struct link *links, size_t count,
                                Cid *out)
{
    Bytes bytes = exact_from_hex(inner);
    put_node(blocks, bytes, links, count, out);
    exact_free(bytes);
}

static inline void put_raw(struct block_map *blocks, const char *text,
                           Cid *out)
{
    Bytes bytes = text_bytes(text_of(text));
    cid_of(CODEC_RAW, bytes, out);
    assert_int_equal(block_map_put(blocks, out, bytes, NULL), STATUS_OK);
}

static inline void put_block_hex(struct block_map *blocks, const char *hex,
                                 Cid *out)
{
    Bytes bytes = exact_from_hex(hex);
    cid_of(CODEC_DAG_PB, bytes, out);
    assert_int_equal(block_map_put(blocks, out, bytes, NULL), STATUS_OK);
    exact_free(bytes);
}

#endif
