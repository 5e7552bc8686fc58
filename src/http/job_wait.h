/* SPDX-License-Identifier: Apache-2.0 */
/* job_wait.h - an answer that waits for a job's end. Thread: the request's. */
#ifndef IPVM_HTTP_JOB_WAIT_H
#define IPVM_HTTP_JOB_WAIT_H

#include "http/request.h"

enum { JOB_WAIT_MAX_S = 3600 };

struct job_wait {
    Hash job;
    int status;        /* of the answer: 200, 201 */
    uint64_t until_ns; /* clock_monotonic_ns(); 0: does not wait */
    struct node_watch *watch;
};

/* Reads ?wait=SECONDS; false: it has answered. */
bool job_wait_read(struct request *request, struct job_wait *out);
/* Answers with the job, once it is over or the time is. A struct job_wait is
 * the request's state, or the first part of it. */
RequestStep job_wait_step(struct request *request);
/* NULL is allowed. */
void job_wait_end(struct job_wait *wait);

#endif
