/* SPDX-License-Identifier: Apache-2.0 */
#include "content/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/hash.h"

static int make_beside(struct new_file *out)
{
    const char *slash = strrchr(out->path, '/');
    const int directory = slash ? (int)(slash - out->path) + 1 : 0;
    int file = -1;
    for (int tries = 0; file < 0 && tries < 100; tries++) {
        uint32_t random;
        random_bytes(&random, sizeof random);
        const int len = snprintf(out->temp, sizeof out->temp, "%.*s.ipvm-%08x",
                                 directory, out->path, random);
        if (len < 0 || (size_t)len >= sizeof out->temp) {
            errno = ENAMETOOLONG;
            return -1;
        }
        file = open(out->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST)
            return -1;
    }
    return file;
}

Status new_file_open(struct new_file *out, const char *path, struct error *err)
{
    struct stat there;
    out->path = path;
    // Only files can be replaced.
    out->is_beside = stat(path, &there) != 0 || S_ISREG(there.st_mode);
    if (!out->is_beside && S_ISDIR(there.st_mode))
        return fail(err, STATUS_INVALID, "%s is a directory", path);
    out->file =
        out->is_beside ? make_beside(out) : open(path, O_WRONLY | O_CLOEXEC);
    if (out->file < 0)
        return fail_errno(err, errno, "cannot write %s", path);
    return STATUS_OK;
}

Status new_file_close(struct new_file *file, Status status, struct error *err)
{
    if (status == STATUS_FULL)
        status = fail_in(err, status, "%.100s", file->path);
    // A disk that is full may say so only now.
    if (close(file->file) != 0 && status == STATUS_OK)
        status = fail_errno(err, errno, "cannot write %s", file->path);
    if (!file->is_beside)
        return status;
    if (status == STATUS_OK && rename(file->temp, file->path) != 0)
        status = fail_errno(err, errno, "cannot write %s", file->path);
    if (status != STATUS_OK)
        unlink(file->temp);
    return status;
}
