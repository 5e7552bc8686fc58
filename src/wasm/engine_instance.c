/* SPDX-License-Identifier: Apache-2.0 */
/* Running guest code: instances, their functions, and components. */
#include "wasm/engine.h"

#include <stdlib.h>

#include "base/arena.h"
#include "wasm/engine_table.h"

enum { FUNCTIONS_INLINE = 4 };

struct engine_function {
    struct engine_instance *instance;
    struct engine_function *next; /* of those beyond the inline ones */
    uint32_t index;
};

struct engine_instance {
    const struct ipvm_engine_table *table;
    void *handle;
    size_t inline_count;
    struct engine_function inlined[FUNCTIONS_INLINE];
    struct engine_function *more; /* owned */
};

EngineOutcome engine_instantiate(struct engine_module *module,
                                 const struct engine_import *imports,
                                 size_t import_count, void *context,
                                 const struct engine_limits *limits,
                                 struct engine_instance **out,
                                 struct engine_fault *fault)
{
    struct engine_instance *instance = heap_alloc(sizeof *instance);
    const struct ipvm_host host = {context, instance};

    instance->table = module->table;
    instance->handle = NULL;
    instance->inline_count = 0;
    instance->more = NULL;
    // An import called by the start function gets the instance already.
    const EngineOutcome outcome =
        module->table->instantiate(module->handle, imports, import_count, host,
                                   limits, &instance->handle, fault);
    if (outcome != ENGINE_RAN) {
        engine_instance_free(instance);
        return outcome;
    }
    *out = instance;
    return ENGINE_RAN;
}

void engine_instance_free(struct engine_instance *instance)
{
    if (instance == NULL)
        return;
    if (instance->handle != NULL)
        instance->table->instance_free(instance->handle);
    while (instance->more != NULL) {
        struct engine_function *next = instance->more->next;

        free(instance->more);
        instance->more = next;
    }
    free(instance);
}

static struct engine_function *new_function(struct engine_instance *instance)
{
    if (instance->inline_count < FUNCTIONS_INLINE)
        return &instance->inlined[instance->inline_count++];
    struct engine_function *function = HEAP_NEW(struct engine_function);
    function->next = instance->more;
    instance->more = function;
    return function;
}

struct engine_function *engine_find(struct engine_instance *instance,
                                    Text name)
{
    const uint32_t index = instance->table->find(instance->handle, name);

    if (index == UINT32_MAX)
        return NULL;
    struct engine_function *function = new_function(instance);
    function->instance = instance;
    function->index = index;
    return function;
}

EngineOutcome engine_call(struct engine_function *function,
                          const EngineNumber *params, size_t param_count,
                          EngineNumber *results, size_t result_count,
                          struct engine_fault *fault)
{
    const struct engine_instance *instance = function->instance;
    const struct ipvm_call call = {function->index, params, param_count,
                                   results, result_count};

    return instance->table->call(instance->handle, &call, fault);
}

struct engine_memory engine_memory_of(struct engine_instance *instance)
{
    return instance->table->memory(instance->handle);
}

uint64_t engine_fuel_used(struct engine_instance *instance)
{
    return instance->table->fuel_used(instance->handle);
}

uint64_t engine_memory_peak(struct engine_instance *instance)
{
    return instance->table->memory_peak(instance->handle);
}

static void take_into_buffer(void *context, Bytes bytes)
{
    buffer_add_bytes(context, bytes);
}

EngineOutcome engine_component_call(struct engine_module *module, Text name,
                                    Bytes args, struct buffer *result,
                                    const struct engine_limits *limits,
                                    const struct engine_component_host *host,
                                    struct engine_fault *fault)
{
    const struct ipvm_component_call call = {
        name, args, limits, host, take_into_buffer, result};

    return module->table->call_component(module->handle, &call, fault);
}
