/* SPDX-License-Identifier: Apache-2.0 */
#include "run/executor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "run/executor_internal.h"
#include "run/in_process.h"
#include "worker/pool.h"

/* Beside this program (a build tree), else where `make install` puts it. */
static void find_worker(char *out, size_t room)
{
    const char *asked = getenv("IPVM_WORKER");
    if (asked && *asked) {
        snprintf(out, room, "%s", asked);
        return;
    }
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) {
        *slash = '\0';
        static const char *const places[] = {"", "/../libexec/ipvm",
                                             "/../lib/ipvm"};
        for (size_t index = 0; index < sizeof places / sizeof *places;
             index++) {
            snprintf(out, room, "%.3900s%s/ipvm-worker", self, places[index]);
            if (access(out, X_OK) == 0)
                return;
        }
    }
    snprintf(out, room, "%s/ipvm-worker", IPVM_LIBEXECDIR);
}

static uint64_t machine_memory(void)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return (uint64_t)4 << 30;
    return (uint64_t)info.totalram * info.mem_unit / 4 * 3;
}

Status executor_open(struct store *store,
                     const struct executor_options *options,
                     struct executor **out, struct error *err)
{
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0)
        return fail_errno(err, errno, "cannot make an eventfd");
    struct executor *executor = HEAP_NEW(struct executor);
    executor->store = store;
    executor->bell = bell;
    executor->lanes = lanes_new();
    executor->landings = landings_new();
    const Hash owner = {0};
    executor->own_lane = lane_of(executor->lanes, &owner, 1);
    if (options)
        executor->options = *options;
    if (executor->options.worker)
        snprintf(executor->worker, sizeof executor->worker, "%s",
                 executor->options.worker);
    else
        find_worker(executor->worker, sizeof executor->worker);
    executor->options.worker = executor->worker;
    if (executor->options.workers == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        executor->options.workers = cores > 0 ? (unsigned)cores : 1;
    }
    if (executor->options.memory_total == 0)
        executor->options.memory_total = machine_memory();
    *out = executor;
    return STATUS_OK;
}

void executor_close(struct executor *executor)
{
    if (!executor)
        return;
    struct runner *runner = executor->runner;
    if (runner)
        runner->verbs->close(runner);
    size_t cursor = 0;
    const struct map_entry *entry;
    while ((entry = map_next(&executor->jobs, &cursor)))
        free((struct executor_job *)(uintptr_t)entry->value);
    map_deinit(&executor->jobs);
    for (struct executor_job *job = executor->free_jobs, *next; job;
         job = next) {
        next = job->next;
        free(job);
    }
    lanes_free(executor->lanes);
    landings_free(executor->landings);
    close(executor->bell);
    free(executor);
}

struct store *executor_store(const struct executor *executor)
{
    return executor->store;
}

const struct executor_options *executor_options(
    const struct executor *executor)
{
    return &executor->options;
}

/* --- Jobs ---------------------------------------------------------------- */

static Bytes key_of(const uint64_t *ticket)
{
    return bytes_of(ticket, sizeof *ticket);
}

static struct executor_job *find_job(const struct executor *executor,
                                     uint64_t ticket)
{
    const uint64_t *place = map_get(&executor->jobs, key_of(&ticket));
    return place ? (struct executor_job *)(uintptr_t)*place : NULL;
}

static struct executor_job *new_job(struct executor *executor,
                                    const struct run_request *request,
                                    const struct executor_client *client)
{
    struct executor_job *job = executor->free_jobs;
    if (job)
        executor->free_jobs = job->next;
    else
        job = HEAP_NEW(struct executor_job);
    struct lane *lane = client->lane ? client->lane : executor->own_lane;
    *job = (struct executor_job){
        .entry = {.priority = client->priority,
                  .memory = request->memory_need},
        .request = *request,
        .client = *client,
    };
    job->client.lane = lane;
    job->request.ticket = ++executor->last_ticket;
    if (request->verb == RUN_CALL)
        job->request.isolation = *lane_isolation(lane);
    *map_set(&executor->jobs, key_of(&job->request.ticket), NULL) =
        (uintptr_t)job;
    return job;
}

void executor_forget(struct executor *executor, struct executor_job *job)
{
    map_remove(&executor->jobs, key_of(&job->request.ticket));
    job->next = executor->free_jobs;
    executor->free_jobs = job;
}

/* Forgets the job and tells who wanted it. */
static void tell(struct executor *executor, struct executor_job *job,
                 const struct run_outcome *outcome)
{
    const struct executor_client client = job->client;
    executor_forget(executor, job);
    client.done(client.context, outcome);
}

static void tell_stopped(struct executor *executor)
{
    while (executor->stopped.first) {
        struct executor_job *job = executor->stopped.first;
        const struct run_outcome outcome = {.ticket = job->request.ticket,
                                            .end = job->end,
                                            .argument_index = RUN_NO_INDEX};
        job_list_remove(&executor->stopped, job);
        tell(executor, job, &outcome);
    }
}

/* What it costs to keep a byte of a result, on the store's thread and its
 * disk. */
enum { KEEP_BYTE_NS = 3 };

/* --- The runner's callbacks --------------------------------------------- */

static void on_done(void *context, const struct run_outcome *outcome)
{
    struct executor *executor = context;
    struct executor_job *job = find_job(executor, outcome->ticket);
    ASSERT(job);
    const uint64_t start_ns = clock_monotonic_ns();
    struct lane *lane = lane_ref(job->client.lane);
    executor_let_go(executor, job, outcome);
    tell(executor, job, outcome);
    executor_charge(executor, lane,
                    outcome->host_ns + clock_monotonic_ns() - start_ns +
                        outcome->output.len * (uint64_t)KEEP_BYTE_NS);
    lane_unref(lane);
    executor_hand_over(executor);
}

static Status on_block(void *context, Bytes cid, struct run_block *out,
                       struct error *err)
{
    struct executor *executor = context;
    struct block *block;
    Cid name;
    TRY(cid_from_bytes(cid, &name, err));
    struct error why = {0};
    Status status = store_get(executor->store, &name, &block, &why);
    // A damaged block is a missing one: the task ends as unavailable.
    if (status == STATUS_CORRUPT)
        return fail(err, STATUS_NOT_FOUND, "%s", why.message);
    if (status != STATUS_OK && err)
        *err = why;
    TRY(status);
    *out = (struct run_block){block_bytes(block), block};
    return STATUS_OK;
}

static void on_release(void *context, struct run_block *block)
{
    (void)context;
    block_unref(block->owner);
    *block = (struct run_block){0};
}

static void on_log(void *context, uint64_t ticket, LogLevel level, Text line)
{
    const struct executor *executor = context;
    const struct executor_job *job = find_job(executor, ticket);
    if (job && job->client.log)
        job->client.log(job->client.context, ticket, level, line);
}

static Status open_runner(struct executor *executor, struct error *err)
{
    if (executor->runner)
        return STATUS_OK;
    struct run_host host = {
        .context = executor,
        .block = on_block,
        .release_block = on_release,
        .log = on_log,
    };
    struct runner *runner = NULL;
    if (executor->options.in_process) {
        TRY(in_process_open(executor->options.workers, &host, on_done,
                            executor, &runner, err));
    } else {
        struct pool_options options = {
            .helper = executor->worker,
            .workers = executor->options.workers,
        };
        TRY(pool_open(&options, host, on_done, executor, &runner, err));
    }
    executor->runner = runner;
    return STATUS_OK;
}

unsigned executor_capacity(struct executor *executor)
{
    return executor->options.workers;
}

Status executor_submit(struct executor *executor,
                       const struct run_request *request,
                       const struct executor_client *client, uint64_t *ticket,
                       struct error *err)
{
    TRY(open_runner(executor, err));
    struct executor_job *job = new_job(executor, request, client);
    *ticket = job->request.ticket;
    executor_queue(executor, job);
    return STATUS_OK;
}

void executor_cancel(struct executor *executor, uint64_t ticket, End end)
{
    struct runner *runner = executor->runner;
    struct executor_job *job = find_job(executor, ticket);
    if (!job || job->place == JOB_STOPPED)
        return;
    if (job->place != JOB_QUEUED) {
        runner->verbs->cancel(runner, ticket, end);
        return;
    }
    lane_remove(&job->entry);
    job->place = JOB_STOPPED;
    job->end = end == END_NONE ? END_CANCELLED : end;
    job_list_add(&executor->stopped, job);
}

bool executor_uses(const struct executor *executor, const Hash *artifact)
{
    const struct map_entry *entry;
    for (size_t cursor = 0; (entry = map_next(&executor->jobs, &cursor));) {
        const struct executor_job *job = (const void *)(uintptr_t)entry->value;
        if (job->request.verb == RUN_CALL &&
            hash_equal(&job->request.artifact.id, artifact))
            return true;
    }
    return false;
}

/* --- Waiting ------------------------------------------------------------- */

static void wait_for_bell(const struct executor *executor, int timeout_ms)
{
    struct pollfd bell = {.fd = executor->bell, .events = POLLIN};
    uint64_t number;
    if (poll(&bell, 1, timeout_ms) > 0) {
        ssize_t len = read(executor->bell, &number, sizeof number);
        (void)len; // That it rang is all.
    }
}

void executor_poll(struct executor *executor, int timeout_ms)
{
    struct runner *runner = executor->runner;
    int turn_ms = executor_take_turns(executor);
    if (turn_ms >= 0 && (timeout_ms < 0 || turn_ms < timeout_ms))
        timeout_ms = turn_ms;
    if (executor->stopped.first || atomic_exchange(&executor->woken, false))
        timeout_ms = 0;
    tell_stopped(executor);
    if (runner)
        runner->verbs->poll(runner, timeout_ms);
    else if (timeout_ms != 0)
        wait_for_bell(executor, timeout_ms);
    if (runner) // It remembers by itself that it was woken.
        atomic_store(&executor->woken, false);
}

/* Whoever does not see the runner here has set `woken` before it was opened,
 * so before the next poll looks. */
void executor_wake(struct executor *executor)
{
    uint64_t one = 1;
    atomic_store(&executor->woken, true);
    struct runner *runner = executor->runner;
    if (runner) {
        runner->verbs->wake(runner);
        return;
    }
    ssize_t written = write(executor->bell, &one, sizeof one);
    (void)written; // A full counter is readable as well.
}

struct landings *executor_landings(struct executor *executor)
{
    return executor->landings;
}

void executor_charge(struct executor *executor, struct lane *lane, uint64_t ns)
{
    lane_spend(lane ? lane : executor->own_lane,
               ns * executor->options.workers);
}

struct lanes *executor_lanes(struct executor *executor)
{
    return executor->lanes;
}

void executor_count(const struct executor *executor,
                    struct executor_census *out)
{
    const struct runner *runner = executor->runner;
    *out = (struct executor_census){
        .waiting = lanes_waiting(executor->lanes) - executor->paused,
        .running = executor->handed.count + executor->paused,
        .memory = executor_memory(executor),
    };
    if (!runner || executor->options.in_process)
        return;
    struct pool_census pool;
    pool_count(runner, &pool);
    out->workers = pool.workers;
    out->workers_busy = pool.busy;
    out->workers_started = pool.started;
    out->workers_killed = pool.killed;
}

void executor_interrupt(struct executor *executor)
{
    atomic_store(&executor->interrupted, true);
}

bool executor_interrupted(const struct executor *executor)
{
    return atomic_load(&executor->interrupted);
}

void executor_clear_interrupt(struct executor *executor)
{
    atomic_store(&executor->interrupted, false);
}
