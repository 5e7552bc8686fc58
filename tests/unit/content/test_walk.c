/* SPDX-License-Identifier: Apache-2.0 */
#include "content/walk.h"

#include "unit/content/place.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "store/seen.h"

/* A block: a list of links, and its number. */
static Cid put_node(struct store *store, uint64_t number, const Cid *links,
                    size_t count)
{
    struct arena arena = {0};
    Value *items = arena_array(&arena, count + 1, sizeof *items);
    Cid cid;
    items[0] = value_uint(number);
    for (size_t index = 0; index < count; index++)
        items[index + 1] = value_link(&links[index]);
    Value value = value_list(items, count + 1);
    Bytes block = dag_cbor_block(&value, &arena, &cid);
    struct store_batch *batch = store_batch_new(store);
    store_batch_block(batch, &cid, block);
    store_commit_async(batch, NULL, NULL);
    arena_deinit(&arena);
    return cid;
}

struct trace {
    size_t count;
    size_t missing;
    uint64_t deepest;
    Cid order[16];
};

static Status note(void *context, const struct walk_visit *visit,
                   struct error *err)
{
    struct trace *trace = context;
    (void)err;
    if (trace->count < 16)
        trace->order[trace->count] = *visit->cid;
    trace->count++;
    trace->missing += visit->block == NULL;
    if (visit->depth > trace->deepest)
        trace->deepest = visit->depth;
    return STATUS_OK;
}

static void goes_depth_first_in_the_order_of_links(void **state)
{
    struct place *place = *state;
    Cid leaf = put_node(place->store, 0, NULL, 0);
    Cid left = put_node(place->store, 1, &leaf, 1);
    Cid right = put_node(place->store, 2, &leaf, 1);
    Cid root = put_node(place->store, 3, (Cid[]){left, right, left}, 3);
    struct trace trace = {0};
    const struct walk_options options = {.context = &trace};
    assert_ok(content_walk(place->store, &root, 1, &options, note, NULL));
    assert_int_equal(trace.count, 4);
    assert_true(cid_equal(&trace.order[0], &root));
    assert_true(cid_equal(&trace.order[1], &left));
    assert_true(cid_equal(&trace.order[2], &leaf));
    assert_true(cid_equal(&trace.order[3], &right));
    assert_int_equal(trace.deepest, 2);
}

static void a_missing_block_is_named(void **state)
{
    struct place *place = *state;
    Cid gone, root;
    char name[CID_TEXT_MAX];
    struct error err = {0};
    cid_of(CODEC_RAW, bytes_of("gone", 4), &gone);
    root = put_node(place->store, 1, &gone, 1);
    struct trace trace = {0};
    struct walk_options options = {.context = &trace};
    assert_status(content_walk(place->store, &root, 1, &options, note, &err),
                  STATUS_NOT_FOUND);
    cid_to_text(&gone, name);
    assert_non_null(strstr(err.message, name));
    trace = (struct trace){0};
    options.missing_too = true;
    assert_ok(content_walk(place->store, &root, 1, &options, note, &err));
    assert_int_equal(trace.count, 2);
    assert_int_equal(trace.missing, 1);
}

static void a_malformed_block_is_named(void **state)
{
    struct place *place = *state;
    Cid bad;
    char name[CID_TEXT_MAX];
    struct error err = {0};
    cid_of(CODEC_DAG_CBOR, bytes_of("\x18\x01", 2), &bad);
    struct store_batch *batch = store_batch_new(place->store);
    store_batch_block(batch, &bad, bytes_of("\x18\x01", 2));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    struct trace trace = {0};
    const struct walk_options options = {.context = &trace};
    assert_status(content_walk(place->store, &bad, 1, &options, note, &err),
                  STATUS_INVALID);
    cid_to_text(&bad, name);
    assert_non_null(strstr(err.message, name));
}

static void bytes_that_are_leaf_and_node_lead_on(void **state)
{
    struct place *place = *state;
    Cid leaf = put_node(place->store, 0, NULL, 0);
    Cid node = put_node(place->store, 1, &leaf, 1), raw, root;
    Hash hash;
    assert_true(cid_sha256(&node, 0, &hash));
    cid_from_hash(CODEC_RAW, &hash, &raw);
    root = put_node(place->store, 2, (Cid[]){raw, node}, 2);
    struct trace trace = {0};
    const struct walk_options options = {.context = &trace,
                                         .skip_leaves = true};
    assert_ok(content_walk(place->store, &root, 1, &options, note, NULL));
    assert_int_equal(trace.count, 3);
    assert_true(cid_equal(&trace.order[1], &raw));
    assert_true(cid_equal(&trace.order[2], &leaf));
}

static void a_chain_may_be_long(void **state)
{
    struct place *place = *state;
    Cid at = put_node(place->store, 0, NULL, 0);
    enum { LONG = 100000 };
    for (uint64_t number = 1; number < LONG; number++)
        at = put_node(place->store, number, &at, 1);
    struct trace trace = {0};
    const struct walk_options options = {.context = &trace};
    assert_ok(content_walk(place->store, &at, 1, &options, note, NULL));
    assert_int_equal(trace.count, LONG);
    assert_int_equal(trace.deepest, LONG - 1);
}

static void a_set_keeps_what_it_met_apart(void **state)
{
    struct seen seen = {0};
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (uint32_t number = 0; number < 5000; number++) {
            Cid cid;
            cid_of(CODEC_RAW, bytes_of(&number, sizeof number), &cid);
            assert_int_equal(seen_has(&seen, cid_multihash(&cid)), round);
            assert_int_equal(seen_add(&seen, cid_multihash(&cid)), !round);
        }
    }
    assert_int_equal(seen.count, 5000);
    // Short ones, too.
    assert_true(seen_add(&seen, bytes_of("\0\1a", 3)));
    assert_true(seen_add(&seen, bytes_of("\0\1b", 3)));
    assert_false(seen_add(&seen, bytes_of("\0\1a", 3)));
    seen_deinit(&seen);
}

#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, place_open, place_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(goes_depth_first_in_the_order_of_links),
        TEST(a_missing_block_is_named),
        TEST(a_malformed_block_is_named),
        TEST(bytes_that_are_leaf_and_node_lead_on),
        TEST(a_chain_may_be_long),
        cmocka_unit_test(a_set_keeps_what_it_met_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
