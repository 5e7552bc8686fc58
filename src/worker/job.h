/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - a job in the pool's hands, and rows of them. Thread: the pool's. */
#ifndef IPVM_WORKER_JOB_H
#define IPVM_WORKER_JOB_H

#include <stdatomic.h>

#include "task/runner.h"

struct worker;

struct job {
    struct run_request request;
    struct job *previous; /* in the row it stands in */
    struct job *next;
    struct worker *worker;   /* who has it; NULL: it waits in the pool */
    _Atomic uint32_t *claim; /* in the jobs ring of that worker */
    uint64_t position;       /* of its frame there */
    uint64_t handed_ns;      /* when it was handed over */
    unsigned losses; /* workers lost with it, though it was not to blame */
    bool goes_alone; /* to an idle worker only, with none behind it */
    End stop;        /* asked to stop as this; else END_NONE */
    struct run_outcome *outcome; /* over, not yet reported; owned */
};

/* A row of jobs, first come first served. */
struct job_row {
    struct job *first;
    struct job *last;
    size_t count;
};

void job_row_append(struct job_row *row, struct job *job);
void job_row_prepend(struct job_row *row, struct job *job);
void job_row_remove(struct job_row *row, struct job *job);

/* Makes the job over: `end` and a message for people. */
[[gnu::format(printf, 3, 4)]] void job_end(struct job *job, End end,
                                           const char *format, ...);
void job_free(struct job *job);

#endif
