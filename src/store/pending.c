/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pending.h"

#include "store/batch.h"
#include "store/store_private.h"

enum {
    VERSION = 1,
    HAS_COMP = 1,
    HAS_RES = 2,
    NUMBER_LEN = 8,
    HEAD_LEN = 1 + SHA256_LEN + 8 + 1,
    ENTRY_HEAD = 4 + 1 + 1,
    COSTS = 6,
    ENTRY_MAX = ENTRY_HEAD + 2 * SHA256_LEN + COSTS * 10 + 2,
};

/* --- Writing ------------------------------------------------------------- */

void pending_begin(struct buffer *row, const struct pending_row *head)
{
    const size_t len = head->engine.len < PENDING_ENGINE_MAX
                           ? head->engine.len
                           : PENDING_ENGINE_MAX;
    buffer_add_byte(row, VERSION);
    buffer_add(row, head->workflow.bytes, SHA256_LEN);
    for (unsigned index = 0; index < 8; index++)
        buffer_add_byte(row, (uint8_t)((uint64_t)head->at_s >> 8 * index));
    buffer_add_byte(row, (uint8_t)len);
    buffer_add(row, head->engine.data, len);
}

static uint8_t *put_varint(uint8_t *at, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *at++ = (uint8_t)(number | 0x80);
    *at++ = (uint8_t)number;
    return at;
}

static uint8_t *put_hash(uint8_t *at, const Hash *hash)
{
    memcpy(at, hash->bytes, SHA256_LEN);
    return at + SHA256_LEN;
}

/* On the path of every task: one reservation, no calls. */
void pending_add(struct buffer *row, const struct pending_task *task)
{
    const size_t words = task->words.len < PENDING_WORDS_MAX
                             ? task->words.len
                             : PENDING_WORDS_MAX;
    uint8_t *start = buffer_reserve(row, ENTRY_MAX + words), *at = start;
    if (!start)
        return;
    for (unsigned index = 0; index < 4; index++)
        *at++ = (uint8_t)(task->task >> 8 * index);
    *at++ = (uint8_t)((task->has_comp ? HAS_COMP : 0) |
                      (task->has_res ? HAS_RES : 0));
    *at++ = task->end;
    if (task->has_comp)
        at = put_hash(at, &task->comp);
    if (task->has_res)
        at = put_hash(at, &task->res);
    at = put_varint(at, task->cost.wall_ns);
    at = put_varint(at, task->cost.cpu_ns);
    at = put_varint(at, task->cost.memory_peak);
    at = put_varint(at, task->cost.fuel);
    at = put_varint(at, task->cost.bytes_in);
    at = put_varint(at, task->cost.bytes_out);
    *at++ = (uint8_t)words;
    *at++ = (uint8_t)(words >> 8);
    if (words > 0)
        memcpy(at, task->words.data, words);
    buffer_advance(row, (size_t)(at - start) + words);
}

void store_batch_pending(struct store_batch *batch, Bytes row)
{
    // The key is for the overlay only, where nobody asks for it.
    batch_add(batch, OPERATION_PENDING, TABLE_PENDING,
              bytes_of(row.data, row.len < SHA256_LEN ? row.len : SHA256_LEN),
              row);
}

/* --- Reading ------------------------------------------------------------- */

static bool take(Bytes *rest, void *out, size_t len)
{
    if (rest->len < len)
        return false;
    memcpy(out, rest->data, len);
    *rest = bytes_from(*rest, len);
    return true;
}

static bool take_text(Bytes *rest, size_t len, Text *out)
{
    if (rest->len < len)
        return false;
    *out = bytes_text(bytes_of(rest->data, len));
    *rest = bytes_from(*rest, len);
    return true;
}

static bool take_varint(Bytes *rest, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        const uint8_t byte = rest->data[0];
        *rest = bytes_from(*rest, 1);
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

bool pending_read(Bytes *rest, struct pending_row *out)
{
    uint8_t version, time[8], len;
    uint64_t at_s = 0;
    if (!take(rest, &version, 1) || version != VERSION ||
        !take(rest, out->workflow.bytes, SHA256_LEN) ||
        !take(rest, time, sizeof time) || !take(rest, &len, 1) ||
        len > PENDING_ENGINE_MAX || !take_text(rest, len, &out->engine))
        return false;
    for (unsigned index = 0; index < 8; index++)
        at_s |= (uint64_t)time[index] << 8 * index;
    out->at_s = (int64_t)at_s;
    return true;
}

bool pending_next(Bytes *rest, struct pending_task *out)
{
    uint8_t head[ENTRY_HEAD], len[2];
    *out = (struct pending_task){0};
    if (!take(rest, head, sizeof head))
        return false;
    for (unsigned index = 0; index < 4; index++)
        out->task |= (uint32_t)head[index] << 8 * index;
    out->has_comp = head[4] & HAS_COMP;
    out->has_res = head[4] & HAS_RES;
    out->end = head[5];
    if ((out->has_comp && !take(rest, out->comp.bytes, SHA256_LEN)) ||
        (out->has_res && !take(rest, out->res.bytes, SHA256_LEN)))
        return false;
    return take_varint(rest, &out->cost.wall_ns) &&
           take_varint(rest, &out->cost.cpu_ns) &&
           take_varint(rest, &out->cost.memory_peak) &&
           take_varint(rest, &out->cost.fuel) &&
           take_varint(rest, &out->cost.bytes_in) &&
           take_varint(rest, &out->cost.bytes_out) && take(rest, len, 2) &&
           take_text(rest, (size_t)len[0] | (size_t)len[1] << 8, &out->words);
}

void pending_roots(Bytes row, PendingRoot *each, void *context)
{
    struct pending_row head;
    struct pending_task task;
    Cid cid;
    if (!pending_read(&row, &head))
        return;
    cid_from_hash(CODEC_DAG_CBOR, &head.workflow, &cid);
    each(context, &cid);
    while (pending_next(&row, &task))
        if (task.has_res) {
            cid_from_hash(CODEC_DAG_CBOR, &task.res, &cid);
            each(context, &cid);
        }
}

/* --- Rows ---------------------------------------------------------------- */

static uint64_t number_of(Bytes key)
{
    uint64_t number = 0;
    for (size_t index = 0; index < key.len && index < NUMBER_LEN; index++)
        number = number << 8 | key.data[index];
    return number;
}

static Bytes key_of(uint64_t number, uint8_t out[NUMBER_LEN])
{
    for (unsigned index = 0; index < NUMBER_LEN; index++)
        out[index] = (uint8_t)(number >> 8 * (NUMBER_LEN - 1 - index));
    return bytes_of(out, NUMBER_LEN);
}

Status pending_apply(struct transaction *transaction, Bytes row,
                     struct error *err)
{
    uint8_t key[NUMBER_LEN];
    Bytes last = {NULL, 0};
    Status status = transaction_last(transaction, TABLE_PENDING, &last, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    const uint64_t number = status == STATUS_OK ? number_of(last) + 1 : 1;
    return transaction_put(transaction, TABLE_PENDING, key_of(number, key),
                           row, err);
}

struct visiting {
    PendingEach *each;
    void *context;
};

static bool visit(void *context, Bytes key, Bytes value)
{
    const struct visiting *visiting = context;
    if (!table_value_of_row(TABLE_PENDING, key, &value))
        return visiting->each(visiting->context, number_of(key),
                              (Bytes){NULL, 0});
    return value.len == 0 || // The last one that was sealed.
           visiting->each(visiting->context, number_of(key), value);
}

Status pending_each(struct store *store, PendingEach *each, void *context,
                    struct error *err)
{
    struct visiting visiting = {each, context};
    struct transaction transaction;
    queue_settle(store->queue);
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_walk(&transaction, TABLE_PENDING,
                                     (Bytes){NULL, 0}, visit, &visiting, err);
    transaction_end(&transaction);
    return status;
}

struct counting {
    uint64_t first, last, found;
};

static bool count_row(void *context, Bytes key, Bytes value)
{
    struct counting *counting = context;
    const uint64_t number = number_of(key);
    const bool is_whole = table_value_of_row(TABLE_PENDING, key, &value);
    if (number > counting->last)
        return false;
    if (!is_whole || value.len > 0)
        counting->found++;
    return true;
}

Status pending_remove(struct transaction *transaction, uint64_t first,
                      uint64_t last, struct error *err)
{
    struct counting counting = {first, last, 0};
    uint8_t key[NUMBER_LEN];
    TRY(transaction_walk_from(transaction, TABLE_PENDING, key_of(first, key),
                              count_row, &counting, err));
    if (counting.found != last - first + 1)
        return fail(err, STATUS_BUSY, "others sealed these receipts");
    for (uint64_t number = first > 1 ? first - 1 : 1; number < last; number++)
        TRY(transaction_remove(transaction, TABLE_PENDING, key_of(number, key),
                               err));
    return transaction_put(transaction, TABLE_PENDING, key_of(last, key),
                           (Bytes){NULL, 0}, err);
}
