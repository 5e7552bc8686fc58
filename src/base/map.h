/* SPDX-License-Identifier: Apache-2.0 */
/* map.h - a hash map from bytes to a 64-bit number.
 *
 * Keys are borrowed: they must live as long as the map. Open addressing,
 * linear probing, SipHash with a key drawn per process, so that hostile keys
 * cannot make it slow. Thread: one at a time.
 */
#ifndef IPVM_BASE_MAP_H
#define IPVM_BASE_MAP_H

#include "base/bytes.h"

struct map_entry {
    Bytes key; /* key.data == NULL: free; map_remove leaves no tombstone */
    uint64_t value;
};

struct map {
    struct map_entry *entries; /* owned */
    size_t capacity;           /* a power of two, or 0 */
    size_t count;
};

/* A zeroed struct map is an empty map. */
void map_deinit(struct map *map);

/* The value's place, or NULL. Valid until the next map_set or map_remove. */
uint64_t *map_get(const struct map *map, Bytes key);

/* Finds or makes the entry. `*is_new` (may be NULL) tells which; a new value
 * is 0. Valid until the next map_set or map_remove. */
uint64_t *map_set(struct map *map, Bytes key, bool *is_new);

/* True if it was there. */
bool map_remove(struct map *map, Bytes key);

/* Walks all entries in no order: start with *cursor 0, ends with NULL. */
const struct map_entry *map_next(const struct map *map, size_t *cursor);

/* SipHash-1-3 of `bytes` under this process's key. */
uint64_t map_hash(Bytes bytes);

#endif
