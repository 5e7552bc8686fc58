/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.max = max, .status = STATUS_OK};
}

void buffer_deinit(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.max = buffer->max, .status = STATUS_OK};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->status = STATUS_OK;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t len)
{
    if (buffer->status != STATUS_OK)
        return NULL;
    if (buffer->data && len <= buffer->capacity - buffer->len)
        return buffer->data + buffer->len;
    if (len > buffer->max - buffer->len) {
        buffer->status = STATUS_LIMIT;
        return NULL;
    }
    size_t capacity = buffer->capacity ? buffer->capacity * 2 : 256;
    if (capacity < buffer->len + len)
        capacity = buffer->len + len;
    if (capacity > buffer->max)
        capacity = buffer->max;
    buffer->data = heap_resize(buffer->data, capacity, 1);
    buffer->capacity = capacity;
    return buffer->data + buffer->len;
}

void buffer_advance(struct buffer *buffer, size_t len)
{
    ASSERT(len <= buffer->capacity - buffer->len);
    buffer->len += len;
}

void buffer_add(struct buffer *buffer, const void *data, size_t len)
{
    uint8_t *room = buffer_reserve(buffer, len);
    if (!room || len == 0)
        return;
    memcpy(room, data, len);
    buffer->len += len;
}

void buffer_add_byte(struct buffer *buffer, uint8_t byte)
{
    buffer_add(buffer, &byte, 1);
}

void buffer_add_bytes(struct buffer *buffer, Bytes bytes)
{
    buffer_add(buffer, bytes.data, bytes.len);
}

void buffer_add_text(struct buffer *buffer, Text text)
{
    buffer_add(buffer, text.data, text.len);
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    ASSERT(len >= 0);
    // vsnprintf() writes a NUL behind the text; it is not counted.
    char *room = (char *)buffer_reserve(buffer, (size_t)len + 1);
    if (!room)
        return;
    va_start(arguments, format);
    vsnprintf(room, (size_t)len + 1, format, arguments);
    va_end(arguments);
    buffer->len += (size_t)len;
}

uint8_t *buffer_take(struct buffer *buffer, size_t *len)
{
    uint8_t *data = buffer->data;
    *len = buffer->len;
    *buffer = (struct buffer){.max = buffer->max, .status = STATUS_OK};
    return data;
}

Status buffer_status(const struct buffer *buffer, const char *what,
                     struct error *err)
{
    if (buffer->status == STATUS_OK)
        return STATUS_OK;
    return fail(err, buffer->status, "%s is longer than %zu bytes", what,
                buffer->max);
}
