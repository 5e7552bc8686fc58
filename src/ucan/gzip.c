/* SPDX-License-Identifier: Apache-2.0 */
#include "ucan/gzip.h"

#include <limits.h>
#include <zlib.h>

enum {
    STEP = 16 << 10,
    GZIP_WINDOW = 15 + 16, /* zlib's way to say: gzip, not zlib's own */
    MEMORY_LEVEL = 8,
    OS_UNKNOWN = 255,
};

static Status refused(int code, struct error *err)
{
    return code == Z_BUF_ERROR
               ? fail(err, STATUS_INVALID, "gzip: it is cut off")
               : fail(err, STATUS_INVALID, "gzip: it is damaged, or not gzip");
}

/* Room for the next piece of the output. */
static bool make_room(z_stream *stream, struct buffer *out)
{
    size_t room = out->max - out->len < STEP ? out->max - out->len : STEP;
    stream->next_out = room ? buffer_reserve(out, room) : NULL;
    stream->avail_out = stream->next_out ? (uInt)room : 0;
    return stream->next_out != NULL;
}

static Status unpack(z_stream *stream, struct buffer *out, struct error *err)
{
    for (int code = Z_OK; code != Z_STREAM_END;) {
        Bytef spare;
        const bool has_room = make_room(stream, out);
        if (!has_room) {
            // The end may still come without another byte.
            stream->next_out = &spare;
            stream->avail_out = 1;
        }
        const uInt room = stream->avail_out;
        code = inflate(stream, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END)
            return refused(code, err);
        if (has_room)
            buffer_advance(out, room - stream->avail_out);
        else if (stream->avail_out == 0)
            return fail(err, STATUS_LIMIT,
                        "gzip: it unpacks to more than %zu bytes", out->max);
    }
    return stream->avail_in == 0
               ? STATUS_OK
               : fail(err, STATUS_INVALID, "gzip: %u bytes behind its end",
                      stream->avail_in);
}

Status gzip_unpack(Bytes bytes, struct buffer *out, struct error *err)
{
    ASSERT(bytes.len <= UINT_MAX);
    z_stream stream = {
        .next_in = (z_const Bytef *)(uintptr_t)bytes.data,
        .avail_in = (uInt)bytes.len,
    };
    ASSERT(inflateInit2(&stream, GZIP_WINDOW) == Z_OK);
    const Status status = unpack(&stream, out, err);
    inflateEnd(&stream);
    return status;
}

Status gzip_pack(Bytes bytes, struct buffer *out, struct error *err)
{
    ASSERT(bytes.len <= UINT_MAX / 2);
    gz_header header = {.os = OS_UNKNOWN};
    z_stream stream = {
        .next_in = (z_const Bytef *)(uintptr_t)bytes.data,
        .avail_in = (uInt)bytes.len,
    };
    ASSERT(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
                        MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK);
    ASSERT(deflateSetHeader(&stream, &header) == Z_OK);
    const size_t room = deflateBound(&stream, (uLong)bytes.len);
    stream.next_out = buffer_reserve(out, room);
    stream.avail_out = (uInt)room;
    if (stream.next_out) {
        ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
        buffer_advance(out, room - stream.avail_out);
    }
    deflateEnd(&stream);
    return buffer_status(out, "the packed container", err);
}
