/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of all four kinds through the performer, on both engines. */
#include "player.h"
#include "wat.h"

static const RunEngine engines[] = {RUN_ENGINE_WASMTIME, RUN_ENGINE_WASMI};

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

static void expect(struct player *player, const struct play *play,
                   const char *result)
{
    struct play one = *play;
    for (size_t index = 0; index < 2; index++) {
        one.engine = engines[index];
        const char *text = player_play(player, &one);
        if (strcmp(text, result) != 0)
            fail_msg("%s%s on engine %zu gave %s, not %s (%s)", play->function,
                     play->args, index, text, result, player->message);
    }
}

struct row {
    const char *function;
    const char *args;
    const char *result;
};

static void expect_rows(struct player *player, Bytes wasm,
                        const struct row *rows, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        const struct play play = {.wasm = wasm,
                                  .function = rows[index].function,
                                  .args = rows[index].args};
        expect(player, &play, rows[index].result);
    }
}

#define TRAP "{\"error\":{\"ipvm/error\":\"trap\"}}"
#define UNREPRESENTABLE "{\"error\":{\"ipvm/error\":\"unrepresentable\"}}"

static const char numbers[] =
    "(module"
    " (func (export \"add\") (param i32 i32) (result i32)"
    "  local.get 0 local.get 1 i32.add)"
    " (func (export \"mul\") (param i64 i64) (result i64)"
    "  local.get 0 local.get 1 i64.mul)"
    " (func (export \"same32\") (param f32) (result f32) local.get 0)"
    " (func (export \"same64\") (param f64) (result f64) local.get 0)"
    " (func (export \"none\"))"
    " (func (export \"nan\") (result f64) f64.const 0 f64.const 0 f64.div)"
    " (func (export \"inf\") (result f32) f32.const 1 f32.const 0 f32.div)"
    " (func (export \"stop\") unreachable)"
    " (func (export \"div\") (param i32 i32) (result i32)"
    "  local.get 0 local.get 1 i32.div_s)"
    " (func $deep (export \"deep\") call $deep)"
    " (func (export \"grow\") (result i32) i32.const 30000 memory.grow)"
    " (func (export \"past\") (result i32) i32.const 70000 memory.grow)"
    " (memory 1))";

static void calls_functions_of_numbers(void **state)
{
    static const struct row rows[] = {
        {"add", "[1,2]", "{\"ok\":3}"},
        {"add", "[2147483647,1]", "{\"ok\":-2147483648}"},
        {"add", "[2147483648,1]", "refused/argument"},
        {"add", "[1]", "refused/argument"},
        {"add", "[1,2,3]", "refused/argument"},
        {"add", "[1,2.0]", "refused/argument"},
        {"add", "[1,null]", "refused/argument"},
        {"mul", "[-9223372036854775808,1]", "{\"ok\":-9223372036854775808}"},
        {"mul", "[9223372036854775808,1]", "refused/argument"},
        {"same32", "[0.1]", "{\"ok\":0.10000000149011612}"},
        {"same32", "[16777217]", "{\"ok\":16777216.0}"},
        // Rounding by way of f64 would give 9007200328482816.
        {"same32", "[9007199791611905]", "{\"ok\":9007200328482816.0}"},
        {"same32", "[3.5e38]", "refused/argument"},
        {"same32", "[-0.0]", "{\"ok\":-0.0}"},
        {"same64", "[18446744073709551615]",
         "{\"ok\":18446744073709552000.0}"},
        {"none", "[]", "{\"ok\":null}"},
        {"nan", "[]", UNREPRESENTABLE},
        {"inf", "[]", UNREPRESENTABLE},
        {"stop", "[]", TRAP},
        {"div", "[1,0]", TRAP},
        {"div", "[-2147483648,-1]", TRAP},
        {"deep", "[]", "limit/stack"},
        {"grow", "[]", "limit/memory"},
        {"past", "[]", "{\"ok\":-1}"},
        {"missing", "[]", "refused/function"},
    };
    Bytes wasm = wat_to_wasm(numbers);
    expect_rows(*state, wasm, rows, sizeof rows / sizeof rows[0]);
    free_wasm(wasm);
}

static void names_the_argument_that_does_not_fit(void **state)
{
    struct player *player = *state;
    Bytes wasm = wat_to_wasm(numbers);
    struct play play = {.wasm = wasm, .function = "add", .args = "[1,\"2\"]"};
    player_play(player, &play);
    assert_int_equal(player->argument_index, 1);
    assert_string_equal(player->message,
                        "argument 2: expected s32, found text");
    play.args = "[1]";
    player_play(player, &play);
    assert_int_equal(player->argument_index, RUN_NO_INDEX);
    free_wasm(wasm);
}

/* An echo and its misbehaving relatives. The arguments [x] are a list of one:
 * byte 81, then x; the result {"ok": x} is a1 62 6f 6b, then x. */
#define IPVM(body)                                                            \
    "(module (memory (export \"memory\") 1)"                                  \
    " (data (i32.const 0) \"\\a1\\62ok\")"                                    \
    " (func (export \"ipvm_alloc\") (param i32) (result i32)"                 \
    "  i32.const 1024)"                                                       \
    " (func (export \"f\") (param i32 i32) (result i64) " body "))"

static const char echo[] =
    IPVM("i32.const 1021 i32.const 0 i32.const 4 memory.copy"
         " i64.const 4380866641920" /* 1020 << 32 */
         " i32.const 1020 i32.const 0 i32.const 4 memory.copy"
         " i32.const 1024 i32.const 1025"
         " local.get 1 i32.const 1 i32.sub memory.copy"
         " local.get 1 i64.extend_i32_u i64.const 3 i64.add i64.or");

static void echoes_values_by_the_ipvm_abi(void **state)
{
    static const struct row rows[] = {
        {"f", "[1]", "{\"ok\":1}"},
        {"f", "[null]", "{\"ok\":null}"},
        {"f", "[{\"a\":[1,2.5,\"x\"]}]", "{\"ok\":{\"a\":[1,2.5,\"x\"]}}"},
        {"f", "[{\"/\":{\"bytes\":\"AAEC\"}}]",
         "{\"ok\":{\"/\":{\"bytes\":\"AAEC\"}}}"},
        {"f", "[{\"ipvm/error\":\"trap\"}]", UNREPRESENTABLE},
        {"f", "[{\"ipvm/other\":1}]", "refused/argument"},
        {"f", "[[{\"await/ok\":1}]]", "refused/argument"},
    };
    Bytes wasm = wat_to_wasm(echo);
    expect_rows(*state, wasm, rows, sizeof rows / sizeof rows[0]);
    free_wasm(wasm);
}

static void opens_links_for_the_ipvm_abi(void **state)
{
    struct player *player = *state;
    char args[300];
    Bytes wasm = wat_to_wasm(echo);
    struct play play = {.wasm = wasm, .function = "f", .args = args};
    const char *raw = player_put(player, CODEC_RAW, bytes_of("abc", 3));
    snprintf(args, sizeof args, "[[{\"/\":\"%s\"}]]", raw);
    expect(player, &play, "{\"ok\":[{\"/\":{\"bytes\":\"YWJj\"}}]}");
    snprintf(args, sizeof args, "[{\"ipvm/text\":{\"/\":\"%s\"}}]", raw);
    expect(player, &play, "{\"ok\":\"abc\"}");
    const char *bad = player_put(player, CODEC_RAW, bytes_of("a\xff", 2));
    snprintf(args, sizeof args, "[{\"ipvm/text\":{\"/\":\"%s\"}}]", bad);
    expect(player, &play, "refused/argument");
    // What no value may hold, a linked block may not either.
    const char *low =
        player_put(player, CODEC_DAG_CBOR,
                   bytes_of("\x3b\xff\xff\xff\xff\xff\xff\xff\xff", 9));
    snprintf(args, sizeof args, "[{\"ipvm/value\":{\"/\":\"%s\"}}]", low);
    expect(player, &play, "refused/argument");
    // Blocks of other codecs stay links, here or not.
    char same[300];
    snprintf(args, sizeof args,
             "[{\"/\":\"bafyreifcqqic4u5xrkqdibsgtylpdlyq5zuz7swjfmf4ksvkrfv3d"
             "rd6g4\"}]");
    snprintf(same, sizeof same,
             "{\"ok\":{\"/\":\"bafyreifcqqic4u5xrkqdibsgtylpdlyq5zuz7swjfmf4ks"
             "vkrfv3drd6g4\"}}");
    expect(player, &play, same);
    Cid missing;
    char name[CID_TEXT_MAX];
    cid_of(CODEC_RAW, bytes_of("missing", 7), &missing);
    cid_to_text(&missing, name);
    snprintf(args, sizeof args, "[{\"/\":\"%s\"}]", name);
    expect(player, &play, "unavailable");
    free_wasm(wasm);
}

/* Each row returns the given bytes. */
static void judges_what_a_guest_returns(void **state)
{
    static const struct {
        const char *bytes; /* as in a WAT string */
        const char *len;
        const char *result;
    } rows[] = {
        {"\\a1\\62ok\\01", "5", "{\"ok\":1}"},
        {"\\a1\\65error\\01", "8", "{\"error\":1}"},
        {"", "0", TRAP},
        {"\\a1\\62ok", "4", TRAP},
        {"\\a1\\62ok\\01\\01", "6", TRAP},
        {"\\a1\\62ok\\18\\01", "6", TRAP},
        {"\\bf\\62ok\\01\\ff", "6", TRAP},
        {"\\a1\\62no\\01", "5", TRAP},
        {"\\01", "1", TRAP},
        {"\\a2\\62ok\\01\\65error\\01", "12", TRAP},
        {"\\a1\\62ok\\61\\ff", "6", TRAP},
        {"\\a1\\62ok\\f9\\7e\\00", "7", TRAP},
        {"\\a1\\62ok\\fb\\7f\\f8\\00\\00\\00\\00\\00\\00", "13",
         UNREPRESENTABLE},
        // A NaN and something malformed behind it: a trap first.
        {"\\a1\\62ok\\82\\fb\\7f\\f8\\00\\00\\00\\00\\00\\00\\18\\01", "16",
         TRAP},
        {"\\a1\\62ok\\3b\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff", "13",
         UNREPRESENTABLE},
        {"\\a1\\62ok\\a1\\66ipvm/x\\01", "13", UNREPRESENTABLE},
        {"\\a1\\62ok\\a2\\61a\\01\\66ipvm/x\\01", "16",
         "{\"ok\":{\"a\":1,\"ipvm/x\":1}}"},
        {"\\a1\\65error\\a2\\61a\\01\\6aipvm/error\\01", "23",
         UNREPRESENTABLE},
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        char text[1000];
        snprintf(text, sizeof text,
                 "(module (memory (export \"memory\") 1)"
                 " (data (i32.const 16) \"%s\")"
                 " (func (export \"ipvm_alloc\") (param i32) (result i32)"
                 "  i32.const 1024)"
                 " (func (export \"f\") (param i32 i32) (result i64)"
                 "  i64.const 68719476736 i64.const %s i64.or))",
                 rows[index].bytes, rows[index].len);
        Bytes wasm = wat_to_wasm(text);
        const struct play play = {.wasm = wasm, .function = "f", .args = "[]"};
        expect(*state, &play, rows[index].result);
        free_wasm(wasm);
    }
}

static void traps_on_pointers_outside_memory(void **state)
{
    static const char *const bodies[] = {
        IPVM("i64.const -1"),
        IPVM("i64.const 281474976710657"), /* 65536 << 32 | 1 */
        "(module (memory (export \"memory\") 1)"
        " (func (export \"ipvm_alloc\") (param i32) (result i32)"
        "  i32.const 65536)"
        " (func (export \"f\") (param i32 i32) (result i64) i64.const 0))",
        "(module (memory (export \"memory\") 1)"
        " (func (export \"ipvm_alloc\") (param i32) (result i32)"
        "  i32.const -1)"
        " (func (export \"f\") (param i32 i32) (result i64) i64.const 0))",
    };
    for (size_t index = 0; index < sizeof bodies / sizeof *bodies; index++) {
        Bytes wasm = wat_to_wasm(bodies[index]);
        const struct play play = {.wasm = wasm, .function = "f", .args = "[]"};
        expect(*state, &play, TRAP);
        free_wasm(wasm);
    }
}

static void runs_initialize_once_before_the_call(void **state)
{
    Bytes wasm =
        wat_to_wasm("(module (global $n (mut i32) (i32.const 0))"
                    " (func (export \"_initialize\")"
                    "  global.get $n i32.const 1 i32.add global.set $n)"
                    " (func (export \"n\") (result i32) global.get $n))");
    const struct play play = {.wasm = wasm, .function = "n", .args = "[]"};
    expect(*state, &play, "{\"ok\":1}");
    free_wasm(wasm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_functions_of_numbers),
        cmocka_unit_test(names_the_argument_that_does_not_fit),
        cmocka_unit_test(echoes_values_by_the_ipvm_abi),
        cmocka_unit_test(opens_links_for_the_ipvm_abi),
        cmocka_unit_test(judges_what_a_guest_returns),
        cmocka_unit_test(traps_on_pointers_outside_memory),
        cmocka_unit_test(runs_initialize_once_before_the_call),
    };
    return cmocka_run_group_tests(tests, open_player, close_player);
}
