/* SPDX-License-Identifier: Apache-2.0 */
/* call.h - the performer of /wasm/run (task/runner.h): describes modules,
 * compiles them, calls their functions.
 *
 *     decode the computation, find the function, check imports  refused/…
 *     convert the arguments, opening links                      refused/…
 *     load the module, instantiate, lower, call, lift           result, limit/…
 *
 * A performer keeps its engines and the modules it loaded last.
 * Thread: one at a time, but wasm_performer_interrupt().
 */
#ifndef IPVM_WASM_CALL_H
#define IPVM_WASM_CALL_H

#include "task/runner.h"
#include "wasm/engine.h"

struct wasm_performer_options {
    /* Guests are stopped by wasm_performer_interrupt(), since there is no
     * process to kill: compiled with epochs, and slower. */
    bool in_process;
};

/* Costs nothing: an engine is opened when it is first needed. */
void wasm_performer_open(const struct wasm_performer_options *options,
                         struct performer *out);
void wasm_performer_close(struct performer *performer);

/* Stops the guest that runs now, if any: limit/time. Thread: any. */
void wasm_performer_interrupt(struct performer *performer);

/* The engine a request is for: what its artifact has to be compiled with. */
struct engine_options wasm_engine_options(RunEngine engine, bool metered,
                                          bool in_process);
/* True if a request with these settings counts fuel. */
static inline bool wasm_is_metered(bool metered, const struct limits *limits)
{
    return metered || limits->fuel > 0;
}

#endif
