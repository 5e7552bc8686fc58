/* SPDX-License-Identifier: Apache-2.0 */
/* frame.c - RFC 6455 section 5.2:
 *
 *     FIN 000 kind(4) | MASK len(7) | len 16 or 64 | mask (32) | payload
 *
 * A message is one frame or several; control frames may stand between them. */
#include "homestar/frame.h"

#include <stdio.h>

#include "crypto/hash.h"
#include "ipld/multibase.h"

enum {
    FIN = 0x80,
    RESERVED = 0x70,
    KIND = 0x0f,
    MASKED = 0x80,
    LEN = 0x7f,
    LEN_16 = 126,
    LEN_64 = 127,
    MASK_LEN = 4,
};

void frame_reader_init(struct frame_reader *reader)
{
    *reader = (struct frame_reader){.message_kind = FRAME_CONTINUED};
    buffer_init(&reader->message, FRAME_MESSAGE_MAX);
}

void frame_reader_deinit(struct frame_reader *reader)
{
    buffer_deinit(&reader->message);
}

/* --- Reading ------------------------------------------------------------- */

static Status refuse(struct frame_reader *reader, const char *what,
                     struct error *err)
{
    reader->code = FRAME_PROTOCOL_ERROR;
    return fail(err, STATUS_INVALID, "websocket: %s", what);
}

static FrameKind kind_of(const struct frame_reader *reader)
{
    return (FrameKind)(reader->head[0] & KIND);
}

static bool is_control(FrameKind kind)
{
    return (unsigned)kind >= FRAME_CLOSE;
}

/* Of what is known of the head so far. */
static unsigned head_length(const struct frame_reader *reader)
{
    if (reader->head_len < 2)
        return 2;
    const unsigned len = reader->head[1] & LEN;
    return 2 + MASK_LEN + (len == LEN_16 ? 2 : len == LEN_64 ? 8 : 0);
}

static Status read_length(struct frame_reader *reader, struct error *err)
{
    const unsigned len = reader->head[1] & LEN;
    const unsigned bytes = len == LEN_16 ? 2 : len == LEN_64 ? 8 : 0;
    reader->left = bytes == 0 ? len : 0;
    for (unsigned index = 0; index < bytes; index++)
        reader->left = reader->left << 8 | reader->head[2 + index];
    if ((bytes == 2 && reader->left < LEN_16) ||
        (bytes == 8 && reader->left <= UINT16_MAX))
        return refuse(reader, "a length not in its shortest form", err);
    if (is_control(kind_of(reader)) && reader->left > FRAME_CONTROL_MAX)
        return refuse(reader, "a control frame of more than 125 bytes", err);
    if (reader->left <= FRAME_MESSAGE_MAX - reader->message.len)
        return STATUS_OK;
    reader->code = FRAME_TOO_LARGE;
    return fail(err, STATUS_LIMIT,
                "websocket: a message of more than %d bytes",
                FRAME_MESSAGE_MAX);
}

static Status read_head(struct frame_reader *reader, struct error *err)
{
    const FrameKind kind = kind_of(reader);
    const bool is_last = reader->head[0] & FIN;
    if (reader->head[0] & RESERVED)
        return refuse(reader, "a reserved bit is set", err);
    if (!(reader->head[1] & MASKED))
        return refuse(reader, "a frame that is not masked", err);
    if (is_control(kind)) {
        if ((unsigned)kind > FRAME_PONG)
            return refuse(reader, "an unknown kind of frame", err);
        if (!is_last)
            return refuse(reader, "a control frame in pieces", err);
        return read_length(reader, err);
    }
    if ((unsigned)kind > FRAME_BINARY)
        return refuse(reader, "an unknown kind of frame", err);
    if ((kind == FRAME_CONTINUED) != (reader->message_kind != FRAME_CONTINUED))
        return refuse(reader,
                      kind == FRAME_CONTINUED ? "a continuation of nothing"
                                              : "a message inside of another",
                      err);
    TRY(read_length(reader, err));
    if (kind != FRAME_CONTINUED)
        reader->message_kind = kind;
    return STATUS_OK;
}

/* False: more bytes are needed. */
static bool take_head(struct frame_reader *reader, Bytes *input)
{
    while (reader->head_len < head_length(reader)) {
        if (input->len == 0)
            return false;
        reader->head[reader->head_len++] = input->data[0];
        *input = bytes_from(*input, 1);
    }
    return true;
}

static void unmask(struct frame_reader *reader, const uint8_t *from,
                   uint8_t *to, size_t len)
{
    const uint8_t *mask = reader->head + reader->head_len - MASK_LEN;
    for (size_t index = 0; index < len; index++)
        to[index] = from[index] ^ mask[(reader->mask_at + index) % MASK_LEN];
    reader->mask_at = (unsigned)((reader->mask_at + len) % MASK_LEN);
}

static bool take_payload(struct frame_reader *reader, Bytes *input)
{
    const size_t len =
        reader->left < input->len ? (size_t)reader->left : input->len;
    uint8_t *to;
    if (len == 0)
        return reader->left == 0;
    if (is_control(kind_of(reader))) {
        to = reader->control + reader->control_len;
        reader->control_len += len;
    } else {
        to = buffer_reserve(&reader->message, len);
        ASSERT(to); // read_length() has seen that there is room.
        buffer_advance(&reader->message, len);
    }
    unmask(reader, input->data, to, len);
    reader->left -= len;
    *input = bytes_from(*input, len);
    return reader->left == 0;
}

static Status finish_close(struct frame_reader *reader, struct frame *out,
                           struct error *err)
{
    const Bytes payload = out->payload;
    if (payload.len == 0)
        return STATUS_OK;
    if (payload.len == 1)
        return refuse(reader, "half a reason to close", err);
    const unsigned code = (unsigned)payload.data[0] << 8 | payload.data[1];
    const bool is_known = (code >= 1000 && code <= 1003) ||
                          (code >= 1007 && code <= 1014) ||
                          (code >= 3000 && code <= 4999);
    if (!is_known || !utf8_is_valid(bytes_text(bytes_from(payload, 2)), NULL))
        return refuse(reader, "a reason to close that is none", err);
    out->code = (uint16_t)code;
    return STATUS_OK;
}

static Status finish(struct frame_reader *reader, struct frame *out,
                     struct error *err)
{
    const FrameKind kind = kind_of(reader);
    const bool is_last = reader->head[0] & FIN;
    reader->is_inside = false;
    reader->head_len = reader->mask_at = 0;
    if (is_control(kind)) {
        *out = (struct frame){
            .kind = kind,
            .payload = bytes_of(reader->control, reader->control_len),
            .is_whole = true};
        reader->control_len = 0;
        return kind == FRAME_CLOSE ? finish_close(reader, out, err)
                                   : STATUS_OK;
    }
    if (!is_last)
        return STATUS_OK;
    *out = (struct frame){.kind = reader->message_kind,
                          .payload = buffer_bytes(&reader->message),
                          .is_whole = true};
    reader->message_kind = FRAME_CONTINUED;
    if (out->kind != FRAME_TEXT ||
        utf8_is_valid(bytes_text(out->payload), NULL))
        return STATUS_OK;
    reader->code = FRAME_NOT_TEXT;
    return fail(err, STATUS_INVALID, "websocket: a text that is not UTF-8");
}

Status frame_read(struct frame_reader *reader, Bytes *input, struct frame *out,
                  struct error *err)
{
    *out = (struct frame){.kind = FRAME_CONTINUED};
    // The last message was read; its pieces may not be all here.
    if (reader->message_kind == FRAME_CONTINUED)
        buffer_clear(&reader->message);
    while (!out->is_whole) {
        if (!reader->is_inside) {
            if (!take_head(reader, input))
                return STATUS_OK;
            TRY(read_head(reader, err));
            reader->is_inside = true;
        }
        if (!take_payload(reader, input))
            return STATUS_OK;
        TRY(finish(reader, out, err));
    }
    return STATUS_OK;
}

/* --- Writing ------------------------------------------------------------- */

void frame_write(struct buffer *out, FrameKind kind, Bytes payload)
{
    const unsigned bytes = payload.len < LEN_16        ? 0
                           : payload.len <= UINT16_MAX ? 2
                                                       : 8;
    buffer_add_byte(out, (uint8_t)(FIN | (unsigned)kind));
    buffer_add_byte(out, bytes == 0   ? (uint8_t)payload.len
                         : bytes == 2 ? LEN_16
                                      : LEN_64);
    for (unsigned index = bytes; index-- > 0;)
        buffer_add_byte(out, (uint8_t)((uint64_t)payload.len >> 8 * index));
    buffer_add_bytes(out, payload);
}

void frame_write_close(struct buffer *out, uint16_t code)
{
    const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    frame_write(out, FRAME_CLOSE, bytes_of(payload, code ? 2 : 0));
}

/* --- The handshake ------------------------------------------------------- */

Status frame_accept(Text key, char out[FRAME_ACCEPT_LEN], struct error *err)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t nonce[1 + FRAME_KEY_LEN], joined[FRAME_KEY_LEN + sizeof guid - 1];
    uint8_t digest[SHA1_LEN];
    char text[1 + FRAME_KEY_LEN], encoded[1 + FRAME_ACCEPT_LEN];
    size_t len = 0;
    if (key.len != FRAME_KEY_LEN)
        return fail(err, STATUS_INVALID,
                    "websocket: Sec-WebSocket-Key must be 16 bytes in base64");
    text[0] = 'M';
    memcpy(text + 1, key.data, key.len);
    if (multibase_decode((Text){text, sizeof text}, nonce, &len, NULL) !=
            STATUS_OK ||
        len != 16)
        return fail(err, STATUS_INVALID,
                    "websocket: Sec-WebSocket-Key must be 16 bytes in base64");
    memcpy(joined, key.data, key.len);
    memcpy(joined + key.len, guid, sizeof guid - 1);
    hash_sha1(bytes_of(joined, sizeof joined), digest);
    len = multibase_encode('M', bytes_of(digest, sizeof digest), encoded);
    ASSERT(len == sizeof encoded);
    memcpy(out, encoded + 1, FRAME_ACCEPT_LEN);
    return STATUS_OK;
}
