/* SPDX-License-Identifier: Apache-2.0 */
/* sources.c - DIRECTORY/sources/list: a first line that says what it is, then
 * an absolute path a line. It changes by rename, under the lock of the file
 * `lock` beside it. */
#include "content/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "content/car_source.h"

enum { LIST_BYTES_MAX = 2 << 20 };

#define FIRST_LINE "ipvm sources 1"

struct list {
    struct arena arena;
    const char *paths[SOURCES_MAX];
    size_t count;
};

/* A path in the directory `sources` of the store. */
static const char *place_of(const struct store *store, const char *name,
                            struct arena *arena)
{
    return arena_format(arena, "%s/sources%s", store_directory(store), name)
        .data;
}

/* --- Reading ------------------------------------------------------------- */

static Status read_whole(int file, const char *path, struct buffer *out,
                         struct error *err)
{
    ssize_t got;
    do {
        uint8_t *room = buffer_reserve(out, 4096);
        if (!room)
            return buffer_status(out, "the list of sources", err);
        got = read(file, room, 4096);
        if (got > 0)
            buffer_advance(out, (size_t)got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0)
        return fail_errno(err, errno, "cannot read %s", path);
    return STATUS_OK;
}

static Status fail_line(const char *path, size_t number, struct error *err)
{
    return fail(err, STATUS_CORRUPT,
                "line %zu of %s is not a source: mend it, or remove the file "
                "and add the sources again",
                number, path);
}

static Status parse(struct list *list, Text text, const char *path,
                    struct error *err)
{
    size_t number = 0;
    while (text.len > 0) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t len = end ? (size_t)(end - text.data) : text.len;
        const Text line = {text.data, len};
        text = (Text){text.data + len + 1, text.len - len - (end != NULL)};
        if (++number == 1 && end && text_equal(line, TEXT(FIRST_LINE)))
            continue;
        if (number == 1 || !end || line.data[0] != '/' ||
            memchr(line.data, 0, len) || list->count == SOURCES_MAX)
            return fail_line(path, number, err);
        list->paths[list->count++] = arena_copy_text(&list->arena, line).data;
    }
    return number > 0 ? STATUS_OK : fail_line(path, 1, err);
}

/* None, if there is no list. */
static Status list_read(const struct store *store, struct list *list,
                        struct error *err)
{
    *list = (struct list){0};
    if (store_directory(store)[0] == '\0')
        return STATUS_OK;
    const char *path = place_of(store, "/list", &list->arena);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return STATUS_OK;
    if (file < 0)
        return fail_errno(err, errno, "cannot read %s", path);
    struct buffer text;
    buffer_init(&text, LIST_BYTES_MAX);
    Status status = read_whole(file, path, &text, err);
    close(file);
    if (status == STATUS_OK)
        status = parse(list, bytes_text(buffer_bytes(&text)), path, err);
    buffer_deinit(&text);
    return status;
}

static void list_deinit(struct list *list)
{
    arena_deinit(&list->arena);
}

static size_t list_find(const struct list *list, const char *path)
{
    size_t index = 0;
    while (index < list->count && strcmp(list->paths[index], path) != 0)
        index++;
    return index;
}

/* --- Writing ------------------------------------------------------------- */

static Status write_list(const struct list *list, const char *path,
                         struct error *err)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return fail_errno(err, errno, "cannot write %s", path);
    bool failed = fputs(FIRST_LINE "\n", file) < 0;
    for (size_t index = 0; index < list->count; index++)
        failed = fprintf(file, "%s\n", list->paths[index]) < 0 || failed;
    failed = fflush(file) != 0 || failed || fsync(fileno(file)) != 0;
    const int reason = errno;
    fclose(file);
    if (failed)
        return fail_errno(err, reason, "cannot write %s", path);
    return STATUS_OK;
}

static Status list_write(const struct store *store, struct list *list,
                         struct error *err)
{
    const char *directory = place_of(store, "", &list->arena);
    const char *path = place_of(store, "/list", &list->arena);
    const char *next = place_of(store, "/list.new", &list->arena);
    Status status = write_list(list, next, err);
    if (status == STATUS_OK && rename(next, path) != 0)
        status = fail_errno(err, errno, "cannot write %s", path);
    if (status != STATUS_OK) {
        unlink(next);
        return status;
    }
    const int there = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (there < 0 || fsync(there) != 0)
        status = fail_errno(err, errno, "cannot write %s", directory);
    if (there >= 0)
        close(there);
    return status;
}

/* Reads the list with the right to change it; close `*lock` when done. */
static Status list_lock(const struct store *store, struct list *list,
                        int *lock, struct error *err)
{
    *list = (struct list){0};
    *lock = -1;
    if (store_directory(store)[0] == '\0')
        return fail(err, STATUS_UNSUPPORTED,
                    "a store in memory has no list of sources");
    const char *directory = place_of(store, "", &list->arena);
    const char *path = place_of(store, "/lock", &list->arena);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return fail_errno(err, errno, "cannot make %s", directory);
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock < 0)
        return fail_errno(err, errno, "cannot write %s", path);
    while (flock(*lock, LOCK_EX) != 0)
        if (errno != EINTR)
            return fail_errno(err, errno, "cannot lock %s", path);
    list_deinit(list);
    return list_read(store, list, err);
}

static void list_unlock(struct list *list, int lock)
{
    list_deinit(list);
    if (lock >= 0)
        close(lock);
}

/* --- Sources ------------------------------------------------------------- */

static struct block_source *make_source(const struct store *store,
                                        const char *path, bool read_only)
{
    struct arena arena = {0};
    const struct car_source_options options = {
        .index_directory = place_of(store, "", &arena),
        .read_only = read_only,
    };
    struct block_source *source = car_source_new(path, &options);
    arena_deinit(&arena);
    return source;
}

Status sources_open(struct store *store, const struct sources_options *options,
                    struct error *err)
{
    struct list list;
    Status status = list_read(store, &list, err);
    for (size_t index = 0; index < list.count && status == STATUS_OK; index++)
        store_add_source(store, make_source(store, list.paths[index],
                                            options && options->read_only));
    list_deinit(&list);
    return status;
}

/* A single file that is no CAR is a mistake; in a folder it is passed over. */
struct check {
    size_t files;
    struct error *err;
    Status status;
};

static bool check_file(void *context, const char *path,
                       const struct car_file *file)
{
    struct check *check = context;
    check->files++;
    if (file->trouble[0] != '\0')
        check->status = fail(check->err, STATUS_INVALID, "%s: %.120s", path,
                             file->trouble);
    return check->files == 1;
}

static Status check_source(struct block_source *source, struct error *err)
{
    struct stat found;
    struct check check = {.err = err};
    if (stat(source->name, &found) == 0 && S_ISREG(found.st_mode))
        car_source_each(source, check_file, &check);
    return check.status;
}

static Status enlist(struct store *store, const char *path, struct error *err)
{
    struct list list;
    int lock;
    Status status = list_lock(store, &list, &lock, err);
    if (status == STATUS_OK && list_find(&list, path) == list.count) {
        if (list.count == SOURCES_MAX) {
            status = fail(err, STATUS_LIMIT,
                          "the store has %d sources, and no more are taken: "
                          "put CARs into one folder",
                          SOURCES_MAX);
        } else {
            list.paths[list.count++] = path;
            status = list_write(store, &list, err);
        }
    }
    list_unlock(&list, lock);
    return status;
}

/* Makes the directory that the index goes to. */
static Status prepare(struct store *store, struct error *err)
{
    struct list list;
    int lock;
    Status status = list_lock(store, &list, &lock, err);
    list_unlock(&list, lock);
    return status;
}

Status sources_add(struct store *store, const char *path,
                   ContentProgress *progress, void *context,
                   struct block_source **out, struct error *err)
{
    char *absolute = realpath(path, NULL);
    if (!absolute && (errno == ENOENT || errno == ENOTDIR))
        return fail(err, STATUS_NOT_FOUND, "there is no %s", path);
    if (!absolute)
        return fail_errno(err, errno, "cannot read %s", path);
    struct block_source *source = NULL;
    Status status = STATUS_OK;
    if (strchr(absolute, '\n'))
        status = fail(err, STATUS_INVALID,
                      "a path with a line break in it cannot be a source");
    if (status == STATUS_OK)
        status = prepare(store, err);
    if (status == STATUS_OK) {
        source = make_source(store, absolute, false);
        status = car_source_refresh(source, progress, context, err);
    }
    if (status == STATUS_OK)
        status = check_source(source, err);
    if (status == STATUS_OK)
        status = enlist(store, absolute, err);
    if (status == STATUS_OK) {
        store_add_source(store, source);
        *out = source;
    } else if (source) {
        source->close(source);
    }
    free(absolute);
    return status;
}

Status sources_remove(struct store *store, const char *path, struct error *err)
{
    // What is gone has no real path; then it is the words of the list.
    char *absolute = realpath(path, NULL);
    struct list list;
    struct arena arena = {0};
    int lock;
    Status status = list_lock(store, &list, &lock, err);
    if (status == STATUS_OK) {
        size_t index = list_find(&list, absolute ? absolute : path);
        if (index == list.count)
            index = list_find(&list, path);
        if (index < list.count) {
            const char *gone = list.paths[index];
            list.count--;
            for (; index < list.count; index++)
                list.paths[index] = list.paths[index + 1];
            status = list_write(store, &list, err);
            if (status == STATUS_OK)
                car_source_forget(gone, place_of(store, "", &arena));
        } else {
            status = fail(err, STATUS_NOT_FOUND,
                          "%s is not a source of this store; see `ipvm source "
                          "ls`",
                          path);
        }
    }
    list_unlock(&list, lock);
    arena_deinit(&arena);
    free(absolute);
    return status;
}

Status sources_list(struct store *store, SourcesEach *each, void *context,
                    struct error *err)
{
    struct list list;
    Status status = list_read(store, &list, err);
    for (size_t index = 0; index < list.count && status == STATUS_OK; index++)
        if (!each(context, list.paths[index]))
            break;
    list_deinit(&list);
    return status;
}
