/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/codec.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "ipld/dag_pb.h"
#include "unit/ipld/hex.h"

/* --- Names --------------------------------------------------------------- */

static void names_lead_to_codes_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t code;
    } rows[] = {{"raw", 0x55},        {"dag-pb", 0x70},  {"dag-cbor", 0x71},
                {"dag-json", 0x0129}, {"cbor", 0x51},    {"json", 0x0200},
                {"git-raw", 0x78},    {"dag-jose", 0x85}};
    uint64_t code;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        assert_true(codec_from_name(text_of(rows[index].name), &code));
        assert_int_equal(code, rows[index].code);
        assert_string_equal(codec_name(code), rows[index].name);
    }
    assert_false(codec_from_name(TEXT("dag-cbo"), &code));
    assert_false(codec_from_name(TEXT(""), &code));
    assert_null(codec_name(0x300000));
}

static void codecs_that_nobody_here_reads_are_named(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct error err = {0};
    Value value;
    Bytes bytes = exact_from_hex("00");
    assert_int_equal(codec_decode(0x0200, bytes, &arena, &value, &err),
                     STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "0x200 (json)"));
    assert_int_equal(codec_decode(0x300001, bytes, &arena, &value, &err),
                     STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "0x300001 is not"));
    exact_free(bytes);
    arena_deinit(&arena);
}

/* --- Links: the scan and the tree agree ----------------------------------- */

struct told {
    Bytes links[512];
    size_t count, stop_at;
};

static Status tell(void *context, Bytes cid, struct error *err)
{
    struct told *told = context;
    (void)err;
    assert_true(told->count < 512);
    told->links[told->count++] = cid;
    return told->count == told->stop_at ? STATUS_CANCELLED : STATUS_OK;
}

static void links_of_tree(const Value *value, struct told *told)
{
    if (value->kind == VALUE_LINK)
        told->links[told->count++] = value->link;
    if (value->kind == VALUE_LIST)
        for (size_t index = 0; index < value->list.count; index++)
            links_of_tree(&value->list.items[index], told);
    if (value->kind == VALUE_MAP)
        for (size_t index = 0; index < value->map.count; index++)
            links_of_tree(&value->map.entries[index].value, told);
}

/* Returns whether the block is one of dag-cbor. */
static bool check_agree(Bytes block)
{
    struct arena arena = {0};
    struct error tree_error = {0}, scan_error = {0};
    struct told tree = {0}, scan = {0};
    Value value;
    const Status decoded =
        codec_decode(CODEC_DAG_CBOR, block, &arena, &value, &tree_error);
    const Status scanned =
        codec_links(CODEC_DAG_CBOR, block, tell, &scan, &scan_error);
    assert_int_equal(decoded, scanned);
    if (decoded == STATUS_OK) {
        links_of_tree(&value, &tree);
        assert_int_equal(tree.count, scan.count);
        for (size_t index = 0; index < tree.count; index++)
            assert_ptr_equal(tree.links[index].data, scan.links[index].data);
    } else {
        assert_string_equal(tree_error.message, scan_error.message);
        assert_int_equal(tree_error.offset, scan_error.offset);
    }
    arena_deinit(&arena);
    return decoded == STATUS_OK;
}

/* A stream of numbers from a seed. */
static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*seed >> 33);
}

static Value random_value(struct arena *arena, uint64_t *seed, int depth)
{
    Cid *cid = ARENA_NEW(arena, Cid);
    const uint32_t kind = next_random(seed) % (depth > 0 ? 9 : 7);
    const size_t count = next_random(seed) % 5;
    switch (kind) {
    case 0:
        return value_null();
    case 1:
        return value_bool(next_random(seed) & 1);
    case 2:
        return value_int((int64_t)next_random(seed) - (1 << 30));
    case 3:
        return value_float(next_random(seed) / 7.0);
    case 4:
        return value_text(arena_format(arena, "é%u", next_random(seed)));
    case 5:
        return value_bytes(text_bytes(arena_format(arena, "%zu", count)));
    case 6:
        cid_of(CODEC_RAW, bytes_of(&count, sizeof count), cid);
        return value_link(cid);
    default:
        break;
    }
    Value *items = arena_array(arena, count, sizeof *items);
    struct value_entry *entries = arena_array(arena, count, sizeof *entries);
    for (size_t index = 0; index < count; index++) {
        items[index] = random_value(arena, seed, depth - 1);
        entries[index] = (struct value_entry){
            arena_format(arena, "k%zu", index), items[index]};
    }
    return kind == 7 ? value_list(items, count)
                     : value_map(arena, entries, count);
}

static void scan_and_tree_agree_on_values_that_were_bent(void **state)
{
    (void)state;
    uint64_t seed = 20261121;
    size_t good = 0, bad = 0;
    for (int round = 0; round < 3000; round++) {
        struct arena arena = {0};
        struct buffer block;
        buffer_init(&block, 1 << 20);
        const Value value = random_value(&arena, &seed, 4);
        assert_int_equal(codec_encode(CODEC_DAG_CBOR, &value, &block, NULL),
                         STATUS_OK);
        for (int bend = 0; bend < 5; bend++) {
            Bytes copy = exact_copy(buffer_bytes(&block));
            uint8_t *bytes = (uint8_t *)(uintptr_t)copy.data;
            if (bend > 0)
                bytes[next_random(&seed) % copy.len] =
                    (uint8_t)next_random(&seed);
            *(check_agree(copy) ? &good : &bad) += 1;
            exact_free(copy);
        }
        buffer_deinit(&block);
        arena_deinit(&arena);
    }
    assert_true(good >= 3000);
    assert_true(bad >= 1000);
}

static void scan_and_tree_agree_on_every_truncation(void **state)
{
    (void)state;
    uint64_t seed = 7;
    struct arena arena = {0};
    struct buffer block;
    buffer_init(&block, 1 << 20);
    Value items[20];
    for (size_t index = 0; index < 20; index++)
        items[index] = random_value(&arena, &seed, 3);
    const Value value = value_list(items, 20);
    dag_cbor_encode(&value, &block);
    for (size_t len = 0; len < block.len; len++) {
        Bytes copy = exact_copy(bytes_of(block.data, len));
        assert_false(check_agree(copy));
        exact_free(copy);
    }
    buffer_deinit(&block);
    arena_deinit(&arena);
}

/* Each breaks one rule behind a link: it is found all the same. */
static void refuses_what_is_wrong_behind_a_link(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "82d82a4500015500001817",               /* 23 in two bytes */
        "82d82a450001550000ff",                 /* a stray break */
        "82d82a450001550000",                   /* ends early */
        "82d82a45000155000061ff",               /* not UTF-8 */
        "82d82a450001550000a2616201616102",     /* keys out of order */
        "82d82a450001550000fb7ff0000000000000", /* infinite */
        "81d82a45000155000000",                 /* more behind it */
        "81d82a440155000000",                   /* no zero in front */
        "81d82a450002550000",                   /* CIDv2 */
    };
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        Bytes bytes = exact_from_hex(rows[index]);
        if (check_agree(bytes))
            fail_msg("%s was taken", rows[index]);
        exact_free(bytes);
    }
    Bytes good = exact_from_hex("82d82a45000155000001");
    assert_true(check_agree(good));
    exact_free(good);
}

static void a_listener_can_stop(void **state)
{
    (void)state;
    struct told told = {.stop_at = 2};
    Bytes block =
        exact_from_hex("83d82a450001550000d82a450001550000d82a450001550000");
    assert_int_equal(codec_links(CODEC_DAG_CBOR, block, tell, &told, NULL),
                     STATUS_CANCELLED);
    assert_int_equal(told.count, 2);
    exact_free(block);
}

static void every_codec_tells_its_links(void **state)
{
    (void)state;
    struct told told = {0};
    static const char json[] =
        "{\"a\": [{\"/\": \"bafkqaaa\"}], \"b\": {\"/\": \"bafkqaaa\"}}";
    // Two links, "a" of size 0 and one without a name.
    Bytes node = exact_from_hex("1208 0a04 01550000 1200 1206 0a04 01550000");
    assert_int_equal(codec_links(CODEC_DAG_JSON,
                                 bytes_of(json, sizeof json - 1), tell, &told,
                                 NULL),
                     STATUS_OK);
    assert_int_equal(told.count, 2);
    assert_int_equal(codec_links(CODEC_DAG_PB, node, tell, &told, NULL),
                     STATUS_OK);
    assert_int_equal(told.count, 4);
    assert_int_equal(codec_links(CODEC_RAW, node, tell, &told, NULL),
                     STATUS_OK);
    assert_int_equal(codec_links(0x300001, node, tell, &told, NULL),
                     STATUS_OK);
    assert_int_equal(told.count, 4);
    exact_free(node);
}

/* --- Encoding ------------------------------------------------------------ */

static void codecs_refuse_what_they_cannot_say(void **state)
{
    (void)state;
    struct buffer out;
    struct error err = {0};
    const Value number = value_uint(1);
    buffer_init(&out, 100);
    assert_int_equal(codec_encode(CODEC_RAW, &number, &out, &err),
                     STATUS_INVALID);
    assert_non_null(strstr(err.message, "int"));
    assert_int_equal(codec_encode(CODEC_DAG_PB, &number, &out, &err),
                     STATUS_INVALID);
    assert_int_equal(codec_encode(0x51, &number, &out, &err),
                     STATUS_UNSUPPORTED);
    assert_int_equal(codec_encode(CODEC_DAG_JSON, &number, &out, &err),
                     STATUS_OK);
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_to_codes_and_back),
        cmocka_unit_test(codecs_that_nobody_here_reads_are_named),
        cmocka_unit_test(scan_and_tree_agree_on_values_that_were_bent),
        cmocka_unit_test(scan_and_tree_agree_on_every_truncation),
        cmocka_unit_test(refuses_what_is_wrong_behind_a_link),
        cmocka_unit_test(a_listener_can_stop),
        cmocka_unit_test(every_codec_tells_its_links),
        cmocka_unit_test(codecs_refuse_what_they_cannot_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
