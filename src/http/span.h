/* SPDX-License-Identifier: Apache-2.0 */
/* span.h - events of a job as spans of OpenTelemetry. Pure. Thread: one at a
 * time. */
#ifndef IPVM_HTTP_SPAN_H
#define IPVM_HTTP_SPAN_H

#include "crypto/hash.h"
#include "http/url.h"
#include "ipld/value.h"

/* What is known of a job so far. Zeroed, but for its id. */
struct span_job {
    Hash id;
    bool has_parent;
    struct trace_parent parent;
    int64_t submitted_ms;
    char name[64];
};

/* Takes one event; true: it made a span, for `*out`, in the arena. What is no
 * map of an event makes none. */
bool span_of_event(struct span_job *job, const Value *event,
                   struct arena *arena, Value *out);
/* False: whoever sent the parent has not sampled it. */
bool span_is_wanted(const struct span_job *job);
/* The body of an export. */
Value span_export(struct arena *arena, Text did, const Value *spans,
                  size_t count);

#endif
