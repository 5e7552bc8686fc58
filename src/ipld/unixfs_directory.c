/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_directory.c - directories that fit in one node, and symlinks. What
 * does not fit is written by unixfs_hamt.c. */
#include "ipld/unixfs_directory.h"

#include <stdlib.h>

#include "ipld/protobuf.h"
#include "ipld/unixfs_encode.h"
#include "ipld/unixfs_hamt.h"

static int by_name(const void *left, const void *right)
{
    const struct unixfs_child *a = left, *b = right;
    return bytes_compare(text_bytes(a->name), text_bytes(b->name));
}

/* --- What we write ------------------------------------------------------ */

static Status bad_name(Text name, const char *why, struct error *err)
{
    // What is not UTF-8 is not for a message either.
    size_t valid = name.len;
    utf8_is_valid(name, &valid);
    return fail(err, STATUS_INVALID, "a directory cannot hold \"%.*s\": %s",
                (int)(valid < 80 ? valid : 80), name.data, why);
}

static Status check_name(Text name, struct error *err)
{
    if (name.len == 0)
        return bad_name(name, "the name is empty", err);
    if (text_equal(name, TEXT(".")) || text_equal(name, TEXT("..")))
        return bad_name(name, "it is the name of another directory", err);
    if (memchr(name.data, '/', name.len))
        return bad_name(name, "the name has a slash in it", err);
    if (memchr(name.data, '\0', name.len))
        return bad_name(name, "the name has a zero byte in it", err);
    if (!utf8_is_valid(name, NULL))
        return bad_name(name, "the name is not UTF-8 from there on", err);
    if (name.len > UNIXFS_NAME_MAX)
        return bad_name(name, "the name is longer than 255 bytes", err);
    return STATUS_OK;
}

/* Checks and sorts. */
static Status prepare(struct unixfs_child *children, size_t count,
                      struct error *err)
{
    for (size_t index = 0; index < count; index++) {
        ASSERT(children[index].cid.len > 0);
        TRY(check_name(children[index].name, err));
    }
    if (count > 1)
        qsort(children, count, sizeof *children, by_name);
    for (size_t index = 1; index < count; index++)
        if (text_equal(children[index - 1].name, children[index].name))
            return bad_name(children[index].name, "the name comes twice", err);
    return STATUS_OK;
}

static Status check_metadata(const struct unixfs_metadata *metadata,
                             struct error *err)
{
    if (metadata->has_mode && metadata->mode > 07777)
        return fail(err, STATUS_INVALID,
                    "a mode of 0%o has more than the "
                    "permission bits",
                    metadata->mode);
    if (metadata->has_mtime && metadata->mtime_ns >= 1000000000)
        return fail(err, STATUS_INVALID,
                    "a time with %u nanoseconds beside its seconds",
                    metadata->mtime_ns);
    return STATUS_OK;
}

/* --- One node ----------------------------------------------------------- */

/* Bytes of the block with these children and the data in `inner`, or
 * something above UNIXFS_SHARD_BYTES. Tsize counts: by this rule the profile
 * says which directories are sharded. */
static size_t node_length(const struct unixfs_child *children, size_t count,
                          size_t inner)
{
    size_t total = protobuf_bytes_length(inner);
    for (size_t index = 0; index < count && total <= UNIXFS_SHARD_BYTES;
         index++) {
        const struct unixfs_child *child = &children[index];
        total +=
            protobuf_bytes_length(protobuf_bytes_length(child->cid.len) +
                                  protobuf_bytes_length(child->name.len) + 1 +
                                  protobuf_varint_length(child->tsize));
    }
    return total;
}

static Status put_basic(struct unixfs_encoder *encoder,
                        const struct unixfs_child *children, size_t count,
                        Cid *root, uint64_t *tsize, struct error *err)
{
    struct dag_pb_link *links = heap_array(count, sizeof *links);
    for (size_t index = 0; index < count; index++)
        links[index] =
            (struct dag_pb_link){.cid = cid_bytes(&children[index].cid),
                                 .has_name = true,
                                 .has_tsize = true,
                                 .name = children[index].name,
                                 .tsize = children[index].tsize};
    Status status =
        unixfs_encoder_put(encoder, links, count, root, tsize, err);
    free(links);
    return status;
}

Status unixfs_write_directory(struct unixfs_child *children, size_t count,
                              const struct unixfs_metadata *metadata,
                              const struct unixfs_block_sink *sink, Cid *root,
                              uint64_t *tsize, struct error *err)
{
    static const struct unixfs_metadata none;
    struct unixfs_encoder encoder;
    Status status;

    if (!metadata)
        metadata = &none;
    TRY(check_metadata(metadata, err));
    TRY(prepare(children, count, err));
    unixfs_encoder_init(&encoder, sink);
    unixfs_encoder_begin(&encoder, UNIXFS_NODE_DIRECTORY);
    unixfs_encoder_metadata(&encoder, metadata);
    if (node_length(children, count, encoder.inner.len) <= UNIXFS_SHARD_BYTES)
        status = put_basic(&encoder, children, count, root, tsize, err);
    else
        status = unixfs_put_hamt(&encoder, children, count, metadata, root,
                                 tsize, err);
    unixfs_encoder_deinit(&encoder);
    return status;
}

/* --- Symlinks ----------------------------------------------------------- */

Status unixfs_write_symlink(Text target,
                            const struct unixfs_metadata *metadata,
                            const struct unixfs_block_sink *sink, Cid *root,
                            uint64_t *tsize, struct error *err)
{
    struct unixfs_metadata kept = {.has_mode = false};
    struct unixfs_encoder encoder;

    if (metadata)
        kept = *metadata;
    // A symlink has no permissions of its own, and Kubo writes none.
    kept.has_mode = false;
    TRY(check_metadata(&kept, err));
    if (target.len > 0 && memchr(target.data, '\0', target.len))
        return fail(err, STATUS_INVALID,
                    "the target of a symlink has a zero byte in it");
    unixfs_encoder_init(&encoder, sink);
    unixfs_encoder_begin(&encoder, UNIXFS_NODE_SYMLINK);
    protobuf_add_bytes(&encoder.inner, UNIXFS_FIELD_DATA, text_bytes(target));
    unixfs_encoder_metadata(&encoder, &kept);
    Status status = unixfs_encoder_put(&encoder, NULL, 0, root, tsize, err);
    unixfs_encoder_deinit(&encoder);
    return status;
}
