/* SPDX-License-Identifier: Apache-2.0 */
/* car_export.h - DAGs out of a store as a CARv1, in an order that is always
 * the same: depth first from the roots as given, a block before what it links,
 * links in their order, no block twice (walk.h). Identity CIDs are not
 * written: they answer for themselves.
 *
 * Nothing that is written is larger in memory than one block. Thread: any; the
 * store's. */
#ifndef IPVM_CONTENT_CAR_EXPORT_H
#define IPVM_CONTENT_CAR_EXPORT_H

#include "content/content.h"
#include "ipld/car.h"

/* What is written, beside the DAGs below `roots`. */
struct car_export {
    const Cid *roots; /* of the header, in their order */
    size_t root_count;
    /* Links of this kind are not followed; may be NULL. */
    bool (*skip)(void *context, const Cid *cid);
    void *skip_context;
    ContentProgress *progress; /* told the bytes written; `total` is 0 */
    void *context;
};

struct car_exported {
    uint64_t blocks;
    uint64_t bytes; /* of the whole file */
};

/* Writes to `file`, as it goes. STATUS_NOT_FOUND: a block is not here, named;
 * STATUS_CORRUPT, STATUS_INVALID: a block is damaged or malformed, named. */
Status car_export_file(struct store *store, int file,
                       const struct car_export *what, struct car_exported *out,
                       struct error *err);
/* The same to a path, where it appears by rename, whole or not at all. */
Status car_export_path(struct store *store, const char *path,
                       const struct car_export *what, struct car_exported *out,
                       struct error *err);

#endif
