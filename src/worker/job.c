/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

void job_row_append(struct job_row *row, struct job *job)
{
    job->previous = row->last;
    job->next = NULL;
    if (row->last)
        row->last->next = job;
    else
        row->first = job;
    row->last = job;
    row->count++;
}

void job_row_prepend(struct job_row *row, struct job *job)
{
    job->previous = NULL;
    job->next = row->first;
    if (row->first)
        row->first->previous = job;
    else
        row->last = job;
    row->first = job;
    row->count++;
}

void job_row_remove(struct job_row *row, struct job *job)
{
    if (job->previous)
        job->previous->next = job->next;
    else
        row->first = job->next;
    if (job->next)
        job->next->previous = job->previous;
    else
        row->last = job->previous;
    job->previous = job->next = NULL;
    row->count--;
}

void job_end(struct job *job, End end, const char *format, ...)
{
    struct run_outcome *outcome = HEAP_NEW(struct run_outcome);
    outcome->ticket = job->request.ticket;
    outcome->end = end;
    outcome->argument_index = RUN_NO_INDEX;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(outcome->message, sizeof outcome->message, format, arguments);
    va_end(arguments);
    job->outcome = outcome;
}

void job_free(struct job *job)
{
    free(job->outcome);
    free(job);
}
