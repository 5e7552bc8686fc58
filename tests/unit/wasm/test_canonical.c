/* SPDX-License-Identifier: Apache-2.0 */
/* Every WIT type into a guest and out again: by our own canonical ABI on both
 * engines, and by the engine's component API, with equal bytes. */
#include "player.h"
#include "wat.h"

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

/* So many parameters that all are in memory: a pointer comes in, and goes out
 * as the result. Its cabi_realloc notes what it is called with at 1024. */
static const char guest_text[] =
    "(module (memory (export \"memory\") 2)"
    " (global $next (mut i32) (i32.const 65536))"
    " (global $note (mut i32) (i32.const 1024))"
    " (func $byte (param i32)"
    "  global.get $note local.get 0 i32.store"
    "  global.get $note i32.const 4 i32.add global.set $note)"
    " (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)"
    "  (local $at i32)"
    "  local.get 0 call $byte local.get 1 call $byte"
    "  local.get 2 call $byte local.get 3 call $byte"
    "  global.get $next local.get 2 i32.add i32.const 1 i32.sub"
    "  i32.const 0 local.get 2 i32.sub i32.and local.tee $at"
    "  local.get 3 i32.add global.set $next local.get $at)"
    " (func (export \"echo\") (param i32) (result i32) local.get 0)"
    " (func (export \"calls\") (param i32) (result i32)"
    "  i32.const 0 i32.const 1024 i32.store"
    "  i32.const 4 global.get $note i32.const 1024 i32.sub i32.store"
    "  i32.const 0))";

/* The three ways, the first being the one that is compared with. */
static const struct {
    RunEngine engine;
    bool is_component;
    bool by_component_api;
} ways[] = {
    {RUN_ENGINE_WASMTIME, false, false},
    {RUN_ENGINE_WASMI, false, false},
    {RUN_ENGINE_WASMTIME, true, false},
    {RUN_ENGINE_WASMTIME, true, true},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

static void expect(struct player *player, Bytes wasm, Bytes component,
                   struct play play, const char *result)
{
    struct arena arena = {0};
    Bytes first = {0};
    for (size_t way = 0; way < WAYS; way++) {
        play.wasm = ways[way].is_component ? component : wasm;
        play.engine = ways[way].engine;
        play.by_component_api = ways[way].by_component_api;
        const char *text = player_play(player, &play);
        if (result && strcmp(text, result) != 0)
            fail_msg("%s%s, way %zu, gave %s, not %s (%s)", play.function,
                     play.args, way, text, result, player->message);
        if (player->end != END_NONE)
            continue;
        if (way == 0)
            first = arena_copy_bytes(&arena, player->output);
        else if (!bytes_equal(first, player->output))
            fail_msg("%s%s, way %zu, gave other bytes: %s", play.function,
                     play.args, way, text);
    }
    arena_deinit(&arena);
}

/* Arguments of type T and what comes back; NULL: the same. */
struct value_row {
    const char *arg;
    const char *back;
};

struct type_row {
    const char *definitions;
    const char *type;
    struct value_row values[12];
};

#define REFUSED "refused/argument"
#define BYTES(base64) "{\"/\":{\"bytes\":\"" base64 "\"}}"

static const struct type_row types[] = {
    {"",
     "bool",
     {{"true", 0}, {"false", 0}, {"1", REFUSED}, {"null", REFUSED}}},
    {"", "s8", {{"-128", 0}, {"127", 0}, {"128", REFUSED}, {"-129", REFUSED}}},
    {"", "u8", {{"0", 0}, {"255", 0}, {"256", REFUSED}, {"-1", REFUSED}}},
    {"", "s16", {{"-32768", 0}, {"32767", 0}, {"32768", REFUSED}}},
    {"", "u16", {{"65535", 0}, {"65536", REFUSED}}},
    {"", "s32", {{"-2147483648", 0}, {"2147483647", 0}}},
    {"", "u32", {{"4294967295", 0}, {"4294967296", REFUSED}}},
    {"",
     "s64",
     {{"-9223372036854775808", 0},
      {"9223372036854775807", 0},
      {"9223372036854775808", REFUSED},
      {"-9223372036854775809", REFUSED}}},
    {"",
     "u64",
     {{"18446744073709551615", 0}, {"-1", REFUSED}, {"1.0", REFUSED}}},
    {"", "f32", {{"1.5", 0}, {"-0.0", 0}, {"7", "7.0"}, {"1e39", REFUSED}}},
    {"", "f64", {{"1e300", "1e+300"}, {"-0.0", 0}, {"5e-324", 0}}},
    {"",
     "char",
     {{"\"a\"", 0},
      {"\"\\u00e9\"", "\"\xc3\xa9\""},
      {"\"\xf0\x9f\x98\x80\"", 0},
      {"\"\\u0000\"", 0},
      {"\"\"", REFUSED},
      {"\"ab\"", REFUSED}}},
    {"", "string", {{"\"\"", 0}, {"\"h\xc3\xa9\"", 0}, {"1", REFUSED}}},
    {"",
     "list<u8>",
     {{BYTES("AAEC"), 0},
      {BYTES(""), 0},
      {"[0,1]", REFUSED},
      {"[]", REFUSED}}},
    {"",
     "list<s32>",
     {{"[]", 0}, {"[1,-2,3]", 0}, {"[1,\"x\"]", REFUSED}, {"1", REFUSED}}},
    {"", "list<string>", {{"[\"a\",\"\",\"ccc\"]", 0}}},
    {"", "list<list<u16>>", {{"[[1],[],[2,3]]", 0}}},
    {"", "list<f64>", {{"[0.5,1.0]", 0}}},
    {"",
     "tuple<u8, u64, u8>",
     {{"[1,2,3]", 0}, {"[1,2]", REFUSED}, {"[1,2,3,4]", REFUSED}}},
    {"record r { bb: u8, a: string, ccc: option<u32> }",
     "r",
     {{"{\"a\":\"x\",\"bb\":1,\"ccc\":null}", 0},
      {"{\"a\":\"x\",\"bb\":1,\"ccc\":5}", 0},
      {"{\"a\":\"x\",\"bb\":1}", REFUSED},
      {"{\"a\":\"x\",\"bb\":1,\"ccc\":5,\"d\":1}", REFUSED}}},
    {"variant v { none, num(u64), text(string), real(f32) }",
     "v",
     {{"\"none\"", 0},
      {"{\"num\":18446744073709551615}", 0},
      {"{\"text\":\"hi\"}", 0},
      {"{\"real\":0.5}", 0},
      {"\"num\"", REFUSED},
      {"{\"none\":null}", REFUSED},
      {"{\"other\":1}", REFUSED},
      {"{\"num\":1,\"text\":\"x\"}", REFUSED}}},
    {"enum e { red, green, blue }",
     "e",
     {{"\"red\"", 0}, {"\"blue\"", 0}, {"\"pink\"", REFUSED}, {"0", REFUSED}}},
    {"flags f { a, b, c, d, e, f, g, h, i }",
     "f",
     {{"[]", 0},
      {"[\"a\",\"i\"]", 0},
      {"[\"i\",\"a\"]", "[\"a\",\"i\"]"},
      {"[\"a\",\"a\"]", REFUSED},
      {"[\"z\"]", REFUSED},
      {"[1]", REFUSED}}},
    {"",
     "option<u8>",
     {{"null", 0}, {"0", 0}, {"[]", REFUSED}, {"\"x\"", REFUSED}}},
    {"",
     "option<option<u8>>",
     {{"null", 0}, {"[]", 0}, {"[5]", 0}, {"5", REFUSED}, {"[5,6]", REFUSED}}},
    {"",
     "option<option<option<u8>>>",
     {{"null", 0}, {"[]", 0}, {"[[]]", 0}, {"[[5]]", 0}, {"[5]", REFUSED}}},
    {"", "option<string>", {{"null", 0}, {"\"\"", 0}, {"\"x\"", 0}}},
    {"",
     "result<u8, string>",
     {{"{\"ok\":1}", 0},
      {"{\"error\":\"e\"}", 0},
      {"{\"ok\":null}", REFUSED},
      {"1", REFUSED}}},
    {"",
     "result",
     {{"{\"ok\":null}", 0}, {"{\"error\":null}", 0}, {"{\"ok\":1}", REFUSED}}},
    {"", "list<tuple<string, list<u8>>>", {{"[[\"a\"," BYTES("AA") "]]", 0}}},
    {"variant w { a(u8), b(u64), c(list<option<string>>) }",
     "list<w>",
     {{"[{\"a\":1},{\"b\":2},{\"c\":[null,\"x\"]}]", 0}}},
};

static Bytes make_guest(const struct type_row *row)
{
    char wit[2000];
    snprintf(wit, sizeof wit,
             "package a:b;\nworld w {\n%s\n"
             "export echo: func(x: tuple<%s, u8>, pad: tuple<u8, u8, u8, u8, "
             "u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8>)"
             " -> tuple<%s, u8>;\n"
             "export calls: func(x: tuple<%s, u8>, pad: tuple<u8, u8, u8, u8,"
             " u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8>)"
             " -> list<u8>;\n}\n",
             row->definitions, row->type, row->type, row->type);
    return wasm_with_wit(guest_text, wit);
}

static void takes_and_gives_every_type(void **state)
{
    for (size_t index = 0; index < sizeof types / sizeof types[0]; index++) {
        const struct type_row *row = &types[index];
        Bytes wasm = make_guest(row);
        Bytes component = wasm_component(wasm);
        for (const struct value_row *value = row->values; value->arg;
             value++) {
            char args[500], result[500];
            snprintf(args, sizeof args,
                     "[[%s,7],[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]]",
                     value->arg);
            const char *back = value->back ? value->back : value->arg;
            bool refused = strcmp(back, REFUSED) == 0;
            snprintf(result, sizeof result, refused ? "%s" : "{\"ok\":[%s,7]}",
                     back);
            struct play play = {.function = "echo", .args = args};
            expect(*state, wasm, component, play, result);
            // The guest sees the same calls of its cabi_realloc.
            play.function = "calls";
            expect(*state, wasm, component, play, refused ? REFUSED : NULL);
        }
        free_wasm(component);
        free_wasm(wasm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_and_gives_every_type),
    };
    return cmocka_run_group_tests(tests, open_player, close_player);
}
