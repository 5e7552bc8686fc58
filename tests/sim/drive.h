/* SPDX-License-Identifier: Apache-2.0 */
/* drive.h - what the driver remembers of what it saw. */
#ifndef IPVM_TESTS_SIM_DRIVE_H
#define IPVM_TESTS_SIM_DRIVE_H

#include "sim/sim.h"

/* A question or a run that is out. */
struct event {
    ScheduleVerb verb;
    uint32_t task;
    uint64_t due_ms;
    struct limits limits;
    bool late; /* meets its time limit */
    End stop;
};

/* A concrete computation as the runners see it. */
struct record {
    struct concrete concrete;
    bool known;
    uint32_t tries, out;  /* runs that failed; that are out now */
    struct limits limits; /* of the last run */
    uint64_t start_ms;
    bool ran;
    End last_end;
};

struct seen {
    bool asked, resolving, authorising, allowed, told, was_symbolic;
    bool has_record;
    uint32_t record;
    uint64_t allowed_ms;
    struct out out;
    struct schedule_task_state state; /* when told */
};

struct drive {
    struct world *world;
    struct schedule *schedule;
    uint64_t now_ms, steps;
    struct event *events;
    uint32_t event_count;
    struct seen *seen;
    struct record *records;
    uint32_t record_count;
    struct map record_by_id, known_symbolic;
    struct out *outs;
    uint32_t running;
    uint64_t memory;
    bool cancelled, broken;
};

/* Complains once, with the seed. */
void rule(struct drive *drive, bool holds, uint32_t task, const char *text);

/* True if the task is over, and how. */
bool known_out(struct drive *drive, uint32_t task, struct out *out);
struct record *record_of(struct drive *drive, uint32_t task);

/* check.c: the rules, at each action and at the end. */
void check_lookup(struct drive *drive, uint32_t task);
void check_resolve(struct drive *drive, uint32_t task);
void check_run(struct drive *drive, const struct schedule_action *action);
void check_stop(struct drive *drive, const struct schedule_action *action);
void check_finished(struct drive *drive, uint32_t task);
/* When there is nothing left to do but to wait. */
void check_needed(struct drive *drive);
void check_counts(struct drive *drive);
void check_end(struct drive *drive);

#endif
