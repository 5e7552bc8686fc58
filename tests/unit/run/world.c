/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/run/world.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipld/dag_json.h"
#include "unit/run/signals.h"

static int remove_one(const char *path,
                      [[maybe_unused]] const struct stat *found,
                      [[maybe_unused]] int kind,
                      [[maybe_unused]] struct FTW *where)
{
    return remove(path);
}

const char *world_path(const struct world *world, const char *name)
{
    static char path[2 * WORLD_PATH];
    snprintf(path, sizeof path, "%s/%s", world->directory, name);
    return path;
}

void world_write(const struct world *world, const char *name, Bytes bytes)
{
    int file = open(world_path(world, name),
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes.data, bytes.len), (ssize_t)bytes.len);
    close(file);
}

/* --- Opening and closing ------------------------------------------------- */

static void open_all(struct world *world)
{
    const struct store_options fast = {.no_sync = true};
    struct error err = {0};
    if (store_open(world_path(world, "store"), &fast, &world->store, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
    assert_ok(
        executor_open(world->store, &world->how, &world->executor, &err));
    world->modules = modules_new(world->executor);
    world->loader = (struct loader){.executor = world->executor,
                                    .modules = world->modules};
}

static void forget_run(struct world *world)
{
    run_free(world->run);
    world->run = NULL;
    world->started = world->finished = world->alarms = 0;
    world->log[0] = '\0';
}

static void close_all(struct world *world)
{
    forget_run(world);
    workflow_free(world->workflow);
    world->workflow = NULL;
    executor_close(world->executor);
    modules_free(world->modules);
    store_close(world->store);
}

static int open_world(void **state, bool in_process)
{
    struct world *world = HEAP_NEW(struct world);
    const char *base = getenv("TMPDIR");
    snprintf(world->directory, WORLD_PATH, "%s/ipvm-run-XXXXXX",
             base ? base : "/tmp");
    if (!mkdtemp(world->directory))
        return -1;
    world->how =
        (struct executor_options){.workers = 2, .in_process = in_process};
    world_write(world, "numbers.wasm", guest_numbers());
    world_write(world, "bytes.wasm", guest_bytes());
    open_all(world);
    *state = world;
    return 0;
}

int world_in_process(void **state)
{
    return open_world(state, true);
}

int world_with_workers(void **state)
{
    return open_world(state, false);
}

int world_close(void **state)
{
    struct world *world = *state;
    close_all(world);
    nftw(world->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(world);
    return 0;
}

void world_reopen(struct world *world)
{
    close_all(world);
    open_all(world);
}

/* --- Running ------------------------------------------------------------- */

static void on_event(void *context, const struct run *run,
                     const struct run_event *event)
{
    struct world *world = context;
    world->started += event->kind == RUN_TASK_STARTED;
    world->finished += event->kind == RUN_TASK_FINISHED;
    world->alarms += event->kind == RUN_ALARM;
    if (event->kind == RUN_TASK_LOG)
        snprintf(world->log, sizeof world->log, "%.*s", TEXT_ARG(event->text));
    world->now = run;
    if (world->on_event)
        world->on_event(world, event);
}

struct workflow *world_load(struct world *world, const char *manifest)
{
    char text[4096];
    struct workflow *workflow;
    struct error err = {0};
    snprintf(text, sizeof text, "ipvm: \"1.0\"\n%s", manifest);
    if (load_document(&world->loader, text_bytes(text_of(text)), "manifest",
                      world->directory, &workflow, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return workflow;
}

void world_run_again(struct world *world)
{
    struct error err = {0};
    forget_run(world);
    if (world->how.in_process)
        signals_for_guests();
    world->options.event = on_event;
    world->options.context = world;
    if (run_workflow(world->executor, world->modules, world->workflow,
                     &world->options, &world->run, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

void world_run(struct world *world, const char *manifest)
{
    forget_run(world);
    workflow_free(world->workflow);
    world->workflow = world_load(world, manifest);
    world_run_again(world);
}

/* --- How tasks came out -------------------------------------------------- */

void world_report(struct world *world, const char *label,
                  struct run_task_report *out)
{
    uint32_t task = workflow_find(world->workflow, text_of(label));
    if (task == TASK_OUTSIDE)
        fail_msg("there is no task %s", label);
    run_report(world->run ? world->run : world->now, task, out);
}

void world_is(struct world *world, const char *label, ScheduleOut out, End end,
              TaskBy by)
{
    struct run_task_report report;
    world_report(world, label, &report);
    const struct schedule_task_state *is = &report.state;
    if (is->state != TASK_DONE || is->out != out || is->end != end ||
        is->by != by)
        fail_msg("%s is in state %d and came out as %d, end %s, by %d (%s)",
                 label, (int)is->state, (int)is->out, end_name(is->end).data,
                 (int)is->by, report.message);
}

void world_gave(struct world *world, const char *label, const char *json)
{
    struct arena arena = {0};
    struct result result;
    struct buffer text;
    struct error err = {0};
    uint32_t task = workflow_find(world->workflow, text_of(label));
    assert_int_not_equal(task, TASK_OUTSIDE);
    if (run_result(world->run, task, &arena, &result, &err) != STATUS_OK)
        fail_msg("%s: %s", label, err.message);
    buffer_init(&text, 1 << 20);
    assert_ok(dag_json_encode(&result.value, &text, NULL));
    buffer_add_byte(&text, 0);
    assert_string_equal((const char *)text.data, json);
    buffer_deinit(&text);
    arena_deinit(&arena);
}

uint64_t world_count(const struct world *world)
{
    struct store_stat stat;
    assert_ok(store_stat(world->store, &stat, NULL));
    return stat.memo;
}
