/* SPDX-License-Identifier: Apache-2.0 */
/* state.h - the state of a node, shared by its files. Inside src/node only.
 *
 *     node.c      opening and closing       loop.c     the thread: words, turns
 *     intake.c    submissions               control.c  suspend, cancel, …
 *     table.c     jobs in memory, subjects  parcel.c   what becomes durable
 *     active.c    the run of a job          told.c     what it says as it runs
 *     journal.c   events and segments       row.c      a job's row
 *     recover.c   after a restart           watch.c    who wants to know
 *     view.c      a job as a map            graph.c    its tasks
 *     stats.c     numbers                   idle.c     sealing, collection
 *
 * True of every job:
 *  1. The node's thread changes it, holding `lock`; so that thread reads it
 *     without, others with it. Nobody holds the lock while he calls anybody.
 *  2. Its batches become durable in the order they were sent. What its journal
 *     says is in the store or in `pages`, or in both.
 *  3. That it is over is public (facts.state) once it is durable.
 *  4. It stays in memory while a batch of it is under way. */
#ifndef IPVM_NODE_STATE_H
#define IPVM_NODE_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "node/node.h"
#include "node/ranking.h"
#include "run/run.h"

/* --- A job --------------------------------------------------------------- */

struct job_cost {
    uint64_t run_ns, cpu_ns, fuel, memory, stored, saved_ns;
};

/* What its row says, and what others are told of it. Texts are owned by the
 * job, or in the arena it was read into. */
struct job_facts {
    Hash id, workflow, container, outcome, segment;
    const Did *subject, *share;       /* whose it is; whose share it takes */
    Text name, quota, message, trace; /* or empty */
    int64_t submitted_ms, started_ms, ended_ms, not_before_ms, deadline_ms;
    int64_t wake_ms;       /* queued: not started before that */
    uint64_t ran_ms;       /* of earlier activations, for limits.time */
    uint64_t last_seq;     /* of events */
    uint64_t segment_last; /* events up to that are in segments */
    struct limits limits;
    struct retry retry;
    struct schedule_counts counts;
    struct job_cost cost;
    JobState state;
    int32_t priority;
    uint32_t attempt; /* 1, 2, … */
    uint32_t retries; /* by its policy, since somebody asked */
    bool has_outcome, has_segment, has_from;
};

/* Events that are not known to be durable. Each: length (4), number (8), both
 * little-endian, DAG-CBOR; as in a row of the journal. */
struct event_page {
    struct event_page *next;
    uint64_t first;
    uint32_t batch; /* in which it went to the store; 0: not yet */
    struct buffer bytes;
};

struct active;

struct subject {
    Did did;
    bool is_owner;
    uint32_t uses; /* by jobs */
    uint32_t weight;
    uint32_t open, active; /* jobs that take its share */
    struct lane *lane;     /* NULL: not needed yet */
    struct heap queued;    /* its jobs that may start */
    struct ranked turn;    /* among subjects who have some: by turns taken */
};

struct job {
    struct job_facts facts;
    struct subject *owner; /* whose it is */
    struct subject *share; /* whose share of the node it takes */
    struct event_page *pages, *last_page;
    uint64_t hidden_after; /* events behind it are not public yet */
    bool is_durable;       /* it was acknowledged, or may be: it is public */
    uint32_t batches_sent, batches_done;
    bool has_gap;     /* one of them was lost: those behind it do not count */
    bool is_undone;   /* nor does its end, though its row may say so */
    uint32_t words;   /* about it, on their way to the node's thread */
    JobState state;   /* as facts.state, but over as soon as it is */
    bool is_dropped;  /* it was never durable: forget it */
    uint8_t troubles; /* batches that were lost, one after another */
    bool is_lost;     /* so was a batch: it is what the store says */
    bool is_dirty;    /* somebody is to be told */
    uint32_t tail;    /* bytes of events behind segment_last */
    struct job *next_dirty, *next_lost;
    struct active *active;
    struct submission
        *submission;     /* owned; kept while it is queued, or NULL */
    uint32_t kept_tasks; /* what that counts */
    struct ranked timer; /* by the wall's clock */
    struct ranked turn;  /* in its subject's queue */
};

/* --- The run of a job ---------------------------------------------------- */

typedef enum {
    ACTIVE_GOES,
    ACTIVE_SUSPENDS, /* facts.state says what it will be */
    ACTIVE_CANCELS,  /* somebody asked */
    ACTIVE_FAILS,    /* a limit of the job: `why` */
    ACTIVE_DROPS     /* what it wrote was lost: nothing of it counts */
} ActiveMode;

struct told {
    struct told *next;
    NodeTold *call;
    void *context;
};

struct active_task {
    uint64_t ready_ns, started_ns;
    bool is_paid;  /* quota_begin() said yes */
    bool is_ahead; /* it may, and is not over */
    bool is_over;  /* and that was told */
};

enum { AHEAD_MAX = 64 /* tasks of others' jobs */ };

struct active {
    struct node *node;
    struct job *job;
    struct workflow *workflow;     /* owned */
    struct authorised *authorised; /* owned; NULL: the owner's */
    struct run *run;               /* owned */
    struct active *next;           /* among those that have something to do */
    struct active *next_fading;
    bool is_runnable;
    bool is_sending;          /* its journal goes with the batch */
    bool has_paid;            /* of a quota, not written yet */
    bool is_ending, is_final; /* it is the last batch; of the job */
    ActiveMode mode;
    const char *why;
    struct told *tolds;  /* who asked to cancel it; owned */
    Did by;              /* the first of them */
    struct ranked timer; /* by the monotonic clock */
    uint64_t start_ns, step_ns, flush_ns, limit_ns; /* 0: none */
    uint64_t fuel_max;                              /* of one task; 0: none */
    bool *fresh;                                    /* owned, or NULL */
    struct active_task *tasks;                      /* owned */
    uint32_t *untold; /* started, not told yet; owned */
    uint32_t untold_count, untold_capacity;
    uint32_t *later; /* wait to be let through; owned */
    uint32_t later_first, later_count, later_capacity;
    uint32_t ahead[AHEAD_MAX]; /* tasks that may, and are not over */
    uint32_t ahead_count;
    uint32_t logs;
    Cid compiling;         /* the module that was told of last */
    struct parcel *parcel; /* of its end */
    Bytes outcome;         /* in `arena` */
    Cid outcome_cid;
    struct arena arena;
    uint32_t batches_sent, batches_done; /* under the node's lock */
};

/* --- Words and parcels --------------------------------------------------- */

typedef enum { WORD_SUBMIT, WORD_CONTROL, WORD_OVER, WORD_LOST } WordKind;

struct word {
    struct word *next;
    WordKind kind;
    NodeVerb verb;
    struct submission *submission;
    Hash id;
    Did by;
    struct job *job; /* OVER, LOST */
    bool is_final;   /* LOST */
    NodeTold *told;
    void *context;
    uint64_t since_ns;
};

/* What becomes durable together, and who is told then. */
struct parcel_entry {
    struct job *job;
    NodeTold *told; /* or NULL */
    void *context;
    uint64_t since_ns; /* of a submission; else 0 */
    bool is_new, is_final;
};
struct parcel {
    struct node *node;
    struct store_batch *batch; /* NULL: a run's */
    struct parcel_entry *entries;
    size_t count, capacity;
};

/* --- The node ------------------------------------------------------------ */

struct node {
    struct store *store;
    const struct secret_key *key;
    struct node_config config;
    Did did;
    struct gate *gate;
    struct quotas *quotas;
    struct executor *executor;
    struct modules *modules;
    int lock_file;

    pthread_t thread, helper;
    bool has_thread, has_helper;
    atomic_bool is_closing;
    atomic_bool is_idle; /* nothing runs */

    pthread_mutex_t mail_lock;
    struct word *mail, **mail_end; /* guarded by it */

    pthread_mutex_t lock;
    pthread_cond_t landed;
    uint64_t flights;        /* batches whose callbacks are to come */
    struct map jobs;         /* of all below: id → struct job */
    struct node_stats stats; /* with those of the executor as of late */

    pthread_mutex_t watch_lock;
    struct map watches; /* id → the first watch of a job */
    struct node_watch *watch_all;

    pthread_mutex_t helper_lock;
    pthread_cond_t helper_wake;

    /* The node's thread's own. */
    struct map subjects; /* DID → struct subject */
    struct heap waiting; /* subjects with queued jobs, by turns taken */
    int64_t turn_now;
    struct heap wall;   /* jobs, by milliseconds since 1970 */
    struct heap timers; /* actives, by clock_monotonic_ns() */
    struct active *runnable, **runnable_end;
    struct active *fading, **fading_end; /* their batches are under way */
    struct job *dirty, *lost;
    uint64_t lost_ns;      /* when those are looked at again */
    struct parcel *parcel; /* being filled, or NULL */
    uint32_t open, active;
    uint32_t kept_tasks;         /* of submissions that queued jobs keep */
    bool quota_freed, has_later; /* tasks wait for their quota */
    uint64_t later_ns;           /* when those are asked about again */
    uint64_t order;              /* counts up, for ties */
    double rate; /* jobs a second that came to their end, lately */
    uint64_t rate_ns;
    uint64_t census_ns;
    struct arena scratch;
    struct buffer bytes; /* an event or a row being written */
};

enum {
    EVENT_PAGE_BYTES = 32 << 10,
    SEGMENT_BYTES = 64 << 10,
    EVENT_HEAD = 12,
    /* How late a journal may be on the disk; later by as much for each so many
     * runs, which would write nothing but journals. */
    FLUSH_NS = 20 * 1000 * 1000,
    FLUSH_RUNS = 16,
    LOST_AGAIN_NS = 100 * 1000 * 1000,
};

/* node.c */
bool node_start_thread(pthread_t *out, void *(*run)(void *), void *argument);

/* table.c */
struct job *jobs_find(struct node *node, const Hash *id);
/* Under the lock, or on the node's thread. */
struct job *jobs_add(struct node *node, const struct job_facts *facts);
/* How many open jobs take his share. */
uint32_t jobs_open_of(const struct node *node, const Did *share);
void jobs_remove(struct node *node, struct job *job);
void jobs_free(struct node *node);
/* Sets the state, keeps the counts. */
void job_set_state(struct node *node, struct job *job, JobState state);
/* Of a job's facts. */
void job_set_text(struct node *node, Text *place, Text text);
/* Where a job stands that is queued: in its subject's queue, or asleep. */
void job_enqueue(struct node *node, struct job *job);
void job_dequeue(struct node *node, struct job *job);
/* When the wall's clock next means something to it. */
void job_set_timer(struct node *node, struct job *job);
/* Handed over, or NULL: to be restored. */
struct submission *job_take_submission(struct node *node, struct job *job);
/* The job whose turn it is, or NULL. */
struct job *jobs_next(struct node *node);
struct lane *subject_lane(struct node *node, struct subject *subject);
/* Frees it if nobody needs it any more. */
void job_let_go(struct node *node, struct job *job);

/* row.c */
void row_write(const struct job_facts *facts, struct arena *arena,
               struct buffer *out);
Status row_read(const struct job_row *row, struct arena *arena,
                struct job_facts *out, struct error *err);
void row_roots(const struct job_facts *facts, struct job_row *row);

/* journal.c */
struct event_draft {
    struct value_entry entries[24];
    size_t count;
};
static inline void event_put(struct event_draft *draft, Text key, Value value)
{
    draft->entries[draft->count++] = (struct value_entry){key, value};
}
/* Adds number, time and kind, and says it. */
void event_tell(struct node *node, struct job *job, Text kind,
                struct event_draft *draft);
void event_by(struct event_draft *draft, const Did *by);
/* As much of words from anywhere as is text and not too long: what was cut in
 * the middle of a character could not be read again. */
Text event_text(Text text);
/* Adds what is not on its way yet, and the row, to a batch of the job. */
void journal_send(struct node *node, struct job *job,
                  struct store_batch *batch);
/* The batch is durable or lost. Any thread; under the lock. */
void journal_sent(struct job *job);
void journal_free(struct node *node, struct job *job);
/* Whether there is anything that is not on its way. */
bool journal_is_waiting(struct node *node, const struct job *job,
                        size_t *bytes);

/* parcel.c */
struct parcel *parcel_new(struct node *node);
void parcel_add(struct parcel *parcel, const struct parcel_entry *entry);
/* As of store_commit_async(); frees it. */
void parcel_done(void *context, Status status, const struct error *err);
/* Each batch with a callback of ours; until the last of them has returned, the
 * node stays. */
void flight_begin(struct node *node);
void flight_over(struct node *node);
void flights_wait(struct node *node);
/* The one being filled. */
struct parcel *parcel_now(struct node *node);
void parcel_send(struct node *node);
/* An answer at once. */
void answer(NodeTold *told, void *context, const struct node_answer *what);
void answer_refused(NodeTold *told, void *context, Status status,
                    const char *words, const Hash *id);

/* intake.c */
void intake_submit(struct node *node, struct word *word);
/* STATUS_BUSY: one more is too many; come back after so long. */
Status intake_has_room(const struct node *node, const Did *share,
                       struct node_answer *answer);

/* control.c */
void control_verb(struct node *node, struct word *word);
/* From the store, if it is there and over. */
Status job_recall(struct node *node, const Hash *id, struct job **out,
                  struct error *err);

/* active.c */
void active_start(struct node *node, struct job *job);
void active_step(struct active *active);
void active_woken(void *context);
/* `why` are words that stay, for ACTIVE_FAILS; else NULL. */
void active_stop(struct active *active, ActiveMode mode, const char *why);
void active_set_timer(struct active *active);
/* It is to be flushed, if that is not decided yet. */
void active_flush_later(struct active *active);
/* Frees those whose batches are all durable. */
void actives_fade(struct node *node);

/* outcome.c */
/* What came of its outputs goes into the batch, and its CID into the row. */
void outcome_of_run(struct active *active, struct store_batch *batch);
struct root;
struct root_answer;
/* The same where the memo answers all; true if it succeeded. */
bool outcome_of_root(struct node *node, struct job *job,
                     const struct root *root,
                     const struct root_answer *answers,
                     struct store_batch *batch);
/* A map {label: {…}}. */
Status outcome_read(struct store *store, const Hash *outcome,
                    struct arena *arena, Value *out, struct error *err);

/* told.c: options of a run */
RunEvent told_event;
RunAuthorise told_authorise;
RunSends told_sends;
StoreDone told_kept;
void told_untold(struct active *active);
/* What came out after it was suspended, which the run tells nobody any more. */
void told_rest(struct active *active);
/* Gives back what was not used of its quota. */
void told_unpaid(struct active *active);
/* The same of tasks that nobody wants any more, which are told of to nobody.
 * True if there were any. */
bool told_unwanted(struct active *active);
/* Asks again for those who wait for their quota. */
void told_later(struct active *active);

/* finish.c: a job's end */
/* `message` and `by` may be NULL. Tells it; nothing is sent yet. */
void finish_job(struct node *node, struct job *job, JobState state,
                const char *message, const Did *by);
struct finish_told {
    NodeTold *call;
    void *context;
    const Did *by;
    uint64_t since_ns;
    bool is_new;
};
/* One that has no run: with the parcel being filled. `told` may be NULL. */
void finish_now(struct node *node, struct job *job, JobState state,
                const char *message, const struct finish_told *told);
/* True if it is queued again, by its policy. */
bool finish_retries(struct node *node, struct job *job, const char *message);

/* loop.c */
void *loop_thread(void *context);
void loop_post(struct node *node, struct word *word);
void loop_make_runnable(struct node *node, struct active *active);

/* recover.c */
/* A batch of it was lost: it becomes what the store says, once it is quiet. */
void recover_lost(struct node *node, struct job *job);
void recover_all_lost(struct node *node);
Status recover_jobs(struct node *node, struct error *err);

/* watch.c */
void watch_tell(struct node *node, const Hash *id, bool is_state);
void watch_tell_dirty(struct node *node);
void watch_dirty(struct node *node, struct job *job);

/* view.c */
/* The facts of a job, wherever they are, in `arena`. */
Status view_facts(struct node *node, const Hash *id, struct arena *arena,
                  struct job_facts *out, struct error *err);

/* stats.c */
void latency_add(struct node_latency *latency, uint64_t ns);
void stats_census(struct node *node);

/* idle.c */
void idle_start(struct node *node);
void idle_stop(struct node *node);

#endif
