/* SPDX-License-Identifier: Apache-2.0 */
#include "content/directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ipld/dag_pb.h"
#include "ipld/unixfs.h"

struct entry {
    Text name;
    Cid cid;
    uint64_t tsize;
};

struct entries {
    struct entry *items;
    size_t count;
};

struct walk {
    struct store *store;
    const struct content_add_options *options;
    struct arena arena; /* paths and names */
    int depth;
};

/* Bytes of all blocks of a DAG, as its root says. */
static Status dag_size(struct store *store, const Cid *cid, uint64_t *out,
                       struct error *err)
{
    struct block *block;
    struct dag_pb_node node;
    struct arena arena = {0};
    TRY(store_get(store, cid, &block, err));
    Status status = STATUS_OK;
    *out = block_bytes(block).len;
    if (cid_codec(cid) == CODEC_DAG_PB)
        status = dag_pb_decode(block_bytes(block), &arena, &node, err);
    else
        node.count = 0;
    for (size_t index = 0; status == STATUS_OK && index < node.count; index++)
        *out += node.links[index].tsize;
    arena_deinit(&arena);
    block_unref(block);
    return status;
}

static int by_name(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return bytes_compare(text_bytes(a->name), text_bytes(b->name));
}

/* The directory's node: links sorted by name, data "type: directory". */
static Status put_node(struct store *store, struct entries *entries,
                       uint64_t *size, Cid *out, struct error *err)
{
    static const uint8_t directory[] = {0x08, 0x01};
    struct dag_pb_link *links = heap_array(entries->count, sizeof *links);
    struct buffer block;
    buffer_init(&block, BLOCK_MADE_MAX);
    if (entries->count > 0)
        qsort(entries->items, entries->count, sizeof *entries->items, by_name);
    *size = 0;
    for (size_t index = 0; index < entries->count; index++) {
        struct entry *entry = &entries->items[index];
        *size += entry->tsize;
        links[index] = (struct dag_pb_link){
            .cid = cid_bytes(&entry->cid),
            .has_name = true,
            .name = entry->name,
            .has_tsize = true,
            .tsize = entry->tsize,
        };
    }
    const struct dag_pb_node node = {
        .links = links,
        .count = entries->count,
        .has_data = true,
        .data = bytes_of(directory, sizeof directory),
    };
    dag_pb_encode(&node, &block);
    free(links);
    Status status = buffer_status(&block, "the directory's node", err);
    if (status == STATUS_OK) {
        *size += block.len;
        cid_of(CODEC_DAG_PB, buffer_bytes(&block), out);
        struct store_batch *batch = store_batch_new(store);
        store_batch_block(batch, out, buffer_bytes(&block));
        store_commit_async(batch, NULL, NULL);
    }
    buffer_deinit(&block);
    return status;
}

static Status add_level(struct walk *walk, const char *path, struct entry *out,
                        struct error *err);

/* A file or directory by its path. */
static Status add_entry(struct walk *walk, const char *path, struct entry *out,
                        struct error *err)
{
    struct stat stat;
    if (lstat(path, &stat) != 0)
        return fail_errno(err, errno, "cannot look at %s", path);
    if (S_ISDIR(stat.st_mode))
        return add_level(walk, path, out, err);
    if (!S_ISREG(stat.st_mode))
        return fail(err, STATUS_INVALID,
                    "%s is neither a regular file nor a directory", path);
    TRY(content_add_path(walk->store, path, walk->options, &out->cid, err));
    return dag_size(walk->store, &out->cid, &out->tsize, err);
}

static Status add_names(struct walk *walk, DIR *stream, const char *path,
                        struct entries *entries, struct error *err)
{
    struct dirent *found;
    while ((errno = 0, found = readdir(stream))) {
        Text name = text_of(found->d_name);
        if (text_equal(name, TEXT(".")) || text_equal(name, TEXT("..")))
            continue;
        if (!utf8_is_valid(name, NULL))
            return fail(err, STATUS_INVALID,
                        "a file's name in %s is not UTF-8", path);
        if ((entries->count & (entries->count - 1)) == 0)
            entries->items =
                heap_resize(entries->items, entries->count * 2 + 1,
                            sizeof *entries->items);
        struct entry *entry = &entries->items[entries->count];
        Text below = arena_format(&walk->arena, "%s/%s", path, found->d_name);
        entry->name = arena_copy_text(&walk->arena, name);
        TRY(add_entry(walk, below.data, entry, err));
        entries->count++;
    }
    if (errno)
        return fail_errno(err, errno, "cannot read %s", path);
    return STATUS_OK;
}

/* One directory; recursion is bounded by UNIXFS_DEPTH_MAX. */
static Status add_level(struct walk *walk, const char *path, struct entry *out,
                        struct error *err)
{
    struct entries entries = {0};
    if (walk->depth == UNIXFS_DEPTH_MAX)
        return fail(err, STATUS_LIMIT,
                    "%s is nested deeper than %d directories", path,
                    UNIXFS_DEPTH_MAX);
    DIR *stream = opendir(path);
    if (!stream && errno == ENOENT)
        return fail(err, STATUS_NOT_FOUND, "there is no directory %s", path);
    if (!stream)
        return errno == ENOTDIR
                   ? fail(err, STATUS_INVALID, "%s is no directory", path)
                   : fail_errno(err, errno, "cannot open %s", path);
    walk->depth++;
    Status status = add_names(walk, stream, path, &entries, err);
    walk->depth--;
    if (status == STATUS_OK)
        status = put_node(walk->store, &entries, &out->tsize, &out->cid, err);
    closedir(stream);
    free(entries.items);
    return status;
}

Status directory_add(struct store *store, const char *path,
                     const struct content_add_options *options, Cid *out,
                     struct error *err)
{
    struct walk walk = {.store = store, .options = options};
    if (options && options->only_hash)
        return fail(err, STATUS_UNSUPPORTED,
                    "a directory cannot be named without storing it");
    struct entry root = {.tsize = 0};
    Status status = add_level(&walk, path, &root, err);
    arena_deinit(&walk.arena);
    TRY(status);
    *out = root.cid;
    return store_flush(store, err);
}
