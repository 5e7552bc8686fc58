/* SPDX-License-Identifier: Apache-2.0 */
/* car_import.c - first everything is verified, then it is put:
 *
 *     small   file --verify--> batch ------------------> one transaction
 *     large   file --verify--> nothing
 *             file --verify--> batches, flushed -------> pins
 *
 * A pipe is written to an unlinked file on the way to the first verifying. The
 * second verifying is there because a file may change in between. */
#include "content/car_import.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "content/car_slab.h"
#include "content/verifier.h"
#include "store/seen.h"

_Static_assert((int)CAR_BLOCK_MAX == (int)BLOCK_TAKEN_MAX,
               "a CAR holds what a store takes");

enum {
    SMALL_BYTES = 32 << 20, /* put in one transaction, read once */
    BATCH_BYTES = 8 << 20,
    BLOCK_OVERHEAD = 512, /* what a block costs in a batch beside its bytes */
    BATCHES_MAX = 12,     /* on their way to the disk */
    SORTED_BYTES = 16 << 10, /* blocks that are shorter, on average, are put in
                                the order of their names */
    PATH_ROOM = 4096,
};

struct import {
    struct store *store;
    const struct car_import_options *options;
    const char *name;
    struct car_imported *out;

    int file;
    bool is_pipe;    /* read on, not at a place; copied to `spool` */
    int spool;       /* of a pipe; -1: none */
    uint64_t start;  /* where the CAR begins in `file` or `spool` */
    uint64_t at;     /* how far it was read from there */
    uint64_t size;   /* 0: not known */
    uint64_t before; /* bytes of the first reading, in the second */
    bool is_second;

    struct car_slab *slab;     /* NULL: put in the order of the file */
    struct store_batch *batch; /* NULL: only verifying */
    size_t batch_bytes;
    struct seen roots, met; /* root blocks; those that are in the file */

    pthread_mutex_t lock; /* guards the one below */
    pthread_cond_t delivered;
    unsigned under_way; /* batches */
};

/* --- Bytes --------------------------------------------------------------- */

static Status tell(struct import *import, struct error *err)
{
    const struct car_import_options *options = import->options;
    const uint64_t total =
        import->size == 0
            ? 0
            : import->size * (import->size > SMALL_BYTES ? 2 : 1);
    if (options->progress &&
        !options->progress(options->context, import->before + import->at,
                           total))
        return fail(err, STATUS_CANCELLED, "interrupted");
    return STATUS_OK;
}

static Status spool_bytes(struct import *import, const uint8_t *bytes,
                          size_t len, struct error *err)
{
    if (!file_write_all(import->spool, bytes_of(bytes, len)))
        return fail_errno(err, errno,
                          "cannot keep a copy in %.60s before it is verified",
                          store_directory(import->store));
    return STATUS_OK;
}

/* A CarRead. */
static Status read_file(void *context, void *into, size_t len, size_t *got,
                        struct error *err)
{
    struct import *import = context;
    ssize_t count;
    TRY(tell(import, err));
    do {
        if (import->is_pipe && !import->is_second)
            count = read(import->file, into, len);
        else
            count = pread(import->is_pipe ? import->spool : import->file, into,
                          len, (off_t)(import->start + import->at));
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail_errno(err, errno, "cannot be read");
    if (import->is_pipe && !import->is_second)
        TRY(spool_bytes(import, into, (size_t)count, err));
    import->at += (size_t)count;
    *got = (size_t)count;
    return STATUS_OK;
}

/* Who writes the pipe shall not be hurt because a CARv2 has an index. */
static void drain(struct import *import)
{
    uint8_t nothing[1 << 14];
    while (import->is_pipe && tell(import, NULL) == STATUS_OK) {
        const ssize_t count = read(import->file, nothing, sizeof nothing);
        if (count == 0 || (count < 0 && errno != EINTR))
            return;
    }
}

static int open_spool(const char *directory)
{
    char path[PATH_ROOM];
    int file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0)
        return file;
    const int len = snprintf(path, sizeof path, "%s/import-XXXXXX", directory);
    if (len < 0 || (size_t)len >= sizeof path)
        return -1;
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    return file;
}

/* Finds out what `file` is. */
static Status begin(struct import *import, struct error *err)
{
    struct stat stat;
    const char *directory = store_directory(import->store);
    if (fstat(import->file, &stat) != 0)
        return fail_errno(err, errno, "cannot be read");
    if (S_ISDIR(stat.st_mode))
        return fail(err, STATUS_INVALID, "it is a directory, not a CAR file");
    if (S_ISREG(stat.st_mode)) {
        const off_t at = lseek(import->file, 0, SEEK_CUR);
        import->start = at > 0 ? (uint64_t)at : 0;
        if ((uint64_t)stat.st_size > import->start)
            import->size = (uint64_t)stat.st_size - import->start;
        return STATUS_OK;
    }
    import->is_pipe = true;
    import->spool = open_spool(*directory ? directory : "/tmp");
    if (import->spool < 0)
        return fail_errno(err, errno, "cannot keep a copy in %.60s",
                          *directory ? directory : "/tmp");
    return STATUS_OK;
}

/* --- Blocks -------------------------------------------------------------- */

static void drop_batch(struct import *import)
{
    store_batch_free(import->batch);
    import->batch = NULL;
    import->batch_bytes = 0;
}

/* On the store's writer thread. What is lost is told by store_flush(). */
static void note_delivered(void *context, Status status,
                           const struct error *err)
{
    struct import *import = context;
    (void)status, (void)err;
    pthread_mutex_lock(&import->lock);
    import->under_way--;
    pthread_cond_signal(&import->delivered);
    pthread_mutex_unlock(&import->lock);
}

/* Waits until no more than `most` batches are on their way. */
static void wait_for_writer(struct import *import, unsigned most)
{
    pthread_mutex_lock(&import->lock);
    while (import->under_way > most)
        pthread_cond_wait(&import->delivered, &import->lock);
    pthread_mutex_unlock(&import->lock);
}

static void send_batch(struct import *import)
{
    wait_for_writer(import, BATCHES_MAX - 1);
    pthread_mutex_lock(&import->lock);
    import->under_way++;
    pthread_mutex_unlock(&import->lock);
    store_commit_async(import->batch, note_delivered, import);
    import->batch = store_batch_new(import->store);
    import->batch_bytes = 0;
}

/* A VerifierTake. */
static Status take_block(void *context, const Cid *cid, Bytes bytes,
                         struct error *err)
{
    struct import *import = context;
    if (!import->batch)
        return STATUS_OK;
    store_batch_block(import->batch, cid, bytes);
    import->batch_bytes += bytes.len + BLOCK_OVERHEAD;
    if (!import->is_second && import->batch_bytes > SMALL_BYTES) {
        drop_batch(import); // It will be read again.
    } else if (import->is_second && import->batch_bytes > BATCH_BYTES) {
        send_batch(import);
        return tell(import, err);
    }
    return STATUS_OK;
}

static Status keep_roots(struct import *import,
                         const struct car_header *header)
{
    struct car_imported *out = import->out;
    if (import->is_second)
        return STATUS_OK;
    out->version = header->version;
    out->root_count = header->root_count;
    out->roots = heap_array(header->root_count + 1, sizeof *out->roots);
    out->is_in_file =
        heap_array(header->root_count + 1, sizeof *out->is_in_file);
    out->is_pinned =
        heap_array(header->root_count + 1, sizeof *out->is_pinned);
    for (size_t index = 0; index < header->root_count; index++) {
        out->roots[index] = header->roots[index];
        seen_add(&import->roots, cid_multihash(&out->roots[index]));
    }
    return STATUS_OK;
}

static void count_block(struct import *import, const struct car_block *block)
{
    if (import->is_second)
        return;
    import->out->blocks++;
    import->out->bytes += block->bytes.len;
    const Bytes multihash = cid_multihash(&block->cid);
    if (seen_has(&import->roots, multihash))
        seen_add(&import->met, multihash);
}

static Status give_slab(struct import *import, struct verifier *verifier,
                        struct error *err)
{
    return car_slab_give(import->slab,
                         import->is_pipe ? import->spool : import->file,
                         import->start, verifier, err);
}

static Status add_block(struct import *import, const struct car_block *block,
                        struct verifier *verifier, struct error *err)
{
    count_block(import, block);
    if (!import->slab)
        return verifier_add(verifier, &block->cid, block->bytes,
                            block->section, err);
    if (car_slab_is_full(import->slab))
        TRY(give_slab(import, verifier, err));
    car_slab_add(import->slab, block);
    return STATUS_OK;
}

static Status read_blocks(struct import *import, struct car_reader *reader,
                          struct verifier *verifier, struct error *err)
{
    struct car_header header;
    struct car_block block;
    Status status = car_read_header(reader, &header, err);
    if (status == STATUS_OK)
        status = keep_roots(import, &header);
    while (status == STATUS_OK) {
        status = car_read_block(reader, &block, err);
        if (status != STATUS_OK)
            break;
        // This one may tell of a block before; nothing may hide it.
        TRY(add_block(import, &block, verifier, err));
    }
    if (import->slab && status == STATUS_NOT_FOUND)
        TRY(give_slab(import, verifier, err));
    struct error earlier = {0};
    const Status before = verifier_finish(verifier, &earlier);
    if (before != STATUS_OK) {
        if (err)
            *err = earlier;
        return before;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static Status read_once(struct import *import, struct error *err)
{
    struct car_reader *reader = car_reader_new(read_file, import);
    struct verifier *verifier = verifier_new(take_block, import);
    import->at = 0;
    Status status = read_blocks(import, reader, verifier, err);
    verifier_free(verifier);
    car_reader_free(reader);
    return status;
}

/* --- Roots --------------------------------------------------------------- */

static bool is_identity(const Cid *cid)
{
    return cid_hash_code(cid) == HASH_IDENTITY;
}

/* What a pin is called: the file, without where it lies. */
static Text pin_name(const char *name)
{
    enum { NAME_MAX_BYTES = 255 };
    const char *slash = strrchr(name, '/');
    Text text = text_of(slash ? slash + 1 : name);
    if (text.len > NAME_MAX_BYTES || !utf8_is_valid(text, NULL))
        text = TEXT("import");
    return text;
}

static void find_roots(struct import *import)
{
    for (size_t index = 0; index < import->out->root_count; index++) {
        const Cid *root = &import->out->roots[index];
        import->out->is_in_file[index] =
            is_identity(root) || seen_has(&import->met, cid_multihash(root));
    }
}

/* A root that is nowhere would keep nothing. */
static void pin_roots(struct import *import)
{
    const struct car_imported *out = import->out;
    if (import->options->no_pin)
        return;
    for (size_t index = 0; index < out->root_count; index++) {
        const Cid *root = &out->roots[index];
        out->is_pinned[index] =
            !is_identity(root) &&
            (out->is_in_file[index] || store_has(import->store, root));
        if (out->is_pinned[index])
            store_batch_pin(import->batch, root, pin_name(import->name));
    }
}

/* --- The whole ----------------------------------------------------------- */

/* All at once, if it is small: `batch` has everything then. */
static Status put_small(struct import *import, struct error *err)
{
    pin_roots(import);
    return store_commit(import->batch, err);
}

/* A collection that begins before the pins are there shall find them. */
static Status hold_roots(struct import *import, struct error *err)
{
    for (size_t index = 0; index < import->out->root_count; index++)
        if (!is_identity(&import->out->roots[index]))
            TRY(store_hold(import->store, &import->out->roots[index], err));
    return STATUS_OK;
}

static Status put_large(struct import *import, struct error *err)
{
    TRY(hold_roots(import, err));
    import->before = import->at;
    import->is_second = true;
    import->batch = store_batch_new(import->store);
    if (import->out->bytes / SORTED_BYTES < import->out->blocks)
        import->slab = car_slab_new();
    Status status = read_once(import, err);
    if (status == STATUS_INVALID || status == STATUS_LIMIT ||
        status == STATUS_UNSUPPORTED)
        status = fail_in(err, status, "it changed while it was imported");
    TRY(status);
    TRY(store_commit(import->batch, err));
    // A pin says that what came before it is here.
    TRY(store_flush(import->store, err));
    pin_roots(import);
    return store_commit(import->batch, err);
}

static Status import_all(struct import *import, struct error *err)
{
    TRY(begin(import, err));
    import->batch = store_batch_new(import->store);
    TRY(read_once(import, err));
    drain(import);
    find_roots(import);
    return import->batch ? put_small(import, err) : put_large(import, err);
}

Status car_import(struct store *store, int file, const char *name,
                  const struct car_import_options *options,
                  struct car_imported *out, struct error *err)
{
    static const struct car_import_options defaults;
    struct import import = {
        .store = store,
        .options = options ? options : &defaults,
        .name = name,
        .out = out,
        .file = file,
        .spool = -1,
    };
    *out = (struct car_imported){0};
    pthread_mutex_init(&import.lock, NULL);
    pthread_cond_init(&import.delivered, NULL);
    Status status = import_all(&import, err);
    wait_for_writer(&import, 0);
    pthread_cond_destroy(&import.delivered);
    pthread_mutex_destroy(&import.lock);
    store_batch_free(import.batch);
    car_slab_free(import.slab);
    seen_deinit(&import.roots);
    seen_deinit(&import.met);
    if (import.spool >= 0)
        close(import.spool);
    if (status == STATUS_OK)
        return STATUS_OK;
    car_imported_deinit(out);
    return fail_in(err, status, "%.60s", name);
}

void car_imported_deinit(struct car_imported *imported)
{
    free(imported->roots);
    free(imported->is_in_file);
    free(imported->is_pinned);
    imported->roots = NULL;
    imported->is_in_file = imported->is_pinned = NULL;
    imported->root_count = 0;
}
