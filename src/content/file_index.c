/* SPDX-License-Identifier: Apache-2.0 */
#include "content/file_index.h"

#include <stdlib.h>
#include <time.h>

#include "content/walk.h"
#include "crypto/hash.h"

enum {
    SETTLED_S = 2,
};

/* What must be the same for the file to be the same. */
struct facts {
    uint64_t device, inode, size, layout;
    int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

static struct facts facts_of(const struct stat *stat, uint64_t layout)
{
    return (struct facts){
        .device = stat->st_dev,
        .inode = stat->st_ino,
        .size = (uint64_t)stat->st_size,
        .layout = layout,
        .mtime_s = stat->st_mtim.tv_sec,
        .mtime_ns = stat->st_mtim.tv_nsec,
        .ctime_s = stat->st_ctim.tv_sec,
        .ctime_ns = stat->st_ctim.tv_nsec,
    };
}

/* Paths may be longer than a key: the key is the hash of the absolute path. */
static bool key_of(const char *path, Hash *key)
{
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return false;
    hash_sha256(text_bytes(text_of(absolute)), key);
    free(absolute);
    return true;
}

static Status look_for_block(void *context, const struct walk_visit *visit,
                             struct error *err)
{
    (void)err;
    return visit->block || store_has(context, visit->cid) ? STATUS_OK
                                                          : STATUS_NOT_FOUND;
}

/* A collection may have taken parts of a file and left its root. */
static bool is_whole(struct store *store, const Cid *cid)
{
    const struct walk_options options = {.skip_leaves = true,
                                         .context = store};
    return content_walk(store, cid, 1, &options, look_for_block, NULL) ==
           STATUS_OK;
}

Status file_index_get(struct store *store, const char *path,
                      const struct stat *stat, uint64_t layout, Cid *out)
{
    struct facts now = facts_of(stat, layout), noted;
    struct arena arena = {0};
    Bytes note;
    Hash key;

    if (!key_of(path, &key))
        return STATUS_NOT_FOUND;
    Status status = note_get(store, NOTE_FILE, bytes_of(&key, sizeof key),
                             &arena, &note, NULL);
    if (status == STATUS_OK && note.len > sizeof noted) {
        memcpy(&noted, note.data, sizeof noted);
        status =
            memcmp(&noted, &now, sizeof now) == 0
                ? cid_from_bytes(bytes_from(note, sizeof noted), out, NULL)
                : STATUS_NOT_FOUND;
    } else {
        status = STATUS_NOT_FOUND;
    }
    arena_deinit(&arena);
    return status == STATUS_OK && is_whole(store, out) ? STATUS_OK
                                                       : STATUS_NOT_FOUND;
}

bool file_index_is_settled(const struct stat *stat)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - stat->st_mtim.tv_sec >= SETTLED_S &&
           now.tv_sec - stat->st_ctim.tv_sec >= SETTLED_S;
}

void file_index_put(struct store_batch *batch, const char *path,
                    const struct stat *stat, uint64_t layout, const Cid *cid)
{
    struct facts facts = facts_of(stat, layout);
    uint8_t note[sizeof facts + CID_BYTES_MAX];
    Hash key;

    if (!key_of(path, &key))
        return;
    memcpy(note, &facts, sizeof facts);
    memcpy(note + sizeof facts, cid->bytes, cid->len);
    store_batch_note(batch, NOTE_FILE, bytes_of(&key, sizeof key),
                     bytes_of(note, sizeof facts + cid->len));
}
