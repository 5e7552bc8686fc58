/* SPDX-License-Identifier: Apache-2.0 */
/* numbered.h - batches that can be told whole from torn: batch `n` holds
 * NUMBERED_BLOCKS blocks and a memo entry, all made from its number. What
 * program_committer writes and its tests check. Thread: any. */
#ifndef IPVM_TESTS_STORE_NUMBERED_H
#define IPVM_TESTS_STORE_NUMBERED_H

#include <stdio.h>

#include "store/store.h"

enum { NUMBERED_BLOCKS = 4, NUMBERED_LEN = 3000 };

static inline void numbered_block(int number, int part,
                                  uint8_t bytes[NUMBERED_LEN], Cid *cid)
{
    memset(bytes, number, NUMBERED_LEN);
    snprintf((char *)bytes, 64, "block %d of batch %d", part, number);
    cid_of(CODEC_RAW, bytes_of(bytes, NUMBERED_LEN), cid);
}

static inline Hash numbered_key(int number)
{
    Hash key;
    char text[32];
    const int len = snprintf(text, sizeof text, "memo %d", number);
    hash_sha256(bytes_of(text, (size_t)len), &key);
    return key;
}

static inline void numbered_fill(struct store_batch *batch, int number)
{
    uint8_t bytes[NUMBERED_LEN];
    Cid cid;
    for (int part = 0; part < NUMBERED_BLOCKS; part++) {
        numbered_block(number, part, bytes, &cid);
        store_batch_block(batch, &cid, bytes_of(bytes, NUMBERED_LEN));
    }
    const Hash key = numbered_key(number);
    const struct memo_entry entry = {.result = cid, .is_ok = true};
    store_batch_memo(batch, &key, &entry);
}

/* How many of its parts are there and right: 0 to NUMBERED_BLOCKS + 1. */
static inline int numbered_count(struct store *store, int number)
{
    int count = 0;
    uint8_t bytes[NUMBERED_LEN];
    Cid cid;
    for (int part = 0; part < NUMBERED_BLOCKS; part++) {
        struct block *block = NULL;
        numbered_block(number, part, bytes, &cid);
        if (store_get(store, &cid, &block, NULL) == STATUS_OK &&
            bytes_equal(block_bytes(block), bytes_of(bytes, NUMBERED_LEN)))
            count++;
        block_unref(block);
    }
    const Hash key = numbered_key(number);
    struct memo_entry entry;
    return count + (memo_get(store, &key, &entry, NULL) == STATUS_OK);
}

#endif
