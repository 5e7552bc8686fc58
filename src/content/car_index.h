/* SPDX-License-Identifier: Apache-2.0 */
/* car_index.h - where in which CAR of a folder each block lies: a sorted file
 * that is mapped and searched (docs/formats/sources.md).
 *
 * It is a cache: it names the files it was made from by what would change with
 * them, and is made again when one of that has. What it says of a block is
 * never believed: the bytes are hashed. Thread: any, once it is open. */
#ifndef IPVM_CONTENT_CAR_INDEX_H
#define IPVM_CONTENT_CAR_INDEX_H

#include <sys/stat.h>

#include "content/content.h"

enum {
    CAR_FILES_MAX = 1 << 20,
    CAR_KEY_LEN = 16, /* the end of the multihash */
};

/* What must be the same for a file to be the same. */
struct car_facts {
    uint64_t device, inode, size;
    int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

struct car_file {
    const char *name;    /* in its folder */
    const char *trouble; /* "", or why none of it is used */
    struct car_facts facts;
    uint64_t blocks, block_bytes;
};

/* Where a block is: file number, and its bytes in it. */
struct car_place {
    uint64_t offset;
    uint32_t len;
    uint32_t file;
};

struct car_entry {
    uint8_t key[CAR_KEY_LEN];
    struct car_place place;
};

struct car_index;

struct car_facts car_facts_of(const struct stat *stat);
static inline bool car_facts_equal(const struct car_facts *a,
                                   const struct car_facts *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* --- Reading ------------------------------------------------------------- */

/* Maps the index in `file`, which stays the caller's. STATUS_INVALID: it is
 * not one, or not whole. */
Status car_index_open(int file, struct car_index **out, struct error *err);
/* NULL is allowed. */
void car_index_close(struct car_index *index);

/* In the order of their names. */
const struct car_file *car_index_files(const struct car_index *index,
                                       size_t *count);
/* The places of blocks with this multihash, at most `max`; how many. */
size_t car_index_find(const struct car_index *index, Bytes multihash,
                      struct car_place *out, size_t max);
/* All entries, ascending. */
const struct car_entry *car_index_entries(const struct car_index *index,
                                          uint64_t *count);
/* The key of a multihash. */
void car_index_key(Bytes multihash, uint8_t out[CAR_KEY_LEN]);

/* --- Making -------------------------------------------------------------- */

struct car_index_plan {
    int folder; /* descriptor that the names are relative to */
    /* Ascending by name; `trouble`, `blocks` and `block_bytes` are filled in,
     * the words in `arena`. */
    struct car_file *files;
    size_t count;
    struct arena *arena;
    const struct car_index *old; /* may be NULL; files that are the same in it
                                    are not read again */
    int scratch; /* an empty file for what does not fit in memory */
    ContentProgress *progress; /* may be NULL */
    void *context;
};

/* Writes the index to `out`, an empty file, with constant memory; not synced.
 * A file that cannot be read whole is refused: its trouble says why.
 * STATUS_CANCELLED, or that `out` or `scratch` cannot be written. */
Status car_index_make(const struct car_index_plan *plan, int out,
                      struct error *err);

#endif
