/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - what a job is: its states, its events, and their bytes.
 *
 *            submit
 *              │          start       all wanted tasks ok
 *           QUEUED ───────────▶ RUNNING ─────────────────▶ SUCCEEDED
 *           ▲  │ ▲                │ │ └─ one is not ─▶ FAILED ─┐
 *   resume ─┘  │ └── retry ───────┼─┼────────────────────◀─────┤
 *           SUSPENDED ◀─ suspend ─┘ └─ cancel ─▶ CANCELLED ────┘ retry
 *
 * A job is known by the CID of its invocation's signed payload (FORMATS section
 * 7): to submit it twice is to submit it once. Each change is an event in its
 * journal; what is acknowledged is durable.
 * docs/formats/jobs.md has the bytes and the JSON. Thread: any. */
#ifndef IPVM_NODE_JOB_H
#define IPVM_NODE_JOB_H

#include "ipld/value.h"
#include "store/jobs.h"
#include "task/limits.h"

typedef enum {
    JOB_QUEUED, /* also: until its time comes (--at), or between retries */
    JOB_RUNNING,
    JOB_SUSPENDED,
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_CANCELLED
} JobState;
enum { JOB_STATES = JOB_CANCELLED + 1 };
/* "queued", …, and back; JOB_STATES if there is none. */
Text job_state_name(JobState state);
JobState job_state_from_name(Text name);
static inline bool job_state_is_over(JobState state)
{
    return state >= JOB_SUCCEEDED;
}

/* The dag-cbor CID of a job's id, and back; false: not such a CID. */
void job_cid(const Hash *id, Cid *out);
bool job_id_of_cid(const Cid *cid, Hash *out);

/* What a submission asks for: the arguments of /workflow/run (FORMATS section
 * 7). Times are milliseconds since 1970; 0: none. */
struct job_terms {
    Cid workflow;
    struct limits limits; /* of all its tasks together: fuel, memory at once,
                             time from its start to its end; 0: none */
    int64_t not_before_ms;
    int64_t deadline_ms;
    int32_t
        priority; /* -100 … 100; higher first, among those of its subject */
    struct retry retry; /* of the job, when it failed for the host's reasons */
    Text quota;         /* or empty */
    bool has_from;      /* a fork: `from_tasks` and what awaits them run again,
                           the rest is shared with that job */
    Hash from_job;
    const Text *from_tasks;
    uint32_t from_task_count;
};
enum { JOB_PRIORITY_MAX = 100, JOB_FROM_TASKS_MAX = 256 };
/* Reads the arguments; texts borrow from `args`. STATUS_INVALID names the
 * field. Unknown ones are refused. */
Status job_terms_read(const Value *args, struct arena *arena,
                      struct job_terms *out, struct error *err);
/* And writes them, for those who mint. */
Value *job_terms_value(const struct job_terms *terms, struct arena *arena);

/* Events, as they stand in the journal and are told to watchers: maps with
 *   "seq"   int      1, 2, …; some may be left out, none comes twice
 *   "at"    int      milliseconds since 1970
 *   "kind"  Text     below
 * and the fields of their kind:
 *   submitted  subject, workflow, priority?, not_before?, deadline?, from?
 *   started    tasks (count), attempt
 *   compiling  module, and the first task that waits for it: task, index
 *   task/started   task (label), index
 *   task/finished  task, index, by ("memo" | "run" | "merge" | "upstream" |
 *                  "believed" | "nothing"), ok (bool), end? (Text), result?
 *                  (link), comp? (link), message?, and of what it took:
 *                  queued_ns?, run_ns?, cpu_ns?, memory?, fuel?, stored?,
 *                  worker?
 *   log        task?, level, text; dropped?
 *   alarm      task?, text
 *   suspended  by (DID); now? (bool): its running tasks were stopped
 *   resumed    | cancelled   by (DID)
 *   retried    by (DID) or absent: by its policy; at_ms? when it will start
 *   succeeded  | failed                message?
 */
enum {
    EVENT_TEXT_MAX = 4096, /* of a log line or message; longer ones are cut */
    JOB_LOGS_MAX = 10000,  /* lines of one job; more are counted and dropped */
};

#endif
