/* SPDX-License-Identifier: Apache-2.0 */
/* content_read.c - files out of a store. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipld/unixfs.h"
#include "run/content.h"

/* --- Blocks for the UnixFS reader ---------------------------------------- */

static Status get_block(void *context, Bytes cid, struct unixfs_block *out,
                        struct error *err)
{
    struct store *store = context;
    struct block *block;
    Cid name;
    TRY(cid_from_bytes(cid, &name, err));
    Status status = store_get(store, &name, &block, err);
    if (status == STATUS_NOT_FOUND) {
        char text[CID_TEXT_MAX];
        cid_to_text(&name, text);
        return fail(err, status, "block %s is not in the store", text);
    }
    TRY(status);
    *out = (struct unixfs_block){block_bytes(block), block};
    return STATUS_OK;
}

static void release_block(void *context, struct unixfs_block *block)
{
    (void)context;
    block_unref(block->handle);
}

struct unixfs_source content_source(struct store *store)
{
    return (struct unixfs_source){get_block, release_block, store};
}

/* --- Reading ------------------------------------------------------------- */

Status content_read(struct store *store, const Cid *cid, ContentSink *sink,
                    void *context, struct error *err)
{
    const struct unixfs_source source = content_source(store);
    const struct unixfs_sink pieces = {sink, context};
    return unixfs_stream(&source, cid_bytes(cid), &pieces, err);
}

Status content_size(struct store *store, const Cid *cid, uint64_t *out,
                    struct error *err)
{
    const struct unixfs_source source = content_source(store);
    struct unixfs_info info;
    TRY(unixfs_open(&source, cid_bytes(cid), &info, err));
    if (info.kind != UNIXFS_FILE)
        return fail(err, STATUS_INVALID, "it is a %s, not a file",
                    info.kind == UNIXFS_DIRECTORY ? "directory" : "symlink");
    *out = info.size;
    return STATUS_OK;
}

Status content_load(struct store *store, const Cid *cid, struct buffer *out,
                    struct error *err)
{
    const struct unixfs_source source = content_source(store);
    uint64_t size;
    TRY(content_size(store, cid, &size, err));
    if (size > out->max - out->len)
        return fail(err, STATUS_LIMIT, "it has %llu bytes, more than %zu",
                    (unsigned long long)size, out->max);
    uint8_t *room = buffer_reserve(out, (size_t)size);
    TRY(buffer_status(out, "the content", err));
    TRY(unixfs_read(&source, cid_bytes(cid), 0, room, (size_t)size, err));
    buffer_advance(out, (size_t)size);
    return STATUS_OK;
}

/* --- Saving -------------------------------------------------------------- */

static Status write_piece(void *context, Bytes piece, struct error *err)
{
    int file = *(int *)context;
    while (piece.len > 0) {
        ssize_t len = write(file, piece.data, piece.len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return fail_errno(err, errno, "cannot write");
        piece = bytes_from(piece, (size_t)len);
    }
    return STATUS_OK;
}

/* Permissions as open() would give a new file. */
static mode_t new_file_mode(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static Status save_to(struct store *store, const Cid *cid, char *temp,
                      const char *path, struct error *err)
{
    int file = mkostemp(temp, O_CLOEXEC);
    if (file < 0)
        return fail_errno(err, errno, "cannot write beside %s", path);
    Status status = content_read(store, cid, write_piece, &file, err);
    if (status == STATUS_OK && fchmod(file, new_file_mode()) != 0)
        status = fail_errno(err, errno, "cannot set the mode of %s", path);
    // A disk that is full may say so only now.
    if (close(file) != 0 && status == STATUS_OK)
        status = fail_errno(err, errno, "cannot write %s", path);
    if (status == STATUS_OK && rename(temp, path) != 0)
        status = fail_errno(err, errno, "cannot write %s", path);
    if (status != STATUS_OK)
        unlink(temp);
    return status;
}

Status content_save(struct store *store, const Cid *cid, const char *path,
                    struct error *err)
{
    struct stat there;
    // A pipe or a device is written to; only files can be replaced.
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        if (S_ISDIR(there.st_mode))
            return fail(err, STATUS_INVALID, "%s is a directory", path);
        int file = open(path, O_WRONLY | O_CLOEXEC);
        if (file < 0)
            return fail_errno(err, errno, "cannot write %s", path);
        Status status = content_read(store, cid, write_piece, &file, err);
        close(file);
        return status;
    }
    char temp[4096];
    int len = snprintf(temp, sizeof temp, "%s.XXXXXX", path);
    if (len < 0 || (size_t)len >= sizeof temp)
        return fail(err, STATUS_INVALID, "the path is too long");
    return save_to(store, cid, temp, path, err);
}

Status content_resolve(struct store *store, Text path, Cid *out,
                       struct error *err)
{
    struct arena arena = {0};
    Cid root;
    Bytes found;
    Text prefix = TEXT("/ipfs/");

    if (text_starts_with(path, prefix))
        path = (Text){path.data + prefix.len, path.len - prefix.len};
    const char *slash = path.len > 0 ? memchr(path.data, '/', path.len) : NULL;
    if (!slash)
        return cid_from_text(path, out, err);
    size_t head = (size_t)(slash - path.data);
    TRY(cid_from_text((Text){path.data, head}, &root, err));
    const struct unixfs_source source = content_source(store);
    Status status =
        unixfs_resolve(&source, cid_bytes(&root),
                       (Text){slash, path.len - head}, &arena, &found, err);
    if (status == STATUS_OK)
        status = cid_from_bytes(found, out, err);
    else if (status == STATUS_NOT_FOUND)
        status = fail(err, status,
                      "%.*s names no file, or a block on the way is missing",
                      TEXT_ARG(path));
    arena_deinit(&arena);
    return status;
}
