/* SPDX-License-Identifier: Apache-2.0 */
#include "store/touched.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "store/jobs_private.h"
#include "store/memo_entry.h"
#include "store/name.h"

enum {
    KEY_LEN = 8,
    TIME_LEN = 8,
    ROW_MAX = 64 << 10, /* then another row begins */
};

struct writing {
    struct transaction *transaction;
    struct buffer row;
    uint64_t next; /* 0: not known yet */
    Status status;
    struct error *err;
};

static void begin_row(struct writing *writing)
{
    const uint64_t now = (uint64_t)clock_wall_s();
    buffer_clear(&writing->row);
    for (unsigned index = 0; index < TIME_LEN; index++)
        buffer_add_byte(&writing->row, (uint8_t)(now >> 8 * index));
}

/* The number behind the greatest. */
static Status find_next(struct writing *writing)
{
    Bytes key;
    uint64_t last = 0;
    Status status = transaction_last(writing->transaction, TABLE_TOUCHED, &key,
                                     writing->err);
    if (status == STATUS_OK && key.len == KEY_LEN)
        for (size_t index = 0; index < KEY_LEN; index++)
            last = last << 8 | key.data[index];
    writing->next = last + 1;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void write_row(struct writing *writing)
{
    uint8_t key[KEY_LEN];
    if (writing->row.len <= TIME_LEN || writing->status != STATUS_OK)
        return;
    if (writing->next == 0)
        writing->status = find_next(writing);
    if (writing->status != STATUS_OK)
        return;
    for (unsigned index = 0; index < KEY_LEN; index++)
        key[index] = (uint8_t)(writing->next >> 8 * (KEY_LEN - 1 - index));
    writing->next++;
    writing->status = transaction_put(
        writing->transaction, TABLE_TOUCHED, bytes_of(key, KEY_LEN),
        buffer_bytes(&writing->row), writing->err);
}

static void add(struct writing *writing, Bytes cid)
{
    if (writing->row.len + 1 + cid.len > ROW_MAX) {
        write_row(writing);
        begin_row(writing);
    }
    buffer_add_byte(&writing->row, (uint8_t)cid.len);
    buffer_add_bytes(&writing->row, cid);
}

static void add_root(void *context, Bytes cid)
{
    add(context, cid);
}

static void add_operation(struct writing *writing,
                          const struct operation *operation)
{
    struct memo_entry entry;
    struct name_version version;
    Bytes value = operation->value;
    if (operation->kind == OPERATION_BLOCK)
        add(writing, cid_bytes(block_cid(operation->block)));
    else if (operation->kind == OPERATION_MEMO &&
             memo_entry_read(value, &entry))
        add(writing, cid_bytes(&entry.result));
    else if (operation->kind == OPERATION_NAME &&
             name_version_read(&value, &version))
        add(writing, cid_bytes(&version.cid));
    else if (operation->kind == OPERATION_PUT &&
             operation->table == TABLE_PINS)
        add(writing, operation->key);
    else if (operation->kind == OPERATION_JOB && operation->has_new_roots)
        job_operation_roots(value, add_root, writing);
}

Status touched_write(struct transaction *transaction,
                     struct store_batch *const *batches, size_t count,
                     struct error *err)
{
    struct writing writing = {.transaction = transaction, .err = err};
    buffer_init(&writing.row, ROW_MAX);
    begin_row(&writing);
    for (size_t index = 0; index < count; index++)
        for (const struct operation *each = batches[index]->first; each;
             each = each->next)
            add_operation(&writing, each);
    write_row(&writing);
    buffer_deinit(&writing.row);
    return writing.status;
}

void touched_read(Bytes row, int64_t *time_s, TouchedEach *each, void *context)
{
    uint64_t time = 0;
    *time_s = INT64_MAX;
    if (row.len < TIME_LEN)
        return;
    for (unsigned index = 0; index < TIME_LEN; index++)
        time |= (uint64_t)row.data[index] << 8 * index;
    *time_s = (int64_t)time;
    row = bytes_from(row, TIME_LEN);
    while (row.len > 0 && row.len > row.data[0]) {
        const size_t len = row.data[0];
        each(context, bytes_of(row.data + 1, len));
        row = bytes_from(row, 1 + len);
    }
}
