/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that break the canonical ABI, abuse imports, or want too much: each
 * by our own code on both engines and by the engine's component API. */
#include "player.h"
#include "wat.h"

#include <pthread.h>
#include <time.h>

#include "wasm/call.h"

static void free_wasm(Bytes wasm)
{
    free((void *)(uintptr_t)wasm.data);
}

static int open_player(void **state)
{
    struct player *player = HEAP_NEW(struct player);
    player_open(player);
    *state = player;
    return 0;
}

static int close_player(void **state)
{
    player_close(*state);
    free(*state);
    return 0;
}

#define TRAP "{\"error\":{\"ipvm/error\":\"trap\"}}"
#define UNREPRESENTABLE "{\"error\":{\"ipvm/error\":\"unrepresentable\"}}"

static void expect(struct player *player, struct play play, const char *result)
{
    Bytes component = wasm_component(play.wasm), core = play.wasm;
    for (int way = 0; way < 4; way++) {
        play.wasm = way < 2 ? core : component;
        play.engine = way == 1 ? RUN_ENGINE_WASMI : RUN_ENGINE_WASMTIME;
        play.by_component_api = way == 3;
        const char *text = player_play(player, &play);
        if (strcmp(text, result) != 0)
            fail_msg("%s%s, way %d, gave %s, not %s (%s)", play.function,
                     play.args, way, text, result, player->message);
    }
    free_wasm(component);
}

struct row {
    const char *wit;  /* of the world: imports and f */
    const char *core; /* of the module, memory and fields */
    const char *args;
    const char *result;
};

static void expect_rows(struct player *player, const struct row *rows,
                        size_t count)
{
    for (size_t index = 0; index < count; index++) {
        char wit[1000], core[4000];
        snprintf(wit, sizeof wit, "package a:b;\nworld w {\n%s\n}\n",
                 rows[index].wit);
        snprintf(core, sizeof core, "(module %s)", rows[index].core);
        Bytes wasm = wasm_with_wit(core, wit);
        const struct play play = {
            .wasm = wasm, .function = "f", .args = rows[index].args};
        expect(player, play, rows[index].result);
        free_wasm(wasm);
    }
}
#define EXPECT_ROWS(state, rows)                                              \
    expect_rows(*(state), rows, sizeof(rows) / sizeof((rows)[0]))

#define MEMORY "(memory (export \"memory\") 1)"
#define REALLOC(body)                                                            \
    "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) " body \
    ")"
#define TAKES_STRING "export f: func(s: string) -> u32;"
#define STRING_LENGTH                                                         \
    "(func (export \"f\") (param i32 i32) (result i32) local.get 1)"

static void traps_on_a_bad_cabi_realloc(void **state)
{
    static const struct row rows[] = {
        {TAKES_STRING, MEMORY REALLOC("i32.const 16") STRING_LENGTH,
         "[\"abc\"]", "{\"ok\":3}"},
        {TAKES_STRING, MEMORY REALLOC("unreachable") STRING_LENGTH,
         "[\"abc\"]", TRAP},
        {TAKES_STRING, MEMORY REALLOC("i32.const 65534") STRING_LENGTH,
         "[\"abc\"]", TRAP},
        {TAKES_STRING, MEMORY REALLOC("i32.const 65533") STRING_LENGTH,
         "[\"abc\"]", "{\"ok\":3}"},
        {TAKES_STRING, MEMORY REALLOC("i32.const -1") STRING_LENGTH,
         "[\"abc\"]", TRAP},
        {TAKES_STRING, MEMORY REALLOC("i32.const 65536") STRING_LENGTH,
         "[\"\"]", "{\"ok\":0}"},
        {TAKES_STRING, MEMORY REALLOC("i32.const 65537") STRING_LENGTH,
         "[\"\"]", TRAP},
        {"export f: func(s: list<u32>) -> u32;",
         MEMORY REALLOC("i32.const 18") STRING_LENGTH, "[[1]]", TRAP},
        {"export f: func(s: list<u32>) -> u32;",
         MEMORY REALLOC("i32.const 20") STRING_LENGTH, "[[1]]", "{\"ok\":1}"},
        // The memory moves while arguments are lowered.
        {"export f: func(s: list<string>) -> u32;",
         MEMORY REALLOC("i32.const 16 memory.grow drop i32.const 16")
             STRING_LENGTH,
         "[[\"a\",\"b\",\"c\"]]", "{\"ok\":3}"},
    };
    EXPECT_ROWS(state, rows);
}

#define GIVES(type) "export f: func() -> " type ";"
#define RETURNS(address)                                                      \
    "(func (export \"f\") (result i32) i32.const " address ")"
#define DATA(bytes) "(data (i32.const 16) \"" bytes "\")"

static void traps_on_bad_results_in_memory(void **state)
{
    static const struct row rows[] = {
        {GIVES("string"),
         MEMORY DATA("\\18\\00\\00\\00\\02\\00\\00\\00hi") RETURNS("16"), "[]",
         "{\"ok\":\"hi\"}"},
        {GIVES("string"), MEMORY RETURNS("18"), "[]", TRAP},
        {GIVES("string"), MEMORY RETURNS("65532"), "[]", TRAP},
        {GIVES("string"), MEMORY RETURNS("65528"), "[]", "{\"ok\":\"\"}"},
        {GIVES("string"), MEMORY RETURNS("-8"), "[]", TRAP},
        {GIVES("string"),
         MEMORY DATA("\\18\\00\\00\\00\\02\\00\\00\\00\\c3\\28") RETURNS("16"),
         "[]", TRAP},
        {GIVES("string"),
         MEMORY DATA("\\ff\\ff\\00\\00\\02\\00\\00\\00") RETURNS("16"), "[]",
         TRAP},
        {GIVES("string"),
         MEMORY DATA("\\01\\00\\00\\00\\ff\\ff\\ff\\ff") RETURNS("16"), "[]",
         TRAP},
        {GIVES("string"),
         MEMORY DATA("\\01\\00\\01\\00\\00\\00\\00\\00") RETURNS("16"), "[]",
         TRAP},
        {GIVES("list<u8>"),
         MEMORY DATA("\\01\\00\\00\\00\\ff\\ff\\ff\\ff") RETURNS("16"), "[]",
         TRAP},
        {GIVES("list<u32>"),
         MEMORY DATA("\\02\\00\\00\\00\\01\\00\\00\\00") RETURNS("16"), "[]",
         TRAP},
        {GIVES("list<u32>"),
         MEMORY DATA("\\02\\00\\00\\00\\00\\00\\00\\00") RETURNS("16"), "[]",
         TRAP},
        {GIVES("list<u64>"),
         MEMORY DATA("\\08\\00\\00\\00\\ff\\ff\\ff\\ff") RETURNS("16"), "[]",
         TRAP},
        {GIVES("list<u64>"),
         MEMORY DATA("\\08\\00\\00\\00\\00\\00\\00\\20") RETURNS("16"), "[]",
         TRAP},
        {GIVES("tuple<char, u8>"),
         MEMORY DATA("\\00\\d8\\00\\00") RETURNS("16"), "[]", TRAP},
        {GIVES("tuple<char, u8>"),
         MEMORY DATA("\\00\\00\\11\\00") RETURNS("16"), "[]", TRAP},
        {GIVES("tuple<bool, bool>"), MEMORY DATA("\\02\\00") RETURNS("16"),
         "[]", "{\"ok\":[true,false]}"},
        {GIVES("option<u8>"), MEMORY DATA("\\02\\00") RETURNS("16"), "[]",
         TRAP},
        {"enum e { a, b, c } export f: func() -> tuple<e, e>;",
         MEMORY DATA("\\02\\03") RETURNS("16"), "[]", TRAP},
        {"flags g { a, b, c } export f: func() -> tuple<g, g>;",
         MEMORY DATA("\\fd\\00") RETURNS("16"), "[]",
         "{\"ok\":[[\"a\",\"c\"],[]]}"},
        {GIVES("tuple<f64, u8>"),
         MEMORY DATA("\\00\\00\\00\\00\\00\\00\\f0\\7f") RETURNS("16"), "[]",
         UNREPRESENTABLE},
        {GIVES("tuple<f32, u8>"),
         MEMORY DATA("\\01\\00\\80\\7f") RETURNS("16"), "[]", UNREPRESENTABLE},
        // A NaN and a bad discriminant: a trap first.
        {GIVES("tuple<f32, option<u8>>"),
         MEMORY DATA("\\01\\00\\80\\7f\\02") RETURNS("16"), "[]", TRAP},
        {GIVES("result<u8, u8>"), MEMORY DATA("\\01\\05") RETURNS("16"), "[]",
         "{\"error\":5}"},
        {GIVES("result<tuple<f32>, u8>"),
         MEMORY DATA("\\00\\00\\00\\00\\00\\00\\c0\\7f") RETURNS("16"), "[]",
         UNREPRESENTABLE},
    };
    EXPECT_ROWS(state, rows);
}

static void reads_flat_results(void **state)
{
    static const struct row rows[] = {
        {GIVES("u8"), "(func (export \"f\") (result i32) i32.const 0x1ff)",
         "[]", "{\"ok\":255}"},
        {GIVES("s8"), "(func (export \"f\") (result i32) i32.const 0x80)",
         "[]", "{\"ok\":-128}"},
        {GIVES("s16"), "(func (export \"f\") (result i32) i32.const 0x18000)",
         "[]", "{\"ok\":-32768}"},
        {GIVES("bool"), "(func (export \"f\") (result i32) i32.const 256)",
         "[]", "{\"ok\":true}"},
        {GIVES("char"), "(func (export \"f\") (result i32) i32.const 0xdfff)",
         "[]", TRAP},
        {GIVES("u64"), "(func (export \"f\") (result i64) i64.const -1)", "[]",
         "{\"ok\":18446744073709551615}"},
        {GIVES("f32"), "(func (export \"f\") (result f32) f32.const nan)",
         "[]", UNREPRESENTABLE},
        {"enum e { a, b } export f: func() -> e;",
         "(func (export \"f\") (result i32) i32.const 2)", "[]", TRAP},
        {"enum e { a, b } export f: func() -> e;",
         "(func (export \"f\") (result i32) i32.const 1)", "[]",
         "{\"ok\":\"b\"}"},
        {GIVES("result"), "(func (export \"f\") (result i32) i32.const 1)",
         "[]", "{\"error\":null}"},
        {GIVES("result"), "(func (export \"f\") (result i32) i32.const 2)",
         "[]", TRAP},
        {"export f: func();", "(func (export \"f\"))", "[]", "{\"ok\":null}"},
    };
    EXPECT_ROWS(state, rows);
}

/* The payloads of the cases share one i64: each arrives zero-extended. */
static void joins_the_payloads_of_cases(void **state)
{
#define VARIANT                                                               \
    "variant v { a(s8), b(f32), c(u64), d(f64), e } "                         \
    "export f: func(x: v) -> u64;"
#define SLOT "(func (export \"f\") (param i32 i64) (result i64) local.get 1)"
    static const struct row rows[] = {
        {VARIANT, SLOT, "[{\"a\":-1}]", "{\"ok\":4294967295}"},
        {VARIANT, SLOT, "[{\"b\":1.0}]", "{\"ok\":1065353216}"},
        {VARIANT, SLOT, "[{\"c\":18446744073709551615}]",
         "{\"ok\":18446744073709551615}"},
        {VARIANT, SLOT, "[{\"d\":1.0}]", "{\"ok\":4607182418800017408}"},
        {VARIANT, SLOT, "[\"e\"]", "{\"ok\":0}"},
        {"export f: func(x: option<u32>, y: bool) -> u32;",
         "(func (export \"f\") (param i32 i32 i32) (result i32)"
         " local.get 0 i32.const 100 i32.mul local.get 1 i32.add"
         " local.get 2 i32.const 1000 i32.mul i32.add)",
         "[7,true]", "{\"ok\":1107}"},
        {"variant v { a(f32), b(s32) } export f: func(x: v) -> s32;",
         "(func (export \"f\") (param i32 i32) (result i32) local.get 1)",
         "[{\"a\":1.0}]", "{\"ok\":1065353216}"},
    };
    EXPECT_ROWS(state, rows);
}

#define POST(params, body)                                                    \
    "(func (export \"cabi_post_f\") (param " params ") " body ")"

static void calls_post_return_with_the_result(void **state)
{
    static const struct row rows[] = {
        {GIVES("u32"),
         "(func (export \"f\") (result i32) i32.const 5)" POST(
             "i32", "local.get 0 i32.const 5 i32.ne if unreachable end"),
         "[]", "{\"ok\":5}"},
        {GIVES("u32"),
         "(func (export \"f\") (result i32) i32.const 5)" POST("i32",
                                                               "unreachable"),
         "[]", TRAP},
        {GIVES("f32"),
         "(func (export \"f\") (result f32) f32.const nan)" POST(
             "f32", "unreachable"),
         "[]", TRAP},
        // It may overwrite what was returned: that has been read already.
        {GIVES("string"),
         MEMORY DATA("\\18\\00\\00\\00\\02\\00\\00\\00hi") RETURNS("16")
             POST("i32", "i32.const 24 i32.const -1 i32.store"),
         "[]", "{\"ok\":\"hi\"}"},
    };
    EXPECT_ROWS(state, rows);
}

static const char helpers_wit[] =
    "package a:b;\n"
    "world w {\n"
    "  import homestar:host/helpers@0.1.1;\n"
    "  import wasi:logging/logging;\n"
    "  %s\n"
    "}\n"
    "package homestar:host@0.1.1 {\n"
    "  interface helpers {\n"
    "    record time { seconds: u64, milliseconds: u32, nanoseconds: u32 }\n"
    "    get-current-time: func() -> time;\n"
    "    print: func(msg: string);\n"
    "  }\n"
    "}\n"
    "package wasi:logging {\n"
    "  interface logging {\n"
    "    enum level { trace, debug, info, warn, error, critical }\n"
    "    log: func(level: level, context: string, message: string);\n"
    "  }\n"
    "}\n";

static const char helpers_core[] =
    "(module"
    " (import \"homestar:host/helpers@0.1.1\" \"print\""
    "  (func $print (param i32 i32)))"
    " (import \"homestar:host/helpers@0.1.1\" \"get-current-time\""
    "  (func $time (param i32)))"
    " (import \"wasi:logging/logging\" \"log\""
    "  (func $log (param i32 i32 i32 i32 i32)))" MEMORY
    " (data (i32.const 100) \"hello\\ff\") %s)";

static void logs_and_keeps_the_clock_still(void **state)
{
    static const struct {
        const char *wit, *core, *result, *log;
    } rows[] = {
        {"export f: func();",
         "(func (export \"f\") i32.const 100 i32.const 5 call $print)",
         "{\"ok\":null}", "2 hello\n"},
        {"export f: func();",
         "(func (export \"f\") i32.const 3 i32.const 100 i32.const 2"
         " i32.const 102 i32.const 3 call $log)",
         "{\"ok\":null}", "3 he: llo\n"},
        {"export f: func();",
         "(func (export \"f\") i32.const 6 i32.const 100 i32.const 2"
         " i32.const 102 i32.const 3 call $log)",
         TRAP, ""},
        {"export f: func();",
         "(func (export \"f\") i32.const 100 i32.const 6 call $print)", TRAP,
         ""},
        {"export f: func();",
         "(func (export \"f\") i32.const 65535 i32.const 2 call $print)", TRAP,
         ""},
        {"export f: func() -> u64;",
         "(func (export \"f\") (result i64)"
         " i32.const 200 i64.const -1 i64.store"
         " i32.const 208 i64.const -1 i64.store"
         " i32.const 200 call $time"
         " i32.const 200 i64.load i32.const 208 i64.load i64.or)",
         "{\"ok\":0}", ""},
        {"export f: func();", "(func (export \"f\") i32.const 204 call $time)",
         TRAP, ""},
        {"export f: func();",
         "(func (export \"f\") i32.const 65528 call $time)", TRAP, ""},
        // Not inside cabi_realloc, and not after returning.
        {"export f: func(s: string);",
         "(func (export \"f\") (param i32 i32))" REALLOC(
             "i32.const 100 i32.const 5 call $print i32.const 0"),
         TRAP, ""},
        {"export f: func() -> u32;",
         "(func (export \"f\") (result i32) i32.const 1)" POST(
             "i32", "i32.const 100 i32.const 5 call $print"),
         TRAP, ""},
    };
    struct player *player = *state;
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        char wit[2000], core[4000];
        snprintf(wit, sizeof wit, helpers_wit, rows[index].wit);
        snprintf(core, sizeof core, helpers_core, rows[index].core);
        Bytes wasm = wasm_with_wit(core, wit);
        const struct play play = {
            .wasm = wasm,
            .function = "f",
            .args = strstr(rows[index].wit, "string") ? "[\"x\"]" : "[]"};
        expect(player, play, rows[index].result);
        assert_string_equal(player->log, rows[index].log);
        free_wasm(wasm);
    }
}

/* Core modules without WIT: kind 4. */
static void expect_core(struct player *player, struct play play,
                        const char *core, const char *result)
{
    play.wasm = wat_to_wasm(core);
    play.function = "f";
    if (!play.args)
        play.args = "[]";
    for (int engine = 0; engine < 2; engine++) {
        play.engine = engine ? RUN_ENGINE_WASMI : RUN_ENGINE_WASMTIME;
        const char *text = player_play(player, &play);
        if (strcmp(text, result) != 0)
            fail_msg("%s on engine %d gave %s, not %s (%s)", core, engine,
                     text, result, player->message);
    }
    free_wasm(play.wasm);
}

static void stops_guests_at_their_limits(void **state)
{
    struct player *player = *state;
    const struct play fuel = {.limits = {.fuel = 100000}};
    const struct play plain = {.limits = {.memory = 1 << 20}};
    expect_core(player, fuel, "(module (func (export \"f\") loop br 0 end))",
                "limit/fuel");
    expect_core(player, plain,
                "(module (memory 1) (func (export \"f\")"
                " loop i32.const 1 memory.grow drop br 0 end))",
                "limit/memory");
    expect_core(player, plain,
                "(module (memory 1 3) (func (export \"f\") (result i32)"
                " i32.const 3 memory.grow))",
                "{\"ok\":-1}");
    expect_core(player, plain, "(module (memory 100) (func (export \"f\")))",
                "limit/memory");
    expect_core(player, plain, "(module (func $f (export \"f\") call $f))",
                "limit/stack");
    expect_core(player, plain,
                "(module (func (export \"f\")) (func $s unreachable)"
                " (start $s))",
                TRAP);
}

static void bounds_the_result(void **state)
{
    struct player *player = *state;
    static const char returned[] =
        "(module (memory (export \"memory\") %d)"
        " (data (i32.const 16) \"\\18\\00\\00\\00\\%s\")"
        " (func (export \"f\") (result i32) i32.const 16))";
    static const struct {
        const char *type, *count;
        int pages;
        size_t max;
        const char *result;
    } rows[] = {
        {"list<u8>", "f0\\03\\00\\00", 1, 1000, "limit/result"},
        {"list<u8>", "d0\\03\\00\\00", 1, 1000, NULL},
        {"list<bool>", "00\\00\\00\\00", 1, 5, NULL},
        {"list<bool>", "10\\00\\00\\00", 1, 20, "limit/result"},
        // 2^24 + 1 values, each a byte: more than a result may have.
        {"list<bool>", "01\\00\\00\\01", 300, 0, "limit/result"},
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        char wit[200], core[400];
        snprintf(wit, sizeof wit,
                 "package a:b; world w { export f: func() -> %s; }",
                 rows[index].type);
        snprintf(core, sizeof core, returned, rows[index].pages,
                 rows[index].count);
        Bytes wasm = wasm_with_wit(core, wit);
        const struct play play = {.wasm = wasm,
                                  .function = "f",
                                  .args = "[]",
                                  .result_max = rows[index].max};
        const char *text = player_play(player, &play);
        if (rows[index].result)
            assert_string_equal(text, rows[index].result);
        else
            assert_int_equal(player->end, END_NONE);
        free_wasm(wasm);
    }
}

static void refuses_imports_by_name(void **state)
{
    struct player *player = *state;
    static const struct {
        const char *import, *says;
    } rows[] = {
        {"(import \"wasi:clocks/wall-clock@0.2.0\" \"now\" (func (param i32)))",
         "import wasi:clocks/wall-clock@0.2.0 now is not in the pure world: "
         "take the time as an argument"},
        {"(import \"wasi:sockets/tcp@0.2.0\" \"x\" (func))",
         "import wasi:sockets/tcp@0.2.0 x is not in the pure world: fetch in "
         "a task of its own (/http/get) and await it"},
        {"(import \"env\" \"abort\" (func (param i32 i32 i32 i32)))", NULL},
        {"(import \"wasi_snapshot_preview1\" \"fd_write\" (func))", NULL},
        {"(import \"wasi_snapshot_preview1\" \"no_such\" (func))", NULL},
        {"(import \"wasi:logging/logging@0.1.0\" \"log\""
         " (func (param i32 i32 i32 i32 i32)))",
         NULL},
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        char core[400];
        snprintf(core, sizeof core, "(module %s (func (export \"f\")))",
                 rows[index].import);
        const struct play play = {.args = "[]"};
        expect_core(player, play, core, "refused/import");
        if (rows[index].says)
            assert_string_equal(player->message, rows[index].says);
    }
}

static void answers_preview1_without_a_world(void **state)
{
    struct player *player = *state;
    const struct play play = {.args = "[]"};
#define WASI(name, type)                                                      \
    "(import \"wasi_snapshot_preview1\" \"" name "\" (func $w " type "))"
    expect_core(player, play,
                "(module " WASI("random_get", "(param i32 i32) (result i32)")
                    MEMORY " (func (export \"f\") (result i64)"
                           " i32.const 3 i32.const 5 call $w drop"
                           " i32.const 8 i32.const 3 call $w drop"
                           " i32.const 3 i64.load))",
                // The keystream begins 76 b8 e0 ad a0 f1 3d 90.
                "{\"ok\":-8053014886254331786}");
    expect_core(
        player, play,
        "(module " WASI("clock_time_get", "(param i32 i64 i32) (result i32)")
            MEMORY " (func (export \"f\") (result i64)"
                   " i32.const 8 i64.const 7 i64.store"
                   " i32.const 0 i64.const 0 i32.const 8 call $w"
                   " i64.extend_i32_u i32.const 8 i64.load i64.or))",
        "{\"ok\":0}");
    expect_core(player, play,
                "(module " WASI("proc_exit", "(param i32)") MEMORY
                " (func (export \"f\") i32.const 0 call $w))",
                TRAP);
    expect_core(
        player, play,
        "(module " WASI("fd_write", "(param i32 i32 i32 i32) (result i32)")
            MEMORY " (data (i32.const 8) \"\\20\\00\\00\\00\\02\\00\\00\\00"
                   "\\21\\00\\00\\00\\02\\00\\00\\00\")"
                   " (data (i32.const 32) \"a\\ffb\")"
                   " (func (export \"f\") (result i32)"
                   " i32.const 2 i32.const 8 i32.const 2 i32.const 64 call $w"
                   " drop i32.const 64 i32.load))",
        "{\"ok\":4}");
    assert_string_equal(player->log, "3 a??b\n");
    expect_core(
        player, play,
        "(module " WASI("fd_write", "(param i32 i32 i32 i32) (result i32)")
            MEMORY " (func (export \"f\") (result i32)"
                   " i32.const 3 i32.const 8 i32.const 0 i32.const 64"
                   " call $w))",
        "{\"ok\":8}");
    expect_core(player, play,
                "(module " WASI("fd_close", "(param i32) (result i32)") MEMORY
                " (func (export \"f\") (result i32)"
                " i32.const 1 call $w))",
                "{\"ok\":52}");
    expect_core(player, play,
                "(module " WASI("args_sizes_get", "(param i32 i32) (result "
                                                  "i32)") MEMORY
                " (func (export \"f\") (result i32)"
                " i32.const 65533 i32.const 0 call $w))",
                TRAP);
}

static void counts_fuel_and_memory(void **state)
{
    struct player *player = *state;
    const struct play play = {.args = "[]", .metered = true};
    expect_core(player, play,
                "(module (memory 2) (func (export \"f\") i32.const 1"
                " memory.grow drop))",
                "{\"ok\":null}");
    assert_int_equal(player->cost.memory_peak, 3 * 65536);
    assert_true(player->cost.fuel > 0);
    assert_true(player->cost.bytes_out > 0);
}

static void *interrupt_soon(void *context)
{
    const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
    nanosleep(&pause, NULL);
    wasm_performer_interrupt(context);
    return NULL;
}

static void stops_in_process_when_interrupted(void **state)
{
    (void)state;
    struct player player;
    pthread_t thread;
    const struct wasm_performer_options options = {.in_process = true};
    player_open(&player);
    wasm_performer_close(&player.performer);
    wasm_performer_open(&options, &player.performer);
    Bytes wasm = wat_to_wasm("(module (func (export \"f\") loop br 0 end)"
                             " (func (export \"g\")))");
    struct play play = {.wasm = wasm, .function = "g", .args = "[]"};
    assert_string_equal(player_play(&player, &play), "{\"ok\":null}");
    play.function = "f";
    pthread_create(&thread, NULL, interrupt_soon, &player.performer);
    assert_string_equal(player_play(&player, &play), "limit/time");
    pthread_join(thread, NULL);
    // Whoever comes next is not stopped by it.
    play.function = "g";
    assert_string_equal(player_play(&player, &play), "{\"ok\":null}");
    free_wasm(wasm);
    player_close(&player);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traps_on_a_bad_cabi_realloc),
        cmocka_unit_test(traps_on_bad_results_in_memory),
        cmocka_unit_test(reads_flat_results),
        cmocka_unit_test(joins_the_payloads_of_cases),
        cmocka_unit_test(calls_post_return_with_the_result),
        cmocka_unit_test(logs_and_keeps_the_clock_still),
        cmocka_unit_test(stops_guests_at_their_limits),
        cmocka_unit_test(bounds_the_result),
        cmocka_unit_test(refuses_imports_by_name),
        cmocka_unit_test(answers_preview1_without_a_world),
        cmocka_unit_test(counts_fuel_and_memory),
        cmocka_unit_test(stops_in_process_when_interrupted),
    };
    return cmocka_run_group_tests(tests, open_player, close_player);
}
