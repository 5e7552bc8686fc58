/* SPDX-License-Identifier: Apache-2.0 */
/* Links and stand-ins in arguments, by what the parameter's type wants. */
#include "player.h"
#include "wat.h"

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ipld/dag_pb.h"
#include "ipld/unixfs_writer.h"

/* Each function's result is its argument, in memory. */
static const char guest_text[] =
    "(module (memory (export \"memory\") 64)"
    " (global $next (mut i32) (i32.const 1024))"
    " (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)"
    "  (local $at i32)"
    "  global.get $next i32.const 7 i32.add i32.const -8 i32.and"
    "  local.tee $at local.get 3 i32.add global.set $next local.get $at)"
    " (func $pair (param i32 i32) (result i32)"
    "  i32.const 16 local.get 0 i32.store"
    "  i32.const 20 local.get 1 i32.store i32.const 16)"
    " (export \"bytes\" (func $pair)) (export \"text\" (func $pair))"
    " (export \"files\" (func $pair)) (export \"numbers\" (func $pair))"
    " (export \"number\" (func $one))"
    " (func $one (param i32) (result i32) local.get 0)"
    " (func (export \"length\") (param i32 i32) (result i32) local.get 1)"
    " (func (export \"maybe\") (param i32 i32 i32) (result i32)"
    "  local.get 0 i32.const 1000 i32.mul local.get 2 i32.add))";

static const char guest_wit[] =
    "package a:b; world w {\n"
    "  export bytes: func(x: list<u8>) -> list<u8>;\n"
    "  export text: func(x: string) -> string;\n"
    "  export files: func(x: list<tuple<string, list<u8>>>)"
    " -> list<tuple<string, list<u8>>>;\n"
    "  export numbers: func(x: list<u32>) -> list<u32>;\n"
    "  export number: func(x: u32) -> u32;\n"
    "  export length: func(x: list<u8>) -> u32;\n"
    "  export maybe: func(x: option<list<u8>>) -> u32;\n"
    "}";

struct world {
    struct player player;
    Bytes wasm;
};

static int open_world(void **state)
{
    struct world *world = HEAP_NEW(struct world);
    player_open(&world->player);
    world->wasm = wasm_with_wit(guest_text, guest_wit);
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    player_close(&world->player);
    free((void *)(uintptr_t)world->wasm.data);
    free(world);
    return 0;
}

[[gnu::format(printf, 4, 5)]] static void expect(struct world *world,
                                                 const char *function,
                                                 const char *result,
                                                 const char *format, ...)
{
    char args[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(args, sizeof args, format, arguments);
    va_end(arguments);
    const struct play play = {
        .wasm = world->wasm, .function = function, .args = args};
    const char *text = player_play(&world->player, &play);
    if (strcmp(text, result) != 0)
        fail_msg("%s%s gave %.200s, not %s (%s)", function, args, text, result,
                 world->player.message);
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

#define LINK "{\"/\":\"%s\"}"
#define BYTES(base64) "{\"/\":{\"bytes\":\"" base64 "\"}}"
#define REFUSED "refused/argument"

static void opens_raw_blocks(void **state)
{
    struct world *world = *state;
    const char *abc =
        player_put(&world->player, CODEC_RAW, bytes_of("abc", 3));
    const char *bad =
        player_put(&world->player, CODEC_RAW, bytes_of("a\xff", 2));
    expect(world, "bytes", "{\"ok\":" BYTES("YWJj") "}", "[" LINK "]", abc);
    expect(world, "text", "{\"ok\":\"abc\"}", "[" LINK "]", abc);
    expect(world, "text", REFUSED, "[" LINK "]", bad);
    expect(world, "maybe", "{\"ok\":1003}", "[" LINK "]", abc);
    expect(world, "number", REFUSED, "[" LINK "]", abc);
    expect(world, "numbers", REFUSED, "[" LINK "]", abc);
    expect(world, "files", REFUSED, "[" LINK "]", abc);
    expect(world, "bytes", "unavailable",
           "[{\"/\":\"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s"
           "52zy\"}]");
    assert_non_null(strstr(world->player.message,
                           "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7"
                           "aqa4s52zy is not here"));
}

static void opens_dag_cbor_as_its_value(void **state)
{
    struct world *world = *state;
    const char *list = put_value(world, "[1,2,3]");
    const char *nothing = put_value(world, "null");
    const char *promise = put_value(world, "{\"await/ok\":1}");
    char json[200];
    snprintf(json, sizeof json, LINK, list);
    const char *link = put_value(world, json);
    expect(world, "numbers", "{\"ok\":[1,2,3]}", "[" LINK "]", list);
    expect(world, "numbers", "{\"ok\":[1,2,3]}", "[" LINK "]", link);
    expect(world, "maybe", "{\"ok\":0}", "[" LINK "]", nothing);
    expect(world, "numbers", REFUSED, "[" LINK "]", promise);
    expect(world, "bytes", REFUSED, "[" LINK "]", list);
    const char *malformed =
        player_put(&world->player, CODEC_DAG_CBOR, bytes_of("\x18\x01", 2));
    expect(world, "number", REFUSED, "[" LINK "]", malformed);
}

static void expands_stand_ins(void **state)
{
    struct world *world = *state;
    const char *abc =
        player_put(&world->player, CODEC_RAW, bytes_of("abc", 3));
    const char *list = put_value(world, "[1,2,3]");
    expect(world, "bytes", "{\"ok\":" BYTES("YWJj") "}",
           "[{\"ipvm/bytes\":" LINK "}]", abc);
    expect(world, "text", "{\"ok\":\"abc\"}", "[{\"ipvm/text\":" LINK "}]",
           abc);
    expect(world, "numbers", "{\"ok\":[1,2,3]}", "[{\"ipvm/value\":" LINK "}]",
           list);
    // They mean the value itself: no other kind will do.
    expect(world, "text", REFUSED, "[{\"ipvm/bytes\":" LINK "}]", abc);
    expect(world, "bytes", REFUSED, "[{\"ipvm/text\":" LINK "}]", abc);
    expect(world, "numbers", REFUSED, "[{\"ipvm/value\":" LINK "}]", abc);
    expect(world, "numbers", REFUSED, "[{\"ipvm/other\":1}]");
}

static void reads_files_of_many_blocks(void **state)
{
    struct world *world = *state;
    Bytes file = pattern(2500000);
    const struct unixfs_block_sink sink =
        block_map_sink(&world->player.blocks);
    Cid root;
    char name[CID_TEXT_MAX];
    assert_int_equal(unixfs_write(file, &sink, &root, NULL), STATUS_OK);
    cid_to_text(&root, name);
    expect(world, "length", "{\"ok\":2500000}", "[" LINK "]", name);
    char args[CID_TEXT_MAX + 20];
    snprintf(args, sizeof args, "[" LINK "]", name);
    struct play play = {
        .wasm = world->wasm, .function = "bytes", .args = args};
    player_play(&world->player, &play);
    // a1 62 "ok", a head of five bytes, the file.
    assert_int_equal(world->player.output.len, 2500000 + 9);
    assert_memory_equal(world->player.output.data + 9, file.data, file.len);
    // More than the task may use: not even asked of the guest.
    play.limits.memory = 2000000;
    assert_string_equal(player_play(&world->player, &play), "limit/memory");
    free((void *)(uintptr_t)file.data);
}

static const char *put_directory(struct world *world,
                                 const struct dag_pb_link *links, size_t count)
{
    struct buffer out;
    buffer_init(&out, 10000);
    // UnixFS: field 1, type directory.
    const struct dag_pb_node node = {.links = links,
                                     .count = count,
                                     .has_data = true,
                                     .data = bytes_of("\x08\x01", 2)};
    dag_pb_encode(&node, &out);
    const char *name =
        player_put(&world->player, CODEC_DAG_PB, buffer_bytes(&out));
    buffer_deinit(&out);
    return name;
}

static struct dag_pb_link entry(const char *name, const Cid *cid)
{
    return (struct dag_pb_link){.cid = cid_bytes(cid),
                                .has_name = true,
                                .name = text_of(name),
                                .has_tsize = true,
                                .tsize = 1};
}

static void lists_directories_sorted_by_path(void **state)
{
    struct world *world = *state;
    Cid one, two, below;
    cid_of(CODEC_RAW, bytes_of("1", 1), &one);
    cid_of(CODEC_RAW, bytes_of("2", 1), &two);
    player_put(&world->player, CODEC_RAW, bytes_of("1", 1));
    player_put(&world->player, CODEC_RAW, bytes_of("2", 1));
    const struct dag_pb_link inner[] = {entry("z", &one)};
    const char *name = put_directory(world, inner, 1);
    assert_int_equal(cid_from_text(text_of(name), &below, NULL), STATUS_OK);
    // "a" is a directory: "a-b" sorts before "a/z".
    const struct dag_pb_link outer[] = {entry("a", &below), entry("a-b", &two),
                                        entry("c", &one)};
    const char *root = put_directory(world, outer, 3);
    expect(world, "files",
           "{\"ok\":[[\"a-b\"," BYTES("Mg") "],[\"a/z\"," BYTES(
               "MQ") "],[\"c\"," BYTES("MQ") "]]}",
           "[" LINK "]", root);
    expect(world, "bytes", REFUSED, "[" LINK "]", root);
    const char *malformed =
        player_put(&world->player, CODEC_DAG_PB, bytes_of("\xff", 1));
    expect(world, "files", REFUSED, "[" LINK "]", malformed);
    expect(world, "bytes", REFUSED, "[" LINK "]", malformed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_raw_blocks),
        cmocka_unit_test(opens_dag_cbor_as_its_value),
        cmocka_unit_test(expands_stand_ins),
        cmocka_unit_test(reads_files_of_many_blocks),
        cmocka_unit_test(lists_directories_sorted_by_path),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
