/* SPDX-License-Identifier: Apache-2.0 */
/* The door's hall: picks the engine's table and hands over. What engines do
 * is in engine/src/backend_*.rs, running in engine_instance.c. */
#include "wasm/engine.h"

#include <stdlib.h>

#include "base/arena.h"
#include "wasm/engine_table.h"

// engine/src/door.rs repeats these by hand.
_Static_assert(sizeof(struct engine_options) == 12, "door.rs: Options");
_Static_assert(sizeof(struct engine_import) == 112, "door.rs: Import");
_Static_assert(sizeof(struct engine_limits) == 16, "door.rs: Limits");
_Static_assert(sizeof(struct engine_fault) == 516, "door.rs: CFault");
_Static_assert(sizeof(struct error) == 216, "door.rs: CError");
_Static_assert(STATUS_INVALID == 2 && STATUS_UNSUPPORTED == 3 &&
                   STATUS_LIMIT == 4 && STATUS_CORRUPT == 5 &&
                   STATUS_HOST == 11,
               "door.rs: statuses");

static const struct ipvm_engine_table *table_of(EngineKind kind)
{
    return kind == ENGINE_WASMI ? &ipvm_engine_wasmi : &ipvm_engine_wasmtime;
}

Status engine_open(const struct engine_options *options, struct engine **out,
                   struct error *err)
{
    const struct ipvm_engine_table *table = table_of(options->kind);
    void *handle = NULL;

    TRY((Status)table->open(options, &handle, err));
    struct engine *engine = HEAP_NEW(struct engine);
    *engine = (struct engine){table, handle};
    *out = engine;
    return STATUS_OK;
}

void engine_close(struct engine *engine)
{
    if (engine == NULL)
        return;
    engine->table->close(engine->handle);
    free(engine);
}

Status engine_identity(const struct engine_options *options, char out[256],
                       [[maybe_unused]] struct error *err)
{
    table_of(options->kind)->identity(options, out, 256);
    return STATUS_OK;
}

static void take_into_buffer(void *context, Bytes bytes)
{
    buffer_add_bytes(context, bytes);
}

Status engine_compile(struct engine *engine, Bytes wasm,
                      struct buffer *artifact, struct error *err)
{
    TRY((Status)engine->table->compile(engine->handle, wasm, take_into_buffer,
                                       artifact, err));
    return buffer_status(artifact, "compiled module", err);
}

Status engine_load(struct engine *engine, Bytes artifact, int file,
                   struct engine_module **out, struct error *err)
{
    void *handle = NULL;

    TRY((Status)engine->table->load(engine->handle, artifact, file, &handle,
                                    err));
    struct engine_module *module = HEAP_NEW(struct engine_module);
    *module = (struct engine_module){engine->table, handle};
    *out = module;
    return STATUS_OK;
}

void engine_module_free(struct engine_module *module)
{
    if (module == NULL)
        return;
    module->table->module_free(module->handle);
    free(module);
}

bool engine_module_is_component(const struct engine_module *module)
{
    return module->table->is_component(module->handle);
}

void engine_interrupt(struct engine *engine)
{
    engine->table->interrupt(engine->handle);
}

Status engine_describe(Bytes wasm, struct buffer *description,
                       struct error *err)
{
    TRY((Status)ipvm_describe(wasm, take_into_buffer, description, err));
    return buffer_status(description, "module description", err);
}

Status engine_embed_wit(Bytes wasm, Text wit, Text world, struct buffer *out,
                        struct error *err)
{
    TRY((Status)ipvm_embed_wit(wasm, wit, world, take_into_buffer, out, err));
    return buffer_status(out, "module", err);
}

Status engine_componentise(Bytes wasm, struct buffer *out, struct error *err)
{
    TRY((Status)ipvm_componentise(wasm, take_into_buffer, out, err));
    return buffer_status(out, "component", err);
}
