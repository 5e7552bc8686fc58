/* SPDX-License-Identifier: Apache-2.0 */
/* faults.c - a library to preload: makes one system call of a process fail.
 *
 *     FAULT_CALL=write|sync|open|read|mmap|rename   which
 *     FAULT_NTH=N                                   the N-th of them
 *     FAULT_ON=1                                    and all after it
 *     FAULT_ERRNO=N                                 how
 *     FAULT_MARK=FILE                               made when it has failed
 *
 * Each process counts for itself. Thread: any. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static bool fails(const char *call)
{
    const char *which = getenv("FAULT_CALL"), *nth = getenv("FAULT_NTH");
    const char *how = getenv("FAULT_ERRNO"), *mark = getenv("FAULT_MARK");
    if (!which || !nth || !how || !mark || strcmp(which, call) != 0)
        return false;
    long count = atomic_fetch_add(&calls, 1) + 1;
    if (count < atol(nth) || (count > atol(nth) && !getenv("FAULT_ON")))
        return false;
    long file = syscall(SYS_openat, AT_FDCWD, mark, O_WRONLY | O_CREAT, 0644);
    if (file >= 0)
        syscall(SYS_close, file);
    errno = atoi(how);
    return true;
}

ssize_t write(int file, const void *data, size_t len)
{
    return file > 2 && fails("write") ? -1
                                      : syscall(SYS_write, file, data, len);
}

ssize_t pwrite(int file, const void *data, size_t len, off_t at)
{
    return fails("write") ? -1 : syscall(SYS_pwrite64, file, data, len, at);
}

ssize_t pwrite64(int file, const void *data, size_t len, off_t at)
{
    return pwrite(file, data, len, at);
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    return file > 2 && fails("write")
               ? -1
               : syscall(SYS_writev, file, parts, count);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at)
{
    return fails("write") ? -1
                          : syscall(SYS_pwritev, file, parts, count, at, 0L);
}

int ftruncate(int file, off_t len)
{
    return fails("write") ? -1 : (int)syscall(SYS_ftruncate, file, len);
}

int ftruncate64(int file, off_t len)
{
    return ftruncate(file, len);
}

int fsync(int file)
{
    return fails("sync") ? -1 : (int)syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
    return fails("sync") ? -1 : (int)syscall(SYS_fdatasync, file);
}

int msync(void *address, size_t len, int flags)
{
    return fails("sync") ? -1 : (int)syscall(SYS_msync, address, len, flags);
}

ssize_t read(int file, void *data, size_t len)
{
    return fails("read") ? -1 : syscall(SYS_read, file, data, len);
}

ssize_t pread(int file, void *data, size_t len, off_t at)
{
    return fails("read") ? -1 : syscall(SYS_pread64, file, data, len, at);
}

ssize_t pread64(int file, void *data, size_t len, off_t at)
{
    return pread(file, data, len, at);
}

static int open_at(int directory, const char *path, int flags, va_list rest)
{
    mode_t mode =
        flags & (O_CREAT | __O_TMPFILE) ? (mode_t)va_arg(rest, int) : 0;
    return fails("open")
               ? -1
               : (int)syscall(SYS_openat, directory, path, flags, mode);
}

#define OPEN(name, directory, ...)                                            \
    int name(__VA_ARGS__, ...)                                                \
    {                                                                         \
        va_list rest;                                                         \
        va_start(rest, flags);                                                \
        int file = open_at(directory, path, flags, rest);                     \
        va_end(rest);                                                         \
        return file;                                                          \
    }
OPEN(open, AT_FDCWD, const char *path, int flags)
OPEN(open64, AT_FDCWD, const char *path, int flags)
OPEN(openat, at, int at, const char *path, int flags)
OPEN(openat64, at, int at, const char *path, int flags)

void *mmap(void *address, size_t len, int protection, int flags, int file,
           off_t at)
{
    return fails("mmap") ? MAP_FAILED
                         : (void *)syscall(SYS_mmap, address, len, protection,
                                           flags, file, at);
}

void *mmap64(void *address, size_t len, int protection, int flags, int file,
             off_t at)
{
    return mmap(address, len, protection, flags, file, at);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    return fails("rename")
               ? -1
               : (int)syscall(SYS_renameat, from_at, from, to_at, to);
}

int rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : (int)syscall(SYS_rename, from, to);
}
