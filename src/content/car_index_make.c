/* SPDX-License-Identifier: Apache-2.0 */
/* car_index_make.c - reading CARs once, one after the other; sorting what they
 * hold with bounded memory.
 *
 *     CARs --> a run of RUN_ENTRIES --sort--> scratch: run | run | … --+
 *     the old index, for files that are as they were: a sorted run ----+--> out
 *
 * Only the structure of a CAR is checked: its blocks are hashed when they are
 * read. What a file that turns out bad has put into runs is passed over when
 * they are merged. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/file.h"
#include "content/car_index_format.h"
#include "ipld/car.h"

enum {
    RUN_ENTRIES = 1 << 20, /* 32 MiB */
    OUT_BYTES = 1 << 20,
    HEAD_MAX = 1 << 30,
};

/* Entries in ascending order, the next one first. */
struct run {
    const struct car_entry *at, *end;
    bool is_old; /* file numbers are those of the old index */
};

struct making {
    const struct car_index_plan *plan;
    struct car_entry *entries; /* owned, RUN_ENTRIES */
    size_t count;
    uint64_t spilled;   /* entries in scratch, in whole runs */
    uint32_t *renumber; /* owned: old file → file, or UINT32_MAX */
    bool *is_known;     /* owned: by file: its entries are in the old index */
    uint64_t done, total; /* bytes of CARs */
};

static Status write_all(int file, const void *data, size_t len,
                        struct error *err)
{
    if (!file_write_all(file, bytes_of(data, len)))
        return fail_errno(err, errno, "cannot write the index of CARs");
    return STATUS_OK;
}

/* --- Sorting ------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    const struct car_entry *a = left, *b = right;
    const int keys = memcmp(a->key, b->key, CAR_KEY_LEN);
    if (keys != 0)
        return keys;
    if (a->place.file != b->place.file)
        return a->place.file < b->place.file ? -1 : 1;
    return (a->place.offset > b->place.offset) -
           (a->place.offset < b->place.offset);
}

static void sort(struct making *making)
{
    qsort(making->entries, making->count, sizeof *making->entries, compare);
}

static Status spill(struct making *making, struct error *err)
{
    sort(making);
    TRY(write_all(making->plan->scratch, making->entries,
                  making->count * sizeof *making->entries, err));
    making->spilled += making->count;
    making->count = 0;
    return STATUS_OK;
}

/* --- Reading CARs -------------------------------------------------------- */

struct input {
    struct making *making;
    int file;
};

static Status read_more(void *context, void *into, size_t len, size_t *got,
                        struct error *err)
{
    const struct input *input = context;
    const struct car_index_plan *plan = input->making->plan;
    ssize_t count;
    do
        count = read(input->file, into, len);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail_errno(err, errno, "cannot read it");
    *got = (size_t)count;
    input->making->done += *got;
    if (plan->progress && !plan->progress(plan->context, input->making->done,
                                          input->making->total))
        return fail(err, STATUS_CANCELLED, "stopped while indexing CARs");
    return STATUS_OK;
}

static Status read_blocks(struct making *making, struct car_reader *reader,
                          uint32_t number, struct error *err)
{
    struct car_file *file = &making->plan->files[number];
    struct car_header header;
    struct car_block block;
    TRY(car_read_header(reader, &header, err));
    for (;;) {
        Status status = car_read_block(reader, &block, err);
        if (status != STATUS_OK)
            return status == STATUS_NOT_FOUND ? STATUS_OK : status;
        if (cid_hash_code(&block.cid) == HASH_IDENTITY)
            continue; // It answers for itself.
        struct car_entry *entry = &making->entries[making->count++];
        car_index_key(cid_multihash(&block.cid), entry->key);
        entry->place = (struct car_place){
            .offset = block.offset,
            .len = (uint32_t)block.bytes.len,
            .file = number,
        };
        file->blocks++;
        file->block_bytes += block.bytes.len;
        if (making->count == RUN_ENTRIES)
            TRY(spill(making, err));
    }
}

/* Trouble of the file becomes its trouble; what is returned is ours. */
static Status read_car(struct making *making, uint32_t number,
                       struct error *err)
{
    struct car_file *file = &making->plan->files[number];
    struct input input = {making, openat(making->plan->folder, file->name,
                                         O_RDONLY | O_CLOEXEC)};
    struct error trouble = {0};
    Status status = STATUS_IO;
    if (input.file >= 0) {
        struct car_reader *reader = car_reader_new(read_more, &input);
        posix_fadvise(input.file, 0, 0, POSIX_FADV_SEQUENTIAL);
        status = read_blocks(making, reader, number, &trouble);
        car_reader_free(reader);
        close(input.file);
    } else {
        status = fail_errno(&trouble, errno, "cannot open it");
    }
    if (status == STATUS_OK)
        return STATUS_OK;
    if (status == STATUS_CANCELLED || status == STATUS_FULL) {
        if (err)
            *err = trouble;
        return status;
    }
    file->trouble =
        arena_format(making->plan->arena, "%s", trouble.message).data;
    file->blocks = file->block_bytes = 0;
    return STATUS_OK;
}

/* Which files are as the old index knows them. Both lists ascend. */
static void compare_with_old(struct making *making)
{
    const struct car_index_plan *plan = making->plan;
    size_t old_count;
    const struct car_file *old = car_index_files(plan->old, &old_count);
    size_t number = 0;
    making->renumber = heap_array(old_count + 1, sizeof *making->renumber);
    for (size_t index = 0; index < old_count; index++) {
        making->renumber[index] = UINT32_MAX;
        while (number < plan->count &&
               strcmp(plan->files[number].name, old[index].name) < 0)
            number++;
        if (number == plan->count ||
            strcmp(plan->files[number].name, old[index].name) != 0 ||
            !car_facts_equal(&plan->files[number].facts, &old[index].facts))
            continue;
        struct car_file *file = &plan->files[number];
        making->renumber[index] = (uint32_t)number;
        making->is_known[number] = true;
        file->blocks = old[index].blocks;
        file->block_bytes = old[index].block_bytes;
        file->trouble =
            arena_copy_text(plan->arena, text_of(old[index].trouble)).data;
    }
}

static Status read_cars(struct making *making, struct error *err)
{
    const struct car_index_plan *plan = making->plan;
    for (size_t number = 0; number < plan->count; number++)
        if (!making->is_known[number])
            making->total += plan->files[number].facts.size;
    for (size_t number = 0; number < plan->count; number++)
        if (!making->is_known[number])
            TRY(read_car(making, (uint32_t)number, err));
    sort(making);
    return STATUS_OK;
}

/* --- Merging ------------------------------------------------------------- */

struct merge {
    struct making *making;
    struct run *heap; /* owned; the smallest first entry on top */
    size_t count;
    struct buffer out; /* entries not yet written */
    struct car_entry last;
    uint64_t written;
    int file;
};

/* The run's first entry in terms of the new index. False: there is none of a
 * file that is used. */
static bool settle(struct merge *merge, struct run *run, struct car_entry *out)
{
    const struct car_index_plan *plan = merge->making->plan;
    for (; run->at < run->end; run->at++) {
        *out = *run->at;
        if (run->is_old) {
            size_t old_count;
            car_index_files(plan->old, &old_count);
            if (out->place.file >= old_count)
                continue;
            out->place.file = merge->making->renumber[out->place.file];
        }
        if (out->place.file < plan->count &&
            plan->files[out->place.file].trouble[0] == '\0')
            return true;
    }
    return false;
}

static bool is_before(struct merge *merge, struct run *a, struct run *b)
{
    struct car_entry left, right;
    if (!settle(merge, a, &left))
        return false;
    return !settle(merge, b, &right) || compare(&left, &right) < 0;
}

static void sink(struct merge *merge, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
            if (child < merge->count &&
                is_before(merge, &merge->heap[child], &merge->heap[least]))
                least = child;
        if (least == at)
            return;
        const struct run swapped = merge->heap[at];
        merge->heap[at] = merge->heap[least];
        merge->heap[least] = swapped;
        at = least;
    }
}

static Status flush(struct merge *merge, struct error *err)
{
    Status status =
        write_all(merge->file, merge->out.data, merge->out.len, err);
    buffer_clear(&merge->out);
    return status;
}

/* A block that a file holds twice is named once. */
static Status emit(struct merge *merge, const struct car_entry *entry,
                   struct error *err)
{
    if (merge->written > 0 &&
        memcmp(merge->last.key, entry->key, CAR_KEY_LEN) == 0 &&
        merge->last.place.file == entry->place.file &&
        merge->last.place.len == entry->place.len)
        return STATUS_OK;
    merge->last = *entry;
    merge->written++;
    buffer_add(&merge->out, entry, sizeof *entry);
    if (merge->out.len < OUT_BYTES)
        return STATUS_OK;
    return flush(merge, err);
}

static Status merge_runs(struct merge *merge, struct error *err)
{
    struct car_entry entry;
    for (size_t at = merge->count; at-- > 0;)
        sink(merge, at);
    while (merge->count > 0 && settle(merge, &merge->heap[0], &entry)) {
        TRY(emit(merge, &entry, err));
        merge->heap[0].at++;
        sink(merge, 0);
    }
    return flush(merge, err);
}

static void add_run(struct merge *merge, const struct car_entry *entries,
                    uint64_t count, bool is_old)
{
    if (count > 0)
        merge->heap[merge->count++] =
            (struct run){entries, entries + count, is_old};
}

static Status merge_all(struct making *making, int out, uint64_t *written,
                        struct error *err)
{
    struct merge merge = {.making = making, .file = out};
    const size_t len = (size_t)making->spilled * sizeof(struct car_entry);
    const struct car_entry *spilled = NULL;
    if (len > 0) {
        void *map =
            mmap(NULL, len, PROT_READ, MAP_SHARED, making->plan->scratch, 0);
        if (map == MAP_FAILED)
            return fail_errno(err, errno, "cannot sort the index of CARs");
        spilled = map;
    }
    merge.heap = heap_array((size_t)(making->spilled / RUN_ENTRIES) + 2,
                            sizeof(struct run));
    buffer_init(&merge.out, OUT_BYTES + sizeof(struct car_entry));
    for (uint64_t at = 0; at < making->spilled; at += RUN_ENTRIES)
        add_run(&merge, spilled + at, RUN_ENTRIES, false);
    add_run(&merge, making->entries, making->count, false);
    if (making->plan->old) {
        uint64_t count;
        const struct car_entry *old =
            car_index_entries(making->plan->old, &count);
        add_run(&merge, old, count, true);
    }
    Status status = merge_runs(&merge, err);
    *written = merge.written;
    if (len > 0)
        munmap((void *)(uintptr_t)spilled, len);
    buffer_deinit(&merge.out);
    free(merge.heap);
    return status;
}

/* --- The file ------------------------------------------------------------ */

static Status encode_head(const struct car_index_plan *plan,
                          struct buffer *head, struct error *err)
{
    struct car_index_header header = {.file_count = plan->count};
    memcpy(header.magic, car_index_magic, sizeof header.magic);
    buffer_add(head, &header, sizeof header);
    for (size_t number = 0; number < plan->count; number++) {
        const struct car_file *file = &plan->files[number];
        const struct car_index_file row = {
            .facts = file->facts,
            .blocks = file->blocks,
            .block_bytes = file->block_bytes,
        };
        buffer_add(head, &row, sizeof row);
        buffer_add(head, file->name, strlen(file->name) + 1);
        buffer_add(head, file->trouble, strlen(file->trouble) + 1);
    }
    while (head->len % sizeof(struct car_entry) != 0 &&
           head->status == STATUS_OK)
        buffer_add_byte(head, 0);
    return buffer_status(head, "the list of CARs", err);
}

static Status write_head(struct buffer *head, uint64_t entry_count, int out,
                         struct error *err)
{
    struct car_index_header header;
    memcpy(&header, head->data, sizeof header);
    header.entries_at = head->len;
    header.entry_count = entry_count;
    memcpy(head->data, &header, sizeof header);
    car_index_checksum(buffer_bytes(head), header.checksum);
    memcpy(head->data, &header, sizeof header);
    if (lseek(out, 0, SEEK_SET) != 0)
        return fail_errno(err, errno, "cannot write the index of CARs");
    return write_all(out, head->data, head->len, err);
}

static Status make(struct making *making, int out, struct error *err)
{
    struct buffer head;
    uint64_t entry_count = 0;
    if (making->plan->old)
        compare_with_old(making);
    TRY(read_cars(making, err));
    buffer_init(&head, HEAD_MAX);
    Status status = encode_head(making->plan, &head, err);
    if (status == STATUS_OK)
        status = write_all(out, head.data, head.len, err);
    if (status == STATUS_OK)
        status = merge_all(making, out, &entry_count, err);
    if (status == STATUS_OK)
        status = write_head(&head, entry_count, out, err);
    buffer_deinit(&head);
    return status;
}

Status car_index_make(const struct car_index_plan *plan, int out,
                      struct error *err)
{
    struct making making = {
        .plan = plan,
        .entries = heap_alloc(RUN_ENTRIES * sizeof(struct car_entry)),
        .is_known = heap_array(plan->count + 1, sizeof(bool)),
    };
    Status status = make(&making, out, err);
    free(making.entries);
    free(making.is_known);
    free(making.renumber);
    return status;
}
