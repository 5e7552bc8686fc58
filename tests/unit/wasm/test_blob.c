/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm:content: blobs by link, as a module with WIT types, as the component
 * made of it, and with the IPVM ABI; what differs between them is a fault. */
#include "player.h"
#include "wat.h"

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ipld/unixfs_directory.h"
#include "ipld/unixfs_writer.h"

#define T "\"ipvm:content/types@1.0.0\""

/* `log` counts calls of cabi_realloc by their order, sizes and alignments. */
static const char wit_guest[] =
    "(module"
    " (import " T " \"open\" (func $open (param i32 i32) (result i32)))"
    " (import " T " \"[method]blob.kind\""
    "  (func $kind (param i32) (result i32)))"
    " (import " T " \"[method]blob.size\""
    "  (func $size (param i32) (result i64)))"
    " (import " T " \"[method]blob.read\""
    "  (func $read (param i32 i64 i32 i32)))"
    " (import " T " \"[method]blob.entries\""
    "  (func $entries (param i32 i64 i32 i32)))"
    " (import " T " \"[method]blob.find\""
    "  (func $find (param i32 i32 i32 i32)))"
    " (import " T " \"[resource-drop]blob\" (func $drop (param i32)))"
    " (memory (export \"memory\") 64)"
    " (global $next (mut i32) (i32.const 1024))"
    " (global $log (mut i32) (i32.const 1))"
    " (func $note (param i32)"
    "  global.get $log i32.const 31 i32.mul local.get 0 i32.add"
    "  global.set $log)"
    " (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)"
    "  (local $at i32)"
    "  local.get 2 call $note local.get 3 call $note"
    "  global.get $next i32.const 7 i32.add i32.const -8 i32.and"
    "  local.tee $at local.get 3 i32.add global.set $next local.get $at)"
    " (func (export \"kind\") (param i32) (result i32)"
    "  local.get 0 call $kind)"
    " (func (export \"size\") (param i32) (result i64)"
    "  local.get 0 call $size)"
    " (func (export \"read\") (param i32 i64 i32) (result i32)"
    "  local.get 0 local.get 1 local.get 2 i32.const 16 call $read"
    "  i32.const 16)"
    " (func (export \"entries\") (param i32 i64 i32) (result i32)"
    "  local.get 0 local.get 1 local.get 2 i32.const 16 call $entries"
    "  i32.const 16)"
    " (func (export \"find\") (param i32 i32 i32) (result i32)"
    "  local.get 0 local.get 1 local.get 2 i32.const 16 call $find"
    "  i32.const 16)"
    " (func (export \"log\") (param i32 i64 i32) (result i32)"
    "  local.get 0 call $kind i32.const 1 i32.eq"
    "  if local.get 0 local.get 1 local.get 2 i32.const 16 call $entries"
    "  else local.get 0 local.get 1 local.get 2 i32.const 16 call $read end"
    "  global.get $log global.get $next i32.add)"
    " (func (export \"reopen\") (param i32 i32 i32) (result i64)"
    "  local.get 0 call $size drop"
    "  local.get 1 local.get 2 call $open call $size)"
    " (func (export \"open\") (param i32 i32) (result i64)"
    "  local.get 0 local.get 1 call $open call $size)"
    /* first + 10 * second, then the numbers that are free again */
    " (func (export \"handles\") (param i32 i32 i32 i32) (result i32)"
    "  local.get 0 local.get 1 i32.const 10 i32.mul i32.add"
    "  local.get 0 call $drop local.get 1 call $drop"
    "  local.get 2 local.get 3 call $open i32.const 100 i32.mul i32.add"
    "  local.get 2 local.get 3 call $open i32.const 1000 i32.mul i32.add"
    "  local.get 2 local.get 3 call $open i32.const 10000 i32.mul i32.add)"
    " (func (export \"twice\") (param i32) local.get 0 call $drop"
    "  local.get 0 call $drop)"
    " (func (export \"after\") (param i32) (result i64) local.get 0 call $drop"
    "  local.get 0 call $size)"
    " (func (export \"lent\") (param i32) (result i64)"
    "  local.get 0 call $size local.get 0 call $drop)"
    " (func (export \"kept\") (param i32) (result i64)"
    "  local.get 0 call $size)"
    " (func (export \"many\") (param i32 i32 i32 i32) (result i32)"
    "  (local $last i32)"
    "  loop local.get 1 local.get 2 call $open local.set $last"
    "   local.get 3 i32.const 1 i32.sub local.tee 3 br_if 0 end"
    "  local.get $last)"
    " (func (export \"maybe\") (param i32 i32) (result i64)"
    "  local.get 0 if (result i64) local.get 1 call $size"
    "  else i64.const -1 end)"
    " (func (export \"pair\") (param i32 i32) (result i64)"
    "  local.get 0 call $size i64.const 1000 i64.mul"
    "  local.get 1 call $size i64.add))";

static const char wit_text[] =
    "package a:b; world w {\n"
    "  import ipvm:content/types@1.0.0;\n"
    "  use ipvm:content/types@1.0.0.{blob, kind, entry};\n"
    "  export kind: func(b: blob) -> kind;\n"
    "  export size: func(b: blob) -> u64;\n"
    "  export read: func(b: blob, o: u64, n: u32) -> list<u8>;\n"
    "  export entries: func(b: blob, s: u64, n: u32) -> list<entry>;\n"
    "  export find: func(b: blob, n: string) -> option<list<u8>>;\n"
    "  export log: func(b: blob, s: u64, n: u32) -> u32;\n"
    "  export reopen: func(b: blob, l: list<u8>) -> u64;\n"
    "  export open: func(l: list<u8>) -> u64;\n"
    "  export handles: func(a: blob, b: blob, l: list<u8>) -> u32;\n"
    "  export twice: func(b: blob);\n"
    "  export after: func(b: blob) -> u64;\n"
    "  export lent: func(b: borrow<blob>) -> u64;\n"
    "  export kept: func(b: borrow<blob>) -> u64;\n"
    "  export many: func(b: blob, l: list<u8>, n: u32) -> u32;\n"
    "  export maybe: func(b: option<blob>) -> u64;\n"
    "  record two { x: blob, y: blob }\n"
    "  export pair: func(p: two) -> u64;\n"
    "}";

struct world {
    struct player player;
    Bytes wasm;
    Bytes component;
};

static int open_world(void **state)
{
    struct world *world = HEAP_NEW(struct world);
    player_open(&world->player);
    world->wasm = wasm_with_wit(wit_guest, wit_text);
    world->component = wasm_component(world->wasm);
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    player_close(&world->player);
    free((void *)(uintptr_t)world->wasm.data);
    free((void *)(uintptr_t)world->component.data);
    free(world);
    return 0;
}

static void check(struct world *world, const struct play *play,
                  const char *result, const char *way)
{
    const char *text = player_play(&world->player, play);
    if (strcmp(text, result) != 0)
        fail_msg("%s%.300s %s gave %.200s, not %.200s (%s)", play->function,
                 play->args, way, text, result, world->player.message);
}

/* By our own canonical ABI in both engines, and as a component. */
[[gnu::format(printf, 4, 5)]] static void expect(struct world *world,
                                                 const char *function,
                                                 const char *result,
                                                 const char *format, ...)
{
    char args[2000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(args, sizeof args, format, arguments);
    va_end(arguments);
    struct play play = {
        .wasm = world->wasm, .function = function, .args = args};
    check(world, &play, result, "in wasmtime");
    play.engine = RUN_ENGINE_WASMI;
    check(world, &play, result, "in wasmi");
    play.engine = RUN_ENGINE_WASMTIME;
    play.wasm = world->component;
    check(world, &play, result, "as a component");
}

#define LINK "{\"/\":\"%s\"}"
#define BYTES "{\"/\":{\"bytes\":\"%s\"}}"
#define TRAP "{\"error\":{\"ipvm/error\":\"trap\"}}"
#define ABSENT "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

/* Bytes, or a CID's, as base64 without padding. */
static const char *base64(struct world *world, Bytes bytes)
{
    Value value = value_bytes(bytes);
    struct buffer json;
    buffer_init(&json, 4 << 20);
    assert_int_equal(dag_json_encode(&value, &json, NULL), STATUS_OK);
    // {"/":{"bytes":"…"}}
    Text text = {(const char *)json.data + 15, json.len - 18};
    const char *kept = arena_copy_text(&world->player.blocks.arena, text).data;
    buffer_deinit(&json);
    return kept;
}

static const char *base64_of_cid(struct world *world, const char *name)
{
    Cid cid;
    assert_int_equal(cid_from_text(text_of(name), &cid, NULL), STATUS_OK);
    return base64(world, cid_bytes(&cid));
}

static const char *put_file(struct world *world, Bytes file)
{
    const struct unixfs_block_sink sink =
        block_map_sink(&world->player.blocks);
    Cid root;
    assert_int_equal(unixfs_write(file, &sink, &root, NULL), STATUS_OK);
    return cid_bytes_to_text(cid_bytes(&root), &world->player.blocks.arena)
        .data;
}

static const char *put_value(struct world *world, const char *json)
{
    struct arena arena = {0};
    Value value;
    Cid cid;
    assert_int_equal(
        dag_json_decode(text_bytes(text_of(json)), &arena, &value, NULL),
        STATUS_OK);
    Bytes block = dag_cbor_block(&value, &arena, &cid);
    const char *name = player_put(&world->player, CODEC_DAG_CBOR, block);
    arena_deinit(&arena);
    return name;
}

static const char *put_abc(struct world *world)
{
    return player_put(&world->player, CODEC_RAW, bytes_of("abc", 3));
}

static void says_what_a_link_leads_to(void **state)
{
    struct world *world = *state;
    const char *abc = put_abc(world), *value = put_value(world, "[1,2,3]");
    expect(world, "kind", "{\"ok\":\"file\"}", "[" LINK "]", abc);
    expect(world, "size", "{\"ok\":3}", "[" LINK "]", abc);
    expect(world, "kind", "{\"ok\":\"block\"}", "[" LINK "]", value);
    expect(world, "size", "{\"ok\":4}", "[" LINK "]", value);
    expect(world, "read", "{\"ok\":{\"/\":{\"bytes\":\"gwECAw\"}}}",
           "[" LINK ",0,9]", value);
}

static void reads_where_a_symlink_leads(void **state)
{
    struct world *world = *state;
    const struct unixfs_block_sink sink =
        block_map_sink(&world->player.blocks);
    Cid root;
    char name[CID_TEXT_MAX];
    assert_int_equal(
        unixfs_write_symlink(TEXT("abc"), NULL, &sink, &root, NULL, NULL),
        STATUS_OK);
    cid_to_text(&root, name);
    expect(world, "kind", "{\"ok\":\"symlink\"}", "[" LINK "]", name);
    expect(world, "size", "{\"ok\":3}", "[" LINK "]", name);
    expect(world, "read", "{\"ok\":{\"/\":{\"bytes\":\"YmM\"}}}",
           "[" LINK ",1,9]", name);
    expect(world, "entries", TRAP, "[" LINK ",0,1]", name);
}

static void takes_bytes_and_what_stands_for_them(void **state)
{
    struct world *world = *state;
    const char *abc = put_abc(world), *value = put_value(world, "[1,2,3]");
    expect(world, "size", "{\"ok\":3}", "[{\"/\":{\"bytes\":\"YWJj\"}}]");
    expect(world, "kind", "{\"ok\":\"file\"}",
           "[{\"/\":{\"bytes\":\"YWJj\"}}]");
    expect(world, "read", "{\"ok\":{\"/\":{\"bytes\":\"YmM\"}}}",
           "[{\"/\":{\"bytes\":\"YWJj\"}},1,9]");
    expect(world, "read", "{\"ok\":{\"/\":{\"bytes\":\"YmM\"}}}",
           "[{\"ipvm/bytes\":" LINK "},1,9]", abc);
    expect(world, "size", TRAP, "[{\"ipvm/bytes\":" LINK "}]", value);
    expect(world, "size", "refused/argument", "[3]");
    expect(world, "size", "refused/argument", "[\"abc\"]");
    expect(world, "size", "refused/argument", "[{\"ipvm/text\":" LINK "}]",
           abc);
    // The link in a stand-in is no link.
    expect(world, "reopen", TRAP, "[{\"ipvm/bytes\":" LINK "}," BYTES "]", abc,
           base64_of_cid(world, abc));
}

static void reads_ranges_shorter_only_at_the_end(void **state)
{
    struct world *world = *state;
    Bytes file = pattern(2500000);
    const char *name = put_file(world, file);
    static const struct {
        unsigned from, len, found;
    } rows[] = {{0, 0, 0},       {0, 5, 5},          {1048570, 12, 12},
                {2097150, 4, 4}, {2499999, 1, 1},    {2499990, 100, 10},
                {2500000, 1, 0}, {4000000000U, 1, 0}};
    expect(world, "size", "{\"ok\":2500000}", "[" LINK "]", name);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        char result[300];
        Bytes part =
            bytes_of(file.data + (rows[row].found ? rows[row].from : 0),
                     rows[row].found);
        snprintf(result, sizeof result, "{\"ok\":" BYTES "}",
                 base64(world, part));
        expect(world, "read", result, "[" LINK ",%u,%u]", name, rows[row].from,
               rows[row].len);
    }
    // All of it in one read; and more than one read gives.
    expect(world, "log", "{\"ok\":5002016}", "[" LINK ",0,16777216]", name);
    expect(world, "read", TRAP, "[" LINK ",0,16777217]", name);
    free((void *)(uintptr_t)file.data);
}

static void opens_only_what_may_be_opened(void **state)
{
    struct world *world = *state;
    const char *abc = put_abc(world);
    const char *other =
        player_put(&world->player, CODEC_RAW, bytes_of("other", 5));
    char json[300];
    snprintf(json, sizeof json, "{\"x\":[" LINK "]}", other);
    const char *value = put_value(world, json);
    const char *abc64 = base64_of_cid(world, abc);
    const char *other64 = base64_of_cid(world, other);
    expect(world, "open", TRAP, "[" BYTES "]", abc64);
    expect(world, "reopen", TRAP, "[" LINK "," BYTES "]", abc, other64);
    expect(world, "reopen", "{\"ok\":3}", "[" LINK "," BYTES "]", abc, abc64);
    expect(world, "reopen", "{\"ok\":5}", "[" LINK "," BYTES "]", value,
           other64);
    // Not before the block was read that it stands in.
    expect(world, "handles", TRAP, "[" LINK "," LINK "," BYTES "]", value,
           value, other64);
    // No CID at all.
    expect(world, "reopen", TRAP, "[" LINK "," BYTES "]", abc, "YWJj");
    expect(world, "reopen", TRAP, "[" LINK "," BYTES "]", abc, "");
}

static void ends_where_a_block_is_missing(void **state)
{
    struct world *world = *state;
    const char *value = put_value(world, "{\"x\":{\"/\":\"" ABSENT "\"}}");
    expect(world, "size", "unavailable", "[{\"/\":\"" ABSENT "\"}]");
    assert_non_null(strstr(world->player.message, ABSENT " is not here"));
    expect(world, "read", "unavailable", "[{\"/\":\"" ABSENT "\"},0,0]");
    expect(world, "reopen", "unavailable", "[" LINK "," BYTES "]", value,
           base64_of_cid(world, ABSENT));
    // Unread, it is not missed.
    expect(world, "maybe", "{\"ok\":18446744073709551615}", "[null]");
    expect(world, "twice", TRAP, "[{\"/\":\"" ABSENT "\"}]");
}

static void traps_at_what_is_malformed(void **state)
{
    struct world *world = *state;
    const char *pb =
        player_put(&world->player, CODEC_DAG_PB, bytes_of("\xff", 1));
    const char *cbor =
        player_put(&world->player, CODEC_DAG_CBOR, bytes_of("\x18\x01", 2));
    expect(world, "kind", TRAP, "[" LINK "]", pb);
    expect(world, "kind", TRAP, "[" LINK "]", cbor);
    expect(world, "entries", TRAP, "[" LINK ",0,1]", put_abc(world));
    expect(world, "find", TRAP, "[" LINK ",\"x\"]", put_abc(world));
}

static void numbers_handles_as_components_do(void **state)
{
    struct world *world = *state;
    const char *abc = put_abc(world), *abc64 = base64_of_cid(world, abc);
    // 1 and 2 came; 2, dropped last, is given first, then 1, then 3.
    expect(world, "handles", "{\"ok\":31221}", "[" LINK "," LINK "," BYTES "]",
           abc, abc, abc64);
    expect(world, "twice", TRAP, "[" LINK "]", abc);
    expect(world, "after", TRAP, "[" LINK "]", abc);
    expect(world, "lent", "{\"ok\":3}", "[" LINK "]", abc);
    expect(world, "kept", TRAP, "[" LINK "]", abc);
    expect(world, "maybe", "{\"ok\":3}", "[" LINK "]", abc);
    expect(world, "pair", "{\"ok\":3003}", "[{\"x\":" LINK ",\"y\":" LINK "}]",
           abc, abc);
}

static void bounds_how_many_are_open(void **state)
{
    struct world *world = *state;
    const char *abc = put_abc(world), *abc64 = base64_of_cid(world, abc);
    expect(world, "many", "{\"ok\":16384}", "[" LINK "," BYTES ",16383]", abc,
           abc64);
    expect(world, "many", TRAP, "[" LINK "," BYTES ",16384]", abc, abc64);
}

static const char *put_directory(struct world *world, size_t count, bool wide)
{
    struct arena *arena = &world->player.blocks.arena;
    struct unixfs_child *children =
        arena_array(arena, count, sizeof *children);
    const struct unixfs_block_sink sink =
        block_map_sink(&world->player.blocks);
    Cid cid, root;
    cid_of(CODEC_RAW, bytes_of("abc", 3), &cid);
    put_abc(world);
    for (size_t index = 0; index < count; index++)
        children[index] = (struct unixfs_child){
            arena_format(arena, wide ? "%0200zu" : "%zu", index), cid, 3};
    assert_int_equal(unixfs_write_directory(children, count, NULL, &sink,
                                            &root, NULL, NULL),
                     STATUS_OK);
    return cid_bytes_to_text(cid_bytes(&root), arena).data;
}

static void lists_directories_by_pages(void **state)
{
    struct world *world = *state;
    const char *dir = put_directory(world, 12, false);
    const char *abc64 = base64_of_cid(world, put_abc(world));
    char result[1000];
    snprintf(result, sizeof result,
             "{\"ok\":[{\"link\":" BYTES ",\"name\":\"1\"},{\"link\":" BYTES
             ",\"name\":\"10\"},{\"link\":" BYTES ",\"name\":\"11\"}]}",
             abc64, abc64, abc64);
    expect(world, "kind", "{\"ok\":\"directory\"}", "[" LINK "]", dir);
    expect(world, "entries", result, "[" LINK ",1,3]", dir);
    snprintf(result, sizeof result,
             "{\"ok\":[{\"link\":" BYTES ",\"name\":\"9\"}]}", abc64);
    expect(world, "entries", result, "[" LINK ",11,1024]", dir);
    expect(world, "entries", "{\"ok\":[]}", "[" LINK ",12,1]", dir);
    expect(world, "entries", "{\"ok\":[]}", "[" LINK ",0,0]", dir);
    expect(world, "entries", TRAP, "[" LINK ",0,1025]", dir);
    expect(world, "size", TRAP, "[" LINK "]", dir);
    expect(world, "read", TRAP, "[" LINK ",0,1]", dir);
    snprintf(result, sizeof result, "{\"ok\":" BYTES "}", abc64);
    expect(world, "find", result, "[" LINK ",\"11\"]", dir);
    expect(world, "find", "{\"ok\":null}", "[" LINK ",\"12\"]", dir);
    expect(world, "find", "{\"ok\":null}", "[" LINK ",\"\"]", dir);
    expect(world, "find", "{\"ok\":null}", "[" LINK ",\"1/2\"]", dir);
}

/* A HAMT shows nothing of itself. */
static void lists_sharded_directories(void **state)
{
    struct world *world = *state;
    const char *dir = put_directory(world, 3000, true);
    const char *abc64 = base64_of_cid(world, put_abc(world));
    char result[1000];
    expect(world, "kind", "{\"ok\":\"directory\"}", "[" LINK "]", dir);
    snprintf(result, sizeof result,
             "{\"ok\":[{\"link\":" BYTES ",\"name\":\"%0200u\"}]}", abc64,
             2999);
    expect(world, "entries", result, "[" LINK ",2999,5]", dir);
    snprintf(result, sizeof result, "{\"ok\":" BYTES "}", abc64);
    expect(world, "find", result, "[" LINK ",\"%0200u\"]", dir, 1234);
    expect(world, "find", "{\"ok\":null}", "[" LINK ",\"x\"]", dir);
}

/* Both ways the guest sees the same calls of its cabi_realloc. */
static void allocates_as_components_do(void **state)
{
    struct world *world = *state;
    const char *dir = put_directory(world, 100, false);
    static const char *const calls[] = {"0,0", "0,7", "3,100", "99,5"};
    for (size_t row = 0; row < sizeof calls / sizeof *calls; row++) {
        char args[200], first[100];
        snprintf(args, sizeof args, "[" LINK ",%s]", dir, calls[row]);
        const struct play play = {
            .wasm = world->component, .function = "log", .args = args};
        snprintf(first, sizeof first, "%s",
                 player_play(&world->player, &play));
        expect(world, "log", first, "%s", args);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_a_link_leads_to),
        cmocka_unit_test(reads_where_a_symlink_leads),
        cmocka_unit_test(takes_bytes_and_what_stands_for_them),
        cmocka_unit_test(reads_ranges_shorter_only_at_the_end),
        cmocka_unit_test(opens_only_what_may_be_opened),
        cmocka_unit_test(ends_where_a_block_is_missing),
        cmocka_unit_test(traps_at_what_is_malformed),
        cmocka_unit_test(numbers_handles_as_components_do),
        cmocka_unit_test(bounds_how_many_are_open),
        cmocka_unit_test(lists_directories_by_pages),
        cmocka_unit_test(lists_sharded_directories),
        cmocka_unit_test(allocates_as_components_do),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
