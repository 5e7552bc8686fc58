/* SPDX-License-Identifier: Apache-2.0 */
/* landing.h - computations that runs of this process have on workers, so that
 * an equal one of another run waits for the first instead of running too.
 *
 * Within a run the scheduler merges them; this is the same between the runs of
 * one lane. It counts from when a worker has it, not while it waits. Between
 * lanes nobody waits: one that has used up its share would hold back the other.
 * Who waited looks into the memo when it has landed, and runs it himself if it
 * came to nothing. Thread: the executor's. */
#ifndef IPVM_RUN_LANDING_H
#define IPVM_RUN_LANDING_H

#include "crypto/hash.h"

struct lane;
struct landings;

/* What is on a worker, and for whom. */
struct landing_key {
    Hash concrete;
    const struct lane *lane;
};

struct landings *landings_new(void);
/* Nobody waits any more. */
void landings_free(struct landings *landings);

/* True if nobody else has it: then it flies until landing_over(). */
bool landing_begin(struct landings *landings, const struct landing_key *key);
/* True if somebody waits for it. */
bool landing_is_awaited(const struct landings *landings,
                        const struct landing_key *key);
/* Calls all who wait for it; they are forgotten. */
void landing_over(struct landings *landings, const struct landing_key *key);

/* Embedded in whoever waits; zeroed before. */
struct landing_wait {
    void (*landed)(void *context);
    void *context;
    struct landing_wait *next, *prev;
    struct landing *landing; /* NULL: it does not wait */
};
/* False if nobody has it. */
bool landing_await(struct landings *landings, const struct landing_key *key,
                   struct landing_wait *wait);
/* It does not wait any more, if it did. */
void landing_forget(struct landing_wait *wait);

#endif
