/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task_index.h"

#include <stdlib.h>

#include "base/map.h"

enum { SLOTS_MIN = 16 };

void task_index_init(struct task_index *index, const struct workflow *workflow)
{
    size_t capacity = SLOTS_MIN;

    while (capacity < 2 * (size_t)workflow->count)
        capacity *= 2;
    *index =
        (struct task_index){.tasks = workflow->tasks, .mask = capacity - 1};
    index->slots = heap_array(capacity, sizeof *index->slots);
    random_bytes(index->key, sizeof index->key);
}

void task_index_deinit(struct task_index *index)
{
    free(index->slots);
    *index = (struct task_index){0};
}

/* A digest is a hash already: half of it, folded under the key by one
 * multiplication, is enough. */
static uint64_t symbolic_hash(const struct task_index *index,
                              const Hash *symbolic)
{
    uint64_t words[2];

    memcpy(words, symbolic->bytes, sizeof words);
    __extension__ const unsigned __int128 product =
        (unsigned __int128)(words[0] ^ index->key[0]) *
        (words[1] ^ index->key[1]);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The slot of the task that `matches`, or the free one where it would go. */
typedef bool SlotMatches(const struct task *task, const void *wanted);

static inline struct task_slot *find_slot(const struct task_index *index,
                                          uint64_t hash, SlotMatches *matches,
                                          const void *wanted)
{
    const uint32_t tag = (uint32_t)(hash >> 32);
    size_t at = (size_t)hash & index->mask;

    for (;; at = (at + 1) & index->mask) {
        struct task_slot *slot = &index->slots[at];
        if (slot->number == 0 ||
            (slot->tag == tag &&
             matches(&index->tasks[slot->number - 1], wanted)))
            return slot;
    }
}

static uint32_t take_slot(struct task_slot *slot, uint64_t hash, uint32_t task)
{
    if (slot->number == 0)
        *slot = (struct task_slot){task + 1, (uint32_t)(hash >> 32)};
    return slot->number - 1;
}

// A free slot's number, less one, is TASK_OUTSIDE.
static uint32_t slot_task(const struct task_slot *slot)
{
    return slot->number - 1;
}

/* --- By label ------------------------------------------------------------ */

static bool label_matches(const struct task *task, const void *wanted)
{
    return text_equal(task->label, *(const Text *)wanted);
}

uint32_t task_index_label(const struct task_index *index, Text label)
{
    uint64_t hash = map_hash(text_bytes(label));

    return slot_task(find_slot(index, hash, label_matches, &label));
}

uint32_t task_index_add_label(struct task_index *index, uint32_t task)
{
    const Text *label = &index->tasks[task].label;
    uint64_t hash = map_hash(text_bytes(*label));

    return take_slot(find_slot(index, hash, label_matches, label), hash, task);
}

/* --- By symbolic CID ----------------------------------------------------- */

static bool symbolic_matches(const struct task *task, const void *wanted)
{
    return hash_equal(&task->symbolic, wanted);
}

uint32_t task_index_symbolic(const struct task_index *index,
                             const Hash *symbolic)
{
    uint64_t hash = symbolic_hash(index, symbolic);

    return slot_task(find_slot(index, hash, symbolic_matches, symbolic));
}

uint32_t task_index_add_symbolic(struct task_index *index, uint32_t task)
{
    const Hash *symbolic = &index->tasks[task].symbolic;
    uint64_t hash = symbolic_hash(index, symbolic);

    return take_slot(find_slot(index, hash, symbolic_matches, symbolic), hash,
                     task);
}

void task_index_expect(const struct task_index *index, const Hash *symbolic)
{
    size_t at = (size_t)symbolic_hash(index, symbolic) & index->mask;

    __builtin_prefetch(&index->slots[at]);
}
