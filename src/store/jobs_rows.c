/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_rows.c - rows of jobs (docs/formats/store.md).
 *
 *     jobs       id → submitted_ms (8)
 *     jobs_time  ~submitted_ms (8) | id → 01 | flags | submitted_ms (8) | count
 *                     | length, CID … | value
 *     jobs_open  submitted_ms (8) | id → empty
 *     journal    ~submitted_ms (8) | id | first (8) → events
 *
 * Numbers are big-endian, so that keys ascend as they do. What changes most,
 * rows and journals, stands in the order of time: jobs that are at work lie
 * together, and however many there were before, few pages change.
 *
 *  1. Each row of jobs_time has its row of jobs, and the reverse; each open one
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

/* All but id and roots; `*rest` is what is behind. */
static bool head_read(Bytes value, struct job_row *out, Bytes *rest)
{
    if (value.len < HEAD_LEN || value.data[0] != VERSION ||
        value.data[FLAGS_AT] > IS_OPEN || value.data[TIME_AT] > INT8_MAX ||
        value.data[COUNT_AT] > JOB_ROOTS_MAX)
        return false;
    *out = (struct job_row){
        .is_open = value.data[FLAGS_AT] & IS_OPEN,
        .submitted_ms = (int64_t)get_number(value.data + TIME_AT),
        .root_count = value.data[COUNT_AT],
    };
    *rest = bytes_from(value, HEAD_LEN);
    return true;
}

bool job_row_read(Bytes key, Bytes value, struct job_row *out)
{
    Bytes rest;
    if (key.len != JOB_PLACE_LEN || !head_read(value, out, &rest) ||
        get_number(key.data) != ~(uint64_t)out->submitted_ms)
        return false;
    memcpy(out->id.bytes, key.data + JOB_TIME_LEN, SHA256_LEN);
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

struct job_place job_place_of(const struct job_row *row)
{
    return (struct job_place){row->submitted_ms, row->id};
}

static Bytes place_key(uint64_t number, const Hash *id,
                       uint8_t out[JOB_PLACE_LEN])
{
    put_number(number, out);
    memcpy(out + JOB_TIME_LEN, id->bytes, SHA256_LEN);
    return bytes_of(out, JOB_PLACE_LEN);
}

Bytes job_time_key(const struct job_place *place, uint8_t out[JOB_PLACE_LEN])
{
    return place_key(~(uint64_t)place->submitted_ms, &place->id, out);
}

Bytes job_open_key(const struct job_place *place, uint8_t out[JOB_PLACE_LEN])
{
    return place_key((uint64_t)place->submitted_ms, &place->id, out);
}

struct job_place job_place_of_open(Bytes key)
{
    struct job_place place;
    ASSERT(key.len == JOB_PLACE_LEN);
    place.submitted_ms = (int64_t)get_number(key.data);
    memcpy(place.id.bytes, key.data + JOB_TIME_LEN, SHA256_LEN);
    return place;
}

Bytes journal_key(const struct job_place *place, uint64_t first,
                  uint8_t out[JOURNAL_KEY_LEN])
{
    job_time_key(place, out);
    put_number(first, out + JOB_PLACE_LEN);
    return bytes_of(out, JOURNAL_KEY_LEN);
}

uint64_t journal_first(Bytes key)
{
    ASSERT(key.len == JOURNAL_KEY_LEN);
    return get_number(key.data + JOB_PLACE_LEN);
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
    uint8_t key[JOB_PLACE_LEN] = {0};
    struct job_row row;
    Bytes rest;
    ASSERT(head_read(value, &row, &rest));
    const struct job_place place = job_place_of(&row);
    ASSERT(job_row_read(job_time_key(&place, key), value, &row));
    for (unsigned index = 0; index < row.root_count; index++)
        each(context, cid_bytes(&row.roots[index]));
}

/* --- Looking up ---------------------------------------------------------- */

Status job_find(struct transaction *transaction, Bytes id,
                struct job_place *out, struct error *err)
{
    Bytes time;
    ASSERT(id.len == SHA256_LEN);
    TRY(transaction_get(transaction, TABLE_JOBS, id, &time, err));
    if (time.len != JOB_TIME_LEN)
        return STATUS_NOT_FOUND;
    out->submitted_ms = (int64_t)get_number(time.data);
    memcpy(out->id.bytes, id.data, SHA256_LEN);
    return STATUS_OK;
}

Status job_read(struct transaction *transaction, const struct job_place *place,
                struct job_row *out, struct error *err)
{
    uint8_t bytes[JOB_PLACE_LEN];
    const Bytes key = job_time_key(place, bytes);
    Bytes value;
    TRY(transaction_get(transaction, TABLE_JOBS_TIME, key, &value, err));
    return job_row_read(key, value, out) ? STATUS_OK : STATUS_NOT_FOUND;
}

/* --- Changes ------------------------------------------------------------- */

static Status put_open(struct transaction *transaction,
                       const struct job_row *row, struct error *err)
{
    const struct job_place place = job_place_of(row);
    uint8_t bytes[JOB_PLACE_LEN];
    const Bytes key = job_open_key(&place, bytes);
    return row->is_open
               ? transaction_put(transaction, TABLE_JOBS_OPEN, key,
                                 (Bytes){NULL, 0}, err)
               : transaction_remove(transaction, TABLE_JOBS_OPEN, key, err);
}

static Status put_id(struct transaction *transaction,
                     const struct job_place *place, struct error *err)
{
    uint8_t time[JOB_TIME_LEN];
    put_number((uint64_t)place->submitted_ms, time);
    return transaction_put(transaction, TABLE_JOBS,
                           bytes_of(place->id.bytes, SHA256_LEN),
                           bytes_of(time, sizeof time), err);
}

/* Its row as it was; STATUS_NOT_FOUND: there was none, and all that is about
 * one of another time is gone. */
static Status find_old(struct transaction *transaction,
                       const struct job_row *row, struct job_row *old,
                       struct error *err)
{
    static const uint8_t no_time[JOB_TIME_LEN];
    struct job_place place;
    const Bytes id = bytes_of(row->id.bytes, SHA256_LEN);
    TRY(job_find(transaction, id, &place, err));
    if (place.submitted_ms == row->submitted_ms)
        return job_read(transaction, &place, old, err);
    TRY(job_apply_remove(transaction, id, bytes_of(no_time, sizeof no_time),
                         err));
    return STATUS_NOT_FOUND;
}

Status job_put_indices(struct transaction *transaction,
                       const struct job_row *row, struct error *err)
{
    const struct job_place place = job_place_of(row);
    TRY(put_id(transaction, &place, err));
    return put_open(transaction, row, err);
}

static bool has_root(const struct job_row *row, const Cid *cid)
{
    for (unsigned index = 0; index < row->root_count; index++)
        if (cid_equal(&row->roots[index], cid))
            return true;
    return false;
}

static bool has_all_roots(const struct job_row *row,
                          const struct job_row *roots)
{
    for (unsigned index = 0; index < roots->root_count; index++)
        if (!has_root(row, &roots->roots[index]))
            return false;
    return true;
}

Status job_apply(struct transaction *transaction, Bytes id, Bytes value,
                 bool *has_new_roots, struct error *err)
{
    struct job_row row, old;
    uint8_t bytes[JOB_PLACE_LEN];
    Bytes rest;
    ASSERT(id.len == SHA256_LEN && head_read(value, &row, &rest));
    memcpy(row.id.bytes, id.data, SHA256_LEN);
    const struct job_place place = job_place_of(&row);
    const Bytes key = job_time_key(&place, bytes);
    ASSERT(job_row_read(key, value, &row));
    const Status status = find_old(transaction, &row, &old, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    const bool is_new = status == STATUS_NOT_FOUND;
    *has_new_roots = is_new || !has_all_roots(&old, &row);
    if (is_new)
        TRY(put_id(transaction, &place, err));
    if (is_new || old.is_open != row.is_open)
        TRY(put_open(transaction, &row, err));
    return transaction_put(transaction, TABLE_JOBS_TIME, key, value, err);
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

Status journal_apply_cut(struct transaction *transaction, Bytes place,
                         Bytes below, struct error *err)
{
    struct cutting cutting = {.below = get_number(below.data)};
    uint8_t key[JOURNAL_KEY_LEN];
    ASSERT(place.len == JOB_PLACE_LEN && below.len == 8);
    memcpy(key, place.data, JOB_PLACE_LEN);
    do {
        cutting.count = 0;
        TRY(transaction_walk(transaction, TABLE_JOURNAL,
                             bytes_of(key, JOB_PLACE_LEN), find_row, &cutting,
                             err));
        for (size_t index = 0; index < cutting.count; index++) {
            put_number(cutting.firsts[index], key + JOB_PLACE_LEN);
            TRY(transaction_remove(transaction, TABLE_JOURNAL,
                                   bytes_of(key, sizeof key), err));
        }
    } while (cutting.count == CUT_AT_ONCE);
    return STATUS_OK;
}

Status job_apply_remove(struct transaction *transaction, Bytes id, Bytes time,
                        struct error *err)
{
    static const uint8_t end[8] = {0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff};
    struct job_place place;
    uint8_t key[JOB_PLACE_LEN];
    ASSERT(id.len == SHA256_LEN && time.len == JOB_TIME_LEN);
    // What is known of it counts; the caller's word if nothing is.
    const Status status = job_find(transaction, id, &place, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    if (status == STATUS_NOT_FOUND) {
        place.submitted_ms = (int64_t)get_number(time.data);
        memcpy(place.id.bytes, id.data, SHA256_LEN);
    }
    TRY(transaction_remove(transaction, TABLE_JOBS_OPEN,
                           job_open_key(&place, key), err));
    const Bytes time_key = job_time_key(&place, key);
    TRY(transaction_remove(transaction, TABLE_JOBS_TIME, time_key, err));
    TRY(transaction_remove(transaction, TABLE_JOBS, id, err));
    return journal_apply_cut(transaction, time_key, bytes_of(end, sizeof end),
                             err);
}
