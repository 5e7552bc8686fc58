/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_frame.c - pieces as long as the first byte says make the same messages
 * as one whole, and end the same way. */
#include "base/arena.h"
#include "homestar/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void note(struct buffer *told, const struct frame *frame)
{
    buffer_format(told, "%d %d %zu ", (int)frame->kind, (int)frame->code,
                  frame->payload.len);
    buffer_add_bytes(told, frame->payload);
}

/* False: it has ended. */
static bool read_piece(struct frame_reader *reader, Bytes piece,
                       struct buffer *told)
{
    for (;;) {
        struct frame frame;
        if (frame_read(reader, &piece, &frame, NULL) != STATUS_OK) {
            buffer_format(told, "ended %d", (int)reader->code);
            return false;
        }
        if (!frame.is_whole) {
            ASSERT(piece.len == 0);
            return true;
        }
        ASSERT(frame.payload.len <= FRAME_MESSAGE_MAX);
        note(told, &frame);
    }
}

static void read_all(Bytes bytes, size_t piece, struct buffer *told)
{
    struct frame_reader reader;
    bool goes_on = true;
    buffer_init(told, (size_t)64 << 20);
    frame_reader_init(&reader);
    while (goes_on && bytes.len > 0) {
        const size_t now = piece < bytes.len ? piece : bytes.len;
        uint8_t *copy = heap_alloc(now);
        memcpy(copy, bytes.data, now);
        goes_on = read_piece(&reader, bytes_of(copy, now), told);
        free(copy);
        bytes = bytes_from(bytes, now);
    }
    frame_reader_deinit(&reader);
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
