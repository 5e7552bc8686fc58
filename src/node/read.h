/* SPDX-License-Identifier: Apache-2.0 */
/* read.h - the events of a job, wherever they are. Inside src/node only.
 * Thread: any; the lock is not held. */
#ifndef IPVM_NODE_READ_H
#define IPVM_NODE_READ_H

#include "node/state.h"

/* Events behind the segments, as in a page, in order. */
struct event_tail {
    struct buffer bytes;
    bool has_segment, is_over;
    Hash segment;
    uint64_t segment_last;
};
/* STATUS_NOT_FOUND: no such job. Free with buffer_deinit(). */
Status read_tail(struct node *node, const Hash *id, uint64_t after,
                 struct event_tail *out, struct error *err);

/* The next event of a page's bytes; false: there is none. */
bool event_next(Bytes page, size_t *at, uint64_t *seq, Bytes *event);

/* A segment's block: `events` as in a page, some of them from `*at` on, which
 * moves. `prev` NULL: it is the first. */
void segment_write(Bytes events, size_t *at, const Hash *prev,
                   struct buffer *out, uint64_t *last);

#endif
