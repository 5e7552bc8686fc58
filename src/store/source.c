/* SPDX-License-Identifier: Apache-2.0 */
/* source.c - the read-only places behind the tables.
 *
 * What a source gives is hashed each time: its files are not ours, and may
 * change whenever somebody likes. So its blocks leave no mark in `verified`,
 * which is about bytes in the tables. A source that is damaged does not hide
 * the next one. */
#include <stdlib.h>

#include "store/store_private.h"

void store_add_source(struct store *store, struct block_source *source)
{
    store->sources = heap_resize(store->sources, store->source_count + 1,
                                 sizeof(struct block_source *));
    store->sources[store->source_count++] = source;
}

void source_each(struct store *store, SourceEach *each, void *context)
{
    for (size_t index = 0; index < store->source_count; index++) {
        struct block_source *source = store->sources[index];
        struct source_stat stat = {0};
        source->stat(source, &stat);
        if (!each(context, source->name, &stat))
            return;
    }
}

void sources_close(struct store *store)
{
    for (size_t index = 0; index < store->source_count; index++)
        store->sources[index]->close(store->sources[index]);
    free(store->sources);
}

bool sources_have(struct store *store, const Cid *cid)
{
    for (size_t index = 0; index < store->source_count; index++)
        if (store->sources[index]->has(store->sources[index], cid))
            return true;
    return false;
}

static Status fail_damaged(struct block_source *source, const Cid *cid,
                           struct error *err)
{
    char where[SOURCE_WHERE_MAX], name[CID_TEXT_MAX];
    source->where(source, cid, where);
    cid_to_text(cid, name);
    return fail(err, STATUS_CORRUPT,
                "block %.64s is damaged in %s: replace that file", name,
                where);
}

/* One source: the block, only if it is right. */
static Status get_verified(struct block_source *source, const Cid *cid,
                           struct block **out, struct error *err)
{
    TRY(source->get(source, cid, out, err));
    Status status = cid_verify(cid, block_bytes(*out), err);
    if (status == STATUS_OK)
        return STATUS_OK;
    block_unref(*out);
    *out = NULL;
    return status == STATUS_CORRUPT ? fail_damaged(source, cid, err) : status;
}

Status sources_get(struct store *store, const Cid *cid, struct block **out,
                   struct error *err)
{
    Status status = STATUS_NOT_FOUND;
    for (size_t index = 0; index < store->source_count; index++) {
        // The first trouble is told, unless a later source has the block.
        const bool is_first = status == STATUS_NOT_FOUND;
        Status found = get_verified(store->sources[index], cid, out,
                                    is_first ? err : NULL);
        if (found == STATUS_OK)
            return STATUS_OK;
        if (is_first)
            status = found;
    }
    return status;
}
