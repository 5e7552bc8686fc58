/* SPDX-License-Identifier: Apache-2.0 */
/* test_engines.c - both engines do the same, bit for bit, on random programs
 * of float, integer, SIMD and memory operators.
 *
 *     test_engines                       ENGINE_PROGRAMS programs (1200), from
 *                                        seed ENGINE_SEED (1) on
 *     test_engines SEED [SIZE]           one program: says what it does on
 *                                        each engine, writes SEED.wasm
 *
 * A difference is made small and written to a file below $TMPDIR. */
#include "wasm_program.h"

#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Before cmocka, which has a macro fail().
#include "base/status.h"
#include "wasm/engine.h"

#include <cmocka.h>

/* Compilers allocate a great deal: the sanitizer shall not take notes. */
const char *__asan_default_options(void);
[[gnu::used, gnu::visibility("default")]] const char *__asan_default_options(
    void)
{
    return "malloc_context_size=1:max_malloc_fill_size=0:"
           "quarantine_size_mb=8:thread_local_quarantine_size_kb=64";
}

enum { CALLS = 10, TRACE_MAX = 1 << 20, LARGEST = 240 };

static const struct way {
    const char *name;
    struct engine_options options;
} ways[] = {
    {"wasmtime", {.kind = ENGINE_WASMTIME, .meter = METER_NONE}},
    {"wasmi", {.kind = ENGINE_WASMI, .meter = METER_NONE}},
    {"wasmtime with fuel", {.kind = ENGINE_WASMTIME, .meter = METER_FUEL}},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

static struct engine *engines[WAYS];

/* What one program does on one engine, as text. */
struct trace {
    struct buffer text;
    bool hit_limit; // of the engine: how deep calls go is not the program's
    uint32_t ran, trapped;
};

/* --- Running ------------------------------------------------------------ */

static const char *outcome_name(const struct engine_fault *fault)
{
    static const struct {
        const char *text, *name;
    } traps[] = {
        {"integer divide by zero", "division by zero"},
        {"integer overflow", "overflow"},
        {"invalid conversion to integer", "conversion"},
        {"out of bounds memory access", "memory bounds"},
        {"undefined element", "table bounds"},
        {"out of bounds table access", "table bounds"},
        {"uninitialized element", "null"},
        {"indirect call type mismatch", "signature"},
        {"wasm `unreachable` instruction", "unreachable"},
    };
    switch (fault->outcome) {
    case ENGINE_RAN:
        return "ran";
    case ENGINE_LIMIT_MEMORY:
        return "limit/memory";
    case ENGINE_LIMIT_FUEL:
        return "limit/fuel";
    case ENGINE_LIMIT_STACK:
        return "limit/stack";
    case ENGINE_LIMIT_TIME:
    case ENGINE_STOPPED:
    case ENGINE_BROKEN:
        return "broken";
    case ENGINE_TRAPPED:
        break;
    }
    for (size_t i = 0; i < sizeof traps / sizeof traps[0]; i++)
        if (strncmp(fault->message, traps[i].text, strlen(traps[i].text)) == 0)
            return traps[i].name;
    return fault->message;
}

static uint64_t memory_hash(struct engine_instance *instance)
{
    const struct engine_memory memory = engine_memory_of(instance);
    uint64_t hash = memory.len, word;

    for (size_t at = 0; at + sizeof word <= memory.len; at += sizeof word) {
        memcpy(&word, memory.data + at, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 29;
    }
    return hash;
}

static void note(struct trace *trace, const struct engine_fault *fault)
{
    buffer_format(&trace->text, " = %s", outcome_name(fault));
    trace->ran += fault->outcome == ENGINE_RAN;
    trace->trapped += fault->outcome == ENGINE_TRAPPED;
    trace->hit_limit |=
        fault->outcome != ENGINE_RAN && fault->outcome != ENGINE_TRAPPED;
}

static void call(struct engine_instance *instance, struct trace *trace,
                 const char *name, const struct signature *signature,
                 struct random *random)
{
    const size_t params = strlen(signature->params);
    const size_t results = strlen(signature->results);
    struct engine_function *function = engine_find(instance, text_of(name));
    struct engine_fault fault = {.outcome = ENGINE_RAN};
    EngineNumber in[8] = {0}, out[8] = {0};

    assert_non_null(function);
    buffer_format(&trace->text, "%s(", name);
    for (size_t i = 0; i < params; i++) {
        in[i] = random_number(random, signature->params[i]);
        buffer_format(&trace->text, " %c:%llx", signature->params[i],
                      (unsigned long long)in[i]);
    }
    buffer_format(&trace->text, ")");
    fault.outcome = engine_call(function, in, params, out, results, &fault);
    note(trace, &fault);
    for (size_t i = 0; fault.outcome == ENGINE_RAN && i < results; i++)
        buffer_format(&trace->text, " %c:%llx", signature->results[i],
                      (unsigned long long)out[i]);
    buffer_format(&trace->text, "\n");
}

static void play(struct engine_instance *instance,
                 const struct wasm_program *program, uint64_t seed,
                 struct trace *trace)
{
    static const struct signature finish = {"", "i"};
    struct random random = random_from(~seed);
    char name[16];

    for (uint32_t i = 0; i < CALLS && !trace->hit_limit; i++) {
        const uint32_t index = random_below(&random, program->called_count);
        snprintf(name, sizeof name, "f%u", index);
        call(instance, trace, name, &program->called[index], &random);
        call(instance, trace, "finish", &finish, &random);
    }
    const struct engine_memory memory = engine_memory_of(instance);
    buffer_format(&trace->text, "globals");
    for (size_t i = 0; i < 200; i += 4) {
        uint32_t word;
        memcpy(&word, memory.data + i, sizeof word);
        buffer_format(&trace->text, " %x", word);
    }
    buffer_format(&trace->text, "\nmemory %zu bytes, %llx\n", memory.len,
                  (unsigned long long)memory_hash(instance));
}

static void run(struct engine *engine, const struct wasm_program *program,
                uint64_t seed, struct trace *trace)
{
    const struct engine_limits limits = {0};
    struct engine_module *module = NULL;
    struct engine_instance *instance = NULL;
    struct engine_fault fault = {.outcome = ENGINE_RAN};
    struct buffer artifact;
    struct error err;

    buffer_init(&artifact, (size_t)64 << 20);
    buffer_init(&trace->text, TRACE_MAX);
    Status status =
        engine_compile(engine, buffer_bytes(&program->bytes), &artifact, &err);
    if (status == STATUS_OK)
        status =
            engine_load(engine, buffer_bytes(&artifact), -1, &module, &err);
    if (status != STATUS_OK)
        fail_msg("seed %llu is refused: %s at %zu", (unsigned long long)seed,
                 err.message, err.offset);
    fault.outcome =
        engine_instantiate(module, NULL, 0, NULL, &limits, &instance, &fault);
    buffer_format(&trace->text, "start");
    note(trace, &fault);
    buffer_format(&trace->text, "\n");
    if (fault.outcome == ENGINE_RAN) {
        play(instance, program, seed, trace);
        engine_instance_free(instance);
    }
    engine_module_free(module);
    buffer_deinit(&artifact);
}

/* --- Comparing ---------------------------------------------------------- */

static uint32_t compared, limited, ran, trapped;

/* Counting fuel is mostly what the compiler does: now and then is enough. */
static bool is_tried(size_t way, uint64_t seed)
{
    return ways[way].options.meter == METER_NONE || seed % 5 == 0;
}

/* Runs it every way; true if all did the same. */
static bool agree(const struct wasm_program *program, uint64_t seed,
                  bool is_loud)
{
    struct trace traces[WAYS] = {0};
    bool is_same = true, hit_limit = false;

    for (size_t way = 0; way < WAYS; way++) {
        if (!is_tried(way, seed))
            continue;
        run(engines[way], program, seed, &traces[way]);
        hit_limit |= traces[way].hit_limit;
        is_same &= bytes_equal(buffer_bytes(&traces[0].text),
                               buffer_bytes(&traces[way].text));
    }
    compared += !hit_limit;
    limited += hit_limit;
    ran += traces[0].ran;
    trapped += traces[0].trapped;
    for (size_t way = 0; way < WAYS; way++) {
        if (is_loud && is_tried(way, seed))
            printf("--- %s\n%.*s\n", ways[way].name,
                   TEXT_ARG(bytes_text(buffer_bytes(&traces[way].text))));
        buffer_deinit(&traces[way].text);
    }
    return is_same || hit_limit;
}

static void write_module(const struct wasm_program *program, const char *path)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(program->bytes.data, 1, program->bytes.len, file),
                     program->bytes.len);
    fclose(file);
    print_message("the module is in %s\n", path);
}

static bool try_size(uint64_t seed, uint32_t size, const char *path)
{
    struct wasm_program program;
    wasm_program_init(&program, seed, size);
    const bool is_same = agree(&program, seed, path != NULL);
    if (path != NULL)
        write_module(&program, path);
    wasm_program_deinit(&program);
    return is_same;
}

static uint32_t size_of(uint64_t seed)
{
    struct random random = random_from(seed ^ 0x517e);
    return 20 + random_below(&random, LARGEST - 20);
}

/* The smallest functions of that seed that still differ. */
static void show_difference(uint64_t seed)
{
    const char *directory = getenv("TMPDIR");
    char path[512];
    uint32_t size = 1;

    while (size < size_of(seed) && try_size(seed, size, NULL))
        size++;
    snprintf(path, sizeof path, "%s/engines-%llu.wasm",
             directory ? directory : "/tmp", (unsigned long long)seed);
    try_size(seed, size, path);
    print_message("again: test_engines %llu %u\n", (unsigned long long)seed,
                  size);
}

/* --- Tests -------------------------------------------------------------- */

/* cmocka puts handlers of its own in place before each test; Wasmtime
 * installs its own once, and needs them. */
static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS};
static struct sigaction engine_handlers[4];

static int open_engines(void **state)
{
    struct error err;
    (void)state;
    for (size_t way = 0; way < WAYS; way++)
        if (engine_open(&ways[way].options, &engines[way], &err) != STATUS_OK)
            return -1;
    for (size_t i = 0; i < 4; i++)
        sigaction(signals[i], NULL, &engine_handlers[i]);
    return 0;
}

static int close_engines(void **state)
{
    (void)state;
    for (size_t way = 0; way < WAYS; way++)
        engine_close(engines[way]);
    return 0;
}

static void keep_handlers(void)
{
    for (size_t i = 0; i < 4; i++)
        sigaction(signals[i], &engine_handlers[i], NULL);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void runs_random_programs_alike_on_both_engines(void **state)
{
    const uint64_t first = number_from("ENGINE_SEED", 1);
    const uint64_t count = number_from("ENGINE_PROGRAMS", 1200);
    uint32_t differ = 0;
    (void)state;

    keep_handlers();
    for (uint64_t seed = first; seed < first + count && differ < 5; seed++)
        if (!try_size(seed, size_of(seed), NULL)) {
            show_difference(seed);
            differ++;
        }
    print_message("%u programs compared, %u calls ran and %u trapped, %u "
                  "programs met an engine's limit\n",
                  compared, ran, trapped, limited);
    assert_int_equal(differ, 0);
    // A comparison of programs that only trap would show little.
    assert_true(ran > trapped);
    assert_true(limited <= compared / 50);
}

/* A host that rounds upwards and, where there is such a thing, makes
 * subnormals zero. */
static void upset_floats(void)
{
    fesetround(FE_UPWARD);
#ifdef __x86_64__
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
#endif
}

static uint32_t float_state(void)
{
#ifdef __x86_64__
    return __builtin_ia32_stmxcsr() & 0xffc0; // without what happened
#else
    return (uint32_t)fegetround();
#endif
}

static void runs_alike_whatever_the_hosts_float_state(void **state)
{
    const uint64_t first = number_from("ENGINE_SEED", 1);
    (void)state;

    keep_handlers();
    for (uint64_t seed = first; seed < first + 60; seed++)
        for (size_t way = 0; way < 2; way++) {
            struct wasm_program program;
            struct trace plain = {0}, upset = {0};

            wasm_program_init(&program, seed, size_of(seed));
            run(engines[way], &program, seed, &plain);
            fenv_t kept;
            fegetenv(&kept);
            upset_floats();
            const uint32_t before = float_state();
            run(engines[way], &program, seed, &upset);
            const uint32_t after = float_state();
            fesetenv(&kept);
            assert_int_equal(after, before);
            if (!bytes_equal(buffer_bytes(&plain.text),
                             buffer_bytes(&upset.text)))
                fail_msg("seed %llu differs on %s", (unsigned long long)seed,
                         ways[way].name);
            buffer_deinit(&plain.text);
            buffer_deinit(&upset.text);
            wasm_program_deinit(&program);
        }
}

static int replay(const char *seed, const char *size)
{
    char path[64];
    if (open_engines(NULL) != 0)
        return 1;
    snprintf(path, sizeof path, "%llu.wasm", strtoull(seed, NULL, 10));
    const bool is_same = try_size(strtoull(seed, NULL, 10),
                                  size ? (uint32_t)strtoul(size, NULL, 10)
                                       : size_of(strtoull(seed, NULL, 10)),
                                  path);
    print_message(is_same ? "all the same\n" : "they differ\n");
    close_engines(NULL);
    return is_same ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_random_programs_alike_on_both_engines),
        cmocka_unit_test(runs_alike_whatever_the_hosts_float_state),
    };
    if (argc > 1)
        return replay(argv[1], argc > 2 ? argv[2] : NULL);
    return cmocka_run_group_tests(tests, open_engines, close_engines);
}
