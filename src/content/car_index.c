/* SPDX-License-Identifier: Apache-2.0 */
/* car_index.c - opening and searching.
 *
 *     header | files: facts, counts, name NUL trouble NUL | entries, ascending
 *
 * Keys are parts of digests, so they are spread evenly, and a guess from the
 * key's first bytes lands near; but a CAR may name what it likes, so that each
 * guess is followed by a halving. */
#include "content/car_index.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "content/car_index_format.h"
#include "crypto/hash.h"

struct car_index {
    const uint8_t *map; /* owned */
    size_t len;
    struct car_file *files; /* owned; their words are in the map */
    size_t file_count;
    const struct car_entry *entries; /* in the map */
    uint64_t entry_count;
};

struct car_facts car_facts_of(const struct stat *stat)
{
    return (struct car_facts){
        .device = stat->st_dev,
        .inode = stat->st_ino,
        .size = (uint64_t)stat->st_size,
        .mtime_s = stat->st_mtim.tv_sec,
        .mtime_ns = stat->st_mtim.tv_nsec,
        .ctime_s = stat->st_ctim.tv_sec,
        .ctime_ns = stat->st_ctim.tv_nsec,
    };
}

void car_index_checksum(Bytes head, uint8_t out[CAR_CHECKSUM_LEN])
{
    const size_t skip = offsetof(struct car_index_header, entries_at);
    Hash hash;
    hash_sha256(bytes_from(head, skip), &hash);
    memcpy(out, hash.bytes, CAR_CHECKSUM_LEN);
}

/* --- Opening ------------------------------------------------------------- */

static Status not_an_index(struct error *err)
{
    return fail(err, STATUS_INVALID, "not a whole index of CARs");
}

/* One word ended by NUL; NULL if the bytes end before it does. */
static const char *take_word(Bytes *left)
{
    const uint8_t *end = left->len ? memchr(left->data, 0, left->len) : NULL;
    if (!end)
        return NULL;
    const char *word = (const char *)left->data;
    *left = bytes_from(*left, (size_t)(end + 1 - left->data));
    return word;
}

static bool read_files(struct car_index *index, Bytes left)
{
    for (size_t number = 0; number < index->file_count; number++) {
        struct car_file *file = &index->files[number];
        struct car_index_file row;
        if (left.len < sizeof row)
            return false;
        memcpy(&row, left.data, sizeof row);
        left = bytes_from(left, sizeof row);
        file->facts = row.facts;
        file->blocks = row.blocks;
        file->block_bytes = row.block_bytes;
        file->name = take_word(&left);
        file->trouble = file->name ? take_word(&left) : NULL;
        if (!file->trouble)
            return false;
    }
    return true;
}

static Status read_head(struct car_index *index, struct error *err)
{
    struct car_index_header header;
    uint8_t checksum[CAR_CHECKSUM_LEN];
    memcpy(&header, index->map, sizeof header);
    if (memcmp(header.magic, car_index_magic, sizeof header.magic) != 0 ||
        header.entries_at < sizeof header || header.entries_at > index->len ||
        header.entries_at % sizeof(struct car_entry) != 0 ||
        header.file_count > CAR_FILES_MAX)
        return not_an_index(err);
    const uint64_t room = index->len - header.entries_at;
    if (room % sizeof(struct car_entry) != 0 ||
        header.entry_count != room / sizeof(struct car_entry))
        return not_an_index(err);
    const Bytes head = bytes_of(index->map, (size_t)header.entries_at);
    car_index_checksum(head, checksum);
    if (memcmp(checksum, header.checksum, sizeof checksum) != 0)
        return not_an_index(err);
    index->file_count = header.file_count;
    index->files = heap_array(header.file_count + 1, sizeof *index->files);
    const void *entries = index->map + header.entries_at;
    index->entries = entries;
    index->entry_count = header.entry_count;
    if (!read_files(index, bytes_from(head, sizeof header)))
        return not_an_index(err);
    return STATUS_OK;
}

Status car_index_open(int file, struct car_index **out, struct error *err)
{
    struct stat stat;
    if (fstat(file, &stat) != 0 ||
        stat.st_size < (off_t)sizeof(struct car_index_header))
        return not_an_index(err);
    struct car_index *index = HEAP_NEW(struct car_index);
    index->len = (size_t)stat.st_size;
    void *map = mmap(NULL, index->len, PROT_READ, MAP_SHARED, file, 0);
    index->map = map == MAP_FAILED ? NULL : map;
    Status status = index->map ? read_head(index, err) : not_an_index(err);
    if (status == STATUS_OK)
        *out = index;
    else
        car_index_close(index);
    return status;
}

void car_index_close(struct car_index *index)
{
    if (!index)
        return;
    if (index->map)
        munmap((void *)(uintptr_t)index->map, index->len);
    free(index->files);
    free(index);
}

const struct car_file *car_index_files(const struct car_index *index,
                                       size_t *count)
{
    *count = index->file_count;
    return index->files;
}

const struct car_entry *car_index_entries(const struct car_index *index,
                                          uint64_t *count)
{
    *count = index->entry_count;
    return index->entries;
}

/* --- Searching ----------------------------------------------------------- */

void car_index_key(Bytes multihash, uint8_t out[CAR_KEY_LEN])
{
    const size_t len =
        multihash.len < CAR_KEY_LEN ? multihash.len : CAR_KEY_LEN;
    memset(out, 0, CAR_KEY_LEN);
    memcpy(out + CAR_KEY_LEN - len, multihash.data + multihash.len - len, len);
}

static uint64_t first_bytes(const uint8_t key[CAR_KEY_LEN])
{
    uint64_t number = 0;
    for (unsigned index = 0; index < 8; index++)
        number = number << 8 | key[index];
    return number;
}

/* Where between two entries a key would stand if all were evenly spread. */
static uint64_t guess(const struct car_entry *entries, uint64_t low,
                      uint64_t high, const uint8_t key[CAR_KEY_LEN])
{
    const uint64_t from = first_bytes(entries[low].key);
    const uint64_t to = first_bytes(entries[high - 1].key);
    const uint64_t at = first_bytes(key);
    if (at <= from || to <= from)
        return low;
    if (at >= to)
        return high - 1;
    const double part = (double)(at - from) / (double)(to - from);
    return low + (uint64_t)(part * (double)(high - 1 - low));
}

/* The first entry that is not below the key. */
static uint64_t lower_bound(const struct car_index *index,
                            const uint8_t key[CAR_KEY_LEN])
{
    const struct car_entry *entries = index->entries;
    uint64_t low = 0, high = index->entry_count;
    for (bool halve = false; low < high; halve = !halve) {
        const uint64_t at =
            halve ? low + (high - low) / 2 : guess(entries, low, high, key);
        if (memcmp(entries[at].key, key, CAR_KEY_LEN) < 0)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

size_t car_index_find(const struct car_index *index, Bytes multihash,
                      struct car_place *out, size_t max)
{
    uint8_t key[CAR_KEY_LEN];
    size_t count = 0;
    car_index_key(multihash, key);
    for (uint64_t at = lower_bound(index, key);
         at < index->entry_count && count < max &&
         memcmp(index->entries[at].key, key, CAR_KEY_LEN) == 0;
         at++)
        if (index->entries[at].place.file < index->file_count)
            out[count++] = index->entries[at].place;
    return count;
}
