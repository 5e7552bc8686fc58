/* SPDX-License-Identifier: Apache-2.0 */
/* tables_lmdb_place.c - is a directory a place for a store? It is made if
 * missing; it must be local, not open in this process already, and hold
 * nothing else under our file's name. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/tables_lmdb.h"

/* Makes `path` and what is missing above it. */
static Status make_directories(const char *path, struct error *err)
{
    char *copy = heap_alloc(strlen(path) + 1);
    memcpy(copy, path, strlen(path) + 1);
    Status status = STATUS_OK;
    for (char *at = copy + 1; status == STATUS_OK; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char end = *at;
        *at = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST && errno != EISDIR) {
            struct stat stat_now;
            // A parent we may not write to is no trouble if it exists.
            const int saved = errno;
            if (stat(copy, &stat_now) != 0)
                status = fail_errno(
                    err, saved, "cannot make the store directory %s", copy);
        }
        *at = end;
        if (end == '\0')
            break;
    }
    free(copy);
    return status;
}

static Status check_directory(const char *path, bool read_only,
                              struct error *err)
{
    struct stat found;
    if (path[0] == '\0')
        return fail(err, STATUS_INVALID, "the store has no directory name");
    if (strlen(path) > PATH_MAX - NAME_MAX)
        return fail(err, STATUS_INVALID,
                    "the directory name of the store is too long");
    if (stat(path, &found) != 0) {
        if (errno != ENOENT)
            return fail_errno(err, errno, "cannot open the store %s", path);
        if (read_only)
            return fail(err, STATUS_NOT_FOUND,
                        "there is no store at %s to open read-only", path);
        TRY(make_directories(path, err));
        if (stat(path, &found) != 0)
            return fail_errno(err, errno, "cannot open the store %s", path);
    }
    if (!S_ISDIR(found.st_mode))
        return fail(err, STATUS_INVALID,
                    "the store %s is not a directory, name another", path);
    return STATUS_OK;
}

/* Memory maps and locks of LMDB do not work across machines. */
static Status check_file_system(const char *path, struct error *err)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } networks[] = {
        {0x6969, "NFS"},    {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},
        {0x517b, "SMB"},    {0x5346414f, "AFS"},  {0x00c36400, "Ceph"},
        {0x01021997, "9P"}, {0x47504653, "GPFS"}, {0x0bd00bd0, "Lustre"},
    };
    struct statfs found;
    if (statfs(path, &found) != 0)
        return fail_errno(err, errno, "cannot open the store %s", path);
    for (size_t index = 0; index < sizeof networks / sizeof *networks; index++)
        if ((uint32_t)found.f_type == networks[index].magic)
            return fail(err, STATUS_UNSUPPORTED,
                        "the store %s is on a network file system (%s), which "
                        "would damage it: choose a local directory",
                        path, networks[index].name);
    return STATUS_OK;
}

/* LMDB takes an empty file for a new one, and so do we: it is what a process
 * killed while making a store leaves behind. */
static Status check_file(const struct lmdb_tables *lmdb, const char *file,
                         struct error *err)
{
    struct stat found;
    if (stat(file, &found) != 0) {
        if (errno == ENOENT && lmdb->read_only)
            return fail(err, STATUS_NOT_FOUND,
                        "there is no store at %s to open read-only",
                        lmdb->path);
        if (errno == ENOENT)
            return STATUS_OK;
        return fail_errno(err, errno, "cannot open the store %s", lmdb->path);
    }
    if (!S_ISREG(found.st_mode))
        return lmdb_fail(lmdb, MDB_INVALID, "cannot open", err);
    if (found.st_size == 0 && !lmdb->read_only)
        return STATUS_OK;
    if (found.st_size < 2 * sysconf(_SC_PAGESIZE))
        return lmdb_fail(lmdb, MDB_INVALID, "cannot open", err);
    return STATUS_OK;
}

/* LMDB's locks do not work between two environments on one file in the same
 * process: closing either drops the locks of both. */
static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lmdb_tables *claims; /* guarded by it, linked by next_claim */

static Status claim(struct lmdb_tables *lmdb, struct error *err)
{
    struct stat found;
    Status status = STATUS_OK;
    if (stat(lmdb->path, &found) != 0)
        return fail_errno(err, errno, "cannot open the store %s", lmdb->path);
    pthread_mutex_lock(&claims_lock);
    for (const struct lmdb_tables *each = claims; each;
         each = each->next_claim)
        if (each->device == found.st_dev && each->inode == found.st_ino)
            status = fail(err, STATUS_BUSY,
                          "the store %s is already open in this process",
                          lmdb->path);
    if (status == STATUS_OK) {
        lmdb->device = found.st_dev;
        lmdb->inode = found.st_ino;
        lmdb->has_place = true;
        lmdb->next_claim = claims;
        claims = lmdb;
    }
    pthread_mutex_unlock(&claims_lock);
    return status;
}

void lmdb_leave_place(struct lmdb_tables *lmdb)
{
    if (!lmdb->has_place)
        return;
    pthread_mutex_lock(&claims_lock);
    struct lmdb_tables **at = &claims;
    while (*at != lmdb)
        at = &(*at)->next_claim;
    *at = lmdb->next_claim;
    pthread_mutex_unlock(&claims_lock);
}

Status lmdb_take_place(struct lmdb_tables *lmdb, struct error *err)
{
    TRY(check_directory(lmdb->path, lmdb->read_only, err));
    TRY(check_file_system(lmdb->path, err));
    TRY(claim(lmdb, err));
    size_t len = strlen(lmdb->path) + sizeof "/data.mdb";
    char *file = heap_alloc(len);
    snprintf(file, len, "%s/data.mdb", lmdb->path);
    Status status = check_file(lmdb, file, err);
    free(file);
    return status;
}
