/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/run/signals.h"

#include <signal.h>
#include <stdbool.h>

#include "wasm/call.h"
#include "wasm/engine.h"

void signals_for_guests(void)
{
    static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS};
    static struct sigaction kept[4];
    static bool is_known;

    if (!is_known) {
        const struct engine_options options =
            wasm_engine_options(RUN_ENGINE_WASMTIME, false, true);
        struct engine *engine;
        Status status = engine_open(&options, &engine, NULL);
        ASSERT(status == STATUS_OK);
        engine_close(engine);
    }
    for (int index = 0; index < 4; index++)
        sigaction(signals[index], is_known ? &kept[index] : NULL,
                  is_known ? NULL : &kept[index]);
    is_known = true;
}

/* A trap is a signal that the guest's thread leaves by a jump. */
[[gnu::visibility("default")]] const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_signal_unsafe=0";
}
