/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - all that a run needs, in a directory of its own: a store, an
 * executor, the guests of guests.h as numbers.wasm and bytes.wasm; and short
 * ways to run a manifest and to say how its tasks must come out. Thread: one.
 */
#ifndef IPVM_TESTS_UNIT_RUN_WORLD_H
#define IPVM_TESTS_UNIT_RUN_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// Before cmocka, which has a macro fail().
#include "base/status.h"

#include <cmocka.h>

#include "run/load.h"
#include "run/run.h"
#include "unit/run/guests.h"

enum { WORLD_PATH = 256, WORLD_TEXT = 512 };

struct world {
    char directory[WORLD_PATH]; /* of the manifests and guests */
    struct executor_options how;
    struct store *store;
    struct executor *executor;
    struct modules *modules;
    struct loader loader;
    struct run_options options;
    struct workflow *workflow; /* of the last run */
    struct run *run;
    const struct run *now; /* while it runs */
    /* What the last run told. */
    unsigned started, finished, alarms;
    char log[WORLD_TEXT];
    void (*on_event)(struct world *world, const struct run_event *event);
};

/* For cmocka. */
int world_in_process(void **state);
int world_with_workers(void **state);
int world_close(void **state);

/* Closes everything and opens it again with world->how. */
void world_reopen(struct world *world);
/* The path of a file in the world's directory; valid until the next call. */
const char *world_path(const struct world *world, const char *name);
void world_write(const struct world *world, const char *name, Bytes bytes);

struct workflow *world_load(struct world *world, const char *manifest);
/* Runs a manifest: "tasks:" and all below. */
void world_run(struct world *world, const char *manifest);
/* The last workflow once more. */
void world_run_again(struct world *world);

/* The task of this label must have come out like this. */
void world_is(struct world *world, const char *label, ScheduleOut out, End end,
              TaskBy by);
/* It must have this result, in DAG-JSON. */
void world_gave(struct world *world, const char *label, const char *json);
void world_report(struct world *world, const char *label,
                  struct run_task_report *out);
uint64_t world_count(const struct world *world);

#define assert_ok(call) assert_int_equal((int)(call), (int)STATUS_OK)
#define assert_status(call, expected)                                         \
    assert_int_equal((int)(call), (int)(expected))

#endif
