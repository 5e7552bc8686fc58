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
 * divided by its weight; the one that used least goes first, for a quantum, so
 * that workers are not changed for every task. Who has been away does not save
 * up. Within a lane: higher priority first, else in order.
 *
 * Pure but for the time it is told. Thread: one at a time. */
#ifndef IPVM_RUN_LANE_H
#define IPVM_RUN_LANE_H

#include "base/bytes.h"
#include "crypto/hash.h"

struct lanes;
struct lane;

struct lanes *lanes_new(void);
void lanes_free(struct lanes *lanes);

/* The lane of `isolation`, made with `weight` (0: 1) if it is new; a reference
 * to give back with lane_unref(). An empty lane that nobody refers to goes. */
struct lane *lane_of(struct lanes *lanes, const Hash *isolation,
                     uint32_t weight);
void lane_unref(struct lane *lane);
const Hash *lane_isolation(const struct lane *lane);
void lane_set_weight(struct lane *lane, uint32_t weight);
/* Nanoseconds of workers that its tasks have taken, ever. */
uint64_t lane_used_ns(const struct lane *lane);

/* What stands in a lane; embedded in what the executor keeps of a job. */
struct lane_entry {
    struct lane *lane;
    struct lane_entry *next, *prev;
    int32_t priority;
    uint64_t memory; /* bytes it will take while it runs */
    bool is_queued;
};
void lane_enqueue(struct lane *lane, struct lane_entry *entry);
void lane_remove(struct lane_entry *entry);
/* The entry whose turn it is, taken out, of those whose memory is at most
 * `memory_left`; NULL: none. A large one that does not fit is overtaken a
 * bounded number of times, then waits alone until it does. */
struct lane_entry *lanes_take(struct lanes *lanes, uint64_t memory_left,
                              uint64_t now_ns);
/* A job of the lane has taken so long on a worker. */
void lane_charge(struct lane *lane, uint64_t ns);
size_t lanes_waiting(const struct lanes *lanes);
size_t lane_waiting(const struct lane *lane);

#endif
