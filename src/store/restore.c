/* SPDX-License-Identifier: Apache-2.0 */
/* restore.c - a backup becomes a store.
 *
 *   DIR.restoring/data.mdb.part ─ length, digest ─▶ data.mdb ─ opened, hashed
 *   ─▶ DIR, by one rename; a store that was there is DIR.old-N then
 *
 * LMDB trusts its pages, so it sees none before the digest says that they are
 * what a backup wrote. Who restores holds a lock on DIR.restoring; what one
 * that was killed left in there is used again, or, if that was a whole store
 * (killed between two renames), put aside first. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "store/backup.h"
#include "store/backup_trailer.h"

enum { PATH_ROOM = 4096, OLD_MAX = 10000 };

struct restoring {
    const char *name;            /* of the backup */
    char target[PATH_ROOM - 64]; /* the store's directory, no slash behind */
    char place[PATH_ROOM];       /* target.restoring */
    int place_file;              /* open and locked, or -1 */
    bool is_filled;              /* the store in there is what we made */
    const struct restore_options *options;
    struct restore_report *report;
};

/* --- Places -------------------------------------------------------------- */

static bool exists(const char *path)
{
    struct stat there;
    return lstat(path, &there) == 0;
}

static void below(const char *directory, const char *name,
                  char out[PATH_ROOM + 32])
{
    snprintf(out, PATH_ROOM + 32, "%s/%s", directory, name);
}

static bool is_store(const char *directory)
{
    char data[PATH_ROOM + 32];
    struct stat there;
    below(directory, "data.mdb", data);
    return stat(data, &there) == 0 && there.st_size > 0;
}

/* The directory as it will be: the real one behind a symlink. */
static Status find_target(struct restoring *restoring, const char *directory,
                          struct error *err)
{
    char *real = realpath(directory, NULL);
    const char *path = real ? real : directory;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    const bool fits = len > 0 && len < sizeof restoring->target;
    if (fits)
        snprintf(restoring->target, sizeof restoring->target, "%.*s", (int)len,
                 path);
    free(real);
    if (!fits)
        return fail(err, STATUS_INVALID,
                    "the directory name of the store is too long or empty");
    snprintf(restoring->place, sizeof restoring->place, "%s.restoring",
             restoring->target);
    return STATUS_OK;
}

/* May something be put there? An empty directory may be replaced. */
static Status check_target(const struct restoring *restoring,
                           struct error *err)
{
    const char *target = restoring->target;
    if (!exists(target))
        return STATUS_OK;
    if (is_store(target) && restoring->options->force)
        return STATUS_OK;
    if (is_store(target))
        return fail(err, STATUS_DENIED,
                    "there is a store at %.100s: name another with --store, "
                    "or move it aside with --force",
                    target);
    DIR *directory = opendir(target);
    if (!directory)
        return fail_errno(err, errno, "cannot open %s", target);
    size_t entries = 0; // "." and ".." are two of them.
    while (entries < 3 && readdir(directory))
        entries++;
    closedir(directory);
    if (entries > 2)
        return fail(err, STATUS_DENIED,
                    "%.100s is not empty and not a store: name another with "
                    "--store",
                    target);
    return STATUS_OK;
}

/* target.old-N, not there yet. */
static Status old_name(const struct restoring *restoring, char out[PATH_ROOM],
                       struct error *err)
{
    for (int number = 1; number <= OLD_MAX; number++) {
        snprintf(out, PATH_ROOM, "%s.old-%d", restoring->target, number);
        if (!exists(out))
            return STATUS_OK;
    }
    return fail(err, STATUS_LIMIT,
                "there are more than %d old stores beside "
                "%.100s: remove some",
                OLD_MAX, restoring->target);
}

static Status make_parents(const char *path, struct error *err)
{
    char copy[PATH_ROOM];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *at = copy + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            return fail_errno(err, errno, "cannot make %s", copy);
        *at = '/';
    }
    return STATUS_OK;
}

static Status sync_path(const char *path, struct error *err)
{
    if (!file_sync_path(path))
        return fail_errno(err, errno, "cannot keep %s", path);
    return STATUS_OK;
}

/* Makes and locks DIR.restoring. */
static Status take_place(struct restoring *restoring, struct error *err)
{
    TRY(make_parents(restoring->place, err));
    if (mkdir(restoring->place, 0700) != 0 && errno != EEXIST)
        return fail_errno(err, errno, "cannot make %s", restoring->place);
    restoring->place_file =
        open(restoring->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (restoring->place_file < 0)
        return fail_errno(err, errno, "cannot open %s", restoring->place);
    if (flock(restoring->place_file, LOCK_EX | LOCK_NB) != 0)
        return fail(err, STATUS_BUSY,
                    "another restores to %.120s: wait for it",
                    restoring->target);
    return STATUS_OK;
}

/* A store in DIR.restoring is one that was there before: a restore was killed
 * when it had exchanged the two. */
static Status put_old_aside(struct restoring *restoring, struct error *err)
{
    char old[PATH_ROOM];
    if (!is_store(restoring->place))
        return STATUS_OK;
    TRY(old_name(restoring, old, err));
    if (rename(restoring->place, old) != 0)
        return fail_errno(err, errno, "cannot move %s", restoring->place);
    close(restoring->place_file);
    restoring->place_file = -1;
    return take_place(restoring, err);
}

/* Removes what we made; a store is not ours to remove. */
static void leave_place(struct restoring *restoring)
{
    static const char *const files[] = {"data.mdb.part", "lock.mdb",
                                        "reserve"};
    char path[PATH_ROOM + 32];
    if (restoring->place_file < 0)
        return;
    for (size_t index = 0; index < sizeof files / sizeof *files; index++) {
        below(restoring->place, files[index], path);
        unlink(path);
    }
    below(restoring->place, "data.mdb", path);
    if (restoring->is_filled)
        unlink(path);
    rmdir(restoring->place);
    close(restoring->place_file);
}

/* --- Reading the backup -------------------------------------------------- */

static Status fail_backup(const struct restoring *restoring, Status status,
                          const char *why, struct error *err)
{
    return fail(err, status, "%.100s: %s", restoring->name, why);
}

/* Reads until `room` is full or nothing comes any more. */
static Status read_full(int file, uint8_t *room, size_t len, size_t *got,
                        const char *name, struct error *err)
{
    *got = 0;
    while (*got < len) {
        const ssize_t some = read(file, room + *got, len - *got);
        if (some < 0 && errno == EINTR)
            continue;
        if (some < 0)
            return fail_errno(err, errno, "cannot read %s", name);
        if (some == 0)
            break;
        *got += (size_t)some;
    }
    return STATUS_OK;
}

static Status check_trailer(const struct restoring *restoring,
                            const uint8_t trailer[TRAILER_BYTES],
                            struct hasher *hasher, uint64_t len,
                            struct error *err)
{
    uint8_t expected[TRAILER_BYTES];
    Hash digest;
    enum { NAME_BYTES = sizeof "ipvm backup " - 1 };
    trailer_make(len, expected);
    if (memcmp(trailer, expected, NAME_BYTES) != 0)
        return fail_backup(restoring, STATUS_INVALID,
                           "not a backup, or cut short", err);
    if (memcmp(trailer, expected, TRAILER_MAGIC_BYTES) != 0)
        return fail_backup(restoring, STATUS_UNSUPPORTED,
                           "a backup of another version: update ipvm", err);
    hasher_add(hasher, bytes_of(trailer, TRAILER_DIGEST_AT));
    hasher_finish(hasher, &digest);
    if (memcmp(trailer, expected, TRAILER_DIGEST_AT) != 0 ||
        memcmp(trailer + TRAILER_DIGEST_AT, digest.bytes,
               sizeof digest.bytes) != 0)
        return fail_backup(restoring, STATUS_INVALID,
                           "the backup has changed since it was made", err);
    return STATUS_OK;
}

/* The last 64 bytes read so far are always kept back: they may be the end. */
static Status unpack(struct restoring *restoring, int from, int to,
                     const char *path, struct error *err)
{
    const struct backup_options *progress = &restoring->options->progress;
    uint8_t *chunk = heap_alloc(BACKUP_CHUNK + TRAILER_BYTES);
    struct hasher *hasher = hasher_new();
    struct stat stat;
    size_t kept = 0, got = 1;
    uint64_t done = 0, total = 0;
    Status status = STATUS_OK;
    if (fstat(from, &stat) == 0 && S_ISREG(stat.st_mode))
        total = (uint64_t)stat.st_size;
    while (got > 0 && status == STATUS_OK) {
        status = read_full(from, chunk + kept, BACKUP_CHUNK, &got,
                           restoring->name, err);
        const size_t have = kept + got;
        const size_t len = have > TRAILER_BYTES ? have - TRAILER_BYTES : 0;
        if (status == STATUS_OK) {
            hasher_add(hasher, bytes_of(chunk, len));
            if (!file_write_all(to, bytes_of(chunk, len)))
                status = fail_errno(err, errno, "cannot write %s", path);
        }
        memmove(chunk, chunk + len, have - len);
        kept = have - len;
        done += len;
        if (status == STATUS_OK && progress->progress &&
            !progress->progress(progress->context, done, total))
            status = fail(err, STATUS_CANCELLED, "interrupted");
    }
    if (status == STATUS_OK && kept < TRAILER_BYTES)
        status = fail_backup(restoring, STATUS_INVALID,
                             "not a backup, or cut short", err);
    if (status == STATUS_OK)
        status = check_trailer(restoring, chunk, hasher, done, err);
    restoring->report->bytes = done + TRAILER_BYTES;
    hasher_free(hasher);
    free(chunk);
    return status;
}

/* --- Becoming the store -------------------------------------------------- */

static void count_damaged(void *context, Bytes multihash)
{
    (void)multihash;
    ++*(uint64_t *)context;
}

/* As a store would be opened later. */
static Status try_store(struct restoring *restoring, struct error *err)
{
    struct store *store;
    uint64_t damaged = 0;
    const struct fsck_options options = {.context = &damaged};
    TRY(store_open(restoring->place, NULL, &store, err));
    Status status = STATUS_OK;
    if (restoring->options->verify)
        status = fsck_blocks(store, &options, count_damaged,
                             &restoring->report->counts, err);
    store_close(store);
    if (status == STATUS_OK && damaged > 0)
        return fail(err, STATUS_INVALID,
                    "%.80s: %llu blocks in it were damaged when it was made: "
                    "restore it without --verify, then `ipvm fsck --repair`",
                    restoring->name, (unsigned long long)damaged);
    return status;
}

static Status fill_place(struct restoring *restoring, int from,
                         struct error *err)
{
    char part[PATH_ROOM + 32], data[PATH_ROOM + 32];
    below(restoring->place, "data.mdb.part", part);
    below(restoring->place, "data.mdb", data);
    const int to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        return fail_errno(err, errno, "cannot write %s", part);
    Status status = unpack(restoring, from, to, part, err);
    if (status == STATUS_OK && fsync(to) != 0)
        status = fail_errno(err, errno, "cannot write %s", part);
    if (close(to) != 0 && status == STATUS_OK)
        status = fail_errno(err, errno, "cannot write %s", part);
    TRY(status);
    if (rename(part, data) != 0)
        return fail_errno(err, errno, "cannot write %s", data);
    status = try_store(restoring, err);
    if (status == STATUS_OK)
        status = sync_path(restoring->place, err);
    if (status != STATUS_OK)
        unlink(data); // Ours: nothing else was there.
    return status;
}

/* What is a store's own and in no backup stays with its directory: keys, lists
 * of sources, rules of trust. Killed on the way, they are in the other one. */
static void carry_over(const struct restoring *restoring)
{
    static const char *const own[] = {"keys", "sources", "trust.yaml"};
    for (size_t index = 0; index < sizeof own / sizeof *own; index++) {
        char from[PATH_ROOM + 32], to[PATH_ROOM + 32];
        below(restoring->place, own[index], from);
        below(restoring->target, own[index], to);
        // One that cannot be moved is still aside.
        if (exists(from))
            (void)!rename(from, to);
    }
}

static Status become_store(struct restoring *restoring, struct error *err)
{
    char old[PATH_ROOM] = "";
    // An empty directory is replaced by rename().
    const bool is_there = is_store(restoring->target);
    if (is_there)
        TRY(old_name(restoring, old, err));
    const int failed = is_there
                           ? renameat2(AT_FDCWD, restoring->place, AT_FDCWD,
                                       restoring->target, RENAME_EXCHANGE)
                           : rename(restoring->place, restoring->target);
    if (failed)
        return fail_errno(err, errno, "cannot put the store in place at %s",
                          restoring->target);
    close(restoring->place_file);
    restoring->place_file = -1;
    if (is_there) {
        carry_over(restoring);
        // Killed here, the old one is found under the other name.
        if (rename(restoring->place, old) != 0)
            snprintf(old, sizeof old, "%s", restoring->place);
        snprintf(restoring->report->aside, sizeof restoring->report->aside,
                 "%s", old);
    }
    if (!file_sync_parent(restoring->target))
        return fail_errno(err, errno, "cannot keep %s", restoring->target);
    return STATUS_OK;
}

Status backup_restore(int file, const char *name, const char *directory,
                      const struct restore_options *options,
                      struct restore_report *out, struct error *err)
{
    struct restoring restoring = {
        .name = name,
        .place_file = -1,
        .options = options,
        .report = out,
    };
    *out = (struct restore_report){0};
    TRY(find_target(&restoring, directory, err));
    TRY(check_target(&restoring, err));
    Status status = take_place(&restoring, err);
    if (status == STATUS_BUSY) {
        close(restoring.place_file);
        return status;
    }
    if (status == STATUS_OK)
        status = put_old_aside(&restoring, err);
    if (status == STATUS_OK)
        status = fill_place(&restoring, file, err);
    restoring.is_filled = status == STATUS_OK;
    // Somebody may have made one meanwhile.
    if (status == STATUS_OK)
        status = check_target(&restoring, err);
    if (status == STATUS_OK)
        status = become_store(&restoring, err);
    leave_place(&restoring);
    return status;
}
