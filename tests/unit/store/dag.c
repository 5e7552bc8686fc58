/* SPDX-License-Identifier: Apache-2.0 */
#include "dag.h"

#include <string.h>

void dag_make(uint32_t number, const Cid *links, size_t count,
              struct dag_block *out)
{
    uint8_t *at = out->bytes;
    assert_true(count <= DAG_LINKS_MAX);
    *at++ = (uint8_t)(0x80 | (count + 1));
    number |= UINT32_C(1) << 31; // In its shortest form.
    *at++ = 0x1a;
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(number >> shift);
    for (size_t index = 0; index < count; index++) {
        static const uint8_t head[] = {0xd8, 0x2a, 0x58, 0x25, 0x00};
        memcpy(at, head, sizeof head);
        memcpy(at + sizeof head, links[index].bytes, links[index].len);
        at += sizeof head + links[index].len;
    }
    out->len = (size_t)(at - out->bytes);
    cid_of(CODEC_DAG_CBOR, bytes_of(out->bytes, out->len), &out->cid);
}

void dag_add(struct store_batch *batch, const struct dag_block *block)
{
    store_batch_block(batch, &block->cid, bytes_of(block->bytes, block->len));
}

Cid dag_put(struct store *store, uint32_t number, const Cid *links,
            size_t count)
{
    struct store_batch *batch = store_batch_new(store);
    struct dag_block block;
    dag_make(number, links, count, &block);
    dag_add(batch, &block);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    return block.cid;
}

void pin(struct store *store, const Cid *cid)
{
    struct store_batch *batch = store_batch_new(store);
    store_batch_pin(batch, cid, TEXT(""));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

void unpin(struct store *store, const Cid *cid)
{
    struct store_batch *batch = store_batch_new(store);
    store_batch_unpin(batch, cid);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}
