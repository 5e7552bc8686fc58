/* SPDX-License-Identifier: Apache-2.0 */
/* connection.c - one connection: an HTTP request with its answer, or after the
 * handshake a WebSocket.
 *
 *     READS_HEAD ─▶ READS_BODY ─▶ IS_ENDING ─▶ gone
 *          └──────▶ IS_SOCKET ───────┘
 *
 * A web page of a stranger can have a browser connect to us. Its name is in
 * Origin, which must be one of this machine; and Host must be, too, or the page
 * came by a name that was made to lead here. */
#include "homestar/server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum { PIECE = 64 << 10, IN_MAX = HEAD_BYTES_MAX + FRAME_MESSAGE_MAX + PIECE };

static uint64_t ms_since(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns > then_ns ? (now_ns - then_ns) / 1000000 : 0;
}

struct connection *connection_new(struct homestar *homestar, int socket)
{
    struct connection *connection = HEAP_NEW(struct connection);
    connection->homestar = homestar;
    connection->socket = socket;
    connection->began_ns = connection->heard_ns = connection->wrote_ns =
        clock_monotonic_ns();
    buffer_init(&connection->in, IN_MAX);
    buffer_init(&connection->out, OUT_MAX);
    frame_reader_init(&connection->reader);
    return connection;
}

void connection_free(struct connection *connection)
{
    subscription_end_all(connection);
    close(connection->socket);
    buffer_deinit(&connection->in);
    buffer_deinit(&connection->out);
    frame_reader_deinit(&connection->reader);
    free(connection);
}

/* --- Writing ------------------------------------------------------------- */

static size_t left_to_write(const struct connection *connection)
{
    return connection->out.len - connection->sent;
}

bool connection_has_room(const struct connection *connection)
{
    return connection->state == IS_SOCKET && !connection->is_gone &&
           left_to_write(connection) < OUT_ENOUGH;
}

/* What was written goes, so that the buffer is for what is left. */
static void forget_written(struct connection *connection)
{
    struct buffer *out = &connection->out;
    if (connection->sent == out->len) {
        buffer_clear(out);
    } else if (connection->sent > out->len / 2) {
        memmove(out->data, out->data + connection->sent,
                out->len - connection->sent);
        out->len -= connection->sent;
    } else {
        return;
    }
    connection->sent = 0;
}

void connection_writable(struct connection *connection)
{
    while (left_to_write(connection) > 0) {
        const ssize_t len =
            send(connection->socket, connection->out.data + connection->sent,
                 left_to_write(connection), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0) {
            connection->is_gone = errno != EAGAIN && errno != EWOULDBLOCK;
            break;
        }
        connection->sent += (size_t)len;
        connection->wrote_ns = clock_monotonic_ns();
    }
    forget_written(connection);
    if (connection->state == IS_ENDING && left_to_write(connection) == 0 &&
        !connection->is_shut) {
        connection->is_shut = true;
        connection->wrote_ns = clock_monotonic_ns();
        shutdown(connection->socket, SHUT_WR);
    }
}

/* Writes what it can now. */
static void write_now(struct connection *connection)
{
    if (connection->out.status != STATUS_OK)
        connection->is_gone = true; // It asks and does not listen.
    else if (!connection->is_gone)
        connection_writable(connection);
}

/* The time that it is not taken counts from here. */
static void begin_writing(struct connection *connection)
{
    if (left_to_write(connection) == 0)
        connection->wrote_ns = clock_monotonic_ns();
}

void connection_send(struct connection *connection, Bytes text)
{
    begin_writing(connection);
    frame_write(&connection->out, FRAME_TEXT, text);
    write_now(connection);
}

/* --- HTTP ---------------------------------------------------------------- */

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    default:
        return "Bad Request";
    }
}

static void end_http(struct connection *connection, unsigned status, Text kind,
                     Bytes body)
{
    struct buffer *out = &connection->out;
    const Text origin = connection->head.origin;
    begin_writing(connection);
    buffer_format(out, "HTTP/1.1 %u %s\r\nConnection: close\r\n", status,
                  reason_of(status));
    // 403 is for those whose origin is not to be told anything.
    if (origin.len > 0 && status != 403)
        buffer_format(out,
                      "Access-Control-Allow-Origin: %.*s\r\n"
                      "Access-Control-Allow-Methods: GET, POST\r\n"
                      "Access-Control-Allow-Headers: content-type\r\n"
                      "Vary: Origin\r\n",
                      TEXT_ARG(origin));
    if (body.len > 0)
        buffer_format(out,
                      "Content-Type: %.*s\r\n"
                      "X-Content-Type-Options: nosniff\r\n",
                      TEXT_ARG(kind));
    if (status != 204)
        buffer_format(out, "Content-Length: %zu\r\n", body.len);
    buffer_add_text(out, TEXT("\r\n"));
    buffer_add_bytes(out, body);
    connection->state = IS_ENDING;
    write_now(connection);
}

static void refuse(struct connection *connection, unsigned status,
                   const char *message)
{
    struct buffer text;
    buffer_init(&text, 1024);
    buffer_format(&text, "%s\n", message);
    end_http(connection, status, TEXT("text/plain; charset=utf-8"),
             buffer_bytes(&text));
    buffer_deinit(&text);
}

static void answer_json(struct connection *connection,
                        const struct buffer *body)
{
    end_http(connection, 200, TEXT("application/json"), buffer_bytes(body));
}

static void answer_get(struct connection *connection)
{
    const char *method = method_of_path(connection->head.target);
    struct buffer body;
    if (!method) {
        refuse(connection, 404,
               "not here: /health, /metrics, /node, /rpc_discover, POST to / "
               "or a WebSocket");
        return;
    }
    buffer_init(&body, OUT_MAX / 2);
    method_get(connection, text_of(method), &body);
    answer_json(connection, &body);
    buffer_deinit(&body);
}

static void answer_post(struct connection *connection)
{
    const Bytes whole = buffer_bytes(&connection->in);
    const Bytes body = bytes_of(whole.data + connection->head_len,
                                (size_t)connection->head.content_length);
    struct buffer answer;
    buffer_init(&answer, OUT_MAX / 2);
    method_answer(connection, body, &answer);
    answer_json(connection, &answer);
    buffer_deinit(&answer);
}

static void shake_hands(struct connection *connection)
{
    const struct head *head = &connection->head;
    char accept[FRAME_ACCEPT_LEN];
    struct error error = {0};
    if (!text_equal(head->method, TEXT("GET")) ||
        !head_has_word(head->connection, TEXT("Upgrade")) ||
        !text_equal(head->version, TEXT("13"))) {
        refuse(connection, 400, "only WebSocket version 13 is spoken here");
        return;
    }
    if (frame_accept(head->key, accept, &error) != STATUS_OK) {
        refuse(connection, 400, error.message);
        return;
    }
    begin_writing(connection);
    buffer_format(&connection->out,
                  "HTTP/1.1 101 Switching Protocols\r\n"
                  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: %.*s\r\n\r\n",
                  FRAME_ACCEPT_LEN, accept);
    connection->state = IS_SOCKET;
    write_now(connection);
}

/* The head is whole. */
static void begin_request(struct connection *connection)
{
    const struct head *head = &connection->head;
    if (!head_host_is_loopback(head->host) ||
        (head->origin.len > 0 && !head_origin_is_loopback(head->origin)))
        refuse(connection, 403,
               "only this machine, and pages that it serves itself, may ask");
    else if (head->upgrade.len > 0 &&
             head_has_word(head->upgrade, TEXT("websocket")))
        shake_hands(connection);
    else if (text_equal(head->method, TEXT("OPTIONS")))
        end_http(connection, 204, TEXT(""), bytes_of("", 0));
    else if (text_equal(head->method, TEXT("GET")))
        answer_get(connection);
    else if (!text_equal(head->method, TEXT("POST")))
        refuse(connection, 405, "only GET and POST");
    else if (head->content_length > FRAME_MESSAGE_MAX)
        refuse(connection, 413, "a request of more than 10 MiB");
    else {
        connection->state = READS_BODY;
        if (head->expects)
            buffer_add_text(&connection->out,
                            TEXT("HTTP/1.1 100 Continue\r\n\r\n"));
        write_now(connection);
    }
}

static void read_request_head(struct connection *connection)
{
    struct error error = {0};
    Status status = head_read(buffer_bytes(&connection->in), &connection->head,
                              &connection->head_len, &error);
    if (status == STATUS_OK)
        begin_request(connection);
    else if (status != STATUS_NOT_FOUND) {
        connection->head = (struct head){0};
        refuse(connection, 400, error.message);
    }
}

/* --- WebSocket ----------------------------------------------------------- */

static void end_socket(struct connection *connection, uint16_t code)
{
    begin_writing(connection);
    frame_write_close(&connection->out, code);
    connection->state = IS_ENDING;
    subscription_end_all(connection);
    write_now(connection);
}

static void take_frame(struct connection *connection,
                       const struct frame *frame)
{
    struct buffer answer;
    switch (frame->kind) {
    case FRAME_TEXT:
    case FRAME_BINARY:
        buffer_init(&answer, OUT_MAX / 2);
        method_answer(connection, frame->payload, &answer);
        if (answer.len > 0)
            connection_send(connection, buffer_bytes(&answer));
        buffer_deinit(&answer);
        return;
    case FRAME_PING:
        begin_writing(connection);
        frame_write(&connection->out, FRAME_PONG, frame->payload);
        write_now(connection);
        return;
    case FRAME_CLOSE:
        end_socket(connection, frame->code);
        return;
    case FRAME_PONG:
    case FRAME_CONTINUED:
        return;
    }
}

static void take_frames(struct connection *connection, Bytes input)
{
    struct frame frame;
    while (connection->state == IS_SOCKET && !connection->is_gone) {
        if (frame_read(&connection->reader, &input, &frame, NULL) !=
            STATUS_OK) {
            end_socket(connection, connection->reader.code);
            return;
        }
        if (!frame.is_whole)
            return;
        take_frame(connection, &frame);
    }
}

/* --- Reading ------------------------------------------------------------- */

bool connection_wants_to_read(const struct connection *connection)
{
    return !connection->is_gone && (connection->state == IS_ENDING ||
                                    left_to_write(connection) < OUT_ENOUGH);
}

bool connection_wants_to_write(const struct connection *connection)
{
    return !connection->is_gone && left_to_write(connection) > 0;
}

/* Views of the head would be of memory that moved. */
static void add_input(struct connection *connection, Bytes input)
{
    struct buffer *in = &connection->in;
    const uint8_t *before = in->data;
    buffer_add_bytes(in, input);
    if (connection->state == READS_BODY && in->data != before)
        ASSERT(head_read(buffer_bytes(in), &connection->head,
                         &connection->head_len, NULL) == STATUS_OK);
}

static void take_input(struct connection *connection, Bytes input)
{
    if (connection->state == IS_SOCKET) {
        take_frames(connection, input);
        return;
    }
    if (connection->state == IS_ENDING)
        return; // Nobody listens any more.
    add_input(connection, input);
    if (connection->state == READS_HEAD)
        read_request_head(connection);
    const struct buffer *in = &connection->in;
    if (connection->state == READS_BODY &&
        in->len - connection->head_len >= connection->head.content_length)
        answer_post(connection);
    else if (connection->state == IS_SOCKET)
        take_frames(connection,
                    bytes_from(buffer_bytes(in), connection->head_len));
}

void connection_readable(struct connection *connection)
{
    uint8_t *piece = heap_alloc(PIECE);
    const ssize_t len = recv(connection->socket, piece, PIECE, MSG_DONTWAIT);
    if (len > 0) {
        connection->heard_ns = clock_monotonic_ns();
        connection->is_pinged = false;
        take_input(connection, bytes_of(piece, (size_t)len));
    } else if (len == 0 ||
               (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        connection->is_gone = true;
    }
    free(piece);
}

/* --- Time ---------------------------------------------------------------- */

static void tick_socket(struct connection *connection, uint64_t now_ns)
{
    const uint64_t silent_ms = ms_since(connection->heard_ns, now_ns);
    if (silent_ms > SILENT_MAX_MS) {
        connection->is_gone = true;
    } else if (silent_ms > PING_AFTER_MS && !connection->is_pinged) {
        connection->is_pinged = true;
        begin_writing(connection);
        frame_write(&connection->out, FRAME_PING, bytes_of("", 0));
        write_now(connection);
    }
}

/* It has had long enough for what is to be done now. */
static bool is_too_late(const struct connection *connection, uint64_t now_ns)
{
    const uint64_t written_ms = ms_since(connection->wrote_ns, now_ns);
    if (left_to_write(connection) > 0)
        return written_ms > WRITE_TIMEOUT_MS;
    if (connection->is_shut)
        return written_ms > LINGER_MS;
    return (connection->state == READS_HEAD ||
            connection->state == READS_BODY) &&
           ms_since(connection->began_ns, now_ns) > REQUEST_TIMEOUT_MS;
}

void connection_tick(struct connection *connection, uint64_t now_ns)
{
    if (is_too_late(connection, now_ns))
        connection->is_gone = true;
    else if (connection->state == IS_SOCKET && !connection->is_gone)
        tick_socket(connection, now_ns);
}
