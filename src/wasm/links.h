/* SPDX-License-Identifier: Apache-2.0 */
/* links.h - what the links and stand-ins in a call's arguments mean: blocks
 * are asked from the host and held until the call is over.
 *
 *     link to raw, UnixFS file     bytes, or text where text is wanted
 *     link to dag-cbor             its value
 *     link to UnixFS directory     the regular files below it, by path
 *     {"ipvm/bytes": link}         the bytes, whatever is wanted
 *     {"ipvm/text": link}          the text
 *     {"ipvm/value": link}         the value
 *
 * Thread: one at a time.
 */
#ifndef IPVM_WASM_LINKS_H
#define IPVM_WASM_LINKS_H

#include "ipld/value.h"
#include "task/runner.h"

struct link_block;
struct blobs;

struct links {
    const struct run_host *host;
    struct arena *arena;
    uint64_t bytes;     /* held so far */
    uint64_t bytes_max; /* STATUS_LIMIT past it */
    struct link_block *held;
    /* Told of links in values that stand in for others, and makes blobs;
     * NULL: the call has none. */
    struct blobs *content;
};

enum {
    LINKS_DEPTH_MAX = 100, /* links that lead to links */
};

void links_init(struct links *links, const struct run_host *host,
                struct arena *arena, uint64_t bytes_max);
/* Gives all blocks back to the host. */
void links_release(struct links *links);

typedef enum {
    LINK_VALUE, /* dag-cbor */
    LINK_BYTES, /* raw */
    LINK_FILES, /* dag-pb: a UnixFS file or directory, or neither */
    LINK_OTHER
} LinkKind;
LinkKind link_kind(Bytes cid);

/* The value of a dag-cbor block. */
Status links_value(struct links *links, Bytes cid, Value *out,
                   struct error *err);

/* The bytes of a raw block or UnixFS file. `*is_file` (may be NULL) is false
 * for well-formed dag-pb that is no file, which otherwise is
 * STATUS_INVALID. */
Status links_bytes(struct links *links, Bytes cid, Bytes *out, bool *is_file,
                   struct error *err);

/* The regular files below a UnixFS directory, sorted bytewise by path. */
struct link_file {
    Text path;
    Bytes bytes;
};
Status links_directory(struct links *links, Bytes cid, struct link_file **out,
                       size_t *count, struct error *err);

/* What a stand-in stands for. Any other reserved map but a known error is
 * STATUS_INVALID; everything else stays as it is. `*out` may still be one. */
Status links_expand(struct links *links, const Value *value, Value *out,
                    struct error *err);

/* Counts memory for the call; STATUS_LIMIT past bytes_max. */
Status links_charge(struct links *links, uint64_t bytes, struct error *err);

#endif
