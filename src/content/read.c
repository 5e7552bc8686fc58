/* SPDX-License-Identifier: Apache-2.0 */
/* read.c - files out of a store. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/content.h"
#include "content/tree.h"
#include "crypto/hash.h"
#include "ipld/unixfs.h"

enum { PATH_ROOM = 4096, PIECE = 1 << 20 };

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
        return fail(err, status,
                    "block %s is not in the store: add its file again, or "
                    "`ipvm run --no-memo` what made it",
                    text);
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

Status content_read_range(struct store *store, const Cid *cid, uint64_t offset,
                          uint64_t len, ContentSink *sink, void *context,
                          struct error *err)
{
    const struct unixfs_source source = content_source(store);
    uint64_t size;
    TRY(content_size(store, cid, &size, err));
    uint64_t left = offset < size ? size - offset : 0;
    if (left > len)
        left = len;
    uint8_t *piece = left > 0 ? heap_alloc(PIECE) : NULL;
    Status status = STATUS_OK;
    while (left > 0 && status == STATUS_OK) {
        // Pieces end where leaves of our own do.
        const uint64_t room = PIECE - offset % PIECE;
        const size_t now = (size_t)(left < room ? left : room);
        status = unixfs_read(&source, cid_bytes(cid), offset, piece, now, err);
        if (status == STATUS_OK)
            status = sink(context, bytes_of(piece, now), err);
        offset += now;
        left -= now;
    }
    free(piece);
    return status;
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

/* A new file beside `path`, with the permissions that open() gives; its name
 * goes to `temp`. */
static int make_beside(const char *path, char temp[PATH_ROOM])
{
    const char *slash = strrchr(path, '/');
    int directory = slash ? (int)(slash - path) + 1 : 0;
    int file = -1;
    for (int tries = 0; file < 0 && tries < 100; tries++) {
        uint32_t random;
        random_bytes(&random, sizeof random);
        int len = snprintf(temp, PATH_ROOM, "%.*s.ipvm-%08x", directory, path,
                           random);
        if (len < 0 || len >= PATH_ROOM) {
            errno = ENAMETOOLONG;
            return -1;
        }
        file = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST)
            return -1;
    }
    return file;
}

static Status save_beside(struct store *store, const Cid *cid,
                          const char *path, struct error *err)
{
    char temp[PATH_ROOM];
    int file = make_beside(path, temp);
    if (file < 0)
        return fail_errno(err, errno, "cannot write beside %s", path);
    Status status = content_read(store, cid, write_piece, &file, err);
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
    const struct unixfs_source source = content_source(store);
    struct unixfs_info info;
    struct stat there;
    TRY(unixfs_open(&source, cid_bytes(cid), &info, err));
    if (info.kind == UNIXFS_DIRECTORY)
        return tree_save(store, cid, path, NULL, NULL, err);
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
    return save_beside(store, cid, path, err);
}
