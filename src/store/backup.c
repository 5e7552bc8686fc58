/* SPDX-License-Identifier: Apache-2.0 */
/* backup.c - writing one.
 *
 *   a thread: tables ─▶ pipe ─▶ hashed, counted ─▶ file
 *
 * so that a file and a pipe are the same, and stopping is closing our end. */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/backup_trailer.h"
#include "store/store_private.h"

enum { PATH_ROOM = 4096 };

struct copier {
    struct tables *tables;
    int pipe; /* our end to write to */
    Status status;
    struct error error;
};

static void *copy(void *context)
{
    struct copier *copier = context;
    copier->status = tables_copy(copier->tables, copier->pipe, &copier->error);
    close(copier->pipe);
    return NULL;
}

static Status write_all(int file, const char *name, Bytes bytes,
                        struct error *err)
{
    if (!file_write_all(file, bytes))
        return fail_errno(err, errno, "cannot write %s", name);
    return STATUS_OK;
}

/* What one backup is written with. */
struct writing {
    int from, file;
    const char *name;
    const struct backup_options *options;
    struct hasher *hasher;
    uint64_t done, total;
};

static Status write_trailer(struct writing *writing, struct error *err)
{
    uint8_t trailer[TRAILER_BYTES];
    Hash digest;
    trailer_make(writing->done, trailer);
    hasher_add(writing->hasher, bytes_of(trailer, TRAILER_DIGEST_AT));
    hasher_finish(writing->hasher, &digest);
    memcpy(trailer + TRAILER_DIGEST_AT, digest.bytes, sizeof digest.bytes);
    return write_all(writing->file, writing->name,
                     bytes_of(trailer, sizeof trailer), err);
}

static Status write_tables(struct writing *writing, struct error *err)
{
    const struct backup_options *options = writing->options;
    uint8_t *chunk = heap_alloc(BACKUP_CHUNK);
    Status status = STATUS_OK;
    while (status == STATUS_OK) {
        const ssize_t len = read(writing->from, chunk, BACKUP_CHUNK);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            status = fail_errno(err, errno, "cannot copy the store");
        if (len <= 0)
            break;
        const Bytes piece = bytes_of(chunk, (size_t)len);
        hasher_add(writing->hasher, piece);
        writing->done += piece.len;
        status = write_all(writing->file, writing->name, piece, err);
        if (status == STATUS_OK && options->progress &&
            !options->progress(options->context, writing->done,
                               writing->total))
            status = fail(err, STATUS_CANCELLED, "interrupted");
    }
    free(chunk);
    return status;
}

/* With the copying thread on the other end of the pipe. */
static Status write_piped(struct store *store, struct writing *writing,
                          struct error *err)
{
    struct copier copier = {.tables = store->tables};
    pthread_t thread;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail_errno(err, errno, "cannot copy the store");
    IGNORE(fcntl(ends[1], F_SETPIPE_SZ, BACKUP_CHUNK) < 0 ? STATUS_IO
                                                          : STATUS_OK);
    writing->from = ends[0];
    copier.pipe = ends[1];
    if (pthread_create(&thread, NULL, copy, &copier) != 0) {
        close(ends[0]);
        close(ends[1]);
        return fail(err, STATUS_HOST, "cannot start a thread");
    }
    Status status = write_tables(writing, err);
    close(ends[0]); // If we stopped, it stops.
    pthread_join(thread, NULL);
    if (status == STATUS_OK && copier.status != STATUS_OK) {
        if (err)
            *err = copier.error;
        status = copier.status;
    }
    return status;
}

Status backup_write(struct store *store, int file, const char *name,
                    const struct backup_options *options, uint64_t *bytes,
                    struct error *err)
{
    static const struct backup_options defaults;
    struct store_stat stat;
    TRY(store_stat(store, &stat, err));
    struct writing writing = {
        .file = file,
        .name = name,
        .options = options ? options : &defaults,
        .hasher = hasher_new(),
        .total = stat.used_bytes,
    };
    Status status = write_piped(store, &writing, err);
    if (status == STATUS_OK)
        status = write_trailer(&writing, err);
    hasher_free(writing.hasher);
    *bytes = writing.done + TRAILER_BYTES;
    return status;
}

/* --- Into a file --------------------------------------------------------- */

static Status save_beside(struct store *store, const char *path,
                          const struct backup_options *options,
                          uint64_t *bytes, struct error *err)
{
    char temp[PATH_ROOM];
    const int len = snprintf(temp, sizeof temp, "%s.ipvm-XXXXXX", path);
    if (len < 0 || (size_t)len >= sizeof temp)
        return fail(err, STATUS_INVALID, "the name of the backup is too long");
    // Only for its owner, as the store is.
    const int file = mkostemp(temp, O_CLOEXEC);
    if (file < 0)
        return fail_errno(err, errno, "cannot write beside %s", path);
    Status status = backup_write(store, file, path, options, bytes, err);
    if (status == STATUS_OK && fsync(file) != 0)
        status = fail_errno(err, errno, "cannot write %s", path);
    if (close(file) != 0 && status == STATUS_OK)
        status = fail_errno(err, errno, "cannot write %s", path);
    if (status == STATUS_OK && rename(temp, path) != 0)
        status = fail_errno(err, errno, "cannot write %s", path);
    if (status != STATUS_OK) {
        unlink(temp);
        return status;
    }
    if (!file_sync_parent(path))
        return fail_errno(err, errno, "cannot keep %s", path);
    return STATUS_OK;
}

Status backup_save(struct store *store, const char *path,
                   const struct backup_options *options, uint64_t *bytes,
                   struct error *err)
{
    struct stat there;
    if (stat(path, &there) != 0 || S_ISREG(there.st_mode))
        return save_beside(store, path, options, bytes, err);
    if (S_ISDIR(there.st_mode))
        return fail(err, STATUS_INVALID,
                    "%s is a directory: name a file for the backup", path);
    // A pipe or a device is written to.
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return fail_errno(err, errno, "cannot write %s", path);
    Status status = backup_write(store, file, path, options, bytes, err);
    if (close(file) != 0 && status == STATUS_OK)
        status = fail_errno(err, errno, "cannot write %s", path);
    return status;
}
