/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/links.h"

#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "ipld/unixfs.h"
#include "task/reserved.h"
#include "wasm/blob.h"

enum { DIRECTORY_DEPTH_MAX = 32 };

struct link_block {
    struct run_block block;
    struct link_block *next;
};

void links_init(struct links *links, const struct run_host *host,
                struct arena *arena, uint64_t bytes_max)
{
    *links =
        (struct links){.host = host, .arena = arena, .bytes_max = bytes_max};
}

void links_release(struct links *links)
{
    for (struct link_block *held = links->held; held; held = held->next)
        links->host->release_block(links->host->context, &held->block);
    links->held = NULL;
}

Status links_charge(struct links *links, uint64_t bytes, struct error *err)
{
    if (bytes > links->bytes_max - links->bytes)
        return fail(err, STATUS_LIMIT,
                    "the arguments take more than %llu bytes, by the task's "
                    "memory limit",
                    (unsigned long long)links->bytes_max);
    links->bytes += bytes;
    return STATUS_OK;
}

LinkKind link_kind(Bytes cid)
{
    struct cid_parts parts;
    cid_parts_of(cid, &parts);
    return parts.codec == CODEC_DAG_CBOR ? LINK_VALUE
           : parts.codec == CODEC_RAW    ? LINK_BYTES
           : parts.codec == CODEC_DAG_PB ? LINK_FILES
                                         : LINK_OTHER;
}

static Status ask(struct links *links, Bytes cid, struct run_block *out,
                  struct error *err)
{
    Status status = links->host->block(links->host->context, cid, out, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    Text name = cid_bytes_to_text(cid, links->arena);
    return fail(err, status, "block %.*s is not here", TEXT_ARG(name));
}

/* Asks for a block and holds it until links_release(). */
static Status hold(struct links *links, Bytes cid, Bytes *out,
                   struct error *err)
{
    struct cid_parts parts;
    cid_parts_of(cid, &parts);
    if (parts.hash_code == HASH_IDENTITY) {
        *out = parts.digest;
        return STATUS_OK;
    }
    struct link_block *held = ARENA_NEW(links->arena, struct link_block);
    TRY(ask(links, cid, &held->block, err));
    held->next = links->held;
    links->held = held;
    *out = held->block.bytes;
    return links_charge(links, out->len, err);
}

Status links_value(struct links *links, Bytes cid, Value *out,
                   struct error *err)
{
    Bytes block;
    TRY(hold(links, cid, &block, err));
    size_t before = links->arena->total;
    Status status = dag_cbor_decode(block, links->arena, out, err);
    if (status == STATUS_OK)
        status = value_check(out, FROM_BLOCK, VALUE_DEPTH_MAX, err);
    if (status != STATUS_OK)
        // Too deep is as malformed as anything else in a block.
        return fail_in(err, STATUS_INVALID, "linked dag-cbor block");
    if (links->content)
        TRY(blob_allow(links->content, out, err));
    return links_charge(links, links->arena->total - before, err);
}

/* --- UnixFS -------------------------------------------------------------- */

static Status source_get(void *context, Bytes cid, struct unixfs_block *out,
                         struct error *err)
{
    struct run_block block;
    TRY(ask(context, cid, &block, err));
    *out = (struct unixfs_block){.bytes = block.bytes, .handle = block.owner};
    return STATUS_OK;
}

static void source_release(void *context, struct unixfs_block *block)
{
    struct links *links = context;
    struct run_block lent = {.bytes = block->bytes, .owner = block->handle};
    links->host->release_block(links->host->context, &lent);
}

static struct unixfs_source source_of(struct links *links)
{
    return (struct unixfs_source){
        .get = source_get, .release = source_release, .context = links};
}

Status links_bytes(struct links *links, Bytes cid, Bytes *out, bool *is_file,
                   struct error *err)
{
    LinkKind kind = link_kind(cid);
    if (is_file)
        *is_file = true;
    if (kind == LINK_BYTES)
        return hold(links, cid, out, err);
    if (kind != LINK_FILES)
        return fail(err, STATUS_INVALID,
                    "expected a link to bytes: codec raw or dag-pb");
    struct unixfs_source source = source_of(links);
    struct unixfs_info info;
    TRY(unixfs_open(&source, cid, &info, err));
    if (info.kind != UNIXFS_FILE) {
        if (!is_file)
            return fail(
                err, STATUS_INVALID, "expected a link to a file, found a %s",
                info.kind == UNIXFS_DIRECTORY ? "directory" : "symlink");
        *is_file = false;
        return STATUS_OK;
    }
    TRY(links_charge(links, info.size, err));
    uint8_t *bytes = arena_alloc(links->arena, info.size);
    *out = bytes_of(bytes, info.size);
    return unixfs_read(&source, cid, 0, bytes, info.size, err);
}

struct walk {
    struct links *links;
    struct unixfs_source source;
    struct link_file *files; /* owned, growing */
    size_t count;
    size_t capacity;
};

static Status walk_file(struct walk *walk, Text path, Bytes cid,
                        struct error *err)
{
    if (walk->count == walk->capacity) {
        walk->capacity = walk->capacity ? 2 * walk->capacity : 64;
        walk->files =
            heap_resize(walk->files, walk->capacity, sizeof *walk->files);
    }
    struct link_file *file = &walk->files[walk->count++];
    file->path = path;
    return links_bytes(walk->links, cid, &file->bytes, NULL, err);
}

static Status walk_directory(struct walk *walk, Text path, Bytes cid,
                             int depth, struct error *err)
{
    struct unixfs_entries entries;
    if (depth == DIRECTORY_DEPTH_MAX)
        return fail(err, STATUS_INVALID, "directories nest deeper than %d",
                    DIRECTORY_DEPTH_MAX);
    size_t before = walk->links->arena->total;
    TRY(unixfs_list(&walk->source, cid, walk->links->arena, &entries, err));
    TRY(links_charge(walk->links, walk->links->arena->total - before, err));
    for (size_t index = 0; index < entries.count; index++) {
        const struct unixfs_entry *entry = &entries.items[index];
        struct unixfs_info info;
        Text below = path.len == 0
                         ? entry->name
                         : arena_format(walk->links->arena, "%.*s/%.*s",
                                        TEXT_ARG(path), TEXT_ARG(entry->name));
        // A directory may link to one below many times over.
        TRY(links_charge(walk->links, below.len + sizeof(struct link_file),
                         err));
        TRY(unixfs_open(&walk->source, entry->cid, &info, err));
        if (info.kind == UNIXFS_DIRECTORY)
            TRY(walk_directory(walk, below, entry->cid, depth + 1, err));
        else if (info.kind == UNIXFS_FILE)
            TRY(walk_file(walk, below, entry->cid, err));
    }
    return STATUS_OK;
}

static int compare_files(const void *a, const void *b)
{
    const struct link_file *left = a, *right = b;
    return bytes_compare(text_bytes(left->path), text_bytes(right->path));
}

Status links_directory(struct links *links, Bytes cid, struct link_file **out,
                       size_t *count, struct error *err)
{
    struct walk walk = {.links = links, .source = source_of(links)};
    struct unixfs_info info;
    if (link_kind(cid) != LINK_FILES)
        return fail(err, STATUS_INVALID,
                    "expected a link to a directory: codec dag-pb");
    TRY(unixfs_open(&walk.source, cid, &info, err));
    if (info.kind != UNIXFS_DIRECTORY)
        return fail(err, STATUS_INVALID,
                    "expected a link to a directory, found a %s",
                    info.kind == UNIXFS_FILE ? "file" : "symlink");
    Status status = walk_directory(&walk, TEXT(""), cid, 0, err);
    *out = arena_array(links->arena, walk.count, sizeof **out);
    *count = walk.count;
    if (walk.count > 0) {
        qsort(walk.files, walk.count, sizeof *walk.files, compare_files);
        memcpy(*out, walk.files, walk.count * sizeof **out);
    }
    free(walk.files);
    return status;
}

/* --- Stand-ins ----------------------------------------------------------- */

static Status expand_text(struct links *links, Bytes cid, Value *out,
                          struct error *err)
{
    Bytes bytes;
    size_t bad;
    TRY(links_bytes(links, cid, &bytes, NULL, err));
    *out = value_text(bytes_text(bytes));
    if (utf8_is_valid(out->text, &bad))
        return STATUS_OK;
    return fail(err, STATUS_INVALID, "ipvm/text is not UTF-8 at byte %zu",
                bad);
}

Status links_expand(struct links *links, const Value *value, Value *out,
                    struct error *err)
{
    Reserved reserved = value_reserved(value);
    *out = *value;
    if (reserved == RESERVED_NO || reserved == RESERVED_ERROR)
        return STATUS_OK;
    if (!reserved_is_stand_in(reserved))
        return fail(err, STATUS_INVALID,
                    "a map with the one key \"%.*s\" is reserved",
                    TEXT_ARG(value->map.entries[0].key));
    Bytes cid = value->map.entries[0].value.link;
    if (reserved == RESERVED_TEXT)
        return expand_text(links, cid, out, err);
    if (reserved == RESERVED_VALUE) {
        if (link_kind(cid) != LINK_VALUE)
            return fail(err, STATUS_INVALID,
                        "ipvm/value does not link to dag-cbor");
        return links_value(links, cid, out, err);
    }
    Bytes bytes;
    TRY(links_bytes(links, cid, &bytes, NULL, err));
    *out = value_bytes(bytes);
    return STATUS_OK;
}
