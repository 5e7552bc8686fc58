/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/module_cache_evict.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"

enum {
    FILES_MAX = 100000,
    /* A temporary file this old belongs to nobody any more. */
    TEMP_AGE_MAX_S = 3600,
};

struct kept {
    char name[80];
    uint64_t size;
    struct timespec used;
};

struct listing {
    struct kept *files;
    size_t count;
    size_t capacity;
    uint64_t size; /* of all */
};

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct kept *)a)->used;
    const struct timespec *y = &((const struct kept *)b)->used;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static void listing_add(struct listing *listing, Text name,
                        const struct stat *info)
{
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity ? 2 * listing->capacity : 64;
        listing->files = heap_resize(listing->files, listing->capacity,
                                     sizeof *listing->files);
    }
    struct kept *file = &listing->files[listing->count++];
    memcpy(file->name, name.data, name.len);
    file->name[name.len] = '\0';
    file->size = (uint64_t)info->st_size;
    file->used = info->st_mtim;
    listing->size += file->size;
}

static void consider(int directory, const char *name, struct listing *listing)
{
    const Text text = text_of(name);
    struct stat info;

    if (text.len >= sizeof listing->files->name ||
        listing->count >= FILES_MAX ||
        fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (text_ends_with(text, TEXT(".code")))
        listing_add(listing, text, &info);
    if (text_ends_with(text, TEXT(".temp")) &&
        info.st_mtim.tv_sec < time(NULL) - TEMP_AGE_MAX_S)
        unlinkat(directory, name, 0);
}

void module_cache_evict(int directory, uint64_t size_max)
{
    struct listing listing = {0};
    const int again =
        openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = again < 0 ? NULL : fdopendir(again);

    if (stream == NULL) {
        if (again >= 0)
            close(again);
        return;
    }
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        consider(directory, entry->d_name, &listing);
    closedir(stream);

    if (listing.size > size_max)
        qsort(listing.files, listing.count, sizeof *listing.files, by_use);
    for (size_t i = 0; i < listing.count && listing.size > size_max; i++) {
        if (unlinkat(directory, listing.files[i].name, 0) == 0)
            listing.size -= listing.files[i].size;
    }
    free(listing.files);
}
