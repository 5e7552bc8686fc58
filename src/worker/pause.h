/* SPDX-License-Identifier: Apache-2.0 */
/* pause.h - tells the processor that this is a spinning loop. Thread: any. */
#ifndef IPVM_WORKER_PAUSE_H
#define IPVM_WORKER_PAUSE_H

static inline void spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
