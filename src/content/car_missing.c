/* SPDX-License-Identifier: Apache-2.0 */
/* car_missing.c - what a CAR's roots lead to and nobody has brought. */
#include <stdio.h>

#include "content/car_import.h"
#include "content/walk.h"
#include "ipld/codec.h"

struct looking {
    struct store *store;
    struct car_missing *out;
};

/* A visit without a block may be a leaf that was not read. */
static Status note_missing(void *context, const struct walk_visit *visit,
                           struct error *err)
{
    const struct looking *looking = context;
    (void)err;
    if (visit->block || store_has(looking->store, visit->cid))
        return STATUS_OK;
    if (looking->out->count++ == 0)
        looking->out->first = *visit->cid;
    return STATUS_OK;
}

Status car_look_below(struct store *store, const struct car_imported *imported,
                      struct car_missing *out, struct error *err)
{
    struct looking looking = {store, out};
    struct error inner = {0};
    const struct walk_options options = {
        .missing_too = true,
        .skip_leaves = true,
        .context = &looking,
    };
    *out = (struct car_missing){0};
    Status status = content_walk(store, imported->roots, imported->root_count,
                                 &options, note_missing, &inner);
    if (status == STATUS_INVALID || status == STATUS_LIMIT) {
        snprintf(out->trouble, sizeof out->trouble, "%s", inner.message);
        return STATUS_OK;
    }
    if (err)
        *err = inner;
    return status;
}
