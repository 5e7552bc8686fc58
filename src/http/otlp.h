/* SPDX-License-Identifier: Apache-2.0 */
/* otlp.h - jobs as traces for a collector: OTLP over HTTP, JSON (OpenTelemetry
 * protocol 1.x). A span for each job and each of its tasks, told when they are
 * over; its trace is that of the submission's traceparent, or its own.
 *
 * On a thread of its own, from the journal: a collector that is slow or away
 * holds nothing up. What does not get through is dropped, and counted.
 * Thread: any. */
#ifndef IPVM_HTTP_OTLP_H
#define IPVM_HTTP_OTLP_H

#include "node/node.h"

struct otlp;

/* `url` of the collector: "http://127.0.0.1:4318/v1/traces". Follows the jobs
 * that are open. */
struct otlp *otlp_open(struct node *node, const char *url);
/* Sends what there is, once. NULL is allowed. */
void otlp_close(struct otlp *otlp);
/* A new job. NULL is allowed: nobody wants traces. */
void otlp_follow(struct otlp *otlp, const Hash *job);

struct otlp_counts {
    uint64_t sent, dropped; /* spans */
    uint64_t not_followed;  /* jobs, beyond so many at once */
};
void otlp_count(struct otlp *otlp, struct otlp_counts *out);

#endif
