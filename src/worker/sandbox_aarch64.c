/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox_calls.h"

#ifdef __aarch64__

#include <ucontext.h>

void sandbox_call_arguments(const void *state,
                            long arguments[SANDBOX_ARGUMENTS])
{
    const ucontext_t *context = state;
    for (int i = 0; i < SANDBOX_ARGUMENTS; i++)
        arguments[i] = (long)context->uc_mcontext.regs[i];
}

void sandbox_call_result(void *state, long result)
{
    ucontext_t *context = state;
    context->uc_mcontext.regs[0] = (unsigned long long)result;
}

#endif
