/* SPDX-License-Identifier: Apache-2.0 */
/* test_executor.c - many subjects on one executor: turns, priority, memory,
 * cancels, waking. */
#include "unit/run/world.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "content/content.h"

enum { JOBS_MAX = 2000 };

/* A job of a test, and what came of it. */
struct task_of {
    struct bench *bench;
    uint64_t ticket;
    unsigned begun, paused, over;
    End end;
    uint64_t place; /* in the order in which they ended */
};

/* The guest of guest_numbers(), compiled, and a lane for each of three. */
struct bench {
    struct world *world;
    Cid module;
    struct module_ready ready;
    bool is_ready;
    struct lane *lanes[3];
    struct arena arena;
    struct task_of tasks[JOBS_MAX];
    unsigned count, over;
    uint64_t running, running_most;
};

static void on_ready(void *context, const struct module_ready *ready)
{
    struct bench *bench = context;
    bench->ready = *ready;
    bench->is_ready = true;
}

static int open_bench(void **state, unsigned workers, uint64_t memory)
{
    assert_int_equal(world_with_workers(state), 0);
    struct world *world = *state;
    struct bench *bench = HEAP_NEW(struct bench);
    const struct module_form form = {.engine = RUN_ENGINE_WASMTIME};
    world->how.workers = workers;
    world->how.memory_total = memory;
    world_reopen(world);
    bench->world = world;
    assert_ok(content_add_bytes(world->store, guest_numbers(), &bench->module,
                                NULL));
    modules_want(world->modules, &bench->module, &form, on_ready, bench);
    while (!bench->is_ready)
        executor_poll(world->executor, 100);
    assert_string_equal(bench->ready.message, "");
    assert_int_equal(bench->ready.end, END_NONE);
    for (uint8_t i = 0; i < 3; i++) {
        const Hash key = {.bytes = {(uint8_t)(i + 1)}};
        bench->lanes[i] = lane_of(executor_lanes(world->executor), &key, 1);
    }
    *state = bench;
    return 0;
}

static int open_two(void **state)
{
    return open_bench(state, 2, 0);
}

static int open_one(void **state)
{
    return open_bench(state, 1, 0);
}

static int open_small(void **state)
{
    return open_bench(state, 4, 1000);
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    for (int i = 0; i < 3; i++)
        lane_unref(bench->lanes[i]);
    arena_deinit(&bench->arena);
    *state = bench->world;
    free(bench);
    return world_close(state);
}

static bool on_begun(void *context, uint64_t ticket)
{
    struct task_of *task = context;
    (void)ticket;
    task->begun++;
    if (++task->bench->running > task->bench->running_most)
        task->bench->running_most = task->bench->running;
    return true;
}

static void on_paused(void *context, uint64_t ticket)
{
    struct task_of *task = context;
    assert_int_equal(ticket, task->ticket);
    task->paused++;
    task->bench->running--;
}

static void on_done(void *context, const struct run_outcome *outcome)
{
    struct task_of *task = context;
    task->over++;
    task->end = outcome->end;
    task->bench->running -= task->begun > task->paused;
    task->place = task->bench->over++;
}

struct wish {
    struct lane *lane;
    const char *function;
    uint64_t argument;
    int32_t priority;
    uint64_t memory, time_ms;
};

static struct task_of *submit(struct bench *bench, const struct wish *wish)
{
    struct arena *arena = &bench->arena;
    struct task_of *task = &bench->tasks[bench->count++];
    const Value module = value_link(&bench->module);
    const Value items[] = {value_uint(wish->argument)};
    const Value list = value_list(items, strcmp(wish->function, "spin") != 0);
    const Value args =
        wasm_call_args(arena, &module, text_of(wish->function), &list, false);
    Hash hash;
    const struct run_request request = {
        .verb = RUN_CALL,
        .limits = {.memory = (uint64_t)1 << 30,
                   .time_ms = wish->time_ms ? wish->time_ms : 60000},
        .input = computation_encode(TEXT("/wasm/run"), &args, (Bytes){NULL, 0},
                                    arena, &hash),
        .description = bench->ready.description,
        .artifact = bench->ready.artifact,
        .memory_need = wish->memory,
    };
    const struct executor_client client = {.done = on_done,
                                           .begun = on_begun,
                                           .paused = on_paused,
                                           .context = task,
                                           .lane = wish->lane,
                                           .priority = wish->priority};
    task->bench = bench;
    assert_ok(executor_submit(bench->world->executor, &request, &client,
                              &task->ticket, NULL));
    return task;
}

static void await(struct bench *bench, unsigned count)
{
    const uint64_t start = clock_monotonic_ns();
    while (bench->over < count) {
        executor_poll(bench->world->executor, 100);
        assert_true(clock_monotonic_ns() - start < 60000000000U);
    }
}

static void poll_for(struct bench *bench, uint64_t ms)
{
    const uint64_t start = clock_monotonic_ns();
    while (clock_monotonic_ns() - start < ms * 1000000U)
        executor_poll(bench->world->executor, 5);
}

static void cancel(struct bench *bench, const struct task_of *task)
{
    executor_cancel(bench->world->executor, task->ticket, END_CANCELLED);
}

/* --- Turns --------------------------------------------------------------- */

static void loops_of_one_do_not_stop_another(void **state)
{
    struct bench *bench = *state;
    struct task_of *loops[6];
    for (int i = 0; i < 6; i++)
        loops[i] = submit(bench, &(struct wish){.lane = bench->lanes[0],
                                                .function = "spin"});
    poll_for(bench, 100);
    assert_int_equal(bench->over, 0);
    for (uint64_t i = 0; i < 200; i++)
        submit(bench, &(struct wish){.lane = bench->lanes[1],
                                     .function = "count",
                                     .argument = i});
    const uint64_t start = clock_monotonic_ns();
    await(bench, 200);
    assert_true(clock_monotonic_ns() - start < 5000000000U);
    for (int i = 0; i < 6; i++)
        assert_int_equal(loops[i]->over, 0);
    for (int i = 0; i < 6; i++)
        cancel(bench, loops[i]);
    await(bench, 206);
    for (int i = 0; i < 6; i++)
        assert_int_equal(loops[i]->end, END_CANCELLED);
    struct executor_census census;
    executor_count(bench->world->executor, &census);
    assert_int_equal(census.waiting, 0);
    assert_int_equal(census.running, 0);
    assert_int_equal(census.memory, 0);
}

/* Two with loops, one worker: about half of the time for each. */
static void long_jobs_share_a_worker(void **state)
{
    struct bench *bench = *state;
    struct task_of *loops[2];
    for (int i = 0; i < 2; i++)
        loops[i] = submit(bench, &(struct wish){.lane = bench->lanes[i],
                                                .function = "spin"});
    poll_for(bench, 600);
    assert_true(loops[0]->paused >= 5 && loops[1]->paused >= 5);
    uint64_t used[2] = {lane_used_ns(bench->lanes[0]),
                        lane_used_ns(bench->lanes[1])};
    assert_true(used[0] < used[1] * 3 / 2 && used[1] < used[0] * 3 / 2);
    // What others had is not its time.
    struct task_of *limited =
        submit(bench, &(struct wish){.lane = bench->lanes[2],
                                     .function = "spin",
                                     .time_ms = 100});
    const uint64_t start = clock_monotonic_ns();
    await(bench, 1);
    assert_int_equal(limited->end, END_LIMIT_TIME);
    assert_true(clock_monotonic_ns() - start > 200000000U);
    cancel(bench, loops[0]);
    cancel(bench, loops[1]);
    await(bench, 3);
}

static void alone_nobody_is_held(void **state)
{
    struct bench *bench = *state;
    struct task_of *loop = submit(
        bench, &(struct wish){.lane = bench->lanes[0], .function = "spin"});
    for (uint64_t i = 0; i < 20; i++)
        submit(bench, &(struct wish){.lane = bench->lanes[0],
                                     .function = "count",
                                     .argument = i});
    poll_for(bench, 100);
    assert_int_equal(loop->paused, 0);
    cancel(bench, loop);
    await(bench, 21);
}

static void priority_within_a_lane(void **state)
{
    struct bench *bench = *state;
    struct task_of *loop = submit(
        bench, &(struct wish){.lane = bench->lanes[0], .function = "spin"});
    poll_for(bench, 20);
    struct task_of *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = submit(bench, &(struct wish){.lane = bench->lanes[0],
                                                .function = "count",
                                                .priority = i});
    assert_int_equal(tasks[2]->begun, 0);
    cancel(bench, loop);
    await(bench, 4);
    assert_true(tasks[2]->place < tasks[1]->place);
    assert_true(tasks[1]->place < tasks[0]->place);
}

/* --- Memory -------------------------------------------------------------- */

/* Four workers, a thousand bytes: as many as fit run at once. */
static void memory_of_what_runs_stays_in_bounds(void **state)
{
    static const struct {
        uint64_t memory, most;
    } rows[] = {{600, 1}, {500, 2}, {300, 3}, {250, 4}, {2000, 1}, {0, 4}};
    struct bench *bench = *state;
    unsigned total = 0;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        bench->running_most = 0;
        for (int i = 0; i < 12; i++)
            submit(bench, &(struct wish){.lane = bench->lanes[i % 3],
                                         .function = "count",
                                         .argument = 3000000,
                                         .memory = rows[row].memory});
        struct executor_census census;
        executor_count(bench->world->executor, &census);
        assert_true(census.memory <= 1000 || rows[row].memory > 1000);
        await(bench, total += 12);
        assert_true(bench->running_most <= rows[row].most ||
                    rows[row].memory <= 250);
        assert_true(bench->running_most >= rows[row].most);
    }
}

static void a_large_one_has_its_turn_among_small_ones(void **state)
{
    struct bench *bench = *state;
    for (uint64_t i = 0; i < 40; i++)
        submit(bench, &(struct wish){.lane = bench->lanes[0],
                                     .function = "count",
                                     .argument = 1000000 + i,
                                     .memory = 200});
    const struct task_of *large =
        submit(bench, &(struct wish){.lane = bench->lanes[1],
                                     .function = "count",
                                     .argument = 5,
                                     .memory = 900});
    for (uint64_t i = 0; i < 400; i++)
        submit(bench, &(struct wish){.lane = bench->lanes[0],
                                     .function = "count",
                                     .argument = 2000000 + i,
                                     .memory = 200});
    await(bench, 441);
    assert_true(large->place < 300);
}

/* --- Cancelling and waking ----------------------------------------------- */

static void a_queued_job_that_is_cancelled_says_so(void **state)
{
    struct bench *bench = *state;
    struct task_of *loop = submit(
        bench, &(struct wish){.lane = bench->lanes[0], .function = "spin"});
    struct task_of *queued = submit(
        bench, &(struct wish){.lane = bench->lanes[0], .function = "spin"});
    assert_int_equal(queued->begun, 0);
    cancel(bench, queued);
    cancel(bench, queued);
    assert_int_equal(queued->over, 0);
    executor_poll(bench->world->executor, 10000);
    assert_int_equal(queued->over, 1);
    assert_int_equal(queued->end, END_CANCELLED);
    cancel(bench, loop);
    await(bench, 2);
}

static void *wake_soon(void *context)
{
    struct executor *executor = context;
    usleep(30 * 1000);
    executor_wake(executor);
    return NULL;
}

static void polls_until_woken(struct executor *executor)
{
    pthread_t thread;
    const uint64_t start = clock_monotonic_ns();
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, executor), 0);
    executor_poll(executor, 10000);
    assert_true(clock_monotonic_ns() - start < 3000000000U);
    pthread_join(thread, NULL);
    executor_wake(executor);
    executor_poll(executor, 10000);
    assert_true(clock_monotonic_ns() - start < 6000000000U);
}

static void another_thread_wakes_it(void **state)
{
    struct bench *bench = *state;
    polls_until_woken(bench->world->executor);
    // Before there is any runner.
    struct executor *idle;
    assert_ok(executor_open(bench->world->store, NULL, &idle, NULL));
    polls_until_woken(idle);
    executor_close(idle);
}

/* --- Modules ------------------------------------------------------------- */

static void add_size(struct buffer *out, size_t size)
{
    const uint8_t bytes[] = {
        (uint8_t)(size | 0x80), (uint8_t)(size >> 7 | 0x80),
        (uint8_t)(size >> 14 | 0x80), (uint8_t)(size >> 21 & 0x7f)};
    buffer_add_bytes(out, bytes_of(bytes, sizeof bytes));
}

/* One function of very many instructions: it takes long to compile. */
static Cid add_bomb(const struct bench *bench)
{
    enum { ROUNDS = 200000 };
    static const uint8_t head[] = {0, 'a',  's', 'm',  1,   0,    0, 0, 1, 6,
                                   1, 0x60, 1,   0x7e, 1,   0x7e, 3, 2, 1, 0,
                                   7, 5,    1,   1,    'f', 0,    0, 10};
    static const uint8_t tail[] = {0x20, 0, 0x0b};
    struct buffer out;
    Cid cid;
    buffer_init(&out, 16 << 20);
    buffer_add_bytes(&out, bytes_of(head, sizeof head));
    add_size(&out, 1 + 4 + 1 + ROUNDS * 10 + sizeof tail);
    buffer_add_byte(&out, 1);
    add_size(&out, 1 + ROUNDS * 10 + sizeof tail);
    buffer_add_byte(&out, 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        const uint8_t round[] = {0x20, 0,    0x42, (uint8_t)(i & 31),
                                 0x7e, 0x20, 0,    i % 2 ? 0x85 : 0x7c,
                                 0x21, 0};
        buffer_add_bytes(&out, bytes_of(round, sizeof round));
    }
    buffer_add_bytes(&out, bytes_of(tail, sizeof tail));
    assert_ok(content_add_bytes(bench->world->store, buffer_bytes(&out), &cid,
                                NULL));
    buffer_deinit(&out);
    return cid;
}

static void not_told(void *context, const struct module_ready *ready)
{
    (void)context;
    (void)ready;
    assert_true(false);
}

/* One worker: what one has compiled is held while another's tasks are done, and
 * given up when it is not wanted any more. */
static void compiling_for_one_does_not_stop_another(void **state)
{
    struct bench *bench = *state;
    struct modules *modules = bench->world->modules;
    const struct module_form form = {.engine = RUN_ENGINE_WASMTIME,
                                     .lane = bench->lanes[0]};
    const Cid bomb = add_bomb(bench);
    assert_false(modules_want(modules, &bomb, &form, not_told, bench));
    poll_for(bench, 60);
    for (uint64_t i = 0; i < 20; i++)
        submit(bench, &(struct wish){.lane = bench->lanes[1],
                                     .function = "count",
                                     .argument = i});
    await(bench, 20);
    struct executor_census census;
    executor_count(bench->world->executor, &census);
    assert_int_equal(census.running + census.waiting, 1);
    modules_forget(modules, &bomb, bench);
    const uint64_t start = clock_monotonic_ns();
    while (census.running + census.waiting > 0) {
        assert_true(clock_monotonic_ns() - start < 1000000000U);
        executor_poll(bench->world->executor, 10);
        executor_count(bench->world->executor, &census);
    }
}

static void workers_of_subjects_are_not_shared(void **state)
{
    struct bench *bench = *state;
    struct executor_census before, after;
    executor_count(bench->world->executor, &before);
    unsigned count = 0;
    for (uint64_t round = 0; round < 10; round++)
        for (int i = 0; i < 3; i++) {
            submit(bench, &(struct wish){.lane = bench->lanes[i],
                                         .function = "count",
                                         .argument = round});
            await(bench, ++count);
        }
    executor_count(bench->world->executor, &after);
    assert_int_equal(after.workers_started - before.workers_started, 3);
}

int main(void)
{
#define WITH(open, test)                                                      \
    cmocka_unit_test_setup_teardown(test, open, close_bench)
    const struct CMUnitTest tests[] = {
        WITH(open_two, loops_of_one_do_not_stop_another),
        WITH(open_one, loops_of_one_do_not_stop_another),
        WITH(open_one, long_jobs_share_a_worker),
        WITH(open_two, alone_nobody_is_held),
        WITH(open_one, priority_within_a_lane),
        WITH(open_small, memory_of_what_runs_stays_in_bounds),
        WITH(open_small, a_large_one_has_its_turn_among_small_ones),
        WITH(open_one, a_queued_job_that_is_cancelled_says_so),
        WITH(open_two, another_thread_wakes_it),
        WITH(open_one, compiling_for_one_does_not_stop_another),
        WITH(open_one, workers_of_subjects_are_not_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
