/* SPDX-License-Identifier: Apache-2.0 */
/* add.c - one file, or some bytes, into a store. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "content/import.h"

static const struct content_add_options defaults;

Status content_check_options(const struct content_add_options *options,
                             struct error *err)
{
    if (options->chunk_bytes > UNIXFS_CHUNK_SIZE_MAX)
        return fail(err, STATUS_INVALID, "a chunk holds at most %d bytes",
                    UNIXFS_CHUNK_SIZE_MAX);
    return STATUS_OK;
}

/* Ends the import with what its file came to. */
static Status finish(struct import *import, Status status, struct error *inner,
                     const struct imported *imported, Cid *out,
                     struct error *err)
{
    import_fail(import, status, inner);
    TRY(import_end(import, err));
    *out = imported->cid;
    return STATUS_OK;
}

Status content_add_file(struct store *store, int file, const char *name,
                        const struct content_add_options *options, Cid *out,
                        struct error *err)
{
    const struct unixfs_metadata none = {.has_mode = false};
    struct imported imported;
    struct import import;
    struct error inner = {0};
    struct stat stat;

    options = options ? options : &defaults;
    TRY(content_check_options(options, err));
    import_begin(&import, store, options);
    if (fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size > 0)
        atomic_store(&import.total_bytes, (uint64_t)stat.st_size);
    Status status =
        import_stream(&import, file, name, &none, &imported, &inner);
    return finish(&import, status, &inner, &imported, out, err);
}

Status content_add_bytes(struct store *store, Bytes bytes, Cid *out,
                         struct error *err)
{
    struct import import;
    struct error inner = {0};
    struct imported imported;
    import_begin(&import, store, &defaults);
    const struct unixfs_block_sink sink = {lane_put, &import.own};
    Status status = unixfs_write(bytes, &sink, &imported.cid, &inner);
    return finish(&import, status, &inner, &imported, out, err);
}

/* --- By path ------------------------------------------------------------- */

static Status open_input(const char *path, int *file, struct stat *stat,
                         struct error *err)
{
    // Not for ever: a pipe without a writer must not hang us.
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*file < 0 && errno == ENOENT)
        return fail(err, STATUS_NOT_FOUND, "there is no file %s", path);
    if (*file < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    Status status = STATUS_OK;
    if (fstat(*file, stat) != 0)
        status = fail_errno(err, errno, "cannot look at %s", path);
    else if (S_ISDIR(stat->st_mode))
        status = fail(err, STATUS_INVALID, "%s is a directory", path);
    else if (!S_ISREG(stat->st_mode))
        status = fail(err, STATUS_INVALID, "%s is not a regular file", path);
    if (status != STATUS_OK)
        close(*file);
    return status;
}

Status import_path(struct import *import, const char *path,
                   struct imported *out, struct error *err)
{
    struct import_source source = {.path = path, .is_noted = true};
    Status status;
    TRY(open_input(path, &source.file, &source.stat, err));
    atomic_store(&import->total_bytes, (uint64_t)source.stat.st_size);
    if (source.stat.st_size > ROOM_BYTES) {
        status = import_big(import, &source, out, err);
    } else if (source.stat.st_size > 0) {
        status = import_small(&import->own, &source, out, err);
    } else { // Empty, or one of those that the kernel makes up.
        const struct unixfs_metadata metadata =
            import_metadata(import->options, &source.stat);
        status = import_stream(import, source.file, path, &metadata, out, err);
    }
    close(source.file);
    if (status == STATUS_OK && !import_tell(import))
        status = fail(err, STATUS_CANCELLED, "interrupted");
    return status;
}

Status content_add_path(struct store *store, const char *path,
                        const struct content_add_options *options, Cid *out,
                        struct error *err)
{
    struct import import;
    struct imported imported;
    struct error inner = {0};
    options = options ? options : &defaults;
    TRY(content_check_options(options, err));
    import_begin(&import, store, options);
    Status status = import_path(&import, path, &imported, &inner);
    return finish(&import, status, &inner, &imported, out, err);
}
