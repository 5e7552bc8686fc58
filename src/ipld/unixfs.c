/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs.c - walks the tree of a file from left to right, skipping what lies
 * outside the wanted range: sizes in the nodes say where that is. */
#include "ipld/unixfs.h"

#include "ipld/unixfs_load.h"

/* --- One node ----------------------------------------------------------- */

static Status get_block(const struct unixfs_source *source, Bytes cid,
                        const struct cid_parts *parts,
                        struct unixfs_loaded *out, struct error *err)
{
    if (parts->hash_code == HASH_IDENTITY) {
        out->block.bytes = parts->digest;
        return STATUS_OK;
    }
    TRY(source->get(source->context, cid, &out->block, err));
    out->is_borrowed = true;
    return STATUS_OK;
}

Status unixfs_load(const struct unixfs_source *source, Bytes cid,
                   struct unixfs_loaded *out, struct error *err)
{
    struct cid_parts parts;

    *out = (struct unixfs_loaded){.is_borrowed = false};
    cid_parts_of(cid, &parts);
    TRY(get_block(source, cid, &parts, out, err));
    Status status = unixfs_node_read(parts.codec, out->block.bytes,
                                     &out->arena, &out->node, err);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (err) {
        Text text = cid_bytes_to_text(cid, &out->arena);
        status = fail_in(err, status, "%.*s", TEXT_ARG(text));
    }
    unixfs_unload(source, out);
    return status;
}

void unixfs_unload(const struct unixfs_source *source,
                   struct unixfs_loaded *loaded)
{
    if (loaded->is_borrowed)
        source->release(source->context, &loaded->block);
    arena_deinit(&loaded->arena);
}

static bool is_file(const struct unixfs_node *node)
{
    return node->type == UNIXFS_NODE_FILE || node->type == UNIXFS_NODE_RAW;
}

static UnixfsKind kind_of(const struct unixfs_node *node)
{
    if (is_file(node))
        return UNIXFS_FILE;
    return node->type == UNIXFS_NODE_SYMLINK ? UNIXFS_SYMLINK
                                             : UNIXFS_DIRECTORY;
}

Status unixfs_open(const struct unixfs_source *source, Bytes cid,
                   struct unixfs_info *out, struct error *err)
{
    struct unixfs_loaded loaded;

    TRY(unixfs_load(source, cid, &loaded, err));
    *out = (struct unixfs_info){.kind = kind_of(&loaded.node),
                                .size = loaded.node.size,
                                .metadata = loaded.node.metadata};
    unixfs_unload(source, &loaded);
    return STATUS_OK;
}

Status unixfs_symlink(const struct unixfs_source *source, Bytes cid,
                      struct arena *arena, Text *out, struct error *err)
{
    struct unixfs_loaded loaded;
    Status status = STATUS_OK;

    TRY(unixfs_load(source, cid, &loaded, err));
    if (loaded.node.type == UNIXFS_NODE_SYMLINK)
        *out = arena_copy_text(arena, bytes_text(loaded.node.data));
    else
        status = fail(err, STATUS_INVALID, "not a symlink");
    unixfs_unload(source, &loaded);
    return status;
}

/* --- Files -------------------------------------------------------------- */

struct walk {
    const struct unixfs_source *source;
    const struct unixfs_sink *sink;
    uint64_t from; /* the wanted range of the file */
    uint64_t to;
    struct error *err;
};

static Status walk_node(struct walk *walk, Bytes cid, uint64_t at,
                        uint64_t size, unsigned depth);

/* Gives the wanted part of `data`, which stands at `at`, to the sink. */
static Status give(struct walk *walk, Bytes data, uint64_t at)
{
    uint64_t from = walk->from > at ? walk->from - at : 0;
    uint64_t to = walk->to - at < data.len ? walk->to - at : data.len;
    if (from >= to)
        return STATUS_OK;
    return walk->sink->add(walk->sink->context,
                           bytes_of(data.data + from, (size_t)(to - from)),
                           walk->err);
}

/* The children that are expected stand between these and the one that is
 * walked, for each level. */
enum { AHEAD_BYTES = 16 << 20, AHEAD_COUNT = 64 };

struct ahead {
    size_t index; /* of the first child not expected yet */
    uint64_t at;  /* where it begins in the file */
};

/* `index` is walked next, and begins at `at`. */
static void expect(const struct walk *walk, const struct unixfs_node *node,
                   struct ahead *ahead, size_t index, uint64_t at)
{
    if (!walk->source->expect || node->dag.count < 2)
        return;
    while (ahead->index < node->dag.count && ahead->at < walk->to &&
           ahead->index - index < AHEAD_COUNT &&
           ahead->at - at < AHEAD_BYTES) {
        const uint64_t size = node->sizes[ahead->index];
        if (ahead->at + size > walk->from)
            walk->source->expect(walk->source->context,
                                 node->dag.links[ahead->index].cid, size);
        ahead->at += size;
        ahead->index++;
    }
}

static Status walk_loaded(struct walk *walk, const struct unixfs_node *node,
                          uint64_t at, unsigned depth)
{
    TRY(give(walk, node->data, at));
    at += node->data.len;
    struct ahead ahead = {0, at};
    for (size_t index = 0; index < node->dag.count && at < walk->to; index++) {
        uint64_t size = node->sizes[index];
        expect(walk, node, &ahead, index, at);
        if (at + size > walk->from)
            TRY(walk_node(walk, node->dag.links[index].cid, at, size,
                          depth + 1));
        at += size;
    }
    return STATUS_OK;
}

static Status walk_node(struct walk *walk, Bytes cid, uint64_t at,
                        uint64_t size, unsigned depth)
{
    struct unixfs_loaded loaded;
    Status status;

    if (depth > UNIXFS_DEPTH_MAX)
        return fail(walk->err, STATUS_INVALID,
                    "malformed UnixFS file: nested deeper than %d",
                    UNIXFS_DEPTH_MAX);
    TRY(unixfs_load(walk->source, cid, &loaded, walk->err));
    if (!is_file(&loaded.node))
        status = fail(walk->err, STATUS_INVALID,
                      "malformed UnixFS file: a part of it is not a file");
    else if (loaded.node.size != size)
        status = fail(walk->err, STATUS_INVALID,
                      "malformed UnixFS file: a part has %llu bytes where "
                      "its parent says %llu",
                      (unsigned long long)loaded.node.size,
                      (unsigned long long)size);
    else
        status = walk_loaded(walk, &loaded.node, at, depth);
    unixfs_unload(walk->source, &loaded);
    return status;
}

/* Walks `len` bytes from `offset`, or the whole file if `len` is
 * UINT64_MAX. */
static Status walk_file(const struct unixfs_source *source, Bytes cid,
                        uint64_t offset, uint64_t len,
                        const struct unixfs_sink *sink, struct error *err)
{
    struct unixfs_loaded loaded;
    Status status;

    TRY(unixfs_load(source, cid, &loaded, err));
    uint64_t size = loaded.node.size;
    struct walk walk = {source, sink, offset,
                        len == UINT64_MAX ? size : offset + len, err};
    if (!is_file(&loaded.node))
        status = fail(err, STATUS_INVALID, "not a file but a %s",
                      kind_of(&loaded.node) == UNIXFS_SYMLINK ? "symlink"
                                                              : "directory");
    else if (offset > size || walk.to - offset > size - offset)
        status = fail(err, STATUS_INVALID,
                      "range ends behind the file of %llu bytes",
                      (unsigned long long)size);
    else
        status = walk_loaded(&walk, &loaded.node, 0, 0);
    unixfs_unload(source, &loaded);
    return status;
}

static Status copy_piece(void *context, Bytes piece, struct error *err)
{
    uint8_t **out = context;
    (void)err;
    memcpy(*out, piece.data, piece.len);
    *out += piece.len;
    return STATUS_OK;
}

Status unixfs_read(const struct unixfs_source *source, Bytes cid,
                   uint64_t offset, uint8_t *out, size_t len,
                   struct error *err)
{
    struct unixfs_sink sink = {copy_piece, &out};
    // The walk gives exactly `len` bytes or fails: sizes are checked on the
    // way, so the copy stays inside `out`.
    return walk_file(source, cid, offset, len, &sink, err);
}

Status unixfs_stream(const struct unixfs_source *source, Bytes cid,
                     const struct unixfs_sink *sink, struct error *err)
{
    return walk_file(source, cid, 0, UINT64_MAX, sink, err);
}

Status unixfs_stream_range(const struct unixfs_source *source, Bytes cid,
                           uint64_t offset, uint64_t len,
                           const struct unixfs_sink *sink, struct error *err)
{
    return walk_file(source, cid, offset, len, sink, err);
}
