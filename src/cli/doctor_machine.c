/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_machine.c - what the machine gives: disk, memory, files, time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/doctor.h"
#include "cli/output.h"
#include "cli/when.h"

enum {
    SYNCS = 9, /* odd: the median is told */
    SYNC_BYTES = 4096,
    TMPFS = 0x01021994,
    RAMFS = (int)0x858458f6,
};
static const uint64_t mebibyte = 1 << 20;

/* --- Disk ---------------------------------------------------------------- */

/* The store, or the directory nearest above that is there. */
static void place_of(const struct doctor *doctor, char out[4096])
{
    snprintf(out, 4096, "%s", doctor->store);
    while (access(out, F_OK) != 0) {
        char *slash = strrchr(out, '/');
        if (!slash) {
            snprintf(out, 4096, ".");
            return;
        }
        if (slash == out) {
            slash[1] = '\0';
            return;
        }
        *slash = '\0';
    }
}

static void look_at_space(struct doctor *doctor, const char *place)
{
    struct statvfs disk;
    struct statfs kind;
    char left[SHORT_TEXT_MAX], all[SHORT_TEXT_MAX];
    if (statvfs(place, &disk) != 0 || statfs(place, &kind) != 0) {
        doctor_found(doctor, HEALTH_WRONG, "disk", "see that it is mounted",
                     "cannot look at %s: %s", place, strerror(errno));
        return;
    }
    const uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    const bool no_inodes = disk.f_files > 0 && disk.f_favail < 100;
    const Health health = free_bytes < 64 * mebibyte || no_inodes
                              ? HEALTH_WRONG
                          : free_bytes < 1024 * mebibyte ? HEALTH_DOUBTFUL
                                                         : HEALTH_FINE;
    doctor_found(doctor, health, "disk",
                 health == HEALTH_FINE
                     ? NULL
                     : "make room: `ipvm gc` removes what nothing keeps, "
                       "--keep and --max-memo of it more",
                 "%s of %s left%s", show_bytes(free_bytes, left),
                 show_bytes((uint64_t)disk.f_blocks * disk.f_frsize, all),
                 no_inodes ? ", but no inodes" : "");
    if ((int)kind.f_type == TMPFS || (int)kind.f_type == RAMFS)
        doctor_found(doctor, HEALTH_DOUBTFUL, "disk",
                     "put the store on a disk if it is to survive a restart",
                     "%s is in memory, not on a disk", place);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Writes and syncs as a commit does. False: errno says why. */
static bool measure_syncs(int file, uint64_t out[SYNCS])
{
    char bytes[SYNC_BYTES];
    for (int at = 0; at < SYNCS; at++) {
        memset(bytes, at + 1, sizeof bytes);
        const uint64_t began = clock_monotonic_ns();
        if (pwrite(file, bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes ||
            fdatasync(file) != 0)
            return false;
        out[at] = clock_monotonic_ns() - began;
    }
    qsort(out, SYNCS, sizeof *out, compare);
    return true;
}

static void look_at_sync(struct doctor *doctor, const char *place)
{
    uint64_t took[SYNCS];
    char median[SHORT_TEXT_MAX], worst[SHORT_TEXT_MAX];
    // It has no name, so that nothing is left whatever happens.
    const int file = open(place, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    const bool is_done = file >= 0 && measure_syncs(file, took);
    if (!is_done && errno == EOPNOTSUPP)
        doctor_found(doctor, HEALTH_DOUBTFUL, "disk",
                     "put the store on ext4, xfs or btrfs",
                     "its file system cannot make files without names");
    else if (!is_done)
        doctor_found(doctor, HEALTH_WRONG, "disk",
                     "see that you may write there, and that there is room",
                     "cannot write in %s: %s", place, strerror(errno));
    else
        doctor_found(
            doctor, took[SYNCS / 2] > 50000000 ? HEALTH_DOUBTFUL : HEALTH_FINE,
            "disk",
            took[SYNCS / 2] > 50000000
                ? "a job is acknowledged once it is synced: a disk "
                  "that syncs faster acknowledges sooner"
                : NULL,
            "syncs in %s (the slowest of %d: %s)",
            show_ns(took[SYNCS / 2], median), SYNCS,
            show_ns(took[SYNCS - 1], worst));
    if (file >= 0)
        close(file);
}

void doctor_look_at_disk(struct doctor *doctor)
{
    char place[4096];
    place_of(doctor, place);
    look_at_space(doctor, place);
    look_at_sync(doctor, place);
}

/* --- Limits -------------------------------------------------------------- */

static void look_at_files(struct doctor *doctor)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    const bool is_low = limit.rlim_max < 4096;
    doctor_found(doctor, is_low ? HEALTH_DOUBTFUL : HEALTH_FINE, "limits",
                 is_low ? "raise it: LimitNOFILE= of the unit, or `nofile` in "
                          "/etc/security/limits.conf"
                        : NULL,
                 "%llu open files at once, and a node needs one for each "
                 "connection",
                 (unsigned long long)limit.rlim_max);
}

/* The first number in a file, or `otherwise`: "max" is none. */
static uint64_t read_number(const char *path, uint64_t otherwise)
{
    char line[64] = "", *end;
    FILE *file = fopen(path, "re");
    if (!file)
        return otherwise;
    const bool is_read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    const unsigned long long number = strtoull(line, &end, 10);
    return is_read && end != line ? number : otherwise;
}

/* Of the machine, or of the container that we are in. */
static uint64_t memory_there(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    const uint64_t all =
        pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
    const uint64_t bound =
        read_number("/sys/fs/cgroup/memory.max", UINT64_MAX);
    return bound < all ? bound : all;
}

static void look_at_memory(struct doctor *doctor)
{
    struct rlimit limit;
    char there[SHORT_TEXT_MAX], bound[SHORT_TEXT_MAX];
    const uint64_t bytes = memory_there();
    const bool is_low = bytes < 1024 * mebibyte;
    doctor_found(doctor, is_low ? HEALTH_DOUBTFUL : HEALTH_FINE, "limits",
                 is_low ? "give tasks less: `ipvm node --set "
                          "task_memory=64MiB`"
                        : NULL,
                 "%s of memory, three quarters of it for guests",
                 show_bytes(bytes, there));
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        doctor_found(doctor, HEALTH_WRONG, "limits",
                     "lift it: ulimit -v unlimited",
                     "addresses are bounded to %s: the store maps its file, "
                     "and guests reserve more than they use",
                     show_bytes(limit.rlim_cur, bound));
    if (read_number("/proc/sys/vm/overcommit_memory", 0) == 2)
        doctor_found(doctor, HEALTH_DOUBTFUL, "limits",
                     "sysctl vm.overcommit_memory=0",
                     "the kernel refuses memory that is only reserved "
                     "(vm.overcommit_memory=2)");
}

static void look_at_writing(struct doctor *doctor)
{
    struct rlimit limit;
    char bound[SHORT_TEXT_MAX];
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY)
        doctor_found(doctor, HEALTH_DOUBTFUL, "limits",
                     "lift it: ulimit -f unlimited",
                     "files may not grow beyond %s, the store's neither",
                     show_bytes(limit.rlim_cur, bound));
}

void doctor_look_at_limits(struct doctor *doctor)
{
    look_at_files(doctor);
    look_at_memory(doctor);
    look_at_writing(doctor);
}

/* --- The clock ----------------------------------------------------------- */

/* When the store was written last; 0: never. */
static int64_t last_written_s(const struct doctor *doctor)
{
    char path[4096 + 16];
    struct stat there;
    snprintf(path, sizeof path, "%s/data.mdb", doctor->store);
    return doctor->has_store && stat(path, &there) == 0 ? there.st_mtime : 0;
}

void doctor_look_at_clock(struct doctor *doctor)
{
    enum { BUILT_S = 1763683200, SKEW_S = 60 }; /* 2025-11-21 */
    struct timex state = {0};
    char now[WHEN_TEXT_MAX], last[WHEN_TEXT_MAX];
    const int64_t now_s = clock_wall_s(), last_s = last_written_s(doctor);
    when_show(now_s, now);
    if (now_s < BUILT_S)
        doctor_found(
            doctor, HEALTH_WRONG, "clock", "set it: timedatectl set-ntp true",
            "it says %s, which is before this program was written", now);
    else if (last_s > now_s + SKEW_S)
        doctor_found(doctor, HEALTH_WRONG, "clock",
                     "set it: timedatectl set-ntp true; tokens expire and "
                     "jobs begin by it",
                     "it says %s, but the store was written at %s", now,
                     when_show(last_s, last));
    else if (adjtimex(&state) == TIME_ERROR)
        doctor_found(doctor, HEALTH_FINE, "clock", NULL,
                     "%s; nobody says that it is kept in step", now);
    else
        doctor_found(doctor, HEALTH_FINE, "clock", NULL,
                     "%s, kept in step by NTP", now);
}
