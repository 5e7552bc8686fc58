/* SPDX-License-Identifier: Apache-2.0 */
/* add.c - files into a store. Blocks are hashed here and handed to the
 * store's writer in batches, which it makes durable meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/content.h"
#include "content/file_index.h"
#include "ipld/unixfs_writer.h"

enum {
    BATCH_BYTES = 16 << 20,
    PIECE = UNIXFS_CHUNK_SIZE,
};

struct import {
    struct store *store;
    const struct content_add_options *options;
    struct store_batch *batch;
    size_t batch_bytes;
    struct unixfs_writer *writer;
};

static Status put_block(void *context, const Cid *cid, Bytes block,
                        struct error *err)
{
    struct import *import = context;
    (void)err;
    if (import->options->only_hash)
        return STATUS_OK;
    store_batch_block(import->batch, cid, block);
    import->batch_bytes += block.len;
    if (import->batch_bytes >= BATCH_BYTES) {
        store_commit_async(import->batch, NULL, NULL);
        import->batch = store_batch_new(import->store);
        import->batch_bytes = 0;
    }
    return STATUS_OK;
}

static void import_begin(struct import *import, struct store *store,
                         const struct content_add_options *options)
{
    const struct unixfs_writer_options layout = {
        .chunk_size = (size_t)options->chunk_bytes,
        .links_max = options->chunk_bytes == UNIXFS_LEGACY_CHUNK_SIZE
                         ? UNIXFS_LEGACY_LINKS_MAX
                         : UNIXFS_LINKS_MAX,
    };
    const struct unixfs_block_sink sink = {put_block, import};
    *import = (struct import){
        .store = store,
        .options = options,
        .batch = store_batch_new(store),
    };
    import->writer = unixfs_writer_new(&layout, &sink);
}

static void import_end(struct import *import)
{
    unixfs_writer_free(import->writer);
    store_batch_free(import->batch);
}

/* Names the file and makes it durable. */
static Status import_finish(struct import *import, Cid *out, struct error *err)
{
    TRY(unixfs_writer_finish(import->writer, out, NULL, err));
    if (import->options->only_hash)
        return STATUS_OK;
    TRY(store_commit(import->batch, err));
    return store_flush(import->store, err);
}

static Status add_pieces(struct import *import, int file, const char *name,
                         uint64_t total, struct error *err)
{
    uint8_t *piece = malloc(PIECE);
    uint64_t done = 0;
    Status status = STATUS_OK;
    size_t len = 0;
    ASSERT(piece);
    while (status == STATUS_OK) {
        ssize_t got = read(file, piece + len, PIECE - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            status = fail_errno(err, errno, "cannot read %s", name);
            break;
        }
        len += (size_t)got;
        // Whole pieces are hashed where they lie.
        if (len < PIECE && got > 0)
            continue;
        status = unixfs_writer_add(import->writer, bytes_of(piece, len), err);
        done += len;
        if (status == STATUS_OK && import->options->progress &&
            !import->options->progress(import->options->context, done, total))
            status = fail(err, STATUS_CANCELLED, "interrupted");
        if (len < PIECE)
            break;
        len = 0;
    }
    free(piece);
    return status;
}

Status content_add_file(struct store *store, int file, const char *name,
                        const struct content_add_options *options, Cid *out,
                        struct error *err)
{
    static const struct content_add_options defaults;
    struct import import;
    struct stat stat;
    uint64_t total =
        fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size > 0
            ? (uint64_t)stat.st_size
            : 0;

    if (options && options->chunk_bytes > UNIXFS_CHUNK_SIZE_MAX)
        return fail(err, STATUS_INVALID, "a chunk holds at most %d bytes",
                    UNIXFS_CHUNK_SIZE_MAX);
    import_begin(&import, store, options ? options : &defaults);
    Status status = add_pieces(&import, file, name, total, err);
    if (status == STATUS_OK)
        status = import_finish(&import, out, err);
    import_end(&import);
    return status;
}

Status content_add_bytes(struct store *store, Bytes bytes, Cid *out,
                         struct error *err)
{
    static const struct content_add_options defaults;
    struct import import;
    import_begin(&import, store, &defaults);
    Status status = unixfs_writer_add(import.writer, bytes, err);
    if (status == STATUS_OK)
        status = import_finish(&import, out, err);
    import_end(&import);
    return status;
}

/* --- By path ------------------------------------------------------------- */

static Status open_input(const char *path, int *file, struct stat *stat,
                         struct error *err)
{
    // Not for ever: a pipe without a writer must not hang us.
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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

static bool is_unchanged(int file, const struct stat *before)
{
    struct stat after;
    return fstat(file, &after) == 0 && after.st_size == before->st_size &&
           after.st_mtim.tv_sec == before->st_mtim.tv_sec &&
           after.st_mtim.tv_nsec == before->st_mtim.tv_nsec &&
           after.st_ctim.tv_sec == before->st_ctim.tv_sec &&
           after.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

Status content_add_path(struct store *store, const char *path,
                        const struct content_add_options *options, Cid *out,
                        struct error *err)
{
    static const struct content_add_options defaults;
    struct stat before;
    int file;

    if (!options)
        options = &defaults;
    TRY(open_input(path, &file, &before, err));
    bool indexed = !options->only_hash;
    if (indexed && !options->rehash &&
        file_index_get(store, path, &before, options->chunk_bytes, out) ==
            STATUS_OK) {
        close(file);
        return STATUS_OK;
    }
    // Asked before reading: what changes while we read must not go unseen.
    bool settled = indexed && file_index_is_settled(&before);
    Status status = content_add_file(store, file, path, options, out, err);
    if (status == STATUS_OK && settled && is_unchanged(file, &before)) {
        struct store_batch *batch = store_batch_new(store);
        file_index_put(batch, path, &before, options->chunk_bytes, out);
        // Lost, the file is read again.
        store_commit_async(batch, NULL, NULL);
    }
    close(file);
    return status;
}
