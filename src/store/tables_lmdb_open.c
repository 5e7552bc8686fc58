/* SPDX-License-Identifier: Apache-2.0 */
/* tables_lmdb_open.c - from a place to an LMDB environment we may trust: a
 * sound file of a format version that we know. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/tables_lmdb.h"

enum {
    READERS_MAX =
        1022, /* threads of all processes that read at once; 64 KiB */
    FORMAT_VERSION = 1, /* of the tables; docs/formats/store.md */
};

static const uint64_t map_bytes_default = (uint64_t)1 << 30;
static const uint64_t map_bytes_leases = (uint64_t)64 << 20;
static const uint64_t map_bytes_min = (uint64_t)1 << 20;

/* Names are for ever: they are in the files. */
static const char *const database_names[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_BLOCKS] = "blocks",
    [TABLE_MEMO] = "memo",
    [TABLE_SYMBOLIC] = "symbolic",
    [TABLE_THROUGH] = "through",
    [TABLE_BY_RESULT] = "by_result",
    [TABLE_PRODUCER] = "producer",
    [TABLE_ALARMS] = "alarms",
    [TABLE_PINS] = "pins",
    [TABLE_NOTE_FILE] = "note_file",
    [TABLE_NOTE_MODULE] = "note_module",
    [TABLE_NOTE_WORKFLOW] = "note_workflow",
    [TABLE_NOTE_LAST_RUN] = "note_last_run",
    [TABLE_LEASES] = "leases",
    [TABLE_NAMES] = "names",
    [TABLE_TOUCHED] = "touched",
    [TABLE_HOLDS] = "holds",
    [TABLE_REVOCATIONS] = "revocations",
    [TABLE_REPLAYS] = "replays",
    [TABLE_PENDING] = "pending",
    [TABLE_RECEIPTS] = "receipts",
    [TABLE_RECEIPTS_OF] = "receipts_of",
    [TABLE_LOG] = "log",
    [TABLE_HEADS] = "heads",
    [TABLE_TOKENS] = "tokens",
    [TABLE_JOBS] = "jobs",
    [TABLE_JOBS_OPEN] = "jobs_open",
    [TABLE_JOBS_TIME] = "jobs_time",
    [TABLE_JOURNAL] = "journal",
    [TABLE_QUOTAS] = "quotas",
};

/* LMDB says EIO when a write is cut short, which is how a disk (or a limit on
 * file sizes) runs full. */
static bool is_full(const struct lmdb_tables *lmdb)
{
    enum { LITTLE = 1 << 20 };
    struct statvfs disk;
    struct rlimit limit;
    struct stat file;
    int descriptor;
    if (statvfs(lmdb->path, &disk) == 0 &&
        disk.f_bavail < LITTLE / (disk.f_frsize ? disk.f_frsize : 1))
        return true;
    return lmdb->env && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           limit.rlim_cur != RLIM_INFINITY &&
           mdb_env_get_fd(lmdb->env, &descriptor) == 0 &&
           fstat(descriptor, &file) == 0 &&
           (rlim_t)file.st_size + LITTLE > limit.rlim_cur;
}

Status lmdb_fail(const struct lmdb_tables *lmdb, int result, const char *what,
                 struct error *err)
{
    const char *path = lmdb->path;
    switch (result == EIO && is_full(lmdb) ? ENOSPC : result) {
    case MDB_MAP_FULL:
        return fail(err, STATUS_LIMIT, "%s store %s: its map is full", what,
                    path);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return fail(err, STATUS_FULL, "%s store %s: no space left", what,
                    path);
    case EACCES:
    case EPERM:
        return fail(err, STATUS_DENIED, "%s store %s: permission denied", what,
                    path);
    case EROFS:
        return fail(err, STATUS_DENIED,
                    "%s store %s: its file system is read-only, open the "
                    "store read-only",
                    what, path);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
    case MDB_PAGE_NOTFOUND:
        return fail(err, STATUS_CORRUPT,
                    "%s store %s: data.mdb is damaged or not a store; restore "
                    "it or begin another store",
                    what, path);
    case ENOMEM:
        return fail(err, STATUS_IO,
                    "%s store %s: no memory to map it, or data.mdb is damaged "
                    "and says that it is larger than it is",
                    what, path);
    case MDB_VERSION_MISMATCH:
        return fail(err, STATUS_UNSUPPORTED,
                    "%s store %s: made by another version of LMDB", what,
                    path);
    case MDB_PANIC:
        return fail(err, STATUS_IO,
                    "%s store %s: an earlier write failed, open it again",
                    what, path);
    case MDB_TXN_FULL:
        return fail(err, STATUS_IO,
                    "%s store %s: too much for one transaction, commit in "
                    "smaller batches",
                    what, path);
    case MDB_READERS_FULL:
        return fail(err, STATUS_BUSY, "%s store %s: more than %d readers",
                    what, path, READERS_MAX);
    default:
        return fail(err, STATUS_IO, "%s store %s: %s", what, path,
                    mdb_strerror(result));
    }
}

/* Gives the lock file its blocks: LMDB maps it, and a page of it that the disk
 * has no room for would kill the process (SIGBUS). Whatever else is wrong with
 * it, LMDB finds out and says so. */
static Status reserve_lock_file(const struct lmdb_tables *lmdb, bool leases,
                                struct error *err)
{
    enum { LOCK_BYTES = 1 << 16 };
    const size_t len = strlen(lmdb->path) + sizeof "/lock.mdb";
    char *path = heap_alloc(len);
    snprintf(path, len, "%s%s", lmdb->path, leases ? "-lock" : "/lock.mdb");
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(path);
    if (file < 0)
        return STATUS_OK;
    const int result = posix_fallocate(file, 0, LOCK_BYTES);
    close(file);
    if (result == ENOSPC || result == EDQUOT || result == EFBIG)
        return lmdb_fail(lmdb, result, "cannot open", err);
    return STATUS_OK;
}

static Status open_environment(struct lmdb_tables *lmdb,
                               const struct tables_options *options,
                               struct error *err)
{
    uint64_t map_bytes = options->map_bytes;
    if (map_bytes == 0)
        map_bytes = options->leases ? map_bytes_leases : map_bytes_default;
    if (map_bytes < map_bytes_min)
        map_bytes = map_bytes_min;
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
    if (options->leases)
        flags |= MDB_NOSUBDIR | MDB_NOSYNC;
    if (options->no_sync)
        flags |= MDB_NOSYNC;
    if (options->read_only)
        flags |= MDB_RDONLY;
    TRY(reserve_lock_file(lmdb, options->leases, err));
    int result = mdb_env_create(&lmdb->env);
    if (result == 0)
        result = mdb_env_set_maxdbs(lmdb->env, TABLE_COUNT);
    if (result == 0)
        result = mdb_env_set_maxreaders(lmdb->env, READERS_MAX);
    if (result == 0)
        result = mdb_env_set_mapsize(lmdb->env, map_bytes);
    if (result == 0)
        result = mdb_env_open(lmdb->env, lmdb->path, flags, 0600);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot open", err);
    // LMDB leaves this one to the programs we start.
    int dead, descriptor;
    if (mdb_env_get_fd(lmdb->env, &descriptor) == 0)
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    IGNORE(mdb_reader_check(lmdb->env, &dead) == 0 ? STATUS_OK : STATUS_IO);
    return STATUS_OK;
}

/* A store from before there was this table, of which we may only read. */
static bool may_be_missing(const struct lmdb_tables *lmdb, size_t table)
{
    return lmdb->read_only && table > TABLE_LEASES;
}

/* Opens the databases in one transaction; MDB_NOTFOUND if one is missing that
 * has to be there, and `make` does not say to make it. */
static int open_databases(struct lmdb_tables *lmdb, bool leases, bool make)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(lmdb->env, NULL, make ? 0 : MDB_RDONLY, &txn);
    if (result != 0)
        return result;
    for (size_t table = 0; table < TABLE_COUNT && result == 0; table++) {
        if (table_is_of_leases((enum table)table) != leases)
            continue;
        result = mdb_dbi_open(txn, database_names[table],
                              make ? MDB_CREATE : 0, &lmdb->databases[table]);
        if (result == MDB_NOTFOUND && may_be_missing(lmdb, table)) {
            lmdb->databases[table] = DATABASE_MISSING;
            result = 0;
        }
    }
    if (result == 0 && make && !leases) {
        MDB_val key = {6, (void *)(uintptr_t) "format"};
        uint8_t version[4] = {FORMAT_VERSION};
        MDB_val value = {sizeof version, version};
        result = mdb_put(txn, lmdb->databases[TABLE_META], &key, &value,
                         MDB_NOOVERWRITE);
        if (result == MDB_KEYEXIST)
            result = 0;
    }
    if (result == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return result;
}

/* Before anything is made or opened: is there a format we do not know? */
static Status check_format(struct lmdb_tables *lmdb, struct error *err)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn);
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot open", err);
    MDB_dbi meta;
    MDB_val key = {6, (void *)(uintptr_t) "format"}, value = {0, NULL};
    result = mdb_dbi_open(txn, database_names[TABLE_META], 0, &meta);
    if (result == 0)
        result = mdb_get(txn, meta, &key, &value);
    uint32_t version = 0;
    if (result == 0 && value.mv_size == sizeof version) {
        const uint8_t *byte = value.mv_data;
        version = byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 |
                  (uint32_t)byte[3] << 24;
    }
    mdb_txn_abort(txn);
    if (result == MDB_NOTFOUND)
        return STATUS_OK; // A new one.
    if (result != 0)
        return lmdb_fail(lmdb, result, "cannot open", err);
    if (version > FORMAT_VERSION)
        return fail(err, STATUS_UNSUPPORTED,
                    "store %s has format %u, made by a newer ipvm; this one "
                    "knows format %d: update ipvm or name another store",
                    lmdb->path, (unsigned)version, FORMAT_VERSION);
    if (version != FORMAT_VERSION)
        return lmdb_fail(lmdb, MDB_CORRUPTED, "cannot open", err);
    return STATUS_OK;
}

static Status open_tables(struct lmdb_tables *lmdb,
                          const struct tables_options *options,
                          struct error *err)
{
    TRY(open_environment(lmdb, options, err));
    TRY(lmdb_check_length(lmdb, err));
    if (!options->leases)
        TRY(check_format(lmdb, err));
    int result = open_databases(lmdb, options->leases, false);
    if (result == MDB_NOTFOUND && !options->read_only)
        result = open_databases(lmdb, options->leases, true);
    if (result != 0)
        return lmdb_fail(lmdb, result == MDB_NOTFOUND ? MDB_INVALID : result,
                         "cannot open", err);
    return STATUS_OK;
}

Status tables_open_lmdb(const char *path, const struct tables_options *options,
                        struct tables **out, struct error *err)
{
    struct lmdb_tables *lmdb = aligned_alloc(CACHE_LINE, sizeof *lmdb);
    ASSERT(lmdb);
    memset(lmdb, 0, sizeof *lmdb);
    lmdb->tables.methods = &lmdb_methods;
    lmdb->read_only = options->read_only;
    lmdb->path = heap_alloc(strlen(path) + 1);
    memcpy(lmdb->path, path, strlen(path) + 1);
    pthread_mutex_init(&lmdb->writing, NULL);
    for (size_t slot = 0; slot < READ_SLOTS; slot++)
        pthread_mutex_init(&lmdb->slots[slot].lock, NULL);
    // Leases are beside tables that were looked at.
    Status status = options->leases ? STATUS_OK : lmdb_take_place(lmdb, err);
    if (status == STATUS_OK)
        status = open_tables(lmdb, options, err);
    if (status != STATUS_OK) {
        tables_close(&lmdb->tables);
        return status;
    }
    *out = &lmdb->tables;
    return STATUS_OK;
}
