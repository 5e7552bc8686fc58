/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - the service: durable jobs on one store.
 *
 *     HTTP, library, Homestar          any thread
 *        │ gate: who asks, and may he? (gate.h)
 *        ▼
 *     node_submit(), node_control() ─▶ the node's thread: jobs, timers, runs,
 *        ▲                             one executor; it waits for workers and
 *        └── told, once it is durable  for whoever has a word for it
 *
 * What is acknowledged is durable; whatever happens to the process, every job
 * that was acknowledged goes on from what its journal and the memo say.
 * Thread: any, unless a function says otherwise; told on the node's thread or
 * the store's writer, where nothing may block. */
#ifndef IPVM_NODE_NODE_H
#define IPVM_NODE_NODE_H

#include "crypto/key.h"
#include "node/gate.h"
#include "node/quota.h"
#include "run/executor.h"
#include "store/store.h"
#include "ucan/did.h"

struct node;

/* Opens the jobs of a store and goes on with them: starts the node's thread.
 * `store` and `key` are borrowed, `config` copied. STATUS_BUSY: another node
 * has this store. */
Status node_open(struct store *store, const struct secret_key *key,
                 const struct node_config *config, struct node **out,
                 struct error *err);
/* Stops what runs, keeps the jobs, gives back everything. */
void node_close(struct node *node);
struct store *node_store(const struct node *node);
const Did *node_did(const struct node *node);
const struct secret_key *node_key(const struct node *node);
const struct node_config *node_config(const struct node *node);
struct gate *node_gate(struct node *node);
struct quotas *node_quotas(struct node *node);

/* --- Words to it --------------------------------------------------------- */

/* What became of a submission or of control. `job` and `state` are valid when
 * status is STATUS_OK. STATUS_BUSY: the queue is full; come back after
 * `retry_after_s`. Borrowed during the call. */
struct node_answer {
    Status status;
    struct error error;
    Hash job;
    JobState state;
    bool is_new; /* false: it was submitted before */
    uint32_t retry_after_s;
};
typedef void NodeTold(void *context, const struct node_answer *answer);

/* A job that the gate let in. */
struct submission;
/* Takes it over. `told` is called once, when it is durable or refused. */
void node_submit(struct node *node, struct submission *submission,
                 NodeTold *told, void *context);

typedef enum {
    NODE_SUSPEND,     /* start no more tasks, let running ones finish */
    NODE_SUSPEND_NOW, /* and cut those that run */
    NODE_RESUME,
    NODE_CANCEL,
    NODE_RETRY
} NodeVerb;
/* `by` is who asked, for the journal; copied. STATUS_NOT_FOUND: no such job.
 * STATUS_INVALID: not in this state, says which. */
void node_control(struct node *node, NodeVerb verb, const Hash *job,
                  const Did *by, NodeTold *told, void *context);

/* --- What it knows ------------------------------------------------------- */

/* A job as a map (docs/formats/jobs.md): "job" (link), "state", "subject",
 * "workflow" (link), "name"?, "submitted", "started"?, "ended"?, "priority"?,
 * "not_before"?, "deadline"?, "attempt", "message"?, "counts" {total, wanted,
 * waiting, ready, running, done, hits, failed}, "cost" {run_ns, cpu_ns, fuel,
 * memory, stored, saved_ns}, "events" (the last seq), and once it is over
 * "outputs" {label: {"ok": bool, "result"?: link, "end"?, "message"?}}. */
Status node_job(struct node *node, const Hash *job, struct arena *arena,
                Value *out, struct error *err);
/* Whose it is; for the gate. */
Status node_job_subject(struct node *node, const Hash *job, Did *out,
                        struct error *err);

/* Newest first. A zeroed struct asks for the first hundred of all. */
struct node_filter {
    uint32_t states;    /* bits 1 << JobState; 0: all */
    const Did *subject; /* only his */
    Text name;          /* of the workflow, a part of it; empty: any */
    uint32_t count_max; /* 0: 100; at most 1000 */
    const struct job_place *after;
    uint32_t looks_max; /* 0: at all there are */
};
/* `job` NULL: it has looked at as many as it may, up to there. */
typedef bool NodeEach(void *context, const Value *job,
                      const struct job_place *place);
Status node_jobs(struct node *node, const struct node_filter *filter,
                 NodeEach *each, void *context, struct error *err);

/* Events of a job behind number `after`, in order, until `each` is false; of an
 * open job also those that are not durable yet. `event` is its DAG-CBOR.
 * `*last` is the number of the last one told, or `after`; `*is_over`: the job
 * is over and there are no more. */
typedef bool NodeEvent(void *context, uint64_t seq, Bytes event);
Status node_events(struct node *node, const Hash *job, uint64_t after,
                   NodeEvent *each, void *context, uint64_t *last,
                   bool *is_over, struct error *err);

/* Calls `woken` whenever a job has events that it had not, and when it is over;
 * several may come as one. `job` NULL: any change of any job's state. Free with
 * node_unwatch(), after which it is not called any more. */
struct node_watch;
typedef void NodeWoken(void *context);
struct node_watch *node_watch(struct node *node, const Hash *job,
                              NodeWoken *woken, void *context);
void node_unwatch(struct node_watch *watch);

/* The graph of a job's workflow as a map: "tasks" [{label, class, module?,
 * function?, awaits [index…], output (bool), sub?, state, …}], where state and
 * what is known of each task are as its events say. */
Status node_graph(struct node *node, const Hash *job, struct arena *arena,
                  Value *out, struct error *err);
/* Why a task ran or did not: run/explain.h's answer as a map. */
Status node_explain(struct node *node, const Hash *job, Text task,
                    struct arena *arena, Value *out, struct error *err);

/* Numbers of the node, for metrics and its page. */
enum { LATENCY_BUCKETS = 24 }; /* bucket i: below 2^i * 16 us */
struct node_latency {
    uint64_t count, sum_ns, buckets[LATENCY_BUCKETS];
};
struct node_stats {
    uint64_t started_ms;       /* since 1970 */
    uint64_t jobs[JOB_STATES]; /* now; those over: since the start */
    uint64_t jobs_refused;     /* queue full, quota, authority */
    uint64_t sleepers;
    uint64_t tasks_queued, tasks_running;
    uint64_t tasks_run, tasks_hit, tasks_merged, tasks_failed;
    uint64_t tasks_ended[END_COUNT];
    uint64_t fuel, cpu_ns, run_ns, saved_ns, stored_bytes;
    uint64_t memory_used, memory_total; /* of running tasks, asked for */
    uint64_t workers, workers_busy, workers_started, workers_killed;
    uint64_t lanes;
    uint64_t alarms;
    struct node_latency submit;   /* taken in, to durable */
    struct node_latency queue;    /* a task's wait for a worker */
    struct node_latency run;      /* a task's run */
    struct node_latency job_time; /* submitted to over */
};
void node_stats(struct node *node, struct node_stats *out);

#endif
