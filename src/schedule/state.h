/* SPDX-License-Identifier: Apache-2.0 */
/* state.h - what the files of this module share: the state machine's memory.
 *
 *   nodes    one per task, all zero until it is needed (pages stay untouched)
 *   edges    one per promise of a needed task; each await keeps a list of them
 *   flights  one per concrete computation between its memo miss and its end;
 *            its members are the tasks that wait for it
 *
 * Indices, not pointers; 0 is "none" in every link, so links to tasks are
 * index + 1. Nothing recurses: what one change causes is put in a queue.
 *
 * True whenever schedule_next() returns:
 *  1. node.demand counts the edges of WAITING tasks that lead to the node.
 *  2. A pure concrete computation has at most one flight in the table.
 *  3. A FLYING task is a member of exactly one flight.
 *  4. A task whose phase may have to change stands in a queue, once.
 */
#ifndef IPVM_SCHEDULE_STATE_H
#define IPVM_SCHEDULE_STATE_H

#include "base/status.h"
#include "schedule/schedule.h"

typedef enum {
    PHASE_UNASKED,
    PHASE_ASK,         /* to be asked by symbolic CID, or to be expanded */
    PHASE_ASKED,       /* DO_LOOKUP is out */
    PHASE_WAITING,     /* for its awaits */
    PHASE_RESOLVE,     /* awaits known */
    PHASE_RESOLVING,   /* DO_RESOLVE is out */
    PHASE_AUTHORISE,   /* concrete, missed: a candidate of its flight */
    PHASE_AUTHORISING, /* DO_AUTHORISE is out */
    PHASE_JOIN,        /* may fly: alone or with an equal one */
    PHASE_GATE,        /* a command that waits for the barrier */
    PHASE_FLYING,
    PHASE_DONE
} Phase;

enum { PHASE_COUNT = PHASE_DONE + 1 };

enum {
    NODE_ROOT = 1,    /* wanted: an output or an effect */
    NODE_QUEUED = 2,  /* stands in a queue */
    NODE_IMPURE = 4,  /* is an effect or awaits one, at any depth */
    NODE_COMMAND = 8, /* is a command */
    NODE_EFFECT = 16, /* is a query or a command */
    NODE_ENDED = 32,  /* WAITING, and an await ended without a result */
    NODE_TOLD = 64,   /* DO_FINISHED was given */
};

struct node {
    uint64_t path;        /* longest weighted path from its end to an output */
    uint64_t deadline_ms; /* FLYING in a run with a time limit, or 0 */
    uint32_t edges;       /* its first edge; kept once made */
    uint32_t awaiters;    /* list of edges that lead here */
    uint32_t demand;
    uint32_t pending; /* WAITING: awaits not known yet */
    uint32_t queue_next;
    uint32_t flight;                   /* FLYING, or its run is still out */
    uint32_t member_next, member_prev; /* a ring; AUTHORISE to GATE:
                                          member_next is its flight */
    uint32_t cause;
    uint32_t attempts;
    uint8_t phase, out, end, by;
    uint8_t flags;
};

/* The promise of task `awaiter`, in the list of what it awaits. */
struct edge {
    uint32_t awaiter : 29;
    uint32_t branch : 2;
    uint32_t linked : 1;
    uint32_t next;
};

enum { TASKS_MAX = 1 << 29 };

typedef enum {
    FLIGHT_FREE,
    FLIGHT_NEW,   /* nobody may fly yet */
    FLIGHT_READY, /* in the ready heap or parked */
    FLIGHT_RUNNING,
    FLIGHT_RETRY,  /* until again_ms, then READY */
    FLIGHT_BUSY,   /* until again_ms, then AGAIN */
    FLIGHT_LANDED, /* has a result for candidates that come late */
    FLIGHT_AGAIN   /* candidates that come late are resolved again */
} FlightState;

struct flight {
    Hash concrete;
    uint32_t hash;        /* of it, for the table */
    struct limits limits; /* of the run */
    uint64_t again_ms;
    uint32_t runner;  /* task that names the run */
    uint32_t members; /* ring of tasks, oldest first; FREE: next free one */
    uint32_t member_count;
    uint32_t candidates; /* tasks from AUTHORISE to GATE */
    uint8_t state, last_out, last_end, stop_end;
    bool stop_told;
    bool listed;    /* in the table */
    bool not_begun; /* RUNNING, and nobody's time counts yet */
};

struct ready {
    uint64_t path;
    uint32_t flight;
};

struct timer {
    uint64_t at_ms;
    uint32_t id; /* a task's deadline, or a flight that is held up */
    bool is_flight;
};

struct queue {
    uint32_t first, last;
};

struct slot {
    uint32_t flight;
    uint32_t hash;
};

/* A flight too large for what is left, in order of arrival. */
struct parked {
    uint32_t flight;
    uint32_t overtaken;
};

enum { PARKED_MAX = 8, OVERTAKEN_MAX = 64 };

struct schedule {
    uint32_t count;
    void (*task)(void *context, uint32_t index, struct schedule_task *out);
    void *context;
    struct schedule_options options;
    uint64_t now_ms;

    struct node *nodes;
    struct edge *edges;
    uint32_t edge_count, edge_capacity;
    struct flight *flights;
    uint32_t flight_count, flight_capacity, flight_free;
    struct slot *slots; /* open addressing, by concrete hash */
    uint32_t slot_count, slot_capacity;
    struct ready *ready;
    uint32_t ready_count, ready_capacity;
    struct timer *timers;
    uint32_t timer_count, timer_capacity, timer_stale;
    uint32_t *stops; /* flights to be stopped, last in first out */
    uint32_t stop_count, stop_capacity;
    struct parked parked[PARKED_MAX];
    uint32_t parked_count;
    uint32_t *roots;
    uint32_t root_count, root_capacity;
    struct queue urgent; /* news, lookups, whatever costs nobody anything */
    struct queue later;  /* to be resolved and authorised */

    uint32_t in_phase[PHASE_COUNT]; /* UNASKED is not kept */
    uint32_t doomed;                /* WAITING tasks with NODE_ENDED */
    uint32_t roots_failed;
    uint32_t culprit; /* the first of those, or what it failed on */
    uint32_t running; /* flights handed out */
    uint32_t members_running;
    uint32_t hits, failed;
    uint64_t memory_used;
    bool has_effects, has_commands, gate_open, gate_shut;
    bool cancelled, ranked;
};

// Tasks that are needed and not over.
static inline uint32_t open_count(const struct schedule *s)
{
    uint32_t count = 0;
    for (uint32_t phase = PHASE_ASK; phase < PHASE_DONE; phase++)
        count += s->in_phase[phase];
    return count;
}

static inline bool node_is_wanted(const struct node *node)
{
    return node->demand > 0 || (node->flags & NODE_ROOT);
}

/* Whether a limit of `a` allows more than `b`; 0 is none. */
static inline bool limit_is_larger(uint64_t a, uint64_t b)
{
    return b != 0 && (a == 0 || a > b);
}

static inline struct schedule_task task_of(const struct schedule *s,
                                           uint32_t index)
{
    struct schedule_task task;
    s->task(s->context, index, &task);
    return task;
}

/* True if a result of `out` is not what `branch` asks for. */
static inline bool branch_mismatches(Branch branch, ScheduleOut out)
{
    return out != OUT_END && branch != BRANCH_ANY &&
           (branch == BRANCH_OK) != (out == OUT_OK);
}

/* want.c: who is needed, and what follows from a task that is over */
void node_enter(struct schedule *s, uint32_t task, Phase phase);
void queue_add(struct schedule *s, struct queue *queue, uint32_t task);
uint32_t queue_take(struct schedule *s, struct queue *queue); /* or NONE */
void task_want(struct schedule *s, uint32_t task);
void task_expand(struct schedule *s, uint32_t index);
void task_finish(struct schedule *s, uint32_t task, ScheduleOut out, End end,
                 TaskBy by, uint32_t cause);
void task_settle(struct schedule *s, uint32_t task);
void task_prune(struct schedule *s, uint32_t task);
uint64_t task_weight(const struct schedule_task *task);
uint64_t path_add(uint64_t path, uint64_t weight);

#define NO_TASK UINT32_MAX

/* flight.c: concrete computations that are to run, run, or run again */
uint32_t flight_enter(struct schedule *s, const Hash *concrete, bool pure);
void flight_give_up(struct schedule *s, uint32_t task);
void flight_rest(struct schedule *s, uint32_t flight);
void flight_join(struct schedule *s, uint32_t task);
void flight_leave(struct schedule *s, uint32_t task);
void flight_start(struct schedule *s, uint32_t flight,
                  struct schedule_action *out);
void flight_land(struct schedule *s, uint32_t flight, ScheduleOut out,
                 End end);
void flight_hold(struct schedule *s, uint32_t flight, uint64_t again_ms);
void flight_release(struct schedule *s, uint32_t flight);
void flight_stop(struct schedule *s, uint32_t flight, End end);
void flight_stop_time(struct schedule *s, uint32_t flight);
void flight_start_time(struct schedule *s, uint32_t flight);
bool flight_next_stop(struct schedule *s, struct schedule_action *out);

/* table.c: flights by concrete hash */
uint32_t table_hash(const Hash *concrete);
uint32_t table_find(const struct schedule *s, const Hash *concrete,
                    uint32_t hash); /* or 0 */
void table_add(struct schedule *s, uint32_t flight);
void table_remove(struct schedule *s, uint32_t flight);

/* ready.c: which one is handed out next */
void ready_add(struct schedule *s, uint32_t flight);
uint32_t ready_take(struct schedule *s); /* or 0 */
void ready_rank(struct schedule *s);

/* timer.c */
void timer_add(struct schedule *s, uint64_t at_ms, uint32_t id,
               bool is_flight);
/* Lets what is due happen. */
void timers_fire(struct schedule *s);
uint64_t timers_next(struct schedule *s); /* or 0 */

/* barrier.c: effects and the commands' barrier */
void root_add(struct schedule *s, uint32_t task);
void barrier_find_effects(struct schedule *s);
void barrier_mark(struct schedule *s);
/* True if it put something in a queue. */
bool barrier_check(struct schedule *s);
void barrier_pass(struct schedule *s, uint32_t task);

/* A list of `*capacity` things made large enough for one more. */
void *grown(void *list, uint32_t count, uint32_t *capacity, size_t size);

#endif
