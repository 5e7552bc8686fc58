/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_codec_links.c - the scan for links finds what the tree has, in its
 * order, and takes and refuses the same blocks. The first byte is the codec. */
#include "ipld/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct trail {
    uint64_t sum; /* of where the links stand and how long they are */
    size_t count;
};

static Status follow(void *context, Bytes cid, struct error *err)
{
    struct trail *trail = context;
    ASSERT(cid_check_bytes(cid, err) == STATUS_OK);
    trail->sum = trail->sum * 31 + cid.len;
    for (size_t index = 0; index < cid.len; index++)
        trail->sum = trail->sum * 31 + cid.data[index];
    trail->count++;
    return STATUS_OK;
}

static void follow_tree(const Value *value, struct trail *trail)
{
    if (value->kind == VALUE_LINK)
        ASSERT(follow(trail, value->link, NULL) == STATUS_OK);
    if (value->kind == VALUE_LIST)
        for (size_t index = 0; index < value->list.count; index++)
            follow_tree(&value->list.items[index], trail);
    if (value->kind == VALUE_MAP)
        for (size_t index = 0; index < value->map.count; index++)
            follow_tree(&value->map.entries[index].value, trail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint64_t codecs[] = {CODEC_DAG_CBOR, CODEC_DAG_PB,
                                      CODEC_DAG_JSON, CODEC_RAW};
    struct arena arena = {0};
    struct error decoding = {0}, scanning = {0};
    struct trail tree = {0}, scan = {0};
    Value value;
    if (len == 0)
        return 0;
    const uint64_t codec = codecs[data[0] & 3];
    const Bytes block = bytes_of(data + 1, len - 1);
    const Status decoded =
        codec_decode(codec, block, &arena, &value, &decoding);
    const Status scanned = codec_links(codec, block, follow, &scan, &scanning);
    ASSERT(decoded == scanned);
    if (decoded == STATUS_OK) {
        follow_tree(&value, &tree);
        ASSERT(tree.sum == scan.sum && tree.count == scan.count);
    } else {
        ASSERT(decoding.offset == scanning.offset);
    }
    arena_deinit(&arena);
    return 0;
}
