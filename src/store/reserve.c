/* SPDX-License-Identifier: Apache-2.0 */
/* reserve.c - a file of a mebibyte, cut on a full disk and made again when
 * there is room. Who cuts it and who uses the space may be two: then it is
 * gone, and the one who wanted it says that the disk is full. */
#include "store/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/status.h"

enum {
    RESERVE_BYTES = 1 << 20,
    PLENTY = 16, /* so many times that must be free to take it */
};

/* A first lease takes about 110 KiB, 64 of them for its lock file. */
static const off_t floors[] = {
    [RESERVE_FOR_LEASES] = 3 * (off_t)RESERVE_BYTES / 4,
    [RESERVE_FOR_REMOVING] = (off_t)RESERVE_BYTES / 2,
    [RESERVE_FOR_GC] = 0,
};

static int open_reserve(const char *directory, int flags)
{
    struct arena arena = {0};
    const char *path = arena_format(&arena, "%s/reserve", directory).data;
    const int file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    arena_deinit(&arena);
    return file;
}

void reserve_make(const char *directory)
{
    struct statvfs disk;
    struct stat stat;
    if (statvfs(directory, &disk) != 0 || disk.f_frsize == 0 ||
        disk.f_bavail / PLENTY < RESERVE_BYTES / disk.f_frsize)
        return;
    const int file = open_reserve(directory, O_CREAT);
    if (file < 0)
        return;
    if (fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) &&
        stat.st_size < RESERVE_BYTES &&
        posix_fallocate(file, 0, RESERVE_BYTES) != 0)
        IGNORE(ftruncate(file, stat.st_size) == 0 ? STATUS_OK : STATUS_IO);
    close(file);
}

bool reserve_give(const char *directory, enum reserve_use use)
{
    struct stat stat;
    const int file = directory[0] == '\0' ? -1 : open_reserve(directory, 0);
    if (file < 0)
        return false;
    const bool given = fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) &&
                       stat.st_size > floors[use] &&
                       ftruncate(file, floors[use]) == 0;
    close(file);
    return given;
}
