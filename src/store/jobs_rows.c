/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_rows.c - rows of jobs (docs/formats/store.md).
 *
 *     jobs       id → 01 | flags | submitted_ms (8) | count | length, CID …
 *                     | value
 *     jobs_open  submitted_ms (8) | id → empty
 *     jobs_time  ~submitted_ms (8) | id → empty
 *     journal    id | first (8) → events
 *
 * Numbers are big-endian, so that keys ascend as they do.
 *
 *  1. Each row of jobs has its row of jobs_time, and the reverse; each open one
 *     its row of jobs_open, and the reverse: one transaction writes them. */
#include "store/jobs_private.h"

#include <stdlib.h>

#include "base/arena.h"
#include "ipld/dag_cbor.h"

enum {
    VERSION = 1,
    IS_OPEN = 1,
    FLAGS_AT = 1,
    TIME_AT = 2,
    COUNT_AT = TIME_AT + JOB_TIME_LEN,
    HEAD_LEN = COUNT_AT + 1,
    CUT_AT_ONCE = 512,
    EVENT_HEAD_LEN = 4 + 8,
};

static void put_number(uint64_t number, uint8_t *out)
{
    for (unsigned index = 0; index < 8; index++)
        out[index] = (uint8_t)(number >> 8 * (7 - index));
}

static uint64_t get_number(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (unsigned index = 0; index < 8; index++)
        number = number << 8 | bytes[index];
    return number;
}

/* --- A row as bytes ------------------------------------------------------ */

void job_row_write(const struct job_row *row, struct buffer *out)
{
    uint8_t head[HEAD_LEN] = {VERSION};
    ASSERT(row->root_count <= JOB_ROOTS_MAX && row->submitted_ms >= 0);
    head[FLAGS_AT] = row->is_open ? IS_OPEN : 0;
    put_number((uint64_t)row->submitted_ms, head + TIME_AT);
    head[COUNT_AT] = (uint8_t)row->root_count;
    buffer_add(out, head, sizeof head);
    for (unsigned index = 0; index < row->root_count; index++) {
        buffer_add_byte(out, row->roots[index].len);
        buffer_add_bytes(out, cid_bytes(&row->roots[index]));
    }
    buffer_add_bytes(out, row->value);
}

/* All but the roots; `*rest` is what is behind. */
static bool head_read(Bytes key, Bytes value, struct job_row *out, Bytes *rest)
{
    if (key.len != SHA256_LEN || value.len < HEAD_LEN ||
        value.data[0] != VERSION || value.data[FLAGS_AT] > IS_OPEN ||
        value.data[TIME_AT] > INT8_MAX || value.data[COUNT_AT] > JOB_ROOTS_MAX)
        return false;
    *out = (struct job_row){
        .is_open = value.data[FLAGS_AT] & IS_OPEN,
        .submitted_ms = (int64_t)get_number(value.data + TIME_AT),
        .root_count = value.data[COUNT_AT],
    };
    memcpy(out->id.bytes, key.data, SHA256_LEN);
    *rest = bytes_from(value, HEAD_LEN);
    return true;
}

bool job_row_read(Bytes key, Bytes value, struct job_row *out)
{
    Bytes rest;
    if (!head_read(key, value, out, &rest))
        return false;
    for (unsigned index = 0; index < out->root_count; index++) {
        if (rest.len == 0 || rest.len <= rest.data[0] ||
            cid_from_bytes(bytes_of(rest.data + 1, rest.data[0]),
                           &out->roots[index], NULL) != STATUS_OK)
            return false;
        rest = bytes_from(rest, 1U + rest.data[0]);
    }
    out->value = rest;
    return true;
}

/* --- Keys ---------------------------------------------------------------- */

Bytes journal_key(const Hash *id, uint64_t first, uint8_t out[JOURNAL_KEY_LEN])
{
    memcpy(out, id->bytes, SHA256_LEN);
    put_number(first, out + SHA256_LEN);
    return bytes_of(out, JOURNAL_KEY_LEN);
}

uint64_t journal_first(Bytes key)
{
    ASSERT(key.len == JOURNAL_KEY_LEN);
    return get_number(key.data + SHA256_LEN);
}

static Bytes place_key(uint64_t number, const Hash *id,
                       uint8_t out[JOB_PLACE_LEN])
{
    put_number(number, out);
    memcpy(out + JOB_TIME_LEN, id->bytes, SHA256_LEN);
    return bytes_of(out, JOB_PLACE_LEN);
}

Bytes job_open_key(const struct job_row *row, uint8_t out[JOB_PLACE_LEN])
{
    return place_key((uint64_t)row->submitted_ms, &row->id, out);
}

Bytes job_time_key(const struct job_place *place, uint8_t out[JOB_PLACE_LEN])
{
    return place_key(~(uint64_t)place->submitted_ms, &place->id, out);
}

Hash job_key_id(Bytes key)
{
    Hash id;
    ASSERT(key.len == JOB_PLACE_LEN);
    memcpy(id.bytes, key.data + JOB_TIME_LEN, SHA256_LEN);
    return id;
}

/* --- Links --------------------------------------------------------------- */

struct telling {
    JournalLink *each;
    void *context;
};

static Status tell_link(void *context, Bytes cid,
                        [[maybe_unused]] struct error *err)
{
    const struct telling *telling = context;
    telling->each(telling->context, cid);
    return STATUS_OK;
}

/* Each event: length (4), number (8), item. What is cut off ends it. */
void journal_links(Bytes events, JournalLink *each, void *context)
{
    struct telling telling = {each, context};
    while (events.len >= EVENT_HEAD_LEN) {
        size_t len = 0;
        for (unsigned index = 0; index < 4; index++)
            len |= (size_t)events.data[index] << 8 * index;
        events = bytes_from(events, EVENT_HEAD_LEN);
        if (len > events.len)
            return;
        // One that cannot be read leads nowhere, for anybody.
        IGNORE(dag_cbor_links(bytes_of(events.data, len), tell_link, &telling,
                              NULL));
        events = bytes_from(events, len);
    }
}

void job_operation_roots(Bytes value, JournalLink *each, void *context)
{
    static const Hash nobody;
    struct job_row row;
    ASSERT(job_row_read(bytes_of(nobody.bytes, SHA256_LEN), value, &row));
    for (unsigned index = 0; index < row.root_count; index++)
        each(context, cid_bytes(&row.roots[index]));
}

/* --- Changes ------------------------------------------------------------- */

static Bytes time_key_of(const struct job_row *row, uint8_t out[JOB_PLACE_LEN])
{
    const struct job_place place = {row->submitted_ms, row->id};
    return job_time_key(&place, out);
}

static Status remove_indices(struct transaction *transaction,
                             const struct job_row *row, struct error *err)
{
    uint8_t key[JOB_PLACE_LEN];
    TRY(transaction_remove(transaction, TABLE_JOBS_TIME, time_key_of(row, key),
                           err));
    return transaction_remove(transaction, TABLE_JOBS_OPEN,
                              job_open_key(row, key), err);
}

static Status add_indices(struct transaction *transaction,
                          const struct job_row *row, const struct job_row *old,
                          struct error *err)
{
    static const Bytes nothing = {NULL, 0};
    uint8_t key[JOB_PLACE_LEN];
    if (!old)
        TRY(transaction_put(transaction, TABLE_JOBS_TIME,
                            time_key_of(row, key), nothing, err));
    if (row->is_open)
        return old && old->is_open
                   ? STATUS_OK
                   : transaction_put(transaction, TABLE_JOBS_OPEN,
                                     job_open_key(row, key), nothing, err);
    return old && !old->is_open
               ? STATUS_OK
               : transaction_remove(transaction, TABLE_JOBS_OPEN,
                                    job_open_key(row, key), err);
}

Status job_apply(struct transaction *transaction, Bytes id, Bytes value,
                 struct error *err)
{
    struct job_row row, old_row = {0}, *old = NULL;
    Bytes rest, bytes;
    ASSERT(head_read(id, value, &row, &rest));
    Status status = transaction_get(transaction, TABLE_JOBS, id, &bytes, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    if (status == STATUS_OK && head_read(id, bytes, &old_row, &rest))
        old = &old_row;
    if (old && old->submitted_ms != row.submitted_ms) {
        TRY(remove_indices(transaction, old, err));
        old = NULL;
    }
    TRY(add_indices(transaction, &row, old, err));
    return transaction_put(transaction, TABLE_JOBS, id, value, err);
}

/* Keys of a job's journal that are met first. */
struct cutting {
    uint64_t below;
    uint64_t firsts[CUT_AT_ONCE];
    size_t count;
};

static bool find_row(void *context, Bytes key, [[maybe_unused]] Bytes value)
{
    struct cutting *cutting = context;
    if (key.len != JOURNAL_KEY_LEN)
        return true;
    const uint64_t first = journal_first(key);
    if (first >= cutting->below || cutting->count == CUT_AT_ONCE)
        return false;
    cutting->firsts[cutting->count++] = first;
    return true;
}

Status journal_apply_cut(struct transaction *transaction, Bytes id,
                         Bytes below, struct error *err)
{
    struct cutting cutting = {.below = get_number(below.data)};
    uint8_t key[JOURNAL_KEY_LEN];
    Hash hash;
    ASSERT(id.len == SHA256_LEN && below.len == 8);
    memcpy(hash.bytes, id.data, SHA256_LEN);
    do {
        cutting.count = 0;
        TRY(transaction_walk(transaction, TABLE_JOURNAL, id, find_row,
                             &cutting, err));
        for (size_t index = 0; index < cutting.count; index++)
            TRY(transaction_remove(
                transaction, TABLE_JOURNAL,
                journal_key(&hash, cutting.firsts[index], key), err));
    } while (cutting.count == CUT_AT_ONCE);
    return STATUS_OK;
}

Status job_apply_remove(struct transaction *transaction, Bytes id, Bytes time,
                        struct error *err)
{
    static const uint8_t end[8] = {0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff};
    struct job_row row;
    Bytes value, rest;
    ASSERT(id.len == SHA256_LEN && time.len == JOB_TIME_LEN);
    Status status = transaction_get(transaction, TABLE_JOBS, id, &value, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    // What its own row says counts; the caller's word if it cannot be read.
    if (status == STATUS_NOT_FOUND || !head_read(id, value, &row, &rest)) {
        row = (struct job_row){.submitted_ms = (int64_t)get_number(time.data)};
        memcpy(row.id.bytes, id.data, SHA256_LEN);
    }
    TRY(remove_indices(transaction, &row, err));
    TRY(transaction_remove(transaction, TABLE_JOBS, id, err));
    return journal_apply_cut(transaction, id, bytes_of(end, sizeof end), err);
}
