/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - the runner's side of one worker process. Internal to worker/.
 *
 *     STARTING --READY--> LIVE        each may be killed, or die, at any time;
 *                                     the pool then takes its jobs back
 *
 * Its jobs are a row: the first is, as far as anybody here knows, being
 * performed; the others lie in its ring behind it, and can be taken back.
 *
 * Nothing that comes from the process is believed. What it says is copied out
 * of the shared memory, then checked; a wrong word makes it broken.
 * Thread: the pool's.
 */
#ifndef IPVM_WORKER_WORKER_H
#define IPVM_WORKER_WORKER_H

#include "base/buffer.h"
#include "worker/channel.h"
#include "worker/job.h"
#include "worker/message.h"
#include "worker/spawn.h"

/* A worker that compiles has never run guest code and never will. */
typedef enum { ROLE_GUEST, ROLE_COMPILER } Role;

/* The row it belongs to, and what it is told about its jobs. */
struct worker_owner {
    void *context;
    const struct run_host *host;
    /* `job` left its worker with this outcome; its output is in `output`. */
    void (*finish)(void *context, struct job *job,
                   struct run_outcome *outcome);
};

struct artifact_slot {
    Hash id;
    uint64_t used; /* when; 0: the slot is empty */
};

struct worker {
    struct worker_owner owner;
    struct process process;
    struct channel channel;
    Role role;
    uint32_t number; /* from 1, among all of its owner's, ever */
    bool is_live;
    bool is_waking; /* it slept when it was given a job */
    bool is_paused; /* with its one job; since `paused_ns` */
    bool has_key;
    Hash key; /* the isolation key it serves, once it has_key */
    struct job_row jobs;
    uint64_t deadline_ns; /* of the first job, or of being idle or starting */
    uint64_t idle_ns;
    uint64_t begun_ns; /* when the first job became the first; later by
                             the time it was paused */
    uint64_t paused_ns;
    uint64_t left_ns;     /* while paused: of the deadline */
    uint64_t memory_max;  /* RLIMIT_DATA */
    struct buffer result; /* what came of the first job's output so far */
    struct artifact_slot artifacts[ARTIFACT_SLOTS];
    uint64_t artifact_clock;
    uint64_t round_bytes; /* moved for it in this round of listening */
    uint64_t finish_ns;   /* of it, told to the owner */
    uint64_t host_ns; /* that listening took for the first job, or those before
                         it, but for `finish` */
    const char *broken; /* why it is not to be trusted; else NULL */
};

/* How long a worker may take until it is READY. */
#define WORKER_START_NS ((uint64_t)30 * 1000 * 1000 * 1000)
/* Above a job's memory limit, for everything that is no guest's memory. Mostly
 * address space: each engine reserves 1.3 GiB for tables, which counts against
 * RLIMIT_DATA, touched or not, and a worker may have three of them. The exact
 * limit is the engine's; this one is for what breaks out of it. */
#define WORKER_MEMORY_OVERHEAD ((uint64_t)5 << 30)

/* `idle_ns`: how long it may have nothing to do before its deadline. */
Status worker_start(struct worker **out, const struct worker_owner *owner,
                    Role role, char *const *argv, uint64_t idle_ns,
                    struct error *err);

/* Kills the process and gives back all but its pid, which goes to `*process`
 * for reaping. Its row of jobs must be empty. */
void worker_free(struct worker *worker, struct process *process);

/* True if the job may run here: role and isolation key. */
bool worker_may_serve(const struct worker *worker,
                      const struct run_request *request);

/* Puts the job into the ring. False while there is no room for it; a job that
 * can never be handed over is over (job->outcome). `now_ns` starts its time
 * limit if it is the first. */
bool worker_hand_over(struct worker *worker, struct job *job, uint64_t now_ns);

/* Takes a job that is not begun out of its row; false if it is begun. */
bool worker_take_back(struct worker *worker, struct job *job);
/* False if the process says that it had not begun it: a hint, when dead. */
bool worker_had_begun(const struct worker *worker, const struct job *job);

/* Holds the process in the middle of its first job. False if it is past that,
 * or cannot be held; the jobs behind it are taken back, in order. */
bool worker_pause(struct worker *worker, struct job_row *taken,
                  uint64_t now_ns);
void worker_resume(struct worker *worker, uint64_t now_ns);
/* For how long it has performed its first job. */
uint64_t worker_spent_ns(const struct worker *worker);
static inline bool worker_is_busy(const struct worker *worker)
{
    return worker->jobs.count > 0 && !worker->is_paused;
}

/* Reads what the process wrote, at most a bounded amount; true if there was
 * anything. May set `broken`. */
bool worker_listen(struct worker *worker, uint64_t now_ns);

/* `deadline_ns` for what the worker does from now on: the first of its jobs,
 * or nothing. */
void worker_set_deadline(struct worker *worker, uint64_t now_ns);

#endif
