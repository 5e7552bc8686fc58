/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

bool file_write_all(int file, Bytes bytes)
{
    while (bytes.len > 0) {
        const ssize_t len = write(file, bytes.data, bytes.len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len == 0)
            errno = EIO; // Nothing else says why.
        if (len <= 0)
            return false;
        bytes = bytes_from(bytes, (size_t)len);
    }
    return true;
}

bool file_sync_path(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    const bool is_synced = fsync(file) == 0;
    const int saved = errno;
    close(file);
    errno = saved;
    return is_synced;
}

bool file_sync_parent(const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(parent, sizeof parent, "%.*s",
             slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    return file_sync_path(parent);
}
