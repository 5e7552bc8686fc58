/* SPDX-License-Identifier: Apache-2.0 */
/* modules.h - the engines of a performer and the modules it loaded last.
 * Thread: one at a time, but modules_interrupt(). */
#ifndef IPVM_WASM_MODULES_H
#define IPVM_WASM_MODULES_H

#include <stdatomic.h>

#include "task/runner.h"
#include "wasm/engine.h"

enum {
    MODULES_MAX = 64,
    ENGINE_KINDS = 2,  /* wasmtime, wasmi */
    ENGINE_METERS = 3, /* none, fuel, epoch */
};

struct loaded_module {
    Hash id; /* of its artifact */
    struct engine_module *module;
    uint64_t used; /* the turn it was last asked for */
};

struct modules {
    bool in_process;
    _Atomic(struct engine *) engines[ENGINE_KINDS][ENGINE_METERS];
    struct loaded_module loaded[MODULES_MAX];
    size_t count;
    uint64_t turn;
};

/* The engine for a request, opened if need be. */
Status modules_engine(struct modules *modules,
                      const struct run_request *request, struct engine **out,
                      struct error *err);

/* The loaded form of a request's artifact; belongs to `modules`, valid until
 * the next call. */
Status modules_load(struct modules *modules, const struct run_request *request,
                    struct engine_module **out, struct error *err);

void modules_interrupt(struct modules *modules);
void modules_deinit(struct modules *modules);

#endif
