/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_cursor.c - from the root to the leaf that is read, each node with the
 * child that is next in it. */
#include "ipld/unixfs_cursor.h"

#include <stdlib.h>

#include "ipld/unixfs_load.h"

struct level {
    struct unixfs_loaded loaded;
    uint64_t at;      /* of its first byte in the file */
    uint64_t next_at; /* of the child that is next */
    size_t next;
    bool is_given; /* its own data was, or is not wanted */
};

struct unixfs_cursor {
    struct unixfs_source source;
    Cid root;
    uint64_t from, to; /* what is wanted, and not given yet */
    bool is_open;
    struct level levels[UNIXFS_DEPTH_MAX + 1];
    size_t count;
};

struct unixfs_cursor *unixfs_cursor_new(const struct unixfs_source *source,
                                        const Cid *cid, uint64_t offset,
                                        uint64_t len)
{
    struct unixfs_cursor *cursor = HEAP_NEW(struct unixfs_cursor);
    cursor->source = *source;
    cursor->root = *cid;
    cursor->from = offset;
    cursor->to = len < UINT64_MAX - offset ? offset + len : UINT64_MAX;
    return cursor;
}

static void leave(struct unixfs_cursor *cursor)
{
    unixfs_unload(&cursor->source, &cursor->levels[--cursor->count].loaded);
}

void unixfs_cursor_free(struct unixfs_cursor *cursor)
{
    if (!cursor)
        return;
    while (cursor->count > 0)
        leave(cursor);
    free(cursor);
}

static bool is_file(const struct unixfs_node *node)
{
    return node->type == UNIXFS_NODE_FILE || node->type == UNIXFS_NODE_RAW;
}

/* A node that begins at `at`; `size` UINT64_MAX: the root, of any size. */
static Status enter(struct unixfs_cursor *cursor, Bytes cid, uint64_t at,
                    uint64_t size, struct error *err)
{
    if (cursor->count > UNIXFS_DEPTH_MAX)
        return fail(err, STATUS_INVALID,
                    "malformed UnixFS file: nested deeper than %d",
                    UNIXFS_DEPTH_MAX);
    struct level *level = &cursor->levels[cursor->count];
    const bool is_root = cursor->count == 0;
    *level = (struct level){.at = at};
    TRY(unixfs_load(&cursor->source, cid, &level->loaded, err));
    cursor->count++;
    const struct unixfs_node *node = &level->loaded.node;
    level->next_at = at + node->data.len;
    if (!is_file(node))
        return fail(err, STATUS_INVALID,
                    is_root ? "not a file"
                            : "malformed UnixFS file: a part of it is not a "
                              "file");
    if (!is_root && node->size != size)
        return fail(err, STATUS_INVALID,
                    "malformed UnixFS file: a part has %llu bytes where its "
                    "parent says %llu",
                    (unsigned long long)node->size, (unsigned long long)size);
    return STATUS_OK;
}

static Status open_root(struct unixfs_cursor *cursor, struct error *err)
{
    cursor->is_open = true;
    TRY(enter(cursor, cid_bytes(&cursor->root), 0, UINT64_MAX, err));
    const uint64_t size = cursor->levels[0].loaded.node.size;
    if (cursor->to > size)
        return fail(err, STATUS_INVALID,
                    "range ends behind the file of %llu bytes",
                    (unsigned long long)size);
    return STATUS_OK;
}

/* What is wanted of the node's own data. */
static Bytes own_data(struct unixfs_cursor *cursor, struct level *level)
{
    const Bytes data = level->loaded.node.data;
    const uint64_t skip =
        cursor->from > level->at ? cursor->from - level->at : 0;
    uint64_t end = cursor->to - level->at;
    level->is_given = true;
    if (end > data.len)
        end = data.len;
    if (skip >= end)
        return (Bytes){NULL, 0};
    cursor->from += end - skip;
    return bytes_of(data.data + skip, (size_t)(end - skip));
}

/* Passes over the children that are not wanted; false: there is no other. */
static bool find_child(const struct unixfs_cursor *cursor, struct level *level)
{
    const struct unixfs_node *node = &level->loaded.node;
    while (level->next < node->dag.count && level->next_at < cursor->to) {
        if (level->next_at + node->sizes[level->next] > cursor->from)
            return true;
        level->next_at += node->sizes[level->next++];
    }
    return false;
}

/* Into the next child that is wanted, or out of the node. */
static Status step(struct unixfs_cursor *cursor, struct level *level,
                   struct error *err)
{
    const struct unixfs_node *node = &level->loaded.node;
    if (!find_child(cursor, level)) {
        leave(cursor);
        return STATUS_OK;
    }
    const size_t index = level->next++;
    const uint64_t at = level->next_at;
    level->next_at += node->sizes[index];
    return enter(cursor, node->dag.links[index].cid, at, node->sizes[index],
                 err);
}

Status unixfs_cursor_next(struct unixfs_cursor *cursor, Bytes *out,
                          struct error *err)
{
    *out = (Bytes){NULL, 0};
    if (!cursor->is_open)
        TRY(open_root(cursor, err));
    while (cursor->count > 0 && cursor->from < cursor->to) {
        struct level *level = &cursor->levels[cursor->count - 1];
        if (!level->is_given)
            *out = own_data(cursor, level);
        if (out->len > 0)
            return STATUS_OK;
        TRY(step(cursor, level, err));
    }
    return STATUS_OK;
}

static bool is_raw(Bytes cid)
{
    struct cid_parts parts;
    cid_parts_of(cid, &parts);
    return parts.codec == CODEC_RAW && cid.len <= CID_BYTES_MAX;
}

/* A leaf from `at` on, of `size` bytes. */
static void fill_place(const struct unixfs_cursor *cursor, Bytes leaf,
                       uint64_t at, uint64_t size, struct unixfs_place *out)
{
    const uint64_t end = size < cursor->to - at ? at + size : cursor->to;
    out->leaf.len = (uint8_t)leaf.len;
    memcpy(out->leaf.bytes, leaf.data, leaf.len);
    out->skip = cursor->from - at;
    out->len = end - cursor->from;
}

Status unixfs_cursor_place(struct unixfs_cursor *cursor,
                           struct unixfs_place *out, struct error *err)
{
    out->len = 0;
    if (!cursor->is_open && is_raw(cid_bytes(&cursor->root))) {
        fill_place(cursor, cid_bytes(&cursor->root), 0, UINT64_MAX, out);
        return STATUS_OK;
    }
    if (!cursor->is_open)
        TRY(open_root(cursor, err));
    while (cursor->count > 0 && cursor->from < cursor->to) {
        struct level *level = &cursor->levels[cursor->count - 1];
        const struct unixfs_node *node = &level->loaded.node;
        const bool is_own = cursor->from < level->at + node->data.len;
        if (!level->is_given && is_own)
            return STATUS_OK;
        if (find_child(cursor, level) &&
            is_raw(node->dag.links[level->next].cid)) {
            fill_place(cursor, node->dag.links[level->next].cid,
                       level->next_at, node->sizes[level->next], out);
            return STATUS_OK;
        }
        TRY(step(cursor, level, err));
    }
    return STATUS_OK;
}
