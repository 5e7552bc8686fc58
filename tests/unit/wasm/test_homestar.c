/* SPDX-License-Identifier: Apache-2.0 */
/* The mapping "homestar/0.2": the rows of docs/formats/homestar.md. */
#include "player.h"
#include "wat.h"

static const char guest_text[] =
    "(module (memory (export \"memory\") 2)"
    " (global $next (mut i32) (i32.const 1024))"
    " (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)"
    "  (local $at i32)"
    "  global.get $next i32.const 7 i32.add i32.const -8 i32.and"
    "  local.tee $at local.get 3 i32.add global.set $next local.get $at)"
    " (func (export \"echo\") (param i32) (result i32) local.get 0))";

struct row {
    const char *definitions;
    const char *type;
    struct {
        const char *arg, *back; /* NULL: the same */
    } values[10];
};

#define REFUSED "refused/argument"
#define UNREPRESENTABLE "{\"error\":{\"ipvm/error\":\"unrepresentable\"}}"
#define BYTES(base64) "{\"/\":{\"bytes\":\"" base64 "\"}}"
#define CID "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

static const struct row rows[] = {
    {"",
     "bool",
     {{"true", 0}, {"[]", "false"}, {"[true,3]", "true"}, {"1", REFUSED}}},
    {"",
     "u8",
     {{"7", 0},
      {"[7,9]", "7"},
      {"300.7", "255"},
      {"-3.5", "0"},
      {"7.9", "7"},
      {"256", REFUSED},
      {"null", REFUSED}}},
    {"", "s8", {{"-1.9", "-1"}, {"-1000.0", "-128"}, {"1000.0", "127"}}},
    {"", "s64", {{"5", 0}, {"5.0", REFUSED}}},
    {"", "u64", {{"1e300", "18446744073709551615"}}},
    {"",
     "f32",
     {{"0.1", "0.1"},
      {"16777217", "16777216.0"},
      {"-0.0", "0.0"},
      {"3", "3.0"},
      {"1e29", UNREPRESENTABLE},
      {"1e300", UNREPRESENTABLE}}},
    {"", "f64", {{"0.1", 0}, {"-0.0", 0}, {"3", "3.0"}}},
    {"", "char", {{"\"x\"", 0}, {"\"xy\"", REFUSED}, {"\"\"", REFUSED}}},
    {"",
     "string",
     {{"\"x\"", 0},
      {"null", 0},
      {"\"null\"", "null"},
      {"\"" CID "\"", "{\"/\":\"" CID "\"}"},
      {"{\"/\":\"" CID "\"}", 0},
      {"\"see /ipfs/" CID "\"", "{\"/\":\"" CID "\"}"},
      {BYTES("AAEC"), "\"AAEC\""},
      {"[\"a\",\"b\"]", "\"a\""},
      {"1", REFUSED}}},
    {"",
     "list<u8>",
     {{BYTES("AAEC"), 0},
      {"[0,1,2]", BYTES("AAEC")},
      {BYTES(""), "[]"},
      {"[]", 0},
      {"\"x\"", REFUSED}}},
    {"",
     "list<u16>",
     {{"[1,2]", 0}, {BYTES(""), "[]"}, {BYTES("AA"), REFUSED}}},
    {"",
     "tuple<u8, u8>",
     {{"[1,2]", 0}, {"[1,2,3]", "[1,2]"}, {"[1]", REFUSED}}},
    {"record r { a: u8, b: option<u8> }",
     "r",
     {{"{\"a\":1,\"b\":null}", 0},
      {"{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":2}"},
      {"{\"a\":1}", REFUSED}}},
    {"variant v { none, num(u8) }",
     "v",
     {{"{\"num\":1}", 0},
      {"{\"none\":5}", "{\"none\":null}"},
      {"{\"none\":1,\"num\":2}", "{\"none\":null}"},
      {"\"none\"", REFUSED},
      {"{}", REFUSED}}},
    {"enum e { red, green }", "e", {{"\"green\"", 0}, {"\"blue\"", REFUSED}}},
    {"flags f { a, b }",
     "f",
     {{"[\"b\",\"a\",\"b\"]", "[\"a\",\"b\"]"}, {"[1]", REFUSED}}},
    {"", "option<option<u8>>", {{"null", 0}, {"5", 0}}},
    {"",
     "result<u8, string>",
     {{"[1,null]", 0},
      {"[null,\"e\"]", 0},
      {"[1,2]", REFUSED},
      {"[1]", REFUSED},
      {"{\"ok\":1}", REFUSED}}},
    {"",
     "result",
     {{"[1,null]", 0}, {"[null,1]", 0}, {"[9,null]", "[1,null]"}}},
    {"",
     "list<tuple<string, string>>",
     {{"{\"aa\":\"2\",\"b\":\"1\"}", 0},
      {"[[\"k\",\"1\"],[\"k\",\"2\"]]", "{\"k\":\"2\"}"},
      {"{}", 0},
      {"[]", "{}"},
      {"[[\"ipvm/x\",\"1\"]]", UNREPRESENTABLE},
      {"{\"a\":1}", REFUSED}}},
    {"",
     "list<tuple<string, u32>>",
     {{"[[\"k\",1]]", "{\"k\":1}"}, {"{\"k\":1}", REFUSED}}},
    {"", "list<tuple<u8, u8>>", {{"[[1,2]]", UNREPRESENTABLE}, {"[]", "{}"}}},
};

static void maps_as_homestar_does(void **state)
{
    (void)state;
    struct player player;
    player_open(&player);
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        char wit[1000];
        snprintf(wit, sizeof wit,
                 "package a:b;\nworld w {\n%s\n"
                 "export echo: func(x: tuple<%s, u8>, pad: tuple<u8, u8, u8, "
                 "u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8>)"
                 " -> tuple<%s, u8>;\n}\n",
                 rows[index].definitions, rows[index].type, rows[index].type);
        Bytes wasm = wasm_with_wit(guest_text, wit);
        for (size_t turn = 0; rows[index].values[turn].arg; turn++) {
            char args[500], result[500];
            const char *arg = rows[index].values[turn].arg;
            const char *back = rows[index].values[turn].back;
            if (!back)
                back = arg;
            snprintf(args, sizeof args,
                     "[[%s,7],[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]]", arg);
            bool whole =
                strcmp(back, REFUSED) == 0 || strncmp(back, "{\"err", 5) == 0;
            snprintf(result, sizeof result, whole ? "%s" : "{\"ok\":[%s,7]}",
                     back);
            struct play play = {.wasm = wasm,
                                .function = "echo",
                                .args = args,
                                .homestar = true};
            const char *text = player_play(&player, &play);
            if (strcmp(text, result) != 0)
                fail_msg("%s of %s gave %s, not %s (%s)", arg,
                         rows[index].type, text, result, player.message);
        }
        free((void *)(uintptr_t)wasm.data);
    }
    player_close(&player);
}

static void opens_links_that_are_arguments(void **state)
{
    (void)state;
    struct player player;
    char args[300];
    player_open(&player);
    const char *abc = player_put(&player, CODEC_RAW, bytes_of("abc", 3));
    Bytes wasm = wasm_with_wit(
        "(module (memory (export \"memory\") 2)"
        " (func (export \"cabi_realloc\") (param i32 i32 i32 i32)"
        "  (result i32) i32.const 1024)"
        " (func (export \"f\") (param i32 i32) (result i32)"
        "  i32.const 16 local.get 0 i32.store"
        "  i32.const 20 local.get 1 i32.store i32.const 16)"
        " (func (export \"g\") (result i32) i32.const 1))",
        "package a:b; world w { export f: func(x: string) -> string;"
        " export g: func() -> result<u8>; }");
    struct play play = {
        .wasm = wasm, .function = "f", .args = args, .homestar = true};
    snprintf(args, sizeof args, "[{\"/\":\"%s\"}]", abc);
    assert_string_equal(player_play(&player, &play), "{\"ok\":\"YWJj\"}");
    free((void *)(uintptr_t)wasm.data);
    player_close(&player);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_as_homestar_does),
        cmocka_unit_test(opens_links_that_are_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
