/* SPDX-License-Identifier: Apache-2.0 */
/* tree_add.c - walks a tree and builds its directories from the leaves up.
 *
 *  1. A directory is opened below its open parent, never by a path: whoever
 *     moves things about meanwhile cannot lead us elsewhere.
 *  2. It is written by whoever brings the last of its children: `pending`
 *     counts those, and the walker itself while it gives them out.
 *  3. Only directories on the way down and those with a job in the queue are
 *     in memory, each with the names it holds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "content/import.h"
#include "content/tree.h"
#include "ipld/unixfs_directory.h"

enum {
    TARGET_MAX = 4096,    /* of a symlink */
    NOTED_MIN = 64 << 10, /* smaller files are read faster than looked up */
    PATH_SHOWN_MAX = 120, /* of its end, in messages */
};

struct walk;

struct directory {
    struct walk *walk;
    struct directory *parent; /* NULL: the root */
    size_t place;             /* among the parent's children */
    Text name;                /* the parent's; the root's path */
    int file;
    unsigned depth;
    struct stat stat;
    atomic_size_t pending;
    struct arena names;
    struct unixfs_child *children; /* owned; each its own job's */
    unsigned char *kinds;          /* owned; DT_… of each */
    size_t count, capacity;
};

/* A file too big for one helper. */
struct waiting {
    struct waiting *next;
    struct directory *directory;
    size_t place;
    int file;
    struct stat stat;
};

struct walk {
    struct import import;
    const struct tree_options *options;
    unsigned depth_max;
    struct imported root;
    atomic_uint_least64_t files;
    uint64_t hidden_left_out;
    struct waiting *waiting; /* guarded by the import's lock */
};

/* --- Words --------------------------------------------------------------- */

/* The path of a child, or of the directory itself if `name` is empty. */
static Text path_of(const struct directory *directory, Text name,
                    struct arena *arena)
{
    Text path = name;
    for (; directory; directory = directory->parent)
        path = path.len > 0
                   ? arena_format(arena, "%.*s/%.*s",
                                  TEXT_ARG(directory->name), TEXT_ARG(path))
                   : directory->name;
    return arena_copy_text(arena, path);
}

/* Only the end of a long path fits into a message, and says most. */
static const char *shown(Text path)
{
    size_t from = path.len > PATH_SHOWN_MAX ? path.len - PATH_SHOWN_MAX : 0;
    while (from > 0 && from < path.len &&
           ((unsigned char)path.data[from] & 0xc0) == 0x80)
        from++;
    return path.data + from;
}

/* Keeps the failure, about a child of `directory` (or itself). */
static void stop(const struct directory *directory, Text name, Status status,
                 int errno_value, const char *what)
{
    struct arena arena = {0};
    struct error err;
    const char *path = shown(path_of(directory, name, &arena));
    if (status == STATUS_IO)
        status = fail_errno(&err, errno_value, "%s %s", what, path);
    else
        status = fail(&err, status, "%s %s", path, what);
    import_fail(&directory->walk->import, status, &err);
    arena_deinit(&arena);
}

static void stop_open(const struct directory *directory, Text name, int number)
{
    if (number == ENOENT)
        stop(directory, name, STATUS_BUSY, 0,
             "vanished while the tree was read");
    else if (number == ELOOP || number == ENOTDIR)
        stop(directory, name, STATUS_BUSY, 0,
             "became something else while the tree was read");
    else
        stop(directory, name, STATUS_IO, number, "cannot open");
}

/* --- Finished directories ------------------------------------------------ */

static Status write_directory(struct lane *lane, struct directory *directory,
                              struct imported *out, struct error *err)
{
    const struct unixfs_block_sink sink = {lane_put, lane};
    const struct unixfs_metadata metadata =
        import_metadata(&directory->walk->options->add, &directory->stat);
    return unixfs_write_directory(directory->children, directory->count,
                                  &metadata, &sink, &out->cid, &out->tsize,
                                  err);
}

static void directory_free(struct directory *directory)
{
    if (directory->file >= 0)
        close(directory->file);
    free(directory->children);
    free(directory->kinds);
    arena_deinit(&directory->names);
    free(directory);
}

/* One child less to wait for; the last one writes the directory, which may be
 * the last one of its parent. */
static void release(struct lane *lane, struct directory *directory)
{
    while (directory && atomic_fetch_sub(&directory->pending, 1) == 1) {
        struct directory *parent = directory->parent;
        struct imported imported = {.tsize = 0};
        struct error err = {0};
        if (!import_has_failed(lane->import)) {
            Status status = write_directory(lane, directory, &imported, &err);
            if (status == STATUS_INVALID || status == STATUS_LIMIT) {
                struct arena arena = {0};
                Text none = {"", 0};
                const char *path = shown(path_of(directory, none, &arena));
                status = fail_in(&err, status, "%s", path);
                arena_deinit(&arena);
            }
            import_fail(lane->import, status, &err);
        }
        if (parent) {
            parent->children[directory->place].cid = imported.cid;
            parent->children[directory->place].tsize = imported.tsize;
        } else {
            directory->walk->root = imported;
        }
        directory_free(directory);
        directory = parent;
    }
}

/* --- Files --------------------------------------------------------------- */

static void set_child(struct directory *directory, size_t place,
                      const struct imported *imported)
{
    directory->children[place].cid = imported->cid;
    directory->children[place].tsize = imported->tsize;
    atomic_fetch_add(&directory->walk->files, 1);
}

/* Leaves a big file to the caller, who has all helpers for it. */
static void hand_over(struct directory *directory, size_t place, int file,
                      const struct stat *stat)
{
    struct import *import = &directory->walk->import;
    struct waiting *waiting = HEAP_NEW(struct waiting);
    *waiting = (struct waiting){
        .directory = directory, .place = place, .file = file, .stat = *stat};
    pthread_mutex_lock(&import->lock);
    waiting->next = directory->walk->waiting;
    directory->walk->waiting = waiting;
    pthread_cond_broadcast(&import->progress);
    pthread_mutex_unlock(&import->lock);
}

static Status import_child(struct lane *lane, struct directory *directory,
                           size_t place, int file, const struct stat *stat,
                           struct error *err)
{
    struct arena arena = {0};
    const struct import_source source = {
        .file = file,
        .path =
            path_of(directory, directory->children[place].name, &arena).data,
        .stat = *stat,
        .is_noted = stat->st_size >= NOTED_MIN,
    };
    struct imported imported;
    Status status = stat->st_size > ROOM_BYTES
                        ? import_big(lane->import, &source, &imported, err)
                        : import_small(lane, &source, &imported, err);
    if (status == STATUS_OK)
        set_child(directory, place, &imported);
    arena_deinit(&arena);
    return status;
}

static void work_file(struct lane *lane, void *subject, size_t place)
{
    struct directory *directory = subject;
    const Text name = directory->children[place].name;
    struct error err = {0};
    struct stat stat;
    int file = -1;

    if (import_has_failed(lane->import)) {
        // Only to be released.
    } else if ((file = openat(directory->file, name.data,
                              O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
                                  O_NOCTTY)) < 0 ||
               fstat(file, &stat) != 0) {
        stop_open(directory, name, errno);
    } else if (!S_ISREG(stat.st_mode)) {
        stop(directory, name, STATUS_BUSY, 0,
             "became something else while the tree was read");
    } else if (stat.st_size > ROOM_BYTES) {
        hand_over(directory, place, file, &stat);
        return;
    } else {
        import_fail(lane->import,
                    import_child(lane, directory, place, file, &stat, &err),
                    &err);
    }
    if (file >= 0)
        close(file);
    release(lane, directory);
}

static struct waiting *take_waiting(struct walk *walk)
{
    pthread_mutex_lock(&walk->import.lock);
    struct waiting *waiting = walk->waiting;
    if (waiting)
        walk->waiting = waiting->next;
    pthread_mutex_unlock(&walk->import.lock);
    return waiting;
}

/* The caller's part: files that helpers left to it. */
static void import_waiting(struct walk *walk)
{
    struct import *import = &walk->import;
    struct waiting *waiting;
    while ((waiting = take_waiting(walk))) {
        struct error err = {0};
        if (!import_has_failed(import))
            import_fail(import,
                        import_child(&import->own, waiting->directory,
                                     waiting->place, waiting->file,
                                     &waiting->stat, &err),
                        &err);
        close(waiting->file);
        release(&import->own, waiting->directory);
        free(waiting);
    }
}

/* --- Walking ------------------------------------------------------------- */

static bool is_left_out(struct walk *walk, Text name)
{
    if (text_equal(name, TEXT(".")) || text_equal(name, TEXT("..")))
        return true;
    if (name.data[0] != '.' || walk->options->hidden || walk->options->plain)
        return false;
    walk->hidden_left_out++;
    return true;
}

static bool add_name(struct directory *directory, const struct dirent *found)
{
    const Text name = text_of(found->d_name);
    if (is_left_out(directory->walk, name))
        return true;
    if (!utf8_is_valid(name, NULL)) {
        stop(directory, TEXT(""), STATUS_INVALID, 0,
             "has a file whose name is not UTF-8");
        return false;
    }
    if (directory->count == directory->capacity) {
        directory->capacity = directory->capacity * 2 + 8;
        directory->children =
            heap_resize(directory->children, directory->capacity,
                        sizeof *directory->children);
        directory->kinds = heap_resize(directory->kinds, directory->capacity,
                                       sizeof *directory->kinds);
    }
    directory->kinds[directory->count] = found->d_type;
    directory->children[directory->count++] = (struct unixfs_child){
        .name = arena_copy_text(&directory->names, name)};
    return true;
}

/* Reads all names, and closes the stream, before anything below is opened. */
static bool list(struct directory *directory)
{
    struct dirent *found;
    const int copy = fcntl(directory->file, F_DUPFD_CLOEXEC, 0);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream) {
        stop(directory, TEXT(""), STATUS_IO, errno, "cannot read");
        if (copy >= 0)
            close(copy);
        return false;
    }
    bool is_good = true;
    while (is_good && (errno = 0, found = readdir(stream)))
        is_good = add_name(directory, found);
    if (is_good && errno) {
        stop(directory, TEXT(""), STATUS_IO, errno, "cannot read");
        is_good = false;
    }
    closedir(stream);
    return is_good;
}

static unsigned char kind_of(struct directory *directory, size_t place)
{
    struct stat stat;
    if (directory->kinds[place] != DT_UNKNOWN)
        return directory->kinds[place];
    if (fstatat(directory->file, directory->children[place].name.data, &stat,
                AT_SYMLINK_NOFOLLOW) != 0)
        return DT_REG; // Opening it says what is wrong.
    return (unsigned char)IFTODT(stat.st_mode);
}

static void add_symlink(struct directory *directory, size_t place)
{
    struct import *import = &directory->walk->import;
    const Text name = directory->children[place].name;
    const struct unixfs_block_sink sink = {lane_put, &import->own};
    char target[TARGET_MAX];
    struct error err = {0};
    struct stat stat;
    const ssize_t len =
        readlinkat(directory->file, name.data, target, sizeof target);
    if (len < 0 ||
        fstatat(directory->file, name.data, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
        stop_open(directory, name, errno == EINVAL ? ELOOP : errno);
        return;
    }
    if (len == sizeof target) {
        stop(directory, name, STATUS_LIMIT, 0,
             "is a symlink that is too long");
        return;
    }
    const struct unixfs_metadata metadata =
        import_metadata(import->options, &stat);
    struct imported imported;
    Status status =
        unixfs_write_symlink((Text){target, (size_t)len}, &metadata, &sink,
                             &imported.cid, &imported.tsize, &err);
    import_fail(import, status, &err);
    if (status == STATUS_OK)
        set_child(directory, place, &imported);
}

static struct directory *directory_new(struct walk *walk, int file,
                                       struct directory *parent, Text name,
                                       size_t place)
{
    struct directory *directory = HEAP_NEW(struct directory);
    *directory = (struct directory){
        .walk = walk,
        .parent = parent,
        .place = place,
        .name = name,
        .file = file,
        .depth = parent ? parent->depth + 1 : 1,
    };
    atomic_init(&directory->pending, 1); // The walker's.
    return directory;
}

static void walk_directory(struct directory *directory);

static void add_directory(struct directory *parent, size_t place)
{
    struct walk *walk = parent->walk;
    const Text name = parent->children[place].name;
    if (parent->depth == walk->depth_max) {
        stop(parent, name, STATUS_LIMIT, 0,
             walk->options->plain ? "is nested deeper than 32 directories"
                                  : "is nested deeper than 256 directories");
        return;
    }
    const int file = openat(parent->file, name.data,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) {
        stop_open(parent, name, errno);
        return;
    }
    atomic_fetch_add(&parent->pending, 1);
    walk_directory(directory_new(walk, file, parent, name, place));
}

static void add_child(struct directory *directory, size_t place)
{
    struct import *import = &directory->walk->import;
    const Text name = directory->children[place].name;
    switch (kind_of(directory, place)) {
    case DT_REG:
        atomic_fetch_add(&directory->pending, 1);
        import_job(import, &(struct import_job){work_file, directory, place});
        return;
    case DT_DIR:
        add_directory(directory, place);
        return;
    case DT_LNK:
        if (!directory->walk->options->plain) {
            add_symlink(directory, place);
            return;
        }
        [[fallthrough]];
    default:
        stop(directory, name, STATUS_INVALID, 0,
             directory->walk->options->plain
                 ? "is neither a regular file nor a directory"
                 : "is a device, socket or pipe, which cannot be kept");
    }
}

/* Recursion is bounded by depth_max. */
static void walk_directory(struct directory *directory)
{
    struct walk *walk = directory->walk;
    if (fstat(directory->file, &directory->stat) != 0)
        stop(directory, TEXT(""), STATUS_IO, errno, "cannot look at");
    if (!import_has_failed(&walk->import) && list(directory))
        for (size_t place = 0;
             place < directory->count && !import_has_failed(&walk->import);
             place++) {
            add_child(directory, place);
            import_waiting(walk);
        }
    release(&walk->import.own, directory);
}

/* --- The whole ----------------------------------------------------------- */

/* After the last name was met: what helpers still do and leave to us. */
static void finish_walk(struct walk *walk)
{
    struct import *import = &walk->import;
    bool is_busy = true;
    while (is_busy) {
        import_waiting(walk);
        pthread_mutex_lock(&import->lock);
        is_busy = import->count + import->running > 0 || walk->waiting;
        if (is_busy && !walk->waiting)
            (void)import_wait(import);
        pthread_mutex_unlock(&import->lock);
    }
}

static Status pin_root(struct walk *walk, const Cid *cid, struct error *err)
{
    if (!walk->options->pin || walk->options->add.only_hash)
        return STATUS_OK;
    struct store_batch *batch = store_batch_new(walk->import.store);
    store_batch_pin(batch, cid, text_of(walk->options->pin));
    Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

/* The pin comes when all else is durable: it never keeps half a tree. */
static Status end_walk(struct walk *walk, const Cid *cid, uint64_t tsize,
                       struct tree_added *out, struct error *err)
{
    TRY(import_end(&walk->import, err));
    TRY(pin_root(walk, cid, err));
    *out = (struct tree_added){
        .cid = *cid,
        .tsize = tsize,
        .files = atomic_load(&walk->files),
        .bytes = atomic_load(&walk->import.done_bytes),
        .hidden_left_out = walk->hidden_left_out,
    };
    return STATUS_OK;
}

static Status begin_walk(struct walk *walk, struct store *store,
                         const struct tree_options *options, struct error *err)
{
    static const struct tree_options defaults;
    options = options ? options : &defaults;
    TRY(content_check_options(&options->add, err));
    walk->options = options;
    walk->depth_max = options->plain ? UNIXFS_DEPTH_MAX : TREE_DEPTH_MAX;
    import_begin(&walk->import, store, &options->add);
    return STATUS_OK;
}

Status tree_add(struct store *store, const char *path,
                const struct tree_options *options, struct tree_added *out,
                struct error *err)
{
    struct walk *walk = HEAP_NEW(struct walk);
    struct error inner = {0};
    Status status = begin_walk(walk, store, options, err);
    if (status != STATUS_OK) {
        free(walk);
        return status;
    }
    const int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0) {
        walk_directory(directory_new(walk, file, NULL, text_of(path), 0));
        finish_walk(walk);
        (void)import_tell(&walk->import);
    } else if (errno == ENOTDIR && !walk->options->plain) {
        status = import_path(&walk->import, path, &walk->root, &inner);
        atomic_store(&walk->files, 1);
    } else if (errno == ENOENT) {
        status = fail(&inner, STATUS_NOT_FOUND,
                      "there is no file or directory %s", path);
    } else if (errno == ENOTDIR) {
        status = fail(&inner, STATUS_INVALID, "%s is no directory", path);
    } else {
        status = fail_errno(&inner, errno, "cannot open %s", path);
    }
    import_fail(&walk->import, status, &inner);
    status = end_walk(walk, &walk->root.cid, walk->root.tsize, out, err);
    free(walk);
    return status;
}

Status tree_wrap(struct store *store, const struct tree_part *parts,
                 size_t count, const struct tree_options *options,
                 struct tree_added *out, struct error *err)
{
    struct walk *walk = HEAP_NEW(struct walk);
    struct unixfs_child *children = heap_array(count, sizeof *children);
    struct error inner = {0};
    Status status = begin_walk(walk, store, options, err);
    if (status == STATUS_OK) {
        const struct unixfs_block_sink sink = {lane_put, &walk->import.own};
        for (size_t index = 0; index < count; index++)
            children[index] = (struct unixfs_child){
                parts[index].name, parts[index].cid, parts[index].tsize};
        status =
            unixfs_write_directory(children, count, NULL, &sink,
                                   &walk->root.cid, &walk->root.tsize, &inner);
        import_fail(&walk->import, status, &inner);
        status = end_walk(walk, &walk->root.cid, walk->root.tsize, out, err);
    }
    free(children);
    free(walk);
    return status;
}
