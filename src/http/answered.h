/* SPDX-License-Identifier: Apache-2.0 */
/* answered.h - from a word to the node, over its answer, to ours. Thread: the
 * request's; answered_told() any. */
#ifndef IPVM_HTTP_ANSWERED_H
#define IPVM_HTTP_ANSWERED_H

#include <stdatomic.h>

#include "http/job_wait.h"
#include "http/request.h"

/* The request's state, or the first part of it. */
struct answered {
    struct job_wait wait; /* first: see job_wait.h */
    struct request *request;
    int status; /* of a good answer: 200; 0: 201 or 200, as the job is new */
    struct node_answer answer;
    atomic_bool is_told;
};

NodeTold answered_told;
/* Waits until it is told, then answers. */
Step answered_step;
/* Gives the node a submission, which is taken over; the request's state is a
 * struct answered. */
RequestStep answered_give(struct request *request,
                          struct submission *submission);
/* By the owner, on these terms: makes the state, too. */
RequestStep answered_submit(struct request *request,
                            const struct job_terms *terms);
/* Why a submission is not let in. */
RequestStep answered_refuse(struct request *request, Status status,
                            const struct chain_refusal *refusal,
                            const struct error *err);

#endif
