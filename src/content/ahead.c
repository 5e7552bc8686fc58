/* SPDX-License-Identifier: Apache-2.0 */
/* ahead.c - the window:
 *
 *     EMPTY --expected--> WAITING --helper--> HASHING --> READY --> EMPTY
 *                            `------------ asked for -------------^
 *
 * Helpers take what waits in the order it was expected, a run at a time, so
 * that small blocks do not cost a look at the lock each. Who asks for a block
 * that no helper took yet hashes it himself. */
#include "content/ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

enum {
    PLACES = 256,
    RUN_BYTES = 128 << 10, /* what a helper takes at a time, or one block */
    RUN_PLACES = 32,
    WORTH_BYTES = 512 << 10, /* less is not worth a thread */
    KEPT_BYTES = 16 << 20,   /* of blocks from sources */
    HELPERS_MAX = 16,
};

struct place {
    enum { PLACE_EMPTY, PLACE_WAITING, PLACE_HASHING, PLACE_READY } state;
    uint64_t serial; /* of what was expected, from 1 */
    uint64_t len;    /* about */
    Cid cid;
    struct block *block; /* owned, or NULL */
};

struct ahead {
    struct store *store;
    pthread_t helpers[HELPERS_MAX];
    size_t helper_count;
    bool is_tried; /* to start helpers */

    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t waiting; /* for helpers: something waits, or the end */
    pthread_cond_t ready;   /* for the caller */
    struct place places[PLACES];
    uint32_t tags[PLACES]; /* of their CIDs; 0: empty */
    /* A ring: what waits, and what did until it was asked for. */
    struct turn {
        size_t place;
        uint64_t serial;
    } turns[PLACES];
    size_t turn, turn_count;
    uint64_t serials;
    uint64_t waiting_bytes;
    size_t kept_bytes;
    size_t idle; /* helpers that nobody called yet */
    const struct place *awaited;
    bool ending;
};

/* --- Helpers ------------------------------------------------------------- */

/* The next that waits, or NULL. Locked. */
static struct place *next_waiting(struct ahead *ahead)
{
    while (ahead->turn_count > 0) {
        const struct turn *turn = &ahead->turns[ahead->turn];
        struct place *place = &ahead->places[turn->place];
        if (place->serial == turn->serial && place->state == PLACE_WAITING)
            return place;
        ahead->turn = (ahead->turn + 1) % PLACES;
        ahead->turn_count--;
    }
    return NULL;
}

/* Locked. */
static size_t take_run(struct ahead *ahead, struct place *run[RUN_PLACES])
{
    struct place *place;
    uint64_t bytes = 0;
    size_t count = 0;
    while (count < RUN_PLACES && bytes < RUN_BYTES &&
           (place = next_waiting(ahead))) {
        place->state = PLACE_HASHING;
        bytes += place->len;
        run[count++] = place;
    }
    ahead->waiting_bytes -= bytes;
    return count;
}

/* What is wrong is found again, and told, when it is asked for. */
static void prepare(struct ahead *ahead, struct place *place)
{
    struct block *block = NULL;
    if (store_prepare(ahead->store, &place->cid, &block, NULL) != STATUS_OK)
        block = NULL;
    pthread_mutex_lock(&ahead->lock);
    place->block = block;
    place->state = PLACE_READY;
    if (block)
        ahead->kept_bytes += block_bytes(block).len;
    if (ahead->awaited == place)
        pthread_cond_signal(&ahead->ready);
    pthread_mutex_unlock(&ahead->lock);
}

static void *help(void *argument)
{
    struct ahead *ahead = argument;
    struct place *run[RUN_PLACES];
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->ending) {
        const size_t count = take_run(ahead, run);
        if (count == 0) {
            ahead->idle++;
            pthread_cond_wait(&ahead->waiting, &ahead->lock);
            continue;
        }
        pthread_mutex_unlock(&ahead->lock);
        for (size_t index = 0; index < count; index++)
            prepare(ahead, run[index]);
        pthread_mutex_lock(&ahead->lock);
    }
    pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

/* Signals are for the program's own threads. */
static void start_helpers(struct ahead *ahead)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t wanted = cores < 1             ? 1
                          : cores > HELPERS_MAX ? HELPERS_MAX
                                                : (size_t)cores;
    sigset_t all, before;
    ahead->is_tried = true;
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (ahead->helper_count < wanted &&
           pthread_create(&ahead->helpers[ahead->helper_count], NULL, help,
                          ahead) == 0)
        ahead->helper_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* --- Life ---------------------------------------------------------------- */

struct ahead *ahead_new(struct store *store)
{
    struct ahead *ahead = HEAP_NEW(struct ahead);
    ahead->store = store;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->waiting, NULL);
    pthread_cond_init(&ahead->ready, NULL);
    return ahead;
}

void ahead_free(struct ahead *ahead)
{
    if (!ahead)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->ending = true;
    pthread_cond_broadcast(&ahead->waiting);
    pthread_mutex_unlock(&ahead->lock);
    for (size_t index = 0; index < ahead->helper_count; index++)
        pthread_join(ahead->helpers[index], NULL);
    for (size_t index = 0; index < PLACES; index++)
        block_unref(ahead->places[index].block);
    pthread_cond_destroy(&ahead->ready);
    pthread_cond_destroy(&ahead->waiting);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}

/* --- The window ---------------------------------------------------------- */

/* Never 0. The end of a CID is that of its digest. */
static uint32_t tag_of(const Cid *cid)
{
    uint32_t tag = 0;
    for (size_t index = 0; index < 4 && index < cid->len; index++)
        tag = tag << 8 | cid->bytes[cid->len - 1U - index];
    return tag ? tag : 1;
}

/* The place of what is expected, or NULL. Locked. */
static struct place *find(struct ahead *ahead, const Cid *cid)
{
    const uint32_t tag = tag_of(cid);
    for (size_t index = 0; index < PLACES; index++)
        if (ahead->tags[index] == tag &&
            cid_equal(&ahead->places[index].cid, cid))
            return &ahead->places[index];
    return NULL;
}

/* Locked; there is room for a turn. */
static void add(struct ahead *ahead, const Cid *cid, uint64_t len)
{
    size_t index = 0;
    while (index < PLACES && ahead->tags[index] != 0)
        index++;
    if (index == PLACES)
        return;
    ahead->tags[index] = tag_of(cid);
    ahead->places[index] = (struct place){.state = PLACE_WAITING,
                                          .serial = ++ahead->serials,
                                          .len = len,
                                          .cid = *cid};
    ahead->turns[(ahead->turn + ahead->turn_count++) % PLACES] =
        (struct turn){index, ahead->serials};
    ahead->waiting_bytes += len;
    // A helper at work looks again by itself.
    if (ahead->idle > 0 && ahead->waiting_bytes >= RUN_BYTES) {
        ahead->idle--;
        pthread_cond_signal(&ahead->waiting);
    }
}

void ahead_expect(struct ahead *ahead, const Cid *cid, uint64_t len)
{
    pthread_mutex_lock(&ahead->lock);
    (void)next_waiting(ahead); // Forgets turns that are over.
    if (ahead->turn_count < PLACES && ahead->kept_bytes < KEPT_BYTES &&
        !find(ahead, cid))
        add(ahead, cid, len);
    const bool is_much = ahead->waiting_bytes >= WORTH_BYTES;
    pthread_mutex_unlock(&ahead->lock);
    if (is_much && !ahead->is_tried)
        start_helpers(ahead);
}

/* Empties it. Locked. */
static struct block *take(struct ahead *ahead, struct place *place)
{
    struct block *block = place->block;
    if (block)
        ahead->kept_bytes -= block_bytes(block).len;
    if (place->state == PLACE_WAITING)
        ahead->waiting_bytes -= place->len;
    place->block = NULL;
    place->state = PLACE_EMPTY;
    ahead->tags[place - ahead->places] = 0;
    return block;
}

Status ahead_get(struct ahead *ahead, const Cid *cid, struct block **out,
                 struct error *err)
{
    struct block *block = NULL;
    pthread_mutex_lock(&ahead->lock);
    struct place *place = find(ahead, cid);
    ahead->awaited = place;
    while (place && place->state == PLACE_HASHING)
        pthread_cond_wait(&ahead->ready, &ahead->lock);
    ahead->awaited = NULL;
    if (place)
        block = take(ahead, place);
    pthread_mutex_unlock(&ahead->lock);
    if (!block)
        return store_get(ahead->store, cid, out, err);
    *out = block;
    return STATUS_OK;
}
