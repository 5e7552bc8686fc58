/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h - the door to a WebAssembly engine: one file an engine behind it.
 *
 *     bytes --engine_compile--> artifact --engine_load--> module
 *     module --engine_instantiate--> instance --engine_call--> numbers
 *
 * Every engine behind this door runs the determinism profile ipvm/det/1
 * (FORMATS section 6) and nothing else: canonical NaNs, the profile's
 * features, floating-point state guarded at each call.
 *
 * Thread: an engine and its modules from any; an instance from one at a time.
 */
#ifndef IPVM_WASM_ENGINE_H
#define IPVM_WASM_ENGINE_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"

struct engine;
struct engine_module;
struct engine_instance;

typedef enum {
    ENGINE_WASMTIME, /* the one that runs */
    ENGINE_WASMI     /* the second opinion: an interpreter */
} EngineKind;

/* What stops a run from inside. Each is another compiled form. */
typedef enum {
    METER_NONE, /* full speed; a time limit is enforced by killing the worker */
    METER_FUEL, /* fuel is counted; wasmi always counts */
    METER_EPOCH /* engine_interrupt() stops it: the in-process runner */
} EngineMeter;

struct engine_options {
    EngineKind kind;
    EngineMeter meter;
    uint32_t slots; /* pooled instances at once; 0 is 1 */
};

/* Expensive (4 ms): once per process and set of options. */
Status engine_open(const struct engine_options *options, struct engine **out,
                   struct error *err);
void engine_close(struct engine *engine);

/* Everything an artifact depends on beside the module: engine, version, flags,
 * meter, CPU features, artifact format. A line of text; part of the module
 * cache's key and of a receipt's `meta`. Costs no engine to ask. */
Status engine_identity(const struct engine_options *options, char out[256],
                       struct error *err);

/* Validates against the profile and compiles a core module or component.
 * Slow, and memory-hungry for hostile input: call it in a worker.
 * STATUS_INVALID: not WebAssembly or outside the profile, why and where.
 * STATUS_LIMIT: more functions, code, tables, … than we compile. */
Status engine_compile(struct engine *engine, Bytes wasm,
                      struct buffer *artifact, struct error *err);

/* Makes an artifact of engine_compile() runnable. `file` is an open file that
 * holds exactly `artifact` (mapped copy-on-write, the fast way), or -1.
 * An artifact is machine code: only bytes that we made and whose hash was
 * checked may come here. */
Status engine_load(struct engine *engine, Bytes artifact, int file,
                   struct engine_module **out, struct error *err);
void engine_module_free(struct engine_module *module);
bool engine_module_is_component(const struct engine_module *module);

/* Looks at any bytes and says what module they are: the DAG-CBOR of
 * docs/formats/module-description.md. A module that is refused has a
 * description that says so; a failure here is the engine's own. Needs no open
 * engine; costs validation, so give it hostile bytes in a worker. */
Status engine_describe(Bytes wasm, struct buffer *description,
                       struct error *err);

/* --- Tools for guests --------------------------------------------------- */

/* Adds the section `component-type` that makes a core module one of kind 2:
 * `wit` is the text of a package, `world` one of its worlds; empty if there
 * is only one. STATUS_INVALID: where the text is wrong. */
Status engine_embed_wit(Bytes wasm, Text wit, Text world, struct buffer *out,
                        struct error *err);

/* The component that a module of kind 2 means. */
Status engine_componentise(Bytes wasm, struct buffer *out, struct error *err);

/* --- Running ------------------------------------------------------------ */

typedef enum {
    ENGINE_I32,
    ENGINE_I64,
    ENGINE_F32,
    ENGINE_F64,
    ENGINE_OTHER /* v128 and references: never in a call of ours */
} EngineType;

/* The bits of one number; the type is known from the signature. An i32 or f32
 * is in the low 32 bits, the rest zero. */
typedef uint64_t EngineNumber;

/* How a run of guest code came out. */
typedef enum {
    ENGINE_RAN,          /* it returned */
    ENGINE_TRAPPED,      /* a trap the program determines */
    ENGINE_LIMIT_MEMORY, /* a growth was refused by the host */
    ENGINE_LIMIT_FUEL,
    ENGINE_LIMIT_STACK,
    ENGINE_LIMIT_TIME, /* engine_interrupt() */
    ENGINE_STOPPED,    /* an import asked for it (ENGINE_STOP) */
    ENGINE_BROKEN      /* the engine itself failed: a host fault */
} EngineOutcome;

/* For a person: which trap and where. */
struct engine_fault {
    EngineOutcome outcome;
    char message[512]; /* "unreachable", "integer divide by zero", … and a
                          backtrace with function names where there are any */
};

/* What an import's host function tells the engine. */
typedef enum {
    ENGINE_GO_ON,
    ENGINE_TRAP, /* the guest broke the import's contract: a trap */
    ENGINE_STOP /* end the run at once as ENGINE_STOPPED; unseen by the guest */
} EngineVerdict;

enum { ENGINE_PARAMS_MAX = 16 };

typedef EngineVerdict EngineHostFunction(void *context,
                                         struct engine_instance *caller,
                                         const EngineNumber *params,
                                         EngineNumber *results);

/* One function a core module may import. Modules name what they import; what
 * is not in the list given to engine_instantiate() fails there, but the
 * caller has refused it long before (refused/import). */
struct engine_import {
    Text module;
    Text name;
    uint8_t param_count;
    uint8_t result_count; /* 0 or 1 */
    EngineType params[ENGINE_PARAMS_MAX];
    EngineType result;
    EngineHostFunction *function;
};

struct engine_limits {
    uint64_t memory_max; /* bytes of all linear memories and tables together;
                            0 means the engine's largest */
    uint64_t fuel_max;   /* only with METER_FUEL; 0 means none */
};

/* A fresh instance: memory, start function and all. Import functions get
 * `context`. `*out` is set only for ENGINE_RAN; otherwise `fault` says. The
 * start function counts as guest code. */
EngineOutcome engine_instantiate(struct engine_module *module,
                                 const struct engine_import *imports,
                                 size_t import_count, void *context,
                                 const struct engine_limits *limits,
                                 struct engine_instance **out,
                                 struct engine_fault *fault);
void engine_instance_free(struct engine_instance *instance);

/* A function export by its exact name, or NULL. Valid while the instance is.
 * Ask once, call often. */
struct engine_function;
struct engine_function *engine_find(struct engine_instance *instance,
                                    Text name);

/* Calls a core function. The caller knows its signature (from the module's
 * description, description.h) and passes exactly its counts. */
EngineOutcome engine_call(struct engine_function *function,
                          const EngineNumber *params, size_t param_count,
                          EngineNumber *results, size_t result_count,
                          struct engine_fault *fault);

/* The exported memory "memory" (or the only one) as it is now: valid until
 * guest code runs again. data NULL if there is none. */
struct engine_memory {
    uint8_t *data;
    size_t len;
};
struct engine_memory engine_memory_of(struct engine_instance *instance);

/* Fuel used since instantiation began, or 0 without METER_FUEL. */
uint64_t engine_fuel_used(struct engine_instance *instance);
/* Largest linear memory so far, in bytes. */
uint64_t engine_memory_peak(struct engine_instance *instance);

/* Stops whatever runs on a METER_EPOCH engine. Thread: any. */
void engine_interrupt(struct engine *engine);

/* --- Components through the engine's component API ---------------------- */

/* Calls an exported function of a component in a fresh component instance.
 * `args` and `result` are in the typed encoding of docs/formats/typed.md.
 * Imports: `log` gets lines of wasi:logging, and other functions of the
 * pure world are answered inside. Wasmtime only: STATUS_UNSUPPORTED in
 * `fault` as ENGINE_BROKEN elsewhere, naming the engine it needs. */

/* A call of ipvm:content by a component (docs/formats/content-import.md). */
enum engine_content {
    ENGINE_CONTENT_OPEN,    /* bytes: the link; number: the blob */
    ENGINE_CONTENT_KIND,    /* number */
    ENGINE_CONTENT_SIZE,    /* number */
    ENGINE_CONTENT_READ,    /* offset, count; out */
    ENGINE_CONTENT_ENTRIES, /* offset, count; out: a typed list of [name,
                               link] */
    ENGINE_CONTENT_FIND,    /* bytes: the name; out, if number is 1 */
    ENGINE_CONTENT_DROP
};
struct engine_content_call {
    uint32_t verb; /* enum engine_content */
    uint32_t blob;
    uint64_t offset;
    uint32_t count;
    Bytes bytes;
    uint64_t number; /* answers, as is `out`, which lives until the next */
    Bytes out;
};

struct engine_component_host {
    void *context;
    /* level is "trace" … "critical". */
    void (*log)(void *context, Text level, Text context_name, Text line);
    EngineVerdict (*content)(void *context, struct engine_content_call *call);
};
EngineOutcome engine_component_call(struct engine_module *module, Text name,
                                    Bytes args, struct buffer *result,
                                    const struct engine_limits *limits,
                                    const struct engine_component_host *host,
                                    struct engine_fault *fault);

#endif
