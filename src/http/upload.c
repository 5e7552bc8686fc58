/* SPDX-License-Identifier: Apache-2.0 */
/* upload.c - the store may be at work for a request that is gone. So what its
 * callback needs lives as long as the request or a batch does. */
#include "http/upload.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    BATCH_BYTES = 4 << 20,
    BLOCK_OVERHEAD = 512, /* what a block costs in a batch beside its bytes */
    UNDER_WAY_MAX = 2     /* batches */
};

struct upload {
    struct store *store;
    Did did;                   /* who sends it */
    struct store_batch *batch; /* the request's */
    size_t batch_bytes;
    bool is_sealed; /* the last batch is on its way */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t delivered;
    struct request *request; /* NULL: gone */
    unsigned under_way;
    bool is_awaited; /* by the request, which is to be woken */
    Status status;   /* the first failure */
    struct error error;
};

/* Of this process. The lock guards the others; nobody waits for it. */
static struct {
    pthread_mutex_t lock;
    const Did *whose[UPLOADS_MAX]; /* of uploads; the first `count` */
    unsigned count;
} uploads = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* False: there are too many. */
static bool take_place(const Did *did)
{
    unsigned own = 0;
    pthread_mutex_lock(&uploads.lock);
    for (unsigned index = 0; index < uploads.count; index++)
        own += strcmp(uploads.whose[index]->text, did->text) == 0;
    const bool is_free =
        uploads.count < UPLOADS_MAX && own < UPLOADS_OF_ONE_MAX;
    if (is_free)
        uploads.whose[uploads.count++] = did;
    pthread_mutex_unlock(&uploads.lock);
    return is_free;
}

static void give_place(const Did *did)
{
    pthread_mutex_lock(&uploads.lock);
    for (unsigned index = 0; index < uploads.count; index++)
        if (uploads.whose[index] == did)
            uploads.whose[index] = uploads.whose[--uploads.count];
    pthread_mutex_unlock(&uploads.lock);
}

static void free_upload(struct upload *upload)
{
    pthread_cond_destroy(&upload->delivered);
    pthread_mutex_destroy(&upload->lock);
    free(upload);
}

/* The request is over. */
static void forget_upload(void *state)
{
    struct upload *upload = state;
    give_place(&upload->did);
    store_batch_free(upload->batch);
    pthread_mutex_lock(&upload->lock);
    upload->request = NULL;
    const bool is_last = upload->under_way == 0;
    pthread_mutex_unlock(&upload->lock);
    if (is_last)
        free_upload(upload);
}

struct upload *upload_begin(struct request *request)
{
    struct upload *upload = HEAP_NEW(struct upload);
    upload->did = request->principal.did;
    if (!take_place(&upload->did)) {
        free(upload);
        respond_header(request, "Retry-After", TEXT("1"));
        respond_problem(request, 503, "busy",
                        "%d uploads are under way, or %d of one who asks: try "
                        "again later",
                        UPLOADS_MAX, UPLOADS_OF_ONE_MAX);
        return NULL;
    }
    upload->store = request->store;
    upload->batch = store_batch_new(request->store);
    upload->request = request;
    pthread_mutex_init(&upload->lock, NULL);
    pthread_cond_init(&upload->delivered, NULL);
    request->state = upload;
    request->forget = forget_upload;
    return upload;
}

/* On the store's writer thread. */
static void note_delivered(void *context, Status status,
                           const struct error *err)
{
    struct upload *upload = context;
    pthread_mutex_lock(&upload->lock);
    upload->under_way--;
    if (status != STATUS_OK && upload->status == STATUS_OK) {
        upload->status = status;
        upload->error = *err;
    }
    pthread_cond_signal(&upload->delivered);
    if (upload->request && upload->is_awaited)
        request_wake(upload->request);
    const bool is_last = !upload->request && upload->under_way == 0;
    pthread_mutex_unlock(&upload->lock);
    if (is_last)
        free_upload(upload);
}

/* Gives the batch to the store's writer, when no more than a few of ours are
 * there. */
static void send_batch(struct upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    while (upload->under_way >= UNDER_WAY_MAX)
        pthread_cond_wait(&upload->delivered, &upload->lock);
    upload->under_way++;
    pthread_mutex_unlock(&upload->lock);
    struct store_batch *batch = upload->batch;
    upload->batch = NULL;
    upload->batch_bytes = 0;
    store_commit_async(batch, note_delivered, upload);
}

/* With the lock held. */
static Status failure_of(const struct upload *upload, struct error *err)
{
    if (upload->status != STATUS_OK && err)
        *err = upload->error;
    return upload->status;
}

Status upload_block(struct upload *upload, const Cid *cid, Bytes bytes,
                    struct error *err)
{
    ASSERT(!upload->is_sealed);
    store_batch_block(upload->batch, cid, bytes);
    upload->batch_bytes += bytes.len + BLOCK_OVERHEAD;
    if (upload->batch_bytes < BATCH_BYTES)
        return STATUS_OK;
    send_batch(upload);
    upload->batch = store_batch_new(upload->store);
    pthread_mutex_lock(&upload->lock);
    const Status status = failure_of(upload, err);
    pthread_mutex_unlock(&upload->lock);
    return status;
}

static Status put_block(void *context, const Cid *cid, Bytes block,
                        struct error *err)
{
    return upload_block(context, cid, block, err);
}

struct unixfs_block_sink upload_sink(struct upload *upload)
{
    return (struct unixfs_block_sink){put_block, upload};
}

bool upload_is_over(struct upload *upload, Status *status, struct error *err)
{
    if (!upload->is_sealed) {
        upload->is_sealed = true;
        send_batch(upload);
    }
    pthread_mutex_lock(&upload->lock);
    const bool is_over = upload->under_way == 0;
    upload->is_awaited = !is_over;
    *status = failure_of(upload, err);
    pthread_mutex_unlock(&upload->lock);
    return is_over;
}
