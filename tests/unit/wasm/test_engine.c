/* SPDX-License-Identifier: Apache-2.0 */
/* What every engine behind the door does alike. Each test runs on all. */
#include "wasm/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wat.h"

static struct engine *open_engine(EngineKind kind, EngineMeter meter)
{
    const struct engine_options options = {kind, meter, 4};
    struct engine *engine = NULL;
    struct error err = {0};

    if (engine_open(&options, &engine, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return engine;
}

/* Compiles and loads; the module is the caller's. */
static struct engine_module *load(struct engine *engine, const char *text)
{
    struct buffer artifact;
    struct engine_module *module = NULL;
    struct error err = {0};
    const Bytes wasm = wat_to_wasm(text);

    buffer_init(&artifact, 64 << 20);
    if (engine_compile(engine, wasm, &artifact, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    if (engine_load(engine, buffer_bytes(&artifact), -1, &module, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
    buffer_deinit(&artifact);
    free((void *)(uintptr_t)wasm.data);
    return module;
}

/* A module that is loaded, and one run of it. */
struct run {
    struct engine *engine;
    struct engine_module *module;
    struct engine_instance *instance;
    struct engine_limits limits;
    const struct engine_import *imports;
    size_t import_count;
    void *context;
    struct engine_fault fault;
};

static EngineOutcome begin(struct run *run, EngineKind kind, EngineMeter meter,
                           const char *text)
{
    run->engine = open_engine(kind, meter);
    run->module = load(run->engine, text);
    return engine_instantiate(run->module, run->imports, run->import_count,
                              run->context, &run->limits, &run->instance,
                              &run->fault);
}

static EngineOutcome call(struct run *run, const char *name,
                          EngineNumber param, EngineNumber *result)
{
    struct engine_function *function =
        engine_find(run->instance, text_of(name));

    assert_non_null(function);
    return engine_call(function, &param, 1, result, 1, &run->fault);
}

static void end(struct run *run)
{
    engine_instance_free(run->instance);
    engine_module_free(run->module);
    engine_close(run->engine);
}

#define EACH_ENGINE(kind)                                                     \
    for (EngineKind kind = ENGINE_WASMTIME; kind <= ENGINE_WASMI; kind++)

static const char ADD_ONE[] =
    "(module (func (export \"add_one\") (param i32) (result i32)"
    "  local.get 0 i32.const 1 i32.add))";

static void calls_a_function_by_its_exact_name(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {0};
        EngineNumber result = 0;

        assert_int_equal(begin(&run, kind, METER_NONE, ADD_ONE), ENGINE_RAN);
        assert_null(engine_find(run.instance, TEXT("add-one")));
        assert_int_equal(call(&run, "add_one", 41, &result), ENGINE_RAN);
        assert_int_equal(result, 42);
        end(&run);
    }
}

static void gives_an_i32_in_the_low_bits_only(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {0};
        EngineNumber result = UINT64_MAX;

        begin(&run, kind, METER_NONE, ADD_ONE);
        assert_int_equal(call(&run, "add_one", 0xfffffffe, &result),
                         ENGINE_RAN);
        assert_int_equal(result, 0xffffffff);
        end(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_a_function_by_its_exact_name),
        cmocka_unit_test(gives_an_i32_in_the_low_bits_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
