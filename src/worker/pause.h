/* SPDX-License-Identifier: Apache-2.0 */
/* pause.h - tells the processor that this is a spinning loop. Thread: any. */
#ifndef IPVM_WORKER_PAUSE_H
#define IPVM_WORKER_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

static inline void spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Whether spinning pays: it does when the last sleep was hardly longer than a
 * spin may be. On a crowded machine it is, and who spins keeps the other
 * away. */
struct patience {
    bool is_long;
};

enum { SPIN_SHORT_NS = 20000 };

static inline uint64_t patience_ns(const struct patience *patience,
                                   uint64_t max_ns)
{
    return patience->is_long || max_ns < SPIN_SHORT_NS ? max_ns
                                                       : SPIN_SHORT_NS;
}

/* After a wait that came to sleeping. */
static inline void patience_learn(struct patience *patience,
                                  uint64_t waited_ns, uint64_t max_ns)
{
    patience->is_long = waited_ns < 2 * max_ns;
}

#endif
