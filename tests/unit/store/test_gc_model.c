/* SPDX-License-Identifier: Apache-2.0 */
/* Random DAGs, roots and collections, compared with a plain set of what can be
 * reached. Others write between the transactions of a collection; whatever
 * roots lead to is there at every moment, and a quiet collection leaves that
 * and nothing else. IPVM_SEED repeats a run. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dag.h"
#include "fixture.h"

#include "crypto/hash.h"
#include "store/gc.h"

enum { NODES = 300, NAMES = 4, CHILDREN_MAX = 5, WORLDS = 12, ROUNDS = 12 };

struct node {
    struct dag_block block;
    unsigned children[CHILDREN_MAX];
    unsigned child_count;
    bool pinned;
    bool held; /* until this process closes the store */
    bool put;  /* in the collection that goes on: stays until its end */
};

struct world {
    struct fixture *fixture;
    uint64_t state; /* of the random numbers */
    struct node nodes[NODES];
    unsigned names[NAMES][NAME_HISTORY_MAX]; /* newest last */
    unsigned name_counts[NAMES];
    bool collecting;
    unsigned meddled, removed;
};

static unsigned below(struct world *world, unsigned bound)
{
    world->state = world->state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((world->state >> 33) % bound);
}

static void make_nodes(struct world *world)
{
    for (unsigned index = 0; index < NODES; index++) {
        struct node *node = &world->nodes[index];
        Cid links[CHILDREN_MAX];
        *node = (struct node){0};
        const unsigned wanted = index ? below(world, CHILDREN_MAX + 1) : 0;
        for (unsigned child = 0; child < wanted; child++) {
            // Near ones, so that DAGs are deep.
            const unsigned back = 1 + below(world, index < 40 ? index : 40);
            node->children[child] = index - back;
            links[child] = world->nodes[index - back].block.cid;
        }
        node->child_count = wanted;
        dag_make(index, links, wanted, &node->block);
    }
}

static void reach(const struct world *world, unsigned from,
                  bool reached[NODES])
{
    // Children have smaller numbers.
    reached[from] = true;
    for (unsigned index = from + 1; index-- > 0;)
        for (unsigned child = 0;
             reached[index] && child < world->nodes[index].child_count;
             child++)
            reached[world->nodes[index].children[child]] = true;
}

static void reach_all(const struct world *world, bool reached[NODES])
{
    memset(reached, 0, NODES);
    for (unsigned index = 0; index < NODES; index++)
        if (world->nodes[index].pinned || world->nodes[index].held ||
            world->nodes[index].put)
            reach(world, index, reached);
    for (unsigned name = 0; name < NAMES; name++)
        for (unsigned age = 0; age < world->name_counts[name]; age++)
            reach(world, world->names[name][age], reached);
}

static struct store *store_of(const struct world *world)
{
    return world->fixture->store;
}

static bool is_there(const struct world *world, unsigned index)
{
    return store_has(store_of(world), &world->nodes[index].block.cid);
}

static void nothing_is_lost(const struct world *world)
{
    bool reached[NODES];
    reach_all(world, reached);
    for (unsigned index = 0; index < NODES; index++)
        if (reached[index] && !is_there(world, index)) {
            print_error("block %u is lost\n", index);
            assert_true(is_there(world, index));
        }
}

/* --- What others do ------------------------------------------------------ */

/* With all below it, as an import does; some of it is known. */
static void put_tree(struct world *world, unsigned top)
{
    bool reached[NODES] = {false};
    struct store_batch *batch = store_batch_new(store_of(world));
    reach(world, top, reached);
    world->nodes[top].put = world->collecting;
    for (unsigned index = 0; index < NODES; index++)
        if (reached[index])
            dag_add(batch, &world->nodes[index].block);
    if (below(world, 2) == 0)
        store_commit_async(batch, NULL, NULL);
    else {
        assert_ok(store_commit(batch, NULL));
        store_batch_free(batch);
    }
}

/* As `ipvm pin`: held, looked at, then pinned. */
static bool hold_whole(struct world *world, unsigned top)
{
    bool reached[NODES] = {false};
    assert_ok(store_hold(store_of(world), &world->nodes[top].block.cid, NULL));
    reach(world, top, reached);
    for (unsigned index = 0; index < NODES; index++)
        if (reached[index] && !is_there(world, index))
            return false;
    world->nodes[top].held = true;
    return true;
}

static void set_name(struct world *world, unsigned top)
{
    static const char *const names[NAMES] = {"a", "b", "c/d", "e"};
    const unsigned name = below(world, NAMES);
    unsigned *count = &world->name_counts[name];
    struct store_batch *batch = store_batch_new(store_of(world));
    if (*count == NAME_HISTORY_MAX || below(world, 4) == 0) {
        store_batch_unname(batch, text_of(names[name]));
        *count = 0;
    } else {
        store_batch_name(batch, text_of(names[name]),
                         &world->nodes[top].block.cid);
        if (*count == 0 || world->names[name][*count - 1] != top)
            world->names[name][(*count)++] = top;
    }
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

static void do_something(struct world *world)
{
    const unsigned top = below(world, NODES);
    struct node *node = &world->nodes[top];
    switch (below(world, 5)) {
    case 0:
    case 1:
        put_tree(world, top);
        break;
    case 2:
        if (node->pinned)
            unpin(store_of(world), &node->block.cid);
        node->pinned = false;
        break;
    case 3:
        if (hold_whole(world, top)) {
            pin(store_of(world), &node->block.cid);
            node->pinned = true;
        }
        break;
    default:
        if (hold_whole(world, top))
            set_name(world, top);
    }
}

static bool meddle(void *context, [[maybe_unused]] const char *phase,
                   [[maybe_unused]] uint64_t done,
                   [[maybe_unused]] uint64_t total)
{
    struct world *world = context;
    nothing_is_lost(world);
    while (below(world, 3) == 0) {
        do_something(world);
        world->meddled++;
    }
    return true;
}

/* --- Worlds -------------------------------------------------------------- */

static void collect(struct world *world, bool quietly)
{
    struct gc_options options = {
        .no_grace = true,
        .keep_none = true,
        .step = 1 + below(world, 20),
        .progress = quietly ? NULL : meddle,
        .context = world,
    };
    struct gc_report report;
    struct error err = {0};
    world->collecting = true;
    const Status status = store_gc(store_of(world), &options, &report, &err);
    assert_string_equal(err.message, "");
    assert_ok(status);
    nothing_is_lost(world);
    world->collecting = false;
    for (unsigned index = 0; index < NODES; index++)
        world->nodes[index].put = false;
    world->removed += (unsigned)report.blocks_removed;
    if (quietly)
        assert_int_equal(report.missing, 0);
}

static void open_again(struct world *world)
{
    const struct store_options options = {.no_sync = true};
    store_close(world->fixture->store);
    world->fixture->store = NULL;
    for (unsigned index = 0; index < NODES; index++)
        world->nodes[index].held = false;
    assert_ok(store_open(world->fixture->directory, &options,
                         &world->fixture->store, NULL));
}

static void live(struct world *world)
{
    bool reached[NODES];
    make_nodes(world);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned count = below(world, 20); count > 0; count--)
            do_something(world);
        collect(world, false);
        nothing_is_lost(world);
        if (below(world, 3) > 0)
            continue;
        open_again(world); // Gives up what it held.
        collect(world, true);
        nothing_is_lost(world);
        reach_all(world, reached);
        for (unsigned index = 0; index < NODES; index++)
            assert_int_equal(is_there(world, index), reached[index]);
    }
}

static void keeps_what_can_be_reached_and_nothing_else(void **state)
{
    const char *asked = getenv("IPVM_SEED");
    uint64_t seed = asked ? strtoull(asked, NULL, 10) : (uint64_t)time(NULL);
    struct world *world = malloc(sizeof *world);
    unsigned meddled = 0, removed = 0;
    print_message("collections from seed %llu\n", (unsigned long long)seed);
    for (unsigned count = 0; count < WORLDS; count++) {
        struct fixture *fixture = *state;
        assert_non_null(world);
        memset(world, 0, sizeof *world);
        world->fixture = fixture;
        world->state = seed + count;
        open_again(world);
        live(world);
        meddled += world->meddled;
        removed += world->removed;
        // The next world begins with nothing.
        store_close(fixture->store);
        remove_tree(fixture->directory);
        assert_ok(store_open(fixture->directory, NULL, &fixture->store, NULL));
    }
    print_message("%u blocks removed, %u things done meanwhile\n", removed,
                  meddled);
    assert_true(removed > 0 && meddled > 0);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            keeps_what_can_be_reached_and_nothing_else, setup_lmdb, teardown),
    };
    return cmocka_run_group_tests_name("model of gc", tests, NULL, NULL);
}
