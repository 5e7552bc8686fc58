/* SPDX-License-Identifier: Apache-2.0 */
/* car_folder.c - reading a folder; keeping its index.
 *
 * An index appears by rename, whole. Who makes one has a lock on the file
 * beside it, so that a second process waits and then finds it made; what a
 * killed one left is written over. It is not synced: a torn one is noticed, or
 * leads to bytes that do not hash to what was asked for. */
#include "content/car_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"

/* --- What is there ------------------------------------------------------- */

static Status fail_read(const char *path, struct error *err)
{
    if (errno == ENOENT || errno == ENOTDIR) {
        IGNORE(fail(err, STATUS_NOT_FOUND, "there is no %s", path));
        return STATUS_NOT_FOUND;
    }
    return fail_errno(err, errno, "cannot read %s", path);
}

static Status add_file(struct car_folder *folder, size_t *capacity,
                       const char *name, const struct stat *stat,
                       struct error *err)
{
    if (folder->count == CAR_FILES_MAX)
        return fail(err, STATUS_LIMIT, "more than %d CARs in one folder",
                    CAR_FILES_MAX);
    if (folder->count == *capacity) {
        struct car_file *old = folder->files;
        *capacity = *capacity ? *capacity * 2 : 16;
        folder->files =
            arena_array(&folder->arena, *capacity, sizeof *folder->files);
        if (folder->count > 0)
            memcpy(folder->files, old, folder->count * sizeof *old);
    }
    folder->files[folder->count++] = (struct car_file){
        .name = arena_copy_text(&folder->arena, text_of(name)).data,
        .trouble = "",
        .facts = car_facts_of(stat),
    };
    return STATUS_OK;
}

static int compare_names(const void *left, const void *right)
{
    const struct car_file *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static Status read_folder(const char *path, struct car_folder *folder,
                          struct error *err)
{
    size_t capacity = 0;
    Status status = STATUS_OK;
    const int copy = fcntl(folder->descriptor, F_DUPFD_CLOEXEC, 0);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    if (!stream) {
        status = fail_read(path, err);
        if (copy >= 0)
            close(copy);
        return status;
    }
    const struct dirent *entry;
    while (status == STATUS_OK && (entry = readdir(stream))) {
        struct stat stat;
        if (text_ends_with(text_of(entry->d_name), TEXT(".car")) &&
            fstatat(folder->descriptor, entry->d_name, &stat, 0) == 0 &&
            S_ISREG(stat.st_mode))
            status = add_file(folder, &capacity, entry->d_name, &stat, err);
    }
    closedir(stream);
    if (folder->count > 0)
        qsort(folder->files, folder->count, sizeof *folder->files,
              compare_names);
    return status;
}

/* A single file: the folder it is in, and its name. */
static Status read_file(const char *path, struct car_folder *folder,
                        const struct stat *stat, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t capacity = 0;
    Text parent = slash && slash > path ? (Text){path, (size_t)(slash - path)}
                                        : TEXT("/");
    folder->descriptor = open(arena_copy_text(&folder->arena, parent).data,
                              O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder->descriptor < 0)
        return fail_read(path, err);
    return add_file(folder, &capacity, slash ? slash + 1 : path, stat, err);
}

Status car_folder_read(const char *path, struct car_folder *out,
                       struct error *err)
{
    struct stat found;
    *out = (struct car_folder){.descriptor = -1};
    if (stat(path, &found) != 0)
        return fail_read(path, err);
    out->is_file = S_ISREG(found.st_mode);
    if (out->is_file)
        return read_file(path, out, &found, err);
    if (!S_ISDIR(found.st_mode))
        return fail(err, STATUS_INVALID, "%s is neither a file nor a folder",
                    path);
    out->descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->descriptor < 0)
        return fail_read(path, err);
    return read_folder(path, out, err);
}

void car_folder_deinit(struct car_folder *folder)
{
    if (folder->descriptor >= 0)
        close(folder->descriptor);
    arena_deinit(&folder->arena);
}

bool car_folder_matches(const struct car_folder *folder,
                        const struct car_index *index)
{
    size_t count;
    const struct car_file *files = car_index_files(index, &count);
    if (count != folder->count)
        return false;
    for (size_t number = 0; number < count; number++)
        if (strcmp(files[number].name, folder->files[number].name) != 0 ||
            !car_facts_equal(&files[number].facts,
                             &folder->files[number].facts))
            return false;
    return true;
}

/* --- Its index ----------------------------------------------------------- */

/* `suffix` behind the path of the index; in the folder's arena. */
static const char *beside(struct car_folder *folder, const char *kept,
                          const char *suffix)
{
    return arena_format(&folder->arena, "%s%s", kept, suffix).data;
}

/* The index at `path`, whatever files it is of; or NULL. */
static struct car_index *open_kept(const char *path)
{
    struct car_index *index = NULL;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    IGNORE(car_index_open(file, &index, NULL)); // Then it is made anew.
    close(file);
    return index;
}

static int open_new(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static int open_memory(void)
{
    return memfd_create("ipvm-index", MFD_CLOEXEC);
}

struct order {
    struct car_folder *folder;
    const struct car_index *old; /* may be NULL */
    ContentProgress *progress;
    void *context;
};

/* Makes it in `file` and opens it. Both descriptors stay the caller's. */
static Status make_in(const struct order *order, int file, int scratch,
                      struct car_index **out, struct error *err)
{
    struct car_folder *folder = order->folder;
    const struct car_index_plan plan = {
        .folder = folder->descriptor,
        .files = folder->files,
        .count = folder->count,
        .arena = &folder->arena,
        .old = order->old,
        .scratch = scratch,
        .progress = order->progress,
        .context = order->context,
    };
    TRY(car_index_make(&plan, file, err));
    return car_index_open(file, out, err);
}

static Status make_in_memory(const struct order *order, struct car_index **out,
                             struct error *err)
{
    const int file = open_memory(), scratch = open_memory();
    Status status =
        file < 0 || scratch < 0
            ? fail_errno(err, errno, "cannot make an index of CARs")
            : make_in(order, file, scratch, out, err);
    if (file >= 0)
        close(file);
    if (scratch >= 0)
        close(scratch);
    return status;
}

/* Under the lock: makes it beside `kept`, then in its place. */
static Status make_kept(const struct order *order, const char *kept,
                        struct car_index **out, struct error *err)
{
    const char *path = beside(order->folder, kept, ".new");
    const char *scratch_path = beside(order->folder, kept, ".sort");
    const int file = open_new(path), scratch = open_new(scratch_path);
    Status status = STATUS_IO;
    if (scratch >= 0)
        unlink(scratch_path);
    if (file >= 0 && scratch >= 0)
        status = make_in(order, file, scratch, out, err);
    // Where it cannot be kept, it serves us all the same.
    const bool is_kept = status == STATUS_OK && rename(path, kept) == 0;
    if (file >= 0 && !is_kept)
        unlink(path);
    if (file >= 0)
        close(file);
    if (scratch >= 0)
        close(scratch);
    return status;
}

static void reset_files(struct car_folder *folder)
{
    for (size_t number = 0; number < folder->count; number++) {
        folder->files[number].trouble = "";
        folder->files[number].blocks = 0;
        folder->files[number].block_bytes = 0;
    }
}

/* With a lock on the file beside `kept`, or STATUS_IO without having tried. */
static Status find_or_make(struct order *order, const char *kept,
                           struct car_index **out, struct error *err)
{
    const int lock = open(beside(order->folder, kept, ".lock"),
                          O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return STATUS_IO;
    int result;
    do
        result = flock(lock, LOCK_EX);
    while (result != 0 && errno == EINTR);
    struct car_index *old = open_kept(kept); // Perhaps made meanwhile.
    Status status = STATUS_OK;
    if (old && car_folder_matches(order->folder, old)) {
        *out = old;
        old = NULL;
    } else {
        order->old = old;
        status = make_kept(order, kept, out, err);
    }
    order->old = NULL;
    car_index_close(old);
    close(lock);
    return status;
}

Status car_folder_index(struct car_folder *folder, const struct car_keep *keep,
                        struct car_index **out, struct error *err)
{
    struct order order = {folder, NULL, keep->progress, keep->context};
    struct car_index *there = keep->path ? open_kept(keep->path) : NULL;
    if (there && car_folder_matches(folder, there)) {
        *out = there;
        return STATUS_OK;
    }
    Status status = STATUS_IO;
    if (keep->path && !keep->read_only)
        status = find_or_make(&order, keep->path, out, err);
    if (status != STATUS_OK && status != STATUS_CANCELLED) {
        // No place on disk, or none left.
        reset_files(folder);
        order.old = there;
        status = make_in_memory(&order, out, err);
    }
    car_index_close(there);
    return status;
}
