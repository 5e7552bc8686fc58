/* SPDX-License-Identifier: Apache-2.0 */
/* read.c - files out of a store. */

#include "content/ahead.h"
#include "content/content.h"
#include "content/file_output.h"
#include "content/new_file.h"
#include "content/tree.h"
#include "ipld/unixfs.h"

/* --- Blocks for the UnixFS reader ---------------------------------------- */

static Status name_missing(const Cid *cid, Status status, struct error *err)
{
    char text[CID_TEXT_MAX];
    if (status != STATUS_NOT_FOUND)
        return status;
    cid_to_text(cid, text);
    return fail(err, status,
                "block %s is not in the store: add its file again, or "
                "`ipvm run --no-memo` what made it",
                text);
}

static Status get_block(void *context, Bytes cid, struct unixfs_block *out,
                        struct error *err)
{
    struct store *store = context;
    struct block *block;
    Cid name;
    TRY(cid_from_bytes(cid, &name, err));
    TRY(name_missing(&name, store_get(store, &name, &block, err), err));
    *out = (struct unixfs_block){block_bytes(block), block};
    return STATUS_OK;
}

static void release_block(void *context, struct unixfs_block *block)
{
    (void)context;
    block_unref(block->handle);
}

struct unixfs_source content_source(struct store *store)
{
    return (struct unixfs_source){
        .get = get_block, .release = release_block, .context = store};
}

static Status get_expected(void *context, Bytes cid, struct unixfs_block *out,
                           struct error *err)
{
    struct block *block;
    Cid name;
    TRY(cid_from_bytes(cid, &name, err));
    TRY(name_missing(&name, ahead_get(context, &name, &block, err), err));
    *out = (struct unixfs_block){block_bytes(block), block};
    return STATUS_OK;
}

static void expect(void *context, Bytes cid, uint64_t len)
{
    Cid name;
    // What has no name here is told of when it is asked for.
    if (cid_from_bytes(cid, &name, NULL) == STATUS_OK)
        ahead_expect(context, &name, len);
}

struct unixfs_source content_source_ahead(struct ahead *ahead)
{
    return (struct unixfs_source){.get = get_expected,
                                  .release = release_block,
                                  .context = ahead,
                                  .expect = expect};
}

/* --- Reading ------------------------------------------------------------- */

Status content_read(struct store *store, const Cid *cid, ContentSink *sink,
                    void *context, struct error *err)
{
    struct ahead *ahead = ahead_new(store);
    const struct unixfs_source source = content_source_ahead(ahead);
    const struct unixfs_sink pieces = {sink, context};
    Status status = unixfs_stream(&source, cid_bytes(cid), &pieces, err);
    ahead_free(ahead);
    return status;
}

Status content_size(struct store *store, const Cid *cid, uint64_t *out,
                    struct error *err)
{
    const struct unixfs_source source = content_source(store);
    struct unixfs_info info;
    TRY(unixfs_open(&source, cid_bytes(cid), &info, err));
    if (info.kind != UNIXFS_FILE)
        return fail(err, STATUS_INVALID, "it is a %s, not a file",
                    info.kind == UNIXFS_DIRECTORY ? "directory" : "symlink");
    *out = info.size;
    return STATUS_OK;
}

Status content_read_range(struct store *store, const Cid *cid, uint64_t offset,
                          uint64_t len, ContentSink *sink, void *context,
                          struct error *err)
{
    uint64_t size;
    TRY(content_size(store, cid, &size, err));
    uint64_t left = offset < size ? size - offset : 0;
    if (left > len)
        left = len;
    struct ahead *ahead = ahead_new(store);
    const struct unixfs_source blocks = content_source_ahead(ahead);
    const struct unixfs_sink pieces = {sink, context};
    Status status = STATUS_OK;
    if (left > 0)
        status = unixfs_stream_range(&blocks, cid_bytes(cid), offset, left,
                                     &pieces, err);
    ahead_free(ahead);
    return status;
}

Status content_load(struct store *store, const Cid *cid, struct buffer *out,
                    struct error *err)
{
    const struct unixfs_source source = content_source(store);
    uint64_t size;
    TRY(content_size(store, cid, &size, err));
    if (size > out->max - out->len)
        return fail(err, STATUS_LIMIT, "it has %llu bytes, more than %zu",
                    (unsigned long long)size, out->max);
    uint8_t *room = buffer_reserve(out, (size_t)size);
    TRY(buffer_status(out, "the content", err));
    struct ahead *ahead = size > BLOCK_MADE_MAX ? ahead_new(store) : NULL;
    const struct unixfs_source blocks =
        ahead ? content_source_ahead(ahead) : source;
    Status status =
        unixfs_read(&blocks, cid_bytes(cid), 0, room, (size_t)size, err);
    ahead_free(ahead);
    if (status == STATUS_OK)
        buffer_advance(out, (size_t)size);
    return status;
}

/* --- Saving -------------------------------------------------------------- */

static Status write_piece(void *context, Bytes piece, struct error *err)
{
    return file_output_add(context, piece, err);
}

static Status save_to(struct store *store, const Cid *cid, int file,
                      struct error *err)
{
    struct file_output output = {.file = file};
    Status status = content_read(store, cid, write_piece, &output, err);
    if (status == STATUS_OK)
        status = file_output_flush(&output, err);
    file_output_deinit(&output);
    return status;
}

Status content_save(struct store *store, const Cid *cid, const char *path,
                    struct error *err)
{
    const struct unixfs_source source = content_source(store);
    struct unixfs_info info;
    struct new_file file;
    TRY(unixfs_open(&source, cid_bytes(cid), &info, err));
    if (info.kind == UNIXFS_DIRECTORY)
        return tree_save(store, cid, path, NULL, NULL, err);
    TRY(new_file_open(&file, path, err));
    return new_file_close(&file, save_to(store, cid, file.file, err), err);
}
