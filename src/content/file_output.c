/* SPDX-License-Identifier: Apache-2.0 */
#include "content/file_output.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

enum {
    ROOM_BYTES = 256 << 10,
    DIRECT_BYTES = 64 << 10, /* such a piece is not worth a copy */
};

static Status write_all(int file, Bytes bytes, struct error *err)
{
    while (bytes.len > 0) {
        const ssize_t len = write(file, bytes.data, bytes.len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return fail_errno(err, errno, "cannot write");
        bytes = bytes_from(bytes, (size_t)len);
    }
    return STATUS_OK;
}

Status file_output_flush(struct file_output *output, struct error *err)
{
    const Bytes bytes = bytes_of(output->room, output->len);
    output->len = 0;
    return write_all(output->file, bytes, err);
}

Status file_output_add(struct file_output *output, Bytes piece,
                       struct error *err)
{
    if (piece.len > ROOM_BYTES - output->len || piece.len >= DIRECT_BYTES)
        TRY(file_output_flush(output, err));
    if (piece.len >= DIRECT_BYTES)
        return write_all(output->file, piece, err);
    if (!output->room)
        output->room = heap_alloc(ROOM_BYTES);
    if (piece.len > 0)
        memcpy(output->room + output->len, piece.data, piece.len);
    output->len += piece.len;
    return STATUS_OK;
}

void file_output_deinit(struct file_output *output)
{
    free(output->room);
    output->room = NULL;
}
