/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_event_stream.c - pieces as long as the first byte says tell the same
 * events as one whole. */
#include "base/status.h"
#include "net/event_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool note(void *context, const struct event_stream_event *event)
{
    struct buffer *told = context;
    buffer_format(told, "%zu %zu %zu ", event->id.len, event->kind.len,
                  event->data.len);
    buffer_add_text(told, event->id);
    buffer_add_text(told, event->kind);
    buffer_add_text(told, event->data);
    return true;
}

static void read_all(Bytes bytes, size_t piece, struct buffer *told)
{
    struct event_stream stream;
    buffer_init(told, (size_t)64 << 20);
    event_stream_init(&stream, note, told);
    while (bytes.len > 0) {
        const size_t now = piece < bytes.len ? piece : bytes.len;
        if (event_stream_take(&stream, bytes_of(bytes.data, now), NULL) !=
            STATUS_OK)
            break;
        bytes = bytes_from(bytes, now);
    }
    event_stream_deinit(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buffer whole, pieces;
    if (len < 2)
        return 0;
    const Bytes bytes = bytes_of(data + 1, len - 1);
    read_all(bytes, bytes.len, &whole);
    read_all(bytes, (size_t)data[0] + 1, &pieces);
    ASSERT(bytes_equal(buffer_bytes(&whole), buffer_bytes(&pieces)));
    buffer_deinit(&whole);
    buffer_deinit(&pieces);
    return 0;
}
