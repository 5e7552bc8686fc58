/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - the loop: ask the scheduler what to do, do it, tell it what came.
 *
 * True of every run:
 *  1. What a task awaits can be read from the store when it is resolved: what
 *     is still in the batch is put (not yet synced) before the memo is asked,
 *     and before runners may ask for blocks.
 *  2. Batches become durable in the order of their results, so a memo entry on
 *     disk never refers to something that is not.
 *  3. run_workflow() returns only when all that it reports is durable. */
#include "run/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "run/run_internal.h"

enum {
    MESSAGES_KEPT = 4096, /* words for people, of tasks that failed */
    WAIT_MAX_MS = 100,
};

/* --- The loop ------------------------------------------------------------ */

void run_tell(struct run *run, RunEventKind kind, uint32_t task)
{
    struct run_event event = {.kind = kind, .task = task};
    struct run_task_report report;
    if (!run->options.event)
        return;
    if (kind == RUN_TASK_FINISHED) {
        run_report(run, task, &report);
        event.report = &report;
    }
    run->options.event(run->options.context, run, &event);
}

static const char *message_of(const struct run *run, uint32_t task)
{
    for (size_t index = run->message_count; index-- > 0;)
        if (run->messages[index].task == task)
            return run->messages[index].text;
    return "";
}

/* What ended by itself is stated; what was stopped, or waited in vain, is not.
 */
static void record_end(struct run *run, uint32_t task,
                       const struct schedule_task_state *state)
{
    struct run_outcome outcome = {0};
    if (state->by == BY_MERGING || state->end == END_CANCELLED ||
        state->end == END_BLOCKED)
        return;
    snprintf(outcome.message, sizeof outcome.message, "%s",
             message_of(run, task));
    run_record_pending(run, task, state->end, &outcome);
}

static void finished(struct run *run, uint32_t task)
{
    struct schedule_task_state state;
    schedule_state(run->schedule, task, &state);
    if (state.out == OUT_END)
        record_end(run, task, &state);
    if (state.by == BY_UPSTREAM && !run->tasks[task].has_result) {
        run_keep_upstream(run, task);
        run_record_symbolic(run, task);
        run_record_pending(run, task, END_NONE, NULL);
    } else if (state.by == BY_MERGING && state.out != OUT_END) {
        const struct run_task *source = &run->tasks[state.cause];
        struct run_task *mine = &run->tasks[task];
        mine->result = source->result;
        mine->has_result = true;
        mine->is_believed = source->is_believed;
        run_record_symbolic(run, task);
    }
    run_tell(run, RUN_TASK_FINISHED, task);
}

static uint64_t now_ms(const struct run *run)
{
    return (clock_monotonic_ns() - run->start_ns) / 1000000U;
}

/* Asks whoever decides, with what is known of it now. */
static void do_authorise(struct run *run, uint32_t task)
{
    char why[RUN_MESSAGE_MAX] = "";
    RunMay may = RUN_MAY;
    if (run->options.authorise)
        may = run->options.authorise(run->options.context, run, task, why);
    if (may != RUN_MAY_LATER)
        run_answer(run, task, may == RUN_MAY, why);
}

void run_answer(struct run *run, uint32_t task, bool may, const char *why)
{
    if (!may)
        run_keep_message(run, task, why);
    schedule_authorised(run->schedule, task, may);
}

/* What was decided before it was suspended is not begun any more. */
static void do_run(struct run *run, const struct schedule_action *action)
{
    enum { LATER_MS = 1000 };
    if (run->is_suspending)
        schedule_busy(run->schedule, action->task, now_ms(run) + LATER_MS);
    else
        run_start(run, action->task, &action->limits);
}

static void carry_out(struct run *run, const struct schedule_action *action)
{
    switch (action->verb) {
    case DO_LOOKUP:
        run_lookup(run, action->task);
        break;
    case DO_RESOLVE:
        run_resolve(run, action->task);
        break;
    case DO_AUTHORISE:
        do_authorise(run, action->task);
        break;
    case DO_RUN:
        do_run(run, action);
        break;
    case DO_STOP:
        run_stop(run, action->task, action->end);
        break;
    case DO_FINISHED:
        finished(run, action->task);
        break;
    case DO_NOTHING: // While we wait, what we have becomes durable.
        run_settle(run);
        run_renew_leases(run);
        break;
    case DO_DONE:
        break;
    }
}

static RunStep take_steps(struct run *run, unsigned actions_max,
                          uint64_t *until_ns)
{
    struct schedule_action action = {.verb = DO_NOTHING};
    *until_ns = 0;
    for (unsigned count = 0; count < actions_max; count++) {
        if (executor_interrupted(run->executor))
            run_cancel(run);
        if (run->lacking > 0)
            run_heal_calls(run);
        if (run->is_suspending && run->open_runs == 0)
            return RUN_OVER;
        schedule_next(run->schedule, now_ms(run), &action);
        carry_out(run, &action);
        if (action.verb == DO_DONE)
            return RUN_OVER;
        if (action.verb != DO_NOTHING)
            continue;
        // Leases are renewed though nobody wakes us.
        uint64_t until =
            clock_monotonic_ns() + (uint64_t)WAIT_MAX_MS * 1000000;
        // Times may be as long as numbers are: so late is never.
        const uint64_t last_ms = (UINT64_MAX - run->start_ns) / 1000000;
        bool has_timer = action.until_ms != 0 && action.until_ms < last_ms;
        uint64_t timer_ns =
            run->start_ns + (has_timer ? action.until_ms * 1000000 : 0);
        *until_ns = has_timer && timer_ns < until ? timer_ns : until;
        if (!has_timer && run->open_runs == 0)
            *until_ns = 0;
        return RUN_WAITS;
    }
    run_settle(run); // Others take their turn now.
    return RUN_GOES_ON;
}

RunStep run_step(struct run *run, unsigned actions_max, uint64_t *until_ns)
{
    // Not the wall's time: who waits for the disk waits for all.
    const uint64_t start_ns = clock_thread_cpu_ns();
    const RunStep step = take_steps(run, actions_max, until_ns);
    executor_charge(run->executor, run->options.lane,
                    clock_thread_cpu_ns() - start_ns);
    return step;
}

void run_cancel(struct run *run)
{
    if (!run->is_cancelled)
        schedule_cancel(run->schedule);
    run->is_cancelled = true;
}

void run_suspend(struct run *run, bool cut)
{
    run->is_suspending = true;
    // What waits for its module or its turn has not begun.
    run_cut_calls(run, cut);
}

bool run_is_suspended(const struct run *run)
{
    return run->is_suspending;
}

/* Waits for something to happen. */
static void wait_for_news(struct run *run, uint64_t until_ns)
{
    uint64_t now = clock_monotonic_ns();
    int timeout = WAIT_MAX_MS; // The longest an interrupt goes unseen.
    if (until_ns != 0 && until_ns < now + (uint64_t)timeout * 1000000)
        timeout =
            until_ns > now ? (int)((until_ns - now + 999999) / 1000000) : 0;
    if (run->options.tick_ms && (uint32_t)timeout > run->options.tick_ms)
        timeout = (int)run->options.tick_ms;
    executor_poll(run->executor, timeout);
    if (run->options.tick_ms)
        run_tell(run, RUN_TICK, TASK_OUTSIDE);
}

static void loop(struct run *run)
{
    enum { ACTIONS = 64 }; // Between two looks at what is over.
    uint64_t until_ns;
    RunStep step;
    do {
        step = run_step(run, ACTIONS, &until_ns);
        // Hand results over and serve blocks though there is other work.
        if (step == RUN_GOES_ON && run->open_runs > 0)
            executor_poll(run->executor, 0);
        else if (step == RUN_WAITS)
            wait_for_news(run, until_ns);
    } while (step != RUN_OVER);
}

/* --- Beginning and end --------------------------------------------------- */

static void describe_task(void *context, uint32_t index,
                          struct schedule_task *out)
{
    const struct run *run = context;
    const struct task *task = &run->workflow->tasks[index];
    *out = (struct schedule_task){
        .awaits = task->awaits,
        .await_count = task->await_count,
        .class = task->class,
        .limits = task->limits,
        .retry = task->retry,
    };
    // Who asks for no memory gets the default, which is all that a guest can
    // have: counted, it would let one task at a time run on most machines.
    if (out->limits.time_ms == 0)
        out->limits.time_ms = LIMIT_TIME_DEFAULT_MS;
}

/* How a computation outside the workflow came out: the memo has it, or had. */
static ScheduleOut describe_outside(void *context, const struct await *await)
{
    struct run *run = context;
    struct memo_entry entry;
    Hash concrete;
    bool upstream = false;
    if (memo_get_symbolic(run->store, await->symbolic, &concrete, &upstream,
                          NULL) != STATUS_OK)
        return OUT_END;
    if (upstream)
        return OUT_UPSTREAM;
    if (memo_get(run->store, &concrete, &entry, NULL) != STATUS_OK)
        return OUT_END;
    return run_out_of(entry.is_ok);
}

static bool is_all_pure(const struct workflow *workflow)
{
    for (uint32_t task = 0; task < workflow->count; task++)
        if (workflow->tasks[task].class != CLASS_PURE)
            return false;
    return true;
}

static struct run *run_new(struct executor *executor, struct modules *modules,
                           const struct workflow *workflow,
                           const struct run_options *options)
{
    struct run *run = HEAP_NEW(struct run);
    run->executor = executor;
    run->modules = modules;
    run->store = executor_store(executor);
    run->workflow = workflow;
    if (options)
        run->options = *options;
    run->scratch_task = workflow->count;
    // calloc() of much memory is untouched pages: tasks that are never asked
    // about cost nothing.
    run->tasks = heap_array((size_t)workflow->count + 1, sizeof *run->tasks);
    run->start_ns = clock_monotonic_ns();
    random_bytes(&run->owner, sizeof run->owner);
    buffer_init(&run->pending, RUN_PENDING_MAX);
    const struct executor_options *limits = executor_options(executor);
    struct schedule_options schedule_options = {
        .memory_total = run->options.memory_total ? run->options.memory_total
                                                  : limits->memory_total,
        .running_max = executor_capacity(executor),
        .ask_nothing = run->options.no_memo,
        .jitter_seed = run->owner,
        .all_pure = is_all_pure(workflow),
        .outside = describe_outside,
    };
    run->schedule =
        schedule_new(workflow->count, describe_task, run, workflow->outputs,
                     workflow->output_count, &schedule_options);
    return run;
}

void run_tell_dropped_logs(const struct run *run)
{
    char text[64];
    if (run->dropped_logs == 0 || !run->options.event)
        return;
    snprintf(text, sizeof text, "%u more lines of guests were dropped",
             run->dropped_logs);
    const struct run_event event = {
        .kind = RUN_TASK_LOG,
        .task = TASK_OUTSIDE,
        .level = LOG_WARN,
        .text = text_of(text),
        .dropped_logs = run->dropped_logs,
    };
    run->options.event(run->options.context, run, &event);
}

Status run_begin(struct executor *executor, struct modules *modules,
                 const struct workflow *workflow,
                 const struct run_options *options, struct run **out,
                 struct error *err)
{
    struct trust *trust;
    TRY(trust_open_if_any(executor_store(executor), &trust, err));
    struct run *run = run_new(executor, modules, workflow, options);
    run->trust = trust;
    // Its modules and inputs are below it: a long run keeps them. Without the
    // hold they may be missed later, which is told where it happens.
    if (!run->options.is_rooted)
        IGNORE(store_hold(run->store, &workflow->cid, NULL));
    *out = run;
    return STATUS_OK;
}

Status run_workflow(struct executor *executor, struct modules *modules,
                    const struct workflow *workflow,
                    const struct run_options *options, struct run **out,
                    struct error *err)
{
    struct run *run;
    TRY(run_begin(executor, modules, workflow, options, &run, err));
    loop(run);
    run_tell_dropped_logs(run);
    run_remember(run);
    run_batch_send(run);
    run->end_ns = clock_monotonic_ns();
    Status status = run->wrote ? store_flush(run->store, err) : STATUS_OK;
    run->end_ns = clock_monotonic_ns();
    if (status != STATUS_OK) {
        run_free(run);
        return fail_in(err, status, "the results could not be kept");
    }
    *out = run;
    return STATUS_OK;
}

void run_free(struct run *run)
{
    if (!run)
        return;
    run_drop_leases(run);
    for (uint32_t task = 0; run->held_count > 0; task++)
        block_unref(run_take_block(run, task));
    store_batch_free(run->batch);
    buffer_deinit(&run->pending);
    trust_close(run->trust);
    schedule_free(run->schedule);
    for (size_t index = 0; index < run->message_count; index++)
        free(run->messages[index].text);
    free(run->messages);
    free(run->tasks);
    free(run->open);
    arena_deinit(&run->arena);
    arena_deinit(&run->result_arena);
    free(run);
}

/* What an earlier try of the task had to say. */
static void forget_message(struct run *run, uint32_t task)
{
    struct schedule_task_state state;
    schedule_state(run->schedule, task, &state);
    if (state.attempts == 0)
        return;
    for (size_t index = 0; index < run->message_count; index++)
        if (run->messages[index].task == task)
            run->messages[index].text[0] = '\0';
}

void run_keep_message(struct run *run, uint32_t task, const char *message)
{
    if (!*message)
        forget_message(run, task);
    if (run->message_count == MESSAGES_KEPT || !*message)
        return;
    run->messages = heap_resize(run->messages, run->message_count + 1,
                                sizeof *run->messages);
    size_t len = strlen(message) + 1;
    char *copy = heap_alloc(len);
    memcpy(copy, message, len);
    run->messages[run->message_count++] = (struct run_message){task, copy};
}

/* --- What others ask ----------------------------------------------------- */

const struct workflow *run_of_workflow(const struct run *run)
{
    return run->workflow;
}

bool run_succeeded(const struct run *run)
{
    return schedule_succeeded(run->schedule);
}

void run_counts(const struct run *run, struct schedule_counts *out)
{
    schedule_counts(run->schedule, out);
}

void run_report(const struct run *run, uint32_t task,
                struct run_task_report *out)
{
    const struct run_task *state = &run->tasks[task];
    *out = (struct run_task_report){
        .has_concrete = state->has_concrete,
        .concrete = state->concrete,
        .has_result = state->has_result,
        .result = state->result,
        .cost = {.wall_ns = state->wall_ns,
                 .cpu_ns = state->cpu_ns,
                 .memory_peak = state->memory_peak,
                 .fuel = state->fuel},
        .stored_bytes = state->stored_bytes,
        .worker = state->worker,
        .message = message_of(run, task),
    };
    schedule_state(run->schedule, task, &out->state);
}

bool run_is_asked(const struct run *run, uint32_t task)
{
    struct schedule_task_state state;
    schedule_state(run->schedule, task, &state);
    return state.state != TASK_UNASKED;
}

uint64_t run_elapsed_ns(const struct run *run)
{
    return (run->end_ns ? run->end_ns : clock_monotonic_ns()) - run->start_ns;
}

uint64_t run_task_elapsed_ns(const struct run *run, uint32_t task)
{
    uint64_t since = run->tasks[task].started_ns;
    return since ? clock_monotonic_ns() - since : 0;
}

Status run_load_result(const struct run *run, const Hash *hash,
                       struct arena *arena, struct result *out,
                       struct error *err)
{
    struct block *block;
    Hash upstream;
    Cid cid;
    // A constant, which is not kept for each task that came to it.
    result_error(TEXT("upstream"), arena, out);
    if (cid_sha256(&out->cid, CODEC_DAG_CBOR, &upstream) &&
        hash_equal(&upstream, hash))
        return STATUS_OK;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    TRY(store_get(run->store, &cid, &block, err));
    Bytes copy = arena_copy_bytes(arena, block_bytes(block));
    block_unref(block);
    return result_decode(copy, arena, out, err);
}

Status run_result(const struct run *run, uint32_t task, struct arena *arena,
                  struct result *out, struct error *err)
{
    if (!run->tasks[task].has_result)
        return fail(err, STATUS_NOT_FOUND, "the task has no result");
    return run_load_result(run, &run->tasks[task].result, arena, out, err);
}
