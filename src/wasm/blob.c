/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/blob.h"

#include <stdlib.h>

#include "ipld/codec.h"
#include "task/reserved.h"

void blob_init(struct blobs *content, struct links *links)
{
    *content = (struct blobs){.links = links};
}

void blob_deinit(struct blobs *content)
{
    for (int index = 0; content->cursors && index < BLOB_CURSORS; index++)
        blob_cursor_close(content, &content->cursors[index]);
    free(content->cursors);
    free(content->blobs);
    free(content->handles);
    free(content->scratch);
    map_deinit(&content->allowed);
    arena_deinit(&content->listing);
    arena_deinit(&content->finding);
}

/* --- Which links may be opened ------------------------------------------- */

Status blob_give(struct blobs *content, Bytes cid, struct error *err)
{
    if (map_get(&content->allowed, cid))
        return STATUS_OK;
    TRY(links_charge(content->links, cid.len + 2 * sizeof(struct map_entry),
                     err));
    map_set(&content->allowed, arena_copy_bytes(content->links->arena, cid),
            NULL);
    return STATUS_OK;
}

struct giving {
    struct blobs *content;
    Status status; /* of giving: the rest is the block's own trouble */
};

static Status give_link(void *context, Bytes cid, struct error *err)
{
    struct giving *giving = context;
    return giving->status = blob_give(giving->content, cid, err);
}

// Values of arguments and blocks are at most a few hundred levels deep.
Status blob_allow(struct blobs *content, const Value *value, struct error *err)
{
    if (value->kind == VALUE_LINK)
        return blob_give(content, value->link, err);
    if (value->kind == VALUE_LIST) {
        for (size_t index = 0; index < value->list.count; index++)
            TRY(blob_allow(content, &value->list.items[index], err));
    } else if (value->kind == VALUE_MAP &&
               !reserved_is_stand_in(value_reserved(value))) {
        for (size_t index = 0; index < value->map.count; index++)
            TRY(blob_allow(content, &value->map.entries[index].value, err));
    }
    return STATUS_OK;
}

/* --- Blobs --------------------------------------------------------------- */

static struct blob *blob_of(struct blobs *content, uint32_t blob)
{
    ASSERT(blob > 0 && blob <= content->blob_count);
    struct blob *found = &content->blobs[blob - 1];
    ASSERT(found->is_used);
    return found;
}

static Status new_blob(struct blobs *content, uint32_t *out, struct error *err)
{
    if (content->blobs_open == BLOBS_MAX)
        return fail(err, STATUS_INVALID, "more than %d blobs are open at once",
                    BLOBS_MAX);
    content->blobs_open++;
    *out = content->free_blob;
    if (*out != 0) {
        content->free_blob = content->blobs[*out - 1].next;
    } else {
        if (content->blob_count == content->blob_room) {
            content->blob_room =
                content->blob_room ? 2 * content->blob_room : 8;
            content->blobs = heap_resize(content->blobs, content->blob_room,
                                         sizeof *content->blobs);
        }
        *out = ++content->blob_count;
    }
    content->blobs[*out - 1] = (struct blob){.is_used = true};
    return STATUS_OK;
}

Status blob_take_link(struct blobs *content, Bytes cid, bool must_be_file,
                      uint32_t *blob, struct error *err)
{
    Cid name;
    if (cid_from_bytes(cid, &name, err) != STATUS_OK)
        return fail(err, STATUS_UNSUPPORTED,
                    "a link with a CID of %zu bytes cannot be opened",
                    cid.len);
    TRY(new_blob(content, blob, err));
    blob_of(content, *blob)->cid = name;
    blob_of(content, *blob)->must_be_file = must_be_file;
    return STATUS_OK;
}

Status blob_take_bytes(struct blobs *content, Bytes bytes, uint32_t *blob,
                       struct error *err)
{
    TRY(new_blob(content, blob, err));
    struct blob *made = blob_of(content, *blob);
    made->bytes = bytes;
    made->is_open = true;
    made->kind = BLOB_FILE;
    made->size = bytes.len;
    return STATUS_OK;
}

void blob_drop(struct blobs *content, uint32_t blob)
{
    struct blob *dropped = blob_of(content, blob);
    for (int index = 0; content->cursors && index < BLOB_CURSORS; index++) {
        if (content->cursors[index].blob == blob)
            blob_cursor_close(content, &content->cursors[index]);
    }
    if (content->listed == blob)
        content->listed = 0;
    *dropped = (struct blob){.next = content->free_blob};
    content->free_blob = blob;
    content->blobs_open--;
}

static BlobKind kind_of(const struct unixfs_node *node)
{
    switch (node->type) {
    case UNIXFS_NODE_DIRECTORY:
    case UNIXFS_NODE_HAMT:
        return BLOB_DIRECTORY;
    case UNIXFS_NODE_SYMLINK:
        return BLOB_SYMLINK;
    case UNIXFS_NODE_RAW:
    case UNIXFS_NODE_FILE:
    case UNIXFS_NODE_METADATA:
        break;
    }
    return BLOB_FILE;
}

/* The links in the block just read may be opened from now on. */
static Status allow_block(struct blobs *content, uint64_t codec,
                          const struct unixfs_node *node, struct error *err)
{
    for (size_t index = 0; index < node->dag.count; index++)
        TRY(blob_give(content, node->dag.links[index].cid, err));
    if (codec != CODEC_DAG_CBOR)
        return STATUS_OK;
    struct giving giving = {content, STATUS_OK};
    Status status = codec_links(codec, node->data, give_link, &giving, err);
    if (status == STATUS_OK || giving.status != STATUS_OK)
        return status;
    // Too deep is as malformed as anything else in a block.
    return fail_in(err, STATUS_INVALID, "linked dag-cbor block");
}

/* Reads a blob's block, once; later only what is asked of it. */
static Status learn(struct blobs *content, uint32_t blob, struct error *err)
{
    if (blob_of(content, blob)->is_open)
        return STATUS_OK;
    struct blob_cursor *cursor;
    TRY(blob_cursor(content, blob, &cursor, err));
    const struct unixfs_node *node = &cursor->levels[0].loaded.node;
    struct blob *found = blob_of(content, blob);
    struct cid_parts parts;
    cid_parts_of(cid_bytes(&found->cid), &parts);
    bool is_unixfs = parts.codec == CODEC_RAW || parts.codec == CODEC_DAG_PB;
    found->kind = is_unixfs ? kind_of(node) : BLOB_BLOCK;
    found->size = found->kind == BLOB_FILE ? node->size : node->data.len;
    if (found->must_be_file && found->kind != BLOB_FILE)
        return fail(err, STATUS_INVALID, "ipvm/bytes links to no file");
    TRY(allow_block(content, parts.codec, node, err));
    found->is_open = true;
    return STATUS_OK;
}

Status blob_open(struct blobs *content, Bytes cid, uint32_t *blob,
                 struct error *err)
{
    if (!map_get(&content->allowed, cid))
        return fail(err, STATUS_INVALID,
                    "a link was opened that stands neither in the arguments "
                    "nor in a block already opened");
    TRY(blob_take_link(content, cid, false, blob, err));
    return learn(content, *blob, err);
}

Status blob_kind(struct blobs *content, uint32_t blob, BlobKind *out,
                 struct error *err)
{
    TRY(learn(content, blob, err));
    *out = blob_of(content, blob)->kind;
    return STATUS_OK;
}

Status blob_size(struct blobs *content, uint32_t blob, uint64_t *out,
                 struct error *err)
{
    TRY(learn(content, blob, err));
    const struct blob *found = blob_of(content, blob);
    if (found->kind == BLOB_DIRECTORY)
        return fail(err, STATUS_INVALID, "a directory was read as a file");
    *out = found->size;
    return STATUS_OK;
}

Status blob_range(struct blobs *content, uint32_t blob, uint64_t offset,
                  uint32_t len, uint32_t *out, struct error *err)
{
    uint64_t size;
    TRY(blob_size(content, blob, &size, err));
    if (len > BLOB_READ_MAX)
        return fail(err, STATUS_INVALID,
                    "a read of %u bytes; at most %d are given at once", len,
                    BLOB_READ_MAX);
    uint64_t left = offset < size ? size - offset : 0;
    *out = left < len ? (uint32_t)left : len;
    return STATUS_OK;
}

Status blob_read(struct blobs *content, uint32_t blob, uint64_t offset,
                 uint8_t *out, uint32_t len, struct error *err)
{
    const struct blob *found = blob_of(content, blob);
    if (len == 0)
        return STATUS_OK;
    ASSERT(found->is_open && offset <= found->size &&
           len <= found->size - offset);
    content->bytes_read += len;
    if (found->cid.len == 0) {
        memcpy(out, found->bytes.data + offset, len);
        return STATUS_OK;
    }
    struct blob_cursor *cursor;
    TRY(blob_cursor(content, blob, &cursor, err));
    while (len > 0) {
        Bytes piece;
        TRY(blob_piece(content, cursor, offset, &piece, err));
        uint32_t some = piece.len < len ? (uint32_t)piece.len : len;
        memcpy(out, piece.data, some);
        out += some;
        offset += some;
        len -= some;
    }
    return STATUS_OK;
}

/* --- Directories --------------------------------------------------------- */

static Status check_directory(struct blobs *content, uint32_t blob,
                              struct error *err)
{
    TRY(learn(content, blob, err));
    if (blob_of(content, blob)->kind == BLOB_DIRECTORY)
        return STATUS_OK;
    return fail(err, STATUS_INVALID, "what is no directory was listed");
}

/* The listing is sorted, so all of it is read; that of one directory is kept
 * for the calls that follow. */
static Status list(struct blobs *content, uint32_t blob, struct error *err)
{
    if (content->listed == blob)
        return STATUS_OK;
    struct unixfs_source source = blob_source_of(content);
    content->listed = 0;
    arena_reset(&content->listing);
    TRY(unixfs_list(&source, cid_bytes(&blob_of(content, blob)->cid),
                    &content->listing, &content->entries, err));
    if (content->listing.total >
        content->links->bytes_max - content->links->bytes)
        return fail(err, STATUS_LIMIT,
                    "the listing of a directory takes more than %llu bytes, "
                    "by the task's memory limit",
                    (unsigned long long)content->links->bytes_max);
    content->listed = blob;
    return STATUS_OK;
}

Status blob_entries(struct blobs *content, uint32_t blob, uint64_t start,
                    uint32_t count, struct unixfs_entries *out,
                    struct error *err)
{
    TRY(check_directory(content, blob, err));
    if (count > BLOB_ENTRIES_MAX)
        return fail(err, STATUS_INVALID,
                    "a page of %u entries; at most %d are given at once",
                    count, BLOB_ENTRIES_MAX);
    TRY(list(content, blob, err));
    const struct unixfs_entries *all = &content->entries;
    uint64_t left = start < all->count ? all->count - start : 0;
    *out = (struct unixfs_entries){
        left > 0 ? all->items + start : NULL,
        left < count ? (size_t)left : count,
    };
    return STATUS_OK;
}

// Names that no directory has, and that unixfs_resolve() takes for a path.
static bool is_name(Text name)
{
    return name.len > 0 && !memchr(name.data, '/', name.len) &&
           !text_equal(name, TEXT(".")) && !text_equal(name, TEXT(".."));
}

Status blob_find(struct blobs *content, uint32_t blob, Text name, Bytes *out,
                 struct error *err)
{
    *out = bytes_of(NULL, 0);
    TRY(check_directory(content, blob, err));
    if (!is_name(name))
        return STATUS_OK;
    struct unixfs_source source = blob_source_of(content);
    struct error inner = {.message = ""};
    arena_reset(&content->finding);
    Status status =
        unixfs_resolve(&source, cid_bytes(&blob_of(content, blob)->cid), name,
                       &content->finding, out, &inner);
    // A missing block says so in words; a missing name says nothing.
    if (status == STATUS_NOT_FOUND && inner.message[0] == '\0') {
        *out = bytes_of(NULL, 0);
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        return fail(err, status, "%s", inner.message);
    return blob_give(content, *out, err);
}

/* --- Handles ------------------------------------------------------------- */

uint32_t blob_handle_new(struct blobs *content, uint32_t blob, bool is_borrow)
{
    uint32_t handle = content->free_handle;
    if (handle != 0) {
        content->free_handle = content->handles[handle - 1].next;
    } else {
        if (content->handle_count == content->handle_room) {
            content->handle_room =
                content->handle_room ? 2 * content->handle_room : 8;
            content->handles =
                heap_resize(content->handles, content->handle_room,
                            sizeof *content->handles);
        }
        handle = ++content->handle_count;
    }
    content->handles[handle - 1] = (struct blob_handle){blob, is_borrow, 0};
    content->borrows += is_borrow;
    return handle;
}

Status blob_handle_blob(const struct blobs *content, uint32_t handle,
                        uint32_t *blob, struct error *err)
{
    *blob = 0;
    if (handle > 0 && handle <= content->handle_count)
        *blob = content->handles[handle - 1].blob;
    if (*blob != 0)
        return STATUS_OK;
    return fail(err, STATUS_INVALID, "no blob has the handle %u", handle);
}

Status blob_handle_drop(struct blobs *content, uint32_t handle,
                        struct error *err)
{
    uint32_t blob;
    TRY(blob_handle_blob(content, handle, &blob, err));
    struct blob_handle *dropped = &content->handles[handle - 1];
    if (dropped->is_borrow)
        content->borrows--;
    else
        blob_drop(content, blob);
    *dropped = (struct blob_handle){.next = content->free_handle};
    content->free_handle = handle;
    return STATUS_OK;
}
