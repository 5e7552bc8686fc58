/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/modules.h"

#include <errno.h>
#include <sys/mman.h>

#include "wasm/call.h"

struct engine_options wasm_engine_options(RunEngine engine, bool metered,
                                          bool in_process)
{
    return (struct engine_options){
        .kind = engine == RUN_ENGINE_WASMI ? ENGINE_WASMI : ENGINE_WASMTIME,
        .meter = metered      ? METER_FUEL
                 : in_process ? METER_EPOCH
                              : METER_NONE,
        .slots = 1,
    };
}

Status modules_engine(struct modules *modules,
                      const struct run_request *request, struct engine **out,
                      struct error *err)
{
    bool metered = wasm_is_metered(request->metered, &request->limits);
    struct engine_options options =
        wasm_engine_options(request->engine, metered, modules->in_process);
    _Atomic(struct engine *) *place =
        &modules->engines[options.kind][options.meter];
    *out = atomic_load(place);
    if (*out)
        return STATUS_OK;
    TRY(engine_open(&options, out, err));
    atomic_store(place, *out);
    return STATUS_OK;
}

static Status load_mapped(struct engine *engine,
                          const struct run_artifact *artifact,
                          struct engine_module **out, struct error *err)
{
    void *bytes =
        mmap(NULL, artifact->len, PROT_READ, MAP_PRIVATE, artifact->file, 0);
    if (bytes == MAP_FAILED)
        return fail_errno(err, errno, "cannot map a compiled module");
    Status status = engine_load(engine, bytes_of(bytes, artifact->len),
                                artifact->file, out, err);
    munmap(bytes, artifact->len);
    return status;
}

static struct loaded_module *find(struct modules *modules, const Hash *id)
{
    for (size_t index = 0; index < modules->count; index++) {
        if (hash_equal(&modules->loaded[index].id, id))
            return &modules->loaded[index];
    }
    return NULL;
}

// A free place, or that of the module not used for longest.
static struct loaded_module *make_room(struct modules *modules)
{
    if (modules->count < MODULES_MAX)
        return &modules->loaded[modules->count++];
    struct loaded_module *oldest = &modules->loaded[0];
    for (size_t index = 1; index < MODULES_MAX; index++) {
        if (modules->loaded[index].used < oldest->used)
            oldest = &modules->loaded[index];
    }
    engine_module_free(oldest->module);
    return oldest;
}

Status modules_load(struct modules *modules, const struct run_request *request,
                    struct engine_module **out, struct error *err)
{
    const struct run_artifact *artifact = &request->artifact;
    struct loaded_module *loaded = find(modules, &artifact->id);
    if (!loaded) {
        struct engine *engine;
        struct engine_module *module;
        TRY(modules_engine(modules, request, &engine, err));
        if (artifact->bytes.data || artifact->file < 0)
            TRY(engine_load(engine, artifact->bytes, artifact->file, &module,
                            err));
        else
            TRY(load_mapped(engine, artifact, &module, err));
        loaded = make_room(modules);
        *loaded = (struct loaded_module){.id = artifact->id, .module = module};
    }
    loaded->used = ++modules->turn;
    *out = loaded->module;
    return STATUS_OK;
}

void modules_interrupt(struct modules *modules)
{
    for (int kind = 0; kind < ENGINE_KINDS; kind++) {
        for (int meter = 0; meter < ENGINE_METERS; meter++) {
            struct engine *engine =
                atomic_load(&modules->engines[kind][meter]);
            if (engine)
                engine_interrupt(engine);
        }
    }
}

void modules_deinit(struct modules *modules)
{
    for (size_t index = 0; index < modules->count; index++)
        engine_module_free(modules->loaded[index].module);
    for (int kind = 0; kind < ENGINE_KINDS; kind++) {
        for (int meter = 0; meter < ENGINE_METERS; meter++)
            engine_close(modules->engines[kind][meter]);
    }
}
