/* SPDX-License-Identifier: Apache-2.0 */
#include "store/thread.h"

#include <signal.h>

#include "base/status.h"

void thread_start(pthread_t *out, void *(*run)(void *), void *argument)
{
    static const int faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t index = 0; index < sizeof faults / sizeof *faults; index++)
        sigdelset(&all, faults[index]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(out, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ASSERT(failed == 0);
}
