/* SPDX-License-Identifier: Apache-2.0 */
/* executor_internal.h - the inside of an executor, shared by executor.c and
 * executor_turns.c (who is handed over when). Thread: the executor's. */
#ifndef IPVM_RUN_EXECUTOR_INTERNAL_H
#define IPVM_RUN_EXECUTOR_INTERNAL_H

#include <stdatomic.h>

#include "base/map.h"
#include "run/executor.h"

typedef enum {
    JOB_QUEUED, /* in its lane */
    JOB_HANDED, /* in the runner's hands */
    JOB_PAUSED, /* held by the runner, and in its lane */
    JOB_STOPPED /* over before it was handed over: told at the next poll */
} JobPlace;

struct executor_job {
    struct lane_entry entry; /* first */
    struct run_request request;
    struct executor_client client;
    JobPlace place;
    End end;             /* JOB_STOPPED */
    uint64_t elapsed_ns; /* of it, charged so far */
    uint64_t resumed_ns; /* of elapsed_ns when it was last handed over */
    struct executor_job *next, *previous; /* in its row */
};

struct job_list {
    struct executor_job *first, *last;
    size_t count;
};

/* Bytes that jobs in the runner's hands may take. A large job is one of which
 * not as many as there are workers would fit. */
struct memory_use {
    uint64_t large;  /* their sum */
    uint64_t paused; /* sum */
    uint64_t small_max;
    size_t large_count, small_count;
};

struct executor {
    struct store *store;
    struct executor_options options;
    char worker[4096];
    _Atomic(struct runner *) runner; /* NULL before the first job */
    struct map jobs;                 /* by ticket */
    struct executor_job *free_jobs;
    struct job_list handed, stopped;
    size_t paused;
    uint64_t last_ticket;
    struct lanes *lanes;
    struct landings *landings;
    struct lane *own_lane; /* the owner's */
    struct memory_use memory;
    uint64_t look_ns; /* when turns were last looked at */
    int bell;         /* rings while there is no runner */
    atomic_bool woken;
    atomic_bool interrupted;
};

void job_list_add(struct job_list *list, struct executor_job *job);
void job_list_remove(struct job_list *list, struct executor_job *job);

/* Nobody is told of it. */
void executor_forget(struct executor *executor, struct executor_job *job);

/* --- executor_turns.c --- */

/* The job stands in its lane from here on; perhaps it is handed over. */
void executor_queue(struct executor *executor, struct executor_job *job);
/* Hands over whose turn it is, as many as keep the workers busy. */
void executor_hand_over(struct executor *executor);
/* Holds who has had more than its share while others wait. Milliseconds until
 * it is worth another look, or -1. */
int executor_take_turns(struct executor *executor);
/* It is over, whether it was held or not. */
void executor_let_go(struct executor *executor, struct executor_job *job,
                     const struct run_outcome *outcome);
uint64_t executor_memory(const struct executor *executor);

#endif
