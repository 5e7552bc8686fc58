/* SPDX-License-Identifier: Apache-2.0 */
/* verifier.c - groups go round in a ring:
 *
 *     FREE --filled--> WAITING --helper--> HASHING --> DONE --taken--> FREE
 *
 * The caller fills the group at `filling` and takes the oldest before it fills
 * it again. Helpers take the oldest that waits. */
#include "content/verifier.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"

enum {
    GROUP_BYTES = 1 << 20,
    GROUP_ROOM = GROUP_BYTES + (2 << 20), /* and the last block of it */
    GROUP_BLOCKS = 2048,
    HELPERS_MAX = 16,
    GROUPS_MAX = 2 * HELPERS_MAX + 2,
};

struct item {
    Cid cid;
    size_t start, len; /* of its bytes in the group */
    uint64_t offset;
};

struct group {
    enum { GROUP_FREE, GROUP_WAITING, GROUP_HASHING, GROUP_DONE } state;
    struct item *items; /* owned; GROUP_BLOCKS */
    size_t count;
    struct buffer bytes;
    Status status; /* of the first bad block */
    struct error error;
};

struct verifier {
    VerifierTake *take;
    void *context;
    struct group groups[GROUPS_MAX];
    size_t group_count;
    size_t filling; /* the caller's */
    pthread_t helpers[HELPERS_MAX];
    size_t helper_count;

    pthread_mutex_t lock; /* guards the states, and the two below */
    pthread_cond_t changed;
    size_t next; /* the oldest that waits, if any does */
    bool ending;
};

/* --- Hashing ------------------------------------------------------------- */

static Status check_item(const struct group *group, const struct item *item,
                         struct error *err)
{
    char name[CID_TEXT_MAX];
    const Bytes bytes = bytes_of(group->bytes.data + item->start, item->len);
    Status status = cid_verify(&item->cid, bytes, NULL);
    if (status == STATUS_OK)
        return status;
    cid_to_text(&item->cid, name);
    const unsigned long long offset = (unsigned long long)item->offset;
    if (status == STATUS_UNSUPPORTED)
        return fail(err, status,
                    "block %.64s at byte %llu has the hash 0x%llx, which "
                    "nobody here can verify: leave it out",
                    name, offset,
                    (unsigned long long)cid_hash_code(&item->cid));
    return fail(err, STATUS_INVALID,
                "block %.64s at byte %llu does not match its hash", name,
                offset);
}

static void check_group(struct group *group)
{
    group->status = STATUS_OK;
    for (size_t index = 0; index < group->count && group->status == STATUS_OK;
         index++)
        group->status = check_item(group, &group->items[index], &group->error);
}

static void *help(void *argument)
{
    struct verifier *verifier = argument;
    pthread_mutex_lock(&verifier->lock);
    for (;;) {
        struct group *group = &verifier->groups[verifier->next];
        if (verifier->ending)
            break;
        if (group->state != GROUP_WAITING) {
            pthread_cond_wait(&verifier->changed, &verifier->lock);
            continue;
        }
        group->state = GROUP_HASHING;
        verifier->next = (verifier->next + 1) % verifier->group_count;
        pthread_mutex_unlock(&verifier->lock);
        check_group(group);
        pthread_mutex_lock(&verifier->lock);
        group->state = GROUP_DONE;
        pthread_cond_broadcast(&verifier->changed);
    }
    pthread_mutex_unlock(&verifier->lock);
    return NULL;
}

/* --- Life ---------------------------------------------------------------- */

/* Signals are for the program's own threads. */
static void start_helpers(struct verifier *verifier, size_t wanted)
{
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (verifier->helper_count < wanted &&
           pthread_create(&verifier->helpers[verifier->helper_count], NULL,
                          help, verifier) == 0)
        verifier->helper_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct verifier *verifier_new(VerifierTake *take, void *context)
{
    struct verifier *verifier = HEAP_NEW(struct verifier);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t wanted = cores < 1             ? 1
                          : cores > HELPERS_MAX ? HELPERS_MAX
                                                : (size_t)cores;
    verifier->take = take;
    verifier->context = context;
    verifier->group_count = 2 * wanted + 2;
    for (size_t index = 0; index < verifier->group_count; index++) {
        struct group *group = &verifier->groups[index];
        group->items = heap_array(GROUP_BLOCKS, sizeof *group->items);
        buffer_init(&group->bytes, GROUP_ROOM);
    }
    pthread_mutex_init(&verifier->lock, NULL);
    pthread_cond_init(&verifier->changed, NULL);
    start_helpers(verifier, wanted);
    return verifier;
}

void verifier_free(struct verifier *verifier)
{
    if (!verifier)
        return;
    pthread_mutex_lock(&verifier->lock);
    verifier->ending = true;
    pthread_cond_broadcast(&verifier->changed);
    pthread_mutex_unlock(&verifier->lock);
    for (size_t index = 0; index < verifier->helper_count; index++)
        pthread_join(verifier->helpers[index], NULL);
    for (size_t index = 0; index < verifier->group_count; index++) {
        free(verifier->groups[index].items);
        buffer_deinit(&verifier->groups[index].bytes);
    }
    pthread_cond_destroy(&verifier->changed);
    pthread_mutex_destroy(&verifier->lock);
    free(verifier);
}

/* --- The ring ------------------------------------------------------------ */

/* Waits for a group, gives its blocks away, and frees it. */
static Status take_group(struct verifier *verifier, struct group *group,
                         struct error *err)
{
    pthread_mutex_lock(&verifier->lock);
    while (group->state == GROUP_WAITING || group->state == GROUP_HASHING)
        pthread_cond_wait(&verifier->changed, &verifier->lock);
    const bool is_done = group->state == GROUP_DONE;
    pthread_mutex_unlock(&verifier->lock);
    if (!is_done)
        return STATUS_OK;
    if (group->status != STATUS_OK) {
        if (err)
            *err = group->error;
        return group->status;
    }
    for (size_t index = 0; index < group->count; index++) {
        const struct item *item = &group->items[index];
        TRY(verifier->take(
            verifier->context, &item->cid,
            bytes_of(group->bytes.data + item->start, item->len), err));
    }
    group->count = 0;
    buffer_clear(&group->bytes);
    // Helpers look at what waits only.
    pthread_mutex_lock(&verifier->lock);
    group->state = GROUP_FREE;
    pthread_mutex_unlock(&verifier->lock);
    return STATUS_OK;
}

/* Hands the group over; the next is free when this returns. */
static Status send_group(struct verifier *verifier, struct error *err)
{
    struct group *group = &verifier->groups[verifier->filling];
    if (verifier->helper_count == 0) // No thread can be had.
        check_group(group);
    pthread_mutex_lock(&verifier->lock);
    group->state = verifier->helper_count == 0 ? GROUP_DONE : GROUP_WAITING;
    pthread_cond_broadcast(&verifier->changed);
    pthread_mutex_unlock(&verifier->lock);
    verifier->filling = (verifier->filling + 1) % verifier->group_count;
    return take_group(verifier, &verifier->groups[verifier->filling], err);
}

Status verifier_add(struct verifier *verifier, const Cid *cid, Bytes bytes,
                    uint64_t offset, struct error *err)
{
    struct group *group = &verifier->groups[verifier->filling];
    ASSERT(bytes.len <= GROUP_ROOM - GROUP_BYTES);
    group->items[group->count++] =
        (struct item){*cid, group->bytes.len, bytes.len, offset};
    buffer_add_bytes(&group->bytes, bytes);
    ASSERT(group->bytes.status == STATUS_OK);
    if (group->count < GROUP_BLOCKS && group->bytes.len < GROUP_BYTES)
        return STATUS_OK;
    return send_group(verifier, err);
}

Status verifier_finish(struct verifier *verifier, struct error *err)
{
    if (verifier->groups[verifier->filling].count > 0)
        TRY(send_group(verifier, err));
    // From the oldest on; the one to be filled is free.
    for (size_t step = 1; step < verifier->group_count; step++)
        TRY(take_group(verifier,
                       &verifier->groups[(verifier->filling + step) %
                                         verifier->group_count],
                       err));
    return STATUS_OK;
}
