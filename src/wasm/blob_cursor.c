/* SPDX-License-Identifier: Apache-2.0 */
/* blob_cursor.c - cursors: the nodes from a file's root to where it is read.
 *
 *     root [ 0 . 1 . 2 ]          levels[0], child 1
 *                |
 *          [ 0 . 1 . 2 . 3 ]      levels[1], child 2: 3 is read ahead
 *                    |
 *                  leaf           levels[2]
 *
 * Reading on goes to the next leaf without touching what is above; the leaves
 * behind it were asked for before the guest wants them. What is checked is
 * what unixfs_read() checks: each node that has a part of the range. */
#include <stdlib.h>

#include "wasm/blob.h"

/* --- Blocks -------------------------------------------------------------- */

static Status get(void *context, Bytes cid, struct unixfs_block *out,
                  struct error *err)
{
    struct blobs *content = context;
    const struct run_host *host = content->links->host;
    struct run_block block = {.owner = NULL};
    struct error inner = {.message = ""};
    Status status = host->block(host->context, cid, &block, &inner);
    *out = (struct unixfs_block){.bytes = block.bytes, .handle = block.owner};
    if (status == STATUS_OK)
        return STATUS_OK;
    Text name = cid_bytes_to_text(cid, content->links->arena);
    if (status == STATUS_NOT_FOUND)
        return fail(err, status, "block %.*s is not here", TEXT_ARG(name));
    // Never what the content determines: that is found by who reads it.
    if (status == STATUS_INVALID || status == STATUS_LIMIT)
        status = STATUS_UNSUPPORTED;
    return fail(err, status, "block %.*s: %s", TEXT_ARG(name), inner.message);
}

static void release(void *context, struct unixfs_block *block)
{
    const struct run_host *host = ((struct blobs *)context)->links->host;
    struct run_block lent = {.bytes = block->bytes, .owner = block->handle};
    host->release_block(host->context, &lent);
}

struct unixfs_source blob_source_of(struct blobs *content)
{
    return (struct unixfs_source){
        .get = get, .release = release, .context = content};
}

/* --- Cursors ------------------------------------------------------------- */

static void pop(struct blobs *content, struct blob_cursor *cursor)
{
    struct unixfs_source source = blob_source_of(content);
    unixfs_unload(&source, &cursor->levels[--cursor->depth].loaded);
}

void blob_cursor_close(struct blobs *content, struct blob_cursor *cursor)
{
    while (cursor->depth > 0)
        pop(content, cursor);
    cursor->blob = 0;
    cursor->is_sequential = false;
}

/* A node, or the bytes of a block that is none. */
static Status load(struct blobs *content, Bytes cid, struct unixfs_loaded *out,
                   struct error *err)
{
    struct unixfs_source source = blob_source_of(content);
    struct cid_parts parts;
    cid_parts_of(cid, &parts);
    if (parts.codec == CODEC_RAW || parts.codec == CODEC_DAG_PB)
        return unixfs_load(&source, cid, out, err);
    *out = (struct unixfs_loaded){.is_borrowed = false};
    if (parts.hash_code == HASH_IDENTITY) {
        out->block.bytes = parts.digest;
    } else {
        TRY(get(content, cid, &out->block, err));
        out->is_borrowed = true;
    }
    out->node = (struct unixfs_node){.type = UNIXFS_NODE_RAW,
                                     .data = out->block.bytes,
                                     .size = out->block.bytes.len};
    return STATUS_OK;
}

static struct blob_cursor *oldest(struct blobs *content)
{
    struct blob_cursor *found = &content->cursors[0];
    for (int index = 1; index < BLOB_CURSORS; index++) {
        if (content->cursors[index].used < found->used)
            found = &content->cursors[index];
    }
    return found;
}

Status blob_cursor(struct blobs *content, uint32_t blob,
                   struct blob_cursor **out, struct error *err)
{
    if (!content->cursors)
        content->cursors = heap_array(BLOB_CURSORS, sizeof *content->cursors);
    for (int index = 0; index < BLOB_CURSORS; index++) {
        *out = &content->cursors[index];
        if ((*out)->blob == blob) {
            (*out)->used = ++content->clock;
            return STATUS_OK;
        }
    }
    *out = oldest(content);
    blob_cursor_close(content, *out);
    struct blob_level *root = &(*out)->levels[0];
    TRY(load(content, cid_bytes(&content->blobs[blob - 1].cid), &root->loaded,
             err));
    root->at = 0;
    root->child = SIZE_MAX;
    (*out)->blob = blob;
    (*out)->depth = 1;
    (*out)->used = ++content->clock;
    return STATUS_OK;
}

/* --- Reading ahead ------------------------------------------------------- */

struct expected {
    Bytes cids[BLOB_EXPECTED_MAX + 1];
    size_t count;
};

static void expect(struct expected *expected, Bytes cid)
{
    struct cid_parts parts;
    cid_parts_of(cid, &parts);
    if (parts.hash_code != HASH_IDENTITY &&
        expected->count < BLOB_EXPECTED_MAX + 1)
        expected->cids[expected->count++] = cid;
}

/* The `count` nodes behind the one the cursor is at: those beside it, then
 * the one beside what is above. */
static void expect_next(struct expected *expected,
                        const struct blob_cursor *cursor, size_t count)
{
    for (unsigned depth = cursor->depth; depth-- > 0;) {
        const struct blob_level *level = &cursor->levels[depth];
        const struct unixfs_node *node = &level->loaded.node;
        if (level->child == SIZE_MAX)
            continue; // The leaf itself.
        size_t child = level->child + 1;
        bool found = child < node->dag.count;
        for (; child < node->dag.count && count > 0; child++, count--)
            expect(expected, node->dag.links[child].cid);
        if (found)
            return;
    }
}

static size_t count_sequential(const struct blobs *content)
{
    size_t count = 0;
    for (int index = 0; index < BLOB_CURSORS; index++) {
        const struct blob_cursor *cursor = &content->cursors[index];
        count += cursor->blob != 0 && cursor->is_sequential;
    }
    return count;
}

/* Says what will be wanted: `next` at once, then what lies behind it and what
 * lies behind where other files are read. */
static void read_ahead(struct blobs *content, const struct blob_cursor *cursor,
                       Bytes next)
{
    const struct run_host *host = content->links->host;
    struct expected expected = {.count = 0};
    if (!host->expect)
        return;
    size_t share = BLOB_EXPECTED_MAX / count_sequential(content);
    expect(&expected, next);
    expect_next(&expected, cursor, share);
    for (int index = 0; index < BLOB_CURSORS; index++) {
        const struct blob_cursor *other = &content->cursors[index];
        if (other != cursor && other->blob != 0 && other->is_sequential)
            expect_next(&expected, other, share);
    }
    host->expect(host->context, expected.cids, expected.count);
}

/* --- Pieces -------------------------------------------------------------- */

static uint64_t end_of(const struct blob_level *level)
{
    const struct unixfs_node *node = &level->loaded.node;
    uint64_t len = node->size > node->data.len ? node->size : node->data.len;
    return level->at + len;
}

/* Sets child and child_at of a level to the child that has `offset`, which is
 * behind the node's own data and inside the node. */
static void seek_child(struct blob_cursor *cursor, struct blob_level *level,
                       uint64_t offset)
{
    const struct unixfs_node *node = &level->loaded.node;
    size_t before = level->child;
    if (level->child == SIZE_MAX || offset < level->child_at) {
        level->child = 0;
        level->child_at = level->at + node->data.len;
    }
    while (offset - level->child_at >= node->sizes[level->child])
        level->child_at += node->sizes[level->child++];
    // Wraps to 0 for the first one.
    cursor->is_sequential = level->child == before + 1;
}

static Status check_child(const struct blob_level *parent,
                          const struct unixfs_node *node, struct error *err)
{
    uint64_t size = parent->loaded.node.sizes[parent->child];
    if (node->type != UNIXFS_NODE_FILE && node->type != UNIXFS_NODE_RAW)
        return fail(err, STATUS_INVALID,
                    "malformed UnixFS file: a part of it is not a file");
    if (node->size != size)
        return fail(err, STATUS_INVALID,
                    "malformed UnixFS file: a part has %llu bytes where its "
                    "parent says %llu",
                    (unsigned long long)node->size, (unsigned long long)size);
    return STATUS_OK;
}

static Status go_down(struct blobs *content, struct blob_cursor *cursor,
                      uint64_t offset, struct error *err)
{
    if (cursor->depth > UNIXFS_DEPTH_MAX)
        return fail(err, STATUS_INVALID,
                    "malformed UnixFS file: nested deeper than %d",
                    UNIXFS_DEPTH_MAX);
    struct blob_level *parent = &cursor->levels[cursor->depth - 1];
    seek_child(cursor, parent, offset);
    Bytes cid = parent->loaded.node.dag.links[parent->child].cid;
    struct blob_level *level = &cursor->levels[cursor->depth];
    if (cursor->is_sequential)
        read_ahead(content, cursor, cid);
    struct unixfs_source source = blob_source_of(content);
    TRY(unixfs_load(&source, cid, &level->loaded, err));
    level->at = parent->child_at;
    level->child = SIZE_MAX;
    cursor->depth++;
    Status status = check_child(parent, &level->loaded.node, err);
    if (status != STATUS_OK)
        pop(content, cursor);
    return status;
}

Status blob_piece(struct blobs *content, struct blob_cursor *cursor,
                  uint64_t offset, Bytes *out, struct error *err)
{
    while (cursor->depth > 1) {
        const struct blob_level *level = &cursor->levels[cursor->depth - 1];
        if (offset >= level->at && offset < end_of(level))
            break;
        pop(content, cursor);
    }
    for (;;) {
        const struct blob_level *level = &cursor->levels[cursor->depth - 1];
        Bytes data = level->loaded.node.data;
        if (offset - level->at < data.len) {
            *out = bytes_from(data, (size_t)(offset - level->at));
            return STATUS_OK;
        }
        TRY(go_down(content, cursor, offset, err));
    }
}
