/* SPDX-License-Identifier: Apache-2.0 */
/* want.c - which tasks are needed, and what follows when one is over.
 *
 * A task is needed while it is wanted itself or a WAITING task awaits it.
 * Nothing is done about a task that is needed no more but to put it in the
 * urgent queue: if it is still not needed when its turn comes, it is pruned.
 */
#include "schedule/state.h"

#include "base/arena.h"

void *grown(void *list, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    ASSERT(*capacity < UINT32_MAX / 2);
    *capacity = *capacity ? *capacity * 2 : 64;
    return heap_resize(list, *capacity, size);
}

uint64_t task_weight(const struct schedule_task *task)
{
    return task->weight ? task->weight : 1;
}

uint64_t path_add(uint64_t path, uint64_t weight)
{
    uint64_t sum;
    return __builtin_add_overflow(path, weight, &sum) ? UINT64_MAX : sum;
}

// --- Phases and queues ------------------------------------------------------

void node_enter(struct schedule *s, uint32_t task, Phase phase)
{
    struct node *node = &s->nodes[task];
    s->in_phase[node->phase]--;
    node->phase = (uint8_t)phase;
    s->in_phase[phase]++;
}

void queue_add(struct schedule *s, struct queue *queue, uint32_t task)
{
    struct node *node = &s->nodes[task];
    if (node->flags & NODE_QUEUED)
        return;
    node->flags |= NODE_QUEUED;
    node->queue_next = 0;
    if (queue->last)
        s->nodes[queue->last - 1].queue_next = task + 1;
    else
        queue->first = task + 1;
    queue->last = task + 1;
}

uint32_t queue_take(struct schedule *s, struct queue *queue)
{
    if (!queue->first)
        return NO_TASK;
    uint32_t task = queue->first - 1;
    struct node *node = &s->nodes[task];
    queue->first = node->queue_next;
    if (!queue->first)
        queue->last = 0;
    node->flags &= (uint8_t)~NODE_QUEUED;
    return task;
}

void task_want(struct schedule *s, uint32_t task)
{
    if (s->nodes[task].phase != PHASE_UNASKED)
        return;
    node_enter(s, task, PHASE_ASK);
    queue_add(s, &s->urgent, task);
}

// --- Waiting ----------------------------------------------------------------

// Where the trouble of `task`, which is over, began.
static uint32_t origin(const struct schedule *s, uint32_t task)
{
    const struct node *node = &s->nodes[task];
    switch ((TaskBy)node->by) {
    case BY_UPSTREAM:
        // An error was awaited, and there was none: it begins here.
        if (s->nodes[node->cause].out == OUT_OK)
            return task;
        return node->cause;
    case BY_BLOCKING:
    case BY_BARRIER:
        return node->cause == NO_TASK ? task : node->cause;
    case BY_NOTHING:
    case BY_SYMBOLIC:
    case BY_CONCRETE:
    case BY_RUNNING:
    case BY_MERGING:
        break;
    }
    return task;
}

// How an await came out; false if that is not known yet.
static bool await_out(const struct schedule *s, const struct await *await,
                      ScheduleOut *out)
{
    if (await->task == TASK_OUTSIDE) {
        if (!s->options.outside)
            return false;
        *out = s->options.outside(s->context, await);
        return true;
    }
    const struct node *node = &s->nodes[await->task];
    *out = (ScheduleOut)node->out;
    return node->phase == PHASE_DONE;
}

static void finish_blocked(struct schedule *s, uint32_t index,
                           const struct schedule_task *task)
{
    for (uint32_t i = 0; i < task->await_count; i++) {
        const struct await *await = &task->awaits[i];
        ScheduleOut out;
        if (!await_out(s, await, &out) || out != OUT_END)
            continue;
        const uint32_t cause = await->task == TASK_OUTSIDE
                                   ? TASK_OUTSIDE
                                   : origin(s, await->task);
        task_finish(s, index, OUT_END, END_BLOCKED, BY_BLOCKING, cause);
        return;
    }
    const bool found = false; // One of them ended, or it were not blocked.
    ASSERT(found);
}

// All awaits are known and none mismatched.
static void all_known(struct schedule *s, uint32_t index,
                      const struct schedule_task *task)
{
    if (s->nodes[index].flags & NODE_ENDED) {
        finish_blocked(s, index, task);
        return;
    }
    node_enter(s, index, PHASE_RESOLVE);
    queue_add(s, &s->later, index);
}

static void mark_ended(struct schedule *s, struct node *node)
{
    if (node->flags & NODE_ENDED)
        return;
    node->flags |= NODE_ENDED;
    s->doomed++;
}

static void make_edges(struct schedule *s, uint32_t index,
                       const struct schedule_task *task)
{
    if (s->nodes[index].edges || task->await_count == 0)
        return;
    if (s->edge_count == 0)
        s->edge_count = 1; // 0 is none.
    ASSERT(task->await_count < UINT32_MAX - s->edge_count);
    const uint32_t end = s->edge_count + task->await_count;
    while (s->edge_capacity < end)
        s->edges = grown(s->edges, s->edge_capacity, &s->edge_capacity,
                         sizeof *s->edges);
    for (uint32_t i = 0; i < task->await_count; i++)
        s->edges[s->edge_count + i] =
            (struct edge){.awaiter = index & (TASKS_MAX - 1),
                          .branch = (uint32_t)task->awaits[i].branch & 3};
    s->nodes[index].edges = s->edge_count;
    s->edge_count = end;
}

static void await_one(struct schedule *s, uint32_t index, uint32_t edge_index,
                      uint32_t awaited, uint64_t path)
{
    struct node *node = &s->nodes[awaited];
    struct edge *edge = &s->edges[edge_index];
    // Still linked if this task waited before and was pruned.
    if (!edge->linked) {
        edge->linked = 1;
        edge->next = node->awaiters;
        node->awaiters = edge_index;
    }
    node->demand++;
    s->nodes[index].pending++;
    if (node->path < path)
        node->path = path;
    task_want(s, awaited);
}

void task_expand(struct schedule *s, uint32_t index)
{
    struct schedule_task task = task_of(s, index);
    struct node *node = &s->nodes[index];
    bool ended = false;
    for (uint32_t i = 0; i < task.await_count; i++) {
        const struct await *await = &task.awaits[i];
        ScheduleOut out;
        if (!await_out(s, await, &out))
            continue;
        if (branch_mismatches(await->branch, out)) {
            task_finish(s, index, OUT_UPSTREAM, END_NONE, BY_UPSTREAM,
                        await->task == TASK_OUTSIDE ? index
                                                    : origin(s, await->task));
            return;
        }
        ended |= out == OUT_END;
    }
    node_enter(s, index, PHASE_WAITING);
    node->pending = 0;
    if (ended)
        mark_ended(s, node);
    make_edges(s, index, &task);
    const uint64_t path = path_add(node->path, task_weight(&task));
    for (uint32_t i = 0; i < task.await_count; i++) {
        const uint32_t awaited = task.awaits[i].task;
        if (awaited == TASK_OUTSIDE)
            continue;
        // One that is over, but not settled, may have an edge from before.
        if (s->nodes[awaited].phase == PHASE_DONE)
            s->edges[node->edges + i].linked = 0;
        else
            await_one(s, index, node->edges + i, awaited, path);
    }
    if (node->pending == 0)
        all_known(s, index, &task);
}

// A task stops WAITING before its awaits are all known.
static void release_awaits(struct schedule *s, uint32_t index)
{
    const struct node *node = &s->nodes[index];
    const struct schedule_task task = task_of(s, index);
    for (uint32_t i = 0; i < task.await_count; i++) {
        if (!s->edges[node->edges + i].linked)
            continue;
        const uint32_t awaited = task.awaits[i].task;
        struct node *other = &s->nodes[awaited];
        other->demand--;
        if (!node_is_wanted(other))
            queue_add(s, &s->urgent, awaited);
    }
}

static void leave_waiting(struct schedule *s, uint32_t index)
{
    struct node *node = &s->nodes[index];
    if (node->flags & NODE_ENDED) {
        node->flags &= (uint8_t)~NODE_ENDED;
        s->doomed--;
    }
    if (node->pending)
        release_awaits(s, index);
}

// --- Over -------------------------------------------------------------------

void task_finish(struct schedule *s, uint32_t task, ScheduleOut out, End end,
                 TaskBy by, uint32_t cause)
{
    struct node *node = &s->nodes[task];
    ASSERT(node->phase != PHASE_DONE && node->phase != PHASE_UNASKED);
    ASSERT((out == OUT_END) == (end != END_NONE));
    if (node->phase == PHASE_WAITING)
        leave_waiting(s, task);
    node->out = (uint8_t)out;
    node->end = (uint8_t)end;
    node->by = (uint8_t)by;
    node->cause = cause;
    node_enter(s, task, PHASE_DONE);
    s->hits += by == BY_SYMBOLIC || by == BY_CONCRETE;
    s->failed += out != OUT_OK;
    if ((node->flags & NODE_ROOT) && out != OUT_OK && s->roots_failed++ == 0)
        s->culprit = origin(s, task);
    queue_add(s, &s->urgent, task);
}

// Tells one awaiter how what it awaits came out.
static void tell(struct schedule *s, uint32_t awaiter, Branch branch,
                 uint32_t awaited)
{
    struct node *node = &s->nodes[awaiter];
    if (node->phase != PHASE_WAITING)
        return;
    const ScheduleOut out = (ScheduleOut)s->nodes[awaited].out;
    node->pending--;
    if (branch_mismatches(branch, out)) {
        task_finish(s, awaiter, OUT_UPSTREAM, END_NONE, BY_UPSTREAM,
                    origin(s, awaited));
        return;
    }
    if (out == OUT_END)
        mark_ended(s, node);
    if (node->pending > 0)
        return;
    const struct schedule_task task = task_of(s, awaiter);
    all_known(s, awaiter, &task);
}

void task_settle(struct schedule *s, uint32_t task)
{
    struct node *node = &s->nodes[task];
    uint32_t index = node->awaiters;
    node->awaiters = 0;
    while (index) {
        struct edge *edge = &s->edges[index];
        index = edge->next;
        if (!edge->linked)
            continue;
        edge->linked = 0;
        tell(s, edge->awaiter, (Branch)edge->branch, task);
    }
}

void task_prune(struct schedule *s, uint32_t task)
{
    struct node *node = &s->nodes[task];
    switch ((Phase)node->phase) {
    case PHASE_WAITING:
        leave_waiting(s, task);
        break;
    case PHASE_AUTHORISE:
    case PHASE_JOIN:
        flight_give_up(s, task);
        break;
    case PHASE_FLYING: {
        const uint32_t flight = node->flight;
        flight_leave(s, task);
        if (s->flights[flight].member_count == 0)
            flight_stop(s, flight, END_CANCELLED);
        break;
    }
    case PHASE_ASKED: // The answer decides.
    case PHASE_RESOLVING:
    case PHASE_AUTHORISING:
    case PHASE_UNASKED:
    case PHASE_GATE:
    case PHASE_DONE:
        return;
    case PHASE_ASK:
    case PHASE_RESOLVE:
        break;
    }
    node_enter(s, task, PHASE_UNASKED);
}
