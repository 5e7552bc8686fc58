/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - finds the flight of a concrete computation. Open addressing with
 * linear probing over SipHash, so that chosen hashes cannot make it slow. */
#include "schedule/state.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"

uint32_t table_hash(const Hash *concrete)
{
    return (uint32_t)map_hash(bytes_of(concrete->bytes, SHA256_LEN));
}

static uint32_t after(const struct schedule *s, uint32_t index)
{
    return (index + 1) & (s->slot_capacity - 1);
}

uint32_t table_find(const struct schedule *s, const Hash *concrete,
                    uint32_t hash)
{
    if (s->slot_count == 0)
        return 0;
    uint32_t index = hash & (s->slot_capacity - 1);
    for (; s->slots[index].flight; index = after(s, index)) {
        const struct slot *slot = &s->slots[index];
        if (slot->hash == hash &&
            hash_equal(&s->flights[slot->flight].concrete, concrete))
            return slot->flight;
    }
    return 0;
}

static void put(struct schedule *s, struct slot slot)
{
    uint32_t index = slot.hash & (s->slot_capacity - 1);
    while (s->slots[index].flight)
        index = after(s, index);
    s->slots[index] = slot;
}

static void grow(struct schedule *s)
{
    struct slot *old = s->slots;
    const uint32_t old_capacity = s->slot_capacity;
    s->slot_capacity = old_capacity ? old_capacity * 2 : 64;
    s->slots = heap_array(s->slot_capacity, sizeof *s->slots);
    for (uint32_t i = 0; i < old_capacity; i++)
        if (old[i].flight)
            put(s, old[i]);
    free(old);
}

void table_add(struct schedule *s, uint32_t flight)
{
    if (s->slot_count >= s->slot_capacity / 4 * 3)
        grow(s);
    put(s, (struct slot){flight, s->flights[flight].hash});
    s->slot_count++;
}

void table_remove(struct schedule *s, uint32_t flight)
{
    const uint32_t mask = s->slot_capacity - 1;
    uint32_t hole = s->flights[flight].hash & mask;
    while (s->slots[hole].flight != flight) {
        ASSERT(s->slots[hole].flight);
        hole = after(s, hole);
    }
    // Move back what would not be found past the hole.
    for (uint32_t i = after(s, hole); s->slots[i].flight; i = after(s, i)) {
        const uint32_t home = s->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        s->slots[hole] = s->slots[i];
        hole = i;
    }
    s->slots[hole] = (struct slot){0, 0};
    s->slot_count--;
}
