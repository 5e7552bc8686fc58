/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { FIRST_CAPACITY = 256, DIGEST_LEN_MIN = 16 };

/* The end of a digest of 32 bytes or more is as good as random; what is
 * shorter (identity, truncated) is hashed. */
static void key_of(Bytes multihash, uint64_t key[2])
{
    Hash hash;
    const uint8_t *from = multihash.data + multihash.len - DIGEST_LEN_MIN;
    if (multihash.len < SHA256_LEN + 2 || multihash.data[0] == HASH_IDENTITY) {
        hash_sha256(multihash, &hash);
        from = hash.bytes;
    }
    memcpy(key, from, DIGEST_LEN_MIN);
    key[0] ^= multihash.data[0]; // The same digest of another function.
    if (key[0] == 0 && key[1] == 0)
        key[1] = 1;
}

/* Where the key is, or where it would go. */
static size_t place_of(const struct seen *seen, const uint64_t key[2])
{
    const size_t mask = seen->capacity - 1;
    size_t index = (size_t)key[0] & mask;
    while (
        (seen->items[index][0] || seen->items[index][1]) &&
        (seen->items[index][0] != key[0] || seen->items[index][1] != key[1]))
        index = (index + 1) & mask;
    return index;
}

static void grow(struct seen *seen)
{
    struct seen old = *seen;
    seen->capacity = old.capacity ? old.capacity * 2 : FIRST_CAPACITY;
    seen->items = heap_array(seen->capacity, sizeof *seen->items);
    for (size_t index = 0; index < old.capacity; index++) {
        if (old.items[index][0] || old.items[index][1])
            memcpy(seen->items[place_of(seen, old.items[index])],
                   old.items[index], sizeof *old.items);
    }
    free(old.items);
}

void seen_deinit(struct seen *seen)
{
    free(seen->items);
    *seen = (struct seen){0};
}

bool seen_add(struct seen *seen, Bytes multihash)
{
    uint64_t key[2];
    key_of(multihash, key);
    if (seen->count >= seen->capacity / 4 * 3)
        grow(seen);
    uint64_t *item = seen->items[place_of(seen, key)];
    if (item[0] || item[1])
        return false;
    item[0] = key[0];
    item[1] = key[1];
    seen->count++;
    return true;
}

bool seen_has(const struct seen *seen, Bytes multihash)
{
    uint64_t key[2];
    if (seen->count == 0)
        return false;
    key_of(multihash, key);
    const uint64_t *item = seen->items[place_of(seen, key)];
    return item[0] || item[1];
}
