/* SPDX-License-Identifier: Apache-2.0 */
/* What every engine behind the door does alike. Each test runs on all. */
#include "wasm/engine.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <cmocka.h>

#include "engine_signals.h"
#include "wat.h"

static struct engine *open_engine(EngineKind kind, EngineMeter meter)
{
    const struct engine_options options = {kind, meter, 4};
    struct engine *engine = NULL;
    struct error err = {0};

    if (engine_open(&options, &engine, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    engine_signals_keep();
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

/* Each row: a function of one i32 giving one i32, what it does, how it ends. */
static const struct {
    const char *what;
    const char *body; /* of (func (export "f") (param i32) (result i32)) */
    EngineOutcome outcome;
    const char *message; /* part of the fault's */
} ends[] = {
    {"unreachable", "unreachable", ENGINE_TRAPPED, "unreachable"},
    {"division by zero", "(i32.div_s (i32.const 1) (i32.const 0))",
     ENGINE_TRAPPED, "divide by zero"},
    {"division overflow", "(i32.div_s (i32.const 0x80000000) (i32.const -1))",
     ENGINE_TRAPPED, "integer overflow"},
    {"conversion of NaN", "(i32.trunc_f32_s (f32.const nan))", ENGINE_TRAPPED,
     "conversion to integer"},
    {"load out of bounds", "(i32.load (i32.const 65533))", ENGINE_TRAPPED,
     "out of bounds"},
    {"load far out of bounds", "(i32.load offset=0xfffffff0 (i32.const -1))",
     ENGINE_TRAPPED, "out of bounds"},
    {"call of null", "(call_indirect (result i32) (i32.const 0))",
     ENGINE_TRAPPED, "uninitialized"},
    {"call with another signature",
     "(call_indirect (param i32) (result i32) (i32.const 1) (i32.const 1))",
     ENGINE_TRAPPED, "type mismatch"},
    {"call out of the table", "(call_indirect (result i32) (i32.const 9))",
     ENGINE_TRAPPED, "undefined element"},
    {"endless recursion", "(call 0 (local.get 0))", ENGINE_LIMIT_STACK, ""},
};

static void says_how_a_run_ended(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
            struct run run = {0};
            EngineNumber result;
            char text[1024];

            snprintf(text, sizeof text,
                     "(module (func $f (export \"f\") (param i32) (result i32)"
                     " %s) (func $n) (memory 1) (table 4 funcref)"
                     " (elem (i32.const 1) $n))",
                     ends[i].body);
            assert_int_equal(begin(&run, kind, METER_NONE, text), ENGINE_RAN);
            const EngineOutcome outcome = call(&run, "f", 0, &result);
            if (outcome != ends[i].outcome ||
                strstr(run.fault.message, ends[i].message) == NULL)
                fail_msg("%s on engine %d: outcome %d, \"%s\"", ends[i].what,
                         (int)kind, (int)outcome, run.fault.message);
            assert_int_equal(run.fault.outcome, outcome);
            end(&run);
        }
    }
}

static void names_the_functions_of_a_trap(void **state)
{
    (void)state;
    struct run run = {0};
    EngineNumber result;

    begin(&run, ENGINE_WASMTIME, METER_NONE,
          "(module (func $inner unreachable)"
          " (func $outer (export \"f\") (param i32) (result i32)"
          "  call $inner i32.const 0))");
    call(&run, "f", 0, &result);
    assert_non_null(strstr(run.fault.message, "in inner, called by outer"));
    end(&run);
}

/* Growing memory: FORMATS section 3. `pages` is asked for on one that has 1. */
static const struct {
    const char *what;
    const char *memory;
    uint64_t memory_max; /* of the host */
    EngineNumber pages;
    EngineOutcome outcome;
    EngineNumber result; /* when it ran */
} growths[] = {
    {"within everything", "1", 0, 3, ENGINE_RAN, 1},
    {"to the host's limit", "1", 4 << 16, 3, ENGINE_RAN, 1},
    {"past the host's limit", "1", 4 << 16, 4, ENGINE_LIMIT_MEMORY, 0},
    {"past its own maximum", "1 4", 0, 4, ENGINE_RAN, UINT32_MAX},
    {"past both", "1 4", 4 << 16, 4, ENGINE_RAN, UINT32_MAX},
    {"past its maximum under a tighter limit", "1 4", 2 << 16, 9, ENGINE_RAN,
     UINT32_MAX},
    {"past 65,536 pages", "1", 0, 65536, ENGINE_RAN, UINT32_MAX},
    {"past 65,536 pages and the limit", "1", 4 << 16, 65536, ENGINE_RAN,
     UINT32_MAX},
    {"by the largest number", "1", 4 << 16, UINT32_MAX, ENGINE_RAN,
     UINT32_MAX},
    {"by nothing at the limit", "1", 1 << 16, 0, ENGINE_RAN, 1},
};

static void never_lets_a_guest_see_the_hosts_memory_limit(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        for (size_t i = 0; i < sizeof growths / sizeof *growths; i++) {
            struct run run = {.limits.memory_max = growths[i].memory_max};
            EngineNumber result = 0;
            char text[256];

            snprintf(text, sizeof text,
                     "(module (memory %s) (func (export \"f\") (param i32)"
                     " (result i32) (memory.grow (local.get 0))))",
                     growths[i].memory);
            assert_int_equal(begin(&run, kind, METER_NONE, text), ENGINE_RAN);
            const EngineOutcome outcome =
                call(&run, "f", growths[i].pages, &result);
            if (outcome != growths[i].outcome ||
                (outcome == ENGINE_RAN && result != growths[i].result))
                fail_msg("%s on engine %d: outcome %d, result %llx, \"%s\"",
                         growths[i].what, (int)kind, (int)outcome,
                         (unsigned long long)result, run.fault.message);
            end(&run);
        }
    }
}

static void grows_tables_by_the_same_rule(void **state)
{
    static const struct {
        const char *table;
        uint64_t memory_max;
        EngineNumber count;
        EngineOutcome outcome;
        EngineNumber result;
    } rows[] = {
        {"1", 0, 9999999, ENGINE_RAN, 1},
        {"1", 0, 10000000, ENGINE_RAN, UINT32_MAX},
        {"1 5", 0, 4, ENGINE_RAN, 1},
        {"1 5", 0, 5, ENGINE_RAN, UINT32_MAX},
        {"1", 8 * 100, 99, ENGINE_RAN, 1},
        {"1", 8 * 100, 100, ENGINE_LIMIT_MEMORY, 0},
    };

    (void)state;
    EACH_ENGINE(kind)
    {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct run run = {.limits.memory_max = rows[i].memory_max};
            EngineNumber result = 0;
            char text[256];

            snprintf(text, sizeof text,
                     "(module (table $t %s funcref)"
                     " (func (export \"f\") (param i32) (result i32)"
                     "  (table.grow $t (ref.null func) (local.get 0))))",
                     rows[i].table);
            assert_int_equal(begin(&run, kind, METER_NONE, text), ENGINE_RAN);
            assert_int_equal(call(&run, "f", rows[i].count, &result),
                             rows[i].outcome);
            if (rows[i].outcome == ENGINE_RAN)
                assert_int_equal(result, rows[i].result);
            end(&run);
        }
    }
}

static void refuses_an_initial_memory_above_the_limit(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {.limits.memory_max = (10 << 16) - 1};

        assert_int_equal(begin(&run, kind, METER_NONE, "(module (memory 10))"),
                         ENGINE_LIMIT_MEMORY);
        assert_null(run.instance);
        end(&run);
    }
}

static void counts_the_largest_memory(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {0};
        EngineNumber result;

        begin(&run, kind, METER_NONE,
              "(module (memory (export \"memory\") 2)"
              " (func (export \"f\") (param i32) (result i32)"
              "  (memory.grow (local.get 0))))");
        assert_int_equal(engine_memory_peak(run.instance), 2 << 16);
        call(&run, "f", 5, &result);
        assert_int_equal(engine_memory_peak(run.instance), 7 << 16);
        assert_int_equal(engine_memory_of(run.instance).len, 7 << 16);
        end(&run);
    }
}

static void counts_the_start_function_as_guest_code(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {0};

        assert_int_equal(begin(&run, kind, METER_NONE,
                               "(module (func $s unreachable) (start $s))"),
                         ENGINE_TRAPPED);
        end(&run);
        run = (struct run){0};
        assert_int_equal(begin(&run, kind, METER_NONE,
                               "(module (memory 1)"
                               " (data (i32.const 65535) \"ab\"))"),
                         ENGINE_TRAPPED);
        end(&run);
    }
}

static const char LOOP[] =
    "(module (func (export \"f\") (param i32) (result i32)"
    " (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0)"
    "  (i32.const 1))))) (local.get 0)))";

static void stops_when_fuel_is_used_up(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {.limits.fuel_max = 10000};
        EngineNumber result;

        begin(&run, kind, METER_FUEL, LOOP);
        assert_int_equal(call(&run, "f", 100, &result), ENGINE_RAN);
        const uint64_t used = engine_fuel_used(run.instance);
        assert_in_range(used, 100, 2000);
        assert_int_equal(call(&run, "f", 1000000, &result), ENGINE_LIMIT_FUEL);
        end(&run);
    }
}

static void uses_the_same_fuel_each_time(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        uint64_t first = 0;

        for (int i = 0; i < 3; i++) {
            struct run run = {0};
            EngineNumber result;

            begin(&run, kind, METER_FUEL, LOOP);
            call(&run, "f", 1000, &result);
            const uint64_t used = engine_fuel_used(run.instance);
            if (i == 0)
                first = used;
            assert_int_equal(used, first);
            assert_true(used > 0);
            end(&run);
        }
    }
}

static void *interrupt_soon(void *engine)
{
    usleep(50000);
    engine_interrupt(engine);
    return NULL;
}

static void is_interrupted_from_another_thread(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {0};
        EngineNumber result;
        pthread_t thread;

        begin(&run, kind, METER_EPOCH,
              "(module (func (export \"f\") (param i32) (result i32)"
              " (loop $l (br $l)) unreachable))");
        pthread_create(&thread, NULL, interrupt_soon, run.engine);
        assert_int_equal(call(&run, "f", 0, &result), ENGINE_LIMIT_TIME);
        pthread_join(thread, NULL);
        end(&run);
    }
}

/* --- Imports ------------------------------------------------------------ */

struct told {
    EngineNumber params[2];
    EngineVerdict verdict;
    uint8_t byte; /* at address params[0] */
};

static EngineVerdict tell(void *context, struct engine_instance *caller,
                          const EngineNumber *params, EngineNumber *results)
{
    struct told *told = context;
    const struct engine_memory memory = engine_memory_of(caller);

    told->params[0] = params[0];
    told->params[1] = params[1];
    if (memory.data != NULL && params[0] < memory.len)
        told->byte = memory.data[params[0]];
    results[0] = params[1] + 1;
    return told->verdict;
}

static const char USES_TELL[] =
    "(module (import \"host\" \"tell\""
    "  (func $tell (param i32 i64) (result i64)))"
    " (memory (export \"memory\") 1) (data (i32.const 7) \"x\")"
    " (func (export \"f\") (param i32) (result i32)"
    "  (i32.wrap_i64 (call $tell (local.get 0) (i64.const -3)))))";

static const struct engine_import imports[] = {
    {{"other", 5}, {"tell", 4}, 0, 0, {0}, 0, NULL},
    {{"host", 4},
     {"tell", 4},
     2,
     1,
     {ENGINE_I32, ENGINE_I64},
     ENGINE_I64,
     tell},
};

static EngineOutcome run_tell(EngineKind kind, struct told *told,
                              EngineNumber *result, struct engine_fault *fault)
{
    struct run run = {.imports = imports, .import_count = 2, .context = told};

    assert_int_equal(begin(&run, kind, METER_NONE, USES_TELL), ENGINE_RAN);
    const EngineOutcome outcome = call(&run, "f", 7, result);
    *fault = run.fault;
    end(&run);
    return outcome;
}

static void hands_an_import_its_context_memory_and_parameters(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct told told = {0};
        struct engine_fault fault;
        EngineNumber result;

        assert_int_equal(run_tell(kind, &told, &result, &fault), ENGINE_RAN);
        assert_int_equal(told.params[0], 7);
        assert_int_equal(told.params[1], (uint64_t)-3);
        assert_int_equal(told.byte, 'x');
        assert_int_equal(result, 0xfffffffe);
    }
}

static void lets_an_import_trap_or_stop_the_run(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct told trap = {.verdict = ENGINE_TRAP};
        struct told stop = {.verdict = ENGINE_STOP};
        struct engine_fault fault;
        EngineNumber result;

        assert_int_equal(run_tell(kind, &trap, &result, &fault),
                         ENGINE_TRAPPED);
        assert_int_equal(run_tell(kind, &stop, &result, &fault),
                         ENGINE_STOPPED);
    }
}

/* Comes back into the instance that is calling it. */
static EngineVerdict come_back(void *context, struct engine_instance *caller,
                               const EngineNumber *params,
                               EngineNumber *results)
{
    struct engine_function *alloc = engine_find(caller, TEXT("alloc"));
    struct engine_fault fault;

    (void)context;
    assert_non_null(alloc);
    assert_int_equal(engine_call(alloc, params, 1, results, 1, &fault),
                     ENGINE_RAN);
    engine_memory_of(caller).data[results[0]] = 'y';
    return ENGINE_GO_ON;
}

static void lets_an_import_call_its_caller(void **state)
{
    static const struct engine_import back[] = {
        {{"host", 4}, {"back", 4}, 1, 1, {ENGINE_I32}, ENGINE_I32, come_back},
    };

    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {.imports = back, .import_count = 1};
        EngineNumber result = 0;

        begin(&run, kind, METER_NONE,
              "(module (import \"host\" \"back\""
              "  (func $back (param i32) (result i32)))"
              " (memory (export \"memory\") 1)"
              " (func (export \"alloc\") (param i32) (result i32)"
              "  (drop (memory.grow (i32.const 1)))"
              "  (i32.mul (local.get 0) (i32.const 2)))"
              " (func (export \"f\") (param i32) (result i32)"
              "  (i32.load8_u (call $back (local.get 0)))))");
        assert_int_equal(call(&run, "f", 35000, &result), ENGINE_RAN);
        assert_int_equal(result, 'y');
        end(&run);
    }
}

static void gives_an_import_of_the_start_function_the_memory(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct told told = {0};
        struct run run = {
            .imports = imports, .import_count = 2, .context = &told};

        begin(&run, kind, METER_NONE,
              "(module (import \"host\" \"tell\""
              "  (func $tell (param i32 i64) (result i64)))"
              " (memory (export \"memory\") 1) (data (i32.const 7) \"z\")"
              " (func $s (drop (call $tell (i32.const 7) (i64.const 0))))"
              " (start $s))");
        assert_int_equal(told.byte, 'z');
        end(&run);
    }
}

/* --- The profile -------------------------------------------------------- */

/* Modules outside ipvm/det/1, and a few that are in it. */
static const struct {
    const char *what;
    const char *text;
    bool is_in;
} features[] = {
    {"SIMD", "(module (func (result v128) (i32x4.splat (i32.const 1))))",
     true},
    {"tail calls", "(module (func $f (return_call $f)))", true},
    {"extended constants",
     "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))", true},
    {"several results",
     "(module (func (result i32 i32)"
     " (i32.const 1) (i32.const 2)))",
     true},
    {"references", "(module (func (param externref)) (table 1 externref))",
     true},
    {"bulk memory",
     "(module (memory 1) (func (memory.fill (i32.const 0)"
     " (i32.const 1) (i32.const 2))))",
     true},
    {"threads", "(module (memory 1 1 shared))", false},
    {"atomics",
     "(module (memory 1) (func (result i32)"
     " (i32.atomic.load (i32.const 0))))",
     false},
    {"two memories", "(module (memory 1) (memory 1))", false},
    {"64-bit memory", "(module (memory i64 1))", false},
    {"exceptions", "(module (tag $e) (func (throw $e)))", false},
    {"relaxed SIMD",
     "(module (func (param v128 v128) (result v128)"
     " (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
     false},
    {"a wrong type", "(module (func (result i32) (i64.const 1)))", false},
    {"65,537 pages", "(module (memory 65537))", false},
};

static void compiles_the_profile_and_nothing_else(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct engine *engine = open_engine(kind, METER_NONE);

        for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
            const Bytes wasm = wat_to_wasm(features[i].text);
            struct error err = {0};
            struct buffer artifact;

            buffer_init(&artifact, 1 << 20);
            const Status status =
                engine_compile(engine, wasm, &artifact, &err);
            if (status != (features[i].is_in ? STATUS_OK : STATUS_INVALID))
                fail_msg("%s on engine %d: status %d, \"%s\"",
                         features[i].what, (int)kind, (int)status,
                         err.message);
            buffer_deinit(&artifact);
            free((void *)(uintptr_t)wasm.data);
        }
        engine_close(engine);
    }
}

static void refuses_every_truncation_of_a_module(void **state)
{
    (void)state;
    const Bytes wasm = wat_to_wasm(USES_TELL);

    EACH_ENGINE(kind)
    {
        struct engine *engine = open_engine(kind, METER_NONE);
        struct buffer artifact;

        buffer_init(&artifact, 1 << 20);
        for (size_t len = 0; len < wasm.len; len++) {
            struct error err = {0};
            uint8_t *copy = malloc(len ? len : 1);

            memcpy(copy, wasm.data, len);
            const Status status =
                engine_compile(engine, bytes_of(copy, len), &artifact, &err);
            // The bare header, and a cut between sections, are modules.
            if (status != STATUS_OK) {
                assert_int_equal(status, STATUS_INVALID);
                assert_true(err.message[0] != '\0');
            }
            free(copy);
        }
        buffer_deinit(&artifact);
        engine_close(engine);
    }
    free((void *)(uintptr_t)wasm.data);
}

/* Functions whose NaN would show the host's bits; each gives the i64 of a
 * result that must be canonical, as in the other engine. */
static const char *const nans[] = {
    "(i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0)))",
    "(i64.reinterpret_f64 (f64.add (f64.const -nan:0x4000000000001)"
    " (f64.const 1)))",
    "(i64.reinterpret_f64 (f64.sqrt (f64.const -1)))",
    "(i64.reinterpret_f64 (f64.min (f64.const nan:0x8000000000123)"
    " (f64.const 1)))",
    "(i64.reinterpret_f64 (f64.promote_f32 (f32.const -nan:0x200001)))",
    "(i64.extend_i32_u (i32.reinterpret_f32 (f32.demote_f64"
    " (f64.const -nan:0x4000000000001))))",
    "(i64.reinterpret_f64 (f64.floor (f64.const nan:0x4000000000001)))",
    "(i64x2.extract_lane 0 (f64x2.mul (f64x2.splat (f64.const -nan:0x1))"
    " (f64x2.splat (f64.const 2))))",
    "(i64.extend_i32_u (i32x4.extract_lane 1 (f32x4.sqrt"
    " (f32x4.splat (f32.const -1)))))",
    /* Not arithmetic: the bits stay. */
    "(i64.reinterpret_f64 (f64.neg (f64.const nan:0x4000000000001)))",
    "(i64.reinterpret_f64 (f64.copysign (f64.const nan:0x4000000000001)"
    " (f64.const -1)))",
    "(i64.reinterpret_f64 (f64.const nan:0x4000000000001))",
};

static void gives_the_same_nans_on_every_engine(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nans / sizeof *nans; i++) {
        EngineNumber results[2] = {0};
        char text[512];

        snprintf(text, sizeof text,
                 "(module (func (export \"f\") (param i32) (result i64) %s))",
                 nans[i]);
        EACH_ENGINE(kind)
        {
            struct run run = {0};

            begin(&run, kind, METER_NONE, text);
            assert_int_equal(call(&run, "f", 0, &results[kind]), ENGINE_RAN);
            end(&run);
        }
        if (results[0] != results[1])
            fail_msg("%s: %llx and %llx", nans[i],
                     (unsigned long long)results[0],
                     (unsigned long long)results[1]);
        if (i < 4)
            assert_int_equal(results[0], 0x7ff8000000000000);
    }
}

/* 1/3 differs by rounding mode; a subnormal by flush-to-zero; the unmasked
 * exception would end the process. */
static void guards_the_floating_point_state(void **state)
{
    static const uint32_t states[] = {0x1f80 | 0x6000, 0x1f80 | 0x8040,
                                      0x0000};

    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {0};
        EngineNumber plain = 0, result = 0;

        begin(&run, kind, METER_NONE,
              "(module (func (export \"f\") (param i32) (result i64)"
              " (i64.add (i64.reinterpret_f64 (f64.div (f64.const 1)"
              "  (f64.convert_i32_s (local.get 0))))"
              "  (i64.reinterpret_f64 (f64.mul (f64.const 0x1p-1022)"
              "   (f64.div (f64.const 1)"
              "    (f64.convert_i32_s (local.get 0))))))))");
        assert_int_equal(call(&run, "f", 3, &plain), ENGINE_RAN);
        for (size_t i = 0; i < 3; i++) {
            const uint32_t before = _mm_getcsr();

            _mm_setcsr(states[i]);
            const EngineOutcome outcome = call(&run, "f", 3, &result);
            const uint32_t after = _mm_getcsr();
            _mm_setcsr(before);
            assert_int_equal(outcome, ENGINE_RAN);
            assert_int_equal(result, plain);
            assert_int_equal(after & 0xffc0, states[i] & 0xffc0);
        }
        end(&run);
    }
}

/* --- Bounds ------------------------------------------------------------- */

static void names_the_bound_that_a_module_passes(void **state)
{
    (void)state;
    enum { COUNT = 100001 };
    char *text = malloc(COUNT * 7 + 64);
    size_t len = (size_t)sprintf(text, "(module ");
    struct engine *engine = open_engine(ENGINE_WASMTIME, METER_NONE);
    struct error err = {0};
    struct buffer artifact;

    for (int i = 0; i < COUNT; i++)
        len += (size_t)sprintf(text + len, "(func)");
    sprintf(text + len, ")");
    const Bytes wasm = wat_to_wasm(text);
    buffer_init(&artifact, 1 << 30);
    assert_int_equal(engine_compile(engine, wasm, &artifact, &err),
                     STATUS_LIMIT);
    assert_non_null(strstr(err.message, "100001 functions"));
    assert_non_null(strstr(err.message, "at most 100000"));
    buffer_deinit(&artifact);
    free((void *)(uintptr_t)wasm.data);
    free(text);
    engine_close(engine);
}

static void refuses_bytes_that_are_no_artifact(void **state)
{
    (void)state;
    struct engine *engine = open_engine(ENGINE_WASMTIME, METER_NONE);
    struct engine_module *module = NULL;
    struct error err = {0};

    assert_int_equal(
        engine_load(engine, text_bytes(TEXT("no")), -1, &module, &err),
        STATUS_CORRUPT);
    engine_close(engine);
}

static void loads_an_artifact_from_a_file(void **state)
{
    (void)state;
    struct run run = {.engine = open_engine(ENGINE_WASMTIME, METER_NONE)};
    const Bytes wasm = wat_to_wasm(
        "(module (memory (export \"memory\") 1) (data (i32.const 5) \"k\")"
        " (func (export \"f\") (param i32) (result i32)"
        "  (i32.load8_u (local.get 0))))");
    struct buffer artifact;
    EngineNumber result = 0;

    buffer_init(&artifact, 1 << 20);
    assert_int_equal(engine_compile(run.engine, wasm, &artifact, NULL),
                     STATUS_OK);
    const int file = memfd_create("artifact", 0);
    assert_int_equal(write(file, artifact.data, artifact.len), artifact.len);
    assert_int_equal(engine_load(run.engine, buffer_bytes(&artifact), file,
                                 &run.module, NULL),
                     STATUS_OK);
    close(file);
    assert_int_equal(engine_instantiate(run.module, NULL, 0, NULL, &run.limits,
                                        &run.instance, &run.fault),
                     ENGINE_RAN);
    assert_int_equal(call(&run, "f", 5, &result), ENGINE_RAN);
    assert_int_equal(result, 'k');
    buffer_deinit(&artifact);
    free((void *)(uintptr_t)wasm.data);
    end(&run);
}

static void starts_each_instance_afresh(void **state)
{
    (void)state;
    EACH_ENGINE(kind)
    {
        struct run run = {0};

        begin(&run, kind, METER_NONE,
              "(module (memory (export \"memory\") 4) (global $g (mut i32)"
              "  (i32.const 0)) (func (export \"f\") (param i32) (result i32)"
              " (global.set $g (i32.add (global.get $g) (i32.const 1)))"
              " (i32.store (i32.const 200000) (i32.add (i32.load"
              "  (i32.const 200000)) (i32.const 1)))"
              " (i32.add (global.get $g) (i32.load (i32.const 200000)))))");
        for (int i = 0; i < 20; i++) {
            EngineNumber result = 0;

            assert_int_equal(call(&run, "f", 0, &result), ENGINE_RAN);
            assert_int_equal(result, 2);
            engine_instance_free(run.instance);
            assert_int_equal(engine_instantiate(run.module, NULL, 0, NULL,
                                                &run.limits, &run.instance,
                                                &run.fault),
                             ENGINE_RAN);
        }
        end(&run);
    }
}

static void identifies_engine_version_and_meter(void **state)
{
    (void)state;
    const struct engine_options fuel = {ENGINE_WASMTIME, METER_FUEL, 1};
    const struct engine_options none = {ENGINE_WASMTIME, METER_NONE, 1};
    const struct engine_options wasmi = {ENGINE_WASMI, METER_NONE, 1};
    char a[256], b[256], c[256];

    assert_int_equal(engine_identity(&fuel, a, NULL), STATUS_OK);
    assert_int_equal(engine_identity(&none, b, NULL), STATUS_OK);
    assert_int_equal(engine_identity(&wasmi, c, NULL), STATUS_OK);
    assert_string_not_equal(a, b);
    assert_non_null(strstr(a, "wasmtime 48.0."));
    assert_non_null(strstr(c, "wasmi 2."));
    assert_true(strlen(a) < 255);
    print_message("%s\n%s\n", a, c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_a_function_by_its_exact_name),
        cmocka_unit_test(gives_an_i32_in_the_low_bits_only),
        cmocka_unit_test(says_how_a_run_ended),
        cmocka_unit_test(names_the_functions_of_a_trap),
        cmocka_unit_test(never_lets_a_guest_see_the_hosts_memory_limit),
        cmocka_unit_test(grows_tables_by_the_same_rule),
        cmocka_unit_test(refuses_an_initial_memory_above_the_limit),
        cmocka_unit_test(counts_the_largest_memory),
        cmocka_unit_test(counts_the_start_function_as_guest_code),
        cmocka_unit_test(stops_when_fuel_is_used_up),
        cmocka_unit_test(uses_the_same_fuel_each_time),
        cmocka_unit_test(is_interrupted_from_another_thread),
        cmocka_unit_test(hands_an_import_its_context_memory_and_parameters),
        cmocka_unit_test(lets_an_import_trap_or_stop_the_run),
        cmocka_unit_test(lets_an_import_call_its_caller),
        cmocka_unit_test(gives_an_import_of_the_start_function_the_memory),
        cmocka_unit_test(compiles_the_profile_and_nothing_else),
        cmocka_unit_test(refuses_every_truncation_of_a_module),
        cmocka_unit_test(gives_the_same_nans_on_every_engine),
        cmocka_unit_test(guards_the_floating_point_state),
        cmocka_unit_test(names_the_bound_that_a_module_passes),
        cmocka_unit_test(refuses_bytes_that_are_no_artifact),
        cmocka_unit_test(loads_an_artifact_from_a_file),
        cmocka_unit_test(starts_each_instance_afresh),
        cmocka_unit_test(identifies_engine_version_and_meter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
