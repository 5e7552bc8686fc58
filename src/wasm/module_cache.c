/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/module_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "wasm/module_cache_evict.h"

struct module_cache {
    int directory; /* owned */
    uint64_t size_max;
};

/* A .head file, as it lies on disk. */
struct head {
    uint8_t magic[8];
    Hash key;
    Hash artifact;
    uint64_t len; /* of the artifact */
};

static const uint8_t magic[8] = {'i', 'p', 'v', 'm',
                                 'm', 'o', 'd', MODULE_CACHE_FORMAT};

enum { NAME_MAX_LEN = 2 * SHA256_LEN + 8 };

static void name_of(const Hash *hash, const char *suffix,
                    char out[NAME_MAX_LEN])
{
    for (size_t i = 0; i < SHA256_LEN; i++)
        snprintf(out + 2 * i, 3, "%02x", hash->bytes[i]);
    snprintf(out + (size_t)2 * SHA256_LEN, 8, "%s", suffix);
}

static void hash_key(const struct module_cache_key *key, Hash *out)
{
    struct hasher *hasher = hasher_new();
    const uint64_t len = key->identity.len;

    hasher_add(hasher, bytes_of(magic, sizeof magic));
    hasher_add(hasher, bytes_of(&len, sizeof len));
    hasher_add(hasher, text_bytes(key->identity));
    hasher_add(hasher, key->module);
    hasher_finish(hasher, out);
    hasher_free(hasher);
}

/* --- Opening ------------------------------------------------------------ */

static bool is_ours_alone(const struct stat *info, mode_t type)
{
    return (info->st_mode & S_IFMT) == type && info->st_uid == geteuid() &&
           (info->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

Status module_cache_open(const char *directory, uint64_t size_max,
                         struct module_cache **out, struct error *err)
{
    struct stat info;

    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return fail_errno(err, errno, "module cache %s", directory);
    const int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0 || fstat(file, &info) != 0) {
        const int why = errno;

        if (file >= 0)
            close(file);
        return fail_errno(err, why, "module cache %s", directory);
    }
    if (!is_ours_alone(&info, S_IFDIR)) {
        close(file);
        return fail(err, STATUS_DENIED,
                    "module cache %s: it must be yours and closed to others "
                    "(chmod 700)",
                    directory);
    }
    struct module_cache *cache = HEAP_NEW(struct module_cache);
    cache->directory = file;
    cache->size_max = size_max ? size_max : MODULE_CACHE_SIZE_MAX;
    *out = cache;
    return STATUS_OK;
}

void module_cache_close(struct module_cache *cache)
{
    if (cache == NULL)
        return;
    close(cache->directory);
    free(cache);
}

/* --- Getting ------------------------------------------------------------ */

/* An open file of ours alone, of `len` bytes, or -1. */
static int open_ours(const struct module_cache *cache, const char *name,
                     uint64_t len)
{
    struct stat info;
    const int file = openat(cache->directory, name,
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (file < 0)
        return -1;
    if (fstat(file, &info) != 0 || !is_ours_alone(&info, S_IFREG) ||
        info.st_size < 0 || (uint64_t)info.st_size != len) {
        close(file);
        return -1;
    }
    return file;
}

static bool read_head(const struct module_cache *cache, const char *name,
                      const Hash *key, struct head *head)
{
    const int file = open_ours(cache, name, sizeof *head);

    if (file < 0)
        return false;
    const bool is_whole = read(file, head, sizeof *head) == sizeof *head;
    close(file);
    return is_whole && memcmp(head->magic, magic, sizeof magic) == 0 &&
           hash_equal(&head->key, key) && head->len > 0;
}

static bool has_hash(int file, size_t len, const Hash *expected)
{
    Hash found;
    void *data =
        mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);

    if (data == MAP_FAILED)
        return false;
    hash_sha256(bytes_of(data, len), &found);
    munmap(data, len);
    return hash_equal(&found, expected);
}

Status module_cache_get(struct module_cache *cache,
                        const struct module_cache_key *key, int *file,
                        size_t *len, [[maybe_unused]] struct error *err)
{
    char head_name[NAME_MAX_LEN], code_name[NAME_MAX_LEN];
    struct head head;
    Hash hash;

    hash_key(key, &hash);
    name_of(&hash, ".head", head_name);
    if (!read_head(cache, head_name, &hash, &head)) {
        unlinkat(cache->directory, head_name, 0);
        return STATUS_NOT_FOUND;
    }
    name_of(&head.artifact, ".code", code_name);
    const int code = open_ours(cache, code_name, head.len);
    if (code < 0 || !has_hash(code, (size_t)head.len, &head.artifact)) {
        if (code >= 0)
            close(code);
        unlinkat(cache->directory, head_name, 0);
        unlinkat(cache->directory, code_name, 0);
        return STATUS_NOT_FOUND;
    }
    // The time of the last use, for eviction; nothing breaks without it.
    if (futimens(code, NULL) != 0)
        errno = 0;
    *file = code;
    *len = (size_t)head.len;
    return STATUS_OK;
}

/* --- Putting ------------------------------------------------------------ */

/* Writes a file under a name of its own and renames it to `name`. */
static Status write_file(const struct module_cache *cache, const char *name,
                         Bytes bytes, struct error *err)
{
    char temp[NAME_MAX_LEN];
    Hash random;

    random_bytes(&random, sizeof random);
    name_of(&random, ".temp", temp);
    const int file = openat(cache->directory, temp,
                            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return fail_errno(err, errno, "module cache: cannot make a file");
    // The umask may have taken away more than we want.
    const bool is_written =
        fchmod(file, 0600) == 0 && file_write_all(file, bytes);
    if (!is_written ||
        renameat(cache->directory, temp, cache->directory, name) != 0) {
        const int why = errno;

        close(file);
        unlinkat(cache->directory, temp, 0);
        return fail_errno(err, why, "module cache: cannot write");
    }
    close(file);
    return STATUS_OK;
}

Status module_cache_put(struct module_cache *cache,
                        const struct module_cache_key *key, Bytes artifact,
                        struct error *err)
{
    char head_name[NAME_MAX_LEN], code_name[NAME_MAX_LEN];
    struct head head = {.len = artifact.len};

    if (artifact.len == 0 || artifact.len > cache->size_max)
        return STATUS_OK;
    memcpy(head.magic, magic, sizeof magic);
    hash_key(key, &head.key);
    hash_sha256(artifact, &head.artifact);
    name_of(&head.key, ".head", head_name);
    name_of(&head.artifact, ".code", code_name);

    TRY(write_file(cache, code_name, artifact, err));
    TRY(write_file(cache, head_name, bytes_of(&head, sizeof head), err));
    module_cache_evict(cache->directory, cache->size_max);
    return STATUS_OK;
}
