/* SPDX-License-Identifier: Apache-2.0 */
/* lane.h - who runs wait for whom: a fair queue between those who share one
 * executor.
 *
 *     lane A  ▮▮▮▮▮▮▮▮▮▮ ┐
 *     lane B  ▮          ├─ least used by weight first ─▶ runner (workers)
 *     lane C  ▮▮         ┘
 *
 * Each lane is one subject's: an isolation key, that its workers serve no other
 * subject, and a weight. A lane's use is the time its tasks took on workers,
 * and that which those in the runner's hands will probably take, divided by its
 * weight; the one that used least goes first, for a quantum, so that workers
 * are not changed for every task. Who has been away does not save up. Within a
 * lane: higher priority first, else in order.
 *
 * Pure: whoever takes an entry says what time it took. Thread: one at a time.
 */
#ifndef IPVM_RUN_LANE_H
#define IPVM_RUN_LANE_H

#include "base/bytes.h"
#include "base/heap.h"
#include "crypto/hash.h"

struct lanes;
struct lane;

/* A lane's turn lasts until it was charged this much. */
#define LANE_QUANTUM_NS ((uint64_t)5 * 1000 * 1000)
/* Weights beyond it are taken as it. */
enum { LANE_WEIGHT_MAX = 10000 };
/* How often an entry that does not fit is overtaken at its turn. */
enum { LANE_OVERTAKEN_MAX = 32 };

struct lanes *lanes_new(void);
/* With all that stands in them. */
void lanes_free(struct lanes *lanes);

/* The lane of `isolation`, made with `weight` (0: 1) if it is new; a reference
 * to give back with lane_unref(). An empty lane that nobody refers to goes. */
struct lane *lane_of(struct lanes *lanes, const Hash *isolation,
                     uint32_t weight);
struct lane *lane_ref(struct lane *lane);
void lane_unref(struct lane *lane);
const Hash *lane_isolation(const struct lane *lane);
void lane_set_weight(struct lane *lane, uint32_t weight);
/* Nanoseconds of workers that its tasks have taken, ever. */
uint64_t lane_used_ns(const struct lane *lane);

/* What stands in a lane; embedded in what the executor keeps of a job, zeroed
 * before its first use. */
struct lane_entry {
    struct heap_item item; /* first */
    struct lane *lane;
    int32_t priority;
    uint64_t memory; /* bytes it will take while it runs */
    bool is_queued;
    bool is_taken;
    bool goes_first; /* of its lane: it had begun already */
    uint32_t overtaken;
    uint64_t order;
    uint64_t expected_ns; /* of what it will take, not charged yet */
    uint64_t charged_ns;
};
/* Also for one that was taken and comes back: it keeps its place in order. */
void lane_enqueue(struct lane *lane, struct lane_entry *entry);
void lane_remove(struct lane_entry *entry);

/* The entry whose turn it is, of those whose memory is at most `memory_left`;
 * NULL: none. It stays where it is. A large one that does not fit is overtaken
 * a bounded number of times, then all that take memory wait until it does. */
struct lane_entry *lanes_first(struct lanes *lanes, uint64_t memory_left);
/* Takes it out. Its lane is expected to be charged for it what its last ones
 * took; lane_finish() is to follow, or lane_enqueue(). */
struct lane_entry *lanes_take(struct lanes *lanes, uint64_t memory_left);
/* A taken entry has taken so much more time on a worker. */
void lane_charge(struct lane_entry *entry, uint64_t ns);
/* It took time from others, but not on a worker. */
void lane_spend(struct lane *lane, uint64_t ns);
/* It is over. */
void lane_finish(struct lane_entry *entry);

size_t lanes_count(const struct lanes *lanes);
size_t lanes_waiting(const struct lanes *lanes);
size_t lane_waiting(const struct lane *lane);
/* Of its entries that were taken and are not over. */
size_t lane_taken(const struct lane *lane);
/* What one of its tasks takes of a processor, the last ones weighing most; 0:
 * not known. */
uint64_t lane_typical_ns(const struct lane *lane);
void lane_learn(struct lane *lane, uint64_t took_ns);

/* True if `lane` has used more than the lane of `other`, which waits, by more
 * than a quantum of its own. */
bool lane_is_ahead(const struct lane *lane, const struct lane *other);

#endif
