/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/arena.h"
#include "base/status.h"

static uint64_t hash_key[2];

static void draw_hash_key(void)
{
    // Early boot or a narrow sandbox: a clock is a worse key, but a key.
    if (getrandom(hash_key, sizeof hash_key, GRND_NONBLOCK) !=
        sizeof hash_key) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        hash_key[0] = (uint64_t)now.tv_nsec;
        hash_key[1] = (uint64_t)(uintptr_t)hash_key;
    }
}

static uint64_t rotate(uint64_t word, unsigned count)
{
    return word << count | word >> (64 - count);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

uint64_t map_hash(Bytes bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_hash_key);
    uint64_t v[4] = {
        hash_key[0] ^ 0x736f6d6570736575U, hash_key[1] ^ 0x646f72616e646f6dU,
        hash_key[0] ^ 0x6c7967656e657261U, hash_key[1] ^ 0x7465646279746573U};
    size_t index = 0;
    for (; bytes.len - index >= 8; index += 8) {
        uint64_t word;
        memcpy(&word, bytes.data + index, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)bytes.len << 56;
    for (size_t shift = 0; index < bytes.len; index++, shift += 8)
        last |= (uint64_t)bytes.data[index] << shift;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_deinit(struct map *map)
{
    free(map->entries);
    *map = (struct map){0};
}

/* The entry of `key`, or the free one where it would go. */
static struct map_entry *find(const struct map *map, Bytes key)
{
    size_t mask = map->capacity - 1;
    size_t index = (size_t)map_hash(key) & mask;
    while (map->entries[index].key.data &&
           !bytes_equal(map->entries[index].key, key))
        index = (index + 1) & mask;
    return &map->entries[index];
}

uint64_t *map_get(const struct map *map, Bytes key)
{
    if (map->count == 0)
        return NULL;
    struct map_entry *entry = find(map, key);
    return entry->key.data ? &entry->value : NULL;
}

static void grow(struct map *map)
{
    struct map old = *map;
    map->capacity = old.capacity ? old.capacity * 2 : 16;
    map->entries = heap_array(map->capacity, sizeof *map->entries);
    for (size_t index = 0; index < old.capacity; index++)
        if (old.entries[index].key.data)
            *find(map, old.entries[index].key) = old.entries[index];
    free(old.entries);
}

uint64_t *map_set(struct map *map, Bytes key, bool *is_new)
{
    ASSERT(key.data);
    if (map->count + 1 > map->capacity / 4 * 3)
        grow(map);
    struct map_entry *entry = find(map, key);
    bool made = !entry->key.data;
    if (made) {
        *entry = (struct map_entry){key, 0};
        map->count++;
    }
    if (is_new)
        *is_new = made;
    return &entry->value;
}

bool map_remove(struct map *map, Bytes key)
{
    if (map->count == 0)
        return false;
    struct map_entry *entry = find(map, key);
    if (!entry->key.data)
        return false;
    size_t mask = map->capacity - 1;
    size_t hole = (size_t)(entry - map->entries);
    // Move back whatever would no longer be found across the hole.
    for (size_t index = (hole + 1) & mask; map->entries[index].key.data;
         index = (index + 1) & mask) {
        size_t home = (size_t)map_hash(map->entries[index].key) & mask;
        if (((index - home) & mask) < ((index - hole) & mask))
            continue;
        map->entries[hole] = map->entries[index];
        hole = index;
    }
    map->entries[hole] = (struct map_entry){0};
    map->count--;
    return true;
}

const struct map_entry *map_next(const struct map *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        const struct map_entry *entry = &map->entries[(*cursor)++];
        if (entry->key.data)
            return entry;
    }
    return NULL;
}
