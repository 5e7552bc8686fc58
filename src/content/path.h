/* SPDX-License-Identifier: Apache-2.0 */
/* path.h - from what a person writes to what it names.
 *
 *     bafy…/dir/file            down UnixFS directories
 *     bafy…/tasks/0/crop/cmd    down IPLD values: keys of maps, indices of
 *                               lists, through links to other blocks
 *     /ipfs/bafy…, ipfs://bafy… the same
 *     name:photo/latest/dir     a local name (the longest that is set), then on
 *
 * dag-pb that is UnixFS is gone down as UnixFS; with `plain`, or when it is no
 * UnixFS, as {"Data", "Links": [{"Hash", "Name", "Tsize"}]}. Segments may be
 * percent-encoded only behind ipfs://. Thread: any. */
#ifndef IPVM_CONTENT_PATH_H
#define IPVM_CONTENT_PATH_H

#include "ipld/value.h"
#include "store/store.h"

struct content_found {
    Cid cid;        /* of the block that was reached last */
    bool is_inside; /* the path ends at `value` inside of that block */
    Value value;    /* if is_inside; in the arena. Never a link: the path goes
                       on to what it links */
    Text rest;      /* if is_inside: the part of the path inside the block */
};

/* Told of each block that the path is gone down through, in order, from the
 * root on; not of the one where it ends, unless it ends inside of it.
 * `is_named` false: a part of a sharded directory, which has no name. */
typedef void ContentVisit(void *context, const Cid *cid, bool is_named);

struct content_find_options {
    bool plain;          /* dag-pb as it stands, not as UnixFS */
    bool stay_inside;    /* stop at a link at the end instead of following it:
                         is_inside, and the value is that link */
    ContentVisit *visit; /* may be NULL */
    void *context;
};

/* STATUS_INVALID: not a path, or it goes on where there is nothing to go down
 * (bytes, numbers, a file). STATUS_NOT_FOUND: a name, key, index or block that
 * is not there; says which and how far the path led. If that is a block that
 * is missing or damaged, `out->cid` is its name; after any other failure it is
 * empty. `options` may be NULL. */
Status content_find(struct store *store, Text path,
                    const struct content_find_options *options,
                    struct arena *arena, struct content_found *out,
                    struct error *err);

/* The same where only a whole block will do: STATUS_INVALID if the path ends
 * inside of one. After a failure `*out` is what `out->cid` is above. */
Status content_resolve(struct store *store, Text path, Cid *out,
                       struct error *err);

#endif
