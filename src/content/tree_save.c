/* SPDX-License-Identifier: Apache-2.0 */
/* tree_save.c - a directory out of a store.
 *
 *     parent/.ipvm-XXXXXXXX/…    written here, then renamed to parent/name
 *
 * What keeps it inside, whatever the blocks say:
 *  1. Every name is made, with O_EXCL, in a directory that we made and hold
 *     open; nothing is resolved by a longer path.
 *  2. A symlink goes up only first, at most to the root, then only down. Each
 *     name it passes on the way down is a directory of ours, or a symlink for
 *     which the same is true. So none leads out, nor all together.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/ahead.h"
#include "content/file_output.h"
#include "content/tree.h"
#include "crypto/hash.h"

enum { NAME_MAX_BYTES = 255, NAME_COST = 4096 };

struct save {
    struct unixfs_source source;
    const struct tree_save_options *options;
    struct file_output output; /* of the file being written */
    struct tree_saved saved;
    uint64_t cost;
    bool is_named; /* the failure says where it was */
};

/* A directory being filled. */
struct level {
    struct save *save;
    int directory;
    unsigned depth; /* 0: the root */
};

static Status charge(struct save *save, uint64_t cost, struct error *err)
{
    const struct tree_save_options *options = save->options;
    save->cost += cost;
    if (options->max_bytes && save->cost > options->max_bytes)
        return fail(err, STATUS_LIMIT,
                    "it takes more than the %llu bytes allowed",
                    (unsigned long long)options->max_bytes);
    if (options->progress &&
        !options->progress(options->context, save->saved.bytes, 0))
        return fail(err, STATUS_CANCELLED, "interrupted");
    return STATUS_OK;
}

/* --- What was kept beside the bytes -------------------------------------- */

static Status set_metadata(int file, const struct unixfs_metadata *metadata,
                           struct error *err)
{
    if (metadata->has_mode && fchmod(file, metadata->mode & 0777) != 0)
        return fail_errno(err, errno, "cannot set its mode");
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = metadata->mtime_s, .tv_nsec = metadata->mtime_ns},
    };
    if (metadata->has_mtime && futimens(file, times) != 0)
        return fail_errno(err, errno, "cannot set its time");
    return STATUS_OK;
}

/* --- Files --------------------------------------------------------------- */

static Status write_piece(void *context, Bytes piece, struct error *err)
{
    struct save *save = context;
    save->saved.bytes += piece.len;
    TRY(charge(save, piece.len, err));
    return file_output_add(&save->output, piece, err);
}

static Status fail_to_make(int number, struct error *err)
{
    if (number == EEXIST)
        return fail(err, STATUS_INVALID,
                    "another name here is the same to this file system");
    return fail_errno(err, number, "cannot make it");
}

static Status save_file(const struct level *level, const char *name, Bytes cid,
                        const struct unixfs_info *info, struct error *err)
{
    struct save *save = level->save;
    const struct unixfs_sink sink = {write_piece, save};
    const int file =
        openat(level->directory, name,
               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0)
        return fail_to_make(errno, err);
    save->output.file = file;
    Status status = unixfs_stream(&save->source, cid, &sink, err);
    if (status == STATUS_OK)
        status = file_output_flush(&save->output, err);
    if (status == STATUS_OK)
        status = set_metadata(file, &info->metadata, err);
    // A disk that is full may say so only now.
    if (close(file) != 0 && status == STATUS_OK)
        status = fail_errno(err, errno, "cannot write");
    save->saved.files++;
    return status;
}

/* --- Symlinks ------------------------------------------------------------ */

/* `depth` directories may be gone up, before the first name. */
static bool stays_inside(Text target, unsigned depth)
{
    bool went_down = false;
    if (target.len == 0 || target.data[0] == '/' ||
        memchr(target.data, '\0', target.len))
        return false;
    for (size_t at = 0; at < target.len;) {
        const char *slash = memchr(target.data + at, '/', target.len - at);
        const size_t end = slash ? (size_t)(slash - target.data) : target.len;
        const Text part = {target.data + at, end - at};
        at = end + 1;
        if (part.len == 0 || text_equal(part, TEXT(".")))
            continue;
        if (!text_equal(part, TEXT("..")))
            went_down = true;
        else if (went_down || depth-- == 0)
            return false;
    }
    return true;
}

static Status save_symlink(const struct level *level, const char *name,
                           Bytes cid, const struct unixfs_info *info,
                           struct error *err)
{
    struct arena arena = {0};
    struct save *save = level->save;
    Text target;
    Status status = unixfs_symlink(&save->source, cid, &arena, &target, err);
    if (status == STATUS_OK && !stays_inside(target, level->depth)) {
        if (save->options->unsafe_links == TREE_SKIP)
            save->saved.links_skipped++;
        else
            status = fail(err, STATUS_INVALID,
                          "it is a symlink to %.60s, which could lead out; "
                          "skip such links to get the rest",
                          arena_copy_text(&arena, target).data);
        arena_deinit(&arena);
        return status;
    }
    if (status == STATUS_OK &&
        symlinkat(target.data, level->directory, name) != 0)
        status = fail_to_make(errno, err);
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = info->metadata.mtime_s, .tv_nsec = info->metadata.mtime_ns},
    };
    // Some file systems keep no times of symlinks.
    if (status == STATUS_OK && info->metadata.has_mtime)
        (void)utimensat(level->directory, name, times, AT_SYMLINK_NOFOLLOW);
    arena_deinit(&arena);
    return status;
}

/* --- Directories --------------------------------------------------------- */

static Status save_entry(void *context, const struct unixfs_entry *entry,
                         struct error *err);

static Status save_level(const struct level *parent, const char *name,
                         Bytes cid, const struct unixfs_info *info,
                         struct error *err)
{
    struct level level = {.save = parent->save, .depth = parent->depth + 1};
    if (level.depth > TREE_DEPTH_MAX)
        return fail(err, STATUS_LIMIT,
                    "it is nested deeper than %d directories", TREE_DEPTH_MAX);
    if (mkdirat(parent->directory, name, 0777) != 0)
        return fail_to_make(errno, err);
    level.directory = openat(parent->directory, name,
                             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (level.directory < 0)
        return fail_errno(err, errno, "cannot open it");
    Status status =
        unixfs_each(&level.save->source, cid, save_entry, &level, err);
    if (status == STATUS_OK)
        status = set_metadata(level.directory, &info->metadata, err);
    close(level.directory);
    return status;
}

static Status save_child(const struct level *level, const char *name,
                         Bytes cid, struct error *err)
{
    struct unixfs_info info;
    TRY(unixfs_open(&level->save->source, cid, &info, err));
    switch (info.kind) {
    case UNIXFS_FILE:
        return save_file(level, name, cid, &info, err);
    case UNIXFS_SYMLINK:
        return save_symlink(level, name, cid, &info, err);
    case UNIXFS_DIRECTORY:
        return save_level(level, name, cid, &info, err);
    }
    return STATUS_INVALID;
}

/* Puts the path in front of what went wrong, name by name. */
static Status fail_below(struct save *save, const char *name, Status status,
                         struct error *err)
{
    if (!save->is_named) {
        save->is_named = true;
        return fail_in(err, status, "%s", name);
    }
    const struct error inner = *err;
    if (strlen(name) + 1 + strlen(inner.message) >= sizeof inner.message)
        return status; // The end of the path says most.
    return fail(err, status, "%.255s/%.199s", name, inner.message);
}

/* The reader refuses such names, too; this is where they would do harm. */
static bool is_safe_name(Text name)
{
    return name.len > 0 && name.len <= NAME_MAX_BYTES &&
           !text_equal(name, TEXT(".")) && !text_equal(name, TEXT("..")) &&
           !memchr(name.data, '/', name.len) &&
           !memchr(name.data, '\0', name.len);
}

/* Recursion is bounded by TREE_DEPTH_MAX. */
static Status save_entry(void *context, const struct unixfs_entry *entry,
                         struct error *err)
{
    const struct level *level = context;
    struct save *save = level->save;
    char name[NAME_MAX_BYTES + 1];
    if (!is_safe_name(entry->name))
        return fail(err, STATUS_INVALID, "a name of %zu bytes is no file name",
                    entry->name.len);
    memcpy(name, entry->name.data, entry->name.len);
    name[entry->name.len] = '\0';
    Status status = charge(save, NAME_COST, err);
    if (status == STATUS_OK)
        status = save_child(level, name, entry->cid, err);
    return status == STATUS_OK || status == STATUS_CANCELLED
               ? status
               : fail_below(save, name, status, err);
}

/* --- Taking back --------------------------------------------------------- */

/* What was made so far, as well as it goes. Bounded as the tree was. */
static void remove_tree(int parent, const char *name)
{
    struct dirent *found;
    struct stat stat;
    // It may have been given a mode that keeps us out.
    if (fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(stat.st_mode) || fchmodat(parent, name, 0700, 0) != 0)
        return;
    const int directory =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = directory < 0 ? NULL : fdopendir(directory);
    while (stream && (found = readdir(stream))) {
        if (strcmp(found->d_name, ".") == 0 ||
            strcmp(found->d_name, "..") == 0)
            continue;
        if (unlinkat(directory, found->d_name, 0) != 0)
            remove_tree(directory, found->d_name);
    }
    if (stream)
        closedir(stream);
    else if (directory >= 0)
        close(directory);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

/* --- The whole ----------------------------------------------------------- */

/* Where it goes: `name` in the open directory `parent`. */
struct target {
    int parent;
    char name[NAME_MAX_BYTES + 1];
};

static Status open_target(const char *path, struct target *out,
                          struct error *err)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    size_t from = len;
    while (from > 0 && path[from - 1] != '/')
        from--;
    const Text name = {path + from, len - from};
    if (!is_safe_name(name))
        return fail(err, STATUS_INVALID,
                    "%s is no name for a new directory: give another", path);
    memcpy(out->name, name.data, name.len);
    out->name[name.len] = '\0';
    char *above = from == 0 ? heap_array(2, 1) : heap_array(from + 1, 1);
    if (from == 0)
        above[0] = '.';
    else
        memcpy(above, path, from);
    out->parent = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int number = errno;
    free(above);
    if (out->parent < 0)
        return fail_errno(err, number, "cannot open the directory above %s",
                          path);
    return STATUS_OK;
}

/* Nothing, or an empty directory, may be there. */
static Status check_target(const struct target *target, const char *path,
                           struct error *err)
{
    struct stat stat;
    unsigned count = 0;
    if (fstatat(target->parent, target->name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
        return STATUS_OK;
    const int there = openat(target->parent, target->name,
                             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = there < 0 ? NULL : fdopendir(there);
    if (!stream)
        return fail(err, STATUS_DENIED,
                    "%s is there already, and no directory: give another name",
                    path);
    while (count < 3 && readdir(stream))
        count++;
    closedir(stream);
    if (count < 3)
        return STATUS_OK;
    return fail(err, STATUS_DENIED,
                "%s is there already and not empty: give another name", path);
}

static Status save_beside(struct save *save, const Cid *cid,
                          const struct target *target, const char *path,
                          struct error *err)
{
    char temp[32];
    uint32_t random;
    struct unixfs_info info;
    // The root is made as a child at depth 0.
    const struct level above = {save, target->parent, UINT32_MAX};
    random_bytes(&random, sizeof random);
    snprintf(temp, sizeof temp, ".ipvm-%08x", random);
    TRY(unixfs_open(&save->source, cid_bytes(cid), &info, err));
    Status status = save_level(&above, temp, cid_bytes(cid), &info, err);
    if (status != STATUS_OK && status != STATUS_CANCELLED)
        status = fail_below(save, path, status, err);
    if (status == STATUS_OK &&
        renameat(target->parent, temp, target->parent, target->name) != 0)
        status = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
                     ? fail(err, STATUS_DENIED,
                            "%s came to be there meanwhile: give another name",
                            path)
                     : fail_errno(err, errno, "cannot rename to %s", path);
    if (status != STATUS_OK)
        remove_tree(target->parent, temp);
    return status;
}

Status tree_save(struct store *store, const Cid *cid, const char *path,
                 const struct tree_save_options *options,
                 struct tree_saved *out, struct error *err)
{
    static const struct tree_save_options defaults;
    struct ahead *ahead = ahead_new(store);
    struct save save = {
        .source = content_source_ahead(ahead),
        .options = options ? options : &defaults,
    };
    struct target target;
    struct error inner = {0};
    Status status = open_target(path, &target, &inner);
    if (status == STATUS_OK) {
        status = check_target(&target, path, &inner);
        if (status == STATUS_OK)
            status = save_beside(&save, cid, &target, path, &inner);
        close(target.parent);
    }
    file_output_deinit(&save.output);
    ahead_free(ahead);
    if (status != STATUS_OK && err)
        *err = inner;
    if (out)
        *out = save.saved;
    return status;
}
