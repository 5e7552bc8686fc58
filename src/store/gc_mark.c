/* SPDX-License-Identifier: Apache-2.0 */
/* gc_mark.c - the closure of the roots.
 *
 * A block is kept by its multihash, but followed by its codec: the same bytes
 * may be reached as raw, which has no links, and as dag-cbor, which has. Blocks
 * without links are kept without being read. The stack holds only what is still
 * to be followed, so that a DAG may be as deep or wide as it likes.
 */
#include <stdlib.h>

#include "ipld/codec.h"
#include "store/gc_private.h"

enum { IN_ONE_READ = 512 }; /* blocks followed in one read transaction */

void mark_deinit(struct collector *collector)
{
    seen_deinit(&collector->kept);
    seen_deinit(&collector->lately);
    seen_deinit(&collector->absent);
    for (size_t class = 0; class < CLASS_COUNT; class ++)
        seen_deinit(&collector->followed[class]);
    free(collector->stack);
}

static void push(struct collector *collector, Bytes cid)
{
    if (collector->capacity - collector->len < CID_BYTES_MAX + 1) {
        collector->capacity = collector->capacity * 2 + 4096;
        collector->stack =
            heap_resize(collector->stack, collector->capacity, 1);
    }
    memcpy(collector->stack + collector->len, cid.data, cid.len);
    collector->len += cid.len;
    collector->stack[collector->len++] = (uint8_t)cid.len;
}

static void pop(struct collector *collector, Cid *out)
{
    out->len = collector->stack[--collector->len];
    collector->len -= out->len;
    memcpy(out->bytes, collector->stack + collector->len, out->len);
}

void mark_add(struct collector *collector, Bytes bytes)
{
    struct cid_parts parts;
    // No block has a name longer than what a Cid holds.
    if (bytes.len > CID_BYTES_MAX || cid_check_bytes(bytes, NULL) != STATUS_OK)
        return;
    Cid cid = {.len = (uint8_t)bytes.len};
    memcpy(cid.bytes, bytes.data, bytes.len);
    cid_parts_of(cid_bytes(&cid), &parts);
    const unsigned class = cid_class(bytes);
    const Bytes name = cid_multihash(&cid);
    if (parts.hash_code != HASH_IDENTITY && seen_add(&collector->kept, name) &&
        collector->is_lately)
        seen_add(&collector->lately, name);
    if (class == CLASS_LEAF)
        return;
    const bool is_new = seen_add(&collector->followed[class], name);
    // One that was not there may have been put since.
    if (is_new || (collector->is_lately && seen_has(&collector->absent, name)))
        push(collector, bytes);
}

static Status add_link(void *context, Bytes cid,
                       [[maybe_unused]] struct error *err)
{
    mark_add(context, cid);
    return STATUS_OK;
}

static Status follow(struct collector *collector, const Cid *cid, Bytes bytes,
                     struct error *err)
{
    char name[CID_TEXT_MAX];
    collector->followed_count++;
    if (cid_verify(cid, bytes, NULL) == STATUS_CORRUPT) {
        cid_to_text(cid, name);
        return fail(err, STATUS_CORRUPT,
                    "block %s is needed and damaged, nothing more was "
                    "removed: run `ipvm fsck --repair` first",
                    name);
    }
    // Bytes that are right but that their codec refuses lead nowhere, for
    // anybody: a strict reader sees no links in them.
    IGNORE(codec_links(cid_codec(cid), bytes, add_link, collector, NULL));
    return STATUS_OK;
}

/* One that is not in the tables may be in a source of blocks. */
static Status follow_elsewhere(struct collector *collector, const Cid *cid,
                               struct error *err)
{
    struct block *block = NULL;
    Status status = store_get(collector->store, cid, &block, NULL);
    if (status != STATUS_OK) {
        seen_add(&collector->absent, cid_multihash(cid));
        collector->nowhere += !collector->is_lately;
        return STATUS_OK;
    }
    status = follow(collector, cid, block_bytes(block), err);
    block_unref(block);
    return status;
}

static Status follow_one(struct collector *collector,
                         struct transaction *transaction, const Cid *cid,
                         Cid *elsewhere, struct error *err)
{
    Bytes bytes;
    if (cid_hash_code(cid) == HASH_IDENTITY) {
        struct cid_parts parts;
        cid_parts_of(cid_bytes(cid), &parts);
        return follow(collector, cid, parts.digest, err);
    }
    Status status = transaction_get(transaction, TABLE_BLOCKS,
                                    cid_multihash(cid), &bytes, err);
    if (status == STATUS_OK)
        return follow(collector, cid, bytes, err);
    if (status == STATUS_NOT_FOUND) {
        *elsewhere = *cid;
        status = STATUS_OK;
    }
    return status;
}

Status mark_some(struct collector *collector, struct transaction *transaction,
                 size_t max, struct error *err)
{
    for (size_t count = 0; collector->len > 0 && count < max; count++) {
        Cid cid, elsewhere = {0};
        pop(collector, &cid);
        TRY(follow_one(collector, transaction, &cid, &elsewhere, err));
        if (elsewhere.len > 0) {
            // Asking a source is not for a transaction: whoever calls sees
            // that something is left.
            push(collector, cid_bytes(&elsewhere));
            break;
        }
    }
    return STATUS_OK;
}

Status mark_all(struct collector *collector, struct error *err)
{
    while (collector->len > 0) {
        struct transaction transaction;
        const uint64_t before = collector->followed_count;
        TRY(tables_read(collector->store->tables, &transaction, err));
        Status status = mark_some(collector, &transaction, IN_ONE_READ, err);
        transaction_end(&transaction);
        TRY(status);
        if (collector->len > 0 &&
            collector->followed_count - before < IN_ONE_READ) {
            Cid cid;
            pop(collector, &cid);
            TRY(follow_elsewhere(collector, &cid, err));
        }
        TRY(collector_tell(collector, "marking", collector->kept.count, 0,
                           err));
    }
    return STATUS_OK;
}
