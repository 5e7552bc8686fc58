/* SPDX-License-Identifier: Apache-2.0 */
/* run_internal.h - the state of a run, shared by run.c (the loop),
 * run_resolve.c and run_memo.c (what is known), run_call*.c (calls of guests)
 * and run_record.c (what is kept). Thread: the executor's. */
#ifndef IPVM_RUN_RUN_INTERNAL_H
#define IPVM_RUN_RUN_INTERNAL_H

#include "run/run.h"
#include "run/trust.h"
#include "store/pending.h"

/* A worker gets tasks ahead of the one it runs if they are so short that a
 * round trip for each would cost more: as many as take AHEAD_NS. Long ones wait
 * here, where the most urgent comes first and no time limit counts yet. */
enum {
    AHEAD_MAX = 31,
    AHEAD_NS = 2 * 1000 * 1000,
    BLOCKS_HELD_MAX = 4096, /* computations kept at hand, not read again */
    RUN_PENDING_MAX = 64 << 20,
    LEASES_KEPT = 64,
};

/* One task of a run; zero until somebody asks. */
struct run_task {
    Hash concrete;
    Hash result;
    struct block *block; /* of the concrete computation, until it runs */
    bool has_concrete, has_result;
    bool is_believed; /* its result, or one that it stands on, is somebody
                         else's word: nothing kept may lead through it */
    bool was_healed;  /* what it lacks now is lost for good */
    uint32_t worker;  /* the number of the one that ran it; 0: none */
    uint64_t started_ns;
    uint64_t wall_ns, cpu_ns, memory_peak, fuel, stored_bytes;
};

struct run_message {
    uint32_t task;
    char *text; /* owned */
};

/* A call in a runner's hands. */
struct run_call;

struct run {
    struct executor *executor;
    struct modules *modules;
    struct store *store;
    const struct workflow *workflow;
    struct run_options options;
    struct trust *trust; /* NULL: nobody else is believed */
    struct schedule *schedule;
    struct run_task *tasks; /* one more than the workflow has: scratch */
    uint32_t scratch_task;
    uint64_t start_ns, end_ns;
    uint64_t owner;      /* of this process's leases */
    uint64_t typical_ns; /* of a task, the last ones weighing most */
    struct arena arena;  /* one step's; reset at each */
    struct arena result_arena;
    /* What is not yet on its way, or NULL: see run_settle(). */
    struct store_batch *batch;
    size_t batch_bytes;
    bool batch_is_wanted;  /* it holds more than computations */
    size_t task_bytes;     /* new blocks of the task at hand */
    struct buffer pending; /* of the batch: receipts.h's row; see pending.h */
    const Hash *producer;  /* what makes the blocks of the sink, or NULL */
    uint32_t held_count;   /* tasks with a `block` */
    bool wrote;
    struct run_call **open; /* calls not over yet */
    uint32_t lacking;       /* of them: those that lack a block */
    bool has_healed;        /* a block, for any of them */
    uint32_t open_runs, open_capacity;
    /* Of those who have a result: dropped at the end, or they expire; the last
     * ones. */
    Hash leases[LEASES_KEPT];
    size_t lease_count;
    struct run_message *messages;
    size_t message_count;
    uint32_t log_lines;
    uint32_t dropped_logs;
    bool is_cancelled;
    bool is_suspending; /* no more tasks are started */
};

/* run.c */
static inline void run_wake(const struct run *run)
{
    if (run->options.woken)
        run->options.woken(run->options.context);
}
void run_tell(struct run *run, RunEventKind kind, uint32_t task);
void run_tell_dropped_logs(const struct run *run);
void run_keep_message(struct run *run, uint32_t task, const char *message);
Status run_load_result(const struct run *run, const Hash *hash,
                       struct arena *arena, struct result *out,
                       struct error *err);

/* run_memo.c */
void run_keep_entry(struct run *run, uint32_t task, const Hash *concrete,
                    const struct memo_entry *entry);
void run_keep_upstream(struct run *run, uint32_t task);
/* What the memo, or somebody whom the owner believes, has for a task. `block`
 * is the computation's, or empty. */
bool run_memo_hit(struct run *run, uint32_t task, const Hash *concrete,
                  Bytes block, ScheduleOut *out);
static inline ScheduleOut run_out_of(bool is_ok)
{
    return is_ok ? OUT_OK : OUT_ERROR;
}

/* run_resolve.c: DO_LOOKUP and DO_RESOLVE */
void run_lookup(struct run *run, uint32_t task);
void run_resolve(struct run *run, uint32_t task);
/* True if it is to run, whatever the memo has. */
static inline bool run_is_fresh(const struct run *run, uint32_t task)
{
    return run->options.no_memo ||
           (run->options.fresh && run->options.fresh[task]);
}

/* run_call.c */
/* Ends all calls as cancelled, soon; or those that have not begun. */
void run_cut_calls(struct run *run, bool begun_too);
void run_alarm(struct run *run, uint32_t task, Text text);
void run_start(struct run *run, uint32_t task, const struct limits *limits);
void run_stop(struct run *run, uint32_t task, End end);
void run_renew_leases(struct run *run);
/* Of what has come out, once it can be seen. */
void run_drop_leases(struct run *run);
/* Heals what calls ended for the lack of, and has them run again, once. Not
 * inside a callback of the executor. */
void run_heal_calls(struct run *run);

/* run_record.c */
struct block_sink run_sink(struct run *run);
/* A dag-cbor block under its hash. */
void run_keep_block(struct run *run, const Hash *hash, Bytes block);
/* The task's computation, for run_take_block(): a reference, or NULL. */
void run_hold_block(struct run *run, uint32_t task, Bytes block);
struct block *run_take_block(struct run *run, uint32_t task);
void run_record_symbolic(struct run *run, uint32_t task);
void run_record_result(struct run *run, uint32_t task,
                       const struct result *result,
                       const struct run_outcome *outcome);
/* The task came out in this run, not from the memo: a receipt of it is to be,
 * sealed later (receipts.h). `outcome` NULL: nothing ran. */
void run_record_pending(struct run *run, uint32_t task, End end,
                        const struct run_outcome *outcome);
/* Gives the batch to the store's writer. */
void run_batch_send(struct run *run);
/* Before the store is asked about results, or a guest may ask for blocks: what
 * is in the batch is not seen there. Between two such questions the results of
 * many tasks gather. Computations alone wait for the results: who runs them has
 * them in hand. */
static inline void run_settle(struct run *run)
{
    if (run->batch_is_wanted)
        run_batch_send(run);
}
/* Notes for `explain` what each task was this time. */
void run_remember(struct run *run);

#endif
