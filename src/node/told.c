/* SPDX-License-Identifier: Apache-2.0 */
/* told.c - what a run says while it goes: events for the journal, what it cost,
 * and whether a task may run. On the node's thread, but told_kept(). */
#include <stdlib.h>

#include "base/clock.h"
#include "node/state.h"

/* --- Small things -------------------------------------------------------- */

static Text label_of(const struct active *active, uint32_t task)
{
    return active->workflow->tasks[task].label;
}

static void put_task(struct event_draft *draft, const struct active *active,
                     uint32_t task)
{
    if (task == TASK_OUTSIDE)
        return;
    event_put(draft, TEXT("task"), value_text(label_of(active, task)));
    event_put(draft, TEXT("index"), value_uint(task));
}

static void put_number(struct event_draft *draft, Text key, uint64_t number)
{
    if (number > 0)
        event_put(draft, key, value_uint(number));
}

static void tell(struct active *active, Text kind, struct event_draft *draft)
{
    event_tell(active->node, active->job, kind, draft);
    active_flush_later(active);
}

/* --- Starting ------------------------------------------------------------ */

/* Once for all tasks that wait for the same module. */
static void compiling(struct active *active, uint32_t task)
{
    struct event_draft draft = {.count = 0};
    struct arena arena = {0};
    const Value args = task_args(&active->workflow->tasks[task], &arena);
    const Value *module = value_get(&args, TEXT("mod"));
    Cid cid = {0};
    if (module && module->kind == VALUE_LINK)
        IGNORE(cid_from_bytes(module->link, &cid, NULL));
    if (cid.len > 0 && !cid_equal(&cid, &active->compiling)) {
        active->compiling = cid;
        put_task(&draft, active, task);
        event_put(&draft, TEXT("module"), value_link(&cid));
        tell(active, TEXT("compiling"), &draft);
    }
    arena_deinit(&arena);
}

static void started(struct active *active, uint32_t task)
{
    struct node *node = active->node;
    struct active_task *mine = &active->tasks[task];
    mine->started_ns = clock_monotonic_ns();
    if (mine->ready_ns) {
        pthread_mutex_lock(&node->lock);
        latency_add(&node->stats.queue, mine->started_ns - mine->ready_ns);
        pthread_mutex_unlock(&node->lock);
    }
    if (active->untold_count == active->untold_capacity) {
        active->untold_capacity =
            active->untold_capacity ? active->untold_capacity * 2 : 8;
        active->untold = heap_resize(active->untold, active->untold_capacity,
                                     sizeof *active->untold);
    }
    active->untold[active->untold_count++] = task;
    active_flush_later(active);
}

void told_untold(struct active *active)
{
    for (uint32_t index = 0; index < active->untold_count; index++) {
        struct event_draft draft = {.count = 0};
        put_task(&draft, active, active->untold[index]);
        event_tell(active->node, active->job, TEXT("task/started"), &draft);
    }
    active->untold_count = 0;
}

/* It is over before anybody was told that it began. */
static void forget_untold(struct active *active, uint32_t task)
{
    for (uint32_t index = active->untold_count; index-- > 0;)
        if (active->untold[index] == task) {
            active->untold[index] = active->untold[--active->untold_count];
            return;
        }
}

/* --- Over ---------------------------------------------------------------- */

static Text by_name(TaskBy by)
{
    switch (by) {
    case BY_SYMBOLIC:
    case BY_CONCRETE:
        return TEXT("memo");
    case BY_RUNNING:
        return TEXT("run");
    case BY_MERGING:
        return TEXT("merge");
    case BY_UPSTREAM:
        return TEXT("upstream");
    case BY_NOTHING:
    case BY_BLOCKING:
    case BY_BARRIER:
        break;
    }
    return TEXT("nothing");
}

static bool is_hit(const struct run_task_report *report)
{
    return report->state.by == BY_SYMBOLIC || report->state.by == BY_CONCRETE;
}

static void count_cost(struct active *active,
                       const struct run_task_report *report)
{
    struct node *node = active->node;
    struct node_stats *stats = &node->stats;
    struct job_facts *facts = &active->job->facts;
    const struct run_cost *cost = &report->cost;
    const bool ran = report->state.by == BY_RUNNING;
    const uint64_t stored = ran ? report->stored_bytes : 0;
    pthread_mutex_lock(&node->lock);
    run_counts(active->run, &facts->counts);
    if (ran) {
        facts->cost.run_ns += cost->wall_ns;
        facts->cost.cpu_ns += cost->cpu_ns;
        facts->cost.fuel += cost->fuel;
        facts->cost.stored += stored;
        if (cost->memory_peak > facts->cost.memory)
            facts->cost.memory = cost->memory_peak;
        stats->run_ns += cost->wall_ns;
        stats->cpu_ns += cost->cpu_ns;
        stats->fuel += cost->fuel;
        stats->stored_bytes += stored;
        latency_add(&stats->run, cost->wall_ns);
    } else if (is_hit(report)) {
        facts->cost.saved_ns += cost->wall_ns;
        stats->saved_ns += cost->wall_ns;
    }
    stats->tasks_run += ran;
    stats->tasks_hit += is_hit(report);
    stats->tasks_merged += report->state.by == BY_MERGING;
    stats->tasks_failed += report->state.out != OUT_OK;
    if (report->state.out == OUT_END)
        stats->tasks_ended[report->state.end]++;
    pthread_mutex_unlock(&node->lock);
}

/* Nobody says what a task took that was cut: the time since it began, and if
 * its fuel was gone, what it had. */
static void add_unsaid(const struct active *active, uint32_t task,
                       const struct run_task_report *report,
                       struct quota_used *used)
{
    const uint64_t started_ns = active->tasks[task].started_ns;
    const uint64_t asked = active->workflow->tasks[task].limits.fuel;
    const uint64_t most = active->fuel_max;
    if (used->time_ns == 0 && started_ns > 0)
        used->time_ns = clock_monotonic_ns() - started_ns;
    if (used->fuel == 0 && report && report->state.out == OUT_END &&
        report->state.end == END_LIMIT_FUEL)
        used->fuel = asked > 0 && (most == 0 || asked < most) ? asked : most;
}

/* Its place is another's. */
static void leave_ahead(struct active *active, uint32_t task)
{
    uint32_t place = 0;
    if (!active->tasks[task].is_ahead)
        return;
    active->tasks[task].is_ahead = false;
    while (active->ahead[place] != task)
        place++;
    active->ahead[place] = active->ahead[--active->ahead_count];
}

static void pay(struct active *active, uint32_t task,
                const struct run_task_report *report)
{
    struct node *node = active->node;
    leave_ahead(active, task);
    if (!active->tasks[task].is_paid)
        return;
    active->tasks[task].is_paid = false;
    struct quota_used used = {
        .time_ns = report ? report->cost.wall_ns : 0,
        .bytes = report ? report->stored_bytes : 0,
        .fuel = report ? report->cost.fuel : 0,
        .tasks = 1,
    };
    add_unsaid(active, task, report, &used);
    quota_end(node->quotas, active->job->facts.quota, &used, NULL);
    node->quota_freed = active->has_paid = true;
}

void told_unpaid(struct active *active)
{
    while (active->ahead_count > 0)
        pay(active, active->ahead[0], NULL);
}

bool told_unwanted(struct active *active)
{
    const uint32_t before = active->ahead_count;
    for (uint32_t place = before; place-- > 0;)
        if (!run_is_asked(active->run, active->ahead[place]))
            pay(active, active->ahead[place], NULL);
    return active->ahead_count < before;
}

static void put_cost(struct event_draft *draft, const struct active *active,
                     uint32_t task, const struct run_task_report *report)
{
    const struct active_task *mine = &active->tasks[task];
    if (report->state.by != BY_RUNNING)
        return;
    if (mine->ready_ns && mine->started_ns > mine->ready_ns)
        put_number(draft, TEXT("queued_ns"),
                   mine->started_ns - mine->ready_ns);
    put_number(draft, TEXT("run_ns"), report->cost.wall_ns);
    put_number(draft, TEXT("cpu_ns"), report->cost.cpu_ns);
    put_number(draft, TEXT("memory"), report->cost.memory_peak);
    put_number(draft, TEXT("fuel"), report->cost.fuel);
    put_number(draft, TEXT("stored"), report->stored_bytes);
    put_number(draft, TEXT("worker"), report->worker);
}

/* What was stopped because the job is suspended is done when it is resumed. */
static bool is_put_off(const struct active *active,
                       const struct schedule_task_state *state)
{
    return active->mode == ACTIVE_SUSPENDS && state->out == OUT_END &&
           (state->end == END_CANCELLED || state->end == END_BLOCKED);
}

static void finished(struct active *active, uint32_t task,
                     const struct run_task_report *report)
{
    struct event_draft draft = {.count = 0};
    const struct schedule_task_state *state = &report->state;
    Cid result, comp;
    forget_untold(active, task);
    active->tasks[task].is_over = true;
    if (is_put_off(active, state)) {
        pay(active, task, report);
        return;
    }
    put_task(&draft, active, task);
    event_put(&draft, TEXT("by"), value_text(by_name(state->by)));
    event_put(&draft, TEXT("ok"), value_bool(state->out == OUT_OK));
    if (state->out == OUT_END)
        event_put(&draft, TEXT("end"), value_text(end_name(state->end)));
    if (report->has_result) {
        cid_from_hash(CODEC_DAG_CBOR, &report->result, &result);
        event_put(&draft, TEXT("result"), value_link(&result));
    }
    if (report->has_concrete) {
        cid_from_hash(CODEC_DAG_CBOR, &report->concrete, &comp);
        event_put(&draft, TEXT("comp"), value_link(&comp));
    }
    const Text message = event_text(text_of(report->message));
    if (message.len > 0)
        event_put(&draft, TEXT("message"), value_text(message));
    put_cost(&draft, active, task, report);
    tell(active, TEXT("task/finished"), &draft);
    count_cost(active, report);
    pay(active, task, report);
    if (active->later_count > 0)
        loop_make_runnable(active->node, active);
    const struct job_facts *facts = &active->job->facts;
    if (facts->limits.fuel && facts->cost.fuel > facts->limits.fuel)
        active_stop(active, ACTIVE_FAILS,
                    "limit/fuel: the job's tasks used more fuel than they may "
                    "in total");
}

void told_rest(struct active *active)
{
    for (uint32_t task = 0; task < active->workflow->count; task++) {
        const struct active_task *mine = &active->tasks[task];
        struct run_task_report report;
        if (mine->started_ns == 0 || mine->is_over)
            continue;
        run_report(active->run, task, &report);
        if (report.state.state == TASK_DONE)
            finished(active, task, &report);
    }
}

/* --- Words --------------------------------------------------------------- */

static Text level_name(LogLevel level)
{
    static const Text names[] = {
        [LOG_TRACE] = TEXT_INIT("trace"),
        [LOG_DEBUG] = TEXT_INIT("debug"),
        [LOG_INFO] = TEXT_INIT("info"),
        [LOG_WARN] = TEXT_INIT("warn"),
        [LOG_ERROR] = TEXT_INIT("error"),
        [LOG_CRITICAL] = TEXT_INIT("critical"),
    };
    return names[level];
}

static void logged(struct active *active, const struct run_event *event)
{
    struct event_draft draft = {.count = 0};
    if (active->logs >= JOB_LOGS_MAX && event->task != TASK_OUTSIDE)
        return;
    active->logs++;
    put_task(&draft, active, event->task);
    event_put(&draft, TEXT("level"), value_text(level_name(event->level)));
    event_put(&draft, TEXT("text"), value_text(event_text(event->text)));
    put_number(&draft, TEXT("dropped"), event->dropped_logs);
    tell(active, TEXT("log"), &draft);
}

static void alarmed(struct active *active, const struct run_event *event)
{
    struct event_draft draft = {.count = 0};
    put_task(&draft, active, event->task);
    event_put(&draft, TEXT("text"), value_text(event_text(event->text)));
    tell(active, TEXT("alarm"), &draft);
    pthread_mutex_lock(&active->node->lock);
    active->node->stats.alarms++;
    pthread_mutex_unlock(&active->node->lock);
}

void told_event(void *context, const struct run *run,
                const struct run_event *event)
{
    struct active *active = context;
    (void)run;
    if (active->mode == ACTIVE_DROPS)
        return;
    switch (event->kind) {
    case RUN_TASK_STARTED:
        started(active, event->task);
        break;
    case RUN_TASK_FINISHED:
        finished(active, event->task, event->report);
        break;
    case RUN_TASK_LOG:
        logged(active, event);
        break;
    case RUN_ALARM:
        alarmed(active, event);
        break;
    case RUN_TASK_COMPILING:
        compiling(active, event->task);
        break;
    case RUN_TICK:
        break;
    }
}

/* --- Whether it may ------------------------------------------------------ */

static bool is_allowed(struct active *active, struct run *run, uint32_t task,
                       char why[RUN_MESSAGE_MAX])
{
    struct arena arena = {0};
    struct error err = {0};
    Value args;
    if (!active->authorised)
        return true;
    Status status = run_args(run, task, &arena, &args, &err);
    if (status == STATUS_OK)
        status = gate_recheck(active->node->gate, active->authorised,
                              active->workflow->tasks[task].cmd, &args, &err);
    arena_deinit(&arena);
    if (status != STATUS_OK)
        snprintf(why, RUN_MESSAGE_MAX, "%s", err.message);
    return status == STATUS_OK;
}

/* What his quota says of one more task. */
static RunMay ask_quota(struct active *active, uint32_t task,
                        char why[RUN_MESSAGE_MAX])
{
    struct error err = {0};
    const Text quota = active->job->facts.quota;
    if (quota.len == 0)
        return RUN_MAY;
    const Status status = quota_begin(active->node->quotas, quota, &err);
    if (status == STATUS_BUSY)
        return RUN_MAY_LATER;
    active->tasks[task].is_paid = status == STATUS_OK;
    if (status == STATUS_OK)
        return RUN_MAY;
    snprintf(why, RUN_MESSAGE_MAX, "%s",
             err.message[0] ? err.message
                            : "the quota of the job is not registered here");
    return RUN_MAY_NOT;
}

/* Of somebody else's job few are let through ahead of their turn: what is
 * revoked, or used up, while they wait is asked when it comes. */
static RunMay ask(struct active *active, uint32_t task,
                  char why[RUN_MESSAGE_MAX])
{
    const bool is_free =
        !active->authorised && active->job->facts.quota.len == 0;
    if (is_free)
        return RUN_MAY;
    if (active->mode == ACTIVE_CANCELS || active->mode == ACTIVE_FAILS)
        return RUN_MAY_NOT;
    // One that had to wait for an equal one is asked about again.
    const bool is_ahead = active->tasks[task].is_ahead;
    if (!is_ahead && active->ahead_count == AHEAD_MAX)
        return RUN_MAY_LATER;
    if (!is_allowed(active, active->run, task, why))
        return RUN_MAY_NOT;
    const RunMay may = is_ahead ? RUN_MAY : ask_quota(active, task, why);
    if (may == RUN_MAY && !is_ahead) {
        active->tasks[task].is_ahead = true;
        active->ahead[active->ahead_count++] = task;
    }
    return may;
}

RunMay told_authorise(void *context, const struct run *run, uint32_t task,
                      char why[RUN_MESSAGE_MAX])
{
    struct active *active = context;
    (void)run;
    active->tasks[task].ready_ns = clock_monotonic_ns();
    const RunMay may = ask(active, task, why);
    if (may != RUN_MAY_LATER)
        return may;
    if (active->later_count == active->later_capacity) {
        active->later_capacity =
            active->later_capacity ? active->later_capacity * 2 : 8;
        active->later = heap_resize(active->later, active->later_capacity,
                                    sizeof *active->later);
    }
    active->later[active->later_count++] = task;
    if (active->job->facts.quota.len > 0) // Others of it may be in the way.
        active->node->has_later = true;
    return RUN_MAY_LATER;
}

/* In their order, until one has to wait: then so have those behind it. A run
 * that is suspended ends without their answers. */
void told_later(struct active *active)
{
    const uint32_t first = active->later_first;
    if (active->mode == ACTIVE_SUSPENDS || active->mode == ACTIVE_DROPS)
        active->later_first = active->later_count;
    while (active->later_first < active->later_count) {
        const uint32_t task = active->later[active->later_first];
        char why[RUN_MESSAGE_MAX] = "";
        const RunMay may = ask(active, task, why);
        if (may == RUN_MAY_LATER)
            break;
        active->later_first++;
        run_answer(active->run, task, may == RUN_MAY, why);
    }
    if (active->later_first != first)
        loop_make_runnable(active->node, active);
    if (active->later_first == active->later_count)
        active->later_first = active->later_count = 0;
}

/* --- Its batches --------------------------------------------------------- */

void told_sends(void *context, struct store_batch *batch)
{
    struct active *active = context;
    struct node *node = active->node;
    struct job *job = active->job;
    if (!active->is_ending) {
        pthread_mutex_lock(&node->lock);
        job->batches_sent++;
        active->batches_sent++;
        node->flights++;
        pthread_mutex_unlock(&node->lock);
    }
    if (active->has_paid) // Of nobody, only to be written with these results.
        quota_end(node->quotas, TEXT(""), &(struct quota_used){0}, batch);
    active->has_paid = false;
    // Results that are far ahead of the journal are found in the memo.
    if (!active->is_ending && !active->is_sending)
        return;
    if (active->is_final)
        outcome_of_run(active, batch);
    journal_send(node, job, batch);
}

void told_kept(void *context, Status status, const struct error *err)
{
    struct active *active = context;
    struct node *node = active->node;
    struct job *job = active->job;
    (void)err;
    struct word *word = NULL;
    if (status != STATUS_OK) {
        word = HEAP_NEW(struct word);
        word->kind = WORD_LOST;
        word->job = job;
    }
    pthread_mutex_lock(&node->lock);
    job->batches_done++;
    job->has_gap |= status != STATUS_OK;
    active->batches_done++;
    journal_sent(job);
    job->words += word != NULL;
    pthread_mutex_unlock(&node->lock);
    if (word)
        loop_post(node, word);
    flight_over(node);
}
