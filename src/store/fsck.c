/* SPDX-License-Identifier: Apache-2.0 */
/* fsck.c - what is wrong with a row, and mending it.
 *
 * A row is looked at together with those it belongs to in one transaction, so
 * that a run that writes meanwhile is never taken for a contradiction. */
#include "store/fsck.h"

#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "store/batch.h"
#include "store/jobs_private.h"
#include "store/log.h"
#include "store/memo_entry.h"
#include "store/store_private.h"

enum { PORTION_ROWS = 1024, FILE_FACTS_BYTES = 64 };

static const char no_by_result[] = "its row in by_result is missing";

/* --- What is wrong with a row -------------------------------------------- */

static bool is_there(struct transaction *transaction, enum table table,
                     Bytes key)
{
    Bytes value;
    return transaction_get(transaction, table, key, &value, NULL) == STATUS_OK;
}

static const char *check_memo(struct transaction *transaction, Bytes key,
                              Bytes value)
{
    struct memo_entry entry;
    uint8_t joined[CID_BYTES_MAX + SHA256_LEN];
    if (key.len != SHA256_LEN)
        return "its key is no computation";
    // A newer version's entries are not ours to judge.
    if (value.len > 0 && value.data[0] > 1)
        return NULL;
    if (!memo_entry_read(value, &entry))
        return "its entry cannot be read";
    memcpy(joined, entry.result.bytes, entry.result.len);
    memcpy(joined + entry.result.len, key.data, key.len);
    return is_there(transaction, TABLE_BY_RESULT,
                    bytes_of(joined, entry.result.len + key.len))
               ? NULL
               : no_by_result;
}

static const char *check_by_result(struct transaction *transaction, Bytes key)
{
    struct memo_entry entry;
    Bytes value;
    if (key.len <= SHA256_LEN)
        return "its key is no result and computation";
    const size_t cid_len = key.len - SHA256_LEN;
    if (transaction_get(transaction, TABLE_MEMO, bytes_from(key, cid_len),
                        &value, NULL) != STATUS_OK)
        return "its computation has no memo entry";
    if (value.len > 0 && value.data[0] > 1)
        return NULL;
    if (!memo_entry_read(value, &entry) ||
        !bytes_equal(cid_bytes(&entry.result), bytes_of(key.data, cid_len)))
        return "its computation has another result";
    return NULL;
}

/* What it leads to may have been withdrawn or collected: a miss. */
static const char *check_symbolic(Bytes key, Bytes value)
{
    if (key.len != SHA256_LEN)
        return "its key is no computation";
    return value.len == SYMBOLIC_BYTES && value.data[0] <= 1
               ? NULL
               : "it cannot be read";
}

static const char *check_alarm(Bytes key, Bytes value)
{
    Cid cid;
    if (key.len <= SHA256_LEN || value.len < 1 ||
        value.len < 1U + value.data[0] ||
        cid_from_bytes(bytes_from(key, SHA256_LEN), &cid, NULL) != STATUS_OK ||
        cid_from_bytes(bytes_of(value.data + 1, value.data[0]), &cid, NULL) !=
            STATUS_OK)
        return "it cannot be read";
    return NULL;
}

static const char *check_note(enum table table, Bytes value)
{
    struct arena arena = {0};
    Value tree;
    Status status = STATUS_OK;
    if (table == TABLE_NOTE_FILE)
        status = value.len > FILE_FACTS_BYTES ? STATUS_OK : STATUS_INVALID;
    else
        status = dag_cbor_decode(value, &arena, &tree, NULL);
    arena_deinit(&arena);
    return status == STATUS_OK ? NULL : "it cannot be read";
}

static const char *check_token(Bytes key, Bytes value)
{
    Hash hash;
    hash_sha256(value, &hash);
    return bytes_equal(key, bytes_of(hash.bytes, SHA256_LEN))
               ? NULL
               : "its bytes are not those that it is named after";
}

/* Nodes are not looked at: a proof that they are wrong in does not verify. */
static const char *check_log(struct transaction *transaction, Bytes key)
{
    struct log_state state;
    Hash issuer;
    if (key.len != SHA256_LEN)
        return NULL;
    memcpy(issuer.bytes, key.data, SHA256_LEN);
    return log_read_state(transaction, &issuer, &state, NULL) == STATUS_OK
               ? NULL
               : "the state of this log is damaged; restore a backup";
}

static bool is_note(enum table table)
{
    return table >= TABLE_NOTE_FILE && table <= TABLE_NOTE_LAST_RUN;
}

/* NULL: nothing. */
static const char *wrong_with(struct transaction *transaction,
                              enum table table, Bytes key)
{
    Bytes value;
    if (transaction_get(transaction, table, key, &value, NULL) != STATUS_OK)
        return "its checksum is wrong";
    if (table == TABLE_MEMO)
        return check_memo(transaction, key, value);
    if (table == TABLE_SYMBOLIC)
        return check_symbolic(key, value);
    if (table == TABLE_BY_RESULT)
        return check_by_result(transaction, key);
    if (table == TABLE_THROUGH && key.len != 2 * (size_t)SHA256_LEN)
        return "its key is not two computations";
    if (table == TABLE_PRODUCER && value.len != SHA256_LEN)
        return "it cannot be read";
    if (table == TABLE_ALARMS)
        return check_alarm(key, value);
    if (table == TABLE_TOKENS)
        return check_token(key, value);
    if (table == TABLE_LOG)
        return check_log(transaction, key);
    if (table_is_of_jobs(table))
        return job_wrong(transaction, table, key, value);
    return is_note(table) ? check_note(table, value) : NULL;
}

/* --- Walking ------------------------------------------------------------- */

/* Some rows of a table, copied: what is called may use the store. */
struct portion {
    struct transaction *transaction;
    enum table table;
    struct arena arena;
    Bytes keys[PORTION_ROWS];
    const char *wrong[PORTION_ROWS];
    size_t count;
    size_t looked_at;
    bool only_wrong, is_over;
    uint8_t next[TABLE_KEY_MAX];
    size_t next_len;
};

static bool take_row(void *context, Bytes key, [[maybe_unused]] Bytes value)
{
    struct portion *portion = context;
    if (portion->looked_at++ == PORTION_ROWS) {
        memcpy(portion->next, key.data, key.len);
        portion->next_len = key.len;
        portion->is_over = false;
        return false;
    }
    const char *wrong = NULL;
    if (portion->only_wrong)
        wrong = wrong_with(portion->transaction, portion->table, key);
    if (portion->only_wrong && !wrong)
        return true;
    const size_t index = portion->count++;
    portion->keys[index] = arena_copy_bytes(&portion->arena, key);
    portion->wrong[index] = wrong;
    return true;
}

/* The next rows of the table. */
static Status take_portion(struct store *store, struct portion *portion,
                           struct error *err)
{
    struct transaction transaction;
    const Bytes from = bytes_of(portion->next, portion->next_len);
    arena_reset(&portion->arena);
    const Bytes first = arena_copy_bytes(&portion->arena, from);
    portion->count = portion->looked_at = 0;
    portion->is_over = true;
    TRY(tables_read(store->tables, &transaction, err));
    portion->transaction = &transaction;
    Status status = transaction_walk_from(&transaction, portion->table, first,
                                          take_row, portion, err);
    transaction_end(&transaction);
    return status;
}

static struct portion *portion_new(enum table table, bool only_wrong)
{
    struct portion *portion = HEAP_NEW(struct portion);
    portion->table = table;
    portion->only_wrong = only_wrong;
    return portion;
}

static void portion_free(struct portion *portion)
{
    arena_deinit(&portion->arena);
    free(portion);
}

static const struct {
    enum table table;
    const char *name;
} checked[] = {
    {TABLE_MEMO, "memo"},
    {TABLE_BY_RESULT, "by_result"},
    {TABLE_SYMBOLIC, "symbolic"},
    {TABLE_THROUGH, "through"},
    {TABLE_PRODUCER, "producer"},
    {TABLE_ALARMS, "alarms"},
    {TABLE_NOTE_FILE, "note_file"},
    {TABLE_NOTE_MODULE, "note_module"},
    {TABLE_NOTE_WORKFLOW, "note_workflow"},
    {TABLE_NOTE_LAST_RUN, "note_last_run"},
    {TABLE_PENDING, "pending"},
    {TABLE_RECEIPTS, "receipts"},
    {TABLE_LOG, "log"},
    {TABLE_TOKENS, "tokens"},
    {TABLE_JOBS_TIME, "jobs_time"},
    {TABLE_JOBS, "jobs"},
    {TABLE_JOBS_OPEN, "jobs_open"},
    {TABLE_JOURNAL, "journal"},
    {TABLE_QUOTAS, "quotas"},
};

static Status check_table(struct store *store, size_t which, FsckRow *wrong,
                          void *context, struct fsck_counts *counts,
                          struct error *err)
{
    struct portion *portion = portion_new(checked[which].table, true);
    Status status = STATUS_OK;
    while (!portion->is_over && status == STATUS_OK) {
        status = take_portion(store, portion, err);
        counts->rows += portion->looked_at - !portion->is_over;
        for (size_t index = 0; index < portion->count; index++) {
            const struct fsck_row row = {
                .table = (int)checked[which].table,
                .table_name = checked[which].name,
                .key = portion->keys[index],
                .what = portion->wrong[index],
            };
            wrong(context, &row);
        }
    }
    portion_free(portion);
    return status;
}

Status fsck_rows(struct store *store, const struct fsck_options *options,
                 FsckRow *wrong, struct fsck_counts *counts, struct error *err)
{
    for (size_t which = 0; which < sizeof checked / sizeof *checked; which++)
        TRY(check_table(store, which, wrong, options->context, counts, err));
    return STATUS_OK;
}

Status fsck_memo(struct store *store, FsckMemo *each, void *context,
                 struct error *err)
{
    struct portion *portion = portion_new(TABLE_MEMO, false);
    Status status = STATUS_OK;
    while (!portion->is_over && status == STATUS_OK) {
        status = take_portion(store, portion, err);
        for (size_t index = 0; index < portion->count && status == STATUS_OK;
             index++) {
            struct memo_entry entry;
            Hash concrete;
            if (portion->keys[index].len != sizeof concrete)
                continue;
            memcpy(concrete.bytes, portion->keys[index].data, sizeof concrete);
            // Asked for again: without the checksum, and as it is now.
            if (memo_peek(store, &concrete, &entry, NULL) == STATUS_OK)
                status = each(context, &concrete, &entry, err);
        }
    }
    portion_free(portion);
    return status;
}

Status fsck_notes(struct store *store, enum note_table table, FsckNote *each,
                  void *context, struct error *err)
{
    struct portion *portion = portion_new(note_table_of(table), false);
    struct arena arena = {0};
    Status status = STATUS_OK;
    while (!portion->is_over && status == STATUS_OK) {
        status = take_portion(store, portion, err);
        for (size_t index = 0; index < portion->count && status == STATUS_OK;
             index++) {
            Bytes note;
            arena_reset(&arena);
            if (note_get(store, table, portion->keys[index], &arena, &note,
                         NULL) == STATUS_OK)
                status = each(context, portion->keys[index], note, err);
        }
    }
    arena_deinit(&arena);
    portion_free(portion);
    return status;
}

/* --- Mending ------------------------------------------------------------- */

typedef Status Change(struct transaction *transaction, const void *what,
                      bool *done, struct error *err);

/* One change in a transaction of its own, durable when it returns. */
static Status change(struct store *store, Change *make, const void *what,
                     bool *done, struct error *err)
{
    Status status;
    do {
        struct transaction transaction;
        *done = false;
        TRY(tables_write(store->tables, &transaction, err));
        status = make(&transaction, what, done, err);
        if (status == STATUS_OK && *done)
            status = transaction_commit(&transaction, err);
        else
            transaction_end(&transaction);
        if (status == STATUS_LIMIT)
            TRY(tables_grow(store->tables, err));
    } while (status == STATUS_LIMIT);
    *done = *done && status == STATUS_OK;
    return status;
}

static Status add_by_result(struct transaction *transaction, Bytes key,
                            struct error *err)
{
    struct memo_entry entry;
    uint8_t joined[CID_BYTES_MAX + SHA256_LEN];
    Bytes value;
    TRY(transaction_get(transaction, TABLE_MEMO, key, &value, err));
    if (!memo_entry_read(value, &entry))
        return STATUS_OK;
    memcpy(joined, entry.result.bytes, entry.result.len);
    memcpy(joined + entry.result.len, key.data, key.len);
    return transaction_put(transaction, TABLE_BY_RESULT,
                           bytes_of(joined, entry.result.len + key.len),
                           (Bytes){NULL, 0}, err);
}

static Status mend_row(struct transaction *transaction, const void *what,
                       bool *done, struct error *err)
{
    const struct fsck_row *row = what;
    const enum table table = (enum table)row->table;
    const char *wrong = wrong_with(transaction, table, row->key);
    *done = wrong != NULL;
    if (!wrong)
        return STATUS_OK;
    // One that began anew would contradict the heads that were signed.
    if (table == TABLE_LOG)
        return fail(err, STATUS_UNSUPPORTED, "%s", wrong);
    if (table_is_of_jobs(table))
        return job_mend(transaction, table, row->key, err);
    if (wrong == no_by_result)
        return add_by_result(transaction, row->key, err);
    if (table == TABLE_PENDING) // Its number is not used again.
        return transaction_put(transaction, table, row->key, (Bytes){NULL, 0},
                               err);
    return transaction_remove(transaction, table, row->key, err);
}

Status fsck_mend_row(struct store *store, const struct fsck_row *row,
                     bool *done, struct error *err)
{
    return change(store, mend_row, row, done, err);
}

static Status remove_block(struct transaction *transaction, const void *what,
                           bool *done, struct error *err)
{
    const Bytes key = *(const Bytes *)what;
    Bytes bytes;
    Status status =
        transaction_get(transaction, TABLE_BLOCKS, key, &bytes, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    TRY(status);
    *done = store_check_bytes(key, bytes) == STATUS_CORRUPT;
    return *done ? transaction_remove(transaction, TABLE_BLOCKS, key, err)
                 : STATUS_OK;
}

Status fsck_remove_block(struct store *store, Bytes multihash, bool *done,
                         struct error *err)
{
    return change(store, remove_block, &multihash, done, err);
}
