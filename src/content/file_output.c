/* SPDX-License-Identifier: Apache-2.0 */
#include "content/file_output.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

enum {
    ROOM_BYTES = 256 << 10,
    DIRECT_BYTES = 64 << 10, /* such a piece is not worth a copy */
};

static Status write_all(int file, Bytes bytes, struct error *err)
{
    if (!file_write_all(file, bytes))
        return fail_errno(err, errno, "cannot write");
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
