/* SPDX-License-Identifier: Apache-2.0 */
/* What a collection keeps and what it takes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dag.h"
#include "fixture.h"

#include "base/clock.h"
#include "store/gc.h"
#include "store/store_private.h"

static const struct gc_options at_once = {.no_grace = true, .keep_none = true};

static struct gc_report collect(struct store *store,
                                const struct gc_options *options)
{
    struct gc_report report;
    struct error err = {0};
    const Status status = store_gc(store, options, &report, &err);
    assert_string_equal(err.message, "");
    assert_ok(status);
    return report;
}

static bool has(struct store *store, const char *text)
{
    const Cid cid = cid_of_text(text);
    return store_has(store, &cid);
}

static void set_name(struct store *store, const char *name, const Cid *cid)
{
    struct store_batch *batch = store_batch_new(store);
    if (cid)
        store_batch_name(batch, text_of(name), cid);
    else
        store_batch_unname(batch, text_of(name));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

static void what_no_root_leads_to_goes(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put_text(store, "one");
    put_text(store, "two");
    const struct gc_report report = collect(store, &at_once);
    assert_false(has(store, "one"));
    assert_int_equal(report.blocks_removed, 2);
    assert_int_equal(report.bytes_removed, 6);
    assert_int_equal(report.blocks_kept, 0);
    assert_int_equal(collect(store, &at_once).blocks_removed, 0);
    // And it can come back.
    put_text(store, "one");
    assert_gets(store, "one");
}

static void what_was_put_within_the_grace_stays(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put_text(store, "one");
    assert_int_equal(collect(store, NULL).blocks_kept, 1);
    assert_true(has(store, "one"));
}

static void pins_keep_all_below_them(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    put_text(store, "leaf");
    put_text(store, "other");
    const Cid leaf = cid_of_text("leaf");
    const Cid middle = dag_put(store, 1, &leaf, 1);
    const Cid top = dag_put(store, 2, &middle, 1);
    pin(store, &top);
    struct gc_report report = collect(store, &at_once);
    assert_int_equal(report.blocks_kept, 3);
    assert_int_equal(report.blocks_removed, 1);
    assert_int_equal(report.missing, 0);
    reopen(fixture);
    assert_gets(fixture->store, "leaf");
    unpin(fixture->store, &top);
    report = collect(fixture->store, &at_once);
    assert_int_equal(report.blocks_removed, 3);
}

static void names_keep_what_they_are_and_what_they_were(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const Cid old = dag_put(store, 1, NULL, 0);
    const Cid now = dag_put(store, 2, NULL, 0);
    set_name(store, "n", &old);
    set_name(store, "n", &now);
    assert_int_equal(collect(store, &at_once).blocks_kept, 2);
    set_name(store, "n", NULL);
    assert_int_equal(collect(store, &at_once).blocks_removed, 2);
}

static void holds_keep_until_the_process_ends(void **state)
{
    struct fixture *fixture = *state;
    put_text(fixture->store, "leaf");
    const Cid leaf = cid_of_text("leaf");
    const Cid top = dag_put(fixture->store, 1, &leaf, 1);
    assert_ok(store_hold(fixture->store, &top, NULL));
    assert_ok(store_hold(fixture->store, &top, NULL));
    assert_int_equal(collect(fixture->store, &at_once).blocks_kept, 2);
    if (fixture->in_memory)
        return;
    reopen(fixture);
    assert_int_equal(collect(fixture->store, &at_once).blocks_removed, 2);
}

static void a_leaf_held_as_bytes_is_held_as_a_dag_too(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put_text(store, "leaf");
    const Cid leaf = cid_of_text("leaf");
    const Cid top = dag_put(store, 1, &leaf, 1);
    struct block *block;
    Cid raw;
    assert_ok(store_get(store, &top, &block, NULL));
    cid_of(CODEC_RAW, block_bytes(block), &raw);
    block_unref(block);
    assert_ok(store_hold(store, &raw, NULL));
    pin(store, &raw);
    assert_ok(store_hold(store, &top, NULL));
    assert_int_equal(collect(store, &at_once).blocks_kept, 2);
}

static void blocks_asked_for_again_are_held(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put_text(store, "one");
    put_text(store, "one"); // Known: writes nothing, holds it.
    assert_int_equal(collect(store, &at_once).blocks_kept, 1);
}

static void missing_blocks_are_counted(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const Cid leaf = cid_of_text("nowhere");
    const Cid top = dag_put(store, 1, &leaf, 1);
    pin(store, &top);
    assert_int_equal(collect(store, &at_once).missing, 1);
}

static void a_dry_run_counts_and_removes_nothing(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put_text(store, "one");
    const struct gc_options dry = {
        .no_grace = true, .keep_none = true, .dry_run = true};
    assert_int_equal(collect(store, &dry).blocks_removed, 1);
    assert_gets(store, "one");
    assert_int_equal(collect(store, &at_once).blocks_removed, 1);
}

/* --- Holds of others ----------------------------------------------------- */

/* What a process that died leaves behind. */
static void leave_hold(struct store *store, uint64_t owner, const Cid *cid)
{
    const Hash lease = hold_key(owner);
    uint8_t key[HOLD_KEY_LEN] = {0}, row[8 + 1 + CID_BYTES_MAX];
    struct transaction transaction;
    uint64_t left_ms;
    assert_ok(lease_take(store, &lease, owner, 60000, &left_ms, NULL));
    memcpy(key + 8, &owner, sizeof owner);
    memcpy(row, &owner, sizeof owner);
    row[8] = cid->len;
    memcpy(row + 9, cid->bytes, cid->len);
    assert_ok(tables_write(store->leases, &transaction, NULL));
    assert_ok(transaction_put(&transaction, TABLE_HOLDS,
                              bytes_of(key, sizeof key),
                              bytes_of(row, 9U + cid->len), NULL));
    assert_ok(transaction_commit(&transaction, NULL));
}

static void holds_of_the_dead_run_out(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const struct timespec soon = {.tv_nsec = 5000000};
    const Hash lease = hold_key(42);
    uint64_t left_ms;
    put_text(store, "leaf");
    const Cid leaf = cid_of_text("leaf");
    const Cid top = dag_put(store, 1, &leaf, 1);
    leave_hold(store, 42, &top);
    assert_int_equal(collect(store, &at_once).blocks_kept, 2);
    assert_ok(lease_take(store, &lease, 42, 1, &left_ms, NULL));
    nanosleep(&soon, NULL);
    assert_int_equal(collect(store, &at_once).blocks_removed, 2);
}

/* Opens the store, holds a block, says so, and stays until it is killed. */
static void hold_for_ever(const char *directory, const Cid *cid, int told)
{
    struct store *store;
    if (store_open(directory, NULL, &store, NULL) != STATUS_OK ||
        store_hold(store, cid, NULL) != STATUS_OK || write(told, "!", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void another_process_holds_also_after_its_death(void **state)
{
    struct fixture *fixture = *state;
    int told[2];
    char byte;
    put_text(fixture->store, "leaf");
    put_text(fixture->store, "garbage");
    const Cid leaf = cid_of_text("leaf");
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(pipe(told), 0);
    const pid_t child = fork();
    if (child == 0)
        hold_for_ever(fixture->directory, &leaf, told[1]);
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
    assert_ok(store_open(fixture->directory, NULL, &fixture->store, NULL));
    const struct gc_report report = collect(fixture->store, &at_once);
    assert_int_equal(report.blocks_kept, 1);
    assert_int_equal(report.blocks_removed, 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(collect(fixture->store, &at_once).blocks_kept, 1);
}

/* --- What is damaged ----------------------------------------------------- */

static void overwrite(struct store *store, const Cid *cid, const char *bytes)
{
    struct transaction transaction;
    assert_ok(tables_write(store->tables, &transaction, NULL));
    assert_ok(transaction_put(&transaction, TABLE_BLOCKS, cid_multihash(cid),
                              text_block(bytes), NULL));
    assert_ok(transaction_commit(&transaction, NULL));
}

static void a_damaged_block_that_is_needed_stops_it(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct gc_report report;
    struct error err = {0};
    char name[CID_TEXT_MAX];
    put_text(store, "leaf");
    put_text(store, "garbage");
    const Cid leaf = cid_of_text("leaf");
    const Cid top = dag_put(store, 1, &leaf, 1);
    pin(store, &top);
    overwrite(store, &top, "not what it was");
    assert_status(store_gc(store, &at_once, &report, &err), STATUS_CORRUPT);
    cid_to_text(&top, name);
    assert_non_null(strstr(err.message, name));
    assert_non_null(strstr(err.message, "fsck --repair"));
    assert_true(has(store, "leaf"));
    assert_true(has(store, "garbage"));
    // One that nothing needs does not.
    unpin(store, &top);
    assert_int_equal(collect(store, &at_once).blocks_removed, 3);
}

static void a_damaged_pin_stops_it(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct gc_report report;
    struct error err = {0};
    put_text(store, "one");
    const Cid one = cid_of_text("one"), two = cid_of_text("two");
    pin(store, &one);
    struct transaction transaction;
    assert_ok(tables_write(store->tables, &transaction, NULL));
    assert_ok(store->tables->methods->put(&transaction, TABLE_PINS,
                                          cid_bytes(&two),
                                          text_block("no checksum"), NULL));
    assert_ok(transaction_commit(&transaction, NULL));
    assert_status(store_gc(store, &at_once, &report, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.message, "pins"));
    assert_true(has(store, "one"));
}

static void bytes_that_their_codec_refuses_lead_nowhere(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct store_batch *batch = store_batch_new(store);
    Cid odd;
    cid_of(CODEC_DAG_PB, text_block("no protobuf"), &odd);
    store_batch_block(batch, &odd, text_block("no protobuf"));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    pin(store, &odd);
    assert_int_equal(collect(store, &at_once).blocks_kept, 1);
}

static void a_dag_may_be_deep(void **state)
{
    enum { DEPTH = 20000 };
    struct store *store = ((struct fixture *)*state)->store;
    struct store_batch *batch = store_batch_new(store);
    struct dag_block block;
    dag_make(0, NULL, 0, &block);
    dag_add(batch, &block);
    for (uint32_t depth = 1; depth < DEPTH; depth++) {
        const Cid below = block.cid;
        dag_make(depth, &below, 1, &block);
        dag_add(batch, &block);
    }
    store_batch_pin(batch, &block.cid, TEXT(""));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    assert_int_equal(collect(store, &at_once).blocks_kept, DEPTH);
    unpin(store, &block.cid);
    assert_int_equal(collect(store, &at_once).blocks_removed, DEPTH);
}

/* --- Memo ---------------------------------------------------------------- */

static void put_entry(struct store *store, const char *name, int64_t age_s,
                      uint64_t cpu_ns, uint64_t bytes)
{
    struct store_batch *batch = store_batch_new(store);
    const Hash key = hash_of_text(name);
    struct memo_entry entry = entry_of(name);
    entry.made_s = clock_wall_s() - age_s;
    entry.cpu_ns = cpu_ns;
    entry.stored_bytes = bytes;
    store_batch_block(batch, &entry.result, text_block(name));
    store_batch_memo(batch, &key, &entry);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

static bool is_hit(struct store *store, const char *name)
{
    const Hash key = hash_of_text(name);
    struct memo_entry entry;
    return memo_get(store, &key, &entry, NULL) == STATUS_OK;
}

static void memo_results_are_kept_by_age(void **state)
{
    struct fixture *fixture = *state;
    const struct gc_options month = {.no_grace = true};
    put_entry(fixture->store, "young", 3600, 1, 1);
    put_entry(fixture->store, "old", 31 * 24 * 3600, 1, 1);
    const struct gc_report report = collect(fixture->store, &month);
    assert_int_equal(report.memo_kept, 1);
    assert_int_equal(report.memo_evicted, 1);
    assert_true(is_hit(fixture->store, "young"));
    assert_false(is_hit(fixture->store, "old"));
}

static void a_hit_makes_an_old_result_young(void **state)
{
    struct fixture *fixture = *state;
    const struct gc_options month = {.no_grace = true};
    if (fixture->in_memory)
        return; // Hits are written at the close.
    put_entry(fixture->store, "old", 31 * 24 * 3600, 1, 1);
    reopen(fixture);
    assert_true(is_hit(fixture->store, "old"));
    assert_int_equal(collect(fixture->store, &month).memo_evicted, 0);
    reopen(fixture); // Only the hit speaks for it now.
    assert_int_equal(collect(fixture->store, &month).memo_kept, 1);
    assert_true(is_hit(fixture->store, "old"));
}

static void the_least_worth_goes_first(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const uint64_t second = 1000000000;
    put_entry(store, "cheap", 7200, second / 1000, 100000);
    put_entry(store, "dear", 7200, 1000 * second, 100000);
    put_entry(store, "dear but large", 7200, 1000 * second, 100000000);
    put_entry(store, "dear but long ago", 20 * 24 * 3600, 1000 * second,
              100000);
    const struct gc_options two = {.no_grace = true, .memo_bytes = 250000};
    const struct gc_report report = collect(store, &two);
    assert_int_equal(report.memo_kept, 2);
    assert_int_equal(report.memo_evicted, 2);
    assert_true(is_hit(store, "dear"));
    assert_true(is_hit(store, "dear but long ago"));
    assert_false(is_hit(store, "cheap"));
    assert_false(is_hit(store, "dear but large"));
}

static void results_that_roots_keep_are_not_let_go(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put_entry(store, "one", 7200, 1, 1);
    const Cid cid = cid_of_text("one");
    pin(store, &cid);
    const struct gc_report report = collect(store, &at_once);
    assert_int_equal(report.memo_evicted, 0);
    assert_true(is_hit(store, "one"));
}

static void rows_of_results_long_gone_go_too(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct store_batch *batch = store_batch_new(store);
    const Hash concrete = hash_of_text("one"), symbolic = hash_of_text("s");
    const Hash through = hash_of_text("t");
    const Cid result = cid_of_text("one");
    Hash found;
    bool upstream;
    struct store_stat stat;
    put_entry(store, "one", 7200, 1, 1);
    store_batch_symbolic(batch, &symbolic, &concrete, false, &through, 1);
    store_batch_producer(batch, &result, &concrete);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    // The first time a miss can still be explained by the row.
    assert_int_equal(collect(store, &at_once).memo_evicted, 1);
    assert_ok(store_stat(store, &stat, NULL));
    assert_int_equal(stat.memo, 1);
    assert_ok(memo_get_symbolic(store, &symbolic, &found, &upstream, NULL));
    assert_status(memo_producer(store, &result, &found, NULL),
                  STATUS_NOT_FOUND);
    assert_int_equal(collect(store, &at_once).rows_removed, 3);
    assert_ok(store_stat(store, &stat, NULL));
    assert_int_equal(stat.memo, 0);
    assert_status(memo_get_symbolic(store, &symbolic, &found, &upstream, NULL),
                  STATUS_NOT_FOUND);
}

/* --- While others write -------------------------------------------------- */

struct meddling {
    struct store *store;
    const char *phase;
    unsigned count; /* calls of that phase */
    void (*meddle)(struct meddling *meddling);
    const Cid *top, *leaf;
};

static bool on_progress(void *context, const char *phase,
                        [[maybe_unused]] uint64_t done,
                        [[maybe_unused]] uint64_t total)
{
    struct meddling *meddling = context;
    if (strcmp(phase, meddling->phase) == 0 && meddling->count++ == 0)
        meddling->meddle(meddling);
    return true;
}

static struct gc_report collect_meddling(struct meddling *meddling)
{
    const struct gc_options options = {.no_grace = true,
                                       .keep_none = true,
                                       .progress = on_progress,
                                       .context = meddling};
    const struct gc_report report = collect(meddling->store, &options);
    assert_true(meddling->count > 0);
    return report;
}

static void put_again(struct meddling *meddling)
{
    assert_true(store_has(meddling->store, meddling->top));
    dag_put(meddling->store, 1, meddling->leaf, 1);
}

static void put_missing(struct meddling *meddling)
{
    dag_put(meddling->store, 1, meddling->leaf, 1);
}

static void a_missing_block_that_comes_back_leads_on(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct store *elsewhere = store_open_memory();
    put_text(store, "leaf");
    const Cid leaf = cid_of_text("leaf");
    const Cid middle = dag_put(elsewhere, 1, &leaf, 1);
    const Cid top = dag_put(store, 2, &middle, 1);
    store_close(elsewhere);
    pin(store, &top);
    struct meddling meddling = {store, "marking", 0, put_missing, NULL, &leaf};
    assert_int_equal(collect_meddling(&meddling).blocks_removed, 0);
    assert_gets(store, "leaf");
}

static void pin_it(struct meddling *meddling)
{
    pin(meddling->store, meddling->top);
}

static void name_it(struct meddling *meddling)
{
    set_name(meddling->store, "n", meddling->top);
}

static void hold_it(struct meddling *meddling)
{
    assert_ok(store_hold(meddling->store, meddling->top, NULL));
}

/* Between the mark and the removal. */
static void what_is_touched_between_stays_with_its_old_children(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    static void (*const meddles[])(struct meddling *) = {put_again, pin_it,
                                                         name_it, hold_it};
    for (size_t index = 0; index < 4; index++) {
        char text[16];
        snprintf(text, sizeof text, "leaf %zu", index);
        put_text(store, text);
        put_text(store, "garbage");
        const Cid leaf = cid_of_text(text);
        const Cid top = dag_put(store, 1, &leaf, 1);
        // Marking tells nobody where nothing is marked.
        const Cid root = dag_put(store, 77, NULL, 0);
        pin(store, &root);
        struct meddling meddling = {.store = store,
                                    .phase = "marking",
                                    .meddle = meddles[index],
                                    .top = &top,
                                    .leaf = &leaf};
        const struct gc_report report = collect_meddling(&meddling);
        assert_true(report.blocks_removed >= 1);
        assert_true(store_has(store, &top));
        assert_gets(store, text);
        assert_int_equal(report.missing, 0);
    }
}

static void try_another(struct meddling *meddling)
{
    struct gc_report report;
    struct error err = {0};
    assert_status(store_gc(meddling->store, NULL, &report, &err), STATUS_BUSY);
    assert_non_null(strstr(err.message, "being collected"));
}

static void one_collection_at_a_time(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put_text(store, "one");
    struct meddling meddling = {
        .store = store, .phase = "removing", .meddle = try_another};
    collect_meddling(&meddling);
    assert_int_equal(collect(store, &at_once).blocks_removed, 0);
}

static bool stop(void *context, const char *phase,
                 [[maybe_unused]] uint64_t done,
                 [[maybe_unused]] uint64_t total)
{
    return strcmp(phase, context) != 0;
}

static void a_stopped_collection_can_be_begun_again(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put_text(store, "one");
    static char phases[][24] = {"reading the memo", "removing"};
    for (size_t index = 0; index < 2; index++) {
        struct gc_options options = at_once;
        options.progress = stop;
        options.context = phases[index];
        struct gc_report report;
        assert_status(store_gc(store, &options, &report, NULL),
                      STATUS_CANCELLED);
    }
    assert_int_equal(collect(store, &at_once).blocks_removed, 1);
}

#define ON_BOTH(test)                                                         \
    {#test " in memory", test, setup_memory, teardown, NULL},                 \
    {                                                                         \
#test " on disk", test, setup_lmdb, teardown, NULL                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(what_no_root_leads_to_goes),
        ON_BOTH(what_was_put_within_the_grace_stays),
        ON_BOTH(pins_keep_all_below_them),
        ON_BOTH(names_keep_what_they_are_and_what_they_were),
        ON_BOTH(holds_keep_until_the_process_ends),
        ON_BOTH(a_leaf_held_as_bytes_is_held_as_a_dag_too),
        ON_BOTH(blocks_asked_for_again_are_held),
        ON_BOTH(missing_blocks_are_counted),
        ON_BOTH(a_missing_block_that_comes_back_leads_on),
        ON_BOTH(a_dry_run_counts_and_removes_nothing),
        ON_BOTH(holds_of_the_dead_run_out),
        cmocka_unit_test_setup_teardown(
            another_process_holds_also_after_its_death, setup_lmdb, teardown),
        ON_BOTH(a_damaged_block_that_is_needed_stops_it),
        ON_BOTH(a_damaged_pin_stops_it),
        ON_BOTH(bytes_that_their_codec_refuses_lead_nowhere),
        ON_BOTH(a_dag_may_be_deep),
        ON_BOTH(memo_results_are_kept_by_age),
        ON_BOTH(a_hit_makes_an_old_result_young),
        ON_BOTH(the_least_worth_goes_first),
        ON_BOTH(results_that_roots_keep_are_not_let_go),
        ON_BOTH(rows_of_results_long_gone_go_too),
        ON_BOTH(what_is_touched_between_stays_with_its_old_children),
        ON_BOTH(one_collection_at_a_time),
        ON_BOTH(a_stopped_collection_can_be_begun_again),
    };
    return cmocka_run_group_tests_name("gc", tests, NULL, NULL);
}
