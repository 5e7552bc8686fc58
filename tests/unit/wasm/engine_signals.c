/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

void engine_signals_keep(void)
{
    static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS};
    static struct sigaction kept[4];
    static bool is_known;

    for (size_t i = 0; i < 4; i++)
        sigaction(signals[i], is_known ? &kept[i] : NULL,
                  is_known ? NULL : &kept[i]);
    is_known = true;
}
