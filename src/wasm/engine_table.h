/* SPDX-License-Identifier: Apache-2.0 */
/* engine_table.h - what libipvm_engine.a offers: the engines, the look at a
 * module's bytes, and BLAKE3. It is written in Rust: engine/src/door.rs is the
 * other side of this header, and repeats the structures of wasm/engine.h.
 * Only engine.c and engine_instance.c include this, everybody else
 * wasm/engine.h.
 *
 * No function unwinds: a panic in Rust is STATUS_HOST or ENGINE_BROKEN. All
 * of them run with the standard floating-point state and give the caller's
 * back (round to nearest, subnormals kept, exceptions masked).
 */
#ifndef IPVM_WASM_ENGINE_TABLE_H
#define IPVM_WASM_ENGINE_TABLE_H

#include "wasm/engine.h"

/* Takes bytes that Rust owns, once; they are valid during the call. */
typedef void ipvm_take(void *context, Bytes bytes);

/* What import functions are called with. */
struct ipvm_host {
    void *context;
    struct engine_instance *owner;
};

struct ipvm_call {
    uint32_t function; /* from find() */
    const EngineNumber *params;
    size_t param_count;
    EngineNumber *results;
    size_t result_count;
};

struct ipvm_component_call {
    Text name;
    Bytes args; /* docs/formats/typed.md, as is the result */
    const struct engine_limits *limits;
    const struct engine_component_host *host;
    ipvm_take *take;
    void *take_context;
};

/* One engine. Pointers to engine, module and instance are opaque; a Status is
 * returned as its number. */
struct ipvm_engine_table {
    /* A line of text ended by NUL, cut to `max`. */
    void (*identity)(const struct engine_options *options, char *out,
                     size_t max);
    uint32_t (*open)(const struct engine_options *options, void **out,
                     struct error *err);
    /* Not before all its modules and instances are gone. */
    void (*close)(void *engine);
    uint32_t (*compile)(void *engine, Bytes wasm, ipvm_take *take,
                        void *context, struct error *err);
    /* `file` is an open file of exactly the artifact, or -1; not kept. */
    uint32_t (*load)(void *engine, Bytes artifact, int file, void **out,
                     struct error *err);
    void (*interrupt)(void *engine);
    void (*module_free)(void *module);
    bool (*is_component)(const void *module);
    /* `*out` is set before guest code runs, back to NULL on failure. */
    EngineOutcome (*instantiate)(const void *module,
                                 const struct engine_import *imports,
                                 size_t import_count, struct ipvm_host host,
                                 const struct engine_limits *limits,
                                 void **out, struct engine_fault *fault);
    void (*instance_free)(void *instance);
    /* UINT32_MAX: no such function, or not one of numbers. */
    uint32_t (*find)(void *instance, Text name);
    EngineOutcome (*call)(void *instance, const struct ipvm_call *call,
                          struct engine_fault *fault);
    struct engine_memory (*memory)(void *instance);
    uint64_t (*fuel_used)(void *instance);
    uint64_t (*memory_peak)(void *instance);
    EngineOutcome (*call_component)(const void *module,
                                    const struct ipvm_component_call *call,
                                    struct engine_fault *fault);
};

extern const struct ipvm_engine_table ipvm_engine_wasmtime;
extern const struct ipvm_engine_table ipvm_engine_wasmi;

/* What the structures of engine.h are in C. */
struct engine {
    const struct ipvm_engine_table *table;
    void *handle;
};

struct engine_module {
    const struct ipvm_engine_table *table;
    void *handle;
};

/* docs/formats/module-description.md of any bytes at all. */
uint32_t ipvm_describe(Bytes wasm, ipvm_take *take, void *context,
                       struct error *err);

/* Those of engine.h. */
uint32_t ipvm_componentise(Bytes wasm, ipvm_take *take, void *context,
                           struct error *err);
uint32_t ipvm_embed_wit(Bytes wasm, Text wit, Text world, ipvm_take *take,
                        void *context, struct error *err);

/* `data` may be NULL when `len` is 0. */
void ipvm_blake3(const uint8_t *data, size_t len, uint8_t out[32]);

#endif
