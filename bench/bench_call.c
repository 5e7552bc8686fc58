/* SPDX-License-Identifier: Apache-2.0 */
/* bench_call.c - what one call of a guest costs: in a worker process, on a
 * thread of this process, and by the engine alone; with bytes in and out; and
 * loops against the same engine with nothing switched on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/executor.h"
#include "wasm/engine.h"
#include "world.h"

#define LOOPS "bench/guests/loop.wasm"

enum { LOOP_ROUNDS = 300 };

/* A computation ready to be performed again and again. */
struct call {
    struct world *world;
    struct arena arena;
    struct run_request request;
    bool is_ready, is_over;
    struct run_cost cost;
};

static void told(void *context, const struct module_ready *ready)
{
    struct call *call = context;
    if (ready->end != END_NONE) {
        fprintf(stderr, "bench_call: %s\n", ready->message);
        exit(1);
    }
    call->request.description = ready->description;
    call->request.artifact = ready->artifact;
    call->is_ready = true;
}

static void over(void *context, const struct run_outcome *outcome)
{
    struct call *call = context;
    if (outcome->end != END_NONE) {
        fprintf(stderr, "bench_call: %s\n", outcome->message);
        exit(1);
    }
    call->cost = outcome->cost;
    call->is_over = true;
}

static uint64_t call_once(struct call *call)
{
    struct error err = {0};
    uint64_t ticket, start = clock_monotonic_ns();
    const struct executor_client client = {.done = over, .context = call};
    call->is_over = false;
    bench_check(executor_submit(call->world->executor, &call->request, &client,
                                &ticket, &err),
                &err);
    while (!call->is_over)
        executor_poll(call->world->executor, -1);
    return clock_monotonic_ns() - start;
}

/* Compiles what has to be, and calls a first time. */
static void call_make(struct call *call, struct world *world, const char *path,
                      Text function, const Value *args, uint64_t fuel)
{
    *call = (struct call){.world = world};
    const Cid module = world_add(world, path);
    const struct module_form form = {.metered = fuel > 0};
    const Value link = value_link(&module);
    const Value whole =
        wasm_call_args(&call->arena, &link, function, args, false);
    Hash hash;
    call->request = (struct run_request){
        .verb = RUN_CALL,
        .metered = fuel > 0,
        .limits = {.memory = LIMIT_MEMORY_DEFAULT,
                   .time_ms = LIMIT_TIME_DEFAULT_MS,
                   .fuel = fuel},
        .input = computation_encode(TEXT("/wasm/run"), &whole, (Bytes){0},
                                    &call->arena, &hash),
    };
    modules_want(world->modules, &module, &form, told, call);
    while (!call->is_ready)
        executor_poll(world->executor, -1);
    call_once(call);
}

static void make_numbers(struct call *call, struct world *world, Text function,
                         uint64_t a, uint64_t b, uint64_t fuel)
{
    const Value items[] = {value_uint(a), value_uint(b)};
    const Value list = value_list(items, b == UINT64_MAX ? 1 : 2);
    call_make(call, world, LOOPS, function, &list, fuel);
}

static void measure(struct call *call, size_t count, const struct bar *bar)
{
    struct samples samples = {0};
    for (size_t index = 0; index < count / 10; index++)
        call_once(call);
    for (size_t index = 0; index < count; index++)
        samples_add(&samples, call_once(call));
    bar_print_samples(*bar, &samples);
    arena_deinit(&call->arena);
}

/* --- Tiny calls ---------------------------------------------------------- */

static void bench_tiny(struct world *workers, struct world *threads)
{
    struct call call;
    make_numbers(&call, workers, TEXT("add"), 1, 2, 0);
    measure(&call, 20000,
            &(struct bar){.name = "warm pure task through a worker",
                          .unit = "us",
                          .target = 20,
                          .p99_target = 100});
    make_numbers(&call, threads, TEXT("add"), 1, 2, 0);
    measure(&call, 10000,
            &(struct bar){.name = "warm pure task on a thread of the process",
                          .unit = "us"});
}

static Bytes read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "bench_call: no %s\n", path);
        exit(1);
    }
    buffer_init(out, 1 << 20);
    size_t len = fread(buffer_reserve(out, 1 << 20), 1, 1 << 20, file);
    buffer_advance(out, len);
    fclose(file);
    return buffer_bytes(out);
}

static void bench_engine(void)
{
    const struct engine_options options = {.slots = 32};
    const struct engine_limits limits = {.memory_max = 64 << 20};
    struct buffer wasm, artifact;
    struct engine *engine;
    struct engine_module *module;
    struct engine_instance *instance;
    struct engine_fault fault;
    struct error err = {0};
    struct samples samples = {0};

    buffer_init(&artifact, 64 << 20);
    bench_check(engine_open(&options, &engine, &err), &err);
    bench_check(
        engine_compile(engine, read_file(LOOPS, &wasm), &artifact, &err),
        &err);
    bench_check(
        engine_load(engine, buffer_bytes(&artifact), -1, &module, &err), &err);
    for (size_t index = 0; index < 20000; index++) {
        const EngineNumber params[2] = {1, 2};
        EngineNumber result;
        uint64_t start = clock_monotonic_ns();
        if (engine_instantiate(module, NULL, 0, NULL, &limits, &instance,
                               &fault) != ENGINE_RAN ||
            engine_call(engine_find(instance, TEXT("add")), params, 2, &result,
                        1, &fault) != ENGINE_RAN)
            exit(1);
        engine_instance_free(instance);
        samples_add(&samples, clock_monotonic_ns() - start);
    }
    bar_print_samples(
        (struct bar){.name = "instantiate, call, drop", .unit = "us"},
        &samples);
    engine_module_free(module);
    engine_close(engine);
    buffer_deinit(&wasm);
    buffer_deinit(&artifact);
}

/* --- Bytes --------------------------------------------------------------- */

static void bench_bytes(struct world *world, size_t len, size_t count,
                        const struct bar *bar)
{
    struct call call;
    struct error err = {0};
    uint8_t *bytes = heap_alloc(len);
    Cid cid;
    for (size_t index = 0; index < len; index++)
        bytes[index] = (uint8_t)(index * 7 + (index >> 11));
    bench_check(
        content_add_bytes(world->store, bytes_of(bytes, len), &cid, &err),
        &err);
    free(bytes);
    const Value link = value_link(&cid), list = value_list(&link, 1);
    call_make(&call, world, "bench/guests/echo.wasm", TEXT("echo"), &list, 0);
    measure(&call, count, bar);
}

/* --- Loops against the bare engine --------------------------------------- */

struct bare {
    FILE *to, *from;
    pid_t pid;
};

static void bare_start(struct bare *bare, const char *function,
                       uint64_t rounds)
{
    char number[24], program[4096];
    int in[2], out[2];
    snprintf(number, sizeof number, "%llu", (unsigned long long)rounds);
    snprintf(program, sizeof program, "%s", bench_program("bench/bare"));
    if (pipe(in) != 0 || pipe(out) != 0)
        exit(1);
    bare->pid = fork();
    if (bare->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        execl(program, program, LOOPS, function, number, (char *)NULL);
        fprintf(stderr, "bench_call: cannot start %s\n", program);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    bare->to = fdopen(in[1], "w");
    bare->from = fdopen(out[0], "r");
}

static uint64_t bare_once(struct bare *bare)
{
    unsigned long long ns = 0;
    fputs("\n", bare->to);
    fflush(bare->to);
    if (fscanf(bare->from, "%llu", &ns) != 1)
        exit(1);
    return ns;
}

static void bare_stop(struct bare *bare)
{
    fclose(bare->to);
    fclose(bare->from);
    waitpid(bare->pid, NULL, 0);
}

/* One after the other, again and again: what else the machine does meets
 * both. The best of each is what the code takes. */
static void bench_loop(struct world *world, const char *function,
                       uint64_t rounds, uint64_t fuel, const struct bar *bar)
{
    struct bare bare;
    struct call call;
    struct samples ours = {0}, theirs = {0};
    make_numbers(&call, world, text_of(function), rounds, UINT64_MAX, fuel);
    bare_start(&bare, function, rounds);
    for (int round = 0; round < LOOP_ROUNDS; round++) {
        samples_add(&theirs, bare_once(&bare));
        call_once(&call);
        samples_add(&ours, call.cost.wall_ns);
    }
    bare_stop(&bare);
    struct bar line = *bar;
    line.unit = "times";
    line.value = (double)samples_percentile(&ours, 0) /
                 (double)samples_percentile(&theirs, 0);
    bar_print(&line);
    samples_free(&ours);
    samples_free(&theirs);
    arena_deinit(&call.arena);
}

static void bench_loops(struct world *world)
{
    bench_loop(world, "integers", 800000, 0,
               &(struct bar){.name = "integer loop, time limit, against bare",
                             .target = 1.02});
    bench_loop(world, "integers", 800000, INT64_MAX,
               &(struct bar){.name = "integer loop, fuel limit, against bare",
                             .target = 1.3});
    bench_loop(world, "floats", 25000, 0,
               &(struct bar){.name = "n-body, canonical NaNs, against bare",
                             .target = 1.2});
}

int main(void)
{
    char directory[4200];
    const struct executor_options one = {.workers = 1};
    const struct executor_options inside = {.workers = 1, .in_process = true};
    struct world workers, threads;
    snprintf(directory, sizeof directory, "%s/threads", bench_directory());
    world_open(&workers, bench_directory(), &one);
    world_open(&threads, directory, &inside);
    bench_tiny(&workers, &threads);
    world_close(&threads);
    bench_engine();
    bench_bytes(&workers, 1 << 20, 300,
                &(struct bar){.name = "1 MiB of bytes into a guest and out",
                              .unit = "ms",
                              .target = 1});
    bench_bytes(&workers, 10 << 20, 40,
                &(struct bar){.name = "10 MiB of bytes into a guest and out",
                              .unit = "ms"});
    bench_loops(&workers);
    world_close(&workers);
    return 0;
}
