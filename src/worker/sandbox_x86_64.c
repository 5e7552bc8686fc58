/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox_calls.h"

#ifdef __x86_64__

#include <ucontext.h>

void sandbox_call_arguments(const void *state,
                            long arguments[SANDBOX_ARGUMENTS])
{
    const ucontext_t *context = state;
    arguments[0] = context->uc_mcontext.gregs[REG_RDI];
    arguments[1] = context->uc_mcontext.gregs[REG_RSI];
    arguments[2] = context->uc_mcontext.gregs[REG_RDX];
}

void sandbox_call_result(void *state, long result)
{
    ucontext_t *context = state;
    context->uc_mcontext.gregs[REG_RAX] = result;
}

#endif
