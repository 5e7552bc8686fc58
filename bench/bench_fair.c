/* SPDX-License-Identifier: Apache-2.0 */
/* bench_fair.c - what is left for others when a subject does its worst: one
 * with small jobs beside one with loops, growth, traps, … ; the part of its
 * fair share, half of what it has alone, that it gets. */
#include <stdio.h>
#include <stdlib.h>

#include "run/run.h"
#include "world.h"

#define LOOPS "bench/guests/loop.wasm"
#define HOSTILE "bench/guests/hostile.wasm"

enum {
    WINDOW_MS = 600,
    WINDOWS = 3,         /* beside each attack; and one more alone */
    HONEST_TASKS = 6000, /* more than can be done in a window */
    HONEST_ROUNDS = 200000,
    HOSTILE_TASKS = 8000,
    ACTIONS = 64,
};

/* One of the two who share the executor. */
struct side {
    struct world *world;
    struct lane *lane;
    struct workflow *workflow;
    struct run *run;
    struct run_options options;
    uint64_t finished, wrong;
    char message[RUN_MESSAGE_MAX]; /* of the first that went wrong */
    uint64_t until_ns;
    bool waits;
};

static void on_event(void *context, const struct run *run,
                     const struct run_event *event)
{
    struct side *side = context;
    (void)run;
    if (event->kind != RUN_TASK_FINISHED)
        return;
    side->finished++;
    if (event->report->state.out != OUT_OK && side->wrong++ == 0)
        snprintf(side->message, sizeof side->message, "%s: %s",
                 end_name(event->report->state.end).data,
                 event->report->message);
}

static void on_woken(void *context)
{
    ((struct side *)context)->waits = false;
}

static void side_begin(struct side *side, struct world *world, uint8_t key,
                       struct workflow *workflow)
{
    struct error err = {0};
    const Hash isolation = {.bytes = {key}};
    *side = (struct side){.world = world, .workflow = workflow};
    side->lane = lane_of(executor_lanes(world->executor), &isolation, 1);
    side->options = (struct run_options){.event = on_event,
                                         .context = side,
                                         .woken = on_woken,
                                         .lane = side->lane,
                                         .memory_default = 128 << 20};
    bench_check(run_begin(world->executor, world->modules, workflow,
                          &side->options, &side->run, &err),
                &err);
}

/* Does what there is to do; false once it is over. */
static bool side_step(struct side *side)
{
    if (side->waits && clock_monotonic_ns() < side->until_ns)
        return true;
    side->until_ns = UINT64_MAX;
    side->waits = true;
    const RunStep step = run_step(side->run, ACTIONS, &side->until_ns);
    if (step == RUN_GOES_ON)
        side->waits = false;
    if (side->until_ns == 0)
        side->until_ns = UINT64_MAX;
    return step != RUN_OVER;
}

static void side_end(struct side *side)
{
    run_cancel(side->run);
    side->waits = false;
    while (side_step(side))
        executor_poll(side->world->executor, side->waits ? 5 : 0);
    run_end(side->run, NULL, NULL);
    struct error err = {0};
    bench_check(store_flush(side->world->store, &err), &err);
    run_free(side->run);
    workflow_free(side->workflow);
    lane_unref(side->lane);
}

/* --- Attacks ------------------------------------------------------------- */

static void add_size(struct buffer *out, size_t size)
{
    const uint8_t bytes[] = {
        (uint8_t)(size | 0x80), (uint8_t)(size >> 7 | 0x80),
        (uint8_t)(size >> 14 | 0x80), (uint8_t)(size >> 21 & 0x7f)};
    buffer_add_bytes(out, bytes_of(bytes, sizeof bytes));
}

/* A module that takes long to compile, another for each number: one function,
 * f, of very many instructions that depend on each other. */
static Cid make_bomb(struct store *store, uint64_t number)
{
    enum { ROUNDS = 200000, ROUND_LEN = 10 };
    static const uint8_t head[] = {0, 'a',  's', 'm',  1,   0,    0, 0, 1, 6,
                                   1, 0x60, 1,   0x7e, 1,   0x7e, 3, 2, 1, 0,
                                   7, 5,    1,   1,    'f', 0,    0, 10};
    static const uint8_t tail[] = {0x20, 0, 0x0b};
    const size_t body = 1 + ROUNDS * ROUND_LEN + sizeof tail;
    struct buffer out;
    struct error err = {0};
    Cid cid;
    buffer_init(&out, 16 << 20);
    buffer_add_bytes(&out, bytes_of(head, sizeof head));
    add_size(&out, 1 + 4 + body);
    buffer_add_byte(&out, 1);
    add_size(&out, body);
    buffer_add_byte(&out, 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        const uint8_t constant = (uint8_t)((i < 64 ? number >> i : i) & 31);
        const uint8_t round[ROUND_LEN] = {
            0x20,     0,    0x42,
            constant, 0x7e, /* x * constant */
            0x20,     0,    (uint8_t)(i % 2 ? 0x85 : 0x7c),
            0x21,     0};
        buffer_add_bytes(&out, bytes_of(round, sizeof round));
    }
    buffer_add_bytes(&out, bytes_of(tail, sizeof tail));
    bench_check(content_add_bytes(store, buffer_bytes(&out), &cid, &err),
                &err);
    buffer_deinit(&out);
    return cid;
}

struct attack {
    const char *name; /* of the function; NULL: bombs */
    const char *words;
};
static const struct attack attacks[] = {
    {"spin", "endless loops"},       {"grow", "growth of memory"},
    {"trap", "a flood of traps"},    {"stack", "endless recursion"},
    {"logs", "floods of log lines"}, {"giant", "results of 64 MiB"},
    {NULL, "compile bombs"},
};

static struct workflow *hostile_workflow(const struct attack *attack,
                                         struct world *world,
                                         const Cid *module, uint64_t base)
{
    if (attack->name)
        return world_calls(module, text_of(attack->name), HOSTILE_TASKS, base,
                           UINT64_MAX);
    enum { BOMBS = 80 };
    struct workflow *workflow = workflow_new();
    struct arena *arena = &workflow->arena;
    struct task_draft *drafts = arena_array(arena, BOMBS, sizeof *drafts);
    struct error err = {0};
    for (uint64_t index = 0; index < BOMBS; index++) {
        Value *item = arena_array(arena, 1, sizeof *item);
        *item = value_uint(1);
        const Value list = value_list(item, 1);
        const Cid bomb = make_bomb(world->store, base + index);
        drafts[index] =
            world_draft(arena, arena_format(arena, "b%u", (unsigned)index),
                        &bomb, TEXT("f"), &list);
    }
    bench_check(workflow_finish(workflow, drafts, BOMBS, NULL, 0, NULL, &err),
                &err);
    return workflow;
}

/* --- Windows ------------------------------------------------------------- */

/* How many of its tasks the honest side has had done in a window beside the
 * attack, or alone. */
static double window(struct world *world, const Cid *loops,
                     const struct attack *attack, const Cid *hostile,
                     uint64_t base)
{
    struct side honest, other;
    side_begin(&honest, world, 1,
               world_calls(loops, TEXT("integers"), HONEST_TASKS,
                           HONEST_ROUNDS + base, UINT64_MAX));
    if (attack)
        side_begin(&other, world, 2,
                   hostile_workflow(attack, world, hostile, base));
    bool attacked = attack != NULL;
    uint64_t start = 0, first = 0;
    for (;;) {
        const uint64_t now = clock_monotonic_ns();
        if (start == 0 && honest.finished >= 100) { // Warm: workers are there.
            start = now;
            first = honest.finished;
        }
        if (start != 0 && now - start > WINDOW_MS * (uint64_t)1000000)
            break;
        side_step(&honest);
        if (attacked)
            attacked = side_step(&other);
        executor_poll(world->executor,
                      honest.waits && (!attacked || other.waits) ? 10 : 0);
    }
    const double rate = (double)(honest.finished - first) /
                        (double)(clock_monotonic_ns() - start) * 1e9;
    if (honest.wrong > 0) {
        fprintf(stderr, "bench: %llu tasks of the honest side failed: %s\n",
                (unsigned long long)honest.wrong, honest.message);
        exit(1);
    }
    side_end(&honest);
    if (attack)
        side_end(&other);
    return rate;
}

static int by_value(const void *one, const void *other)
{
    const double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* The machine may have other things to do: each window beside the attack is
 * compared with those before and behind it, and the median counts. */
static double share_beside(struct world *world, const Cid *loops,
                           const Cid *hostile, const struct attack *attack)
{
    static uint64_t base = 0;
    double shares[WINDOWS];
    double before = window(world, loops, NULL, NULL, base += HONEST_TASKS);
    for (int i = 0; i < WINDOWS; i++) {
        const double beside =
            window(world, loops, attack, hostile, base += HONEST_TASKS);
        const double after =
            window(world, loops, NULL, NULL, base += HONEST_TASKS);
        shares[i] = 4 * beside / (before + after);
        before = after;
    }
    qsort(shares, WINDOWS, sizeof *shares, by_value);
    return shares[WINDOWS / 2];
}

/* With a word behind its name, only the attack whose words have it. */
int main(int count, char **words)
{
    enum { ATTACKS = sizeof attacks / sizeof *attacks };
    const char *only = count > 1 ? words[1] : NULL;
    struct world world;
    double least = 2;
    world_open(&world, bench_fresh_directory(), NULL);
    const Cid loops = world_add(&world, LOOPS);
    const Cid hostile = world_add(&world, HOSTILE);
    for (size_t i = 0; i < ATTACKS; i++) {
        char name[100];
        if (only && !strstr(attacks[i].words, only))
            continue;
        const double share =
            share_beside(&world, &loops, &hostile, &attacks[i]);
        if (share < least)
            least = share;
        snprintf(name, sizeof name, "part of the fair share beside %s",
                 attacks[i].words);
        bar_print(
            &(struct bar){.name = name, .unit = "times", .value = share});
    }
    bar_print(&(struct bar){.name = "1 / the smallest of these",
                            .unit = "times",
                            .value = 1 / least,
                            .target = 1 / 0.9});
    world_close(&world);
    return 0;
}
