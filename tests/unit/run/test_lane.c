/* SPDX-License-Identifier: Apache-2.0 */
/* test_lane.c - the fair queue, driven by a pretended runner: each of its
 * workers takes an entry, and is charged what that lasts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// Before cmocka, which has a macro fail().
#include "base/status.h"

#include <cmocka.h>

#include "base/arena.h"
#include "run/lane.h"

enum { MS = 1000 * 1000, WORKERS_MAX = 8 };

static Hash hash_of(uint32_t number)
{
    Hash hash = {0};
    memcpy(hash.bytes, &number, sizeof number);
    return hash;
}

static struct lane *lane_number(struct lanes *lanes, uint32_t number,
                                uint32_t weight)
{
    const Hash hash = hash_of(number);
    return lane_of(lanes, &hash, weight);
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return *random >> 8;
}

/* Takes, charges and finishes it. */
static void perform(struct lane_entry *entry, uint64_t ns)
{
    lane_charge(entry, ns);
    lane_learn(entry->lane, ns);
    lane_finish(entry);
}

/* --- Order --------------------------------------------------------------- */

static void higher_priority_first_else_in_order(void **state)
{
    (void)state;
    static const struct {
        int32_t priority;
        size_t place;
    } rows[] = {{0, 2}, {-5, 5}, {9, 0}, {0, 3}, {0, 4}, {7, 1}};
    enum { COUNT = sizeof rows / sizeof *rows };
    struct lanes *lanes = lanes_new();
    struct lane *lane = lane_number(lanes, 1, 1);
    struct lane_entry entries[COUNT] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        entries[i].priority = rows[i].priority;
        lane_enqueue(lane, &entries[i]);
    }
    assert_int_equal(lanes_waiting(lanes), COUNT);
    assert_int_equal(lane_waiting(lane), COUNT);
    for (size_t place = 0; place < COUNT; place++) {
        struct lane_entry *entry = lanes_take(lanes, UINT64_MAX);
        assert_int_equal(rows[entry - entries].place, place);
        perform(entry, 1);
    }
    assert_null(lanes_take(lanes, UINT64_MAX));
    lane_unref(lane);
    lanes_free(lanes);
}

static void what_comes_back_keeps_its_place(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_new();
    struct lane *lane = lane_number(lanes, 1, 1);
    struct lane_entry entries[3] = {0};
    for (size_t i = 0; i < 3; i++)
        lane_enqueue(lane, &entries[i]);
    assert_ptr_equal(lanes_take(lanes, 0), &entries[0]);
    assert_ptr_equal(lanes_take(lanes, 0), &entries[1]);
    lane_enqueue(lane, &entries[0]);
    assert_ptr_equal(lanes_first(lanes, 0), &entries[0]);
    // What had begun goes on before all others.
    entries[1].goes_first = true;
    lane_enqueue(lane, &entries[1]);
    assert_ptr_equal(lanes_first(lanes, 0), &entries[1]);
    lane_remove(&entries[1]);
    assert_ptr_equal(lanes_take(lanes, 0), &entries[0]);
    assert_int_equal(lane_taken(lane), 1);
    lane_unref(lane);
    lanes_free(lanes);
}

static void an_empty_lane_that_nobody_refers_to_goes(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_new();
    struct lane *lane = lane_number(lanes, 1, 3);
    struct lane_entry entry = {0};
    assert_ptr_equal(lane_number(lanes, 1, 9), lane);
    lane_unref(lane);
    lane_enqueue(lane, &entry);
    lane_unref(lane);
    assert_int_equal(lanes_count(lanes), 1);
    assert_ptr_equal(lanes_take(lanes, 0), &entry);
    lane_charge(&entry, 10);
    assert_int_equal(lane_used_ns(lane), 10);
    assert_int_equal(lanes_count(lanes), 1);
    lane_finish(&entry);
    assert_int_equal(lanes_count(lanes), 0);
    lane = lane_number(lanes, 1, 1);
    lane_enqueue(lane, &entry);
    lane_unref(lane);
    lane_remove(&entry);
    assert_int_equal(lanes_count(lanes), 0);
    lanes_free(lanes);
}

/* --- Shares -------------------------------------------------------------- */

/* A subject that always has something to do. */
struct subject {
    uint32_t weight;
    uint64_t least_ns, most_ns; /* of its jobs */
    struct lane *lane;
    struct lane_entry entries[WORKERS_MAX + 2];
    uint64_t got_ns;
};

struct world {
    struct lanes *lanes;
    struct subject *subjects;
    size_t subject_count, workers;
    uint64_t now_ns;
    uint32_t random;
    struct {
        struct lane_entry *entry;
        struct subject *subject;
        uint64_t until_ns;
    } busy[WORKERS_MAX];
};

static struct subject *subject_of(const struct world *world,
                                  const struct lane_entry *entry)
{
    for (size_t i = 0; i < world->subject_count; i++)
        if (world->subjects[i].lane == entry->lane)
            return &world->subjects[i];
    return NULL;
}

static void start_workers(struct world *world)
{
    for (size_t i = 0; i < world->workers; i++) {
        if (world->busy[i].entry)
            continue;
        struct lane_entry *entry = lanes_take(world->lanes, UINT64_MAX);
        if (!entry)
            return;
        struct subject *subject = subject_of(world, entry);
        ASSERT(subject);
        uint64_t span = subject->most_ns - subject->least_ns + 1;
        uint64_t ns = subject->least_ns + next_random(&world->random) % span;
        world->busy[i].entry = entry;
        world->busy[i].subject = subject;
        world->busy[i].until_ns = world->now_ns + ns;
        subject->got_ns += ns;
        lane_charge(entry, 0);
        entry->charged_ns = ns; // Used below only.
    }
}

static void end_next(struct world *world)
{
    size_t first = 0;
    for (size_t i = 1; i < world->workers; i++)
        if (world->busy[i].until_ns < world->busy[first].until_ns)
            first = i;
    struct lane_entry *entry = world->busy[first].entry;
    world->now_ns = world->busy[first].until_ns;
    perform(entry, entry->charged_ns);
    entry->charged_ns = 0;
    world->busy[first].entry = NULL;
    lane_enqueue(world->busy[first].subject->lane, entry);
}

/* What each got of `ns` of all workers' time. */
static void share(struct subject *subjects, size_t count, size_t workers,
                  uint64_t ns)
{
    struct world world = {.lanes = lanes_new(),
                          .subjects = subjects,
                          .subject_count = count,
                          .workers = workers,
                          .random = 5};
    for (size_t i = 0; i < count; i++) {
        subjects[i].lane =
            lane_number(world.lanes, (uint32_t)i, subjects[i].weight);
        for (size_t k = 0; k < WORKERS_MAX + 2; k++)
            lane_enqueue(subjects[i].lane, &subjects[i].entries[k]);
    }
    while (world.now_ns < ns) {
        start_workers(&world);
        end_next(&world);
    }
    for (size_t i = 0; i < count; i++)
        lane_unref(subjects[i].lane);
    lanes_free(world.lanes);
}

static void shares_come_to_the_weights_whatever_jobs_last(void **state)
{
    (void)state;
    struct subject subjects[] = {
        {.weight = 1, .least_ns = 100, .most_ns = 2000},
        {.weight = 1, .least_ns = 20 * MS, .most_ns = 90 * MS},
        {.weight = 4, .least_ns = MS, .most_ns = 2 * MS},
        {.weight = 2, .least_ns = 1000, .most_ns = 30 * MS},
    };
    const uint64_t span = (uint64_t)20000 * MS;
    share(subjects, 4, 1, span);
    for (size_t i = 0; i < 4; i++) {
        double fair = (double)subjects[i].weight / 8;
        double got = (double)subjects[i].got_ns / (double)span;
        if (got < 0.95 * fair || got > 1.05 * fair) {
            print_error("subject %zu got %.3f of %.3f\n", i, got, fair);
            assert_true(false);
        }
    }
}

static void shares_hold_on_several_workers(void **state)
{
    (void)state;
    struct subject subjects[] = {
        {.weight = 1, .least_ns = MS, .most_ns = MS},
        {.weight = 1, .least_ns = 50 * MS, .most_ns = 50 * MS},
        {.weight = 2, .least_ns = 100, .most_ns = 10 * MS},
    };
    const uint64_t span = (uint64_t)10000 * MS;
    share(subjects, 3, 4, span);
    for (size_t i = 0; i < 3; i++) {
        double fair = (double)subjects[i].weight;
        double got = (double)subjects[i].got_ns / (double)span;
        assert_true(got > 0.93 * fair && got < 1.07 * fair);
    }
}

static void who_was_away_has_saved_nothing_up(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_new();
    struct lane *busy = lane_number(lanes, 1, 1);
    struct lane *away = lane_number(lanes, 2, 1);
    struct lane_entry mine[2] = {0}, other[2] = {0};
    lane_enqueue(busy, &mine[0]);
    lane_enqueue(busy, &mine[1]);
    for (int i = 0; i < 1000; i++) {
        struct lane_entry *entry = lanes_take(lanes, 0);
        perform(entry, 10 * MS);
        lane_enqueue(busy, entry);
    }
    lane_enqueue(away, &other[0]);
    lane_enqueue(away, &other[1]);
    unsigned for_away = 0;
    for (int i = 0; i < 100; i++) {
        struct lane_entry *entry = lanes_take(lanes, 0);
        struct lane *lane = entry->lane;
        for_away += lane == away;
        perform(entry, 10 * MS);
        lane_enqueue(lane, entry);
    }
    assert_in_range(for_away, 48, 52);
    lane_unref(busy);
    lane_unref(away);
    lanes_free(lanes);
}

/* While one runs alone nobody waits; who comes then does not get all that time
 * back. */
static void a_long_job_alone_is_no_debt(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_new();
    struct lane *one = lane_number(lanes, 1, 1);
    struct lane *other = lane_number(lanes, 2, 1);
    struct lane_entry runs = {0}, comes = {0};
    lane_enqueue(one, &runs);
    assert_ptr_equal(lanes_take(lanes, 0), &runs);
    lane_charge(&runs, (uint64_t)3600 * 1000 * MS);
    lane_enqueue(other, &comes);
    assert_false(lane_is_ahead(one, other));
    lane_charge(&runs, LANE_QUANTUM_NS + 1);
    assert_true(lane_is_ahead(one, other));
    assert_ptr_equal(lanes_take(lanes, 0), &comes);
    lane_charge(&comes, 3 * LANE_QUANTUM_NS);
    assert_true(lane_is_ahead(other, one));
    lane_unref(one);
    lane_unref(other);
    lanes_free(lanes);
}

static void a_turn_lasts_a_quantum(void **state)
{
    (void)state;
    enum { EACH = 100 };
    struct lanes *lanes = lanes_new();
    struct lane *two[] = {lane_number(lanes, 1, 1), lane_number(lanes, 2, 1)};
    struct lane_entry entries[2][EACH] = {0};
    for (int i = 0; i < 2 * EACH; i++)
        lane_enqueue(two[i % 2], &entries[i % 2][i / 2]);
    unsigned changes = 0;
    const struct lane *last = NULL;
    for (int i = 0; i < 2 * EACH; i++) {
        struct lane_entry *entry = lanes_take(lanes, 0);
        changes += entry->lane != last;
        last = entry->lane;
        perform(entry, MS / 2);
    }
    // 50 ms each in turns of 5 ms; two of one may meet.
    assert_in_range(changes, 10, 21);
    lane_unref(two[0]);
    lane_unref(two[1]);
    lanes_free(lanes);
}

/* --- Memory -------------------------------------------------------------- */

static void what_does_not_fit_is_overtaken_a_few_times(void **state)
{
    (void)state;
    enum { SMALL = 3 * LANE_OVERTAKEN_MAX };
    struct lanes *lanes = lanes_new();
    struct lane *lane = lane_number(lanes, 1, 1);
    struct lane *other = lane_number(lanes, 2, 1);
    struct lane_entry large = {.memory = 100};
    struct lane_entry held = {.memory = 0, .goes_first = true};
    struct lane_entry small[SMALL] = {0};
    lane_enqueue(lane, &large);
    for (int i = 0; i < SMALL; i++) {
        small[i].memory = 10;
        lane_enqueue(i % 2 ? lane : other, &small[i]);
    }
    unsigned taken = 0;
    for (struct lane_entry *entry; (entry = lanes_take(lanes, 50)); taken++)
        perform(entry, MS);
    // It had its turn for each second one.
    assert_in_range(taken, LANE_OVERTAKEN_MAX, 3 * LANE_OVERTAKEN_MAX - 1);
    assert_non_null(lanes_first(lanes, 100));
    lane_enqueue(other, &held);
    assert_ptr_equal(lanes_take(lanes, 99), &held);
    assert_null(lanes_take(lanes, 99));
    assert_ptr_equal(lanes_take(lanes, 100), &large);
    assert_non_null(lanes_take(lanes, 10));
    lane_unref(lane);
    lane_unref(other);
    lanes_free(lanes);
}

static void a_large_one_that_goes_holds_up_nobody(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_new();
    struct lane *lane = lane_number(lanes, 1, 1);
    struct lane_entry large = {.memory = 100}, small = {.memory = 1};
    lane_enqueue(lane, &large);
    for (int i = 0; i < LANE_OVERTAKEN_MAX; i++) {
        lane_enqueue(lane, &small);
        assert_ptr_equal(lanes_take(lanes, 50), &small);
        perform(&small, 1);
    }
    lane_enqueue(lane, &small);
    assert_null(lanes_take(lanes, 50));
    lane_remove(&large);
    assert_ptr_equal(lanes_take(lanes, 50), &small);
    lane_unref(lane);
    lanes_free(lanes);
}

/* --- Size ---------------------------------------------------------------- */

/* Everybody in ten thousand lanes with a million entries gets something early:
 * before anybody has had many. */
static void nobody_starves_in_a_crowd(void **state)
{
    (void)state;
    enum { LANES = 10000, EACH = 100 };
    struct lanes *lanes = lanes_new();
    struct lane **all = heap_array(LANES, sizeof(struct lane *));
    unsigned *got = heap_array(LANES, sizeof *got);
    struct lane_entry *entries =
        heap_array((size_t)LANES * EACH, sizeof *entries);
    for (uint32_t i = 0; i < LANES; i++)
        all[i] = lane_number(lanes, i, 1);
    for (size_t i = 0; i < (size_t)LANES * EACH; i++)
        lane_enqueue(all[i / EACH], &entries[i]);
    assert_int_equal(lanes_waiting(lanes), LANES * EACH);
    for (unsigned round = 1; round <= 3; round++) {
        for (size_t i = 0; i < LANES; i++) {
            struct lane_entry *entry = lanes_take(lanes, 0);
            got[(size_t)(entry - entries) / EACH]++;
            perform(entry, LANE_QUANTUM_NS);
        }
        for (size_t i = 0; i < LANES; i++)
            assert_int_equal(got[i], round);
    }
    for (struct lane_entry *entry; (entry = lanes_take(lanes, 0));)
        perform(entry, MS);
    for (uint32_t i = 0; i < LANES; i++)
        lane_unref(all[i]);
    assert_int_equal(lanes_count(lanes), 0);
    free(all);
    free(got);
    free(entries);
    lanes_free(lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(higher_priority_first_else_in_order),
        cmocka_unit_test(what_comes_back_keeps_its_place),
        cmocka_unit_test(an_empty_lane_that_nobody_refers_to_goes),
        cmocka_unit_test(shares_come_to_the_weights_whatever_jobs_last),
        cmocka_unit_test(shares_hold_on_several_workers),
        cmocka_unit_test(who_was_away_has_saved_nothing_up),
        cmocka_unit_test(a_long_job_alone_is_no_debt),
        cmocka_unit_test(a_turn_lasts_a_quantum),
        cmocka_unit_test(what_does_not_fit_is_overtaken_a_few_times),
        cmocka_unit_test(a_large_one_that_goes_holds_up_nobody),
        cmocka_unit_test(nobody_starves_in_a_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
