/* SPDX-License-Identifier: Apache-2.0 */
#include "content/import.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { TELL_EVERY_NS = 50 * 1000 * 1000 };

void import_begin(struct import *import, struct store *store,
                  const struct content_add_options *options)
{
    memset(import, 0, sizeof *import);
    import->store = store;
    import->options = options;
    import->own.import = import;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&import->lock, NULL);
    pthread_cond_init(&import->work, NULL);
    pthread_cond_init(&import->progress, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* --- Failing and telling ------------------------------------------------- */

static void fail_locked(struct import *import, Status status,
                        const struct error *err)
{
    if (status == STATUS_OK || import->status != STATUS_OK)
        return;
    import->status = status;
    import->error = *err;
    atomic_store(&import->has_failed, true);
    pthread_cond_broadcast(&import->progress);
}

void import_fail(struct import *import, Status status, const struct error *err)
{
    pthread_mutex_lock(&import->lock);
    fail_locked(import, status, err);
    pthread_mutex_unlock(&import->lock);
}

bool import_tell(struct import *import)
{
    const struct content_add_options *options = import->options;
    if (import_has_failed(import))
        return false;
    if (!options->progress ||
        options->progress(options->context, atomic_load(&import->done_bytes),
                          atomic_load(&import->total_bytes)))
        return true;
    struct error err;
    Status status = fail(&err, STATUS_CANCELLED, "interrupted");
    import_fail(import, status, &err);
    return false;
}

/* The same, if it was not told just now. */
static bool tell_if_due(struct import *import)
{
    const uint64_t now = clock_monotonic_ns();
    if (now - import->told_ns < TELL_EVERY_NS)
        return !import_has_failed(import);
    import->told_ns = now;
    return import_tell(import);
}

bool import_wait(struct import *import)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TELL_EVERY_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&import->progress, &import->lock, &until);
    pthread_mutex_unlock(&import->lock);
    const bool goes_on = tell_if_due(import);
    pthread_mutex_lock(&import->lock);
    return goes_on;
}

/* --- Lanes --------------------------------------------------------------- */

uint8_t *lane_room(struct lane *lane)
{
    if (!lane->room)
        lane->room = heap_alloc(ROOM_BYTES + 1);
    return lane->room;
}

/* A batch on its way. */
struct parcel {
    struct import *import;
    size_t bytes;
};

/* On the store's writer thread. */
static void delivered(void *context, Status status, const struct error *err)
{
    struct parcel *parcel = context;
    struct import *import = parcel->import;
    pthread_mutex_lock(&import->lock);
    import->under_way -= parcel->bytes;
    fail_locked(import, status, err);
    pthread_cond_broadcast(&import->progress);
    pthread_mutex_unlock(&import->lock);
    free(parcel);
}

void lane_commit(struct lane *lane)
{
    struct import *import = lane->import;
    if (!lane->batch)
        return;
    struct parcel *parcel = HEAP_NEW(struct parcel);
    *parcel = (struct parcel){import, lane->batch_bytes};
    pthread_mutex_lock(&import->lock);
    // The writer needs nothing of ours: this ends.
    while (import->under_way > 0 &&
           import->under_way + parcel->bytes > UNDER_WAY_MAX)
        pthread_cond_wait(&import->progress, &import->lock);
    import->under_way += parcel->bytes;
    pthread_mutex_unlock(&import->lock);
    store_commit_async(lane->batch, delivered, parcel);
    lane->batch = NULL;
    lane->batch_bytes = 0;
}

Status lane_put(void *context, const Cid *cid, Bytes block, struct error *err)
{
    struct lane *lane = context;
    (void)err;
    if (lane->import->options->only_hash)
        return STATUS_OK;
    if (!lane->batch)
        lane->batch = store_batch_new(lane->import->store);
    store_batch_block(lane->batch, cid, block);
    lane->batch_bytes += block.len;
    if (lane->batch_bytes >= BATCH_BYTES)
        lane_commit(lane);
    return STATUS_OK;
}

/* --- Helpers ------------------------------------------------------------- */

static void *run_helper(void *argument)
{
    struct lane *lane = argument;
    struct import *import = lane->import;
    pthread_mutex_lock(&import->lock);
    for (;;) {
        while (import->count == 0 && !import->ending)
            pthread_cond_wait(&import->work, &import->lock);
        if (import->count == 0)
            break;
        const struct import_job job = import->jobs[import->first];
        import->first = (import->first + 1) % JOBS_MAX;
        import->count--;
        import->running++;
        // The caller waits for room in a queue that was full.
        if (import->count == JOBS_MAX / 2)
            pthread_cond_broadcast(&import->progress);
        pthread_mutex_unlock(&import->lock);
        job.work(lane, job.subject, job.index);
        pthread_mutex_lock(&import->lock);
        import->running--;
        if (import->running == 0 && import->count == 0)
            pthread_cond_broadcast(&import->progress);
    }
    pthread_mutex_unlock(&import->lock);
    return NULL;
}

/* Signals are for the program's own threads. */
static void start_helpers(struct import *import)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const unsigned wanted = cores < 1             ? 1
                            : cores > HELPERS_MAX ? HELPERS_MAX
                                                  : (unsigned)cores;
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned index = 0; index < wanted; index++) {
        struct lane *lane = &import->lanes[import->helper_count];
        lane->import = import;
        if (pthread_create(&import->helpers[import->helper_count], NULL,
                           run_helper, lane) != 0)
            break;
        import->helper_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void import_job(struct import *import, const struct import_job *job)
{
    if (import->helper_count == 0)
        start_helpers(import);
    if (import->helper_count == 0) { // No thread can be had.
        job->work(&import->own, job->subject, job->index);
        return;
    }
    pthread_mutex_lock(&import->lock);
    while (import->count == JOBS_MAX)
        (void)import_wait(import);
    import->jobs[(import->first + import->count++) % JOBS_MAX] = *job;
    pthread_cond_signal(&import->work);
    pthread_mutex_unlock(&import->lock);
    (void)tell_if_due(import);
}

/* --- The end ------------------------------------------------------------- */

/* Everything given to the store is durable or lost when this returns. */
static void settle(struct import *import)
{
    struct error err = {0};
    pthread_mutex_lock(&import->lock);
    while (import->under_way > 0 || import->count + import->running > 0)
        (void)import_wait(import);
    pthread_mutex_unlock(&import->lock);
    // What was lost has been told; here it is only forgotten.
    if (!import->options->only_hash)
        import_fail(import, store_flush(import->store, &err), &err);
}

Status import_end(struct import *import, struct error *err)
{
    pthread_mutex_lock(&import->lock);
    import->ending = true;
    pthread_cond_broadcast(&import->work);
    pthread_mutex_unlock(&import->lock);
    for (unsigned index = 0; index < import->helper_count; index++)
        pthread_join(import->helpers[index], NULL);
    for (unsigned index = 0; index <= import->helper_count; index++) {
        struct lane *lane = index < import->helper_count
                                ? &import->lanes[index]
                                : &import->own;
        if (import_has_failed(import))
            store_batch_free(lane->batch);
        else
            lane_commit(lane);
        free(lane->room);
    }
    settle(import);
    pthread_cond_destroy(&import->progress);
    pthread_cond_destroy(&import->work);
    pthread_mutex_destroy(&import->lock);
    if (import->status != STATUS_OK && err)
        *err = import->error;
    return import->status;
}
