/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.h - growing bytes with a stated maximum and a sticky status: make a
 * row of calls, check `status` once. Thread: one at a time. */
#ifndef IPVM_BASE_BUFFER_H
#define IPVM_BASE_BUFFER_H

#include "base/bytes.h"
#include "base/status.h"

struct buffer {
    uint8_t *data; /* owned */
    size_t len;
    size_t capacity;
    size_t max;    /* bytes; growing past it makes status STATUS_LIMIT */
    Status status; /* STATUS_OK or the first trouble; sticky */
};

void buffer_init(struct buffer *buffer, size_t max);
void buffer_deinit(struct buffer *buffer);
/* Empties it, keeps the memory, clears the status. */
void buffer_clear(struct buffer *buffer);

void buffer_add(struct buffer *buffer, const void *data, size_t len);
void buffer_add_byte(struct buffer *buffer, uint8_t byte);
void buffer_add_bytes(struct buffer *buffer, Bytes bytes);
void buffer_add_text(struct buffer *buffer, Text text);
[[gnu::format(printf, 2, 3)]] void buffer_format(struct buffer *buffer,
                                                 const char *format, ...);

/* Room for `len` more bytes to be written in place, or NULL once the status
 * is not OK; buffer_advance() then counts what was written. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t len);
void buffer_advance(struct buffer *buffer, size_t len);

static inline Bytes buffer_bytes(const struct buffer *buffer)
{
    return bytes_of(buffer->data, buffer->len);
}

/* Hands the memory to the caller, who gives it back with free(). */
uint8_t *buffer_take(struct buffer *buffer, size_t *len);

/* STATUS_OK, or fails with `what` and the maximum in the message. */
Status buffer_status(const struct buffer *buffer, const char *what,
                     struct error *err);

#endif
