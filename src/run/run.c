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
};

/* --- Looking up ---------------------------------------------------------- */

static void do_lookup(struct run *run, uint32_t task)
{
    const struct task *what = &run->workflow->tasks[task];
    struct error err;
    Hash concrete;
    bool upstream = false;
    ScheduleOut out = OUT_OK;
    run_settle(run);
    bool hit = memo_get_symbolic(run->store, &what->symbolic, &concrete,
                                 &upstream, &err) == STATUS_OK;
    if (hit && upstream) {
        run_keep_upstream(run, task);
        out = OUT_UPSTREAM;
    } else if (hit) {
        hit = run_memo_hit(run, task, &concrete, (Bytes){NULL, 0}, &out);
    }
    schedule_looked_up(run->schedule, task, hit, out);
}

/* --- Making a task concrete ---------------------------------------------- */

/* The result of a computation outside the workflow, as the memo has it. */
static Status outside_result(struct run *run, const struct await *await,
                             Hash *out, struct error *err)
{
    struct memo_entry entry;
    Hash concrete;
    bool upstream;
    TRY(memo_get_symbolic(run->store, await->symbolic, &concrete, &upstream,
                          err));
    if (upstream) {
        run_keep_upstream(run, run->scratch_task);
        *out = run->tasks[run->scratch_task].result;
        return STATUS_OK;
    }
    TRY(memo_get(run->store, &concrete, &entry, err));
    if (!cid_sha256(&entry.result, CODEC_DAG_CBOR, out))
        return fail(err, STATUS_CORRUPT, "a memo entry has no result");
    return STATUS_OK;
}

/* What task->awaits[index] came out as, read from the store. */
static Status load_awaited(struct run *run, const struct await *await,
                           struct awaited *out, struct error *err)
{
    struct result result;
    Hash hash;
    if (await->task != TASK_OUTSIDE) {
        ASSERT(run->tasks[await->task].has_result);
        hash = run->tasks[await->task].result;
    } else {
        TRY(outside_result(run, await, &hash, err));
    }
    Status status = run_load_result(run, &hash, &run->arena, &result, err);
    if ((status == STATUS_NOT_FOUND || status == STATUS_CORRUPT) &&
        !run->options.no_heal && run_heal_result(run, &hash) == STATUS_OK)
        status = run_load_result(run, &hash, &run->arena, &result, err);
    TRY(status);
    Value *whole = ARENA_NEW(&run->arena, Value);
    *whole = result.value;
    *out = (struct awaited){.is_ok = result.is_ok, .result = whole};
    return STATUS_OK;
}

/* STATUS_NOT_FOUND: a branch mismatched, and nothing else. */
static Status resolve(struct run *run, uint32_t task, Bytes *block, Hash *hash,
                      struct error *err)
{
    const struct task *what = &run->workflow->tasks[task];
    struct awaited *awaited =
        arena_array(&run->arena, what->await_count, sizeof *awaited);
    for (uint32_t index = 0; index < what->await_count; index++) {
        Status status =
            load_awaited(run, &what->awaits[index], &awaited[index], err);
        // A result that was here and is gone is no mismatch.
        if (status == STATUS_NOT_FOUND)
            return fail(err, STATUS_CORRUPT,
                        "a result that it awaits is not in the store any "
                        "more");
        TRY(status);
    }
    struct block_sink sink = run_sink(run);
    return computation_resolve(what, awaited, &sink, &run->arena, block, hash,
                               err);
}

static End end_of_status(Status status)
{
    switch (status) {
    case STATUS_LIMIT:
    case STATUS_INVALID:
        return END_REFUSED_ARGUMENT;
    case STATUS_UNSUPPORTED:
        return END_REFUSED_PROFILE;
    case STATUS_NOT_FOUND:
    case STATUS_CORRUPT:
        return END_UNAVAILABLE;
    case STATUS_OK:
    case STATUS_IO:
    case STATUS_FULL:
    case STATUS_BUSY:
    case STATUS_DENIED:
    case STATUS_CANCELLED:
    case STATUS_HOST:
        break;
    }
    return END_HOST;
}

/* What is asked of somebody else is answered by the memo or refused here, and
 * not with the equal tasks that it would fly with. */
static bool is_refused(struct run *run, uint32_t task)
{
    const struct task *what = &run->workflow->tasks[task];
    char message[RUN_MESSAGE_MAX];
    if (what->class != CLASS_PURE || what->sub.len == 0)
        return false;
    snprintf(message, sizeof message,
             "it asks %.*s to perform it, and that is not here",
             TEXT_ARG(what->sub));
    run_keep_message(run, task, message);
    schedule_resolved(run->schedule, task, &(Hash){0}, false, OUT_END,
                      END_REFUSED_COMMAND);
    return true;
}

static void do_resolve(struct run *run, uint32_t task)
{
    struct run_task *state = &run->tasks[task];
    struct error err = {0};
    Bytes block = {NULL, 0};
    Hash concrete;
    ScheduleOut out = OUT_OK;

    arena_reset(&run->arena);
    run_settle(run);
    Status status = resolve(run, task, &block, &concrete, &err);
    if (status == STATUS_NOT_FOUND) { // A promise from outside mismatched.
        run_keep_upstream(run, task);
        run_record_symbolic(run, task);
        schedule_resolved(run->schedule, task, &(Hash){0}, true, OUT_UPSTREAM,
                          END_NONE);
        return;
    }
    if (status != STATUS_OK) {
        run_keep_message(run, task, err.message);
        schedule_resolved(run->schedule, task, &(Hash){0}, false, OUT_END,
                          end_of_status(status));
        return;
    }
    state->concrete = concrete;
    state->has_concrete = true;
    run_keep_block(run, &concrete, block);
    bool is_pure = run->workflow->tasks[task].class == CLASS_PURE;
    bool hit = is_pure && !run->options.no_memo &&
               run_memo_hit(run, task, &concrete, block, &out);
    if (!hit && is_refused(run, task))
        return;
    if (hit)
        run_record_symbolic(run, task);
    else if (is_pure)
        run_hold_block(run, task, block);
    schedule_resolved(run->schedule, task, &concrete, hit, out, END_NONE);
}

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

/* Waits for something to happen. */
static void wait_for_news(struct run *run, uint64_t until_ms)
{
    uint64_t now = now_ms(run);
    int timeout = 100; // The longest an interrupt goes unseen.
    if (until_ms != 0 && until_ms < now + 100)
        timeout = until_ms > now ? (int)(until_ms - now) : 0;
    if (run->options.tick_ms && (uint32_t)timeout > run->options.tick_ms)
        timeout = (int)run->options.tick_ms;
    run_settle(run); // While we wait, what we have becomes durable.
    executor_poll(run->executor, timeout);
    run_renew_leases(run);
    if (run->options.tick_ms)
        run_tell(run, RUN_TICK, TASK_OUTSIDE);
}

static void carry_out(struct run *run, const struct schedule_action *action)
{
    switch (action->verb) {
    case DO_LOOKUP:
        do_lookup(run, action->task);
        break;
    case DO_RESOLVE:
        do_resolve(run, action->task);
        break;
    case DO_AUTHORISE: // The owner of the store may run anything in it.
        schedule_authorised(run->schedule, action->task, true);
        break;
    case DO_RUN:
        run_start(run, action->task, &action->limits);
        break;
    case DO_STOP:
        run_stop(run, action->task, action->end);
        break;
    case DO_FINISHED:
        finished(run, action->task);
        break;
    case DO_NOTHING:
        wait_for_news(run, action->until_ms);
        break;
    case DO_DONE:
        break;
    }
}

static void loop(struct run *run)
{
    struct schedule_action action;
    bool cancelled = false;
    unsigned since_poll = 0;
    do {
        if (!cancelled && executor_interrupted(run->executor)) {
            cancelled = true;
            schedule_cancel(run->schedule);
        }
        if (run->lacking > 0)
            run_heal_calls(run);
        schedule_next(run->schedule, now_ms(run), &action);
        carry_out(run, &action);
        // Hand results over and serve blocks though there is other work.
        if (run->open_runs > 0 && ++since_poll >= 64) {
            since_poll = 0;
            run_settle(run);
            executor_poll(run->executor, 0);
        }
    } while (action.verb != DO_DONE);
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
        .memory_total = limits->memory_total,
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

static void tell_dropped_logs(const struct run *run)
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

Status run_workflow(struct executor *executor, struct modules *modules,
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
    IGNORE(store_hold(run->store, &workflow->cid, NULL));
    executor_on_log(executor, run_on_log, run);
    loop(run);
    executor_on_log(executor, NULL, NULL);
    tell_dropped_logs(run);
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
        .message = message_of(run, task),
    };
    schedule_state(run->schedule, task, &out->state);
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
