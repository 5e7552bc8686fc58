/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a task, to the letter; long values are told whole up to a
 * bound; and libp2p's name of a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#undef fail /* base/status.h has a function of this name */

#include "content/content.h"
#include "homestar/facts.h"
#include "homestar/notice.h"
#include "ipld/dag_json.h"
#include "task/computation.h"
#include "task/homestar.h"

struct world {
    struct store *store;
    struct store_batch *batch;
    struct arena arena;
    struct buffer told;
};

static int setup(void **state)
{
    struct world *world = HEAP_NEW(struct world);
    world->store = store_open_memory();
    world->batch = store_batch_new(world->store);
    buffer_init(&world->told, NOTICE_BYTES_MAX);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    store_batch_free(world->batch);
    store_close(world->store);
    arena_deinit(&world->arena);
    buffer_deinit(&world->told);
    free(world);
    return 0;
}

static Status put(void *context, const Cid *cid, Bytes block,
                  struct error *err)
{
    struct world *world = context;
    (void)err;
    store_batch_block(world->batch, cid, block);
    return STATUS_OK;
}

/* Normalises {"ok": value} as a run would, and keeps it. */
static Cid keep_result(struct world *world, Value value)
{
    const struct block_sink sink = {world, put};
    const Value whole = value_map1(&world->arena, TEXT("ok"), value);
    struct result result;
    struct buffer bytes;
    buffer_init(&bytes, 64 << 20);
    dag_cbor_encode(&whole, &bytes);
    assert_int_equal(result_normalise(buffer_bytes(&bytes), &sink,
                                      &world->arena, &result, NULL),
                     STATUS_OK);
    store_batch_block(world->batch, &result.cid, result.block);
    assert_int_equal(store_commit(world->batch, NULL), STATUS_OK);
    buffer_deinit(&bytes);
    return result.cid;
}

static const Cid *some_cid(void)
{
    static Cid cid;
    cid_of(CODEC_DAG_CBOR, bytes_of("x", 1), &cid);
    return &cid;
}

/* The notice as a value; in the world's arena. */
static Value tell(struct world *world, const Cid *result, Text message)
{
    const struct notice notice = {
        .name = TEXT("n"),
        .workflow = some_cid(),
        .is_replayed = result != NULL,
        .function = TEXT("f"),
        .invocation = some_cid(),
        .result = result,
        .message = message,
    };
    Value value;
    buffer_clear(&world->told);
    assert_int_equal(notice_write(world->store, &notice, &world->told, NULL),
                     STATUS_OK);
    assert_int_equal(dag_json_decode(buffer_bytes(&world->told), &world->arena,
                                     &value, NULL),
                     STATUS_OK);
    return value;
}

static const Value *out_of(const Value *notice)
{
    const Value *out =
        value_get(value_get(notice, TEXT("receipt")), TEXT("out"));
    assert_non_null(out);
    assert_int_equal(out->list.count, 2);
    return out->list.items;
}

static void a_result_is_told_to_the_letter(void **state)
{
    struct world *world = *state;
    const Cid result = keep_result(world, value_int(2));
    const Value notice = tell(world, &result, TEXT(""));
    char cid[CID_TEXT_MAX];
    cid_to_text(some_cid(), cid);
    const Value *receipt = value_get(&notice, TEXT("receipt"));
    Cid receipt_cid;
    char receipt_text[CID_TEXT_MAX];
    homestar_cid(receipt, &world->arena, &receipt_cid);
    cid_to_text(&receipt_cid, receipt_text);
    const Text expected = arena_format(
        &world->arena,
        "{\"metadata\":{\"name\":\"n\",\"replayed\":true,\"workflow\":{\"/\":"
        "\"%s\"}},\"receipt\":{\"iss\":null,\"meta\":{\"op\":\"f\"},\"out\":["
        "\"ok\",2],\"prf\":[],\"ran\":{\"/\":\"%s\"}},\"receipt_cid\":{\"/\":"
        "\"%s\"}}",
        cid, cid, receipt_text);
    assert_int_equal(world->told.len, expected.len);
    assert_memory_equal(world->told.data, expected.data, expected.len);
}

static void what_came_to_nothing_is_told_as_an_error(void **state)
{
    struct world *world = *state;
    const Value notice = tell(world, NULL, TEXT("limit/time"));
    assert_true(text_equal(out_of(&notice)[0].text, TEXT("error")));
    assert_true(text_equal(out_of(&notice)[1].text, TEXT("limit/time")));
}

static void long_values_are_told_whole(void **state)
{
    enum { LONG = 3 * LONG_VALUE };
    struct world *world = *state;
    uint8_t *bytes = arena_alloc(&world->arena, LONG);
    memset(bytes, 'a', LONG);
    const Value parts[] = {
        value_bytes(bytes_of(bytes, LONG)),
        value_text(bytes_text(bytes_of(bytes, LONG))),
        value_map1(&world->arena, TEXT("k"),
                   value_bytes(bytes_of(bytes, LONG_VALUE))),
    };
    const Value whole = value_list(parts, 3);
    const Cid result = keep_result(world, whole);
    const Value notice = tell(world, &result, TEXT(""));
    assert_true(value_equal(&out_of(&notice)[1], &whole));
}

static void what_is_too_long_to_be_told_is_a_link(void **state)
{
    struct world *world = *state;
    const size_t len = NOTICE_FILE_MAX + 1;
    uint8_t *bytes = arena_alloc(&world->arena, len);
    memset(bytes, 'a', len);
    const Value parts[] = {value_bytes(bytes_of(bytes, len)),
                           value_bytes(bytes_of(bytes, LONG_VALUE + 1))};
    const Cid result = keep_result(world, value_list(parts, 2));
    const Value notice = tell(world, &result, TEXT(""));
    const Value *value = &out_of(&notice)[1];
    assert_int_equal(value->list.items[0].kind, VALUE_LINK);
    assert_true(value_equal(&value->list.items[1], &parts[1]));
}

static void a_lost_result_is_a_status(void **state)
{
    struct world *world = *state;
    const struct notice notice = {.name = TEXT("n"),
                                  .workflow = some_cid(),
                                  .function = TEXT("f"),
                                  .invocation = some_cid(),
                                  .result = some_cid()};
    assert_int_equal(notice_write(world->store, &notice, &world->told, NULL),
                     STATUS_NOT_FOUND);
}

/* {"/": "text"} as a value of a guest: DAG-JSON would read it as a link. */
static void what_dag_json_cannot_say_is_told_as_an_error(void **state)
{
    struct world *world = *state;
    const Cid result = keep_result(
        world, value_map1(&world->arena, TEXT("/"), value_text(TEXT("a"))));
    const Value notice = tell(world, &result, TEXT(""));
    assert_true(text_equal(out_of(&notice)[0].text, TEXT("error")));
}

/* From libp2p's specification of peer ids. */
static void keys_have_libp2p_s_names(void **state)
{
    static const uint8_t ed25519[32] = {
        0x1e, 0xd1, 0xe8, 0xfa, 0xe2, 0xc4, 0xa1, 0x44, 0xb8, 0xbe, 0x8f,
        0xd4, 0xb4, 0x7b, 0xf3, 0xd3, 0xb3, 0x4b, 0x87, 0x1c, 0x3c, 0xac,
        0xf6, 0x01, 0x0f, 0x0e, 0x42, 0xd4, 0x74, 0xfc, 0xe2, 0x7e};
    struct world *world = *state;
    PublicKey key = {.type = KEY_ED25519, .len = 32};
    memcpy(key.bytes, ed25519, sizeof ed25519);
    const Text name = facts_peer_id(&key, &world->arena);
    assert_string_equal(
        name.data, "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq");
    key.type = KEY_SECP256K1;
    key.len = 33;
    assert_true(
        text_starts_with(facts_peer_id(&key, &world->arena), TEXT("16Uiu2H")));
    key.type = KEY_P256;
    assert_true(
        text_starts_with(facts_peer_id(&key, &world->arena), TEXT("Qm")));
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(a_result_is_told_to_the_letter),
        IN_A_WORLD(what_came_to_nothing_is_told_as_an_error),
        IN_A_WORLD(long_values_are_told_whole),
        IN_A_WORLD(what_is_too_long_to_be_told_is_a_link),
        IN_A_WORLD(a_lost_result_is_a_status),
        IN_A_WORLD(what_dag_json_cannot_say_is_told_as_an_error),
        IN_A_WORLD(keys_have_libp2p_s_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
