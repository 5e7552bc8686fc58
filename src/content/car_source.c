/* SPDX-License-Identifier: Apache-2.0 */
/* car_source.c - look-ups in the index of a folder of CARs, blocks out of its
 * files.
 *
 * A look-up takes a reference to the snapshot: an index and the descriptors of
 * the files it is of. Once a second, or when a file turns out not to be what
 * the index was made of, one thread looks at the folder again and puts a new
 * snapshot in the place of the old one, which lives on until its last reader
 * has gone.
 *
 * The index is mapped, for it is ours and never changes. The CARs are read,
 * for they are not: touching a mapped file that somebody cuts short would kill
 * the process. */
#include "content/car_source.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "content/car_folder.h"
#include "ipld/car.h"

enum {
    OPEN_MAX = 256,       /* CARs that a snapshot keeps open */
    PLACES_MAX = 8,       /* copies of a block that are tried */
    LOOK_COST_SHARE = 50, /* looking takes at most this part of the time */
    HASH_TEXT_LEN = 32,
};

static const uint64_t look_every_ns = 1000000000;

struct snapshot {
    atomic_uint references;
    struct car_index *index; /* owned */
    int folder;              /* owned */
    bool is_file;            /* the source is this one file */
    atomic_int *files;       /* owned; descriptor + 1, or 0 */
    atomic_uint open;
};

struct car_source {
    struct block_source base;
    char *path;       /* owned; also base.name */
    char *index_path; /* owned; or NULL */
    bool read_only;
    pthread_mutex_t lock;      /* guards all below */
    pthread_cond_t looked;     /* is_looking became false */
    struct snapshot *snapshot; /* a reference, or NULL: nothing is there */
    uint64_t next_look_ns;
    bool is_looking;
};

static struct car_source *self_of(struct block_source *source)
{
    void *whole = source; // Its first member.
    return whole;
}

/* --- Snapshots ----------------------------------------------------------- */

static void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&snapshot->references, 1) != 1)
        return;
    size_t count;
    car_index_files(snapshot->index, &count);
    for (size_t number = 0; number < count; number++)
        if (atomic_load(&snapshot->files[number]) > 0)
            close(atomic_load(&snapshot->files[number]) - 1);
    car_index_close(snapshot->index);
    close(snapshot->folder);
    free(snapshot->files);
    free(snapshot);
}

static struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    if (snapshot)
        atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
}

/* Takes the index and the folder's descriptor. */
static struct snapshot *snapshot_new(struct car_index *index,
                                     struct car_folder *folder)
{
    struct snapshot *snapshot = HEAP_NEW(struct snapshot);
    atomic_init(&snapshot->references, 1);
    snapshot->index = index;
    snapshot->folder = folder->descriptor;
    snapshot->is_file = folder->is_file;
    folder->descriptor = -1;
    snapshot->files = heap_array(folder->count + 1, sizeof *snapshot->files);
    return snapshot;
}

/* --- Looking at the folder ----------------------------------------------- */

/* What is there now: `*out` is NULL if `old` is still right. */
static Status look(const struct car_source *self, const struct snapshot *old,
                   ContentProgress *progress, void *context,
                   struct snapshot **out, struct error *err)
{
    struct car_folder folder;
    struct car_index *index;
    *out = NULL;
    Status status = car_folder_read(self->path, &folder, err);
    if (status == STATUS_OK &&
        (!old || !car_folder_matches(&folder, old->index))) {
        const struct car_keep keep = {self->index_path, self->read_only,
                                      progress, context};
        status = car_folder_index(&folder, &keep, &index, err);
        if (status == STATUS_OK)
            *out = snapshot_new(index, &folder);
    }
    car_folder_deinit(&folder);
    return status;
}

/* The one who looks gives the others what it found. */
static void give(struct car_source *self, Status status,
                 struct snapshot *found, uint64_t start_ns)
{
    const uint64_t now = clock_monotonic_ns();
    const uint64_t rest = (now - start_ns) * LOOK_COST_SHARE;
    struct snapshot *old = NULL;
    pthread_mutex_lock(&self->lock);
    if (found || status != STATUS_OK) {
        old = self->snapshot;
        self->snapshot = found;
    }
    self->next_look_ns = now + (rest > look_every_ns ? rest : look_every_ns);
    self->is_looking = false;
    pthread_cond_broadcast(&self->looked);
    pthread_mutex_unlock(&self->lock);
    snapshot_unref(old);
}

/* True if this thread shall look. With `force` at once, else if it is time;
 * who has a snapshot does not wait for another's look. */
static bool must_look(struct car_source *self, bool force,
                      struct snapshot **old)
{
    pthread_mutex_lock(&self->lock);
    while (self->is_looking && (force || !self->snapshot))
        pthread_cond_wait(&self->looked, &self->lock);
    const bool must = !self->is_looking &&
                      (force || clock_monotonic_ns() >= self->next_look_ns);
    self->is_looking = self->is_looking || must;
    *old = snapshot_ref(self->snapshot);
    pthread_mutex_unlock(&self->lock);
    return must;
}

/* A reference to what is there, or NULL. */
static struct snapshot *snapshot_now(struct car_source *self, bool force)
{
    struct snapshot *old, *found;
    if (!must_look(self, force, &old))
        return old;
    const uint64_t start_ns = clock_monotonic_ns();
    Status status = look(self, old, NULL, NULL, &found, NULL);
    struct snapshot *now = status == STATUS_OK ? found ? found : old : NULL;
    snapshot_ref(now);
    snapshot_unref(old);
    give(self, status, found, start_ns);
    return now;
}

Status car_source_refresh(struct block_source *source,
                          ContentProgress *progress, void *context,
                          struct error *err)
{
    struct car_source *self = self_of(source);
    struct snapshot *old, *found;
    const bool must = must_look(self, true, &old);
    ASSERT(must);
    const uint64_t start_ns = clock_monotonic_ns();
    Status status = look(self, old, progress, context, &found, err);
    snapshot_unref(old);
    give(self, status, found, start_ns);
    return status;
}

/* --- Blocks -------------------------------------------------------------- */

/* A descriptor of the file; `*keep`: it stays open. Negative: errno. */
static int open_car(struct snapshot *snapshot, uint32_t number, bool *keep)
{
    size_t count;
    const struct car_file *file =
        &car_index_files(snapshot->index, &count)[number];
    const int there = atomic_load(&snapshot->files[number]);
    *keep = true;
    if (there > 0)
        return there - 1;
    const int opened =
        openat(snapshot->folder, file->name, O_RDONLY | O_CLOEXEC);
    int none = 0;
    if (opened < 0 || atomic_load(&snapshot->open) >= OPEN_MAX ||
        !atomic_compare_exchange_strong(&snapshot->files[number], &none,
                                        opened + 1))
        *keep = false;
    else
        atomic_fetch_add(&snapshot->open, 1);
    return opened;
}

static Status read_bytes(int file, uint64_t offset, uint8_t *into, size_t len)
{
    while (len > 0) {
        const ssize_t got = pread(file, into, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 ? STATUS_NOT_FOUND : STATUS_IO;
        into += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return STATUS_OK;
}

/* STATUS_BUSY: the file is no longer what the index was made of. */
static Status read_place(struct snapshot *snapshot,
                         const struct car_place *place, const Cid *cid,
                         struct block **out, struct error *err)
{
    size_t count;
    const struct car_file *file =
        &car_index_files(snapshot->index, &count)[place->file];
    bool keep;
    struct stat stat;
    if (place->len > CAR_BLOCK_MAX)
        return STATUS_NOT_FOUND; // No CAR of ours has one: a damaged index.
    const int descriptor = open_car(snapshot, place->file, &keep);
    if (descriptor < 0)
        return STATUS_BUSY;
    Status status = STATUS_BUSY;
    int reason = 0;
    if (fstat(descriptor, &stat) == 0) {
        const struct car_facts facts = car_facts_of(&stat);
        uint8_t *room;
        *out = block_new_room(cid, place->len, &room);
        if (car_facts_equal(&facts, &file->facts))
            status = read_bytes(descriptor, place->offset, room, place->len);
        reason = errno;
    }
    if (!keep)
        close(descriptor);
    if (status == STATUS_OK)
        return STATUS_OK;
    block_unref(*out);
    *out = NULL;
    if (status == STATUS_IO)
        return fail_errno(err, reason, "cannot read %s", file->name);
    return STATUS_BUSY;
}

/* Copies are tried in turn; the last is given as it is. */
static Status snapshot_get(struct snapshot *snapshot, const Cid *cid,
                           struct block **out, struct error *err)
{
    struct car_place places[PLACES_MAX];
    const size_t count = car_index_find(snapshot->index, cid_multihash(cid),
                                        places, PLACES_MAX);
    Status status = STATUS_NOT_FOUND;
    for (size_t index = 0; index < count; index++) {
        status = read_place(snapshot, &places[index], cid, out, err);
        if (status == STATUS_BUSY)
            return status;
        if (status == STATUS_OK &&
            (index + 1 == count ||
             cid_verify(cid, block_bytes(*out), NULL) == STATUS_OK))
            return STATUS_OK;
        block_unref(*out);
        *out = NULL;
    }
    return status;
}

static Status source_get(struct block_source *source, const Cid *cid,
                         struct block **out, struct error *err)
{
    Status status = STATUS_BUSY;
    *out = NULL;
    for (int attempt = 0; attempt < 2 && status == STATUS_BUSY; attempt++) {
        struct snapshot *snapshot = snapshot_now(self_of(source), attempt > 0);
        if (!snapshot)
            return STATUS_NOT_FOUND;
        status = snapshot_get(snapshot, cid, out, err);
        snapshot_unref(snapshot);
    }
    // What changes under our hands all the time is not there.
    return status == STATUS_BUSY ? STATUS_NOT_FOUND : status;
}

static bool source_has(struct block_source *source, const Cid *cid)
{
    struct snapshot *snapshot = snapshot_now(self_of(source), false);
    struct car_place place;
    if (!snapshot)
        return false;
    const bool has =
        car_index_find(snapshot->index, cid_multihash(cid), &place, 1) > 0;
    snapshot_unref(snapshot);
    return has;
}

/* --- For people ---------------------------------------------------------- */

static const char *path_of(const struct car_source *self,
                           const struct snapshot *snapshot, uint32_t number,
                           struct arena *arena)
{
    size_t count;
    const struct car_file *files = car_index_files(snapshot->index, &count);
    if (snapshot->is_file)
        return self->path;
    return arena_format(arena, "%s/%s", self->path, files[number].name).data;
}

static void source_where(struct block_source *source, const Cid *cid,
                         char out[SOURCE_WHERE_MAX])
{
    const struct car_source *self = self_of(source);
    struct snapshot *snapshot = snapshot_now(self_of(source), false);
    struct arena arena = {0};
    struct car_place place;
    snprintf(out, SOURCE_WHERE_MAX, "%s", self->path);
    if (snapshot &&
        car_index_find(snapshot->index, cid_multihash(cid), &place, 1) > 0)
        snprintf(out, SOURCE_WHERE_MAX, "%s at byte %llu",
                 path_of(self, snapshot, place.file, &arena),
                 (unsigned long long)place.offset);
    arena_deinit(&arena);
    snapshot_unref(snapshot);
}

void car_source_each(struct block_source *source, CarSourceEach *each,
                     void *context)
{
    const struct car_source *self = self_of(source);
    struct snapshot *snapshot = snapshot_now(self_of(source), false);
    struct arena arena = {0};
    if (!snapshot)
        return;
    size_t count;
    const struct car_file *files = car_index_files(snapshot->index, &count);
    for (uint32_t number = 0; number < count; number++)
        if (!each(context, path_of(self, snapshot, number, &arena),
                  &files[number]))
            break;
    arena_deinit(&arena);
    snapshot_unref(snapshot);
}

static void source_stat(struct block_source *source, struct source_stat *out)
{
    struct snapshot *snapshot = snapshot_now(self_of(source), false);
    *out = (struct source_stat){.is_missing = !snapshot};
    if (!snapshot)
        return;
    size_t count;
    const struct car_file *files = car_index_files(snapshot->index, &count);
    for (size_t number = 0; number < count; number++) {
        if (files[number].trouble[0] != '\0') {
            out->files_refused++;
            continue;
        }
        out->files++;
        out->blocks += files[number].blocks;
        out->block_bytes += files[number].block_bytes;
    }
    snapshot_unref(snapshot);
}

/* --- Life ---------------------------------------------------------------- */

/* DIRECTORY/hash of the path.index, on the heap. */
static char *index_path_of(const char *path, const char *directory)
{
    const size_t len =
        strlen(directory) + HASH_TEXT_LEN + sizeof "/.index.lock";
    char *out = heap_alloc(len), name[HASH_TEXT_LEN + 1];
    Hash hash;
    hash_sha256(text_bytes(text_of(path)), &hash);
    for (size_t index = 0; index < HASH_TEXT_LEN / 2; index++)
        snprintf(name + 2 * index, 3, "%02x", hash.bytes[index]);
    snprintf(out, len, "%s/%s.index", directory, name);
    return out;
}

static void source_close(struct block_source *source)
{
    struct car_source *self = self_of(source);
    snapshot_unref(self->snapshot);
    pthread_cond_destroy(&self->looked);
    pthread_mutex_destroy(&self->lock);
    free(self->path);
    free(self->index_path);
    free(self);
}

struct block_source *car_source_new(const char *path,
                                    const struct car_source_options *options)
{
    struct car_source *self = HEAP_NEW(struct car_source);
    const size_t len = strlen(path) + 1;
    self->path = heap_alloc(len);
    memcpy(self->path, path, len);
    if (options && options->index_directory)
        self->index_path = index_path_of(path, options->index_directory);
    self->read_only = options && options->read_only;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->looked, NULL);
    self->base = (struct block_source){
        .get = source_get,
        .has = source_has,
        .where = source_where,
        .stat = source_stat,
        .close = source_close,
        .name = self->path,
    };
    return &self->base;
}

void car_source_forget(const char *path, const char *index_directory)
{
    static const char *const suffixes[] = {"", ".new", ".sort", ".lock"};
    char *index_path = index_path_of(path, index_directory);
    struct arena arena = {0};
    for (size_t at = 0; at < sizeof suffixes / sizeof *suffixes; at++)
        unlink(arena_format(&arena, "%s%s", index_path, suffixes[at]).data);
    arena_deinit(&arena);
    free(index_path);
}
