/* SPDX-License-Identifier: Apache-2.0 */
#include "net/event_stream.h"

enum { FIELD_MAX = 1024 }; /* bytes of a kind or an id */

void event_stream_init(struct event_stream *stream, EventStreamEach *each,
                       void *context)
{
    *stream = (struct event_stream){.each = each, .context = context};
    buffer_init(&stream->line, EVENT_STREAM_LINE_MAX);
    buffer_init(&stream->data, EVENT_STREAM_DATA_MAX);
    buffer_init(&stream->kind, FIELD_MAX);
    buffer_init(&stream->id, FIELD_MAX);
}

void event_stream_deinit(struct event_stream *stream)
{
    buffer_deinit(&stream->line);
    buffer_deinit(&stream->data);
    buffer_deinit(&stream->kind);
    buffer_deinit(&stream->id);
}

static void forget_event(struct event_stream *stream)
{
    buffer_clear(&stream->data);
    buffer_clear(&stream->kind);
    stream->has_data = false;
}

void event_stream_restart(struct event_stream *stream)
{
    forget_event(stream);
    buffer_clear(&stream->line);
    stream->after_cr = stream->after_first = false;
}

static void set(struct buffer *field, Text value)
{
    buffer_clear(field);
    buffer_add_text(field, value);
}

static void take_field(struct event_stream *stream, Text name, Text value)
{
    if (text_equal(name, TEXT("data"))) {
        if (stream->has_data)
            buffer_add_byte(&stream->data, '\n');
        buffer_add_text(&stream->data, value);
        stream->has_data = true;
    } else if (text_equal(name, TEXT("event"))) {
        set(&stream->kind, value);
    } else if (text_equal(name, TEXT("id")) &&
               (value.len == 0 || !memchr(value.data, '\0', value.len))) {
        set(&stream->id, value);
    }
    // Others, "retry" among them, are not for us.
}

static Status check(const struct event_stream *stream, struct error *err)
{
    TRY(buffer_status(&stream->data, "an event's data", err));
    TRY(buffer_status(&stream->kind, "an event's kind", err));
    return buffer_status(&stream->id, "an event's id", err);
}

static Status end_event(struct event_stream *stream, struct error *err)
{
    const struct event_stream_event event = {
        .id = bytes_text(buffer_bytes(&stream->id)),
        .kind = bytes_text(buffer_bytes(&stream->kind)),
        .data = bytes_text(buffer_bytes(&stream->data)),
    };
    const bool goes_on =
        !stream->has_data || stream->each(stream->context, &event);
    forget_event(stream);
    return goes_on ? STATUS_OK
                   : fail(err, STATUS_CANCELLED, "stopped by the reader");
}

static Status end_line(struct event_stream *stream, struct error *err)
{
    Text line = bytes_text(buffer_bytes(&stream->line));
    Status status = STATUS_OK;
    if (!stream->after_first && text_starts_with(line, TEXT("\xef\xbb\xbf")))
        line = (Text){line.data + 3, line.len - 3};
    stream->after_first = true;
    if (line.len == 0) {
        status = end_event(stream, err);
    } else if (line.data[0] != ':') {
        const char *colon = memchr(line.data, ':', line.len);
        const size_t len = colon ? (size_t)(colon - line.data) : line.len;
        size_t from = colon ? len + 1 : len;
        from += from < line.len && line.data[from] == ' ';
        take_field(stream, (Text){line.data, len},
                   (Text){line.data + from, line.len - from});
        status = check(stream, err);
    }
    buffer_clear(&stream->line);
    return status;
}

Status event_stream_take(struct event_stream *stream, Bytes piece,
                         struct error *err)
{
    while (piece.len > 0) {
        size_t len = 0;
        // The second half of "\r\n".
        if (stream->after_cr && piece.data[0] == '\n')
            piece = bytes_from(piece, 1);
        stream->after_cr = false;
        while (len < piece.len && piece.data[len] != '\n' &&
               piece.data[len] != '\r')
            len++;
        buffer_add(&stream->line, piece.data, len);
        TRY(buffer_status(&stream->line, "a line of events", err));
        if (len == piece.len)
            return STATUS_OK;
        stream->after_cr = piece.data[len] == '\r';
        piece = bytes_from(piece, len + 1);
        TRY(end_line(stream, err));
    }
    return STATUS_OK;
}
