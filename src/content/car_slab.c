/* SPDX-License-Identifier: Apache-2.0 */
#include "content/car_slab.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

enum {
    ENTRIES_MAX = 1 << 20,
    KEY_LEN = 16, /* of the multihash, behind the function and the length */
    ROOM_BYTES = CID_BYTES_MAX + CAR_BLOCK_MAX,
};

struct entry {
    uint8_t key[KEY_LEN];
    uint64_t section; /* of its length, in the CAR */
    uint32_t len;     /* of the bytes */
    uint8_t before;   /* from `section` to the CID */
    uint8_t cid_len;
};

struct car_slab {
    size_t count;
    uint8_t *room; /* owned; a CID and its block */
    struct entry entries[ENTRIES_MAX];
};

struct car_slab *car_slab_new(void)
{
    // Not cleared: pages that are not used are not there.
    struct car_slab *slab = heap_alloc(sizeof *slab);
    slab->count = 0;
    slab->room = heap_alloc(ROOM_BYTES);
    return slab;
}

void car_slab_free(struct car_slab *slab)
{
    if (slab)
        free(slab->room);
    free(slab);
}

bool car_slab_is_full(const struct car_slab *slab)
{
    return slab->count == ENTRIES_MAX;
}

static void key_of(const Cid *cid, uint8_t out[KEY_LEN])
{
    enum { PREFIX = 2 };
    const Bytes hash = cid_multihash(cid);
    memset(out, 0, KEY_LEN);
    for (size_t at = 0; at < KEY_LEN && PREFIX + at < hash.len; at++)
        out[at] = hash.data[PREFIX + at];
}

void car_slab_add(struct car_slab *slab, const struct car_block *block)
{
    ASSERT(!car_slab_is_full(slab));
    struct entry *entry = &slab->entries[slab->count++];
    key_of(&block->cid, entry->key);
    entry->section = block->section;
    entry->len = (uint32_t)block->bytes.len;
    entry->cid_len = block->cid.len;
    entry->before = (uint8_t)(block->offset - block->section - block->cid.len);
}

static int compare(const void *a, const void *b)
{
    return memcmp(((const struct entry *)a)->key,
                  ((const struct entry *)b)->key, KEY_LEN);
}

static Status read_at(int file, uint8_t *out, size_t len, uint64_t offset,
                      struct error *err)
{
    for (size_t at = 0; at < len;) {
        const ssize_t got =
            pread(file, out + at, len - at, (off_t)(offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(err, errno, "cannot be read");
        if (got == 0)
            return fail(err, STATUS_INVALID, "it became shorter");
        at += (size_t)got;
    }
    return STATUS_OK;
}

static Status give(struct car_slab *slab, const struct entry *entry, int file,
                   uint64_t start, struct verifier *verifier,
                   struct error *err)
{
    uint8_t key[KEY_LEN];
    Cid cid;
    TRY(read_at(file, slab->room, (size_t)entry->cid_len + entry->len,
                start + entry->section + entry->before, err));
    TRY(cid_from_bytes(bytes_of(slab->room, entry->cid_len), &cid, err));
    key_of(&cid, key);
    if (memcmp(key, entry->key, KEY_LEN) != 0)
        return fail(err, STATUS_INVALID, "another block is at byte %llu",
                    (unsigned long long)entry->section);
    return verifier_add(verifier, &cid,
                        bytes_of(slab->room + entry->cid_len, entry->len),
                        entry->section, err);
}

Status car_slab_give(struct car_slab *slab, int file, uint64_t start,
                     struct verifier *verifier, struct error *err)
{
    qsort(slab->entries, slab->count, sizeof *slab->entries, compare);
    for (size_t index = 0; index < slab->count; index++)
        TRY(give(slab, &slab->entries[index], file, start, verifier, err));
    slab->count = 0;
    return STATUS_OK;
}
