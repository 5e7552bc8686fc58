/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the two clocks. Thread: any. */
#ifndef IPVM_BASE_CLOCK_H
#define IPVM_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary start, never going back (CLOCK_MONOTONIC). */
uint64_t clock_monotonic_ns(void);

/* Nanoseconds of a processor that this thread has taken. */
uint64_t clock_thread_cpu_ns(void);

/* Seconds since 1970-01-01 UTC (CLOCK_REALTIME). */
int64_t clock_wall_s(void);
/* The same in milliseconds. */
int64_t clock_wall_ms(void);

#endif
