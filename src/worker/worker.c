/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

enum { NS_PER_MS = 1000 * 1000 };

Status worker_start(struct worker **out, const struct worker_owner *owner,
                    Role role, char *const *argv, uint64_t idle_ns,
                    struct error *err)
{
    struct worker *worker = HEAP_NEW(struct worker);
    worker->owner = *owner;
    worker->idle_ns = idle_ns;
    worker->role = role;
    int worker_socket;
    Status status = channel_make(&worker->channel, &worker_socket, err);
    if (status == STATUS_OK) {
        status = process_spawn(&worker->process, argv, &worker->channel,
                               worker_socket, err);
        if (status != STATUS_OK)
            channel_close(&worker->channel);
    }
    if (status != STATUS_OK) {
        free(worker);
        return status;
    }
    close(worker->channel.memory);
    worker->channel.memory = -1;
    buffer_init(&worker->result, LIMIT_RESULT_BYTES);
    worker->deadline_ns = clock_monotonic_ns() + WORKER_START_NS;
    *out = worker;
    return STATUS_OK;
}

void worker_free(struct worker *worker, struct process *process)
{
    ASSERT(worker->jobs.count == 0);
    if (worker->process.pidfd >= 0)
        process_kill(&worker->process);
    *process = worker->process;
    channel_close(&worker->channel);
    buffer_deinit(&worker->result);
    free(worker);
}

bool worker_may_serve(const struct worker *worker,
                      const struct run_request *request)
{
    Role role = request->verb == RUN_CALL ? ROLE_GUEST : ROLE_COMPILER;
    return worker->role == role &&
           (!worker->has_key || hash_equal(&worker->key, &request->isolation));
}

void worker_set_deadline(struct worker *worker, uint64_t now_ns)
{
    if (!worker->is_live)
        return; // That of starting still holds.
    uint64_t span = worker->idle_ns;
    if (worker->jobs.first) {
        uint64_t ms = worker->jobs.first->request.limits.time_ms;
        span = ms == 0 || ms > UINT64_MAX / 2 / NS_PER_MS ? UINT64_MAX / 2
                                                          : ms * NS_PER_MS;
    }
    worker->begun_ns = now_ns;
    worker->deadline_ns = now_ns + span;
}

/* --- Handing over ------------------------------------------------------- */

static bool send_and_close(struct worker *worker, int file, bool is_own)
{
    bool sent = channel_send_file(&worker->channel, file);
    if (is_own)
        close(file);
    return sent;
}

/* The artifact's file, for reading only: a guest that breaks out must not be
 * able to write to the cache. `*is_own`: to be closed here. */
static Status artifact_file(const struct run_artifact *artifact, int *file,
                            bool *is_own, struct error *err)
{
    *is_own = true;
    if (artifact->file < 0)
        return channel_file_of(&artifact->bytes, 1, file, err);
    int flags = fcntl(artifact->file, F_GETFL);
    *file = artifact->file;
    *is_own = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
    if (!*is_own)
        return STATUS_OK;
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", artifact->file);
    *file = open(path, O_RDONLY | O_CLOEXEC);
    if (*file < 0)
        return fail(err, STATUS_IO, "cannot open an artifact for reading");
    return STATUS_OK;
}

/* The slot that has the artifact, or the one unused for longest. */
static uint32_t find_slot(const struct worker *worker, const Hash *id,
                          bool *has_it)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < ARTIFACT_SLOTS; i++) {
        const struct artifact_slot *slot = &worker->artifacts[i];
        *has_it = slot->used > 0 && hash_equal(&slot->id, id);
        if (*has_it)
            return i;
        if (slot->used < worker->artifacts[oldest].used)
            oldest = i;
    }
    return oldest;
}

/* Sends the files a job needs and says so in `message`. False: not now, or
 * never (then the job is over). */
static bool send_files(struct worker *worker, struct job *job,
                       struct job_message *message)
{
    struct error err = {0};
    const struct run_request *request = &job->request;
    if (request->verb == RUN_CALL) {
        bool has_it, is_own;
        const struct run_artifact *artifact = &request->artifact;
        uint32_t index = find_slot(worker, &artifact->id, &has_it);
        if (!has_it) {
            int file;
            if (artifact_file(artifact, &file, &is_own, &err) != STATUS_OK) {
                job_end(job, END_HOST, "%s", err.message);
                return false;
            }
            if (!send_and_close(worker, file, is_own))
                return false;
        }
        // Not marked as sent before the message that says so is on its way.
        message->has_artifact = 1;
        message->artifact_follows = !has_it;
        message->artifact_slot = index;
        message->artifact_id = artifact->id;
        message->artifact_len = artifact->len;
    }
    if (!message->file_follows)
        return true;
    const Bytes parts[] = {request->input, request->description};
    int file;
    if (channel_file_of(parts, 2, &file, &err) != STATUS_OK) {
        job_end(job, END_HOST, "%s", err.message);
        return false;
    }
    return send_and_close(worker, file, true);
}

static void remember_artifact(struct worker *worker,
                              const struct job_message *message)
{
    if (message->has_artifact)
        worker->artifacts[message->artifact_slot] = (struct artifact_slot){
            message->artifact_id, ++worker->artifact_clock};
}

static void raise_memory_max(struct worker *worker, uint64_t memory)
{
    uint64_t need = memory < UINT64_MAX / 2 ? memory + WORKER_MEMORY_OVERHEAD
                                            : UINT64_MAX / 2;
    if (need <= worker->memory_max)
        return;
    worker->memory_max = need;
    process_set_memory_max(&worker->process, need);
}

static void write_job(struct worker *worker, struct job *job, uint8_t *at,
                      const struct job_message *message, size_t len)
{
    struct ring *ring = &worker->channel.jobs;
    const struct run_request *request = &job->request;
    memcpy(at, message, sizeof *message);
    job->claim = &((struct job_message *)(void *)at)->claim;
    job->position = ring->head;
    at += sizeof *message;
    if (!message->file_follows) {
        if (request->input.len > 0)
            memcpy(at, request->input.data, request->input.len);
        if (request->description.len > 0)
            memcpy(at + request->input.len, request->description.data,
                   request->description.len);
    }
    ring_commit(ring, MESSAGE_JOB, request->ticket, len);
    if (channel_wake_worker(&worker->channel))
        worker->is_waking = true;
}

bool worker_hand_over(struct worker *worker, struct job *job, uint64_t now_ns)
{
    const struct run_request *request = &job->request;
    size_t inputs = request->input.len + request->description.len;
    struct job_message message = {
        .claim = JOB_WAITS,
        .verb = (uint32_t)request->verb,
        .engine = (uint32_t)request->engine,
        .metered = request->metered,
        .file_follows = inputs > JOB_INLINE_MAX,
        .input_len = request->input.len,
        .description_len = request->description.len,
        .memory_need = request->memory_need,
        .limits = request->limits,
        .isolation = request->isolation,
    };
    size_t len = sizeof message + (message.file_follows ? 0 : inputs);
    uint8_t *at = ring_reserve(&worker->channel.jobs, len);
    if (!at) {
        if (worker->channel.jobs.broken)
            worker->broken = "it moved its place in the ring of jobs";
        return false;
    }
    if (!send_files(worker, job, &message)) {
        // Half of the files may be on their way: nothing fits any more.
        if (!job->outcome)
            worker->broken = "it does not take its files";
        return false;
    }
    remember_artifact(worker, &message);
    raise_memory_max(worker, request->limits.memory);
    write_job(worker, job, at, &message, len);
    job->worker = worker;
    job->handed_ns = now_ns;
    job_row_append(&worker->jobs, job);
    worker->has_key = true;
    worker->key = request->isolation;
    if (worker->jobs.count == 1)
        worker_set_deadline(worker, now_ns);
    return true;
}

/* --- Taking back -------------------------------------------------------- */

static void leave_row(struct worker *worker, struct job *job)
{
    job_row_remove(&worker->jobs, job);
    job->worker = NULL;
    job->claim = NULL;
}

bool worker_take_back(struct worker *worker, struct job *job)
{
    // The frame may be released and written over, once the ring has seen the
    // reader behind it.
    if (job->position < worker->channel.jobs.tail)
        return false;
    uint32_t claim = JOB_WAITS;
    if (!atomic_compare_exchange_strong(job->claim, &claim, JOB_TAKEN_BACK))
        return false;
    leave_row(worker, job);
    return true;
}

bool worker_pause(struct worker *worker, struct job_row *taken,
                  uint64_t now_ns)
{
    if (!worker->is_live || worker->is_paused || worker->broken ||
        !process_stop(&worker->process))
        return false;
    bool is_first = true;
    while (is_first && worker->jobs.count > 1) {
        struct job *job = worker->jobs.last;
        is_first = worker_take_back(worker, job);
        if (is_first)
            job_row_prepend(taken, job);
    }
    if (!is_first) {
        process_go_on(&worker->process);
        return false;
    }
    worker->is_paused = true;
    worker->paused_ns = now_ns;
    worker->left_ns =
        worker->deadline_ns > now_ns ? worker->deadline_ns - now_ns : 0;
    worker->deadline_ns = UINT64_MAX;
    return true;
}

void worker_resume(struct worker *worker, uint64_t now_ns)
{
    if (!worker->is_paused)
        return;
    worker->is_paused = false;
    worker->begun_ns += now_ns - worker->paused_ns;
    worker->deadline_ns = worker->left_ns < UINT64_MAX - now_ns
                              ? now_ns + worker->left_ns
                              : UINT64_MAX;
    process_go_on(&worker->process);
}

uint64_t worker_spent_ns(const struct worker *worker)
{
    if (!worker->is_live || !worker->jobs.first)
        return 0;
    uint64_t until =
        worker->is_paused ? worker->paused_ns : clock_monotonic_ns();
    return until > worker->begun_ns ? until - worker->begun_ns : 0;
}

bool worker_had_begun(const struct worker *worker, const struct job *job)
{
    return job->position < worker->channel.jobs.tail ||
           atomic_load(job->claim) != JOB_WAITS;
}
