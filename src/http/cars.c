/* SPDX-License-Identifier: Apache-2.0 */
/* cars.c - a body goes to a file without a name in the store's directory, and
 * is imported from there on a thread of its own:
 *
 *     ARRIVING ──the last byte──▶ IMPORTING ──▶ OVER
 *                                    └ the client went away: stopped
 */
#include "http/cars.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "content/car_import.h"
#include "http/server.h"

enum {
    IMPORTS_MAX = 4, /* at once; each takes all cores */
    WAIT_MS = 50,
    WAITED_MAX = 60000 / WAIT_MS, /* then a minute is over */
};

/* Goes with the request. */
struct arriving {
    struct store *store;
    struct request *request;
    int file;        /* -1: none */
    unsigned waited; /* for a turn */
    bool is_started;
    pthread_t thread;
    atomic_bool is_cancelled, is_over;
    Status status;
    struct error error;
    struct car_imported imported;
};

static atomic_uint imports; /* of this process */

static void forget_arriving(void *state)
{
    struct arriving *arriving = state;
    if (arriving->is_started) {
        atomic_store(&arriving->is_cancelled, true);
        pthread_join(arriving->thread, NULL);
    }
    if (arriving->file >= 0)
        close(arriving->file);
    car_imported_deinit(&arriving->imported);
    free(arriving);
}

static int open_nameless(const char *directory)
{
    return open(*directory ? directory : "/tmp",
                O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

RequestStep cars_begin(struct request *request)
{
    struct error err = {0};
    struct arriving *arriving = HEAP_NEW(struct arriving);
    arriving->store = request->store;
    arriving->request = request;
    arriving->file = open_nameless(store_directory(request->store));
    request->state = arriving;
    request->forget = forget_arriving;
    if (arriving->file >= 0)
        return REQUEST_WAITS;
    const Status status =
        fail_errno(&err, errno, "cannot keep a copy before it is verified");
    return respond_failure(request, NULL, status, &err);
}

bool cars_data(struct request *request, Bytes piece)
{
    const struct arriving *arriving = request->state;
    struct error err = {0};
    if (file_write_all(arriving->file, piece))
        return true;
    const Status status =
        fail_errno(&err, errno, "cannot keep a copy before it is verified");
    respond_failure(request, NULL, status, &err);
    return false;
}

/* --- The import ----------------------------------------------------------- */

/* A ContentProgress. */
static bool may_go_on(void *context, uint64_t done, uint64_t total)
{
    const struct arriving *arriving = context;
    (void)done, (void)total;
    return !atomic_load(&arriving->is_cancelled);
}

static void *import(void *argument)
{
    struct arriving *arriving = argument;
    const struct car_import_options options = {
        .no_pin = true, .progress = may_go_on, .context = arriving};
    arriving->status =
        car_import(arriving->store, arriving->file, "the CAR", &options,
                   &arriving->imported, &arriving->error);
    atomic_fetch_sub(&imports, 1);
    atomic_store(&arriving->is_over, true);
    // The request cannot be gone: it waits for this thread.
    request_wake(arriving->request);
    return NULL;
}

/* Signals are for the program's own threads. */
static bool start(struct arriving *arriving)
{
    sigset_t all, before;
    if (atomic_fetch_add(&imports, 1) >= IMPORTS_MAX ||
        lseek(arriving->file, 0, SEEK_SET) != 0) {
        atomic_fetch_sub(&imports, 1);
        return false;
    }
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    arriving->is_started =
        pthread_create(&arriving->thread, NULL, import, arriving) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!arriving->is_started)
        atomic_fetch_sub(&imports, 1);
    return arriving->is_started;
}

/* --- The answer ----------------------------------------------------------- */

static Value root_value(struct arena *arena, const struct car_imported *car,
                        size_t index)
{
    const struct value_entry entries[] = {
        {TEXT("cid"), value_link(&car->roots[index])},
        {TEXT("in_file"), value_bool(car->is_in_file[index])},
    };
    return value_map(arena, entries, 2);
}

static RequestStep answer(struct request *request,
                          const struct car_imported *car)
{
    struct arena *arena = &request->arena;
    Value *roots = arena_array(arena, car->root_count + 1, sizeof *roots);
    for (size_t index = 0; index < car->root_count; index++)
        roots[index] = root_value(arena, car, index);
    const struct value_entry entries[] = {
        {TEXT("roots"), value_list(roots, car->root_count)},
        {TEXT("blocks"), value_uint(car->blocks)},
        {TEXT("bytes"), value_uint(car->bytes)},
    };
    const Value imported = value_map(arena, entries, 3);
    return respond_value(request, 201, &imported);
}

/* There is no turn for it yet. */
static RequestStep wait_for_turn(struct request *request)
{
    struct arriving *arriving = request->state;
    if (!server_stops(request->http) && arriving->waited++ < WAITED_MAX) {
        request_wait_as(request, cars_post, WAIT_MS);
        return REQUEST_WAITS;
    }
    respond_header(request, "Retry-After", TEXT("1"));
    return respond_problem(request, 503, "busy",
                           "%d CARs are being imported: try again later",
                           IMPORTS_MAX);
}

RequestStep cars_post(struct request *request)
{
    struct arriving *arriving = request->state;
    if (!arriving->is_started && !start(arriving))
        return wait_for_turn(request);
    request_wait_as(request, cars_post, 0);
    if (server_stops(request->http))
        atomic_store(&arriving->is_cancelled, true);
    if (!atomic_load(&arriving->is_over))
        return REQUEST_WAITS;
    if (arriving->status != STATUS_OK)
        return respond_failure(request, NULL, arriving->status,
                               &arriving->error);
    return answer(request, &arriving->imported);
}
