/* SPDX-License-Identifier: Apache-2.0 */
/* tables_lmdb_check.c - is the file as long as it says?
 *
 * The newest meta page names the last page in use. A file that ends before it
 * was cut short, unless every page it lacks is on the list of free pages: LMDB
 * does not write a page that a transaction took and gave back.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/tables_lmdb.h"

enum { FREE_DATABASE = 0 }; /* LMDB keeps the free pages in database 0 */

struct extent {
    uint64_t file_pages; /* whole pages in the file */
    uint64_t used_pages; /* what the meta page says */
    uint64_t file_bytes;
    uint64_t page_bytes;
};

static int measure(const struct lmdb_tables *lmdb, struct extent *out)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    int descriptor = -1;
    int result = mdb_env_info(lmdb->env, &info);
    if (result == 0)
        result = mdb_env_stat(lmdb->env, &stat);
    if (result == 0)
        result = mdb_env_get_fd(lmdb->env, &descriptor);
    if (result != 0)
        return result;
    if (fstat(descriptor, &file) != 0 || stat.ms_psize == 0)
        return MDB_INVALID;
    *out = (struct extent){
        .file_pages = (uint64_t)file.st_size / stat.ms_psize,
        .used_pages = info.me_last_pgno + 1,
        .file_bytes = (uint64_t)file.st_size,
        .page_bytes = stat.ms_psize,
    };
    return 0;
}

/* Counts free pages from `first` on, each once. */
static int count_free(MDB_txn *txn, uint64_t first, uint64_t *out)
{
    MDB_cursor *cursor;
    int result = mdb_cursor_open(txn, FREE_DATABASE, &cursor);
    if (result != 0)
        return result;
    MDB_val key, value;
    *out = 0;
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        size_t pages = value.mv_size / sizeof(size_t);
        size_t number; // The first is the count of those that follow.
        for (size_t index = 1; index < pages; index++) {
            memcpy(&number,
                   (const char *)value.mv_data + index * sizeof number,
                   sizeof number);
            *out += number >= first;
        }
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND ? 0 : result;
}

int lmdb_count_free(MDB_txn *txn, uint64_t *out)
{
    return count_free(txn, 0, out);
}

/* With the write lock held, so that nobody else changes the length. The file
 * is made long enough first: the list itself may be in the part that is
 * missing, and then reads as zeros, which LMDB refuses. */
static int check_missing(struct lmdb_tables *lmdb, MDB_txn *txn)
{
    struct extent extent;
    uint64_t free_pages = 0;
    int descriptor;
    int result = measure(lmdb, &extent);
    if (result != 0 || extent.file_pages >= extent.used_pages)
        return result;
    mdb_env_get_fd(lmdb->env, &descriptor);
    if (ftruncate(descriptor,
                  (off_t)(extent.used_pages * extent.page_bytes)) != 0)
        return MDB_CORRUPTED;
    result = count_free(txn, extent.file_pages, &free_pages);
    if (result == 0 && free_pages == extent.used_pages - extent.file_pages)
        return 0;
    // Leave the evidence as it was.
    if (ftruncate(descriptor, (off_t)extent.file_bytes) != 0)
        return MDB_CORRUPTED;
    return MDB_CORRUPTED;
}

Status lmdb_check_length(struct lmdb_tables *lmdb, struct error *err)
{
    struct extent extent;
    int result = measure(lmdb, &extent);
    if (result == 0 && extent.file_pages >= extent.used_pages)
        return STATUS_OK;
    if (result == 0 && lmdb->read_only)
        result = MDB_CORRUPTED;
    MDB_txn *txn = NULL;
    if (result == 0)
        result = mdb_txn_begin(lmdb->env, NULL, 0, &txn);
    if (result == 0)
        result = check_missing(lmdb, txn);
    if (txn)
        mdb_txn_abort(txn);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot open", err);
    return STATUS_OK;
}
