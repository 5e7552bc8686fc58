/* SPDX-License-Identifier: Apache-2.0 */
/* event_stream.h - reads text/event-stream (HTML living standard, 9.2.6), piece
 * by piece. Thread: one at a time. */
#ifndef IPVM_NET_EVENT_STREAM_H
#define IPVM_NET_EVENT_STREAM_H

#include "base/buffer.h"

enum {
    EVENT_STREAM_LINE_MAX = 2 << 20, /* bytes of a line */
    EVENT_STREAM_DATA_MAX = 8 << 20, /* of the data of an event */
};

/* Borrowed during the call. `id` is that of this event or the last one that
 * had one; `kind` is empty where none was given. */
struct event_stream_event {
    Text id, kind, data;
};
/* False: enough. */
typedef bool EventStreamEach(void *context,
                             const struct event_stream_event *event);

struct event_stream {
    EventStreamEach *each;
    void *context;
    struct buffer line, data, kind, id;
    bool has_data;    /* a line of it */
    bool after_cr;    /* the last byte was one: "\n" belongs to it */
    bool after_first; /* the first line is behind us, and what may stand in
                         front of it */
};

void event_stream_init(struct event_stream *stream, EventStreamEach *each,
                       void *context);
void event_stream_deinit(struct event_stream *stream);
/* As after a connection that broke: what has come of an event is forgotten, the
 * last id is not. */
void event_stream_restart(struct event_stream *stream);

/* STATUS_CANCELLED: `each` had enough. STATUS_LIMIT: a line or an event is too
 * long. */
Status event_stream_take(struct event_stream *stream, Bytes piece,
                         struct error *err);

#endif
