/* SPDX-License-Identifier: Apache-2.0 */
/* import_file.c - the blocks of one file. Big ones: the helpers hash leaves,
 * the caller takes them in their order and builds the nodes above. A job is a
 * portion: one leaf, or as many small ones as are worth a thread's waking up.
 *
 *     slots   [ portion 8 | portion 9 | … ]   WINDOW of them, in a ring
 *               first: awaited     next: to be given out
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "content/file_index.h"
#include "content/import.h"
#include "ipld/dag_pb.h"

enum {
    WINDOW = 16,
    PIECE = 256 << 10, /* stays in a core's cache while it is hashed */
    LEAVES_MAX = 64,   /* in a portion, which is no longer than a piece then */
};

struct unixfs_metadata import_metadata(
    const struct content_add_options *options, const struct stat *stat)
{
    return (struct unixfs_metadata){
        .has_mode = options->keep_mode,
        .has_mtime = options->keep_mtime,
        .mode = options->keep_mode ? stat->st_mode & 07777 : 0,
        .mtime_s = options->keep_mtime ? stat->st_mtim.tv_sec : 0,
        .mtime_ns = options->keep_mtime ? (uint32_t)stat->st_mtim.tv_nsec : 0,
    };
}

/* --- What is written, counted -------------------------------------------- */

struct counted {
    struct lane *lane;
    uint64_t bytes; /* of all blocks: the file's tsize */
};

static Status put_counted(void *context, const Cid *cid, Bytes block,
                          struct error *err)
{
    struct counted *counted = context;
    counted->bytes += block.len;
    return lane_put(counted->lane, cid, block, err);
}

static struct unixfs_writer *new_writer(struct counted *counted,
                                        const struct unixfs_metadata *metadata)
{
    const struct content_add_options *options = counted->lane->import->options;
    const struct unixfs_writer_options layout = {
        .chunk_size = (size_t)options->chunk_bytes,
        .links_max = options->chunk_bytes == UNIXFS_LEGACY_CHUNK_SIZE
                         ? UNIXFS_LEGACY_LINKS_MAX
                         : UNIXFS_LINKS_MAX,
        .metadata = *metadata,
    };
    const struct unixfs_block_sink sink = {put_counted, counted};
    return unixfs_writer_new(&layout, &sink);
}

/* --- Known files --------------------------------------------------------- */

/* What the CID of a file depends on beside its bytes. */
static uint64_t layout_of(const struct content_add_options *options)
{
    return options->chunk_bytes | (uint64_t)options->keep_mode << 63 |
           (uint64_t)options->keep_mtime << 62;
}

static struct content_add_options options_of(uint64_t layout)
{
    return (struct content_add_options){
        .chunk_bytes = layout & ~((uint64_t)3 << 62),
        .rehash = true,
        .keep_mode = layout >> 63,
        .keep_mtime = layout >> 62 & 1,
    };
}

Status file_index_import(struct store *store, const struct indexed_file *file,
                         struct error *err)
{
    const struct content_add_options options = options_of(file->layout);
    struct arena arena = {0};
    Cid cid;
    const char *path = arena_copy_text(&arena, file->path).data;
    Status status = content_add_path(store, path, &options, &cid, err);
    arena_deinit(&arena);
    if (status == STATUS_OK && !cid_equal(&cid, &file->cid))
        return fail(err, STATUS_NOT_FOUND, "the file has other content now");
    return status;
}

/* Bytes of all blocks of a DAG, as its root says. */
static Status dag_size(struct store *store, const Cid *cid, uint64_t *out,
                       struct error *err)
{
    struct block *block;
    struct dag_pb_node node = {.count = 0};
    struct arena arena = {0};
    TRY(store_get(store, cid, &block, err));
    Status status = STATUS_OK;
    *out = block_bytes(block).len;
    if (cid_codec(cid) == CODEC_DAG_PB)
        status = dag_pb_decode(block_bytes(block), &arena, &node, err);
    for (size_t index = 0; status == STATUS_OK && index < node.count; index++)
        *out += node.links[index].tsize;
    arena_deinit(&arena);
    block_unref(block);
    return status;
}

static bool is_known(const struct import *import,
                     const struct import_source *source, struct imported *out)
{
    return source->is_noted && !import->options->rehash &&
           !import->options->only_hash &&
           file_index_get(import->store, source->path, &source->stat,
                          layout_of(import->options),
                          &out->cid) == STATUS_OK &&
           dag_size(import->store, &out->cid, &out->tsize, NULL) == STATUS_OK;
}

static Status fail_changed(const struct import_source *source,
                           struct error *err)
{
    return fail(err, STATUS_BUSY,
                "%s changed while it was read: add it again when nobody "
                "writes to it",
                source->path);
}

static bool is_unchanged(const struct import_source *source)
{
    const struct stat *before = &source->stat;
    struct stat after;
    return fstat(source->file, &after) == 0 &&
           after.st_size == before->st_size &&
           after.st_mtim.tv_sec == before->st_mtim.tv_sec &&
           after.st_mtim.tv_nsec == before->st_mtim.tv_nsec &&
           after.st_ctim.tv_sec == before->st_ctim.tv_sec &&
           after.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

/* After the last byte was read. `was_settled`: asked before the first. */
static Status note_known(struct lane *lane, const struct import_source *source,
                         bool was_settled, const struct imported *imported,
                         struct error *err)
{
    const struct content_add_options *options = lane->import->options;
    if (!is_unchanged(source))
        return fail_changed(source, err);
    if (!was_settled || options->only_hash)
        return STATUS_OK;
    if (!lane->batch)
        lane->batch = store_batch_new(lane->import->store);
    file_index_put(lane->batch, source->path, &source->stat,
                   layout_of(options), &imported->cid);
    return STATUS_OK;
}

/* --- Small files --------------------------------------------------------- */

/* Up to `len` bytes from `offset`, fewer only at the file's end. */
static Status read_at(int file, const char *name, uint8_t *out, size_t len,
                      uint64_t offset, size_t *got, struct error *err)
{
    *got = 0;
    while (*got < len) {
        ssize_t more =
            pread(file, out + *got, len - *got, (off_t)(offset + *got));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return fail_errno(err, errno, "cannot read %s", name);
        if (more == 0)
            break;
        *got += (size_t)more;
    }
    return STATUS_OK;
}

static Status write_small(struct lane *lane, Bytes bytes,
                          const struct unixfs_metadata *metadata,
                          struct imported *out, struct error *err)
{
    const uint64_t chunk = lane->import->options->chunk_bytes;
    struct counted counted = {.lane = lane};
    if (bytes.len <= (chunk ? chunk : UNIXFS_CHUNK_SIZE) &&
        !metadata->has_mode && !metadata->has_mtime) {
        cid_of(CODEC_RAW, bytes, &out->cid);
        out->tsize = bytes.len;
        return lane_put(lane, &out->cid, bytes, err);
    }
    struct unixfs_writer *writer = new_writer(&counted, metadata);
    Status status = unixfs_writer_add(writer, bytes, err);
    if (status == STATUS_OK)
        status = unixfs_writer_finish(writer, &out->cid, NULL, err);
    unixfs_writer_free(writer);
    out->tsize = counted.bytes;
    return status;
}

Status import_small(struct lane *lane, const struct import_source *source,
                    struct imported *out, struct error *err)
{
    struct import *import = lane->import;
    const size_t size = (size_t)source->stat.st_size;
    size_t len;
    ASSERT(size <= ROOM_BYTES);
    if (is_known(import, source, out))
        return STATUS_OK;
    const bool settled =
        source->is_noted && file_index_is_settled(&source->stat);
    // A byte more than there should be, to see it grow.
    TRY(read_at(source->file, source->path, lane_room(lane), size + 1, 0, &len,
                err));
    if (len != size)
        return fail_changed(source, err);
    const struct unixfs_metadata metadata =
        import_metadata(import->options, &source->stat);
    TRY(write_small(lane, bytes_of(lane->room, len), &metadata, out, err));
    atomic_fetch_add(&import->done_bytes, len);
    return note_known(lane, source, settled, out, err);
}

/* --- Big files ----------------------------------------------------------- */

struct slot {
    bool is_done; /* guarded by the import's lock */
    size_t len;
    Cid cids[LEAVES_MAX];
    uint8_t *bytes; /* owned; of a stream, read by the caller; else NULL */
};

struct big {
    struct import *import;
    int file;
    const char *name;
    size_t chunk, portion;
    uint64_t size;        /* to be read with pread(); 0: a stream */
    uint64_t first, next; /* portions */
    struct counted counted;
    struct unixfs_writer *writer;
    struct slot *slots; /* owned; WINDOW */
};

/* The name of a leaf, without having it in memory as a whole. */
static Status hash_at(const struct big *big, uint8_t *room, uint64_t offset,
                      struct slot *slot, size_t *got, struct error *err)
{
    struct hasher *hasher = hasher_new();
    Status status = STATUS_OK;
    size_t piece = 1;
    Hash hash;
    for (*got = 0; status == STATUS_OK && *got < slot->len && piece > 0;
         *got += piece) {
        const size_t left = slot->len - *got;
        status =
            read_at(big->file, big->name, room, left < PIECE ? left : PIECE,
                    offset + *got, &piece, err);
        if (status == STATUS_OK)
            hasher_add(hasher, bytes_of(room, piece));
    }
    hasher_finish(hasher, &hash);
    hasher_free(hasher);
    cid_from_hash(CODEC_RAW, &hash, &slot->cids[0]);
    return status;
}

static Bytes leaf_of(const struct big *big, Bytes portion, size_t index)
{
    const Bytes rest = bytes_from(portion, index * big->chunk);
    return rest.len < big->chunk ? rest : bytes_of(rest.data, big->chunk);
}

static Status put_leaves(struct lane *lane, const struct big *big,
                         struct slot *slot, const uint8_t *bytes,
                         struct error *err)
{
    const Bytes portion = bytes_of(bytes, slot->len);
    for (size_t index = 0; index * big->chunk < slot->len; index++) {
        const Bytes leaf = leaf_of(big, portion, index);
        cid_of(CODEC_RAW, leaf, &slot->cids[index]);
        TRY(lane_put(lane, &slot->cids[index], leaf, err));
    }
    return STATUS_OK;
}

static Status read_leaves(struct lane *lane, const struct big *big,
                          uint64_t offset, struct slot *slot,
                          struct error *err)
{
    // One that is not kept need not be in memory as a whole.
    const bool is_hashed_in_pieces =
        big->import->options->only_hash && slot->len <= big->chunk;
    uint8_t *room = lane_room(lane);
    size_t got;
    if (is_hashed_in_pieces)
        TRY(hash_at(big, room, offset, slot, &got, err));
    else
        TRY(read_at(big->file, big->name, room, slot->len, offset, &got, err));
    if (got != slot->len)
        return fail(err, STATUS_BUSY, "%s became shorter while it was read",
                    big->name);
    return is_hashed_in_pieces ? STATUS_OK
                               : put_leaves(lane, big, slot, room, err);
}

static void work_portion(struct lane *lane, void *subject, size_t index)
{
    struct big *big = subject;
    struct import *import = lane->import;
    struct slot *slot = &big->slots[index % WINDOW];
    struct error err = {0};
    Status status = STATUS_OK;
    if (import_has_failed(import)) {
        // Only to be done.
    } else if (slot->bytes) {
        status = put_leaves(lane, big, slot, slot->bytes, &err);
    } else {
        status =
            read_leaves(lane, big, (uint64_t)index * big->portion, slot, &err);
    }
    atomic_fetch_add(&import->done_bytes, slot->len);
    pthread_mutex_lock(&import->lock);
    slot->is_done = true;
    pthread_cond_broadcast(&import->progress);
    pthread_mutex_unlock(&import->lock);
    if (status != STATUS_OK)
        import_fail(import, status, &err);
}

static Status build_on(struct big *big, const struct slot *slot,
                       struct error *err)
{
    for (size_t index = 0; index * big->chunk < slot->len; index++) {
        const size_t rest = slot->len - index * big->chunk;
        TRY(unixfs_writer_leaf(big->writer, &slot->cids[index],
                               rest < big->chunk ? rest : big->chunk, err));
    }
    return STATUS_OK;
}

/* Waits for the oldest portion and builds on it. After a failure, only waits.
 */
static void take_portion(struct big *big)
{
    struct import *import = big->import;
    struct slot *slot = &big->slots[big->first++ % WINDOW];
    struct error err = {0};
    pthread_mutex_lock(&import->lock);
    while (!slot->is_done)
        (void)import_wait(import);
    pthread_mutex_unlock(&import->lock);
    if (import_has_failed(import))
        return;
    big->counted.bytes += slot->len;
    import_fail(import, build_on(big, slot, &err), &err);
}

static struct slot *free_slot(struct big *big)
{
    if (big->next - big->first == WINDOW)
        take_portion(big);
    return &big->slots[big->next % WINDOW];
}

static void give_portion(struct big *big, struct slot *slot, size_t len)
{
    const struct import_job job = {work_portion, big, (size_t)big->next};
    slot->len = len;
    slot->is_done = false;
    big->next++;
    import_job(big->import, &job);
}

static void read_by_helpers(struct big *big)
{
    for (uint64_t at = 0; at < big->size && !import_has_failed(big->import);) {
        struct slot *slot = free_slot(big);
        const uint64_t left = big->size - at;
        const size_t len = left < big->portion ? (size_t)left : big->portion;
        give_portion(big, slot, len);
        at += len;
    }
}

static Status read_piece(int file, const char *name, uint8_t *out, size_t len,
                         size_t *got, struct error *err)
{
    *got = 0;
    while (*got < len) {
        ssize_t more = read(file, out + *got, len - *got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return fail_errno(err, errno, "cannot read %s", name);
        if (more == 0)
            break;
        *got += (size_t)more;
    }
    return STATUS_OK;
}

static void read_stream(struct big *big)
{
    struct import *import = big->import;
    size_t got = big->portion;
    while (got == big->portion && !import_has_failed(import)) {
        struct error err = {0};
        struct slot *slot = free_slot(big);
        if (!slot->bytes)
            slot->bytes = heap_alloc(big->portion);
        Status status = read_piece(big->file, big->name, slot->bytes,
                                   big->portion, &got, &err);
        import_fail(import, status, &err);
        if (status != STATUS_OK)
            return;
        if (got == big->portion) {
            give_portion(big, slot, got);
        } else if (got > 0) {
            // The last one: nobody need be woken for it.
            slot->len = got;
            slot->is_done = false;
            work_portion(&import->own, big, (size_t)big->next++);
        }
    }
}

static size_t leaves_together(size_t chunk)
{
    const size_t count = PIECE / chunk;
    return count < 1 ? 1 : count > LEAVES_MAX ? LEAVES_MAX : count;
}

static Status import_leaves(struct big *big,
                            const struct unixfs_metadata *metadata,
                            struct imported *out, struct error *err)
{
    const uint64_t chunk = big->import->options->chunk_bytes;
    struct import *import = big->import;
    Status status = STATUS_CANCELLED;
    big->chunk = chunk ? (size_t)chunk : UNIXFS_CHUNK_SIZE;
    big->portion = big->chunk * leaves_together(big->chunk);
    big->slots = heap_array(WINDOW, sizeof *big->slots);
    big->counted.lane = &import->own;
    big->writer = new_writer(&big->counted, metadata);
    if (big->size > 0)
        read_by_helpers(big);
    else
        read_stream(big);
    while (big->first < big->next)
        take_portion(big);
    if (import_tell(import))
        status = unixfs_writer_finish(big->writer, &out->cid, NULL, err);
    else
        status = fail(err, STATUS_CANCELLED, "stopped"); // Told already.
    out->tsize = big->counted.bytes;
    for (size_t index = 0; index < WINDOW; index++)
        free(big->slots[index].bytes);
    free(big->slots);
    unixfs_writer_free(big->writer);
    return status;
}

Status import_big(struct import *import, const struct import_source *source,
                  struct imported *out, struct error *err)
{
    struct big big = {
        .import = import,
        .file = source->file,
        .name = source->path,
        .size = (uint64_t)source->stat.st_size,
    };
    if (is_known(import, source, out))
        return STATUS_OK;
    const bool settled =
        source->is_noted && file_index_is_settled(&source->stat);
    const struct unixfs_metadata metadata =
        import_metadata(import->options, &source->stat);
    TRY(import_leaves(&big, &metadata, out, err));
    return note_known(&import->own, source, settled, out, err);
}

Status import_stream(struct import *import, int file, const char *name,
                     const struct unixfs_metadata *metadata,
                     struct imported *out, struct error *err)
{
    struct big big = {.import = import, .file = file, .name = name};
    return import_leaves(&big, metadata, out, err);
}
