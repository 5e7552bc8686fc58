/* SPDX-License-Identifier: Apache-2.0 */
/* frame.h - WebSocket, the server's side (RFC 6455 sections 4.2 and 5): bytes
 * become messages, strictly and within bounds; messages become bytes. Knows no
 * sockets. Thread: one at a time. */
#ifndef IPVM_HOMESTAR_FRAME_H
#define IPVM_HOMESTAR_FRAME_H

#include "base/buffer.h"

typedef enum {
    FRAME_CONTINUED = 0, /* never told */
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
} FrameKind;

enum {
    FRAME_HEAD_MAX = 14,
    FRAME_CONTROL_MAX = 125,
    FRAME_MESSAGE_MAX = 10 << 20, /* what the reference takes */
    FRAME_KEY_LEN = 24,           /* of Sec-WebSocket-Key */
    FRAME_ACCEPT_LEN = 28,
};

/* Why a connection ends (RFC 6455 section 7.4.1). */
enum {
    FRAME_GOING_AWAY = 1001,
    FRAME_PROTOCOL_ERROR = 1002,
    FRAME_NOT_TEXT = 1007,
    FRAME_TOO_LARGE = 1009,
};

struct frame_reader {
    uint8_t head[FRAME_HEAD_MAX];
    unsigned head_len; /* bytes of it that are here */
    uint64_t left;     /* of the payload, once the head is whole */
    unsigned mask_at;
    FrameKind message_kind; /* being put together; FRAME_CONTINUED: none */
    struct buffer message;
    uint8_t control[FRAME_CONTROL_MAX];
    size_t control_len;
    bool is_inside; /* the head is whole */
    uint16_t code;  /* of what was wrong */
};

/* A message, or a control frame. */
struct frame {
    FrameKind kind;
    Bytes payload; /* until the next call. Of TEXT: UTF-8 */
    uint16_t code; /* of CLOSE; 0: none was given */
    bool is_whole; /* false: more bytes are needed */
};

void frame_reader_init(struct frame_reader *reader);
void frame_reader_deinit(struct frame_reader *reader);

/* Takes bytes off `input` up to the end of the next message. STATUS_INVALID,
 * STATUS_LIMIT: what the other side sent breaks a rule or a bound; close with
 * reader->code. */
Status frame_read(struct frame_reader *reader, Bytes *input, struct frame *out,
                  struct error *err);

/* One frame, not masked. */
void frame_write(struct buffer *out, FrameKind kind, Bytes payload);
void frame_write_close(struct buffer *out, uint16_t code);

/* The answer to a Sec-WebSocket-Key. STATUS_INVALID: not 16 bytes in base64. */
Status frame_accept(Text key, char out[FRAME_ACCEPT_LEN], struct error *err);

#endif
