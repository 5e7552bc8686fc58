/* SPDX-License-Identifier: Apache-2.0 */
#include "content/file_index.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "base/buffer.h"
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

/* Paths may be longer than a key: the key is the hash of the absolute path,
 * which is to be given back with free(). NULL: there is no such file. */
static char *key_of(const char *path, Hash *key)
{
    char *absolute = realpath(path, NULL);
    if (absolute)
        hash_sha256(text_bytes(text_of(absolute)), key);
    return absolute;
}

/* facts | length of the CID | CID | absolute path */
static bool read_note(Bytes note, struct facts *facts, Cid *cid, Text *path)
{
    if (note.len <= sizeof *facts)
        return false;
    memcpy(facts, note.data, sizeof *facts);
    note = bytes_from(note, sizeof *facts);
    const size_t len = note.data[0];
    if (note.len < 1 + len ||
        cid_from_bytes(bytes_of(note.data + 1, len), cid, NULL) != STATUS_OK)
        return false;
    *path = bytes_text(bytes_from(note, 1 + len));
    return true;
}

bool file_index_read(Bytes note, struct indexed_file *out)
{
    struct facts facts;
    if (!read_note(note, &facts, &out->cid, &out->path))
        return false;
    out->layout = facts.layout;
    return out->path.len > 0;
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
    Text noted_path;
    Hash key;
    char *absolute = key_of(path, &key);

    if (!absolute)
        return STATUS_NOT_FOUND;
    free(absolute);
    Status status = note_get(store, NOTE_FILE, bytes_of(&key, sizeof key),
                             &arena, &note, NULL);
    if (status != STATUS_OK || !read_note(note, &noted, out, &noted_path) ||
        memcmp(&noted, &now, sizeof now) != 0)
        status = STATUS_NOT_FOUND;
    arena_deinit(&arena);
    // Held first: what is whole then stays so until somebody keeps it.
    return status == STATUS_OK && store_hold(store, out, NULL) == STATUS_OK &&
                   is_whole(store, out)
               ? STATUS_OK
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
    Hash key;
    char *absolute = key_of(path, &key);
    struct buffer note;

    if (!absolute)
        return;
    buffer_init(&note, sizeof facts + 1 + CID_BYTES_MAX + PATH_MAX);
    buffer_add(&note, &facts, sizeof facts);
    buffer_add_byte(&note, cid->len);
    buffer_add_bytes(&note, cid_bytes(cid));
    buffer_add_text(&note, text_of(absolute));
    if (note.status == STATUS_OK)
        store_batch_note(batch, NOTE_FILE, bytes_of(&key, sizeof key),
                         buffer_bytes(&note));
    buffer_deinit(&note);
    free(absolute);
}
