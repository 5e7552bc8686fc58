/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.c - a key is the file NAME.key: its PEM, or
 *
 *     ipvm-sealed-key 1 did:key:z…
 *     base64 of the PEM as passphrase_seal() seals it, without padding
 *
 * A file gets its name by link(), which fails if the name is taken: a key
 * appears whole or not at all, and of two that want one name one comes second.
 * Before that it has no name (O_TMPFILE), so that nothing is left behind by a
 * process that dies; where a file system cannot do that, a name that begins
 * with a dot. */
#include "ucan/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "ucan/keyring_file.h"

static const char suffix[] = ".key";
enum { FILE_NAME_MAX = KEY_NAME_MAX + sizeof suffix };

/* --- Names and places ----------------------------------------------------- */

static bool is_name(Text name)
{
    if (name.len == 0 || name.len > KEY_NAME_MAX || name.data[0] == '.' ||
        name.data[0] == '-')
        return false;
    for (size_t at = 0; at < name.len; at++) {
        const char letter = name.data[at];
        if (!((letter >= 'A' && letter <= 'Z') ||
              (letter >= 'a' && letter <= 'z') ||
              (letter >= '0' && letter <= '9') || letter == '_' ||
              letter == '.' || letter == '-'))
            return false;
    }
    return true;
}

static Status file_name(const char *name, char out[FILE_NAME_MAX],
                        struct error *err)
{
    if (!is_name(text_of(name)))
        return fail(err, STATUS_INVALID,
                    "a key's name is 1 to %d of A-Z a-z 0-9 _ . - and does "
                    "not begin with . or -",
                    KEY_NAME_MAX);
    snprintf(out, FILE_NAME_MAX, "%s%s", name, suffix);
    return STATUS_OK;
}

static bool is_ours_alone(const struct stat *info)
{
    return (info->st_uid == geteuid() || geteuid() == 0) &&
           (info->st_mode & 077) == 0;
}

static Status check_folder(const char *path, int folder, struct error *err)
{
    struct stat info;
    if (fstat(folder, &info) != 0)
        return fail_errno(err, errno, "cannot look at %s", path);
    if (!is_ours_alone(&info))
        return fail(err, STATUS_DENIED,
                    "the folder of keys %.120s is open to others: chmod 700 "
                    "it",
                    path);
    return STATUS_OK;
}

/* STATUS_NOT_FOUND: there is none, `err` is left alone. */
static Status open_folder(const struct keyring *ring, int *out,
                          struct error *err)
{
    if (!ring->directory)
        return STATUS_NOT_FOUND;
    const int folder =
        open(ring->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT)
        return STATUS_NOT_FOUND;
    if (folder < 0 && (errno == ELOOP || errno == ENOTDIR))
        return fail(err, STATUS_DENIED,
                    "%.150s is not a folder itself: keys are not kept behind "
                    "a link",
                    ring->directory);
    if (folder < 0)
        return fail_errno(err, errno, "cannot open the folder of keys %.120s",
                          ring->directory);
    const Status status = check_folder(ring->directory, folder, err);
    if (status != STATUS_OK)
        close(folder);
    else
        *out = folder;
    return status;
}

/* A folder's name lasts once the one above it is synced. */
static Status sync_above(const char *path, int folder, struct error *err)
{
    const int above = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = above >= 0 && fsync(above) == 0;
    const int why = errno;
    if (above >= 0)
        close(above);
    return is_synced
               ? STATUS_OK
               : fail_errno(err, why, "cannot sync the folder above %s", path);
}

static Status make_folder(const struct keyring *ring, int *out,
                          struct error *err)
{
    if (!ring->directory)
        return fail(err, STATUS_UNSUPPORTED,
                    "there is no folder to keep keys in");
    const bool is_made = mkdir(ring->directory, 0700) == 0;
    if (!is_made && errno != EEXIST)
        return fail_errno(err, errno, "cannot make the folder of keys %.120s",
                          ring->directory);
    Status status = open_folder(ring, out, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, STATUS_IO, "the folder of keys %.120s went away",
                    ring->directory);
    if (status == STATUS_OK && is_made) {
        status = sync_above(ring->directory, *out, err);
        if (status != STATUS_OK)
            close(*out);
    }
    return status;
}

/* --- Writing -------------------------------------------------------------- */

struct new_key {
    int folder;
    int file;
    char temp[32]; /* "" if the file has no name yet */
};

static bool make_file(struct new_key *new)
{
    uint64_t random;
    new->temp[0] = '\0';
    new->file = openat(new->folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC,
                       S_IRUSR | S_IWUSR);
    if (new->file >= 0)
        return true;
    // Each file system has its own way to say that it has no such files.
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT &&
        errno != EINVAL)
        return false;
    random_bytes(&random, sizeof random);
    snprintf(new->temp, sizeof new->temp, ".%016llx",
             (unsigned long long)random);
    new->file = openat(new->folder, new->temp,
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       S_IRUSR | S_IWUSR);
    return new->file >= 0;
}

static bool write_whole(int file, Bytes bytes)
{
    return file_write_all(file, bytes) && fsync(file) == 0;
}

static bool give_name(const struct new_key *new, const char *name)
{
    char open_file[32];
    if (new->temp[0] != '\0')
        return linkat(new->folder, new->temp, new->folder, name, 0) == 0;
    snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", new->file);
    return linkat(AT_FDCWD, open_file, new->folder, name, AT_SYMLINK_FOLLOW) ==
           0;
}

/* STATUS_BUSY: the name is taken. */
static Status add_file(int folder, const char *name, Bytes bytes,
                       struct error *err)
{
    struct new_key new = {.folder = folder};
    Status status = STATUS_OK;
    if (!make_file(&new))
        return fail_errno(err, errno, "cannot make the key file %s", name);
    if (!write_whole(new.file, bytes))
        status = fail_errno(err, errno, "cannot write the key file %s", name);
    else if (!give_name(&new, name))
        status =
            errno == EEXIST
                ? fail(err, STATUS_BUSY,
                       "there is a key file %s already: take another "
                       "name, or remove that key",
                       name)
                : fail_errno(err, errno, "cannot name the key file %s", name);
    if (new.temp[0] != '\0')
        unlinkat(folder, new.temp, 0);
    close(new.file);
    if (status == STATUS_OK && fsync(folder) != 0)
        status = fail_errno(err, errno, "cannot sync the folder of keys");
    return status;
}

Status keyring_add(const struct keyring *ring, const char *name,
                   const struct secret_key *key, Text passphrase,
                   struct error *err)
{
    char file[FILE_NAME_MAX];
    struct buffer bytes;
    int folder;
    TRY(file_name(name, file, err));
    TRY(make_folder(ring, &folder, err));
    buffer_init(&bytes, KEY_FILE_MAX);
    Status status = key_file_write(key, passphrase, &bytes, err);
    if (status == STATUS_OK)
        status = add_file(folder, file, buffer_bytes(&bytes), err);
    secret_buffer_wipe(&bytes);
    close(folder);
    return status;
}

Status keyring_remove(const struct keyring *ring, const char *name,
                      struct error *err)
{
    char file[FILE_NAME_MAX];
    int folder;
    TRY(file_name(name, file, err));
    Status status = open_folder(ring, &folder, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, STATUS_NOT_FOUND, "there is no key %s", name);
    TRY(status);
    if (unlinkat(folder, file, 0) != 0)
        status =
            errno == ENOENT
                ? fail(err, STATUS_NOT_FOUND, "there is no key %s", name)
                : fail_errno(err, errno, "cannot remove the key %s", name);
    else if (fsync(folder) != 0)
        status = fail_errno(err, errno, "cannot sync the folder of keys");
    close(folder);
    return status;
}

/* --- Reading -------------------------------------------------------------- */

static Status read_whole(int file, const char *name, struct buffer *out,
                         struct error *err)
{
    // Once, so that no copy of a secret is left behind.
    uint8_t *room = buffer_reserve(out, KEY_FILE_MAX);
    ASSERT(room);
    ssize_t got;
    do {
        got = read(file, room + out->len, KEY_FILE_MAX - out->len);
        if (got > 0)
            buffer_advance(out, (size_t)got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0)
        return fail_errno(err, errno, "cannot read the key file %s", name);
    if (out->len == KEY_FILE_MAX)
        return fail(err, STATUS_LIMIT, "the key file %s is far too long",
                    name);
    return STATUS_OK;
}

/* STATUS_NOT_FOUND: `err` is left alone. */
static Status load_file(int folder, const char *name, struct buffer *out,
                        struct error *err)
{
    struct stat info;
    const int file =
        openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return STATUS_NOT_FOUND;
    if (file < 0 && errno == ELOOP)
        return fail(err, STATUS_DENIED,
                    "the key file %s is a symbolic link, which is not "
                    "followed",
                    name);
    if (file < 0)
        return fail_errno(err, errno, "cannot open the key file %s", name);
    Status status;
    if (fstat(file, &info) != 0)
        status =
            fail_errno(err, errno, "cannot look at the key file %s", name);
    else if (!S_ISREG(info.st_mode))
        status = fail(err, STATUS_DENIED, "the key file %s is no file", name);
    else if (!is_ours_alone(&info))
        status = fail(err, STATUS_DENIED,
                      "the key file %s is open to others: chmod 600 it, and "
                      "ask who has read it",
                      name);
    else
        status = read_whole(file, name, out, err);
    close(file);
    return status;
}

/* Opens a sealed key with what the ring's owner is asked for. */
static Status open_sealed(const struct keyring *ring, const char *name,
                          Text file, struct secret_key **out,
                          struct error *err)
{
    if (!ring->passphrase)
        return fail(err, STATUS_DENIED,
                    "the key %s is sealed, and there is nobody to ask for its "
                    "passphrase",
                    name);
    char *words = secret_alloc(PASSPHRASE_MAX);
    const int len =
        ring->passphrase(ring->context, name, words, PASSPHRASE_MAX);
    const Status status =
        len < 0
            ? fail(err, STATUS_DENIED,
                   "the key %s is sealed, and no passphrase was given", name)
            : key_file_open(file, (Text){words, (size_t)len}, out, err);
    secret_free(words);
    return status == STATUS_OK || len < 0
               ? status
               : fail_in(err, status, "key %s", name);
}

static Status get_at(const struct keyring *ring, int folder, const char *name,
                     struct secret_key **out, struct error *err)
{
    char file[FILE_NAME_MAX];
    struct buffer bytes;
    TRY(file_name(name, file, err));
    buffer_init(&bytes, KEY_FILE_MAX);
    Status status = load_file(folder, file, &bytes, err);
    const Text text = bytes_text(buffer_bytes(&bytes));
    if (status == STATUS_OK && key_file_is_sealed(text)) {
        status = open_sealed(ring, name, text, out, err);
    } else if (status == STATUS_OK) {
        status = secret_key_from_pem(text, out, err);
        if (status != STATUS_OK)
            status = fail_in(err, status, "key file %s", file);
    }
    secret_buffer_wipe(&bytes);
    return status;
}

Status keyring_get(const struct keyring *ring, const char *name,
                   struct secret_key **out, struct error *err)
{
    int folder;
    char file[FILE_NAME_MAX];
    TRY(file_name(name, file, err));
    Status status = open_folder(ring, &folder, err);
    if (status == STATUS_OK) {
        status = get_at(ring, folder, name, out, err);
        close(folder);
    }
    return status == STATUS_NOT_FOUND
               ? fail(err, status, "there is no key %s", name)
               : status;
}

/* --- Looking -------------------------------------------------------------- */

/* What a key file tells without a passphrase. */
static Status look_at(int folder, Text name, struct keyring_entry *out,
                      struct error *err)
{
    char file[FILE_NAME_MAX];
    struct buffer bytes;
    PublicKey public;
    *out = (struct keyring_entry){0};
    memcpy(out->name, name.data, name.len);
    TRY(file_name(out->name, file, err));
    buffer_init(&bytes, KEY_FILE_MAX);
    Status status = load_file(folder, file, &bytes, err);
    if (status == STATUS_OK)
        status = key_file_look(bytes_text(buffer_bytes(&bytes)),
                               &out->is_sealed, &public, err);
    secret_buffer_wipe(&bytes);
    if (status == STATUS_NOT_FOUND)
        return status;
    if (status != STATUS_OK)
        return fail_in(err, status, "key %s", out->name);
    out->type = public.type;
    did_of(&public, &out->did);
    return STATUS_OK;
}

/* The name of the key in a file, or an empty text: not a key's file. */
static Text key_of_file(const char *file)
{
    Text name = text_of(file);
    if (!text_ends_with(name, text_of(suffix)))
        return (Text){0};
    name.len -= sizeof suffix - 1;
    return is_name(name) ? name : (Text){0};
}

static int by_name(const void *a, const void *b)
{
    const struct keyring_entry *left = a, *right = b;
    return strcmp(left->name, right->name);
}

/* Takes over `folder`. */
static Status list_at(int folder, struct keyring_entry **out, size_t *count,
                      struct error *err)
{
    DIR *directory = fdopendir(folder);
    if (!directory) {
        const int why = errno;
        close(folder);
        return fail_errno(err, why, "cannot list the folder of keys");
    }
    Status status = STATUS_OK;
    const struct dirent *entry;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): each stream has one reader
    while (status == STATUS_OK && (entry = readdir(directory))) {
        const Text name = key_of_file(entry->d_name);
        if (name.len == 0)
            continue;
        *out = heap_resize(*out, *count + 1, sizeof **out);
        status = look_at(folder, name, *out + *count, err);
        if (status == STATUS_OK)
            ++*count;
        else if (status == STATUS_NOT_FOUND) // Removed just now.
            status = STATUS_OK;
    }
    closedir(directory);
    return status;
}

Status keyring_list(const struct keyring *ring, struct keyring_entry **out,
                    size_t *count, struct error *err)
{
    int folder;
    *out = NULL;
    *count = 0;
    Status status = open_folder(ring, &folder, err);
    if (status == STATUS_OK)
        status = list_at(folder, out, count, err);
    if (status == STATUS_NOT_FOUND) // No folder is no keys.
        return STATUS_OK;
    if (status != STATUS_OK) {
        free(*out);
        *out = NULL;
        *count = 0;
    } else if (*count > 0) {
        qsort(*out, *count, sizeof **out, by_name);
    }
    return status;
}

static Status find_did(const struct keyring *ring, const char *did,
                       struct keyring_entry *out, struct error *err)
{
    struct keyring_entry *entries;
    size_t count;
    TRY(keyring_list(ring, &entries, &count, err));
    Status status = STATUS_NOT_FOUND;
    for (size_t at = 0; at < count && status != STATUS_OK; at++)
        if (strcmp(entries[at].did.text, did) == 0) {
            *out = entries[at];
            status = STATUS_OK;
        }
    free(entries);
    return status;
}

Status keyring_find(const struct keyring *ring, const char *name_or_did,
                    struct keyring_entry *out, struct error *err)
{
    Status status;
    int folder;
    if (strncmp(name_or_did, "did:", 4) == 0) {
        status = find_did(ring, name_or_did, out, err);
    } else {
        char file[FILE_NAME_MAX];
        TRY(file_name(name_or_did, file, err));
        status = open_folder(ring, &folder, err);
        if (status == STATUS_OK) {
            status = look_at(folder, text_of(name_or_did), out, err);
            close(folder);
        }
    }
    return status == STATUS_NOT_FOUND
               ? fail(err, status, "there is no key %.120s", name_or_did)
               : status;
}

Status keyring_self(const struct keyring *ring, struct secret_key **out,
                    bool *is_new, struct error *err)
{
    static const char self[] = "self";
    *is_new = false;
    Status status = STATUS_NOT_FOUND;
    if (ring->directory)
        status = keyring_get(ring, self, out, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    status = STATUS_OK;
    struct secret_key *key = secret_key_new(KEY_ED25519);
    if (ring->directory)
        status = keyring_add(ring, self, key, (Text){0}, err);
    if (status == STATUS_OK) {
        *out = key;
        *is_new = true;
        return status;
    }
    secret_key_free(key);
    // Somebody else was first: theirs it is.
    return status == STATUS_BUSY ? keyring_get(ring, self, out, err) : status;
}
