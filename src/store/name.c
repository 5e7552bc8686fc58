/* SPDX-License-Identifier: Apache-2.0 */
/* name.c - names that people give to CIDs.
 *
 * A row is a name's whole history: versions of seconds since 1970 (8 bytes,
 * little-endian) | length of the CID (1) | CID, newest first. Whoever sets a
 * name reads the row and writes it again in one transaction, so that two who
 * set it at once leave two versions.
 */
#include "store/name.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "store/rows.h"

enum {
    VERSION_HEAD = 8 + 1,
    VERSION_MAX = VERSION_HEAD + CID_BYTES_MAX,
    ROW_MAX = NAME_HISTORY_MAX * VERSION_MAX,
};

/* Returns the length. */
static size_t version_write(int64_t set_s, const Cid *cid,
                            uint8_t out[VERSION_MAX])
{
    for (unsigned index = 0; index < 8; index++)
        out[index] = (uint8_t)((uint64_t)set_s >> 8 * index);
    out[8] = cid->len;
    memcpy(out + VERSION_HEAD, cid->bytes, cid->len);
    return VERSION_HEAD + cid->len;
}

bool name_version_read(Bytes *row, struct name_version *out)
{
    if (row->len < VERSION_HEAD ||
        row->len < (size_t)VERSION_HEAD + row->data[8])
        return false;
    const size_t len = row->data[8];
    uint64_t set_s = 0;
    for (unsigned index = 0; index < 8; index++)
        set_s |= (uint64_t)row->data[index] << 8 * index;
    if (cid_from_bytes(bytes_of(row->data + VERSION_HEAD, len), &out->cid,
                       NULL) != STATUS_OK)
        return false;
    out->set_s = (int64_t)set_s;
    *row = bytes_from(*row, VERSION_HEAD + len);
    return true;
}

Status name_apply(struct transaction *transaction, Bytes name, Bytes version,
                  struct error *err)
{
    struct name_version found, wanted;
    struct buffer row;
    Bytes old = {NULL, 0}, first = version;
    Status status = transaction_get(transaction, TABLE_NAMES, name, &old, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    ASSERT(name_version_read(&first, &wanted));
    buffer_init(&row, ROW_MAX);
    buffer_add_bytes(&row, version);
    for (unsigned age = 0; age < NAME_HISTORY_MAX - 1; age++) {
        const uint8_t *begin = old.data;
        if (!name_version_read(&old, &found))
            break;
        if (age == 0 && cid_equal(&found.cid, &wanted.cid)) {
            buffer_deinit(&row);
            return STATUS_OK;
        }
        buffer_add(&row, begin, (size_t)(old.data - begin));
    }
    status = buffer_status(&row, "the history of a name", err);
    if (status == STATUS_OK)
        status = transaction_put(transaction, TABLE_NAMES, name,
                                 buffer_bytes(&row), err);
    buffer_deinit(&row);
    return status;
}

/* --- What may be a name -------------------------------------------------- */

static bool is_of_word(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' ||
           byte == '-';
}

static Status check_word(Text name, Text word, struct error *err)
{
    if (word.len == 0)
        return fail(err, STATUS_INVALID,
                    "name %.*s has an empty word: words are joined by one '/'",
                    (int)name.len, name.data);
    if (text_equal(word, TEXT(".")) || text_equal(word, TEXT("..")))
        return fail(err, STATUS_INVALID,
                    "name %.*s has a word that is %.*s, which may look like a "
                    "place in a directory",
                    (int)name.len, name.data, (int)word.len, word.data);
    return STATUS_OK;
}

Status name_check(Text name, struct error *err)
{
    size_t start = 0;
    if (name.len == 0)
        return fail(err, STATUS_INVALID, "a name is not empty");
    if (name.len > NAME_LEN_MAX)
        return fail(err, STATUS_INVALID, "a name is %zu bytes, at most %d",
                    name.len, NAME_LEN_MAX);
    for (size_t at = 0; at < name.len; at++)
        if (name.data[at] != '/' && !is_of_word(name.data[at]))
            return fail_at(err, STATUS_INVALID, at,
                           "a name has letters, digits, '_', '.', '-' and "
                           "'/', but byte %zu is something else",
                           at + 1);
    for (size_t at = 0; at <= name.len; at++) {
        if (at < name.len && name.data[at] != '/')
            continue;
        TRY(check_word(name, (Text){name.data + start, at - start}, err));
        start = at + 1;
    }
    return STATUS_OK;
}

/* --- Writing and reading ------------------------------------------------- */

void store_batch_name(struct store_batch *batch, Text name, const Cid *cid)
{
    uint8_t version[VERSION_MAX];
    struct error error = {0};
    if (name_check(name, &error) != STATUS_OK) {
        batch_refuse(batch, &error);
        return;
    }
    const size_t len = version_write(clock_wall_s(), cid, version);
    batch_add(batch, OPERATION_NAME, TABLE_NAMES, text_bytes(name),
              bytes_of(version, len));
}

void store_batch_unname(struct store_batch *batch, Text name)
{
    if (name_check(name, NULL) == STATUS_OK)
        batch_add(batch, OPERATION_REMOVE, TABLE_NAMES, text_bytes(name),
                  (Bytes){NULL, 0});
}

/* STATUS_OK also if the overlay says that the name is no longer there:
 * `out->len` is 0 then. */
static Status ask_overlay(struct store *store, Text name, Cid *out)
{
    struct name_version version = {0};
    if (queue_is_idle(store->queue))
        return STATUS_NOT_FOUND;
    queue_lock(store->queue);
    const struct operation *found =
        queue_newest(store->queue, TABLE_NAMES, text_bytes(name));
    if (found && found->kind == OPERATION_NAME) {
        Bytes row = found->value;
        ASSERT(name_version_read(&row, &version));
    }
    queue_unlock(store->queue);
    *out = version.cid;
    return found ? STATUS_OK : STATUS_NOT_FOUND;
}

static Status fail_unknown(Text name, struct error *err)
{
    return fail(err, STATUS_NOT_FOUND,
                "there is no name %.*s: see `ipvm name ls`",
                (int)(name.len < 120 ? name.len : 120), name.data);
}

Status name_get(struct store *store, Text name, Cid *out, struct error *err)
{
    struct transaction transaction;
    struct name_version version;
    Bytes row;
    TRY(name_check(name, err));
    if (ask_overlay(store, name, out) == STATUS_OK)
        return out->len > 0 ? STATUS_OK : fail_unknown(name, err);
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_get(&transaction, TABLE_NAMES,
                                    text_bytes(name), &row, err);
    if (status == STATUS_OK && !name_version_read(&row, &version))
        status = STATUS_NOT_FOUND;
    if (status == STATUS_OK)
        *out = version.cid;
    transaction_end(&transaction);
    return status == STATUS_NOT_FOUND ? fail_unknown(name, err) : status;
}

Status name_each(struct store *store, Text prefix, bool with_history,
                 NameEach *each, void *context, struct error *err)
{
    struct rows rows;
    struct name_version version;
    bool goes_on = true;
    Status status =
        rows_read(store, TABLE_NAMES, text_bytes(prefix), &rows, err);
    for (const struct row *row = rows.first;
         row && status == STATUS_OK && goes_on; row = row->next) {
        Bytes versions = row->value;
        for (unsigned age = 0; goes_on && (age == 0 || with_history) &&
                               name_version_read(&versions, &version);
             age++)
            goes_on = each(context, bytes_text(row->key), age, &version.cid,
                           version.set_s);
    }
    arena_deinit(&rows.arena);
    return status;
}
