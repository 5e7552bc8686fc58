/* SPDX-License-Identifier: Apache-2.0 */
#include "content/car_export.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "content/new_file.h"
#include "content/walk.h"

enum { ROOM_BYTES = 1 << 20 };

/* What is written is collected first: blocks are often tiny. */
struct output {
    const struct car_export *what;
    struct car_exported *out;
    int file;
    uint8_t *room; /* owned */
    size_t len;
};

static Status write_out(struct output *output, Bytes bytes, struct error *err)
{
    const struct car_export *what = output->what;
    if (!file_write_all(output->file, bytes))
        return fail_errno(err, errno, "cannot write the CAR");
    if (what->progress &&
        !what->progress(what->context, output->out->bytes, 0))
        return fail(err, STATUS_CANCELLED, "interrupted");
    return STATUS_OK;
}

static Status flush_room(struct output *output, struct error *err)
{
    const Bytes bytes = bytes_of(output->room, output->len);
    output->len = 0;
    return write_out(output, bytes, err);
}

/* A CarWrite. */
static Status put_bytes(void *context, Bytes bytes, struct error *err)
{
    struct output *output = context;
    output->out->bytes += bytes.len;
    if (bytes.len > ROOM_BYTES - output->len)
        TRY(flush_room(output, err));
    if (bytes.len > ROOM_BYTES)
        return write_out(output, bytes, err);
    if (bytes.len > 0)
        memcpy(output->room + output->len, bytes.data, bytes.len);
    output->len += bytes.len;
    return STATUS_OK;
}

static Status put_block(void *context, const struct walk_visit *visit,
                        struct error *err)
{
    struct output *output = context;
    if (cid_hash_code(visit->cid) == HASH_IDENTITY)
        return STATUS_OK;
    output->out->blocks++;
    return car_write_block(put_bytes, output, visit->cid,
                           block_bytes(visit->block), err);
}

/* A struct walk_options has one context for all its callbacks. */
static bool is_skipped(void *context, const Cid *cid)
{
    const struct output *output = context;
    return output->what->skip(output->what->skip_context, cid);
}

Status car_export_file(struct store *store, int file,
                       const struct car_export *what, struct car_exported *out,
                       struct error *err)
{
    struct output output = {.what = what,
                            .out = out,
                            .file = file,
                            .room = heap_alloc(ROOM_BYTES)};
    const struct walk_options options = {
        .skip = what->skip ? is_skipped : NULL, .context = &output};
    *out = (struct car_exported){0};
    Status status = car_write_header(put_bytes, &output, what->roots,
                                     what->root_count, err);
    if (status == STATUS_OK)
        status = content_walk(store, what->roots, what->root_count, &options,
                              put_block, err);
    if (status == STATUS_OK)
        status = flush_room(&output, err);
    free(output.room);
    return status;
}

Status car_export_path(struct store *store, const char *path,
                       const struct car_export *what, struct car_exported *out,
                       struct error *err)
{
    struct new_file file;
    TRY(new_file_open(&file, path, err));
    return new_file_close(
        &file, car_export_file(store, file.file, what, out, err), err);
}
