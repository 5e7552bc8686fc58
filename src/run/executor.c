/* SPDX-License-Identifier: Apache-2.0 */
#include "run/executor.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/arena.h"
#include "run/in_process.h"
#include "worker/pool.h"

struct job {
    uint64_t ticket;
    struct executor_client client;
    struct job *next; /* in its bucket */
};

enum { BUCKETS = 256 };

struct executor {
    struct store *store;
    struct executor_options options;
    char worker[4096];
    struct runner *runner; /* NULL before the first job */
    struct job *jobs[BUCKETS];
    struct job *free_jobs;
    uint64_t last_ticket;
    struct lanes *lanes;
    atomic_bool interrupted;
};

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
    (void)err;
    struct executor *executor = HEAP_NEW(struct executor);
    executor->store = store;
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
    if (executor->runner)
        executor->runner->verbs->close(executor->runner);
    for (size_t bucket = 0; bucket < BUCKETS; bucket++)
        for (struct job *job = executor->jobs[bucket], *next; job;
             job = next) {
            next = job->next;
            free(job);
        }
    for (struct job *job = executor->free_jobs, *next; job; job = next) {
        next = job->next;
        free(job);
    }
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

/* --- The runner's callbacks --------------------------------------------- */

static struct job *take_job(struct executor *executor, uint64_t ticket)
{
    struct job **place = &executor->jobs[ticket % BUCKETS];
    while (*place && (*place)->ticket != ticket)
        place = &(*place)->next;
    struct job *job = *place;
    if (job)
        *place = job->next;
    return job;
}

static void on_done(void *context, const struct run_outcome *outcome)
{
    struct executor *executor = context;
    struct job *job = take_job(executor, outcome->ticket);
    ASSERT(job);
    const struct executor_client client = job->client;
    job->next = executor->free_jobs;
    executor->free_jobs = job;
    client.done(client.context, outcome);
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
    struct executor *executor = context;
    struct job *job = executor->jobs[ticket % BUCKETS];
    while (job && job->ticket != ticket)
        job = job->next;
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
    if (executor->options.in_process)
        return in_process_open(executor->options.workers, &host, on_done,
                               executor, &executor->runner, err);
    struct pool_options options = {
        .helper = executor->worker,
        .workers = executor->options.workers,
    };
    return pool_open(&options, host, on_done, executor, &executor->runner,
                     err);
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
    struct job *job = executor->free_jobs;
    if (job)
        executor->free_jobs = job->next;
    else
        job = HEAP_NEW(struct job);
    job->ticket = ++executor->last_ticket;
    job->client = *client;
    struct job **bucket = &executor->jobs[job->ticket % BUCKETS];
    job->next = *bucket;
    *bucket = job;
    *ticket = job->ticket;
    struct run_request numbered = *request;
    numbered.ticket = job->ticket;
    if (client->begun)
        client->begun(client->context, job->ticket);
    executor->runner->verbs->submit(executor->runner, &numbered);
    return STATUS_OK;
}

void executor_cancel(struct executor *executor, uint64_t ticket, End end)
{
    if (executor->runner)
        executor->runner->verbs->cancel(executor->runner, ticket, end);
}

void executor_poll(struct executor *executor, int timeout_ms)
{
    if (executor->runner)
        executor->runner->verbs->poll(executor->runner, timeout_ms);
    else if (timeout_ms > 0)
        usleep((useconds_t)timeout_ms * 1000);
}

void executor_wake(struct executor *executor)
{
    (void)executor;
}

struct lanes *executor_lanes(struct executor *executor)
{
    return executor->lanes;
}

void executor_count(const struct executor *executor,
                    struct executor_census *out)
{
    (void)executor;
    *out = (struct executor_census){0};
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
