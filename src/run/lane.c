/* SPDX-License-Identifier: Apache-2.0 */
/* lane.c - fair queueing by virtual time.
 *
 * A lane's `tag` is the time it was charged, divided by its weight. The lane
 * with the smallest start, its tag and what is still expected of entries that
 * were taken, is served. True at all times:
 *  1. A lane is in `waiting` while an entry waits, by start; and in `active`
 *     while one waits or is taken, by tag.
 *  2. `floor` is the smallest tag of those active, and never falls; a lane that
 *     becomes active stands at it or above: time spent away is not saved up.
 *  3. What was expected of an entry leaves its lane as it is charged, and the
 *     rest when it is over. */
#include "run/lane.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"

struct lane {
    struct heap_item waiting; /* first */
    struct heap_item active;
    struct lanes *lanes;
    Hash isolation;
    size_t references;
    uint64_t weight;
    uint64_t tag, rest; /* rest: of dividing by the weight */
    uint64_t used_ns;
    uint64_t expected_ns;
    uint64_t typical_ns;
    size_t taken;
    struct heap entries;
};

struct lanes {
    struct map by_isolation;
    struct heap waiting, active;
    struct lane *turn;      /* whose quantum it is, or NULL */
    uint64_t turn_until_ns; /* of its used_ns and expected_ns */
    struct lane_entry *reserved;
    uint64_t floor;
    uint64_t last_order;
    size_t entries;
};

static uint64_t start_of(const struct lane *lane)
{
    return lane->tag + lane->expected_ns / lane->weight;
}

static bool starts_before(const struct heap_item *one,
                          const struct heap_item *other)
{
    return start_of((const struct lane *)(const void *)one) <
           start_of((const struct lane *)(const void *)other);
}

static const struct lane *lane_of_active(const struct heap_item *item)
{
    return (const struct lane *)(const void *)((const char *)item -
                                               offsetof(struct lane, active));
}

static bool tag_before(const struct heap_item *one,
                       const struct heap_item *other)
{
    return lane_of_active(one)->tag < lane_of_active(other)->tag;
}

static bool entry_before(const struct heap_item *one,
                         const struct heap_item *other)
{
    const struct lane_entry *a = (const struct lane_entry *)(const void *)one;
    const struct lane_entry *b =
        (const struct lane_entry *)(const void *)other;
    if (a->goes_first != b->goes_first)
        return a->goes_first;
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return a->order < b->order;
}

/* --- Lanes --------------------------------------------------------------- */

struct lanes *lanes_new(void)
{
    struct lanes *lanes = HEAP_NEW(struct lanes);
    heap_init(&lanes->waiting, starts_before);
    heap_init(&lanes->active, tag_before);
    return lanes;
}

static void free_lane(struct lane *lane)
{
    heap_deinit(&lane->entries);
    free(lane);
}

void lanes_free(struct lanes *lanes)
{
    if (!lanes)
        return;
    size_t cursor = 0;
    const struct map_entry *entry;
    while ((entry = map_next(&lanes->by_isolation, &cursor)))
        free_lane((struct lane *)(uintptr_t)entry->value);
    map_deinit(&lanes->by_isolation);
    heap_deinit(&lanes->waiting);
    heap_deinit(&lanes->active);
    free(lanes);
}

static Bytes key_of(const Hash *isolation)
{
    return bytes_of(isolation->bytes, sizeof isolation->bytes);
}

static uint64_t bound_weight(uint32_t weight)
{
    return weight == 0                ? 1
           : weight > LANE_WEIGHT_MAX ? LANE_WEIGHT_MAX
                                      : weight;
}

struct lane *lane_of(struct lanes *lanes, const Hash *isolation,
                     uint32_t weight)
{
    const uint64_t *place = map_get(&lanes->by_isolation, key_of(isolation));
    struct lane *lane = place ? (struct lane *)(uintptr_t)*place : NULL;
    if (!lane) {
        lane = HEAP_NEW(struct lane);
        lane->lanes = lanes;
        lane->isolation = *isolation;
        lane->weight = bound_weight(weight);
        lane->tag = lanes->floor;
        heap_init(&lane->entries, entry_before);
        *map_set(&lanes->by_isolation, key_of(&lane->isolation), NULL) =
            (uintptr_t)lane;
    }
    lane->references++;
    return lane;
}

static void raise_floor(struct lanes *lanes)
{
    const struct heap_item *first = heap_first(&lanes->active);
    if (first && lane_of_active(first)->tag > lanes->floor)
        lanes->floor = lane_of_active(first)->tag;
}

struct lane *lane_ref(struct lane *lane)
{
    lane->references++;
    return lane;
}

/* One entry less stands in it, or is taken. */
static void release(struct lane *lane)
{
    if (lane->taken > 0 || lane->entries.count > 0)
        return;
    if (lane->active.place) {
        raise_floor(lane->lanes);
        heap_remove(&lane->lanes->active, &lane->active);
    }
    if (lane->references > 0)
        return;
    if (lane->lanes->turn == lane)
        lane->lanes->turn = NULL;
    map_remove(&lane->lanes->by_isolation, key_of(&lane->isolation));
    free_lane(lane);
}

void lane_unref(struct lane *lane)
{
    if (!lane)
        return;
    ASSERT(lane->references > 0);
    lane->references--;
    release(lane);
}

const Hash *lane_isolation(const struct lane *lane)
{
    return &lane->isolation;
}

static void reorder(struct lane *lane)
{
    if (lane->waiting.place)
        heap_move(&lane->lanes->waiting, &lane->waiting);
    if (lane->active.place)
        heap_move(&lane->lanes->active, &lane->active);
}

void lane_set_weight(struct lane *lane, uint32_t weight)
{
    lane->weight = bound_weight(weight);
    lane->rest = 0;
    reorder(lane);
}

uint64_t lane_used_ns(const struct lane *lane)
{
    return lane->used_ns;
}

size_t lanes_count(const struct lanes *lanes)
{
    return lanes->by_isolation.count;
}

size_t lanes_waiting(const struct lanes *lanes)
{
    return lanes->entries;
}

size_t lane_waiting(const struct lane *lane)
{
    return lane->entries.count;
}

size_t lane_taken(const struct lane *lane)
{
    return lane->taken;
}

uint64_t lane_typical_ns(const struct lane *lane)
{
    return lane->typical_ns;
}

void lane_learn(struct lane *lane, uint64_t took_ns)
{
    lane->typical_ns =
        lane->typical_ns ? (lane->typical_ns * 7 + took_ns) / 8 : took_ns;
}

bool lane_is_ahead(const struct lane *lane, const struct lane *other)
{
    return lane->tag > other->tag + LANE_QUANTUM_NS / lane->weight;
}

/* --- Waiting ------------------------------------------------------------- */

/* What is no longer expected, and not charged either. */
static void expect_nothing(struct lane_entry *entry)
{
    entry->lane->expected_ns -= entry->expected_ns;
    entry->expected_ns = 0;
}

static void become_active(struct lane *lane)
{
    struct lanes *lanes = lane->lanes;
    if (lane->active.place)
        return;
    raise_floor(lanes);
    if (lane->tag < lanes->floor)
        lane->tag = lanes->floor;
    heap_add(&lanes->active, &lane->active);
}

void lane_enqueue(struct lane *lane, struct lane_entry *entry)
{
    struct lanes *lanes = lane->lanes;
    ASSERT(!entry->is_queued && (!entry->is_taken || entry->lane == lane));
    if (entry->is_taken) {
        expect_nothing(entry);
        lane->taken--;
        entry->is_taken = false;
    } else {
        entry->order = ++lanes->last_order;
        entry->overtaken = 0;
    }
    entry->lane = lane;
    entry->is_queued = true;
    heap_add(&lane->entries, &entry->item);
    lanes->entries++;
    become_active(lane);
    if (lane->waiting.place) {
        reorder(lane);
        return;
    }
    heap_add(&lanes->waiting, &lane->waiting);
    // Whoever has the turn keeps it no longer from one who asks for little.
    if (lanes->turn && start_of(lane) <= start_of(lanes->turn))
        lanes->turn = NULL;
}

static void take_out(struct lane_entry *entry)
{
    struct lane *lane = entry->lane;
    ASSERT(entry->is_queued);
    heap_remove(&lane->entries, &entry->item);
    entry->is_queued = false;
    lane->lanes->entries--;
    if (lane->lanes->reserved == entry)
        lane->lanes->reserved = NULL;
    if (lane->entries.count == 0)
        heap_remove(&lane->lanes->waiting, &lane->waiting);
}

void lane_remove(struct lane_entry *entry)
{
    take_out(entry);
    release(entry->lane);
}

/* --- Turns --------------------------------------------------------------- */

static bool entry_fits(void *context, struct heap_item *item)
{
    const uint64_t *memory_left = context;
    return ((const struct lane_entry *)(void *)item)->memory <= *memory_left;
}

static struct lane_entry *first_that_fits(const struct lane *lane,
                                          uint64_t memory_left)
{
    return (struct lane_entry *)(void *)heap_find(&lane->entries, entry_fits,
                                                  &memory_left);
}

static bool lane_fits(void *context, struct heap_item *item)
{
    const uint64_t *memory_left = context;
    return first_that_fits((const struct lane *)(void *)item, *memory_left);
}

/* The lane whose turn it is, if all fits. */
static struct lane *whose_turn(const struct lanes *lanes)
{
    struct lane *lane = lanes->turn;
    if (lane && lane->entries.count > 0 &&
        lane->used_ns + lane->expected_ns < lanes->turn_until_ns)
        return lane;
    return (struct lane *)(void *)heap_first(&lanes->waiting);
}

struct lane_entry *lanes_first(struct lanes *lanes, uint64_t memory_left)
{
    if (lanes->entries == 0)
        return NULL;
    if (lanes->reserved && lanes->reserved->memory <= memory_left)
        return lanes->reserved;
    if (lanes->reserved)
        memory_left = 0; // Only who takes nothing away from it.
    const struct lane *lane = whose_turn(lanes);
    struct lane_entry *entry = first_that_fits(lane, memory_left);
    if (entry)
        return entry;
    lane = (const struct lane *)(void *)heap_find(&lanes->waiting, lane_fits,
                                                  &memory_left);
    return lane ? first_that_fits(lane, memory_left) : NULL;
}

/* Somebody goes before the one whose turn it is. */
static void note_overtaking(struct lanes *lanes,
                            const struct lane_entry *entry)
{
    const struct lane *lane = whose_turn(lanes);
    ASSERT(lane); // Since an entry waits.
    struct lane_entry *first =
        (struct lane_entry *)(void *)heap_first(&lane->entries);
    if (first != entry && !lanes->reserved &&
        ++first->overtaken >= LANE_OVERTAKEN_MAX)
        lanes->reserved = first;
}

struct lane_entry *lanes_take(struct lanes *lanes, uint64_t memory_left)
{
    struct lane_entry *entry = lanes_first(lanes, memory_left);
    if (!entry)
        return NULL;
    note_overtaking(lanes, entry);
    struct lane *lane = entry->lane;
    uint64_t used = lane->used_ns + lane->expected_ns;
    if (lanes->turn != lane || used >= lanes->turn_until_ns) {
        lanes->turn = lane;
        lanes->turn_until_ns = used + LANE_QUANTUM_NS;
    }
    take_out(entry);
    entry->is_taken = true;
    lane->taken++;
    entry->expected_ns = lane->typical_ns;
    lane->expected_ns += entry->expected_ns;
    reorder(lane);
    return entry;
}

void lane_spend(struct lane *lane, uint64_t ns)
{
    uint64_t part = ns + lane->rest;
    lane->tag += part / lane->weight;
    lane->rest = part % lane->weight;
    reorder(lane);
}

void lane_charge(struct lane_entry *entry, uint64_t ns)
{
    struct lane *lane = entry->lane;
    ASSERT(entry->is_taken);
    uint64_t known = ns < entry->expected_ns ? ns : entry->expected_ns;
    entry->expected_ns -= known;
    lane->expected_ns -= known;
    entry->charged_ns += ns;
    lane->used_ns += ns;
    lane_spend(lane, ns);
}

void lane_finish(struct lane_entry *entry)
{
    struct lane *lane = entry->lane;
    ASSERT(entry->is_taken);
    expect_nothing(entry);
    entry->is_taken = false;
    lane->taken--;
    reorder(lane);
    release(lane);
}
