/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of modules, and components through the component API. */
#include "wasm/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "ipld/value.h"

#include <cmocka.h>

#include "engine_signals.h"
#include "wat.h"

/* --- Guests ------------------------------------------------------------- */

static const char WIT[] =
    "package demo:t@1.0.0;\n"
    "interface fns {\n"
    "  enum color { red, green-ish }\n"
    "  record point { x: s32, y: option<u8> }\n"
    "  echo: func(data: list<u8>) -> list<u8>;\n"
    "  both: func(p: point, c: color) -> result<string, string>;\n"
    "}\n"
    "world pure { export fns; export twice: func(n: f32) -> f32; }\n"
    "world logs { import wasi:logging/logging; export fns;"
    " export twice: func(n: f32) -> f32; }\n"
    "package wasi:logging { interface logging {"
    " enum level { trace, debug, info, warn, error, critical }"
    " log: func(level: level, context: string, message: string); } }\n"
    "package wasi:clocks@0.2.0 { interface wall-clock {"
    " now: func() -> u64; } }\n";

/* A bump allocator, and functions that give back what they got. */
#define GUEST_BODY                                                            \
    " (memory (export \"memory\") 4)"                                         \
    " (global $top (mut i32) (i32.const 4096))"                               \
    " (func $realloc (export \"cabi_realloc\")"                               \
    "  (param $old i32) (param $len i32) (param $align i32) (param $new i32)" \
    "  (result i32)"                                                          \
    "  (local $at i32)"                                                       \
    "  (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7))"     \
    "   (i32.const -8)))"                                                     \
    "  (global.set $top (i32.add (local.get $at) (local.get $new)))"          \
    "  (block $fits (br_if $fits (i32.le_u (global.get $top)"                 \
    "    (i32.mul (memory.size) (i32.const 65536))))"                         \
    "   (drop (memory.grow (i32.const 64))))"                                 \
    "  (local.get $at))"                                                      \
    " (func (export \"demo:t/fns@1.0.0#echo\") (param i32 i32) (result i32)"  \
    "  (i32.store (i32.const 16) (local.get 0))"                              \
    "  (i32.store (i32.const 20) (local.get 1))"                              \
    "  (i32.const 16))"                                                       \
    " (func (export \"cabi_post_demo:t/fns@1.0.0#echo\") (param i32))"        \
    " (data (i32.const 64) \"fine\")"                                         \
    " (func (export \"demo:t/fns@1.0.0#both\")"                               \
    "  (param $x i32) (param $some i32) (param $y i32) (param $c i32)"        \
    "  (result i32)"                                                          \
    "  (if (i32.eq (local.get $x) (i32.const 13)) (then unreachable))"        \
    "  (i32.store8 (i32.const 32) (i32.ne (local.get $some)"                  \
    "   (i32.const 1)))"                                                      \
    "  (i32.store (i32.const 36) (i32.add (i32.const 64)"                     \
    "   (local.get $c)))"                                                     \
    "  (i32.store (i32.const 40) (local.get $x))"                             \
    "  (i32.const 32))"

static const char PURE[] =
    "(module" GUEST_BODY " (func (export \"twice\") (param f32) (result f32)"
    "  (f32.add (local.get 0) (local.get 0))))";

static const char LOGS[] =
    "(module (import \"wasi:logging/logging\" \"log\""
    "  (func $log (param i32 i32 i32 i32 i32)))" GUEST_BODY
    " (func (export \"twice\") (param f32) (result f32)"
    "  (call $log (i32.const 2) (i32.const 64) (i32.const 0)"
    "   (i32.const 64) (i32.const 4))"
    "  (f32.add (local.get 0) (local.get 0))))";

static void free_bytes(Bytes bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

static Bytes take(struct buffer *buffer)
{
    size_t len = 0;
    uint8_t *data = buffer_take(buffer, &len);

    return bytes_of(data, len);
}

static Bytes with_wit(const char *text, const char *world)
{
    const Bytes core = wat_to_wasm(text);
    struct buffer out;
    struct error err = {0};

    buffer_init(&out, 1 << 20);
    if (engine_embed_wit(core, text_of(WIT), text_of(world), &out, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
    free_bytes(core);
    return take(&out);
}

static Bytes component_of(const char *text, const char *world)
{
    const Bytes module = with_wit(text, world);
    struct buffer out;
    struct error err = {0};

    buffer_init(&out, 1 << 20);
    if (engine_componentise(module, &out, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    free_bytes(module);
    return take(&out);
}

/* --- Descriptions ------------------------------------------------------- */

struct described {
    struct arena arena;
    Value value;
};

static void describe(Bytes wasm, struct described *out)
{
    struct buffer buffer;
    struct error err = {0};

    *out = (struct described){0};
    buffer_init(&buffer, 1 << 20);
    assert_int_equal(engine_describe(wasm, &buffer, &err), STATUS_OK);
    const Bytes copy = arena_copy_bytes(&out->arena, buffer_bytes(&buffer));
    if (dag_cbor_decode(copy, &out->arena, &out->value, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    buffer_deinit(&buffer);
}

static void assert_text(const Value *value, const char *expected)
{
    assert_non_null(value);
    assert_int_equal(value->kind, VALUE_TEXT);
    if (!text_equal(value->text, text_of(expected)))
        fail_msg("\"%.*s\", not \"%s\"", TEXT_ARG(value->text), expected);
}

static const Value *refusal(const struct described *described)
{
    return value_get(&described->value, TEXT("refused"));
}

static const Value *function(const struct described *described, Text name)
{
    const Value *list = value_get(&described->value, TEXT("functions"));

    for (size_t i = 0; i < list->list.count; i++) {
        const Value *item = &list->list.items[i];

        if (text_equal(value_get(item, TEXT("name"))->text, name))
            return item;
    }
    fail_msg("no function %.*s", TEXT_ARG(name));
    return NULL;
}

static void tells_the_four_kinds_apart(void **state)
{
    static const struct {
        const char *text;
        const char *kind;
    } rows[] = {
        {"(module (func (export \"f\") (param i32)))", "core"},
        {"(module (memory (export \"memory\") 1)"
         " (func (export \"ipvm_alloc\") (param i32) (result i32) local.get 0)"
         " (func (export \"f\") (param i32 i32) (result i64) i64.const 0))",
         "ipvm"},
        {"(module (memory (export \"memory\") 1)"
         " (func (export \"ipvm_alloc\") (param i64) (result i32) i32.const 0)"
         ")",
         "core"},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const Bytes wasm = wat_to_wasm(rows[i].text);
        struct described described;

        describe(wasm, &described);
        assert_text(value_get(&described.value, TEXT("kind")), rows[i].kind);
        assert_null(refusal(&described));
        arena_deinit(&described.arena);
        free_bytes(wasm);
    }
    const Bytes made[] = {with_wit(PURE, "pure"), component_of(PURE, "pure")};
    for (size_t i = 0; i < 2; i++) {
        struct described described;

        describe(made[i], &described);
        if (refusal(&described))
            fail_msg(
                "%.*s",
                TEXT_ARG(
                    value_get(refusal(&described), TEXT("message"))->text));
        assert_text(value_get(&described.value, TEXT("kind")),
                    i == 0 ? "wit" : "component");
        arena_deinit(&described.arena);
        free_bytes(made[i]);
    }
}

/* A module with a world and the component it means are called alike. */
static void says_how_to_call_both_forms_of_a_guest_alike(void **state)
{
    const Bytes made[] = {with_wit(PURE, "pure"), component_of(PURE, "pure")};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct described described;

        describe(made[i], &described);
        const Value *echo =
            function(&described, TEXT("demo:t/fns@1.0.0#echo"));
        const Value *core = value_get(echo, TEXT("core"));
        assert_non_null(core);
        assert_text(value_get(core, TEXT("export")), "demo:t/fns@1.0.0#echo");
        assert_text(value_get(core, TEXT("realloc")), "cabi_realloc");
        assert_text(value_get(core, TEXT("post")),
                    "cabi_post_demo:t/fns@1.0.0#echo");
        const Value *twice = function(&described, TEXT("twice"));
        assert_null(value_get(value_get(twice, TEXT("core")), TEXT("post")));
        arena_deinit(&described.arena);
        free_bytes(made[i]);
    }
}

static void finds_the_core_module_inside_a_component(void **state)
{
    const Bytes component = component_of(PURE, "pure");
    struct described described;

    (void)state;
    describe(component, &described);
    const Value *core = value_get(&described.value, TEXT("core"));
    assert_non_null(core);
    uint64_t offset = 0, length = 0;
    assert_true(value_to_uint64(value_get(core, TEXT("offset")), &offset));
    assert_true(value_to_uint64(value_get(core, TEXT("length")), &length));
    assert_true(offset + length <= component.len);
    assert_memory_equal(component.data + offset, "\0asm\1\0\0\0", 8);
    arena_deinit(&described.arena);

    describe(bytes_of(component.data + offset, length), &described);
    assert_text(value_get(&described.value, TEXT("kind")), "core");
    assert_null(refusal(&described));
    arena_deinit(&described.arena);
    free_bytes(component);
}

static void leaves_other_components_to_the_component_api(void **state)
{
    const Bytes component = component_of(LOGS, "logs");
    struct described described;

    (void)state;
    describe(component, &described);
    assert_null(refusal(&described));
    assert_null(value_get(&described.value, TEXT("core")));
    assert_null(value_get(function(&described, TEXT("twice")), TEXT("core")));
    const Value *imports = value_get(&described.value, TEXT("imports"));
    assert_int_equal(imports->list.count, 1);
    assert_text(value_get(&imports->list.items[0], TEXT("module")),
                "wasi:logging/logging");
    assert_text(value_get(&imports->list.items[0], TEXT("name")), "log");
    arena_deinit(&described.arena);
    free_bytes(component);
}

static void refuses_what_cannot_be_run_and_says_why(void **state)
{
    static const struct {
        const char *text;
        const char *name;
        const char *message; /* part of it */
    } rows[] = {
        {"(module (memory 1) (memory 1) (func (export \"f\")))",
         "refused/module", "multiple memories"},
        {"(module)", "refused/module", "exports no function"},
        {"(module (import \"env\" \"memory\" (memory 1))"
         " (func (export \"f\")))",
         "refused/import", "the memory env memory"},
        {"(module (func (export \"f\") (result i32)))", "refused/module",
         "type mismatch"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const Bytes wasm = wat_to_wasm(rows[i].text);
        struct described described;

        describe(wasm, &described);
        assert_non_null(refusal(&described));
        assert_text(value_get(refusal(&described), TEXT("name")),
                    rows[i].name);
        const Text found =
            value_get(refusal(&described), TEXT("message"))->text;
        char message[256];
        snprintf(message, sizeof message, "%.*s", TEXT_ARG(found));
        if (strstr(message, rows[i].message) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", message, rows[i].message);
        arena_deinit(&described.arena);
        free_bytes(wasm);
    }
}

static void describes_every_truncation_as_refused_or_less(void **state)
{
    const Bytes wasm = component_of(PURE, "pure");

    (void)state;
    for (size_t len = 0; len < wasm.len; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        struct described described;

        memcpy(copy, wasm.data, len);
        describe(bytes_of(copy, len), &described);
        free(copy);
        arena_deinit(&described.arena);
    }
    free_bytes(wasm);
}

static void describes_changed_bytes_without_harm(void **state)
{
    const Bytes wasm = component_of(LOGS, "logs");
    uint8_t *copy = malloc(wasm.len);
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct described described;

        memcpy(copy, wasm.data, wasm.len);
        for (int i = 0; i < 2; i++) {
            seed = seed * 1664525 + 1013904223;
            copy[seed % wasm.len] ^= (uint8_t)(1 << (seed >> 29));
        }
        describe(bytes_of(copy, wasm.len), &described);
        arena_deinit(&described.arena);
    }
    free(copy);
    free_bytes(wasm);
}

/* --- Calls -------------------------------------------------------------- */

struct component {
    struct engine *engine;
    struct engine_module *module;
    char log[256];
};

static void component_open(struct component *component, EngineMeter meter,
                           const char *text, const char *world)
{
    const struct engine_options options = {ENGINE_WASMTIME, meter, 2};
    const Bytes wasm = component_of(text, world);
    struct buffer artifact;
    struct error err = {0};

    *component = (struct component){0};
    if (engine_open(&options, &component->engine, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    engine_signals_keep();
    buffer_init(&artifact, 16 << 20);
    if (engine_compile(component->engine, wasm, &artifact, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    if (engine_load(component->engine, buffer_bytes(&artifact), -1,
                    &component->module, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_true(engine_module_is_component(component->module));
    buffer_deinit(&artifact);
    free_bytes(wasm);
}

static void component_close(struct component *component)
{
    engine_module_free(component->module);
    engine_close(component->engine);
}

static void write_log(void *context, Text level, Text name, Text line)
{
    struct component *component = context;

    snprintf(component->log, sizeof component->log, "%.*s/%.*s/%.*s",
             TEXT_ARG(level), TEXT_ARG(name), TEXT_ARG(line));
}

static EngineOutcome component_call(struct component *component,
                                    const char *name, Bytes args,
                                    struct buffer *result,
                                    const struct engine_limits *limits,
                                    struct engine_fault *fault)
{
    const struct engine_component_host host = {.context = component,
                                               .log = write_log};

    return engine_component_call(component->module, text_of(name), args,
                                 result, limits, &host, fault);
}

/* Most of these are called by type, the ones with records by value
 * (engine/src/fast.rs). Arguments and results are in the typed encoding, in hexadecimal. */
static const struct {
    const char *name;
    const char *args;
    EngineOutcome outcome;
    const char *result; /* or a part of the fault's message */
} calls[] = {
    {"demo:t/fns@1.0.0#echo", "8143010203", ENGINE_RAN, "43010203"},
    {"demo:t/fns@1.0.0#echo", "8140", ENGINE_RAN, "40"},
    {"twice", "81fb3ff8000000000000", ENGINE_RAN, "fb4008000000000000"},
    /* both({x: 4, y: some(9)}, red) -> ok("fine") */
    {"demo:t/fns@1.0.0#both", "82820481098100", ENGINE_RAN, "82006466696e65"},
    /* both({x: 2, y: none}, green-ish) -> err("in") */
    {"demo:t/fns@1.0.0#both", "828202808101", ENGINE_RAN, "820162696e"},
    {"demo:t/fns@1.0.0#both", "82820d808101", ENGINE_TRAPPED, "unreachable"},
    /* A result that lies outside memory breaks the convention: a trap. */
    {"demo:t/fns@1.0.0#both",
     "82821a7fffffff8109"
     "8100",
     ENGINE_TRAPPED, ""},
    {"demo:t/fns@1.0.0#both", "82820480", ENGINE_BROKEN, "do not fit"},
    {"demo:t/fns@1.0.0#echo", "81430102", ENGINE_BROKEN, "do not fit"},
    {"nothing", "80", ENGINE_BROKEN, "no function nothing"},
};

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t len = 0;

    for (unsigned byte; sscanf(hex + 2 * len, "%2x", &byte) == 1; len++)
        out[len] = (uint8_t)byte;
    return len;
}

static void calls_exports_in_the_typed_encoding(void **state)
{
    struct component component;
    const struct engine_limits limits = {0};

    (void)state;
    component_open(&component, METER_NONE, PURE, "pure");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct engine_fault fault = {0};
        struct buffer result;
        uint8_t args[64], expected[64];
        const size_t len = from_hex(calls[i].args, args);

        buffer_init(&result, 1 << 20);
        const EngineOutcome outcome =
            component_call(&component, calls[i].name, bytes_of(args, len),
                           &result, &limits, &fault);
        if (outcome != calls[i].outcome)
            fail_msg("%zu: outcome %d, \"%s\"", i, (int)outcome,
                     fault.message);
        if (outcome == ENGINE_RAN) {
            assert_int_equal(result.len, from_hex(calls[i].result, expected));
            assert_memory_equal(result.data, expected, result.len);
        } else if (strstr(fault.message, calls[i].result) == NULL) {
            fail_msg("%zu: \"%s\"", i, fault.message);
        }
        buffer_deinit(&result);
    }
    component_close(&component);
}

static void gives_the_lines_of_a_guests_log(void **state)
{
    struct component component;
    const struct engine_limits limits = {0};
    struct engine_fault fault = {0};
    struct buffer result;
    uint8_t args[16];

    (void)state;
    component_open(&component, METER_NONE, LOGS, "logs");
    buffer_init(&result, 1 << 10);
    const size_t len = from_hex("81fb3ff8000000000000", args);
    assert_int_equal(component_call(&component, "twice", bytes_of(args, len),
                                    &result, &limits, &fault),
                     ENGINE_RAN);
    assert_string_equal(component.log, "info//fine");
    buffer_deinit(&result);
    component_close(&component);
}

static void enforces_limits_on_components(void **state)
{
    struct component component;
    const struct engine_limits tight = {.memory_max = 5 << 16};
    const struct engine_limits poor = {.fuel_max = 5};
    struct engine_fault fault = {0};
    struct buffer result;
    const size_t len = 300000;
    uint8_t *args = calloc(1, len + 6);

    (void)state;
    memcpy(args, "\x81\x5a\x00\x04\x93\xe0", 6); // 300,000 bytes
    buffer_init(&result, 1 << 20);
    component_open(&component, METER_FUEL, PURE, "pure");
    assert_int_equal(component_call(&component, "demo:t/fns@1.0.0#echo",
                                    bytes_of(args, len + 6), &result, &tight,
                                    &fault),
                     ENGINE_LIMIT_MEMORY);
    assert_int_equal(component_call(&component, "demo:t/fns@1.0.0#echo",
                                    bytes_of(args, len + 6), &result, &poor,
                                    &fault),
                     ENGINE_LIMIT_FUEL);
    buffer_deinit(&result);
    free(args);
    component_close(&component);
}

static void carries_a_mebibyte_in_and_out(void **state)
{
    struct component component;
    const struct engine_limits limits = {0};
    struct engine_fault fault = {0};
    struct buffer result;
    const size_t len = 1 << 20;
    uint8_t *args = malloc(len + 6);

    (void)state;
    memcpy(args, "\x81\x5a\x00\x10\x00\x00", 6);
    for (size_t i = 0; i < len; i++)
        args[6 + i] = (uint8_t)(i * 7);
    component_open(&component, METER_NONE, PURE, "pure");
    buffer_init(&result, 4 << 20);
    const EngineOutcome outcome =
        component_call(&component, "demo:t/fns@1.0.0#echo",
                       bytes_of(args, len + 6), &result, &limits, &fault);
    if (outcome != ENGINE_RAN)
        fail_msg("%s", fault.message);
    assert_int_equal(result.len, len + 5);
    assert_memory_equal(result.data, args + 1, len + 5);
    buffer_deinit(&result);
    free(args);
    component_close(&component);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_four_kinds_apart),
        cmocka_unit_test(says_how_to_call_both_forms_of_a_guest_alike),
        cmocka_unit_test(finds_the_core_module_inside_a_component),
        cmocka_unit_test(leaves_other_components_to_the_component_api),
        cmocka_unit_test(refuses_what_cannot_be_run_and_says_why),
        cmocka_unit_test(describes_every_truncation_as_refused_or_less),
        cmocka_unit_test(describes_changed_bytes_without_harm),
        cmocka_unit_test(calls_exports_in_the_typed_encoding),
        cmocka_unit_test(gives_the_lines_of_a_guests_log),
        cmocka_unit_test(enforces_limits_on_components),
        cmocka_unit_test(carries_a_mebibyte_in_and_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
