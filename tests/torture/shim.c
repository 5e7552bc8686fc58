/* SPDX-License-Identifier: Apache-2.0 */
/* shim.c - a library to preload: a disk and a clock that go wrong now and then,
 * as the file named by TORTURE_CONTROL says. It is mapped: whoever writes it
 * changes what happens from then on.
 *
 * Only files on disk are touched, neither sockets nor pipes. Thread: any. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* As torture.py writes it. */
struct control {
    _Atomic uint32_t sync_fails;  /* of a million */
    _Atomic uint32_t write_fails; /* of a million */
    _Atomic int32_t error;        /* what writes fail with */
    _Atomic uint32_t failed;      /* how many did; counted here */
    _Atomic int64_t skew_ms;      /* of the clock */
    _Atomic uint64_t random;
};

static struct control *control;

__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv("TORTURE_CONTROL");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED,
                     file, 0);
    close(file);
    if (map != MAP_FAILED)
        control = map;
}

static bool fails(int file, uint32_t of_a_million, int error)
{
    struct stat facts;
    if (of_a_million == 0 || fstat(file, &facts) != 0 ||
        !S_ISREG(facts.st_mode))
        return false;
    uint64_t next = atomic_fetch_add(&control->random, 0x9e3779b97f4a7c15u);
    next = (next ^ next >> 30) * 0xbf58476d1ce4e5b9u;
    next = (next ^ next >> 27) * 0x94d049bb133111ebu;
    if ((next >> 20) % 1000000 >= of_a_million)
        return false;
    atomic_fetch_add(&control->failed, 1);
    errno = error;
    return true;
}

static bool sync_fails(int file)
{
    return control && fails(file, control->sync_fails, EIO);
}

static bool write_fails(int file)
{
    return control && fails(file, control->write_fails, control->error);
}

/* --- The disk ------------------------------------------------------------ */

int fsync(int file)
{
    return sync_fails(file) ? -1 : (int)syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
    return sync_fails(file) ? -1 : (int)syscall(SYS_fdatasync, file);
}

ssize_t write(int file, const void *data, size_t len)
{
    return write_fails(file) ? -1 : syscall(SYS_write, file, data, len);
}

ssize_t pwrite(int file, const void *data, size_t len, off_t at)
{
    return write_fails(file) ? -1 : syscall(SYS_pwrite64, file, data, len, at);
}

ssize_t pwrite64(int file, const void *data, size_t len, off_t at)
{
    return pwrite(file, data, len, at);
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    return write_fails(file) ? -1 : syscall(SYS_writev, file, parts, count);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at)
{
    return write_fails(file)
               ? -1
               : syscall(SYS_pwritev, file, parts, count, at, 0L);
}

/* --- The clock ------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME && control)
        now->tv_sec += control->skew_ms / 1000;
    return result;
}

int gettimeofday(struct timeval *now, void *zone)
{
    int result = (int)syscall(SYS_gettimeofday, now, zone);
    if (result == 0 && control)
        now->tv_sec += control->skew_ms / 1000;
    return result;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
