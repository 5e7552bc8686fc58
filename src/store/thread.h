/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - starts a thread of our own in somebody's program. Inside
 * src/store only. Thread: any. */
#ifndef IPVM_STORE_THREAD_H
#define IPVM_STORE_THREAD_H

#include <pthread.h>

/* With all signals blocked, for they are for the program's own threads; but
 * faults of this thread go to whoever handles faults. */
void thread_start(pthread_t *out, void *(*run)(void *), void *argument);

#endif
