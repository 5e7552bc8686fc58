/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox_calls.h - the registers of a system call that trapped; one file a
 * platform. Thread: any; called in a signal handler. */
#ifndef IPVM_WORKER_SANDBOX_CALLS_H
#define IPVM_WORKER_SANDBOX_CALLS_H

enum { SANDBOX_ARGUMENTS = 3 };

/* `state` is the handler's ucontext. */
void sandbox_call_arguments(const void *state,
                            long arguments[SANDBOX_ARGUMENTS]);
void sandbox_call_result(void *state, long result);

#endif
