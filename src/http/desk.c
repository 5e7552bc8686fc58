/* SPDX-License-Identifier: Apache-2.0 */
#include "http/desk.h"

#include <pthread.h>
#include <stdlib.h>

struct desk {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t lock; /* of what is below */
    pthread_cond_t asked;
    struct desk_work *first, **last;
    size_t waiting;
    bool is_started, stops;
};

/* What modules said is kept in memory as long as `modules` is: now and then all
 * of it is forgotten. */
enum { WORKS_UNTIL_FRESH = 1000 };

/* NULL: it is to stop. */
static struct desk_work *next_work(struct desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    while (!desk->first && !desk->stops)
        pthread_cond_wait(&desk->asked, &desk->lock);
    struct desk_work *work = desk->first;
    if (work) {
        desk->first = work->next;
        if (!desk->first)
            desk->last = &desk->first;
        desk->waiting--;
    }
    pthread_mutex_unlock(&desk->lock);
    return work;
}

static void *serve(void *context)
{
    struct desk *desk = context;
    const struct executor_options options = {.workers = 1};
    struct desk_work *work = next_work(desk);
    while (work) {
        struct executor *executor;
        // Nothing can fail before there is a job for it.
        ASSERT(executor_open(desk->store, &options, &executor, NULL) ==
               STATUS_OK);
        struct modules *modules = modules_new(executor);
        const struct loader loader = {
            .executor = executor, .modules = modules, .no_files = true};
        for (int count = 0; work && count < WORKS_UNTIL_FRESH; count++) {
            work->perform(work, &loader);
            work->done(work);
            work = next_work(desk);
        }
        executor_close(executor);
        modules_free(modules);
    }
    return NULL;
}

struct desk *desk_open(struct store *store)
{
    struct desk *desk = HEAP_NEW(struct desk);
    desk->store = store;
    desk->last = &desk->first;
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->asked, NULL);
    return desk;
}

void desk_close(struct desk *desk)
{
    if (!desk)
        return;
    pthread_mutex_lock(&desk->lock);
    desk->stops = true;
    pthread_cond_signal(&desk->asked);
    pthread_mutex_unlock(&desk->lock);
    if (desk->is_started)
        pthread_join(desk->thread, NULL);
    pthread_cond_destroy(&desk->asked);
    pthread_mutex_destroy(&desk->lock);
    free(desk);
}

Status desk_ask(struct desk *desk, struct desk_work *work, struct error *err)
{
    Status status = STATUS_OK;
    pthread_mutex_lock(&desk->lock);
    if (!desk->is_started)
        desk->is_started =
            pthread_create(&desk->thread, NULL, serve, desk) == 0;
    if (!desk->is_started || desk->waiting >= DESK_WAITING_MAX) {
        status = fail(err, STATUS_BUSY,
                      "%d manifests and calls wait to be read: try again",
                      DESK_WAITING_MAX);
    } else {
        work->next = NULL;
        *desk->last = work;
        desk->last = &work->next;
        desk->waiting++;
        pthread_cond_signal(&desk->asked);
    }
    pthread_mutex_unlock(&desk->lock);
    return status;
}
