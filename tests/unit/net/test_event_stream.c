/* SPDX-License-Identifier: Apache-2.0 */
/* Event streams, in every way that they can be cut into pieces. */
#include "net/event_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

// After the others.
#include <cmocka.h>

#include "base/arena.h"

/* Events as "id|kind|data;". */
static bool note(void *context, const struct event_stream_event *event)
{
    struct buffer *told = context;
    buffer_format(told, "%.*s|%.*s|%.*s;", TEXT_ARG(event->id),
                  TEXT_ARG(event->kind), TEXT_ARG(event->data));
    return true;
}

/* A copy of exactly its length, so that reading beyond is seen. */
static Status take(struct event_stream *stream, Bytes piece, struct error *err)
{
    uint8_t *copy = heap_alloc(piece.len);
    memcpy(copy, piece.data, piece.len);
    const Status status =
        event_stream_take(stream, bytes_of(copy, piece.len), err);
    free(copy);
    return status;
}

static const struct {
    const char *stream, *told;
} rows[] = {
    {"data: a\n\n", "||a;"},
    {"id: 7\nevent: log\ndata: {\"x\":1}\n\n", "7|log|{\"x\":1};"},
    {"id: 7\ndata: a\n\ndata: b\n\n", "7||a;7||b;"},   // the id stays
    {"event: x\ndata: a\n\ndata: b\n\n", "|x|a;||b;"}, // the kind does not
    {"data: a\ndata: b\n\n", "||a\nb;"},
    {"data:a\r\n\r\ndata:b\r\rdata:c\n\r", "||a;||b;||c;"},
    {"\r\n\r\ndata: a\r\n\r\n", "||a;"},
    {": a comment\n\n:\n\ndata: a\n: another\n\n", "||a;"},
    {"data\n\n", "||;"},
    {"data:\ndata:\n\n", "||\n;"},
    {"data:  two blanks\n\n", "|| two blanks;"},
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "||a;"},
    {"data: a\n\n\xef\xbb\xbf"
     "data: b\n\n",
     "||a;"},
    {"retry: 100\nnobody: knows\ndata: a\n\n", "||a;"},
    {"event: x\n\ndata: a\n\n", "||a;"}, // without data there is none
    {"Data: a\n\n", ""},
    {"data: cut off\n", ""},
    {"", ""},
};

static void reads_events_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        const Bytes all = text_bytes(text_of(rows[row].stream));
        for (size_t cut = 0; cut <= all.len; cut++) {
            struct event_stream stream;
            struct buffer told;
            buffer_init(&told, 1000);
            event_stream_init(&stream, note, &told);
            assert_int_equal(take(&stream, bytes_of(all.data, cut), NULL),
                             STATUS_OK);
            assert_int_equal(take(&stream, bytes_from(all, cut), NULL),
                             STATUS_OK);
            buffer_add_byte(&told, '\0');
            assert_string_equal(told.data, rows[row].told);
            event_stream_deinit(&stream);
            buffer_deinit(&told);
        }
    }
}

static void an_id_with_a_zero_is_none(void **state)
{
    (void)state;
    static const char text[] = "id: 1\nid: 2\0002\ndata: a\n\n";
    struct event_stream stream;
    struct buffer told;
    buffer_init(&told, 1000);
    event_stream_init(&stream, note, &told);
    assert_int_equal(take(&stream, bytes_of(text, sizeof text - 1), NULL),
                     STATUS_OK);
    buffer_add_byte(&told, '\0');
    assert_string_equal(told.data, "1||a;");
    event_stream_deinit(&stream);
    buffer_deinit(&told);
}

static void a_restart_forgets_half_an_event_and_keeps_the_id(void **state)
{
    (void)state;
    struct event_stream stream;
    struct buffer told;
    buffer_init(&told, 1000);
    event_stream_init(&stream, note, &told);
    const Bytes half = text_bytes(TEXT("id: 4\ndata: a\n\nevent: x\ndata: b"));
    const Bytes rest = text_bytes(TEXT("\ndata: c\n\n"));
    assert_int_equal(take(&stream, half, NULL), STATUS_OK);
    event_stream_restart(&stream);
    assert_int_equal(take(&stream, rest, NULL), STATUS_OK);
    buffer_add_byte(&told, '\0');
    assert_string_equal(told.data, "4||a;4||c;");
    event_stream_deinit(&stream);
    buffer_deinit(&told);
}

static bool refuse(void *context, const struct event_stream_event *event)
{
    int *count = context;
    (void)event;
    ++*count;
    return false;
}

static void stops_at_the_event_that_was_enough(void **state)
{
    (void)state;
    struct event_stream stream;
    int count = 0;
    event_stream_init(&stream, refuse, &count);
    const Bytes two = text_bytes(TEXT("data: a\n\ndata: b\n\n"));
    assert_int_equal(take(&stream, two, NULL), STATUS_CANCELLED);
    assert_int_equal(count, 1);
    event_stream_deinit(&stream);
}

static void lines_events_and_names_have_a_bound(void **state)
{
    (void)state;
    static const struct {
        const char *front;
        size_t len, lines;
        Status status;
    } cases[] = {
        {"data:", EVENT_STREAM_LINE_MAX - 5, 1, STATUS_OK},
        {"data:", EVENT_STREAM_LINE_MAX - 4, 1, STATUS_LIMIT},
        {"data:", EVENT_STREAM_LINE_MAX - 5, 5, STATUS_LIMIT},
        {"id:", 1024, 1, STATUS_OK},
        {"id:", 1025, 1, STATUS_LIMIT},
        {"event:", 1025, 1, STATUS_LIMIT},
        {":", 100, 100000, STATUS_OK},
    };
    for (size_t row = 0; row < sizeof cases / sizeof *cases; row++) {
        struct event_stream stream;
        struct error err = {0};
        int count = 0;
        event_stream_init(&stream, refuse, &count);
        char *line = malloc(cases[row].len + 1);
        memset(line, 'x', cases[row].len);
        line[cases[row].len] = '\n';
        Status status = STATUS_OK;
        for (size_t at = 0; at < cases[row].lines && status == STATUS_OK;
             at++) {
            status = event_stream_take(
                &stream, text_bytes(text_of(cases[row].front)), &err);
            if (status == STATUS_OK)
                status = event_stream_take(
                    &stream, bytes_of(line, cases[row].len + 1), &err);
        }
        assert_int_equal(status, cases[row].status);
        assert_int_equal(err.message[0] != '\0', status != STATUS_OK);
        free(line);
        event_stream_deinit(&stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_events_however_they_are_cut),
        cmocka_unit_test(an_id_with_a_zero_is_none),
        cmocka_unit_test(a_restart_forgets_half_an_event_and_keeps_the_id),
        cmocka_unit_test(stops_at_the_event_that_was_enough),
        cmocka_unit_test(lines_events_and_names_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
