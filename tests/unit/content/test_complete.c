/* SPDX-License-Identifier: Apache-2.0 */
/* What a root lacks is told, for every root that leads to it. */
#include "unit/content/place.h"

#include <stdlib.h>

#include "content/complete.h"
#include "ipld/dag_cbor.h"

struct told {
    size_t count;
    struct lack last;
};

static void keep(void *context, const struct lack *lack)
{
    struct told *told = context;
    told->count++;
    told->last = *lack;
}

static Cid put(struct place *place, uint64_t codec, Bytes bytes, bool is_kept)
{
    Cid cid;
    cid_of(codec, bytes, &cid);
    if (!is_kept)
        return cid;
    struct store_batch *batch = store_batch_new(place->store);
    store_batch_block(batch, &cid, bytes);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    return cid;
}

/* A dag-cbor list of two links. */
static Cid put_pair(struct place *place, const Cid *first, const Cid *second)
{
    struct arena arena = {0};
    const Value items[] = {value_link(first), value_link(second)};
    const Value list = value_list(items, 2);
    Cid cid;
    Bytes block = dag_cbor_block(&list, &arena, &cid);
    put(place, CODEC_DAG_CBOR, block, true);
    arena_deinit(&arena);
    return cid;
}

static bool check(struct complete *complete, const Cid *root,
                  struct told *told)
{
    bool is_complete;
    *told = (struct told){.count = 0};
    assert_ok(complete_check(complete, root, keep, told, &is_complete, NULL));
    assert_int_equal(is_complete, told->count == 0);
    return is_complete;
}

static void a_lack_is_told_for_every_root_that_leads_to_it(void **state)
{
    struct place *place = *state;
    struct told told;
    const Cid here = put(place, CODEC_RAW, text_bytes(TEXT("here")), true);
    const Cid gone = put(place, CODEC_RAW, text_bytes(TEXT("gone")), false);
    const Cid whole = put_pair(place, &here, &here);
    const Cid below = put_pair(place, &here, &gone);
    const Cid above = put_pair(place, &whole, &below);
    struct complete *complete = complete_new(place->store, NULL);
    assert_true(check(complete, &whole, &told));
    for (int round = 0; round < 2; round++) {
        assert_false(check(complete, &above, &told));
        assert_true(cid_equal(&told.last.cid, &gone));
        assert_int_equal(told.last.kind, LACK_MISSING);
        assert_int_equal(told.last.index, 0);
        assert_false(check(complete, &below, &told));
        assert_false(check(complete, &gone, &told));
        assert_true(check(complete, &whole, &told));
    }
    complete_free(complete);
}

static void leaves_are_asked_for_and_not_read_if_so_wished(void **state)
{
    struct place *place = *state;
    struct told told;
    struct seen damaged = {0};
    const struct complete_options options = {.skip_leaves = true,
                                             .damaged = &damaged};
    const Cid here = put(place, CODEC_RAW, text_bytes(TEXT("here")), true);
    const Cid gone = put(place, CODEC_RAW, text_bytes(TEXT("gone")), false);
    struct complete *complete = complete_new(place->store, &options);
    assert_true(check(complete, &here, &told));
    assert_false(check(complete, &gone, &told));
    complete_free(complete);
    seen_add(&damaged, cid_multihash(&here));
    complete = complete_new(place->store, &options);
    assert_false(check(complete, &here, &told));
    assert_int_equal(told.last.kind, LACK_DAMAGED);
    complete_free(complete);
    seen_deinit(&damaged);
}

static void a_block_that_its_codec_cannot_read_is_malformed(void **state)
{
    struct place *place = *state;
    struct told told;
    const Cid bad = put(place, CODEC_DAG_CBOR, text_bytes(TEXT("\x81")), true);
    struct complete *complete = complete_new(place->store, NULL);
    assert_false(check(complete, &bad, &told));
    assert_int_equal(told.last.kind, LACK_MALFORMED);
    complete_free(complete);
}

#define IN_PLACE(test)                                                        \
    cmocka_unit_test_setup_teardown(test, place_open, place_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_lack_is_told_for_every_root_that_leads_to_it),
        IN_PLACE(leaves_are_asked_for_and_not_read_if_so_wished),
        IN_PLACE(a_block_that_its_codec_cannot_read_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
