/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_cursor.h - the bytes of a file, piece by piece as somebody takes them;
 * as strict as unixfs_stream_range(). Memory: a block for each level of the
 * tree. Thread: one at a time. */
#ifndef IPVM_IPLD_UNIXFS_CURSOR_H
#define IPVM_IPLD_UNIXFS_CURSOR_H

#include "ipld/unixfs.h"

struct unixfs_cursor;
/* `len` bytes from `offset`; reads nothing yet. What the source borrows has to
 * outlive it; `cid`, well-formed, is copied. */
struct unixfs_cursor *unixfs_cursor_new(const struct unixfs_source *source,
                                        const Cid *cid, uint64_t offset,
                                        uint64_t len);
/* NULL is allowed. */
void unixfs_cursor_free(struct unixfs_cursor *cursor);

/* The next piece, borrowed until the next call; empty: that was all. Fails as
 * unixfs_read(); no calls after that but unixfs_cursor_free(). */
Status unixfs_cursor_next(struct unixfs_cursor *cursor, Bytes *out,
                          struct error *err);

/* Where the next byte stands, if that is in a raw leaf, which is not read for
 * it: `len` of the bytes that are wanted, `skip` bytes into `leaf`. Else `len`
 * is 0. Fails as unixfs_cursor_next(). */
struct unixfs_place {
    Cid leaf;
    uint64_t skip, len;
};
Status unixfs_cursor_place(struct unixfs_cursor *cursor,
                           struct unixfs_place *out, struct error *err);

#endif
