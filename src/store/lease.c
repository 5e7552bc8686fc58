/* SPDX-License-Identifier: Apache-2.0 */
/* lease.c - leases: owner and expiry under a key, shared by the processes that
 * have the store open.
 *
 * They live in an environment of their own that is never synced: a file for
 * each boot of the machine, since a lease cannot outlive it and a file that a
 * power loss may have torn is never read again. The clock is the machine's
 * time since boot, which no one can set.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store/reserve.h"
#include "store/store_private.h"

enum {
    LEASE_BYTES = 16, /* owner, expiry in ms; little-endian */
    SWEEP_EVERY = 1024,
    BOOT_TEXT = 36,
};

#define LEASE_PREFIX "leases-"

struct lease {
    uint64_t owner;
    uint64_t expires_ms;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void lease_write(const struct lease *lease, uint8_t out[LEASE_BYTES])
{
    for (unsigned index = 0; index < 8; index++) {
        out[index] = (uint8_t)(lease->owner >> 8 * index);
        out[8 + index] = (uint8_t)(lease->expires_ms >> 8 * index);
    }
}

static bool lease_read(Bytes bytes, struct lease *out)
{
    *out = (struct lease){0};
    if (bytes.len != LEASE_BYTES)
        return false;
    for (unsigned index = 0; index < 8; index++) {
        out->owner |= (uint64_t)bytes.data[index] << 8 * index;
        out->expires_ms |= (uint64_t)bytes.data[8 + index] << 8 * index;
    }
    return true;
}

/* --- The file ----------------------------------------------------------- */

static void boot_name(char out[BOOT_TEXT + 1])
{
    memset(out, '0', BOOT_TEXT);
    out[BOOT_TEXT] = '\0';
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    ssize_t len = read(file, out, BOOT_TEXT);
    close(file);
    for (ssize_t index = 0; index < len; index++)
        if (out[index] == '/' || out[index] == '\0')
            out[index] = '0';
}

/* Removes the files of earlier boots. */
static void remove_old_files(const char *directory, const char *current)
{
    DIR *stream = opendir(directory);
    if (!stream)
        return;
    const struct dirent *entry;
    while ((entry = readdir(stream)))
        if (text_starts_with(text_of(entry->d_name), TEXT(LEASE_PREFIX)) &&
            !text_starts_with(text_of(entry->d_name), text_of(current)))
            unlinkat(dirfd(stream), entry->d_name, 0);
    closedir(stream);
}

static Status open_leases(struct store *store, struct error *err)
{
    if (store->directory[0] == '\0') {
        store->leases = tables_open_memory();
        return STATUS_OK;
    }
    char boot[BOOT_TEXT + 1], name[sizeof LEASE_PREFIX + BOOT_TEXT];
    boot_name(boot);
    snprintf(name, sizeof name, LEASE_PREFIX "%s", boot);
    remove_old_files(store->directory, name);
    const size_t len = strlen(store->directory) + sizeof name + sizeof "/.mdb";
    char *path = heap_alloc(len);
    snprintf(path, len, "%s/%s.mdb", store->directory, name);
    const struct tables_options how = {.leases = true};
    Status status = tables_open_lmdb(path, &how, &store->leases, err);
    if (status == STATUS_FULL &&
        reserve_give(store->directory, RESERVE_FOR_LEASES))
        status = tables_open_lmdb(path, &how, &store->leases, err);
    free(path);
    return status;
}

void leases_close(struct store *store)
{
    tables_close(store->leases);
}

Status leases_room(struct store *store, Status status, struct error *err)
{
    if (status == STATUS_LIMIT)
        return tables_grow(store->leases, err);
    if (status == STATUS_FULL &&
        reserve_give(store->directory, RESERVE_FOR_LEASES))
        return STATUS_OK;
    return status;
}

/* Opened at the first use. `*sweep`: it is time to look for expired ones. */
static Status leases_of(struct store *store, struct tables **out, bool *sweep,
                        struct error *err)
{
    if (store->read_only)
        return fail(err, STATUS_DENIED, "store %s is open read-only",
                    store->directory);
    Status status = STATUS_OK;
    pthread_mutex_lock(&store->lease_lock);
    if (!store->leases)
        status = open_leases(store, err);
    *out = store->leases;
    *sweep = store->lease_count++ % SWEEP_EVERY == 0;
    pthread_mutex_unlock(&store->lease_lock);
    return status;
}

/* --- Taking and dropping ------------------------------------------------ */

struct sweep {
    uint64_t now_ms;
    Hash expired[64]; /* at most so many at once */
    size_t count;
};

static bool find_expired(void *context, Bytes key, Bytes value)
{
    struct sweep *sweep = context;
    struct lease lease;
    if (key.len != SHA256_LEN ||
        (lease_read(value, &lease) && lease.expires_ms > sweep->now_ms))
        return true;
    memcpy(sweep->expired[sweep->count++].bytes, key.data, SHA256_LEN);
    return sweep->count < sizeof sweep->expired / sizeof *sweep->expired;
}

static Status remove_expired(struct transaction *transaction, uint64_t now,
                             struct error *err)
{
    struct sweep sweep = {.now_ms = now};
    TRY(transaction_walk(transaction, TABLE_LEASES, (Bytes){NULL, 0},
                         find_expired, &sweep, err));
    for (size_t index = 0; index < sweep.count; index++)
        TRY(transaction_remove(transaction, TABLE_LEASES,
                               hash_view(&sweep.expired[index]), err));
    return STATUS_OK;
}

/* STATUS_OK and an empty lease if nobody holds it. */
static Status holder_of(struct transaction *transaction, const Hash *key,
                        uint64_t now, struct lease *out, struct error *err)
{
    Bytes value;
    *out = (struct lease){0};
    Status status = transaction_get(transaction, TABLE_LEASES, hash_view(key),
                                    &value, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK &&
        (!lease_read(value, out) || out->expires_ms <= now))
        *out = (struct lease){0};
    return status;
}

bool lease_is_held(struct transaction *transaction, const Hash *key)
{
    struct lease held;
    return holder_of(transaction, key, now_ms(), &held, NULL) == STATUS_OK &&
           held.expires_ms > 0;
}

static Status put_lease(struct transaction *transaction, const Hash *key,
                        struct lease lease, struct error *err)
{
    uint8_t bytes[LEASE_BYTES];
    lease_write(&lease, bytes);
    return transaction_put(transaction, TABLE_LEASES, hash_view(key),
                           bytes_of(bytes, sizeof bytes), err);
}

static Status take_once(struct tables *leases, const Hash *key,
                        struct lease wanted, bool sweep, uint64_t *left_ms,
                        struct error *err)
{
    struct transaction transaction;
    struct lease held;
    TRY(tables_write(leases, &transaction, err));
    const uint64_t now = now_ms();
    wanted.expires_ms += now;
    Status status = holder_of(&transaction, key, now, &held, err);
    if (status == STATUS_OK && held.expires_ms > 0 &&
        held.owner != wanted.owner) {
        *left_ms = held.expires_ms - now;
        status =
            fail(err, STATUS_BUSY, "another process works on this for %llu ms",
                 (unsigned long long)*left_ms);
    }
    if (status == STATUS_OK && sweep)
        status = remove_expired(&transaction, now, err);
    if (status == STATUS_OK)
        status = put_lease(&transaction, key, wanted, err);
    if (status == STATUS_OK)
        return transaction_commit(&transaction, err);
    transaction_end(&transaction);
    return status;
}

Status lease_take(struct store *store, const Hash *key, uint64_t owner,
                  uint64_t ttl_ms, uint64_t *left_ms, struct error *err)
{
    struct tables *leases = NULL;
    bool sweep = false;
    // From now on, that is; a year is for ever.
    const uint64_t year_ms = (uint64_t)365 * 24 * 3600 * 1000;
    const struct lease wanted = {owner, ttl_ms < year_ms ? ttl_ms : year_ms};
    *left_ms = 0;
    TRY(leases_of(store, &leases, &sweep, err));
    Status status = take_once(leases, key, wanted, sweep, left_ms, err);
    while (status == STATUS_LIMIT || status == STATUS_FULL) {
        TRY(leases_room(store, status, err));
        status = take_once(leases, key, wanted, sweep, left_ms, err);
    }
    return status;
}

Status lease_drop(struct store *store, const Hash *key, uint64_t owner,
                  struct error *err)
{
    struct tables *leases = NULL;
    struct transaction transaction;
    struct lease held;
    bool sweep = false;
    TRY(leases_of(store, &leases, &sweep, err));
    TRY(tables_write(leases, &transaction, err));
    Status status = holder_of(&transaction, key, 0, &held, err);
    if (status == STATUS_OK && held.owner == owner && held.expires_ms > 0) {
        status = transaction_remove(&transaction, TABLE_LEASES, hash_view(key),
                                    err);
        if (status == STATUS_OK)
            return transaction_commit(&transaction, err);
    }
    transaction_end(&transaction);
    return status;
}

Status lease_peek(struct store *store, const Hash *key, uint64_t owner,
                  uint64_t *left_ms, struct error *err)
{
    struct tables *leases = NULL;
    struct transaction transaction;
    struct lease held;
    bool sweep = false;
    *left_ms = 0;
    TRY(leases_of(store, &leases, &sweep, err));
    TRY(tables_read(leases, &transaction, err));
    const uint64_t now = now_ms();
    Status status = holder_of(&transaction, key, now, &held, err);
    transaction_end(&transaction);
    TRY(status);
    if (held.expires_ms == 0 || held.owner == owner)
        return STATUS_OK;
    *left_ms = held.expires_ms - now;
    return fail(err, STATUS_BUSY, "another process works on this for %llu ms",
                (unsigned long long)*left_ms);
}
