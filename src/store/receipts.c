/* SPDX-License-Identifier: Apache-2.0 */
/* receipts.c - rows of receipts (docs/formats/store.md).
 *
 *     receipts      id | issuer → 01 | how | flags | at_s (8) | index (8)
 *                     | ran | comp? | res? | token? | DID: length (1), text
 *                     | path: length (2) | meta: length (2) | assertion
 *     receipts_of   kind | about (32) | number (8) | id | issuer → res or empty
 *
 * `number` orders the receipts of a log; it is all ones for others. */
#include "store/receipts.h"

#include "base/buffer.h"
#include "store/apply.h"
#include "store/memo_entry.h"
#include "store/store_private.h"

enum {
    VERSION = 1,
    HAS_COMP = 1,
    HAS_RES = 2,
    ROW_KEY = 2 * SHA256_LEN,
    OF_KEY = 1 + SHA256_LEN + 8 + 2 * SHA256_LEN,
    OF_ID = 1 + SHA256_LEN + 8,
    ROW_HEAD = 3 + 8 + 8,
    ROW_MAX = 2 << 20,
};

void receipt_issuer(Text did, Hash *out)
{
    hash_sha256(text_bytes(did), out);
}

/* --- A row as bytes ------------------------------------------------------ */

static void add_number(struct buffer *out, uint64_t number, unsigned len)
{
    for (unsigned index = len; index-- > 0;)
        buffer_add_byte(out, (uint8_t)(number >> 8 * index));
}

static uint64_t get_number(Bytes bytes, size_t at, unsigned len)
{
    uint64_t number = 0;
    for (unsigned index = 0; index < len; index++)
        number = number << 8 | bytes.data[at + index];
    return number;
}

static void row_write(const struct receipt_row *row, struct buffer *out)
{
    buffer_clear(out);
    buffer_add_byte(out, VERSION);
    buffer_add_byte(out, (uint8_t)row->how);
    buffer_add_byte(out, (uint8_t)((row->has_comp ? HAS_COMP : 0) |
                                   (row->has_res ? HAS_RES : 0)));
    add_number(out, (uint64_t)row->at_s, 8);
    add_number(out, row->index, 8);
    buffer_add(out, row->ran.bytes, SHA256_LEN);
    if (row->has_comp)
        buffer_add(out, row->comp.bytes, SHA256_LEN);
    if (row->has_res)
        buffer_add(out, row->res.bytes, SHA256_LEN);
    if (row->how != RECEIPT_IN_LOG)
        buffer_add(out, row->token.bytes, SHA256_LEN);
    buffer_add_byte(out, (uint8_t)row->issuer.len);
    buffer_add_text(out, row->issuer);
    add_number(out, row->path.len, 2);
    buffer_add_bytes(out, row->path);
    add_number(out, row->meta.len, 2);
    buffer_add_bytes(out, row->meta);
    buffer_add_bytes(out, row->assertion);
}

static bool take(Bytes *rest, size_t len, Bytes *out)
{
    // Not NULL, though it is empty: those who read it look at its bytes.
    if (!rest->data || rest->len < len)
        return false;
    *out = bytes_of(rest->data, len);
    *rest = bytes_from(*rest, len);
    return true;
}

static bool take_hash(Bytes *rest, Hash *out)
{
    Bytes bytes;
    if (!take(rest, SHA256_LEN, &bytes))
        return false;
    memcpy(out->bytes, bytes.data, SHA256_LEN);
    return true;
}

/* Behind its length. */
static bool take_part(Bytes *rest, unsigned length, Bytes *out)
{
    Bytes len;
    return take(rest, length, &len) &&
           take(rest, (size_t)get_number(len, 0, length), out);
}

static bool row_read(Bytes key, Bytes rest, struct receipt_row *out)
{
    Bytes head, issuer;
    *out = (struct receipt_row){0};
    if (key.len != ROW_KEY || !take(&rest, ROW_HEAD, &head) ||
        head.data[0] != VERSION || head.data[1] < RECEIPT_IN_LOG ||
        head.data[1] > RECEIPT_PROVEN)
        return false;
    memcpy(out->id.bytes, key.data, SHA256_LEN);
    out->how = (ReceiptSigned)head.data[1];
    out->has_comp = head.data[2] & HAS_COMP;
    out->has_res = head.data[2] & HAS_RES;
    out->at_s = (int64_t)get_number(head, 3, 8);
    out->index = get_number(head, 3 + 8, 8);
    if (!take_hash(&rest, &out->ran) ||
        (out->has_comp && !take_hash(&rest, &out->comp)) ||
        (out->has_res && !take_hash(&rest, &out->res)) ||
        (out->how != RECEIPT_IN_LOG && !take_hash(&rest, &out->token)) ||
        !take_part(&rest, 1, &issuer) || !take_part(&rest, 2, &out->path) ||
        !take_part(&rest, 2, &out->meta))
        return false;
    out->issuer = bytes_text(issuer);
    out->assertion = rest;
    return true;
}

static Bytes row_key(const Hash *id, const Hash *issuer, uint8_t out[ROW_KEY])
{
    memcpy(out, id->bytes, SHA256_LEN);
    memcpy(out + SHA256_LEN, issuer->bytes, SHA256_LEN);
    return bytes_of(out, ROW_KEY);
}

/* --- Reading ------------------------------------------------------------- */

static const char kinds[] = {[RECEIPTS_BY_TASK] = 't',
                             [RECEIPTS_BY_COMPUTATION] = 'c',
                             [RECEIPTS_BY_RESULT] = 'r',
                             [RECEIPTS_BY_ISSUER] = 'i'};

/* Keys of rows, copied, so that whoever sees a row may use the store. */
struct keys {
    struct buffer bytes;
    size_t prefix; /* if not 0: those of receipts_of that begin alike */
    uint8_t first[OF_KEY];
};

enum { KEYS_MAX = 1 << 30 };

static bool copy_id(void *context, Bytes key, [[maybe_unused]] Bytes value)
{
    struct keys *keys = context;
    if (key.len == ROW_KEY)
        buffer_add_bytes(&keys->bytes, key);
    return true;
}

static bool copy_of(void *context, Bytes key, [[maybe_unused]] Bytes value)
{
    struct keys *keys = context;
    if (key.len != OF_KEY || memcmp(key.data, keys->first, keys->prefix) != 0)
        return false;
    buffer_add_bytes(&keys->bytes, bytes_from(key, OF_ID));
    return true;
}

/* STATUS_NOT_FOUND: gone, or damaged. */
static Status read_row(struct store *store, Bytes key, struct arena *arena,
                       struct receipt_row *out, struct error *err)
{
    struct transaction transaction;
    Bytes value;
    TRY(tables_read(store->tables, &transaction, err));
    Status status =
        transaction_get(&transaction, TABLE_RECEIPTS, key, &value, err);
    if (status == STATUS_OK)
        value = arena_copy_bytes(arena, value);
    transaction_end(&transaction);
    TRY(status);
    return row_read(key, value, out) ? STATUS_OK : STATUS_NOT_FOUND;
}

static Status tell(struct store *store, const struct keys *keys,
                   ReceiptEach *each, void *context, struct error *err)
{
    struct arena arena = {0};
    Status status = buffer_status(&keys->bytes, "a list of receipts", err);
    for (size_t at = 0; at < keys->bytes.len && status == STATUS_OK;
         at += ROW_KEY) {
        struct receipt_row row;
        arena_reset(&arena);
        status = read_row(store, bytes_of(keys->bytes.data + at, ROW_KEY),
                          &arena, &row, err);
        if (status == STATUS_NOT_FOUND)
            status = STATUS_OK;
        else if (status == STATUS_OK && !each(context, &row))
            break;
    }
    arena_deinit(&arena);
    return status;
}

static Status collect(struct store *store, enum table table, Bytes first,
                      TableEach *copy, struct keys *keys, struct error *err)
{
    struct transaction transaction;
    TRY(tables_read(store->tables, &transaction, err));
    Status status =
        keys->prefix > 0
            ? transaction_walk_from(&transaction, table, first, copy, keys,
                                    err)
            : transaction_walk(&transaction, table, first, copy, keys, err);
    transaction_end(&transaction);
    return status;
}

Status receipts_all(struct store *store, ReceiptEach *each, void *context,
                    struct error *err)
{
    struct keys keys = {0};
    buffer_init(&keys.bytes, KEYS_MAX);
    Status status =
        collect(store, TABLE_RECEIPTS, (Bytes){NULL, 0}, copy_id, &keys, err);
    if (status == STATUS_OK)
        status = tell(store, &keys, each, context, err);
    buffer_deinit(&keys.bytes);
    return status;
}

static Status each_of(struct store *store, ReceiptsBy by, const Hash *about,
                      uint64_t number, struct keys *keys, struct error *err)
{
    if (by == RECEIPTS_BY_ID)
        return collect(store, TABLE_RECEIPTS, hash_view(about), copy_id, keys,
                       err);
    keys->prefix = 1 + SHA256_LEN;
    keys->first[0] = (uint8_t)kinds[by];
    memcpy(keys->first + 1, about->bytes, SHA256_LEN);
    for (unsigned index = 0; index < 8; index++)
        keys->first[1 + SHA256_LEN + index] =
            (uint8_t)(number >> 8 * (7 - index));
    return collect(store, TABLE_RECEIPTS_OF, bytes_of(keys->first, OF_ID),
                   copy_of, keys, err);
}

static Status each_from(struct store *store, ReceiptsBy by, const Hash *about,
                        uint64_t number, ReceiptEach *each, void *context,
                        struct error *err)
{
    struct keys keys = {0};
    buffer_init(&keys.bytes, KEYS_MAX);
    Status status = each_of(store, by, about, number, &keys, err);
    if (status == STATUS_OK)
        status = tell(store, &keys, each, context, err);
    buffer_deinit(&keys.bytes);
    return status;
}

Status receipts_each(struct store *store, ReceiptsBy by, const Hash *about,
                     ReceiptEach *each, void *context, struct error *err)
{
    return each_from(store, by, about, 0, each, context, err);
}

struct in_log {
    ReceiptEach *each;
    void *context;
};

static bool tell_in_log(void *context, const struct receipt_row *row)
{
    const struct in_log *in_log = context;
    return row->how == RECEIPT_IN_LOG && in_log->each(in_log->context, row);
}

Status receipts_in_log(struct store *store, const Hash *issuer, uint64_t first,
                       ReceiptEach *each, void *context, struct error *err)
{
    struct in_log in_log = {each, context};
    return each_from(store, RECEIPTS_BY_ISSUER, issuer, first, tell_in_log,
                     &in_log, err);
}

struct finding {
    struct arena *arena;
    struct receipt_row *out;
    bool is_found;
};

static bool find_first(void *context, const struct receipt_row *row)
{
    struct finding *finding = context;
    struct receipt_row *out = finding->out;
    *out = *row;
    out->assertion = arena_copy_bytes(finding->arena, row->assertion);
    out->issuer = arena_copy_text(finding->arena, row->issuer);
    out->path = arena_copy_bytes(finding->arena, row->path);
    out->meta = arena_copy_bytes(finding->arena, row->meta);
    finding->is_found = true;
    return false;
}

Status receipt_get(struct store *store, const Hash *id, const Hash *issuer,
                   struct arena *arena, struct receipt_row *out,
                   struct error *err)
{
    struct finding finding = {arena, out, false};
    uint8_t key[ROW_KEY];
    if (issuer)
        return read_row(store, row_key(id, issuer, key), arena, out, err);
    TRY(receipts_each(store, RECEIPTS_BY_ID, id, find_first, &finding, err));
    return finding.is_found ? STATUS_OK : STATUS_NOT_FOUND;
}

Status receipt_token(struct store *store, const Hash *token,
                     struct arena *arena, Bytes *out, struct error *err)
{
    struct transaction transaction;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_get(&transaction, TABLE_TOKENS,
                                    hash_view(token), out, err);
    if (status == STATUS_OK)
        *out = arena_copy_bytes(arena, *out);
    transaction_end(&transaction);
    return status;
}

/* --- Writing ------------------------------------------------------------- */

static Status put_of(struct transaction *transaction, ReceiptsBy by,
                     const Hash *about, const struct receipt_row *row,
                     const uint8_t id[ROW_KEY], struct error *err)
{
    const bool ordered =
        by == RECEIPTS_BY_ISSUER && row->how == RECEIPT_IN_LOG;
    const uint64_t number = ordered ? row->index : UINT64_MAX;
    const Bytes res = by == RECEIPTS_BY_COMPUTATION && row->has_res
                          ? hash_view(&row->res)
                          : (Bytes){NULL, 0};
    uint8_t key[OF_KEY];
    key[0] = (uint8_t)kinds[by];
    memcpy(key + 1, about->bytes, SHA256_LEN);
    for (unsigned index = 0; index < 8; index++)
        key[1 + SHA256_LEN + index] = (uint8_t)(number >> 8 * (7 - index));
    memcpy(key + OF_ID, id, ROW_KEY);
    return transaction_put(transaction, TABLE_RECEIPTS_OF,
                           bytes_of(key, OF_KEY), res, err);
}

/* What a computation came to, by other receipts. */
struct contradiction {
    const Hash *res;
    Hash other;
    bool is;
};

static bool compare_result(void *context, [[maybe_unused]] Bytes key,
                           Bytes value)
{
    struct contradiction *found = context;
    if (value.len != SHA256_LEN ||
        memcmp(value.data, found->res->bytes, SHA256_LEN) == 0)
        return true;
    memcpy(found->other.bytes, value.data, SHA256_LEN);
    found->is = true;
    return false;
}

static Status ask_memo(struct transaction *transaction,
                       const struct receipt_row *row,
                       struct contradiction *found, struct error *err)
{
    struct memo_entry entry;
    Bytes value;
    Status status = transaction_get(transaction, TABLE_MEMO,
                                    hash_view(&row->comp), &value, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    TRY(status);
    found->is = memo_entry_read(value, &entry) &&
                cid_sha256(&entry.result, CODEC_DAG_CBOR, &found->other) &&
                !hash_equal(&found->other, found->res);
    return STATUS_OK;
}

/* Raises the alarm if others say otherwise. Own results met the memo when they
 * were recorded. */
static Status compare(struct transaction *transaction,
                      const struct receipt_row *row, uint64_t *alarms,
                      struct error *err)
{
    struct contradiction found = {.res = &row->res};
    struct memo_entry first = {0}, other = {.provenance = MEMO_RECEIPT,
                                            .made_s = row->at_s};
    uint8_t prefix[1 + SHA256_LEN];
    if (!row->has_comp || !row->has_res)
        return STATUS_OK;
    prefix[0] = (uint8_t)kinds[RECEIPTS_BY_COMPUTATION];
    memcpy(prefix + 1, row->comp.bytes, SHA256_LEN);
    TRY(transaction_walk(transaction, TABLE_RECEIPTS_OF,
                         bytes_of(prefix, sizeof prefix), compare_result,
                         &found, err));
    if (!found.is && row->how != RECEIPT_IN_LOG)
        TRY(ask_memo(transaction, row, &found, err));
    if (!found.is)
        return STATUS_OK;
    (*alarms)++;
    cid_from_hash(CODEC_DAG_CBOR, &found.other, &first.result);
    cid_from_hash(CODEC_DAG_CBOR, &row->res, &other.result);
    return apply_alarm(transaction, hash_view(&row->comp), &first, &other,
                       err);
}

static Status put_indices(struct transaction *transaction,
                          const struct receipt_row *row, const Hash *issuer,
                          const uint8_t id[ROW_KEY], struct error *err)
{
    TRY(put_of(transaction, RECEIPTS_BY_TASK, &row->ran, row, id, err));
    if (row->has_comp)
        TRY(put_of(transaction, RECEIPTS_BY_COMPUTATION, &row->comp, row, id,
                   err));
    if (row->has_res)
        TRY(put_of(transaction, RECEIPTS_BY_RESULT, &row->res, row, id, err));
    return put_of(transaction, RECEIPTS_BY_ISSUER, issuer, row, id, err);
}

static Status keep_row(struct transaction *transaction,
                       const struct receipt_row *row, struct buffer *scratch,
                       struct receipts_kept *out, struct error *err)
{
    Hash issuer;
    uint8_t id[ROW_KEY];
    Bytes old;
    if (row->issuer.len > RECEIPT_ISSUER_MAX ||
        row->meta.len > RECEIPT_META_MAX || row->path.len > UINT16_MAX)
        return fail(err, STATUS_INVALID, "a receipt has too much beside it");
    receipt_issuer(row->issuer, &issuer);
    row_key(&row->id, &issuer, id);
    row_write(row, scratch);
    if (scratch->status != STATUS_OK) // Not a matter of the map's size.
        return fail(err, STATUS_INVALID, "a receipt is too long");
    TRY(transaction_add(transaction, TABLE_RECEIPTS, bytes_of(id, ROW_KEY),
                        buffer_bytes(scratch), &old, err));
    if (old.data) {
        struct receipt_row before;
        out->known++;
        if (row->how == RECEIPT_ALONE &&
            row_read(bytes_of(id, ROW_KEY), old, &before) &&
            before.how == RECEIPT_ALONE)
            return transaction_put(transaction, TABLE_RECEIPTS,
                                   bytes_of(id, ROW_KEY),
                                   buffer_bytes(scratch), err);
        return STATUS_OK;
    }
    out->added++;
    TRY(compare(transaction, row, &out->alarms, err));
    return put_indices(transaction, row, &issuer, id, err);
}

static Status keep_all(struct transaction *transaction,
                       const struct receipts_sealing *sealing,
                       struct receipts_kept *out, struct error *err)
{
    struct buffer scratch;
    Status status = STATUS_OK;
    *out = (struct receipts_kept){0};
    buffer_init(&scratch, ROW_MAX);
    for (size_t index = 0; index < sealing->token_count && status == STATUS_OK;
         index++)
        status = transaction_put(transaction, TABLE_TOKENS,
                                 hash_view(&sealing->tokens[index].token),
                                 sealing->tokens[index].bytes, err);
    for (size_t index = 0; index < sealing->count && status == STATUS_OK;
         index++)
        status =
            keep_row(transaction, &sealing->rows[index], &scratch, out, err);
    buffer_deinit(&scratch);
    return status;
}

static Status grow_log(struct transaction *transaction,
                       const struct receipts_sealing *sealing,
                       struct error *err)
{
    const Hash *issuer = &sealing->head->issuer;
    struct log_state now;
    TRY(log_read_state(transaction, issuer, &now, err));
    if (now.edge.size != sealing->before->edge.size ||
        now.has_head != sealing->before->has_head ||
        !hash_equal(&now.head, &sealing->before->head))
        return fail(err, STATUS_BUSY, "others sealed receipts meanwhile");
    TRY(log_write(transaction, issuer, sealing->growth, &sealing->head->token,
                  err));
    return log_put_head(transaction, sealing->head, sealing->head_token, err);
}

static Status write_once(struct store *store,
                         const struct receipts_sealing *sealing,
                         struct receipts_kept *out, struct error *err)
{
    struct transaction transaction;
    Status status = STATUS_OK;
    TRY(tables_write(store->tables, &transaction, err));
    if (sealing->last > 0)
        status =
            pending_remove(&transaction, sealing->first, sealing->last, err);
    if (status == STATUS_OK)
        status = keep_all(&transaction, sealing, out, err);
    if (status == STATUS_OK && sealing->growth)
        status = grow_log(&transaction, sealing, err);
    if (status == STATUS_OK)
        return transaction_commit(&transaction, err);
    transaction_end(&transaction);
    return status;
}

Status receipts_seal(struct store *store,
                     const struct receipts_sealing *sealing,
                     struct receipts_kept *out, struct error *err)
{
    if (store->read_only)
        return fail(err, STATUS_DENIED, "store %s is open read-only",
                    store->directory);
    Status status = write_once(store, sealing, out, err);
    while (status == STATUS_LIMIT) {
        TRY(tables_grow(store->tables, err));
        status = write_once(store, sealing, out, err);
    }
    return status;
}

Status receipts_keep(struct store *store, const struct receipt_row *rows,
                     size_t count, const struct receipt_signature *tokens,
                     size_t token_count, struct receipts_kept *out,
                     struct error *err)
{
    const struct receipts_sealing keeping = {.rows = rows,
                                             .count = count,
                                             .tokens = tokens,
                                             .token_count = token_count};
    return receipts_seal(store, &keeping, out, err);
}
