/* SPDX-License-Identifier: Apache-2.0 */
/* import.h - what is hashed on all cores and goes to the store in big batches:
 * the machine behind adding files and trees. Inside src/content only.
 *
 *     caller --jobs--> [queue] --helpers--> lanes --batches--> store's writer
 *
 * The caller is one thread, with a lane of its own; helpers start with the
 * first job. The first failure stops everything: jobs still come, to give back
 * what they own, and see import_has_failed(). Bounded: JOBS_MAX jobs,
 * UNDER_WAY_MAX bytes at the writer, a room for each thread.
 *
 * Thread: the caller's, but for what says "any lane". */
#ifndef IPVM_CONTENT_IMPORT_H
#define IPVM_CONTENT_IMPORT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "content/content.h"
#include "ipld/unixfs_writer.h"

enum {
    JOBS_MAX = 128,
    HELPERS_MAX = 64,
    ROOM_BYTES = UNIXFS_CHUNK_SIZE_MAX, /* a file read in one piece */
    BATCH_BYTES = 8 << 20,
    UNDER_WAY_MAX = 64 << 20,
};

struct import;

/* What one thread works with. */
struct lane {
    struct import *import;
    struct store_batch *batch;
    size_t batch_bytes;
    uint8_t *room; /* owned; ROOM_BYTES and one more; NULL until asked for */
};

struct import_job {
    void (*work)(struct lane *lane, void *subject, size_t index);
    void *subject;
    size_t index;
};

struct import {
    struct store *store;
    const struct content_add_options *options;
    atomic_uint_least64_t done_bytes, total_bytes, entries;
    atomic_bool has_failed;
    struct lane own; /* the caller's */
    uint64_t told_ns;

    pthread_mutex_t lock;    /* guards all below */
    pthread_cond_t work;     /* for helpers: a job, or the end */
    pthread_cond_t progress; /* for the caller and full lanes */
    struct import_job jobs[JOBS_MAX];
    size_t first, count, running;
    bool ending;
    size_t under_way; /* bytes at the store's writer */
    Status status;    /* the first failure */
    struct error error;
    pthread_t helpers[HELPERS_MAX];
    struct lane lanes[HELPERS_MAX];
    unsigned helper_count;
};

/* `options` is borrowed. */
void import_begin(struct import *import, struct store *store,
                  const struct content_add_options *options);
/* Ends the helpers after all jobs, hands over what is left, and waits until it
 * is durable. The first failure. */
Status import_end(struct import *import, struct error *err);

/* Waits for room in the queue. */
void import_job(struct import *import, const struct import_job *job);
/* Waits a while, or until something was done; false: the progress callback
 * asked to stop, which is a failure of the import. With the lock held. */
bool import_wait(struct import *import);
/* Tells the progress; as import_wait(), but without the lock. */
bool import_tell(struct import *import);

/* Any lane. */
void import_fail(struct import *import, Status status,
                 const struct error *err);
static inline bool import_has_failed(const struct import *import)
{
    return atomic_load_explicit(&import->has_failed, memory_order_relaxed);
}
uint8_t *lane_room(struct lane *lane);
/* A struct unixfs_block_sink: `context` is the lane. */
Status lane_put(void *context, const Cid *cid, Bytes block, struct error *err);
/* Gives the batch to the writer. */
void lane_commit(struct lane *lane);

/* --- Files (import_file.c) ------------------------------------------------ */

/* A name for a file and what a directory says of it. */
struct imported {
    Cid cid;
    uint64_t tsize;
};

/* How it is told of in errors and to the index of known files. */
struct import_source {
    int file; /* open for reading */
    const char *path;
    struct stat stat; /* from before it was read */
    bool is_noted;    /* look into the index of known files, and note it */
};

/* Any lane: a file of at most ROOM_BYTES. */
Status import_small(struct lane *lane, const struct import_source *source,
                    struct imported *out, struct error *err);
/* A file of any size, its leaves hashed by the helpers. */
Status import_big(struct import *import, const struct import_source *source,
                  struct imported *out, struct error *err);
/* What `file` still has to give, to its end. */
Status import_stream(struct import *import, int file, const char *name,
                     const struct unixfs_metadata *metadata,
                     struct imported *out, struct error *err);

/* STATUS_INVALID: options that make no sense. */
Status content_check_options(const struct content_add_options *options,
                             struct error *err);
/* A file by its path, as content_add_path(). */
Status import_path(struct import *import, const char *path,
                   struct imported *out, struct error *err);

/* What is to be kept of a file, by the options. */
struct unixfs_metadata import_metadata(
    const struct content_add_options *options, const struct stat *stat);

#endif
