/* SPDX-License-Identifier: Apache-2.0 */
/* blob.h - what ipvm:content gives a guest: blobs, opened by link and read
 * piece by piece (docs/formats/content-import.md).
 *
 *     link --blob_open--> blob --blob_read, _entries, _find--> bytes
 *
 * A link may be opened if it stands in the arguments or in a block already
 * opened. A blob keeps nothing but its link; the nodes on the way to where a
 * few blobs are read are kept by cursors (blob_cursor.c), so a file of any
 * size takes the same memory.
 *
 * STATUS_INVALID is what the program and the content determine: a trap.
 * STATUS_NOT_FOUND and STATUS_UNSUPPORTED: a block is not to be had, the task
 * ends as unavailable. STATUS_LIMIT: limit/memory. Thread: one at a time.
 */
#ifndef IPVM_WASM_BLOB_H
#define IPVM_WASM_BLOB_H

#include "base/map.h"
#include "ipld/unixfs_load.h"
#include "wasm/links.h"

typedef enum {
    BLOB_FILE,
    BLOB_DIRECTORY,
    BLOB_SYMLINK,
    BLOB_BLOCK /* of a codec other than raw and dag-pb */
} BlobKind;

enum {
    BLOBS_MAX = 16384,        /* open at once */
    BLOB_READ_MAX = 16 << 20, /* bytes of one read */
    BLOB_ENTRIES_MAX = 1024,  /* of one call */
    BLOB_CURSORS = 4,         /* blobs read without starting at the root */
    BLOB_EXPECTED_MAX = 4,    /* blocks asked for ahead */
};

struct blob {
    Cid cid;
    Bytes bytes; /* of a blob made of bytes; then `cid` is empty */
    bool is_used;
    bool is_open;      /* its block was read: what follows is known */
    bool must_be_file; /* it stands for bytes */
    BlobKind kind;
    uint64_t size;
    uint32_t next; /* free blobs */
};

/* A node on the way from a blob's root to where it is read. */
struct blob_level {
    struct unixfs_loaded loaded;
    uint64_t at;       /* of the node's first byte in the file */
    size_t child;      /* the one below, or SIZE_MAX */
    uint64_t child_at; /* of its first byte */
};

struct blob_cursor {
    uint32_t blob; /* 0: free */
    uint64_t used; /* when */
    bool is_sequential;
    unsigned depth; /* levels in use */
    struct blob_level levels[UNIXFS_DEPTH_MAX + 2];
};

/* What a guest calls a blob by: the handle table of the component model. */
struct blob_handle {
    uint32_t blob; /* 0: free */
    bool is_borrow;
    uint32_t next; /* free handles */
};

struct blobs {
    struct links *links;
    struct map allowed; /* binary CIDs */
    struct blob *blobs;
    uint32_t blob_count, blob_room, blobs_open, free_blob; /* numbers from 1 */
    struct blob_handle *handles;
    uint32_t handle_count, handle_room, free_handle, borrows;
    struct blob_cursor *cursors; /* BLOB_CURSORS, once needed */
    uint64_t clock;
    uint64_t bytes_read;
    /* The listing of the directory that was listed last. */
    uint32_t listed; /* its blob, or 0 */
    struct arena listing;
    struct unixfs_entries entries;
    struct arena finding; /* what blob_find() found last */
    uint8_t *scratch;     /* for component.c */
    size_t scratch_room;
};

void blob_init(struct blobs *content, struct links *links);
void blob_deinit(struct blobs *content);

/* The links in `value` may be opened; those in stand-ins are no links. */
Status blob_allow(struct blobs *content, const Value *value,
                  struct error *err);

/* A parameter's blob, unread. `must_be_file`: it stands for bytes. */
Status blob_take_link(struct blobs *content, Bytes cid, bool must_be_file,
                      uint32_t *blob, struct error *err);
/* `bytes` live as long as the call. */
Status blob_take_bytes(struct blobs *content, Bytes bytes, uint32_t *blob,
                       struct error *err);

Status blob_open(struct blobs *content, Bytes cid, uint32_t *blob,
                 struct error *err);
void blob_drop(struct blobs *content, uint32_t blob);
Status blob_kind(struct blobs *content, uint32_t blob, BlobKind *out,
                 struct error *err);
Status blob_size(struct blobs *content, uint32_t blob, uint64_t *out,
                 struct error *err);
/* How many bytes a read gives: `len`, or fewer at the end. */
Status blob_range(struct blobs *content, uint32_t blob, uint64_t offset,
                  uint32_t len, uint32_t *out, struct error *err);
/* Reads a range that blob_range() gave. */
Status blob_read(struct blobs *content, uint32_t blob, uint64_t offset,
                 uint8_t *out, uint32_t len, struct error *err);
/* Entries from `start` on, at most `count`; valid until the next call. */
Status blob_entries(struct blobs *content, uint32_t blob, uint64_t start,
                    uint32_t count, struct unixfs_entries *out,
                    struct error *err);
/* Notes that the guest was given this entry: it may open its link. */
Status blob_give(struct blobs *content, Bytes cid, struct error *err);
/* `*out` is empty if there is no such name; valid until the next call. */
Status blob_find(struct blobs *content, uint32_t blob, Text name, Bytes *out,
                 struct error *err);

/* --- Handles ------------------------------------------------------------- */

/* As the component model numbers them: from 1, the last freed first. */
uint32_t blob_handle_new(struct blobs *content, uint32_t blob, bool is_borrow);
/* STATUS_INVALID: no such handle. */
Status blob_handle_blob(const struct blobs *content, uint32_t handle,
                        uint32_t *blob, struct error *err);
Status blob_handle_drop(struct blobs *content, uint32_t handle,
                        struct error *err);

/* --- blob_cursor.c ------------------------------------------------------ */

/* The cursor of a blob that has a root block, at its root at least. */
Status blob_cursor(struct blobs *content, uint32_t blob,
                   struct blob_cursor **out, struct error *err);
/* What there is in one piece from `offset` on, which is inside the file. */
Status blob_piece(struct blobs *content, struct blob_cursor *cursor,
                  uint64_t offset, Bytes *out, struct error *err);
void blob_cursor_close(struct blobs *content, struct blob_cursor *cursor);
/* The host's blocks, as a reader wants them. */
struct unixfs_source blob_source_of(struct blobs *content);

#endif
