/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_unixfs.c - the reader over blocks that somebody made up.
 *
 * The input is blocks, each behind two bytes of length. A link leads to the
 * block that the last byte of its digest names: real hashes would never match
 * what a fuzzer writes, and this allows even cycles. */
#include "ipld/unixfs_cursor.h"
#include "ipld/unixfs_directory.h"

enum { BLOCKS_MAX = 16, STREAM_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct blocks {
    Bytes items[BLOCKS_MAX];
    size_t count;
    size_t on_loan;
    size_t gets;
};

static Status get(void *context, Bytes cid, struct unixfs_block *out,
                  struct error *err)
{
    struct blocks *blocks = context;
    (void)err;
    size_t index = cid.data[cid.len - 1];
    if (index >= blocks->count || ++blocks->gets > 10000)
        return STATUS_NOT_FOUND;
    blocks->on_loan++;
    out->bytes = blocks->items[index];
    return STATUS_OK;
}

static void release(void *context, struct unixfs_block *block)
{
    struct blocks *blocks = context;
    (void)block;
    blocks->on_loan--;
}

static Status count_piece(void *context, Bytes piece, struct error *err)
{
    uint64_t *total = context;
    *total += piece.len;
    return *total > STREAM_MAX ? fail(err, STATUS_LIMIT, "enough") : STATUS_OK;
}

static void read_blocks(Bytes input, struct blocks *out)
{
    size_t at = 0;
    while (out->count < BLOCKS_MAX && input.len - at >= 2) {
        size_t len = (size_t)input.data[at] << 8 | input.data[at + 1];
        at += 2;
        if (len > input.len - at)
            len = input.len - at;
        out->items[out->count++] = bytes_of(input.data + at, len);
        at += len;
    }
}

/* A cursor gives what was read, or fails, too. */
static void check_cursor(const struct unixfs_source *source, Bytes cid,
                         uint64_t from, Bytes expected, Status status)
{
    Bytes piece;
    Cid root;
    size_t at = 0;
    Status taken = cid_from_bytes(cid, &root, NULL);
    if (taken != STATUS_OK)
        return;
    struct unixfs_cursor *cursor =
        unixfs_cursor_new(source, &root, from, expected.len);
    while ((taken = unixfs_cursor_next(cursor, &piece, NULL)) == STATUS_OK &&
           piece.len > 0) {
        ASSERT(piece.len <= expected.len - at);
        if (status == STATUS_OK)
            ASSERT(
                bytes_equal(piece, bytes_of(expected.data + at, piece.len)));
        at += piece.len;
    }
    unixfs_cursor_free(cursor);
    if (status == STATUS_OK && taken == STATUS_OK)
        ASSERT(at == expected.len);
}

static void check_file(const struct unixfs_source *source, Bytes cid,
                       const struct unixfs_info *info)
{
    uint64_t total = 0;
    struct unixfs_sink sink = {count_piece, &total};
    uint8_t piece[64];

    if (unixfs_stream(source, cid, &sink, NULL) == STATUS_OK)
        ASSERT(total == info->size);
    for (uint64_t from = 0; from < info->size && from < 200; from += 50) {
        uint64_t left = info->size - from;
        size_t len = left < sizeof piece ? (size_t)left : sizeof piece;
        const Status status = unixfs_read(source, cid, from, piece, len, NULL);
        check_cursor(source, cid, from, bytes_of(piece, len), status);
    }
}

/* --- Directories -------------------------------------------------------- */

struct count {
    size_t entries;
    size_t max;
};

static Status count_entry(void *context, const struct unixfs_entry *entry,
                          struct error *err)
{
    struct count *count = context;
    ASSERT(entry->name.len > 0 && entry->cid.len > 0);
    if (count->entries == count->max)
        return fail(err, STATUS_LIMIT, "enough");
    count->entries++;
    return STATUS_OK;
}

/* Entry by entry is the same as all at once, and ends where one wants. */
static void check_each(const struct unixfs_source *source, Bytes cid,
                       Status listed, size_t count)
{
    struct count all = {.max = SIZE_MAX}, some = {.max = count / 2};
    struct blocks *blocks = source->context;

    blocks->gets = 0; // Neither must be the one that runs out of them.
    ASSERT(unixfs_each(source, cid, count_entry, &all, NULL) == listed);
    if (listed != STATUS_OK)
        return;
    ASSERT(all.entries == count);
    if (count > 0)
        ASSERT(unixfs_each(source, cid, count_entry, &some, NULL) ==
               STATUS_LIMIT);
    ASSERT(some.entries == count / 2);
}

static Status keep_first(void *context, const Cid *cid, Bytes block,
                         struct error *err)
{
    struct blocks *blocks = context;
    (void)err;
    (void)cid;
    if (blocks->count == 0)
        blocks->items[blocks->count++] = block;
    return STATUS_OK;
}

/* What was read can be written, but for names that are too long for us. */
static void check_writes(const struct unixfs_entries *entries,
                         const struct unixfs_metadata *metadata,
                         struct arena *arena)
{
    struct blocks blocks = {.count = 0};
    struct unixfs_block_sink sink = {keep_first, &blocks};
    struct unixfs_child *children =
        arena_array(arena, entries->count, sizeof *children);
    bool is_fine = true;
    Cid root;

    for (size_t index = 0; index < entries->count; index++) {
        const struct unixfs_entry *entry = &entries->items[index];
        children[index].name = entry->name;
        children[index].tsize = entry->tsize >> 8; // The sum fits.
        is_fine &= entry->name.len <= UNIXFS_NAME_MAX;
        if (cid_from_bytes(entry->cid, &children[index].cid, NULL) !=
            STATUS_OK)
            return;
    }
    Status status = unixfs_write_directory(children, entries->count, metadata,
                                           &sink, &root, NULL, NULL);
    ASSERT((status == STATUS_OK) == is_fine);
}

static void check_directory(const struct unixfs_source *source, Bytes cid,
                            const struct unixfs_info *info)
{
    struct arena arena = {0};
    struct unixfs_entries entries;
    Bytes found;

    Status status = unixfs_list(source, cid, &arena, &entries, NULL);
    check_each(source, cid, status, status == STATUS_OK ? entries.count : 0);
    if (status == STATUS_OK) {
        for (size_t index = 0; index < entries.count; index++) {
            const struct unixfs_entry *entry = &entries.items[index];
            ASSERT(unixfs_resolve(source, cid, entry->name, &arena, &found,
                                  NULL) == STATUS_OK);
            ASSERT(bytes_equal(found, entry->cid));
        }
        check_writes(&entries, &info->metadata, &arena);
    }
    IGNORE(unixfs_resolve(source, cid, TEXT("a/b"), &arena, &found, NULL));
    arena_deinit(&arena);
}

static void check_symlink(const struct unixfs_source *source, Bytes cid)
{
    struct arena arena = {0};
    Text target;
    ASSERT(unixfs_symlink(source, cid, &arena, &target, NULL) == STATUS_OK);
    ASSERT(!memchr(target.data, '\0', target.len));
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct blocks blocks = {.count = 0};
    struct unixfs_source source = {
        .get = get, .release = release, .context = &blocks};
    struct unixfs_info info;
    Cid root;
    Hash hash = {{0}};

    read_blocks(bytes_of(data, len), &blocks);
    cid_from_hash(CODEC_DAG_PB, &hash, &root);
    if (unixfs_open(&source, cid_bytes(&root), &info, NULL) == STATUS_OK) {
        ASSERT(info.metadata.mode <= 07777);
        ASSERT(info.metadata.mtime_ns < 1000000000);
        if (info.kind == UNIXFS_FILE)
            check_file(&source, cid_bytes(&root), &info);
        else if (info.kind == UNIXFS_SYMLINK)
            check_symlink(&source, cid_bytes(&root));
        else
            check_directory(&source, cid_bytes(&root), &info);
    }
    ASSERT(blocks.on_loan == 0);
    return 0;
}
