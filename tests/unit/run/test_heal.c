/* SPDX-License-Identifier: Apache-2.0 */
/* What was lost is computed again where it is known what made it. */
#include "unit/run/world.h"

#include "run/heal.h"
#include "run/repair.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/store_private.h"

static const char big[] = "tasks:\n"
                          "  big: {run: bytes.wasm#big, args: []}\n";

/* The leaf that normalisation split off big()'s result. */
static Cid leaf_of_big(void)
{
    static const uint8_t zeros[40000];
    Cid cid;
    cid_of(CODEC_RAW, bytes_of(zeros, sizeof zeros), &cid);
    return cid;
}

static void change_block(struct world *world, const Cid *cid, const char *to)
{
    struct transaction transaction;
    assert_ok(tables_write(world->store->tables, &transaction, NULL));
    if (to)
        assert_ok(transaction_put(&transaction, TABLE_BLOCKS,
                                  cid_multihash(cid), text_bytes(text_of(to)),
                                  NULL));
    else
        assert_ok(transaction_remove(&transaction, TABLE_BLOCKS,
                                     cid_multihash(cid), NULL));
    assert_ok(transaction_commit(&transaction, NULL));
    world_reopen(world); // It was read already, and is remembered.
}

static bool is_here(struct world *world, const Cid *cid)
{
    struct block *block = NULL;
    Status status = store_get(world->store, cid, &block, NULL);
    block_unref(block);
    return status == STATUS_OK;
}

static struct healer healer_of(struct world *world)
{
    return (struct healer){.executor = world->executor,
                           .modules = world->modules};
}

static void a_lost_part_of_a_result_is_computed_again(void **state)
{
    struct world *world = *state;
    const Cid leaf = leaf_of_big();
    world_run(world, big);
    change_block(world, &leaf, NULL);
    assert_false(is_here(world, &leaf));
    struct healer healer = healer_of(world);
    assert_ok(heal_block(&healer, &leaf, NULL));
    assert_int_equal(healer.healed, 1);
    assert_false(healer.differed);
    assert_true(is_here(world, &leaf));
    assert_ok(heal_block(&healer, &leaf, NULL));
    assert_int_equal(healer.healed, 1); // It was here.
}

static void a_damaged_part_too(void **state)
{
    struct world *world = *state;
    const Cid leaf = leaf_of_big();
    world_run(world, big);
    change_block(world, &leaf, "other");
    struct healer healer = healer_of(world);
    assert_ok(heal_below(&healer, &leaf, NULL));
    assert_int_equal(healer.healed, 1);
    assert_true(is_here(world, &leaf));
}

static void what_nobody_made_is_said_to_be_lost(void **state)
{
    struct world *world = *state;
    struct healer healer = healer_of(world);
    struct error err = {0};
    Cid cid;
    cid_of(CODEC_RAW, text_bytes(TEXT("never here")), &cid);
    assert_status(heal_block(&healer, &cid, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "nothing here is known to make it"));
}

static void what_a_computation_needs_is_healed_first(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    const Cid leaf = leaf_of_big();
    Cid result;
    world_run(world, "tasks:\n"
                     "  big: {run: bytes.wasm#big, args: []}\n"
                     "  length: {run: bytes.wasm#length, args: [!ok big]}\n");
    world_report(world, "length", &report);
    cid_from_hash(CODEC_DAG_CBOR, &report.result, &result);
    change_block(world, &leaf, NULL);
    change_block(world, &result, NULL);
    struct healer healer = healer_of(world);
    assert_ok(heal_block(&healer, &result, NULL));
    assert_int_equal(healer.healed, 2);
    assert_true(is_here(world, &leaf));
}

static void what_made_it_may_come_out_differently(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    struct error err = {0};
    world_run(world, "tasks:\n  a: {run: numbers.wasm#add, args: [1, 2]}\n");
    world_report(world, "a", &report);
    // Somebody says that this came of it.
    struct store_batch *batch = store_batch_new(world->store);
    Cid cid;
    cid_of(CODEC_RAW, text_bytes(TEXT("not this")), &cid);
    store_batch_producer(batch, &cid, &report.concrete);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    struct healer healer = healer_of(world);
    assert_status(heal_block(&healer, &cid, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "another result"));
}

static void a_computation_does_not_heal_what_it_stands_on(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    const Cid leaf = leaf_of_big();
    Cid block;
    world_run(world, "tasks:\n"
                     "  big: {run: bytes.wasm#big, args: []}\n"
                     "  length: {run: bytes.wasm#length, args: [!ok big]}\n");
    world_report(world, "length", &report);
    cid_from_hash(CODEC_RAW, &report.concrete, &block);
    // As if length() had given back what it was given, first.
    struct transaction transaction;
    assert_ok(tables_write(world->store->tables, &transaction, NULL));
    assert_ok(transaction_put(&transaction, TABLE_PRODUCER,
                              cid_multihash(&leaf),
                              hash_view(&report.concrete), NULL));
    assert_ok(transaction_commit(&transaction, NULL));
    change_block(world, &leaf, NULL);
    struct healer healer = healer_of(world);
    assert_status(heal_block(&healer, &leaf, NULL), STATUS_NOT_FOUND);
    assert_int_equal(healer.healed, 0);
}

/* --- In a run ------------------------------------------------------------ */

static const char *needs_leaf(void)
{
    static char manifest[2 * WORLD_TEXT];
    char text[CID_TEXT_MAX];
    const Cid leaf = leaf_of_big();
    cid_to_text(&leaf, text);
    snprintf(manifest, sizeof manifest,
             "tasks:\n"
             "  a: {run: bytes.wasm#length, args: [!cid %s, 1]}\n"
             "  b: {run: bytes.wasm#length, args: [!cid %s, 2]}\n",
             text, text);
    return manifest;
}

static void a_task_that_lacks_a_block_is_helped(void **state)
{
    struct world *world = *state;
    const Cid leaf = leaf_of_big();
    world_run(world, big);
    change_block(world, &leaf, NULL);
    world_run(world, needs_leaf());
    world_is(world, "a", OUT_OK, END_NONE, BY_RUNNING);
    world_is(world, "b", OUT_OK, END_NONE, BY_RUNNING);
    assert_int_equal(world->alarms, 0);
    change_block(world, &leaf, "damaged");
    world->options.no_memo = true;
    world_run(world, needs_leaf());
    world_is(world, "a", OUT_OK, END_NONE, BY_RUNNING);
    world_is(world, "b", OUT_OK, END_NONE, BY_RUNNING);
}

static void a_task_ends_as_unavailable_if_nobody_can_help(void **state)
{
    struct world *world = *state;
    world_run(world, needs_leaf());
    world_is(world, "a", OUT_END, END_UNAVAILABLE, BY_RUNNING);
    world_is(world, "b", OUT_END, END_UNAVAILABLE, BY_RUNNING);
}

/* --- Repair -------------------------------------------------------------- */

static struct repair *repair_it(struct world *world, bool repair)
{
    const struct repair_options options = {.repair = repair, .threads = 2};
    struct repair *out;
    struct error err = {0};
    if (repair_store(world->executor, world->modules, &options, &out, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
    return out;
}

static void assert_sound(struct world *world)
{
    struct repair *repair = repair_it(world, false);
    assert_int_equal(repair->count, 0);
    repair_free(repair);
}

static void a_sound_store_needs_no_repair(void **state)
{
    struct world *world = *state;
    assert_sound(world);
    world_run(world, big);
    assert_sound(world);
}

static void a_lost_part_is_found_by_who_needs_it(void **state)
{
    struct world *world = *state;
    const Cid leaf = leaf_of_big();
    world_run(world, big);
    change_block(world, &leaf, NULL);
    struct repair *repair = repair_it(world, false);
    assert_int_equal(repair->count, 1);
    assert_int_equal(repair->left, 1);
    assert_int_equal(repair->findings[0].kind, FINDING_MISSING);
    assert_true(cid_equal(&repair->findings[0].cid, &leaf));
    assert_int_equal(repair->findings[0].dependent_count, 1);
    assert_true(repair->findings[0].can_mend);
    repair_free(repair);
    repair = repair_it(world, true);
    assert_int_equal(repair->count, 1);
    assert_int_equal(repair->left, 0);
    repair_free(repair);
    assert_true(is_here(world, &leaf));
    assert_sound(world);
}

static void a_hit_that_would_lie_is_withdrawn(void **state)
{
    struct world *world = *state;
    struct run_task_report report;
    struct memo_entry entry;
    const Cid leaf = leaf_of_big();
    world_run(world, big);
    world_report(world, "big", &report);
    Cid computation;
    cid_from_hash(CODEC_DAG_CBOR, &report.concrete, &computation);
    change_block(world, &leaf, "damaged");
    change_block(world, &computation, NULL);
    struct repair *repair = repair_it(world, true);
    assert_int_equal(repair->left, 0);
    repair_free(repair);
    assert_status(memo_get(world->store, &report.concrete, &entry, NULL),
                  STATUS_NOT_FOUND);
    assert_sound(world);
    world_run(world, big);
    world_is(world, "big", OUT_OK, END_NONE, BY_RUNNING);
    assert_true(is_here(world, &leaf));
}

static void what_a_pin_lacks_stays_said(void **state)
{
    struct world *world = *state;
    struct store_batch *batch = store_batch_new(world->store);
    Cid cid;
    cid_of(CODEC_RAW, text_bytes(TEXT("gone")), &cid);
    store_batch_pin(batch, &cid, TEXT("mine"));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    for (int round = 0; round < 2; round++) {
        struct repair *repair = repair_it(world, round);
        assert_int_equal(repair->left, 1);
        assert_true(repair->findings[0].is_rooted);
        assert_false(repair->findings[0].can_mend);
        assert_non_null(
            strstr(repair->findings[0].dependents[0].data, "(mine)"));
        repair_free(repair);
    }
}

#define IN_PROCESS(test)                                                      \
    cmocka_unit_test_setup_teardown(test, world_in_process, world_close)
#define ON_BOTH(test)                                                         \
    IN_PROCESS(test), cmocka_unit_test_setup_teardown(                        \
                          test, world_with_workers, world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_lost_part_of_a_result_is_computed_again),
        IN_PROCESS(a_damaged_part_too),
        IN_PROCESS(what_nobody_made_is_said_to_be_lost),
        IN_PROCESS(what_a_computation_needs_is_healed_first),
        IN_PROCESS(what_made_it_may_come_out_differently),
        IN_PROCESS(a_computation_does_not_heal_what_it_stands_on),
        ON_BOTH(a_task_that_lacks_a_block_is_helped),
        ON_BOTH(a_task_ends_as_unavailable_if_nobody_can_help),
        IN_PROCESS(a_sound_store_needs_no_repair),
        IN_PROCESS(a_lost_part_is_found_by_who_needs_it),
        IN_PROCESS(a_hit_that_would_lie_is_withdrawn),
        IN_PROCESS(what_a_pin_lacks_stays_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
